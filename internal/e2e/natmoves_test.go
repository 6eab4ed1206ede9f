package e2e

import (
	"fmt"
	"testing"
)

// P14: a NAT forgets its mapping while nothing is sent, as by who is on hold, and gives the next packet another port. The SDP behind it has the same address as ever.
// Who comes back from hold, or is taken back, is heard from there and hears there, and so is who has said its SDP again since.
func TestP14_NATForgetsWhoIsOnHold(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	const nearA, nearB = "192.0.2.50", "192.0.2.60"
	c := l.talkFrom("natmoves", "+14255550100", nearA, nearB)
	talks := func() {
		t.Helper()
		c.fromA("lost") // the callee is known once it has sent
		c.callerHears("hello")
		c.calleeHears("hello")
	}
	talks()
	offer, answer := audio(nearA, port(c.aRTP)), audio(nearB, port(c.bRTP))
	said, cseq := header(c.answer, "To"), 1
	modify := func(a, b string) {
		t.Helper()
		cseq++
		c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), said, "natmoves", cseq, fmt.Sprint("change", cseq), offer+"a="+a+"\r\n"))
		c.b.send(c.b.reply(c.b.expect("INVITE "), 200, answer+"a="+b+"\r\n"))
		c.b.expect("ACK ")
		if final := c.a.final("INVITE"); status(final) != 200 {
			t.Fatal(final)
		}
		c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), said, "natmoves", cseq, fmt.Sprint("ack", cseq), ""))
	}
	for _, hold := range [][2]string{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"recvonly", "sendonly"}} {
		modify(hold[0], hold[1])
		c.aRTP, c.bRTP = l.rtp(l.ip(2)), l.rtp(l.ip(3)) // as the NATs make of it
		modify("sendrecv", "sendrecv")
		talks()
	}
	for _, method := range []string{"INVITE", "UPDATE"} { // of who has said nothing for long
		cseq++
		c.aRTP = l.rtp(l.ip(2))
		c.a.send(c.a.request(method, uri(header(c.answer, "Contact")), said, "natmoves", cseq, "refresh"+method, offer+"a=sendrecv\r\n"))
		if final := c.a.final(method); status(final) != 200 {
			t.Fatal(final)
		}
		if method == "INVITE" {
			c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), said, "natmoves", cseq, "ackrefresh", ""))
		}
		c.calleeHears("hello")
		c.callerHears("hello")
	}
	modify("inactive", "inactive")
	c.aRTP = l.rtp(l.ip(2))
	modify("sendonly", "recvonly") // and plays
	c.calleeHears("music")
	c.a.send(c.a.request("BYE", uri(header(c.answer, "Contact")), said, "natmoves", cseq+1, "byemoved", ""))
	c.a.final("BYE")
	c.b.send(c.b.reply(c.b.expect("BYE "), 200, ""))
	for _, m := range s.record().Media {
		if m.Gated != 0 {
			t.Errorf("%d packets of the %s did not pass", m.Gated, m.From)
		}
	}
}
