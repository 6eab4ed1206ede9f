package routing

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/health"
)

func TestDecide(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		name, from, called, calling, want string
	}{
		// Normalization.
		{"seven digits by the dial plan", "user alice", "5551234", "", "gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"ten digits", "user alice", "4255551234", "", "gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"E.164 kept", "user alice", "+14255551234", "", "gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"visual separators", "user alice", "+1(425)555-12.34", "", "gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"an extension that the rule does not know is kept, and left out toward gateways", "user alice", "5551234;ext=7", "",
			"gw1:14255551234 gw2:+14255551234 itsp:14255551234 gw3:+14255551234"},
		{"no rule, not E.164", "user alice", "12345", "", "refused not-normalized"},
		{"+ and zero is not E.164", "user alice", "+0123456", "", "refused not-normalized"},
		{"too long for E.164", "user alice", "+1234567890123456", "", "refused not-normalized"},
		{"own dial plan of the user", "user dave", "08912345", "", "user dave via uc:+498912345"},
		{"phone-context names the plan", "pbx", "08912345;phone-context=de.example.com", "", "user dave via uc:+498912345"},
		{"unknown phone-context: plan of the trunk", "pbx", "101;phone-context=x.example.com", "", "user alice via uc:+14255550101"},
		{"inbound rule before the dial plan", "pbx", "94255551234", "201", "gw1:14255551234 gw2:+14255551234 itsp:14255551234"},
		{"nothing dialled", "gw1", "", "", "refused number-invalid"},
		{"absurdly long", "gw1", strings.Repeat("1", 300), "", "refused number-invalid"},
		{"longer than a rule looks at", "gw1", strings.Repeat("1", 100), "", "refused not-normalized"},

		// Users (RTE-08).
		{"reverse number lookup", "gw1", "+14255550101", "+4930123", "user alice via uc:+14255550101"},
		{"lookup of what a user dials", "user bob", "101", "", "user alice via uc:+14255550101"},
		{"bare number of a user with extension", "gw1", "4255550102", "", "user bob via uc:+14255550102"},
		{"number with extension", "gw1", "+14255550102;ext=902", "", "user bob via uc:+14255550102;ext=902"},
		{"extension that no rule knows", "gw1", "902", "", "user bob via uc:+14255550102;ext=902"},
		{"name", "gw1", "Alice", "", "user alice via uc:alice"},
		{"unknown name", "gw1", "mallory", "", "refused not-found"},

		// Usages.
		{"policy without usages", "user dave", "+14255551234", "", "refused no-usage"},
		{"usage without routes", "user erin", "+14255551234", "", "refused no-route"},
		{"policy that allows less", "user carol", "+4930123456", "", "refused no-route"},
		{"gateway without usages", "gw1", "+14255551234", "", "refused no-usage"},
		{"route of another pool only", "user carol", "+4989123456", "", "refused no-trunk"},
		{"another pool and a way out", "user alice", "+4989123456", "", "itsp:0114989123456 gw2:+4989123456 gw3:+4989123456"},
		{"inter-trunk", "pbx", "+14255551234", "", "gw1:14255551234 gw2:+14255551234 itsp:14255551234"},

		// Emergency (EMG-01, EMG-02).
		{"emergency", "user alice", "911", "", "emergency gw3:911 gw1:911"},
		{"mask", "user alice", "112", "", "emergency gw3:911 gw1:911"},
		{"with an extension", "user alice", "911;ext=7", "", "emergency gw3:911 gw1:911"},
		{"with +", "user alice", "+911", "", "emergency gw3:911 gw1:911"},
		{"in spite of an empty policy", "user dave", "999", "", "emergency gw3:911 gw1:911"},
		{"by an outside line", "pbx", "9911", "201", "emergency gw3:911 gw1:911"},
		{"from a telephone of the PBX", "pbx", "911", "201", "emergency gw3:911 gw1:911"},
		{"three digits of ours from the PSTN", "gw2", "102", "", "user bob via uc:+14255550102"},
		{"emergency from a gateway", "gw3", "911", "", "emergency gw1:911"},
	} {
		d := Decide(s, ask(s, row.from, row.called, row.calling), nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s: %s dials %q:\n got %s\nwant %s%s", row.name, row.from, row.called, got, row.want, explain(&d))
		}
	}
}

func TestCallerIsFoundBehindTheUCPlatformOnly(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		name, from, calling, uri, wantUser, wantNumber string
	}{
		{"number", "uc", "+14255550101", "", "alice", "+14255550101"},
		{"extension through the dial plan", "uc", "101", "", "alice", "+14255550101"},
		{"line with extension", "uc", "+14255550102;ext=902", "", "bob", "+14255550102;ext=902"},
		{"URI", "uc", "carol", "sip:Carol@example.com;user=ip", "carol", "carol"},
		{"a name of the document is no number", "uc", "902", "", "", "902"},
		{"nor is its name", "uc", "alice", "", "", "alice"},
		{"nobody", "uc", "+14255559999", "sip:+14255559999@example.com", "", "+14255559999"},
		{"a stranger claims the number", "itsp", "+14255550101", "sip:alice@example.com", "", "+14255550101"},
		{"PBX extension by inbound rule", "pbx", "201", "", "", "+1425555201"},
		{"anonymous", "itsp", "anonymous", "sip:anonymous@anonymous.invalid", "", "anonymous"},
		{"not normalizable: as it came", "gw1", "12345", "", "", "12345"},
		{"absurdly long", "gw1", strings.Repeat("1", 300), "", "", ""},
	} {
		q := ask(s, row.from, "+14255550102", row.calling)
		q.CallingURI = row.uri
		d := Decide(s, q, nil)
		user := ""
		if d.CallingUser != nil {
			user = d.CallingUser.Name
		}
		if user != row.wantUser || d.CallerNumber != row.wantNumber {
			t.Errorf("%s: user %q, number %q; want %q, %q%s", row.name, user, d.CallerNumber, row.wantUser, row.wantNumber, explain(&d))
		}
	}
}

func TestUserCalledBySIPURI(t *testing.T) {
	s := compile(t, world)
	q := ask(s, "itsp", "carol", "+4930123")
	q.CalledURI = "sip:carol@example.com;transport=tcp"
	d := Decide(s, q, nil)
	if brief(&d) != "user carol via uc:carol" || d.Targets[0].URI != "sip:carol@example.com" {
		t.Errorf("%s, URI %q%s", brief(&d), d.Targets[0].URI, explain(&d))
	}
	s = compile(t, strings.Replace(world, "sip:carol@example.com", "sip:C.Arol@example.com", 1))
	q = ask(s, "itsp", "c.arol", "+4930123")
	q.CalledURI = "sip:c.arol@EXAMPLE.com"
	if d := Decide(s, q, nil); brief(&d) != "user carol via uc:C.Arol" {
		t.Errorf("by a URI that has nothing of the name: %s%s", brief(&d), explain(&d))
	}
	q = &Query{Trunk: s.TrunkByName("itsp"), CalledURI: "sip:pool.example.com"}
	if d := Decide(s, q, nil); brief(&d) != "refused not-found" {
		t.Errorf("a URI without user part: %s", brief(&d))
	}
}

// TestCallingNumber covers TRK-21 and RTE-13.
func TestCallingNumber(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		name, from, called, trunk, want string
		suppressed                      bool
	}{
		{"user's line", "user alice", "+13105551234", "itsp", "14255550101", false},
		{"no rule of the trunk", "user alice", "+4930123456", "gw2", "+14255550101", false},
		{"plus removed", "user alice", "+13105551234", "gw1", "14255550101", false},
		{"rule that knows the extension", "user bob", "+13105551234", "itsp", "+14255550102-02", false},
		{"extension left out toward a gateway", "user bob", "+4930123456", "gw2", "+14255550102", false},
		{"alternate caller id, translated", "user alice", "+19005551234", "itsp", "14255550000", true},
		{"hidden", "user alice", "+19015551234", "itsp", "anonymous", true},
		{"the same call on a route that hides nothing", "user alice", "+19005551234", "gw2", "+14255550101", false},
	} {
		q := ask(s, row.from, row.called, "")
		q.Display = "A. Person"
		d := Decide(s, q, nil)
		i := slices.IndexFunc(d.Targets, func(t Target) bool { return t.Trunk.Name == row.trunk })
		if i < 0 {
			t.Errorf("%s: no target on %s%s", row.name, row.trunk, explain(&d))
			continue
		}
		got := d.Targets[i]
		if got.Calling != row.want || got.SuppressID != row.suppressed || (got.Display == "") != row.suppressed {
			t.Errorf("%s: calling %q, suppressed %v, display %q; want %q, %v%s", row.name, got.Calling, got.SuppressID, got.Display,
				row.want, row.suppressed, explain(&d))
		}
	}
}

func TestHealthOrdersTrunks(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		name  string
		state *fake
		want  string
	}{
		{"all up, turn 0", with(s, health.Up), "gw1 gw2 itsp gw3"},
		{"turn 1", &fake{turn: 1}, "gw2 gw1 itsp gw3"},
		{"turn 2 is turn 0 again", &fake{turn: 2}, "gw1 gw2 itsp gw3"},
		{"down: after all others", with(s, health.Down, "gw1"), "gw2 itsp gw3 gw1"},
		{"degraded: last of its route", with(s, health.Degraded, "gw1"), "gw2 gw1 itsp gw3"},
		{"half open keeps its place", with(s, health.HalfOpen, "gw1"), "gw1 gw2 itsp gw3"},
		{"all down: still tried", with(s, health.Down, "gw1", "gw2", "gw3", "itsp"), "gw1 gw2 itsp gw3"},
	} {
		d := Decide(s, ask(s, "user alice", "+14255551234", ""), row.state)
		var got []string
		for _, t := range d.Targets {
			got = append(got, t.Trunk.Name)
		}
		if g := strings.Join(got, " "); g != row.want {
			t.Errorf("%s: %s, want %s%s", row.name, g, row.want, explain(&d))
		}
	}
}

func TestMaxAttempts(t *testing.T) {
	s := compile(t, strings.Replace(world, "maxAttempts: 4", "maxAttempts: 2", 1))
	d := Decide(s, ask(s, "user alice", "+14255551234", ""), with(s, health.Down, "gw1"))
	if got := brief(&d); got != "gw2:+14255551234 itsp:14255551234" {
		t.Errorf("%s%s", got, explain(&d))
	}
	if text := explain(&d); !strings.Contains(text, "more than maxAttempts 2") {
		t.Errorf("the explanation does not say what was left out:%s", text)
	}
}

func TestPool(t *testing.T) {
	s := compile(t, world)
	q := ask(s, "user alice", "+4989123456", "")
	q.Server = s.ServerByName("muc1.example.com")
	d := Decide(s, q, nil)
	if got := brief(&d); got != "munich-gw:+4989123456" {
		t.Errorf("%s%s", got, explain(&d))
	}
	q.Called = "+14255550102"
	if d := Decide(s, q, nil); brief(&d) != "refused user-unreachable" {
		t.Errorf("a user of the other pool: %s%s", brief(&d), explain(&d))
	}
}

// TestEmergencyWithoutTrunkUsesThePolicy: better any way out than none.
func TestEmergencyWithoutTrunkUsesThePolicy(t *testing.T) {
	doc := strings.Replace(world, "trunks: [gw3, gw1], selection: ordered", "trunks: [munich-gw]", 1)
	s := compile(t, doc)
	d := Decide(s, ask(s, "user alice", "911", ""), nil)
	if d.Kind != Emergency || len(d.Targets) == 0 {
		t.Errorf("%s%s", brief(&d), explain(&d))
	}
	if d := Decide(s, ask(s, "user dave", "911", ""), nil); brief(&d) != "refused no-trunk" {
		t.Errorf("%s%s", brief(&d), explain(&d))
	}
}

func TestHairpin(t *testing.T) {
	s := compile(t, world)
	itsp := s.TrunkByName("itsp")
	itsp.Settings.Usages = []string{"local"} // Compile refuses this with a wider route; a call must not go back all the same
	back := Decide(s, ask(s, "itsp", "+13105551234", ""), nil)
	if brief(&back) != "gw1:13105551234" || !strings.Contains(explain(&back), "left out: the call came in on it") {
		t.Errorf("a provider must not get its call back: %s%s", brief(&back), explain(&back))
	}
	pbx := compile(t, strings.Replace(world, "trunks: [gw1, gw2]}", "trunks: [pbx, gw2], selection: ordered}", 1))
	if d := Decide(pbx, ask(pbx, "pbx", "+14255551234", "201"), nil); brief(&d) != "pbx:+14255551234 gw2:+14255551234 itsp:14255551234 gw1:14255551234" {
		t.Errorf("a PBX may get a call back by a route: %s%s", brief(&d), explain(&d))
	}
	hidden := compile(t, strings.Replace(world, "uc: {kind: uc,", "uc: {kind: uc, routable: false,", 1))
	if d := Decide(hidden, ask(hidden, "gw1", "+14255550101", ""), nil); brief(&d) != "user alice via uc:+14255550101" {
		t.Errorf("a gateway that no route may name has its users all the same: %s%s", brief(&d), explain(&d))
	}
	d := Decide(s, ask(s, "uc", "+14255550102", "+14255550101"), nil)
	if brief(&d) != "user bob via uc:+14255550102" {
		t.Errorf("a UC platform may get a call back for its user: %s", brief(&d))
	}
}

func TestExplain(t *testing.T) {
	s := compile(t, world)
	q := ask(s, "user alice", "5551234", "")
	d := Decide(s, q, with(s, health.Down, "gw2"))
	want := strings.TrimPrefix(`
call          5551234                 from (none)
caller        "alice"                 a user; calls as +14255550101
dial plan     "us"
  rule        "seven digits"          5551234 → +14255551234
user          none                    +14255551234 belongs to nobody here
usages        policy "staff"          voice policy of user "alice"
  usage       "local"
    route     "seattle"               matches ^\+1(425|206)\d{7}$
      trunk   "gw1"                   taken
      trunk   "gw2"                   down: tried after all others
    route     "america"               matches ^\+1\d{10}$
      trunk   "itsp"                  taken
      trunk   "gw1"                   left out: is a target already
    route     3 more                  routes of this usage do not match
  usage       "world"
    route     "america"               matches ^\+1\d{10}$, considered above
    route     "world"                 matches ^\+
      trunk   "itsp"                  left out: is a target already
      trunk   "gw2"                   left out: is a target already
      trunk   "gw3"                   taken
    route     1 more                  routes of this usage do not match
  plus        "gw1"                   removePlusFromUri: +14255551234 → 14255551234
  plus        "gw1"                   removePlusFromUri: +14255550101 → 14255550101
  called rule "north america"         +14255551234 → 14255551234 on trunk "itsp"
  calling rule "strip plus"           +14255550101 → 14255550101 on trunk "itsp"
result        route                   4 targets for +14255551234, tried in this order
  1.          "gw1"                   called 14255551234, calling 14255550101, route "seattle" of usage "local"
  2.          "itsp"                  called 14255551234, calling 14255550101, route "america" of usage "local"
  3.          "gw3"                   called +14255551234, calling +14255550101, route "world" of usage "world"
  4.          "gw2"                   called +14255551234, calling +14255550101, route "seattle" of usage "local"
`, "\n")
	if got := strings.Join(d.Explain(), "\n") + "\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	q.Full = true
	full := Decide(s, q, nil)
	text := explain(&full)
	for _, loser := range []string{
		`"extension"             5551234 does not match ^(1\d{2})$`,
		`"munich"                does not match ^\+4989`,
		`"world"                 +14255551234 → 14255551234`,
	} {
		if strings.Contains(text, loser) == strings.Contains(loser, "→") {
			t.Errorf("full explanation and %q:%s", loser, text)
		}
	}
	refused := Decide(s, ask(s, "user dave", "+14255551234", ""), nil)
	lines := refused.Explain()
	if last := lines[len(lines)-1]; last != `result        refused                 403 Forbidden: The number is not that of a user, and the caller may use no PSTN usage.` {
		t.Errorf("the last line of a refusal is %q", last)
	}
}

func TestDecisionAsJSON(t *testing.T) {
	s := compile(t, world)
	for _, called := range []string{"5551234", "101", "911", "12345", "+19015551234"} {
		d := Decide(s, ask(s, "user bob", called, ""), nil)
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Kind    string
			Reason  *struct{ ID string }
			Targets []struct{ Trunk, Called string }
			Steps   []struct{ Step, Outcome, Text string }
		}
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if back.Kind != d.Kind.String() || len(back.Targets) != len(d.Targets) || len(back.Steps) != len(d.Steps) ||
			(back.Reason != nil) != (d.Reason != nil) {
			t.Errorf("%s: %s", called, raw)
		}
		for _, st := range back.Steps {
			if st.Step == "?" || st.Outcome == "?" {
				t.Errorf("a step without name: %+v", st)
			}
		}
	}
}
