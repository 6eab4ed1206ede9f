package routing

import (
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// maxDiversions bounds how often rules may replace the number of one call. Compile refuses circles; the bound is for
// snapshots that it did not make.
const maxDiversions = 8

// inboundRule finds the rule for a call that arrives on a trunk (NEW-10). A call to an emergency number is only for a rule that speaks
// of called numbers, and never for an announcement.
func (x *run) inboundRule() *topology.InboundRule {
	base, _ := splitExt(x.d.Number)
	rescue := x.s.EmergencyOf(x.d.CallingUser, x.q.Trunk, base) != nil
	for i := range x.s.InboundRules {
		r := &x.s.InboundRules[i]
		if rescue && (r.Called == nil || r.To.Announcement != nil) || !r.Matches(x.q.Trunk, x.d.Number, x.d.CallerNumber) {
			if x.q.Full {
				x.step(Step{Kind: StepInbound, Outcome: NoMatch, Name: r.Name, From: x.d.Number})
			}
			continue
		}
		x.step(divertStep(StepInbound, r.Name, x.d.Number, &r.To))
		return r
	}
	return nil
}

// unassigned finds the range of unassigned numbers that the number of nobody is in (RTE-28).
func (x *run) unassigned() *topology.UnassignedRange {
	if len(x.s.Unassigned) == 0 {
		return nil
	}
	base, _ := splitExt(x.d.Number)
	r := x.s.UnassignedByNumber(base)
	if r != nil {
		x.step(divertStep(StepUnassigned, r.Name, x.d.Number, &r.To))
	}
	return r
}

// divert sends the call where a rule says; why is the reason of its refusals. False: the number was replaced, and the decision
// goes on with it.
func (x *run) divert(to *topology.Destination, why *diag.Reason) (decided bool) {
	switch {
	case to.User != nil:
		if to.User.Number != "" {
			x.d.Number = userNumber(to.User) // the platform knows no other
		}
		x.called.digits = true
		x.toUser(to.User)
	case to.Trunk != nil:
		x.uri = to.URI
		x.candidate(candidate{trunk: to.Trunk})
		if len(x.cands) == 0 {
			x.tried = true
			x.refuse(x.nowhere())
			return true
		}
		x.d.Kind = ToRoute
		x.targets(x.d.Number)
	case to.Announcement != nil:
		return x.announce(to, why)
	case to.Status != 0:
		x.refuse(chosen(*why, to))
	default:
		if x.diverted++; x.diverted > maxDiversions {
			x.refuse(diag.LoopDetected)
			return true
		}
		x.d.Number, x.called = to.Number, dialled{number: to.Number, digits: true}
		if len(to.Usages) > 0 {
			x.lent = to.Usages
		}
		return false
	}
	return true
}

// announce lets the caller hear something, and goes on with the announcement's target if it has one. A call hears one announcement only, so that none can lead back to
// itself; Compile refuses what would.
func (x *run) announce(to *topology.Destination, why *diag.Reason) (decided bool) {
	a := to.Announcement
	if x.d.Announcement != nil {
		x.refuse(diag.LoopDetected)
		return true
	}
	x.d.Announcement = a
	if a.Target == nil {
		x.d.Kind, x.d.Reason = Announced, chosen(*why, to)
		return true
	}
	x.step(divertStep(StepAnnouncement, a.Name, x.d.Number, a.Target))
	return x.divert(a.Target, why)
}

// heard settles what the announcement means for what was decided: before an emergency call there is none, and before a refusal it is heard all the same.
func (x *run) heard() {
	switch d := &x.d; {
	case d.Announcement == nil:
	case d.Kind == Emergency:
		d.Announcement = nil
	case d.Kind == Refused:
		d.Kind = Announced
	}
}

// chosen is a reason with the status, and perhaps the cause, that the document chooses.
func chosen(r diag.Reason, to *topology.Destination) *diag.Reason {
	if to.Status != 0 && r.Status != to.Status {
		r.Status, r.Phrase = to.Status, sip.Phrase(to.Status)
	}
	if to.Cause != 0 {
		r.Cause = to.Cause
	}
	return &r
}

func divertStep(kind StepKind, name, number string, to *topology.Destination) Step {
	st := Step{Kind: kind, Outcome: Chosen, Name: name, From: number}
	switch {
	case to.User != nil:
		st.Of, st.To = "user", to.User.Name
	case to.Trunk != nil:
		st.Of, st.To = "trunk", to.Trunk.Name
	case to.Announcement != nil:
		st.Of, st.To = "announcement", to.Announcement.Name
	case to.Status != 0:
		st.N = int32(to.Status)
	default:
		st.Of, st.To = "number", to.Number
	}
	return st
}

func (st *Step) divertText(p *prose) {
	switch {
	case st.Outcome == NoMatch:
		p.put("does not fit")
	case st.Of == "":
		p.put(st.From, " is refused with ")
		p.number(int(st.N))
	default:
		if st.Kind == StepAnnouncement {
			p.put("is heard first, then ")
		}
		p.put(st.From, " goes to ", st.Of, " ")
		p.quote(st.To)
	}
}
