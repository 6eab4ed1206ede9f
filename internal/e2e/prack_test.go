package e2e

import "testing"

// SIG-07, RFC 3262: reliable provisional responses with SIPp. Each leg has its own: who requires them gets them, whatever the other side knows.
func TestSIG_07ReliableResponses(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		pair(t, l, s, tcp, "uac-prack", "uas-early") // the caller requires them
		checkRecord(t, s.record(), "normal-clearing", 200, "caller")
		pair(t, l, s, tcp, "uac-early", "uas-prack") // the callee does
		checkRecord(t, s.records(2)[1], "normal-clearing", 200, "caller")
		pair(t, l, s, tcp, "uac-prack", "uas-prack")
		checkRecord(t, s.records(3)[2], "normal-clearing", 200, "caller")
	})
}
