package ua_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// The kinds of peers that are mixed below, and what their trunks have for them.
var mixes = map[string]string{
	"rtp":      "srtpMode: accept",
	"optional": "srtpMode: optional, rtcpMux: offer",
	"sdes":     "srtpMode: required",
	"dtls":     "srtpMode: required, srtpKeying: dtls, ice: lite",
	"full":     "srtpMode: optional, srtpKeying: dtls, ice: full, rtcpMux: off",
	"mulaw":    "codecs: [PCMU], signalBoost: 6",
	"alaw":     "codecs: [PCMA], musicOnHold: generate, ringback: generate",
	"info":     "dtmf: info",
}

// mixed is a rig with a third trunk, that of +14255550123.
func mixed(t *testing.T, uc, pstn, third string) *rig {
	t.Helper()
	r := rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {acceptReplaces: any, `+mixes[pstn]+"}\n  "+`"trunk:third": {acceptReplaces: any, `+mixes[third]+"}\n  "+`"trunk:uc": {acceptRefer: true, `+mixes[uc]+", ",
		"trunkSettings:", "  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:",
		"routes:", `routes:`+"\n"+`  - {name: third, pattern: '^\+14255550123$', usages: [all], trunks: [third]}`).Replace(document))
	r.env.Fingerprint = ourPrint
	return r
}

// voice is a peer of a kind, with what it says of its media.
type voice struct {
	*end
	kind          string
	host, version int
	port          int
	direction     string
	fresh         int    // how often it has drawn other keys
	said          string // what stands of it
	told          *sdp.Session
}

func (v *voice) material() string {
	return fmt.Sprintf("%-30.30s", fmt.Sprintf("key %d of %d", v.fresh, v.host))
}
func (v *voice) ufrag() string { return fmt.Sprintf("uf%d%d", v.host, v.fresh) }
func (v *voice) print() string { return strings.Repeat(string(rune('A'+10*v.host+v.fresh)), 32) }

// describes is its offer, or its answer to one.
func (v *voice) describes(offer *sdp.Session) string {
	v.version++
	has := map[string]string{"alaw": "8 101", "mulaw": "0 101", "info": "8 0"}[v.kind]
	if has == "" {
		has = "8 0 101"
	}
	formats := strings.Fields(has)
	if offer != nil {
		formats = slices.DeleteFunc(formats, func(f string) bool { return !slices.Contains(offer.Media[0].Formats, f) })
	}
	proto, lines, tag, setup := "RTP/AVP", "", 1, "actpass"
	if offer != nil {
		setup = "active"
		for k := range offer.Cryptos(0) {
			if k.Suite == "AES_CM_128_HMAC_SHA1_80" {
				tag = k.Tag
			}
		}
		if offer.Setup(0) == "active" {
			setup = "passive"
		}
	}
	switch v.kind {
	case "sdes":
		proto = "RTP/SAVP"
		lines = fmt.Sprintf("a=crypto:%d AES_CM_128_HMAC_SHA1_80 inline:%s\r\n", tag, base64.StdEncoding.EncodeToString([]byte(v.material())))
	case "dtls", "full":
		proto = "UDP/TLS/RTP/SAVP"
		if v.kind == "full" && offer != nil {
			proto = offer.Media[0].Proto
		}
		lines = "a=fingerprint:" + sdp.FormatFingerprint(sdp.Fingerprint{Hash: "sha-256", Value: v.print()}) + "\r\na=setup:" + setup + "\r\na=ice-ufrag:" + v.ufrag() + "\r\na=ice-pwd:" +
			strings.Repeat(v.ufrag(), 6) + "\r\na=candidate:1 1 UDP 2130706431 198.51.100." + strconv.Itoa(v.host) + " " + strconv.Itoa(v.port) + " typ host\r\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN IP4 198.51.100.%d\r\ns=-\r\nc=IN IP4 198.51.100.%d\r\nt=0 0\r\nm=audio %d %s %s\r\n", 100+v.host, v.version, v.host, v.host, v.port, proto,
		strings.Join(formats, " "))
	for _, f := range formats {
		b.WriteString("a=rtpmap:" + f + " " + map[string]string{"8": "PCMA", "0": "PCMU", "101": "telephone-event"}[f] + "/8000\r\n")
	}
	b.WriteString("a=ptime:20\r\na=" + v.direction + "\r\n" + lines)
	return b.String()
}

// agrees is its answer to an offer of ours, with which that stands.
func (v *voice) agrees(offer *sdp.Session) string {
	d := v.direction
	switch v.direction = "sendrecv"; offer.Media[0].Direction {
	case sdp.SendOnly:
		v.direction = "recvonly"
	case sdp.RecvOnly:
		v.direction = "sendonly"
	case sdp.Inactive:
		v.direction = "inactive"
	}
	if d != "sendrecv" && v.direction == "sendrecv" { // it holds from its end
		v.direction = d
	}
	v.told, v.said = offer, v.describes(offer)
	return v.said
}

// bare is a session without what only counts.
func bare(s *media.Session) media.Session {
	c := *s
	c.Streams = slices.Clone(s.Streams)
	for i := range c.Streams {
		for k := range c.Streams[i].Side {
			c.Streams[i].Side[k].Relatch, c.Streams[i].Side[k].Confirmed = 0, 0
		}
	}
	if c.Play != nil {
		p := *c.Play
		p.ID, c.Play = 0, &p
	}
	return c
}

// mix is a call of two voices, and what its relay had before something was to be changed.
type mix struct {
	*rig
	t      *testing.T
	a, b   *voice
	third  *voice
	stands media.Session
}

// beginMix places the call.
func beginMix(t *testing.T, kinds [3]string) *mix {
	t.Helper()
	x := &mix{rig: mixed(t, kinds[0], kinds[1], kinds[2]), t: t}
	x.a = &voice{kind: kinds[0], host: 1, port: 40010, direction: "sendrecv"}
	x.b = &voice{kind: kinds[1], host: 2, port: 40020, direction: "sendrecv"}
	x.third = &voice{kind: kinds[2], host: 3, port: 40030, direction: "sendrecv"}
	x.a.said = x.a.describes(nil)
	x.out.Reset()
	x.in(x.uc, request("INVITE", "1", "i1", "call-1", "from1", "", x.a.said))
	inv, offer := x.rig.told("INVITE")
	x.out.Reset()
	x.in(x.pstn, response("200 OK", inv, "to1", x.b.agrees(offer)))
	ack := x.first("ACK")
	ok, answer := x.rig.told("SIP/2.0 200")
	x.a.told = answer
	x.a.end = &end{r: x.rig, src: x.uc, callID: "call-1", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	x.b.end = &end{r: x.rig, src: x.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	x.a.ack(1)
	x.agreed("at first")
	x.stands = bare(x.session)
	return x
}

// agreed checks what the relay has of each side against what both have said.
func (x *mix) agreed(when string) {
	x.t.Helper()
	x.relays()
	for k, v := range [...]*voice{x.a, x.b} {
		s := x.rig.side(k)
		if want := netip.MustParseAddrPort(fmt.Sprintf("198.51.100.%d:%d", v.host, v.port)); s.Remote != want {
			x.t.Errorf("%s, side %d is at %v, not %v", when, k, s.Remote, want)
		}
		if s.Local.Port() != v.told.Media[0].Port {
			x.t.Errorf("%s, side %d is relayed at %v, and told %d", when, k, s.Local, v.told.Media[0].Port)
		}
		if hears, sends := strings.Contains("sendrecv recvonly", v.direction), strings.Contains("sendrecv sendonly", v.direction); s.Recv != sends || x.session.Play == nil && s.Send != hears {
			x.t.Errorf("%s, side %d says %s, and the relay sends %v and takes %v", when, k, v.direction, s.Send, s.Recv)
		}
		keys := strings.Join(keysOf(v.told), " ")
		switch c := s.Crypt; {
		case v.kind != "sdes" && c != nil && s.DTLS == nil:
			x.t.Errorf("%s, side %d has keys: %+v", when, k, c)
		case v.kind == "sdes" && (c == nil || len(c.Recv) != 1 || c.Recv[0].Key != v.material()):
			x.t.Errorf("%s, side %d has other keys than it has said: %v", when, k, c)
		case v.kind == "sdes" && !strings.Contains(keys, base64.StdEncoding.EncodeToString([]byte(c.Send))):
			x.t.Errorf("%s, side %d is sent a key that it was not told", when, k)
		}
		if secure := v.kind == "dtls" || v.kind == "full"; secure != (s.DTLS != nil) || secure != (s.ICE != nil) {
			x.t.Errorf("%s, side %d has %+v and %+v", when, k, s.DTLS, s.ICE)
		} else if secure {
			if s.DTLS.Peer[0].Value != v.print() {
				x.t.Errorf("%s, side %d has another fingerprint", when, k)
			}
			if said := linesOf(v.told, "ice-ufrag"); !slices.Equal(said, []string{"ice-ufrag:" + s.ICE.Ufrag}) || s.ICE.PeerUfrag != v.ufrag() {
				x.t.Errorf("%s, side %d is %q and knows us as %q, the relay has %q and %q", when, k, v.ufrag(), said, s.ICE.PeerUfrag, s.ICE.Ufrag)
			}
		}
	}
}

// unchanged checks that the session of the relay is what it was, whatever was asked for.
func (x *mix) unchanged(when string) {
	x.t.Helper()
	x.relays()
	if now := bare(x.session); !reflect.DeepEqual(now, x.stands) {
		x.t.Errorf("%s the relay has\n%s\nhad\n%s", when, shown(now), shown(x.stands))
	}
}

func shown(s media.Session) string {
	var b strings.Builder
	for _, st := range s.Streams {
		for k := range st.Side {
			side := st.Side[k]
			fmt.Fprintf(&b, "%+v\n  crypt %+v dtls %+v speech %+v ice %+v\n", side, side.Crypt, side.DTLS, side.Speech, side.ICE)
		}
	}
	fmt.Fprintf(&b, "play %+v timeout %v", s.Play, s.Timeout)
	return b.String()
}

// refreshes has a side say again what stands, and checks that nothing is changed by it.
func (x *mix) refreshes(v *voice) {
	x.t.Helper()
	x.pass(3e9)
	v.says("INVITE", v.said)
	if inv := x.first("INVITE"); inv != nil { // what is converted is not known again
		w := x.b
		if v == x.b {
			w = x.a
		}
		_, offer := x.rig.told("INVITE")
		w.answers("200 OK", inv, w.agrees(offer))
		x.takes()
	}
	if !strings.Contains(x.lines(), "SIP/2.0 200") {
		x.t.Fatalf("a refresh of %s: %s", v.kind, x.lines())
	}
	_, v.told = x.rig.told("SIP/2.0 200")
	v.ack(v.seq)
	x.unchanged("after a refresh of " + v.kind)
	x.agreed("after a refresh of " + v.kind)
}

// changes has a side ask for a change, which the other one takes.
func (x *mix) changes(v, w *voice) {
	x.t.Helper()
	x.pass(3e9)
	v.said = v.describes(nil)
	v.says("INVITE", v.said)
	inv, offer := x.rig.told("INVITE")
	w.answers("200 OK", inv, w.agrees(offer))
	_, v.told = x.rig.told("SIP/2.0 200")
	v.ack(v.seq)
	x.agreed("after a change of " + v.kind)
}

// goesOn checks that the call is as it was, for both sides and whatever they do next.
func (x *mix) goesOn(refreshed bool) {
	x.t.Helper()
	x.pass(5e9)
	x.unchanged("afterwards")
	x.agreed("afterwards")
	if refreshed {
		x.refreshes(x.a)
		x.refreshes(x.b)
	}
	for _, v := range []*voice{x.a, x.b} {
		w := x.b
		if v == x.b {
			w = x.a
		}
		stands := [2]*media.DTLS{x.rig.side(0).DTLS, x.rig.side(1).DTLS}
		v.port += 100
		x.changes(v, w)
		for k, d := range stands {
			if now := x.rig.side(k).DTLS; d != nil && now != nil && now.Association != d.Association {
				x.t.Errorf("side %d, whose fingerprint stays, is to shake hands again: %+v, had %+v", k, now, d)
			}
		}
	}
}

// tries has a side ask for something that differs from what stands in all, and returns what goes on; what stands of it stays.
func (x *mix) tries(v *voice, method string) (request, forwarded []byte) {
	x.t.Helper()
	w := *v
	w.fresh++
	w.port++
	w.direction = "sendonly"
	text := w.describes(nil)
	v.version = w.version
	request = v.says(method, text)
	if forwarded = x.first("INVITE"); forwarded == nil {
		forwarded = x.first("UPDATE")
	}
	if forwarded == nil {
		x.t.Fatalf("nothing goes on:\n%s", x.lines())
	}
	return request, forwarded
}

// The ways in which a transfer can fail.
var transfers = map[string]func(x *mix){
	"busy": func(x *mix) {
		inv := x.refers()
		x.answersTarget("180 Ringing", inv, "")
		x.unchangedBut("while the target rings")
		x.answersTarget("486 Busy Here", inv, "")
	},
	"early media": func(x *mix) {
		inv := x.refers()
		x.answersTarget("183 Session Progress", inv, x.third.agrees(x.offered(inv)))
		x.unchangedBut("while the target rings")
		x.answersTarget("486 Busy Here", inv, "")
	},
	"early media of two forks, and a redirection": func(x *mix) {
		inv := x.refers()
		x.answersTarget("183 Session Progress", inv, x.third.agrees(x.offered(inv)))
		x.third.port, x.third.fresh = x.third.port+100, 1
		x.out.Reset()
		x.in(thirdSource, response("183 Session Progress", inv, "fork", x.third.agrees(x.offered(inv))))
		x.unchangedBut("while the target rings")
		x.answersTarget("302 Moved Temporarily", inv, "")
		if again := x.first("INVITE"); again != nil {
			x.answersTarget("404 Not Found", again, "")
		}
	},
	"no answer": func(x *mix) {
		inv := x.refers()
		x.answersTarget("180 Ringing", inv, "")
		x.pass(200e9)
		x.answersTarget("487 Request Terminated", inv, "")
	},
	"nothing": func(x *mix) {
		x.refers()
		x.pass(50e9)
	},
	"an answer that does not fit": func(x *mix) {
		inv := x.refers()
		u := *x.third
		u.kind = map[string]string{"sdes": "rtp"}[u.kind]
		if u.kind == "" {
			u.kind = "sdes"
		}
		x.answersTarget("200 OK", inv, strings.Replace(u.describes(nil), "m=audio", "m=video", 1))
	},
	"who stays refuses": func(x *mix) {
		x.seats()
		x.b.answers("488 Not Acceptable Here", x.first("INVITE"), "")
	},
	"who stays says nothing of use": func(x *mix) {
		x.seats()
		x.b.answers("200 OK", x.first("INVITE"), "")
		x.corrected(x.b)
	},
	"who stays is too slow": func(x *mix) {
		x.seats()
		inv := x.first("INVITE")
		x.b.answers("100 Trying", inv, "")
		x.pass(70e9)
		x.b.answers("487 Request Terminated", inv, "")
	},
	"the target leaves": func(x *mix) {
		target := x.seats()
		inv := x.first("INVITE")
		x.b.answers("100 Trying", inv, "")
		target.says("BYE", "")
		x.b.answers("487 Request Terminated", inv, "")
	},
	"Replaces": func(x *mix) {
		x.replaces()
		x.b.answers("488 Not Acceptable Here", x.first("INVITE"), "")
	},
	"Replaces, withdrawn": func(x *mix) {
		x.replaces()
		inv := x.first("INVITE")
		x.b.answers("100 Trying", inv, "")
		x.pass(70e9)
		x.b.answers("487 Request Terminated", inv, "")
	},
}

var thirdSource = sip.Source{Transport: sip.UDP, Local: ucSource.Local, Remote: netip.MustParseAddrPort("198.51.100.3:5060")}

// refers asks for a transfer to the third one, and returns its INVITE.
func (x *mix) refers() []byte {
	x.t.Helper()
	x.a.says("REFER", "", "Refer-To: <sip:+14255550123@example.com>", "Refer-Sub: false")
	inv := x.first("INVITE")
	if inv == nil {
		x.t.Fatalf("no INVITE: %s", x.lines())
	}
	x.unchangedBut("while the target is asked")
	return inv
}

// takes has the codecs stand that are left by the answer to an offer of ours: a side may have said more before.
func (x *mix) takes() {
	x.relays()
	for k := range x.stands.Streams[0].Side {
		was, is := &x.stands.Streams[0].Side[k], x.rig.side(k)
		was.Agreed, was.Digits = is.Agreed, is.Digits
		if was.Speech != nil {
			was.Speech = is.Speech
		}
	}
}

// unchangedBut is unchanged while a transfer is under way: nobody is missed, and who stays may hear our ring-back.
func (x *mix) unchangedBut(when string) {
	x.t.Helper()
	x.relays()
	stands := x.stands
	x.stands.Timeout, x.stands.Play = x.session.Timeout, bare(x.session).Play
	x.unchanged(when)
	x.stands = stands
}

func (x *mix) offered(m []byte) *sdp.Session {
	x.t.Helper()
	p, err := sip.Parse(m, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	body, _ := p.SDP()
	s, err := sdp.Parse(body)
	if err != nil {
		x.t.Fatalf("%v\n%s", err, m)
	}
	return s
}

func (x *mix) answersTarget(status string, inv []byte, body string) {
	x.t.Helper()
	x.out.Reset()
	x.in(thirdSource, []byte(strings.Replace(string(response(status, inv, "target", body)), "198.51.100.2:5060", "198.51.100.3:5060", 1)))
}

// seats has the target answer, so that who stays is told.
func (x *mix) seats() *end {
	x.t.Helper()
	inv := x.refers()
	x.answersTarget("200 OK", inv, x.third.agrees(x.offered(inv)))
	ack := x.first("ACK")
	x.unchangedBut("while who stays is told")
	return &end{r: x.rig, src: thirdSource, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
}

// replaces has the third one ask for the seat of the caller.
func (x *mix) replaces() {
	x.t.Helper()
	x.out.Reset()
	x.third.said = x.third.describes(nil)
	m := []byte(strings.ReplaceAll(string(request("INVITE", "1", "i3", "other", "other", "", x.third.said)), "198.51.100.1:5060", "198.51.100.3:5060"))
	x.in(thirdSource, with(m, "Replaces: call-1;to-tag="+tagOf(x.a.to)+";from-tag=from1"))
	if x.first("INVITE") == nil {
		x.t.Fatalf("who stays is not told: %s", x.lines())
	}
	x.unchangedBut("while who stays is told")
}

// The same of transfers, whatever the target has.
func TestFailedTransfersChangeNothing(t *testing.T) {
	ways := sorted(transfers)
	for i, a := range sorted(mixes) {
		for j, b := range sorted(mixes) {
			for k, c := range sorted(mixes) {
				for n := range 2 { // of the ways each pair of kinds meets all
					how := ways[(i+3*j+5*k+6*n)%len(ways)]
					if testing.Short() && (i+2*j+k+n)%4 != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s-%s-%s/%s", a, b, c, how), func(t *testing.T) {
						x := beginMix(t, [3]string{a, b, c})
						if holds := (i+j+2*k+n)%3 == 0; holds {
							x.a.direction = "sendonly"
							x.changes(x.a, x.b)
							x.relays()
							x.stands = bare(x.session)
						}
						transfers[how](x)
						x.goesOn((i+j+k)%2 == 0)
					})
				}
			}
		}
	}
}

// And of those that come about, the relay has what the two descriptions say that are left.
func TestTransfersAreWhatIsSaid(t *testing.T) {
	for i, a := range sorted(mixes) {
		for j, b := range sorted(mixes) {
			for k, c := range sorted(mixes) {
				replaces := (i+j+k)%2 == 0
				if testing.Short() && (i+2*j+3*k)%4 > 1 {
					continue
				}
				t.Run(fmt.Sprintf("%s-%s-%s/%v", a, b, c, replaces), func(t *testing.T) {
					x := beginMix(t, [3]string{a, b, c})
					if replaces {
						x.replaces()
					} else {
						x.third.end = x.seats()
					}
					inv, offer := x.rig.told("INVITE")
					if !replaces { // who has answered asks for a change before it has its place
						u := *x.third
						u.fresh++
						u.says("INVITE", u.describes(nil))
						x.rig.sent("SIP/2.0 491")
						x.third.version = u.version
						u.ack(u.seq)
					}
					x.b.answers("200 OK", inv, x.b.agrees(offer))
					if replaces {
						var ok []byte
						ok, x.third.told = x.rig.told("SIP/2.0 200")
						x.third.end = &end{r: x.rig, src: thirdSource, callID: "other", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
						x.third.ack(1)
					}
					x.a = x.third
					if again := x.first("INVITE"); again != nil { // it is told that who stays takes less than it was offered in its name
						x.a.answers("200 OK", again, x.a.agrees(x.offered(again)))
					}
					x.agreed("when the transfer is through")
					x.pass(5e9)
					x.stands = bare(x.session)
					x.goesOn(i%2 == 0)
				})
			}
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// failures are the ways in which a change can fail.
var failures = map[string]func(x *mix, v, w *voice){
	"488": func(x *mix, v, w *voice) {
		_, inv := x.tries(v, "INVITE")
		w.answers("488 Not Acceptable Here", inv, "")
		v.ack(v.seq)
	},
	"491": func(x *mix, v, w *voice) {
		for i := 0; i < 6; i++ {
			if i == 0 {
				_, inv := x.tries(v, "INVITE")
				w.answers("491 Request Pending", inv, "")
			} else if x.pass(4e9); x.first("INVITE") != nil {
				w.answers("491 Request Pending", x.first("INVITE"), "")
			}
		}
		v.ack(v.seq)
	},
	"T.38": func(x *mix, v, w *voice) {
		v.version++
		v.says("INVITE", fmt.Sprintf("v=0\r\no=- %d %d IN IP4 198.51.100.%d\r\ns=-\r\nc=IN IP4 198.51.100.%d\r\nt=0 0\r\n%s", 100+v.host, v.version, v.host, v.host, t38))
		inv := x.first("INVITE")
		x.unchanged("while T.38 is offered")
		w.answers("488 Not Acceptable Here", inv, "")
		v.ack(v.seq)
	},
	"an offer is asked for, and refused": func(x *mix, v, w *voice) {
		v.says("INVITE", "")
		w.answers("488 Not Acceptable Here", x.first("INVITE"), "")
		_, offer := x.rig.told("SIP/2.0 200")
		x.out.Reset()
		x.in(v.src, v.write("ACK", v.seq, v.agrees(offer)))
		x.takes()
	},
	"UPDATE refused": func(x *mix, v, w *voice) {
		_, update := x.tries(v, "UPDATE")
		w.answers("488 Not Acceptable Here", update, "")
	},
	"no answer in the 200": func(x *mix, v, w *voice) {
		_, inv := x.tries(v, "INVITE")
		w.answers("200 OK", inv, "")
		x.corrected(w)
		v.ack(v.seq)
	},
	"cancelled": func(x *mix, v, w *voice) {
		asked, inv := x.tries(v, "INVITE")
		w.answers("100 Trying", inv, "")
		v.cancel(asked)
		w.answers("487 Request Terminated", inv, "")
		v.ack(v.seq)
	},
	"answered as it is cancelled": func(x *mix, v, w *voice) {
		asked, inv := x.tries(v, "INVITE")
		w.answers("100 Trying", inv, "")
		v.cancel(asked)
		m, _ := sip.Parse(inv, nil)
		body, _ := m.SDP()
		offer, _ := sdp.Parse(body)
		u := *w
		w.answers("200 OK", inv, u.describes(offer))
		w.version = u.version
		x.corrected(w)
		v.ack(v.seq)
	},
	"too slow": func(x *mix, v, w *voice) {
		_, inv := x.tries(v, "INVITE")
		w.answers("100 Trying", inv, "")
		x.pass(61e9)
		w.answers("487 Request Terminated", inv, "")
		v.ack(v.seq)
	},
	"crossing": func(x *mix, v, w *voice) { // what v is asked arrives when its own request has been refused
		hold := *w
		hold.direction = "sendrecv"
		hold.port += 7
		w.said = hold.describes(nil)
		w.port, w.version = hold.port, hold.version
		w.says("INVITE", w.said)
		inv, offer := x.rig.told("INVITE")
		u := *v
		u.fresh++
		u.port++
		v.version++
		v.says("INVITE", u.describes(nil))
		x.rig.told("SIP/2.0 491")
		v.ack(v.seq)
		v.answers("200 OK", inv, v.agrees(offer))
		_, w.told = x.rig.told("SIP/2.0 200")
		w.ack(w.seq)
		x.agreed("after a change that crossed one which was refused")
		x.stands = bare(x.session)
	},
}

// corrected answers the re-INVITE that tells a side again what stands, if there is one.
func (x *mix) corrected(w *voice) {
	x.t.Helper()
	for range 3 {
		if inv := x.first("INVITE"); inv != nil {
			_, offer := x.rig.told("INVITE")
			w.answers("200 OK", inv, w.agrees(offer))
			x.takes()
			return
		}
		x.pass(1e9)
	}
}

// RFC 3261 §14.1: what is asked for and does not come about changes nothing of what the relay has, whatever the two sides have of keys, ICE, codecs and keys of DTMF.
func TestFailedChangesChangeNothing(t *testing.T) {
	for i, a := range sorted(mixes) {
		for j, b := range sorted(mixes) {
			for k, how := range sorted(failures) {
				for from := range 2 {
					if testing.Short() && (i+2*j+k+from)%4 != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s-%s/%s/%d", a, b, how, from), func(t *testing.T) {
						x := beginMix(t, [3]string{a, b, "rtp"})
						ends := [...]*voice{x.a, x.b}
						failures[how](x, ends[from], ends[1-from])
						x.goesOn((i+j+k)%2 == 0)
					})
				}
			}
		}
	}
}

// pass lets time go by, and performs what the relay is told meanwhile.
func (x *mix) pass(d time.Duration) {
	x.rig.pass(d)
	x.relays()
}
