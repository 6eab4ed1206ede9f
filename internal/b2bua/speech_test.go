package b2bua

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// conversing is a call whose legs have trunks with these settings, and whose relay has Opus.
func conversing(a, b topology.TrunkSettings) *Call {
	c, gw := &Call{env: &Env{Opus: true, Server: &topology.Server{}}}, &topology.Gateway{}
	c.a.trunk = &topology.Trunk{Gateway: gw, Settings: &a}
	c.won = &attempt{}
	c.won.leg.side, c.won.leg.trunk = 1, &topology.Trunk{Gateway: gw, Settings: &b}
	c.plan.lines = make([]line, 1)
	return c
}

const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

var maps = map[string]string{"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "18": "G729/8000", "101": "telephone-event/8000", "110": "telephone-event/48000",
	"111": "opus/48000/2", "13": "CN/8000"}

// with is a description of audio with payload types.
func with(types string) string {
	text := head + "m=audio 4000 RTP/AVP " + types + "\r\n"
	for _, pt := range strings.Fields(types) {
		text += "a=rtpmap:" + pt + " " + maps[pt] + "\r\n"
	}
	return text
}

// spokenIn are the payload types and encodings of a description.
func spokenIn(t *testing.T, text string) string {
	t.Helper()
	s, err := sdp.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range s.Media[0].Codecs {
		name := c.Name
		if c.Is("telephone-event") && c.Rate != 8000 {
			name += "/48000"
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}

// TestMED01Codecs: what a peer is offered, what the other side is told of its answer, and how the relay is to speak to each.
func TestMED01Codecs(t *testing.T) {
	for _, c := range []struct {
		name             string
		codecs, dtmf     string // of the target's trunk
		off              bool
		callerDTMF       string
		offer, offered   string // the caller's; the target's
		answer, told     string // the target's; the caller's
		speechA, speechB string // the first codec that is spoken with each; "": as it comes
		eventsA, eventsB bool   // they have telephone-event
	}{
		{name: "no codecs named", offer: "0 101", offered: "PCMU telephone-event", answer: "0 101", told: "PCMU telephone-event"},
		{name: "one in common goes first", codecs: "G722 PCMA", offer: "0 8 101", offered: "PCMA G722 telephone-event", answer: "8 101", told: "PCMA telephone-event"},
		{name: "none in common", codecs: "G722", offer: "0 8 101", offered: "G722 telephone-event", answer: "9 101", told: "PCMU telephone-event",
			speechA: "PCMU", speechB: "G722", eventsA: true, eventsB: true},
		{name: "one in common is taken, and another", codecs: "PCMA G722", offer: "8", offered: "PCMA G722", answer: "8 9", told: "PCMA", speechA: "PCMA", speechB: "PCMA"},
		{name: "a codec that cannot be converted", codecs: "PCMA", offer: "18", offered: "G729", answer: "18", told: "G729"},
		{name: "one passes, another is converted to: it passes", codecs: "G729 PCMA", offer: "18 0 101", offered: "G729 PCMA telephone-event", answer: "18 101", told: "G729 telephone-event"},
		{name: "one passes, another is converted to: that is taken", codecs: "G729 PCMA", offer: "18 0 101", offered: "G729 PCMA telephone-event", answer: "8 101",
			told: "PCMU telephone-event", speechA: "PCMU", speechB: "PCMA", eventsA: true, eventsB: true},
		{name: "one passes, another is converted to: both are taken", codecs: "G729 PCMA", offer: "0 18 101", offered: "G729 PCMA telephone-event", answer: "18 8 101",
			told: "G729 PCMU telephone-event", speechA: "PCMU", speechB: "PCMA", eventsA: true, eventsB: true},
		{name: "one passes, another is converted to: both, in the other order", codecs: "G729 PCMA", offer: "18 9 0", offered: "G729 PCMA", answer: "8 18", told: "G722 G729",
			speechA: "G722", speechB: "PCMA"},
		{name: "one passes, another would be converted to, and transcoding is off", codecs: "G729 PCMA", off: true, offer: "18 0 101", offered: "G729 telephone-event", answer: "18 101",
			told: "G729 telephone-event"},
		{name: "one passes, and what is converted to is there", codecs: "G729 PCMA", offer: "0 8 18", offered: "G729 PCMA", answer: "8", told: "PCMA"},
		{name: "one passes, and the trunk has nothing to convert to", codecs: "G729", offer: "18 0", offered: "G729", answer: "18", told: "G729"},
		{name: "transcoding is off", codecs: "PCMU G722", off: true, offer: "8 0", offered: "PCMU", answer: "0", told: "PCMU"},
		{name: "telephone-event has the clock of its codec", codecs: "opus", offer: "8 101", offered: "opus telephone-event telephone-event/48000", answer: "111 110",
			told: "PCMA telephone-event", speechA: "PCMA", speechB: "opus", eventsA: true, eventsB: true},
		{name: "and the other way round", codecs: "PCMA", offer: "111 110", offered: "PCMA telephone-event/48000 telephone-event", answer: "8 101",
			told: "opus telephone-event/48000", speechA: "opus", speechB: "PCMA", eventsA: true, eventsB: true},
		{name: "a target with tones", dtmf: "inband", offer: "0 101", offered: "PCMU", answer: "0", told: "PCMU telephone-event", speechA: "PCMU", speechB: "PCMU", eventsA: true},
		{name: "a caller with tones", callerDTMF: "inband", offer: "0", offered: "PCMU telephone-event", answer: "0 101", told: "PCMU", speechA: "PCMU", speechB: "PCMU", eventsB: true},
		{name: "comfort noise goes along", codecs: "G722", offer: "0 13", offered: "G722 CN", answer: "9 13", told: "PCMU CN", speechA: "PCMU", speechB: "G722"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := *topology.DefaultSettings(), *topology.DefaultSettings()
			b.Codecs = strings.Fields(c.codecs)
			if c.off {
				b.Transcoding = "off"
			}
			if c.dtmf != "" {
				b.DTMF = c.dtmf
			}
			if c.callerDTMF != "" {
				a.DTMF = c.callerDTMF
			}
			call := conversing(a, b)
			leg := &call.won.leg
			// What plan.write leaves of the caller's offer for the trunk.
			inner, err := sdp.Parse(call.narrow(&call.a, with(c.offer), true))
			if err != nil {
				t.Fatal(err)
			}
			text := string(inner.Rewrite(nil, &sdp.Rewrite{Media: []sdp.MediaAddr{{Port: 6000}}, Codecs: call.codecs(inner, &b, asOffer)}))
			outer := call.widen(leg, text, true)
			if got := spokenIn(t, outer); got != c.offered {
				t.Errorf("the target is offered %s, want %s", got, c.offered)
			}
			answer := with(c.answer)
			if c.answer == "111 110" { // numbered as offered
				o, _ := sdp.Parse(outer)
				for _, codec := range o.Media[0].Codecs {
					if codec.Is("telephone-event") && codec.Rate == 48000 {
						answer = strings.NewReplacer(" 110", " "+itoa(codec.PT), ":110", ":"+itoa(codec.PT)).Replace(answer)
					}
				}
			}
			narrowed := call.narrow(leg, answer, false)
			if got := spokenIn(t, narrowed); got != c.told {
				t.Errorf("the caller is told %s, want %s", got, c.told)
			}
			s, err := sdp.Parse(narrowed)
			if err != nil {
				t.Fatal(err)
			}
			call.plan.take(&call.a, inner)
			call.plan.take(leg, s)
			ln := &call.plan.lines[0]
			for k, want := range []struct {
				codec  string
				events bool
			}{{c.speechA, c.eventsA}, {c.speechB, c.eventsB}} {
				spoken := ln.spoken(k)
				if spoken == nil {
					if want.codec != "" {
						t.Errorf("side %d is not spoken to in %s", k, want.codec)
					}
					continue
				}
				first, _ := spoken.First()
				_, events := spoken.Find(media.TelephoneEvent, 0)
				if first.Codec.String() != want.codec || events != want.events {
					t.Errorf("side %d: %v", k, spoken.Formats)
				}
			}
		})
	}
}

// TestWhatIsLeftOutBeforeTheEdge: a codec to convert from stays where one is named to convert to, and not where nothing can be converted: no data of a fax, no packets whose
// keys pass, and nothing that is too wide for the links.
func TestWhatIsLeftOutBeforeTheEdge(t *testing.T) {
	b := *topology.DefaultSettings()
	b.Codecs = []string{"G729", "PCMA"}
	c := conversing(*topology.DefaultSettings(), b)
	kept := func(offer string) string {
		t.Helper()
		s, err := sdp.Parse(offer)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(c.codecs(s, &b, asOffer), " ")
	}
	offer := with("18 0")
	if got := kept(offer); got != "" { // all
		t.Errorf("of an offer %q is kept", got)
	}
	if got := kept(offer + "a=gpmd:0 vbd=yes\r\n"); got != "G729 PCMA" {
		t.Errorf("of data %q is kept", got)
	}
	c.plan.limits = &network.Limits{{Most: 64}, {Most: 64}}
	if got := kept(offer); got != "G729" {
		t.Errorf("of what fits 64 kbit/s %q is kept", got)
	}
	c.plan.limits, c.plan.passKeys = nil, true
	if got := kept(offer); got != "G729 PCMA" {
		t.Errorf("where keys pass %q is kept", got)
	}
}

func itoa(n uint8) string { return string([]byte{'0' + n/100, '0' + n/10%10, '0' + n%10}) }

// TestOpusIsNotOffered where the relay has no libopus.
func TestOpusIsNotOffered(t *testing.T) {
	b := *topology.DefaultSettings()
	b.Codecs = []string{"opus", "G722"}
	c := conversing(*topology.DefaultSettings(), b)
	c.env.Opus = false
	if got := spokenIn(t, c.widen(&c.won.leg, with("0"), true)); got != "G722" {
		t.Errorf("the target is offered %s", got)
	}
	if got := spokenIn(t, c.widen(&c.won.leg, with("111"), true)); got != "opus" {
		t.Errorf("of opus alone the target is offered %s", got)
	}
}

// TestNoteIsOurs: what is noted between the legs comes from nobody else, and goes to nobody.
func TestNoteIsOurs(t *testing.T) {
	c := conversing(*topology.DefaultSettings(), *topology.DefaultSettings())
	forged := with("0") + "a=" + sdp.SpeechNote + ":20 9/G722/8000\r\n"
	for _, offer := range []bool{true, false} {
		if got := c.narrow(&c.a, forged, offer); strings.Contains(got, sdp.SpeechNote) {
			t.Errorf("taken from a peer: %s", got)
		}
	}
	s, err := sdp.Parse(forged)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.Rewrite(nil, &sdp.Rewrite{Media: []sdp.MediaAddr{{Port: 6000}}})); strings.Contains(got, sdp.SpeechNote) {
		t.Errorf("goes to a peer: %s", got)
	}
}

// FuzzNarrow: whatever a peer answers, what is left of it is a description, and without a note of the peer's.
func FuzzNarrow(f *testing.F) {
	f.Add(with("9 101"))
	f.Add(with("0") + "a=" + sdp.SpeechNote + ":20 9/G722/8000\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		b := *topology.DefaultSettings()
		b.Codecs = []string{"G722", "opus"}
		c := conversing(*topology.DefaultSettings(), b)
		c.widen(&c.won.leg, with("0 8 101"), true)
		_, err := sdp.Parse(body)
		got := c.narrow(&c.won.leg, body, false)
		s, after := sdp.Parse(got)
		if err == nil && after != nil {
			t.Fatalf("%v: %s", after, got)
		}
		if after == nil && err == nil {
			c.plan.take(&c.won.leg, s)
			for k := range 2 {
				c.plan.lines[0].spoken(k)
			}
		}
	})
}

// TestFreeType: what finds no payload type is left out of an offer, as two formats of one type would be heard as one.
func TestFreeType(t *testing.T) {
	var list []sdp.Codec
	for pt := uint8(96); pt <= 127; pt++ {
		if got, ok := freeType(111, list); !ok || got < 96 || got > 127 || slices.ContainsFunc(list, func(c sdp.Codec) bool { return c.PT == got }) {
			t.Fatalf("with %d taken the next is %d, %v", len(list), got, ok)
		}
		list = append(list, sdp.Codec{PT: pt})
	}
	if got, ok := freeType(111, list); ok {
		t.Errorf("all are taken, and %d is free", got)
	}
	if got, ok := freeType(9, list); !ok || got != 9 {
		t.Errorf("G.722 has %d, %v", got, ok)
	}
}

// MED-01: codecs are those that a peer is offered. Of an answer nothing is left out on its way to who has offered: its sender may speak all that it has taken.
func TestMED01AnswerStaysWhole(t *testing.T) {
	for _, x := range []struct{ codecs, offer, answer string }{
		{"PCMA", "0 8 101", "0 8 101"},
		{"PCMA", "0 8", "0"},
		{"G729 PCMA", "18 0 8", "18 0"},
		{"G729", "18 0", "18 0"},
		{"G722", "18 9 0", "0 9 18"},
	} {
		a := *topology.DefaultSettings()
		a.Codecs = strings.Fields(x.codecs)
		c := conversing(a, *topology.DefaultSettings())
		c.plan.lines[0].ours = [2]uint16{20000, 20002}
		c.plan.base = [2]netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.11")}
		leg := &c.won.leg
		offer, err := sdp.Parse(with(x.offer))
		if err != nil {
			t.Fatal(err)
		}
		c.plan.take(&c.a, offer)
		c.plan.write(c, offer, leg, &leg.sdp, asOffer)
		told, err := c.plan.answerFrom(c, leg, &c.a, with(x.answer))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := spokenIn(t, told), spokenIn(t, with(x.answer)); got != want {
			t.Errorf("%s: %s is answered %s, and who offered is told %s", x.codecs, x.offer, want, got)
		}
	}
}
