package sip

import (
	"testing"
	"time"
)

// TestRFC3261_25_1_DeltaSeconds: with comment and parameters, with too many digits, and what is no number.
func TestRFC3261_25_1_DeltaSeconds(t *testing.T) {
	for v, want := range map[string]time.Duration{
		"1": time.Second, " 90 ": 90 * time.Second, "18000;duration=3600": 5 * time.Hour, "120 (I'm in a meeting)": 2 * time.Minute, "7(x)": 7 * time.Second,
		"5 ;duration=1": 5 * time.Second, "4294967295": 4294967295 * time.Second, "4294967296": 4294967295 * time.Second,
		"99999999999999999999": 4294967295 * time.Second, "": 0, "0": 0, "soon": 0, "-1": 0, "+1": 0, "1h": 0, "1.5": 0, ";5": 0,
	} {
		if got := DeltaSeconds(v); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}
