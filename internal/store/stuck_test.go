package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// lines is a log, line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// await waits for a line.
func (l lines) await(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, what) {
				return
			}
		case <-deadline:
			t.Fatalf("nobody says that %s", what)
		}
	}
}

// TestStuckDisk: of a disk that does not answer people hear, and it keeps nobody from what it has taken.
func TestStuckDisk(t *testing.T) {
	log, stuck, release := make(lines, 100), make(chan struct{}), make(chan struct{})
	s := mustOpen(t, Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(log, nil)), stuckAfter: 10 * time.Millisecond,
		OnAcknowledged: func(n uint64) {
			if n == 1 { // as a write that does not return
				close(stuck)
				<-release
			}
		}})
	s.Put(sample(0))
	<-stuck
	s.Put(sample(1))
	log.await(t, "call records cannot be written")
	ctx, cancel := context.WithTimeout(t.Context(), 3*refusedWait)
	defer cancel()
	if list, err := s.List(ctx, Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d calls, %v", len(list), err)
	}
	if n, refusal := s.Waiting(); n != 1 || !errors.Is(refusal, errStuck) {
		t.Errorf("%d wait, %v", n, refusal)
	}
	close(release)
	log.await(t, "call records can be written again")
	if list, err := s.List(t.Context(), Filter{}); err != nil || len(list) != 2 {
		t.Errorf("%d calls, %v", len(list), err)
	}
	if _, refusal := s.Waiting(); refusal != nil || s.Stats().WriteErrors == 0 {
		t.Errorf("%v, %+v", refusal, s.Stats())
	}
	mustClose(t, s)
}

// TestStuckSync: nor is a disk silent that takes everything and makes nothing durable.
func TestStuckSync(t *testing.T) {
	log, release := make(lines, 100), make(chan struct{})
	s := mustOpen(t, Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(log, nil)), stuckAfter: 10 * time.Millisecond,
		fsync: func(f *os.File) error {
			<-release
			return f.Sync()
		}})
	s.Put(sample(0))
	log.await(t, "call records cannot be synced")
	if list, err := s.List(t.Context(), Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d calls, %v", len(list), err)
	}
	close(release)
	log.await(t, "call records can be synced again")
	mustClose(t, s)
}
