package relay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// tiers are those whose packets and counters are compared.
var tiers = []media.Tier{media.TierSockets, media.TierSteered, media.TierKernel}

// delivery is a packet that has come to a peer.
type delivery struct {
	at       string
	from     netip.AddrPort
	tos, ttl int
	payload  []byte
}

// script drives one session of one tier with traffic that a seed makes: step by step, each packet until it is counted.
type script struct {
	*rig
	rand       *rand.Rand
	session    *media.Session
	socket     map[string]*net.UDPConn
	deliveries chan delivery
	source     [2]talker
	locks      [2]*lock // nil: RTP
	trace      []string
}

// content is how the two peers of a script send.
type content struct {
	name  string
	suite [2]media.Suite // 0: RTP
	law   [2]media.Format
}

var contents = []content{
	{"the same", [2]media.Suite{}, [2]media.Format{pcma, pcma}},
	{"SRTP and RTP", [2]media.Suite{media.AESCM128HMACSHA180, 0}, [2]media.Format{pcma, pcma}},
	{"two keys", [2]media.Suite{media.AESCM128HMACSHA132, media.AESCM128HMACSHA180}, [2]media.Format{pcma, pcma}},
	{"two laws", [2]media.Suite{}, [2]media.Format{pcmu, pcma}},
	{"SRTP and another law", [2]media.Suite{0, media.AESCM128HMACSHA180}, [2]media.Format{pcma, pcmu}},
}

// talker is what a peer sends.
type talker struct {
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	kind      uint8
	size      int
	before    []byte
}

const scriptSteps = 400

// TestTiersAreAlike compares, for every packet of traffic of all kinds, what becomes of it in each tier, and the counters in the end.
func TestTiersAreAlike(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	for i, c := range contents {
		for seed := range uint64(3) {
			family := []func(int) netip.Addr{peer4, peer6}[(uint64(i)+seed)%2]
			var first *script
			locks := c.locks(t)
			for _, tier := range tiers {
				s := w.play(t, tier, &c, locks, seed, family)
				if s == nil {
					continue
				}
				if first == nil {
					first = s
					continue
				}
				for i := range first.trace {
					if s.trace[i] != first.trace[i] {
						t.Fatalf("%s, seed %d, %v, step %d:\n%s: %s\n%s: %s", c.name, seed, family(1), i, tiers[0], first.trace[i], tier, s.trace[i])
					}
				}
			}
		}
	}
}

// locks are the same in each tier.
func (c *content) locks(t *testing.T) (list [2]*media.Crypt) {
	for i, suite := range c.suite {
		if suite != 0 {
			list[i] = newLock(t, suite, "").crypt
		}
	}
	return list
}

// play runs the script of a seed in one tier; nil: it cannot be had here.
func (w *wire) play(t *testing.T, tier media.Tier, content *content, keys [2]*media.Crypt, seed uint64, family func(int) netip.Addr) *script {
	t.Helper()
	r := newRig(t, Config{Best: tier, Workers: 1})
	defer r.Shutdown()
	if tier == media.TierKernel && r.kernel.table == nil || tier == media.TierSteered && r.steered == nil {
		t.Logf("%s cannot be had: %s%s", tier, r.kernel.why, r.unsteered)
		return nil
	}
	s := &script{rig: r, rand: rand.New(rand.NewPCG(seed, 1)), socket: map[string]*net.UDPConn{}, deliveries: make(chan delivery, 16)}
	for i, name := range []string{"a", "b"} {
		for _, which := range []string{"rtp", "rtcp", "other"} {
			s.listen(w, name+" "+which, family(i+1))
		}
		s.listen(w, name+" stranger", family(3))
		s.source[i] = talker{sequence: 65500, timestamp: 1000, ssrc: uint32(i + 1), kind: content.law[i].PayloadType, size: 160}
		if k := keys[i]; k != nil {
			s.locks[i] = &lock{seal: context(k.Suite, k.Recv[0].Key)}
		}
	}
	us := us4
	if family(1).Is6() {
		us = us6
	}
	side := func(i int, name string) media.Side {
		return media.Side{Local: addrPort(us, 20000+2*i), Remote: address(s.socket[name+" rtp"]), RemoteRTCP: address(s.socket[name+" rtcp"]),
			Latch: media.LatchPeer, Send: true, Recv: true, Crypt: keys[i], Speech: speech(content.law[i])}
	}
	s.session = &media.Session{ID: 1, Streams: []media.Stream{{Side: [2]media.Side{side(0, "a"), side(1, "b")}}}}
	if err := r.Open(s.session); err != nil {
		t.Fatal(err)
	}
	exits := 0
	for range scriptSteps {
		s.step()
		if tier == media.TierSteered && r.steered.exit != nil && r.byExit(0) && r.byExit(1) {
			exits++
		}
		for i := range s.source { // or the script is over before the ways are known
			s.asked(1, i)
			s.settled(i)
		}
	}
	if tier == media.TierSteered && r.steered.exit != nil && exits < scriptSteps/4 {
		t.Errorf("seed %d: packets have left by the exit at %d of %d steps", seed, exits, scriptSteps)
	}
	stats, _ := r.Close(1)
	for i := range stats.Streams[0].From {
		c := &stats.Streams[0].From[i]
		// When packets come, the two runs differ in; what is in them is looked at less often in the kernel.
		c.Jitter, c.First, c.Last, c.Late, c.Waited, c.LastRefused = 0, time.Time{}, time.Time{}, 0, 0, time.Time{}
		c.Levels, c.Measured, c.Misfit, c.Still = media.Observed{}.Levels, 0, 0, 0
		c.Source, c.GatedFrom = netip.AddrPort{}, netip.AddrPort{}
		c.Witness = nil
		s.trace = append(s.trace, fmt.Sprintf("%+v", *c))
	}
	select {
	case a := <-s.deliveries:
		t.Fatalf("seed %d, %s: a packet too many: %+v", seed, tier, a)
	default:
	}
	total := r.Totals()
	if carried := r.kernel.packets.Load(); tier == media.TierKernel && carried < total.Packets/4 {
		t.Errorf("%s, seed %d: only %d of %d packets in the kernel", content.name, seed, carried, total.Packets)
	}
	if r.kernel.table != nil && r.kernel.table.Len() != 0 {
		t.Errorf("seed %d: %d flows left", seed, r.kernel.table.Len())
	}
	if r.kernel.table != nil && r.kernel.table.Kept() != 0 {
		t.Errorf("%s, seed %d: %d secrets left", content.name, seed, r.kernel.table.Kept())
	}
	for _, c := range s.socket {
		_ = c.Close()
	}
	return s
}

// settled waits until it is known how packets to a peer leave, by the exit too: after a change of the network that may take half a second.
func (s *script) settled(side int) {
	s.t.Helper()
	if s.steered == nil || s.steered.exit == nil {
		return
	}
	local, remote := s.session.Streams[0].Side[side].Local.Addr(), s.session.Streams[0].Side[side].Remote.Addr()
	if !comes(func() bool { _, _, known := s.steered.exit.ways.Now(local, remote); return known }) {
		s.t.Fatalf("step %d: the way to %v does not become known", len(s.trace), remote)
	}
}

// listen opens a socket whose packets come as deliveries.
func (s *script) listen(w *wire, name string, ip netip.Addr) {
	c := w.listen(ip)
	wantHeaders(s.t, c)
	s.socket[name] = c
	go func() {
		for {
			a, err := readDelivery(c)
			if err != nil {
				return
			}
			a.at = name
			s.deliveries <- a
		}
	}()
}

// wantHeaders has the kernel tell what the IP header of each packet said.
func wantHeaders(t *testing.T, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			if address(c).Addr().Is4() {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
			} else {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readDelivery(c *net.UDPConn) (a delivery, err error) {
	b, oob := make([]byte, 4096), make([]byte, 256)
	n, on, _, src, err := c.ReadMsgUDPAddrPort(b, oob)
	if err != nil {
		return a, err
	}
	a.from, a.payload = plain(src), b[:n]
	messages, err := unix.ParseSocketControlMessage(oob[:on])
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS, m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_TCLASS:
			a.tos = int(m.Data[0])
		default:
			a.ttl = int(m.Data[0])
		}
	}
	return a, err
}

// step does one thing and notes what became of it.
func (s *script) step() {
	i := s.rand.IntN(2)
	name, from := []string{"a", "b"}[i], &s.source[i]
	local := s.session.Streams[0].Side[i].Local
	port := "rtp"
	var b []byte
	switch n := s.rand.IntN(100); {
	case n < 60:
		b = from.next()
	case n < 63:
		from.sequence += uint16(1 + s.rand.IntN(5)) // lost
		if s.rand.IntN(2) == 0 {
			time.Sleep(20 * time.Millisecond) // for which the kernel waits, in case they were on their way here
		}
		b = from.next()
	case n < 66 && from.before != nil:
		b = from.before // twice
	case n < 68:
		from.sequence--
		b = from.next()
		from.sequence++
	case n < 70:
		b = from.next()
		b[1] |= 0x80
	case n < 72:
		from.kind = uint8(s.rand.IntN(3)) * 8
		b = from.next()
	case n < 73:
		from.ssrc += 2
		b = from.next()
	case n < 74:
		from.sequence += 20000
		b = from.next()
	case n < 75:
		from.timestamp += 1 << 28
		b = from.next()
	case n < 76:
		from.size = 1 + s.rand.IntN(1300)
		b = from.next()
	case n < 80:
		b, port = from.peeked(), "stranger"
	case n < 82:
		b, port = from.next(), "other" // another port of the host
	case n < 86:
		b, port, local = receiverReport(from.ssrc), "rtcp", rtcpPort(local)
	case n < 87:
		b = receiverReport(from.ssrc)
	case n < 88:
		b, port, local = receiverReport(from.ssrc), "stranger", rtcpPort(local)
	case n < 91:
		b = make([]byte, s.rand.IntN(40))
		for k := range b {
			b[k] = byte(s.rand.Uint32())
		}
	case n < 92:
		b = append(from.next(), make([]byte, maxDatagram)...)
	default:
		s.update(n, i)
		return
	}
	if l := s.locks[i]; l != nil {
		switch classify(b, port == "rtcp", false) {
		case rtp:
			b = l.rtp(s.t, b)
		case rtcp:
			b = l.rtcp(s.t, b)
		}
	}
	s.send(name+" "+port, local, b)
}

// update is something that signalling may want.
func (s *script) update(n, i int) {
	sd := &s.session.Streams[0].Side[i]
	switch {
	case n < 94:
		sd.Send = !sd.Send
	case n < 96:
		sd.Recv = !sd.Recv
	case n < 97:
		sd.FixedSSRC = !sd.FixedSSRC
	case n < 98:
		sd.Latch = media.LatchPeer - sd.Latch // or LatchOff
	default:
		sd.Relatch++
	}
	if err := s.Update(s.session); err != nil {
		s.t.Fatal(err)
	}
	s.trace = append(s.trace, "update")
}

// send sends a packet and waits until it is counted, and, if it is relayed, comes out.
func (s *script) send(socket string, to netip.AddrPort, b []byte) {
	s.t.Helper()
	before := s.counted()
	if _, err := s.socket[socket].WriteToUDPAddrPort(b, to); err != nil {
		s.t.Fatal(err)
	}
	after := before
	if !comes(func() bool { after = s.counted(); return after.all() != before.all() }) {
		s.t.Fatalf("step %d: %s sent %d octets, which were not counted: %+v", len(s.trace), socket, len(b), after)
	}
	note := fmt.Sprintf("%s sent %d octets %x: %+v", socket, len(b), b[:min(12, len(b))], after)
	if after.relayed > before.relayed {
		select {
		case a := <-s.deliveries:
			local := s.session.Streams[0].Side
			note += fmt.Sprintf("; %s has %d octets from %d of ours, TOS %#x, TTL %d: %x", a.at, len(a.payload), int(a.from.Port())-int(local[0].Local.Port()), a.tos, a.ttl, a.payload)
		case <-time.After(patience):
			s.t.Fatalf("step %d: %s, but nothing came", len(s.trace), note)
		}
	}
	s.trace = append(s.trace, note)
}

type sums struct{ relayed, gated, dropped uint64 }

func (c sums) all() uint64 { return c.relayed + c.gated + c.dropped }

func (s *script) counted() (n sums) {
	stats, _ := s.Stats(1)
	for _, c := range stats.Streams[0].From {
		n.relayed += c.Packets + c.RTCP
		n.gated += c.Gated
		n.dropped += c.Dropped + c.SendErrors + c.Unauthentic
	}
	return n
}

func (s *talker) next() []byte {
	s.before = s.peeked()
	s.sequence++
	s.timestamp += 160
	return bytes.Clone(s.before)
}

func (s *talker) peeked() []byte {
	b := rtpPacket(s.kind, s.sequence, s.timestamp, s.ssrc)
	if s.size != 160 {
		b = append(b[:rtpHeader], make([]byte, s.size)...)
	}
	for i := range b[rtpHeader:] {
		b[rtpHeader+i] = byte(int(s.sequence)*31 + i*7)
	}
	return b
}
