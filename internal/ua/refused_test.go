package ua_test

import "testing"

// RFC 3261 §8.2.2.3: 420, 421, 422 and 494 of a target speak of our INVITE, and mean nothing to the caller, whose own required no extension.
func TestRefusalsOfOurRequestStayOurs(t *testing.T) {
	for _, status := range []string{"420 Bad Extension", "421 Extension Required", "422 Session Interval Too Small", "494 Security Agreement Required"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response(status, inv, "to", ""))
		r.told("SIP/2.0 488")
	}
}
