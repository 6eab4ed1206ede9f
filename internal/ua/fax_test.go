package ua_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sdp"
)

// What gateways with a fax machine behind them say in m-lines.
const (
	t38      = "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\na=X-fax:1\r\n"
	noT38    = "m=image 0 udptl t38\r\n"
	speech   = "m=audio 49170 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
	noSpeech = "m=audio 0 RTP/AVP 8\r\n"
)

// spoken is what the relay has of an ordinary call: streams and ports, see streams.
const spoken = "rtp 49170-49170"

// described is a description of an end with those m-lines.
func described(end, version int, mlines string) string {
	return fmt.Sprintf("v=0\r\no=- 20518 %d IN IP4 198.51.100.%d\r\ns=-\r\nc=IN IP4 198.51.100.%d\r\nt=0 0\r\n%s", version, end+1, end+1, mlines)
}

// kinds are the m-lines of a description, "-audio" for one that is refused.
func kinds(s *sdp.Session) string {
	var list []string
	for i := range s.Media {
		if list = append(list, s.Media[i].Kind); s.Media[i].Rejected() {
			list[i] = "-" + list[i]
		}
	}
	return strings.Join(list, " ")
}

// streams is what the relay was told last: rtp or t38 for each m-line in use, and the ports of caller and callee.
func (r *rig) streams() string {
	var list []string
	for i := range r.session.Streams {
		s, kind := &r.session.Streams[i], "rtp"
		if s.Opaque {
			kind = "t38"
		}
		if a, b := s.Side[0].Remote, s.Side[1].Remote; a.IsValid() || b.IsValid() {
			list = append(list, fmt.Sprintf("%s %d-%d", kind, a.Port(), b.Port()))
		}
	}
	return strings.Join(list, ", ")
}

// change has one end offer something and the other one answer; it tells what either was told, "488" for a refusal.
func change(from, to *end, method string, version int, offer, status, answer string) (offered, answered string) {
	r := from.r
	r.b.Helper()
	from.says(method, described(from.number(), version, offer))
	req, said := r.told(method)
	offered = kinds(said)
	body := ""
	if answer != "" {
		body = described(to.number(), version, answer)
	}
	to.answers(status, req, body)
	for _, s := range r.out.Sends {
		if line := string(s.Data[:len("SIP/2.0 200")]); strings.HasPrefix(line, "SIP/2.0 2") {
			_, said = r.told(line)
			answered = kinds(said)
		} else if strings.HasPrefix(line, "SIP/2.0 ") {
			answered = line[len("SIP/2.0 "):]
		}
	}
	if method == "INVITE" {
		outcome := slices.Clone(r.out.Sends)
		from.ack(from.seq)
		r.out.Sends = outcome
	}
	return offered, answered
}

// number is 0 for the caller's end and 1 for the callee's.
func (e *end) number() int {
	if e.src.Remote == e.r.uc.Remote {
		return 0
	}
	return 1
}

// spokenAgain is an offer of T.38 as it offers speech when the fax is over.
func spokenAgain(offer string) string {
	if offer == t38 {
		return speech
	}
	return strings.NewReplacer(t38, noT38, noSpeech, speech).Replace(offer)
}

// TestT38: a called gateway hears the tone of a fax and asks for T.38, in each of the ways that there are. What the caller says to that comes about on both sides and
// at the relay, and so does the way back.
func TestT38(t *testing.T) {
	for name, c := range map[string]struct {
		offer, status, answer    string
		offered, answered, relay string
	}{
		"in the place of audio":    {t38, "200 OK", strings.Replace(t38, "4000", "5000", 1), "image", "image", "t38 5000-4000"},
		"behind audio":             {noSpeech + t38, "200 OK", noSpeech + t38, "-audio image", "-audio image", "t38 4000-4000"},
		"before audio":             {t38 + noSpeech, "200 OK", t38 + noSpeech, "image -audio", "image -audio", "t38 4000-4000"},
		"beside audio":             {speech + t38, "200 OK", speech + t38, "audio image", "audio image", spoken + ", t38 4000-4000"},
		"beside audio, one taken":  {speech + t38, "200 OK", noSpeech + t38, "audio image", "-audio image", "t38 4000-4000"},
		"beside audio, not taken":  {speech + t38, "200 OK", speech + noT38, "audio image", "audio -image", spoken},
		"behind audio, alone":      {noSpeech + t38, "200 OK", t38, "-audio image", "-audio image", "t38 4000-4000"},
		"beside audio, alone":      {speech + t38, "200 OK", t38, "audio image", "-audio image", "t38 4000-4000"},
		"before audio, alone":      {t38 + noSpeech, "200 OK", t38, "image -audio", "image -audio", "t38 4000-4000"},
		"488":                      {t38, "488 Not Acceptable Here", "", "image", "488", spoken},
		"415":                      {t38, "415 Unsupported Media Type", "", "image", "488", spoken},
		"606":                      {t38, "606 Not Acceptable", "", "image", "606", spoken},
		"behind audio, 488":        {noSpeech + t38, "488 Not Acceptable Here", "", "-audio image", "488", spoken},
		"beside audio, 488":        {speech + t38, "488 Not Acceptable Here", "", "audio image", "488", spoken},
		"answered by audio":        {t38, "200 OK", speech, "image", "488", spoken},
		"behind audio, by audio":   {noSpeech + t38, "200 OK", speech, "-audio image", "488", spoken},
		"behind audio, all is off": {noSpeech + t38, "200 OK", noSpeech + noT38, "-audio image", "-audio -image", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			caller, callee := r.acknowledged()
			offered, answered := change(callee, caller, "INVITE", 1, c.offer, c.status, c.answer)
			if got := r.streams(); offered != c.offered || answered != c.answered || got != c.relay {
				t.Errorf("offered %q, answered %q, the relay has %q; want %q, %q, %q", offered, answered, got, c.offered, c.answered, c.relay)
			}
			if again := r.first("INVITE"); (again != nil) != (c.answered == "488" && c.answer != "") {
				t.Errorf("who has taken what is refused must be told of it, and nobody else:\n%s", r.lines())
			} else if again != nil {
				caller.answers("200 OK", again, bodies[0])
			}
			back := strings.NewReplacer("4000", "0", "audio 0", "audio 49180", "49170", "49180")
			if r.pass(1e9); !strings.Contains(c.offer, "audio") {
				back = strings.NewReplacer(t38, strings.Replace(speech, "49170", "49180", 1))
			}
			offered, answered = change(callee, caller, "INVITE", 3, back.Replace(c.offer), "200 OK", back.Replace(c.offer))
			if got := r.streams(); strings.Trim(strings.Replace(offered, "-image", "", 1), " ") != "audio" || answered != offered || got != "rtp 49180-49180" {
				t.Errorf("back in audio, offered %q, answered %q, the relay has %q", offered, answered, got)
			}
		})
	}
}

// TestT38OverTCPOrTLS: T.38 by a connection or under DTLS cannot be relayed, and is refused at once, whoever offers it when: what would be left of it is no media at all.
func TestT38OverTCPOrTLS(t *testing.T) {
	for _, line := range []string{strings.Replace(t38, "udptl", "TCP", 1), strings.Replace(t38, "udptl", "UDP/TLS/UDPTL", 1) + theirPrint + "a=setup:actpass\r\n"} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		for _, offer := range []string{line, noSpeech + line} {
			callee.says("INVITE", described(1, 1, offer))
			r.sent("SIP/2.0 488")
			callee.ack(callee.seq)
			caller.says("UPDATE", described(0, 1, offer))
			r.sent("SIP/2.0 488")
			if r.streams() != spoken {
				t.Errorf("the relay has %q", r.streams())
			}
		}
		if offered, _ := change(callee, caller, "INVITE", 2, speech+line, "200 OK", speech+strings.NewReplacer("4000", "0").Replace(line)); offered != "audio -image" || r.streams() != spoken {
			t.Errorf("beside audio it is offered as %q, and the relay has %q", offered, r.streams())
		}
		r = newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 1, line)))
		r.sent("SIP/2.0 488")
	}
}

// TestT38AndICE: who has DTLS-SRTP and ICE is offered both again when audio comes back from T.38, which has neither.
func TestT38AndICE(t *testing.T) {
	const ice = "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 UDP 2130706431 198.51.100.1 49170 typ host\r\n"
	for _, offer := range []string{t38, noSpeech + t38} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {ice: lite, srtpMode: accept, `, 1))
		r.env.Fingerprint = ourPrint
		secure := withProto(bodies[0], "UDP/TLS/RTP/SAVP", theirPrint+"a=setup:active\r\n"+ice)
		caller, callee := r.endsOf(secure, bodies[1])
		caller.ack(1)
		change(callee, caller, "INVITE", 1, offer, "200 OK", offer)
		for i := range r.session.Streams {
			if s := r.session.Streams[i]; s.Side[0].DTLS != nil || s.Side[0].ICE != nil || s.Opaque != (s.Side[0].Remote.Port() == 4000) {
				t.Errorf("with T.38 the relay has %+v", s)
			}
		}
		back := spokenAgain(offer)
		r.pass(1e9)
		callee.says("INVITE", described(1, 2, back))
		inv, said := r.told("INVITE")
		if said.Media[0].Proto != "UDP/TLS/RTP/SAVP" || len(linesOf(said, "fingerprint", "ice-ufrag", "candidate")) != 3 {
			t.Errorf("offered\n%s", inv)
		}
		caller.answers("200 OK", inv, strings.Replace(secure, "8 0 101", "8", 1)+strings.TrimPrefix(back, speech))
		if s := r.session.Streams[0]; s.Opaque || s.Side[0].DTLS == nil || s.Side[0].ICE == nil || s.Side[1].DTLS != nil || r.streams() != spoken {
			t.Errorf("back in audio the relay has %+v", s)
		}
	}
}

// TestT38Alone: who answers m-lines of audio and T.38 by T.38 alone has refused the audio. It goes back to audio in the same way, and is answered as it asks; the other
// side sees both m-lines all the time.
func TestT38Alone(t *testing.T) {
	for _, offer := range []string{noSpeech + t38, t38 + noSpeech} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		both, _ := change(callee, caller, "INVITE", 1, offer, "200 OK", t38)
		for i, method := range []string{"INVITE", "UPDATE"} {
			version := 2 + i
			back := strings.NewReplacer(noSpeech, speech, t38, noT38)
			offered, answered := change(caller, callee, method, version, speech, "200 OK", back.Replace(offer))
			if offered != strings.NewReplacer("-audio", "audio", "image", "-image").Replace(both) || answered != "audio" || r.streams() != spoken {
				t.Errorf("%s: offered %q, answered %q, the relay has %q", method, offered, answered, r.streams())
			}
			r.pass(1e9)
			if offered, answered = change(caller, callee, method, version, t38, "200 OK", offer); offered != both || answered != "image" || r.streams() != "t38 4000-4000" {
				t.Errorf("%s: offered %q, answered %q, the relay has %q", method, offered, answered, r.streams())
			}
			r.pass(1e9)
		}
	}
}

// TestT38Forgotten: a gateway that goes back to audio without the m-line of its T.38 has given that up, and is answered as it asks; with another fax it comes back. Audio
// is not given up that way.
func TestT38Forgotten(t *testing.T) {
	for i, method := range []string{"INVITE", "UPDATE"} {
		r := newRig(t)
		caller, callee := r.acknowledged()
		change(callee, caller, "INVITE", 1, noSpeech+t38, "200 OK", noSpeech+t38)
		for version, c := range []struct{ offer, answer, offered, answered, relay string }{
			{speech, speech + noT38, "audio -image", "audio", spoken},
			{t38, noSpeech + t38, "-audio image", "image", "t38 4000-4000"},
			{speech + noT38, speech + noT38, "audio -image", "audio -image", spoken},
		} {
			r.pass(1e9)
			offered, answered := change(callee, caller, method, 10*i+version, c.offer, "200 OK", c.answer)
			if offered != c.offered || answered != c.answered || r.streams() != c.relay {
				t.Errorf("%s %d: offered %q, answered %q, the relay has %q", method, version, offered, answered, r.streams())
			}
		}
		r.pass(1e9)
		caller.says(method, described(0, 30, noT38))
		if answer := string(r.last()); !strings.HasPrefix(answer, "SIP/2.0 488") || !strings.Contains(answer, "media-line-missing") {
			t.Errorf("%s without audio: %s", method, r.lines())
		}
	}
}

// TestT38AloneAndSRTP: the keys and codecs in an answer are those of the m-line that it is for, also where one before that is left out.
func TestT38AloneAndSRTP(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {srtpMode: required, codecs: [PCMU], `, 1))
	caller, callee := r.endsOf(keyed(bodies[0], uc80), described(1, 0, speech))
	caller.ack(1)
	change(callee, caller, "INVITE", 1, t38+noSpeech, "200 OK", t38)
	r.pass(1e9)
	callee.says("INVITE", described(1, 2, noT38+speech))
	inv, said := r.told("INVITE")
	tag := 0
	for k := range said.Cryptos(1) {
		if k.Suite == "AES_CM_128_HMAC_SHA1_80" {
			tag = k.Tag
		}
	}
	caller.answers("200 OK", inv, keyed(described(0, 2, "m=audio 49170 RTP/AVP 0\r\n"), uc80t(tag)))
	if r.told("SIP/2.0 200"); r.streams() != spoken || r.session.Streams[1].Side[0].Crypt == nil || r.session.Streams[1].Side[0].Speech == nil {
		t.Errorf("the relay has %q: %+v", r.streams(), r.session.Streams)
	}
}

// TestT38NotYetTaken: while T.38 is only offered the call goes on as it was, and what one side says under SRTP goes to no port for T.38, nor the other's words out of it.
func TestT38NotYetTaken(t *testing.T) {
	for _, offer := range []string{t38, noSpeech + t38} {
		r := secured(t, "required", "accept")
		caller, callee := r.endsOf(keyed(bodies[0], uc80), bodies[1])
		caller.ack(1)
		before := r.session.Streams[0]
		for version, end := range []struct{ from, to *end }{{callee, caller}, {caller, callee}} {
			end.from.says("INVITE", described(end.from.number(), 1+version, offer))
			inv, _ := r.told("INVITE")
			if now := r.session.Streams[0]; now.Opaque || now.Side[0].Crypt == nil || now.Side[0].Remote != before.Side[0].Remote || now.Side[1].Remote != before.Side[1].Remote {
				t.Errorf("the relay has %+v, had %+v", now, before)
			}
			end.to.answers("488 Not Acceptable Here", inv, "")
			end.from.ack(end.from.seq)
			if now := r.session.Streams[0]; now.Opaque || now.Side[0].Crypt == nil || r.streams() != spoken {
				t.Errorf("refused, and the relay has %+v, had %+v", now, before)
			}
			r.pass(1e9)
		}
	}
}

// TestT38AndSRTP: T.38 between a side with SRTP and one without passes as it is, and when audio comes back it is under the same keys as before.
func TestT38AndSRTP(t *testing.T) {
	for _, offer := range []string{t38, noSpeech + t38, t38 + noSpeech} {
		r := secured(t, "required", "accept")
		caller, callee := r.endsOf(keyed(bodies[0], uc80), bodies[1])
		caller.ack(1)
		ours := r.side(0).Crypt
		if offered, answered := change(callee, caller, "INVITE", 1, offer, "200 OK", offer); offered != answered || !strings.HasPrefix(r.streams(), "t38 ") {
			t.Errorf("offered %q, answered %q, the relay has %s", offered, answered, r.streams())
		}
		for i := range r.session.Streams {
			if s := r.session.Streams[i]; s.Side[0].Crypt != nil || s.Side[1].Crypt != nil {
				t.Errorf("stream %d is encrypted", i)
			}
		}
		back := spokenAgain(offer)
		r.pass(1e9)
		callee.says("INVITE", described(1, 2, back))
		inv, said := r.told("INVITE")
		at := slices.IndexFunc(said.Media, func(m sdp.Media) bool { return m.Kind == "audio" })
		if said.Media[at].Proto != "RTP/SAVP" {
			t.Errorf("offered\n%s", inv)
		}
		tag := 0
		for k := range said.Cryptos(at) {
			if k.Suite == "AES_CM_128_HMAC_SHA1_80" {
				tag = k.Tag
			}
		}
		caller.answers("200 OK", inv, strings.Replace(keyed(described(0, 2, back), ""), "PCMA/8000\r\n", "PCMA/8000\r\n"+uc80t(tag), 1))
		if now := r.session.Streams[at].Side[0].Crypt; r.streams() != spoken || now == nil || at == 0 && now.Send != ours.Send {
			t.Errorf("%q: back in audio the relay has %+v, had %+v", offer, now, ours)
		}
	}
}

// TestT38AtOnce: where both sides ask for T.38 at once one is answered 491 and the other's request is sent again, so it comes about once (RFC 3261 §14.1).
func TestT38AtOnce(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", described(1, 1, t38))
	inv, _ := r.told("INVITE")
	crossing := caller.says("INVITE", described(0, 1, t38))
	r.told("SIP/2.0 491")
	ack := strings.NewReplacer("INVITE sip", "ACK sip", " INVITE\r\n", " ACK\r\n").Replace(string(crossing[:strings.Index(string(crossing), "Content-Type")]))
	r.in(r.uc, []byte(ack+"Content-Length: 0\r\n\r\n"))
	caller.answers("491 Request Pending", inv, "")
	r.pass(4e9)
	again, _ := r.told("INVITE")
	caller.answers("200 OK", again, described(0, 2, t38))
	if r.told("SIP/2.0 200"); r.streams() != "t38 4000-4000" {
		t.Errorf("the relay has %q\n%s", r.streams(), r.lines())
	}
}

// TestT38Asked: who asks for an offer by an INVITE without one may be offered T.38, and the relay turns to it when that is answered.
func TestT38Asked(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", "")
	inv, _ := r.told("INVITE")
	caller.answers("200 OK", inv, described(0, 1, t38))
	if _, said := r.told("SIP/2.0 200"); kinds(said) != "image" || r.streams() != spoken {
		t.Errorf("offered %q, the relay has %q", kinds(said), r.streams())
	}
	r.out.Reset()
	r.in(callee.src, callee.write("ACK", callee.seq, described(1, 2, t38)))
	if _, said := r.told("ACK"); kinds(said) != "image" || r.streams() != "t38 4000-4000" {
		t.Errorf("answered %q, the relay has %q", kinds(said), r.streams())
	}
}

// TestT38Unanswered: who thinks about T.38 for longer than a minute is not waited for, and speech goes on.
func TestT38Unanswered(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", described(1, 1, t38))
	inv, _ := r.told("INVITE")
	caller.answers("100 Trying", inv, "")
	r.pass(61e9)
	r.told("CANCEL")
	if r.told("SIP/2.0 500"); r.streams() != spoken || len(r.out.Records) > 0 {
		t.Errorf("the relay has %q\n%s", r.streams(), r.lines())
	}
}

// TestT38WhileHeld: a fax begins although its side is held and hears music, which ends with that; and a call may be one of T.38 alone from the beginning, whatever its trunks
// do with audio.
func TestT38WhileHeld(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA], signalBoost: 6}`+"\n  "+`"trunk:uc": {musicOnHold: generate, ringback: generate, codecs: [PCMU], srtpMode: accept, `, 1))
	caller, callee := r.acknowledged()
	caller.says("INVITE", held)
	inv, _ := r.told("INVITE")
	callee.answers("200 OK", inv, heldAnswer)
	caller.ack(caller.seq)
	if r.session.Play == nil {
		t.Fatal("no music")
	}
	offered, answered := change(callee, caller, "INVITE", 3, t38, "200 OK", t38)
	if s := r.session.Streams[0]; offered != "image" || answered != "image" || r.session.Play != nil || !s.Side[0].Send || !s.Side[1].Recv || s.Side[0].Speech != nil {
		t.Errorf("offered %q, answered %q, the relay has %+v", offered, answered, r.session)
	}
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "fax", "fax", "from", "", described(0, 1, t38)))
	inv, said := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	r.in(r.pstn, response("200 OK", inv, "to", described(1, 1, t38)))
	if _, answer := r.told("SIP/2.0 200"); kinds(said) != "image" || kinds(answer) != "image" || r.streams() != "t38 4000-4000" || r.session.Play != nil {
		t.Errorf("offered %q, answered %q, the relay has %+v", kinds(said), kinds(answer), r.session)
	}
}
