package txn

import (
	"slices"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

func TestRFC3261_17_1_1_2_Calling(t *testing.T) {
	for _, row := range []struct {
		name string
		hop  sip.Hop
		tm   *Timers
		want string
	}{
		{"timer A doubles without limit, timer B ends", udp, nil,
			"500:INVITE+ 1500:INVITE+ 3500:INVITE+ 7500:INVITE+ 15500:INVITE+ 31500:INVITE+ 32000:TimedOut"},
		{"no timer A over a reliable transport", tcp, nil, "32000:TimedOut"},
		{"timer B may be shorter", udp, &Timers{B: at(2000).Sub(epoch)}, "500:INVITE+ 1500:INVITE+ 2000:TimedOut"},
		{"T1 scales A and B", udp, &Timers{T1: at(100).Sub(epoch)},
			"100:INVITE+ 300:INVITE+ 700:INVITE+ 1500:INVITE+ 3100:INVITE+ 6300:INVITE+ 6400:TimedOut"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c InviteClient
			var out Out
			c.Start(epoch, request("INVITE"), row.hop, row.tm, &out)
			same(t, "start", brief(t, &out), "INVITE")
			same(t, "state", c.State(), Calling)
			same(t, "timers", run(t, &c, at(100000), &out), row.want)
			same(t, "state", c.State(), Terminated)
			same(t, "responded", c.Responded(), false)
		})
	}
}

func TestRFC3261_17_1_1_2_Responses(t *testing.T) {
	type step struct {
		at     int
		status int
		up     bool
		sends  string
		state  State
	}
	for _, row := range []struct {
		name  string
		hop   sip.Hop
		steps []step
		after string // what the timers do afterwards
	}{
		{"no repetition in Proceeding, and no end: timer C is the user's", udp,
			[]step{{100, 100, true, "", Proceeding}, {200, 180, true, "", Proceeding}}, ""},
		{"the ACK is made here, timer D over UDP", udp,
			[]step{{100, 486, true, "ACK", Completed}}, "32100:Ended"},
		{"a repeated final response is acknowledged, not passed up", udp,
			[]step{{100, 486, true, "ACK", Completed}, {600, 486, false, "ACK+", Completed}, {900, 486, false, "ACK+", Completed}}, "32100:Ended"},
		{"over a reliable transport a repetition is nothing", tcp,
			[]step{{100, 300, true, "ACK", Completed}, {200, 300, false, "", Completed}}, "32100:Ended"},
		{"a provisional response after the final one is nothing", udp,
			[]step{{100, 404, true, "ACK", Completed}, {200, 180, false, "", Completed}}, "32100:Ended"},
		{"RFC 3261 §16.7 item 5: a 2xx behind another final response is up", udp,
			[]step{{100, 404, true, "ACK", Completed}, {200, 200, true, "", Accepted}, {300, 404, false, "ACK+", Accepted}, {400, 200, true, "", Accepted}}, "32200:Ended"},
		{"RFC 3261 §16.7 item 5: over a reliable transport too", tcp,
			[]step{{100, 404, true, "ACK", Completed}, {20000, 200, true, "", Accepted}}, "52000:Ended"},
		{"RFC 6026 §8.4: 2xx from Calling, every 2xx is up, timer M", udp,
			[]step{{100, 200, true, "", Accepted}, {600, 200, true, "", Accepted}}, "32100:Ended"},
		{"RFC 6026 §8.4: timer M over a reliable transport too", tcp,
			[]step{{50, 183, true, "", Proceeding}, {100, 202, true, "", Accepted}, {200, 200, true, "", Accepted}}, "32100:Ended"},
		{"RFC 6026 §8.4: nothing but 2xx is up in Accepted", udp,
			[]step{{100, 200, true, "", Accepted}, {200, 180, false, "", Accepted}, {300, 500, false, "", Accepted}}, "32100:Ended"},
		{"6xx after 1xx", udp,
			[]step{{100, 183, true, "", Proceeding}, {200, 603, true, "ACK", Completed}}, "32200:Ended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c InviteClient
			var out Out
			req := request("INVITE")
			c.Start(epoch, req, row.hop, nil, &out)
			brief(t, &out)
			for _, s := range row.steps {
				r := response(req, s.status)
				if c.State() != Terminated && !c.Matches(r) {
					t.Fatalf("%d does not match", s.status)
				}
				same(t, "up", c.Receive(at(s.at), r, &out), s.up)
				same(t, "sends", brief(t, &out), s.sends)
				same(t, "state", c.State(), s.state)
				same(t, "responded", c.Responded(), true)
			}
			same(t, "timers", run(t, &c, at(1000000), &out), row.after)
		})
	}
}

func TestRFC3261_17_1_1_3_ACK(t *testing.T) {
	var c InviteClient
	var out Out
	req := request("INVITE")
	c.Start(epoch, req, udp, nil, &out)
	brief(t, &out)
	c.Receive(at(1), response(req, 486), &out)
	same(t, "hop", out.Sends[0].Hop, udp)
	same(t, "again", out.Sends[0].Again, false)
	ms, _ := sent(t, &out)
	ack := ms[0]
	same(t, "Request-URI", ack.URI, req.URI)
	same(t, "Call-ID", ack.CallID(), req.CallID())
	same(t, "From", ack.Get(sip.IDFrom), req.Get(sip.IDFrom))
	same(t, "To of the response", ack.Get(sip.IDTo), "<sip:+15551234@b.example>;tag=to1")
	same(t, "CSeq", ack.Get(sip.IDCSeq), "7 ACK")
	same(t, "Max-Forwards", ack.Get(sip.IDMaxForwards), "70")
	vias := slices.Collect(ack.Values(sip.IDVia))
	same(t, "one Via", len(vias), 1)
	same(t, "top Via", vias[0], "SIP/2.0/UDP a.example:5060;branch=z9hG4bK77a;rport")
	routes := slices.Collect(ack.Values(sip.IDRoute))
	if !slices.Equal(routes, []string{"<sip:p1.example;lr>", "<sip:p2.example;lr>"}) {
		t.Errorf("Route: %q", routes)
	}
	same(t, "valid", ack.Validate() == nil, true)
}

func TestRFC3261_17_1_1_4_TransportError(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		want   Event
		state  State
	}{
		{"in Calling", 0, Failed, Terminated},
		{"in Proceeding", 180, Failed, Terminated},
		{"of the ACK: the user has its answer", 486, Ended, Terminated},
		{"in Accepted the machine has nothing to send", 200, None, Accepted},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c InviteClient
			var out Out
			req := request("INVITE")
			c.Start(epoch, req, udp, nil, &out)
			if row.status != 0 {
				c.Receive(at(1), response(req, row.status), &out)
			}
			same(t, "event", c.Fail(at(2), &out), row.want)
			same(t, "state", c.State(), row.state)
			same(t, "once", c.Fail(at(3), &out), None)
		})
	}
}

func TestRFC3261_17_1_3_Matching(t *testing.T) {
	req := request("INVITE")
	for _, row := range []struct {
		name string
		r    *sip.Message
		want bool
	}{
		{"own", response(req, 200), true},
		{"other branch", response(request("INVITE", "z9hG4bK77a", "z9hG4bK77b"), 200), false},
		{"other method: the 200 to CANCEL has the same branch", response(request("CANCEL"), 200), false},
		{"a request", req, false},
		{"no Via", &sip.Message{Status: 200, Headers: []sip.Header{{ID: sip.IDCSeq, Name: "CSeq", Value: "7 INVITE"}}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c InviteClient
			var out Out
			c.Start(epoch, req, udp, nil, &out)
			same(t, "matches", c.Matches(row.r), row.want)
		})
	}
	var idle InviteClient
	same(t, "never started", idle.Matches(response(req, 200)), false)
	same(t, "branch", idle.Branch(), "")
}

func TestRFC3261_9_1_Cancel(t *testing.T) {
	var c InviteClient
	var out Out
	req := request("INVITE")
	c.Start(epoch, req, udp, nil, &out)
	if c.Cancel() != nil {
		t.Error("a CANCEL before the first provisional response")
	}
	c.Receive(at(1), response(req, 180), &out)
	m := c.Cancel()
	same(t, "Request-URI", m.URI, req.URI)
	same(t, "CSeq", m.Get(sip.IDCSeq), "7 CANCEL")
	same(t, "To without the response's tag", m.Get(sip.IDTo), req.Get(sip.IDTo))
	same(t, "From", m.Get(sip.IDFrom), req.Get(sip.IDFrom))
	same(t, "Vias", len(slices.Collect(m.Values(sip.IDVia))), 1)
	same(t, "Routes", len(slices.Collect(m.Values(sip.IDRoute))), 2)
	v, _ := m.TopVia()
	same(t, "branch", v.Branch(), c.Branch())

	var s InviteServer
	s.Start(epoch, req, udp, nil)
	same(t, "the server finds its INVITE", s.MatchesCancel(m), true)

	var cc Client
	cc.Start(at(2), m, c.Hop(), nil, &out)
	same(t, "its own 200", cc.Matches(response(m, 200)), true)
	same(t, "not the INVITE's", c.Matches(response(m, 200)), false)

	c.Receive(at(3), response(req, 487), &out)
	if c.Cancel() != nil {
		t.Error("a CANCEL after the final response")
	}
}
