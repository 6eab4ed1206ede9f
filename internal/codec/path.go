package codec

import (
	"slices"
	"time"
)

// Path turns the packets of one source into packets of another codec, payload type, clock and packet time: it puts them in order, decodes,
// makes up for what was lost, and codes anew. It sends when something comes, so it adds no delay; only what must go on although
// nothing comes, noise and packets that wait for a lost one, needs Beat.
type Path struct {
	config PathConfig
	order  Order
	ready  *Packet
	packet Packet // that ready points to

	cover    *Cover
	frame    []int16 // samples that make no packet yet
	position int64   // samples sent since the path began
	marker   bool    // the next packet begins a talk spurt (RFC 3551 §4.1)

	running bool
	clock   uint32        // of the input that came last; 0: nothing came of this source
	due     uint32        // the timestamp at which it goes on
	ahead   int           // samples by which what was sent is ahead of what came
	padded  int           // … of which these are silence in the place of what may still come
	made    bool          // by the clock, since speech came last
	heard   time.Duration // when what came is over, had it been played at once

	pace  pace
	event event
	key   keying
	fax   *Fax // nil: nobody looks for one
	data  bool // one is heard
	hush  hush
}

// PathConfig says what a path is.
type PathConfig struct {
	Rate    int // samples a second inside
	Inputs  []Input
	Encoder Encoder
	Output  Output
	Samples int // in each packet sent
	Event   Output
	Noise   Output
	Tones   bool // events, and keys to press, become tones where Event is not valid
	Listen  bool // tones become events, and keys that are told
	Gain    Gain // 0: none
	Data    bool // of fax machines and modems may come, and is left as it is
}

// Input is a payload type that comes. One without Decoder is telephone-event or comfort noise. One with a clock of 0, as SDP may have it, is left out.
type Input struct {
	PayloadType uint8
	Clock       uint32
	Decoder     Decoder
	Kind        Kind
	Hasty       bool // its clock may run twice as fast: that of G.722 is half its rate by a historical error (RFC 3551 §4.5.2), which not all heed
}

// Kind tells what an input is.
type Kind uint8

// The kinds.
const (
	Speech  Kind = iota
	Events       // RFC 4733
	Comfort      // RFC 3389
)

// Output is a payload type that is sent; Clock 0: none.
type Output struct {
	PayloadType uint8
	Clock       uint32
}

// hush is how silence stands that the source describes and the receiver does not know of.
type hush struct {
	on    bool
	since time.Duration // up to which noise was made
	noise Noise
	by    Concealer     // a codec that makes noise of its own; nil: it is that of RFC 3389
	until time.Duration // when the codec's source must have told of it again
}

// fill makes the next samples.
func (h *hush) fill(pcm []int16) {
	if h.by != nil {
		h.by.Conceal(pcm, nil)
		return
	}
	h.noise.Fill(pcm)
}

const (
	// mostHush is the size of a packet of Opus up to which its source falls silent: it describes no sound, and the next one may come after 400 ms, which is filled by
	// what the decoder makes of nothing (RFC 7587 §3.1.3).
	mostHush    = 2
	longestHush = time.Second
	// mostGap is up to what noise is made until speech comes: a beat and some jitter.
	mostGap = 60 * time.Millisecond

	// longestRest is how long samples that make no packet yet are kept when nothing more comes: sent much later they would be of no use, and to their receiver a sign that
	// the network holds packets up for so long.
	longestRest = 120 * time.Millisecond

	longestCover = 60  // ms of a gap that Cover hides
	longestGap   = 120 // … and a codec that does so by itself

	mostNoise = 5 // packets that are made at once
	mostAhead = 5 // the part of a second by which more noise may have been made than there was time for
)

// NewPath returns a path. What it costs in memory it takes now.
func NewPath(c PathConfig) *Path {
	c.Inputs = slices.DeleteFunc(slices.Clone(c.Inputs), func(in Input) bool { return in.Clock == 0 })
	p := &Path{config: c, cover: NewCover(c.Rate), frame: make([]int16, 0, c.Samples+c.Rate*120/1000), marker: true}
	if c.Listen {
		p.key.detector = NewDetector(c.Rate)
	}
	if c.Data {
		p.fax = NewFax(c.Rate)
	}
	if c.Gain == 0 {
		p.config.Gain = NewGain(0)
	}
	return p
}

// Put takes a packet that came. Its payload is used until Next returns false.
func (p *Path) Put(in *Packet, now time.Duration) {
	p.packet, p.ready = *in, nil
	if p.order.Put(&p.packet, now) {
		p.ready = &p.packet
	}
}

// Next makes of the next packet in turn what is to be sent, into out. False: there is none.
func (p *Path) Next(now time.Duration, out *Out) bool {
	in := p.ready
	if p.ready = nil; in == nil {
		if in = p.order.Get(now); in == nil {
			return false
		}
	}
	for i := range p.config.Inputs {
		if input := &p.config.Inputs[i]; input.PayloadType == in.PayloadType {
			switch input.Kind {
			case Speech:
				p.speech(input, in, now, out)
			case Events:
				p.events(input, in, now, out)
			case Comfort:
				p.comfort(input, in, now, out)
			}
			break
		}
	}
	return true
}

// Beat makes what is due although nothing came: noise, and keys that are pressed. After it, Next gives what has waited long enough.
func (p *Path) Beat(now time.Duration, out *Out) {
	p.press(now, out)
	if p.hush.by != nil && now > p.hush.until {
		p.hush.on = false
	}
	if !p.hush.on && !p.key.on && (p.event.over || !p.event.known) && len(p.frame) > 0 && now-p.heard > longestRest {
		p.sendRest(now, out)
	}
	if !p.hush.on || p.key.ringing {
		return
	}
	n := max(0, p.samples(now-p.hush.since))
	if late := n - mostNoise*p.config.Samples; late > 0 { // there was no beat, while a hold lasted
		p.pause(late, out)
		p.hush.since += p.lasting(late)
		p.due += p.ticks(late)
		n -= late
	}
	n -= n % p.config.Samples
	p.fill(n, out)
	p.hush.since += p.lasting(n)
	p.due += p.ticks(n)
	p.heard = max(p.heard, p.hush.since)
}

// fill sends so many samples of noise.
func (p *Path) fill(n int, out *Out) {
	for p.made = p.made || n > 0; n > 0; {
		pcm := out.pcm[:min(n, p.config.Samples, mostSamples)]
		p.hush.fill(pcm)
		p.config.Gain.Apply(pcm)
		p.push(pcm, out)
		n -= len(pcm)
	}
}

// Restless tells whether Beat is needed.
func (p *Path) Restless() bool {
	return p.hush.on || p.order.Waiting() || p.key.on || len(p.key.presses) > 0 || len(p.frame) > 0
}

// sendRest fills the last packet up where nothing more comes. When that is too late, as there were no beats on hold, it is left out.
func (p *Path) sendRest(now time.Duration, out *Out) {
	if now-p.heard > 2*longestRest {
		p.position += int64(len(p.frame))
		p.frame, p.marker = p.frame[:0], true
		return
	}
	p.padded = p.config.Samples - len(p.frame)
	p.ahead += p.padded
	for range p.padded {
		p.frame = append(p.frame, 0)
	}
	p.flush(out)
}

// rest is what is left of samples that came when those are taken off in whose place silence was sent.
func (p *Path) rest(pcm []int16) []int16 {
	n := min(p.padded, p.ahead, len(pcm))
	p.padded, p.ahead = 0, p.ahead-n
	return pcm[n:]
}

// ticks are samples in units of the input's clock.
func (p *Path) ticks(samples int) uint32 {
	return uint32(int64(samples) * int64(p.clock) / int64(p.config.Rate))
}

// samples are those of a time.
func (p *Path) samples(d time.Duration) int {
	return int(int64(d) * int64(p.config.Rate) / int64(time.Second))
}

// lasting is how long samples take.
func (p *Path) lasting(samples int) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(p.config.Rate)
}

// follow goes to the timestamp of a packet and tells by how many samples it is away from what was due: more than 0 after a pause or a loss. A
// clock that was set anew, as it goes back by a second or on by a second more than has passed, or another source, takes as long as it took.
func (p *Path) follow(in *Packet, clock uint32, now time.Duration) int {
	rate := int64(p.config.Rate)
	passed := max(0, p.samples(now-p.heard))
	if p.running && clock == p.clock {
		if away := int64(int32(in.Timestamp-p.due)) * rate / int64(clock); away >= -rate && away <= int64(passed)+rate {
			return int(away)
		}
	}
	away := 0
	if p.running {
		away, p.marker = passed, true
	}
	p.running, p.clock, p.due = true, clock, in.Timestamp
	return away
}

// catchUp is what is left of a pause when what was sent ahead is taken off. Noise is made by the clock, and who speaks again may be late: by so much is it ahead
// from then on, and without this every pause would add to the delay.
func (p *Path) catchUp(away int) int {
	if away < 0 && !p.made {
		return away
	}
	p.made = false
	p.ahead -= away
	away = max(0, -p.ahead)
	if p.ahead = max(0, p.ahead); p.ahead > p.config.Rate/mostAhead { // its timestamps stood still meanwhile
		p.ahead = 0
	}
	return away
}

func (p *Path) speech(input *Input, in *Packet, now time.Duration, out *Out) {
	pcm := out.pcm[:]
	if len(in.Payload) == 0 { // it keeps a NAT open; who muted it is silent
		return
	}
	if p.key.ringing {
		input.Decoder.Decode(pcm, in.Payload) // its state goes on
		return
	}
	if len(p.frame) > 0 && now-p.heard > 2*longestRest {
		p.sendRest(now, out)
	}
	away := p.follow(in, p.paced(input, in), now)
	if p.event.covers(away, now) {
		input.Decoder.Decode(pcm, in.Payload)
		return
	}
	if p.lengthen(out) || in.Lost == 0 || p.made {
		away = p.catchUp(away)
	}
	hushed := p.hush.on
	p.hush.on, p.event.tone = false, false
	if away > 0 {
		switch {
		case hushed && p.samples(mostGap) >= away: // the beat has not come so far
			p.fill(away, out)
			away = 0
		case p.missed(away, in.Lost, out):
			if own, ok := input.Decoder.(Concealer); ok { // nothing of it is heard, but its state goes on
				p.hide(own, away, in.Payload, out)
			}
		case in.Lost == 0 || p.data || now-p.heard > 2*longestRest: // or it would be sent long after its time
		default:
			away -= p.conceal(input, away, in.Payload, out)
		}
		p.pause(away, out)
	}
	pcm = pcm[:input.Decoder.Decode(pcm, in.Payload)]
	p.heard = now + p.lasting(len(pcm))
	if len(pcm) == 0 {
		if int32(in.Timestamp-p.due) > 0 { // or what it was away would count again
			p.due = in.Timestamp
		}
		return
	}
	p.due = in.Timestamp + p.ticks(len(pcm))
	p.pace.lasts = uint32(int64(len(pcm)) * int64(input.Clock) / int64(p.config.Rate))
	pcm = p.rest(pcm)
	if p.fax != nil {
		p.data = p.fax.Take(pcm)
	}
	if p.data {
		p.push(pcm, out)
		return
	}
	p.cover.Good(pcm)
	p.config.Gain.Apply(pcm)
	p.listen(pcm, out)
	if own, ok := input.Decoder.(Concealer); ok && len(in.Payload) <= mostHush {
		p.hush.on, p.hush.by, p.hush.since, p.hush.until = true, own, p.heard+p.lasting(p.ahead), now+longestHush
	}
}

// conceal makes up for as many lost samples as can be, and tells how many. A codec that does so by itself gets all of a gap at once, as what the next packet says of it
// (RFC 6716 §2.1.7) may be as long as that.
func (p *Path) conceal(input *Input, away int, next []byte, out *Out) int {
	if own, ok := input.Decoder.(Concealer); ok {
		pcm := p.hide(own, away, next, out)
		p.cover.remember(pcm)
		p.config.Gain.Apply(pcm)
		p.listen(pcm, out)
		return len(pcm)
	}
	n := min(away, p.config.Rate*longestCover/1000)
	for left := n; left > 0; {
		pcm := out.pcm[:min(left, p.config.Rate/50)]
		left -= len(pcm)
		p.cover.Bad(pcm)
		p.config.Gain.Apply(pcm)
		p.push(pcm, out)
	}
	return n
}

// hide has a codec make up for as much of a gap as it can, in steps of 2.5 ms as Opus has them.
func (p *Path) hide(own Concealer, away int, next []byte, out *Out) []int16 {
	n := min(away, p.config.Rate*longestGap/1000)
	n -= n % (p.config.Rate / 400)
	if n < away {
		next = nil // of which it would not be in its place
	}
	own.Conceal(out.pcm[:n], next)
	return out.pcm[:n]
}

// pause lets time pass in which nothing is sent.
func (p *Path) pause(samples int, out *Out) {
	if samples <= 0 {
		return
	}
	if n := len(p.frame); n > 0 { // what is left of the talk spurt, filled up
		fill := min(p.config.Samples-n, samples)
		for range fill {
			p.frame = append(p.frame, 0)
		}
		samples -= fill
		p.flush(out)
	}
	if samples > 0 {
		p.position += int64(samples)
		p.marker = true
	}
}

// push takes samples in and sends each packet that is full.
func (p *Path) push(pcm []int16, out *Out) {
	if len(p.frame) == 0 && len(pcm) == p.config.Samples {
		p.send(pcm, out)
		return
	}
	p.frame = append(p.frame, pcm...)
	p.flush(out)
}

func (p *Path) flush(out *Out) {
	n := 0
	for ; len(p.frame)-n >= p.config.Samples; n += p.config.Samples {
		p.send(p.frame[n:n+p.config.Samples], out)
	}
	p.frame = p.frame[:copy(p.frame, p.frame[n:])]
}

// send codes a packet.
func (p *Path) send(pcm []int16, out *Out) {
	c := &p.config
	payload := c.Encoder.Encode(out.free(), pcm)
	if len(payload) > 0 {
		out.add(Sent{PayloadType: c.Output.PayloadType, Marker: p.marker, Timestamp: p.at(p.position, c.Output.Clock), Payload: payload})
		p.marker = false
	}
	p.position += int64(len(pcm))
}

// at is a position as a timestamp.
func (p *Path) at(position int64, clock uint32) uint32 {
	return uint32(position * int64(clock) / int64(p.config.Rate))
}

// comfort takes a description of silence: it goes on where the receiver knows such, else noise is made until speech comes again.
func (p *Path) comfort(input *Input, in *Packet, now time.Duration, out *Out) {
	away := p.follow(in, input.Clock, now)
	if p.config.Noise.Clock != 0 && len(p.frame) > 0 { // behind the description it would end the silence
		p.sendRest(now, out)
	}
	p.heard = max(p.heard, now)
	if out2 := p.config.Noise; out2.Clock != 0 {
		p.pause(p.catchUp(away), out)
		p.due = in.Timestamp
		out.add(Sent{PayloadType: out2.PayloadType, Timestamp: p.at(p.position, p.config.Output.Clock), Payload: append(out.free(), in.Payload...)})
		return
	}
	if !p.hush.on {
		p.pause(p.catchUp(away), out)
		p.due = in.Timestamp
		p.hush.on, p.hush.by, p.hush.since = true, nil, now+p.lasting(p.ahead)
	}
	p.hush.noise.Set(in.Payload)
}

// Restart begins anew with another source. What was sent goes on from where it is, after as long as it takes.
func (p *Path) Restart() {
	p.order.running, p.order.n = false, 0
	p.clock, p.ready, p.pace = 0, nil, pace{}
	p.event = event{rang: p.event.rang}
}
