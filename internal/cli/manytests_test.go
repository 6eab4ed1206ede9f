package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
)

// TestManyTestCases: a document with many of them and many routes is checked without keeping how each call was decided, and of the many that fail after one mistake
// the first are explained.
func TestManyTestCases(t *testing.T) {
	var b strings.Builder
	src, err := os.ReadFile("testdata/failing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(src)
	const many = 3 * b2bua.MostExplained
	for i := range many {
		fmt.Fprintf(&b, "  - {name: many %d, dialed: '+1999', from: alice, expect: {trunk: pbx}}\n", i)
	}
	path := filepath.Join(t.TempDir(), "many.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "test"} {
		var out, errs strings.Builder
		if status := Main([]string{command, path}, strings.NewReader(""), &out, &errs); status != 1 {
			t.Errorf("status %d: %s", status, errs.String())
		}
		s := out.String()
		if n := strings.Count(s, "| result"); n != b2bua.MostExplained {
			t.Errorf("%s explains %d", command, n)
		}
		if n := strings.Count(s, "FAIL  many"); n != many {
			t.Errorf("%s names %d that failed", command, n)
		}
		if !strings.Contains(s, "is shown of the first 20 that failed") {
			t.Errorf("%s does not say so:\n%s", command, s)
		}
	}
}
