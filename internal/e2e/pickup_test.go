package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// RFC 3891 §3: another telephone of a gateway takes the place of one that rings: that is cancelled without having missed a call (RFC 3326), and the caller
// talks to the other, whichever shard its INVITE arrives at. Another gateway may not, and the telephone rings on.
func TestRFC3891_3PickUp(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"), "--shards", "4")
	const n = 8
	at2, at3, other, gw2 := l.udp(2, 0), l.udp(3, 5060), l.udp(3, 0), l.udp(4, 0)
	for i := range n {
		pbx, rings, takes := l.end(at2), l.end(at3), l.end(other)
		pbx.send(pbx.invite(l, "+14255550100", fmt.Sprint("picked", i), pbx.audio()))
		rings.inv = rings.expect("INVITE ")
		rings.send(rings.reply(rings.inv, 180, ""))
		pbx.expect("SIP/2.0 180")
		_, ours, _ := strings.Cut(header(rings.inv, "From"), ";tag=")
		replaces := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=hand", header(rings.inv, "Call-ID"), ours)
		if i == 0 {
			gw2.send(gw2.invite(l, "pickup", "stranger", audio(gw2.ip, 6000), replaces))
			r := gw2.final("INVITE")
			if status(r) != 403 {
				t.Errorf("another gateway is answered %d", status(r))
			}
			gw2.send(gw2.ack(r))
		}
		takes.send(takes.invite(l, "pickup", fmt.Sprint("picks", i), takes.audio(), replaces+";early-only", "Require: replaces"))
		cancel := rings.expect("CANCEL ")
		if v := header(cancel, "Reason"); v != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("CANCEL has Reason: %s", v)
		}
		rings.send(rings.reply(cancel, 200, ""))
		rings.send(rings.reply(rings.inv, 487, ""))
		rings.expect("ACK ")
		for _, e := range []*end{takes, pbx} {
			if e.ok = e.final("INVITE"); status(e.ok) != 200 {
				t.Fatal(e.ok)
			}
			e.send(e.ack(e.ok))
		}
		pbx.hears(takes, takes.ok)
		takes.hears(pbx, pbx.ok)
		pbx.send(pbx.bye(pbx.ok))
		pbx.final("BYE")
		takes.hungUp()
	}
	for _, r := range s.records(n) {
		checkRecord(t, r, "normal-clearing", 200, "caller")
		if len(r.Attempts) != 2 || r.Attempts[0].Class != "cancelled" || r.Attempts[1].Class != "joined" {
			t.Errorf("attempts %+v", r.Attempts)
		}
	}
}

// RFC 3326 §3.1: a CANCEL that says that somebody else has answered goes on as that: the telephone that rang shows no missed call.
func TestRFC3326_CompletedElsewhere(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	pbx, gw := l.udp(2, 0), l.udp(3, 5060)
	for i, c := range []struct{ said, told string }{
		{`SIP ;cause=200 ;text="Call completed elsewhere"`, `SIP;cause=200;text="Call completed elsewhere"`},
		{`Q.850;cause=26, SIP;cause=200`, `SIP;cause=200;text="Call completed elsewhere"`},
		{`SIP;cause=600;text="Busy Everywhere"`, ""},
	} {
		callID := fmt.Sprint("elsewhere", i)
		invite := pbx.invite(l, "+14255550100", callID, audio(pbx.ip, 6000))
		pbx.send(invite)
		rings := gw.expect("INVITE ")
		gw.send(gw.reply(rings, 180, ""))
		pbx.expect("SIP/2.0 180")
		target := "sip:+14255550100@" + l.ip(1)
		pbx.send(pbx.request("CANCEL", target, "<"+target+">", callID, 1, "inv"+callID, "", "Reason: "+c.said))
		pbx.send(pbx.ack(pbx.final("INVITE")))
		cancel := gw.expect("CANCEL ")
		if v := header(cancel, "Reason"); v != c.told {
			t.Errorf("%s goes on as %q", c.said, v)
		}
		gw.send(gw.reply(cancel, 200, ""))
		gw.send(gw.reply(rings, 487, ""))
		gw.expect("ACK ")
		checkRecord(t, s.records(i + 1)[i], "caller-cancelled", 487, "caller")
	}
}

// Who takes the caller's place is the caller to the others: the target of a later transfer sees its number.
func TestWhoTakesAPlaceKeepsItsNumber(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "acceptRefer: true"))
	pbx, callee, other, target := l.end(l.udp(2, 0)), l.end(l.udp(3, 5060)), l.end(l.udp(2, 0)), l.udp(4, 5060)
	pbx.call(l, "+14255550100", "number", callee)
	_, ours, _ := strings.Cut(header(pbx.ok, "To"), ";tag=")
	other.send(other.invite(l, "pickup", "takes", other.audio(), "Replaces: number;from-tag=fnumber;to-tag="+ours))
	told := callee.expect("INVITE ")
	callee.send(callee.reply(told, 200, callee.audio()))
	callee.expect("ACK ")
	other.ok = other.final("INVITE")
	other.send(other.ack(other.ok))
	pbx.hungUp()
	callee.send(build("", "REFER "+uri(header(callee.inv, "Contact"))+" SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s:%d;branch=z9hG4bKrefer", callee.ip, callee.port),
		"From: "+header(callee.inv, "To")+";tag=hand", "To: "+header(callee.inv, "From"), "Call-ID: "+header(callee.inv, "Call-ID"), "CSeq: 1 REFER", "Max-Forwards: 70",
		fmt.Sprintf("Contact: <sip:hand@%s:%d>", callee.ip, callee.port), "Refer-To: <sip:+14255550111@"+l.ip(1)+">"))
	invite := target.expect("INVITE ")
	if from := header(invite, "From"); !strings.Contains(from, "sip:+14255550199@") {
		t.Errorf("the target is called by %s", from)
	}
	target.send(target.reply(invite, 486, ""))
	if r := callee.result(); r != "SIP/2.0 486 Busy Here" {
		t.Errorf("the result is %q", r)
	}
	other.send(other.bye(other.ok))
	other.final("BYE")
	callee.hungUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}
