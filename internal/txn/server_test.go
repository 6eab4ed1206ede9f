package txn

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

func TestRFC3261_17_2_2(t *testing.T) {
	for _, row := range []struct {
		name  string
		hop   sip.Hop
		steps []serverStep
		after string
	}{
		{"a repetition in Trying is discarded", udp, []serverStep{{100, "BYE", 0, false, "", Trying}}, ""},
		{"the last provisional response is repeated", udp, []serverStep{
			{0, "", 100, true, "100", Proceeding}, {10, "BYE", 0, false, "100+", Proceeding},
			{20, "", 183, true, "183", Proceeding}, {30, "BYE", 0, false, "183+", Proceeding}}, ""},
		{"the final response is repeated until timer J", udp, []serverStep{
			{0, "", 200, true, "200", Completed}, {10, "BYE", 0, false, "200+", Completed}, {31999, "BYE", 0, false, "200+", Completed}}, "32000:Ended"},
		{"final after provisional", udp, []serverStep{
			{0, "", 100, true, "100", Proceeding}, {100, "", 481, true, "481", Completed}}, "32100:Ended"},
		{"timer J is zero over a reliable transport", tcp, []serverStep{{0, "", 200, true, "200", Terminated}}, ""},
		{"any other response is discarded in Completed", udp, []serverStep{
			{0, "", 200, true, "200", Completed}, {10, "", 500, false, "", Completed}, {20, "", 100, false, "", Completed}}, "32000:Ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s Server
			var out Out
			req := request("BYE")
			s.Start(epoch, req, row.hop, nil)
			same(t, "state", s.State(), Trying)
			for _, st := range row.steps {
				if st.in != "" {
					m := request(st.in)
					if !s.Matches(m) {
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

func TestRFC3261_17_2_4_TransportErrorNonInvite(t *testing.T) {
	var s Server
	var out Out
	req := request("INFO")
	s.Start(epoch, req, udp, nil)
	same(t, "in Trying nothing was sent", s.Fail(at(1), &out), None)
	s.Respond(at(2), response(req, 200), &out)
	same(t, "in Completed", s.Fail(at(3), &out), Failed)
	same(t, "state", s.State(), Terminated)
	same(t, "no match after the end", s.Matches(req), false)
	same(t, "no answer after the end", s.Respond(at(4), response(req, 200), &out), false)
}

func TestRFC3261_17_2_3_MatchingNonInvite(t *testing.T) {
	var s Server
	s.Start(epoch, request("BYE"), udp, nil)
	same(t, "again", s.Matches(request("BYE")), true)
	same(t, "ACK is not for it", s.Matches(request("ACK")), false)
	same(t, "another method with the same branch", s.Matches(request("INFO")), false)
	same(t, "another branch", s.Matches(request("BYE", "77a", "77b")), false)
	s.Start(epoch, request("BYE", "branch=z9hG4bK77a", "branch=1"), udp, nil)
	same(t, "RFC 2543", s.Matches(request("BYE", "branch=z9hG4bK77a", "branch=1")), true)
	same(t, "RFC 2543, next CSeq", s.Matches(request("BYE", "branch=z9hG4bK77a", "branch=1", "CSeq: 7", "CSeq: 8")), false)
}
