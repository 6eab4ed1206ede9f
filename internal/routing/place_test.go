package routing

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/topology"
)

// places is world with location-based routing: gw1 and gw2 are kept for seattle, the PBX stands there, pbx2 in munich, gw3 is free.
var places = strings.NewReplacer(
	"  seattle: {}", "  seattle: {enableLocationBasedRouting: true, voiceRoutingPolicy: here}",
	"  munich: {}", "  munich: {enableLocationBasedRouting: true}\n  desert: {}",
	"trunkSettings:\n", "  pbx2: {kind: pbx, site: munich, host: 192.0.2.31, root: {transport: TCP, pool: med.example.com}}\n"+
		"trunkSettings:\n  trunk:gw2: {enableLocationRestriction: true, usages: [local, world]}\n  trunk:pbx2: {usages: [local]}\n  trunk:uc: {usages: [local]}\n",
	"    removePlusFromUri: true\n", "    removePlusFromUri: true\n    enableLocationRestriction: true\n    usages: [local, pbxs]\n",
	"usages: [local, world, private", "usages: [pbxs, local, world, private",
	"  staff: {usages: [local, world]}", "  staff: {usages: [local, world], preventPSTNTollBypass: true}\n  here: {usages: [local]}\n  free: {usages: [local, world]}",
	"users:\n", `users:
  frank: {uri: "sip:frank@example.com", lineURI: "tel:+14255550106", site: munich}
  gina: {uri: "sip:gina@example.com", lineURI: "tel:+14255550107", site: desert}
  hans: {uri: "sip:hans@example.com", lineURI: "tel:+14255550108", voicePolicy: free}
`,
	"routes:\n", `routes:
  - {name: to pbx, pattern: '^\+1425555777', usages: [local, pbxs], trunks: [pbx]}
  - {name: to pbx2, pattern: '^\+1425555888', usages: [local, pbxs], trunks: [pbx2]}
`).Replace(world)

// TestRTE26 is location-based routing: the law for every pair of parties, and the usages of a site.
func TestRTE26(t *testing.T) {
	s := compile(t, places)
	for _, row := range []struct{ name, from, called, want string }{
		{"user at the site", "user alice", "+14255551234", "gw1:14255551234 gw2:+14255551234 itsp:14255551234"},
		{"the usages are the site's: no world", "user alice", "+4930123456", "refused no-route"},
		{"user at another site", "user frank", "+14255551234", "itsp:14255551234 gw3:+14255551234"},
		{"user at a site without location-based routing", "user gina", "+14255551234", "itsp:14255551234 gw3:+14255551234"},
		{"user without preventPSTNTollBypass", "user hans", "+14255551234", "itsp:14255551234 gw3:+14255551234"},
		{"PBX at the site", "pbx", "+14255551234", "gw1:14255551234 gw2:+14255551234 itsp:14255551234"},
		{"PBX at another site", "pbx2", "+14255551234", "itsp:14255551234"},
		{"stranger behind the UC platform", "uc", "+14255551234", "itsp:14255551234"},
		{"from the restricted trunk to a user at its site", "gw1", "+14255550101", "user alice via uc:+14255550101"},
		{"to a user at another site", "gw1", "+14255550106", "refused toll-bypass"},
		{"to a user nobody knows where", "gw1", "+14255550107", "refused toll-bypass"},
		{"to a user without preventPSTNTollBypass", "gw1", "+14255550108", "refused toll-bypass"},
		{"to the PBX of the site", "gw1", "+14255557770", "pbx:+14255557770 gw2:+14255557770 itsp:14255557770"},
		{"to a PBX elsewhere", "gw1", "+14255558880", "gw2:+14255558880 itsp:14255558880"},
		{"from a free trunk to any user", "itsp", "+14255550106", "user frank via uc:+14255550106"},
		{"PBX to PBX", "pbx", "+14255558880", "pbx2:+14255558880 gw1:14255558880 gw2:+14255558880 itsp:14255558880"},
		{"emergency from elsewhere", "user frank", "911", "emergency gw3:911 gw1:911"},
	} {
		q := ask(s, row.from, row.called, "201")
		q.Server = nil
		d := Decide(s, q, nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
}

// TestRTE26Transfer: for the second half of a transfer the party that stays counts.
func TestRTE26Transfer(t *testing.T) {
	s := compile(t, places)
	user := func(name string) Party { return Party{User: userNamed(s, name)} }
	trunk := func(name string) Party { return Party{Trunk: s.TrunkByName(name)} }
	for _, row := range []struct {
		name, from   string
		stays        Party
		called, want string
	}{
		{"PSTN to a user of the site", "user alice", trunk("gw1"), "+14255550101", "user alice via uc:+14255550101"},
		{"PSTN to a user elsewhere", "user alice", trunk("gw1"), "+14255550106", "refused toll-bypass"},
		{"PSTN to the PBX of the site", "user alice", trunk("gw1"), "+14255557770", "pbx:+14255557770 gw1:14255557770 gw2:+14255557770 itsp:14255557770"},
		{"PSTN to a PBX elsewhere", "pbx", trunk("gw1"), "+14255558880", "gw1:14255558880 gw2:+14255558880 itsp:14255558880"},
		{"user elsewhere to the PSTN of the site", "user alice", user("frank"), "+14255551234", "itsp:14255551234"},
		{"PBX to any user", "user alice", trunk("pbx2"), "+14255550107", "user gina via uc:+14255550107"},
	} {
		q := ask(s, row.from, row.called, "")
		q.Stays = &row.stays
		d := Decide(s, q, nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
}

// TestRTE26IsExplained: a refusal names the sites.
func TestRTE26IsExplained(t *testing.T) {
	s := compile(t, places)
	d := Decide(s, ask(s, "gw1", "+14255550106", ""), nil)
	if text := explain(&d); !strings.Contains(text, `kept for parties at site "seattle"`) || !strings.Contains(text, `user "frank" is not known to be there`) {
		t.Error(text)
	}
	d = Decide(s, ask(s, "user hans", "+14255551234", ""), nil)
	if text := explain(&d); !strings.Contains(text, `left out: kept for parties at site "seattle" (location-based routing)`) {
		t.Error(text)
	}
}

// TestRTE26IsNeverViolated: in any document no call but an emergency call joins a restricted trunk to a party that is not at its site.
func TestRTE26IsNeverViolated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyWorld(t)
		q := anyQuery(t, s)
		if rapid.Bool().Draw(t, "transfer") {
			p := Party{Trunk: rapid.SampledFrom(s.Trunks).Draw(t, "stays")}
			if len(s.Users) > 0 && rapid.Bool().Draw(t, "user stays") {
				p = Party{User: rapid.SampledFrom(s.Users).Draw(t, "who stays")}
			}
			q.Stays = &p
		}
		d := Decide(s, q, nil)
		if d.Kind == Emergency || d.Kind == Refused {
			return
		}
		one := Party{d.CallingUser, q.Trunk}
		if d.Forwarder != nil {
			one = Party{User: d.Forwarder}
		}
		if q.Stays != nil {
			one = *q.Stays
		}
		for i := range d.Targets {
			other := Party{d.User, d.Targets[i].Trunk}
			for _, pair := range [][2]Party{{one, other}, {other, one}} {
				a, b := pair[0], pair[1]
				if a.User != nil || a.Trunk == nil || !a.Trunk.PSTN() || !a.Trunk.Settings.LocationRestriction {
					continue
				}
				if at := whereabouts(b); at == nil || at != a.Trunk.Site {
					t.Fatalf("trunk %s of site %s is joined to a party at %s%s", a.Trunk.Name, siteName(a.Trunk.Site), siteName(at), explain(&d))
				}
			}
		}
	})
}

// whereabouts says the same as Party.Site in other words.
func whereabouts(p Party) *topology.Site {
	var at *topology.Site
	if u := p.User; u != nil {
		if u.Policy == nil || !u.Policy.PreventTollBypass {
			return nil
		}
		at = u.Site
	} else if p.Trunk != nil {
		if p.Trunk.Gateway.Kind == topology.KindUC {
			return nil
		}
		at = p.Trunk.Site
	}
	if at != nil && at.LocationRouting {
		return at
	}
	return nil
}
