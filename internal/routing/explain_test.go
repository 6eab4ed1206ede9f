package routing

import (
	"strings"
	"testing"
)

// TestExplainUsagesWithoutRoutes: of many usages that have nothing to say there is one line; few, and those whose routes are listed, have their own.
func TestExplainUsagesWithoutRoutes(t *testing.T) {
	none := func(names ...string) (list []Step) {
		for _, n := range names {
			list = append(list, Step{Kind: StepUsage, Outcome: NoRoutes, Name: n}, Step{Kind: StepRoute, Outcome: OthersNoMatch, N: 2, Of: n})
		}
		return list
	}
	listed := []Step{{Kind: StepUsage, Outcome: NoRoutes, Name: "full"}, {Kind: StepRoute, Outcome: NoMatch, Name: "x", From: "^x"}}
	for _, row := range []struct {
		steps []Step
		want  string
	}{
		{none("a", "b"), `usage "a" no route of this usage matches/route 2 more routes of this usage do not match/` +
			`usage "b" no route of this usage matches/route 2 more routes of this usage do not match`},
		{none("a", "b", "c"), `usage 3 usages no route of these matches: "a", "b", "c"`},
		{append(none("a", "b", "c"), Step{Kind: StepUsage, Outcome: NoRoutes, Name: "empty"}), `usage 4 usages no route of these matches: "a", "b", "c", "empty"`},
		{none(strings.Split("abcdefghi", "")...), `usage 9 usages no route of these matches: "a", "b", "c", "d" … "i"`},
		{append(none("a", "b", "c"), listed...), `usage 3 usages no route of these matches: "a", "b", "c"/usage "full" no route of this usage matches/route "x" does not match ^x`},
	} {
		d := Decision{Steps: row.steps, Kind: Refused}
		lines := d.Explain()
		for i, l := range lines {
			lines[i] = strings.Join(strings.Fields(l), " ")
		}
		if got := strings.Join(lines, "/"); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
}

// TestExplainUnnamedRules: a rule without a name is no "no rule".
func TestExplainUnnamedRules(t *testing.T) {
	for want, st := range map[string]Step{
		"rule unnamed 102 → +49102":                                {Kind: StepNormalize, Outcome: Chosen, From: "102", To: "+49102"},
		"rule unnamed 102 does not match ^0":                       {Kind: StepNormalize, Outcome: NoMatch, From: "102", To: "^0"},
		"rule none no rule matches 102, and it is not E.164":       {Kind: StepNormalize, Outcome: NoMatch, From: "102"},
		"rule none +49102 is E.164 already; no rule matches, kept": {Kind: StepNormalize, Outcome: KeptAsIs, From: "+49102", To: "+49102"},
		"calling rule unnamed 030 does not match ^00":              {Kind: StepInCalling, Outcome: NoMatch, From: "030", To: "^00"},
		`called rule unnamed +49102 → 0102 on trunk "gw"`:          {Kind: StepCalled, Outcome: Chosen, Of: "gw", From: "+49102", To: "0102"},
		`called rule "national" +49102 → 0102 on trunk "gw"`:       {Kind: StepCalled, Outcome: Chosen, Of: "gw", From: "+49102", To: "0102", Name: "national"},
	} {
		d := Decision{Steps: []Step{st}, Kind: Refused}
		if got := strings.Join(strings.Fields(d.Explain()[0]), " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestExplainNameOfNobody: a name that a user has at another host is said not to be the user's, with the host.
func TestExplainNameOfNobody(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct{ trunk, calling, uri, want string }{
		{"uc", "alice", "sip:alice@example.com", `caller "alice" a user; came as alice, calls as +14255550101`},
		{"uc", "alice", "sip:alice@uc.example.com", "caller alice not a user: none has the URI sip:alice@uc.example.com"},
		{"uc", "+4930123", "sip:+4930123@uc.example.com", "caller +4930123 not a user"},
		{"pbx", "alice", "sip:alice@example.com", "caller alice not a user"},
	} {
		d := Decide(s, &Query{Trunk: s.TrunkByName(row.trunk), Called: "5551234", Calling: row.calling, CallingURI: row.uri}, nil)
		if got := strings.Join(strings.Fields(d.Explain()[1]), " "); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
}
