package relay

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// families are those of the wire.
var families = []struct {
	us   netip.Addr
	peer func(int) netip.Addr
}{{us4, peer4}, {us6, peer6}}

// newExitRig is a relay whose steered packets leave by the exit, and which looks after that only when it is told to.
func newExitRig(w *wire, us netip.Addr, peer func(int) netip.Addr, config Config) *kernelRig {
	w.t.Helper()
	config.Best, config.SweepInterval = media.TierSteered, time.Hour
	k := w.between(us, peer, config, nil)
	k.wantExit("at first")
	return k
}

// byExit tells whether packets of session 1 to a side leave by the exit.
func (r *rig) byExit(side int) bool {
	s, x := r.find(1), r.steered.exit
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.streams[0].side[side].rtp
	return x.open.Load() && p.way.device != 0 && p.way.until == x.ways.Changes()+1
}

// wantExit talks until packets both ways leave by the exit.
func (k *kernelRig) wantExit(when string) { k.t.Helper(); k.leaving(when, true, func() { k.talk(1) }) }

// wantRaw talks until packets leave by the raw socket.
func (k *kernelRig) wantRaw(when string) { k.t.Helper(); k.leaving(when, false, func() { k.talk(1) }) }

// wantGuarded talks until it is known that no packet may leave by the exit, and not only that something has changed.
func (k *kernelRig) wantGuarded(when string) {
	k.t.Helper()
	k.wantRaw(when)
	for deadline := time.Now().Add(patience); k.steered.exit.ways.Guarded() == ""; k.talk(1) {
		if time.Now().After(deadline) {
			k.t.Fatalf("%s: packets leave by the exit", when)
		}
	}
	k.wantRaw(when)
}

// leaving does something until packets leave by the exit, or do not.
func (k *kernelRig) leaving(when string, exit bool, do func()) {
	k.t.Helper()
	if k.steered.exit == nil {
		lack.Of(k.t, "there is no exit")
	}
	for deadline := time.Now().Add(patience); k.byExit(0) != exit || k.byExit(1) != exit; do() {
		if time.Now().After(deadline) {
			k.t.Fatalf("%s: that packets leave by the exit is not %v", when, exit)
		}
	}
}

// TestExitPacketsAreThoseOfTheRawSocket compares frames on the wire, octet by octet: of both families, with and without a DSCP, to the next hop and by the
// routes, of lengths up to the longest.
func TestExitPacketsAreThoseOfTheRawSocket(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	for _, family := range families {
		for _, dscp := range []int{-1, 0, 34} {
			t.Run(fmt.Sprint(family.us, " DSCP ", dscp), func(t *testing.T) {
				k := newExitRig(&wire{t: t, far: w.far}, family.us, family.peer, Config{DSCP: dscp})
				for f, o := range k.workers[0].outlets {
					raw, _ := unix.GetsockoptInt(int(o.fd), unix.SOL_SOCKET, unix.SO_PRIORITY)
					if out, err := unix.GetsockoptInt(int(o.out), unix.SOL_SOCKET, unix.SO_PRIORITY); err != nil || out != raw || (out == 0) != (dscp < 0) {
						t.Errorf("family %d: the priority is %d, of the raw socket %d, %v", f, out, raw, err)
					}
				}
				capture := w.capture(t)
				for _, size := range []int{12, 13, 172, 1001, 1280 - ipv6Header - udpHeader} {
					p := append(rtpPacket(8, 1, 160, 7), make([]byte, 2000)...)[:size]
					for i := range p[12:] {
						p[12+i] = byte(i * size)
					}
					var frames [3][]byte // by the raw socket, by the next hop, by the routes
					for i := range frames {
						k.leave(p, i)
						frames[i] = frameOf(t, capture, p)
						if family.us.Is4() { // what is not to be cut needs no number (RFC 6864 §4.1), and of the system it has one
							clear(frames[i][14+4 : 14+6])
							clear(frames[i][14+10 : 14+12])
						}
					}
					if !bytes.Equal(frames[0], frames[1]) || !bytes.Equal(frames[0], frames[2]) {
						t.Errorf("%d octets, which begin with:\nraw    %x\nhop    %x\nroutes %x", size, frames[0][:54], frames[1][:54], frames[2][:54])
					}
				}
			})
		}
	}
}

// leave sends a packet to b by the raw socket (0), the next hop (1) or the routes (2).
func (k *kernelRig) leave(p []byte, how int) {
	k.t.Helper()
	ses := k.find(1)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	st := ses.streams[0]
	out := &st.side[1].rtp
	x := k.steered.exit
	x.open.Store(how != 0)
	defer x.open.Store(true)
	out.way.left = uint8(2 - how)
	if errno := st.carrier.send(out, p, out.gate.destination(media.LatchPeer)); errno != 0 {
		k.t.Fatal(errno)
	}
	if w := &out.way; how != 0 && (w.device == 0 || w.until != x.ways.Changes()+1) {
		k.t.Fatal("the way has changed")
	}
}

// capture is a socket that gets every frame that comes to the peers.
func (w *wire) capture(t *testing.T) (fd int) {
	t.Helper()
	w.inside(w.far, func() {
		var err error
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL))); err == nil {
			err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// frameOf waits for the frame that ends with a payload.
func frameOf(t *testing.T, capture int, payload []byte) []byte {
	t.Helper()
	b := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(capture, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasSuffix(b[:n], payload) {
			return b[:n]
		}
	}
}

// TestExitIsClosedByFilters: what leaves passes the filters of the host where there are any, as soon as there are.
func TestExitIsClosedByFilters(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newExitRig(newWire(t), us4, peer4, Config{})
	nft(t, "add table inet ours; add chain inet ours input { type filter hook input priority 0; }; add rule inet ours input accept")
	nft(t, "add chain inet ours idle { type filter hook output priority 0; }; add chain inet ours called; add rule inet ours called accept")
	k.wantExit("with a filter for what comes, and one for what leaves that has no rules")
	for _, filter := range []string{"ours idle counter", "ours input ct state established accept", "ours called ct mark 7", "ours nat ip saddr 10.98.0.1 snat ip to 10.98.0.1"} {
		if filter[5] == 'n' {
			nft(t, "add chain inet ours nat { type nat hook postrouting priority 100; }")
		}
		nft(t, "add rule inet "+filter)
		k.wantGuarded("with the rule " + filter)
		nft(t, "flush table inet ours")
		k.wantExit("without rules")
	}
	nft(t, "add chain inet ours idle { policy drop; }")
	k.leaving("where nothing may leave", false, func() { k.try() })
	if ab, _ := k.try(); ab {
		t.Error("a packet passes a filter that drops all")
	}
	nft(t, "delete table inet ours")
	k.wantExit("without filters")
	if out, err := exec.Command("iptables-legacy", "-t", "mangle", "-A", "POSTROUTING", "-j", "ACCEPT").CombinedOutput(); err != nil {
		t.Logf("iptables: %v\n%s", err, out)
		return
	}
	k.steered.tidy()
	k.wantGuarded("with iptables")
}

// TestExitIsClosedByCgroups: nor may a packet pass the programs of the cgroup by, as systemd has where a unit may not reach every address.
func TestExitIsClosedByCgroups(t *testing.T) {
	if !isolated(t) {
		return
	}
	group := cgroup(t)
	k := newExitRig(newWire(t), us4, peer4, Config{})
	pass, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}})
	if err != nil {
		lack.Of(t, err)
	}
	defer pass.Close()
	on, err := link.AttachCgroup(link.CgroupOptions{Path: group, Attach: ebpf.AttachCGroupInetEgress, Program: pass})
	if err != nil {
		lack.Of(t, err)
	}
	defer on.Close()
	k.steered.tidy()
	k.wantGuarded("with a program")
	_ = on.Close()
	k.steered.tidy()
	k.wantExit("without")
}

// cgroup is a new one, which this process is in until the test ends.
func cgroup(t *testing.T) (path string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	above := ""
	for line := range strings.Lines(string(mounts)) {
		if about, kind, _ := strings.Cut(line, " - "); strings.HasPrefix(kind, "cgroup2 ") {
			above = strings.Fields(about)[4]
		}
	}
	if above == "" {
		lack.Of(t, "no cgroups of the second version")
	}
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, back, _ := strings.Cut("\n"+string(before), "\n0::")
	move := func(path string) error { return os.WriteFile(path+"/cgroup.procs", []byte("0"), 0) }
	if path, err = os.MkdirTemp(above, "directsip-test-"); err == nil {
		err = move(path)
	}
	if err != nil {
		lack.Of(t, err)
	}
	t.Cleanup(func() {
		if err := move(above + strings.TrimSpace(back)); err != nil {
			t.Error(err)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

// TestExitIsNotMissed: where the loopback device is down packets leave by the raw socket at once.
func TestExitIsNotMissed(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	for _, family := range families {
		t.Run(family.us.String(), func(t *testing.T) {
			k := newExitRig(&wire{t: t, far: w.far}, family.us, family.peer, Config{})
			k.talk(10)
			w.here("link set lo down")
			k.talk(10)
			k.steered.tidy()
			k.wantRaw("without a loopback device")
			k.talk(10)
			w.here("link set lo up")
			k.steered.tidy()
			k.wantExit("with it again")
			k.talk(10)
			if c := k.from(1, 0, 0); c.SendErrors != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestExitKeepsOrder: what is too long for the exit leaves by the raw socket, in order with the others.
func TestExitKeepsOrder(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	for _, family := range families {
		t.Run(family.us.String(), func(t *testing.T) {
			k := newExitRig(&wire{t: t, far: w.far}, family.us, family.peer, Config{Workers: 1})
			for _, size := range []int{100, 1232, 1233, 1252, 1253, 3000, 100, 4000, 172} {
				p := append(k.packet(7), make([]byte, maxDatagram)...)[:size]
				k.number++
				k.a.send(k.a.rtp, k.la, p)
				k.b.wantLong(p)
			}
			k.wantExit("in the end")
			ses := k.find(1)
			ses.mu.Lock() // the worker takes none until all are there
			var sent [][]byte
			for i := range 40 {
				p := append(k.packet(7), make([]byte, maxDatagram)...)[:172+i%3*900]
				k.number++
				sent = append(sent, p)
				k.a.send(k.a.rtp, k.la, p)
			}
			ses.mu.Unlock()
			for _, p := range sent {
				k.b.wantLong(p)
			}
		})
	}
}

func (p *phone) wantLong(want []byte) {
	p.t.Helper()
	b := make([]byte, 2*maxDatagram)
	_ = p.rtp.SetReadDeadline(time.Now().Add(patience))
	if n, err := p.rtp.Read(b); err != nil || !bytes.Equal(b[:n], want) {
		p.t.Fatalf("%d octets that begin with %x, %v; want %d with %x", n, b[:12], err, len(want), want[:12])
	}
}

// TestExitHearsICMP: a closed port, and a neighbour that does not answer, are noticed as by the raw socket.
func TestExitHearsICMP(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	set := func(name, value string) {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			t.Error(err)
		}
	}
	for _, ns := range []*os.File{nil, w.far} {
		w.inside(ns, func() { set("ipv4/icmp_ratelimit", "0"); set("ipv6/icmp/ratelimit", "0") })
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, family := range families {
		t.Run(family.us.String(), func(t *testing.T) {
			k := newExitRig(&wire{t: t, far: w.far}, family.us, family.peer, Config{})
			set(map[bool]string{true: "ipv4", false: "ipv6"}[family.us.Is4()]+"/neigh/near/retrans_time_ms", "50") // now that neighbours are known
			for why, to := range map[string]netip.AddrPort{"connection refused": addrPort(family.peer(1), 9), "no route to host": addrPort(family.peer(100), 9)} {
				k.update(func(s *media.Session) {
					sd := &s.Streams[0].Side[1]
					sd.Remote = to
					sd.Relatch++
				})
				var by, after int // the exit; complaints after all has left by it for a while
				for deadline := time.Now().Add(patience); after < 10; {
					if time.Now().After(deadline) {
						t.Fatalf("%s: by the exit %d times, then %d complaints: %+v", to, by, after, k.from(1, 0, 1))
					}
					before := k.from(1, 0, 1).Refused
					for range exitEvery + 1 {
						k.a.send(k.a.rtp, k.la, k.packet(7))
						k.number++
					}
					<-tick.C
					got := k.from(1, 0, 1)
					if by++; !k.byExit(1) {
						by, after = 0, 0
					} else if by > 200 && got.Refused > before && got.RefusedWhy == why {
						after++
					}
				}
			}
		})
	}
}

// TestExitsDoNotMeet: two servers of one host, of which one ends.
func TestExitsDoNotMeet(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	first := newExitRig(w, us4, peer4, Config{})
	w.here("addr add 10.98.0.2/24 dev near")
	second := newExitRig(w, netip.MustParseAddr("10.98.0.2"), peer4, Config{})
	for range 2 {
		first.wantExit("beside another")
		first.talk(10)
		second.wantExit("beside another")
		second.talk(10)
		first.steered.tidy()
		second.steered.tidy()
	}
	first.Shutdown()
	second.steered.tidy()
	second.talk(10)
	second.wantExit("alone")
}

// TestExitCostsNoAllocation: nor does it where a packet leaves by the routes.
func TestExitCostsNoAllocation(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newExitRig(newWire(t), us4, peer4, Config{})
	p := k.packet(7)
	k.leave(p, 1)
	if n := testing.AllocsPerRun(1000, func() { k.leave(p, 1+int(p[3])%2); p[3]++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLeaving is what it takes to send 64 packets by the raw socket and by the exit, with all that the peer's side of the wire does.
func BenchmarkLeaving(b *testing.B) {
	runtime.LockOSThread() // and never unlocked: the thread ends, and its network with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lack.Of(b, err)
	}
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"link", "add", "near", "type", "veth", "peer", "name", "far"}, {"addr", "add", "10.98.0.1/24", "dev", "near"},
		{"link", "set", "near", "up"}, {"link", "set", "far", "up"}, {"neigh", "add", "10.98.0.10", "lladdr", "02:00:00:00:00:77", "dev", "near"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	x, err := openExit(46 << 2)
	if err != nil {
		lack.Of(b, err)
	}
	defer x.close()
	o, err := newOutlet(inet, 46)
	if err == nil {
		err = o.join(x)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer o.close()
	from := &port{stream: &stream{}}
	from.stream.side[0].local = netip.AddrPortFrom(us4, 20000)
	to := sockaddrOf(addrPort(peer4(1), 9))
	p := rtpPacket(8, 1, 160, 7)
	for _, open := range []bool{false, true} {
		b.Run(fmt.Sprint("exit ", open), func(b *testing.B) {
			x.look()
			for deadline := time.Now().Add(patience); open && o.wayOf(from, len(p), &to) == nil; runtime.Gosched() {
				if time.Now().After(deadline) {
					b.Fatal("no way")
				}
			}
			x.open.Store(open)
			for b.Loop() {
				o.open = true
				for range outletBatch {
					if errno := o.send(from, p, &to); errno != 0 {
						b.Fatal(errno)
					}
				}
				o.open = false
				o.transmit()
			}
		})
	}
}
