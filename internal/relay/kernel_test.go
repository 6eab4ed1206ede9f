package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/directsip/directsip/internal/fastpath"
	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// kernelRig is a relay with the kernel tier, peers on the far end of a wire, and a session of two of them.
type kernelRig struct {
	*rig
	wire    *wire
	a, b    *phone
	la, lb  netip.AddrPort
	session *media.Session
	number  uint16
}

func newKernelRig(t *testing.T, config Config, change func(*media.Session)) *kernelRig {
	t.Helper()
	return newWire(t).rig(config, change)
}

func (w *wire) rig(config Config, change func(*media.Session)) *kernelRig {
	w.t.Helper()
	config.Best = media.TierKernel
	return w.between(us4, peer4, config, change)
}

// between has a session of two peers of a family, in a tier.
func (w *wire) between(us netip.Addr, peer func(int) netip.Addr, config Config, change func(*media.Session)) *kernelRig {
	t := w.t
	t.Helper()
	k := &kernelRig{rig: newRig(t, config), wire: w, a: w.phone(peer(1)), b: w.phone(peer(2))}
	if best, why := k.Best(); best != config.Best {
		lack.Of(t, why)
	}
	k.session = call(1, k.a, k.b)
	for i := range k.session.Streams[0].Side {
		k.session.Streams[0].Side[i].Local = addrPort(us, 20000+2*i)
	}
	k.la, k.lb = addrPort(us, 20000), addrPort(us, 20002)
	if change != nil {
		change(k.session)
	}
	if err := k.Open(k.session); err != nil {
		t.Fatal(err)
	}
	return k
}

// talk sends packets of 20 ms both ways and takes them.
func (k *kernelRig) talk(packets int) {
	k.t.Helper()
	k.both(packets, func(x []byte) {
		k.a.send(k.a.rtp, k.la, x)
		k.b.wantOn(k.b.rtp, k.lb, x)
	}, func(y []byte) {
		k.b.send(k.b.rtp, k.lb, y)
		k.a.wantOn(k.a.rtp, k.la, y)
	})
}

// both lets packets of both sides through, in turn.
func (k *kernelRig) both(packets int, first, second func(packet []byte)) {
	k.t.Helper()
	for range packets {
		x, y := k.packet(7), k.packet(8)
		k.number++
		k.passes(0, func() { first(x) })
		k.passes(1, func() { second(y) })
	}
}

// passes lets a packet of a side through. If user space relays it, it also waits until that has handed on to the kernel, at the end of the worker's turn: packets that follow one another
// faster than that are no more than what the kernel has to give back.
func (k *kernelRig) passes(side int, packet func()) {
	k.t.Helper()
	packet()
	if !comes(func() bool { return !k.due(side) }) {
		k.t.Fatal("the worker's turn does not end")
	}
	k.asked(1, side)
}

// due tells whether the kernel is to have what comes from a side when the worker's turn is over.
func (k *kernelRig) due(side int) bool {
	s := k.find(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[0].side[side].kernel.due
}

// asked waits until the way of what comes from a side is known, if it is asked for. What the next packet would do is done then.
func (r *rig) asked(id media.SessionID, side int) {
	r.t.Helper()
	s := r.find(id)
	known := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.streams[0].side[side].kernel.why != fastpath.Asking {
			return true
		}
		s.streams[0].offload(media.SideIndex(side), r.now())
		return false
	}
	if !comes(known) {
		r.t.Fatal("the way does not become known")
	}
}

func (k *kernelRig) offloaded(side int) bool {
	s := k.find(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[0].side[side].kernel.handle != 0
}

func (k *kernelRig) packet(ssrc uint32) []byte {
	return rtpPacket(8, k.number, uint32(k.number)*160, ssrc)
}

func (k *kernelRig) update(change func(*media.Session)) {
	k.t.Helper()
	change(k.session)
	if err := k.Update(k.session); err != nil {
		k.t.Fatal(err)
	}
}

// wantTier checks in which tier the stream is, and why.
func (k *kernelRig) wantTier(tier media.Tier, why string) {
	k.t.Helper()
	stats, _ := k.Stats(1)
	if st := stats.Streams[0]; st.Tier != tier || st.Why != why {
		k.t.Fatalf("tier %q because of %q, want %q because of %q", st.Tier, st.Why, tier, why)
	}
}

func (k *kernelRig) carried() uint64 {
	k.Stats(1)
	return k.kernel.packets.Load()
}

// counts waits until what came from side 0 is counted: in user space, which may be behind.
func (k *kernelRig) counts(enough func(*media.Counters) bool) {
	k.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		c := k.from(1, 0, 0)
		if enough(&c) {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("%+v", c)
		}
	}
}

func TestKernelTakesOver(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	k.wantTier(media.TierSteered, "nothing flows")
	k.talk(300)
	k.wantTier(media.TierKernel, "")
	if n := k.carried(); n < 580 || k.Totals().InKernel != 2 {
		t.Errorf("the kernel has relayed %d of 600 packets, %+v", n, k.Totals())
	}
	stats, _ := k.Close(1)
	if stats.Streams[0].Tier != media.TierKernel {
		t.Errorf("the record says %q (%s)", stats.Streams[0].Tier, stats.Streams[0].Why)
	}
	for i, c := range stats.Streams[0].From {
		if c.Packets != 300 || c.Bytes != 300*172 || c.Lost != 0 || c.Pattern.Packets != 300 || c.Levels.Packets < 2 {
			t.Errorf("side %d: %+v", i, c)
		}
	}
	k.Shutdown()
	if total := k.Totals(); total.Packets != 600 || total.Bytes != 600*172 {
		t.Errorf("%+v", total)
	}
}

// TestKernelKeepsStrangersOut also shows that a source of a higher rank still takes over, and that then the other direction follows it.
func TestKernelKeepsStrangersOut(t *testing.T) {
	if !isolated(t) {
		return
	}
	var stranger, nat *phone
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[0].Signalling = peer4(4) })
	stranger, nat = k.wire.phone(peer4(3)), k.wire.phone(peer4(4))
	announced := k.a
	k.a = &phone{t, nat.rtp, nat.rtcp} // it is behind NAT: its media comes from where its signalling comes from
	k.talk(20)
	k.wantTier(media.TierKernel, "")
	before := k.carried()
	for range 50 {
		k.a.send(stranger.rtp, k.la, k.packet(7)) // with the number that is next, and the SSRC
		k.a.send(stranger.rtp, k.la, rtpPacket(8, k.number, 0, 666))
		k.a.send(stranger.rtcp, rtcpPort(k.la), receiverReport(7))
	}
	k.talk(20)
	if n := k.carried() - before; n != 40 {
		t.Errorf("%d of 40 packets in the kernel", n)
	}
	k.counts(func(c *media.Counters) bool { return c.Gated == 150 })
	if c := k.from(1, 0, 0); c.Packets != 40 || c.Source != address(nat.rtp) {
		t.Errorf("%+v", c)
	}
	k.a = announced
	k.talk(20)
	k.wantTier(media.TierKernel, "")
	if c := k.from(1, 0, 0); c.Packets != 60 || c.Source != address(announced.rtp) {
		t.Errorf("%+v", c)
	}
	k.a.send(nat.rtp, k.la, k.packet(7)) // which may not send any more
	k.talk(5)
	k.counts(func(c *media.Counters) bool { return c.Packets == 65 && c.Gated == 151 })
}

func TestKernelLetsGo(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	k.talk(10)
	k.wantTier(media.TierKernel, "")

	k.update(func(s *media.Session) { s.Streams[0].Side[1].Send = false }) // b is on hold
	k.wantTier(media.TierSteered, "nothing flows")
	for range 10 {
		k.number++
		k.a.send(k.a.rtp, k.la, k.packet(7))
		k.b.send(k.b.rtp, k.lb, k.packet(8))
		k.a.wantOn(k.a.rtp, k.la, k.packet(8))
	}
	k.counts(func(c *media.Counters) bool { return c.Dropped == 10 })
	k.update(func(s *media.Session) { s.Streams[0].Side[1].Send = true })
	k.number++
	k.talk(10)
	k.wantTier(media.TierKernel, "")

	k.update(func(s *media.Session) {
		s.Play = &media.Play{ID: 1, To: 1, Clip: clip(5), Codec: media.PCMA, Times: 1, PayloadType: 8, Yield: media.YieldNever}
	})
	k.want(media.EventFirstPacket, 0, 0)
	k.want(media.EventFirstPacket, 0, 1)
	for range 5 {
		k.b.readFrom(k.b.rtp)
	}
	k.want(media.EventPlayed, 0, 1)
	k.a.send(k.a.rtp, k.la, k.packet(7)) // the first has the marker
	if b, _ := k.b.readFrom(k.b.rtp); b[1] != 0x88 {
		t.Errorf("after what was played: %x", b[:12])
	}
	k.number++
	k.talk(10)
	k.wantTier(media.TierKernel, "")

	keys := &media.Crypt{Suite: media.AEADAES128GCM, Send: strings.Repeat("k", media.AEADAES128GCM.KeySize()),
		Recv: []media.MasterKey{{Key: strings.Repeat("r", media.AEADAES128GCM.KeySize())}}}
	k.update(func(s *media.Session) { s.Streams[0].Side[1].Crypt = keys })
	k.a.send(k.a.rtp, k.la, k.packet(7))
	k.b.readFrom(k.b.rtp)
	k.wantTier(media.TierSteered, "SRTP with AEAD_AES_128_GCM")
	k.update(func(s *media.Session) { s.Streams[0].Side[1].Crypt = nil })
	k.number++
	k.talk(10)
	k.wantTier(media.TierKernel, "")
}

// TestKernelOvertakesWhoLagsBehind: packets that user space wants to see wait for it, but those behind them do not wait for long. Else more streams than
// user space can carry would never come back to the kernel once they had all gone up.
func TestKernelOvertakesWhoLagsBehind(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	k.talk(10)
	k.wantTier(media.TierKernel, "")
	ses := k.find(1)
	ses.mu.Lock() // user space is busy
	begin := k.packet(7)
	begin[1] |= 0x80
	k.number++
	k.a.send(k.a.rtp, k.la, begin)
	for deadline := time.Now().Add(patience); ; {
		k.a.send(k.a.rtp, k.la, k.packet(7))
		k.number++
		_ = k.b.rtp.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := k.b.rtp.Read(make([]byte, 2048)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			ses.mu.Unlock()
			t.Fatal("the kernel waits for user space")
		}
	}
	ses.mu.Unlock()
	k.counts(func(c *media.Counters) bool { return c.Packets == uint64(k.number) && c.Lost == 0 })
	for range k.number - 11 { // the others come after all
		k.b.readFrom(k.b.rtp)
	}
	k.talk(10)
	k.wantTier(media.TierKernel, "")
}

// TestKernelTellsOfPauses: a source that leaves silence out and marks nothing is seen to (MED-07), as in the other tiers.
func TestKernelTellsOfPauses(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	stamp := uint32(0)
	say := func(step uint32) {
		stamp += step
		b := rtpPacket(0, k.number, stamp, 7)
		k.number++
		k.passes(0, func() {
			k.a.send(k.a.rtp, k.la, b)
			k.b.wantOn(k.b.rtp, k.lb, b)
		})
	}
	for range 3 {
		for range 10 {
			say(160)
		}
		k.wantTier(media.TierKernel, "")
		time.Sleep(shortPause) // which the pause is
		say(160 + uint32(shortPause/time.Millisecond)*8)
	}
	if c := k.from(1, 0, 0); c.Pauses != 3 || c.Lost != 0 || c.Packets != uint64(k.number) {
		t.Errorf("%d pauses, %d lost, %d packets, want 3, 0 and %d", c.Pauses, c.Lost, c.Packets, k.number)
	}
}

// TestKernelCountsToTheEnd: with the counters of the record the kernel gives its flows back, for what it relayed behind them would be in no record.
func TestKernelCountsToTheEnd(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	k.talk(20)
	k.wantTier(media.TierKernel, "")
	ses := k.find(1)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.closed = true
	stats := ses.snapshot(k.Relay)
	for i := range 2 {
		if ses.streams[0].side[i].kernel.handle != 0 {
			t.Errorf("what comes from side %d is counted no more, and still relayed", i)
		}
		if n := stats.Streams[0].From[i].Packets; n != 20 || stats.Streams[0].Tier != media.TierKernel {
			t.Errorf("side %d: %d packets, tier %q", i, n, stats.Streams[0].Tier)
		}
	}
	ses.closed = false
}

// killedEnv makes the test's process the one that is killed, and names the peers' namespace.
const killedEnv = "DIRECTSIP_RELAY_KILLED"

// TestKernelForgetsWhoIsKilled: nothing is pinned, so with the process goes the program, and whoever comes next has the ports.
func TestKernelForgetsWhoIsKilled(t *testing.T) {
	if path := os.Getenv(killedEnv); path != "" {
		far, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		k := (&wire{t, far}).rig(Config{}, nil)
		k.talk(20)
		k.wantTier(media.TierKernel, "")
		fmt.Println("relaying")
		select {}
	}
	if !isolated(t) {
		return
	}
	w := newWire(t)
	r := newRig(t, Config{Best: media.TierKernel})
	if r.kernel.table == nil {
		lack.Of(t, r.kernel.why)
	}
	r.Shutdown()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKernelForgetsWhoIsKilled$")
	cmd.Env = append(os.Environ(), killedEnv+"="+w.path())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "relaying" {
		t.Log(lines.Text())
	}
	near, err := net.InterfaceByName("near")
	if err != nil {
		t.Fatal(err)
	}
	if n := programsOn(t, near.Index); n != 1 {
		t.Errorf("%d programs while it runs", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(patience); programsOn(t, near.Index) != 0; { // the kernel lets go of what it had a little later
		if time.Now().After(deadline) {
			t.Fatal("the program is still there")
		}
	}
	next := newRig(t, Config{Best: media.TierKernel})
	if err := next.Open(&media.Session{ID: 1, Streams: []media.Stream{{Side: [2]media.Side{{Local: addrPort(us4, 20000)}, {Local: addrPort(us4, 20002)}}}}}); err != nil {
		t.Error(err)
	}
}

// programsOn counts those at the ingress of a device.
func programsOn(t *testing.T, device int) int {
	t.Helper()
	found, err := link.QueryPrograms(link.QueryOptions{Target: device, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		t.Fatal(err)
	}
	return len(found.Programs)
}

func TestKernelSaysWhyNot(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	r := newRig(t, Config{Best: media.TierKernel})
	if r.kernel.table == nil {
		lack.Of(t, r.kernel.why)
	}
	here := newPhone(t, us4)
	for i, c := range []struct {
		a, b   *phone
		local  [2]netip.Addr
		change func(*media.Stream)
		want   string
	}{
		{a: here, b: w.phone(peer4(1)), want: "a peer on this host"},
		{a: w.phone(peer4(1)), b: w.phone(peer6(2)), local: [2]netip.Addr{us4, us6}, want: "IPv4 on one side and IPv6 on the other"},
		{a: w.phone(peer4(1)), b: w.phone(peer4(2)), local: [2]netip.Addr{netip.IPv4Unspecified(), us4}, want: "the media address is every address of this host"},
		{a: w.phone(peer4(1)), b: w.phone(peer4(2)), change: func(st *media.Stream) { st.Opaque = true }, want: "not RTP"},
		{a: w.phone(peer4(1)), b: w.phone(peer4(2)), change: func(st *media.Stream) { st.Side[0].Agreed.Add(3) }, want: "a payload type that was not agreed on"},
	} {
		id := media.SessionID(i + 1)
		s := call(id, c.a, c.b)
		for j := range s.Streams[0].Side {
			if c.local[j] == (netip.Addr{}) {
				c.local[j] = us4
			}
			s.Streams[0].Side[j].Local = addrPort(c.local[j], 20000+100*i+2*j)
		}
		if c.change != nil {
			c.change(&s.Streams[0])
		}
		if err := r.Open(s); err != nil {
			t.Fatal(err)
		}
		to := addrPort(us4, 20000+100*i)
		for n := range uint16(5) {
			x := rtpPacket(8, n, uint32(n)*160, 7)
			c.a.send(c.a.rtp, to, x)
			c.b.wantOn(c.b.rtp, s.Streams[0].Side[1].Local, x)
		}
		r.asked(id, 0)
		stats, _ := r.Stats(id)
		if st := stats.Streams[0]; st.Tier == media.TierKernel || st.Why != c.want {
			t.Errorf("%q because of %q, want %q", st.Tier, st.Why, c.want)
		}
	}
	if n := r.Totals().InKernel; n != 0 {
		t.Errorf("%d flows in the kernel", n)
	}
}

// TestKernelHearsSilence: a side that the kernel relays is not dead, and one that stops is.
func TestKernelHearsSilence(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{SweepInterval: 20 * time.Millisecond}, func(s *media.Session) {
		s.Timeout = [2]time.Duration{300 * time.Millisecond, 300 * time.Millisecond}
	})
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	k.talk(3)
	k.want(media.EventFirstPacket, 0, 0)
	k.want(media.EventFirstPacket, 0, 1)
	for range 40 {
		<-pace.C
		k.talk(1)
	}
	k.wantTier(media.TierKernel, "")
	select {
	case e := <-k.events:
		t.Fatalf("while both sides send: %+v", e)
	default:
	}
	for range 40 { // b has stopped
		<-pace.C
		x := k.packet(7)
		k.number++
		k.a.send(k.a.rtp, k.la, x)
		k.b.wantOn(k.b.rtp, k.lb, x)
	}
	k.want(media.EventDead, 0, 1)
}

// TestKernelFollowsTheNetwork: routes change, a device goes and comes back, IPsec is switched on; the call goes on.
func TestKernelFollowsTheNetwork(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, nil)
	w := k.wire
	k.talk(10)
	k.wantTier(media.TierKernel, "")

	k.detour()
	k.settled(media.TierKernel, "")

	w.here("link del near2")
	k.settled(media.TierKernel, "")

	// The device of all goes, and another comes in its place.
	w.here("link del near")
	w.join()
	k.settled(media.TierKernel, "")

	w.here("xfrm policy add dir out src 10.98.0.1/32 dst 192.0.2.1/32 tmpl src 10.98.0.1 dst 192.0.2.1 proto esp mode tunnel")
	k.settled(media.TierSteered, "this host has IPsec policies")
	w.here("xfrm policy flush")
	k.settled(media.TierKernel, "")
	if c := k.from(1, 0, 0); c.SendErrors != 0 {
		t.Errorf("%+v", c)
	}
}

// detour is another way to b, "near2". It answers on its own, so the packets of both ways arrive.
func (k *kernelRig) detour() {
	k.t.Helper()
	w := k.wire
	w.here("link add near2 type veth peer name far2 netns " + w.path())
	w.here("addr add 10.99.0.1/24 dev near2")
	w.here("link set near2 up")
	w.there("addr add 10.99.0.2/24 dev far2")
	w.there("link set far2 up")
	w.here("route add 10.98.0.11/32 via 10.99.0.2 dev near2 src 10.98.0.1")
	before := w.sent("near2")
	for deadline := time.Now().Add(patience); w.sent("near2") < before+10; k.try() {
		if time.Now().After(deadline) {
			k.t.Fatal("no packets take the new way")
		}
	}
}

// settled talks until the stream has been in a tier for ten packets in a row.
func (k *kernelRig) settled(tier media.Tier, why string) {
	k.t.Helper()
	row := 0
	for deadline := time.Now().Add(patience); row < 10; {
		if time.Now().After(deadline) {
			k.wantTier(tier, why)
		}
		ab, ba := k.try() // the last, too, so that nothing of it comes later
		stats, _ := k.Stats(1)
		if row++; !ab || !ba || stats.Streams[0].Tier != tier || stats.Streams[0].Why != why {
			row = 0
		}
	}
}

// try sends a packet each way; while the network changes it may be lost. It tells which have passed.
func (k *kernelRig) try() (ab, ba bool) {
	k.number++
	_, _ = k.a.rtp.WriteToUDPAddrPort(k.packet(7), k.la)
	_, _ = k.b.rtp.WriteToUDPAddrPort(k.packet(8), k.lb)
	passed := [2]bool{}
	for i, p := range []*phone{k.b, k.a} {
		_ = p.rtp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		for b := make([]byte, 2048); !passed[i]; { // what a busy machine is late with is of a try before
			if _, err := p.rtp.Read(b); err != nil {
				break
			}
			passed[i] = bytes.Equal(b[2:4], k.packet(7)[2:4])
		}
	}
	return passed[0], passed[1]
}
