package diag

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWishes: the alerts and the ratio of docs/metrics.md take for a wish what is taken for one here.
func TestWishes(t *testing.T) {
	for _, c := range []struct {
		file, form string
		is         func(id string) bool
	}{
		{"../../deploy/alerts.yml", `reason!~"([a-z|-]+)"`, Wished},
		{"../../docs/metrics.md", `reason=~"([a-z|-]+)"`, Carried},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(c.form).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no %s", c.file, c.form)
		}
		ids := strings.Split(string(found[1]), "|")
		for _, r := range All {
			if there := slices.Contains(ids, r.ID); there != c.is(r.ID) {
				t.Errorf("%s: that it has %s is %v", c.file, r.ID, there)
			}
		}
	}
}
