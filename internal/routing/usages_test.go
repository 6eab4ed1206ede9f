package routing

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// forwarders is world with users who may forward in different ways.
var forwarders = strings.NewReplacer(
	"  none: {usages: []}", `  none: {usages: []}
  inside: {usages: [local, world], callForwardingSimulRingUsageType: InternalOnly}
  abroad: {usages: [local], callForwardingSimulRingUsageType: CustomUsage, customCallForwardingSimulRingUsages: [world]}`,
	"users:\n", `users:
  ina: {uri: "sip:ina@example.com", lineURI: "tel:+14255550106", voicePolicy: inside}
  cora: {uri: "sip:cora@example.com", lineURI: "tel:+14255550107", voicePolicy: abroad, dialPlan: germany}
`).Replace(world)

// TestRTE23 is the choice of usages for calls that a user forwards.
func TestRTE23(t *testing.T) {
	s := compile(t, forwarders)
	for _, row := range []struct{ name, from, by, called, want string }{
		{"same policy, caller is nobody", "uc", "sip:alice@example.com", "+4930123456", "itsp:0114930123456 gw2:+4930123456 gw3:+4930123456"},
		{"by number", "uc", "sip:+14255550101@uc.example.com;user=phone", "+4930123456", "itsp:0114930123456 gw2:+4930123456 gw3:+4930123456"},
		{"the forwarder counts, not the caller", "user alice", "sip:carol@example.com", "+4930123456", "refused no-route"},
		{"internal only, outside", "uc", "sip:ina@example.com", "+14255551234", "refused forwarding-internal"},
		{"internal only, to a user", "uc", "sip:ina@example.com", "+14255550101", "user alice via uc:+14255550101"},
		{"internal only does not hold for own calls", "user ina", "", "+14255551234", "gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"internal only does not hold for emergency calls", "uc", "sip:ina@example.com", "911", "emergency gw3:911 gw1:911"},
		{"by a TEL URI", "uc", "tel:+1(425)555-0106", "+14255551234", "refused forwarding-internal"},
		{"by an escaped number", "uc", "sip:%2B14255550106@gw.example.com;user=phone", "+14255551234", "refused forwarding-internal"},
		{"usages of its own", "uc", "sip:cora@example.com", "+4930123456", "itsp:0114930123456 gw2:+4930123456 gw3:+4930123456"},
		{"and not of own calls", "user cora", "", "+4930123456", "refused no-route"},
		{"dial plan of the forwarder", "uc", "sip:cora@example.com", "030123456", "itsp:0114930123456 gw2:+4930123456 gw3:+4930123456"},
		{"nobody of ours: the caller counts", "uc", "sip:mallory@example.com", "+4930123456", "refused no-usage"},
		{"a gateway lends itself no policy", "gw1", "sip:alice@example.com", "+4930123456", "refused no-usage"},
	} {
		q := ask(s, row.from, row.called, "+33123456789")
		q.ForwardedBy = row.by
		d := Decide(s, q, nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
}

// TestRTE14 leaves numbers out of a route.
func TestRTE14(t *testing.T) {
	s := compile(t, strings.Replace(world, `'^\+1(425|206)\d{7}$', usages`, `'^\+1(425|206)\d{7}$', except: [+1425976, "+12065550100"], usages`, 1))
	for called, want := range map[string]string{
		"+14255551234": "seattle", "+14259761234": "america", "+12065550100": "america", "+12065550101": "seattle", "+14259761234;ext=7": "america",
	} {
		d := Decide(s, ask(s, "user carol", called, ""), nil)
		if len(d.Targets) == 0 || d.Targets[0].Route.Name != want {
			t.Errorf("%s: want route %s%s", called, want, explain(&d))
		}
	}
}

// TestNoForeignUsage: a target's usage is one that the caller, the forwarder, the site or the trunk has, whatever the document.
func TestNoForeignUsage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyWorld(t)
		q := anyQuery(t, s)
		d := Decide(s, q, nil)
		if d.Kind != ToRoute || d.Targets[0].Route == nil {
			return
		}
		allowed := map[string]bool{}
		grant := func(list []string) {
			for _, u := range list {
				allowed[u] = true
			}
		}
		who := d.CallingUser
		if d.Forwarder != nil && d.Forwarder.Policy != nil {
			who = d.Forwarder
		}
		lends := slices.ContainsFunc(d.Steps, func(st Step) bool { return st.Kind == StepPolicy && st.Of == "rule" })
		switch {
		case lends:
			for _, r := range s.InboundRules {
				grant(r.To.Usages)
			}
			for _, r := range s.Unassigned {
				grant(r.To.Usages)
			}
		case who != nil && who.Policy != nil:
			list := who.Policy.Usages
			if who == d.Forwarder {
				if who.Policy.Forwarding == "InternalOnly" {
					t.Fatalf("forwarded outside%s", explain(&d))
				}
				if who.Policy.Forwarding == "CustomUsage" {
					list = who.Policy.ForwardingUsages
				}
			}
			grant(list)
			if at := whereabouts(Party{User: who}); at != nil && at.RoutingPolicy != nil && len(list) > 0 {
				allowed = map[string]bool{}
				grant(at.RoutingPolicy.Usages)
			}
		case q.Trunk != nil:
			grant(q.Trunk.Settings.Usages)
		}
		for _, target := range d.Targets {
			if !allowed[target.Usage] {
				t.Fatalf("usage %s%s", target.Usage, explain(&d))
			}
		}
	})
}
