package routing

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

var update = flag.Bool("update", false, "write testdata/explanations.txt")

// explained are calls whose explanations hold every kind of step and every outcome.
var explained = []struct {
	title, doc, from, called, calling string

	ask   func(s *topology.Snapshot, q *Query)
	state func(s *topology.Snapshot) State
	adds  func(s *topology.Snapshot) []Step // what a call adds to its decision
	full  bool
}{
	{title: "an extension that the dial plan makes a user of", doc: world, from: "pbx", called: "101", calling: "201",
		adds: func(s *topology.Snapshot) []Step {
			uc := s.TrunkByName("uc")
			return []Step{MediaStep(uc, true, "it may"), MediaStep(uc, false, "it must"), BandwidthStep(uc, true, "80 kbit/s on the link"),
				BandwidthStep(uc, false, "the link is full"), UntoldStep(uc, "the callee refuses to be told"), PortsStep(uc, "no port is free")}
		}},
	{title: "a number of the PSTN, by a user", doc: world, from: "user alice", called: "5551234", calling: ""},
	{title: "all that does not match", doc: world, from: "pbx", called: "94255551234", calling: "201", full: true},
	{title: "a caller of the UC platform, found by his number", doc: world, from: "uc", called: "+4930123456", calling: "+14255550102;ext=902"},
	{title: "a caller of the UC platform, found by his URI", doc: world, from: "uc", called: "+14255551234", calling: "alice",
		ask: func(_ *topology.Snapshot, q *Query) { q.CallingURI = "sip:Alice@example.com" }},
	{title: "a caller of the UC platform whom no user is", doc: world, from: "uc", called: "+14255551234", calling: "mallory",
		ask: func(_ *topology.Snapshot, q *Query) { q.CallingURI = "sip:mallory@example.com" }},
	{title: "a called URI that no user has", doc: world, from: "gw1", called: "mallory",
		ask: func(_ *topology.Snapshot, q *Query) { q.CalledURI = "sip:mallory@example.com" }},
	{title: "a number that no rule makes E.164", doc: world, from: "user alice", called: "12345"},
	{title: "a policy without usages", doc: world, from: "user dave", called: "+14255551234"},
	{title: "a trunk without usages", doc: world, from: "gw1", called: "+14255551234"},
	{title: "a usage without routes", doc: world, from: "user erin", called: "+14255551234"},
	{title: "a route of another pool", doc: world, from: "user carol", called: "+4989123456"},
	{title: "a caller hidden behind the route's number", doc: world, from: "user carol", called: "+19001234567"},
	{title: "a caller hidden", doc: world, from: "user carol", called: "+19011234567"},
	{title: "nobody asks: the policy of the document", doc: world, from: "", called: "+14255551234",
		ask: func(_ *topology.Snapshot, q *Query) { q.Trunk = nil }},
	{title: "a document without a policy", doc: strings.Replace(world, "voicePolicy: staff\n", "", 1), from: "", called: "+14255551234",
		ask: func(_ *topology.Snapshot, q *Query) { q.Trunk = nil }},
	{title: "the policy that is asked for", doc: world, from: "", called: "+4930123456",
		ask: func(s *topology.Snapshot, q *Query) {
			q.Trunk, q.Policy, q.Plan = nil, s.PolicyByName("lobby"), s.PlanByName("germany")
		}},
	{title: "trunks that are down, degraded and on trial", doc: world, from: "user alice", called: "+4930123456",
		state: func(s *topology.Snapshot) State {
			f := with(s, health.Down, "itsp")
			f.states[s.TrunkByName("gw2").Index] = health.Degraded
			f.states[s.TrunkByName("gw3").Index] = health.HalfOpen
			return f
		}},
	{title: "a trunk out of service, one not routable, one too many", from: "user alice", called: "+14255551234",
		doc: strings.Replace(world, "{maxAttempts: 4}", "{maxAttempts: 1}", 1),
		ask: func(s *topology.Snapshot, _ *Query) {
			s.TrunkByName("gw1").Disabled, s.TrunkByName("gw2").Gateway.Routable = true, false // Compile allows the second for a moment only
		}},
	{title: "an emergency call by a mask", doc: rescue, from: "user alice", called: "999"},
	{title: "an emergency call by an outside line", doc: world, from: "pbx", called: "9911", calling: "201"},
	{title: "a call back to a user", doc: rescue, from: "itsp", called: "+12065550911", calling: "+12065551111",
		state: lent(Callback{Number: "+14255550101", URI: "sip:alice@example.com", Trunk: "uc"})},
	{title: "a call back to a user of whom the number is known", doc: rescue, from: "itsp", called: "+12065550911", calling: "+12065551111",
		state: lent(Callback{Number: "+14255550101", Trunk: "pbx"})},
	{title: "a call back to a telephone", doc: rescue, from: "itsp", called: "+12065550911", calling: "+12065551111",
		state: lent(Callback{Number: "+1425555201", Trunk: "pbx"})},
	{title: "a call back by a trunk that is no more", doc: rescue, from: "itsp", called: "+12065550911", calling: "+12065551111",
		state: lent(Callback{Number: "+1425555201", Trunk: "gone"})},
	{title: "a call back to who had no number", doc: rescue, from: "itsp", called: "+12065550911", calling: "+12065551111",
		state: lent(Callback{Trunk: "pbx"})},
	{title: "an inbound rule to a number", doc: diverting, from: "itsp", called: "+14255550199"},
	{title: "an inbound rule to a URI", doc: diverting, from: "gw1", called: "4255550180"},
	{title: "an inbound rule that refuses", doc: diverting, from: "itsp", called: "+14255550101", calling: "+19005551234"},
	{title: "an unassigned number", doc: diverting, from: "itsp", called: "+14255550150"},
	{title: "an unassigned number that is refused", doc: diverting, from: "itsp", called: "+12065550042"},
	{title: "a forwarded call", doc: forwarders, from: "uc", called: "+4930123456", calling: "+33123456789",
		ask: func(_ *topology.Snapshot, q *Query) { q.ForwardedBy = "sip:alice@example.com" }},
	{title: "a forwarded call that has to stay inside", doc: forwarders, from: "uc", called: "+14255551234", calling: "+33123456789",
		ask: func(_ *topology.Snapshot, q *Query) { q.ForwardedBy = "sip:ina@example.com" }},
	{title: "a private line", from: "itsp", called: "+14255550191",
		doc: strings.Replace(world, `lineURI: "tel:+14255550101"`, `lineURI: "tel:+14255550101", privateLine: "tel:+14255550191"`, 1)},
	{title: "location-based routing keeps trunks for their site", doc: places, from: "user frank", called: "+14255551234"},
	{title: "location-based routing gives the site's usages", doc: places, from: "user alice", called: "+4930123456"},
	{title: "location-based routing refuses", doc: places, from: "gw1", called: "+14255550106"},
	{title: "an announcement", from: "itsp", called: "+14255550199",
		doc: world + "announcements:\n  moved: {tone: busy, target: {number: \"+14255550101\"}}\n" +
			"inboundRules:\n  - {name: night, called: '^\\+14255550199$', to: {announcement: moved}}\n"},
}

// lent is a State in which the caller of an emergency call was shown as the number of a location.
func lent(who Callback) func(*topology.Snapshot) State {
	return func(*topology.Snapshot) State {
		st := &loans{}
		st.Keep(noon, "+12065550911", who, time.Hour)
		return st
	}
}

// TestExplanations: every kind of step and every outcome is said in words that stand in a file, so that a word that changes is seen by who reviews it.
func TestExplanations(t *testing.T) {
	var b strings.Builder
	kinds, outcomes := map[StepKind]bool{}, map[Outcome]bool{}
	for _, row := range explained {
		s := compile(t, row.doc)
		q := ask(s, row.from, row.called, row.calling)
		q.Now, q.Full = noon, row.full
		if row.ask != nil {
			row.ask(s, q)
		}
		var st State
		if row.state != nil {
			st = row.state(s)
		}
		d := Decide(s, q, st)
		if row.adds != nil {
			d.Steps = append(d.Steps, row.adds(s)...)
		}
		for _, step := range d.Steps {
			kinds[step.Kind], outcomes[step.Outcome] = true, true
		}
		fmt.Fprintf(&b, "# %s\n%s\n", row.title, brief(&d))
		for _, line := range d.Explain() {
			b.WriteString("    " + strings.TrimRight(line, " ") + "\n")
		}
		b.WriteByte('\n')
	}
	for k := range StepRefused + 1 {
		if !kinds[k] {
			t.Errorf("no call has a step of kind %v", k)
		}
	}
	for o := range NoPorts + 1 {
		if !outcomes[o] {
			t.Errorf("no call has the outcome %v", o)
		}
	}
	const file = "testdata/explanations.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, wants := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(wants)) {
		if i >= len(got) || i >= len(wants) || got[i] != wants[i] {
			t.Fatalf("line %d of %s:\n got %q\nwant %q\n(-update writes it)", i+1, file, at(got, i), at(wants, i))
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "the end"
}
