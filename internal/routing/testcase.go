package routing

import (
	"fmt"

	"github.com/directsip/directsip/internal/topology"
)

// TestResult is one executed test case of the document (OPS-01).
type TestResult struct {
	Case     *topology.TestCase
	Failures []string // one sentence per expectation that does not hold; none: passed
	Decision Decision
}

// OK tells whether all expectations hold.
func (r *TestResult) OK() bool { return len(r.Failures) == 0 }

// RunTest executes one test case of the document, with every trunk up and every turn 0. As in Lync, the first target is
// compared. read completes the query.
func RunTest(s *topology.Snapshot, c *topology.TestCase, read func(*Query)) TestResult {
	r := TestResult{Case: c}
	q := Query{Called: c.Dialed, Calling: c.From, ForwardedBy: c.ForwardedBy, Full: true}
	if c.Trunk != "" {
		if q.Trunk = s.TrunkByName(c.Trunk); q.Trunk == nil {
			r.fail("trunk", "a trunk of the document", c.Trunk)
			return r
		}
		if p := q.Trunk.Pool; p != nil && len(p.Servers) > 0 {
			q.Server = p.Servers[0]
		}
	}
	if c.From != "" && (q.Trunk == nil || q.Trunk.Gateway.Kind == topology.KindUC) {
		if u := userNamed(s, c.From); u != nil {
			q.User, q.Calling = u, u.CallsAs()
		} else if q.Trunk == nil && !parse(c.From).digits {
			r.fail("from", "a user of the document or a number", c.From)
			return r
		}
	}
	if c.DialPlan != "" {
		if q.Plan = s.PlanByName(c.DialPlan); q.Plan == nil {
			r.fail("dialPlan", "a dial plan of the document", c.DialPlan)
			return r
		}
	}
	if c.VoicePolicy != "" {
		if q.Policy = s.PolicyByName(c.VoicePolicy); q.Policy == nil {
			r.fail("voicePolicy", "a voice policy of the document", c.VoicePolicy)
			return r
		}
	}
	q.ComeIn(s)
	read(&q)
	r.Decision = Decide(s, &q, nil)
	r.compare()
	return r
}

// compare checks the expectations that are given.
func (r *TestResult) compare() {
	c, d := r.Case, &r.Decision
	refusal, user := "", ""
	if d.Reason != nil {
		refusal = d.Reason.ID
	}
	if d.User != nil {
		user = d.User.Name
	}
	first, route, trunk := Target{}, "", ""
	if len(d.Targets) > 0 {
		first = d.Targets[0]
		trunk = first.Trunk.Name
		if first.Route != nil {
			route = first.Route.Name
		}
	}
	for _, e := range [...]struct{ what, want, got string }{
		{"number", c.ExpectNumber, d.Number},
		{"user", c.ExpectUser, user},
		{"usage", c.ExpectUsage, d.Usage},
		{"route", c.ExpectRoute, route},
		{"trunk", c.ExpectTrunk, trunk},
		{"called", c.ExpectCalled, first.Called},
		{"calling", c.ExpectCalling, first.Calling},
	} {
		if e.want != "" && e.want != e.got {
			r.fail(e.what, e.want, e.got)
		}
	}
	if c.ExpectRefusal != refusal {
		switch {
		case c.ExpectRefusal == "":
			r.Failures = append(r.Failures, fmt.Sprintf("refused (%s): %s", refusal, d.Reason.Text))
		case refusal == "":
			r.Failures = append(r.Failures, fmt.Sprintf("expected refusal %q, but the call goes to trunk %q", c.ExpectRefusal, trunk))
		default:
			r.fail("refusal", c.ExpectRefusal, refusal)
		}
	}
}

func (r *TestResult) fail(what, want, got string) {
	r.Failures = append(r.Failures, fmt.Sprintf("%s: expected %q, got %q", what, want, got))
}

func userNamed(s *topology.Snapshot, name string) *topology.User {
	for _, u := range s.Users {
		if u.Name == name {
			return u
		}
	}
	return nil
}
