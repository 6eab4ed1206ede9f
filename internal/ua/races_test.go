package ua_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// RFC 3261 §12.1.1, §16.6: a proxy that stays in the dialog is named in each response that makes it, and our requests go by way of it.
func TestRFC3261_12_1_1RecordRoute(t *testing.T) {
	r := newRig(t)
	const routes = "Record-Route: <sip:198.51.100.1:5070;lr>, <sip:192.0.2.77;lr>\r\nRecord-Route: <sip:192.0.2.78;lr>\r\n"
	r.out.Reset()
	r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("Max-Forwards"), []byte(routes+"Max-Forwards"), 1))
	ours := r.last()
	answer := func(status, body string) []byte {
		r.out.Reset()
		r.in(r.pstn, response(status, ours, "to", body))
		if !bytes.Contains(r.last(), []byte(routes)) {
			t.Errorf("%s has not the routes of the INVITE\n%s", status, r.last())
		}
		return r.last()
	}
	answer("180 Ringing", "")
	ok := answer("200 OK", bodies[1])
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	caller.ack(1)
	caller.says("INVITE", held)
	if again := r.last(); !bytes.HasPrefix(again, []byte("INVITE ")) {
		t.Fatalf("%s", again)
	}
	callee := &end{r: r, src: r.pstn, callID: header(ours, "Call-ID"), from: header(r.last(), "To"), to: header(r.last(), "From"), seq: 100}
	callee.says("BYE", "")
	bye := r.out.Sends[len(r.out.Sends)-1]
	if !bytes.HasPrefix(bye.Data, []byte("BYE sip:198.51.100.1:5060 ")) || bye.Hop.Remote.Port() != 5070 ||
		!strings.Contains(string(bye.Data), "Route: <sip:198.51.100.1:5070;lr>\r\nRoute: <sip:192.0.2.77;lr>\r\nRoute: <sip:192.0.2.78;lr>\r\n") {
		t.Errorf("to %v\n%s", bye.Hop.Remote, bye.Data)
	}
}

// RFC 3261 §9.1: the CANCEL of a re-INVITE crosses the 2xx of the other leg. Who withdrew it goes on as before, so the other one is told that
// its session is as before, too.
func TestCancelOfReinviteCrosses2xx(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	hold := caller.says("INVITE", held)
	ours := r.last()
	if !bytes.Contains(ours, []byte("a=sendonly")) {
		t.Fatalf("%s", ours)
	}
	callee.answers("100 Trying", ours, "")
	caller.cancel(hold)
	r.sent("SIP/2.0 200", "SIP/2.0 487", "CANCEL")
	cancel := r.last()
	callee.answers("200 OK", ours, heldAnswer)
	r.sent("ACK", "INVITE")
	again := r.last()
	if !bytes.Contains(again, []byte("a=sendrecv")) {
		t.Fatalf("the callee is not told that it is held no more:\n%s", again)
	}
	callee.answers("481 Call/Transaction Does Not Exist", cancel, "")
	callee.answers("200 OK", again, bodies[1])
	r.sent("ACK")
	caller.says("INVITE", held) // and the next change passes
	r.sent("INVITE")
}

// The same where the re-INVITE asked for an offer: it is answered with what stands, also where the callee has refused an m-line of that.
func TestCancelOfReinviteCrossesAnOffer(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0]+video, bodies[1]+refuse(video, 0))
	caller.ack(1)
	ask := caller.says("INVITE", "")
	ours := r.last()
	callee.answers("100 Trying", ours, "")
	caller.cancel(ask)
	callee.answers("200 OK", ours, bodies[1]+refuse(video, 0))
	if ack, said := r.told("ACK"); kinds(said) != "audio -video" || said.Media[0].Direction != sdp.SendRecv {
		t.Errorf("the callee is answered\n%s", ack)
	}
}

// The same where the callee holds by its offer: it is answered as one that is not sent to.
func TestCancelOfReinviteCrossesHold(t *testing.T) {
	for offered, want := range map[string]sdp.Direction{"sendonly": sdp.RecvOnly, "inactive": sdp.Inactive, "recvonly": sdp.SendOnly} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		ask := caller.says("INVITE", "")
		ours := r.last()
		callee.answers("100 Trying", ours, "")
		caller.cancel(ask)
		callee.answers("200 OK", ours, strings.Replace(bodies[1], "sendrecv", offered, 1))
		if ack, said := r.told("ACK"); said.Media[0].Rejected() || said.Media[0].Direction != want {
			t.Errorf("%s is answered\n%s", offered, ack)
		}
	}
}

// The same where speech is converted: the callee is answered with what it speaks.
func TestCancelOfReinviteCrossesAnOfferOfAnotherCodec(t *testing.T) {
	r := rigOf(t, besides(""))
	caller, callee := r.endsOf(speaking(bodies[0], "0"), speaking(bodies[1], "8"))
	caller.ack(1)
	ask := caller.says("INVITE", "")
	ours := r.last()
	callee.answers("100 Trying", ours, "")
	caller.cancel(ask)
	callee.answers("200 OK", ours, strings.Replace(speaking(bodies[1], "8"), "m=audio 49170", "m=audio 49600", 1))
	r.says("ACK", "8")
	r.speak("then", [2][]media.Format{{muLaw}, {aLaw}})
	if at := r.session.Streams[0].Side[1].Remote; at.Port() != 49600 {
		t.Errorf("the callee is where it has offered to be, the relay sends to %v", at)
	}
}

// RFC 5407 §3.1.4, RFC 3261 §14.2: a re-INVITE comes before the ACK to our 2xx. It is served, and the ACK may come late or never.
func TestRFC5407_3_1_4ReinviteBeforeACK(t *testing.T) {
	r := newRig(t)
	caller, callee := r.ends()
	caller.says("INVITE", held)
	r.sent("INVITE")
	callee.answers("200 OK", r.last(), heldAnswer)
	r.sent("ACK", "SIP/2.0 200")
	caller.ack(1)
	r.sent()
	r.pass(600 * time.Millisecond)
	r.sent("SIP/2.0 200") // to the re-INVITE alone
	if got := header(r.last(), "CSeq"); got != "2 INVITE" {
		t.Errorf("repeated: %s", got)
	}
	caller.ack(2)
	r.pass(time.Minute)
	r.sent()
}

// RFC 5407 §3.1.5: the same where the ACK has the answer to the offer in our 2xx: 491, as nothing is agreed yet.
func TestRFC5407_3_1_5ReinviteBeforeTheAnswer(t *testing.T) {
	r := newRig(t)
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", ""))
	ours := r.last()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to", bodies[1]))
	r.sent("SIP/2.0 200")
	caller := &end{r: r, src: r.uc, callID: "call", from: header(r.last(), "From"), to: header(r.last(), "To"), seq: 1}
	caller.says("INVITE", held)
	r.sent("SIP/2.0 491")
	caller.ack(2)
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", 1, bodies[0]))
	r.sent("ACK")
}

// RFC 3311 §5.2: an UPDATE whose offer says nothing new crosses ours, too, and gets 491: what would answer it is an offer that nobody has taken yet.
func TestRFC3311_5_2RefreshCrossesOurOffer(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		caller.says(method, held)
		ours := r.first(method)
		callee.says("UPDATE", bodies[1])
		r.sent("SIP/2.0 491")
		callee.answers("491 Request Pending", ours, "")
		if method == "UPDATE" {
			r.sent("SIP/2.0 491")
			if why := header(r.last(), "Reason"); !strings.Contains(why, "request-pending") {
				t.Errorf("the caller is told %s", why)
			}
		}
		callee.says("UPDATE", bodies[1])
		if _, said := r.told("SIP/2.0 200"); said.Media[0].Direction != sdp.SendRecv {
			t.Errorf("%s: the callee is told of %s", method, said.Media[0].Direction)
		}
	}
}

// RFC 5057 §5.1: what one peer answers to a change says nothing of the dialog with the other one. Only 408 and 481 end the call.
func TestRFC5057_5_1RefusedChange(t *testing.T) {
	for status, want := range map[string]string{
		"302 Moved Temporarily": "488", "404 Not Found": "488", "405 Method Not Allowed": "488", "410 Gone": "488", "415 Unsupported Media Type": "488",
		"416 Unsupported URI Scheme": "488", "420 Bad Extension": "488", "422 Session Interval Too Small": "488", "480 Temporarily Unavailable": "488",
		"482 Loop Detected": "488", "483 Too Many Hops": "488", "484 Address Incomplete": "488", "485 Ambiguous": "488", "489 Bad Event": "488",
		"501 Not Implemented": "488", "502 Bad Gateway": "488", "600 Busy Everywhere": "488", "604 Does Not Exist Anywhere": "488", "401 Unauthorized": "488",
		"403 Forbidden": "403", "488 Not Acceptable Here": "488", "500 Server Internal Error": "500", "503 Service Unavailable": "500", "504 Server Time-out": "500", "603 Decline": "603",
		"408 Request Timeout": "408", "481 Call/Transaction Does Not Exist": "481",
	} {
		for _, method := range []string{"INVITE", "UPDATE"} {
			t.Run(method+" "+status, func(t *testing.T) {
				r := newRig(t)
				caller, callee := r.acknowledged()
				caller.says(method, held)
				callee.answers(status, r.last(), "")
				var got []byte
				for _, s := range r.out.Sends {
					if s.Hop.Remote == r.uc.Remote && bytes.HasPrefix(s.Data, []byte("SIP/2.0 ")) {
						got = s.Data
					}
				}
				if !bytes.HasPrefix(got, []byte("SIP/2.0 "+want)) || want == "500" && !bytes.Contains(got, []byte("Retry-After: ")) {
					t.Errorf("the caller gets\n%s\nwant %s", got, want)
				}
				gone := want == "408" || want == "481"
				if r.core.Live() != 0 && gone || r.core.Live() != 1 && !gone {
					t.Errorf("%d calls live", r.core.Live())
				}
			})
		}
	}
}

// … nor does it of a request that was handed over, and why a number cannot be transferred to says nothing of the call that it is asked for in.
func TestRFC5057_5_1RefusedRequest(t *testing.T) {
	for status, want := range map[string]string{
		"404 Not Found": "403", "410 Gone": "403", "416 Unsupported URI Scheme": "403", "482 Loop Detected": "403", "484 Address Incomplete": "403",
		"485 Ambiguous": "403", "502 Bad Gateway": "403", "604 Does Not Exist Anywhere": "403", "401 Unauthorized": "403", "480 Temporarily Unavailable": "403",
		"503 Service Unavailable": "500", "504 Server Time-out": "500", "405 Method Not Allowed": "405", "415 Unsupported Media Type": "415", "488 No Such Key": "488",
	} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		callee.says("INFO", "")
		caller.answers(status, r.first("INFO"), "")
		r.sent("SIP/2.0 " + want)
	}
	doc := strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {acceptRefer: true, enable3pccRefer: true, `, 1)
	for _, to := range []string{"sip:123@example.com", "sip:nobody@example.com", "tel:123", "mailto:a@example.com"} { // a call: 404, or 416
		r := rigOf(t, doc)
		caller, _ := r.acknowledged()
		caller.says("REFER", "", "Refer-To: <"+to+">")
		r.sent("SIP/2.0 403")
	}
}

// overTCP is a rig whose callee is reached by TCP.
func overTCP(t *testing.T) *rig {
	r := rigOf(t, strings.Replace(document, "198.51.100.2, root: {transport: UDP}", "198.51.100.2, root: {transport: TCP}", 1))
	r.pstn.Transport, r.pstn.Flow = sip.TCP, 7
	return r
}

// RFC 3261 §8.1.3.1: what cannot be sent within a call because a connection is lost counts as answered by 503, which ends no call. Who has asked is to try again.
func TestRFC3261_8_1_3_1NotSentWithinACall(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE", "INFO"} {
		t.Run(method, func(t *testing.T) {
			r := overTCP(t)
			caller, callee := r.acknowledged()
			callee.says("UPDATE", "") // its Allow has INFO
			text := held
			if method == "INFO" {
				text = ""
			}
			caller.says(method, text)
			lost := r.out.Sends[len(r.out.Sends)-1]
			if !bytes.HasPrefix(lost.Data, []byte(method+" ")) || lost.Hop.Transport != sip.TCP {
				t.Fatalf("%v\n%s", lost.Hop, lost.Data)
			}
			r.out.Reset()
			r.core.SendFailed(r.now, lost.CallID, lost.Branch, "connection reset by peer", &r.out)
			r.sent("SIP/2.0 500")
			if r.core.Live() != 1 {
				t.Fatal("the call has ended")
			}
			if method == "INVITE" {
				caller.ack(2)
			}
			caller.says("UPDATE", held) // the next one finds a new connection
			callee.answers("200 OK", r.last(), heldAnswer)
			r.sent("SIP/2.0 200")
			caller.says("BYE", "")
			if want := method + " to the callee could not be sent: connection reset by peer"; len(r.out.Records) != 1 ||
				!slices.ContainsFunc(r.out.Records[0].Ladder, func(m cdr.Message) bool { return m.Leg == "" && m.Line == want }) {
				t.Errorf("the ladder does not say that it did not leave: %+v", r.out.Records)
			}
		})
	}
}

// A BYE that cannot be sent is tried again for half a minute, and no longer.
func TestByeNotSent(t *testing.T) {
	r := overTCP(t)
	caller, _ := r.acknowledged()
	caller.says("BYE", "")
	last := time.Duration(0)
	for after := time.Duration(0); after < 2*time.Minute; after += time.Second {
		for _, m := range r.out.Sends {
			if bytes.HasPrefix(m.Data, []byte("BYE ")) {
				last = after
				r.core.SendFailed(r.now, m.CallID, m.Branch, "connection refused", &r.out)
			}
		}
		r.pass(time.Second)
	}
	if last < 24*time.Second || last > 40*time.Second {
		t.Errorf("tried for the last time after %v", last)
	}
}

// A refresh of the session that cannot be sent is tried again, as often as the interval allows.
func TestRefreshNotSent(t *testing.T) {
	r := overTCP(t)
	_, callee := r.acknowledged()
	callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
	r.sent("SIP/2.0 200")
	refresh := func(d time.Duration) {
		t.Helper()
		r.pass(d)
		r.sent("UPDATE")
	}
	refresh(60 * time.Second)
	r.core.SendFailed(r.now, r.out.Sends[0].CallID, r.out.Sends[0].Branch, "connection refused", &r.out)
	refresh(10 * time.Second)
	callee.answers("200 OK", r.last(), "", "Supported: timer", "Session-Expires: 120;refresher=uac")
	refresh(60 * time.Second)
}

// RFC 4028 §7.4: a peer whose Allow has UPDATE, but that does not take one without description, is refreshed by re-INVITE before its session is over.
func TestRefreshRefused(t *testing.T) {
	for _, status := range []string{"400 Bad Request", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "415 Unsupported Media Type", "420 Bad Extension",
		"488 Not Acceptable Here", "500 Server Internal Error", "501 Not Implemented", "603 Decline"} {
		r := newRig(t)
		_, callee := r.acknowledged()
		callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
		r.sent("SIP/2.0 200")
		r.pass(60 * time.Second)
		r.sent("UPDATE")
		callee.answers(status, r.last(), "")
		if r.pass(10 * time.Second); r.first("INVITE") == nil {
			t.Errorf("after %s:\n%s", status, r.lines())
			continue
		}
		callee.answers("200 OK", r.first("INVITE"), bodies[1], "Supported: timer", "Session-Expires: 120;refresher=uac")
		r.sent("ACK")
		if r.pass(60 * time.Second); r.core.Live() != 1 {
			t.Errorf("after %s the call is over", status)
		}
	}
}

// The session of a peer that knows no timer has nothing that could be over. One that refuses every refresh is there, and keeps its call; one that is silent does not.
func TestRefreshOfWhoKnowsNoTimer(t *testing.T) {
	for _, status := range []string{"488 Not Acceptable Here", "491 Request Pending", "501 Not Implemented"} {
		r := rigOf(t, strings.Replace(document, "global: {options: false}", "global: {options: false}\n  trunk:pstn: {options: false, enableSessionTimer: true, sessionExpires: 90s}", 1))
		_, callee := r.acknowledged()
		asked := 0
		for range 600 {
			for r.pass(time.Second); len(r.out.Sends) > 0 && r.first("ACK") == nil && r.first("BYE") == nil; asked++ {
				callee.answers(status, r.last(), "")
			}
			if r.first("BYE") != nil {
				t.Fatalf("hung up after %d times %s", asked, status)
			}
		}
		if asked < 10 {
			t.Errorf("asked %d times in ten minutes", asked)
		}
		if r.pass(100 * time.Second); r.first("BYE") == nil {
			t.Errorf("a silent peer keeps its call:\n%s", r.lines())
		}
	}
}

// A process that was stopped when it should have refreshed a session asks before it gives the call up.
func TestRefreshAfterAStop(t *testing.T) {
	r := newRig(t)
	_, callee := r.acknowledged()
	callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
	r.sent("SIP/2.0 200")
	r.out.Reset()
	r.now = r.now.Add(100 * time.Second)
	r.core.Advance(r.now, &r.out)
	r.sent("UPDATE")
	callee.answers("200 OK", r.last(), "", "Supported: timer", "Session-Expires: 120;refresher=uac")
	r.pass(60 * time.Second)
	r.sent("UPDATE")
	r.pass(60 * time.Second)
	if got := r.lines(); !strings.Contains(got, "uc: BYE ") {
		t.Errorf("a peer that does not answer keeps its call:\n%s", got)
	}
}

// A peer that knows no UPDATE cannot be asked for a refresh while a change of its own waits for the other one's consent, and does not lose its call for that before
// the interval is over.
func TestRefreshWaitsForAChange(t *testing.T) {
	r := newRig(t)
	_, callee := r.acknowledged()
	invite := func(body string, lines ...string) {
		callee.seq++
		m := bytes.Replace(callee.write("INVITE", callee.seq, body, lines...), []byte("UPDATE, "), nil, 1)
		r.out.Reset()
		r.in(r.pstn, m)
	}
	invite(bodies[1], "Supported: timer", "Session-Expires: 120;refresher=uas")
	r.sent("SIP/2.0 200")
	callee.ack(callee.seq)
	r.pass(50 * time.Second)
	invite(heldB)
	change := r.first("INVITE")
	r.in(r.uc, response("100 Trying", change, "", ""))
	r.pass(45 * time.Second)
	if got := r.lines(); got != "pstn: SIP/2.0 100 Trying ["+strconv.Itoa(callee.seq)+" INVITE]\n" {
		t.Fatalf("while it waits:\n%s", got)
	}
	r.in(r.uc, response("486 Busy Here", change, "", ""))
	r.pass(2 * time.Second)
	if r.first("INVITE") == nil {
		t.Fatalf("no refresh:\n%s", r.lines())
	}
	r.pass(40 * time.Second)
	if got := r.lines(); !strings.Contains(got, "uc: BYE ") {
		t.Errorf("a peer that does not answer keeps its call:\n%s", got)
	}
}

// RFC 3261 §18.2.2: a response goes by the connection of its request, and when that is gone to where the sender listens, not to the port that it
// has dialled from.
func TestRFC3261_18_2_2ConnectionIsGone(t *testing.T) {
	r := rigOf(t, strings.Replace(document, "198.51.100.1, root: {transport: UDP}", "198.51.100.1, root: {transport: TCP}", 1))
	r.uc = sip.Source{Transport: sip.TCP, Local: netip.MustParseAddrPort("192.0.2.10:5068"), Remote: netip.MustParseAddrPort("198.51.100.1:40123"), Flow: 9}
	r.out.Reset()
	r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("SIP/2.0/UDP"), []byte("SIP/2.0/TCP"), 1))
	ours := r.last()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to", bodies[1]))
	want := sip.Hop{Transport: sip.TCP, Local: r.uc.Local, Remote: netip.MustParseAddrPort("198.51.100.1:5060"), Flow: 9}
	if got := r.out.Sends[1].Hop; got != want {
		t.Errorf("the 200 goes to %v, want %v", got, want)
	}
}

// timed is the document of a rig that asks its callee for a session timer.
var timed = strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, enableSessionTimer: true, sessionExpires: 120s}
  "trunk:uc": {`, 1)

// greedy answers 422 with ever longer intervals until it is not asked again, and returns how often it was.
func (e *end) greedy(req []byte, least func(n int) int) (asked int) {
	e.r.b.Helper()
	for method, _, _ := bytes.Cut(req, []byte(" ")); asked < 100; asked++ {
		e.answers("422 Session Interval Too Small", req, "", "Min-SE: "+strconv.Itoa(least(asked)))
		e.r.pass(0)
		if req = e.r.first(string(method)); req == nil {
			break
		}
	}
	return asked
}

// RFC 4028 §7.3, §7.4: a peer that always wants a longer interval, or the one that it was asked for, does not keep us asking.
func TestRFC4028_7_3ChainOf422(t *testing.T) {
	more := func(n int) int { return 200 + n }
	t.Run("call", func(t *testing.T) {
		r := rigOf(t, timed)
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		gateway := &end{r: r, src: r.pstn}
		if n := gateway.greedy(r.last(), more); n != 4 {
			t.Errorf("the INVITE is sent again %d times", n)
		}
		if r.core.Live() != 0 {
			t.Error("the call has not ended")
		}
	})
	for name, least := range map[string]func(int) int{"more": more, "the same": func(int) int { return 200 }} {
		t.Run("refresh, "+name, func(t *testing.T) {
			r := overTCP(t)
			_, callee := r.acknowledged()
			callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
			r.pass(time.Minute)
			if n := callee.greedy(r.last(), least); n > 4 {
				t.Errorf("the refresh is sent again %d times at once", n)
			}
			if r.core.Live() != 1 {
				t.Error("the call has ended")
			}
		})
	}
}

// A change is sent on with the interval that its leg has agreed on. Where the peer wants a longer one now, it is asked again with that.
func TestRFC4028_7_4ChangeWith422(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			r := newRig(t)
			caller, callee := r.acknowledged()
			callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uac")
			caller.says(method, held)
			change := r.last()
			if got := header(change, "Session-Expires"); got != "120;refresher=uas" {
				t.Fatalf("%s", change)
			}
			callee.answers("422 Session Interval Too Small", change, "", "Min-SE: 300")
			if change = r.first(method); change == nil || header(change, "Session-Expires") != "300;refresher=uas" || !bytes.Contains(change, []byte("a=sendonly")) {
				t.Fatalf("asked again by\n%s", change)
			}
			callee.answers("200 OK", change, heldAnswer, "Session-Expires: 300;refresher=uas", "Require: timer")
			if got := r.last(); !bytes.HasPrefix(got, []byte("SIP/2.0 200")) || header(got, "CSeq") != "2 "+method {
				t.Errorf("%s", got)
			}
		})
	}
}

// RFC 3261 §19.1.1, RFC 3263 §4: where requests of a dialog go.
func TestRFC3263_4NextHopOfADialog(t *testing.T) {
	for contact, want := range map[string]string{
		"<sip:gw@198.51.100.7:5070>":                        "198.51.100.7:5070",
		"<sip:gw@198.51.100.7>, <sip:gw@198.51.100.8>":      "198.51.100.7:5060",
		"<sip:gw@pool.example.com:5070;maddr=198.51.100.9>": "198.51.100.9:5070",
		"<sip:gw@198.51.100.7:5070;maddr=198.51.100.9;lr>":  "198.51.100.9:5070",
		"<sip:gw@pool.example.com;maddr=[2001:db8::9]>":     "198.51.100.2:5060", // no way there from an IPv4 address
		"<sip:gw@pool.example.com:5070>":                    "198.51.100.2:5060",
		"<tel:+14255550100>":                                "198.51.100.2:5060",
		"*":                                                 "198.51.100.2:5060",
		"<sip:gw@198.51.100.7:5070;maddr=pool.example.com>": "198.51.100.2:5060",
	} {
		r := newRig(t)
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		ours := r.last()
		r.out.Reset()
		r.in(r.pstn, bytes.Replace(response("200 OK", ours, "to", bodies[1]), []byte("<sip:198.51.100.2:5060>"), []byte(contact), 1))
		if got := r.out.Sends[0].Hop.Remote; got.String() != want {
			t.Errorf("Contact: %s: ACK to %v, want %s", contact, got, want)
		}
	}
}

// A name with dozens of addresses that are all dead does not keep the call from the next target for longer than noProgressTimeout and the
// address under way; where there is no other target, all addresses are tried.
func TestManyDeadAddresses(t *testing.T) {
	many := strings.Replace(document, "\n  pstn: {", "\n  many: {kind: gateway, host: many.test, root: {transport: UDP}}\n  pstn: {", 1)
	var addrs []b2bua.Addr
	for i := range 32 {
		addrs = append(addrs, b2bua.Addr{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 5060)})
	}
	for trunks, want := range map[string]int{"[many, pstn]": 3, "[many]": 32} {
		r := rigOf(t, strings.Replace(many, "[pstn]", trunks, 1))
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		q := r.out.Resolve[0]
		r.core.Resolved(r.now, q.Session, q.Attempt, addrs, "", &r.out)
		dead, asked := make(map[netip.Addr]bool), false
		for i := 0; i < 32 && !asked && r.core.Live() > 0; i++ {
			for _, s := range r.out.Sends {
				if to := s.Hop.Remote.Addr(); bytes.HasPrefix(s.Data, []byte("INVITE ")) {
					dead[to] = true
					asked = asked || to == r.pstn.Remote.Addr()
				}
			}
			r.pass(4 * time.Second)
		}
		delete(dead, r.pstn.Remote.Addr())
		if len(dead) != want || asked != (want == 3) {
			t.Errorf("%s: %d addresses were tried, the next target: %v", trunks, len(dead), asked)
		}
	}
}

// RFC 3264 §6: an offer in a 2xx that leaves out an m-line which stands refused is answered in the ACK as it asks.
func TestShortOfferIn2xx(t *testing.T) {
	const video = "m=video 5555 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0]+video, bodies[1]+strings.Replace(video, "5555", "0", 1))
	caller.ack(1)
	caller.says("INVITE", "")
	callee.answers("200 OK", r.last(), directed(1, "sendrecv"))
	r.sent("SIP/2.0 200")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", 2, bodies[0]+strings.Replace(video, "5555", "0", 1)))
	r.sent("ACK")
	if n := bytes.Count(r.last(), []byte("\r\nm=")); n != 1 {
		t.Errorf("%d m-lines\n%s", n, r.last())
	}
}

// RFC 3264 §8: an answer without the m-line that the peer's offer has left out, and what is said to it next, with it, do not have one version of o=.
func TestShortAnswerHasItsVersion(t *testing.T) {
	const video = "m=video 5555 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0]+video, bodies[1]+strings.Replace(video, "5555", "0", 1))
	caller.ack(1)
	said := map[string]int{}
	for range 2 {
		callee.says("INVITE", directed(1, "sendrecv"))
		if passed := r.first("INVITE"); passed != nil { // the second one is a refresh
			caller.answers("200 OK", passed, bodies[0]+strings.Replace(video, "5555", "0", 1))
		}
		said[origin(r.last())] = bytes.Count(r.last(), []byte("\r\nm="))
		callee.ack(callee.seq)
	}
	if len(said) != 1 {
		t.Errorf("the same answer twice: %v", said)
	}
	caller.says("INVITE", "")
	callee.answers("200 OK", r.last(), directed(1, "sendrecv")+strings.Replace(video, "5555", "0", 1))
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", 2, bodies[0]+strings.Replace(video, "5555", "0", 1)))
	r.sent("ACK")
	if n := bytes.Count(r.last(), []byte("\r\nm=")); n != 2 || said[origin(r.last())] != 0 {
		t.Errorf("%d m-lines with %s, after %v", n, origin(r.last()), said)
	}
}

// origin is the o= line of a message.
func origin(m []byte) string {
	_, o, _ := strings.Cut(string(m), "\r\no=")
	o, _, _ = strings.Cut(o, "\r\n")
	return o
}

// RFC 3261 §13.2.2.4: the offer of another branch of a fork is answered in the ACK by its own m-lines, whatever stands with the branch that has the call.
func TestLateBranchOffersLess(t *testing.T) {
	const video = "m=video 5555 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
	r := newRig(t)
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", ""))
	ours := r.last()
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to", bodies[1]+video))
	caller := &end{r: r, src: r.uc, callID: "call", from: header(r.last(), "From"), to: header(r.last(), "To"), seq: 1}
	r.in(r.uc, caller.write("ACK", 1, bodies[0]+video))
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "branch", bodies[1]))
	r.sent("ACK", "BYE")
	if n := bytes.Count(r.out.Sends[0].Data, []byte("\r\nm=")); n != 1 {
		t.Errorf("%d m-lines\n%s", n, r.out.Sends[0].Data)
	}
}

// TestRecordNamesWhoAnswered: an address of a gateway that has answered after another one was tried in its place is the one that the record shows.
func TestRecordNamesWhoAnswered(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("\n  pstn: {", "\n  many: {kind: gateway, host: many.test, root: {transport: UDP}}\n  pstn: {", "[pstn]", "[many]").Replace(document))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	q := r.out.Resolve[0]
	r.out.Reset()
	r.core.Resolved(r.now, q.Session, q.Attempt, []b2bua.Addr{{Remote: r.pstn.Remote}, {Remote: netip.MustParseAddrPort("198.51.100.3:5060")}}, "", &r.out)
	first := r.first("INVITE")
	r.pass(4500 * time.Millisecond)
	if r.first("INVITE") == nil || r.last() == nil || bytes.Contains(r.last(), []byte(header(first, "Call-ID"))) {
		t.Fatalf("no other address was tried:\n%s", r.lines())
	}
	r.in(r.pstn, response("200 OK", first, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200")
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	caller.ack(1)
	caller.says("BYE", "")
	a := r.out.Records[0].Attempts[0]
	if a.Remote != r.pstn.Remote.String() || !strings.Contains(a.Detail, "198.51.100.3:5060 had been called") {
		t.Errorf("%+v", a)
	}
}

// RFC 3264 §6, §8: who is asked for an offer that nobody takes any more, and names more than the call has, goes on with what stands; what it named besides is refused, and keeps its
// m-line.
func TestCancelOfReinviteCrossesAWiderOffer(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, speech), described(1, 0, speech))
	caller.ack(1)
	before, ask := r.streams(), caller.says("INVITE", "")
	ours := r.last()
	callee.answers("100 Trying", ours, "")
	caller.cancel(ask)
	callee.answers("200 OK", ours, described(1, 1, speech+video))
	if ack, said := r.told("ACK"); kinds(said) != "audio -video" || r.streams() != before {
		t.Fatalf("the callee is answered\n%s", ack)
	}
	for version, c := range []struct{ offer, answer, offered, answered string }{
		{speech + "a=sendonly\r\n", speech + "a=recvonly\r\n" + refuse(video, 0), "audio -video", "audio"},
		{speech, speech + refuse(video, 0), "audio -video", "audio"},
		{speech + video, speech + video, "audio video", "audio video"},
	} {
		if offered, answered := change(caller, callee, "INVITE", 1+version, c.offer, "200 OK", c.answer); offered != c.offered || answered != c.answered {
			t.Errorf("the callee is offered %q, the caller answered %q", offered, answered)
		}
		r.pass(1e9)
	}
	if r.streams() == before {
		t.Errorf("the relay has %s", r.streams())
	}
}

// The same of an offer that is withdrawn as it is accepted: what the callee is told again has the m-line that it has taken, refused, and so has what it is offered from then on.
func TestCancelOfReinviteCrossesAnotherLine(t *testing.T) {
	for _, answered := range []bool{true, false} { // in time, or when it was forgotten
		r := newRig(t)
		caller, callee := r.endsOf(described(0, 0, speech), described(1, 0, speech))
		caller.ack(1)
		before, ask := r.streams(), caller.says("INVITE", described(0, 1, speech+video))
		ours := r.first("INVITE")
		callee.answers("100 Trying", ours, "")
		caller.cancel(ask)
		if !answered {
			r.pass(33e9)
			r.relays()
		}
		callee.answers("200 OK", ours, described(1, 1, speech+video))
		again, said := r.told("INVITE")
		if kinds(said) != "audio -video" || r.streams() != before {
			t.Fatalf("the callee is told\n%s", again)
		}
		callee.answers("200 OK", again, described(1, 2, speech+refuse(video, 0)))
		for version, c := range []struct{ offer, answer, offered, answered string }{
			{speech + "a=sendonly\r\n", speech + "a=recvonly\r\n" + refuse(video, 0), "audio -video", "audio"},
			{speech + video, speech + video, "audio video", "audio video"},
			{speech + refuse(video, 0), speech + refuse(video, 0), "audio -video", "audio -video"},
		} {
			if offered, answered := change(caller, callee, "INVITE", 2+version, c.offer, "200 OK", c.answer); offered != c.offered || answered != c.answered {
				t.Errorf("the callee is offered %q, the caller answered %q", offered, answered)
			}
			r.pass(1e9)
		}
	}
}

// RFC 3264 §8: what has that m-line has another version than what has it not, and the same where it says the same, whoever it comes from.
func TestVersionOfAnotherLine(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, speech), described(1, 0, speech))
	caller.ack(1)
	ask := caller.says("INVITE", described(0, 1, speech+video))
	ours := r.first("INVITE")
	callee.answers("100 Trying", ours, "")
	caller.cancel(ask)
	callee.answers("200 OK", ours, described(1, 1, speech+video))
	again, told := r.told("INVITE")
	callee.answers("200 OK", again, described(1, 2, speech+refuse(video, 0)))
	caller.says("INVITE", described(0, 2, speech+refuse(video, 0)))
	same, said := r.told("INVITE")
	if kinds(said) != "audio -video" || said.Origin.Version != told.Origin.Version {
		t.Errorf("told version %s, and then\n%s", told.Origin.Version, same)
	}
	callee.answers("488 Not Acceptable Here", same, "")
	caller.ack(caller.seq)
	callee.says("INVITE", described(1, 2, speech)) // it leaves the m-line out
	less, said := r.told("SIP/2.0 200")
	if kinds(said) != "audio" || said.Origin.Version == told.Origin.Version {
		t.Errorf("told version %s, and then\n%s", told.Origin.Version, less)
	}
}

// And where an m-line before it was offered and refused: each keeps its place, and is not offered again.
func TestCancelOfReinviteCrossesAThirdLine(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+refuse(video, 0)))
	caller.ack(1)
	ask := caller.says("INVITE", described(0, 1, speech+refuse(video, 0)+video))
	ours := r.first("INVITE")
	callee.answers("100 Trying", ours, "")
	caller.cancel(ask)
	callee.answers("200 OK", ours, described(1, 1, speech+refuse(video, 0)+video))
	if again, said := r.told("INVITE"); kinds(said) != "audio -video -video" {
		t.Errorf("the callee is told\n%s", again)
	}
}

// RFC 3311 §5.2: an UPDATE that waits for the other side is refused before its sender gives it up, which would end the call. Who then accepts it all the same is told that it is as before.
func TestUpdateWaitsForAPerson(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		if method == "INVITE" { // the other side takes no UPDATE
			callee.seq++
			r.in(callee.src, bytes.Replace(callee.write("INVITE", callee.seq, bodies[1]), []byte(" UPDATE,"), nil, 1))
			callee.ack(callee.seq)
		}
		caller.says("UPDATE", held)
		ours := r.first(method)
		if method == "INVITE" {
			callee.answers("100 Trying", ours, "")
		}
		r.pass(25 * time.Second)
		r.told("SIP/2.0 500")
		callee.answers("200 OK", ours, heldAnswer)
		callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), bodies[1])
		caller.says("INVITE", held)
		callee.answers("200 OK", r.first("INVITE"), heldAnswer)
		r.told("SIP/2.0 200")
	}
}

// RFC 3261 §9.1: a re-INVITE that is withdrawn before anything has come for it is cancelled when something does, so that nobody is asked for what is wanted no more.
func TestCancelOfReinviteWaitsForAResponse(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	hold := caller.says("INVITE", held)
	ours := r.first("INVITE")
	caller.cancel(hold)
	r.sent("SIP/2.0 200", "SIP/2.0 487")
	callee.answers("100 Trying", ours, "")
	r.sent("CANCEL")
	callee.answers("100 Trying", ours, "")
	r.sent()
	callee.answers("487 Request Terminated", ours, "")
	r.sent("ACK")
	caller.ack(caller.seq)
	caller.says("INVITE", held)
	r.sent("INVITE")
}

// TestReinviteIsAnsweredAfterAll: who takes no notice of a CANCEL, and accepts after the INVITE has been forgotten, gets its ACK, or it would end the call for want of one, and is told
// that its session is as before.
func TestReinviteIsAnsweredAfterAll(t *testing.T) {
	for _, offer := range []string{held, ""} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		hold := caller.says("INVITE", offer)
		ours := r.first("INVITE")
		callee.answers("100 Trying", ours, "")
		caller.cancel(hold)
		callee.answers("200 OK", r.first("CANCEL"), "")
		r.pass(40 * time.Second)
		answer := heldAnswer
		if offer == "" {
			answer = bodies[1]
		}
		callee.answers("200 OK", ours, answer)
		ack := r.first("ACK")
		if ack == nil || bytes.Contains(ack, []byte("m=audio")) != (offer == "") || header(ack, "CSeq")[:1] != header(ours, "CSeq")[:1] {
			t.Fatalf("offer %v: answered\n%s", offer != "", r.lines())
		}
		again := r.unholds(callee, sdp.SendRecv)
		callee.answers("200 OK", ours, answer) // repeated
		r.sent("ACK")
		callee.answers("200 OK", again, bodies[1])
		r.sent("ACK")
		caller.says("INVITE", held)
		r.sent("INVITE")
	}
}

// TestSlowPeerIsToldAgain: who takes too long over what it is told, which is cancelled then, is told once more; it has its time from when it has heard of it.
func TestSlowPeerIsToldAgain(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	resumesBare(r, caller, callee, "recvonly", "400 Bad Request", "")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	first := r.unholds(callee, sdp.SendRecv)
	r.pass(8 * time.Second)
	callee.answers("100 Trying", first, "")
	if r.pass(8 * time.Second); r.first("CANCEL") != nil {
		t.Fatalf("cancelled\n%s", r.lines())
	}
	r.pass(3 * time.Second)
	callee.answers("200 OK", r.first("CANCEL"), "")
	callee.answers("487 Request Terminated", first, "")
	r.pass(5 * time.Second)
	callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), bodies[1])
	if r.sent("ACK"); !r.side(0).Send || !r.side(1).Send {
		t.Errorf("the relay has %+v", r.session.Streams[0].Side)
	}
}

// RFC 3261 §8.2.2.2: a copy of the caller's INVITE that comes by another way when the call has just ended is merged, and begins no other call, also where we have sent a re-INVITE to the
// caller, whose CSeq is ours.
func TestMergedInviteBehindTheEnd(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "9", "i1", "call", "from", "", bodies[0]))
	inv := r.first("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok := r.last()
	r.in(r.uc, request("ACK", "9", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(inv, "To") + ";tag=to", to: header(inv, "From"), seq: 100}
	callee.says("INVITE", directed(1, "sendonly"))
	ours := r.first("INVITE")
	r.out.Reset()
	r.in(r.uc, response("481 Call/Transaction Does Not Exist", ours, "", ""))
	r.out.Reset()
	r.in(r.uc, request("INVITE", "9", "i2", "call", "from", "", bodies[0]))
	if said := r.lines(); r.first("INVITE") != nil || r.first("SIP/2.0 482") == nil {
		t.Errorf("answered with\n%s", said)
	}
}
