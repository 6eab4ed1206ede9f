package routing

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestShortcutIsSafe: mayMatch may say yes too often, but never no to a number that the expression matches.
func TestShortcutIsSafe(t *testing.T) {
	check := func(pattern, number string) string {
		re, err := regexp.Compile(pattern)
		if err != nil || mayMatch(pattern, re, number) || !re.MatchString(number) {
			return ""
		}
		return "pattern " + pattern + " matches " + number + ", the shortcut says no"
	}
	for _, pattern := range []string{`^\+49`, `^\+49|^\+43`, `^\+49|1`, `^?\+49`, `^*\+49`, `(?m)^\+49`, `^(?i)a`, `^(\+49)?1`, `^$`, `^`, `\+49`,
		`^\+4{0,2}9`, `^(?:\+49|\+43)1`, `^^\+49`, `^\b1`} {
		for _, number := range []string{"", "1", "+", "+49", "+491", "+43", "+431", "+9", "x+49", "A", "a", "4949"} {
			if msg := check(pattern, number); msg != "" {
				t.Error(msg)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`\^?([+01]|\\\+|\(|\)|\||\?|\*|\[01\]|\$|\^){0,8}`).Draw(t, "pattern")
		if msg := check(pattern, rapid.StringMatching(`[+01]{0,6}`).Draw(t, "number")); msg != "" {
			t.Error(msg)
		}
	})
	if mayMatch("x", nil, "x") {
		t.Error("a rule without expression matches")
	}
}

// TestFullExplanationNamesEveryRoute also has more steps than gather on the stack.
func TestFullExplanationNamesEveryRoute(t *testing.T) {
	s := bigWorld(t, 200)
	for _, full := range []bool{false, true} {
		q := ask(s, "user alice", "+4989123456", "")
		q.Full = full
		d := Decide(s, q, nil)
		if got := brief(&d); got != "itsp:0114989123456 gw2:+4989123456 gw3:+4989123456" {
			t.Errorf("full %v: %s", full, got)
		}
		losers := 0
		for _, line := range d.Explain() {
			if strings.Contains(line, `does not match ^\+7`) {
				losers++
			}
		}
		if want := map[bool]int{false: 0, true: 40}[full]; losers != want {
			t.Errorf("full %v: %d routes that do not match, want %d of usages u0 and u1", full, losers, want)
		}
		if !full && len(d.Steps) > 32 {
			t.Errorf("%d steps on the call path", len(d.Steps))
		}
		if full && !strings.Contains(explain(&d), `"munich"                matches ^\+4989, adds no trunk`) {
			t.Errorf("the outcome of a late step is lost:%s", explain(&d))
		}
	}
}

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in   string
		want dialled
	}{
		{"+14255550100", dialled{number: "+14255550100", digits: true}},
		{"+1-425-555-0100", dialled{number: "+14255550100", digits: true}},
		{"+1425;ext=1-00", dialled{number: "+1425;ext=100", digits: true}},
		{"+1425;EXT=100;isub=7;phone-context=x", dialled{number: "+1425;ext=100", context: "x", digits: true}},
		{"1425;phone-context=us.example.com;ext=", dialled{number: "1425", context: "us.example.com", digits: true}},
		{"*21#", dialled{number: "*21#", digits: true}},
		{"alice.b", dialled{number: "alice.b"}},
		{"alice;ext=5", dialled{number: "alice"}},
		{"1+2", dialled{number: "1+2"}},
		{"+", dialled{number: "+"}},
		{"-.()", dialled{number: "-.()"}},
		{"", dialled{}},
	} {
		if got := parse(row.in); got != row.want {
			t.Errorf("%q: %+v, want %+v", row.in, got, row.want)
		}
	}
}

func TestIsE164(t *testing.T) {
	for number, want := range map[string]bool{"+112": true, "+14255550100": true, "+123456789012345": true, "+1425;ext=1": true,
		"+1": false, "+": false, "": false, "112": false, "+0123": false, "+1234567890123456": false, "+12a": false, "+1425;ext=": false,
		"+1425;ext=x": false} {
		if isE164(number) != want {
			t.Errorf("%q: %v", number, !want)
		}
	}
}
