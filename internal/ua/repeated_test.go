package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestRepeatedAnswerIsNoNews: a 2xx to a re-INVITE of ours that comes once more, late, while an offer of the same peer waits for its answer, says nothing of that: which m-lines it has left
// out, and which keys are to be chosen of (RFC 3264 §6, RFC 4568 §5.1.3).
func TestRepeatedAnswerIsNoNews(t *testing.T) {
	for name, c := range map[string]struct {
		rig                                *rig
		caller, callee, first, offer, back string
		want                               func(ack []byte) bool
	}{
		"m-lines": {newRig(t), described(0, 0, speech+video), described(1, 0, speech+video), described(0, 1, speech+refuse(video, 0)), described(0, 2, speech),
			described(1, 2, speech+refuse(video, 0)), func(ack []byte) bool { return bytes.Count(ack, []byte("\r\nm=")) == 1 }},
		"keys": {secured(t, "required", "notSupported"), keyed(bodies[0], uc80), bodies[1], keyed(directed(0, "recvonly"), ""), keyed(bodies[0], strings.Replace(uc80b, "crypto:3", "crypto:7", 1)), bodies[1],
			func(ack []byte) bool { return bytes.Contains(ack, []byte("\r\na=crypto:7 ")) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.rig
			caller, callee := r.endsOf(c.caller, c.callee)
			caller.ack(1)
			callee.says("INVITE", strings.Replace(strings.Replace(c.callee, "20518 0", "20518 1", 1), "a=sendrecv", "a=sendonly", 1)+"a=x:1\r\n")
			inv, said := r.told("INVITE")
			answer := c.first
			for k := range said.Cryptos(0) {
				answer += "a=crypto:" + k.Value + "\r\n" // it chooses the first, with a key of its own
				answer = strings.Replace(answer, strings.Split(k.Value, "inline:")[1][:8], "QUJfX19z", 1)
				break
			}
			late := response("200 OK", inv, "", answer)
			r.out.Reset()
			r.in(r.uc, late)
			r.told("SIP/2.0 200")
			callee.ack(callee.seq)
			callee.says("INVITE", "")
			caller.answers("200 OK", r.first("INVITE"), c.offer)
			r.told("SIP/2.0 200")
			r.out.Reset()
			r.in(r.uc, late)
			r.sent("ACK")
			r.out.Reset()
			r.in(r.pstn, callee.write("ACK", callee.seq, c.back))
			if ack := r.first("ACK"); ack == nil || !c.want(ack) {
				t.Errorf("the caller's offer is answered with\n%s", ack)
			}
		})
	}
}
