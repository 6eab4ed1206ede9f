package routing

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// TestSecondOpinion has the trunks of a call by the rules 7 to 10 of the package comment, said once more and as plainly as can be.
func TestSecondOpinion(t *testing.T) {
	selections := []topology.Selection{topology.RoundRobin, topology.Ordered}
	rapid.Check(t, func(t *rapid.T) {
		s := anyWorld(t)
		s.InboundRules, s.Unassigned, s.Users, s.Emergency = nil, nil, nil, nil
		for _, r := range s.Routes {
			r.Selection = rapid.SampledFrom(selections).Draw(t, "no weights")
		}
		for _, x := range s.Trunks {
			x.Settings.LocationRestriction = false
			x.Disabled = rapid.IntRange(0, 5).Draw(t, "out of service") == 0
		}
		s.Index()
		q := anyQuery(t, s)
		q.Trunk = rapid.SampledFrom(s.Trunks).Draw(t, "from")
		q.Server, q.User, q.ForwardedBy, q.CalledURI, q.CallingURI = q.Trunk.Pool.Servers[0], nil, "", "", ""
		q.Called = rapid.SampledFrom([]string{"+4912345", "123", "0891234", "+14255550100", "+33;ext=12"}).Draw(t, "number")
		st := &fake{states: map[int]health.State{}, turn: rapid.IntRange(0, 100).Draw(t, "turn")}
		for i := range s.Trunks {
			st.states[i] = rapid.SampledFrom([]health.State{health.Up, health.Up, health.Degraded, health.HalfOpen, health.Down}).Draw(t, "state")
		}
		d := Decide(s, q, st)
		var got []*topology.Trunk
		for i := range d.Targets {
			got = append(got, d.Targets[i].Trunk)
		}
		if want := plainly(s, q, st, d.Number); !slices.Equal(got, want) {
			t.Fatalf("%d trunks, want %d: %v%s", len(got), len(want), names(want), explain(&d))
		}
	})
}

// plainly are the trunks of a call of no user.
func plainly(s *topology.Snapshot, q *Query, st *fake, number string) (all []*topology.Trunk) {
	if q.Trunk.Disabled || number == "" || number[0] != '+' {
		return nil
	}
	for _, usage := range q.Trunk.Settings.Usages {
		for _, r := range s.Routes {
			base, _ := splitExt(number)
			if !slices.Contains(r.Usages, usage) || !r.Re.MatchString(number) && !r.Re.MatchString(base) {
				continue
			}
			groups := map[health.State][]*topology.Trunk{}
			var mine []*topology.Trunk
			for _, x := range r.Trunks {
				back := x.Trunk == q.Trunk && (x.Trunk.Gateway.Kind == topology.KindGateway || x.Trunk.Gateway.Kind == topology.KindSBC)
				if back || x.Trunk.Disabled || !x.Trunk.Gateway.Routable || x.Trunk.Pool != q.Server.Pool || slices.Contains(all, x.Trunk) || slices.Contains(mine, x.Trunk) {
					continue
				}
				mine = append(mine, x.Trunk)
				state := st.states[x.Trunk.Index]
				if state == health.HalfOpen {
					state = health.Up // keeps its place
				}
				groups[state] = append(groups[state], x.Trunk)
			}
			turned := false
			for _, state := range []health.State{health.Up, health.Degraded, health.Down} {
				g := groups[state]
				if len(g) > 0 && !turned {
					turned = true
					if r.Selection == topology.RoundRobin {
						n := st.turn % len(g)
						g = append(slices.Clone(g[n:]), g[:n]...)
					}
				}
				all = append(all, g...)
			}
		}
	}
	isDown := func(x *topology.Trunk) bool { return st.states[x.Index] == health.Down }
	up := slices.DeleteFunc(slices.Clone(all), isDown)
	down := slices.DeleteFunc(all, func(x *topology.Trunk) bool { return !isDown(x) })
	all = append(up, down...)
	return all[:min(len(all), q.Trunk.Settings.MaxAttempts)]
}

func names(list []*topology.Trunk) (all []string) {
	for _, x := range list {
		all = append(all, x.Name)
	}
	return all
}
