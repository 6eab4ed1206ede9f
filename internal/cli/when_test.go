package cli

import (
	"testing"
	"time"
)

// TestWhenInWords: what people write for a time without looking anything up.
func TestWhenInWords(t *testing.T) {
	now := time.Date(2026, 3, 10, 3, 0, 0, 0, time.FixedZone("", 3600)) // a Tuesday
	for in, want := range map[string]string{
		"now": "2026-03-10T02:00:00Z", "today": "2026-03-09T23:00:00Z", "Yesterday": "2026-03-08T23:00:00Z", "midnight": "2026-03-09T23:00:00Z",
		"yesterday 22:00": "2026-03-09T21:00:00Z", "today 02:30": "2026-03-10T01:30:00Z", "monday": "2026-03-08T23:00:00Z", "tue": "2026-03-09T23:00:00Z",
		"Wednesday 08:15:30": "2026-03-04T07:15:30Z", "10min": "2026-03-10T01:50:00Z", "2 hours ago": "2026-03-10T00:00:00Z", "1 day": "2026-03-09T02:00:00Z",
		"2w": "2026-02-24T02:00:00Z", "1d12h": "2026-03-08T14:00:00Z", "1 h  30 m": "2026-03-10T00:30:00Z", "1.5h": "2026-03-10T00:30:00Z",
		"2026-03-09T22:00": "2026-03-09T21:00:00Z", "2026-03-09T22:00:10": "2026-03-09T21:00:10Z", "0": "2026-03-10T02:00:00Z", "0d": "2026-03-10T02:00:00Z",
	} {
		if got, err := when(in, now); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"tomorrow", "yesterday noon", "midnight 12:00", "5", "10 parsecs", "h", "99999999d", "1w2", "day", " ", "ago", "3 ago", "-2d", "1h-5m", "99999999999999999999d"} {
		if got, err := when(bad, now); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// TestTimeOfDayHasBeen: at three in the morning 22:00 was yesterday, and calls since then are not those of the next evening.
func TestTimeOfDayHasBeen(t *testing.T) {
	now := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct{ since, until, from, to string }{
		{"22:00", "", "2026-03-09T22:00:00Z", ""},
		{"22:00:00", "02:00", "2026-03-09T22:00:00Z", "2026-03-10T02:00:00Z"},
		{"22:00", "23:00", "2026-03-09T22:00:00Z", "2026-03-09T23:00:00Z"},
		{"22:00", "06:00", "2026-03-09T22:00:00Z", "2026-03-10T06:00:00Z"},
		{"02:00", "", "2026-03-10T02:00:00Z", ""},
		{"01:00", "18:00", "2026-03-10T01:00:00Z", "2026-03-10T18:00:00Z"},
		{"yesterday", "today", "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"},
		{"7d", "18:00", "2026-03-03T03:00:00Z", "2026-03-09T18:00:00Z"},
	} {
		if from, to, err := between(c.since, c.until, now); from != c.from || to != c.to || err != nil {
			t.Errorf("%s to %s: %s to %s, %v", c.since, c.until, from, to, err)
		}
	}
	if from, to, err := between("today", "yesterday", now); err == nil {
		t.Errorf("%s to %s", from, to)
	}
}
