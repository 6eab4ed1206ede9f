package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/cdr"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
	}
	goleak.VerifyTestMain(m)
}

func mustOpen(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Retention == 0 {
		cfg.Retention = -1
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	allRead(t, s)
	return s
}

// allRead waits until nothing of what was there before is left to be read.
func allRead(t *testing.T, s *Store) {
	t.Helper()
	for {
		moved := s.waiters.channel()
		if s.Unread() == 0 {
			return
		}
		select {
		case <-moved:
		case <-t.Context().Done():
			t.Fatal("call records are still being read")
		}
	}
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRecordSurvivesCloseAndOpen(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	want := sample(7)
	s.Begin(want.ID, opened(want))
	s.Put(want)
	got, err := s.Get(t.Context(), want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	mustClose(t, s)
	if left, _ := os.ReadDir(filepath.Join(dir, journalDir)); len(left) > 0 {
		t.Errorf("journal after a clean close: %v", left)
	}

	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if s.Stats().Recovered != (Recovered{}) {
		t.Errorf("recovered %+v after a clean close", s.Stats().Recovered)
	}
	for _, what := range []string{want.ID, want.ID[:9], want.In.CallID, want.Out.CallID, want.Out.CallID[:10]} {
		got, err := s.Get(t.Context(), what)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Get(%q) = %v, %v", what, got, err)
		}
	}
	if _, err := s.Get(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestPutTwiceKeepsOne(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	for n := range 40 {
		s.Put(sample(n))
		s.Put(sample(n))
	}
	if n, err := s.Count(t.Context(), Filter{}); n != 40 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for n := range 40 {
		if _, err := s.Get(t.Context(), sample(n).ID); err != nil {
			t.Errorf("record %d: %v", n, err)
		}
	}
	if st := s.Stats(); st.Written != 40 || st.Duplicates != 40 {
		t.Errorf("%+v", st)
	}
}

func TestAmbiguousPrefixListsCandidates(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	for _, id := range []string{"call-one", "call-two", "other"} {
		r := sample(1)
		r.ID = id
		s.Put(r)
	}
	_, err := s.Get(t.Context(), "call-")
	var amb *AmbiguousError
	if !errors.As(err, &amb) || len(amb.Candidates) != 2 || amb.More {
		t.Fatalf("got %v", err)
	}
	if r, err := s.Get(t.Context(), "call-o"); err != nil || r.ID != "call-one" {
		t.Errorf("got %v, %v", r, err)
	}
	if _, err := s.Get(t.Context(), sample(1).In.CallID); !errors.As(err, &amb) || len(amb.Candidates) != 3 {
		t.Errorf("one Call-ID in three records: %v", err)
	}
}

// TestSilentPartyIsAFailure: a call that was cut on account of a party that says nothing any more is among those that failed, and one that its called side has ended
// as if the caller had given up.
func TestSilentPartyIsAFailure(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	for n, reason := range []string{"normal-clearing", "peer-vanished", "ack-missing", "transferred"} {
		r := sample(n)
		r.Status, r.EndedBy, r.Reason = 200, "callee", reason
		s.Put(r)
	}
	for n, c := range []struct{ by, reason string }{{"caller", "caller-cancelled"}, {"callee", "declined"}} {
		r := sample(10 + n)
		r.Answered, r.Status, r.EndedBy, r.Reason = time.Time{}, 487, c.by, c.reason
		s.Put(r)
	}
	list, err := s.List(t.Context(), Filter{Failed: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list {
		if got = append(got, list[i].Reason); !list[i].Failed() {
			t.Errorf("%s is listed as failed and is not", list[i].Reason)
		}
	}
	if slices.Sort(got); !slices.Equal(got, []string{"ack-missing", "declined", "peer-vanished"}) {
		t.Errorf("failed: %v", got)
	}
}

func TestListFilters(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	defer mustClose(t, s)
	base := sample(0).Start
	put := func(n int, change func(*cdr.Record)) {
		r := sample(n)
		r.Start = base.Add(time.Duration(n) * time.Minute)
		r.Called = cdr.Number{Received: "4255550100", Normalized: "+14255550100", Sent: "0100"}
		r.Calling = cdr.Number{Received: "+12065550199"}
		change(r)
		s.Put(r)
	}
	put(0, func(r *cdr.Record) {})
	put(1, func(r *cdr.Record) { r.Answered, r.Status, r.Reason = time.Time{}, 503, "no-route" })
	put(2, func(r *cdr.Record) { r.Answered, r.Status, r.Reason = time.Time{}, 487, "cancelled" })
	put(3, func(r *cdr.Record) { r.EndedBy, r.Reason = "directsip", "media-timeout" })
	put(4, func(r *cdr.Record) {
		r.Out, r.In.Trunk, r.Attempts = nil, "pbx7", nil
		r.Media = []cdr.Media{{From: "caller"}, {From: "callee", Packets: cdr.LeastRated, Quality: &cdr.Quality{Arrived: cdr.Heard{MOS: 210, Poor: "MOS"}}}}
	})
	put(5, func(r *cdr.Record) {
		r.Called, r.Emergency = cdr.Number{Received: "911"}, true
		r.Attempts = []cdr.Attempt{{Trunk: "itsp"}, {Trunk: "gw1"}, {Trunk: "itsp"}, {Trunk: "backup"}, {Trunk: "uc"}}
	})
	for _, c := range []struct {
		name string
		f    Filter
		want []int
	}{
		{"all, latest first", Filter{}, []int{5, 4, 3, 2, 1, 0}},
		{"limit", Filter{Limit: 2}, []int{5, 4}},
		{"next page", Filter{Limit: 2, Before: sample(4).ID}, []int{3, 2}},
		{"since", Filter{Since: base.Add(4 * time.Minute)}, []int{5, 4}},
		{"until is not included", Filter{Until: base.Add(1 * time.Minute)}, []int{0}},
		{"failed", Filter{Failed: true}, []int{3, 1}},
		{"poor", Filter{Poor: true}, []int{4}},
		{"reason", Filter{Reason: "cancelled"}, []int{2}},
		{"trunk of the first leg", Filter{Trunk: "pbx7"}, []int{4}},
		{"trunk, in other case", Filter{Trunk: "PBX7"}, []int{4}},
		{"trunk of the second leg", Filter{Trunk: "uc"}, []int{5, 3, 2, 1, 0}},
		{"trunk that did not take the call", Filter{Trunk: "ITSP"}, []int{5}},
		{"another one", Filter{Trunk: "backup", Number: "911"}, []int{5}},
		{"number", Filter{Number: "+14255550100"}, []int{4, 3, 2, 1, 0}},
		{"number as received", Filter{Number: "4255550100", Limit: 1}, []int{4}},
		{"extension", Filter{Number: "0100", Before: sample(2).ID}, []int{1, 0}},
		{"calling number", Filter{Number: "0199", Failed: true}, []int{3, 1}},
		{"emergency number", Filter{Number: "911"}, []int{5}},
		{"beginning", Filter{Number: "+1425*"}, []int{4, 3, 2, 1, 0}},
		{"no wildcard but the star", Filter{Number: "+1_25*"}, nil},
		{"nobody", Filter{Number: "+14255550109"}, nil},
	} {
		list, err := s.List(t.Context(), c.f)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var want, got []string
		for _, n := range c.want {
			want = append(want, sample(n).ID)
		}
		for _, sum := range list {
			got = append(got, sum.ID)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
		if c.f.Limit == 0 && c.f.Before == "" {
			if n, err := s.Count(t.Context(), c.f); int(n) != len(c.want) || err != nil {
				t.Errorf("%s: Count = %d, %v", c.name, n, err)
			}
		}
	}
	list, _ := s.List(t.Context(), Filter{Number: "911"})
	r := sample(5)
	want := Summary{ID: r.ID, Server: r.Server, Start: base.Add(5 * time.Minute), Answered: r.Answered, End: r.End, Called: "911",
		Calling: "+12065550199", User: r.User, TrunkIn: "gw1", TrunkOut: "uc", CallIDIn: r.In.CallID, CallIDOut: r.Out.CallID,
		Reason: "normal", Status: 200, Cause: 16, EndedBy: "caller", Emergency: true, Attempts: 5, Tried: []string{"itsp", "backup"}}
	if !reflect.DeepEqual(list[0], want) {
		t.Errorf("summary\n got %+v\nwant %+v", list[0], want)
	}
}

// TestListAcrossSegments has one call in each segment, the latest start not last.
func TestListAcrossSegments(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), recordsSize: 1})
	defer mustClose(t, s)
	for i, id := range []string{"a", "b", "c", "d"} {
		r := sample(1)
		r.ID = id
		r.Start = r.Start.Add(time.Duration(i^1) * time.Hour) // b, a, d, c
		r.End = r.Start.Add(90 * time.Minute)
		s.Put(r)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range []string{1: "c", 2: "cd", 3: "cda", 4: "cdab"} {
		if limit == 0 {
			continue
		}
		for _, f := range []Filter{{Limit: limit}, {Number: "0001", Limit: limit}} {
			list, err := s.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, sum := range list {
				got += sum.ID
			}
			if got != want {
				t.Errorf("%+v: got %q, want %q", f, got, want)
			}
		}
	}
	if r, err := s.Get(t.Context(), "a"); err != nil || r.ID != "a" {
		t.Errorf("%v, %v", r, err)
	}
}

// TestListInterleavedAndEqualStarts: what a segment has is not all later than what the next one has, and starts that are
// equal are ordered by id.
func TestListInterleavedAndEqualStarts(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), recordsSize: 1})
	defer mustClose(t, s)
	for _, segment := range [][]struct {
		id string
		at time.Duration
	}{{{"h", 100}, {"a", 10}}, {{"g", 50}}, {{"c", 20}}, {{"e", 20}}, {{"d", 20}}} {
		for _, c := range segment {
			r := sample(1)
			r.ID, r.Start = c.id, r.Start.Add(c.at*time.Second)
			s.Put(r)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		f    Filter
		want string
	}{{Filter{Limit: 1}, "h"}, {Filter{Limit: 2}, "hg"}, {Filter{Limit: 3}, "hge"}, {Filter{Limit: 4}, "hged"}, {Filter{}, "hgedca"},
		{Filter{Before: "g", Limit: 2}, "ed"}, {Filter{Before: "d"}, "ca"}} {
		list, err := s.List(t.Context(), c.f)
		got := ""
		for i := range list {
			got += list[i].ID
		}
		if got != c.want || err != nil {
			t.Errorf("%+v: got %q, want %q, %v", c.f, got, c.want, err)
		}
	}
}

func TestPurgeKeepsWhatIsYoung(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), Retention: time.Hour})
	defer mustClose(t, s)
	now := time.Now().UTC().Round(0)
	const old, young = 1700, 300
	for n := range old + young {
		r := sample(n)
		r.Start, r.End = now.Add(-3*time.Hour+time.Duration(n)), now.Add(-2*time.Hour)
		if n >= old {
			r.End = now.Add(-time.Minute)
		}
		s.Put(r)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.purge(nil)
	if n, err := s.Count(t.Context(), Filter{}); n != young || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
	if st := s.Stats(); st.Purged != old {
		t.Errorf("%+v", st)
	}
	if _, err := s.Get(t.Context(), sample(old).ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), sample(old-1).ID); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestClockThatIsSetPurgesNothing until it has stayed so for a day: a year ahead, by mistake and for minutes, would be the end of every record.
func TestClockThatIsSetPurgesNothing(t *testing.T) {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	const year = 365 * 24 * time.Hour
	var c trust
	for i, step := range []struct {
		up, ahead time.Duration // since the start, and how much the clock is ahead of it
		ok        bool
		set       time.Duration
	}{
		{up: time.Minute, ok: true},
		{up: 2 * time.Minute, ahead: time.Second, ok: true},
		{up: 3 * time.Minute, ahead: year, set: year - time.Second},
		{up: 23 * time.Hour, ahead: year},
		{up: 23*time.Hour + time.Minute, ok: true}, // set back
		{up: 30 * time.Hour, ahead: year, set: year},
		{up: 53 * time.Hour, ahead: year},
		{up: 54 * time.Hour, ahead: year, ok: true},
		{up: 55 * time.Hour, ahead: -year, ok: true},
	} {
		if ok, set := c.ask(start.Add(step.up+step.ahead), step.up); ok != step.ok || set != step.set {
			t.Errorf("step %d: trusted %v, set by %v; want %v, %v", i, ok, set, step.ok, step.set)
		}
	}
	s := mustOpen(t, Config{Dir: t.TempDir(), Retention: time.Hour})
	defer mustClose(t, s)
	s.Put(sample(0)) // of long ago
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.trust = trust{wall: time.Now().Add(-year).Round(0)}
	s.purge(nil)
	if n, err := s.Count(t.Context(), Filter{}); n != 1 || err != nil {
		t.Errorf("%d records are left after the clock was set, want 1, %v", n, err)
	}
}

// TestClockThatIsWrongAtTheStartPurgesNothing for a day, or until it is set right: no step tells of it.
func TestClockThatIsWrongAtTheStartPurgesNothing(t *testing.T) {
	const week = 7 * 24 * time.Hour
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		rest      time.Duration // since the last record
		up, ahead time.Duration
		ok        bool
	}{
		{rest: week, up: time.Minute, ok: true},
		{rest: week + time.Second, up: time.Minute},
		{rest: 400 * week, up: 24*time.Hour - time.Minute},
		{rest: 400 * week, up: 24 * time.Hour, ok: true},
		{rest: 400 * week, up: time.Minute, ahead: -399 * week, ok: true},
		{rest: -week, up: time.Minute, ok: true},
	} {
		var k trust
		k.begin(start, start.Add(-c.rest))
		if ok, _ := k.ask(start.Add(c.up+c.ahead), c.up); ok != c.ok {
			t.Errorf("case %d: trusted %v", i, ok)
		}
	}
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, Retention: time.Hour})
	s.Put(sample(0)) // of long ago
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: dir, Retention: time.Hour})
	defer mustClose(t, s)
	s.purge(nil)
	if n, err := s.Count(t.Context(), Filter{}); n != 1 || err != nil {
		t.Errorf("%d records are left, want 1, %v", n, err)
	}
	s.trust = trust{}
	s.purge(nil)
	if n, err := s.Count(t.Context(), Filter{}); n != 0 || err != nil {
		t.Errorf("%d records are left of a clock that is trusted, %v", n, err)
	}
}

func TestMaxRowsPurgesTheOldest(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), MaxRows: 10})
	defer mustClose(t, s)
	for n := range 1000 {
		s.Put(sample(n))
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.purge(nil)
	list, err := s.List(t.Context(), Filter{})
	if err != nil || len(list) != 10 || list[0].ID != sample(999).ID {
		t.Errorf("%d rows, %v", len(list), err)
	}
}

// TestPurgesWhatAClockAheadHasWritten with what was written after it, and not a year later.
func TestPurgesWhatAClockAheadHasWritten(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, Retention: 30 * 24 * time.Hour, recordsSize: 1})
	now := time.Now().UTC().Round(0)
	const day = 24 * time.Hour
	year := now.Add(365 * day)
	for n, end := range []time.Time{now.Add(-40 * day), year, year.Add(time.Minute), now.Add(-39 * day), now.Add(-time.Hour), year, now.Add(-time.Minute)} {
		r := sample(n)
		r.Start, r.End = end.Add(-time.Minute), end
		s.Put(r)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s *Store) {
		t.Helper()
		beside, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Reader{beside, {index: &s.index}} {
			n, err := r.Count(t.Context(), Filter{})
			if err != nil || n != 3 {
				t.Errorf("%d calls, %v", n, err)
			}
			for _, n := range []int{4, 5, 6} {
				if _, err := r.Get(t.Context(), sample(n).ID); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for range 2 { // files go at the second
		if err := s.purgeNow(now, nil); err != nil {
			t.Fatal(err)
		}
	}
	check(s)
	if left, err := numbered(filepath.Join(dir, recordsDir), recordSuffix, indexSuffix); err != nil || len(left) != 3 {
		t.Errorf("segments %v, %v", left, err)
	}
	mustClose(t, s)
	s = mustOpen(t, Config{Dir: dir, Retention: 30 * day})
	defer mustClose(t, s)
	check(s)
	var m marks
	marks := filepath.Join(s.index.dir, marksName)
	b, err := os.ReadFile(marks)
	if err != nil {
		t.Fatal(err)
	}
	// A version before this one reads the first five, and this one what that one has written.
	if _, err := fmt.Sscan(string(b), &m.cutoff, &m.upto.segment, &m.upto.row, &m.floor.segment, &m.floor.row); err != nil || m.cutoff != s.index.marks.cutoff {
		t.Errorf("%q: %v", b, err)
	}
	if err := os.WriteFile(marks, fmt.Appendln(nil, m.cutoff, m.upto.segment, m.upto.row, m.floor.segment, m.floor.row), 0o600); err != nil {
		t.Fatal(err)
	}
	if was, err := readMarks(s.index.dir); err != nil || was != m {
		t.Errorf("%+v, %v", was, err)
	}
}

// TestPurgedSegmentsAreRemoved, one that a young record is in stays; what is purged is for every reader and after a
// start, also when no segment is left.
func TestPurgedSegmentsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Retention: time.Hour, recordsSize: 1}
	s := mustOpen(t, cfg)
	now := time.Now().UTC().Round(0)
	for n, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Minute, 90 * time.Minute} {
		for i := range 2 {
			r := sample(2*n + i)
			r.Start, r.End = now.Add(-age-time.Hour), now.Add(-age+time.Duration(i)*50*time.Minute)
			s.Put(r)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(now time.Time, purged uint64, segments int, ids ...int) {
		t.Helper()
		for range 2 { // files go at the second
			if err := s.purgeNow(now, nil); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Purged != purged {
			t.Errorf("%+v, want %d purged", st, purged)
		}
		beside, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Reader{beside, {index: &s.index}} {
			list, err := r.List(t.Context(), Filter{})
			n, errCount := r.Count(t.Context(), Filter{})
			if len(list) != len(ids) || int(n) != len(ids) || err != nil || errCount != nil {
				t.Errorf("%d listed, %d counted, want %d, %v %v", len(list), n, len(ids), err, errCount)
			}
			for _, n := range ids {
				if _, err := r.Get(t.Context(), sample(n).ID); err != nil {
					t.Error(err)
				}
			}
			if _, err := r.Get(t.Context(), sample(0).ID); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		}
		left, err := numbered(filepath.Join(dir, recordsDir), recordSuffix, indexSuffix)
		if err != nil || len(left) != segments {
			t.Errorf("segments %v, want %d, %v", left, segments, err)
		}
	}
	check(now, 5, 2, 4, 5, 7)
	mustClose(t, s)
	s = mustOpen(t, cfg)
	check(now, 0, 2, 4, 5, 7)
	check(now.Add(55*time.Minute), 1, 1, 4, 5)
	check(now.Add(4*time.Hour), 3, 0)
	mustClose(t, s)
	s = mustOpen(t, cfg)
	defer mustClose(t, s)
	r := sample(50)
	r.End = now // before what the last purge took for the present
	s.Put(r)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Get(t.Context(), r.ID); err != nil || rec.ID != r.ID {
		t.Errorf("before a purge that knows better: %v", err)
	}
	check(now, 0, 1, 50)
}

// TestMaxRowsAcrossStarts: numbers of segments that were purged do not come again.
func TestMaxRowsAcrossStarts(t *testing.T) {
	dir := t.TempDir()
	for round := range 4 {
		s := mustOpen(t, Config{Dir: dir, MaxRows: 3, recordsSize: 1})
		for n := range 5 {
			s.Put(sample(10*round + n))
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.purge(nil)
		list, err := s.List(t.Context(), Filter{})
		if err != nil || len(list) != 3 || list[0].ID != sample(10*round+4).ID {
			t.Errorf("round %d: %d rows, %v", round, len(list), err)
		}
		mustClose(t, s)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	s.Begin("x", opened(sample(1)))
	s.Put(sample(2))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("with the file of the lock removed: %v", err)
	}
}

func TestReadOnlyBesideAWriterAndAlone(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty directory: %v", err)
	}
	s := mustOpen(t, Config{Dir: dir})
	s.Put(sample(1))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		r, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := r.List(t.Context(), Filter{}); len(list) != 1 || err != nil {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := r.Get(t.Context(), sample(1).ID); err != nil {
			t.Error(err)
		}
	}
	look()
	mustClose(t, s)
	look()
}

func TestCloseGivesUpInTime(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	for n := range 100 {
		s.Put(sample(n))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first := s.Close(ctx)
	if first != nil && !errors.Is(first, context.Canceled) {
		t.Error(first)
	}
	if again := s.Close(t.Context()); !errors.Is(again, first) {
		t.Errorf("first %v, then %v", first, again)
	}
	s.Put(sample(101))
	if s.Stats().Dropped != 1 {
		t.Errorf("%+v", s.Stats())
	}
	s.wg.Wait()
}
