package ua_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// RFC 3261 §18.1.1: a peer that has no TCP gets the request that is too large for UDP by UDP after all, and for a while the next calls do not ask again,
// unless UDP does not bring it there either.
func TestRFC3261_18_1_1_NoTCPIsRemembered(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {udpMaxRequest: 500}
  "trunk:uc": {`, 1))
	call := func(id string, want ...sip.Transport) {
		t.Helper()
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", id, id, "from", "", bodies[0]))
		for i, transport := range want {
			last := r.out.Sends[len(r.out.Sends)-1]
			if !strings.HasPrefix(string(last.Data), "INVITE ") || last.Hop.Transport != transport {
				t.Fatalf("call %s, INVITE %d of %d: by %v\n%s", id, i+1, len(want), last.Hop.Transport, last.Data)
			}
			if i < len(want)-1 {
				r.core.SendFailed(r.now, last.CallID, last.Branch, "connection refused", &r.out)
			}
		}
	}
	call("a", sip.TCP, sip.UDP)
	if said, want := r.core.Calls()[0].Attempts[0].Detail, "larger than udpMaxRequest, and went by UDP because TCP failed (connection refused)"; said != want {
		t.Errorf("the record says %q of the second INVITE, want %q", said, want)
	}
	call("b", sip.UDP)
	r.now = r.now.Add(6 * time.Minute)
	call("c", sip.TCP, sip.UDP)
	call("d", sip.UDP)
	r.now = r.now.Add(time.Minute) // no answer by UDP
	r.core.Advance(r.now, &r.out)
	call("e", sip.TCP)
}

// TestSilentBehindNoTCP: that nobody answers by UDP is not laid to the TCP that failed before.
func TestSilentBehindNoTCP(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {udpMaxRequest: 500}
  "trunk:uc": {`, 1))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv := r.invite()
	r.core.SendFailed(r.now, inv.CallID, inv.Branch, "connection refused", &r.out)
	r.pass(4 * time.Second) // noResponseTimeout
	r.told("SIP/2.0 504")
	r.relays()
	const want = "larger than udpMaxRequest, and went by UDP because TCP failed (connection refused)"
	if a := r.out.Records[0].Attempts[0]; a.Reason != "no-response" || a.Detail != want {
		t.Errorf("%s %q, want %q", a.Reason, a.Detail, want)
	}
}

// RFC 3261 §19.1.1: a peer that says in its Contact that it wants TCP, and takes none there, gets the ACK by UDP; the next calls know it, although they are sent elsewhere first.
func TestNoTCPAtAContactIsRemembered(t *testing.T) {
	for _, contact := range []string{"198.51.100.2:5070", "node.test:5070", "node.test"} {
		r := newRig(t)
		for i, want := range []sip.Transport{sip.TCP, sip.UDP} {
			id := string(rune('a' + i))
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", id, id, "from", "", bodies[0]))
			inv, _ := r.told("INVITE")
			r.in(r.pstn, at(contact, response("200 OK", inv, "to", bodies[1])))
			r.takesNoTCP("ACK", contact, want)
		}
	}
}

// The same of a caller, which has not called from the port at which it can be called.
func TestNoTCPAtACallerIsRemembered(t *testing.T) {
	for _, contact := range []string{"198.51.100.1:5070", "node.test:5070", "node.test"} {
		r := newRig(t)
		for i, want := range []sip.Transport{sip.TCP, sip.UDP} {
			id := string(rune('a' + i))
			src := r.uc
			src.Remote = netip.AddrPortFrom(src.Remote.Addr(), uint16(32000+i))
			r.out.Reset()
			r.in(src, at(contact, request("INVITE", "1", id, id, "from", "", bodies[0])))
			inv, _ := r.told("INVITE")
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			ok, _ := r.told("SIP/2.0 200 OK")
			r.in(src, request("ACK", "1", id+"-ack", id, "from", tagOf(header(ok, "To")), ""))
			r.in(r.pstn, fromCallee(inv, "BYE"))
			r.takesNoTCP("BYE", contact, want)
		}
	}
}

// at is a message of a peer that wants to be called by TCP.
func at(contact string, data []byte) []byte {
	old := header(data, "Contact")
	return bytes.Replace(data, []byte("Contact: "+old), []byte("Contact: <sip:"+contact+";transport=tcp>"), 1)
}

// fromCallee is a request of the callee in the dialog that our INVITE has begun.
func fromCallee(inv []byte, method string) []byte {
	return []byte(method + " sip:192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKcallee" + tagOf(header(inv, "From")) + "\r\nMax-Forwards: 70\r\n" +
		"From: " + header(inv, "To") + ";tag=to\r\nTo: " + header(inv, "From") + "\r\nCall-ID: " + header(inv, "Call-ID") + "\r\nCSeq: 1 " + method +
		"\r\nContent-Length: 0\r\n\r\n")
}

// takesNoTCP checks by what a request goes to a peer, and has TCP fail.
func (r *rig) takesNoTCP(method, contact string, want sip.Transport) {
	r.b.Helper()
	i := slices.IndexFunc(r.out.Sends, func(s txn.Send) bool { return strings.HasPrefix(string(s.Data), method+" ") })
	if i < 0 {
		r.b.Fatalf("%s: %s", contact, r.lines())
	}
	m := r.out.Sends[i]
	if m.Hop.Transport != want {
		r.b.Errorf("%s: the %s goes by %v, want %v", contact, method, m.Hop.Transport, want)
	}
	if want == sip.TCP {
		r.core.SendFailed(r.now, m.CallID, m.Branch, "connection refused", &r.out)
	}
}
