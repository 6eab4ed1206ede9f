package ua_test

import (
	"strings"
	"testing"
)

// TestTheCallerIsNotToldOfOthers: what the transport, DNS or another peer says of a target names hosts. It stands in the record, in the attempt whose it is, and does
// not go to the caller.
func TestTheCallerIsNotToldOfOthers(t *testing.T) {
	const dial = "dial tcp4 10.0.0.4:0->10.0.0.5:5061: connect: connection refused"
	for name, c := range map[string]struct {
		refuse func(r *rig, invite []byte)
		detail string // of the attempt
		secret string
	}{
		"transport": {func(r *rig, _ []byte) {
			last := r.out.Sends[len(r.out.Sends)-1]
			r.core.SendFailed(r.now, last.CallID, last.Branch, dial, &r.out)
		}, dial, "10.0.0"},
		"phrase": {func(r *rig, invite []byte) {
			r.in(r.pstn, response("503 No circuit at gw7.inside", invite, "to", ""))
		}, "503 No circuit at gw7.inside", "gw7"},
		"Warning": {func(r *rig, invite []byte) {
			r.in(r.pstn, with(response("488 Not Acceptable Here", invite, "to", ""), "Warning: 304 gw7.inside \"Media type not available at gw7\""))
		}, `488 Not Acceptable Here, "Media type not available at gw7", to an offer of audio RTP/AVP PCMA PCMU`, "gw7"},
		"Reason": {func(r *rig, invite []byte) {
			r.in(r.pstn, with(response("403 Forbidden", invite, "to", ""), "Reason: Q.850;cause=21;text=\"gw7 knows no such caller\""))
		}, `403 Forbidden, "gw7 knows no such caller"`, "gw7"},
		"nothing more": {func(r *rig, invite []byte) {
			r.in(r.pstn, response("486 Busy Here", invite, "to", ""))
		}, "", "gw7"},
	} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		c.refuse(r, inv)
		final := string(r.last())
		r.in(r.uc, request("ACK", "1", "i1", "call", "from", tagOf(header(r.last(), "To")), ""))
		if len(r.out.Records) != 1 {
			t.Fatalf("%s: %d records", name, len(r.out.Records))
		}
		if got := r.out.Records[0].Attempts[0].Detail; got != c.detail {
			t.Errorf("%s: the attempt says %q, want %q", name, got, c.detail)
		}
		if !strings.HasPrefix(final, "SIP/2.0 ") || header([]byte(final), "Warning") == "" || strings.Contains(final, c.secret) {
			t.Errorf("%s: the caller is told\n%s", name, final)
		}
	}
}
