package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestNobodyRuns: who reads records where no server runs is told so, once, and up to when they are; scripts find it apart from the answer.
func TestNobodyRuns(t *testing.T) {
	dir := monday(t)
	last := clock(time.Date(2026, 1, 27, 22, 12, 32, 0, time.UTC)) // the longest call of the last day
	for _, args := range []string{"calls", "calls --csv", "calls --audio", "report --since 2026-01-01", "why c001"} {
		status, out, errs := command(t, append(strings.Fields(args), "--data", dir)...)
		if status != 0 || out == "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "directsip: no server is running: nothing answers on "+dir+"/control.sock") || !strings.Contains(errs, last) {
			t.Errorf("%s: status %d, %s", args, status, errs)
		}
	}
	status, out, errs := command(t, "calls", "--json", "--data", dir)
	var notice struct{ Notice string }
	if err := json.Unmarshal([]byte(errs), &notice); err != nil || status != 0 || !json.Valid([]byte(out)) || !strings.Contains(notice.Notice, last) {
		t.Errorf("status %d, %v: %s", status, err, errs)
	}
	if _, out, errs := command(t, "__complete", "why", "--data", dir, ""); !strings.Contains(out, "c001") || strings.Contains(errs, "no server") {
		t.Errorf("completion: %s\n%s", out, errs)
	}
}

// TestRefusalsWithoutRecord: who looks for calls that were refused before there was a call is told why there are none.
func TestRefusalsWithoutRecord(t *testing.T) {
	dir := monday(t)
	for reason, want := range map[string]bool{"overload": true, "unknown-source": true, "media-ports": false} {
		_, out, errs := command(t, "calls", "--reason", reason, "--since", "2026-01-25 00:00", "--data", dir)
		if !strings.Contains(out, "no calls") || strings.Contains(out, "are in no record") != want {
			t.Errorf("%s: %s%s", reason, out, errs)
		}
	}
}
