package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// newSteeredBench is a relay at rest with calls over steered ports.
func newSteeredBench(t *testing.T, calls int) *bench {
	t.Helper()
	needSteered(t)
	return newBench(t, calls, Config{Best: media.TierSteered})
}

// TestSteeredCostsNoDescriptors: calls have hardly any, and say what they are.
func TestSteeredCostsNoDescriptors(t *testing.T) {
	needSteered(t)
	r := newRig(t, Config{Best: media.TierSteered})
	a, b := newPhone(t, ip4), newPhone(t, ip6)
	before := descriptors(t)
	for i := range 50 {
		r.open(call(media.SessionID(i), a, b))
	}
	if n := descriptors(t) - before; n > 20 { // of blocks; sockets would be 200
		t.Errorf("50 calls have %d descriptors", n)
	}
	if stats, _ := r.Stats(7); stats.Streams[0].Tier != media.TierSteered {
		t.Errorf("the tier is %v", stats.Streams[0].Tier)
	}
}

// TestSteeredQueueIsNotOfTheNextCall: what waits in the worker's socket when a call ends is never taken for that of the next one on its port, which
// begins at once.
func TestSteeredQueueIsNotOfTheNextCall(t *testing.T) {
	const waiting = inletBatch*inletCalls + 10 // more than the worker takes in a turn
	b := newSteeredBench(t, 1)
	w, s := b.relay.workers[0], b.sessions[0]
	send := func(n int) {
		b.phones[0].send(rtpPacket(8, uint16(n), uint32(n)*160, 666), &b.to[0])
	}
	for n := range waiting {
		send(n)
	}
	arrived(t, socket{fd: w.inlets[inet].fd})
	b.relay.Close(s.ID)
	if err := b.relay.Open(s); err != nil {
		t.Fatal(err)
	}
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	if stats, _ := b.relay.Stats(s.ID); stats.Streams[0].From[0].Packets != 0 {
		t.Errorf("%+v", stats.Streams[0].From[0])
	}
	if n := b.relay.Totals(); n.Late != waiting || n.Packets != 0 {
		t.Errorf("%+v", n)
	}
	send(waiting)
	arrived(t, socket{fd: w.inlets[inet].fd})
	for w.poll(uintptr(w.epoll)) {
		w.work()
	}
	if stats, _ := b.relay.Stats(s.ID); stats.Streams[0].From[0].Packets != 1 {
		t.Errorf("what came to the call: %+v", stats.Streams[0].From[0])
	}
}

// TestSteeredQueueOverflows: what finds no room in it is counted.
func TestSteeredQueueOverflows(t *testing.T) {
	b := newSteeredBench(t, 1)
	if n := b.relay.Totals().Overflown; n != 0 {
		t.Errorf("before anything came: %d", n)
	}
	sent := uint64(0)
	for ; b.relay.Totals().Overflown == 0 && sent < inletMost; sent++ {
		b.phones[0].send(rtpPacket(8, uint16(sent), uint32(sent)*160, 7), &b.to[0])
	}
	arrived(t, socket{fd: b.relay.workers[0].inlets[inet].fd})
	for w := b.relay.workers[0]; w.poll(uintptr(w.epoll)); {
		w.work()
	}
	if all := b.relay.Totals(); all.Overflown == 0 || all.Overflown+all.Packets != sent {
		t.Errorf("%d sent, %+v", sent, all)
	}
}

// TestSteeredBacklogEnds: under so much load that the worker's socket is never empty a call is not deaf for ever, nor is one for which nothing waits.
func TestSteeredBacklogEnds(t *testing.T) {
	b := newSteeredBench(t, 1)
	in := b.relay.workers[0].inlets[inet]
	if none := in.backlog(); none != 0 || !in.past(none) {
		t.Fatalf("nothing waits: %+v", none)
	}
	in.steps.Store(dealing)
	if read := in.backlog(); read != 3 {
		t.Errorf("a reading has taken all that waited: %+v", read)
	}
	in.steps.Store(over)
	b.phones[0].send(rtpPacket(8, 1, 160, 7), &b.to[0])
	arrived(t, socket{fd: in.fd})
	some := in.backlog()
	if some != 3 {
		t.Errorf("the next reading takes it: %+v", some)
	}
	in.steps.Store(inletMost / inletBatch * 3)
	if in.past(some) {
		t.Errorf("%+v is over too soon", some)
	}
	if in.steps.Store(uint64(some) + backlogMost); !in.past(some) {
		t.Errorf("%+v does not end", some)
	}
	for _, step := range []uint64{reading, dealing} {
		in.steps.Store(step)
		if during := in.backlog(); during != 6 {
			t.Errorf("%+v during step %d of a reading: what waits may not be in it", during, step)
		}
	}
	in.steps.Store(over)
}

// TestSteeredBacklogIsOver: when the worker is at rest and nothing waits, nothing is waited for that anybody was told of meanwhile. Else the first packet of a call would be taken
// for one of the call before, be it the first of the day.
func TestSteeredBacklogIsOver(t *testing.T) {
	b := newSteeredBench(t, 1)
	w := b.relay.workers[0]
	in := w.inlets[inet]
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // whose signals come in the middle of system calls
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for n := range 3000 {
		rest, last := make(chan struct{}), make(chan backlog)
		go func() {
			var most backlog
			for {
				select {
				case <-rest:
					last <- most
					return
				default:
				}
				if b := in.ask(1 << 20); b > most { // however long this machine lets the worker wait in the middle of a reading
					most = b
				}
			}
		}()
		b.phones[0].send(rtpPacket(8, uint16(n), uint32(n)*160, 7), &b.to[0])
		arrived(t, socket{fd: in.fd})
		for w.poll(uintptr(w.epoll)) {
			w.work()
		}
		close(rest)
		if most := <-last; !in.past(most) {
			t.Fatalf("after packet %d: %d, and %d, %d", n, most, in.steps.Load(), in.emptied.Load())
		}
	}
	for n := range 500000 {
		if some := in.backlog(); some != 0 {
			t.Fatalf("%d: %+v, and nothing waits", n, some)
		}
	}
}

// TestSteeredTakesNobodysPort: a port that another program has is no port of ours, and it goes on to hear what comes to it.
func TestSteeredTakesNobodysPort(t *testing.T) {
	needSteered(t)
	r := newRig(t, Config{Best: media.TierSteered})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	owner := newPhone(t, ip4)
	r.cool()
	s := assign(t, call(1, a, b))
	s.Streams[0].Side[1].Local = address(owner.rtp)
	var busy *PortError
	if err := r.Open(s); !errors.As(err, &busy) || busy.Local != address(owner.rtp) || !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("%v", err)
	}
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, address(owner.rtp), x)
	owner.wantOn(owner.rtp, address(a.rtp), x)
}

// TestSteeredServersDoNotMeet: two relays of one host, each with its ports.
func TestSteeredServersDoNotMeet(t *testing.T) {
	needSteered(t)
	var rigs [2]*rig
	var calls [2]*media.Session
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	for i := range rigs {
		rigs[i] = newRig(t, Config{Best: media.TierSteered})
		calls[i] = call(1, a, b)
		rigs[i].open(calls[i])
	}
	for seq := range uint16(5) {
		for i := range rigs {
			x := rtpPacket(8, seq, uint32(seq)*160, uint32(i))
			a.send(a.rtp, calls[i].Streams[0].Side[0].Local, x)
			b.wantOn(b.rtp, calls[i].Streams[0].Side[1].Local, x)
		}
	}
	for i, r := range rigs {
		if got := r.from(1, 0, 0); got.Packets != 5 || got.SSRC != uint32(i) {
			t.Errorf("server %d: %+v", i, got)
		}
	}
	rigs[0].Shutdown()
	x := rtpPacket(8, 9, 9*160, 1)
	a.send(a.rtp, calls[1].Streams[0].Side[0].Local, x)
	b.wantOn(b.rtp, calls[1].Streams[0].Side[1].Local, x)
}

// TestSteeredPortIsOfOneServer: a port that another server of the host steers is noticed, though no socket is bound to it.
func TestSteeredPortIsOfOneServer(t *testing.T) {
	needSteered(t)
	first, second := newRig(t, Config{Best: media.TierSteered}), newRig(t, Config{Best: media.TierSteered})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	first.open(s)
	var busy *PortError
	if err := second.Open(s); !errors.As(err, &busy) || !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("%v", err)
	}
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, s.Streams[0].Side[0].Local, x)
	b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x)
	first.Close(1)
	first.settle()
	if err := second.Open(s); err != nil {
		t.Errorf("a port that was given back: %v", err)
	}
}

// TestSteeredHeaders looks at what leaves, on the wire: DSCP, TTL, no leave to fragment, addresses, checksums.
func TestSteeredHeaders(t *testing.T) {
	needSteered(t)
	for _, ip := range []netip.Addr{ip4, ip6} {
		wire, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(wire)
		if err := unix.SetsockoptTimeval(wire, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetsockoptInt(wire, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil { // for all that others send meanwhile
			t.Fatal(err)
		}
		r := newRig(t, Config{Best: media.TierSteered})
		a, b := newPhone(t, ip), newPhone(t, ip)
		s := call(1, a, b)
		r.open(s)
		from, to := s.Streams[0].Side[1].Local, address(b.rtp)
		x := append(rtpPacket(8, 1, 160, 7), 1, 2, 3) // an odd length
		a.send(a.rtp, s.Streams[0].Side[0].Local, x)
		b.wantOn(b.rtp, from, x)
		buf := make([]byte, 65536)
		for {
			n, _, err := unix.Recvfrom(wire, buf, 0)
			if err == unix.EINTR { // by a signal of Go's own
				continue
			}
			if err != nil {
				t.Fatalf("%v: the packet is not on the wire: %v", ip, err)
			}
			p, head, ends := buf[:n], ipv4Header, 12
			if ip.Is6() {
				head, ends = ipv6Header, 8
			}
			if n < head+udpHeader || !bytes.Equal(p[head:head+4], binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from.Port()), to.Port())) {
				continue
			}
			u := bytes.Clone(p[head:])
			sum := binary.BigEndian.Uint16(u[6:])
			clear(u[6:8])
			if want := udpChecksum(p[ends:head], u); sum != want || int(binary.BigEndian.Uint16(u[4:])) != len(u) || !bytes.Equal(u[udpHeader:], x) {
				t.Errorf("%v: UDP %x, the checksum is to be %04x", ip, p[head:], want)
			}
			addresses := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
			if !bytes.Equal(p[ends:head], addresses) {
				t.Errorf("%v: addresses %x", ip, p[ends:head])
			}
			if ip.Is4() && (p[0] != 0x45 || p[1] != 184 || int(binary.BigEndian.Uint16(p[2:])) != n || p[6] != 0x40 || p[8] != 64) ||
				ip.Is6() && (binary.BigEndian.Uint32(p)&^0xfffff != 6<<28|184<<20 || // the rest labels the flow
					int(binary.BigEndian.Uint16(p[4:])) != n-ipv6Header || p[7] != 64) {
				t.Errorf("%v: header %x", ip, p[:head])
			}
			break
		}
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// TestLongPackets: what is too long for the raw socket arrives, in order with the others.
func TestLongPackets(t *testing.T) {
	for _, ip := range []netip.Addr{ip4, ip6} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip), newPhone(t, ip)
		s := call(1, a, b)
		r.open(s)
		for seq, size := range []int{100, 1232, 1233, 4000, 100, 4096} {
			x := append(rtpPacket(8, uint16(seq), uint32(seq)*160, 7), make([]byte, maxDatagram)...)[:size]
			a.send(a.rtp, s.Streams[0].Side[0].Local, x)
			got, src := make([]byte, 8192), netip.AddrPort{}
			_ = b.rtp.SetReadDeadline(time.Now().Add(patience))
			n, src, err := b.rtp.ReadFromUDPAddrPort(got)
			if err != nil || !bytes.Equal(got[:n], x) || src.Port() != s.Streams[0].Side[1].Local.Port() {
				t.Fatalf("%v: %d octets from %v, %v; want %d", ip, n, src, err, size)
			}
		}
	}
}

// TestSendErrors: what the system does not send is no packet that was relayed.
func TestSendErrors(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[1].Remote = netip.MustParseAddrPort("255.255.255.255:9") // which takes SO_BROADCAST
	s.Streams[0].Side[1].RemoteRTCP = s.Streams[0].Side[1].Remote
	r.open(s)
	for seq := range uint16(3) {
		a.send(a.rtp, s.Streams[0].Side[0].Local, rtpPacket(8, seq, uint32(seq)*160, 7))
		a.send(a.rtcp, rtcpPort(s.Streams[0].Side[0].Local), receiverReport(7))
	}
	x := rtpPacket(8, 1, 160, 8)
	b.send(b.rtp, s.Streams[0].Side[1].Local, x) // latches, so that what a sends arrives
	eventually(t, "an error for each packet", func() bool { return r.from(1, 0, 0).SendErrors >= 6 })
	if got := r.from(1, 0, 0); got.Packets != 0 || got.Bytes != 0 || got.RTCP != 0 || got.SendError != "permission denied" {
		t.Errorf("%+v", got)
	}
	r.Shutdown()
	if n := r.Totals(); n.SendErrors != 6 || n.RTCP != 0 {
		t.Errorf("%+v", n)
	}
}

// TestSendErrorsOfConversions: also packets that were coded anew are missed where they are not sent.
func TestSendErrorsOfConversions(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := translated(1, a, b, speech(pcma), speech(g722))
	s.Streams[0].Side[1].Remote = netip.MustParseAddrPort("255.255.255.255:9") // which takes SO_BROADCAST
	r.open(s)
	for n := range 3 {
		a.send(a.rtp, s.Streams[0].Side[0].Local, spoken(8, n, 160*n, make([]byte, 160)))
	}
	eventually(t, "errors", func() bool { return r.from(1, 0, 0).SendErrors == 3 })
	if got := r.from(1, 0, 0); got.SendError != "permission denied" {
		t.Errorf("%+v", got)
	}
}

const rightsEnv = "DIRECTSIP_RELAY_WITHOUT"

// TestWithoutRights: whatever right is missing, calls have sockets, and the reason names the right.
func TestWithoutRights(t *testing.T) {
	if lacks := os.Getenv(rightsEnv); lacks != "" {
		r := newRig(t, Config{Best: media.TierSteered})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		s := call(1, a, b)
		r.open(s)
		x := rtpPacket(8, 1, 160, 7)
		a.send(a.rtp, s.Streams[0].Side[0].Local, x)
		b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x)
		stats, _ := r.Close(1)
		if got := stats.Streams[0]; got.Tier != media.TierSockets || !strings.Contains(r.unsteered, "CAP_"+strings.ToUpper(lacks)) {
			t.Errorf("without %s: %v, %q", lacks, got.Tier, r.unsteered)
		}
		if lacks == "net_raw" { // which the kernel tier does not need, but what it leaves to user space would
			all := newRig(t, Config{Best: media.TierKernel})
			if best, why := all.Best(); best != media.TierKernel || !strings.Contains(why, "CAP_NET_RAW") {
				t.Errorf("without %s: the best tier is %v, %q", lacks, best, why)
			}
		}
		return
	}
	aboutSockets(t)
	needSteered(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		lack.Of(t, err)
	}
	for lacks, drop := range map[string]string{"net_raw": "-net_raw", "net_admin": "-net_admin", "bpf": "-bpf,-sys_admin"} {
		cmd := exec.Command(setpriv, "--bounding-set", drop, "--inh-caps", drop, os.Args[0], "-test.run=^TestWithoutRights$")
		cmd.Env = append(os.Environ(), rightsEnv+"="+lacks)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("without %s: %v\n%s", lacks, err, out)
		}
	}
}

// TestChecksum compares with the definition (RFC 1071), octet pair by octet pair.
func TestChecksum(t *testing.T) {
	plain := func(addresses [8]byte, datagram []byte) uint16 {
		b := append(addresses[:], 0, unix.IPPROTO_UDP)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(datagram))), datagram...)
		if len(b)%2 != 0 {
			b = append(b, 0)
		}
		sum := 0
		for ; len(b) > 0; b = b[2:] {
			sum += int(b[0])<<8 | int(b[1])
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum == 0xffff {
			return 0xffff // zero would say that there is none (RFC 768)
		}
		return ^uint16(sum)
	}
	same := func(addresses [8]byte, datagram []byte) bool {
		return udpChecksum(addresses[:], datagram) == plain(addresses, datagram)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	ones := bytes.Repeat([]byte{0xff}, 1500)
	for n := range ones {
		if !same([8]byte{}, ones[:n]) || !same([8]byte(ones), ones[:n]) || !same([8]byte{}, make([]byte, n)) {
			t.Errorf("%d octets", n)
		}
	}
}

// FuzzCited: an ICMP message is anybody's.
func FuzzCited(f *testing.F) {
	v4 := append(append([]byte{0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 3, 3, 0, 0, 0, 0, 0, 0}, 0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0,
		192, 0, 2, 1, 192, 0, 2, 2), 0x40, 0, 0x50, 0, 0, 8, 0, 0)
	v6 := append(append([]byte{1, 4, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 8, 17, 64}, make([]byte, 32)...), 0x40, 0, 0x50, 0, 0, 8, 0, 0)
	if local, errno := cited(inet, v4); errno != unix.ECONNREFUSED || local != netip.MustParseAddrPort("192.0.2.1:16384") {
		f.Fatal(local, errno)
	}
	if local, errno := cited(inet6, v6); errno != unix.ECONNREFUSED || local != netip.MustParseAddrPort("[::]:16384") {
		f.Fatal(local, errno)
	}
	f.Add(false, v4)
	f.Add(true, v6)
	f.Fuzz(func(t *testing.T, six bool, b []byte) {
		family := inet
		if six {
			family = inet6
		}
		if local, errno := cited(family, b); errno != 0 && !local.IsValid() {
			t.Errorf("%v of %x", errno, b)
		}
	})
}

// TestSteeredNoticesWhoHasPorts: a socket that another program binds, to our address or to all, is noticed, and a call gets its port only when it is gone.
// One that takes the port of a running call is told of once.
func TestSteeredNoticesWhoHasPorts(t *testing.T) {
	needSteered(t)
	r := newRig(t, Config{Best: media.TierSteered, SweepInterval: time.Hour})
	var log bytes.Buffer
	r.steered.logger = slog.New(slog.NewTextHandler(&log, nil))
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Call = "ours-7"
	r.open(s)
	wanted := s.Streams[0].Side[1].Local
	r.Close(1)
	for _, at := range []string{"127.0.0.1", "0.0.0.0", "::"} {
		other, err := net.ListenPacket("udp", net.JoinHostPort(at, strconv.Itoa(int(wanted.Port()))))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		r.tidy(r.now())
		var port *PortError
		if err := r.Open(s); !errors.As(err, &port) || port.Local != wanted || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("while somebody listens at %s: %v", at, err)
			r.Close(1)
		}
		_ = other.Close()
		r.tidy(r.now())
		if err := r.Open(s); err != nil {
			t.Errorf("after somebody has listened at %s: %v", at, err)
		}
		r.Close(1)
	}
	if log.Len() > 0 {
		t.Errorf("no call had a port of others: %s", &log)
	}
	if err := r.Open(s); err != nil {
		t.Fatal(err)
	}
	late, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(wanted))
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for range 3 {
		r.tidy(r.now())
	}
	if n := strings.Count(log.String(), "id=ours-7 port="+wanted.String()); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, s.Streams[0].Side[0].Local, x)
	b.wantOn(b.rtp, wanted, x)
}

// TestSteeredBlocksAreThoseThatAreChecked: a document whose servers would contend for one is told so.
func TestSteeredBlocksAreThoseThatAreChecked(t *testing.T) {
	if blockPorts != topology.SteeredPorts {
		t.Errorf("blocks of %d ports, checked are %d", blockPorts, topology.SteeredPorts)
	}
}

// TestSteeredWithoutSocketDiag: where the kernel cannot say who has ports, each is tried.
func TestSteeredWithoutSocketDiag(t *testing.T) {
	needSteered(t)
	r := newRig(t, Config{Best: media.TierSteered})
	diag := r.steered.diag
	defer func() { r.steered.looking.Lock(); r.steered.diag = diag; r.steered.looking.Unlock() }()
	r.steered.looking.Lock()
	r.steered.diag = nil
	r.steered.looking.Unlock()
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	wanted := s.Streams[0].Side[1].Local
	r.Close(1)
	other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(wanted))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var port *PortError
	if err := r.Open(s); !errors.As(err, &port) || port.Local != wanted {
		t.Errorf("%v", err)
	}
}

// BenchmarkWhoHasPorts is what a sweep takes for it.
func BenchmarkWhoHasPorts(b *testing.B) {
	r, err := newRelay(Config{Workers: 1, Best: media.TierSteered})
	if err != nil {
		b.Fatal(err)
	}
	defer release(r)
	if r.steered == nil {
		lack.Of(b, r.unsteered)
	}
	r.steered.serves(ip4)
	for b.Loop() {
		r.steered.look()
	}
}
