package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/sip"
)

// recorded checks that a record says what was on the wire: when and how the caller was answered, who ended the call, what each target said, what was sent to
// whom, and the requests of the ladder.
func (x *watch) recorded(r *cdr.Record) {
	a := x.legs[r.In.CallID]
	fail := func(format string, args ...any) {
		x.fail(a, "its record (%s by %s, %d): %s", r.Reason, r.EndedBy, r.Status, fmt.Sprintf(format, args...))
	}
	i := slices.IndexFunc(a.order, func(q *requestWatch) bool { return !q.sent && q.method == "INVITE" && q.at.Equal(r.Start) })
	if i < 0 {
		fail("no INVITE came at its start")
		return
	}
	inv := a.order[i]
	switch {
	case inv.status != r.Status:
		fail("the caller was told %d", inv.status)
	case r.Status == 200 && !inv.ended.Equal(r.Answered):
		fail("answered after %v, on the wire after %v", r.Answered.Sub(r.Start), inv.ended.Sub(r.Start))
	case r.Status != 200 && r.Cause > 0:
		if m, err := sip.Parse(inv.final, nil); err == nil && !strings.Contains(m.Get(sip.IDReason), fmt.Sprintf("cause=%d;", r.Cause)) {
			fail("cause %d, the caller was told %s", r.Cause, m.Get(sip.IDReason))
		}
	}
	legs := []*legWatch{a}
	for _, l := range a.call.legs {
		if l != a && !l.probe {
			legs = append(legs, l)
		}
	}
	if o := r.Out; o != nil && x.legs[o.CallID] != nil && !slices.Contains(legs, x.legs[o.CallID]) {
		legs = append(legs, x.legs[o.CallID]) // who has picked it up was of another call
	}
	x.recordedEnd(r, legs, fail)
	for i := range r.Attempts {
		recordedAttempt(r, i, legs[1:], fail)
	}
	if o := r.Out; o != nil {
		recordedOut(r, x.legs[o.CallID], fail)
	}
	recordedLadder(r, legs, fail)
}

// recordedEnd looks for what a party that has ended the call has sent then.
func (x *watch) recordedEnd(r *cdr.Record, legs []*legWatch, fail func(string, ...any)) {
	sent := func(legs []*legWatch, methods ...string) bool {
		return slices.ContainsFunc(legs, func(l *legWatch) bool {
			return slices.ContainsFunc(l.order, func(q *requestWatch) bool {
				return !q.sent && slices.Contains(methods, q.method) && q.at.Equal(r.End)
			})
		})
	}
	switch {
	case len(r.Transfers) > 0: // who has ended it may have come from another call
	case r.Reason == "caller-cancelled" && !sent(legs[:1], "CANCEL", "BYE"),
		r.Reason == "normal-clearing" && r.EndedBy == "caller" && !sent(legs[:1], "BYE"),
		r.Reason == "normal-clearing" && r.EndedBy == "callee" && !sent(legs[1:], "BYE"):
		fail("that party has not ended it then")
	}
}

// recordedAttempt compares an attempt with the final responses of its peer that came while it was tried. gwb has response rules.
func recordedAttempt(r *cdr.Record, i int, legs []*legWatch, fail func(string, ...any)) {
	a := &r.Attempts[i]
	until := a.At.Add(a.Took)
	for _, l := range legs {
		host, _, _ := strings.Cut(a.Remote, ":")
		if !l.ours || l.started.Before(a.At) || l.started.After(until) || l.peer.(*Host).Addr.String() != host {
			continue
		}
		for _, q := range l.order {
			if !q.sent || q.method != "INVITE" || q.msg.ToTag() != "" || q.ended.After(until) || !q.cancelled.IsZero() {
				continue
			}
			switch {
			case a.Class == "cancelled" && q.ended.Equal(until): // which came in the same moment, and later
			case a.Class == "answered" && q.behind.Equal(a.At.Add(a.Took)):
			case q.status/100 == 2 && a.Class == "answered" && !q.ended.Equal(a.At.Add(a.Took)):
				fail("attempt %d was answered after %v, on the wire after %v", i+1, a.Took, q.ended.Sub(a.At))
			case q.status/100 == 2 && a.Class != "answered" && a.Class != "cancelled" && a.Reason != "answer-lost": // the BYE came first
				fail("attempt %d: %d %s, the peer said %d", i+1, a.Status, a.Reason, q.status)
			case q.status >= 300 && q.status != a.Status && !slices.Contains([]int{401, 407, 422}, q.status) && l.peer.(*Host).gw.Name != "gwb" &&
				!strings.Contains(r.Detail, "response rule"):
				fail("attempt %d: %d %s, the peer said %d", i+1, a.Status, a.Reason, q.status)
			}
		}
	}
}

// recordedOut compares what is said of the leg that was answered, or tried last, with its INVITE.
func recordedOut(r *cdr.Record, l *legWatch, fail func(string, ...any)) {
	if l == nil || !l.ours { // it was never called, or has come by itself
		return
	}
	for _, q := range l.order {
		if q.sent && q.method == "INVITE" && q.msg.ToTag() == "" {
			if u, _ := sip.ParseURI(q.msg.URI); u.Number() != r.Called.Sent || q.msg.FromTag() != r.Out.FromTag {
				fail("sent to %s from tag %s, on the wire %s from tag %s", r.Called.Sent, r.Out.FromTag, u.Number(), q.msg.FromTag())
			}
		}
	}
	if r.Status == 200 && len(r.Transfers) == 0 && len(r.Played) == 0 && l.final/100 != 2 {
		fail("the leg that has answered was told %d", l.final)
	}
}

// recordedLadder looks for each request of the ladder on the wire. What a peer repeats may be a request once more for who has forgotten the first.
func recordedLadder(r *cdr.Record, legs []*legWatch, fail func(string, ...any)) {
	if len(r.Transfers) > 0 {
		return // legs have come from other calls, and went there
	}
	same := func(m *cdr.Message, l *legWatch, q *requestWatch) bool {
		method, _, _ := strings.Cut(m.Line, " ")
		return method == q.method && m.Out == q.sent && (m.Leg == "a") == (l == legs[0]) && (q.at.Sub(m.At).Abs() < time.Millisecond || !q.sent && q.at.Before(m.At))
	}
	for i := range r.Ladder {
		m := &r.Ladder[i]
		if m.Leg == "" || m.Line == "ACK" || strings.Contains(m.Line, "(") {
			continue
		}
		if !slices.ContainsFunc(legs, func(l *legWatch) bool {
			return slices.ContainsFunc(l.order, func(q *requestWatch) bool { return same(m, l, q) })
		}) {
			fail("%s of %s after %v is on no wire", m.Line, m.Leg, m.At.Sub(r.Start))
		}
	}
}
