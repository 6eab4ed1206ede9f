package b2bua

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
)

// Transcoding ends at the edge of each leg, as SRTP does. What is offered to a peer is widened by codecs of its trunk that the relay can
// convert to; what it answers is narrowed to those that the other side has offered, and a note of how it speaks itself stays in the
// description for the relay. Between the two nobody knows of it, so everything that holds for offers, answers, forks, hold and transfers
// holds here too. What the other side has offered goes first, so that nothing is converted that need not be.

// speech is how a leg was offered to speak; nil: as the other side does.
type speech struct {
	lines [maxLines]widened
	said  sayings
}

// widened is an m-line of our last offer to a peer. Without outer it was offered as it came from the other side.
type widened struct {
	inner, outer []sdp.Codec
}

// widen gives an offer of ours the codecs of the leg's trunk.
func (c *Call) widen(l *Leg, text string, offer bool) string {
	if c.plan.bypass || c.plan.passKeys || l.speech == nil && len(l.trunk.Settings.Codecs) == 0 && !c.plan.converts() && !c.keysDiffer(l) {
		return text
	}
	s, err := sdp.Parse(text)
	if err != nil {
		return text
	}
	if l.speech == nil {
		l.speech = &speech{}
	}
	n := min(len(s.Media), maxLines)
	var to [maxLines]sdp.Formats
	changed := false
	for i := range n {
		w := &l.speech.lines[i]
		if !offer { // made of another offer than was answered, when a call is picked up, it may have what its hearer keeps otherwise
			if m := &s.Media[i]; ownKeys(l.trunk.Settings) && slices.ContainsFunc(m.Codecs, isEvent) && slices.ContainsFunc(m.Codecs, c.converts) {
				changed, to[i] = true, withoutEvents(m)
			}
			continue
		}
		*w = widened{}
		if outer := c.wider(l, s, i); outer != nil {
			m := &s.Media[i]
			changed = true
			*w = widened{cloneCodecs(m.Codecs), cloneCodecs(outer)}
			to[i] = formatsOf(outer, m.Codecs)
		}
	}
	if changed {
		text = string(s.Respeak(make([]byte, 0, len(text)+256), to[:n]))
	}
	return l.speech.said.revise(text, s.Origin.ID, s.Origin.Version, l.cuts, l.toward)
}

// wider are the codecs that an m-line is offered with; nil: it is offered as it is.
func (c *Call) wider(l *Leg, s *sdp.Session, i int) []sdp.Codec {
	m := &s.Media[i]
	if !widens(m) || isData(s, i) {
		return nil
	}
	outer := c.offerable(l, i, m.Codecs)
	if slices.EqualFunc(outer, m.Codecs, samePayload) {
		return nil
	}
	return outer
}

// standsSpoken is what stands as the answer to an offer of a peer that speaks otherwise than the other side: with what it speaks, if that is offered still.
func (c *Call) standsSpoken(l *Leg, text string, offer *sdp.Session) string {
	s, err := sdp.Parse(text)
	if err != nil || len(s.Media) != len(offer.Media) {
		return text
	}
	n := min(len(s.Media), maxLines, len(c.plan.lines))
	var to [maxLines]sdp.Formats
	for i := range n {
		outer, spoken := c.wider(l, s, i), c.plan.lines[i].spoken(int(l.side))
		if outer == nil || spoken == nil {
			continue
		}
		has := offer.Media[i].Codecs
		outer = slices.DeleteFunc(slices.Clone(outer), func(o sdp.Codec) bool {
			_, speaks := spoken.Find(mediaCodec(o), uint32(o.Rate))
			return !speaks || !slices.ContainsFunc(has, func(h sdp.Codec) bool { return sameCodec(h, o) })
		})
		if first, ok := spoken.First(); ok && slices.ContainsFunc(outer, func(o sdp.Codec) bool { return mediaCodec(o) == first.Codec }) {
			to[i] = formatsOf(outer, s.Media[i].Codecs)
		}
	}
	return string(s.Respeak(make([]byte, 0, len(text)+128), to[:n]))
}

// standsSpokenTo is the description of who stays in a transfer, as the referrer knows it, for the target: where the two spoke otherwise than each other, with what who stays speaks itself, which the
// target may speak, too, in front of what the referrer was told in its place.
func (c *Call) standsSpokenTo(text string) string {
	if !c.plan.converts() {
		return text
	}
	s, err := sdp.Parse(text)
	if err != nil {
		return text
	}
	n := min(len(s.Media), maxLines, len(c.plan.lines))
	var to [maxLines]sdp.Formats
	for i := range n {
		m := &s.Media[i]
		if !c.plan.lines[i].converts() {
			continue
		}
		outer := c.wider(c.xfer.rest, s, i)
		if outer == nil {
			continue
		}
		var list, rest []sdp.Codec
		for _, codec := range slices.Concat(outer, m.Codecs) {
			switch has := func(o sdp.Codec) bool { return o.PT == codec.PT || sameCodec(o, codec) }; {
			case slices.ContainsFunc(list, has) || slices.ContainsFunc(rest, has):
			case codec.Auxiliary():
				rest = append(rest, codec)
			default:
				list = append(list, codec)
			}
		}
		to[i] = formatsOf(append(list, rest...), m.Codecs)
	}
	return string(s.Respeak(make([]byte, 0, len(text)+128), to[:n]))
}

// keeps are the codecs by name that an offer may have on its way to a trunk; none: all that it has. What is left out here cannot be converted at the edge of
// the leg. So where the trunk names codecs to convert to, and would leave nothing to convert from, all stay until then.
func (c *Call) keeps(s *sdp.Session, set *topologySettings) []string {
	if s == nil || c.plan.passKeys || set.Transcoding == "off" || !slices.ContainsFunc(set.Codecs, c.convertsTo) {
		return set.Codecs
	}
	names := set.Codecs
	for i := range s.Media {
		if isData(s, i) { // which is not widened, so that nothing would leave it out
			return set.Codecs
		}
		left := func(codec sdp.Codec) bool { return c.converts(codec) && slices.ContainsFunc(set.Codecs, codec.Is) }
		if m := &s.Media[i]; widens(m) && slices.ContainsFunc(m.Codecs, c.converts) && !slices.ContainsFunc(m.Codecs, left) {
			names = nil
		}
	}
	return names
}

// widens tells whether an m-line is one that may be spoken otherwise.
func widens(m *sdp.Media) bool {
	return m.IsRTP() && !m.Rejected() && strings.EqualFold(m.Kind, "audio")
}

// offerable is what an m-line is offered with: of what the other side has, what the trunk names, in its order; then what else it names and
// the peer has spoken in last, if both can be converted.
func (c *Call) offerable(l *Leg, line int, inner []sdp.Codec) []sdp.Codec {
	names := l.trunk.Settings.Codecs
	var outer, rest []sdp.Codec
	for _, in := range inner {
		if in.Auxiliary() {
			rest = append(rest, in)
		} else if len(names) == 0 {
			outer = append(outer, in)
		}
	}
	for _, name := range names {
		for _, in := range inner {
			if in.Is(name) && !in.Auxiliary() {
				outer = append(outer, in)
			}
		}
	}
	if l.trunk.Settings.Transcoding != "off" && slices.ContainsFunc(inner, c.converts) {
		kept := len(outer)
		outer = c.addKnown(l, line, outer, inner)
		rest = withClocks(rest, outer[kept:], inner)
	}
	if len(outer) == 0 {
		return inner
	}
	if outer = append(outer, rest...); slices.ContainsFunc(inner, c.converts) && slices.ContainsFunc(outer, c.converts) {
		outer = c.fitKeys(l, outer)
	}
	return outer
}

// addKnown adds codecs that are converted to.
func (c *Call) addKnown(l *Leg, line int, outer, inner []sdp.Codec) []sdp.Codec {
	spoken := mediaCodec(inner[slices.IndexFunc(inner, c.converts)])
	add := func(codec sdp.Codec) {
		if !c.converts(codec) || !c.plan.fitsLinks(l.side, codec.Name) || slices.ContainsFunc(outer, func(o sdp.Codec) bool { return sameCodec(o, codec) }) {
			return
		}
		if pt, ok := freeType(codec.PT, outer, inner); ok {
			codec.PT, codec.Fmtp = pt, heard(codec, spoken)
			outer = append(outer, codec)
		}
	}
	if line < len(c.plan.lines) {
		if spoken := c.plan.lines[line].spoken(int(l.side)); spoken != nil {
			for _, f := range spoken.Formats {
				if codec, ok := ourCodec(f.Codec.String()); ok {
					codec.PT = f.PayloadType
					add(codec)
				}
			}
		}
	}
	for _, name := range l.trunk.Settings.Codecs {
		if codec, ok := ourCodec(name); ok {
			add(codec)
		}
	}
	return outer
}

// converts tells whether the relay converts from a codec and to it.
func (c *Call) converts(codec sdp.Codec) bool { return c.codes(mediaCodec(codec)) }

// codes tells whether the relay can code a codec.
func (c *Call) codes(m media.Codec) bool { return m.Speaks() && (m != media.Opus || c.env.Opus) }

// convertsTo is converts for a codec that a trunk names.
func (c *Call) convertsTo(name string) bool {
	codec, ok := ourCodec(name)
	return ok && c.converts(codec)
}

// ourCodec is a codec as we offer it.
func ourCodec(name string) (sdp.Codec, bool) {
	for _, p := range payloads {
		if strings.EqualFold(p.name, name) {
			codec := sdp.Codec{PT: p.pt, Name: p.name, Fmtp: p.fmtp, Channels: 1}
			_, rate, _ := strings.Cut(p.rtpmap, "/")
			rate, channels, _ := strings.Cut(rate, "/")
			codec.Rate, _ = strconv.Atoi(rate)
			if n, err := strconv.Atoi(channels); err == nil {
				codec.Channels = n
			}
			return codec, true
		}
	}
	return sdp.Codec{}, false
}

// freeType is a payload type that is not taken: pt, or one of the dynamic ones. False: all are taken, and what needs one is left out.
func freeType(pt uint8, lists ...[]sdp.Codec) (free uint8, ok bool) {
	taken := func(pt uint8) bool {
		return slices.ContainsFunc(lists, func(list []sdp.Codec) bool {
			return slices.ContainsFunc(list, func(c sdp.Codec) bool { return c.PT == pt })
		})
	}
	for next := uint8(127); taken(pt); next-- {
		if next < 96 {
			return 0, false
		}
		pt = next
	}
	return pt, true
}

// mediaCodec is a codec as the relay knows it.
func mediaCodec(c sdp.Codec) media.Codec {
	m := media.CodecNamed(c.Name)
	if m.Speaks() && (c.Rate != int(m.Clock()) || (c.Channels > 1) != (m == media.Opus)) {
		return media.OtherCodec
	}
	return m
}

func sameCodec(a, b sdp.Codec) bool {
	return a.Name != "" && a.Is(b.Name) && a.Rate == b.Rate && a.Channels == b.Channels
}

func samePayload(a, b sdp.Codec) bool { return a.PT == b.PT && sameCodec(a, b) }

// cloneCodecs keeps codecs beyond the description that they were read from.
func cloneCodecs(list []sdp.Codec) []sdp.Codec {
	list = slices.Clone(list)
	for i := range list {
		list[i].Name, list[i].Fmtp = strings.Clone(list[i].Name), ""
	}
	return list
}

// formatsOf writes formats into an m-line that has some of them.
func formatsOf(list, has []sdp.Codec) (f sdp.Formats) {
	for _, c := range list {
		f.Types = append(f.Types, c.PT)
		if slices.ContainsFunc(has, func(h sdp.Codec) bool { return h.PT == c.PT }) {
			continue
		}
		pt := strconv.Itoa(int(c.PT)) + " "
		rate := strconv.Itoa(c.Rate)
		if c.Channels > 1 {
			rate += "/" + strconv.Itoa(c.Channels)
		}
		f.Lines = append(f.Lines, "rtpmap:"+pt+c.Name+"/"+rate)
		if c.Fmtp != "" {
			f.Lines = append(f.Lines, "fmtp:"+pt+c.Fmtp)
		}
	}
	return f
}

// isData tells whether an m-line is of voice-band data, which must not be converted (ITU-T V.152).
func isData(s *sdp.Session, line int) bool {
	for name, value := range s.Attributes(line) {
		if name == "gpmd" && strings.Contains(value, "vbd=yes") {
			return true
		}
	}
	return false
}

// Notes on an m-line. A note of formats is that of an answer that was narrowed.
const (
	noteOffer = "offer" // how its sender speaks counts when this is answered
	notePlain = "plain" // an answer of who speaks as the other side does
)

// narrow opens a description of a leg's peer: its answer to a widened offer becomes one to what the other side has offered.
func (c *Call) narrow(l *Leg, body string, offer bool) string {
	p := &c.plan
	own := offer && ownKeys(l.trunk.Settings)
	if l.speech == nil && !p.converts() && !own && !strings.Contains(body, sdp.SpeechNote) {
		return body
	}
	s, err := sdp.Parse(body)
	if err != nil {
		return body // for those who read it to say so
	}
	n := min(len(s.Media), maxLines)
	var to [maxLines]sdp.Formats
	for i := range n {
		m := &s.Media[i]
		if i < len(p.lines) && p.lines[i].converts() {
			to[i].Note = notePlain
			if offer {
				to[i].Note = noteOffer
			}
		}
		if own && slices.ContainsFunc(m.Codecs, isEvent) && slices.ContainsFunc(m.Codecs, c.converts) {
			note := to[i].Note
			to[i] = withoutEvents(m)
			to[i].Note = note
		}
		if !offer && l.speech != nil && m.IsRTP() && !m.Rejected() && len(l.speech.lines[i].outer) > 0 {
			c.narrowLine(&l.speech.lines[i], m, &to[i])
		}
	}
	return string(s.Respeak(make([]byte, 0, len(body)+64), to[:n]))
}

// narrowLine finds what the other side may be told of an answer. A codec that it does not have stands for one that is converted, unless the answer has such a
// one as well: then for that.
func (c *Call) narrowLine(w *widened, m *sdp.Media, to *sdp.Formats) {
	var inner []sdp.Codec
	stands, foreign := -1, false // where in inner, and whether there is anything that the other side does not have
	converted, spoken := false, media.OtherCodec
	for _, a := range m.Codecs {
		switch {
		case slices.ContainsFunc(w.inner, func(in sdp.Codec) bool { return sameCodec(in, a) }):
			inner = append(inner, c.numbered(a, w.inner, m.Codecs))
			converted = converted || c.converts(a)
		case c.converts(a):
			foreign = true
			if stands < 0 {
				stands, spoken = len(inner), mediaCodec(a)
			}
		case isEvent(a):
			foreign = true
		}
	}
	if i := slices.IndexFunc(w.inner, c.converts); stands >= 0 && !converted {
		if i < 0 {
			return
		}
		in := w.inner[i]
		in.Fmtp = heard(in, spoken)
		inner = slices.Insert(inner, stands, in)
	}
	if slices.ContainsFunc(m.Codecs, isEvent) && !slices.ContainsFunc(inner, isEvent) { // of the clock of another codec
		if i := slices.IndexFunc(w.inner, isEvent); i >= 0 {
			inner = append(inner, w.inner[i])
		}
	}
	for _, in := range w.inner { // what was kept from it for its own form of keys
		if isEvent(in) && !slices.ContainsFunc(w.outer, isEvent) && slices.ContainsFunc(m.Codecs, c.converts) {
			inner, foreign = append(inner, in), true
		}
	}
	if !foreign {
		return
	}
	note := to.Note
	*to = formatsOf(inner, m.Codecs)
	var ours []sdp.Codec // who numbers otherwise than our offer does, sends by that all the same (RFC 3264 §6.1)
	for _, a := range m.Codecs {
		if o := c.numbered(a, w.outer, m.Codecs); o.PT != a.PT {
			ours = append(ours, o)
		}
	}
	if to.Note = noteOf(m, ours...); to.Note == "" {
		to.Note = note
	}
}

// numbered is a codec of an answer by its payload type in an offer, if the relay can change that and nothing else in the answer has it.
func (c *Call) numbered(a sdp.Codec, offer, answer []sdp.Codec) sdp.Codec {
	i := slices.IndexFunc(offer, func(o sdp.Codec) bool { return sameCodec(o, a) })
	if i < 0 || !c.converts(a) && !isEvent(a) || slices.ContainsFunc(answer, func(o sdp.Codec) bool { return o.PT == offer[i].PT }) {
		return a
	}
	a.PT = offer[i].PT
	return a
}

// noteOf writes how the sender of an m-line speaks: payload types, codecs and clocks, what it asks for of them, and the packet time. A codec that is not
// converted has no name. More are further payload types that it sends.
func noteOf(m *sdp.Media, more ...sdp.Codec) string {
	b := strconv.AppendInt(nil, int64(m.Ptime), 10)
	for _, c := range slices.Concat(m.Codecs, more) {
		b = strconv.AppendUint(append(b, ' '), uint64(c.PT), 10)
		b = strconv.AppendInt(append(append(append(b, '/'), mediaCodec(c).String()...), '/'), int64(c.Rate), 10)
		if most := mostOf(c); most != (media.Most{}) {
			b = fmt.Appendf(b, "/%d/%d/%t", most.Rate, most.Bitrate, most.Constant)
		}
	}
	return string(b)
}

// readNote is the reverse of noteOf.
func readNote(note string) *media.Speech {
	fields := strings.Fields(note)
	if len(fields) < 2 {
		return nil
	}
	ms, _ := strconv.Atoi(fields[0])
	s := &media.Speech{PacketTime: packetTime(ms)}
	for _, f := range fields[1:] {
		parts := strings.Split(f, "/")
		if len(parts) != 3 && len(parts) != 6 {
			return nil
		}
		pt, _ := strconv.Atoi(parts[0])
		clock, _ := strconv.Atoi(parts[2])
		format := media.Format{PayloadType: uint8(pt), Codec: media.CodecNamed(parts[1]), Clock: uint32(clock)}
		if len(parts) == 6 {
			rate, _ := strconv.Atoi(parts[3])
			bitrate, _ := strconv.Atoi(parts[4])
			format.Most = media.Most{Rate: uint32(rate), Bitrate: uint32(bitrate), Constant: parts[5] == "true"}
		}
		s.Formats = append(s.Formats, format)
	}
	return s
}

// packetTime is an a=ptime that the relay keeps; 0: it is left to the relay.
func packetTime(ms int) time.Duration {
	switch ms {
	case 10, 20, 30, 40, 60:
		return time.Duration(ms) * time.Millisecond
	}
	return 0
}

// speaks notes how the sender of a description speaks, and how the other side hears of it.
func (ln *line) speaks(side media.SideIndex, s *sdp.Session, i int, set *topologySettings) {
	e, other := &ln.peer[side], &ln.peer[1-side]
	e.ptime, e.opus = int(network.TimeAt(s, i)), mostOfLine(&s.Media[i])
	e.said = nil
	if set.SignalBoost > 0 || set.DTMF == "info" {
		if said := readNote(noteOf(&s.Media[i])); said != nil {
			if _, ok := said.First(); ok {
				e.said = said
			}
		}
	}
	if !strings.Contains(s.Body(), sdp.SpeechNote) {
		e.speech, e.inner, e.asks = nil, nil, false
		return
	}
	note := ""
	for name, value := range s.Attributes(i) {
		if name == sdp.SpeechNote {
			note = value
		}
	}
	if note == noteOffer {
		e.asks = true
		return
	}
	e.speech, e.inner, e.asks = nil, readNote(noteOf(&s.Media[i])), false
	if note != notePlain {
		e.speech = readNote(note)
	}
	if other.asks {
		other.speech, other.asks = nil, false
	}
	if e.speech != nil {
		e.voices = voicesIn(e.speech)
	}
}

// voicesIn are the codecs that are spoken.
func voicesIn(s *media.Speech) (v voices) {
	for _, f := range s.Formats {
		v.add(f.Codec, f.PayloadType)
	}
	return v
}

// converts tells whether the relay converts what is spoken on an m-line.
func (ln *line) converts() bool { return ln.peer[0].speech != nil || ln.peer[1].speech != nil }

func (p *plan) converts() bool {
	return slices.ContainsFunc(p.lines, func(ln line) bool { return ln.converts() })
}

// spoken is how a side speaks toward us; nil: nothing is converted. Who has not answered a widened offer speaks as the other was told.
func (ln *line) spoken(side int) *media.Speech {
	e, other := &ln.peer[side], &ln.peer[1-side]
	switch {
	case e.speech != nil:
		return e.speech
	case other.speech != nil && other.inner != nil:
		s := &media.Speech{Formats: slices.Clone(other.inner.Formats), PacketTime: packetTime(e.ptime)}
		for i := range s.Formats {
			if f := &s.Formats[i]; f.Codec == media.Opus {
				f.Most = e.opus
			}
		}
		return s
	}
	return nil
}

// speak tells the relay how the sides of a stream speak, where it has to do something about that.
func (c *Call) speak(ln *line, st *media.Stream) {
	if ln.converts() {
		for k := range st.Side {
			spoken := *ln.spoken(k)
			spoken.Boost = c.sideSettings(media.SideIndex(k)).SignalBoost
			if c.keysBySIP(media.SideIndex(k)) {
				spoken.Keys = media.KeysBySIP
			}
			st.Side[k].Speech = &spoken
			st.Side[k].Agreed, st.Side[k].Digits = typesOf(&spoken)
		}
		return
	}
	for k := range ln.peer {
		if said := ln.peer[k].said; said != nil && !ln.opaque && ln.peer[0].live && ln.peer[1].live {
			own, theirs := *said, said
			if own.Boost = c.sideSettings(media.SideIndex(k)).SignalBoost; c.crossKeys(ln, media.SideIndex(k)) {
				own.Formats = ln.common(media.SideIndex(k))
				theirs = &media.Speech{Formats: own.Formats, PacketTime: packetTime(ln.peer[1-k].ptime)}
				own.Keys = media.KeysBySIP
			} else if own.Boost == 0 {
				continue
			}
			st.Side[k].Speech = &own
			if st.Side[1-k].Speech == nil {
				st.Side[1-k].Speech = theirs
			}
		}
	}
}

// converted is the first m-line on which both sides speak, but otherwise than each other; -1: none.
func (p *plan) converted() int {
	return slices.IndexFunc(p.lines, func(ln line) bool { return ln.converts() && ln.peer[0].live && ln.peer[1].live })
}

// crossKeys tells whether a side has its keys by SIP, and the other by nothing but their tones, where nothing else is converted between them.
func (c *Call) crossKeys(ln *line, side media.SideIndex) bool {
	if ln.peer[side].said == nil || ln.converts() || c.sideSettings(side).DTMF != "info" || c.sideSettings(1-side).DTMF != "inband" {
		return false
	}
	s := media.Speech{Formats: ln.common(side)}
	_, speaks := s.First()
	_, events := s.Find(media.TelephoneEvent, 0)
	return speaks && !events
}

// common are the formats of a side that the other has too: as nothing is converted, their payload types are the same.
func (ln *line) common(side media.SideIndex) []media.Format {
	return slices.DeleteFunc(slices.Clone(ln.peer[side].said.Formats), func(f media.Format) bool { return !ln.peer[1-side].takes.Has(f.PayloadType) })
}

// keysBySIP tells whether keys go by INFO to a side that has no telephone-event. To one that has not said how it wants them they go as they come.
func (c *Call) keysBySIP(side media.SideIndex) bool {
	own, other := c.sideSettings(side).DTMF, c.sideSettings(1-side).DTMF
	return own == "info" || own != "inband" && other == "info"
}

// keyLine is the first m-line on which the relay can make something else of the INFO of a side; -1: none.
func (c *Call) keyLine(side media.SideIndex) int {
	return slices.IndexFunc(c.plan.lines, func(ln line) bool {
		if !ln.peer[0].live || !ln.peer[1].live || !ln.converts() {
			return ln.peer[0].live && ln.peer[1].live && c.crossKeys(&ln, side)
		}
		_, events := ln.spoken(int(1-side)).Find(media.TelephoneEvent, 0)
		return events || c.sideSettings(1-side).DTMF == "inband"
	})
}

// nameCodecs notes what legs speak on the first m-line where that differs: not where a codec that passes comes before it.
func (p *plan) nameCodecs(legs ...*Leg) {
	i := p.converted()
	if i < 0 {
		return
	}
	for _, l := range legs {
		spoken := p.lines[i].spoken(int(l.side))
		if f, ok := spoken.First(); ok && spoken.Formats[0].Codec != media.OtherCodec {
			l.sdp.codec = f.Codec.String()
		}
	}
}

// typesOf are the payload types that are spoken, and which of them are telephone-event.
func typesOf(s *media.Speech) (set, digits media.PayloadTypes) {
	for _, f := range s.Formats {
		set.Add(f.PayloadType)
		if f.Codec == media.TelephoneEvent {
			digits.Add(f.PayloadType)
		}
	}
	return set, digits
}
