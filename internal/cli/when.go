package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// when turns a time or an age into RFC 3339. Times without a zone are of this host.
func when(s string, now time.Time) (string, error) {
	if s == "" {
		return "", nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n).UTC().Format(time.RFC3339), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d).UTC().Format(time.RFC3339), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	for _, form := range []string{time.TimeOnly, "15:04"} { // of today
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			y, m, d := now.Date()
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, now.Location()).UTC().Format(time.RFC3339), nil
		}
	}
	for _, form := range []string{"01-02 15:04:05", "01-02 15:04"} { // of this year, or of the last one
		if t, err := time.ParseInLocation("2006-"+form, strconv.Itoa(now.Year())+"-"+s, now.Location()); err == nil {
			if t.After(now) {
				t = t.AddDate(-1, 0, 0)
			}
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%q is neither a time like 12:00, 2026-01-31 12:00 or 2026-01-31T12:00:00Z nor an age like 90m, 24h or 7d", s)
}
