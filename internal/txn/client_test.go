package txn

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

func TestRFC3261_17_1_2_2(t *testing.T) {
	type step struct {
		at     int
		status int
		up     bool
		state  State
	}
	for _, row := range []struct {
		name   string
		hop    sip.Hop
		before string // what the timers do until the first step
		steps  []step
		after  string
	}{
		{"timer E doubles up to T2, timer F ends", udp, "", nil,
			"500:BYE+ 1500:BYE+ 3500:BYE+ 7500:BYE+ 11500:BYE+ 15500:BYE+ 19500:BYE+ 23500:BYE+ 27500:BYE+ 31500:BYE+ 32000:TimedOut"},
		{"no timer E over a reliable transport", tcp, "", nil, "32000:TimedOut"},
		{"in Proceeding timer E goes on with T2", udp, "500:BYE+", []step{{600, 100, true, Proceeding}},
			"1500:BYE+ 5500:BYE+ 9500:BYE+ 13500:BYE+ 17500:BYE+ 21500:BYE+ 25500:BYE+ 29500:BYE+ 32000:TimedOut"},
		{"in Proceeding timer F still ends", tcp, "", []step{{600, 100, true, Proceeding}}, "32000:TimedOut"},
		{"a final response stops the repetition, timer K", udp, "500:BYE+", []step{{600, 200, true, Completed}}, "5600:Ended"},
		{"timer K is zero over a reliable transport", tcp, "", []step{{600, 481, true, Terminated}}, ""},
		{"repeated responses are absorbed", udp, "", []step{{100, 200, true, Completed}, {200, 200, false, Completed}, {300, 100, false, Completed}}, "5100:Ended"},
		{"final after provisional", udp, "", []step{{100, 183, true, Proceeding}, {200, 500, true, Completed}}, "5200:Ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c Client
			var out Out
			req := request("BYE")
			c.Start(epoch, req, row.hop, nil, &out)
			same(t, "start", brief(t, &out), "BYE")
			same(t, "state", c.State(), Trying)
			if len(row.steps) > 0 {
				same(t, "timers before", run(t, &c, at(row.steps[0].at), &out), row.before)
			}
			for _, s := range row.steps {
				r := response(req, s.status)
				if c.State() != Terminated && !c.Matches(r) {
					t.Fatalf("%d does not match", s.status)
				}
				same(t, "up", c.Receive(at(s.at), r, &out), s.up)
				same(t, "sends", brief(t, &out), "")
				same(t, "state", c.State(), s.state)
			}
			same(t, "timers", run(t, &c, at(1000000), &out), row.after)
			same(t, "state", c.State(), Terminated)
		})
	}
}

func TestRFC3261_17_1_2_TransportError(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		want   Event
		state  State
	}{
		{"in Trying", 0, Failed, Terminated},
		{"in Proceeding", 100, Failed, Terminated},
		{"in Completed there is nothing to send", 200, None, Completed},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c Client
			var out Out
			req := request("UPDATE")
			c.Start(epoch, req, udp, nil, &out)
			if row.status != 0 {
				c.Receive(at(1), response(req, row.status), &out)
			}
			same(t, "event", c.Fail(at(2), &out), row.want)
			same(t, "state", c.State(), row.state)
		})
	}
}

func TestRFC3261_17_1_3_MatchingMethod(t *testing.T) {
	var c Client
	var out Out
	c.Start(epoch, request("OPTIONS"), udp, nil, &out)
	same(t, "own", c.Matches(response(request("OPTIONS"), 200)), true)
	same(t, "other method", c.Matches(response(request("INFO"), 200)), false)
	same(t, "case counts", c.Matches(response(request("options"), 200)), false)
	same(t, "method", c.Method(), "OPTIONS")
	c.Start(epoch, request("XYZZY"), udp, nil, &out)
	same(t, "unknown method", c.Matches(response(request("XYZZY"), 501)), true)
}
