package ua_test

import (
	"bytes"
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

// besides is document with a trunk that names a codec that passes and one that is converted to.
func besides(settings string) string {
	return strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [G729, PCMA]`+settings+"}\n  "+`"trunk:uc": {`, 1)
}

// What each side speaks in the tests below; G729 has no name, as it passes.
var (
	others = media.Format{PayloadType: 18, Clock: 8000}
	muLaw  = media.Format{PayloadType: 0, Codec: media.PCMU, Clock: 8000}
	aLaw   = media.Format{PayloadType: 8, Codec: media.PCMA, Clock: 8000}
)

// speak checks how the relay was told that the sides speak; nil: as it comes.
func (r *rig) speak(when string, want [2][]media.Format) {
	r.b.Helper()
	for k, want := range want {
		switch side := r.side(k); {
		case want == nil && side.Speech != nil:
			r.b.Errorf("%s, side %d speaks %v, want what comes", when, k, side.Speech.Formats)
		case want != nil && (side.Speech == nil || !slices.Equal(side.Speech.Formats, want)):
			r.b.Errorf("%s, side %d speaks %+v, want %v", when, k, side.Speech, want)
		}
		for _, f := range want {
			if !r.side(k).Agreed.Has(f.PayloadType) {
				r.b.Errorf("%s, side %d has not agreed to %v", when, k, f)
			}
		}
	}
}

// says checks the formats of what was sent last, and returns it.
func (r *rig) says(line, formats string) []byte {
	r.b.Helper()
	data, s := r.told(line)
	if got := strings.Join(s.Media[0].Formats, " "); got != formats {
		r.b.Errorf("%s has formats %s, want %s", line, got, formats)
	}
	r.out.Reset()
	return data
}

// TestMED02BesideOthers: a caller who has G729 and PCMU calls a trunk that has G729 and PCMA. What both have passes, whether it is alone or not, and
// what the caller does not have becomes what it has; so it is when either side says all of it again, and in early media.
func TestMED02BesideOthers(t *testing.T) {
	passes := [2][]media.Format{}
	for _, c := range []struct {
		name, answer, told, asked string // by the target, to the caller, and of the caller by the target
		want                      [2][]media.Format
		in, out                   string // codecs in the record
	}{
		{"that which passes", "18", "18", "18", passes, "G729", "G729"},
		{"the other", "8", "0", "8 0", [2][]media.Format{{muLaw}, {aLaw}}, "PCMU", "PCMA"},
		{"both", "18 8", "18 0", "18 8 0", [2][]media.Format{{others, muLaw}, {others, aLaw}}, "G729", "G729"},
		{"both, rather the other", "8 18", "0 18", "8 18 0", [2][]media.Format{{muLaw, others}, {aLaw, others}}, "PCMU", "PCMA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rigOf(t, besides(""))
			r.in(r.uc, []byte(strings.Replace(string(request("INVITE", "1", "i1", "call", "from", "", speaking(bodies[0], "18 0"))), "100rel, ", "", 1)))
			inv := r.says("INVITE", "18 8")
			r.in(r.pstn, response("183 Session Progress", inv, "to", speaking(bodies[1], c.answer)))
			r.says("SIP/2.0 183", c.told)
			r.speak("early", c.want)
			r.in(r.pstn, response("200 OK", inv, "to", speaking(bodies[1], c.answer)))
			ours := tagOf(header(r.says("SIP/2.0 200", c.told), "To"))
			r.speak("answered", c.want)
			r.in(r.uc, request("ACK", "1", "a1", "call", "from", ours, ""))
			r.out.Reset()
			r.in(r.uc, request("INVITE", "2", "i2", "call", "from", ours, strings.Replace(speaking(bodies[0], "18 0"), "sendrecv", "sendonly", 1)))
			again := r.says("INVITE", "18 8")
			r.in(r.pstn, response("200 OK", again, "", strings.Replace(speaking(bodies[1], c.answer), "sendrecv", "recvonly", 1)))
			r.says("SIP/2.0 200", c.told)
			r.speak("held by the caller", c.want)
			r.in(r.uc, request("ACK", "2", "a2", "call", "from", ours, ""))
			r.out.Reset()
			hold := request("INVITE", "1", "i3", header(inv, "Call-ID"), "to", tagOf(header(inv, "From")), strings.Replace(speaking(bodies[1], c.answer), "sendrecv", "sendonly", 1))
			r.in(r.pstn, bytes.Replace(hold, []byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1))
			again = r.says("INVITE", c.asked)
			r.in(r.uc, response("200 OK", again, "", strings.Replace(speaking(bodies[0], c.told), "sendrecv", "recvonly", 1)))
			r.says("SIP/2.0 200", c.answer)
			r.speak("held by the target", c.want)
			r.in(r.uc, request("BYE", "3", "b3", "call", "from", ours, ""))
			if rec := r.out.Records[0]; rec.In.Codec != c.in || rec.Out.Codec != c.out {
				t.Errorf("the record has %s in and %s out", rec.In.Codec, rec.Out.Codec)
			}
		})
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
	rec, found := r.core.Measured(r.now, r.core.Running()[0], &st)
	if !found || len(rec.Media) == 0 || rec.Media[0].Quality == nil || rec.Media[0].Quality.Codec != "opus" {
		t.Errorf("%v: %+v", found, rec.Media)
	}
}

// TestMED02TransferOfWhoIsConverted: a telephone with Opus alone sends its party, who speaks PCMA, to somebody else. Who is called is offered what the party speaks, and nothing is converted any more if
// it takes that; what the telephone spoke stands behind, for another one like it.
func TestMED02TransferOfWhoIsConverted(t *testing.T) {
	const opus = "m=audio 7078 RTP/AVP 96 97 98\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/48000\r\na=rtpmap:98 telephone-event/8000\r\n"
	law := func(events string) string {
		return "m=audio 7078 RTP/AVP 8 " + events + "\r\na=rtpmap:" + events + " telephone-event/8000\r\n"
	}
	transfer := func(t *testing.T) (r *rig, callee *end, invite []byte) {
		r = rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA]}`+"\n  "+`"trunk:uc": {acceptRefer: true, codecs: [opus], `,
			"trunkSettings:", "  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:",
			"routes:", "routes:\n"+`  - {name: third, pattern: '^\+14255550123$', usages: [all], trunks: [third]}`).Replace(document))
		r.env.Opus = true
		caller, callee := r.endsOf(described(0, 0, opus), described(1, 0, law("98")))
		caller.ack(1)
		invite = refer(r, caller)
		_, offer := r.told("INVITE")
		var names []string
		for _, c := range offer.Media[0].Codecs {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != "PCMA opus telephone-event" {
			t.Fatalf("the target is offered %s:\n%s", got, invite)
		}
		r.out.Reset()
		return r, callee, invite
	}
	t.Run("to PCMA", func(t *testing.T) {
		r, callee, invite := transfer(t)
		r.in(thirdSource, response("200 OK", invite, "target", described(2, 0, law("98"))))
		callee.answers("200 OK", r.says("INVITE", "8 98"), described(1, 1, law("98")))
		r.speak("with PCMA on both sides", [2][]media.Format{})
	})
	t.Run("to Opus", func(t *testing.T) {
		r, callee, invite := transfer(t)
		r.in(thirdSource, response("200 OK", invite, "target", described(2, 0, opus)))
		inv, offer := r.told("INVITE")
		if !offer.Media[0].Codecs[0].Is("PCMA") {
			t.Fatalf("who stays is offered\n%s", inv)
		}
		callee.answers("200 OK", inv, described(1, 1, law("98")))
		for side, codec := range []media.Codec{media.Opus, media.PCMA} {
			if s := r.side(side).Speech; s == nil || s.Formats[0].Codec != codec {
				t.Errorf("side %d speaks %+v", side, s)
			}
		}
	})
}
