package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sdp"
)

// TestAlternativesAlike: an answer that comes in two alternatives which are word for word the same is read as it is where it comes once: its keys stay on its side of the call.
func TestAlternativesAlike(t *testing.T) {
	r := secured(t, "notSupported", "required")
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv, _ := r.told("INVITE")
	answer := keyed(bodies[1], strings.Replace(uc80b, "crypto:3", "crypto:"+strings.Fields(keysOf(sdpOf(t, inv))[0])[0], 1))
	one := "--b\r\nContent-Type: application/sdp\r\n\r\n" + answer + "\r\n"
	data := response("200 OK", inv, "to", one+one+"--b--\r\n")
	r.out.Reset()
	r.in(r.pstn, bytes.Replace(data, []byte("Content-Type: application/sdp"), []byte("Content-Type: multipart/alternative;boundary=b"), 1))
	ok, said := r.told("SIP/2.0 200")
	if said == nil || said.Media[0].Proto != "RTP/AVP" || len(keysOf(said)) > 0 {
		t.Errorf("the caller is told\n%s", ok)
	}
	if pending := r.side(1); pending.Crypt == nil || len(pending.Crypt.Recv) == 0 {
		t.Errorf("the relay has no key of the callee")
	}
}

// TestAlternativesOfKeys: of an offer of SRTP and RTP in two alternatives the last is taken, and the other one where the trunk has no use for that (RFC 2046 §5.1.4).
func TestAlternativesOfKeys(t *testing.T) {
	part := func(s string) string { return "--b\r\nContent-Type: application/sdp\r\n\r\n" + s + "\r\n" }
	plain, secure := bodies[0], keyed(bodies[0], uc80)
	for _, c := range []struct {
		mode, first, last string
		keys              bool
	}{
		{"notSupported", plain, secure, false}, {"notSupported", secure, plain, false}, {"required", plain, secure, true}, {"required", secure, plain, true},
		{"optional", plain, secure, true}, {"optional", secure, plain, false},
	} {
		r := secured(t, c.mode, "notSupported")
		both := func(m []byte) []byte {
			return bytes.Replace(m, []byte("Content-Type: application/sdp"), []byte("Content-Type: multipart/alternative;boundary=b"), 1)
		}
		r.in(r.uc, both(request("INVITE", "1", "i1", "call", "from", "", part(c.first)+part(c.last)+"--b--\r\n")))
		if r.first("INVITE") == nil {
			t.Errorf("%+v\n%s", c, r.lines())
			continue
		}
		inv, said := r.told("INVITE")
		if said.Media[0].Proto != "RTP/AVP" || len(keysOf(said)) > 0 {
			t.Errorf("%s: offered on\n%s", c.mode, inv)
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, answer := r.told("SIP/2.0 200")
		if got := len(keysOf(answer)) == 1 && answer.Media[0].Proto == "RTP/SAVP"; got != c.keys {
			t.Errorf("%s, keys %v: answered\n%s", c.mode, c.keys, ok)
		}
		if side := r.side(0); (side.Crypt != nil) != c.keys {
			t.Errorf("%s: the relay has %+v", c.mode, side.Crypt)
		}
		caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
		caller.ack(1)
		r.out.Reset()
		caller.seq++
		r.in(r.uc, both(caller.write("INVITE", caller.seq, strings.ReplaceAll(part(c.first)+part(c.last)+"--b--\r\n", " 0 IN IP4", " 1 IN IP4"))))
		if r.first("SIP/2.0 488") != nil || strings.Contains(r.lines(), "488") {
			t.Errorf("%+v: a re-INVITE\n%s", c, r.lines())
		}
	}
}

func sdpOf(t *testing.T, data []byte) *sdp.Session {
	t.Helper()
	_, body, _ := strings.Cut(string(data), "\r\n\r\n")
	s, err := sdp.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
