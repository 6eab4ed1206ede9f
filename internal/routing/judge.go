package routing

import (
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/topology"
)

// Verdict is the judgement of a final response.
type Verdict struct {
	Status int   // after the response rules
	Cause  int   // Q.850 as received; 0 none
	Class  Class // of Status, refined by Cause
	Hunt   bool  // try the next target
	Rule   string
	Ruled  bool // a response rule has replaced the status, so the cause does not count
	Why    string
}

// HuntEmergency tells whether the next target is tried for an emergency call: always, unless the call was answered. Who gets a
// CANCEL because the caller gave up is not judged, so 487 too is the peer's own.
func (v Verdict) HuntEmergency() bool { return v.Class != Answered }

// Judge decides what a final response from a trunk means. First the trunk's response rules (TRK-22) may replace status
// and cause; a replaced status stands alone. Then the class is looked up, and last the sets FinalCodes and FailoverCodes
// (NEW-08) may overrule it; FinalCodes is the stronger.
//
// A timeout of ours is judged as 408, a transport failure as 503 with cause 38.
func Judge(set *topology.TrunkSettings, status, cause int) Verdict {
	v := Verdict{Status: status, Cause: cause}
	refine := cause
	if set != nil && status >= 400 {
		for i := range set.ResponseRules {
			r := &set.ResponseRules[i]
			if (r.Code == 0 || r.Code == status) && (r.Cause < 0 || r.Cause == cause) {
				v.Status, v.Rule, v.Ruled, refine = r.To, r.Name, true, 0
				break
			}
		}
	}
	v.Class, v.Why = classify(v.Status, refine)
	v.Hunt = v.Class.Hunt()
	switch {
	case set == nil || v.Status < 300:
	case set.FinalCodes[v.Status]:
		if v.Hunt {
			v.Hunt, v.Why = false, "the trunk's finalCodes name it"
		}
	case set.FailoverCodes[v.Status]:
		if !v.Hunt {
			v.Hunt, v.Why = true, "the trunk's failoverCodes name it"
		}
	}
	return v
}

// Decisive is the Q.850 cause by which the class was found, which says more than the catalogue's; 0: none.
func (v Verdict) Decisive() int {
	if v.Ruled || v.Status < 400 || v.Status >= 600 || v.Cause <= 0 {
		return 0
	}
	if _, why := classCause(v.Cause); why == "" {
		return 0
	}
	return v.Cause
}

// Reason is the entry of the catalogue for a failed attempt; nil when the call was answered. When no target is left, it
// is the reason of the call.
func (v Verdict) Reason() *diag.Reason {
	if v.Ruled {
		v.Cause = 0
	}
	switch v.Class {
	case Answered:
		return nil
	case Redirect:
		return diag.Redirected
	case Congestion:
		return diag.PeerCongestion
	case Incompatible:
		return diag.Incompatible
	case NumberFault:
		return v.numberReason()
	case UserVerdict:
		return v.userReason()
	}
	return diag.PeerFault
}

func (v Verdict) numberReason() *diag.Reason {
	switch {
	case v.Status == 482:
		return diag.LoopDetected
	case v.Status == 483 || v.Status == 440 || v.Cause == 25:
		return diag.TooManyHops
	case v.Status == 484 || v.Cause == 28:
		return diag.NumberInvalid
	case v.Status == 410 || v.Cause == 22:
		return diag.NumberChanged
	}
	return diag.NotFound
}

func (v Verdict) userReason() *diag.Reason {
	switch {
	case v.Status == 433:
		return diag.CallerRefused
	case v.Status == 486 || v.Status == 600 || v.Cause == 17:
		return diag.Busy
	case v.Status >= 600 || v.Cause == 21 || v.Status == 403:
		return diag.Declined
	case v.Cause == 19:
		return diag.NoAnswer
	case v.Status == 487 && v.Cause != 18: // of its own accord: whom we cancel is not judged
		return diag.Declined
	}
	return diag.NoUserResponse
}
