package store

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// diskOf mounts a file system of its own, and gives what makes it read-only and writable again.
func diskOf(t *testing.T) (dir string, readOnly func(bool)) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=16m"); err != nil {
		lack.Of(t, "mounting takes root: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir, func(is bool) {
		t.Helper()
		flags := uintptr(unix.MS_REMOUNT)
		if is {
			flags |= unix.MS_RDONLY
		}
		if err := unix.Mount("none", dir, "tmpfs", flags, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadOnlyAtTheStart: a server that is started while its disk is read-only takes calls, shows what is there, and writes what it has kept once it can; also
// the end of what the server before it could not end.
func TestReadOnlyAtTheStart(t *testing.T) {
	disk, readOnly := diskOf(t)
	dir := filepath.Join(disk, "data")
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(0))
	s.Begin(sample(1).ID, Opened{Start: sample(1).Start})
	mustClose(t, s) // the second call gets its end from the next server
	readOnly(true)
	log := make(lines, 100)
	s = mustOpen(t, Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(log, nil))})
	log.await(t, "read-only file system")
	s.Begin(sample(2).ID, Opened{Start: sample(2).Start})
	s.Put(sample(2))
	if n, refusal := s.Waiting(); n != 1 || !errors.Is(refusal, syscall.EROFS) || !strings.Contains(refusal.Error(), dir) || s.Stats().WriteErrors == 0 {
		t.Errorf("%d wait, %v, %+v", n, refusal, s.Stats())
	}
	if list, err := s.List(t.Context(), Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d calls are shown, %v", len(list), err)
	}
	readOnly(false)
	log.await(t, "the data directory can be written again")
	waitAcked(t, s, 1)
	list, err := s.List(t.Context(), Filter{})
	if n, refusal := s.Waiting(); err != nil || len(list) != 3 || n != 0 || refusal != nil {
		t.Errorf("%d calls, %v; %d wait, %v", len(list), err, n, refusal)
	}
	if got := s.Stats(); got.Recovered.Lost != 1 || got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
	mustClose(t, s)
}

// TestCloseWhileRefused: nothing is lost where the disk comes back in time, and a server without calls does not wait for it.
func TestCloseWhileRefused(t *testing.T) {
	dir, readOnly := diskOf(t)
	readOnly(true)
	mustClose(t, mustOpen(t, Config{Dir: dir}))
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(0))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "1 records could not be written") {
		t.Errorf("error %v", err)
	}
	s = mustOpen(t, Config{Dir: dir})
	s.Put(sample(0))
	closed := make(chan error)
	go func() { closed <- s.Close(t.Context()) }()
	readOnly(false)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if list, err := s.List(t.Context(), Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d calls, %v", len(list), err)
	}
}

// TestWhatIsRefusedForGood: a file in the place of the directory, another process and records of another form are no trouble of the disk.
func TestWhatIsRefusedForGood(t *testing.T) {
	for err, want := range map[error]bool{
		&fs.PathError{Op: "open", Path: "/d/lock", Err: syscall.EROFS}:  true,
		&fs.PathError{Op: "open", Path: "/d/lock", Err: syscall.EACCES}: true,
		&os.SyscallError{Syscall: "flock", Err: syscall.EIO}:            true,
		&fs.PathError{Op: "mkdir", Path: "/d", Err: syscall.ENOTDIR}:    false,
		ErrLocked:                             false,
		errors.New("records of another form"): false,
	} {
		if got := refusedForNow(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
