package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

const muxed = "a=rtcp-mux\r\n"

// muxing is a rig whose trunks have an rtcpMux each.
func muxing(t *testing.T, uc, pstn string) *rig {
	t.Helper()
	return rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {rtcpMux: `+pstn+`}`+"\n  "+`"trunk:uc": {rtcpMux: `+uc+`, `, 1))
}

// TestRFC5761_5_1_1: rtcp-mux is agreed with each peer by itself. It is offered where the trunk says so, an offer of it is taken, and without both an
// offer and an answer of one leg RTCP has the port above.
func TestRFC5761_5_1_1(t *testing.T) {
	for _, c := range []struct {
		uc, pstn          string
		offer, answer     string
		answered, offered bool // by us
		caller, callee    bool // RTCP shares the port
	}{
		{"accept", "accept", muxed, "", true, false, true, false},
		{"accept", "accept", muxed, muxed, true, false, true, false}, // an answer unasked
		{"accept", "accept", "", "", false, false, false, false},
		{"off", "offer", muxed, muxed, false, true, false, true},
		{"accept", "offer", "", muxed, false, true, false, true},
		{"accept", "offer", muxed, "", true, true, true, false},
		{"offer", "offer", muxed, muxed, true, true, true, true},
	} {
		r := muxing(t, c.uc, c.pstn)
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+c.offer))
		inv, offer := r.told("INVITE")
		if offer.Media[0].RTCPMux != c.offered {
			t.Errorf("%+v: offered\n%s", c, inv)
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+c.answer))
		ok, answer := r.told("SIP/2.0 200")
		if answer.Media[0].RTCPMux != c.answered {
			t.Errorf("%+v: answered\n%s", c, ok)
		}
		if r.side(0).Mux != c.caller || r.side(1).Mux != c.callee {
			t.Errorf("%+v: the relay has %v and %v", c, r.side(0).Mux, r.side(1).Mux)
		}
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))

		// What was agreed is offered again (RFC 3264 §8), and may be taken back.
		r.out.Reset()
		tag := tagOf(header(ok, "To"))
		r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tag, bodies[0]+"a=sendonly\r\n"))
		inv, again := r.told("INVITE")
		if again.Media[0].RTCPMux != c.offered {
			t.Errorf("%+v: offered again\n%s", c, inv)
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "", bodies[1]+"a=recvonly\r\n"))
		if ok, answer := r.told("SIP/2.0 200"); answer.Media[0].RTCPMux || r.side(0).Mux || r.side(1).Mux {
			t.Errorf("%+v: without rtcp-mux answered\n%s", c, ok)
		}
	}
}

// TestRFC5761PickedUp: who picks up a call is agreed with about rtcp-mux by itself, but for where it is between the peers, whose offers then answer each other.
func TestRFC5761PickedUp(t *testing.T) {
	for _, c := range []struct {
		mode, caller, guest, status string
	}{
		{"accept", "", muxed, "200"}, {"accept", muxed, "", "200"},
		{"pass", "", muxed, "488"}, {"pass", muxed, "", "488"}, {"pass", muxed, muxed, "200"}, {"pass", "", "", "200"},
	} {
		r := secured(t, c.mode, c.mode)
		r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]+c.caller), []byte("100rel"), []byte("nothing"), 1))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("180 Ringing", inv, "to", ""))
		r.out.Reset()
		r.in(r.pstn, inPlaceOf(header(inv, "Call-ID"), tagOf(header(inv, "From")), "to", bodies[1]+c.guest))
		status := ""
		for _, s := range r.out.Sends {
			if header(s.Data, "Call-ID") == "other" {
				status = string(s.Data[8:11])
			}
		}
		if status != c.status {
			t.Errorf("%+v: %s", c, status)
		}
	}
}
