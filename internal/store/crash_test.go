package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// childDir names the variable that makes this test binary a server to be killed.
const childDir = "STORE_TEST_CHILD_DIR"

// runChild begins and puts calls until it is killed; every third one never ends. It prints what is acknowledged.
func runChild(dir string) {
	out := bufio.NewWriter(os.Stdout)
	acked := make(chan uint64, 1)
	s, err := Open(Config{Dir: dir, Retention: -1, MaxPending: 1 << 20, OnAcknowledged: func(n uint64) {
		fmt.Fprintln(out, n)
		out.Flush()
		select {
		case acked <- n:
		default:
		}
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	from, _ := strconv.Atoi(os.Getenv("STORE_TEST_FROM"))
	for n := from; ; n++ {
		r := sample(n)
		s.Begin(r.ID, opened(r))
		if n%3 > 0 {
			s.Put(r)
		}
		if n%512 == 511 { // do not run too far ahead
			<-acked
		}
	}
}

// killChild lets a child run until it has acknowledged enough and kills it. It returns the last acknowledgement.
func killChild(t *testing.T, dir string, from, enough int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, "STORE_TEST_FROM="+strconv.Itoa(from))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := 0
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("child: %s", lines.Text())
		}
		if n >= enough && acked < enough {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL
				t.Fatal(err)
			}
		}
		acked = n // what it said before it died counts
	}
	_ = cmd.Wait()
	return acked
}

func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	const step = 1_000_000
	var acked []int
	for round, enough := range []int{1, 700, 6000} {
		acked = append(acked, killChild(t, dir, round*step, enough))
	}
	s := mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	t.Logf("acknowledged %v, recovered %+v", acked, s.Stats().Recovered)
	want := int64(0)
	for round, n := range acked {
		put := 0
		for i := round * step; put < n; i++ {
			if i%3 == 0 {
				continue
			}
			put++
			rec, err := s.Get(t.Context(), sample(i).ID) // fails also when it is there twice
			if err != nil || rec.Reason != "normal" {
				t.Fatalf("round %d, record %d of %d acknowledged: %+v, %v", round, put, n, rec, err)
			}
		}
		want += int64(put)
		lost, err := s.Get(t.Context(), sample(round*step+3-round*step%3).ID)
		if n > 10 && (err != nil || lost.Reason != ReasonServerLost) {
			t.Errorf("a call that never ended: %+v, %v", lost, err)
		}
	}
	normal, err := s.Count(t.Context(), Filter{Reason: "normal"})
	if err != nil || normal < want {
		t.Errorf("%d records, %d were acknowledged, %v", normal, want, err)
	}
	var all, distinct int64
	if err := s.db.read.QueryRow(`SELECT count(*), count(DISTINCT id) FROM call`).Scan(&all, &distinct); err != nil || all != distinct {
		t.Errorf("%d records of %d calls, %v", all, distinct, err)
	}
}

// crash stops a store as a kill would: the journal stays, and what is not in SQLite by now never gets there.
func crash(t *testing.T, s *Store) (copyOf string) {
	t.Helper()
	copyOf = t.TempDir()
	if err := os.CopyFS(copyOf, os.DirFS(s.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	return copyOf
}

func waitAcked(t *testing.T, s *Store, n uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for s.Acknowledged() < n {
		select {
		case <-s.pend.hurry(n, &s.acked):
		case <-ctx.Done():
			t.Fatalf("acknowledged %d of %d", s.Acknowledged(), n)
		}
	}
}

func TestCallThatNeverEndedGetsServerLost(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	a, b, c := sample(1), sample(2), sample(3)
	c.End = c.Start.Add(time.Hour)
	s.Begin(a.ID, opened(a))
	o := opened(b)
	s.Begin(b.ID, o)
	o.Answered, o.Out = b.Answered, b.Out
	s.Begin(b.ID, o) // more is known now
	s.Begin(c.ID, opened(c))
	s.Put(c)
	waitAcked(t, s, 1)
	again := mustOpen(t, Config{Dir: crash(t, s)})
	defer mustClose(t, again)
	if got := again.Stats().Recovered; got.Lost != 2 || got.TornBytes != 0 {
		t.Fatalf("%+v", got)
	}
	lost, err := again.Get(t.Context(), a.ID)
	if err != nil || lost.Reason != ReasonServerLost || lost.EndedBy != "directsip" || !lost.End.Equal(c.End) || lost.In != a.In || lost.Called != a.Called {
		t.Errorf("%+v, %v", lost, err)
	}
	lost, err = again.Get(t.Context(), b.ID)
	if err != nil || !lost.Answered.Equal(b.Answered) || *lost.Out != *b.Out || lost.Status != 200 {
		t.Errorf("%+v, %v", lost, err)
	}
	if ended, err := again.Get(t.Context(), c.ID); err != nil || ended.Reason != "normal" {
		t.Errorf("%+v, %v", ended, err)
	}
}

// TestTornTail cuts the journal after every byte of its last frame.
func TestTornTail(t *testing.T) {
	var seg []byte
	var ends []int
	for n := range 3 {
		var at int
		seg, at = beginFrame(seg, frameRecord)
		seg = endFrame(sample(n).AppendBinary(seg), at)
		ends = append(ends, len(seg))
	}
	for _, c := range []struct {
		name    string
		bytes   []byte
		records int
		torn    int64
		kept    bool
	}{
		{"whole", seg, 3, 0, false},
		{"header cut", seg[:ends[1]+4], 2, 4, false},
		{"payload cut", seg[:ends[2]-1], 2, int64(ends[2] - ends[1] - 1), false},
		{"zeros after a power cut", append(bytes.Clone(seg[:ends[1]]), make([]byte, 100)...), 2, 100, false},
		{"damage in the middle", flip(seg, ends[0]+30), 2, int64(ends[1] - ends[0]), true},
		{"impossible length", flip(seg, ends[0]+3), 2, int64(ends[1] - ends[0]), true},
		{"empty", nil, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, journalDir, "000000007"+recordSuffix)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, Config{Dir: dir})
			defer mustClose(t, s)
			got := s.Stats().Recovered
			if got.Records != c.records || got.TornBytes != c.torn {
				t.Errorf("recovered %+v, want %d records and %d torn bytes", got, c.records, c.torn)
			}
			if n, _ := s.Count(t.Context(), Filter{}); int(n) != c.records {
				t.Errorf("%d rows", n)
			}
			if _, err := os.Stat(path + ".torn"); (err == nil) != c.kept {
				t.Errorf("kept aside: %v", err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the segment is still there")
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0xff
	return b
}

// TestReplayIsIdempotent replays a journal of which SQLite has everything, as after a kill between commit and
// the removal of the segment.
func TestReplayIsIdempotent(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	for n := range 100 {
		s.Begin(sample(n).ID, opened(sample(n)))
		s.Put(sample(n))
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := crash(t, s)
	for range 2 {
		again := mustOpen(t, Config{Dir: dir})
		if n, err := again.Count(t.Context(), Filter{}); n != 100 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		mustClose(t, again)
	}
}

// TestSpilledRecordsComeFromTheJournal allows nothing to wait in memory.
func TestSpilledRecordsComeFromTheJournal(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), MaxPending: 1, recordsSize: 1 << 20})
	defer mustClose(t, s)
	const n = 3000
	for i := range n {
		s.Begin(sample(i).ID, opened(sample(i)))
		s.Put(sample(i))
	}
	list, err := s.List(t.Context(), Filter{Limit: 3})
	if err != nil || len(list) != 3 || list[0].ID != sample(n-1).ID {
		t.Fatalf("%v, %v", list, err)
	}
	if st := s.Stats(); st.Inserted != n || st.Pending != 0 || st.OpenCalls != 0 {
		t.Errorf("%+v", st)
	}
	got, err := s.Get(t.Context(), sample(11).ID)
	if err != nil || len(got.Ladder) != 14 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLongCallsDoNotPinCallSegments: a segment with few calls left is rewritten, and they are still known.
func TestLongCallsDoNotPinCallSegments(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), callsSize: 400_000})
	defer mustClose(t, s)
	const n, every = 8000, 200
	put := uint64(0)
	for i := range n {
		r := &cdr.Record{ID: fmt.Sprintf("%08d", i), Start: sample(i).Start, End: sample(i).End, In: sample(0).In, Reason: "normal"}
		s.Begin(r.ID, opened(r))
		if i%every != 0 {
			s.Put(r)
			put++
		}
		if i%100 == 0 {
			waitAcked(t, s, put)
		}
	}
	waitAcked(t, s, put)
	deadline := time.After(10 * time.Second)
	look := time.NewTicker(syncEvery)
	defer look.Stop()
	for left := 3; left > 2; { // the syncer removes them
		select {
		case <-look.C:
			calls, err := segments(s.journal.dir, callSuffix)
			if err != nil {
				t.Fatal(err)
			}
			left = len(calls)
		case <-deadline:
			t.Fatalf("%d call segments are left", left)
		}
	}
	dir := crash(t, s)
	again := mustOpen(t, Config{Dir: dir})
	defer mustClose(t, again)
	if got, err := again.Count(t.Context(), Filter{Reason: ReasonServerLost}); got != n/every || err != nil {
		t.Errorf("%d lost calls, want %d, %v", got, n/every, err)
	}
	if st := s.Stats(); st.OpenCalls != n/every {
		t.Errorf("%+v", st)
	}
}

// TestStuckJournal: first ladders go, then records, and all is counted.
func TestStuckJournal(t *testing.T) {
	stuck, release := make(chan struct{}), make(chan struct{})
	first := true
	s := mustOpen(t, Config{Dir: t.TempDir(), MaxQueued: 10, OnAcknowledged: func(uint64) {
		if first { // as a write that does not return
			first = false
			close(stuck)
			<-release
		}
	}})
	s.Put(sample(0))
	<-stuck
	for n := 1; n <= 12; n++ {
		s.Put(sample(n))
	}
	s.Begin("late", opened(sample(99)))
	st := s.Stats()
	if st.Queued != 10 || st.Slimmed != 5 || st.Dropped != 2 || st.DroppedBegins != 1 || st.Acknowledged != 1 {
		t.Errorf("%+v", st)
	}
	close(release)
	for n, want := range map[int]int{1: 14, 5: 14, 6: 0, 10: 0} {
		r, err := s.Get(t.Context(), sample(n).ID)
		if err != nil || len(r.Ladder) != want {
			t.Errorf("record %d has %d ladder lines, want %d, %v", n, len(r.Ladder), want, err)
		}
	}
	if st = s.Stats(); st.Acknowledged != 13 || st.Inserted != 11 {
		t.Errorf("%+v", st)
	}
	if err := s.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "2 records") {
		t.Errorf("Close is silent about lost records: %v", err)
	}
}

// TestWriteErrorIsRepeated takes the journal file away for a moment.
func TestWriteErrorIsRepeated(t *testing.T) {
	dir := t.TempDir()
	j, err := newJournal(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.calls.f.Close()
	s := &Store{log: Config{}.withDefaults().Logger}
	w := writer{s: s}
	tries := 0
	ok := w.repeat(func() error {
		tries++
		if tries == 1 {
			return os.ErrPermission
		}
		return j.records.write([]byte("x"))
	})
	if !ok || tries != 2 || s.journalErrors.Load() != 1 || j.records.size != 1 {
		t.Errorf("%v after %d tries, %d errors, size %d", ok, tries, s.journalErrors.Load(), j.records.size)
	}
	j.records.f.Close()
	if err := j.records.write([]byte("yy")); err == nil || j.records.size != 1 {
		t.Errorf("%v, size %d", err, j.records.size)
	}
}

func FuzzFrames(f *testing.F) {
	b, at := beginFrame(nil, frameEnd)
	b = endFrame(append(b, "call"...), at)
	f.Add(b)
	f.Add(append(b[:7:7], b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		sum := 0
		skipped, _ := frames(b, func(_ frameKind, p []byte) { sum += frameHeader + len(p) })
		if sum+skipped != len(b) {
			t.Fatalf("%d in frames, %d skipped, of %d", sum, skipped, len(b))
		}
		if len(b) >= 4 && binary.LittleEndian.Uint32(b) == 0 && skipped == 0 {
			t.Fatal("a frame of no length")
		}
	})
}
