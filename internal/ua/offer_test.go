package ua_test

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// An m-line over TCP is not given a port of UDP: the other side is offered it as refused, and so is the answer (RFC 3264 §6, RFC 4145).
func TestOffersOverTCPAreRefused(t *testing.T) {
	r := newRig(t)
	tcp := "m=application 50000 TCP/BFCP *\r\na=setup:actpass\r\nm=message 50002 TCP/TLS/MSRP *\r\na=path:msrps://198.51.100.1:50002/x;tcp\r\n"
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+tcp))
	inv, offer := r.told("INVITE")
	if m := offer.Media; len(m) != 3 || m[0].Rejected() || !m[1].Rejected() || !m[2].Rejected() || m[1].Proto != "TCP/BFCP" || m[2].Proto != "TCP/TLS/MSRP" {
		t.Fatalf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]+"m=application 0 TCP/BFCP *\r\nm=message 0 TCP/TLS/MSRP *\r\n"))
	if ok, answer := r.told("SIP/2.0 200"); len(answer.Media) != 3 || answer.Media[0].Rejected() || !answer.Media[1].Rejected() || !answer.Media[2].Rejected() {
		t.Errorf("answered\n%s", ok)
	}
}

// RFC 3264 §6: media that we have no address for is refused, not answered with an address that the peer cannot reach; unless ICE or bypass may
// find another way, or one m-line can be served, or all is held.
func TestOffersOfAnotherFamily(t *testing.T) {
	six := strings.ReplaceAll(bodies[0], "IN IP4 198.51.100.1", "IN IP6 2001:db8::1")
	for _, row := range []struct{ settings, body, want string }{
		{"", six, "SIP/2.0 488"},
		{"ice: lite, ", six, "INVITE"},
		{"", strings.ReplaceAll(six, "2001:db8::1", "::"), "INVITE"},
		{"", six + "m=audio 49180 RTP/AVP 8\r\nc=IN IP4 198.51.100.1\r\n", "INVITE"},
		{"", six[:strings.Index(six, "m=")] + "m=audio 0 RTP/AVP 8\r\n", "INVITE"},
	} {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {`+row.settings, 1))
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", row.body))
		r.sent(row.want)
	}
}

// TestEveryMappingIsTold: everybody is told the mapping of static payload types, though the other side has left it to RFC 3551 (RFC 3264 §5.1): Jami, which is
// made of PJSIP, takes a description without for a refused m-line. Only an INVITE that goes by UDP, and would be too large for that with it, is without.
func TestEveryMappingIsTold(t *testing.T) {
	const mapping = "a=rtpmap:8 PCMA/8000\r\n"
	terse := func(body string) string { return strings.Replace(body, mapping, "", 1) }
	if terse(bodies[0]) == bodies[0] || terse(bodies[1]) == bodies[1] {
		t.Fatal("the bodies have no mapping to leave out")
	}
	for _, status := range []string{"183 Session Progress", "200 OK"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", terse(bodies[0])))
		inv, _ := r.told("INVITE")
		if bytes.Count(inv, []byte(mapping)) != 1 {
			t.Errorf("offered\n%s", inv)
		}
		r.out.Reset()
		r.in(r.pstn, response(status, inv, "to", terse(bodies[1])))
		if answer, _ := r.told("SIP/2.0 " + status[:3]); bytes.Count(answer, []byte(mapping)) != 1 {
			t.Errorf("answered\n%s", answer)
		}
	}
	r := newRig(t)
	caller, callee := r.endsOf(terse(bodies[0]), terse(bodies[1]))
	caller.ack(1)
	callee.says("INVITE", strings.Replace(terse(bodies[1]), "sendrecv", "sendonly", 1))
	if hold, _ := r.told("INVITE"); bytes.Count(hold, []byte(mapping)) != 1 {
		t.Errorf("held\n%s", hold)
	}
}

// TestTooLargeWithEveryMapping: an INVITE by UDP that would be larger than udpMaxRequest with the mapping goes without, and by TCP with it where that is not enough.
func TestTooLargeWithEveryMapping(t *testing.T) {
	const mapping = "a=rtpmap:8 PCMA/8000\r\n"
	sent := func(limit int) (tcp, has bool) {
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, udpMaxRequest: `+strconv.Itoa(limit)+`}
  "trunk:uc": {`, 1))
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", strings.Replace(bodies[0], mapping, "", 1)))
		inv, _ := r.told("INVITE")
		return bytes.Contains(inv, []byte("SIP/2.0/TCP")), bytes.Contains(inv, []byte(mapping))
	}
	udp := sort.Search(1300, func(n int) bool { tcp, _ := sent(n + 1); return !tcp }) + 1
	whole := sort.Search(1300, func(n int) bool { tcp, has := sent(n + 1); return !tcp && has }) + 1
	if whole != udp+len(mapping) {
		t.Errorf("by UDP from %d octets on, with the mapping from %d", udp, whole)
	}
	if tcp, has := sent(udp - 1); !tcp || !has {
		t.Errorf("with %d octets: by TCP %v, with the mapping %v", udp-1, tcp, has)
	}
}

const video = "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

// audioAlone is the message of ours that begins so; it says that audio is taken, in a direction, and video is not.
func (r *rig) audioAlone(line string, direction sdp.Direction) []byte {
	r.b.Helper()
	data, said := r.told(line)
	if m := said.Media; len(m) != 2 || m[0].Rejected() || m[0].Direction != direction || m[1].Kind != "video" || !m[1].Rejected() {
		r.b.Fatalf("told\n%s", data)
	}
	return data
}

// TestAnswerWithoutVideo: a target that answers without the m-line of video, where it should refuse it, has refused it.
func TestAnswerWithoutVideo(t *testing.T) {
	for _, status := range []string{"183 Session Progress", "200 OK"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+video))
		inv, _ := r.told("INVITE")
		answer := response(status, inv, "to", bodies[1])
		r.out.Reset()
		r.in(r.pstn, answer)
		r.audioAlone("SIP/2.0 "+status[:3], sdp.SendRecv)
	}
	r := newRig(t)
	caller, callee := r.endsOf(bodies[0]+video, bodies[1])
	caller.ack(1)
	caller.says("INVITE", strings.Replace(bodies[0], "sendrecv", "sendonly", 1)+video)
	hold, _ := r.told("INVITE")
	callee.answers("200 OK", hold, strings.Replace(bodies[1], "sendrecv", "recvonly", 1))
	r.audioAlone("SIP/2.0 200", sdp.RecvOnly)
}

// TestOffersWithoutVideo: such a target offers the same way later on. It is answered as it asks, and the other side sees both m-lines.
func TestOffersWithoutVideo(t *testing.T) {
	for name, c := range map[string]struct {
		method    string
		direction sdp.Direction
	}{"hold": {"INVITE", sdp.SendOnly}, "update": {"UPDATE", sdp.SendOnly}, "refresh": {"INVITE", sdp.SendRecv}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			caller, callee := r.endsOf(bodies[0]+video, bodies[1])
			caller.ack(1)
			callee.says(c.method, strings.Replace(bodies[1], "sendrecv", c.direction.String(), 1))
			again := r.audioAlone(c.method, c.direction)
			caller.answers("200 OK", again, strings.Replace(bodies[0], "sendrecv", c.direction.Reverse().String(), 1)+strings.Replace(video, "5004", "0", 1))
			if ok, said := r.told("SIP/2.0 200"); len(said.Media) != 1 || said.Media[0].Rejected() {
				t.Errorf("the target is answered\n%s", ok)
			}
		})
	}
}

// TestRefusedStreamIsNotAwaited: who offers video beside audio and is refused it sends none, and is not missed for that (TRK-09).
func TestRefusedStreamIsNotAwaited(t *testing.T) {
	r := newRig(t)
	r.endsOf(bodies[0]+video, bodies[1]+strings.Replace(video, "5004", "0", 1))
	if r.session.Timeout[0] == 0 || len(r.session.Streams) != 2 {
		t.Fatalf("the relay has %+v", r.session)
	}
	for i, want := range []bool{true, false} {
		for k := range r.session.Streams[i].Side {
			if r.session.Streams[i].Side[k].Remote.IsValid() != want {
				t.Errorf("m-line %d: side %d is expected to send: %v", i+1, k, !want)
			}
		}
	}
}

// TestRefusedStreamWithICEIsNotAwaited: nor has it addresses of ICE that are checked, and by which it would be missed.
func TestRefusedStreamWithICEIsNotAwaited(t *testing.T) {
	r := iced(t, "lite", "off")
	r.endsOf(bodies[0]+theirICE("abcd")+video+theirICE("abcd"), bodies[1]+strings.Replace(video, "5004", "0", 1))
	if r.side(0).ICE == nil || r.session.Streams[1].Side[0].ICE != nil {
		t.Errorf("the relay has %+v", r.session)
	}
}

// TestSilenceThatIsAllowedByNow: a silence that was seen before the call was put on hold ends nothing.
func TestSilenceThatIsAllowedByNow(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("global: {", "global: {rtcpCallsOnHold: false, ", `"trunk:uc": {`, `"trunk:uc": {rtcpCallsOnHold: false, `).Replace(document))
	caller, callee := r.acknowledged()
	caller.says("INVITE", held)
	callee.answers("200 OK", r.last(), heldAnswer)
	caller.ack(caller.seq)
	r.out.Reset()
	for k := range media.SideIndex(2) {
		if r.core.MediaEvent(r.now, media.Event{Kind: media.EventDead, Session: r.session.ID, Side: k}, &r.out); len(r.out.Sends) != 0 {
			t.Fatalf("ended:\n%s", r.lines())
		}
	}
}

// TestHeldBesideControl: a call whose audio is held is on hold, whatever m-line of no RTP is open beside it: rtcpCallsOnHold counts (TRK-10).
func TestHeldBesideControl(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("global: {", "global: {rtcpCallsOnHold: false, ", `"trunk:uc": {`, `"trunk:uc": {rtcpCallsOnHold: false, `).Replace(document))
	const control = "m=application 5006 UDP/BFCP *\r\n"
	r.endsOf(directed(0, "sendonly")+control, directed(1, "recvonly")+control)
	if len(r.session.Streams) != 2 || !r.session.Streams[1].Opaque || r.session.Timeout != [2]time.Duration{} {
		t.Errorf("the relay has %+v", r.session)
	}
}

// TestRefreshAnsweredWithLess: a peer whose session is refreshed by re-INVITE answers with less than stood. The other side is told where it sends what is not heard any more,
// holds or is held, or loses an m-line, and not of anything else.
func TestRefreshAnsweredWithLess(t *testing.T) {
	for name, c := range map[string]struct {
		stands, answer string
		told           string // formats and direction; "": nothing
		relay          string
	}{
		"the same":                 {both, both, "", spoken},
		"another codec first":      {both, strings.Replace(both, "8 0", "0 8", 1), "", spoken},
		"a codec that nobody says": {both, strings.Replace(both, "8 0", "8", 1), "", spoken},
		"the codec that is spoken": {both, strings.Replace(both, "8 0", "0", 1), "0 sendrecv", spoken},
		"on hold":                  {both, both + "a=sendonly\r\n", "8 0 sendonly", spoken},
		"moved":                    {both, strings.Replace(both, "49170", "49180", 1), "", "rtp 49170-49180"},
		"without video":            {both + video, both + refuse(video, 0), "8 0 sendrecv -video", spoken},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			caller, callee := r.endsOf(described(0, 0, c.stands), described(1, 0, c.stands))
			caller.ack(1)
			callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
			r.pass(60 * time.Second)
			callee.answers("405 Method Not Allowed", r.last(), "")
			r.pass(10 * time.Second)
			callee.answers("200 OK", r.first("INVITE"), described(1, 1, c.answer))
			inv := r.first("INVITE")
			if got := r.streams(); inv == nil && got != c.relay {
				t.Errorf("the relay has %s", got)
			}
			told := ""
			if inv != nil {
				_, s := r.told("INVITE")
				m := &s.Media[0]
				told = strings.Join(m.Formats, " ") + " " + m.Direction.String()
				if len(s.Media) > 1 && s.Media[1].Rejected() {
					told += " -video"
				}
				caller.answers("200 OK", inv, described(0, 1, strings.Replace(c.answer, "sendonly", "recvonly", 1)))
				r.sent("ACK")
			}
			if told = strings.TrimSuffix(told, " "); told != c.told {
				t.Errorf("the caller is told %q, want %q", told, c.told)
			}
		})
	}
}

// RFC 3264 §8: what a busy side was to be told and is not, as something else comes before, leaves no gap in the versions of its descriptions.
func TestRFC3264_8VersionOfWhatWaits(t *testing.T) {
	r := newRig(t)
	caller, callee := r.acknowledged()
	callee.says("INVITE", "")
	caller.answers("400 Bad Request", r.first("INVITE"), "")
	r.sent("ACK", "SIP/2.0 200")
	caller.says("INVITE", bodies[0]) // a refresh, whose ACK is late
	_, before := r.told("SIP/2.0 200")
	r.in(r.pstn, callee.write("ACK", callee.seq, directed(1, "inactive")))
	caller.ack(caller.seq)
	caller.says("INVITE", "")
	callee.answers("200 OK", r.first("INVITE"), directed(1, "sendonly"))
	if ok, said := r.told("SIP/2.0 200"); before.Origin.Version != "1" || said.Origin.Version != "2" {
		t.Errorf("behind version %v comes\n%s", before.Origin.Version, ok)
	}
}

// refreshed has a peer that takes no UPDATE be asked for a refresh of its session while busy is under way, and answer by that it holds now.
func refreshed(r *rig, e *end, holds string, busy func()) {
	e.seq++
	r.in(e.src, bytes.Replace(e.write("UPDATE", e.seq, "", "Supported: timer", "Session-Expires: 120;refresher=uas"), []byte(", REFER"), nil, 1))
	r.pass(60 * time.Second)
	update := r.first("UPDATE")
	busy()
	e.answers("405 Method Not Allowed", update, "")
	r.pass(time.Second)
	e.answers("200 OK", r.first("INVITE"), holds)
}

// TestRefreshWithoutWhatIsRefused: who has refused video is not asked for it again when its session is refreshed, wherever media goes, and is told once what it has said.
func TestRefreshWithoutWhatIsRefused(t *testing.T) {
	for name, doc := range map[string]string{"anchored": document, "bypassed": placed} {
		r := rigOf(t, doc)
		caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+refuse(video, 0)))
		caller.ack(1)
		callee.says("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uas")
		versions := ""
		for range 3 {
			if r.pass(60 * time.Second); r.first("UPDATE") != nil {
				callee.answers("405 Method Not Allowed", r.first("UPDATE"), "")
				r.pass(time.Second)
			}
			refresh, said := r.told("INVITE")
			if kinds(said) != "audio -video" {
				t.Errorf("%s: refreshed by\n%s", name, refresh)
			}
			versions += said.Origin.Version
			callee.answers("200 OK", refresh, described(1, 0, speech+refuse(video, 0)), "Supported: timer", "Session-Expires: 120;refresher=uac")
			r.sent("ACK")
		}
		if versions != "222" {
			t.Errorf("%s: the refreshes have versions %s", name, versions)
		}
		if offered, answered := change(callee, caller, "INVITE", 1, speech+video, "200 OK", speech+video); offered != "audio video" || answered != "audio video" {
			t.Errorf("%s: offered %s, answered %s", name, offered, answered)
		}
	}
}

// TestRefreshAnsweredWithLessMeanwhile: what a peer answers to a refresh while a transfer or another change is under way the other side is told behind that, unless it has left.
func TestRefreshAnsweredWithLessMeanwhile(t *testing.T) {
	for _, status := range []string{"486 Busy Here", "200 OK"} {
		r, caller, callee := referring(t)
		var target []byte
		refreshed(r, callee, heldB, func() {
			target = refer(r, caller)
			r.in(r.pstn, response("180 Ringing", target, "first", ""))
		})
		if inv := r.first("INVITE"); inv != nil {
			t.Fatalf("told while the target rings:\n%s", inv)
		}
		if status == "200 OK" {
			joined(r, callee, target)
			if got := r.lines(); strings.Contains(got, "uc: INVITE") || !strings.Contains(got, "uc: BYE") {
				t.Errorf("behind the transfer:\n%s", got)
			}
			continue
		}
		r.out.Reset()
		r.in(r.pstn, response(status, target, "first", ""))
		if r.first("INVITE") == nil {
			t.Fatalf("the caller is not told:\n%s", r.lines())
		}
		inv, said := r.told("INVITE")
		if said.Media[0].Direction != sdp.SendOnly {
			t.Errorf("the caller is told\n%s", inv)
		}
		caller.answers("200 OK", inv, directed(0, "recvonly"))
		r.pass(time.Second)
		r.sent()
	}
	r := newRig(t)
	caller, callee := r.acknowledged()
	var ours []byte
	refreshed(r, caller, held, func() {
		invite := caller.says("INVITE", directed(0, "inactive"))
		ours = r.first("INVITE")
		callee.answers("100 Trying", ours, "")
		caller.cancel(invite)
		caller.ack(caller.seq)
	})
	callee.answers("487 Request Terminated", ours, "")
	r.pass(time.Second)
	if r.first("INVITE") == nil {
		t.Fatalf("the callee is not told:\n%s", r.lines())
	}
	if inv, said := r.told("INVITE"); said.Media[0].Direction != sdp.SendOnly || r.side(0).Send {
		t.Errorf("the callee is told\n%s\nthe relay has %+v", inv, r.side(0))
	}
	caller.says("INVITE", bodies[0])
	r.sent("SIP/2.0 491") // … and not taken for what stands
}

// both are two codecs.
const both = "m=audio 49170 RTP/AVP 8 0\r\n"
