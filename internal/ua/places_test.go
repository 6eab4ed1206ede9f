package ua_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// third is where the callee of a call is when the guest comes from elsewhere.
var third = netip.MustParseAddrPort("198.51.100.3:5060")

// full is a set of limits in which some trunks have no place.
type full struct {
	open
	trunks map[string]bool
	held   map[string]int
}

func (f *full) Acquire(_ time.Time, t *topology.Trunk, _ media.SessionID, _ bool) *diag.Reason {
	if f.trunks[t.Name] {
		return diag.TrunkLimit
	}
	f.held[t.Name]++
	return nil
}

func (f *full) Release(t *topology.Trunk, _ media.SessionID) { f.held[t.Name]-- }

// replaceCaller is an INVITE of the callee's equipment for the seat of the caller.
func replaceCaller(r *rig, caller *end, n string) {
	inv := request("INVITE", "1", "replaces"+n, "replaces"+n, "guest", "", bodies[1])
	inv = bytes.Replace(inv, []byte("Max-Forwards"), []byte("Replaces: "+caller.callID+";to-tag="+tagOf(caller.to)+";from-tag="+tagOf(caller.from)+"\r\nMax-Forwards"), 1)
	r.out.Reset()
	r.in(r.pstn, bytes.ReplaceAll(inv, []byte("198.51.100.1"), []byte("198.51.100.2")))
}

// An INVITE with Replaces needs a place on its trunk like any other, and has it as long as it has the seat.
func TestReplacesNeedsAPlace(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("global: {options: false}", "global: {options: false, acceptReplaces: any}", "kind: gateway, host: 198.51.100.2, root: {transport: UDP}}",
		"kind: gateway, host: 198.51.100.2, root: {transport: UDP}}\n  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}", "trunks: [pstn]", "trunks: [third]").Replace(document))
	limits := &full{trunks: map[string]bool{}, held: map[string]int{}}
	r.env.Limits = limits
	pstn := r.pstn
	r.pstn.Remote = third
	caller, callee := r.acknowledged()
	r.pstn = pstn
	limits.trunks["pstn"] = true
	replaceCaller(r, caller, "1")
	r.sent("SIP/2.0 503")
	delete(limits.trunks, "pstn")
	replaceCaller(r, caller, "2")
	r.sent("INVITE")
	callee.answers("488 Not Acceptable Here", r.last(), "")
	if limits.held["pstn"] != 0 {
		t.Errorf("%v when the guest was refused", limits.held)
	}
	replaceCaller(r, caller, "3")
	r.sent("INVITE")
	callee.answers("200 OK", r.last(), bodies[1])
	if limits.held["pstn"] != 1 || limits.held["uc"] != 0 {
		t.Errorf("%v when the guest has the seat", limits.held)
	}
}

// A call that a trunk has refused has no place there while another one rings, or has taken it: the trunk would be full of calls that are elsewhere.
func TestRefusedCallLeavesItsPlace(t *testing.T) {
	var r *rig
	for name, row := range map[string]struct {
		first   func(ours []byte)
		ringing int // places on the first trunk while the second rings
	}{
		"refused": {func(ours []byte) { r.in(r.pstn, response("503 Service Unavailable", ours, "to", "")) }, 0},
		"silent":  {func([]byte) { r.pass(3 * time.Second) }, 1}, // it may have heard us, and answer
		"cancelled": {func(ours []byte) {
			r.in(r.pstn, response("100 Trying", ours, "", ""))
			r.pass(5100 * time.Millisecond)
			r.in(r.pstn, response("200 OK", r.last(), "to", "")) // to the CANCEL
			r.in(r.pstn, response("487 Request Terminated", ours, "to", ""))
		}, 0},
	} {
		r = rigOf(t, strings.NewReplacer("kind: gateway, host: 198.51.100.2, root: {transport: UDP}}",
			"kind: gateway, host: 198.51.100.2, root: {transport: UDP}}\n  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}", "trunks: [pstn]", "trunks: [pstn, third], selection: ordered",
			"options: false}\n", "options: false, noProgressTimeout: 5s, noResponseTimeout: 2s}\n").Replace(document))
		elsewhere := r.pstn
		elsewhere.Remote = third
		limits := &full{trunks: map[string]bool{}, held: map[string]int{}}
		r.env.Limits = limits
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i"+name, name, "from", "", bodies[0]))
		r.sent("INVITE")
		row.first(r.last())
		ours := r.last()
		r.in(elsewhere, response("180 Ringing", ours, "to", ""))
		if limits.held["pstn"] != row.ringing || limits.held["third"] != 1 || limits.held["uc"] != 1 {
			t.Errorf("%s: %v while the second one rings", name, limits.held)
		}
		r.in(elsewhere, response("200 OK", ours, "to", bodies[1]))
		if limits.held["pstn"] != 0 || limits.held["third"] != 1 || limits.held["uc"] != 1 {
			t.Errorf("%s: %v when it has answered", name, limits.held)
		}
	}
}

// The record of a call that nobody took says what was sent where it was sent last, whoever had no room behind that.
func TestRecordOfALastTargetWithoutRoom(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("kind: gateway, host: 198.51.100.2, root: {transport: UDP}}",
		"kind: gateway, host: 198.51.100.2, root: {transport: UDP}}\n  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}", "trunks: [pstn]", "trunks: [pstn, third], selection: ordered",
		`  "trunk:uc"`, "  \"trunk:third\": {options: false, calledRules: [{pattern: '^\\+1(.*)$', translation: '91$1'}]}\n  \"trunk:uc\"").Replace(document))
	r.env.Limits = &full{trunks: map[string]bool{"third": true}, held: map[string]int{}}
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	r.sent("INVITE")
	ours := r.last()
	r.out.Reset()
	r.in(r.pstn, response("503 Service Unavailable", ours, "to", ""))
	r.sent("ACK", "SIP/2.0 503")
	if rec := r.out.Records[0]; rec.Out.Trunk != "pstn" || rec.Called.Sent != "+14255550100" || len(rec.Attempts) != 2 {
		t.Errorf("%s was sent to %s in %d attempts", rec.Called.Sent, rec.Out.Trunk, len(rec.Attempts))
	}
}
