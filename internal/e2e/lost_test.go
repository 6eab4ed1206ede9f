package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// OPS-08: the calls that kill -9 cuts off have a record after the next start that says how far each had come: the answered one when it
// was answered and with 200, the ringing one neither.
func TestKilledServerTellsWhichLostCallsWereAnswered(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	l.talk("answered", "+14255550100")
	caller, callee := l.udp(3, 5070), l.udp(2, 5060)
	caller.send(caller.invite(l, "+493055550100", "ringing", audio(l.ip(3), 30000)))
	callee.send(callee.reply(callee.expect("INVITE "), 180, ""))
	caller.expect("SIP/2.0 180")
	s.waitLive(2)
	s.waitAnswered(1)
	live := map[string]cdr.Record{}
	for _, r := range s.live() {
		r.Start, r.Answered = r.Start.Truncate(time.Microsecond), r.Answered.Truncate(time.Microsecond) // as they are stored
		live[r.In.CallID] = r
	}
	// Calls reach the journal in the order in which they changed: when a later record is there, so is what came before.
	caller.send(caller.invite(l, "+33155550100", "refused", audio(l.ip(3), 30002)))
	caller.send(caller.ack(caller.final("INVITE")))
	until(t, "a later record in the journal", func() bool { return s.metric("directsip_records_total{", `event="acknowledged"`) == 1 })

	s.kill()
	s.start()

	s.want = 3
	type line struct {
		ID, Reason string
		Status     int
		Answered   time.Time
		EndedBy    string `json:"endedBy"`
	}
	lines := map[string]line{}
	var list []line
	if err := json.Unmarshal([]byte(s.cli(0, "calls", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		lines[r.ID] = r
	}
	for _, c := range []struct {
		callID, called string
		status         int
	}{{"answered", "+14255550100", 200}, {"ringing", "+493055550100", 0}} {
		was := live[c.callID]
		var r cdr.Record
		if err := json.Unmarshal([]byte(s.cli(0, "why", "--json", was.ID)), &r); err != nil {
			t.Fatal(err)
		}
		checkRecord(t, &r, "server-lost", c.status, "directsip")
		if !r.Start.Equal(was.Start) || !r.Answered.Equal(was.Answered) || r.Answered.IsZero() == (c.status == 200) {
			t.Errorf("%s: the record says begun %v, answered %v; it was begun %v, answered %v", c.callID, r.Start, r.Answered, was.Start, was.Answered)
		}
		if r.End.Before(r.Start) || r.End.Before(r.Answered) || r.In.CallID != c.callID || r.Called.Received != c.called {
			t.Errorf("the record of call %s: %+v", c.callID, r)
		}
		if c.status == 200 && (r.Out == nil || r.Out.Trunk != "gw1" || r.Out.CallID == "" || r.Out.Codec != "PCMU" || r.In.Codec != "PCMU" || r.Called.Sent != c.called) {
			t.Errorf("of the answered call the record knows out %+v, in %+v, called %+v", r.Out, r.In, r.Called)
		}
		if n := lines[was.ID]; n.Reason != r.Reason || n.Status != r.Status || !n.Answered.Equal(r.Answered) || n.EndedBy != r.EndedBy {
			t.Errorf("the list has %+v, the record %+v", n, r)
		}
	}
}
