package relay

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
)

// converter makes what one side of a stream sends fit for the other. The session is locked.
//
// Where only payload types differ, or the two laws of G.711, octets are changed in place: source, numbers and timestamps stay, and so does
// RTCP. Where speech is coded anew the relay is a source of its own (a translator of RFC 3550 §7.2 would have to rewrite all RTCP, as
// packets become more or fewer): then no RTCP of either side passes.
type converter struct {
	steps [128]uint8 // by payload type; 0: it passes as it is
	list  []step
	path  *codec.Path // nil: packets are changed in place
	tells bool        // keys go on by SIP
	fax   *codec.Fax  // nil: nobody looks for one
	pcm   [160]int16  // that it looks into
	owned bool        // the worker has it in its band

	source    uint32 // whose packets come
	known     bool
	heard     int64  // when its last packet came
	former    uint32 // the source before it
	changed   bool   // there was one
	ssrc      uint32 // ours
	sequence  uint16
	timestamp uint32 // at which the path began
}

// step is what becomes of a payload type.
type step struct {
	how   how
	to    uint8
	cross *codec.Crossing
	plain *codec.Crossing // without a gain
	law   codec.G711      // that it is of
}

type how uint8

const (
	asIs     how = iota // the payload type is not known here, or the same on both sides
	renumber            // goes on under another payload type
	crossed             // the other law
	stopped             // the other side does not take it
	beside              // a codec that is not known here, which both sides have: it passes also where others are coded anew
)

// speaks makes or ends the conversion of a stream. What stays the same goes on.
func (st *stream) speaks(want *media.Stream) {
	for i := range st.convert {
		from, to := want.Side[i].Speech, want.Side[1-i].Speech
		if st.speech[0].Same(want.Side[0].Speech) && st.speech[1].Same(want.Side[1].Speech) {
			return
		}
		before := st.convert[i]
		c := st.session.worker.relay.coders.newConverter(from, to)
		if st.convert[i] = c; c != nil && c.path != nil && before != nil && before.path != nil {
			c.path.Succeed(before.path)
			st.keep(media.SideIndex(i))
		}
	}
	st.speech = [2]*media.Speech{want.Side[0].Speech, want.Side[1].Speech}
}

// keep gives the converter of what a side sends its beat, if it needs one.
func (st *stream) keep(from media.SideIndex) {
	if c := st.convert[from]; !c.owned && c.path.Restless() {
		c.owned = true
		st.session.worker.band.join(&restless{c, st, from})
	}
}

// newConverter is nil where everything passes as it is.
func (l *coders) newConverter(from, to *media.Speech) *converter {
	if from == nil || to == nil {
		return nil
	}
	c := &converter{list: make([]step, 1, 1+len(from.Formats)), ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32()}
	anew := false
	for _, f := range from.Formats {
		c.steps[f.PayloadType&0x7f] = uint8(len(c.list))
		c.list = append(c.list, step{})
		s := &c.list[len(c.list)-1]
		first, speaks := to.First()
		g, same := to.Find(f.Codec, f.Clock)
		switch {
		case same && f.Codec != media.OtherCodec && g.Clock == f.Clock:
			*s = step{how: renumber, to: g.PayloadType}
			c.boost(s, f.Codec, g.Codec, from.Boost)
		case speaks && isLaw(f.Codec) && isLaw(first.Codec):
			*s = step{how: crossed, to: first.PayloadType}
			c.boost(s, f.Codec, first.Codec, from.Boost)
		case f.Codec == media.OtherCodec:
			if slices.Contains(to.Formats, f) {
				s.how = beside
			}
		default:
			s.how = stopped // unless it can be coded anew
			anew = anew || speaks
		}
	}
	anew = anew || keysBecomeEvents(from, to) || keysCross(from, to)
	if anew {
		c.path, c.tells = l.newPath(from, to), to.Keys == media.KeysBySIP
	}
	return c
}

// keysBecomeEvents tells whether one side has telephone-event and the other has not.
func keysBecomeEvents(from, to *media.Speech) bool {
	_, has := from.Find(media.TelephoneEvent, 0)
	_, takes := to.Find(media.TelephoneEvent, 0)
	return takes && !has
}

// keysCross tells whether neither side has telephone-event, and one tells of keys by SIP and the other by their tones.
func keysCross(from, to *media.Speech) bool {
	_, has := from.Find(media.TelephoneEvent, 0)
	_, takes := to.Find(media.TelephoneEvent, 0)
	_, speaks := to.First()
	return !has && !takes && speaks && from.Keys != to.Keys
}

// newPath is what codes anew between two ways to speak; nil: that cannot be done.
func (l *coders) newPath(from, to *media.Speech) *codec.Path {
	first, _ := to.First()
	config := codec.PathConfig{Rate: rateBetween(from, first), Output: codec.Output{PayloadType: first.PayloadType, Clock: first.Clock}}
	if config.Encoder = l.encoder(first, config.Rate); config.Encoder == nil {
		return nil
	}
	packet := to.PacketTime
	if packet == 0 || first.Codec == media.Opus && packet == 30*time.Millisecond { // which Opus does not have (RFC 6716 §2.1.4)
		packet = media.PacketTime
	}
	config.Samples = int(packet * time.Duration(config.Rate) / time.Second)
	if f, ok := to.Find(media.TelephoneEvent, first.Clock); ok {
		config.Event = codec.Output{PayloadType: f.PayloadType, Clock: f.Clock}
	}
	if f, ok := to.Find(media.ComfortNoise, first.Clock); ok {
		config.Noise = codec.Output{PayloadType: f.PayloadType, Clock: f.Clock}
	}
	config.Gain, config.Data = codec.NewGain(from.Boost), isLaw(first.Codec)
	for _, f := range from.Formats {
		config.Data = config.Data && (isLaw(f.Codec) || !f.Codec.Speaks())
	}
	config.Tones = to.Keys == media.KeysInBand
	config.Listen = (keysBecomeEvents(from, to) || keysCross(from, to)) && from.Keys == media.KeysInBand
	for _, f := range from.Formats {
		in := codec.Input{PayloadType: f.PayloadType, Clock: f.Clock}
		switch f.Codec {
		case media.TelephoneEvent:
			in.Kind = codec.Events
		case media.ComfortNoise:
			in.Kind = codec.Comfort
		default:
			if in.Decoder = l.decoder(f.Codec, config.Rate); in.Decoder == nil {
				continue
			}
			in.Hasty = f.Codec == media.G722
		}
		config.Inputs = append(config.Inputs, in)
	}
	config.Inputs = unagreed(config.Inputs)
	return codec.NewPath(config)
}

// unagreed adds comfort noise where its clock is that of a codec: it may come without a word in the SDP (RFC 3389 §4), and left out it would be a dead line.
func unagreed(list []codec.Input) []codec.Input {
	is := func(in codec.Input) bool { return in.Kind == codec.Speech && in.Clock == noiselessClock }
	if !slices.ContainsFunc(list, is) {
		return list
	}
	for _, pt := range [...]uint8{comfortNoise, oldComfortNoise} {
		if !slices.ContainsFunc(list, func(in codec.Input) bool { return in.PayloadType == pt }) {
			list = append(list, codec.Input{PayloadType: pt, Clock: noiselessClock, Kind: codec.Comfort})
		}
	}
	return list
}

// anew tells whether speech of either direction is coded anew.
func (st *stream) anew() bool {
	for _, c := range st.convert {
		if c != nil && c.path != nil {
			return true
		}
	}
	return false
}

// clockFor is the clock of a dynamic payload type at one side: its own where the sides speak otherwise, else that of the stream.
func (st *stream) clockFor(side media.SideIndex, payloadType uint8) uint32 {
	if s := st.speech[side]; s != nil {
		for i := range s.Formats {
			if f := &s.Formats[i]; f.PayloadType == payloadType {
				return f.Clock
			}
		}
	}
	if st.slow.Has(payloadType) {
		return 0
	}
	return st.clock
}

// converting tells whether packets of either direction are changed.
func (st *stream) converting() bool { return st.convert[0] != nil || st.convert[1] != nil }

// inPlace changes a packet of RTP. False: the other side does not take it.
func (c *converter) inPlace(b []byte) bool {
	s := &c.list[c.steps[b[1]&0x7f]]
	switch s.how {
	case stopped:
		return false
	case crossed:
		c.cross(s, payloadOf(b))
		fallthrough
	case renumber:
		b[1] = b[1]&0x80 | s.to
	}
	return true
}

// outcome is what a conversion has made of a packet.
type outcome uint8

const (
	goesOn outcome = iota // the packet itself
	unfit                 // the other side does not take it
	taken                 // what it became was sent, which may be nothing yet, or it is RTCP of a source that nobody hears and was read
	stuck                 // what it became could not be sent
)

// change makes a packet fit for the other side.
func (w *worker) change(p, out *port, to *sockaddr, b []byte, k kind, now int64) outcome {
	c := p.stream.convert[p.side]
	switch {
	case k == rtcp && p.stream.anew():
		return taken
	case k == rtcp, c == nil:
		return goesOn
	case c.path == nil, c.list[c.steps[b[1]&0x7f]].how == beside:
		if c.inPlace(b) {
			return goesOn
		}
		return unfit
	}
	return w.convert(c, p, out, to, b, now)
}

// convert takes a packet of RTP whose stream is coded anew, and sends what it becomes, which may be nothing yet.
func (w *worker) convert(c *converter, p, out *port, to *sockaddr, b []byte, now int64) outcome {
	h := peek(b)
	if !c.takes(h, now) {
		return taken
	}
	c.path.Put(&codec.Packet{Sequence: h.sequence, Timestamp: h.timestamp, PayloadType: h.payloadType, Marker: b[1]&0x80 != 0, Payload: payloadOf(b)},
		time.Duration(now))
	sent, failed := w.emit(c, p, out, to, now)
	p.stream.keep(p.side)
	if failed > 0 && sent == 0 {
		return stuck
	}
	return taken
}

// rival is how long a source must have been silent for the one before it to be heard again, if that does not say that it begins to speak.
const rival = int64(100 * time.Millisecond)

// takes tells whether a source is heard: of two that speak at once, the music behind an announcement, or a late packet of who spoke before, the newer one. To
// be heard in turn they would take twice the time that passes, by which all that comes later was late.
func (c *converter) takes(h header, now int64) bool {
	if !c.known || c.source != h.ssrc {
		if c.changed && h.ssrc == c.former && now-c.heard < rival && !h.marker {
			return false
		}
		c.former, c.changed = c.source, c.known
		c.known, c.source = true, h.ssrc
		c.path.Restart()
	}
	c.heard = now
	return true
}

// emit sends all that the path has.
func (w *worker) emit(c *converter, p, out *port, to *sockaddr, now int64) (sent, failed int) {
	for w.out.Reset(); c.path.Next(time.Duration(now), &w.out); w.out.Reset() {
		n, m := w.sendAll(c, p, out, to, now)
		sent, failed = sent+n, failed+m
	}
	return sent, failed
}

// sendAll sends what is in w.out, and tells how much of it went and did not.
func (w *worker) sendAll(c *converter, p, out *port, to *sockaddr, now int64) (sent, failed int) {
	for _, k := range w.out.Keys {
		if c.tells {
			w.notices.list = append(w.notices.list, notice{kind: media.EventKey, session: p.stream.session.id, stream: p.stream.index, side: p.side, key: k.Key})
		}
	}
	for i := range w.out.Packets {
		s := &w.out.Packets[i]
		if rtpHeader+len(s.Payload)+maxOverhead > len(w.made) {
			continue
		}
		b := c.packet(w.made[:], s)
		out.stream.side[out.side].sends(b, out.stream.clockFor(out.side, s.PayloadType), now)
		if pl := p.stream.session.player; pl != nil {
			pl.before(out, rtp, b)
		}
		ok := true
		if protected := out.guard(); protected != nil {
			if b, ok = protected.seal(b, rtp); !ok {
				p.stream.side[p.side].count.unseal(protected)
				w.batch.dropped++
				failed++
				continue
			}
		}
		if errno := out.stream.carrier.send(out, b, to); errno != 0 {
			c := &p.stream.side[p.side].count
			c.block()
			c.sendErrors++
			c.sendError = errno
			w.batch.sendErrors++
			failed++
			continue
		}
		w.noted(out, coded, 0)
		sent++
	}
	return sent, failed
}

// packet writes a packet of ours into b.
func (c *converter) packet(b []byte, s *codec.Sent) []byte {
	n := rtpHeader + copy(b[rtpHeader:], s.Payload)
	b[0], b[1] = 2<<6, s.PayloadType
	if s.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], c.sequence)
	binary.BigEndian.PutUint32(b[4:], c.timestamp+s.Timestamp)
	binary.BigEndian.PutUint32(b[8:], c.ssrc)
	c.sequence++
	return b[:n]
}

// restless is a converter that has something to do although nothing comes.
type restless struct {
	*converter
	stream *stream
	from   media.SideIndex
}

func (r *restless) owner() *session { return r.stream.session }

// onBeat implements beater.
func (r *restless) onBeat(w *worker, _ int, now int64) bool {
	st, c := r.stream, r.converter
	from, other := &st.side[r.from], &st.side[1-r.from]
	to := other.rtp.gate.destination(other.trust.latch)
	if st.session.closed || st.opaque || !from.recv || !other.send || to.size == 0 || !other.rtp.socket.open() {
		c.owned = false
		return false
	}
	w.out.Reset()
	if st.convert[r.from] != c { // there is another one
		c.path.Release(&w.out)
		w.sendAll(c, &from.rtp, &other.rtp, to, now)
		return false
	}
	c.path.Beat(time.Duration(now), &w.out)
	w.sendAll(c, &from.rtp, &other.rtp, to, now)
	w.emit(c, &from.rtp, &other.rtp, to, now)
	c.owned = c.path.Restless()
	return c.owned
}

// press sends keys that came by SIP. The session is locked.
func (s *session) press(want []media.Press, now int64) {
	for i := range want {
		k := &want[i]
		if int32(k.ID-s.pressed) <= 0 {
			continue
		}
		s.pressed = k.ID
		if k.Stream < 0 || k.Stream >= len(s.streams) || k.To < 0 || k.To > 1 {
			continue
		}
		st := s.streams[k.Stream]
		c := st.convert[1-k.To]
		if c == nil || c.path == nil {
			continue
		}
		c.path.Press(k.Key, k.Long, time.Duration(now))
		st.keep(1 - k.To)
	}
}
