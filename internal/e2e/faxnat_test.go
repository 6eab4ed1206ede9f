package e2e

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// P11, P14: fax machines behind NAT, whose descriptions have private addresses. UDPTL goes back to where it comes from, as RTP does; where it has the ports that
// audio had it is there at once, also for the one that only listens; and a stranger's reaches nobody.
func TestP11_FaxBehindNAT(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		t.Run(map[bool]string{true: "with ports of its own", false: "on the ports of audio"}[own], func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.document("UDP"))
			const nearA, nearB = "192.0.2.50", "192.0.2.60"
			c := l.talkFrom("faxnat", "+14255550100", nearA, nearB)
			c.fromA("lost") // the callee is known once it has sent
			c.callerHears("hello")
			c.calleeHears("hello")
			aFax, bFax, stranger := c.aRTP, c.bRTP, l.rtp(l.ip(9))
			if own {
				aFax, bFax = l.rtp(l.ip(2)), l.rtp(l.ip(3))
			}
			t38 := func(ip string, conn *net.UDPConn) string {
				head, _, _ := strings.Cut(audio(ip, 0), "m=audio")
				return head + fmt.Sprintf("m=image %d udptl t38\r\na=T38FaxVersion:0\r\n", conn.LocalAddr().(*net.UDPAddr).Port)
			}
			port := func(msg string) *net.UDPAddr {
				_, m, _ := strings.Cut(msg, "\r\nm=image ")
				n, _ := strconv.Atoi(strings.Fields(m + " 0")[0])
				return &net.UDPAddr{IP: net.ParseIP(l.ip(1)), Port: n}
			}
			c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), header(c.answer, "To"), "faxnat", 2, "t38", t38(nearA, aFax)))
			inv := c.b.expect("INVITE ")
			c.b.send(c.b.reply(inv, 200, t38(nearB, bFax)))
			c.b.expect("ACK ")
			final := c.a.final("INVITE")
			c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), header(c.answer, "To"), "faxnat", 2, "ackt38", ""))
			toA, toB := port(final), port(inv)
			pass := func(from *net.UDPConn, to *net.UDPAddr, at *net.UDPConn, n byte) {
				t.Helper()
				x := []byte{0, n, 1, 6, 0, 0}
				from.WriteToUDP(x, to)
				if got := hear(at, timeout); !bytes.Equal(got, x) {
					t.Fatalf("%v came as %v", x, got)
				}
			}
			bad := []byte{9, 9, 9, 9, 9, 9}
			stranger.WriteToUDP(bad, toA)
			stranger.WriteToUDP(bad, toB)
			if own { // nobody knows yet where the callee's is
				aFax.WriteToUDP([]byte{0, 0, 1, 6, 0, 0}, toA)
				pass(bFax, toB, aFax, 1)
			}
			pass(aFax, toA, bFax, 2)
			pass(bFax, toB, aFax, 3)
			stranger.WriteToUDP(bad, toB)
			pass(aFax, toA, bFax, 4)
			pass(bFax, toB, aFax, 5)
			if got := hear(stranger, time.Millisecond); got != nil {
				t.Errorf("the stranger gets %v", got)
			}
			c.hangUpAt(3)
			r := s.record()
			checkRecord(t, r, "normal-clearing", 200, "caller")
			var gated uint64
			for i := range r.Media {
				gated += r.Media[i].Gated
			}
			if gated != 3 {
				t.Errorf("%d packets of the stranger are counted", gated)
			}
		})
	}
}
