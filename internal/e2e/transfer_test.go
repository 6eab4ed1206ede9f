package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// end is one end of a call at a peer by hand, with a socket for its audio.
type end struct {
	*socket
	rtp *net.UDPConn
	inv string // the INVITE that it took
	ok  string // the 200 that it got
}

func (l *lab) end(s *socket) *end { return &end{socket: s, rtp: l.rtp(s.ip)} }

func (e *end) audio() string { return audio(e.ip, e.rtp.LocalAddr().(*net.UDPAddr).Port) }

// call calls a number and is answered by to.
func (e *end) call(l *lab, number, callID string, to *end) {
	e.t.Helper()
	e.send(e.invite(l, number, callID, e.audio()))
	to.take()
	e.ok = e.final("INVITE")
	if status(e.ok) != 200 {
		e.t.Fatal(e.ok)
	}
	e.send(e.ack(e.ok))
}

// take answers the next INVITE.
func (e *end) take() {
	e.t.Helper()
	e.inv = e.expect("INVITE ")
	e.send(e.reply(e.inv, 200, e.audio()))
	e.expect("ACK ")
}

// refer asks for a transfer, which is accepted.
func (e *end) refer(to string) {
	e.t.Helper()
	callID := header(e.ok, "Call-ID")
	e.send(e.request("REFER", uri(header(e.ok, "Contact")), header(e.ok, "To"), callID, 2, "ref"+callID, "", "Refer-To: "+to))
	if r := e.final("REFER"); status(r) != 202 {
		e.t.Fatal(r)
	}
}

// result answers NOTIFYs until the last one and returns what that says.
func (e *end) result() string {
	e.t.Helper()
	for {
		n := e.expect("NOTIFY ")
		e.send(e.reply(n, 200, ""))
		if strings.HasPrefix(header(n, "Subscription-State"), "terminated") {
			_, body, _ := strings.Cut(n, "\r\n\r\n")
			return strings.TrimSpace(body)
		}
	}
}

// hungUp answers the BYE.
func (e *end) hungUp() {
	e.t.Helper()
	e.send(e.reply(e.expect("BYE "), 200, ""))
}

// hangUp ends a call that it took.
func (e *end) hangUp() {
	e.t.Helper()
	e.send(build("", "BYE "+uri(header(e.inv, "Contact"))+" SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s:%d;branch=z9hG4bKbye%s", e.ip, e.port, header(e.inv, "Call-ID")),
		"From: "+header(e.inv, "To")+";tag=hand", "To: "+header(e.inv, "From"), "Call-ID: "+header(e.inv, "Call-ID"), "CSeq: 1 BYE", "Max-Forwards: 70"))
	if r := e.final("BYE"); status(r) != 200 {
		e.t.Error(r)
	}
}

// hears checks that what from sends to the port that it was told last arrives at e.
func (e *end) hears(from *end, told string) {
	e.t.Helper()
	deadline := time.Now().Add(timeout)
	buf := make([]byte, 2048)
	for seq := uint16(1); time.Now().Before(deadline); seq++ {
		p := packet(seq, 0x77, "audio")
		if _, err := from.rtp.WriteToUDP(p, where(e.t, told)); err != nil {
			e.t.Fatal(err)
		}
		e.rtp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _, err := e.rtp.ReadFromUDP(buf); err == nil && n == len(p) && buf[11] == 0x77 {
			return
		}
	}
	e.t.Errorf("%s does not hear %s", e.ip, from.ip)
}

// NEW-03, SIG-10: a blind transfer: the target is hunted for, who stays is told its media, the referrer is hung up.
func TestBlindTransfer(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "acceptRefer: true"))
	pbx, stays, target := l.end(l.udp(2, 5060)), l.end(l.udp(3, 5060)), l.end(l.udp(4, 5060))
	pbx.call(l, "+14255550100", "blind", stays)
	pbx.refer("<sip:+14255550111@" + l.ip(1) + ">")
	inv := stays.expect("INVITE ") // the first trunk of the route has no line for the target
	stays.send(stays.reply(inv, 503, ""))
	stays.expect("ACK ")
	target.take()
	again := stays.expect("INVITE ")
	stays.send(stays.reply(again, 200, stays.audio()))
	stays.expect("ACK ")
	if r := pbx.result(); r != "SIP/2.0 200 OK" {
		t.Errorf("the result is %q", r)
	}
	pbx.hungUp()
	target.hears(stays, again)
	stays.hears(target, target.inv)
	stays.hangUp()
	target.hungUp()
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "callee")
	if len(r.Transfers) != 1 || r.Transfers[0].How != "invite" || r.Transfers[0].Status != 200 || r.Transfers[0].By != "caller" {
		t.Errorf("transfers %+v", r.Transfers)
	}
}

// A transfer whose target is busy leaves the call as it was.
func TestBlindTransferToBusyTarget(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "acceptRefer: true"))
	pbx, stays := l.end(l.udp(2, 5060)), l.end(l.udp(3, 5060))
	pbx.call(l, "+14255550100", "busy", stays)
	pbx.refer("<sip:+14255550111@" + l.ip(1) + ">")
	inv := stays.expect("INVITE ")
	stays.send(stays.reply(inv, 486, ""))
	if r := pbx.result(); r != "SIP/2.0 486 Busy Here" {
		t.Errorf("the result is %q", r)
	}
	pbx.hears(stays, stays.inv)
	stays.hears(pbx, pbx.ok)
	stays.hangUp()
	pbx.hungUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "callee")
}

// RFC 5589 §7: attended transfers join two calls, whichever shards of the server have them.
func TestAttendedTransferAcrossShards(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "acceptRefer: true"), "--shards", "4")
	const n = 12
	at2, at3 := l.udp(2, 0), l.udp(3, 5060)
	for i := range n {
		pbx, consult, first, second := l.end(at2), l.end(at2), l.end(at3), l.end(at3)
		pbx.call(l, "+14255550100", fmt.Sprint("first", i), first)
		consult.call(l, "+14255550111", fmt.Sprint("second", i), second)
		_, theirs, _ := strings.Cut(header(consult.ok, "To"), ";tag=")
		pbx.refer(fmt.Sprintf("<sip:+14255550111@%s?Replaces=second%d%%3Bto-tag%%3D%s%%3Bfrom-tag%%3Dfsecond%d>", l.ip(1), i, theirs, i))
		told := first.expect("INVITE ")
		if header(told, "Call-ID") != header(first.inv, "Call-ID") {
			t.Fatalf("the first re-INVITE is for %s", header(told, "Call-ID"))
		}
		first.send(first.reply(told, 200, first.audio()))
		first.expect("ACK ")
		also := second.expect("INVITE ")
		second.send(second.reply(also, 200, second.audio()))
		second.expect("ACK ")
		if r, byes := pbx.resultAndByes(); r != "SIP/2.0 200 OK" || byes != 2 {
			t.Errorf("the result is %q, %d BYEs", r, byes)
		}
		second.hears(first, told)
		first.hears(second, also)
		first.hangUp()
		second.hungUp()
	}
	transferred := 0
	for _, r := range s.records(2 * n) {
		if r.Reason == "transferred" {
			transferred++
		}
		if len(r.Transfers) != 1 || r.Transfers[0].How != "join" || r.Transfers[0].Status != 200 {
			t.Errorf("transfers %+v", r.Transfers)
		}
	}
	if transferred != n {
		t.Errorf("%d of %d calls were transferred", transferred, n)
	}
}

// resultAndByes answers NOTIFYs and the BYEs of both calls of the referrer.
func (e *end) resultAndByes() (result string, byes int) {
	e.t.Helper()
	for result == "" || byes < 2 {
		m := e.next(timeout)
		switch {
		case m == "":
			return result, byes
		case strings.HasPrefix(m, "BYE "):
			byes++
		case !strings.HasPrefix(m, "NOTIFY "):
			continue
		case strings.HasPrefix(header(m, "Subscription-State"), "terminated"):
			_, body, _ := strings.Cut(m, "\r\n\r\n")
			result = strings.TrimSpace(body)
		}
		e.send(e.reply(m, 200, ""))
	}
	return result, byes
}

// DR-17: INVITEs with Replaces take the place of their dialogs, whichever shard they arrive at.
func TestReplacesAcrossShards(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"), "--shards", "4")
	const n = 12
	at2, another, at3 := l.udp(2, 0), l.udp(2, 0), l.udp(3, 5060)
	for i := range n {
		pbx, callee, other := l.end(at2), l.end(at3), l.end(another)
		pbx.call(l, "+14255550100", fmt.Sprint("taken", i), callee)
		_, theirs, _ := strings.Cut(header(pbx.ok, "To"), ";tag=")
		other.send(other.invite(l, "pickup", fmt.Sprint("takes", i), other.audio(),
			fmt.Sprintf("Replaces: taken%d;to-tag=%s;from-tag=ftaken%d", i, theirs, i), "Require: replaces"))
		told := callee.expect("INVITE ")
		callee.send(callee.reply(told, 200, callee.audio()))
		callee.expect("ACK ")
		if other.ok = other.final("INVITE"); status(other.ok) != 200 {
			t.Fatal(other.ok)
		}
		other.send(other.ack(other.ok))
		pbx.hungUp()
		callee.hears(other, other.ok)
		other.hears(callee, told)
		other.send(other.bye(other.ok))
		other.final("BYE")
		callee.hungUp()
	}
	for _, r := range s.records(n) {
		checkRecord(t, r, "normal-clearing", 200, "caller")
	}
}

// RFC 3891 §3: what is no dialog of ours gets 481, and a gateway may not take the calls of another one.
func TestReplacesRefused(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"), "--shards", "4")
	pbx, callee, gw2 := l.end(l.udp(2, 0)), l.end(l.udp(3, 5060)), l.end(l.udp(4, 0))
	pbx.call(l, "+14255550100", "mine", callee)
	_, theirs, _ := strings.Cut(header(pbx.ok, "To"), ";tag=")
	for i, c := range []struct {
		value string
		want  int
	}{
		{"nobody;to-tag=x;from-tag=y", 481},
		{"mine;to-tag=x;from-tag=fmine", 481},
		{"mine;to-tag=" + theirs + ";from-tag=fmine", 403},
		{"mine;to-tag=" + theirs, 400},
		{"elsewhere@example.com;to-tag=a;from-tag=b;x=\"y\"", 481},
	} {
		gw2.send(gw2.invite(l, "pickup", fmt.Sprint("refused", i), gw2.audio(), "Replaces: "+c.value))
		r := gw2.final("INVITE")
		if status(r) != c.want {
			t.Errorf("Replaces: %s is answered %d, want %d", c.value, status(r), c.want)
		}
		gw2.send(gw2.ack(r))
	}
	pbx.send(pbx.bye(pbx.ok))
	pbx.final("BYE")
	callee.hungUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}
