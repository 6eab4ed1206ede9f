package topology

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docs = "../../docs/configuration.md"

// documented is every key of every object, by the heading under which it is described.
func documented() map[string][]string {
	return map[string][]string{
		"Top level":           keys(sections),
		"sites":               keys(siteFields),
		"pools":               keys(poolFields),
		"servers":             keys(serverFields),
		"interfaces":          keys(interfaceFields),
		"gateways":            keys(gatewayFields),
		"trunks":              slices.Concat(keys(trunkFields), keys(rootFields)),
		"Registration":        keys(registrationFields),
		"Credentials":         keys(credentialFields),
		"Authentication":      keys(authenticateFields),
		"trunkSettings":       keys(settingsFields),
		"Response rules":      keys(responseRuleFields),
		"Rules":               keys(normalizationFields),
		"Header rules":        slices.Concat(keys(headerListFields), keys(headerRuleFields)),
		"dialPlans":           keys(planFields),
		"voicePolicies":       keys(policyFields),
		"routes":              keys(routeFields),
		"Trunks of a route":   keys(routeTrunkFields),
		"users":               keys(userFields),
		"emergency":           keys(emergencyFields),
		"locationPolicies":    keys(locationPolicyFields),
		"locations":           keys(locationFields),
		"inboundRules":        keys(inboundFields),
		"unassignedNumbers":   keys(unassignedFields),
		"announcements":       keys(announcementFields),
		"to":                  keys(destinationFields),
		"network":             keys(networkFields),
		"Media bypass":        keys(bypassFields),
		"Network regions":     keys(regionFields),
		"Network sites":       keys(networkSiteFields),
		"Profiles":            keys(bandwidthFields),
		"Limits of a profile": keys(limitsOf(0)),
		"Network links":       keys(linkFields),
		"Region routes":       keys(regionRouteFields),
		"Intersite policies":  keys(intersiteFields),
		"tests":               keys(testFields),
		"expect":              keys(expectFields),
	}
}

// row is one line of a table of keys.
var row = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9]+)` \\| (.*?) \\|")

// headings cuts the page at its headings.
func headings(page string) map[string]string {
	parts := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^##+ `).Split(page, -1)[1:] {
		title, text, _ := strings.Cut(part, "\n")
		parts[title] = text
	}
	return parts
}

// TestEveryKeyIsDocumented: the tables have the keys that the decoder knows, and no others.
func TestEveryKeyIsDocumented(t *testing.T) {
	parts := headings(string(readFile(t, docs)))
	for title, known := range documented() {
		var got []string
		for _, m := range row.FindAllStringSubmatch(parts[title], -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		known = slices.Compact(slices.Sorted(slices.Values(known)))
		if !slices.Equal(got, known) {
			t.Errorf("%s: documented %v\nknown %v", title, got, known)
		}
	}
}

// TestDocumentedDefaults: writing the default of the table into the document changes nothing.
func TestDocumentedDefaults(t *testing.T) {
	parts := headings(string(readFile(t, docs)))
	checked := 0
	for _, m := range row.FindAllStringSubmatch(parts["trunkSettings"], -1) {
		value, isValue := strings.CutPrefix(m[2], "`")
		if !isValue {
			continue
		}
		src := string(readFile(t, "testdata/good/small.yaml")) + "trunkSettings: {global: {" + m[1] + ": " + strings.TrimSuffix(value, "`") + "}}\n"
		s, problems := Compile("x", []byte(src))
		if s == nil {
			t.Errorf("%s: %s", m[1], problems.Error())
			continue
		}
		got, want := reflect.ValueOf(*s.Defaults), reflect.ValueOf(*DefaultSettings())
		for i := range got.NumField() {
			g, w := got.Field(i), want.Field(i)
			empty := (g.Kind() == reflect.Map || g.Kind() == reflect.Slice) && g.Len() == 0 && w.Len() == 0
			if !empty && !reflect.DeepEqual(g.Interface(), w.Interface()) {
				t.Errorf("%s: the table says %s, the default is %v", m[1], m[2], w.Interface())
			}
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("only %d defaults found", checked)
	}
}

// TestDocumentedExamplesCompile: the first example is a document; the others replace sections of it.
func TestDocumentedExamplesCompile(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(readFile(t, docs)), -1)
	if len(blocks) < 8 {
		t.Fatalf("%d examples found", len(blocks))
	}
	base := topLevel(blocks[0][1])
	for i, b := range blocks {
		doc := maps.Clone(base)
		maps.Copy(doc, topLevel(b[1]))
		var src strings.Builder
		for _, key := range slices.Sorted(maps.Keys(doc)) {
			src.WriteString(doc[key])
		}
		if s, problems := Compile("x", []byte(src.String())); s == nil || len(problems) > 0 {
			t.Errorf("example %d:\n%s\n%s", i, b[1], problems.Error())
		}
	}
	if lines := strings.Count(strings.TrimSpace(blocks[0][1]), "\n"); lines > 70 {
		t.Errorf("the small document has %d lines", lines)
	}
}

// topLevel cuts a document into its sections.
func topLevel(src string) map[string]string {
	parts := map[string]string{}
	key := ""
	for line := range strings.Lines(src) {
		if line[0] != ' ' && line[0] != '\n' && line[0] != '#' {
			key, _, _ = strings.Cut(line, ":")
		}
		parts[key] += line
	}
	return parts
}

// TestNotImplementedIsNotAKey: a key cannot be both refused as planned and known.
func TestNotImplementedIsNotAKey(t *testing.T) {
	parts := documented()
	for section, names := range planned {
		if section == "" {
			section = "Top level"
		}
		for _, name := range names {
			if slices.Contains(parts[section], name) {
				t.Errorf("%s.%s is known and refused", section, name)
			}
		}
	}
}
