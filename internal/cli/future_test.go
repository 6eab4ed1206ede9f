package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// TestCallsOfTheFuture: calls that a clock which was ahead has recorded do not stand above those of now, and are not summed up with them.
func TestCallsOfTheFuture(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, Retention: -1})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	for id, start := range map[string]time.Time{"then": now.Add(9000 * time.Hour), "present": now.Add(-time.Minute), "before": now.Add(-time.Hour)} {
		s.Put(&cdr.Record{ID: id, Start: start, End: start.Add(time.Second), Reason: "busy", Status: 486, In: cdr.Leg{Trunk: "pbx", CallID: id + "@x"}})
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, errs string) {
		t.Helper()
		var o, e strings.Builder
		if status := Main(append(args, "--data", dir), strings.NewReader(""), &o, &e); status != 0 {
			t.Errorf("%v: status %d, %s", args, status, e.String())
		}
		return o.String(), e.String()
	}
	until := now.Add(9001 * time.Hour).Format(time.RFC3339)
	for _, args := range [][]string{{"calls"}, {"calls", "--since", "2h"}, {"calls", "--csv"}, {"calls", "--json"}} {
		out, errs := run(args...)
		if strings.Contains(out, "then") || !strings.Contains(out, "present") || !strings.Contains(out, "before") || !strings.Contains(errs, "begin in the future") {
			t.Errorf("%v: %s%s", args, out, errs)
		}
		if out, errs = run(append(args, "--until", until)...); !strings.Contains(out, "then") || strings.Contains(errs, "future") {
			t.Errorf("%v --until: %s%s", args, out, errs)
		}
	}
	if out, errs := run("report"); !strings.HasPrefix(out, "2 calls ") || !strings.Contains(errs, "begin in the future") {
		t.Errorf("%s%s", out, errs)
	}
	if out, errs := run("calls", "--since", now.Add(8000*time.Hour).Format(time.RFC3339)); !strings.Contains(out, "then") || strings.Contains(errs, "future") {
		t.Errorf("%s%s", out, errs)
	}
}
