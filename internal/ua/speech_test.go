package ua_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// speaking is a description whose audio has other formats, all of them static.
func speaking(body, formats string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		switch {
		case strings.HasPrefix(line, "m="):
			b.WriteString("m=audio 49170 RTP/AVP " + formats + "\r\n")
		case !strings.HasPrefix(line, "a=rtpmap") && !strings.HasPrefix(line, "a=fmtp"):
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestMED02BesideOthers: a target takes a codec that both sides have but the relay does not convert, and one that it alone has. The caller is told of
// the first, whose packets pass as they are.
func TestMED02BesideOthers(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [G729, PCMU, PCMA]}`+"\n  "+`"trunk:uc": {`, 1))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", speaking(bodies[0], "18 0")))
	inv, offer := r.told("INVITE")
	if !slices.Equal(offer.Media[0].Formats, []string{"18", "0", "8"}) {
		t.Fatalf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", speaking(bodies[1], "18 8")))
	ok, answer := r.told("SIP/2.0 200")
	if !slices.Equal(answer.Media[0].Formats, []string{"18"}) {
		t.Fatalf("answered\n%s", ok)
	}
	other, law := media.Format{PayloadType: 18, Clock: 8000}, media.Format{PayloadType: 8, Codec: media.PCMA, Clock: 8000}
	for k, want := range [2][]media.Format{{other}, {other, law}} {
		side := r.side(k)
		if side.Speech == nil || !slices.Equal(side.Speech.Formats, want) || !side.Agreed.Has(18) {
			t.Errorf("side %d speaks %+v, agreed are %v", k, side.Speech, side.Agreed)
		}
	}
}

// TestTRK03PassesUntouched: where keys pass from peer to peer nothing is done to packets, whatever the trunks say of speech and a peer of notes that are
// ours alone.
func TestTRK03PassesUntouched(t *testing.T) {
	for _, note := range []string{"", "a=directsip-speech:20 0/PCMU/8000\r\n", "a=directsip-speech:offer\r\n"} {
		r := secured(t, "pass, signalBoost: 6", "pass, signalBoost: 6")
		offer := keyed(bodies[0], uc80+note)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", offer))
		check := func(when string) {
			t.Helper()
			for k := range 2 {
				if s := r.side(k); s.Speech != nil || !r.session.Streams[0].Sealed {
					t.Errorf("%q, %s: side %d has %+v, sealed: %v", note, when, k, s.Speech, r.session.Streams[0].Sealed)
				}
			}
		}
		check("called")
		inv, told := r.told("INVITE")
		if keys := keysOf(told); len(keys) != 1 || "a=crypto:"+keys[0]+"\r\n" != uc80 || strings.Contains(told.Body(), "directsip-speech") {
			t.Errorf("offered\n%s", inv)
		}
		r.in(r.pstn, response("200 OK", inv, "to", keyed(bodies[1], uc80b+note)))
		check("answered")
	}
}

// TestMED02CodecOfWhoStays: after a transfer who stays speaks its own codec still, and is rated by it.
func TestMED02CodecOfWhoStays(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA]}`+"\n  "+`"trunk:uc": {codecs: [opus], `, 1))
	r.env.Opus = true
	opus := speaking(bodies[0], "111") + "a=rtpmap:111 opus/48000/2\r\n"
	law := speaking(bodies[1], "8")
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", opus))
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("200 OK", inv, "to", law))
	ok, _ := r.told("SIP/2.0 200")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	r.out.Reset()
	r.in(r.pstn, inPlaceOf(header(inv, "Call-ID"), tagOf(header(inv, "From")), "to", law))
	inv, offer := r.told("INVITE")
	if len(offer.Media[0].Codecs) != 1 || !offer.Media[0].Codecs[0].Is("opus") {
		t.Fatalf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.uc, response("200 OK", inv, "", strings.ReplaceAll(opus, "111", offer.Media[0].Formats[0])))
	if ok, answer := r.told("SIP/2.0 200"); !slices.Equal(answer.Media[0].Formats, []string{"8"}) {
		t.Fatalf("answered\n%s", ok)
	}
	st := media.Stats{Streams: make([]media.StreamStats, 1)}
	n := &st.Streams[0].From[0]
	n.Packets, n.Sources, n.PayloadType = 100, 1, offer.Media[0].Codecs[0].PT
	rec, found := r.core.Measured(r.now, r.core.Calls()[0].ID, &st)
	if !found || len(rec.Media) == 0 || rec.Media[0].Quality == nil || rec.Media[0].Quality.Codec != "opus" {
		t.Errorf("%v: %+v", found, rec.Media)
	}
}
