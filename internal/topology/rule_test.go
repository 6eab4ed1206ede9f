package topology

import (
	"regexp"
	"strings"
	"testing"
)

func rule(t testing.TB, pattern, translation string) *Rule {
	t.Helper()
	re := regexp.MustCompile(pattern)
	expand, why, _ := expansion(translation, re)
	if why != "" {
		t.Fatalf("translation %q %s", translation, why)
	}
	return &Rule{Pattern: pattern, Translation: translation, Re: re, Expand: expand}
}

// TestRuleApply has the sample rules of the documentation of Lync and what .NET's Regex.Replace makes of a number.
func TestRuleApply(t *testing.T) {
	for _, c := range []struct {
		pattern, translation, number, want string
		ok                                 bool
	}{
		{`^(\d{4})$`, `+1425555$1`, "0100", "+14255550100", true},
		{`^(\d{4})$`, `+1425555$1`, "01000", "", false},
		{`^5(\d{4})$`, `+1425555$1`, "50100", "+14255550100", true},
		{`^(\d{7})$`, `+1425$1`, "5550100", "+14255550100", true},
		{`^011(\d*)$`, `+$1`, "011441234567", "+441234567", true},
		{`^0$`, `+14255550100`, "0", "+14255550100", true},
		{`^\+(\d*)$`, `$1`, "+14255550100", "14255550100", true},
		{`^\+44(\d+)$`, `0144$1`, "+441234567", "01441234567", true},
		{`^(?<area>\d{3})(\d{7})$`, `+1${area}$2`, "4255550100", "+14255550100", true},
		{`^(\d)$`, `$$1`, "7", "$1", true},
		{`^(\d+)$`, `<$&>`, "77", "<77>", true},
		{`^(\d+)$`, `${1}0`, "77", "770", true},
		{`^(\d+)$`, `${01}x`, "77", "77x", true},
		{`^\+`, ``, "+4930", "4930", true},                    // the rest stays
		{`[ ().-]`, ``, "(425) 555-0100", "4255550100", true}, // every match
		{`^(\d+)$`, `+$1`, strings.Repeat("1", 64), "+" + strings.Repeat("1", 64), true},
		{`^(\d+)$`, `+$1`, strings.Repeat("1", 65), "", false},
		{`^(a)?(\d+)$`, `$1-$2`, "12", "-12", true}, // a group that took no part is empty
	} {
		got, ok := rule(t, c.pattern, c.translation).Apply(c.number)
		if got != c.want || ok != c.ok {
			t.Errorf("%s -> %s on %q: got %q %v, want %q %v", c.pattern, c.translation, c.number, got, ok, c.want, c.ok)
		}
	}
}

func TestRuleApplyWithoutMatchDoesNotAllocate(t *testing.T) {
	r := rule(t, `^\+49(\d+)$`, `0$1`)
	if n := testing.AllocsPerRun(100, func() { r.Apply("+14255550100") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDotNetInClass: in a character class parentheses are characters, and so are the letters after a backslash pair.
func TestDotNetInClass(t *testing.T) {
	for pattern, want := range map[string]string{
		`[(?=]`:       "",
		`\\Z`:         "",
		`[]\d]+(?!x)`: "a negative look-ahead (?!…)",
		`[^]a](?>b)`:  "an atomic group (?>…)",
		`[\d-[5]]`:    "a class subtraction [a-[b]]",
		`(?:a)(?i)b`:  "",
		`(?<n>a)`:     "",
		`\(?=`:        "",
	} {
		if got, _ := dotNetOnly(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

func BenchmarkRuleApply(b *testing.B) {
	for _, c := range []struct{ name, pattern, number string }{
		{"match", `^(\d{10})$`, "4255550100"},
		{"no match", `^\+49(\d+)$`, "+14255550100"},
		{"no match without prefix", `^(\d{10})$`, "+14255550100"},
	} {
		r := rule(b, c.pattern, `+1$1`)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Apply(c.number)
			}
		})
	}
}
