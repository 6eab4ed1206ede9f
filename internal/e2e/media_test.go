package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
)

// talk is a call between two peers by hand: a is the caller from NET.2, b the callee at NET.3.
type talk struct {
	a, b         *socket
	aRTP, bRTP   *net.UDPConn
	toA, toB     *net.UDPAddr // our ports that a and b send to
	answer, inv  string
	aSeq, bSeq   uint16
	aSSRC, bSSRC uint32
	other        *net.UDPConn  // of a third host
	srtp         *srtp.Context // of a caller that protects its RTP
}

// rtp is a socket with a port above which one is free, for RTCP. Only programs that listen on all addresses can have that one, as those of a lab are its own.
func (l *lab) rtp(ip string) *net.UDPConn {
	l.t.Helper()
	for range 100 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
		if err != nil {
			l.t.Fatal(err)
		}
		next, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip), Port: c.LocalAddr().(*net.UDPAddr).Port + 1})
		if err != nil {
			c.Close()
			continue
		}
		next.Close()
		l.t.Cleanup(func() { c.Close() })
		return c
	}
	l.t.Fatalf("no two ports of %s are free", ip)
	return nil
}

// talk sets up a call.
func (l *lab) talk(callID, number string) *talk { return l.talkFrom(callID, number, l.ip(2), l.ip(3)) }

// talkFrom sets up a call of peers whose descriptions say that their media is at these addresses.
func (l *lab) talkFrom(callID, number, a, b string) *talk {
	l.t.Helper()
	c := &talk{a: l.udp(2, 0), b: l.udp(3, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb}
	c.setUp(l, number, callID, audio(a, c.aRTP.LocalAddr().(*net.UDPAddr).Port), audio(b, c.bRTP.LocalAddr().(*net.UDPAddr).Port))
	return c
}

// setUp calls and answers with these descriptions.
func (c *talk) setUp(l *lab, number, callID, offer, answer string) {
	l.t.Helper()
	c.a.send(c.a.invite(l, number, callID, offer))
	c.inv = c.b.fresh("INVITE ")
	c.b.send(c.b.reply(c.inv, 200, answer))
	c.b.fresh("ACK ")
	c.answer = c.a.final("INVITE")
	if status(c.answer) != 200 {
		l.t.Fatal(c.answer)
	}
	c.a.send(c.a.ack(c.answer))
	c.toA, c.toB = where(l.t, c.answer), where(l.t, c.inv)
}

// hangUp ends the call from the caller's side.
func (c *talk) hangUp() {
	c.a.t.Helper()
	c.a.send(c.a.bye(c.answer))
	c.a.final("BYE")
	c.b.send(c.b.reply(c.b.fresh("BYE "), 200, ""))
}

// hangUpAt is hangUp of a caller whose BYE has this number.
func (c *talk) hangUpAt(cseq int) {
	c.a.t.Helper()
	c.a.send(c.a.request("BYE", uri(header(c.answer, "Contact")), header(c.answer, "To"), header(c.answer, "Call-ID"), cseq, "bye"+header(c.answer, "Call-ID"), ""))
	c.a.final("BYE")
	c.b.send(c.b.reply(c.b.expect("BYE "), 200, ""))
}

// packet is one RTP packet of 20 ms PCMU (RFC 3550 §5.1).
func packet(seq uint16, ssrc uint32, text string) []byte {
	p := make([]byte, 12, 172)
	p[0] = 0x80
	binary.BigEndian.PutUint16(p[2:], seq)
	binary.BigEndian.PutUint32(p[4:], uint32(seq)*160)
	binary.BigEndian.PutUint32(p[8:], ssrc)
	return append(append(p, text...), bytes.Repeat([]byte{0xff}, 160-len(text))...)
}

func (c *talk) fromA(text string) []byte {
	c.aSeq++
	p := packet(c.aSeq, c.aSSRC, text)
	c.aRTP.WriteToUDP(p, c.toA)
	return p
}

func (c *talk) fromB(text string) []byte {
	c.bSeq++
	p := packet(c.bSeq, c.bSSRC, text)
	c.bRTP.WriteToUDP(p, c.toB)
	return p
}

// hear is the next packet at a socket, nil when none comes for d.
func hear(conn *net.UDPConn, d time.Duration) []byte {
	b := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(d))
	n, err := conn.Read(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

// callerHears sends a packet of the callee, which must be the next that the caller gets, as it is.
func (c *talk) callerHears(text string) {
	c.a.t.Helper()
	p := c.fromB(text)
	if got := hear(c.aRTP, timeout); !bytes.Equal(got, p) {
		c.a.t.Fatalf("the caller hears %q, want %q", got, p)
	}
}

// calleeHears is the same the other way.
func (c *talk) calleeHears(text string) {
	c.a.t.Helper()
	p := c.fromA(text)
	if got := hear(c.bRTP, timeout); !bytes.Equal(got, p) {
		c.a.t.Fatalf("the callee hears %q, want %q", got, p)
	}
}

// RTP goes through in both directions as it is, and in order.
func TestRTPIsRelayedUnchanged(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	c := l.talk("rtp", "+14255550100")
	for i := range 200 {
		c.calleeHears(fmt.Sprint("a", i))
		c.callerHears(fmt.Sprint("b", i))
	}
	c.hangUp()
	r := s.record()
	for _, m := range r.Media {
		if m.Packets != 200 || m.Lost != 0 || m.Gated != 0 {
			t.Errorf("the record counts %+v", m)
		}
	}
	if len(r.Media) != 2 {
		t.Errorf("%d directions in the record", len(r.Media))
	}
}

// NEW-15: RTP of a stranger reaches nobody and does not turn the stream away from its peer.
func TestRTPFromAStrangerReachesNobody(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	c := l.talk("stranger", "+14255550100")
	stranger := l.rtp(l.ip(9))
	for i := range 50 { // before any RTP of the peers
		stranger.WriteToUDP(packet(uint16(i), 0xdead, "bad"), c.toA)
		stranger.WriteToUDP(packet(uint16(i), 0xdead, "bad"), c.toB)
	}
	for i := range 50 {
		for _, to := range []*net.UDPAddr{c.toA, c.toB} { // in between, also with the SSRC of a peer
			stranger.WriteToUDP(packet(uint16(100+i), 0xa, "bad"), to)
		}
		c.calleeHears("good")
		c.callerHears("good")
	}
	if got := hear(stranger, 50*time.Millisecond); got != nil {
		t.Errorf("the stranger hears %q", got)
	}
	c.hangUp()
	var gated uint64
	for _, m := range s.record().Media {
		gated += m.Gated
	}
	if gated != 200 { // each came before a packet of a peer that was heard
		t.Errorf("%d packets of the stranger are counted, want 200", gated)
	}
}

// Peers behind NAT announce private addresses; their media comes from where their signalling comes from, and goes back there.
// A stranger that sends for long meanwhile is not heard.
func TestPeersBehindNATAreHeardAtOnce(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	c := l.talkFrom("nat", "+14255550100", "192.0.2.50", "192.0.2.60")
	stranger := l.rtp(l.ip(9))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range 300 { // longer in all than any proof
		<-tick.C
		stranger.WriteToUDP(packet(uint16(i), 0xdead, "bad"), c.toA)
		stranger.WriteToUDP(packet(uint16(i), 0xdead, "bad"), c.toB)
	}
	c.fromA("lost") // the callee is known once it has sent
	c.callerHears("good")
	c.calleeHears("good")
	if got := hear(stranger, 50*time.Millisecond); got != nil {
		t.Errorf("the stranger hears %q", got)
	}
	c.hangUp()
	for _, m := range s.record().Media {
		if m.Gated != 300 {
			t.Errorf("%d packets of the stranger are counted on a side, want 300", m.Gated)
		}
	}
}

// With rtpLatching any, a host that nobody spoke of is heard after a while.
func TestMediaFromAThirdHostWhereTheTrunkAllowsIt(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "rtpLatching: any"))
	c := l.talkFrom("third", "+14255550100", "192.0.2.50", l.ip(3))
	c.aRTP = l.rtp(l.ip(9))
	var sent int
	for got := []byte(nil); got == nil; sent++ {
		if sent > 1000 {
			t.Fatal("never heard")
		}
		c.fromA("hello")
		got = hear(c.bRTP, 10*time.Millisecond)
	}
	if sent < 5 {
		t.Errorf("heard with packet %d", sent)
	}
	c.callerHears("there") // where the third host is
	c.hangUp()
	s.record()
}

// TRK-09: a peer that vanishes in the middle of a call is noticed by its silence, and the other one gets its BYE.
func TestVanishedPeerEndsTheCallByMediaTimeout(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "mediaTimeout: 5s"))
	c := l.talk("vanish", "+14255550100")
	c.fromB("last words")
	gone := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for bye := ""; bye == ""; {
		<-tick.C
		c.fromA("hello?")
		if bye = c.a.next(time.Millisecond); bye != "" {
			if header(bye, "CSeq") == "" || bye[:4] != "BYE " {
				t.Fatalf("not a BYE: %s", bye)
			}
			c.a.send(c.a.reply(bye, 200, ""))
		}
		if time.Since(gone) > timeout {
			t.Fatal("nobody ends the call")
		}
	}
	if d := time.Since(gone); d < 4*time.Second || d > 12*time.Second {
		t.Errorf("ended after %v", d)
	}
	r := s.record()
	checkRecord(t, r, "media-dead", 200, "directsip")
	c.b.expect("BYE ")
}

// TRK-09: a server that was stopped for longer than mediaTimeout, as on a machine that is frozen for a snapshot, has heard nobody meanwhile, and its calls go on.
func TestStoppedServerKeepsItsCalls(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "mediaTimeout: 5s"))
	c := l.talk("stopped", "+14255550100")
	c.calleeHears("one moment")
	c.callerHears("yes")
	s.cmd.Process.Signal(syscall.SIGSTOP)
	<-time.After(6 * time.Second)
	s.cmd.Process.Signal(syscall.SIGCONT)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 150 { // three looks for silence
		<-tick.C
		c.calleeHears(fmt.Sprint("a", i))
		c.callerHears(fmt.Sprint("b", i))
	}
	c.hangUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}
