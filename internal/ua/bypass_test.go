package ua_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
)

// TestBYP01RedirectedTo: a target that only a redirection names is bypassed as the caller's description came, although nobody who was to be called
// before could be.
func TestBYP01RedirectedTo(t *testing.T) {
	const direct = "enableBypass: true, rtcpActiveCalls: false, rtcpCallsOnHold: false"
	r := rigOf(t, strings.NewReplacer("trunkSettings:\n", "  near: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:\n  \"trunk:near\": {"+direct+
		"}\n  \"trunk:pstn\": {redirect: follow, redirectHosts: [198.51.100.3]}\n", `"trunk:uc": {`, `"trunk:uc": {`+direct+", ", "routes:\n",
		"routes:\n  - {name: near, pattern: '^\\+1425555019', usages: [all], trunks: [near]}\n").Replace(document))
	secret := keyed(bodies[0], strong+uc80)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", secret))
	inv, offer := r.told("INVITE")
	if offer.Media[0].Secure() {
		t.Fatalf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.pstn, []byte(strings.Replace(string(response("302 Moved Temporarily", inv, "to", "")), "<sip:198.51.100.2:5060>", "<sip:+14255550190@198.51.100.3>", 1)))
	inv, offer = r.told("INVITE")
	_, media, _ := strings.Cut(secret, "\r\ns=")
	if _, got, _ := strings.Cut(offer.Body(), "\r\ns="); got != media {
		t.Errorf("offered\n%s\nwant the media of\n%s", inv, secret)
	}
}

// placed is the document with bypass by network sites, where both peers are at one.
var placed = strings.NewReplacer("global: {", "global: {enableBypass: true, ", `"trunk:uc": {`, `"trunk:uc": {enableBypass: true, `).Replace(document) +
	"network:\n  regions: {here: {bypassId: here}}\n  sites: {hq: {subnets: [198.51.100.0/24]}}\n"

// inPlaceOf is an INVITE with Replaces (RFC 3891) whose sender knows the dialog by those tags.
func inPlaceOf(callID, ours, theirs, body string) []byte {
	return bytes.Replace(request("INVITE", "1", "i2", "other", "guest", "", body), []byte("Supported: "),
		[]byte("Replaces: "+callID+";to-tag="+ours+";from-tag="+theirs+"\r\nSupported: "), 1)
}

// TestBYP02WhoComesByReplaces: a client that takes a place in a bypassed call is where it says, as one that calls is.
func TestBYP02WhoComesByReplaces(t *testing.T) {
	for _, c := range []struct {
		said string
		want bool
	}{{"", false}, {"a=x-bypassid:here\r\n", true}, {"a=x-bypassid:elsewhere\r\n", false}} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		tag := tagOf(header(ok, "To"))
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
		r.out.Reset()
		away := strings.ReplaceAll(bodies[0], "198.51.100.1", "203.0.113.9") // at home, for example
		r.in(r.uc, inPlaceOf("call", tag, "from", away+c.said))
		joined := false
		for _, s := range r.out.Sends {
			joined = joined || strings.HasPrefix(string(s.Data), "INVITE ") && strings.Contains(string(s.Data), "c=IN IP4 203.0.113.9\r\n")
		}
		if joined != c.want {
			t.Errorf("%q: joined %v\n%s", c.said, joined, r.out.Sends[0].Data)
		}
	}
}

// TestBYP06Noted: the record has a flag where a client says that it is at a place that the document does not have, and the decision says what it said.
func TestBYP06Noted(t *testing.T) {
	for id, want := range map[string]string{"here": "", "elsewhere": `"elsewhere"`, strings.Repeat("x", 4000): `"` + strings.Repeat("x", 80) + `"`} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+"a=x-bypassid:"+id+"\r\n"))
		inv, offer := r.told("INVITE")
		if strings.Contains(offer.Body(), "x-bypassid") {
			t.Errorf("offered\n%s", inv)
		}
		r.in(r.pstn, response("486 Busy Here", inv, "to", ""))
		if len(r.out.Records) != 1 {
			t.Fatalf("%d records", len(r.out.Records))
		}
		rec := r.out.Records[0]
		_, said, noted := strings.Cut(strings.Join(rec.Decision, "\n"), "says the bypass id ")
		if rec.BypassWarning != (want != "") || noted != (want != "") || !strings.HasPrefix(said, want) {
			t.Errorf("%.20s: warning %v\n%s", id, rec.BypassWarning, strings.Join(rec.Decision, "\n"))
		}
	}
}

// TestBYP01RefusedChange: a change of a bypassed call that the other side refuses changes nothing: asked for once more it goes on once more (RFC 3261 §14.1).
func TestBYP01RefusedChange(t *testing.T) {
	for _, offer := range []string{bodies[0], ""} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", offer))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
		callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID")}
		answer := bodies[0]
		if offer != "" {
			answer = ""
		}
		r.in(r.uc, caller.write("ACK", 1, answer))
		moved := strings.NewReplacer("49170", "49270", "20518 0", "20518 1").Replace(bodies[0])
		for range 2 {
			caller.says("INVITE", moved)
			if r.first("INVITE") == nil {
				t.Fatalf("offer %v: the change does not go on:\n%s", offer != "", r.lines())
			}
			callee.answers("488 Not Acceptable Here", r.first("INVITE"), "")
			r.told("SIP/2.0 488")
			caller.ack(caller.seq)
		}
		caller.says("INVITE", strings.Replace(bodies[0], "20518 0", "20518 2", 1))
		r.sent("SIP/2.0 200") // what stands
	}
}

// bypassed is an answered call whose media goes past us.
func bypassed(t *testing.T) (r *rig, caller, callee *end) {
	r = rigOf(t, placed)
	caller, callee = r.acknowledged()
	if r.session != nil {
		t.Fatal("it has ports")
	}
	return r, caller, callee
}

// passes checks that a description of ours is that of an end, but for its direction and o=.
func passes(t *testing.T, what string, s *sdp.Session, from int, d sdp.Direction) {
	t.Helper()
	if m := &s.Media[0]; m.Direction != d || m.Conn.String() != "198.51.100."+strconv.Itoa(from+1) || strings.Count(s.Body(), "a="+d.String()) != 1 {
		t.Errorf("%s: want %s of %d\n%s", what, d, from, s.Body())
	}
}

// TestBYP01ResumesWithoutAnOffer: RFC 3261 §14.2 holds where media goes past us: who resumes so is offered what it has without its hold, also where the other side says what
// stands, or refuses to say anything; the other side is then told by a re-INVITE.
func TestBYP01ResumesWithoutAnOffer(t *testing.T) {
	for status, offer := range map[string]string{"200 OK": heldAnswer, "400 Bad Request": "", "100 Trying": ""} {
		r, caller, callee := bypassed(t)
		caller.says("INVITE", held)
		callee.answers("200 OK", r.first("INVITE"), heldAnswer)
		caller.ack(caller.seq)
		caller.says("INVITE", "")
		ours := r.first("INVITE")
		callee.answers(status, ours, offer)
		if status == "100 Trying" {
			r.pass(15 * time.Second)
		}
		ok, said := r.told("SIP/2.0 200")
		passes(t, status, said, 1, sdp.SendRecv)
		if t.Failed() {
			t.Fatalf("%s", ok)
		}
		cancel := r.first("CANCEL")
		r.out.Reset()
		r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
		if status == "200 OK" {
			_, said = r.told("ACK")
			passes(t, "who is asked is answered", said, 0, sdp.SendOnly)
		}
		if cancel != nil {
			callee.answers("200 OK", cancel, "")
			callee.answers("487 Request Terminated", ours, "")
			r.pass(time.Second)
		}
		_, said = r.told("INVITE")
		passes(t, "the other side is told", said, 0, sdp.SendRecv)
		callee.answers("200 OK", r.first("INVITE"), bodies[1])
		r.sent("ACK")
	}
}

// TestBYP01StaysHeld: who will not be taken off hold then, or not all of it, is on hold, and the other side is told.
func TestBYP01StaysHeld(t *testing.T) {
	for status, answer := range map[string]string{"488 Not Acceptable Here": "", "200 OK": directed(1, "recvonly")} {
		r, caller, callee := bypassed(t)
		resumesBare(r, caller, callee, "recvonly", "400 Bad Request", "")
		r.out.Reset()
		r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
		callee.answers(status, r.unholds(callee, sdp.SendRecv), answer)
		_, said := r.told("INVITE")
		passes(t, status, said, 1, sdp.RecvOnly)
		caller.answers("200 OK", r.first("INVITE"), held)
		r.sent("ACK")
	}
}

// TestBYP01AnswersElsewhere: who is offered what stands and answers with another address is heard of by the other side, to whom its media goes.
func TestBYP01AnswersElsewhere(t *testing.T) {
	r, caller, callee := bypassed(t)
	caller.says("INVITE", "")
	callee.answers("488 Not Acceptable Here", r.first("INVITE"), "")
	r.told("SIP/2.0 200")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, strings.NewReplacer("49170", "49270", "20518 0", "20518 1").Replace(bodies[0])))
	if inv, said := r.told("INVITE"); said.Media[0].Port != 49270 || header(inv, "Call-ID") != callee.callID {
		t.Errorf("told\n%s", inv)
	}
}

// TestBYP01MirrorsHold: SIG-12 holds where media goes past us: hold that is answered with sendrecv is told as recvonly (RFC 3264 §6.1).
func TestBYP01MirrorsHold(t *testing.T) {
	r, caller, callee := bypassed(t)
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), directed(1, "sendrecv"))
	_, said := r.told("SIP/2.0 200")
	passes(t, "hold is answered", said, 1, sdp.RecvOnly)
}

// TestBYP01MovesWhenAsked: who answers a re-INVITE of ours with another address is heard of by the other side, whose media goes there (RFC 3264 §8).
func TestBYP01MovesWhenAsked(t *testing.T) {
	r, caller, callee := bypassed(t)
	resumesBare(r, caller, callee, "recvonly", "400 Bad Request", "")
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	said, err := sdp.Parse(bodies[1])
	if err != nil {
		t.Fatal(err)
	}
	port := "m=audio " + strconv.Itoa(int(said.Media[0].Port)) + " "
	callee.answers("200 OK", r.unholds(callee, sdp.SendRecv), strings.Replace(bodies[1], port, "m=audio 50170 ", 1))
	if inv, said := r.told("INVITE"); said.Media[0].Port != 50170 || header(inv, "Call-ID") != caller.callID {
		t.Errorf("told\n%s", inv)
	}
}

// TestBYP01MovesTooLate: who answers with an offer when it is not waited for any more may be elsewhere by then. The other side hears of that all the same.
func TestBYP01MovesTooLate(t *testing.T) {
	r, caller, callee := bypassed(t)
	caller.says("INVITE", "")
	asked := r.first("INVITE")
	callee.answers("100 Trying", asked, "")
	r.pass(11 * time.Second)
	_, offer := r.told("SIP/2.0 200")
	passes(t, "what stands", offer, 1, sdp.SendRecv)
	r.out.Reset()
	r.in(r.uc, caller.write("ACK", caller.seq, bodies[0]))
	moved := strings.Replace(strings.Replace(bodies[1], "20518 0", "20518 1", 1), "49170", "49190", 1)
	callee.answers("200 OK", asked, moved)
	r.told("ACK")
	tells, told := r.told("INVITE")
	if told.Media[0].Port != 49190 {
		t.Errorf("the caller is told\n%s", tells)
	}
	caller.answers("200 OK", tells, bodies[0])
	r.sent("ACK")
	if r.pass(time.Minute); r.first("INVITE") != nil {
		t.Errorf("then\n%s", r.lines())
	}
}

// TestBYP02PickedUp: a bypassed call that rings is picked up by who is where it is bypassed too, and each is told of the media of the other.
func TestBYP02PickedUp(t *testing.T) {
	for _, c := range []struct {
		conn, caller, guest string
		want                string // in answer to the guest, "" refused
	}{
		{"198.51.100.2", "", "", "audio"},
		{"198.51.100.2", video, "", "audio"},
		{"198.51.100.2", video, refuse(video, 0), "audio -video"},
		{"198.51.100.2", video, video, "audio video"},
		{"198.51.100.2", muxed, "", ""},
		{"203.0.113.9", "", "", ""},
	} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+c.caller))
		inv, _ := r.told("INVITE")
		if r.session != nil {
			t.Fatal("it has ports")
		}
		r.in(r.pstn, response("180 Ringing", inv, "to", ""))
		r.out.Reset()
		r.in(r.pstn, inPlaceOf(header(inv, "Call-ID"), tagOf(header(inv, "From")), "to",
			strings.NewReplacer("49170", "49180", "c=IN IP4 198.51.100.2", "c=IN IP4 "+c.conn).Replace(bodies[1]+c.guest)))
		said := map[string]*sdp.Session{}
		for _, s := range r.out.Sends {
			if text, err := sdp.Parse(string(bytes.Join(bytes.SplitAfter(s.Data, []byte("\r\n\r\n"))[1:], nil))); err == nil && bytes.HasPrefix(s.Data, []byte("SIP/2.0 200")) {
				said[header(s.Data, "Call-ID")] = text
			}
		}
		caller, guest := said["call"], said["other"]
		if c.want == "" {
			if caller != nil || guest != nil || r.first("CANCEL") != nil {
				t.Errorf("%+v: picked up\n%s", c, r.lines())
			}
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			r.told("SIP/2.0 200")
			continue
		}
		if caller == nil || guest == nil {
			t.Errorf("%+v: not picked up\n%s", c, r.lines())
			continue
		}
		if m := &caller.Media[0]; m.Port != 49180 || m.Conn.String() != c.conn || len(caller.Media) != 1+strings.Count(c.caller, "m=") {
			t.Errorf("%+v: the caller is told\n%s", c, caller.Body())
		}
		if m := &guest.Media[0]; m.Port != 49170 || m.Conn.String() != "198.51.100.1" || kinds(guest) != c.want {
			t.Errorf("%+v: who picks up is told\n%s", c, guest.Body())
		}
	}
}

// RFC 5589 §7: the two who talk to a referrer past us are joined in one call, past us too: each is told of the media of the other. Who is elsewhere is not, as there are no ports for it.
func TestBYP01AttendedTransfer(t *testing.T) {
	elsewhere := strings.ReplaceAll(bodies[1], "IN IP4 198.51.100.2", "IN IP4 203.0.113.9")
	for name, row := range map[string]struct {
		one    string // description of who comes
		joined bool
	}{"at one place": {strings.Replace(bodies[1], "m=audio 49170", "m=audio 49600", 1), true}, "elsewhere": {elsewhere, false}} {
		t.Run(name, func(t *testing.T) {
			s := shardsOf(t, strings.Replace(placed, "enableBypass: true, ", "enableBypass: true, acceptRefer: true, ", 2))
			one, two := s.callOf(0, bodies[0], row.one), s.callOf(1, bodies[0], bodies[1])
			told := make(map[string]string) // by Call-ID
			for list := s.in(s.uc, one.joins(&two)); len(list) > 0; list = list[1:] {
				m := list[0]
				switch id := header(m, "Call-ID"); {
				case bytes.HasPrefix(m, []byte("NOTIFY ")), bytes.HasPrefix(m, []byte("BYE ")):
					list = append(list, s.in(s.uc, response("200 OK", m, "", ""))...)
				case bytes.HasPrefix(m, []byte("INVITE ")):
					told[id] = string(m)
					list = append(list, s.in(s.pstn, response("200 OK", m, "", map[string]string{one.b: row.one, two.b: bodies[1]}[id]))...)
				}
			}
			if joined := slices.Contains(s.records, "transferred"); joined != row.joined || (len(told) == 2) != row.joined {
				t.Fatalf("joined %v, told %d, calls have ended: %v", joined, len(told), s.records)
			}
			if !row.joined {
				return
			}
			for id, other := range map[string]string{one.b: bodies[1], two.b: row.one} {
				_, want, _ := strings.Cut(other, "m=audio ")
				want, _, _ = strings.Cut(want, " ")
				if !strings.Contains(told[id], "c=IN IP4 198.51.100.2\r\n") || !strings.Contains(told[id], "m=audio "+want+" ") {
					t.Errorf("one is told\n%s", told[id])
				}
			}
		})
	}
}
