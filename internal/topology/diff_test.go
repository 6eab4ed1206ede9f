package topology

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// OPS-05: what would change, as a person says it.
func TestOPS05Diff(t *testing.T) {
	const was = `
gateways:
  itsp: {kind: sbc, host: sbc.example.com, root: {port: 5067, credentials: {user: us, password: "first"}}}
  old: {host: 192.0.2.9}
trunkSettings:
  trunk:itsp: {maxCalls: 10, codecs: [PCMA, PCMU]}
usages: [local, world]
routes:
  - {name: local, pattern: '^\+1', usages: [local], trunks: [itsp, {trunk: old, weight: 2}]}
  - {name: world, pattern: '^\+', usages: [world], trunks: [itsp]}
  - {name: third, pattern: '^\+3', usages: [world], trunks: [itsp]}
translationRules:
  strip: [{pattern: '^\+1', translation: ''}, {pattern: '^\+2', translation: '2'}]
`
	for _, row := range []struct {
		name     string
		from, to string // every from is replaced by to
		want     string
		back     string // the same, the other way round
	}{
		{"nothing but how it is written", "  old: {host: 192.0.2.9}", "  old:\n    host: '192.0.2.9' # the old one\n    site:", "", ""},
		{"a value", "maxCalls: 10", "maxCalls: 20", `changed trunk settings "trunk:itsp" trunkSettings.trunk:itsp.maxCalls: 10 → 20`,
			`changed trunk settings "trunk:itsp" trunkSettings.trunk:itsp.maxCalls: 20 → 10`},
		{"a new key", "maxCalls: 10,", "maxCalls: 10, dtmf: info,", `added trunk settings "trunk:itsp" trunkSettings.trunk:itsp.dtmf:  → info`,
			`removed trunk settings "trunk:itsp" trunkSettings.trunk:itsp.dtmf: info → `},
		{"a new object", "  old: {host: 192.0.2.9}", "  old: {host: 192.0.2.9}\n  more: {host: 192.0.2.10, root: {transport: UDP}}",
			`added gateway "more" gateways.more:  → {host: 192.0.2.10, root: {transport: UDP}}`, `removed gateway "more" gateways.more: {host: 192.0.2.10, root: {transport: UDP}} → `},
		{"a new section", "usages: [local, world]", "usages: [local, world]\nemergency: [{number: 911, usage: local}]",
			`added emergency emergency:  → [{number: 911, usage: local}]`, `removed emergency emergency: [{number: 911, usage: local}] → `},
		{"a list of values", "[PCMA, PCMU]", "[PCMU, PCMA]", `changed trunk settings "trunk:itsp" trunkSettings.trunk:itsp.codecs: [PCMA, PCMU] → [PCMU, PCMA]`,
			`changed trunk settings "trunk:itsp" trunkSettings.trunk:itsp.codecs: [PCMU, PCMA] → [PCMA, PCMU]`},
		{"in a list of objects, by name", "pattern: '^\\+', ", "pattern: '^\\+4', ", `changed route "world" routes[world].pattern: ^\+ → ^\+4`,
			`changed route "world" routes[world].pattern: ^\+4 → ^\+`},
		{"trunks of a route", "weight: 2", "weight: 3", `changed route "local" routes[local].trunks: [itsp, {trunk: old, weight: 2}] → [itsp, {trunk: old, weight: 3}]`,
			`changed route "local" routes[local].trunks: [itsp, {trunk: old, weight: 3}] → [itsp, {trunk: old, weight: 2}]`},
		{"an item less", "  - {name: world, pattern: '^\\+', usages: [world], trunks: [itsp]}\n", "",
			`removed route "world" routes[world]: {name: world, pattern: ^\+, usages: [world], trunks: [itsp]} → `,
			`added route "world" routes[world]:  → {name: world, pattern: ^\+, usages: [world], trunks: [itsp]}`},
		{"without names", "{pattern: '^\\+2', translation: '2'}", "{pattern: '^\\+2', translation: '3'}",
			`removed translation rules "strip" translationRules.strip[{pattern: ^\+2, translation: 2}]: {pattern: ^\+2, translation: 2} → ` + "\n" +
				`added translation rules "strip" translationRules.strip[{pattern: ^\+2, translation: 3}]:  → {pattern: ^\+2, translation: 3}`,
			`removed translation rules "strip" translationRules.strip[{pattern: ^\+2, translation: 3}]: {pattern: ^\+2, translation: 3} → ` + "\n" +
				`added translation rules "strip" translationRules.strip[{pattern: ^\+2, translation: 2}]:  → {pattern: ^\+2, translation: 2}`},
		{"no password is shown", `"first"`, `"second"`, `changed trunk "itsp" gateways.itsp.root.credentials.password: (secret) → (secret)`,
			`changed trunk "itsp" gateways.itsp.root.credentials.password: (secret) → (secret)`},
		{"not in what is new either", "gateways:\n", "gateways:\n  b: {host: b.example.com, root: {credentials: {user: b, password: hidden}}}\n",
			`added gateway "b" gateways.b:  → {host: b.example.com, root: {credentials: {user: b, password: (secret)}}}`,
			`removed gateway "b" gateways.b: {host: b.example.com, root: {credentials: {user: b, password: (secret)}}} → `},
	} {
		is := strings.ReplaceAll(was, row.from, row.to)
		if is == was {
			t.Fatalf("%s changes nothing", row.name)
		}
		if got := told(t, was, is); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		if got := told(t, is, was); got != row.back {
			t.Errorf("%s, back:\n got %s\nwant %s", row.name, got, row.back)
		}
	}
	turned := strings.Replace(strings.Replace(was, "name: local,", "name: x,", 1), "name: third,", "name: local,", 1)
	turned = strings.Replace(turned, "name: x,", "name: third,", 1)
	if got := told(t, was, turned); !strings.Contains(got, "moved routes routes: local, world, third → third, world, local") {
		t.Errorf("another order: %s", got)
	}
}

func told(t *testing.T, was, is string) string {
	t.Helper()
	list, problems := Diff([]byte(was), []byte(is))
	if problems != nil {
		t.Fatal(problems)
	}
	var lines []string
	for _, c := range list {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s → %s", c.Kind, c.Object, c.Path, c.Old, c.New))
	}
	return strings.Join(lines, "\n")
}

// TestOPS05SameDocument: no document differs from itself, and each does from an empty one.
func TestOPS05SameDocument(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	if len(files) == 0 {
		t.Fatal("no documents")
	}
	for _, f := range files {
		src := string(readFile(t, f))
		if got := told(t, src, src); got != "" {
			t.Errorf("%s differs from itself: %s", f, got)
		}
		if got := told(t, "{}", src); strings.Count(got, "added ") == 0 || strings.Contains(got, "changed ") {
			t.Errorf("%s and nothing: %s", f, got)
		}
	}
	if _, problems := Diff([]byte("a: [1"), []byte("{}")); !problems.Failed() {
		t.Error("what cannot be read is compared")
	}
}
