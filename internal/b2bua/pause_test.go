package b2bua

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// DR-09: the delta-seconds of Retry-After with comment and parameters (RFC 3261 §20.33), bounded.
func TestDR_09RetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{
		"1": time.Second, "18000;duration=3600": maxPause, "120 (I'm in a meeting)": 2 * time.Minute, "5 ;duration=1": 5 * time.Second,
		"99999999999999999999": maxPause, "": 0, "0": 0, "soon": 0, "-1": 0, "1h": 0,
	} {
		m := sip.NewResponse(sip.NewRequest("INVITE", "sip:a@b.test"), 503, "")
		m.Add(sip.IDRetryAfter, v)
		if got := pauseOf(m); got != want {
			t.Errorf("Retry-After: %s: %v, want %v", v, got, want)
		}
	}
}
