package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

const (
	uc80   = "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31\r\n"
	uc80b  = "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:QUJfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31\r\n"
	strong = "a=crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)

// secured is a rig whose trunks have an srtpMode each.
func secured(t *testing.T, uc, pstn string) *rig {
	t.Helper()
	return rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {srtpMode: `+pstn+`}`+"\n  "+`"trunk:uc": {srtpMode: `+uc+`, `, 1))
}

// keyed is a description with SRTP.
func keyed(body, lines string) string {
	return strings.Replace(body, "RTP/AVP", "RTP/SAVP", 1) + lines
}

// told is the one message of the last batch that begins so, and its description.
func (r *rig) told(line string) (data []byte, s *sdp.Session) {
	r.b.Helper()
	for i := range r.out.Sends {
		if data = r.out.Sends[i].Data; bytes.HasPrefix(data, []byte(line)) {
			m, err := sip.Parse(data, nil)
			if err != nil {
				r.b.Fatal(err)
			}
			body, _ := m.SDP()
			if s, err = sdp.Parse(body); err != nil && body != "" {
				r.b.Fatalf("%v\n%s", err, data)
			}
			return data, s
		}
	}
	r.b.Fatalf("no %q", line)
	return nil, nil
}

// side is what the relay was last told of a side.
func (r *rig) side(i int) *media.Side { return &r.session.Streams[0].Side[i] }

// keysOf are the a=crypto lines of the audio.
func keysOf(s *sdp.Session) (list []string) {
	for name, value := range s.Attributes(0) {
		if name == "crypto" {
			list = append(list, value)
		}
	}
	return list
}

// TestTRK03SuiteAndTag: of the offered lines the first with a suite of ours is answered by its tag; the other side is offered all of ours, and
// what it chooses counts. A repeated description keeps keys and version, a new key of the peer goes no further.
func TestTRK03SuiteAndTag(t *testing.T) {
	r := secured(t, "required", "required")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", keyed(bodies[0], strong+uc80)))
	inv, offer := r.told("INVITE")
	if keys := keysOf(offer); offer.Media[0].Proto != "RTP/SAVP" || len(keys) != 4 || strings.Contains(strings.Join(keys, " "), "WVNf") {
		t.Fatalf("offered %s %q", offer.Media[0].Proto, keys)
	}
	theirs := "a=crypto:" + sdp.FormatCrypto(2, "AEAD_AES_256_GCM", strings.Repeat("k", 44)) + "\r\n"
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", keyed(bodies[1], theirs)))
	ok, answer := r.told("SIP/2.0 200")
	keys := keysOf(answer)
	if answer.Media[0].Proto != "RTP/SAVP" || len(keys) != 1 || !strings.HasPrefix(keys[0], "3 AES_CM_128_HMAC_SHA1_80 inline:") || strings.Contains(keys[0], "WVNf") {
		t.Fatalf("answered %s %q", answer.Media[0].Proto, keys)
	}
	tag := tagOf(header(ok, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))

	r.out.Reset()
	r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tag, keyed(bodies[0], strong+uc80)))
	if again, same := r.told("SIP/2.0 200"); keysOf(same)[0] != keys[0] || same.Origin.Version != answer.Origin.Version {
		t.Errorf("a refresh is answered\n%s", again)
	}
	r.in(r.uc, request("ACK", "2", "a2", "call", "from", tag, ""))

	r.out.Reset()
	r.in(r.uc, request("INVITE", "3", "i3", "call", "from", tag, keyed(bodies[0], strong+uc80b)))
	inv, renewed := r.told("INVITE")
	if renewed.Body() != offer.Body() {
		t.Errorf("of another key of the caller the callee is told\n%s\nwas\n%s", renewed.Body(), offer.Body())
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "", keyed(bodies[1], theirs)))
	if _, now := r.told("SIP/2.0 200"); keysOf(now)[0] != keys[0] {
		t.Errorf("our key became %q", keysOf(now))
	}
	side := r.side(0)
	if side.Crypt == nil || side.Crypt.Recv[0].Key[:2] != "AB" || r.side(1).Crypt.Suite.String() != "AEAD_AES_256_GCM" {
		t.Errorf("the relay has %v and %v", side.Crypt, r.side(1).Crypt)
	}
}

// TestTRK03TagTwice: of two lines with one tag the one counts that can be used, for the relay too.
func TestTRK03TagTwice(t *testing.T) {
	r := secured(t, "accept", "accept")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", keyed(bodies[0], strings.Replace(strong, "crypto:1", "crypto:3", 1)+uc80)))
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	if ok, answer := r.told("SIP/2.0 200"); len(keysOf(answer)) != 1 || r.side(0).Crypt == nil || r.side(0).Crypt.Suite.String() != "AES_CM_128_HMAC_SHA1_80" {
		t.Errorf("the relay has %v, answered\n%s", r.side(0).Crypt, ok)
	}
}

// TestTRK03BadAnswers: an answer that is not of our offer ends the call.
func TestTRK03BadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"RTP":               bodies[1],
		"SRTP without keys": keyed(bodies[1], ""),
		"a tag that was not offered": keyed(bodies[1],
			"a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
		"another suite under a tag": keyed(bodies[1],
			"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := secured(t, "accept", "required")
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
			inv, _ := r.told("INVITE")
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", answer))
			r.told("ACK")
			r.told("BYE")
			r.told("SIP/2.0 488")
		})
	}
}

// TestTRK03Offerless: where the caller makes no offer, the target's is taken by its trunk and the caller is offered by that of its own.
func TestTRK03Offerless(t *testing.T) {
	r := secured(t, "required", "accept")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", ""))
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", keyed(bodies[1], uc80)))
	ok, offer := r.told("SIP/2.0 200")
	if keys := keysOf(offer); offer.Media[0].Proto != "RTP/SAVP" || len(keys) != 4 || strings.Contains(strings.Join(keys, " "), "WVNf") {
		t.Fatalf("offered\n%s", ok)
	}
	r.out.Reset()
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), keyed(bodies[0],
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n")))
	ack, answer := r.told("ACK")
	if keys := keysOf(answer); answer.Media[0].Proto != "RTP/SAVP" || len(keys) != 1 || !strings.HasPrefix(keys[0], "3 ") {
		t.Errorf("answered\n%s", ack)
	}
	if a, b := r.side(0).Crypt, r.side(1).Crypt; a == nil || b == nil || a.Recv[0].Key[:2] != "AB" || b.Recv[0].Key[:2] != "YS" {
		t.Errorf("the relay has %v and %v", a, b)
	}
}

// TestTRK03Optional: RTP is offered with keys beside it, and what comes decides. Until it comes nothing passes.
func TestTRK03Optional(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := secured(t, "accept", "optional")
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, offer := r.told("INVITE")
		if offer.Media[0].Proto != "RTP/AVP" || len(keysOf(offer)) != 4 {
			t.Fatalf("offered\n%s", inv)
		}
		if c := r.side(1).Crypt; c == nil || c.Suite != 0 {
			t.Errorf("before the answer the relay has %v", c)
		}
		answer := bodies[1]
		if secure {
			answer = bodies[1] + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", answer))
		ok, said := r.told("SIP/2.0 200")
		if said.Media[0].Proto != "RTP/AVP" || len(keysOf(said)) != 0 {
			t.Errorf("the caller is told\n%s", ok)
		}
		if c := r.side(1).Crypt; (c != nil) != secure {
			t.Errorf("the relay has %v", c)
		}
	}
}

// TestTRK03RefreshedInRTP: a caller that has called in RTP, though its trunk has SRTP as well, is asked with keys when we refresh its session, and goes on in RTP until it has taken them.
func TestTRK03RefreshedInRTP(t *testing.T) {
	for _, settings := range []string{"optional", "optional, srtpKeying: dtls", "optional, srtpKeying: dtls, ice: lite"} {
		for answer, keyed := range map[string]bool{bodies[0]: false, bodies[0] + strings.Replace(uc80, "crypto:3", "crypto:1", 1): !strings.Contains(settings, "dtls")} {
			r := secured(t, settings, "accept")
			r.env.Fingerprint = ourPrint
			caller, _ := r.acknowledged()
			caller.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
			r.pass(60e9)
			caller.answers("501 Not Implemented", r.first("UPDATE"), "")
			r.pass(10e9)
			refresh, offer := r.told("INVITE")
			r.relays()
			if keys := len(keysOf(offer)) > 0 || len(linesOf(offer, "fingerprint")) > 0; !keys || r.side(0).Crypt != nil || r.side(0).DTLS != nil || r.side(0).ICE != nil {
				t.Errorf("%s: offered\n%s\nthe relay has %+v", settings, refresh, r.side(0))
			}
			if !keyed {
				answer = bodies[0]
			}
			caller.answers("200 OK", refresh, answer, "Supported: timer", "Session-Expires: 120;refresher=uac")
			if c := r.side(0).Crypt; keyed != (c != nil && len(c.Recv) == 1) || !keyed && c != nil || r.side(0).DTLS != nil {
				t.Errorf("%s, answered %v: the relay has %+v", settings, keyed, r.side(0))
			}
		}
	}
}

// TestTRK03Emergency: an emergency call is taken with whatever its caller has (NEW-18), and the trunk that it leaves by keeps its own.
func TestTRK03Emergency(t *testing.T) {
	r := rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {srtpMode: required}`+"\n  "+`"trunk:uc": {srtpMode: required, `,
		"routes:", "emergency: [{number: 112, usage: all}]\nroutes:\n  - {name: sos, pattern: '^112$', usages: [all], trunks: [pstn]}").Replace(document))
	r.out.Reset()
	r.in(r.uc, bytes.ReplaceAll(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("+14255550100"), []byte("112")))
	inv, offer := r.told("INVITE")
	if offer.Media[0].Proto != "RTP/SAVP" {
		t.Errorf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", keyed(bodies[1], "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n")))
	if ok, answer := r.told("SIP/2.0 200"); answer.Media[0].Proto != "RTP/AVP" || len(keysOf(answer)) != 0 {
		t.Errorf("answered\n%s", ok)
	}
	r.out.Reset()
	r.in(r.uc, bytes.ReplaceAll(request("INVITE", "1", "i2", "call2", "from", "", ""), []byte("+14255550100"), []byte("112")))
	inv, _ = r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", keyed(bodies[1], uc80)))
	if ok, offer := r.told("SIP/2.0 200"); offer.Media[0].Proto != "RTP/SAVP" || len(keysOf(offer)) != 4 { // it has not said that it wants RTP
		t.Errorf("offered\n%s", ok)
	}
}

// TestRFC4568_6_1: of a line whose keys cannot be told apart the next one is taken; with names of their own both keys open.
func TestRFC4568_6_1(t *testing.T) {
	const a, b = "inline:QUJfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|", "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|"
	for _, c := range []struct {
		keys, tag string
		open      int
	}{{a + "1:4;" + b + "1:4", "2", 1}, {a + "1:4;" + b + "2:4", "1", 2}, {a + "1:4;" + b + "1:2", "2", 1}} {
		r := secured(t, "accept", "notSupported")
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", keyed(bodies[0], "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+c.keys+"\r\n"+strings.Replace(uc80, "crypto:3", "crypto:2", 1))))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, answer := r.told("SIP/2.0 200")
		if keys := keysOf(answer); len(keys) != 1 || !strings.HasPrefix(keys[0], c.tag+" ") || len(r.side(0).Crypt.Recv) != c.open {
			t.Errorf("%s: answered\n%s", c.keys, ok)
		}
	}
}

// The seat of who asks for a transfer is that of the target when that has answered, and not before: who stays hears the referrer's music until then, and the call goes on where the
// target does not take it. So what the target is offered says nothing of the media that flow.
func TestTransferToATargetWithKeys(t *testing.T) {
	for _, mode := range []string{"optional", "required"} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {srtpMode: `+mode+`}`+"\n  "+`"trunk:uc": {acceptRefer: true, srtpMode: accept, `, 1))
		answer := bodies[1]
		if mode == "required" {
			answer = keyed(bodies[1], strings.Replace(uc80, ":3 ", ":1 ", 1))
		}
		caller, _ := r.endsOf(bodies[0], answer)
		caller.ack(1)
		invite := refer(r, caller)
		if c := r.side(0).Crypt; c != nil {
			t.Errorf("%s: while the target rings, the referrer's side is to have %+v", mode, c)
		}
		r.out.Reset()
		r.in(r.pstn, response("486 Busy Here", invite, "target", ""))
		if c := r.side(0).Crypt; c != nil {
			t.Errorf("%s: after the transfer has failed, the referrer's side is to have %+v", mode, c)
		}
	}
}
