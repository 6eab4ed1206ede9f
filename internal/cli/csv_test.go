package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// TestCallsAsCSV writes more calls than a page has, with texts of a hostile peer, and reads all of them back.
func TestCallsAsCSV(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	const calls = historyPage + 5
	for i := range calls {
		r := &cdr.Record{ID: fmt.Sprintf("call%06d", i), Server: "med1", Start: start.Add(time.Duration(i) * time.Millisecond),
			Called: cdr.Number{Received: "+14255550100"}, Calling: cdr.Number{Received: "=cmd|' /C calc'!A0"}, In: cdr.Leg{Trunk: "pbx", CallID: "@a\nb"},
			Reason: "normal-clearing", EndedBy: "caller", Status: 200}
		if i == calls-1 {
			r.Audio = []cdr.Audio{{From: "callee", Cause: "nothing"}}
		}
		r.Answered = r.Start.Add(time.Second)
		r.End = r.Answered.Add(61500 * time.Millisecond)
		s.Put(r)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	read := func(args ...string) [][]string {
		t.Helper()
		status, out, errs := command(t, append([]string{"calls", "--csv", "--data", dir}, args...)...)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if status != 0 || err != nil {
			t.Fatalf("status %d, %v\n%s", status, err, errs)
		}
		return rows
	}
	rows := read()
	seen := make(map[string]bool)
	for _, r := range rows[1:] {
		seen[r[0]] = true
	}
	if len(rows) != calls+1 || len(seen) != calls {
		t.Fatalf("%d rows, %d different calls", len(rows), len(seen))
	}
	want := fmt.Sprintf("call%06d|med1|%s|%s|%s|61.500|'=cmd|' /C calc'!A0|+14255550100||pbx||'@a?b||200|0|normal-clearing|caller|false|0||false|false||callee: nothing", calls-1,
		csvTime(start.Add((calls-1)*time.Millisecond)), csvTime(start.Add((calls-1)*time.Millisecond+time.Second)),
		csvTime(start.Add((calls-1)*time.Millisecond+62500*time.Millisecond)))
	if got := strings.Join(rows[1], "|"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if n := len(read("--audio")); n != 2 {
		t.Errorf("%d rows with --audio", n)
	}
	if _, out, _ := command(t, "calls", "--audio", "--data", dir); strings.Count(out, "\n") != 2 || !strings.Contains(out, "- callee: nothing") {
		t.Errorf("calls --audio\n%s", out)
	}
	if _, out, _ := command(t, "calls", "--number", "0 425 5550100", "--data", dir); !strings.Contains(out, "no calls\n") || !strings.Contains(out, "without the zeros in front 4255550100 may be there") {
		t.Errorf("calls --number 04255550100\n%s", out)
	}
	if n := len(read("--limit", "3")); n != 4 {
		t.Errorf("%d rows with --limit 3", n)
	}
	if n := len(read("--number", "999")); n != 1 {
		t.Errorf("%d rows of no call", n)
	}
}

// TestNumbersAsPeopleWriteThem find what records have.
func TestNumbersAsPeopleWriteThem(t *testing.T) {
	for number, want := range map[string]string{"+1 (425) 555-0100": "+14255550100", "425.555.0100": "4255550100", "+1 425*": "+1425*", "": "",
		"al-ice": "al-ice", "front desk": "front desk", "#31#": "#31#"} {
		if got := bare(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}

// TestProgress: who waits at a terminal is told every few seconds how far a long list is; a file or a pipe is not.
func TestProgress(t *testing.T) {
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.Local)
	page := []store.Summary{{Start: begin.Add(-time.Minute)}, {Start: begin.Add(-time.Hour)}}
	p := progress{since: begin, watched: true}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{progressEvery - 1, ""}, {progressEvery, "4 calls so far, back to " + clock(begin.Add(-time.Hour))}, {progressEvery + 1, ""}, {2 * progressEvery, "8 calls so far, back to " + clock(begin.Add(-time.Hour))}} {
		if got := p.add(page, begin.Add(c.after)); got != c.want {
			t.Errorf("after %v: %q, want %q", c.after, got, c.want)
		}
	}
	p.watched = false
	if got := p.add(page, begin.Add(time.Hour)); got != "" {
		t.Errorf("to nobody: %q", got)
	}
}
