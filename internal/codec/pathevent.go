package codec

import "time"

// event is the telephone-event that came last: its packets repeat its timestamp and tell how long it has lasted (RFC 4733 §2.5.1.2).
type event struct {
	known     bool
	timestamp uint32 // as it came
	at        uint32 // as it is sent
	over      bool
	tone      bool // it is being made as a tone
	sound     Tone
	made      int // samples of it
}

// toneLevel is that of each tone made of an event, in dBm0: -9 and -7 are usual in networks (ITU-T Q.23 leaves it to them).
const toneLevel = -8

// events takes a telephone-event. All packets of one go on as they come, repeated ends included; a receiver that counts by timestamps has each
// key once.
func (p *Path) events(input *Input, in *Packet, now time.Duration, out *Out) {
	e, ok := ParseEvent(in.Payload)
	if !ok {
		return
	}
	v := &p.event
	fresh := !v.known || in.Timestamp != v.timestamp
	if fresh {
		p.beginEvent(input, in, e, now, out)
	}
	p.heard, p.hush.on = now, false
	switch {
	case p.config.Event.Clock != 0:
		to := p.config.Event
		e.Duration = uint16(min(uint64(e.Duration)*uint64(to.Clock)/uint64(input.Clock), 0xffff))
		out.add(Sent{PayloadType: to.PayloadType, Marker: fresh, Timestamp: v.at, Payload: e.Append(out.free())})
	case v.tone && !v.over:
		p.makeTone(input, in, e, out)
	}
	v.over = v.over || e.End
}

func (p *Path) beginEvent(input *Input, in *Packet, e Event, now time.Duration, out *Out) {
	v := &p.event
	away := 0
	if p.running {
		if away = int(int64(int32(in.Timestamp-p.due)) * int64(p.config.Rate) / int64(p.clock)); away < 0 || away > farJump*p.config.Rate {
			away = 0
		}
	}
	*v = event{known: true, timestamp: in.Timestamp, at: p.at(p.position+int64(len(p.frame)+away), p.config.Output.Clock)}
	key, ok := e.Digit()
	if !ok {
		return
	}
	if len(out.Keys) < cap(out.Keys) {
		out.Keys = append(out.Keys, KeyPress{key})
	}
	if p.config.Tones && p.config.Event.Clock == 0 {
		p.follow(in, input.Clock, now)
		p.pause(away, out)
		p.due = in.Timestamp
		v.sound, v.tone = NewTone(key, toneLevel, p.config.Rate)
	}
}

// makeTone makes as much of the tone as the event has lasted, but no more than out has room for: a peer may say at once that it has lasted for seconds.
func (p *Path) makeTone(input *Input, in *Packet, e Event, out *Out) {
	v := &p.event
	n := int(int64(e.Duration)*int64(p.config.Rate)/int64(input.Clock)) - v.made
	n = min(n, mostOut*p.config.Samples)
	for n > 0 && v.made < p.config.Rate*farJump {
		pcm := out.pcm[:min(n, p.config.Rate/50)]
		v.sound.Fill(pcm)
		p.push(pcm, out)
		v.made += len(pcm)
		n -= len(pcm)
	}
	p.due = in.Timestamp + uint32(int64(v.made)*int64(p.clock)/int64(p.config.Rate))
}
