package e2e

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// spoken is what comes of streams that the server converts: their content is not what was sent.
type spoken struct {
	ears   map[*ear]*hearing
	due    string    // keys that were pressed by INFO
	astray bool      // some may come at any time
	since  time.Time // what stands does so
}

// hearing is what has to come to a port.
type hearing struct {
	missing int // packets
	what    string
	from    netip.AddrPort
	spoke   time.Time
}

// spurt are packets of 20 ms that are sent one after another.
const spurt = 6

func (s *spoken) came() bool {
	for _, h := range s.ears {
		if h.missing > 0 {
			return false
		}
	}
	return true
}

func (s *spoken) missing() (text string) {
	for e, h := range s.ears {
		if h.missing > 0 {
			text += fmt.Sprintf("\n  %d packets of %s, from %s to %s", h.missing, h.what, h.from, e.at)
		}
	}
	return text
}

// converted tells whether what arrives need not be what was sent.
func (y *flow) converted() bool { return y.p.w.converts && y.from.mine.kind == "audio" }

// speak sends a spurt of speech, or what has to be heard by nobody.
func (w *walk) speak(y *flow) {
	ear := y.to.s.port.rtp
	h := w.speech.ears[ear]
	if h == nil {
		h = &hearing{}
		w.speech.ears[ear] = h
	}
	*h = hearing{what: fmt.Sprintf("speech of %s", y.p.name), from: y.to.theirs.rtp, spoke: h.spoke}
	if !y.from.sends() {
		y.media(w, y.from.theirs.formats[0], 160)
		return
	}
	if h.spoke = time.Now(); y.p == w.b || !w.speech.astray { // who presses keys is not heard meanwhile
		h.missing = min(spurt, spurt*20/y.to.packetTime()) - 1
	}
	for range spurt {
		y.media(w, y.first(), 160)
	}
}

// packetTime is that in which the telephone has asked for speech, in ms.
func (l *link) packetTime() int {
	if n, err := strconv.Atoi(l.mine.ptime); err == nil {
		return n
	}
	return 20
}

// understood takes a packet of speech that may have been converted; false: it is none. What comes has to be what the telephone has said that it takes.
func (w *walk) understood(p *walker, a *arrival, b []byte) bool {
	i := slices.IndexFunc(p.view, func(l link) bool { return l.mine.kind == "audio" && l.s.port != nil && l.s.port.rtp == a.at })
	if i < 0 || len(b) < 12 {
		return i < 0 && (w.speech.ears[a.at] != nil || !w.probes) // it was one of speech, or is not known to be one yet
	}
	l, pt := &p.view[i], strconv.Itoa(int(b[1]&0x7f))
	name := l.mine.byType(pt)
	h := w.speech.ears[a.at]
	if name == events || name == "" && p.former[pt] {
		p.hearsKey(b)
	}
	p.hearsTones(name, b[12:])
	if !w.probes {
		return true
	}
	for _, y := range w.flows() {
		if y.to.s.port != nil && y.to.s.port.rtp == a.at {
			w.warm[y.from.theirs.rtp] = true
		}
	}
	switch size := len(b) - 12; {
	case a.from != l.theirs.rtp:
		w.fault("%s hears speech from %s, not %s", p.name, a.from, l.theirs.rtp)
	case h != nil && !l.hears() && time.Since(h.spoke) > 200*time.Millisecond:
		w.fault("%s hears at %s what the other side may not send", p.name, a.at.at)
	case name == "" && time.Since(w.speech.since) < 300*time.Millisecond: // of what stood before
	case name == "":
		w.fault("%s hears payload type %s, and takes %v", p.name, pt, l.mine.formats)
	case auxiliary(name):
	case size != l.packetTime()*8 && size != 160:
		w.fault("%s hears packets of %d octets, and has asked for %d ms", p.name, size, l.packetTime())
	case h != nil:
		h.missing--
	}
	return true
}

// keyed is the way of audio from the caller to the callee, if both may use it and the callee has telephone-event.
func (w *walk) keyed() *flow {
	for _, y := range w.flows() {
		if y.p == w.a && y.from.mine.kind == "audio" && y.from.sends() && y.to.hears() {
			if _, ok := y.to.mine.byName(events); ok {
				return &y
			}
		}
	}
	return nil
}

// press sends keys by INFO, which come as telephone-event whatever changes meanwhile.
func (w *walk) press(n int) {
	if pairs[w.pair].name != "keys by INFO" || w.speech.astray || w.keyed() == nil {
		return
	}
	for range n {
		key := string("0123456789*#ABCD"[w.rnd.IntN(16)])
		w.speech.due += key
		w.a.seq++
		m := w.a.request("INFO", w.a.seq)
		m.SetBody("application/dtmf-relay", "Signal="+key+"\r\nDuration=60\r\n")
		w.a.send(m, nil, nil)
		w.await("INFO", w.a.infoed, func() string { return "" }) // they may not overtake one another
	}
}

func (p *walker) infoed() bool {
	for _, c := range p.clients {
		if c.final == 0 && c.req.Method == "INFO" {
			return false
		}
	}
	return true
}

// inBand tells whether the caller presses keys as their tones.
func (w *walk) inBand() bool { return strings.HasPrefix(pairs[w.pair].name, "keys in band") }

// laws are the codecs in which tones are said.
var laws = map[string]codec.G711{"PCMU/8000": codec.MuLaw, "PCMA/8000": codec.ALaw}

// rings has the caller press keys as their tones, which the callee gets as telephone-event, and the callee keys that the caller hears as tones.
func (w *walk) rings() {
	y := w.keyed()
	if y == nil {
		return
	}
	law, ok := laws[y.first().name]
	if !ok {
		return
	}
	say := func(pcm []int16) {
		w.put(y.p, y.from.s.port.rtp, y.from.theirs.rtp, y.seal(y.from.s.talk.rtp(y.first().pt, law.Encode(nil, pcm)), false))
	}
	due := ""
	w.b.keys = ""
	for range 1 + w.rnd.IntN(3) {
		key := "0123456789*#ABCD"[w.rnd.IntN(16)]
		due += string(rune(key))
		tone, _ := codec.NewTone(key, -8, 8000)
		for n := range 9 {
			pcm := make([]int16, 160)
			if n < 5 {
				tone.Fill(pcm)
			}
			say(pcm)
		}
	}
	w.await("keys", func() bool { return len(w.b.keys) >= len(due) && w.b.keyUp }, func() string { return fmt.Sprintf(": %q of %q came", w.b.keys, due) })
	if w.b.keys != due {
		w.fault("the callee hears the keys %q, and %q were pressed", w.b.keys, due)
	}
	w.b.keys = ""
	back := flow{y.q, y.p, y.to, y.from}
	f, ok := back.from.theirs.byName(events)
	if _, has := back.from.mine.byName(events); !ok || !has || !back.from.sends() || !back.to.hears() {
		return
	}
	code := w.rnd.IntN(16)
	t := back.from.s.talk
	w.a.keys, w.a.tones, w.a.tone = "", codec.NewDetector(8000), 0
	for n := range 7 { // RFC 4733 §2.5.1: 100 ms, and three that it has ended
		stamp := t.stamp
		e := codec.Event{Code: uint8(code), End: n >= 4, Volume: 10, Duration: uint16(160 * min(n+1, 5))}
		w.put(back.p, back.from.s.port.rtp, back.from.theirs.rtp, back.seal(t.rtp(f.pt, e.Append(nil)), false))
		t.stamp = stamp
	}
	t.stamp += 800
	for range 5 { // speech goes on
		back.media(w, back.first(), 160)
	}
	want := string("0123456789*#ABCD"[code])
	w.await("a key as tones", func() bool { return w.a.keys != "" }, func() string { return "" })
	if w.a.keys != want {
		w.fault("the caller hears the tones of %q, and %q was pressed", w.a.keys, want)
	}
	w.a.keys, w.a.tones = "", nil
}

// hearsTones looks for a key in speech.
func (p *walker) hearsTones(name string, payload []byte) {
	law, ok := laws[name]
	if p.tones == nil || !ok {
		return
	}
	pcm := make([]int16, len(payload))
	for n := law.Decode(pcm, payload); n >= 80; n, pcm = n-80, pcm[80:] {
		if key := p.tones.Take(pcm[:80]); key != p.tone {
			if p.tone = key; key != 0 {
				p.keys += string(rune(key))
			}
		}
	}
}

// pressed waits for the keys that are due, and sends some the other way.
func (w *walk) pressed() {
	if w.inBand() {
		w.rings()
		return
	}
	s := &w.speech
	y := w.keyed()
	if y == nil { // they come when it goes on, and the last may be lost
		s.astray = s.astray || s.due != ""
		s.due = ""
		return
	}
	if s.due == "" || s.astray {
		return
	}
	w.await("keys", func() bool { return len(w.b.keys) >= len(s.due) && w.b.keyUp }, func() string { return fmt.Sprintf(": %q of %q came", w.b.keys, s.due) })
	if w.b.keys != s.due {
		w.fault("the callee hears the keys %q, and %q were pressed", w.b.keys, s.due)
	}
	s.due, w.b.keys = "", ""
	back := flow{y.q, y.p, y.to, y.from}
	f, ok := back.from.theirs.byName(events)
	if _, has := back.from.mine.byName(events); !ok || !has || !back.from.sends() || !back.to.hears() {
		return
	}
	key := w.rnd.IntN(16)
	for i := range 5 { // RFC 4733 §2.5.1: two that it goes on, three that it has ended
		t := back.from.s.talk
		stamp := t.stamp
		w.put(back.p, back.from.s.port.rtp, back.from.theirs.rtp, back.seal(t.rtp(f.pt, []byte{byte(key), byte(i/2) &^ 1 << 6, 0, byte(80 * min(i+1, 3))}), false))
		if t.stamp = stamp; i == 4 {
			t.stamp += 400
		}
	}
	want := string("0123456789*#ABCD"[key])
	w.await("a key by INFO", func() bool { return w.a.keys != "" }, func() string { return "" })
	if w.a.keys != want {
		w.fault("the caller is told of the keys %q, and %q was pressed", w.a.keys, want)
	}
	w.a.keys = ""
}

// hearsKey takes a packet of telephone-event (RFC 4733 §2.3).
func (p *walker) hearsKey(b []byte) {
	if len(b) < 16 {
		return
	}
	p.keyUp = b[13]&0x80 != 0
	if stamp := binary.BigEndian.Uint32(b[4:]); stamp != p.keyStamp {
		p.keyStamp = stamp
		p.keys += string("0123456789*#ABCD"[b[12]&15])
	}
}
