package routing

import "github.com/directsip/directsip/internal/topology"

// Verdict is the judgement of a final response.
type Verdict struct {
	Status int   // after the response rules
	Cause  int   // Q.850 as received; 0 none
	Class  Class // of Status, refined by Cause
	Hunt   bool  // try the next target
	Rule   string
	Why    string
}

// HuntEmergency tells whether the next target is tried for an emergency call: always, unless the call was answered or
// the caller gave up.
func (v Verdict) HuntEmergency() bool { return v.Class != Answered && v.Status != 487 }

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
				v.Status, v.Rule, refine = r.To, r.Name, 0
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
