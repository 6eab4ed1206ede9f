package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
)

// heapWriter counts what is written, and looks how much memory is in use towards the end of each MiB.
type heapWriter struct {
	n, looked int
	most      uint64
}

func (w *heapWriter) Write(b []byte) (int, error) {
	if w.n += len(b); w.n-w.looked > 1<<20 {
		w.looked = w.n
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(b), nil
}

// TestManyTestCasesAsJSON: how each of many calls was decided is written as it comes, and never in memory as a whole.
func TestManyTestCasesAsJSON(t *testing.T) {
	var b strings.Builder
	src, err := os.ReadFile("testdata/failing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(src)
	for i := range 5000 {
		fmt.Fprintf(&b, "  - {name: many %d, dialed: '+1999', from: alice, expect: {trunk: pbx}}\n", i)
	}
	path := filepath.Join(t.TempDir(), "many.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, command := range []string{"check", "test"} {
		var out heapWriter
		var errs strings.Builder
		if status := Main([]string{command, "--json", path}, strings.NewReader(""), &out, &errs); status != 1 {
			t.Errorf("status %d: %s", status, errs.String())
		}
		if held := int64(out.most) - int64(before.HeapAlloc); out.n < 8<<20 || held > int64(out.n)/2 {
			t.Errorf("%s wrote %d bytes and held %d of memory", command, out.n, held)
		}
	}
}

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
