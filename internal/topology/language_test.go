package topology

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func coveredBy(t testing.TB, pattern string, earlier ...string) (by []int, ok bool) {
	t.Helper()
	m := newMatcher(regexp.MustCompile(pattern))
	if !m.small {
		t.Fatalf("%s is too large", pattern)
	}
	var before matchers
	for _, e := range earlier {
		before.add(newMatcher(regexp.MustCompile(e)))
	}
	return before.cover(m, nil)
}

func TestCovered(t *testing.T) {
	for _, c := range []struct {
		pattern string
		earlier []string
		by      []int
		ok      bool
	}{
		{`^a$b`, nil, nil, true}, // matches nothing
		{`a^`, nil, nil, true},
		{`\B\b`, nil, nil, true},
		{`^$`, nil, nil, false}, // matches the empty string
		{`^\d{4}$`, nil, nil, false},
		{`^\d{4}$`, []string{`^[0-9]{4}$`}, []int{0}, true},
		{`^\d{4}$`, []string{`^\d{3}$`, `^.*$`}, []int{1}, true},
		{`^\d{4}$`, []string{``}, []int{0}, true},
		{`^\d{4}$`, []string{`\d`}, []int{0}, true},
		{`^\d{4}$`, []string{`^[0-4]\d{3}$`, `^[5-9]\d{3}$`}, []int{0, 1}, true},
		{`^\d{4}$`, []string{`^[0-4]\d{3}$`, `^[6-9]\d{3}$`}, nil, false},
		{`^\+49\d+$`, []string{`^\+4`}, []int{0}, true},
		{`^\+4`, []string{`^\+49\d+$`}, nil, false},
		{`^\d+$`, []string{`^\d{1,63}$`}, nil, false},     // one string of 64 digits is left
		{`^\d+$`, []string{`^\d{1,64}$`}, []int{0}, true}, // longer ones are not looked at
		{`(?i)^abc$`, []string{`^[aA][bB][cC]$`}, []int{0}, true},
		{`^\bfoo\b$`, []string{`^foo$`}, []int{0}, true},
	} {
		by, ok := coveredBy(t, c.pattern, c.earlier...)
		if ok != c.ok || ok && !slices.Equal(by, c.by) {
			t.Errorf("%s after %q: got %v %v, want %v %v", c.pattern, c.earlier, by, ok, c.by, c.ok)
		}
	}
}

// TestCoveredIsSound: whatever the patterns, a string that the covered one matches is matched by one of the others too,
// and a witness is what it says.
func TestCoveredIsSound(t *testing.T) {
	piece := rapid.SampledFrom([]string{"1", "2", "[12]", `\d`, ".", "1*", "(12)?", "(1|2)+", "^", "$", `\b`, "2{2}", ""})
	pattern := rapid.Custom(func(t *rapid.T) string {
		s := strings.Join(rapid.SliceOfN(piece, 1, 5).Draw(t, "pieces"), "")
		if rapid.Bool().Draw(t, "anchored") {
			s = "^(?:" + s + ")$"
		}
		return s
	})
	rapid.Check(t, func(rt *rapid.T) {
		p := pattern.Draw(rt, "pattern")
		earlier := rapid.SliceOfN(pattern, 0, 3).Draw(rt, "earlier")
		re := regexp.MustCompile(p)
		matched := func(s string) bool {
			return slices.ContainsFunc(earlier, func(e string) bool { return regexp.MustCompile(e).MatchString(s) })
		}
		if _, ok := coveredBy(t, p, earlier...); ok {
			s := rapid.StringOfN(rapid.SampledFrom([]rune("123a ")), 0, 6, -1).Draw(rt, "s")
			if re.MatchString(s) && !matched(s) {
				rt.Fatalf("%s matches %q, and none of %q does", p, s, earlier)
			}
			return
		}
		a, _ := newAutomaton(p)
		var automata []automaton
		for _, e := range earlier {
			ea, _ := newAutomaton(e)
			automata = append(automata, ea)
		}
		if s, v := witness(a, automata); v == found && (!re.MatchString(s) || matched(s)) {
			rt.Fatalf("%q is no witness of %s without %q", s, p, earlier)
		}
	})
}

// TestBeginnings: every string that a pattern matches begins with one of its beginnings.
func TestBeginnings(t *testing.T) {
	for pattern, want := range map[string][]string{
		`^\+1425`: {"+1425"}, `^(\+1)?425.+$`: {"+1425", "425"}, `^\+?(0|1[12])`: {"+0", "+11", "+12", "0", "11", "12"}, `1425`: {""},
		`^1|2`: {""}, `^\d{2}`: {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, `(?i)^a`: {""}, `^.*$`: {""}, `^(00)+1`: {"00"},
	} {
		if got := beginnings(pattern); !slices.Equal(got, want) {
			t.Errorf("%s begins with %q, want %q", pattern, got, want)
		}
	}
	piece := rapid.SampledFrom([]string{"1", "2", "[12]", `\d`, ".", "1*", "(12)?", "(1|2)+", "(1|^2)", "^", "$", `\b`, "2{0,2}", "(?i:a)", "[^1]", ""})
	rapid.Check(t, func(rt *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(piece, 1, 5).Draw(rt, "pieces"), "")
		s := rapid.StringOfN(rapid.SampledFrom([]rune("123aA ")), 0, 6, -1).Draw(rt, "s")
		list := beginnings(pattern)
		if regexp.MustCompile(pattern).MatchString(s) && !slices.ContainsFunc(list, func(b string) bool { return strings.HasPrefix(s, b) }) {
			rt.Fatalf("%s matches %q, which begins with none of %q", pattern, s, list)
		}
	})
}

// TestManyMatchers: of thousands of patterns only those are looked at that may match.
func TestManyMatchers(t *testing.T) {
	var all matchers
	for i := range 4000 {
		all.add(newMatcher(regexp.MustCompile(`^\+?1` + strconv.Itoa(10_000+i) + `\d{3,9}$`)))
	}
	asked := 0
	if got := all.first("+113999555", func(int) bool { asked++; return true }); got != 3999 || asked > 10 {
		t.Errorf("found %d after %d patterns", got, asked)
	}
}

// BenchmarkShadowed is a dial plan of 400 rules, all different.
func BenchmarkShadowed(b *testing.B) {
	var rules []compiled
	for i := range 400 {
		pattern := `^` + strings.Repeat("1", i%7) + string(rune('0'+i%10)) + string(rune('0'+i/10%10)) + string(rune('0'+i/100)) + `(\d{4,9})$`
		rules = append(rules, compiled{rule: Rule{Pattern: pattern, Re: regexp.MustCompile(pattern)}, item: &node{}, doc: ruleDoc{pattern: &node{}}})
	}
	for b.Loop() {
		c := &compiler{}
		c.checkShadowed(rules)
	}
}
