package e2e

import (
	"strings"
	"testing"
)

// Who was in a call of a server that was killed sends media to its ports still. A new call has others: of two peers behind one NAT, whose descriptions have
// addresses that nobody sees, the one that sends first would be heard in it.
func TestLostCallsAreNotHeardInNewOnes(t *testing.T) {
	l := newLab(t)
	s := l.serve(strings.Replace(l.document("UDP"), `metrics: "`, `mediaPorts: 20000-59999, metrics: "`, 1), "--shards", "1") // by which it would give out the same ports
	const nearA, nearB = "192.0.2.50", "192.0.2.60"
	lost := l.talkFrom("lost", "+14255550100", nearA, nearB)
	lost.fromB("known")
	lost.calleeHears("hello")
	const restarts = 2 // one of 624 begins where the one before has begun
	heard := 0
	for i := range restarts {
		s.kill()
		s.start()
		c := &talk{a: l.udp(2, 0), b: lost.b, aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xc, bSSRC: 0xd}
		c.setUp(l, "+14255550100", "new"+string(rune('0'+i)), audio(nearA, port(c.aRTP)), audio(nearB, port(c.bRTP)))
		lost.fromA("lost") // never stopped
		lost.fromB("lost")
		c.fromB("known") // the callee is known once it has sent
		p := c.fromA("hello")
		if got := string(hear(c.bRTP, timeout)); got != string(p) {
			heard++
		}
		c.hangUp()
	}
	if heard == restarts {
		t.Error("after each restart somebody of a lost call is heard in a new one, or nobody is")
	}
	s.want = 3
}
