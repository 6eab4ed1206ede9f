package cli

import (
	"strings"
	"testing"
	"time"
)

// OPS-16: how long records are kept is said in days or hours.
func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"60d": 60 * 24 * time.Hour, "1d": 24 * time.Hour, "36h": 36 * time.Hour, "90m": 90 * time.Minute, "0": -1, "0d": -1} {
		a := age{time: time.Hour}
		if err := a.Set(text); err != nil || a.retention() != want {
			t.Errorf("%s: %v, %v", text, a.retention(), err)
		}
	}
	for _, text := range []string{"", "d", "60", "-1d", "5m", "59m", "0s", "-1h", "99999d", "2 days", "1.5d"} {
		a := age{time: time.Hour}
		if err := a.Set(text); err == nil || a.time != time.Hour {
			t.Errorf("%q: %v, %v", text, a.time, err)
		}
	}
	var out, errs strings.Builder
	if status := Main([]string{"serve", "--keep", "5m"}, nil, &out, &errs); status != 2 || !strings.Contains(errs.String(), "like 60d or 36h") {
		t.Errorf("%d: %s", status, errs.String())
	}
}
