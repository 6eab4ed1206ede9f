package e2e

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// MED-02: a caller who has G729 and PCMU, and a trunk that has G729 and PCMA: where both are taken, G729 passes as it is and G.711 of either law becomes
// that of the other side, packet by packet and in the order in which they come.
func TestMED02PassesBesideWhatIsConverted(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + "  trunk:gw1: {usages: [all], options: false, codecs: [G729, PCMA]}\n")
	c := &talk{a: l.udp(2, 0), b: l.udp(3, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb}
	speaks := func(ip string, conn *net.UDPConn, formats string) string {
		body, _, _ := strings.Cut(audio(ip, conn.LocalAddr().(*net.UDPAddr).Port), "a=rtpmap")
		return strings.Replace(body, "AVP 0", "AVP "+formats, 1)
	}
	c.setUp(l, "+14255550100", "beside", speaks(l.ip(2), c.aRTP, "18 0"), speaks(l.ip(3), c.bRTP, "18 8"))
	for message, want := range map[string]string{c.inv: " RTP/AVP 18 8\r\n", c.answer: " RTP/AVP 18 0\r\n"} {
		if !strings.Contains(message, want) {
			t.Errorf("no %q in\n%s", want, message)
		}
	}
	one := func(from, to *net.UDPConn, at *net.UDPAddr, seq uint16, ssrc uint32, sent, heard, before, after byte) {
		t.Helper()
		p := packet(seq, ssrc, "")
		p[1] = sent
		for i := range p[12:] {
			p[12+i] = before
		}
		from.WriteToUDP(p, at)
		p[1] = heard
		for i := range p[12:] {
			p[12+i] = after
		}
		if got := hear(to, timeout); !bytes.Equal(got, p) {
			t.Fatalf("payload type %d: heard %x, want %x", sent, got, p)
		}
	}
	const mu, a = 0xfe, 0xd5 // the least that is more than 0 in µ-law and in A-law (ITU-T G.711)
	for n := range uint16(20) {
		one(c.aRTP, c.bRTP, c.toA, 2*n, c.aSSRC, 18, 18, 0x5a, 0x5a)
		one(c.aRTP, c.bRTP, c.toA, 2*n+1, c.aSSRC, 0, 8, mu, a)
		one(c.bRTP, c.aRTP, c.toB, 2*n, c.bSSRC, 18, 18, 0xa5, 0xa5)
		one(c.bRTP, c.aRTP, c.toB, 2*n+1, c.bSSRC, 8, 0, a, mu)
	}
	c.hangUp()
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	if r.In.Codec != "G729" || r.Out.Codec != "G729" {
		t.Errorf("the record has %s in and %s out", r.In.Codec, r.Out.Codec)
	}
	for _, m := range r.Media {
		if m.Packets != 40 || m.Dropped > 0 || m.Lost > 0 {
			t.Errorf("media in the record: %+v", m)
		}
	}
}
