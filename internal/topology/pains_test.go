package topology

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// P33: the mistakes that leave calls without a route are found when the document is read, each with its place and what is wrong with it.
func TestP33_RouteMistakes(t *testing.T) {
	const doc = `
pools:
  mediation.example.com:
    servers:
      med1.example.com: {addresses: [192.0.2.10]}
gateways:
  pstn: {host: 192.0.2.30, root: {transport: UDP}}
usages: [local, world]
voicePolicy: staff
voicePolicies:
  staff: {usages: [local, world]}
routes:
  - {name: first, pattern: '^\+1', usages: [local], trunks: [pstn]}
  - {name: world, pattern: '^\+4', usages: [world], trunks: [pstn]}
`
	if _, problems := Compile("directsip.yaml", []byte(doc)); len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	for _, c := range []struct{ what, old, text, want string }{
		{"an expression that no number matches", `'^\+4'`, `'^4$9'`, `route "world": the pattern ^4$9 matches no number`},
		{"a plus sign that is not escaped", `'^\+4'`, `'^+4'`, "Write \\+"},
		{"the number as it is dialled", `'^\+4'`, `'^004'`, "matches no number that begins with +"},
		{"an open group", `'^\+4'`, `'^\+4(9'`, "missing closing )"},
		{"what only .NET has", `'^\+4'`, `'^\+(?!1900)'`, "look-ahead"},
		{"all numbers are taken by the route above", `'^\+4', usages: [world]`, `'^\+1425', usages: [local]`, "never carries a call"},
		{"nobody has the usage", "usages: [local, world]}", "usages: [local]}", `usage`},
		{"no route has the usage", "usages: [world], trunks", "usages: [local], trunks", `usage "world"`},
		{"no trunks", "[world], trunks: [pstn]", "[world]", `route "world"`},
		{"a trunk by a wrong name", "[world], trunks: [pstn]", "[world], trunks: [ptsn]", `no trunk "ptsn". The document has pstn`},
	} {
		if n := strings.Count(doc, c.old); n != 1 {
			t.Fatalf("%q is there %d times", c.old, n)
		}
		_, problems := Compile("directsip.yaml", []byte(strings.Replace(doc, c.old, c.text, 1)))
		if got := problems.Error(); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "directsip.yaml:") {
			t.Errorf("%s: %q does not say %q", c.what, got, c.want)
		}
	}
}

// P35: a default is a promise: what a document leaves out means the same after an upgrade. testdata/defaults.txt has what was promised, as the tables of
// the documentation have it, which are what the code does. New keys are added by -update; a line that changes belongs into the notes of the release.
func TestP35_DefaultsStay(t *testing.T) {
	const file = "testdata/defaults.txt"
	parts := headings(string(readFile(t, docs)))
	var now []string
	for title := range documented() {
		for _, m := range row.FindAllStringSubmatch(parts[title], -1) {
			now = append(now, fmt.Sprintf("%s, %s: %s\n", title, m[1], m[2]))
		}
	}
	slices.Sort(now)
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(now, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	promised := slices.Collect(strings.Lines(string(readFile(t, file))))
	for _, line := range promised {
		if !slices.Contains(now, line) {
			t.Errorf("promised was %s", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(promised, line) {
			t.Errorf("not promised yet, -update does it: %s", line)
		}
	}
	if len(promised) < 150 {
		t.Errorf("only %d defaults", len(promised))
	}
}

// P34: no setting is hidden: each stands in the table with its default, and may be written in every scope of the one document.
func TestP34_EverySettingInEveryScope(t *testing.T) {
	const doc = `
sites:
  seattle: {}
pools:
  mediation.example.com:
    servers:
      med1.example.com: {addresses: [192.0.2.10]}
gateways:
  pbx: {kind: pbx, host: 192.0.2.20, site: seattle, root: {transport: TCP}}
trunkSettings:
  %s: {%s: %s}
`
	table := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(headings(string(readFile(t, docs)))["trunkSettings"], -1) {
		table[m[1]] = m[2]
	}
	written := 0
	for _, key := range keys(settingsFields) {
		value, isValue := strings.CutPrefix(table[key], "`")
		if table[key] == "" {
			t.Errorf("%s is not in the table", key)
		}
		if !isValue || key == "refuseUnknownSource" { // strangers have no trunk: global only
			continue
		}
		for _, scope := range []string{"global", "site:seattle", "trunk:pbx"} {
			if s, problems := Compile("x", fmt.Appendf(nil, doc, scope, key, strings.TrimSuffix(value, "`"))); s == nil {
				t.Errorf("%s in %s: %s", key, scope, problems.Error())
			}
			written++
		}
	}
	if written < 100 {
		t.Errorf("only %d written", written)
	}
}
