package b2bua

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// Keys of DTMF travel as telephone-event (RFC 4733), as tones, or in INFO with application/dtmf-relay. Where a trunk's dtmf names one of them,
// the other side is offered telephone-event, its peer none, or the other way round, and the relay converts. In all descriptions between the legs a
// peer with another form has no telephone-event.

// ownKeys tells whether a leg's peer has keys otherwise than as telephone-event.
func ownKeys(set *topologySettings) bool { return set.DTMF == "inband" || set.DTMF == "info" }

// keysDiffer tells whether the form of keys is more than what the two sides agree on.
func (c *Call) keysDiffer(l *Leg) bool {
	return l.trunk.Settings.DTMF != "auto" || ownKeys(c.sideSettings(1-l.side))
}

func isEvent(c sdp.Codec) bool { return c.Is("telephone-event") }

// withoutEvents are the formats of an m-line but for telephone-event.
func withoutEvents(m *sdp.Media) sdp.Formats {
	return formatsOf(slices.DeleteFunc(slices.Clone(m.Codecs), isEvent), m.Codecs)
}

// withClocks adds telephone-event with the clocks of codecs that are added, where there is one with another: its clock is that of the codec beside
// it (RFC 4733 §2.1).
func withClocks(aux, added, inner []sdp.Codec) []sdp.Codec {
	if !slices.ContainsFunc(aux, isEvent) {
		return aux
	}
	for _, codec := range added {
		if !slices.ContainsFunc(aux, func(a sdp.Codec) bool { return isEvent(a) && a.Rate == codec.Rate }) {
			event, _ := ourCodec("telephone-event")
			if pt, ok := freeType(event.PT, aux, added, inner); ok {
				event.PT, event.Rate = pt, codec.Rate
				aux = append(aux, event)
			}
		}
	}
	return aux
}

// fitKeys takes telephone-event out of what a leg is offered, or adds it.
func (c *Call) fitKeys(l *Leg, list []sdp.Codec) []sdp.Codec {
	switch set := l.trunk.Settings; {
	case ownKeys(set):
		return slices.DeleteFunc(list, isEvent)
	case (set.DTMF == "rfc4733" || ownKeys(c.sideSettings(1-l.side))) && !slices.ContainsFunc(list, isEvent):
		event, _ := ourCodec("telephone-event")
		if pt, ok := freeType(event.PT, list); ok {
			event.PT = pt
			return append(list, event)
		}
	}
	return list
}

// The forms of a key in INFO, as gateways have them.
const (
	dtmfRelay = "application/dtmf-relay" // "Signal=5\r\nDuration=160\r\n"
	dtmfPlain = "application/dtmf"       // "5"
)

// keyLong is how long a key is pressed whose INFO does not say so, and what we say of one that is still pressed.
const keyLong = 160 * time.Millisecond

// keyOf reads a key from an INFO; false: there is none in it.
func keyOf(m *sip.Message) (key byte, long time.Duration, ok bool) {
	kind, _, _ := strings.Cut(strings.ToLower(m.Get(sip.IDContentType)), ";")
	text := ""
	long = keyLong
	switch strings.TrimSpace(kind) {
	case dtmfRelay:
		for line := range strings.Lines(m.Body) {
			name, value, _ := strings.Cut(line, "=")
			switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(name)) {
			case "signal":
				text = value
			case "duration":
				if ms, err := strconv.Atoi(value); err == nil && ms > 0 && ms <= 5000 {
					long = time.Duration(ms) * time.Millisecond
				}
			}
		}
	case dtmfPlain:
		text = strings.TrimSpace(m.Body)
	}
	switch text {
	case "10", "11": // some count * and # among the digits
		text = string("*#"[text[1]-'0'])
	}
	if len(text) != 1 || !strings.Contains("0123456789*#ABCDabcd", text) {
		return 0, 0, false
	}
	return text[0], long, true
}

// pressed takes a key by INFO for the other side, where that has it otherwise. False: it is no such INFO.
func (c *Call) pressed(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) bool {
	line := c.keyLine(l.side)
	if m.Method != "INFO" || l.trunk.Settings.DTMF != "info" || line < 0 || c.sideSettings(1-l.side).DTMF == "info" {
		return false
	}
	key, long, ok := keyOf(m)
	if !ok {
		return false
	}
	s := c.serve(now, l, src, m)
	p := &c.plan
	if !p.carries(c, line, l.side) {
		c.denyRequest(now, l, s, m, diag.KeyUnheard, out)
		return true
	}
	c.reply(now, l, s, c.ok(l, m), out)
	p.lastPress++
	p.presses = append(p.presses, media.Press{ID: p.lastPress, Stream: line, To: 1 - l.side, Key: key, Long: long})
	if len(p.presses) > mostPresses {
		p.presses = p.presses[1:]
	}
	p.dirty = true
	return true
}

// carries tells whether what a side sends on an m-line reaches the other one, which may be on hold.
func (p *plan) carries(c *Call, line int, side media.SideIndex) bool {
	ln := p.relayed(c, line)
	from, to := &ln.peer[side], &ln.peer[1-side]
	return !c.muted() && (from.dir.Send() || from.dir == sdp.DirectionUnset) && (to.dir.Recv() || to.dir == sdp.DirectionUnset) && !to.unusable.IsValid()
}

// mostPresses are those that the relay is told again, should it have missed some.
const mostPresses = 8

// keyHeard takes a key that the relay has had from a side whose other side has them by INFO.
func (c *Call) keyHeard(now time.Time, ev media.Event, out *Out) {
	l := c.seat(1 - ev.Side)
	if l == nil || !l.up || l.pending || l.trunk.Settings.DTMF != "info" || len(l.clients) > maxRequests {
		return
	}
	m := l.dlg.Request("INFO")
	m.SetBody(dtmfRelay, "Signal="+string(rune(ev.Key))+"\r\nDuration="+strconv.Itoa(int(keyLong/time.Millisecond))+"\r\n")
	c.begin(now, l, m, out)
}
