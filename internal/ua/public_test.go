package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// behindNAT is a rig whose UC platform knows the server as 203.0.113.1 and its media as 203.0.113.2; the gateway knows both as they are.
func behindNAT(t *testing.T, settings string) *rig {
	t.Helper()
	doc := strings.Replace(document, "mediaPorts:", "interfaces: {internet: {media: [192.0.2.11], public: [203.0.113.1], publicMedia: [203.0.113.2]}}, mediaPorts:", 1)
	doc = strings.Replace(doc, "kind: uc,", "kind: uc, interface: internet,", 1)
	return rigOf(t, strings.Replace(doc, `"trunk:uc": {`, `"trunk:uc": {`+settings, 1))
}

// asKnown is a request of the platform, to us as it knows us.
func asKnown(req []byte) []byte {
	return bytes.ReplaceAll(req, []byte("@192.0.2.10"), []byte("@203.0.113.1"))
}

// TestTOP12_BehindNAT: whatever we say of ourselves to who is before a NAT has our public addresses, and what the relay is told has our own.
func TestTOP12_BehindNAT(t *testing.T) {
	r := behindNAT(t, "ice: lite, ringback: generate, ")
	r.out.Reset()
	r.in(r.uc, asKnown(request("INVITE", "1", "i1", "call", "from", "", bodies[0]+theirICE("abcd"))))
	inv, offer := r.told("INVITE")
	if s := string(inv); strings.Contains(s, "203.0.113.1") || strings.Contains(s, "203.0.113.2") || !strings.Contains(s, "c=IN IP4 192.0.2.10\r\n") {
		t.Errorf("the gateway is told\n%s", s)
	}
	if offer.Media[0].Conn.String() != "192.0.2.10" {
		t.Errorf("media to %s", offer.Media[0].Conn)
	}
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	ringing, _ := r.told("SIP/2.0 183")
	if s := string(ringing); strings.Contains(s, "192.0.2.1") || !strings.Contains(s, "c=IN IP4 203.0.113.2\r\n") {
		t.Errorf("while it rings the platform is told\n%s", s)
	}
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, answer := r.told("SIP/2.0 200")
	if s := string(ok); strings.Contains(s, "192.0.2.1") || !strings.Contains(s, "<sip:203.0.113.1:5060>") {
		t.Errorf("the platform is told\n%s", s)
	}
	if _, candidates := creds(answer); len(candidates) != 2 || !strings.Contains(candidates[0], " 203.0.113.2 ") || !strings.Contains(candidates[1], " 203.0.113.2 ") {
		t.Errorf("candidates %q", candidates)
	}
	if a, b := r.side(0).Local.Addr().String(), r.side(1).Local.Addr().String(); a != "192.0.2.11" || b != "192.0.2.10" {
		t.Errorf("the relay has %s and %s", a, b)
	}
	tag := tagOf(header(ok, "To"))
	r.in(r.uc, asKnown(request("ACK", "1", "a1", "call", "from", tag, "")))
	rec, _ := r.core.Measured(r.now, r.core.Running()[0], &media.Stats{Streams: make([]media.StreamStats, 1)})
	for i, want := range [2][2]string{{"203.0.113.2", "192.0.2.11"}, {"192.0.2.10", ""}} {
		e, host := rec.Media[i].Evidence, func(at string) string { h, _, _ := strings.Cut(at, ":"); return h }
		if host(e.Ours) != want[0] || host(e.Here) != want[1] {
			t.Errorf("the record says that the %s was told %s, which is %q here; want %v", rec.Media[i].From, e.Ours, e.Here, want)
		}
	}
	r.out.Reset() // and what it is told of video that the gateway refuses
	r.in(r.uc, asKnown(request("INVITE", "2", "i2", "call", "from", tag, bodies[0]+"m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")))
	again, _ := r.told("INVITE")
	r.in(r.pstn, response("488 Not Acceptable Here", again, "to", ""))
	for i := range r.out.Sends {
		if s := string(r.out.Sends[i].Data); strings.HasPrefix(s, "SIP/2.0 ") && strings.Contains(s, "192.0.2.1") {
			t.Errorf("the platform is told\n%s", s)
		}
	}
}
