package routing

import (
	"cmp"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// Callbacks is a State that knows too whom emergency services reach by the numbers of locations (EMG-04).
type Callbacks interface {
	// ELIN chooses of a location's numbers the one to show for a caller: that which stands for the caller already, else one that
	// stands for nobody, else the one that has done so for the longest time.
	ELIN(now time.Time, elins []string, caller Callback) string
	// Caller is who is reached by a number; false when nobody is, or no longer.
	Caller(now time.Time, elin string) (Callback, bool)
	// Keep lets a number reach a caller for a while.
	Keep(now time.Time, elin string, caller Callback, keep time.Duration)
}

// Callback is the caller of an emergency call.
type Callback struct {
	Number string // as normalized; "" of a user without one
	URI    string // of a user, else ""
	Trunk  string // name of the trunk that the call came in on
}

// Callback is who is to be reached by ELIN.
func (d *Decision) Callback(in *topology.Trunk) Callback {
	cb := Callback{Number: d.CallerNumber}
	if in != nil {
		cb.Trunk = in.Name
	}
	if d.CallingUser != nil {
		cb.URI = d.CallingUser.URI
	}
	return cb
}

// emergency routes an emergency call (EMG-01, EMG-02): its usage replaces the policy. Only if that usage has no trunk at
// all are the caller's own usages used: better any way out than none.
func (x *run) emergency(number string) bool {
	number, _ = splitExt(number)
	e := x.s.EmergencyOf(x.d.CallingUser, x.q.Trunk, number)
	if e == nil {
		return false
	}
	x.rescued(e, number)
	return true
}

// service routes a call to an emergency service that has no number (RFC 5031, RFC 6881 §9.2): it is one to the emergency number that the caller's place has
// for it.
func (x *run) service() bool {
	called := cmp.Or(x.q.CalledURI, x.q.Called)
	name := x.s.ServiceOf(called)
	if name == "" {
		return false
	}
	e := x.s.EmergencyFor(x.d.CallingUser, x.q.Trunk, name)
	if e == nil {
		return false
	}
	x.rescued(e, name)
	return true
}

// rescued routes a call to an emergency number.
func (x *run) rescued(e *topology.EmergencyNumber, called string) {
	x.step(Step{Kind: StepEmergency, Outcome: Chosen, Name: e.Number, From: called, To: e.Usage})
	x.locate()
	bare := strings.TrimPrefix(e.Number, "+")
	x.d.Number, x.rescue = bare, true
	plus := "+" + bare
	x.usage(e.Usage, bare, plus)
	if len(x.cands) == 0 {
		for _, u := range x.usages() {
			x.usage(u, bare, plus)
		}
	}
	if len(x.cands) == 0 {
		x.refuse(x.nowhere())
		return
	}
	x.d.Kind, x.max = Emergency, len(x.cands)
	x.targets(bare)
}

// locate finds out where the caller is.
func (x *run) locate() {
	l := topology.LocationOf(x.d.CallingUser, x.q.Trunk)
	if l == nil {
		return
	}
	x.d.Location = l
	x.step(Step{Kind: StepLocation, Outcome: Chosen, Name: l.Name})
	if len(l.ELINs) == 0 {
		return
	}
	x.elin = l.ELINs[0]
	if cbs, ok := x.st.(Callbacks); ok {
		x.elin = cbs.ELIN(x.q.Now, l.ELINs, x.d.Callback(x.q.Trunk))
	}
}

// callBack sends a call to the number of a location to the caller of the last emergency call that showed it. Like the emergency
// call it knows no limit.
func (x *run) callBack() bool {
	if !x.s.ELIN(x.d.Number) {
		return false
	}
	cbs, ok := x.st.(Callbacks)
	if !ok {
		return false
	}
	elin := x.d.Number
	cb, ok := cbs.Caller(x.q.Now, elin)
	if !ok {
		return false
	}
	u := x.s.UserByURI(cb.URI)
	if u == nil {
		u = x.s.UserByNumber(cb.Number)
	}
	to := &topology.Destination{User: u}
	st := Step{Kind: StepCallBack, Outcome: Chosen, Name: elin, To: cb.Number}
	if u != nil {
		st.To = u.Name
	} else if to.Trunk = x.s.TrunkByName(cb.Trunk); to.Trunk == nil || cb.Number == "" {
		return false
	}
	x.step(st)
	x.d.Number, x.rescue, x.max = cb.Number, true, len(x.s.Trunks)
	x.called = dialled{number: cb.Number, digits: true}
	x.divert(to, nil)
	if x.d.Kind != Refused {
		x.d.Kind = Emergency
	}
	return true
}

func (st *Step) emergencyText(p *prose) {
	switch st.Kind {
	case StepELIN:
		p.put("number of the location: ", st.From, " → ", st.To, " on trunk ")
		p.quote(st.Of)
	case StepCallBack:
		p.put("emergency services call back ")
		p.quote(st.To)
	default:
		p.put("where the caller is")
	}
}
