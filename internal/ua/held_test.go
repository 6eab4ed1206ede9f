package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// RFC 3264 §8.4: who holds by 0.0.0.0 is sent nothing; its music comes from where it was, which need not be the host of its signalling.
func TestHeldByNoAddress(t *testing.T) {
	const there = "c=IN IP4 198.51.100.77\r\n"
	at := func(conn string) string { return strings.Replace(bodies[1], "c=IN IP4 198.51.100.2\r\n", conn, 1) }
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0], at(there))
	caller.ack(1)
	callee.says("INVITE", at("c=IN IP4 0.0.0.0\r\n"))
	hold, said := r.told("INVITE")
	if said.Media[0].Direction != sdp.SendOnly {
		t.Fatalf("the caller is told of %s", said.Media[0].Direction)
	}
	before := *r.side(1)
	caller.answers("200 OK", hold, directed(0, "recvonly"))
	holder := r.side(1)
	if !holder.Nowhere || holder.Send || !holder.Recv || holder.Remote.Addr().String() != "198.51.100.77" || holder.Relatch != before.Relatch {
		t.Errorf("on hold %+v", holder)
	}
	callee.says("INVITE", at(there))
	back, _ := r.told("INVITE")
	caller.answers("200 OK", back, bodies[0])
	if holder = r.side(1); holder.Nowhere || !holder.Send || holder.Remote.Addr().String() != "198.51.100.77" {
		t.Errorf("afterwards %+v", holder)
	}
}

// TestHeldSinceTheAnswer: that a side does not send counts from the answer on, and in a call that runs until one looks, though nothing was said since.
func TestHeldSinceTheAnswer(t *testing.T) {
	r := rigOf(t, document)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", strings.Replace(bodies[0], "sendrecv", "inactive", 1)))
	inv, _ := r.told("INVITE")
	r.now = r.now.Add(20 * time.Second)
	r.in(r.pstn, response("200 OK", inv, "to", strings.Replace(bodies[1], "sendrecv", "inactive", 1)))
	ok, _ := r.told("SIP/2.0 200")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	rec, found := r.core.Measured(r.now.Add(10*time.Second), r.core.Running()[0], &media.Stats{Streams: make([]media.StreamStats, 1)})
	if !found || len(rec.Media) != 2 {
		t.Fatalf("%v: %+v", found, rec.Media)
	}
	for _, m := range rec.Media {
		if !m.Held || m.Evidence.HeldFor != 10*time.Second {
			t.Errorf("the %s: held %v, for %v", m.From, m.Held, m.Evidence.HeldFor)
		}
	}
}

// TestHeldBy: who watches the running calls sees which of them are on hold, and by whom, in every form of hold, and no longer when they are taken back; of bypassed calls too.
func TestHeldBy(t *testing.T) {
	for name, doc := range map[string]string{"relayed": document, "bypassed": placed} {
		t.Run(name, func(t *testing.T) {
			r := rigOf(t, doc)
			caller, callee := r.acknowledged()
			for _, step := range []struct {
				holder, other   *end
				offers, answers string
				want            string
			}{
				{caller, callee, held, heldAnswer, "caller"},
				{callee, caller, directed(1, "inactive"), directed(0, "inactive"), "both"},
				{caller, callee, bodies[0], bodies[1], ""},
				{callee, caller, heldB, directed(0, "recvonly"), "callee"},
				{callee, caller, bodies[1], bodies[0], ""},
				{callee, caller, strings.Replace(bodies[1], "c=IN IP4 198.51.100.2\r\n", "c=IN IP4 0.0.0.0\r\n", 1), directed(0, "recvonly"), "callee"},
				{callee, caller, bodies[1], bodies[0], ""},
			} {
				step.holder.says("INVITE", step.offers)
				ours, _ := r.told("INVITE")
				step.other.answers("200 OK", ours, step.answers)
				step.holder.ack(step.holder.seq)
				if got := r.core.Calls()[0].HeldBy; got != step.want {
					t.Errorf("held by %q, want %q, after\n%s", got, step.want, step.offers)
				}
			}
		})
	}
}
