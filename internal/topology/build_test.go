package topology

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTRK25Builder are rules that people build, with their patterns.
func TestTRK25Builder(t *testing.T) {
	for _, c := range []struct {
		b                    Builder
		pattern, translation string
	}{
		{Builder{Starts: "0", Length: 10, Remove: 1, Add: "+49"}, `^0(\d{9})$`, "+49$1"},
		{Builder{Starts: "+1", Length: 12, Remove: 1}, `^\+(1\d{10})$`, "$1"},
		{Builder{Starts: "+", Length: 10, AtLeast: true, Remove: 1, Add: "011"}, `^\+(\d{9,})$`, "011$1"},
		{Builder{Length: 4, Add: "+1425555"}, `^(\d{4})$`, "+1425555$1"},
		{Builder{Starts: "9", Remove: 3}, `^9\d{2}(\d*)$`, "$1"},
		{Builder{Starts: "112", Length: 3, Remove: 3, Add: "+"}, `^112()$`, "+$1"},
	} {
		r, err := c.b.Rule()
		if err != nil || r.Pattern != c.pattern || r.Translation != c.translation {
			t.Errorf("%+v: %v %v, want %s %s", c.b, r, err, c.pattern, c.translation)
		}
	}
	for _, b := range []Builder{{Starts: "a"}, {Add: "$1"}, {Length: -1}, {Length: 100}, {Starts: "123", Length: 2}, {Length: 2, Remove: 3}, {Remove: -1}} {
		if r, err := b.Rule(); err == nil {
			t.Errorf("%+v makes %s", b, r.Pattern)
		}
	}
}

// TestTRK25BuilderMeansWhatItSays compares every built rule with its words, and compiles it in a document.
func TestTRK25BuilderMeansWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Builder{Starts: rapid.StringMatching(`(\+?[0-9]{1,3})?`).Draw(t, "starts"), Length: rapid.IntRange(0, 8).Draw(t, "length"),
			AtLeast: rapid.Bool().Draw(t, "at least"), Remove: rapid.IntRange(0, 5).Draw(t, "remove"), Add: rapid.StringMatching(`(\+?[0-9]{1,3})?`).Draw(t, "add")}
		r, err := b.Rule()
		if err != nil {
			return
		}
		number := rapid.StringMatching(`\+?[0-9]{0,9}`).Draw(t, "number")
		if rapid.Bool().Draw(t, "near") {
			number = b.Starts + strings.TrimPrefix(number, "+")
		}
		want, fits := "", strings.HasPrefix(number, b.Starts) && len(number) >= b.Remove && (b.Length == 0 || len(number) == b.Length || b.AtLeast && len(number) >= b.Length)
		if fits = fits && strings.Trim(number[len(b.Starts):], "0123456789") == ""; fits {
			want = b.Add + number[b.Remove:]
		}
		if got, ok := r.Apply(number); ok != fits || ok && got != want {
			t.Fatalf("%+v (%s): %q becomes %q %v, want %q %v", b, r.Pattern, number, got, ok, want, fits)
		}
		src := "pools: {p.test: {servers: {s.test: {addresses: [192.0.2.1]}}}}\ntranslationRules:\n  x:\n    " + r.YAML() + "\n"
		if _, problems := Compile("x", []byte(src)); len(problems) > 0 {
			t.Fatalf("%s: %s", r.YAML(), problems.Error())
		}
	})
}
