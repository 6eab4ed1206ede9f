package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// TestHeldSinceTheAnswer: that a side does not send counts from the answer on, and in a call that runs until one looks, though nothing was said since.
func TestHeldSinceTheAnswer(t *testing.T) {
	r := rigOf(t, document)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", strings.Replace(bodies[0], "sendrecv", "inactive", 1)))
	inv, _ := r.told("INVITE")
	r.now = r.now.Add(20 * time.Second)
	r.in(r.pstn, response("200 OK", inv, "to", strings.Replace(bodies[1], "sendrecv", "inactive", 1)))
	ok, _ := r.told("SIP/2.0 200")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	rec, found := r.core.Measured(r.now.Add(10*time.Second), r.core.Calls()[0].ID, &media.Stats{Streams: make([]media.StreamStats, 1)})
	if !found || len(rec.Media) != 2 {
		t.Fatalf("%v: %+v", found, rec.Media)
	}
	for _, m := range rec.Media {
		if !m.Held || m.Evidence.HeldFor != 10*time.Second {
			t.Errorf("the %s: held %v, for %v", m.From, m.Held, m.Evidence.HeldFor)
		}
	}
}
