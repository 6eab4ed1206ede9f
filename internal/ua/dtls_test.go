package ua_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

var (
	ourPrint   = media.Fingerprint{Hash: "sha-256", Value: strings.Repeat("o", 32)}
	theirPrint = "a=fingerprint:SHA-256 " + strings.TrimSuffix(strings.Repeat("74:", 32), ":") + "\r\n"
)

// shaking is secured with DTLS.
func shaking(t *testing.T, uc, pstn string) *rig {
	t.Helper()
	r := secured(t, uc, pstn)
	r.env.Fingerprint = ourPrint
	return r
}

// withProto is a description with another profile and further lines.
func withProto(body, proto, lines string) string {
	return strings.Replace(body, "RTP/AVP", proto, 1) + lines
}

// linesOf are the attributes of the audio that begin so.
func linesOf(s *sdp.Session, names ...string) (list []string) {
	for name, value := range s.Attributes(0) {
		if slices.Contains(names, name) {
			list = append(list, name+":"+value)
		}
	}
	return list
}

// TestRFC5763_5Answer: an offer of DTLS is answered with our fingerprint and the role that is left to us, in its profile, and the other side hears
// nothing of it.
func TestRFC5763_5Answer(t *testing.T) {
	const own = "fingerprint:sha-256 6F:6F:6F:6F"
	for _, c := range []struct {
		name, mode, proto, lines string
		setup                    string // that we answer; "": no DTLS
		active                   bool
		keys                     int // that we answer
	}{
		{"as browsers do", "accept", "UDP/TLS/RTP/SAVPF", theirPrint + "a=setup:actpass\r\na=rtcp-mux\r\na=rtcp-fb:0 nack\r\n", "passive", false, 0},
		{"the older profile", "accept", "RTP/SAVP", theirPrint + "a=setup:actpass\r\n", "passive", false, 0},
		{"active", "required", "UDP/TLS/RTP/SAVP", theirPrint + "a=setup:active\r\n", "passive", false, 0},
		{"passive", "required", "UDP/TLS/RTP/SAVP", theirPrint + "a=setup:passive\r\n", "active", true, 0},
		{"nothing said: active, RFC 4145 §4", "accept", "UDP/TLS/RTP/SAVP", theirPrint, "passive", false, 0},
		{"both: SDES is ready at once", "accept", "RTP/SAVP", theirPrint + "a=setup:actpass\r\n" + uc80, "", false, 1},
		{"both, and the trunk has DTLS", "accept, srtpKeying: dtls", "RTP/SAVP", theirPrint + "a=setup:actpass\r\n" + uc80, "passive", false, 0},
		{"both, and the profile of DTLS", "accept", "UDP/TLS/RTP/SAVP", theirPrint + "a=setup:actpass\r\n" + uc80, "passive", false, 0},
		{"RTP with DTLS beside it", "accept", "RTP/AVP", theirPrint + "a=setup:actpass\r\n", "passive", false, 0},
		{"RTP alone, although the trunk has DTLS", "accept, srtpKeying: dtls", "RTP/AVP", "", "", false, 0},
		{"feedback alone", "accept", "RTP/AVPF", "a=rtcp-fb:0 nack\r\n", "", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := shaking(t, c.mode, "accept")
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", withProto(bodies[0], c.proto, c.lines)))
			inv, offer := r.told("INVITE")
			if offer.Media[0].Proto != "RTP/AVP" || len(linesOf(offer, "fingerprint", "setup", "crypto", "rtcp-mux", "rtcp-fb", "tls-id")) > 0 {
				t.Errorf("offered\n%s", inv)
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			ok, answer := r.told("SIP/2.0 200")
			if answer.Media[0].Proto != c.proto || len(keysOf(answer)) != c.keys {
				t.Errorf("answered\n%s", ok)
			}
			d, said := r.side(0).DTLS, linesOf(answer, "fingerprint", "setup", "tls-id")
			if c.setup == "" {
				if d != nil || len(said) > 0 {
					t.Errorf("the relay has %+v, answered\n%s", d, ok)
				}
				return
			}
			if len(said) != 2 || !strings.HasPrefix(said[0], own) || said[1] != "setup:"+c.setup {
				t.Errorf("answered\n%s", ok)
			}
			if d == nil || d.Active != c.active || len(d.Peer) != 1 || d.Peer[0].Value != strings.Repeat("t", 32) || d.Peer[0].Hash != "sha-256" || r.side(0).Crypt != nil {
				t.Errorf("the relay has %+v", d)
			}
			if r.side(1).DTLS != nil || r.side(1).Crypt != nil {
				t.Errorf("the relay has %+v toward the other side", r.side(1))
			}
		})
	}
}

// TestRFC8842Passes: where keys are between the peers so are their fingerprints, roles and names, and the relay has no handshake of its own.
func TestRFC8842Passes(t *testing.T) {
	r := shaking(t, "pass", "pass")
	r.out.Reset()
	lines := theirPrint + "a=setup:actpass\r\na=tls-id:" + strings.Repeat("x", 20) + "\r\n"
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", withProto(bodies[0], "UDP/TLS/RTP/SAVP", lines)))
	inv, offer := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", withProto(bodies[1], "UDP/TLS/RTP/SAVP", strings.Replace(lines, "actpass", "active", 1))))
	ok, answer := r.told("SIP/2.0 200")
	for i, s := range []*sdp.Session{offer, answer} {
		setup := []string{"actpass", "active"}[i]
		if got := strings.Join(linesOf(s, "fingerprint", "setup", "tls-id"), "\r\na="); s.Media[0].Proto != "UDP/TLS/RTP/SAVP" ||
			"a="+got+"\r\n" != strings.Replace(lines, "actpass", setup, 1) {
			t.Errorf("said\n%s\n%s", inv, ok)
		}
		if side := r.side(i); side.DTLS != nil || side.Crypt != nil || !r.session.Streams[0].Sealed {
			t.Errorf("the relay has %+v", side)
		}
	}
}

// TestRFC5763_5Offer: what a trunk offers by its mode and keying, and what an answer makes of it.
func TestRFC5763_5Offer(t *testing.T) {
	for _, c := range []struct {
		name, settings, proto string
		keys                  int  // that we offer
		dtls                  bool // that we offer
		answer, lines         string
		active                bool // our role
		refused, plain, sdes  bool
	}{
		{"SDES", "required", "RTP/SAVP", 4, false, "RTP/SAVP", uc80t(1), false, false, false, true},
		{"DTLS, the peer begins", "required, srtpKeying: dtls", "UDP/TLS/RTP/SAVP", 0, true, "UDP/TLS/RTP/SAVP", theirPrint + "a=setup:active\r\n", false, false, false, false},
		{"DTLS, we begin", "required, srtpKeying: dtls", "UDP/TLS/RTP/SAVP", 0, true, "UDP/TLS/RTP/SAVP", theirPrint + "a=setup:passive\r\n", true, false, false, false},
		{"DTLS, no fingerprint", "required, srtpKeying: dtls", "UDP/TLS/RTP/SAVP", 0, true, "UDP/TLS/RTP/SAVP", "a=setup:active\r\n", false, true, false, false},
		{"DTLS, a fingerprint of MD5", "required, srtpKeying: dtls", "UDP/TLS/RTP/SAVP", 0, true, "UDP/TLS/RTP/SAVP",
			"a=fingerprint:md5 " + strings.TrimSuffix(strings.Repeat("74:", 16), ":") + "\r\n", false, true, false, false},
		{"DTLS, answered RTP", "required, srtpKeying: dtls", "UDP/TLS/RTP/SAVP", 0, true, "RTP/AVP", "", false, true, false, false},
		{"both, SDES", "required, srtpKeying: both", "RTP/SAVP", 4, true, "RTP/SAVP", uc80t(1), false, false, false, true},
		{"both, DTLS", "required, srtpKeying: both", "RTP/SAVP", 4, true, "RTP/SAVP", theirPrint + "a=setup:active\r\n", false, false, false, false},
		{"DTLS beside RTP, taken", "optional, srtpKeying: dtls", "RTP/AVP", 0, true, "RTP/AVP", theirPrint + "a=setup:active\r\n", false, false, false, false},
		{"DTLS beside RTP, not taken", "optional, srtpKeying: dtls", "RTP/AVP", 0, true, "RTP/AVP", "", false, false, true, false},
		{"DTLS unasked", "accept", "RTP/AVP", 0, false, "RTP/AVP", theirPrint + "a=setup:active\r\n", false, false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := shaking(t, "accept", c.settings)
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
			inv, offer := r.told("INVITE")
			said := linesOf(offer, "setup")
			if offer.Media[0].Proto != c.proto || len(keysOf(offer)) != c.keys || offer.Media[0].Fingerprint != c.dtls || offer.Media[0].RTCPMux != c.dtls ||
				c.dtls && (len(said) != 1 || said[0] != "setup:actpass") {
				t.Errorf("offered\n%s", inv)
			}
			if pending := r.side(1); c.dtls && (pending.DTLS == nil || len(pending.DTLS.Peer) > 0) || (c.keys > 0 || c.dtls) && pending.Crypt == nil {
				t.Errorf("before the answer the relay has %+v", pending)
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", withProto(bodies[1], c.answer, c.lines)))
			if c.refused {
				r.told("BYE")
				r.told("SIP/2.0 488")
				return
			}
			ok, answer := r.told("SIP/2.0 200")
			if answer.Media[0].Proto != "RTP/AVP" || len(linesOf(answer, "fingerprint", "setup", "crypto", "rtcp-mux", "tls-id")) > 0 {
				t.Errorf("the caller is told\n%s", ok)
			}
			d := r.side(1).DTLS
			switch {
			case c.plain && (d != nil || r.side(1).Crypt != nil), c.sdes && (d != nil || r.side(1).Crypt == nil || r.side(1).Crypt.Suite == 0):
				t.Errorf("the relay has %+v", r.side(1))
			case !c.plain && !c.sdes && (d == nil || d.Active != c.active || len(d.Peer) != 1 || len(d.Suites) != 4 || r.side(1).Crypt != nil):
				t.Errorf("the relay has %+v", d)
			}
		})
	}
}

// TestRFC5763_6_2SaidAgain: an INVITE that goes by UDP after all, or to the next address, is offered with the keys of before: the relay waits for them as after the first, so that a handshake
// which begins before the answer is here is not lost, and nothing passes in clear.
func TestRFC5763_6_2SaidAgain(t *testing.T) {
	for settings, dtls := range map[string]bool{"required": false, "required, srtpKeying: dtls": true, "required, srtpKeying: both": true, "optional, srtpKeying: both": true} {
		r := shaking(t, "accept", settings+", ice: full, udpMaxRequest: 500")
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		for _, transport := range []sip.Transport{sip.TCP, sip.UDP} {
			last := r.out.Sends[len(r.out.Sends)-1]
			if !strings.HasPrefix(string(last.Data), "INVITE ") || last.Hop.Transport != transport {
				t.Fatalf("by %v\n%s", last.Hop.Transport, last.Data)
			}
			if pending := r.side(1); pending.Crypt == nil || dtls != (pending.DTLS != nil) {
				t.Errorf("%s, by %v: the relay has %+v", settings, transport, pending)
			}
			if transport == sip.TCP {
				r.out.Media = r.out.Media[:0]
				r.core.SendFailed(r.now, last.CallID, last.Branch, "connection refused", &r.out)
				r.relays()
			}
		}
	}
}

// TestRFC8842AfterT38: who comes back from T.38 to the association that it had finds our name for it and our role in it as they were.
func TestRFC8842AfterT38(t *testing.T) {
	const fax = "v=0\r\no=x 1 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"
	r := shaking(t, "accept", "accept")
	offer := withProto(bodies[0], "UDP/TLS/RTP/SAVP", theirPrint+"a=setup:passive\r\na=tls-id:aaaaaaaaaaaaaaaaaaaaaaaa\r\n")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", offer))
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, answer := r.told("SIP/2.0 200")
	tag, first := tagOf(header(ok, "To")), r.side(0).DTLS
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	change := func(seq, body, answered string) *sdp.Session {
		t.Helper()
		r.out.Reset()
		r.in(r.uc, request("INVITE", seq, "i"+seq, "call", "from", tag, body))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "", answered))
		_, said := r.told("SIP/2.0 200")
		r.in(r.uc, request("ACK", seq, "a"+seq, "call", "from", tag, ""))
		return said
	}
	change("2", fmt.Sprintf(fax, 2, "192.0.2.1", "192.0.2.1"), fmt.Sprintf(fax, 2, "192.0.2.2", "192.0.2.2"))
	if r.side(0).DTLS != nil || !r.session.Streams[0].Opaque {
		t.Fatalf("the relay has %+v", r.side(0))
	}
	said := change("3", strings.Replace(offer, "setup:passive", "setup:actpass", 1), bodies[1])
	if got, was := linesOf(said, "tls-id", "setup"), linesOf(answer, "tls-id", "setup"); !slices.Equal(got, was) || !r.side(0).DTLS.Same(first) {
		t.Errorf("we say %s, before it was %s; the relay has %+v", got, was, r.side(0).DTLS)
	}
}

// uc80t is an answer with the key of the caller's offer and another tag.
func uc80t(tag int) string {
	return strings.Replace(uc80, "crypto:3", "crypto:"+string(rune('0'+tag)), 1)
}

// TestRFC8842Association: a refresh changes nothing; another fingerprint or name of the association asks for another handshake, has another name of ours
// (RFC 8842 §5.3), and goes no further.
func TestRFC8842Association(t *testing.T) {
	r := shaking(t, "accept", "accept")
	offer := withProto(bodies[0], "UDP/TLS/RTP/SAVP", theirPrint+"a=setup:actpass\r\na=tls-id:aaaaaaaaaaaaaaaaaaaaaaaa\r\n")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", offer))
	inv, told := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, answer := r.told("SIP/2.0 200")
	first, names := r.side(0).DTLS, linesOf(answer, "tls-id")
	if len(names) != 1 || len(names[0]) < len("tls-id:")+20 {
		t.Errorf("answered\n%s", ok)
	}
	tag := tagOf(header(ok, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	r.out.Reset()
	r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tag, offer))
	if _, again := r.told("SIP/2.0 200"); again.Body() != answer.Body() || !r.side(0).DTLS.Same(first) {
		t.Errorf("a refresh is answered\n%s", again.Body())
	}
	r.in(r.uc, request("ACK", "2", "a2", "call", "from", tag, ""))
	for i, change := range []*strings.Replacer{strings.NewReplacer("74:74:74", "75:75:75"), strings.NewReplacer("aaaa", "bbbb")} {
		seq := string(rune('3' + i))
		r.out.Reset()
		r.in(r.uc, request("INVITE", seq, "i"+seq, "call", "from", tag, change.Replace(offer)))
		inv, passed := r.told("INVITE")
		if passed.Body() != told.Body() {
			t.Errorf("the callee is told\n%s", passed.Body())
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "", bodies[1]))
		_, answer := r.told("SIP/2.0 200")
		r.in(r.uc, request("ACK", seq, "a"+seq, "call", "from", tag, ""))
		if d := r.side(0).DTLS; d.Same(first) {
			t.Errorf("the relay keeps its association after change %d", i)
		}
		now := linesOf(answer, "tls-id")
		if len(now) != 1 || slices.Equal(now, names) {
			t.Errorf("after change %d we call it %s, before it was %s", i, now, names)
		}
		names = now
	}
	r.out.Reset()
	r.in(r.uc, request("INVITE", "5", "i5", "call", "from", tag, strings.ReplaceAll(offer, "aaaa", "bbbb")))
	if _, again := r.told("SIP/2.0 200"); !slices.Equal(linesOf(again, "tls-id"), names) {
		t.Errorf("a refresh is answered\n%s", again.Body())
	}
}
