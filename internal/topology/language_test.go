package topology

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func coveredBy(t testing.TB, pattern string, earlier ...string) (by []int, ok bool) {
	t.Helper()
	a, small := newAutomaton(pattern)
	if !small {
		t.Fatalf("%s is too large", pattern)
	}
	var automata []automaton
	var res []*regexp.Regexp
	for _, e := range earlier {
		ea, _ := newAutomaton(e)
		automata, res = append(automata, ea), append(res, regexp.MustCompile(e))
	}
	return covered(a, automata, func(i int, s string) bool { return res[i].MatchString(s) })
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
