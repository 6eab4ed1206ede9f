package e2e

import (
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// transports runs a test over UDP and over TCP.
func transports(t *testing.T, f func(t *testing.T, l *lab, transport string, tcp bool)) {
	t.Parallel()
	for _, tr := range []string{"UDP", "TCP"} {
		t.Run(tr, func(t *testing.T) { f(t, newLab(t), tr, tr == "TCP") })
	}
}

func checkRecord(t *testing.T, r *cdr.Record, reason string, status int, endedBy string) {
	t.Helper()
	if r.Reason != reason || r.Status != status || r.EndedBy != endedBy {
		t.Errorf("the record says %s, status %d, ended by %s (%s); want %s, %d, %s", r.Reason, r.Status, r.EndedBy, r.Detail, reason, status, endedBy)
	}
}

// TOP-01, TOP-02, SIG-02: calls in both directions, ended by either side.
func TestCallGoesThroughInBothDirections(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport))
		for _, c := range []struct {
			caller, callee         int
			number, answers, calls string
			by                     string
		}{
			{2, 3, "+14255550100", "uas-call", "uac-call", "caller"},
			{3, 2, "+493055550100", "uas-call", "uac-call", "caller"},
			{2, 3, "+14255550100", "uas-bye", "uac-hears-bye", "callee"},
			{3, 2, "+493055550100", "uas-bye", "uac-hears-bye", "callee"},
		} {
			callee := l.sipp(peer{scenario: c.answers, n: c.callee, tcp: tcp, expect: `INVITE sip:.` + c.number[1:] + `@.*user=phone`})
			caller := l.sipp(peer{scenario: c.calls, n: c.caller, port: 5070, tcp: tcp, number: c.number})
			together(caller, callee)
			s.want++
			list := s.records(s.want)
			r := list[len(list)-1]
			checkRecord(t, r, "normal-clearing", 200, c.by)
			if r.Ringing.IsZero() || r.Answered.IsZero() || r.Out == nil || len(r.Attempts) != 1 || len(r.Ladder) < 10 {
				t.Errorf("the record is not complete: %+v", r)
			}
		}
	})
}
