package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/cdr"
)

// childDir names the variable that makes this test binary a server to be killed.
const childDir = "STORE_TEST_CHILD_DIR"

// runChild begins and puts calls until it is killed; every third one never ends. It prints what is acknowledged.
func runChild(dir string) {
	out := bufio.NewWriter(os.Stdout)
	acked := make(chan uint64, 1)
	s, err := Open(Config{Dir: dir, Retention: -1, recordsSize: 1 << 20, OnAcknowledged: func(n uint64) {
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it ends with this process
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
	seen := map[string]bool{}
	eachStored(t, s, func(id string) {
		if seen[id] {
			t.Errorf("%s has two records", id)
		}
		seen[id] = true
	})
}

// eachStored has the id of every record.
func eachStored(t *testing.T, s *Store, each func(id string)) {
	t.Helper()
	v := s.index.view()
	defer v.close()
	for _, b := range v.blocks {
		c, err := v.content(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.len() {
			each(string(c.text(c.row(i), rowID)))
		}
	}
}

// crash stops a store as a kill would: what is not on disk by now never gets there.
func crash(t *testing.T, s *Store) (copyOf string) {
	t.Helper()
	copyOf = t.TempDir()
	if err := os.CopyFS(copyOf, os.DirFS(s.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	return copyOf
}

// patience is how long a test waits for what must come, on the slowest of disks.
const patience = time.Minute

func waitAcked(t *testing.T, s *Store, n uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		moved := s.waiters.channel()
		if s.Acknowledged() >= n {
			return
		}
		select {
		case <-moved:
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

// TestLostCallsOfAClockThatWasAhead end when the server was alive last, and not at a time that is yet to come.
func TestLostCallsOfAClockThatWasAhead(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	now := time.Now().UTC().Truncate(time.Microsecond)
	a, ended := sample(1), sample(2)
	a.Start = now.Add(-time.Hour)
	ended.Start, ended.End = now.Add(9*time.Hour), now.Add(10*time.Hour)
	s.Begin(a.ID, opened(a))
	s.Put(ended)
	waitAcked(t, s, 1)
	killed := crash(t, s)
	mustClose(t, s)
	var b []byte
	for _, at := range []time.Time{now.Add(10 * time.Hour), now.Add(-time.Minute)} {
		var n int
		b, n = beginFrame(b, frameAlive)
		b = endFrame(binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano())), n)
	}
	f, err := os.OpenFile(filepath.Join(killed, journalDir, fileName(1, callSuffix)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s = mustOpen(t, Config{Dir: killed})
	defer mustClose(t, s)
	lost, err := s.Get(t.Context(), a.ID)
	if err != nil || lost.Reason != ReasonServerLost || !lost.End.Equal(now.Add(-time.Minute)) {
		t.Errorf("%+v, %v", lost, err)
	}
}

// segmentOf makes a segment of records and tells where each ends.
func segmentOf(records int) (seg []byte, ends []int) {
	for n := range records {
		var at int
		seg, at = beginFrame(seg, frameRecord)
		seg = endFrame(sample(n).AppendBinary(seg), at)
		ends = append(ends, len(seg))
	}
	return seg, ends
}

// writeSegment puts a segment into a new directory of records.
func writeSegment(t *testing.T, no int, b []byte) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, recordsDir, fileName(no, recordSuffix))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// TestTornTail opens segments that end as a kill or a power cut leaves them. Their bytes stay as they are, and what
// comes later goes elsewhere.
func TestTornTail(t *testing.T) {
	seg, ends := segmentOf(3)
	for _, c := range []struct {
		name    string
		bytes   []byte
		records int
		torn    int64
	}{
		{"whole", seg, 3, 0},
		{"header cut", seg[:ends[1]+4], 2, 4},
		{"payload cut", seg[:ends[2]-1], 2, int64(ends[2] - ends[1] - 1)},
		{"zeros after a power cut", append(bytes.Clone(seg[:ends[1]]), make([]byte, 100)...), 2, 100},
		{"damage in the middle", flip(seg, ends[0]+30), 2, int64(ends[1] - ends[0])},
		{"impossible length", flip(seg, ends[0]+3), 2, int64(ends[1] - ends[0])},
		{"nothing but damage", []byte("damage"), 0, 6},
		{"empty", nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, path := writeSegment(t, 7, c.bytes)
			r, err := OpenReadOnly(dir)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := r.Count(t.Context(), Filter{}); int(n) != c.records || err != nil {
				t.Errorf("%d rows for a reader, %v", n, err)
			}
			s := mustOpen(t, Config{Dir: dir})
			if got := s.Stats().Recovered; got.Records != c.records || got.TornBytes != c.torn {
				t.Errorf("recovered %+v, want %d records and %d torn bytes", got, c.records, c.torn)
			}
			s.Put(sample(50))
			if n, _ := s.Count(t.Context(), Filter{}); int(n) != c.records+1 {
				t.Errorf("%d rows", n)
			}
			mustClose(t, s)
			if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, c.bytes) {
				t.Errorf("the segment was changed, %v", err)
			}
			s = mustOpen(t, Config{Dir: dir})
			defer mustClose(t, s)
			if got := s.Stats().Recovered; got != (Recovered{}) {
				t.Errorf("recovered again: %+v", got)
			}
			if n, _ := s.Count(t.Context(), Filter{}); int(n) != c.records+1 {
				t.Errorf("%d rows after another start", n)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0xff
	return b
}

// TestReplayIsIdempotent replays a journal of calls that have their records, as after a kill between the two.
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

// TestKillBetweenRecordAndItsNote: the journal says that two calls run, one of which has its record. A replay that is
// killed before it removes the journal, and done again, makes no second record of the other.
func TestKillBetweenRecordAndItsNote(t *testing.T) {
	seg, _ := segmentOf(1)
	dir, _ := writeSegment(t, 1, seg)
	var calls []byte
	for n := range 2 {
		o := opened(sample(n))
		calls = appendBegin(calls, sample(n).ID, &o)
	}
	path := filepath.Join(dir, journalDir, fileName(1, callSuffix))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []int{1, 0, 0} {
		if err := os.WriteFile(path, calls, 0o600); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, Config{Dir: dir})
		if got := s.Stats().Recovered; got.Lost != lost {
			t.Errorf("%+v, want %d lost", got, lost)
		}
		if n, err := s.Count(t.Context(), Filter{}); n != 2 || err != nil {
			t.Errorf("%d records, %v", n, err)
		}
		mustClose(t, s)
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
	deadline := time.After(patience)
	look := time.NewTicker(syncEvery)
	defer look.Stop()
	for left := 3; left > 2; { // the syncer removes them
		select {
		case <-look.C:
			calls, err := numbered(s.journal.dir, callSuffix)
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

// TestNumberThatIsTaken: somebody has put files of a copy into the directory of a running server. It goes on behind them, and does not wait for ever.
func TestNumberThatIsTaken(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, recordsSize: 1, callsSize: 1}) // each batch begins new files
	for n := range 3 {
		s.Begin(sample(n).ID, opened(sample(n)))
		s.Put(sample(n))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for no := range 10 {
			for _, path := range []string{filepath.Join(dir, recordsDir, fileName(10*n+no, recordSuffix)), filepath.Join(dir, journalDir, fileName(10*n+no, callSuffix))} {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
		}
	}
	if n, err := s.Count(t.Context(), Filter{}); n != 3 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	if st := s.Stats(); st.WriteErrors != 0 {
		t.Errorf("%+v", st)
	}
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if n, err := s.Count(t.Context(), Filter{}); n != 3 || err != nil {
		t.Errorf("%d records after a restart, %v", n, err)
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
	if st = s.Stats(); st.Acknowledged != 13 || st.Written != 11 {
		t.Errorf("%+v", st)
	}
	if err := s.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "2 records") {
		t.Errorf("Close is silent about lost records: %v", err)
	}
}

// TestWriteErrorIsRepeated lets the first try fail, and takes the file away from a later one.
func TestWriteErrorIsRepeated(t *testing.T) {
	l, err := createLog(t.TempDir(), 1, recordSuffix)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{log: Config{}.withDefaults().Logger}
	w := writer{s: s}
	tries := 0
	ok := w.repeat(func() error {
		tries++
		if tries == 1 {
			return os.ErrPermission
		}
		return l.write([]byte("x"))
	})
	if !ok || tries != 2 || s.writeErrors.Load() != 1 || l.size != 1 {
		t.Errorf("%v after %d tries, %d errors, size %d", ok, tries, s.writeErrors.Load(), l.size)
	}
	l.f.Close()
	if err := l.write([]byte("yy")); err == nil || l.size != 1 {
		t.Errorf("%v, size %d", err, l.size)
	}
}

// fullDisk runs a test in a process of its own, whose files it lets grow no further than to a size. false: that was done.
func fullDisk(t *testing.T) (limit func(size uint64), ok bool) {
	t.Helper()
	if own := "STORE_FULL_DISK"; os.Getenv(own) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
		cmd.Env = append(os.Environ(), own+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Fatalf("%v\n%s", err, out)
		}
		return nil, false
	}
	signal.Ignore(unix.SIGXFSZ)
	t.Cleanup(func() { signal.Reset(unix.SIGXFSZ) })
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	return func(size uint64) {
		t.Helper()
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(size, before.Cur), Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}, true
}

const roomEnough = math.MaxUint64

// TestFullDisk lets files grow no further for a while: writes end short. Nothing is lost, and nothing is there twice.
func TestFullDisk(t *testing.T) {
	limit, ok := fullDisk(t)
	if !ok {
		return
	}
	var log bytes.Buffer // read when nobody writes it any more
	s := mustOpen(t, Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.Put(sample(0))
	waitAcked(t, s, 1)
	limit(50_000)
	const n = 300
	for i := 1; i < n; i++ {
		s.Begin(sample(i).ID, opened(sample(i)))
		s.Put(sample(i))
	}
	refused := func() error { _, err := s.Waiting(); return err }
	for deadline := time.Now().Add(patience); refused() == nil && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	errs := s.Stats().WriteErrors
	if got, err := s.Count(t.Context(), Filter{}); got < 1 || got >= n || err != nil { // it does not wait for the disk to obey
		t.Errorf("%d records, want some, %v", got, err)
	}
	if got, err := s.Get(t.Context(), sample(0).ID); err != nil || got.ID != sample(0).ID {
		t.Errorf("what is written cannot be read: %v", err)
	}
	if waiting, err := s.Waiting(); waiting == 0 || !errors.Is(err, unix.EFBIG) {
		t.Errorf("%d records wait, %v", waiting, err)
	}
	b, err := os.ReadFile(filepath.Join(s.cfg.Dir, recordsDir, fileName(1, recordSuffix)))
	if skipped, _ := frames(b, func(int, frameKind, []byte) {}); skipped > 0 || err != nil {
		t.Errorf("a write that failed left %d bytes, %v", skipped, err)
	}
	limit(roomEnough)
	if errs == 0 {
		t.Error("no write failed")
	}
	if got, err := s.Count(t.Context(), Filter{}); got != n || err != nil {
		t.Errorf("%d records, want %d, %v", got, n, err)
	}
	if waiting, err := s.Waiting(); waiting != 0 || err != nil {
		t.Errorf("%d records wait, %v", waiting, err)
	}
	dir := crash(t, s)
	mustClose(t, s)
	if text := log.String(); !regexp.MustCompile(`they wait in memory" err=.* waiting=[1-9]`).MatchString(text) {
		t.Errorf("the log does not say how many wait:\n%s", text)
	}
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if got, err := s.Count(t.Context(), Filter{}); got != n || err != nil || s.Stats().Recovered.TornBytes > 0 {
		t.Errorf("%d records after a kill, want %d, %+v, %v", got, n, s.Stats().Recovered, err)
	}
}

// TestStartWithAFullDisk: a server that is killed while the disk is full takes calls again at once, and those that it could not end get their
// records when there is room, once, also when it is killed before and after.
func TestStartWithAFullDisk(t *testing.T) {
	limit, ok := fullDisk(t)
	if !ok {
		return
	}
	s := mustOpen(t, Config{Dir: t.TempDir()})
	const n = 300 // of more than one batch
	for i := range n {
		s.Begin(sample(i).ID, opened(sample(i)))
	}
	s.Put(sample(n))
	waitAcked(t, s, 1)
	dir := crash(t, s)
	mustClose(t, s)
	limit(0)
	s = mustOpen(t, Config{Dir: dir})
	if waiting, err := s.Waiting(); waiting != n || s.Stats().Recovered.Lost != n {
		t.Errorf("%d records wait, %+v, %v", waiting, s.Stats().Recovered, err)
	}
	for deadline := time.Now().Add(patience); s.refused.Load() == nil && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ended); !errors.Is(err, unix.EFBIG) || !strings.Contains(err.Error(), "300 records could not be written") {
		t.Errorf("Close says %v", err)
	}
	for deadline := time.Now().Add(patience); ; { // until it has let go of the directory
		var err error
		if s, err = Open(Config{Dir: dir}); err == nil {
			break
		}
		if !errors.Is(err, ErrLocked) || time.Now().After(deadline) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	limit(roomEnough)
	for range 3 {
		if got, err := s.Count(t.Context(), Filter{Reason: ReasonServerLost}); got != n || err != nil {
			t.Errorf("%d records of lost calls, want %d, %v", got, n, err)
		}
		if got, err := s.Count(t.Context(), Filter{}); got != n+1 || err != nil {
			t.Errorf("%d records, want %d, %v", got, n+1, err)
		}
		dir = crash(t, s)
		mustClose(t, s)
		s = mustOpen(t, Config{Dir: dir})
	}
	mustClose(t, s)
}

// TestPurgeOnAFullDisk makes room: that it cannot note what is purged keeps no segment, and it is noted later.
func TestPurgeOnAFullDisk(t *testing.T) {
	limit, ok := fullDisk(t)
	if !ok {
		return
	}
	s := mustOpen(t, Config{Dir: t.TempDir(), Retention: time.Hour, recordsSize: 1})
	now := sample(3).End
	for i, age := range []time.Duration{3, 2, 0} {
		for k := range 2 {
			r := sample(2*i + k)
			r.Start, r.End = now.Add(-age*time.Hour-time.Minute*time.Duration(90*k)), now.Add(-age*time.Hour-time.Minute*time.Duration(90*k))
			s.Put(r)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); unindexed(s) > 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	limit(0)
	for range 2 { // files go at the second
		if err := s.purgeNow(now, nil); !errors.Is(err, unix.EFBIG) {
			t.Errorf("%v, want that marks cannot be written", err)
		}
	}
	if left, err := numbered(s.index.dir, recordSuffix); len(left) != 1 || err != nil {
		t.Errorf("segments %v are left, %v", left, err)
	}
	if got, err := s.Count(t.Context(), Filter{}); got != 1 || err != nil {
		t.Errorf("%d records, want 1, %v", got, err)
	}
	limit(roomEnough)
	if err := s.purgeNow(now, nil); err != nil {
		t.Error(err)
	}
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: s.cfg.Dir})
	defer mustClose(t, s)
	if got, err := s.Count(t.Context(), Filter{}); got != 1 || err != nil {
		t.Errorf("%d records after a start, want 1, %v", got, err)
	}
}

// TestFilesRemovedByHand: who makes room on a full disk by removing files loses what was in them, and nothing that comes later.
func TestFilesRemovedByHand(t *testing.T) {
	for _, what := range []string{recordsDir + "/*", journalDir + "/*", recordsDir, journalDir} {
		t.Run(what, func(t *testing.T) {
			s := mustOpen(t, Config{Dir: t.TempDir(), callsSize: 20_000, recordsSize: 20_000})
			const n, runs = 100, 7
			before := func() {
				for i := range n {
					s.Put(sample(i))
				}
				for i := range runs {
					s.Begin(sample(n+i).ID, opened(sample(n+i)))
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			before()
			list, err := filepath.Glob(filepath.Join(s.cfg.Dir, what))
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, path := range list {
				err := os.RemoveAll(path)
				for errors.Is(err, unix.ENOTEMPTY) { // a file of the index has come meanwhile
					err = os.RemoveAll(path)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for i := range runs {
				s.Put(sample(n + i))
			}
			for i := range 3 * n { // as much as makes segments of the journal
				r := sample(1000 + i)
				s.Begin(r.ID, opened(r))
				s.Put(r)
				if i%20 == 0 {
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := s.List(t.Context(), Filter{Limit: 1000}); len(got) < 3*n+runs || err != nil {
				t.Errorf("%d calls are listed, want %d or more, %v", len(got), 3*n+runs, err)
			}
			dir := crash(t, s)
			mustClose(t, s)
			s = mustOpen(t, Config{Dir: dir})
			defer mustClose(t, s)
			for i := range 3*n + runs {
				want := n + i
				if i >= runs {
					want = 1000 + i - runs
				}
				if r, err := s.Get(t.Context(), sample(want).ID); err != nil || r.Reason == ReasonServerLost {
					t.Fatalf("call %d: %v", want, err)
				}
			}
			if got, err := s.Count(t.Context(), Filter{}); int(got) > 4*n+runs || err != nil {
				t.Errorf("%d records, want no more than %d, %v", got, 4*n+runs, err)
			}
			if old, err := numbered(filepath.Join(dir, journalDir), callSuffix); len(old) > 5 || err != nil {
				t.Errorf("%d segments of the journal are left, %v", len(old), err)
			}
		})
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
		skipped, _ := frames(b, func(_ int, _ frameKind, p []byte) { sum += frameHeader + len(p) })
		if sum+skipped != len(b) {
			t.Fatalf("%d in frames, %d skipped, of %d", sum, skipped, len(b))
		}
		if len(b) >= 4 && binary.LittleEndian.Uint32(b) == 0 && skipped == 0 {
			t.Fatal("a frame of no length")
		}
	})
}
