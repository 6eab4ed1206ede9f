package routing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// rescue is world with locations: seattle has ELINs and an address, munich emergency numbers of its own.
var rescue = strings.NewReplacer(
	"  seattle: {}", "  seattle: {location: hq}",
	"  munich: {}", "  munich: {locationPolicy: germany, location: office}",
	"trunkSettings:\n", "trunkSettings:\n  trunk:gw2: {enablePIDFLOSupport: true}\n",
	`'^\+(911|112)$', usages`, `'^\+(911|112|110)$', usages`,
	"trunks: [gw3, gw1], selection: ordered}", "trunks: [gw3, gw2, gw1], selection: ordered, suppressCallerID: true, alternateCallerID: \"+14255559999\"}",
	"  dave: {", "  dave: {site: munich, ").Replace(world) + `
locations:
  hq: {elins: ["+12065550911", "+12065550912"], address: {country: US, A3: Seattle}, callBackTime: 2h}
  office: {address: {country: DE, A3: Munich}}
locationPolicies:
  germany: {emergencyNumbers: [{number: 110, usage: emergency}, {number: 911, masks: ["112"], usage: emergency}]}
`

// loans is a State with callbacks.
type loans struct {
	fake
	CallbackTable
}

// TestEMG01LocationPolicies: numbers by user and place; EMG-07: several.
func TestEMG01LocationPolicies(t *testing.T) {
	s := compile(t, rescue)
	for _, row := range []struct{ name, from, called, want string }{
		{"of the document", "user alice", "999", "emergency gw3:911 gw2:911 gw1:911"},
		{"of the site", "user dave", "110", "emergency gw3:110 gw2:110 gw1:110"},
		{"its mask", "user dave", "112", "emergency gw3:911 gw2:911 gw1:911"},
		{"as a whole: not those of the document", "user dave", "999", "refused not-normalized"},
		{"not those of another site", "user carol", "110", "gw1:14255550110 gw2:+14255550110 itsp:14255550110"},
	} {
		d := Decide(s, ask(s, row.from, row.called, ""), nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
}

// TestEMG02HasItsUsage: whatever the caller's policy allows, an emergency call has the usage of its number and none of the caller's.
func TestEMG02HasItsUsage(t *testing.T) {
	s := compile(t, rescue)
	for _, from := range []string{"user alice", "user carol", "user dave", "user erin", "pbx", "uc"} {
		d := Decide(s, ask(s, from, "911", "201"), nil)
		if d.Kind != Emergency || d.Usage != "emergency" || len(d.Targets) != 3 {
			t.Errorf("%s: %s, usage %q%s", from, brief(&d), d.Usage, explain(&d))
		}
		for _, target := range d.Targets {
			if target.Route.Name != "emergency" {
				t.Errorf("%s: by route %q%s", from, target.Route.Name, explain(&d))
			}
		}
	}
}

// TestEmergencyNumberThatIsOurs: from a gateway the digits of an emergency number may as well be the last ones of a number of ours; who dials here means help.
func TestEmergencyNumberThatIsOurs(t *testing.T) {
	s := compile(t, strings.Replace(world, ";ext=902", ";ext=999", 1))
	for _, row := range []struct{ from, called, want string }{
		{"gw2", "999", "user bob via uc:+14255550102;ext=999"},
		{"itsp", "999", "user bob via uc:+14255550102;ext=999"},
		{"itsp", "911", "emergency gw3:911 gw1:911"},
		{"pbx", "999", "emergency gw3:911 gw1:911"},
		{"pbx", "9999", "emergency gw3:911 gw1:911"},
		{"uc", "999", "emergency gw3:911 gw1:911"},
		{"user alice", "999", "emergency gw3:911 gw1:911"},
	} {
		if d := Decide(s, ask(s, row.from, row.called, "201"), nil); brief(&d) != row.want {
			t.Errorf("%s dials %s:\n got %s\nwant %s%s", row.from, row.called, brief(&d), row.want, explain(&d))
		}
	}
}

// TestEMG04 follows emergency calls and the calls back.
func TestEMG04(t *testing.T) {
	s := compile(t, rescue)
	st := &loans{}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	call := func(from, called, calling string) Decision {
		q := ask(s, from, called, calling)
		q.Now = now
		d := Decide(s, q, st)
		if d.ELIN != "" {
			st.Keep(now, d.ELIN, d.Callback(q.Trunk), d.Location.CallBack)
		}
		now = now.Add(time.Minute)
		return d
	}
	shows := func(d Decision) (list []string) {
		for _, x := range d.Targets {
			list = append(list, x.Trunk.Name+":"+x.Calling+fmt.Sprint(x.SuppressID))
		}
		return list
	}
	// gw2 is sent the location itself and keeps the caller; the route's own caller id yields to the ELIN elsewhere.
	alice := call("user alice", "911", "")
	if got := fmt.Sprint(shows(alice)); got != "[gw3:+12065550911true gw2:+14255559999true gw1:12065550911true]" {
		t.Fatalf("alice: %s%s", got, explain(&alice))
	}
	if d := call("pbx", "911", "201"); d.ELIN != "+12065550912" {
		t.Fatalf("a second caller gets %s%s", d.ELIN, explain(&d))
	}
	if d := call("user alice", "911", ""); d.ELIN != "+12065550911" {
		t.Fatalf("alice gets %s now", d.ELIN)
	}
	if d := call("user dave", "911", ""); d.ELIN != "" || d.Location == nil || d.Location.Name != "office" {
		t.Fatalf("a location without numbers: %s%s", d.ELIN, explain(&d))
	}
	// Emergency services call back: the user, and the telephone of the PBX on its trunk.
	for elin, want := range map[string]string{"+12065550911": "emergency uc:+14255550101", "+12065550912": "emergency pbx:+1425555201"} {
		if d := call("itsp", elin, "+12065551111"); brief(&d) != want {
			t.Errorf("call back to %s: %s%s", elin, brief(&d), explain(&d))
		}
	}
	// All numbers are in use: the one that was lent first is lent again.
	if d := call("user bob", "911", ""); d.ELIN != "+12065550912" {
		t.Errorf("a third caller gets %s", d.ELIN)
	}
	now = now.Add(3 * time.Hour)
	if d := call("itsp", "+12065550911", ""); d.Kind != Refused || d.Reason.ID != "no-usage" {
		t.Errorf("after callBackTime: %s%s", brief(&d), explain(&d))
	}
}

// TestEMG04WithoutState: directsip route knows no calls; it shows the first number.
func TestEMG04WithoutState(t *testing.T) {
	s := compile(t, rescue)
	d := Decide(s, ask(s, "user alice", "911", ""), nil)
	if d.ELIN != "+12065550911" || !strings.Contains(explain(&d), "number of the location: +14255550101 → +12065550911 on trunk \"gw3\"") {
		t.Error(explain(&d))
	}
}

// TestCallbackTable: a number reaches who was shown it last, for as long as was said, and no two callers share one while another is free,
// and the one that has been in use for the longest time is given away first.
func TestCallbackTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table CallbackTable
		elins := []string{"+1", "+2", "+3"}
		type held struct {
			to   Callback
			ends time.Time
		}
		want := map[string]held{}
		now := time.Unix(1e9, 0)
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "minutes")) * time.Minute)
			who := Callback{Number: rapid.SampledFrom([]string{"+41", "+42", "+43", "+44", "+45"}).Draw(t, "caller")}
			got := table.ELIN(now, elins, who)
			busy, longest := 0, now
			for _, n := range elins {
				if h, ok := want[n]; ok && now.Before(h.ends) {
					busy++
					if since := h.ends.Add(-time.Hour); since.Before(longest) {
						longest = since
					}
					if h.to == who && got != n {
						t.Fatalf("%v has %s and gets %s", who, n, got)
					}
				}
			}
			if h, ok := want[got]; ok && now.Before(h.ends) && h.to != who && busy < len(elins) {
				t.Fatalf("%s is taken from %v while others are free", got, h.to)
			}
			if h := want[got]; busy == len(elins) && h.to != who && h.ends.Add(-time.Hour).After(longest) {
				t.Fatalf("%s is taken from %v while another has been in use for longer", got, h.to)
			}
			table.Keep(now, got, who, time.Hour)
			want[got] = held{who, now.Add(time.Hour)}
			for _, n := range elins {
				h, ok := want[n]
				cb, found := table.Caller(now, n)
				if found != (ok && now.Before(h.ends)) || found && cb != h.to {
					t.Fatalf("%s reaches %v %v, want %v", n, cb, found, h)
				}
			}
		}
	})
}

// TestCallbackTableIsBounded: what has ended makes room first, then what was lent first.
func TestCallbackTableIsBounded(t *testing.T) {
	var table CallbackTable
	now := noon
	number := func(i int) string { return fmt.Sprintf("+%d", 1000000+i) }
	keep := func(i int, keep time.Duration) {
		table.Keep(now, number(i), Callback{Number: number(i)}, keep)
		now = now.Add(time.Second)
	}
	for i := range maxLoans {
		life := 1000 * time.Hour
		if i == maxLoans/2 {
			life = time.Hour
		}
		keep(i, life)
	}
	reaches := func(i int) bool { _, ok := table.Caller(now, number(i)); return ok }
	now = now.Add(time.Hour)
	keep(maxLoans, time.Hour)
	if !reaches(0) || reaches(maxLoans/2) || !reaches(maxLoans) {
		t.Errorf("the first %v, the one that has ended %v, the new one %v", reaches(0), reaches(maxLoans/2), reaches(maxLoans))
	}
	keep(maxLoans+1, time.Hour)
	if reaches(0) || !reaches(1) || !reaches(maxLoans+1) || len(table.lent) != maxLoans {
		t.Errorf("the first %v, the second %v, the new one %v, %d in all", reaches(0), reaches(1), reaches(maxLoans+1), len(table.lent))
	}
}
