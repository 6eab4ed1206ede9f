package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// whenForms is what --since and --until take, for their help.
const whenForms = "time (12:00, yesterday 22:00, 2026-01-31 12:00, 2026-01-31T12:00:00Z) or age (90m, 24h, 7d)"

// completeTimes has the shell show what --since and --until take, instead of files.
func completeTimes(c *cobra.Command) {
	for _, flag := range []string{"since", "until"} {
		c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions([]string{"1h", "24h", "7d", "today", "yesterday", "monday", "now"},
			cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder))
	}
}

// between reads --since and --until, each to RFC 3339 in UTC, "" where it is not given. An --until that is a time of day is one behind --since: at three in the
// morning 22:00 to 06:00 began yesterday and ends today.
func between(since, until string, now time.Time) (from, to string, err error) {
	if from, err = when(since, now); err != nil {
		return "", "", err
	}
	if to, err = when(until, now); err != nil {
		return "", "", err
	}
	if clock, ok := timeOfDay(strings.TrimSpace(until), now); ok && to < from {
		to = clock.UTC().Format(time.RFC3339) // the one of today
	}
	if from != "" && to != "" && to < from { // both in UTC
		return "", "", fmt.Errorf("--until %s is before --since %s", until, since)
	}
	return from, to, nil
}

// when turns a time or an age into RFC 3339. Times without a zone are of this host, and a time of day is the last one that there was.
func when(s string, now time.Time) (string, error) {
	if s == "" {
		return "", nil
	}
	text := strings.Join(strings.Fields(s), " ")
	for _, read := range []func(string, time.Time) (time.Time, bool){ago, named, dated, lastTimeOfDay} {
		if t, ok := read(text, now); ok {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%q is neither a time like 12:00, yesterday 22:00, 2026-01-31 12:00 or 2026-01-31T12:00:00Z nor an age like 90m, 24h or 7d", s)
}

// dated reads a time with its date, or a date, which begins at midnight.
func dated(s string, now time.Time) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, true
		}
	}
	for _, form := range []string{"01-02 15:04:05", "01-02 15:04"} { // of this year, or of the last one
		if t, err := time.ParseInLocation("2006-"+form, strconv.Itoa(now.Year())+"-"+s, now.Location()); err == nil {
			if t.After(now) {
				t = t.AddDate(-1, 0, 0)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

// timeOfDay reads one of today.
func timeOfDay(s string, now time.Time) (time.Time, bool) {
	for _, form := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return onDay(now, 0, t), true
		}
	}
	return time.Time{}, false
}

// lastTimeOfDay reads a time of today, or of yesterday where it is yet to come today: at three in the morning 22:00 was yesterday.
func lastTimeOfDay(s string, now time.Time) (time.Time, bool) {
	t, ok := timeOfDay(s, now)
	if ok && t.After(now) {
		t = onDay(now, -1, t)
	}
	return t, ok
}

// onDay is a time of day, some days from now.
func onDay(now time.Time, days int, clock time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d+days, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
}

// named reads now, today, yesterday and days of the week, the last one that there was; a time may follow a day, which else begins at midnight.
func named(s string, now time.Time) (time.Time, bool) {
	s = strings.ToLower(s)
	if s == "now" {
		return now, true
	}
	day, clock, timed := strings.Cut(s, " ")
	days := -1
	switch day {
	case "today", "midnight":
		days = 0
	case "yesterday":
		days = 1
	default:
		for back := range 7 {
			if name := strings.ToLower(now.AddDate(0, 0, -back).Weekday().String()); day == name || day == name[:3] {
				days = back
			}
		}
	}
	var at time.Time
	if timed {
		var ok bool
		if at, ok = timeOfDay(clock, now); !ok || day == "midnight" {
			return time.Time{}, false
		}
	}
	return onDay(now, -days, at), days >= 0
}

// units of an age, by what people write; days and weeks are those of the calendar.
var units = []struct {
	names string
	days  int
	time  time.Duration
}{
	{" s sec secs second seconds ", 0, time.Second},
	{" m min mins minute minutes ", 0, time.Minute},
	{" h hr hrs hour hours ", 0, time.Hour},
	{" d day days ", 1, 0},
	{" w week weeks ", 7, 0},
}

// maxAge bounds each figure of an age: no record is older, and what is reckoned stays within the calendar.
const maxAge = 1_000_000

// ago reads an age: figures with units, as 90m, 1d12h, 2 hours ago.
func ago(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSuffix(strings.ToLower(s), " ago")
	if s == "0" {
		return now, true
	}
	if d, err := time.ParseDuration(s); err == nil { // with fractions
		return now.Add(-d), d >= 0
	}
	days, back := 0, time.Duration(0)
	for more := true; more; more = s != "" {
		rest := strings.TrimLeft(s, "0123456789")
		n, err := strconv.Atoi(s[:len(s)-len(rest)])
		if err != nil || n > maxAge {
			return time.Time{}, false
		}
		rest = strings.TrimPrefix(rest, " ")
		after := strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz")
		known := false
		for _, u := range units {
			if unit := rest[:len(rest)-len(after)]; unit != "" && strings.Contains(u.names, " "+unit+" ") {
				days, back, known = days+n*u.days, back+time.Duration(n)*u.time, true
			}
		}
		if !known || days > maxAge {
			return time.Time{}, false
		}
		s = strings.TrimPrefix(after, " ")
	}
	return now.AddDate(0, 0, -days).Add(-back), true
}
