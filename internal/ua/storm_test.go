package ua_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStormOfReinvites: of the INVITEs that a peer sends in one call as fast as it can, a few are remembered, on either leg: all of them are looked at with each message of the call.
func TestStormOfReinvites(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	const storm, kept = 100, 32
	var refreshes, refusals [storm][]byte
	for i := range storm {
		refreshes[i] = caller.says("INVITE", bodies[0])
		r.sent("SIP/2.0 200")
		caller.ack(caller.seq)
		r.pass(5 * time.Millisecond)
	}
	answered := 0
	for _, m := range slices.Backward(refreshes[:]) { // each that is refused is remembered in the place of another
		r.out.Reset()
		r.in(r.uc, m)
		answered += len(r.out.Sends)
	}
	if want := storm - kept - 1; answered != want { // those that are forgotten are late, the others are repetitions of what has its ACK
		t.Errorf("of %d INVITEs %d are new again, want %d", storm, answered, want)
	}
	for i := range storm {
		caller.says("INVITE", held)
		ours := r.first("INVITE")
		refusals[i] = response("488 Not Acceptable Here", ours, "", "")
		r.in(callee.src, refusals[i])
		r.pass(5 * time.Millisecond)
	}
	acks := 0
	for _, m := range refusals {
		r.out.Reset()
		r.in(callee.src, m)
		acks += len(r.out.Sends)
	}
	if acks != kept+1 {
		t.Errorf("of %d INVITEs of ours %d are remembered, want %d", storm, acks, kept+1)
	}
}

// TestStormOfBranches: a target that answers in ever more branches has some of them acknowledged and hung up.
func TestStormOfBranches(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv := r.last()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	r.out.Reset()
	for i := range 300 {
		r.in(r.pstn, response("200 OK", inv, "branch"+strconv.Itoa(i), bodies[1]))
	}
	if n := len(r.out.Sends); n != 2*99 { // an ACK and a BYE each; the first branch has its ACK
		t.Errorf("%d messages are sent", n)
	}
}

// TestStormOfReplaces: who asks for a place in a call again and again is refused, and from some time on without being remembered until the call is over.
func TestStormOfReplaces(t *testing.T) {
	r := newRig(t)
	caller, _ := r.acknowledged()
	const storm, kept = 400, 256
	owned := 0
	for i := range storm {
		n := strconv.Itoa(i)
		want := "SIP/2.0 486"
		if i >= kept {
			want = "SIP/2.0 403"
		}
		r.out.Reset()
		r.in(r.uc, with(request("INVITE", "1", "g"+n, "guest"+n, "other", "", bodies[0]), "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1;early-only"))
		r.sent(want)
		r.in(r.uc, request("ACK", "1", "g"+n, "guest"+n, "other", tagOf(header(r.last(), "To")), ""))
		r.pass(time.Minute)
		if r.core.Owns("guest" + n) {
			owned++
		}
	}
	if owned != kept {
		t.Errorf("%d of %d are remembered, want %d", owned, storm, kept)
	}
}

// TestStormOfReliableResponses: a target that sends ever more reliable responses has some of them acknowledged, and further ones when those are over.
func TestStormOfReliableResponses(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv := r.last()
	n := 0
	storm := func(until int) (acknowledged int) {
		r.out.Reset()
		for range until {
			m := response("183 Session Progress", inv, "to", "")
			r.in(r.pstn, bytes.Replace(m, []byte("Content-Length"), []byte("Require: 100rel\r\nRSeq: "+strconv.Itoa(n+1)+"\r\nContent-Length"), 1))
			prack := r.first("PRACK")
			r.out.Reset()
			if prack != nil {
				acknowledged, n = acknowledged+1, n+1
				r.in(r.pstn, response("200 OK", prack, "", ""))
			}
		}
		return acknowledged
	}
	if got := storm(300); got != 100 {
		t.Errorf("%d are acknowledged, want 100", got)
	}
	r.pass(6 * time.Second) // timer K
	if got := storm(10); got != 10 {
		t.Errorf("later %d of 10 are acknowledged", got)
	}
}

// TestRefusalsAreNoLongerThanRequests: an answer that names what a request requires does not outgrow it.
func TestRefusalsAreNoLongerThanRequests(t *testing.T) {
	r := newRig(t)
	var lines []string
	for range 7 {
		lines = append(lines, "Require: "+strings.TrimSuffix(strings.Repeat("x,", 4000), ","))
	}
	for _, method := range []string{"INVITE", "OPTIONS"} {
		req := with(request(method, "1", "i"+method, "call-"+method, "from", "", ""), lines...)
		r.out.Reset()
		r.in(r.uc, req)
		if got := r.last(); !bytes.HasPrefix(got, []byte("SIP/2.0 420")) || bytes.Count(got, []byte("\r\nUnsupported: x\r\n")) == 0 || len(got) > len(req) {
			t.Errorf("%d octets to %s of %d octets: %.40s", len(got), method, len(req), got)
		}
	}
}
