package codec

import "time"

// event is the telephone-event that came last: its packets repeat its timestamp and tell how long it has lasted (RFC 4733 §2.5.1.2).
type event struct {
	known     bool
	code      uint8
	timestamp uint32 // of its segment, as it came
	past      uint64 // how long the segments before lasted, in its clock
	report    report
	over      bool
	tone      bool          // it is being made as a tone
	last      time.Duration // when a packet of it came
	sound     Tone
	made      int   // samples of it
	rang      int64 // the position up to which it, or the one before, was heard
	former    former
}

// former is the event before. Its end may be repeated when the next one has begun.
type former struct {
	known     bool
	code      uint8
	timestamp uint32
}

const (
	// toneLevel is that of each tone made of an event, in dBm0: -9 and -7 are usual in networks (ITU-T Q.23 leaves it to them).
	toneLevel   = -8
	longestTone = 10 // seconds
	// shortestTone is what every receiver knows a key by: 40 ms (ITU-T Q.24), and a packet may be cut where its blocks begin.
	shortestTone = 50 * time.Millisecond
	// betweenTones is how long it is silent between two, or of the same key twice one would be heard: 40 ms are known (ITU-T Q.24), as above.
	betweenTones = shortestTone
	// longestSilence is after how long an event is over whose end is lost: three of its packets (RFC 4733 §2.5.2.2), which are 50 ms apart.
	longestSilence = 150 * time.Millisecond
	// longestOverlap is how long after the end of an event speech may come that is of before it, where a source speaks on meanwhile.
	longestOverlap = 40 * time.Millisecond
	// longestSegment is the longest that an event can say that it has lasted; what is longer goes on in further segments (RFC 4733 §2.5.1.3).
	longestSegment = 0xffff
)

// covers tells whether the tone is heard in place of speech that is so many samples away from what is due.
func (v *event) covers(away int, now time.Duration) bool {
	return v.tone && (!v.over && now-v.last < longestSilence || away < 0 && now-v.last < longestOverlap)
}

// goesOn tells whether a packet of another timestamp is of the next segment of the same event. Its marker is not set, but not all heed that.
func (v *event) goesOn(in *Packet, code uint8) bool {
	return v.known && !v.over && code == v.code && in.Timestamp-v.timestamp == longestSegment
}

// continues tells whether a packet is of the event that came last: its timestamp says so. There are sources that give all of them one, and mark where another begins.
func (v *event) continues(in *Packet, e Event) bool {
	return v.known && in.Timestamp == v.timestamp && e.Code == v.code && !(v.over && in.Marker && !e.End)
}

// stale tells whether a packet is of the event before.
func (v *event) stale(in *Packet, e Event) bool {
	f := &v.former
	return f.known && e.Code == f.code && in.Timestamp == f.timestamp && !in.Marker && (e.End || in.Timestamp != v.timestamp)
}

// events takes a telephone-event. All packets of one go on as they come, repeated ends included; a receiver that counts by timestamps has each
// key once.
func (p *Path) events(input *Input, in *Packet, now time.Duration, out *Out) {
	e, ok := ParseEvent(in.Payload)
	if !ok {
		return
	}
	v := &p.event
	fresh := false
	switch {
	case v.continues(in, e):
	case v.goesOn(in, e.Code):
		v.timestamp, v.past = in.Timestamp, v.past+longestSegment
	case v.stale(in, e):
		return
	default:
		fresh = true
		p.beginEvent(input, in, e, now, out)
	}
	p.hush.on, v.last = false, now
	if v.tone {
		p.heard = now
	}
	lasted := v.past + uint64(e.Duration)
	switch to := p.config.Event; {
	case to.Clock != 0:
		p.tell(&v.report, e, lasted*uint64(to.Clock)/uint64(input.Clock), fresh, out)
	case v.tone && !v.over:
		p.makeTone(int(lasted*uint64(p.config.Rate)/uint64(input.Clock)), e.End, out)
	}
	v.over = v.over || e.End
}

// beginEvent goes to where an event begins, so that every one has a timestamp of its own, whether speech comes between them or not. A source has one clock, that of its
// speech (RFC 3550 §5.1); where an event has another, only its duration is by that.
func (p *Path) beginEvent(input *Input, in *Packet, e Event, now time.Duration, out *Out) {
	p.lengthen(out)
	clock := input.Clock
	if p.clock != 0 {
		clock = p.clock
	}
	if away := p.catchUp(p.follow(in, clock, now)); away > 0 {
		p.pause(away, out)
		p.due = in.Timestamp
	}
	v := &p.event
	last := former{v.known, v.code, v.timestamp}
	if p.config.Event.Clock != 0 && last.known && p.position+int64(len(p.frame)) <= v.report.at { // the source gives both one timestamp
		apart := max(1, p.samples(now-p.heard))
		p.pause(apart, out)
		p.ahead += apart
	}
	p.heard = now
	*v = event{known: true, code: e.Code, timestamp: in.Timestamp, rang: v.rang, report: report{at: p.position + int64(len(p.frame))}, former: last}
	key, ok := e.Digit()
	if !ok {
		return
	}
	if len(out.Keys) < cap(out.Keys) {
		out.Keys = append(out.Keys, KeyPress{key})
	}
	if p.config.Tones && p.config.Event.Clock == 0 {
		p.due = in.Timestamp
		p.part(out)
		v.sound, v.tone = NewTone(key, toneLevel, p.config.Rate)
	}
}

// part sends silence where a tone would follow too closely on another one, as the pause between them was taken for what was sent ahead.
func (p *Path) part(out *Out) {
	v := &p.event
	if v.rang == 0 {
		return
	}
	n := p.samples(betweenTones) - int(min(p.position+int64(len(p.frame))-v.rang, int64(p.config.Rate)))
	for n > 0 {
		pcm := out.pcm[:min(n, p.config.Samples, mostSamples)]
		clear(pcm)
		p.push(pcm, out)
		p.ahead += len(pcm)
		n -= len(pcm)
	}
}

// makeTone makes as much of the tone as the event has lasted, but no more than out has room for: a peer may say at once that it has lasted for seconds. One
// that was shorter than receivers need is made longer.
func (p *Path) makeTone(lasted int, end bool, out *Out) {
	v := &p.event
	n := min(lasted-v.made, mostOut*p.config.Samples)
	p.due += p.ticks(p.ring(n, out))
	if end {
		p.lengthen(out)
	}
}

// lengthen makes the tone of a key that is over, be it that its end was lost, as long as receivers need, and tells whether it was too short.
func (p *Path) lengthen(out *Out) bool {
	v := &p.event
	if !v.tone || v.over {
		return false
	}
	n := p.ring(p.samples(shortestTone)-v.made, out)
	p.ahead += n
	return n > 0
}

// ring makes some samples of the tone, and tells how many.
func (p *Path) ring(n int, out *Out) (made int) {
	v := &p.event
	for made < n && v.made < p.config.Rate*longestTone {
		pcm := out.pcm[:min(n-made, p.config.Rate/50)]
		v.sound.Fill(pcm)
		p.push(pcm, out)
		v.made += len(pcm)
		made += len(pcm)
	}
	v.rang = p.position + int64(len(p.frame))
	return made
}

// report is what was told of an event.
type report struct {
	at   int64  // the position at which it began
	past uint64 // how long the segments lasted that are full, in units of its clock
}

// tell sends how long an event has lasted, in units of its clock.
func (p *Path) tell(r *report, e Event, lasted uint64, fresh bool, out *Out) {
	to := p.config.Event
	if to.Clock == 0 { // keys are told by other means
		return
	}
	send := func(e Event) {
		at := p.at(r.at, p.config.Output.Clock) + uint32(r.past*uint64(p.config.Output.Clock)/uint64(to.Clock))
		out.add(Sent{PayloadType: to.PayloadType, Marker: fresh, Timestamp: at, Payload: e.Append(out.free())})
		fresh = false
	}
	for n := 0; lasted > r.past+longestSegment && n < mostOut; n++ {
		send(Event{Code: e.Code, Volume: e.Volume, Duration: longestSegment})
		r.past += longestSegment
	}
	e.Duration = uint16(min(lasted-min(lasted, r.past), longestSegment))
	send(e)
}
