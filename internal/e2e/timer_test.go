package e2e

import "testing"

// SIG-08, TRK-08, RFC 4028: session timers with SIPp: 422 from either side, and each peer refreshes its own leg, by UPDATE and by re-INVITE.
func TestSIG_08PeerRefreshes(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		pair(t, l, s, tcp, "uac-timer", "uas-call")
		list := s.records(2) // the first INVITE has a record of its own
		checkRecord(t, list[0], "session-interval-too-small", 422, "directsip")
		checkRecord(t, list[1], "normal-clearing", 200, "caller")
	})
}

// SIG-08, TRK-08, RFC 4028 §7.3: a callee whose interval is longer, and which refreshes it.
func TestSIG_08CalleeRefreshes(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport, "enableSessionTimer: true, sessionExpires: 90s"))
		pair(t, l, s, tcp, "uac-hears-bye", "uas-timer")
		checkRecord(t, s.record(), "normal-clearing", 200, "callee")
	})
}

// SIG-08, TRK-08, RFC 4028 §7.2, §10: we refresh, at half of the shortest interval that we follow, 30 s: by UPDATE, and by re-INVITE where the peer allows no
// UPDATE.
func TestSIG_08WeRefresh(t *testing.T) {
	t.Parallel()
	for _, callee := range []string{"uas-refreshed", "uas-reinvited"} {
		t.Run(callee, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.document("UDP", "enableSessionTimer: true, sessionExpires: 90s"))
			pair(t, l, s, false, "uac-hears-bye", callee)
			checkRecord(t, s.record(), "normal-clearing", 200, "callee")
		})
	}
}

// SIG-08: a peer that does not know session timers, behind a proxy that asks for one of 2 s, cannot make us refresh every second.
func TestSIG_08ShortIntervalIsBounded(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	caller, callee := l.end(l.udp(2, 0)), l.end(l.udp(3, 5060))
	caller.send(caller.invite(l, "+14255550100", "short", caller.audio(), "Session-Expires: 2;refresher=uas"))
	callee.take()
	caller.ok = caller.final("INVITE")
	if v := header(caller.ok, "Session-Expires"); status(caller.ok) != 200 || v != "30;refresher=uas" {
		t.Errorf("status %d, Session-Expires: %s", status(caller.ok), v)
	}
	caller.send(caller.ack(caller.ok))
	caller.send(caller.bye(caller.ok))
	caller.final("BYE")
	callee.hungUp()
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}
