package ua_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// twin is another call of the UC platform, with the Call-ID of one that there is, and who has answered it.
func twin(r *rig, callID, from string) (caller, callee *end) {
	r.b.Helper()
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "t"+from, callID, from, "", bodies[0]))
	inv := r.first("INVITE")
	if inv == nil {
		r.b.Fatalf("nobody is called:\n%s", r.lines())
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to"+from, bodies[1]))
	ack, ok := r.first("ACK"), r.first("SIP/2.0 200")
	caller = &end{r: r, src: r.uc, callID: callID, from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	callee = &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	caller.ack(1)
	return caller, callee
}

// RFC 3261 §8.2.2.2, §12: an INVITE with the Call-ID of a call and another From tag is no copy of its INVITE, but begins a call of its own, and each is told from the other by its tags.
func TestRFC3261_8_2_2_2(t *testing.T) {
	for _, order := range []bool{false, true} {
		r := newRig(t)
		a, b := r.acknowledged()
		x, y := twin(r, a.callID, "again")
		if order {
			a, b, x, y = x, y, a, b
		}
		for range 2 {
			for _, p := range [][2]*end{{a, b}, {b, a}, {x, y}, {y, x}} {
				p[0].says("INVITE", directed(map[bool]int{true: 0, false: 1}[p[0].src.Remote == r.uc.Remote], "sendonly"))
				asked := r.first("INVITE")
				if asked == nil || tagOf(header(asked, "To")) != tagOf(p[1].from) || header(asked, "Call-ID") != p[1].callID {
					t.Fatalf("asked is not the other side:\n%s", r.lines())
				}
				p[1].answers("488 Not Acceptable Here", asked, "")
				if said := r.first("SIP/2.0 488"); said == nil || tagOf(header(said, "From")) != tagOf(p[0].from) {
					t.Fatalf("not told:\n%s", r.lines())
				}
				p[0].ack(p[0].seq)
			}
		}
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "third", a.callID, "third", "", bodies[0]))
		third := r.first("INVITE")
		r.out.Reset()
		r.in(r.pstn, response("180 Ringing", third, "to3", ""))
		r.in(r.uc, request("CANCEL", "1", "third", a.callID, "third", "", ""))
		if r.first("CANCEL") == nil || r.first("SIP/2.0 487") == nil || r.core.Live() != 2 {
			t.Fatalf("cancelled is\n%s", r.lines())
		}
		r.in(r.pstn, response("487 Request Terminated", third, "to3", ""))
		r.in(r.uc, request("ACK", "1", "third", a.callID, "third", tagOf(header(r.first("SIP/2.0 487"), "To")), ""))
		a.says("BYE", "")
		if bye := r.first("BYE"); bye == nil || header(bye, "Call-ID") != b.callID {
			t.Fatalf("hung up is\n%s", r.lines())
		}
		b.answers("200 OK", r.first("BYE"), "")
		r.out.Reset()
		r.in(r.uc, request("INVITE", "2", "late", a.callID, tagOf(x.from), "", bodies[0]))
		if r.first("SIP/2.0 482") == nil {
			t.Errorf("one with the From tag of a call is answered\n%s", r.lines())
		}
		r.pass(time.Minute)
		y.says("BYE", "")
		if bye := r.first("BYE"); bye == nil || header(bye, "Call-ID") != x.callID || r.core.Live() != 0 {
			t.Fatalf("hung up is\n%s", r.lines())
		}
		x.answers("200 OK", r.first("BYE"), "")
		if r.pass(time.Minute); r.core.Held() != 0 || r.core.Owns(a.callID) {
			t.Errorf("%d calls are in memory", r.core.Held())
		}
	}
}

// TestTwinsAreJoined: who was called by both joins the two, whose legs of one call are told from each other by their tags, too.
func TestTwinsAreJoined(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, acceptRefer: true, enable3pccRefer: true}`+"\n  "+`"trunk:uc": {enable3pccRefer: true, `, 1))
	a, b := r.acknowledged()
	x, y := twin(r, a.callID, "again")
	b.joins(y, "198.51.100.2")
	for _, e := range []*end{a, x} {
		asked := r.first("INVITE")
		if asked == nil || header(asked, "Call-ID") != a.callID || tagOf(header(asked, "To")) != tagOf(e.from) {
			t.Fatalf("asked is not the next one:\n%s\n%s", r.lines(), asked)
		}
		e.answers("200 OK", asked, bodies[0])
	}
	for _, n := range r.out.Returns {
		r.core.Returned(r.now, n, &r.out)
	}
	r.relays()
	for _, e := range []*end{b, y} {
		if !strings.Contains(string(bytes.Join(sends(r), nil)), "Call-ID: "+e.callID) {
			t.Errorf("%s is not hung up:\n%s", e.from, r.lines())
		}
	}
	for _, p := range [][2]*end{{a, x}, {x, a}} {
		p[0].says("INVITE", directed(0, "sendonly"))
		asked := r.first("INVITE")
		if asked == nil || tagOf(header(asked, "To")) != tagOf(p[1].from) {
			t.Fatalf("asked is not the other side:\n%s", r.lines())
		}
		p[1].answers("488 Not Acceptable Here", asked, "")
		p[0].ack(p[0].seq)
	}
	a.says("BYE", "")
	if bye := r.first("BYE"); bye == nil || tagOf(header(bye, "To")) != tagOf(x.from) {
		t.Errorf("hung up is\n%s", r.lines())
	}
}

// sends is what goes out.
func sends(r *rig) (list [][]byte) {
	for _, s := range r.out.Sends {
		list = append(list, s.Data)
	}
	return list
}

// TestManyTwins: what has the Call-ID of too many calls is refused.
func TestManyTwins(t *testing.T) {
	r := newRig(t)
	for i := range 20 {
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i"+string(rune('a'+i)), "call", "from"+string(rune('a'+i)), "", bodies[0]))
	}
	if r.core.Live() != 9 || r.first("SIP/2.0 482") == nil {
		t.Errorf("%d calls\n%s", r.core.Live(), r.lines())
	}
}

// RFC 3261 §16.3: a proxy that has the telephone that we call forwarded to another number sends our own INVITE back for that. It is another call, and no loop. So is not what comes back for
// the same number, or by a proxy that does not stay on the way, so that we would have to send the ACK to ourselves.
func TestSpiral(t *testing.T) {
	for _, c := range []struct {
		uri, route string
		spiral     bool
	}{
		{"sip:+14255550177@192.0.2.10", "Record-Route: <sip:198.51.100.2;lr>\r\n", true},
		{"sip:+14255550177@192.0.2.10", "", false},
		{"sip:4255550100@192.0.2.10", "Record-Route: <sip:198.51.100.2;lr>\r\n", false},
	} {
		r := rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {usages: [onward], options: false}`+"\n  "+`"trunk:uc": {`, "usages: [all]\nroutes:", "usages: [all, onward]\nroutes:").Replace(document)+
			"  - {name: onward, pattern: '^\\+', usages: [onward], trunks: [uc]}\n")
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		forwarded := bytes.Replace(onward(r.first("INVITE")), []byte("sip:+14255550100@198.51.100.2;user=phone SIP"), []byte(c.uri+" SIP"), 1)
		forwarded = bytes.Replace(forwarded, []byte("Max-Forwards"), []byte(c.route+"Max-Forwards"), 1)
		r.out.Reset()
		r.in(r.pstn, forwarded)
		if !c.spiral {
			if said := r.first("SIP/2.0 482"); said == nil || !bytes.Contains(said, []byte("loop-detected")) || r.core.Live() != 1 {
				t.Errorf("%+v:\n%s", c, r.lines())
			}
			continue
		}
		inv := r.first("INVITE")
		if inv == nil || r.core.Live() != 2 {
			t.Fatalf("nobody is called:\n%s", r.lines())
		}
		r.out.Reset()
		r.in(r.uc, response("200 OK", inv, "target", bodies[1]))
		ok := r.first("SIP/2.0 200")
		_, rest, _ := bytes.Cut(ok, []byte("\r\nVia: "))
		_, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		r.out.Reset()
		r.in(r.pstn, append([]byte("SIP/2.0 200 OK\r\n"), rest...))
		if r.first("SIP/2.0 200") == nil || r.first("ACK") == nil {
			t.Fatalf("the caller is not answered:\n%s", r.lines())
		}
		caller := &end{r: r, src: r.uc, callID: "call", from: header(r.first("SIP/2.0 200"), "From"), to: header(r.first("SIP/2.0 200"), "To"), seq: 1}
		ack := onward(r.first("ACK"))
		r.out.Reset()
		r.in(r.pstn, ack)
		caller.ack(1)
		if r.pass(40 * time.Second); r.core.Live() != 2 {
			t.Fatalf("an ACK has not come to its call:\n%s", r.lines())
		}
		callee := &end{r: r, src: r.uc, callID: header(inv, "Call-ID"), from: header(inv, "To") + ";tag=target", to: header(inv, "From"), seq: 100}
		callee.says("BYE", "")
		bye := onward(r.first("BYE"))
		r.out.Reset()
		r.in(r.pstn, bye)
		if last := r.first("BYE"); last == nil || header(last, "Call-ID") != "call" || r.core.Live() != 0 {
			t.Errorf("after the BYE of who was forwarded to:\n%s", r.lines())
		}
	}
}

// onward is a request of ours as a proxy sends it on.
func onward(m []byte) []byte {
	m = bytes.Replace(m, []byte("\r\nVia: "), []byte("\r\nVia: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKproxy"+header(m, "CSeq")[:1]+"\r\nVia: "), 1)
	return bytes.Replace(m, []byte("Route: <sip:198.51.100.2;lr>\r\n"), nil, 1)
}
