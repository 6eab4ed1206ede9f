package store

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// TestHeard: calls of which a side was not heard are found without reading the records of the others; in an index of before, too, which does not know.
func TestHeard(t *testing.T) {
	const calls, deaf = 2000, 1234
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	for i := range calls {
		r := sample(i)
		if i == deaf {
			r.Audio = []cdr.Audio{{From: "callee", Cause: "nothing"}}
		}
		s.Put(r)
	}
	mustClose(t, s)
	find := func() (octets uint64) {
		t.Helper()
		s := mustOpen(t, Config{Dir: dir})
		defer mustClose(t, s)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list, err := s.List(t.Context(), Filter{Audio: true})
		runtime.ReadMemStats(&after)
		if err != nil || len(list) != 1 || list[0].ID != sample(deaf).ID || len(list[0].Audio) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if n, err := s.Count(t.Context(), Filter{Audio: true}); err != nil || n != 1 {
			t.Errorf("%d calls, %v", n, err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	if n := find(); n > calls*1000 {
		t.Errorf("one of %d calls takes %d octets", calls, n)
	}
	asBefore(t, filepath.Join(dir, recordsDir, fileName(1, indexSuffix)), 2, flagHeard)
	if n := find(); n < calls*1000 {
		t.Errorf("%d calls are asked with %d octets: the index is not one of before", calls, n)
	}
}
