package ua_test

import (
	"strings"
	"testing"
)

// TestRFC4568_7_1_3: who offers other keys, or SRTP in the place of RTP, or the reverse, sends and takes what stands until our answer, which waits for that of the other
// side and may be that nothing changes.
func TestRFC4568_7_1_3(t *testing.T) {
	gcm := "a=crypto:4 AEAD_AES_128_GCM inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYg==\r\n"
	for _, c := range []struct{ name, before, after string }{
		{"another key", keyed(bodies[0], uc80), keyed(bodies[0], uc80b)},
		{"another suite", keyed(bodies[0], uc80), keyed(bodies[0], gcm)},
		{"RTP", keyed(bodies[0], uc80), bodies[0]},
		{"SRTP", bodies[0], keyed(bodies[0], uc80)},
	} {
		for _, refused := range []bool{false, true} {
			t.Run(c.name+map[bool]string{true: ", refused"}[refused], func(t *testing.T) {
				r := secured(t, "accept", "accept")
				caller, callee := r.endsOf(c.before, bodies[1])
				caller.ack(1)
				was := r.side(0).Crypt
				caller.says("INVITE", strings.Replace(c.after, "20518 0", "20518 1", 1)) // the version of o=
				inv, _ := r.told("INVITE")
				if now := r.side(0).Crypt; !now.Same(was) {
					t.Errorf("before the answer the relay has %v, had %v", now, was)
				}
				if refused {
					callee.answers("488 Not Acceptable Here", inv, "")
				} else {
					callee.answers("200 OK", inv, bodies[1])
				}
				if now := r.side(0).Crypt; now.Same(was) != refused {
					t.Errorf("afterwards the relay has %v, had %v", now, was)
				}
			})
		}
	}
}
