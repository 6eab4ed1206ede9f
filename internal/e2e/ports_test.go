package e2e

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
)

// MED-09: video is added to a call while other programs have every port that is left. It is refused on both sides, one that is not open is named to nobody, speech goes on, and the explanation of the
// call says why. When there are ports again the next offer has them, and what is sent to them at once arrives.
func TestVideoWithoutPorts(t *testing.T) {
	l := newLab(t)
	s := l.serve(strings.Replace(l.document("UDP"), "{addresses:", "{mediaTier: sockets, mediaPorts: 40000-40031, addresses:", 1)) // which sees at once who else has a port
	c := l.talk("film", "+14255550100")
	c.calleeHears("hello")
	c.callerHears("hello")
	var others []net.PacketConn
	for port := 40000; port < 40032; port++ {
		if other, err := net.ListenPacket("udp", net.JoinHostPort(l.ip(1), strconv.Itoa(port))); err == nil {
			others = append(others, other)
			t.Cleanup(func() { other.Close() })
		}
	}
	if len(others) != 28 {
		t.Fatalf("%d ports are left beside those of the call, want 28", len(others))
	}
	seq := 1
	aFilm, bFilm := l.rtp(l.ip(2)), l.rtp(l.ip(3))
	said := func(speech, film *net.UDPConn) string {
		return strings.Replace(audio(speech.LocalAddr().(*net.UDPAddr).IP.String(), speech.LocalAddr().(*net.UDPAddr).Port), "o=- 1 1", fmt.Sprint("o=- 1 ", seq), 1) +
			fmt.Sprintf("m=video %d RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", film.LocalAddr().(*net.UDPAddr).Port)
	}
	port := func(msg string) *net.UDPAddr {
		_, m, ok := strings.Cut(msg, "\r\nm=video ")
		if n, err := strconv.Atoi(strings.Fields(m + " -")[0]); ok && err == nil {
			return &net.UDPAddr{IP: net.ParseIP(l.ip(1)), Port: n}
		}
		t.Fatalf("no m-line of video:\n%s", msg)
		return nil
	}
	add := func() (inv, final string) {
		seq++
		c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), header(c.answer, "To"), "film", seq, fmt.Sprint("re", seq), said(c.aRTP, aFilm)))
		inv = c.b.expect("INVITE ")
		answer := said(c.bRTP, bFilm)
		if port(inv).Port == 0 {
			answer = strings.Replace(answer, fmt.Sprint("m=video ", bFilm.LocalAddr().(*net.UDPAddr).Port), "m=video 0", 1)
		}
		c.b.send(c.b.reply(inv, 200, answer))
		c.b.expect("ACK ")
		final = c.a.final("INVITE")
		c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), header(c.answer, "To"), "film", seq, fmt.Sprint("ackre", seq), ""))
		return inv, final
	}
	inv, final := add()
	if status(final) != 200 || port(inv).Port != 0 || port(final).Port != 0 {
		t.Errorf("without ports the callee is offered\n%s\nand the caller answered\n%s", inv, final)
	}
	c.calleeHears("still here")
	c.callerHears("still here")
	for _, other := range others {
		other.Close()
	}
	aFilm, bFilm = l.rtp(l.ip(2)), l.rtp(l.ip(3)) // the same offer again would only refresh what stands
	inv, final = add()
	for _, way := range []struct {
		from, at *net.UDPConn
		to       *net.UDPAddr
	}{{aFilm, bFilm, port(final)}, {bFilm, aFilm, port(inv)}} {
		p := packet(1, 0xf, "film")
		way.from.WriteToUDP(p, way.to)
		if got := hear(way.at, timeout); !bytes.Equal(got, p) {
			t.Errorf("%q came by %v as %q", p, way.to, got)
		}
	}
	c.calleeHears("still here")
	c.callerHears("still here")
	c.hangUpAt(seq + 1)
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	if out := s.cli(0, "why", r.ID); !strings.Contains(out, "no ports: the caller adds an m-line, and the relay could not open one for it: it is refused") {
		t.Errorf("why does not tell:\n%s", out)
	}
}

// MED-09: the next target is met by another address of ours, where another program has the port that is open at the first one. It is offered a port that is open there, and both hear each other; where
// there is none it is not called, and the explanation of the call says why.
func TestNextTargetWithoutPorts(t *testing.T) {
	l := newLab(t)
	doc := replaceOnce(t, l.document("UDP"), "{addresses: ["+l.ip(1)+"],", "{mediaTier: sockets, mediaPorts: 40000-40031, interfaces: {line: {addresses: ["+l.ip(9)+"]}}, addresses: ["+l.ip(1)+"],")
	s := l.serve(replaceOnce(t, doc, "host: "+l.ip(4)+",", "interface: line, host: "+l.ip(4)+","))
	hold := func(port int) {
		t.Helper()
		if other, err := net.ListenPacket("udp", net.JoinHostPort(l.ip(9), strconv.Itoa(port))); err == nil {
			t.Cleanup(func() { other.Close() })
		}
	}
	c := &talk{a: l.udp(2, 0), b: l.udpTo(l.ip(4), 5060, l.ip(9)), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(4)), aSSRC: 0xa, bSSRC: 0xb}
	first, offer := l.udp(3, 5060), audio(l.ip(2), c.aRTP.LocalAddr().(*net.UDPAddr).Port)
	c.a.send(c.a.invite(l, "+14255550100", "elsewhere", offer))
	inv := first.fresh("INVITE ")
	taken := where(t, inv).Port
	hold(taken)
	first.send(first.reply(inv, 503, ""))
	c.inv = c.b.fresh("INVITE ")
	c.b.send(c.b.reply(c.inv, 200, audio(l.ip(4), c.bRTP.LocalAddr().(*net.UDPAddr).Port)))
	c.b.fresh("ACK ")
	c.answer = c.a.final("INVITE")
	c.a.send(c.a.ack(c.answer))
	c.toA, c.toB = where(t, c.answer), where(t, c.inv)
	if at := c.toB; at.IP.String() != l.ip(9) || at.Port == taken {
		t.Errorf("the second target is offered %v", at)
	}
	c.calleeHears("hello")
	c.callerHears("hello")
	c.hangUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")

	for port := 40000; port < 40032; port++ {
		hold(port)
	}
	c.a.send(c.a.invite(l, "+14255550100", "nowhere", offer))
	inv = first.fresh("INVITE ")
	first.send(first.reply(inv, 503, ""))
	if final := c.a.final("INVITE"); status(final) != 503 {
		t.Errorf("where there is no port the caller gets\n%s", final)
	}
	r := s.records(2)[1]
	checkRecord(t, r, "all-trunks-failed", 503, "directsip")
	if out := s.cli(0, "why", r.ID); !strings.Contains(out, "no ports: the relay could not open one at the address of ours that it is called from") {
		t.Errorf("why does not tell:\n%s", out)
	}
}
