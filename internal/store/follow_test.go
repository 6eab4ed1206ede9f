package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// follower reads on from a position, a few records at a time, and has their ids.
func follower(t *testing.T, s *Store, p Position) (ids []string, end Position) {
	t.Helper()
	for {
		list, next, err := s.Follow(p, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return ids, next
		}
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		p = next
	}
}

// ofSize gives a record a ladder with which it is so many octets long.
func ofSize(t *testing.T, r *cdr.Record, size int) *cdr.Record {
	t.Helper()
	for n := size - 2000; n <= size; n++ {
		ladder := append(slices.Clip(r.Ladder), cdr.Message{Line: strings.Repeat("x", n)})
		x := *r
		x.Ladder = ladder
		switch over := len(x.AppendBinary(nil)) - size; {
		case over == 0:
			return &x
		case over < 0:
			n += max(0, -over-1)
		}
	}
	t.Fatalf("no record is %d octets long", size)
	return nil
}

// TestFollow: every record is told once, in the order in which they were written, over segments, a restart and damage, and those that are as large as what is read at a time, or larger.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, recordsSize: 8 << 10}
	s := mustOpen(t, cfg)
	start, err := s.End()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	put := func(from, to int) {
		for i := from; i < to; i++ {
			r := sample(i)
			if i == 30 {
				r.Ladder = append(r.Ladder, cdr.Message{Line: strings.Repeat("x", followed+5)})
			}
			if i > 40 && i <= 40+frameHeader+2 { // up to what needs no second look
				r = ofSize(t, r, followed+42-i)
			}
			want = append(want, r.ID)
			s.Put(r)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put(0, 60)
	ids, at := follower(t, s, start)
	if got := fmt.Sprint(ids); got != fmt.Sprint(want) {
		t.Fatalf("got  %s\nwant %v", got, want)
	}
	end, err := s.End()
	if err != nil || end != at {
		t.Errorf("the end is %+v, followed to %+v, %v", end, at, err)
	}
	mustClose(t, s)
	want = nil
	// What a crash has left unfinished: the head of a frame that never came whole.
	f, err := os.OpenFile(filepath.Join(dir, recordsDir, fileName(at.Segment, recordSuffix)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte{200, 0, 0, 0, 1, 2, 3, 4, byte(frameRecord), 9, 9})
	f.Close()
	s = mustOpen(t, cfg)
	defer func() { mustClose(t, s) }()
	put(60, 80)
	ids, after := follower(t, s, at)
	if got := fmt.Sprint(ids); got != fmt.Sprint(want) {
		t.Fatalf("after a crash got %s\nwant %v", got, want)
	}
	// Purged: what comes behind is told.
	if err := os.Remove(filepath.Join(dir, recordsDir, fileName(at.Segment, recordSuffix))); err != nil {
		t.Fatal(err)
	}
	if ids, end := follower(t, s, at); len(ids) > len(want) || end != after {
		t.Errorf("of %d records %d, to %+v, want %+v", len(want), len(ids), end, after)
	}
	if ids, end := follower(t, s, after); len(ids) != 0 || end != after {
		t.Errorf("behind the end: %v to %+v", ids, end)
	}
}

// TestFollowAfterLosses: a segment that has lost its end in a power cut is followed by the next one, and records that begin anew, as their directory was taken away, from the first.
func TestFollowAfterLosses(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(0))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	end, _ := s.End()
	beyond := Position{end.Segment, end.Offset + 1000}
	if ids, at := follower(t, s, beyond); len(ids) != 0 || at != beyond {
		t.Errorf("%v to %+v", ids, at)
	}
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: dir})
	defer func() { mustClose(t, s) }()
	s.Put(sample(1))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.End(); now.Segment == end.Segment {
		t.Fatalf("the records of a new start are in the old segment, at %+v", now)
	}
	if ids, _ := follower(t, s, beyond); fmt.Sprint(ids) != fmt.Sprint([]string{sample(1).ID}) {
		t.Errorf("behind what is lost: %v", ids)
	}
	if ids, _ := follower(t, s, Position{1000, 7}); fmt.Sprint(ids) != fmt.Sprint([]string{sample(0).ID, sample(1).ID}) {
		t.Errorf("of records that begin anew: %v", ids)
	}
}

// TestFollowCosts: who has read all and asks again and again does not take room for what might have come.
func TestFollowCosts(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer func() { mustClose(t, s) }()
	s.Put(sample(0))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	end, _ := s.End()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if list, at, err := s.Follow(end, 10); len(list) > 0 || at != end || err != nil {
			t.Fatal(list, at, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 10*followed {
		t.Errorf("100 times nothing takes %d octets", n)
	}
}

// TestFollowPastDamage: a byte that is wrong costs its record and no other.
func TestFollowPastDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	defer func() { mustClose(t, s) }()
	var begins []int64
	for i := range 5 {
		s.Put(sample(i))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		end, _ := s.End()
		begins = append(begins, end.Offset)
	}
	end, _ := s.End()
	f, err := os.OpenFile(filepath.Join(dir, recordsDir, fileName(end.Segment, recordSuffix)), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte{0xff}, begins[1]+40)
	f.Close()
	ids, at := follower(t, s, Position{})
	if got, want := fmt.Sprint(ids), fmt.Sprint([]string{sample(0).ID, sample(1).ID, sample(3).ID, sample(4).ID}); got != want || at != end {
		t.Errorf("got %s to %+v, want %s to %+v", got, at, want, end)
	}
}

// TestFollowPastMuchDamage: damage that is larger than what is read at a time costs no record behind it, neither a small one nor one that reaches far beyond.
func TestFollowPastMuchDamage(t *testing.T) {
	for _, size := range []int{5000, followed * 9 / 10, followed + 1000} {
		dir := t.TempDir()
		s := mustOpen(t, Config{Dir: dir})
		put := func(r *cdr.Record) (end int64) {
			s.Put(r)
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			p, _ := s.End()
			return p.Offset
		}
		from := put(sample(0))
		to := put(ofSize(t, sample(1), followed+followed/4))
		put(sized(t, 2, size))
		put(sample(3))
		end, _ := s.End()
		f, err := os.OpenFile(filepath.Join(dir, recordsDir, fileName(end.Segment, recordSuffix)), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(make([]byte, to-from), from) // as a power cut leaves what had its place and not yet its content
		f.Close()
		ids, at := follower(t, s, Position{})
		if got, want := fmt.Sprint(ids), fmt.Sprint([]string{sample(0).ID, sample(2).ID, sample(3).ID}); got != want || at != end {
			t.Errorf("a record of %d octets behind it: got %s to %+v, want %s to %+v", size, got, at, want, end)
		}
		mustClose(t, s)
	}
}

// sized is a sample that is at least so many octets long.
func sized(t *testing.T, n, size int) *cdr.Record {
	r := sample(n)
	if len(r.AppendBinary(nil)) >= size {
		return r
	}
	return ofSize(t, r, size)
}
