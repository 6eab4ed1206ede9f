package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestFailedSyncIsWrittenAnew: a segment whose sync failed is written once more and synced again, though nothing is added to it; the
// failure is counted, and what a restart may need stays until then.
func TestFailedSyncIsWrittenAnew(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	synced := make(chan string, 64)
	disk := func(f *os.File) error {
		if broken.Load() {
			return syscall.EIO
		}
		select {
		case synced <- filepath.Ext(f.Name()):
		default:
		}
		return f.Sync()
	}
	s := mustOpen(t, Config{Dir: t.TempDir(), fsync: disk})
	for i := range 3 {
		s.Put(sample(i))
	}
	waitAcked(t, s, 3)
	path := filepath.Join(s.cfg.Dir, recordsDir, fileName(1, recordSuffix))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	waitErrors(t, s, 1)
	gone := filepath.Join(s.cfg.Dir, "gone")
	if err := os.WriteFile(gone, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.sync.drop(gone)
	waitErrors(t, s, s.Stats().WriteErrors+2) // two syncs later it is still needed
	if _, err := os.Stat(gone); err != nil {
		t.Errorf("removed although nothing was synced: %v", err)
	}
	broken.Store(false)
	if ext := <-synced; ext != recordSuffix {
		t.Errorf("%s was synced", ext)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(whole) {
		t.Errorf("%d octets were %d, %v", len(again), len(whole), err)
	}
	mustClose(t, s)
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not removed after a sync: %v", err)
	}
}

// TestSyncOfARemovedDirectory is no failure of the disk: there is nothing in it.
func TestSyncOfARemovedDirectory(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	for _, name := range []string{recordsDir, journalDir} {
		s.sync.named(filepath.Join(dir, name))
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		s.sync.named(filepath.Join(dir, name))
	}
	mustClose(t, s)
	if n := s.Stats().WriteErrors; n != 0 {
		t.Errorf("%d errors", n)
	}
}

// TestCloseTellsOfAFailedSync once the disk has failed twice.
func TestCloseTellsOfAFailedSync(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), fsync: func(*os.File) error { return syscall.EIO }})
	s.Put(sample(0))
	waitAcked(t, s, 1)
	if err := s.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "could not be synced") {
		t.Errorf("error %v", err)
	}
}

// TestRenewWritesWhatIsNotDurable, and nothing else.
func TestRenewWritesWhatIsNotDurable(t *testing.T) {
	l, err := createLog(t.TempDir(), 1, recordSuffix)
	if err != nil {
		t.Fatal(err)
	}
	defer l.f.Close()
	if err := l.write([]byte("durablewritten")); err != nil {
		t.Fatal(err)
	}
	d := dirty{l.f, &extent{written: l.size, durable: 7}, l.size}
	before, err := l.f.Stat()
	if err == nil {
		err = os.Chtimes(l.path, before.ModTime().Add(-1e9), before.ModTime().Add(-1e9))
	}
	if err = errors.Join(err, d.renew()); err != nil {
		t.Fatal(err)
	}
	after, err := l.f.Stat()
	if b, _ := os.ReadFile(l.path); err != nil || string(b) != "durablewritten" || after.ModTime().Before(before.ModTime()) {
		t.Errorf("%q, written %v, before that %v, %v", b, after.ModTime(), before.ModTime(), err)
	}
	if err = errors.Join(os.Remove(l.path), d.renew()); err != nil || d.durable != d.to {
		t.Errorf("a purged file: %v", err)
	}
}

// waitErrors waits for failures of the disk.
func waitErrors(t *testing.T, s *Store, n uint64) {
	t.Helper()
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); s.Stats().WriteErrors < n; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d failures of the disk, want %d", s.Stats().WriteErrors, n)
		}
	}
}
