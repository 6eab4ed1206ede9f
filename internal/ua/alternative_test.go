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

func sdpOf(t *testing.T, data []byte) *sdp.Session {
	t.Helper()
	_, body, _ := strings.Cut(string(data), "\r\n\r\n")
	s, err := sdp.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
