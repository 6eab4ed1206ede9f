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
