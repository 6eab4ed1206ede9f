package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// withoutIndex has segments of which all but the last have lost their index.
func withoutIndex(t *testing.T, dir string) (recs []*cdr.Record, segments int) {
	t.Helper()
	s := mustOpen(t, Config{Dir: dir, recordsSize: 20_000})
	recs = fill(t, s, 3000)
	mustClose(t, s)
	indexes, err := filepath.Glob(filepath.Join(dir, recordsDir, "*"+indexSuffix))
	if err != nil || len(indexes) < 5 {
		t.Fatalf("%d files, %v", len(indexes), err)
	}
	if err := removeAll(indexes[:len(indexes)-1]...); err != nil {
		t.Fatal(err)
	}
	return recs, len(indexes)
}

// TestCallsDoNotWaitForTheIndex: what has no index is read behind the back of a server that takes calls, and found when it is.
func TestCallsDoNotWaitForTheIndex(t *testing.T) {
	dir := t.TempDir()
	recs, _ := withoutIndex(t, dir)
	for range 2 { // closed before it is done, it goes on with the next start
		s, err := Open(Config{Dir: dir, Retention: -1})
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := s.Get(t.Context(), recs[len(recs)-1].ID); err != nil {
			t.Errorf("%v, %v", rec, err)
		}
		mustClose(t, s)
	}
	dir = t.TempDir()
	recs, segments := withoutIndex(t, dir)
	var log bytes.Buffer
	s, err := Open(Config{Dir: dir, Retention: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	allRead(t, s)
	asks(t, &Reader{index: &s.index}, recs)
	mustClose(t, s)
	if want := "files=" + strconv.Itoa(segments-2); !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "all call records are found") {
		t.Errorf("no %s in the log:\n%s", want, log.String())
	}
	if n := unindexed(s); n > 0 {
		t.Errorf("%d blocks are not on disk", n)
	}
}

// TestUnreadableSegment keeps no server from its calls.
func TestUnreadableSegment(t *testing.T) {
	for _, suffix := range []string{recordSuffix, indexSuffix} {
		for back := range 3 { // the last ones are read by Open, the others behind its back
			dir := t.TempDir()
			_, segments := withoutIndex(t, dir)
			path := filepath.Join(dir, recordsDir, fileName(segments-back, suffix))
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, path); err != nil { // which nobody can open
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := Open(Config{Dir: dir, Retention: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Errorf("%s, %d from the end: %v", suffix, back, err)
				continue
			}
			allRead(t, s)
			s.Put(sample(1))
			if list, err := s.List(t.Context(), Filter{}); err != nil || len(list) != defaultLimit {
				t.Errorf("%s, %d from the end: %d calls, %v", suffix, back, len(list), err)
			}
			if _, err := s.Get(t.Context(), sample(1).ID); err != nil {
				t.Error(err)
			}
			mustClose(t, s)
			if !strings.Contains(log.String(), filepath.Base(path)) {
				t.Errorf("%s is not named:\n%s", path, log.String())
			}
		}
	}
}

// TestStartWithDamage: no file but one of records of a later version keeps a server from its calls.
func TestStartWithDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(1))
	mustClose(t, s)
	marks, journal := filepath.Join(dir, recordsDir, marksName), filepath.Join(dir, journalDir, fileName(7, callSuffix))
	if err := os.WriteFile(marks, []byte("\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(journal, journal); err != nil { // which nobody can open
		t.Fatal(err)
	}
	var log bytes.Buffer
	s = mustOpen(t, Config{Dir: dir, Retention: 24 * time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.Put(sample(2))
	for _, r := range []*cdr.Record{sample(1), sample(2)} {
		if _, err := s.Get(t.Context(), r.ID); err != nil {
			t.Error(err)
		}
	}
	mustClose(t, s)
	if s := log.String(); !strings.Contains(s, marks) || !strings.Contains(s, journal) {
		t.Errorf("what is damaged is not named:\n%s", s)
	}
	if err := s.purgeNow(time.Now(), nil); err != nil {
		t.Error(err)
	}
	if m, err := readMarks(s.index.dir); err != nil || m != s.index.marks {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestIndexThatCannotBeWritten is tried again later each time, and at once when the store is closed.
func TestIndexThatCannotBeWritten(t *testing.T) {
	var w indexWriter
	now := time.Now()
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if w.settle(true, now); !w.failed || w.again.Sub(now) != want*time.Second {
			t.Errorf("again after %v, want %v s", w.again.Sub(now), int(want))
		}
	}
	if w.settle(false, now); w.failed || !w.again.IsZero() {
		t.Error("it waits although it was written")
	}
	w.settle(true, now)
	if got := w.again.Sub(now); got != time.Second {
		t.Errorf("the next failure is tried again after %v", got)
	}
	dir := t.TempDir()
	recs, _ := withoutIndex(t, dir)
	path := filepath.Join(dir, recordsDir, fileName(1, indexSuffix))
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Config{Dir: dir})
	asks(t, &Reader{index: &s.index}, recs)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if n := unindexed(s); n > 0 {
		t.Errorf("%d blocks are not on disk", n)
	}
}
