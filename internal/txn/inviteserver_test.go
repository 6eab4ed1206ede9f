package txn

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// A step of a server test: what comes in or what the user responds.
type serverStep struct {
	at      int
	in      string // method that arrives
	respond int    // status that the user sends
	ok      bool   // up, or not refused
	sends   string
	state   State
}

func TestRFC3261_17_2_1(t *testing.T) {
	for _, row := range []struct {
		name  string
		hop   sip.Hop
		steps []serverStep
		after string
	}{
		{"nothing to repeat before the first response", udp,
			[]serverStep{{50, "INVITE", 0, false, "", Proceeding}}, "100:Silent"},
		{"the user is told once that nothing was said", udp, nil, "100:Silent"},
		{"not when something was", tcp, []serverStep{{90, "", 180, true, "180", Proceeding}}, ""},
		{"the last provisional response is repeated", udp, []serverStep{
			{0, "", 100, true, "100", Proceeding}, {10, "INVITE", 0, false, "100+", Proceeding},
			{20, "", 180, true, "180", Proceeding}, {30, "INVITE", 0, false, "180+", Proceeding}}, ""},
		{"final response: G doubles up to T2, H ends", udp, []serverStep{{0, "", 486, true, "486", Completed}},
			"500:486+ 1500:486+ 3500:486+ 7500:486+ 11500:486+ 15500:486+ 19500:486+ 23500:486+ 27500:486+ 31500:486+ 32000:TimedOut"},
		{"no G over a reliable transport, H all the same", tcp, []serverStep{{0, "", 486, true, "486", Completed}}, "32000:TimedOut"},
		{"INVITE in Completed: response repeated", udp, []serverStep{
			{0, "", 503, true, "503", Completed}, {100, "INVITE", 0, false, "503+", Completed}, {200, "ACK", 0, false, "", Confirmed}}, "5200:Ended"},
		{"ACK: Confirmed for timer I, absorbs", udp, []serverStep{
			{0, "", 404, true, "404", Completed}, {200, "ACK", 0, false, "", Confirmed},
			{300, "ACK", 0, false, "", Confirmed}, {400, "INVITE", 0, false, "", Confirmed}}, "5200:Ended"},
		{"timer I is zero over a reliable transport", tcp, []serverStep{
			{0, "", 404, true, "404", Completed}, {200, "ACK", 0, false, "", Terminated}}, ""},
		{"ACK in Proceeding is nothing", udp, []serverStep{{50, "ACK", 0, false, "", Proceeding}}, "100:Silent"},
		{"a second final response is refused", udp, []serverStep{
			{0, "", 486, true, "486", Completed}, {10, "", 200, false, "", Completed},
			{20, "", 500, false, "", Completed}, {30, "", 180, false, "", Completed}, {40, "ACK", 0, false, "", Confirmed}}, "5040:Ended"},
		{"RFC 6026 §8.5: 2xx: Accepted, INVITE absorbed, ACK is up, timer L", udp, []serverStep{
			{0, "", 200, true, "200", Accepted}, {100, "INVITE", 0, false, "", Accepted},
			{200, "ACK", 0, true, "", Accepted}, {300, "ACK", 0, true, "", Accepted}}, "32000:Ended"},
		{"RFC 6026 §8.5: the same over a reliable transport", tcp, []serverStep{
			{0, "", 202, true, "202", Accepted}, {200, "ACK", 0, true, "", Accepted}}, "32000:Ended"},
		{"RFC 6026 §7.1: the user repeats the 2xx, nothing else leaves", udp, []serverStep{
			{0, "", 200, true, "200", Accepted}, {500, "", 200, true, "200", Accepted},
			{600, "", 486, false, "", Accepted}, {700, "", 180, false, "", Accepted}}, "32000:Ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s InviteServer
			var out Out
			req := request("INVITE")
			s.Start(epoch, req, row.hop, nil)
			same(t, "state", s.State(), Proceeding)
			for _, st := range row.steps {
				if st.in != "" {
					m := request(st.in)
					if s.State() != Terminated && !s.Matches(m) {
						t.Fatalf("%s does not match", st.in)
					}
					same(t, "up", s.Receive(at(st.at), m, &out), st.ok)
				} else {
					same(t, "responded", s.Respond(at(st.at), response(req, st.respond), &out), st.ok)
				}
				same(t, "sends", brief(t, &out), st.sends)
				same(t, "state", s.State(), st.state)
			}
			same(t, "timers", run(t, &s, at(1000000), &out), row.after)
		})
	}
}

func TestInviteServerRepeat(t *testing.T) {
	var s InviteServer
	var out Out
	req := request("INVITE")
	s.Start(epoch, req, udp, nil)
	s.Repeat(&out)
	same(t, "nothing yet", brief(t, &out), "")
	s.Respond(epoch, response(req, 183), &out)
	s.Repeat(&out)
	same(t, "RFC 3262 §3", brief(t, &out), "183 183+")
	s.Respond(epoch, response(req, 200), &out)
	s.Repeat(&out)
	same(t, "RFC 3261 §13.3.1.4", brief(t, &out), "200 200+")
	s.Advance(at(32000), &out)
	s.Repeat(&out)
	same(t, "after the end", brief(t, &out), "")
}

// A process that has stood still for longer than timer H says a final response once more before it forgets it: the peer may never have had it.
func TestInviteServerStoodStill(t *testing.T) {
	for _, c := range []struct {
		hop   sip.Hop
		sends string
	}{{udp, "486+"}, {tcp, ""}} {
		var s InviteServer
		var out Out
		req := request("INVITE")
		s.Start(epoch, req, c.hop, nil)
		s.Respond(epoch, response(req, 486), &out)
		brief(t, &out)
		same(t, "event", s.Advance(at(40000), &out), TimedOut)
		same(t, "sends", brief(t, &out), c.sends)
	}
}

func TestRFC3261_17_2_4_TransportError(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		ack    bool
		want   Event
		state  State
	}{
		{"in Proceeding", 180, false, Failed, Terminated},
		{"in Completed", 486, false, Failed, Terminated},
		{"in Accepted the user may still repeat", 200, false, Failed, Accepted},
		{"in Confirmed there is nothing to send", 486, true, None, Confirmed},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s InviteServer
			var out Out
			req := request("INVITE")
			s.Start(epoch, req, udp, nil)
			s.Respond(epoch, response(req, row.status), &out)
			if row.ack {
				s.Receive(at(1), request("ACK"), &out)
			}
			same(t, "event", s.Fail(at(2), &out), row.want)
			same(t, "state", s.State(), row.state)
		})
	}
}

func TestRFC3261_17_2_3_Matching(t *testing.T) {
	old := []string{"branch=z9hG4bK77a", "branch=1"}
	none := []string{";branch=z9hG4bK77a", ""}
	with := func(edit []string, more ...string) []string { return append(append([]string{}, more...), edit...) }
	for _, row := range []struct {
		name  string
		start []string
		m     *sip.Message
		want  bool
	}{
		{"the INVITE again", nil, request("INVITE"), true},
		{"the ACK", nil, request("ACK"), true},
		{"another method", nil, request("CANCEL"), false},
		{"another branch", nil, request("INVITE", "77a", "77b"), false},
		{"another sent-by host", nil, request("INVITE", "a.example:5060", "x.example:5060"), false},
		{"another sent-by port", nil, request("INVITE", "a.example:5060", "a.example:5061"), false},
		{"sent-by in another case", nil, request("INVITE", "a.example:5060", "A.EXAMPLE:5060"), true},
		{"with the cookie the rest does not count", nil, request("INVITE", "from1", "x", "CSeq: 7", "CSeq: 8"), true},
		{"RFC 2543: again", old, request("INVITE", old...), true},
		{"RFC 2543: no branch at all", none, request("INVITE", none...), true},
		{"RFC 2543: Request-URI", none, request("INVITE", with(none, "5551234@b.example SIP", "5551235@b.example SIP")...), false},
		{"RFC 2543: Call-ID", none, request("INVITE", with(none, "call1", "call2")...), false},
		{"RFC 2543: CSeq", none, request("INVITE", with(none, "CSeq: 7", "CSeq: 8")...), false},
		{"RFC 2543: From tag", none, request("INVITE", with(none, "from1", "from2")...), false},
		{"RFC 2543: To tag", none, request("INVITE", with(none, "b.example>", "b.example>;tag=t")...), false},
		{"RFC 2543: top Via", none, request("INVITE", with(none, ";rport", ";x")...), false},
		{"RFC 2543: ACK with the tag of our response", none, request("ACK", with(none, "b.example>", "b.example>;tag=to1")...), true},
		{"RFC 2543: ACK with another tag", none, request("ACK", with(none, "b.example>", "b.example>;tag=to2")...), false},
		{"RFC 2543: CANCEL is not the INVITE", none, request("CANCEL", none...), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s InviteServer
			var out Out
			req := request("INVITE", row.start...)
			s.Start(epoch, req, udp, nil)
			s.Respond(epoch, response(req, 486), &out)
			same(t, "matches", s.Matches(row.m), row.want)
		})
	}
	var idle InviteServer
	same(t, "never started", idle.Matches(request("INVITE")), false)
	same(t, "never started", idle.MatchesCancel(request("CANCEL")), false)
}

func TestRFC3261_9_2_MatchesCancel(t *testing.T) {
	var s InviteServer
	s.Start(epoch, request("INVITE"), udp, nil)
	same(t, "own", s.MatchesCancel(request("CANCEL")), true)
	same(t, "the INVITE is none", s.MatchesCancel(request("INVITE")), false)
	same(t, "other branch", s.MatchesCancel(request("CANCEL", "77a", "77b")), false)
	s.Start(epoch, request("INVITE", ";branch=z9hG4bK77a", ""), udp, nil)
	same(t, "RFC 2543", s.MatchesCancel(request("CANCEL", ";branch=z9hG4bK77a", "")), true)
	same(t, "RFC 2543, another call", s.MatchesCancel(request("CANCEL", ";branch=z9hG4bK77a", "", "call1", "call2")), false)
}

// What a server keeps must not be views of the datagram.
func TestServerOwnsItsStrings(t *testing.T) {
	data := request("INVITE").String()
	req, err := sip.Parse([]byte(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	var s InviteServer
	s.Start(epoch, req, udp, nil)
	v, _ := req.TopVia()
	for name, pair := range map[string][2]string{
		"branch": {s.kept.send.Branch, v.Branch()}, "Call-ID": {s.kept.send.CallID, req.CallID()}, "host": {s.kept.id.host, v.Host},
	} {
		same(t, name, pair[0], pair[1])
		if aliases(pair[0], pair[1]) {
			t.Errorf("%s is a view of the datagram", name)
		}
	}
	same(t, "Branch", strings.HasPrefix(s.Branch(), sip.MagicCookie), true)
}
