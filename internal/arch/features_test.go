package arch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// groups is how many ids each group has; they are numbered from 01 and stand in this order. P are the pain points of administrators.
var groups = []struct {
	prefix string
	ids    int
}{{"TOP-", 26}, {"TRK-", 28}, {"RTE-", 38}, {"SIG-", 20}, {"MED-", 13}, {"BYP-", 6}, {"CAC-", 7}, {"EMG-", 8}, {"OPS-", 23}, {"DR-", 34}, {"NEW-", 18}, {"P", 35}}

var (
	featureRow = regexp.MustCompile(`(?m)^\| ([A-Z]+-?\d\d) \| ([^|]*) \| ([^|]*) \|$`)
	testFunc   = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	proof      = regexp.MustCompile("`(Test[A-Za-z0-9_]+|[a-z0-9-]+\\.ladder|[a-z0-9-]+\\.yaml)`")
)

// proofs are the tests of the project, the ladders of the simulation and the bad documents.
func proofs(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".ladder"), strings.HasSuffix(path, ".yaml") && strings.Contains(path, "topology/testdata/bad"):
			found[filepath.Base(path)] = true
		case strings.HasSuffix(path, "_test.go"):
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range testFunc.FindAllSubmatch(src, -1) {
				found[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFeaturesAreProved: docs/features.md has every id once and in order; what is there, wholly or in part, names tests that exist, and what
// is missing is said. A pain point that is ended has a proof that bears its number.
func TestFeaturesAreProved(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/features.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, g := range groups {
		for n := range g.ids {
			want = append(want, fmt.Sprintf("%s%02d", g.prefix, n+1))
		}
	}
	have := proofs(t)
	for i, m := range featureRow.FindAllStringSubmatch(string(page), -1) {
		id, status, text := m[1], m[2], m[3]
		if i >= len(want) || id != want[i] {
			t.Fatalf("row %d is %s; every id has its row, in order", i+1, id)
		}
		if i == len(want)-1 {
			want = nil
		}
		named := proof.FindAllStringSubmatch(text, -1)
		rest := strings.Trim(proof.ReplaceAllString(text, ""), " ,;")
		for _, p := range named {
			if !have[p[1]] {
				t.Errorf("%s names %s, which does not exist", id, p[1])
			}
		}
		if status == "done" && id[0] == 'P' && !strings.Contains(strings.ToLower(text), "`"+strings.ToLower(id)+"-") && !strings.Contains(text, "`Test"+id+"_") {
			t.Errorf("%s is done and names no proof of its own: a ladder %s-… or a test Test%s_…", id, strings.ToLower(id), id)
		}
		switch {
		case status == "done" && len(named) == 0, status == "partly" && len(named) == 0:
			t.Errorf("%s is %s and names no test", id, status)
		case status == "partly" && rest == "", status == "not here" && rest == "":
			t.Errorf("%s is %s and does not say what is missing or why", id, status)
		case status != "done" && status != "partly" && status != "not here":
			t.Errorf("%s is %q: write done, partly or not here", id, status)
		}
	}
	if want != nil {
		t.Errorf("rows are missing, the last id is %s", want[len(want)-1])
	}
}
