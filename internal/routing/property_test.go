package routing

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// anyWorld draws a snapshot: pools, trunks, users, rules, usages and routes of every kind, sensible or not.
func anyWorld(t *rapid.T) *topology.Snapshot {
	s := &topology.Snapshot{Defaults: topology.DefaultSettings()}
	for i := range 2 {
		p := &topology.Pool{Name: fmt.Sprint("pool", i)}
		srv := &topology.Server{Name: fmt.Sprint("server", i), Pool: p}
		p.Servers = []*topology.Server{srv}
		s.Pools, s.Servers = append(s.Pools, p), append(s.Servers, srv)
	}
	s.Usages = []string{"a", "b", "c"}
	usages := rapid.SliceOfN(rapid.SampledFrom(s.Usages), 0, 3)
	anySites(t, s, usages)
	site := rapid.SampledFrom(append([]*topology.Site{nil}, s.Sites...))
	plan := &topology.DialPlan{Name: "plan", SimpleName: "plan", Rules: []*topology.NormalizationRule{
		{Rule: anyRule(`^(\d{3})$`, "+49123$1")}, {Rule: anyRule(`^0(\d+)$`, "+49$1")}}}
	s.DialPlan = []*topology.DialPlan{plan}
	kinds := []topology.GatewayKind{topology.KindGateway, topology.KindPBX, topology.KindSBC, topology.KindUC}
	for i := range rapid.IntRange(1, 8).Draw(t, "trunks") {
		set := topology.DefaultSettings()
		set.MaxAttempts = rapid.IntRange(1, 5).Draw(t, "attempts")
		set.Usages = usages.Draw(t, "trunk usages")
		set.RemovePlus = rapid.Bool().Draw(t, "plus")
		set.LocationRestriction = rapid.IntRange(0, 3).Draw(t, "restriction") == 0
		if rapid.Bool().Draw(t, "rules") {
			set.CalledRules = []*topology.TranslationRule{{Rule: anyRule(`^\+(\d+)$`, "00$1")}}
			set.CallingRules = []*topology.TranslationRule{{Rule: anyRule(`^\+49(\d+)$`, "0$1")}}
			set.InboundCalledRules = []*topology.TranslationRule{{Rule: anyRule(`^9(\d+)$`, "$1")}}
		}
		gw := &topology.Gateway{Name: fmt.Sprint("gw", i), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			Routable: rapid.IntRange(0, 4).Draw(t, "routable") > 0}
		s.Trunks = append(s.Trunks, &topology.Trunk{Index: i, Name: gw.Name, Gateway: gw, Settings: set, DialPlan: plan,
			Pool: rapid.SampledFrom(s.Pools).Draw(t, "pool"), Site: site.Draw(t, "trunk site")})
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "users") {
		u := &topology.User{Name: fmt.Sprint("user", i), URI: fmt.Sprintf("sip:user%d@example.com", i), DialPlan: plan,
			Trunks: rapid.SliceOfN(rapid.SampledFrom(s.Trunks), 0, 3).Draw(t, "user trunks"), Site: site.Draw(t, "user site")}
		if rapid.Bool().Draw(t, "has number") {
			u.Number = fmt.Sprintf("+4912310%d", i)
			u.LineURI = "tel:" + u.Number
		}
		if rapid.Bool().Draw(t, "has policy") {
			u.Policy = &topology.VoicePolicy{Name: "p", Usages: usages.Draw(t, "policy"), PreventTollBypass: rapid.Bool().Draw(t, "prevent"),
				Forwarding:       rapid.SampledFrom([]topology.Forwarding{topology.VoicePolicyUsage, topology.InternalOnly, topology.CustomUsage}).Draw(t, "forwarding"),
				ForwardingUsages: usages.Draw(t, "forwarding usages")}
		}
		s.Users = append(s.Users, u)
	}
	patterns := rapid.SampledFrom([]string{`^\+49`, `^\+491`, `^\+1\d{10}$`, `.`, `123`, `^\+?112$`, `^$`})
	for i := range rapid.IntRange(0, 8).Draw(t, "routes") {
		r := &topology.Route{Index: i, Name: fmt.Sprint("route", i), Pattern: patterns.Draw(t, "pattern"),
			Usages:           usages.Draw(t, "route usages"),
			Selection:        rapid.SampledFrom([]topology.Selection{topology.RoundRobin, topology.Ordered, topology.Weighted}).Draw(t, "selection"),
			SuppressCallerID: rapid.Bool().Draw(t, "suppress")}
		r.Re = regexp.MustCompile(r.Pattern)
		for range rapid.IntRange(0, 5).Draw(t, "route trunks") {
			r.Trunks = append(r.Trunks, topology.RouteTrunk{Trunk: rapid.SampledFrom(s.Trunks).Draw(t, "trunk"),
				Weight: rapid.IntRange(0, 3).Draw(t, "weight")})
		}
		s.Routes = append(s.Routes, r)
	}
	if rapid.Bool().Draw(t, "emergency") {
		s.Emergency = []topology.EmergencyNumber{{Number: "112", Masks: []string{"911"}, Usage: "a"}}
	}
	anyRules(t, s, usages)
	s.Index()
	return s
}

// anyRules draws inbound rules and ranges of unassigned numbers, circles too.
func anyRules(t *rapid.T, s *topology.Snapshot, usages *rapid.Generator[[]string]) {
	to := rapid.Custom(func(t *rapid.T) (to topology.Destination) {
		switch n := rapid.IntRange(0, 3).Draw(t, "to"); {
		case n == 0 && len(s.Users) > 0:
			to.User = rapid.SampledFrom(s.Users).Draw(t, "to user")
		case n == 1:
			to.Trunk = rapid.SampledFrom(s.Trunks).Draw(t, "to trunk")
		case n == 2:
			to.Status = rapid.IntRange(400, 699).Draw(t, "code")
		default:
			to.Number = rapid.SampledFrom([]string{"+49123101", "+49123102", "+49123999", "+112"}).Draw(t, "to number")
			to.Usages = usages.Draw(t, "lent")
		}
		return to
	})
	for i := range rapid.IntRange(0, 2).Draw(t, "inbound rules") {
		r := topology.InboundRule{Name: fmt.Sprint("in", i), To: to.Draw(t, "in to")}
		if rapid.Bool().Draw(t, "has called") {
			r.Called = regexp.MustCompile(`^\+49`)
		}
		s.InboundRules = append(s.InboundRules, r)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "ranges") {
		s.Unassigned = append(s.Unassigned, topology.UnassignedRange{Name: fmt.Sprint("range", i), First: "+49123100", Last: "+49123999", To: to.Draw(t, "range to")})
	}
}

// anySites draws sites with and without location-based routing.
func anySites(t *rapid.T, s *topology.Snapshot, usages *rapid.Generator[[]string]) {
	for i := range rapid.IntRange(0, 3).Draw(t, "sites") {
		site := &topology.Site{Name: fmt.Sprint("site", i), LocationRouting: rapid.Bool().Draw(t, "location routing")}
		if rapid.Bool().Draw(t, "has routing policy") {
			site.RoutingPolicy = &topology.VoicePolicy{Name: "here", Usages: usages.Draw(t, "site usages")}
		}
		s.Sites = append(s.Sites, site)
	}
}

func anyRule(pattern, translation string) topology.Rule {
	return topology.Rule{Name: pattern, Pattern: pattern, Re: regexp.MustCompile(pattern), Translation: translation,
		Expand: strings.ReplaceAll(translation, "$1", "${1}")}
}

func anyQuery(t *rapid.T, s *topology.Snapshot) *Query {
	number := rapid.OneOf(
		rapid.SampledFrom([]string{"112", "911", "+112", "100", "101", "user1", "User2", "", "+49123101", "9112", "anonymous", "\xff;ext=\x00;"}),
		rapid.StringMatching(`\+?[0-9*#.()-]{0,14}(;ext=[0-9]{1,3})?(;phone-context=plan)?`), rapid.String())
	q := &Query{Called: number.Draw(t, "called"), Calling: number.Draw(t, "calling"), Full: rapid.Bool().Draw(t, "full")}
	if rapid.Bool().Draw(t, "uri") {
		q.CalledURI, q.CallingURI = "sip:user0@example.com", "sip:user1@example.com"
	}
	q.ForwardedBy = rapid.SampledFrom([]string{"", "", "sip:user0@example.com", "sip:+49123101@example.com", "\x00"}).Draw(t, "forwarded by")
	if rapid.IntRange(0, 3).Draw(t, "with trunk") > 0 {
		q.Trunk = rapid.SampledFrom(s.Trunks).Draw(t, "in")
		q.Server = q.Trunk.Pool.Servers[0]
	} else if len(s.Users) > 0 {
		q.User = rapid.SampledFrom(s.Users).Draw(t, "caller")
	}
	return q
}

// TestAnyDecision checks what must hold for every call in every document.
func TestAnyDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyWorld(t)
		q := anyQuery(t, s)
		st := &fake{states: map[int]health.State{}, turn: rapid.IntRange(0, 100).Draw(t, "turn")}
		for i := range s.Trunks {
			st.states[i] = health.State(rapid.IntRange(0, 3).Draw(t, "state"))
		}
		d := Decide(s, q, st)
		if again := Decide(s, q, st); !reflect.DeepEqual(d, again) {
			t.Fatalf("two decisions:%s\nand%s", explain(&d), explain(&again))
		}
		checkShape(t, &d, q)
		checkTargets(t, s, &d, q, st)
	})
}

func checkShape(t *rapid.T, d *Decision, q *Query) {
	if len(d.Explain()) < 2 {
		t.Fatal("no explanation")
	}
	for _, line := range d.Explain() {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "? ") {
			t.Fatalf("line %q in%s", line, explain(d))
		}
	}
	if _, err := d.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	if (d.Kind == Refused) != (d.Reason != nil) || (d.Kind == Refused) != (len(d.Targets) == 0) {
		t.Fatalf("kind %v with reason %v and %d targets", d.Kind, d.Reason, len(d.Targets))
	}
	if d.Kind == Refused && d.Reason.Status < 400 {
		t.Fatalf("refused with %d", d.Reason.Status)
	}
	if (d.Kind == ToUser) != (d.User != nil) && d.Kind != Refused {
		t.Fatalf("kind %v, user %v", d.Kind, d.User)
	}
	if q.Trunk != nil && d.Kind != Emergency && len(d.Targets) > q.Trunk.Settings.MaxAttempts {
		t.Fatalf("%d targets, maxAttempts %d", len(d.Targets), q.Trunk.Settings.MaxAttempts)
	}
}

// sentStraight tells whether a rule names the trunk.
func sentStraight(d *Decision, t *topology.Trunk) bool {
	return slices.ContainsFunc(d.Steps, func(st Step) bool {
		return (st.Kind == StepInbound || st.Kind == StepUnassigned) && st.Of == "trunk" && st.To == t.Name
	})
}

func checkTargets(t *rapid.T, s *topology.Snapshot, d *Decision, q *Query, st *fake) {
	seen := map[*topology.Trunk]bool{}
	down := false
	for _, target := range d.Targets {
		tr := target.Trunk
		switch {
		case seen[tr]:
			t.Fatalf("trunk %s twice%s", tr.Name, explain(d))
		case q.Server != nil && tr.Pool != q.Server.Pool:
			t.Fatalf("trunk %s of another pool%s", tr.Name, explain(d))
		case tr == q.Trunk && !mayReturn(tr):
			t.Fatalf("back out of %s%s", tr.Name, explain(d))
		case d.Kind == ToUser && target.Route != nil, d.Kind != ToUser && target.Route == nil && !sentStraight(d, target.Trunk):
			t.Fatalf("kind %v by route %v", d.Kind, target.Route)
		case down && st.states[tr.Index] != health.Down:
			t.Fatalf("a trunk that is down comes before %s%s", tr.Name, explain(d))
		}
		seen[tr] = true
		down = st.states[tr.Index] == health.Down
		if target.SuppressID && (target.Calling != Anonymous || target.Display != "") {
			t.Fatalf("the caller shows: %+v", target)
		}
		// The translation of a target does not depend on what was tried before it: with every other trunk down, this one
		// comes first and carries the same numbers, unless then an earlier route leads to it.
		alone := &fake{states: map[int]health.State{}, turn: st.turn}
		for i := range s.Trunks {
			alone.states[i] = health.Down
		}
		alone.states[tr.Index] = health.Up
		first := Decide(s, q, alone).Targets[0]
		if first.Trunk != tr || first.Called != target.Called || first.Route == target.Route && first.Calling != target.Calling {
			t.Fatalf("as first attempt %+v, later %+v", first, target)
		}
	}
	if d.Kind == ToRoute && s.UserByNumber(d.Number) != nil && !sentStraight(d, d.Targets[0].Trunk) {
		t.Fatalf("the number of a user leaves%s", explain(d))
	}
}
