package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// monday keeps the calls of two days: on the first of ten calls to itsp one is busy, one given up, one lost by the peer; on the second a gateway fails.
func monday(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	put := func(day, hour int, in, out, reason, by string, status int, talk time.Duration, poor bool) {
		n++
		r := &cdr.Record{ID: fmt.Sprintf("c%03d", n), Server: "med1", Start: time.Date(2026, 1, day, hour, n, 0, 0, time.UTC), In: cdr.Leg{Trunk: in},
			Reason: reason, EndedBy: by, Status: status}
		if poor {
			r.Media = []cdr.Media{{From: "callee", Quality: &cdr.Quality{Arrived: cdr.Heard{Poor: "loss"}}}}
		}
		if out != "" {
			r.Out = &cdr.Leg{Trunk: out}
		}
		r.End = r.Start.Add(4 * time.Second)
		if talk > 0 {
			r.Answered = r.Start.Add(2 * time.Second)
			r.End = r.Answered.Add(talk)
		}
		s.Put(r)
	}
	for range 6 {
		put(26, 9, "pbx", "itsp", "normal-clearing", "caller", 200, time.Minute, false)
	}
	put(26, 10, "pbx", "itsp", "busy", "callee", 486, 0, false)
	put(26, 10, "pbx", "itsp", "caller-cancelled", "caller", 487, 0, false)
	put(26, 10, "pbx", "itsp", "peer-fault", "callee", 502, 0, false)
	put(26, 11, "pbx", "itsp", "media-dead", "directsip", 200, 3*time.Minute, true)
	put(27, 22, "itsp", "pbx", "normal-clearing", "callee", 200, 90*time.Second, true) // the next day where the report is made
	put(27, 8, "pbx", "gw", "no-response", "directsip", 504, 0, false)
	put(27, 8, "pbx", "gw", "no-response", "directsip", 504, 0, false)
	put(27, 8, "itsp", "", "not-normalized", "directsip", 404, 0, false)
	put(20, 8, "itsp", "", "overload", "directsip", 503, 0, false) // before the period
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// OPS-10, DR-31: what calls of a period have in common, counted.
func TestOPS10Report(t *testing.T) {
	dir := monday(t)
	for name, args := range map[string][]string{
		"report":         nil,
		"report-hour":    {"--by", "hour", "--trunk", "itsp"},
		"report-top":     {"--by", "failure", "--top", "2"},
		"report-json":    {"--by", "out", "--json"},
		"report-nothing": {"--trunk", "gw9"},
	} {
		status, out, errs := command(t, append([]string{"report", "--data", dir, "--since", "2026-01-25 00:00", "--until", "2026-01-29 00:00"}, args...)...)
		if status != 0 || !strings.Contains(errs, "no server is running") {
			t.Fatalf("%s: status %d, %s", name, status, errs)
		}
		golden(t, name, out)
	}
	if status, _, errs := command(t, "report", "--data", dir, "--by", "colour"); status != 2 || !strings.Contains(errs, "hour, day, in, out, called, calling, server, failure") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestOPS10ReportByNumber: that a provider refuses one range of numbers, and that one telephone runs up a bill, is seen at a glance; a range is what `calls --number` takes.
func TestOPS10ReportByNumber(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	put := func(from, to string, status int, talk time.Duration) {
		n++
		r := &cdr.Record{ID: fmt.Sprintf("c%03d", n), Server: "med1", Start: time.Date(2026, 1, 26, 9, n, 0, 0, time.UTC), In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "itsp"},
			Calling: cdr.Number{Received: from}, Called: cdr.Number{Received: to}, Reason: "normal-clearing", EndedBy: "caller", Status: status}
		r.Answered = r.Start.Add(time.Second)
		if status != 200 {
			r.Answered, r.Reason, r.EndedBy = time.Time{}, "peer-fault", "directsip"
		}
		r.End = r.Start.Add(time.Second + talk)
		s.Put(r)
	}
	for i := range 3 {
		put("201", fmt.Sprint("+4990012345", i), 403, 0)
		put("202", fmt.Sprint("+1425555010", i), 200, time.Minute)
	}
	put("203", "+37190011111", 200, 50*time.Minute)
	put("203", "+37190022222", 200, 50*time.Minute)
	put("201", "112", 200, time.Second)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	report := func(by string) string {
		_, out, errs := command(t, "report", "--data", dir, "--since", "2026-01-25", "--until", "2026-01-29", "--by", by)
		if !strings.Contains(errs, "no server is running") {
			t.Fatal(errs)
		}
		_, out, _ = strings.Cut(out, "\n\n") // the total
		_, out, _ = strings.Cut(out, "\n\n")
		return strings.Join(strings.Fields(out), " ")
	}
	rest := "CALLS ANSWERED ASR NER FAILED POOR TALK ACD "
	if got, want := report("called"), "CALLED "+rest+"+14255* 3 3 100.0% 100.0% 0 0 3m0s 1m0s +49900* 3 0 0.0% 0.0% 3 0 0s - +37190* 2 2 100.0% 100.0% 0 0 1h40m0s 50m0s 112 1 1 100.0% 100.0% 0 0 1s 1s"; got != want {
		t.Errorf("by called:\n%s\n%s", got, want)
	}
	if got := report("calling"); !strings.HasPrefix(got, "CALLING "+rest+"201 4 1 25.0%") || !strings.Contains(got, " 203 2 2 100.0% 100.0% 0 0 1h40m") {
		t.Errorf("by calling: %s", got)
	}
	_, out, _ := command(t, "calls", "--data", dir, "--since", "2026-01-25", "--until", "2026-01-29", "--number", "+49900*", "--json")
	if got := strings.Count(out, `"called":`); got != 3 {
		t.Errorf("%d calls of the range: %s", got, out)
	}
}

// TestOPS10AddsUp: a table by in, by server and by time has every call once, and of the last day alone only its calls.
func TestOPS10AddsUp(t *testing.T) {
	dir := monday(t)
	for _, row := range []struct {
		since string
		calls int
	}{{"2026-01-01", 15}, {"2026-01-27 04:00", 4}, {"2026-01-28", 1}} {
		for _, by := range []string{"hour", "day", "in", "called", "calling", "server"} {
			_, out, errs := command(t, "report", "--data", dir, "--since", row.since, "--by", by, "--json")
			var st statistics
			if err := json.Unmarshal([]byte(out), &st); err != nil {
				t.Fatal(err, errs)
			}
			sum := 0
			for _, s := range st.By[by] {
				sum += s.Calls
			}
			if st.Total.Calls != row.calls || sum != row.calls {
				t.Errorf("since %s by %s: %d calls, %d in the table, want %d", row.since, by, st.Total.Calls, sum, row.calls)
			}
		}
	}
}

// TestHourThatComesTwice: when a clock is set back, the calls of the two hours with one name are not added up, and stand in the order of time.
func TestHourThatComesTwice(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	defer func(here *time.Location) { time.Local = here }(time.Local)
	time.Local = berlin
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // 01:50 of summer to 02:50 of winter, and an hour later
		at := time.Date(2026, 10, 24, 23, 50+6*i, 0, 0, time.UTC)
		s.Put(&cdr.Record{ID: fmt.Sprintf("c%02d", i), Server: "med1", Start: at, Answered: at, End: at.Add(time.Second), Reason: "normal-clearing", EndedBy: "caller"})
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	status, out, errs := command(t, "report", "--data", dir, "--since", "2026-10-24", "--until", "2026-10-27", "--by", "hour", "--json")
	var st statistics
	if err := json.Unmarshal([]byte(out), &st); err != nil || status != 0 {
		t.Fatal(err, errs)
	}
	got := ""
	for _, row := range st.By["hour"] {
		got += fmt.Sprintf("%s: %d\n", row.Key, row.Calls)
	}
	if want := "2026-10-25 01h: 2\n2026-10-25 02h +02:00: 10\n2026-10-25 02h +01:00: 8\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestReportCountsEveryTrunkThatWasTried: a gateway that fails stands in the report also where the next trunk has saved its calls, and a transfer is no failure.
func TestReportCountsEveryTrunkThatWasTried(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 26, 9, 0, 0, 0, time.UTC)
	put := func(id, out string, answered bool, attempts ...cdr.Attempt) {
		r := &cdr.Record{ID: id, Server: "med1", Start: at, End: at.Add(time.Minute), In: cdr.Leg{Trunk: "pbx"}, Attempts: attempts, Reason: "all-trunks-failed",
			Status: 503, EndedBy: "directsip"}
		if out != "" {
			r.Out = &cdr.Leg{Trunk: out}
		}
		if answered {
			r.Answered, r.Reason, r.Status, r.EndedBy = at, "normal-clearing", 200, "caller"
		}
		s.Put(r)
	}
	bad := func(trunk string) cdr.Attempt {
		return cdr.Attempt{Trunk: trunk, Class: "peer-fault", Reason: "no-response"}
	}
	good := func(trunk string) cdr.Attempt { return cdr.Attempt{Trunk: trunk, Class: "answered"} }
	put("saved", "gw", true, bad("itsp"), good("gw"))
	put("saved twice", "gw", true, bad("itsp"), bad("itsp"), bad("uc"), good("gw"))
	put("lost", "gw", false, bad("itsp"), bad("gw"))
	put("not sent", "", false, bad("gw"), bad("itsp"))
	put("transferred", "gw", true, good("uc"), good("gw"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	args := []string{"report", "--data", dir, "--since", "2026-01-26", "--until", "2026-01-27", "--by", "out"}
	_, out, errs := command(t, append(args, "--json")...)
	var st statistics
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		t.Fatal(err, errs)
	}
	got := ""
	for _, r := range st.By["out"] {
		got += fmt.Sprintf("%s: %d calls, %d answered, %d failed, %d went on\n", r.Key, r.Calls, r.Answered, r.Failed, r.WentOn)
	}
	want := "gw: 5 calls, 3 answered, 1 failed, 1 went on\nitsp: 4 calls, 0 answered, 1 failed, 3 went on\nuc: 2 calls, 1 answered, 0 failed, 1 went on\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, out, _ = command(t, args...); !strings.Contains(out, "WENT ON") || !strings.Contains(out, "itsp      4      0         0.0%") {
		t.Error(out)
	}
}
