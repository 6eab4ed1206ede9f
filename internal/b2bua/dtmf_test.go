package b2bua

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// TestKeysInINFO reads keys as gateways write them.
func TestKeysInINFO(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		key        byte
		long       time.Duration
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=250\r\n", '5', 250 * time.Millisecond},
		{"Application/DTMF-Relay; charset=utf-8", "Signal= *\nDuration= 100\n", '*', 100 * time.Millisecond},
		{"application/dtmf-relay", "signal=11\r\n", '#', keyLong},
		{"application/dtmf-relay", "Signal=d\r\nDuration=999999\r\n", 'd', keyLong},
		{"application/dtmf", "7", '7', keyLong},
		{"application/dtmf", "10\r\n", '*', keyLong},
		{"application/dtmf-relay", "Duration=100\r\n", 0, 0},
		{"application/dtmf-relay", "Signal=12\r\n", 0, 0},
		{"application/dtmf-relay", "Signal=\r\n", 0, 0},
		{"application/dtmf", "", 0, 0},
		{"application/dtmf", "x", 0, 0},
		{"application/sdp", "Signal=5\r\n", 0, 0},
	} {
		m := sip.NewRequest("INFO", "sip:a@192.0.2.1")
		m.SetBody(c.kind, c.body)
		key, long, ok := keyOf(m)
		if ok != (c.key != 0) || ok && (key != c.key || long != c.long) {
			t.Errorf("%s %q: %c for %s, %v", c.kind, c.body, key, long, ok)
		}
	}
}

// FuzzKeysInINFO: whatever a peer writes is a key or none.
func FuzzKeysInINFO(f *testing.F) {
	f.Add("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n")
	f.Fuzz(func(t *testing.T, kind, body string) {
		m := sip.NewRequest("INFO", "sip:a@192.0.2.1")
		m.SetBody(kind, body)
		if key, long, ok := keyOf(m); ok && (key < '#' || key > 'd' || long <= 0 || long > 5*time.Second) {
			t.Errorf("%q for %s", key, long)
		}
	})
}
