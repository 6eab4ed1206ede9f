package ua_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// What telephones with more than audio say beside it.
const (
	secureSpeech = "m=audio 49172 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n" + uc80
	camera       = "m=application 49178 RTP/AVP 100\r\na=rtpmap:100 H224/4800\r\n"
	secureVideo  = "m=video 5004 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n" + uc80
)

// TestTRK03LineByLine: an m-line whose protection the trunk does not take is refused, and the rest goes on, in the first offer and in later ones; the offer is refused when no
// audio is left of it.
func TestTRK03LineByLine(t *testing.T) {
	for name, c := range map[string]struct{ mode, offer, offered, reason string }{
		"SRTP or RTP, required":         {"required", secureSpeech + speech, "audio -audio", ""},
		"RTP or SRTP, required":         {"required", speech + secureSpeech, "-audio audio", ""},
		"SRTP or RTP, notSupported":     {"notSupported", secureSpeech + speech, "-audio audio", ""},
		"RTP or SRTP, notSupported":     {"notSupported", speech + secureSpeech, "audio -audio", ""},
		"SRTP or RTP, accept":           {"accept", secureSpeech + speech, "audio audio", ""},
		"SRTP without keys or RTP":      {"accept", strings.Replace(secureSpeech, uc80, strong, 1) + speech, "-audio audio", ""},
		"a camera of RTP, required":     {"required", secureSpeech + camera, "audio -application", ""},
		"video of SRTP, notSupported":   {"notSupported", speech + secureVideo, "audio -video", ""},
		"audio of RTP, required":        {"required", speech + secureVideo, "", "srtp-required"},
		"audio of SRTP, notSupported":   {"notSupported", secureSpeech + video, "", "srtp-not-supported"},
		"all of RTP, required":          {"required", speech + camera, "", "srtp-required"},
		"video alone of RTP, required":  {"required", video, "", "srtp-required"},
		"audio of SRTP beside T.38":     {"notSupported", secureSpeech + t38, "", "srtp-not-supported"},
		"audio refused before, video":   {"required", noSpeech + secureVideo, "-audio video", ""},
		"audio without keys and others": {"accept", strings.Replace(secureSpeech, uc80, strong, 1) + video, "", "srtp-no-keys"},
	} {
		t.Run(name, func(t *testing.T) {
			r := secured(t, c.mode, "accept")
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 1, c.offer)))
			if c.offered == "" {
				r.sent("SIP/2.0 488")
				if got := r.out.Records[0].Reason; got != c.reason {
					t.Errorf("refused for %s, want %s", got, c.reason)
				}
				return
			}
			inv, said := r.told("INVITE")
			if got := kinds(said); got != c.offered {
				t.Fatalf("offered %s\n%s", got, inv)
			}
			answer := strings.NewReplacer("RTP/SAVP", "RTP/AVP", uc80, "", strong, "").Replace(c.offer)
			for _, s := range said.Media {
				if s.Rejected() {
					answer = refuse(answer, slices.IndexFunc(said.Media, func(m sdp.Media) bool { return m.Rejected() }))
				}
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", described(1, 1, answer)))
			ok, told := r.told("SIP/2.0 200")
			if got := kinds(told); got != c.offered {
				t.Errorf("answered %s\n%s", got, ok)
			}
			offer, _ := sdp.Parse(described(0, 1, c.offer))
			for i, m := range told.Media {
				if m.Proto != offer.Media[i].Proto || m.Crypto != (m.Secure() && !m.Rejected()) {
					t.Errorf("m-line %d is answered\n%s", i+1, ok)
				}
				if s := r.session.Streams[i]; s.Side[1].Remote.IsValid() == m.Rejected() || !m.Rejected() && (s.Side[0].Crypt != nil) != m.Secure() {
					t.Errorf("of m-line %d the relay has %+v", i+1, s)
				}
			}
			r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
			r.out.Reset()
			r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tagOf(header(ok, "To")), described(0, 1, c.offer)))
			if _, same := r.told("SIP/2.0 200"); same.Body() != told.Body() {
				t.Errorf("a refresh is answered\n%s", same.Body())
			}
		})
	}
	r := secured(t, "required", "accept")
	caller, callee := r.endsOf(keyed(bodies[0], uc80), bodies[1])
	caller.ack(1)
	crypt := r.side(0).Crypt
	caller.says("INVITE", keyed(bodies[0], uc80)+camera)
	inv, said := r.told("INVITE")
	if kinds(said) != "audio -application" {
		t.Fatalf("a camera that is added is offered\n%s", inv)
	}
	callee.answers("200 OK", inv, bodies[1]+refuse(camera, 0))
	if _, said = r.told("SIP/2.0 200"); kinds(said) != "audio -application" || r.side(0).Crypt.Send != crypt.Send || r.streams() != spoken {
		t.Errorf("answered\n%s\nthe relay has %s", said.Body(), r.streams())
	}
}

// refuse gives the m-line at i of a text port 0.
func refuse(text string, i int) string {
	list := strings.Split(text, "m=")
	words := strings.SplitN(list[i+1], " ", 3)
	words[1] = "0"
	list[i+1] = strings.Join(words, " ")
	return strings.Join(list, "m=")
}

// TestRefusedLineLeftOut: who leaves an m-line that stands refused out of a later offer is answered as it asks; the other side sees all of them.
func TestRefusedLineLeftOut(t *testing.T) {
	noVideo := refuse(video, 0)
	for _, method := range []string{"INVITE", "UPDATE"} {
		for _, from := range []int{0, 1} {
			r := newRig(t)
			caller, callee := r.endsOf(bodies[0]+video, bodies[1]+noVideo)
			caller.ack(1)
			ends, answers := []*end{caller, callee}, [2]string{directed(0, "recvonly"), directed(1, "recvonly")}
			ends[from].says(method, directed(from, "sendonly"))
			req := r.audioAlone(method, sdp.SendOnly)
			ends[1-from].answers("200 OK", req, answers[1-from]+noVideo)
			if ok, said := r.told("SIP/2.0 200"); kinds(said) != "audio" || said.Media[0].Direction != sdp.RecvOnly || r.streams() != spoken {
				t.Errorf("%s of %d is answered\n%s", method, from, ok)
			}
		}
	}
}

// TestICERestartRefused: an ICE restart that comes to nothing leaves the credentials that stand, and later answers say those, which are what the relay has.
func TestICERestartRefused(t *testing.T) {
	const ice = "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 UDP 2130706431 198.51.100.1 49170 typ host\r\n"
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {ice: full, `, 1))
	caller, callee := r.endsOf(bodies[0]+ice, bodies[1])
	caller.ack(1)
	stands := *r.side(0).ICE
	caller.says("INVITE", strings.NewReplacer("ufrag:abcd", "ufrag:wxyz", "pwd:abc", "pwd:xyz").Replace(bodies[0]+ice))
	inv, _ := r.told("INVITE")
	if now := r.side(0).ICE; now.Ufrag != stands.Ufrag || now.PeerUfrag != "abcd" {
		t.Errorf("before it is answered the relay has %s", now.Ufrag)
	}
	callee.answers("488 Not Acceptable Here", inv, "")
	caller.ack(caller.seq)
	says := func(when string) {
		_, said := r.told("SIP/2.0 200")
		if got, _ := said.ICE(0); got.Ufrag != stands.Ufrag || got.Pwd != stands.Pwd || r.side(0).ICE.Ufrag != stands.Ufrag || r.side(0).ICE.PeerUfrag != "abcd" {
			t.Errorf("%s is answered with %s, the relay has %s; want %s", when, got.Ufrag, r.side(0).ICE.Ufrag, stands.Ufrag)
		}
		caller.ack(caller.seq)
	}
	caller.says("INVITE", bodies[0]+ice)
	says("a refresh")
	caller.says("INVITE", held+ice)
	inv, _ = r.told("INVITE")
	callee.answers("200 OK", inv, heldAnswer)
	says("hold")
	caller.says("INVITE", strings.NewReplacer("ufrag:abcd", "ufrag:wxyz", "pwd:abc", "pwd:xyz").Replace(bodies[0]+ice))
	inv, _ = r.told("INVITE")
	callee.answers("200 OK", inv, bodies[1])
	_, said := r.told("SIP/2.0 200")
	if got, _ := said.ICE(0); got.Ufrag == stands.Ufrag || r.side(0).ICE.Ufrag != got.Ufrag || r.side(0).ICE.PeerUfrag != "wxyz" {
		t.Errorf("one that is taken is answered with %s, the relay has %s", got.Ufrag, r.side(0).ICE.Ufrag)
	}
}

// TestOpenedOfferIsTheSame: an offer of which nothing is left out when it is opened has its keys and its ICE all the same.
func TestOpenedOfferIsTheSame(t *testing.T) {
	const ice = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 UDP 2130706431 198.51.100.1 49170 typ host\r\n"
	r := iced(t, "full", "off")
	caller, _ := r.endsOf(bodies[0]+uc80+muxed+ice, bodies[1])
	for range 2 {
		if side := r.side(0); side.Crypt == nil || side.Crypt.Recv == nil || side.ICE == nil || side.ICE.PeerUfrag != "abcd" || !side.Mux {
			t.Errorf("the relay has %+v", side)
		}
		caller.ack(caller.seq)
		caller.says("INVITE", bodies[0]+uc80+muxed+ice)
		r.sent("SIP/2.0 200")
	}
}

// TestMED02OtherNumbers: where speech is converted each side is told its own payload types, and is understood by those and by the ones that it was offered (RFC 3264 §6.1); what
// passes keeps the numbers of who receives it.
func TestMED02OtherNumbers(t *testing.T) {
	events := func(formats, pt string) string {
		return "m=audio 49170 RTP/AVP " + formats + " " + pt + "\r\na=rtpmap:" + pt + " telephone-event/8000\r\na=fmtp:" + pt + " 0-15\r\n"
	}
	keys := func(pt uint8) media.Format {
		return media.Format{PayloadType: pt, Codec: media.TelephoneEvent, Clock: 8000}
	}
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA]}`+"\n  "+`"trunk:uc": {`, 1))
	caller, callee := r.endsOf(described(0, 0, events("0", "101")), described(1, 0, events("8", "96")))
	caller.ack(1)
	want := [2][]media.Format{{muLaw, keys(101)}, {aLaw, keys(96), keys(101)}}
	r.speak("answered", want)
	callee.says("INVITE", strings.Replace(described(1, 1, events("8", "96")), "m=", "a=sendonly\r\nm=", 1))
	hold := r.says("INVITE", "8 0 96")
	caller.answers("200 OK", hold, strings.Replace(described(0, 1, events("0", "101")), "m=", "a=recvonly\r\nm=", 1))
	r.says("SIP/2.0 200", "8 96")
	r.speak("held", [2][]media.Format{{muLaw, keys(101), keys(96)}, {aLaw, keys(96)}})

	r = newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, events("0", "101"))))
	inv := r.says("INVITE", "0 101")
	r.in(r.pstn, response("200 OK", inv, "to", described(1, 0, events("0", "96"))))
	r.says("SIP/2.0 200", "0 96")
	if a, b := r.side(0).Agreed, r.side(1).Agreed; !a.Has(96) || !b.Has(101) {
		t.Errorf("the caller has agreed to %v, the callee to %v", a, b)
	}
}

// transferring is a rig whose trunks may ask for transfers and take places.
func transferring(t *testing.T) *rig {
	t.Helper()
	return rigOf(t, strings.Replace(document, "{usages: [all], options: false}", "{usages: [all], options: false, acceptRefer: true}", 1))
}

// TestTransferToWithoutVideo: a call with video is transferred to a target that has none, whether that refuses the m-line or leaves it out; so may who stays.
func TestTransferToWithoutVideo(t *testing.T) {
	noVideo := refuse(video, 0)
	for _, target := range []string{speech, speech + noVideo} {
		for _, stays := range []string{speech, speech + noVideo} {
			r := transferring(t)
			caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
			caller.ack(1)
			invite := refer(r, caller)
			r.out.Reset()
			r.in(r.pstn, response("200 OK", invite, "target", described(1, 0, strings.Replace(target, "49170", "49180", 1))))
			r.sent("ACK", "INVITE")
			callee.answers("200 OK", r.audioAlone("INVITE", sdp.SendRecv), described(1, 1, stays))
			if r.first("ACK") == nil || r.streams() != "rtp 49180-49170" || r.first("INVITE") != nil {
				t.Errorf("%q, %q: the relay has %s, sent\n%s", target, stays, r.streams(), r.lines())
			}
		}
	}
}

// TestReplacesWithoutVideo: who has audio alone takes a place in a call with video, and is answered as it asks.
func TestReplacesWithoutVideo(t *testing.T) {
	r := transferring(t)
	caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
	caller.ack(1)
	invite := request("INVITE", "1", "i9", "guest", "guest", "", described(0, 0, strings.Replace(speech, "49170", "49180", 1)))
	r.out.Reset()
	r.in(r.uc, bytes.Replace(invite, []byte("Max-Forwards"), []byte("Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1\r\nMax-Forwards"), 1))
	callee.answers("200 OK", r.audioAlone("INVITE", sdp.SendRecv), described(1, 1, speech+refuse(video, 0)))
	if ok, said := r.told("SIP/2.0 200"); kinds(said) != "audio" || r.streams() != "rtp 49180-49170" {
		t.Errorf("the relay has %s, answered\n%s", r.streams(), ok)
	}
}

// TestReplacesBehindARefusedLine: who has keys takes a place in a call whose first m-line stands refused. Its keys are those of the m-line that it gets, also for what it is answered.
func TestReplacesBehindARefusedLine(t *testing.T) {
	for _, kind := range []string{"sdes", "dtls"} {
		r := mixed(t, "rtp", "rtp", kind)
		caller, callee := r.endsOf(described(0, 0, noT38+speech), described(1, 0, noT38+speech))
		caller.ack(1)
		guest := &voice{kind: kind, host: 3, port: 40030, direction: "sendrecv"}
		r.out.Reset()
		m := []byte(strings.ReplaceAll(string(request("INVITE", "1", "i3", "other", "other", "", guest.describes(nil))), "198.51.100.1:5060", "198.51.100.3:5060"))
		r.in(thirdSource, with(m, "Replaces: call-1;to-tag="+tagOf(caller.to)+";from-tag=from1"))
		callee.answers("200 OK", r.first("INVITE"), described(1, 1, noT38+speech))
		_, told := r.told("SIP/2.0 200")
		r.relays()
		s := r.session.Streams[1].Side[0]
		if kinds(told) != "audio" || told.Media[0].Port != s.Local.Port() || s.Remote.Port() != 40030 {
			t.Fatalf("%s: told %s at %d, the relay has %+v", kind, kinds(told), told.Media[0].Port, s)
		}
		if keys := strings.Join(keysOf(told), " "); kind == "sdes" && (s.Crypt == nil || len(s.Crypt.Recv) != 1 || s.Crypt.Recv[0].Key != guest.material() ||
			!strings.Contains(keys, base64.StdEncoding.EncodeToString([]byte(s.Crypt.Send)))) {
			t.Errorf("told %q, the relay has %+v", keys, s.Crypt)
		}
		if said := linesOf(told, "setup", "ice-ufrag"); kind == "dtls" && (s.DTLS == nil || s.ICE == nil || !slices.Equal(said, []string{"setup:passive", "ice-ufrag:" + s.ICE.Ufrag})) {
			t.Errorf("told %q, the relay has %+v and %+v", said, s.DTLS, s.ICE)
		}
	}
}

// TestPickUpWithoutVideo: who has audio alone picks up a call with video that rings, whether it refuses the m-line or leaves it out.
func TestPickUpWithoutVideo(t *testing.T) {
	for picks, answered := range map[string]string{speech: "audio", speech + refuse(video, 0): "audio -video"} {
		r := transferring(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, speech+video)))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("180 Ringing", inv, "to", ""))
		r.out.Reset()
		place := "Replaces: " + header(inv, "Call-ID") + ";to-tag=" + tagOf(header(inv, "From")) + ";from-tag=to;early-only\r\nMax-Forwards"
		r.in(r.pstn, bytes.Replace(bytes.Replace(request("INVITE", "1", "i9", "guest", "guest", "", described(1, 0, strings.Replace(picks, "49170", "49180", 1))),
			[]byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1), []byte("Max-Forwards"), []byte(place), 1))
		var said []string
		for _, s := range r.out.Sends {
			if m, err := sip.Parse(s.Data, nil); err == nil && m.Status == 200 {
				body, _ := m.SDP()
				text, _ := sdp.Parse(body)
				said = append(said, kinds(text))
			}
		}
		if !slices.Equal(said, []string{"audio -video", answered}) || r.streams() != "rtp 49170-49180" {
			t.Errorf("caller and who picks up are answered %q, the relay has %s, sent\n%s", said, r.streams(), r.lines())
		}
	}
}

// TestPickUpWithVideo: who has video picks up a call without that rings, and is refused the m-line, which the caller never hears of, and keeps in its dialog.
func TestPickUpWithVideo(t *testing.T) {
	r := transferring(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, speech)))
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("180 Ringing", inv, "to", ""))
	r.out.Reset()
	place := "Replaces: " + header(inv, "Call-ID") + ";to-tag=" + tagOf(header(inv, "From")) + ";from-tag=to;early-only\r\nMax-Forwards"
	r.in(r.pstn, bytes.Replace(bytes.Replace(request("INVITE", "1", "i9", "guest", "guest", "", described(1, 0, strings.Replace(speech, "49170", "49180", 1)+video)),
		[]byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1), []byte("Max-Forwards"), []byte(place), 1))
	said, ends := map[string]string{}, map[string]*end{}
	for _, s := range r.out.Sends {
		if m, err := sip.Parse(s.Data, nil); err == nil && m.Status == 200 {
			body, _ := m.SDP()
			text, _ := sdp.Parse(body)
			said[m.CallID()] = kinds(text)
			ends[m.CallID()] = &end{r: r, src: r.uc, callID: m.CallID(), from: header(s.Data, "From"), to: header(s.Data, "To"), seq: 1}
		}
	}
	caller, guest := ends["call"], ends["guest"]
	if said["call"] != "audio" || said["guest"] != "audio -video" || r.streams() != "rtp 49170-49180" {
		t.Fatalf("caller and who picks up are answered %q, the relay has %s, sent\n%s", said, r.streams(), r.lines())
	}
	guest.src = r.pstn
	caller.ack(1)
	guest.ack(1)
	caller.says("INVITE", described(0, 1, strings.Replace(speech, "sendrecv", "sendonly", 1)))
	hold, text := r.told("INVITE")
	if kinds(text) != "audio -video" {
		t.Errorf("who picks up is told of hold\n%s", hold)
	}
	guest.answers("200 OK", hold, described(1, 1, strings.Replace(speech, "49170", "49180", 1)+refuse(video, 0)))
	if ok, text := r.told("SIP/2.0 200"); kinds(text) != "audio" {
		t.Errorf("the caller is answered\n%s", ok)
	}
}

// TestAnswerNamesMore: an answer of more m-lines than were offered is taken if the others are refused (RFC 3264 §6 wants as many).
func TestAnswerNamesMore(t *testing.T) {
	for _, status := range []string{"183 Session Progress", "200 OK"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response(status, inv, "to", bodies[1]+refuse(video, 0)+"m=image 0 udptl t38\r\n"))
		if told, said := r.told("SIP/2.0 " + status[:3]); kinds(said) != "audio" {
			t.Errorf("the caller is told\n%s", told)
		}
	}
}

// TestTransferBetweenCallsOneWithVideo: of two calls that are joined one has video and the other has not. Each dialog keeps its m-lines, and who has no video may leave it out.
func TestTransferBetweenCallsOneWithVideo(t *testing.T) {
	for _, lines := range [][2]string{{"", video}, {video, ""}, {video, video}} {
		for shard := range 2 { // of the second call: another one than of the first, or the same
			s := newShards(t)
			one := s.callOf(0, bodies[0]+lines[0], bodies[1]+lines[0])
			s.n++
			two := s.callOf(1+shard, bodies[0]+lines[1], bodies[1]+lines[1])
			refer := "Refer-To: <sip:+14255550100@198.51.100.2?Replaces=" + two.b + "%3Bto-tag%3D" + two.ourB + "%3Bfrom-tag%3D" + two.tagB + ">"
			all := s.agree(s.in(s.pstn, s.fromCallee(&one, "REFER", refer)))
			asked := map[string]string{}
			for _, data := range all {
				if m, err := sip.Parse(data, nil); err == nil && m.Method == "INVITE" {
					body, _ := m.SDP()
					said, _ := sdp.Parse(body)
					asked[m.CallID()] = kinds(said)
				}
			}
			if len(asked) != 2 || !strings.HasPrefix(asked[one.a], "audio") || !strings.HasPrefix(asked[two.a], "audio") ||
				lines[0] != "" && !strings.HasSuffix(asked[one.a], "video") || lines[1] != "" && !strings.HasSuffix(asked[two.a], "video") {
				t.Errorf("%q: asked %v", lines, asked)
			}
			told := slices.DeleteFunc(all, func(data []byte) bool {
				return !bytes.HasPrefix(data, []byte("NOTIFY")) || bytes.Contains(data, []byte("SIP/2.0 100"))
			})
			if len(told) == 0 || !bytes.Contains(told[0], []byte("SIP/2.0 200 OK")) {
				t.Errorf("%q: the referrer is told\n%s", lines, told)
			}
		}
	}
}

// TestTransferBetweenCallsOfOtherLines: of two calls that are joined one is spoken on behind an m-line that stands refused, as of telephones that offer speech with SRTP and without. In the call
// that is left each of the two is told of one and the same m-line of ours.
func TestTransferBetweenCallsOfOtherLines(t *testing.T) {
	for _, lines := range [][2]string{{noSpeech + speech, speech}, {speech, noSpeech + speech}, {noT38 + speech, speech}, {noSpeech + t38, t38}} {
		s := newShards(t)
		one := s.callOf(0, described(0, 0, lines[0]), described(1, 0, lines[0]))
		s.n++
		two := s.callOf(1, described(0, 0, lines[1]), described(1, 0, lines[1]))
		refer := "Refer-To: <sip:+14255550100@198.51.100.2?Replaces=" + two.b + "%3Bto-tag%3D" + two.ourB + "%3Bfrom-tag%3D" + two.tagB + ">"
		told := map[uint16]int{} // the ports of ours that they send to
		for list := s.in(s.pstn, s.fromCallee(&one, "REFER", refer)); len(list) > 0; list = list[1:] {
			m, _ := sip.Parse(list[0], nil)
			body, offers := m.SDP()
			switch {
			case m.Method == "INVITE" && offers:
				said, _ := sdp.Parse(body)
				answer := ""
				for i := range said.Media {
					line := map[string]string{"audio": speech, "image": t38}[said.Media[i].Kind]
					if said.Media[i].Rejected() {
						line = map[string]string{"audio": noSpeech, "image": noT38}[said.Media[i].Kind]
					} else {
						for at := range s.sessions[1].Streams {
							for side := range 2 {
								if s.sessions[1].Streams[at].Side[side].Local.Port() == said.Media[i].Port {
									told[said.Media[i].Port] = at
								}
							}
						}
					}
					answer += line
				}
				list = append(list, s.in(s.uc, response("200 OK", list[0], "", described(0, 1, answer)))...)
			case m.Method == "BYE", m.Method == "NOTIFY":
				list = append(list, s.in(s.pstn, response("200 OK", list[0], "", ""))...)
			}
		}
		places := slices.Sorted(maps.Values(told))
		if len(places) != 2 || places[0] != places[1] {
			t.Errorf("%q: they send to %v", lines, told)
		}
	}
}

// TestShortAnswerOfTwoProfiles: who answers SRTP and RTP in two m-lines with one of them means the one of its profile, where keys pass and where they end here.
func TestShortAnswerOfTwoProfiles(t *testing.T) {
	for _, mode := range []string{"pass", "accept"} {
		for answer, want := range map[string]string{speech: "-audio audio", strings.Replace(secureSpeech, "49172", "49170", 1): "audio -audio"} {
			if mode == "accept" && strings.Contains(answer, "SAVP") {
				continue // which is offered RTP alone
			}
			r := secured(t, mode, mode)
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 1, secureSpeech+speech)))
			inv, _ := r.told("INVITE")
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", described(1, 1, answer)))
			ok, said := r.told("SIP/2.0 200")
			if got := kinds(said); got != want && mode == "pass" || len(said.Media) != 2 {
				t.Errorf("%s: answered\n%s", mode, ok)
			}
		}
	}
}

// TestSpeechBehindARefusedLine: keys by INFO and the codecs of the record are those of the m-line that is spoken on, also where the first one is refused.
func TestSpeechBehindARefusedLine(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA], dtmf: info}`+"\n  "+`"trunk:uc": {srtpMode: notSupported, `, 1))
	spoken := "m=audio 49170 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	caller, callee := r.endsOf(described(0, 0, secureSpeech+spoken), described(1, 0, "m=audio 0 RTP/AVP 8\r\n"+speech))
	caller.ack(1)
	info := string(callee.write("INFO", 101, "Signal=5\r\nDuration=160\r\n"))
	r.out.Reset()
	r.in(r.pstn, []byte(strings.Replace(info, "application/sdp", "application/dtmf-relay", 1)))
	r.sent("SIP/2.0 200")
	if p := r.session.Presses; len(p) != 1 || p[0].Key != '5' || p[0].Stream != 1 || p[0].To != 0 {
		t.Errorf("the relay is to say %+v", p)
	}
	caller.says("BYE", "")
	if rec := r.out.Records[0]; rec.In.Codec != "PCMU" || rec.Out.Codec != "PCMA" {
		t.Errorf("the record has %s in and %s out", rec.In.Codec, rec.Out.Codec)
	}
}

// TestKeysByINFOWhileOnHold: a key that nobody can hear is refused, so that its sender knows; pressed at the resume it would be heard by who does not expect it.
func TestKeysByINFOWhileOnHold(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA], dtmf: info}`+"\n  "+`"trunk:uc": {srtpMode: notSupported, `, 1))
	spoken := "m=audio 49170 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
	caller, callee := r.endsOf(described(0, 0, spoken), described(1, 0, "m=audio 49172 RTP/AVP 8\r\n"))
	caller.ack(1)
	for i, x := range []struct{ caller, callee, want string }{
		{"", "", "200"}, {"sendonly", "recvonly", "488"}, {"inactive", "inactive", "488"}, {"recvonly", "sendonly", "200"}, {"sendrecv", "recvonly", "488"}, {"sendonly", "recvonly", "488"}, {"sendrecv", "sendrecv", "200"},
	} {
		if x.caller != "" {
			caller.says("INVITE", described(0, i, spoken+"a="+x.caller+"\r\n"))
			inv, _ := r.told("INVITE")
			callee.answers("200 OK", inv, described(1, i, "m=audio 49172 RTP/AVP 8\r\na="+x.callee+"\r\n"))
			caller.ack(caller.seq)
		}
		before := len(r.session.Presses)
		r.out.Reset()
		r.in(r.pstn, []byte(strings.Replace(string(callee.write("INFO", 101+i, "Signal=5\r\nDuration=160\r\n")), "application/sdp", "application/dtmf-relay", 1)))
		r.sent("SIP/2.0 " + x.want)
		if n := len(r.session.Presses) - before; (n == 1) != (x.want == "200") {
			t.Errorf("%s and %s: %d keys are pressed", x.caller, x.callee, n)
		}
	}
}

// TestNothingBehindTheFourthLine: an offer of which all that lives is behind the lines that pass would make the call silent. It is refused, so that a fax goes as speech, and the
// call stays what it was; one of which something else lives goes on without that. T.38 passes up to the eighth line, as behind what a telephone with video has.
func TestNothingBehindTheFourthLine(t *testing.T) {
	const gone, fax = "m=video 0 RTP/AVP 99\r\n", "m=image 5010 udptl t38\r\n"
	dead, noFax := strings.Replace(speech, "49170", "0", 1), strings.Replace(fax, "5010", "0", 1)
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, speech), described(1, 0, speech))
	caller.ack(1)
	before := r.streams()
	for _, offer := range []string{dead + gone + gone + gone + video, dead + strings.Repeat(gone, 7) + fax} {
		caller.says("INVITE", described(0, 1, offer))
		r.told("SIP/2.0 488")
		if caller.ack(caller.seq); r.streams() != before {
			t.Errorf("the relay has %s, and had %s", r.streams(), before)
		}
	}
	for version, c := range [][4]string{
		{speech + gone + gone + gone + video, speech + gone + gone + gone + refuse(video, 0), "audio -video -video -video -video", before},
		{dead + gone + gone + gone + gone + fax, dead + gone + gone + gone + gone + fax, "-audio -video -video -video -video image", "t38 5010-5010"},
		{speech + gone + gone + gone + gone + noFax, speech + gone + gone + gone + gone + noFax, "audio -video -video -video -video -image", before},
	} {
		r.pass(1e9)
		if offered, answered := change(caller, callee, "INVITE", 2+version, c[0], "200 OK", c[1]); offered != c[2] || answered != c[2] || !strings.HasPrefix(r.streams(), c[3]) {
			t.Errorf("the callee is offered %s, the caller answered %s, the relay has %s", offered, answered, r.streams())
		}
	}

	first := newRig(t)
	first.in(first.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, gone+gone+gone+gone+speech)))
	first.told("SIP/2.0 488")
}

// TestLinesChangePlaces: an offer that has audio and video the other way round leaves what flows as it is until it is answered; then, or when it is refused, each has its own.
func TestLinesChangePlaces(t *testing.T) {
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
	caller.ack(1)
	const before, after = "rtp 49170-49170, rtp 5004-5004", "rtp 5004-5004, rtp 49170-49170"
	for version, status := range []string{"488 Not Acceptable Here", "200 OK"} {
		caller.says("INVITE", described(0, 1+version, video+speech))
		inv, _ := r.told("INVITE")
		if r.streams() != before {
			t.Errorf("not answered yet, and the relay has %s", r.streams())
		}
		answer, want := "", before
		if status == "200 OK" {
			answer, want = described(1, 1, video+speech), after
		}
		callee.answers(status, inv, answer)
		if caller.ack(caller.seq); r.streams() != want {
			t.Errorf("after %s the relay has %s", status, r.streams())
		}
		r.pass(1e9)
	}
}

// TestTRK03AddedLine: an m-line that is added beside SRTP is offered with SRTP of the same kind, also where the trunk would not ask for it.
func TestTRK03AddedLine(t *testing.T) {
	dtls := withProto(bodies[0], "UDP/TLS/RTP/SAVP", theirPrint+"a=setup:active\r\n")
	for name, c := range map[string]struct {
		offer, proto string
		keys, prints int
	}{
		"SRTP":                        {keyed(bodies[0], uc80), "RTP/SAVP", 4, 0},
		"SRTP where there may be RTP": {bodies[0] + uc80, "RTP/AVP", 4, 0},
		"DTLS":                        {dtls, "UDP/TLS/RTP/SAVP", 0, 1},
		"RTP":                         {bodies[0], "RTP/AVP", 0, 0},
	} {
		r := newRig(t)
		r.env.Fingerprint = ourPrint
		caller, callee := r.endsOf(c.offer, bodies[1])
		caller.ack(1)
		callee.says("INVITE", described(1, 1, speech+video))
		inv, said := r.told("INVITE")
		keys, prints := 0, 0
		for attribute := range said.Attributes(1) {
			switch attribute {
			case "crypto":
				keys++
			case "fingerprint":
				prints++
			}
		}
		if m := &said.Media[1]; kinds(said) != "audio video" || m.Proto != c.proto || keys != c.keys || prints != c.prints {
			t.Errorf("%s: offered\n%s", name, inv)
		}
	}
	r := newRig(t)
	caller, callee := r.endsOf(described(0, 0, secureSpeech+video), described(1, 0, speech+video))
	caller.ack(1)
	callee.says("INVITE", described(1, 1, "a=sendonly\r\n"+speech+video))
	if _, said := r.told("INVITE"); !said.Media[0].Crypto || said.Media[1].Secure() || said.Media[1].Crypto {
		t.Errorf("what stands without SRTP beside it is offered\n%s", said.Body())
	}
}

// TestRefusedLineKeepsItsProfile: an m-line that has been refused is offered with port 0 and the profile that it had. Firefox takes port 0 with that of DTLS alone.
func TestRefusedLineKeepsItsProfile(t *testing.T) {
	for name, c := range map[string]struct{ profile, lines string }{
		"DTLS": {"UDP/TLS/RTP/SAVPF", theirPrint + "a=setup:actpass\r\n"}, "SDES": {"RTP/SAVP", uc80}, "feedback": {"RTP/AVPF", ""},
	} {
		r := newRig(t)
		r.env.Fingerprint = ourPrint
		said := func(version, port int) string {
			return described(0, version, fmt.Sprintf("m=audio 5000 %s 8\r\n%sm=video %d %s 96\r\na=rtpmap:96 H264/90000\r\n%s", c.profile, c.lines, port, c.profile, c.lines))
		}
		caller, callee := r.endsOf(said(0, 5002), described(1, 0, speech+refuse(video, 0)))
		caller.ack(1)
		callee.says("INVITE", described(1, 1, speech+"a=sendonly\r\n"+refuse(video, 0)))
		inv, offer := r.told("INVITE")
		if m := &offer.Media[1]; !m.Rejected() || m.Proto != c.profile {
			t.Errorf("%s: the refused line is offered with %s\n%s", name, m.Proto, inv)
		}
		caller.answers("200 OK", inv, said(1, 0))
		_, answer := r.told("SIP/2.0 200")
		if len(answer.Media) != 2 || answer.Media[1].Proto != "RTP/AVP" {
			t.Errorf("%s: answered\n%s", name, answer.Body())
		}
	}
}

// TestRefusedLineComesBackSealed: video that was refused, and left out since, is offered as it was at first when it is offered again: not with keys in clear.
func TestRefusedLineComesBackSealed(t *testing.T) {
	audio := strings.Replace(secureSpeech, "crypto:3", "crypto:1", 1)
	r := secured(t, "notSupported", "required")
	caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, audio+refuse(strings.Replace(video, "RTP/AVP", "RTP/SAVP", 1), 0)))
	caller.ack(1)
	callee.says("INVITE", described(1, 1, audio+"a=sendonly\r\n"))
	inv, _ := r.told("INVITE")
	caller.answers("200 OK", inv, described(0, 1, speech+"a=recvonly\r\n"+refuse(video, 0)))
	callee.ack(callee.seq)
	caller.says("INVITE", described(0, 2, speech+video))
	inv, offer := r.told("INVITE")
	if m := &offer.Media[1]; m.Proto != "RTP/SAVP" || !m.Crypto {
		t.Errorf("the video that comes back is offered with %s, keys %v\n%s", m.Proto, m.Crypto, inv)
	}
}
