package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// iced is a rig whose trunks have an ice each.
func iced(t *testing.T, uc, pstn string) *rig {
	t.Helper()
	return rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {ice: `+pstn+`}`+"\n  "+`"trunk:uc": {ice: `+uc+`, `, 1))
}

// theirICE is what a peer says: a host candidate, one behind NAT, one by TCP and one by name.
func theirICE(ufrag string) string {
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + strings.Repeat(ufrag, 6) + "\r\n" +
		"a=candidate:1 1 UDP 2130706431 203.0.113.7 5000 typ host\r\na=candidate:2 1 udp 1694498815 203.0.113.8 5002 typ srflx raddr 10.0.0.1 rport 5000\r\n" +
		"a=candidate:3 1 TCP 1 203.0.113.7 9 typ host tcptype active\r\na=candidate:4 1 UDP 1 x.local 5000 typ host\r\na=end-of-candidates\r\n"
}

// creds are our ufrag and password, and our candidates.
func creds(s *sdp.Session) (said []string, candidates []string) {
	return linesOf(s, "ice-ufrag", "ice-pwd"), linesOf(s, "candidate")
}

func isLite(s *sdp.Session) bool {
	for name := range s.Attributes(-1) {
		if name == "ice-lite" {
			return true
		}
	}
	return false
}

// TestRFC8839Answer: an offer with ICE is answered with one candidate per component where the trunk has ICE, and with none where it has not; a peer without
// ICE hears nothing of it, and neither does the other side.
func TestRFC8839Answer(t *testing.T) {
	for _, c := range []struct {
		name, ice, offer string
		candidates       int
		lite             bool
	}{
		{"lite", "lite", theirICE("abcd"), 2, true},
		{"full", "full", theirICE("abcd"), 2, false},
		{"one component", "lite, rtcpMux: accept", theirICE("abcd") + muxed, 1, true},
		{"off", "off", theirICE("abcd"), 0, false},
		{"a peer without it", "lite", "", 0, false},
		{"a password that is too short", "lite", "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := iced(t, c.ice, "off")
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+c.offer))
			inv, offer := r.told("INVITE")
			if strings.Contains(offer.Body(), "ice") || strings.Contains(offer.Body(), "candidate") {
				t.Errorf("offered\n%s", inv)
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			ok, answer := r.told("SIP/2.0 200")
			said, candidates := creds(answer)
			if len(candidates) != c.candidates || (len(said) == 2) != (c.candidates > 0) || isLite(answer) != c.lite {
				t.Fatalf("answered\n%s", ok)
			}
			ice := r.side(0).ICE
			if (ice != nil) != (c.candidates > 0) || r.side(1).ICE != nil {
				t.Fatalf("the relay has %v and %v", ice, r.side(1).ICE)
			}
			if ice == nil {
				return
			}
			if "ice-ufrag:"+ice.Ufrag != said[0] || "ice-pwd:"+ice.Pwd != said[1] || ice.PeerUfrag != "abcd" || len(ice.Candidates) != 2 || ice.Full == c.lite || ice.Controls {
				t.Errorf("the relay has %+v, answered\n%s", *ice, ok)
			}
			own := answer.Media[0].Conn.String() + " "
			if !strings.Contains(candidates[0], " 1 UDP 2130706431 "+own) || c.candidates == 2 && !strings.Contains(candidates[1], " 2 UDP 2130706430 "+own) {
				t.Errorf("candidates %q", candidates)
			}
		})
	}
}

// TestRFC8839_5_3: who offers ICE through somebody that has put addresses of its own into the offer is told so, and the addresses count as without ICE; an
// answer of that kind ends ICE, too.
func TestRFC8839_5_3(t *testing.T) {
	elsewhere := "a=ice-ufrag:abcd\r\na=ice-pwd:" + strings.Repeat("abcd", 6) + "\r\na=candidate:1 1 UDP 2130706431 10.9.9.9 5000 typ host\r\n"
	for _, ice := range []string{"lite", "full"} {
		r := iced(t, ice, ice)
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+elsewhere))
		inv, offer := r.told("INVITE")
		if strings.Contains(offer.Body(), "ice-mismatch") || r.side(0).ICE != nil {
			t.Errorf("%s: the relay has %v, offered\n%s", ice, r.side(0).ICE, inv)
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+elsewhere))
		ok, answer := r.told("SIP/2.0 200")
		if said, candidates := creds(answer); len(said)+len(candidates) != 0 || isLite(answer) || len(linesOf(answer, "ice-mismatch")) != 1 {
			t.Errorf("%s: answered\n%s", ice, ok)
		}
		for i := range 2 {
			if side := r.side(i); side.ICE != nil || !side.Remote.IsValid() {
				t.Errorf("%s: the relay has %v, and sends to %v", ice, side.ICE, side.Remote)
			}
		}
	}
}

// TestRFC8839Offer: our offer has ICE, the relay answers checks before the answer comes, and an answer without it ends that.
func TestRFC8839Offer(t *testing.T) {
	for _, c := range []struct {
		name, ice, answer string
		want              *media.ICE // but for what is drawn
	}{
		{"lite", "lite", theirICE("abcd"), &media.ICE{PeerUfrag: "abcd"}},
		{"full", "full", theirICE("abcd"), &media.ICE{PeerUfrag: "abcd", Full: true, Controls: true}},
		{"not taken", "lite", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := iced(t, "off", c.ice)
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
			inv, offer := r.told("INVITE")
			said, candidates := creds(offer)
			if len(said) != 2 || len(candidates) != 2 || isLite(offer) != (c.ice == "lite") {
				t.Fatalf("offered\n%s", inv)
			}
			if early := r.side(1).ICE; early == nil || "ice-ufrag:"+early.Ufrag != said[0] || early.PeerUfrag != "" {
				t.Fatalf("before the answer the relay has %v", early)
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+c.answer))
			if ok, answer := r.told("SIP/2.0 200"); strings.Contains(answer.Body(), "ice") || strings.Contains(answer.Body(), "candidate") {
				t.Errorf("the caller is told\n%s", ok)
			}
			got := r.side(1).ICE
			if (got == nil) != (c.want == nil) {
				t.Fatalf("the relay has %v", got)
			}
			if got != nil && (got.PeerUfrag != c.want.PeerUfrag || got.Full != c.want.Full || got.Controls != c.want.Controls || "ice-ufrag:"+got.Ufrag != said[0]) {
				t.Errorf("the relay has %+v", *got)
			}
		})
	}
}

// TestRFC8839_4_4: a refresh and hold keep credentials, so nobody begins anew (P: calls that end some 25 s after hold); other ones of the peer get other ones of ours.
func TestRFC8839_4_4(t *testing.T) {
	r := iced(t, "lite", "off")
	r.out.Reset()
	invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0]+theirICE("abcd"))
	r.in(r.uc, bytes.Replace(invite, []byte("100rel"), []byte("nothing"), 1)) // else the 200 has no answer
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("183 Session Progress", inv, "to", bodies[1]))
	_, early := r.told("SIP/2.0 183")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, answer := r.told("SIP/2.0 200")
	first, _ := creds(answer)
	if before, _ := creds(early); before[0] != first[0] || before[1] != first[1] {
		t.Errorf("the answer has %q, the early one had %q", first, before)
	}
	tag := tagOf(header(ok, "To"))
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
	for i, c := range []struct {
		offer string
		same  bool
	}{{"a=sendonly\r\n" + theirICE("abcd"), true}, {theirICE("abcd"), true}, {theirICE("efgh"), false}} {
		seq := string(rune('2' + i))
		r.out.Reset()
		r.in(r.uc, request("INVITE", seq, "i"+seq, "call", "from", tag, bodies[0]+c.offer))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		back := bodies[1]
		if strings.Contains(c.offer, "sendonly") {
			back += "a=recvonly\r\n"
		}
		r.in(r.pstn, response("200 OK", inv, "", back))
		ok, answer := r.told("SIP/2.0 200")
		now, _ := creds(answer)
		if len(now) != 2 || (now[0] == first[0]) != c.same || (now[1] == first[1]) != c.same {
			t.Errorf("%d: %q became\n%s", i, first, ok)
		}
		if r.side(0).ICE == nil || "ice-ufrag:"+r.side(0).ICE.Ufrag != now[0] {
			t.Errorf("%d: the relay has %v", i, r.side(0).ICE)
		}
		r.in(r.uc, request("ACK", seq, "a"+seq, "call", "from", tag, ""))
	}
	// An offer of the other side's reaches the peer with ICE as it stands.
	r.out.Reset()
	hold := request("INVITE", "1", "callee", header(inv, "Call-ID"), "to", tagOf(header(inv, "From")), bodies[1]+"a=sendonly\r\n")
	r.in(r.pstn, bytes.Replace(hold, []byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1))
	if _, offer := r.told("INVITE"); !isLite(offer) {
		t.Errorf("offered\n%s", offer.Body())
	} else if now, _ := creds(offer); "ice-ufrag:"+r.side(0).ICE.Ufrag != now[0] {
		t.Errorf("offered %q, the relay has %v", now, r.side(0).ICE)
	}
}

// TestRFC8840NoAddressYet: 0.0.0.0 and port 9 of who sends its candidates later is no hold.
func TestRFC8840NoAddressYet(t *testing.T) {
	r := iced(t, "lite", "off")
	r.out.Reset()
	trickle := strings.NewReplacer("c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0", "m=audio 49170", "m=audio 9").Replace(bodies[0])
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", trickle+theirICE("abcd")))
	if inv, offer := r.told("INVITE"); offer.Held() {
		t.Errorf("offered\n%s", inv)
	}
}

// TestICEOfForks: a fork that answers too late, with ICE of its own or without, changes nothing of what stands with the one that has answered: neither side begins
// anew with its next offer.
func TestICEOfForks(t *testing.T) {
	for _, late := range []string{theirICE("two2"), ""} {
		r := iced(t, "off", "lite")
		r.out.Reset()
		r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("100rel"), []byte("nothing"), 1))
		inv, offer := r.told("INVITE")
		first, _ := creds(offer)
		r.in(r.pstn, response("183 Session Progress", inv, "one1", bodies[1]+theirICE("one1")))
		r.in(r.pstn, response("183 Session Progress", inv, "two2", bodies[1]+theirICE("two2")))
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "one1", bodies[1]+theirICE("one1")))
		ok, _ := r.told("SIP/2.0 200")
		tag := tagOf(header(ok, "To"))
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
		r.in(r.pstn, response("200 OK", inv, "two2", bodies[1]+late))
		r.out.Reset()
		hold := request("INVITE", "1", "callee", header(inv, "Call-ID"), "one1", tagOf(header(inv, "From")), bodies[1]+"a=sendonly\r\n"+theirICE("one1"))
		r.in(r.pstn, bytes.Replace(hold, []byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1))
		passed, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.uc, response("200 OK", passed, "", bodies[0]+"a=recvonly\r\n"))
		ok, answer := r.told("SIP/2.0 200")
		if now, _ := creds(answer); len(now) != 2 || now[0] != first[0] {
			t.Errorf("%q became\n%s", first, ok)
		}
		ack := request("ACK", "1", "callee2", header(inv, "Call-ID"), "one1", tagOf(header(inv, "From")), "")
		r.in(r.pstn, bytes.Replace(ack, []byte("UDP 198.51.100.1:"), []byte("UDP 198.51.100.2:"), 1))
		r.out.Reset()
		r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tag, bodies[0]+"a=inactive\r\n"))
		again, offer := r.told("INVITE")
		if now, _ := creds(offer); len(now) != 2 || now[0] != first[0] || !isLite(offer) {
			t.Errorf("%q became\n%s", first, again)
		}
	}
}

// TestRFC8829_5_2_1: an m-line that is offered with ICE and DTLS has a name, and is in a group by itself: stacks of WebRTC refuse it without. The name stays when we offer again.
// Other peers are offered neither.
func TestRFC8829_5_2_1(t *testing.T) {
	const keys = ", srtpMode: required, srtpKeying: dtls"
	for _, c := range []struct{ name, settings, theirs, mid, group string }{
		{"of ours", "full" + keys, "", "mid:m0", "BUNDLE m0"},
		{"of the other side", "lite" + keys, "a=mid:audio\r\n", "mid:audio", "BUNDLE audio"},
		{"no token", "full" + keys, "a=mid:au dio\r\n", "mid:m0", "BUNDLE m0"},
		{"without rtcp-mux", "full, rtcpMux: off" + keys, "", "mid:m0", ""},
		{"without DTLS", "full", "", "", ""},
		{"without ICE", "off" + keys, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := iced(t, "off", c.settings)
			r.env.Fingerprint = ourPrint
			check := func(what string) []byte {
				t.Helper()
				inv, offer := r.told("INVITE")
				group := ""
				for name, value := range offer.Attributes(-1) {
					if name == "group" {
						group = value
					}
				}
				if got := strings.Join(linesOf(offer, "mid"), " "); got != c.mid || group != c.group {
					t.Fatalf("%s: named %q in group %q, want %q in %q\n%s", what, got, group, c.mid, c.group, inv)
				}
				return inv
			}
			r.out.Reset()
			invite := request("INVITE", "1", "i1", "call", "from", "", bodies[0]+c.theirs)
			r.in(r.uc, bytes.Replace(invite, []byte("100rel"), []byte("nothing"), 1))
			inv := check("at first")
			if c.mid == "" {
				return
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", withProto(bodies[1], "UDP/TLS/RTP/SAVPF", theirPrint+"a=setup:active\r\n"+theirICE("abcd")+"a="+c.mid+"\r\n")))
			ok, _ := r.told("SIP/2.0 200")
			tag := tagOf(header(ok, "To"))
			r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
			r.out.Reset()
			r.in(r.uc, request("INVITE", "2", "i2", "call", "from", tag, bodies[0]+"a=sendonly\r\na=mid:other\r\n"))
			check("again")
		})
	}
}

// TestRFC5888_9_1: an answer calls each m-line what the offer has called it, one that is refused and one of no RTP too, and never what the other side does.
func TestRFC5888_9_1(t *testing.T) {
	const more = "m=video 5006 RTP/AVP 99\r\na=mid:1\r\na=rtpmap:99 H264/90000\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\n"
	r := iced(t, "full", "off")
	r.out.Reset()
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+theirICE("abcd")+"a=mid:0\r\n"+more))
	inv, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+"a=mid:x\r\nm=video 0 RTP/AVP 99\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"))
	ok, answer := r.told("SIP/2.0 200")
	for i, want := range []string{"0", "1", "data"} {
		if i >= len(answer.Media) || answer.Mid(i) != want || strings.Count(answer.Body(), "a=mid:") != 3 {
			t.Fatalf("m-line %d is not called %q in\n%s", i, want, ok)
		}
	}
}

// TestRefusedLineOfWebRTC: a refused m-line of ICE and DTLS says what its formats are, as the offer has it: there are stacks of WebRTC that look for it (RFC 3264 §6: what it lists
// means nothing). Other peers get the bare m-line.
func TestRefusedLineOfWebRTC(t *testing.T) {
	for _, c := range []struct{ ice, proto, keys, want string }{
		{"full", "UDP/TLS/RTP/SAVPF", theirPrint + "a=setup:actpass\r\n" + theirICE("abcd"), "m=video 0 UDP/TLS/RTP/SAVPF 99 100\r\na=rtpmap:99 H264/90000\r\na=rtpmap:100 rtx/90000\r\na=fmtp:100 apt=99\r\na=mid:1\r\n"},
		{"off", "RTP/AVP", "", "m=video 0 RTP/AVP 99 100\r\n"},
	} {
		r := iced(t, c.ice, "off")
		r.env.Fingerprint = ourPrint
		r.out.Reset()
		offer := withProto(bodies[0], c.proto, c.keys+"a=mid:0\r\nm=video 5006 "+c.proto+" 99 100\r\na=mid:1\r\na=fmtp:100 apt=99\r\na=rtpmap:99 H264/90000\r\na=rtpmap:100 rtx/90000\r\n"+c.keys)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", offer))
		inv, _ := r.told("INVITE")
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+"m=video 0 RTP/AVP 99 100\r\n"))
		if ok, answer := r.told("SIP/2.0 200"); !strings.HasSuffix(answer.Body(), c.want) {
			t.Errorf("%s: want %q in\n%s", c.proto, c.want, ok)
		}
	}
}
