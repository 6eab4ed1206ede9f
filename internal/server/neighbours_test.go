package server

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// TestCallOfAnotherServer: who asks one server for a call of another of its pool is told where that is; where there is no other, nothing is said of them.
func TestCallOfAnotherServer(t *testing.T) {
	const says = "; the calls of med2.test are in the records there"
	two := strings.Replace(basic, "servers: {", "servers: {med2.test: {addresses: [NET.8]}, ", 1)
	for document, want := range map[string]bool{basic: false, two: true} {
		r := startWith(t, siptest.Net(t), document, func(c *Config) { c.Server = "med1.test" })
		if _, err := r.findCall(t.Context(), "v0ylhikufmjrgklt"); err == nil || strings.Contains(err.Error(), says) != want {
			t.Errorf("with another server %v: %v", want, err)
		}
	}
}
