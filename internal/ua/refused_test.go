package ua_test

import "testing"

// RFC 3261 §8.2: what a target says of our INVITE, its extensions, its form, its dialog or its credentials, means nothing to the caller, whose stack would draw its
// conclusions about us. What the target says of the number, the person or the media does.
func TestRefusalsOfOurRequestStayOurs(t *testing.T) {
	for _, row := range []struct{ status, want string }{
		{"420 Bad Extension", "488"}, {"421 Extension Required", "488"}, {"422 Session Interval Too Small", "488"}, {"494 Security Agreement Required", "488"},
		{"406 Not Acceptable", "488"}, {"415 Unsupported Media Type", "488"}, {"416 Unsupported URI Scheme", "488"}, {"493 Undecipherable", "488"},
		{"405 Method Not Allowed", "502"}, {"417 Unknown Resource-Priority", "502"}, {"423 Interval Too Brief", "502"}, {"428 Use Identity Header", "502"},
		{"436 Bad Identity Info", "502"}, {"437 Unsupported Credential", "502"}, {"438 Invalid Identity Header", "502"}, {"440 Max-Breadth Exceeded", "483"},
		{"481 Call/Transaction Does Not Exist", "502"}, {"489 Bad Event", "502"}, {"491 Request Pending", "502"}, {"505 Version Not Supported", "488"},
		{"481 Call/Transaction Does Not Exist\r\nReason: Q.850;cause=17", "486"}, {"405 Method Not Allowed\r\nReason: Q.850;cause=1", "404"},
		{"400 Bad Request", "400"}, {"403 Forbidden", "403"}, {"482 Loop Detected", "482"}, {"501 Not Implemented", "501"}, {"606 Not Acceptable", "606"},
	} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response(row.status, inv, "to", ""))
		r.told("SIP/2.0 " + row.want)
	}
}
