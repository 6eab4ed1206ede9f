package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// varied is a small record, different from others in all that is searched.
func varied(rng *rand.Rand, n int) *cdr.Record {
	r := &cdr.Record{ID: fmt.Sprintf("%016x", rng.Uint64()), End: sample(0).Start.Add(time.Duration(n) * time.Second)}
	r.Start = r.End.Add(-time.Duration(rng.IntN(900)) * time.Second)
	r.In = cdr.Leg{Trunk: fmt.Sprintf("gw%d", rng.IntN(5)), CallID: fmt.Sprintf("%x@pbx", rng.Uint64())}
	r.Called = cdr.Number{Received: fmt.Sprintf("555%04d", rng.IntN(3000)), Normalized: fmt.Sprintf("+1425555%04d", rng.IntN(3000))}
	r.Calling = cdr.Number{Received: []string{"anonymous", "+12065550100", "Bob", ""}[rng.IntN(4)]}
	r.Reason, r.Status, r.EndedBy = "normal-clearing", 200, "caller"
	if rng.IntN(4) == 0 {
		r.Reason, r.Status = "busy", 486
	} else {
		r.Answered = r.Start.Add(time.Second)
		r.Out = &cdr.Leg{Trunk: fmt.Sprintf("uc%d", rng.IntN(3)), CallID: fmt.Sprintf("%x", rng.Uint64())}
	}
	for range rng.IntN(3) {
		r.Attempts = append(r.Attempts, cdr.Attempt{Trunk: []string{"itsp", "Backup", "uc1"}[rng.IntN(3)], At: r.Start})
	}
	return r
}

// filters are questions of every kind.
func filters(recs []*cdr.Record) []Filter {
	mid := recs[len(recs)/2]
	return []Filter{
		{}, {Limit: 7}, {Limit: maxLimit}, {Failed: true}, {Trunk: "gw3", Limit: 50}, {Trunk: "uc1"}, {Reason: "busy", Limit: 20},
		{Since: mid.Start, Until: mid.Start.Add(time.Minute)}, {Until: recs[50].Start}, {Number: mid.Called.Normalized},
		{Number: "0077"}, {Number: "7", Limit: 30}, {Number: "anonymous"}, {Number: "mous", Failed: true}, {Number: "+14255550*"},
		{Number: "bob*", Limit: 3}, {Before: mid.ID, Limit: 40}, {Before: mid.ID, Number: "5", Trunk: "gw0"}, {Trunk: "nobody"},
		{Trunk: "itsp", Limit: 60}, {Trunk: "BACKUP", Failed: true}, {Trunk: "itsp", Number: "7"},
	}
}

// answer is what a filter selects, by looking at every record.
func answer(recs []*cdr.Record, f Filter) (ids []string) {
	before := slices.IndexFunc(recs, func(r *cdr.Record) bool { return r.ID == f.Before })
	order := func(a, b *cdr.Record) int { return cmp.Or(b.Start.Compare(a.Start), strings.Compare(b.ID, a.ID)) }
	recs = slices.Clone(recs)
	var last *cdr.Record
	if before >= 0 {
		last = recs[before]
	}
	slices.SortFunc(recs, order)
	for _, r := range recs {
		out := ""
		if r.Out != nil {
			out = r.Out.Trunk
		}
		head, star := strings.CutSuffix(f.Number, "*")
		begins := func(n cdr.Number) bool { return strings.HasPrefix(strings.ToLower(number(n)), strings.ToLower(head)) }
		switch {
		case !f.Since.IsZero() && r.Start.Before(f.Since), !f.Until.IsZero() && !r.Start.Before(f.Until):
		case f.Trunk != "" && r.In.Trunk != f.Trunk && out != f.Trunk && !slices.ContainsFunc(r.Attempts, func(a cdr.Attempt) bool { return strings.EqualFold(a.Trunk, f.Trunk) }):
		case f.Reason != "" && r.Reason != f.Reason:
		case f.Failed && !failed(r):
		case star && !begins(r.Called) && !begins(r.Calling):
		case !star && f.Number != "" && !hasNumber(r, f.Number):
		case last != nil && order(last, r) >= 0:
		default:
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// asks compares the answers of a store with those of looking at every record.
func asks(t *testing.T, r *Reader, recs []*cdr.Record) {
	t.Helper()
	for _, f := range filters(recs) {
		want := answer(recs, f)
		list, err := r.List(t.Context(), f)
		if err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		var got []string
		for i := range list {
			got = append(got, list[i].ID)
		}
		limit := cmp.Or(f.Limit, defaultLimit)
		if !slices.Equal(got, want[:min(len(want), limit)]) {
			t.Errorf("%+v: %d calls, want %d", f, len(got), min(len(want), limit))
		}
		if f.Before == "" {
			if n, err := r.Count(t.Context(), f); int(n) != len(want) || err != nil {
				t.Errorf("%+v: Count = %d, want %d, %v", f, n, len(want), err)
			}
		}
	}
	for i := 0; i < len(recs); i += len(recs) / 5 {
		for _, what := range []string{recs[i].ID, recs[i].ID[:13], recs[i].In.CallID} {
			if rec, err := r.Get(t.Context(), what); err != nil || !reflect.DeepEqual(rec, recs[i]) {
				t.Errorf("Get(%q) = %+v, %v", what, rec, err)
			}
		}
	}
	if _, err := r.Get(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// fill puts records and waits until all blocks that are full are written.
func fill(t *testing.T, s *Store, n int) (recs []*cdr.Record) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	for i := range n {
		r := varied(rng, i)
		recs = append(recs, r)
		s.Begin(r.ID, opened(r))
		s.Put(r)
		if i%1000 == 999 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return recs
}

// unindexed is the number of blocks that are not on disk.
func unindexed(s *Store) (n int) {
	for _, b := range s.index.view().blocks {
		if b.at < 0 {
			n++
		}
	}
	return n
}

// TestQuestionsAnswerAsRecordsSay asks while blocks are in memory, in files and gone: written, half written, damaged
// at any place, removed.
func TestQuestionsAnswerAsRecordsSay(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Dir: t.TempDir(), recordsSize: 1 << 20})
	recs := fill(t, s, blockRows+4000)
	asks(t, &Reader{index: &s.index}, recs)
	beside, err := OpenReadOnly(s.cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	asks(t, beside, recs)
	killed := crash(t, s)
	mustClose(t, s)
	if n := unindexed(s); n != 0 {
		t.Errorf("after Close %d blocks are not on disk", n)
	}
	asks(t, beside, recs)

	s = mustOpen(t, Config{Dir: killed})
	asks(t, &Reader{index: &s.index}, recs)
	mustClose(t, s)

	list, err := numbered(filepath.Join(killed, recordsDir), indexSuffix)
	if err != nil || len(list) < 2 {
		t.Fatal(list, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 4 {
		for i, no := range list {
			path := filepath.Join(killed, recordsDir, fileName(no, indexSuffix))
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			switch round {
			case 0:
				b = b[:rng.IntN(len(b))]
			case 1:
				b = nil
			default:
				for range 1 + i {
					b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
				}
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := OpenReadOnly(killed)
		if err != nil {
			t.Fatal(err)
		}
		asks(t, r, recs)
		s := mustOpen(t, Config{Dir: killed})
		asks(t, &Reader{index: &s.index}, recs)
		mustClose(t, s)
	}
}

// TestPagesOfACopyWithoutIndex: of a copy without it the records are read once, and not for each page; what changes is read again.
func TestPagesOfACopyWithoutIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, recordsSize: 1 << 20})
	recs := fill(t, s, blockRows+4000)
	mustClose(t, s)
	records := filepath.Join(dir, recordsDir)
	list, err := numbered(records, indexSuffix)
	if err != nil || len(list) < 2 {
		t.Fatal(list, err)
	}
	for _, no := range list {
		if err := os.Remove(filepath.Join(records, fileName(no, indexSuffix))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	scanned := func() (list []*block) {
		v, err := r.view()
		if err != nil {
			t.Fatal(err)
		}
		defer v.close()
		return v.blocks
	}
	first := scanned()
	asks(t, r, recs)
	if again := scanned(); !slices.Equal(first, again) {
		t.Error("the records were read again for another question")
	}
	last := filepath.Join(records, fileName(list[len(list)-1], recordSuffix))
	f, err := os.OpenFile(last, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	more := varied(rand.New(rand.NewPCG(5, 6)), 1<<20)
	b, at := beginFrame(nil, frameRecord)
	if _, err := f.Write(endFrame(more.AppendBinary(b), at)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	asks(t, r, append(recs, more))
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Count(t.Context(), Filter{}); err != nil || n >= int64(len(recs)) {
		t.Errorf("%d calls, %v", n, err)
	}
}

// TestManyBlocksThatCannotBeWritten has more of them than memory is given for.
func TestManyBlocksThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, recordsSize: 1})
	const n = 5 * maxMemory
	inTheWay := func(do func(string) error) {
		for no := 1; no <= n; no++ {
			if err := do(filepath.Join(dir, recordsDir, fileName(no, indexSuffix))); err != nil {
				t.Fatal(err)
			}
		}
	}
	inTheWay(func(path string) error { return os.Mkdir(path, 0o700) })
	var recs []*cdr.Record
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		recs = append(recs, varied(rng, i+100))
		s.Put(recs[i])
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.index.mu.Lock()
	memory := s.index.memory
	s.index.mu.Unlock()
	if memory > maxMemory {
		t.Errorf("%d blocks in memory", memory)
	}
	asks(t, &Reader{index: &s.index}, recs)
	mustClose(t, s)
	if s.Stats().IndexErrors == 0 {
		t.Error("no error was counted")
	}
	inTheWay(os.Remove)
	s = mustOpen(t, Config{Dir: dir})
	asks(t, &Reader{index: &s.index}, recs)
	mustClose(t, s)
	if n := unindexed(s); n > 0 || s.Stats().IndexErrors > 0 {
		t.Errorf("%d blocks are not on disk, %+v", n, s.Stats())
	}
}

// TestEveryByteOfAnIndexMayBeDamaged: a look-up notices it, wherever it is.
func TestEveryByteOfAnIndexMayBeDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	recs := fill(t, s, 40)
	mustClose(t, s)
	path := filepath.Join(dir, recordsDir, fileName(1, indexSuffix))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		if err := os.WriteFile(path, flip(whole, at), 0o600); err != nil {
			t.Fatal(err)
		}
		want := recs[at%len(recs)]
		if rec, err := r.Get(t.Context(), want.ID); err != nil || rec.ID != want.ID {
			t.Fatalf("byte %d: %v, %v", at, rec, err)
		}
		if n, err := r.Count(t.Context(), Filter{Number: want.Called.Normalized}); n == 0 || err != nil {
			t.Fatalf("byte %d: %d calls, %v", at, n, err)
		}
	}
}

// TestMissingSegment: the list still shows that there were calls, and a start changes nothing about it.
func TestMissingSegment(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(1))
	mustClose(t, s)
	if err := os.Remove(filepath.Join(dir, recordsDir, fileName(1, recordSuffix))); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s = mustOpen(t, Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer mustClose(t, s)
	if !strings.Contains(log.String(), "missing") || !strings.Contains(log.String(), fileName(1, recordSuffix)) {
		t.Errorf("not logged: %s", log.String())
	}
	s.Put(sample(2))
	list, err := s.List(t.Context(), Filter{})
	want := sample(1)
	if err != nil || len(list) != 2 || list[1].ID != want.ID || !list[1].Start.Equal(want.Start) || list[1].Called != want.Called.Normalized ||
		list[1].TrunkIn != "gw1" || list[1].TrunkOut != "uc" || list[1].Reason != "normal" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Get(t.Context(), want.ID); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), fileName(1, recordSuffix)) {
		t.Errorf("%v", err)
	}
}

// TestDamagedRecord is not given out, and named.
func TestDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(1))
	s.Put(sample(2))
	mustClose(t, s)
	path := filepath.Join(dir, recordsDir, fileName(1, recordSuffix))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, flip(b, 200), 0o600); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if _, err := s.Get(t.Context(), sample(1).ID); err == nil || !strings.Contains(err.Error(), path+": the record at 0 is damaged") {
		t.Errorf("%v", err)
	}
	if rec, err := s.Get(t.Context(), sample(2).ID); err != nil || rec.ID != sample(2).ID {
		t.Errorf("%v, %v", rec, err)
	}
	if list, err := s.List(t.Context(), Filter{}); len(list) != 2 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	if err := os.Truncate(path, int64(len(b)-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), sample(2).ID); err == nil || !strings.Contains(err.Error(), path+": the record at ") || !strings.Contains(err.Error(), "shorter than it was") {
		t.Errorf("of a file that was cut: %v", err)
	}
}

// TestRecordPutAgain is known as such from another block, another segment and another run of the server.
func TestRecordPutAgain(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, recordsSize: 1 << 20})
	recs := fill(t, s, blockRows+100)
	again := func() {
		t.Helper()
		for i := 0; i < len(recs); i += 700 {
			s.Put(recs[i])
		}
		other := *recs[0] // its id alone does not make it the same
		other.Start = other.Start.Add(time.Hour)
		s.Put(&other)
		if n, err := s.Count(t.Context(), Filter{}); int(n) != len(recs)+1 || err != nil {
			t.Errorf("%d records, want %d, %v", n, len(recs)+1, err)
		}
	}
	again()
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	again()
	if got := s.Stats(); got.Written != 0 || got.Duplicates == 0 {
		t.Errorf("%+v", got)
	}
}

// TestOlderFormIsRefused by readers and writers.
func TestOlderFormIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, oldName), []byte("SQLite format 3\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "older form") {
		t.Errorf("%v", err)
	}
	if _, err := OpenReadOnly(dir); err == nil || !strings.Contains(err.Error(), "older form") {
		t.Errorf("%v", err)
	}
}

// TestUnknownFormOfRecordIsRefused: what a later version wrote is not hidden.
func TestUnknownFormOfRecordIsRefused(t *testing.T) {
	b, at := beginFrame(nil, frameRecord)
	dir, path := writeSegment(t, 3, endFrame(append(b, 99, 1, 2), at))
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}
