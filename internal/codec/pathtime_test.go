package codec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// heardKeys are those that a detector finds in samples.
func heardKeys(pcm []int16) (keys string) {
	d, last := NewDetector(8000), byte(0)
	for ; len(pcm) >= 80; pcm = pcm[80:] {
		if key := d.Take(pcm[:80]); key != last {
			if last = key; key != 0 {
				keys += string(key)
			}
		}
	}
	return keys
}

// played are the samples of what was sent, each where its timestamp has it, with silence between.
func (r *rig) played() (pcm []int16) {
	for _, s := range r.sent {
		if s.PayloadType == 8 {
			for len(pcm) < int(s.Timestamp) {
				pcm = append(pcm, 0)
			}
			part := make([]int16, len(s.Payload))
			ALaw.Decode(part, s.Payload)
			pcm = append(pcm[:s.Timestamp], part...)
		}
	}
	return pcm
}

// TestAnotherSourceBeginsWithAKey: whatever the first packet of a source is, it has a place in time.
func TestAnotherSourceBeginsWithAKey(t *testing.T) {
	for _, e := range []Output{{}, {96, 8000}} {
		for _, pt := range []uint8{0, 101, 13} {
			r := newRig(func(c *PathConfig) { c.Event = e })
			r.say(0, make([]int16, 160))
			r.Restart()
			r.put(Packet{Sequence: 7000, Timestamp: 1 << 31, PayloadType: pt, Payload: Event{Code: 5, End: true, Duration: 480}.Append(nil)}, time.Second)
			r.put(Packet{Sequence: 7001, Timestamp: 1<<31 + 480, Payload: make([]byte, 160)}, time.Second+60*time.Millisecond)
			if last := r.sent[len(r.sent)-1]; last.Timestamp != 8480 && pt != 13 {
				t.Errorf("events %v, type %d: speech goes on at %d", e, pt, last.Timestamp)
			}
		}
	}
}

// TestAnotherSourceGoesOnInTime: another source, or another clock, takes as long as it took: nothing while speech goes on, and all of a long pause.
func TestAnotherSourceGoesOnInTime(t *testing.T) {
	for _, pause := range []time.Duration{0, 60 * time.Second} {
		for _, anew := range []bool{true, false} {
			r := newRig(nil)
			r.say(0, make([]int16, 160))
			if anew {
				r.Restart()
			}
			r.put(Packet{Sequence: 1, Timestamp: 1 << 31, Payload: make([]byte, 160)}, 20*time.Millisecond+pause)
			if want := uint32(160 + 8000*pause/time.Second); r.sent[1].Timestamp != want {
				t.Errorf("a pause of %v: at %d, want %d", pause, r.sent[1].Timestamp, want)
			}
		}
	}
}

// TestClockSetAnew: timestamps that step by seconds while no time passes are no pause, and those of a long pause are.
func TestClockSetAnew(t *testing.T) {
	for _, step := range []int32{8 * 8000, -8 * 8000, 1 << 30, -1 << 30} {
		r := newRig(nil)
		r.say(0, make([]int16, 160))
		r.put(Packet{Sequence: 1, Timestamp: uint32(160 + step), Payload: make([]byte, 160)}, 20*time.Millisecond)
		r.put(Packet{Sequence: 2, Timestamp: uint32(320 + step + 60*8000), Payload: make([]byte, 160)}, time.Minute+40*time.Millisecond)
		if a, b := r.sent[1].Timestamp, r.sent[2].Timestamp; a != 160 || b != 320+60*8000 {
			t.Errorf("%d: at %d and %d", step, a, b)
		}
	}
}

// TestKeysOfWhoSaysNothing: every key has a timestamp of its own where nothing is said before them, or nothing for long: by its timestamp a receiver knows a
// key from the one before (RFC 4733 §2.5.1.2).
func TestKeysOfWhoSaysNothing(t *testing.T) {
	for _, said := range []bool{false, true} {
		for _, apart := range []uint32{1600, 8 * 8000, 20 * 8000} {
			r := newRig(func(c *PathConfig) { c.Event = Output{96, 8000} })
			if said {
				r.say(0, make([]int16, 160))
			}
			var stamps []uint32
			for n := range uint32(4) {
				at := 160 + (n+1)*apart
				r.put(Packet{Sequence: uint16(1 + n), Timestamp: at, PayloadType: 101, Payload: Event{Code: 5, End: true, Duration: 800}.Append(nil)},
					time.Duration(at)*time.Second/8000)
				stamps = append(stamps, r.sent[len(r.sent)-1].Timestamp)
			}
			for i := range stamps[1:] {
				if got := stamps[i+1] - stamps[i]; math.Abs(float64(got)-float64(apart)) > 800 {
					t.Errorf("said %v: keys at %d, want them %d apart", said, stamps, apart)
					break
				}
			}
		}
	}
}

// TestKeysOfAnotherClock: an event of 8 kHz beside speech of 48 kHz takes as long as it lasts, by which clock ever its timestamp is.
func TestKeysOfAnotherClock(t *testing.T) {
	for _, stamp := range []uint32{960 * 5, 1 << 31, 800} {
		r := newRig(func(c *PathConfig) { c.Inputs[0].Clock, c.Event = 48000, Output{96, 8000} })
		say := func(sequence uint16, ms uint32) {
			r.put(Packet{Sequence: sequence, Timestamp: 48 * ms, Payload: make([]byte, 160)}, time.Duration(ms)*time.Millisecond)
		}
		for n := range 5 {
			say(uint16(n), 20*uint32(n))
		}
		for n := range 12 { // 200 ms, and its end twice more
			e := Event{Code: 5, End: n >= 9, Duration: uint16(160 * min(n+1, 10))}
			r.put(Packet{Sequence: uint16(5 + n), Timestamp: stamp, PayloadType: 101, Marker: n == 0, Payload: e.Append(nil)}, time.Duration(100+20*min(n, 9))*time.Millisecond)
		}
		say(17, 300)
		if key, last := r.sent[5], r.sent[len(r.sent)-1]; key.Timestamp != 800 || last.PayloadType != 8 || last.Timestamp < 2400-160 || last.Timestamp > 2400 {
			t.Errorf("%d: the key is at %d, speech behind it at %d", stamp, key.Timestamp, last.Timestamp)
		}
	}
}

// TestKeysLongerThanCanBeSaid: what lasts longer than 0xffff comes in segments, and is one key (RFC 4733 §2.5.1.3); it goes on so where the receiver's clock needs
// it.
func TestKeysLongerThanCanBeSaid(t *testing.T) {
	for _, c := range []struct {
		from, to uint32
		stamps   []uint32 // of the events sent
		last     uint16
	}{{48000, 8000, []uint32{0}, 24000}, {8000, 48000, []uint32{0, 65535, 131070}, 144000 - 131070}, {48000, 48000, []uint32{0, 65535, 131070}, 144000 - 131070},
		{48000, 0, nil, 0}} {
		r := newRig(func(p *PathConfig) {
			p.Inputs[1].Clock, p.Event = c.from, Output{96, c.to}
			if c.to != 0 {
				p.Output.Clock = c.to
			}
		})
		lasted, segment, n := uint32(0), uint32(0), uint16(0)
		put := func(end bool, duration uint32) {
			r.put(Packet{Sequence: n, Timestamp: 5000 + segment, PayloadType: 101, Marker: n == 0, Payload: Event{Code: 5, End: end, Duration: uint16(duration)}.Append(nil)},
				time.Duration(n)*50*time.Millisecond)
			n++
		}
		for step := c.from / 20; lasted < 3*c.from; {
			if lasted += step; lasted-segment > 0xffff {
				put(false, 0xffff)
				segment += 0xffff
			}
			put(false, lasted-segment)
		}
		for range 3 {
			put(true, lasted-segment)
		}
		if r.keys != "5" {
			t.Errorf("%d to %d: told %q", c.from, c.to, r.keys)
		}
		if c.to == 0 {
			if got := heardKeys(r.played()); got != "5" || len(r.played()) < 8000*3 {
				t.Errorf("heard %q in %d samples", got, len(r.played()))
			}
			continue
		}
		var stamps []uint32
		for i, s := range r.sent {
			e, _ := ParseEvent(s.Payload)
			if len(stamps) == 0 || stamps[len(stamps)-1] != s.Timestamp {
				stamps = append(stamps, s.Timestamp)
			}
			if s.Marker != (i == 0) || e.End != (i >= len(r.sent)-3) {
				t.Errorf("%d to %d: packet %d of %d: marker %v, end %v", c.from, c.to, i, len(r.sent), s.Marker, e.End)
			}
			if e.End && e.Duration != c.last {
				t.Errorf("%d to %d: the last segment lasts %d, want %d", c.from, c.to, e.Duration, c.last)
			}
		}
		if len(stamps) != len(c.stamps) || stamps[len(stamps)-1] != c.stamps[len(c.stamps)-1] {
			t.Errorf("%d to %d: segments at %d, want %d", c.from, c.to, stamps, c.stamps)
		}
	}
}

// TestTonesBesideSpeech: a source that speaks on while a key is pressed (RFC 4733 §2.1 lets it) is heard again behind the tone, which is whole; also where the
// end of the event is lost.
func TestTonesBesideSpeech(t *testing.T) {
	for _, endLost := range []bool{false, true} {
		r := newRig(nil)
		voice, n := sine(160*100, 8000, 440, 3000), uint16(0)
		for i := range 60 {
			at := time.Duration(i) * 20 * time.Millisecond
			if k := i % 20; k >= 5 && k < 10 && !(endLost && k == 9) {
				e := Event{Code: uint8(1 + i/20), End: k == 9, Duration: uint16(160 * (k - 4))}
				r.put(Packet{Sequence: n, Timestamp: uint32(160 * (i/20*20 + 5)), PayloadType: 101, Marker: k == 5, Payload: e.Append(nil)}, at)
				n++
			}
			r.put(Packet{Sequence: n, Timestamp: uint32(160 * i), Payload: MuLaw.Encode(nil, voice[160*i:160*(i+1)])}, at)
			n++
		}
		pcm := r.played()
		if got := heardKeys(pcm); got != "123" || r.keys != "123" {
			t.Errorf("end lost %v: heard %q, told %q", endLost, got, r.keys)
		}
		if len(pcm) != 160*60 || power(pcm[160*17:160*20]) < 1000*1000 {
			t.Errorf("end lost %v: %d samples; behind a key there is %.0f", endLost, len(pcm), power(pcm[160*17:160*20]))
		}
	}
}

// TestShortKeysAreHeard: a key too short for receivers of tones is made as long as they need, which is taken off the pause behind.
func TestShortKeysAreHeard(t *testing.T) {
	r := newRig(nil)
	for i := range uint16(5) {
		at := uint32(i) * 1600
		for n := range uint16(3) {
			r.put(Packet{Sequence: 4*i + n, Timestamp: at, PayloadType: 101, Marker: n == 0, Payload: Event{Code: 7, End: n > 0, Duration: 160}.Append(nil)},
				time.Duration(at)*time.Second/8000)
		}
		r.put(Packet{Sequence: 4*i + 3, Timestamp: at + 800, Payload: MuLaw.Encode(nil, make([]int16, 160))}, time.Duration(at+800)*time.Second/8000)
	}
	if got := heardKeys(r.played()); got != "77777" {
		t.Errorf("heard %q", got)
	}
	if last := r.sent[len(r.sent)-1]; last.Timestamp != 4*1600+800 {
		t.Errorf("the last packet is at %d", last.Timestamp)
	}
}

// TestPausesDoNotAddUp: noise is made by the clock, so that who speaks again late is behind it; over a long call that comes to no more than the network's jitter.
func TestPausesDoNotAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRig(nil)
	n, stamp, beat := uint16(0), uint32(0), time.Duration(0)
	worst := 0
	put := func(pt uint8, payload []byte) {
		now := time.Duration(stamp)*time.Second/8000 + time.Duration(random.Int64N(int64(60*time.Millisecond)))
		for ; beat < now; beat += 20 * time.Millisecond {
			r.out.Reset()
			r.Beat(beat, &r.out)
			r.keep()
		}
		r.put(Packet{Sequence: n, Timestamp: stamp, PayloadType: pt, Payload: payload}, max(now, beat-20*time.Millisecond))
		n++
	}
	for range 300 { // ten minutes
		for range 50 {
			put(0, make([]byte, 160))
			stamp += 160
			worst = max(worst, int(r.sent[len(r.sent)-1].Timestamp)+160-int(stamp))
		}
		put(13, []byte{50})
		stamp += 8000
	}
	if worst > 8000/10 {
		t.Errorf("what is sent was up to %d ms ahead of what came", worst/8)
	}
	if last := r.sent[len(r.sent)-1]; int(last.Timestamp) < int(stamp)-16000 {
		t.Errorf("the last packet is at %d of %d", last.Timestamp, stamp)
	}
}

// TestTonesWithAHole: of a key that goes on as an event nothing is heard, although a packet of its tone is lost.
func TestTonesWithAHole(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event, c.Listen = Output{96, 8000}, true })
	tone, _ := NewTone('7', -8, 8000)
	pcm := make([]int16, 160*20)
	tone.Fill(pcm[160*2 : 160*15])
	for n := range 20 {
		if n < 8 || n > 10 {
			r.say(n, pcm[160*n:160*(n+1)])
		}
	}
	if got := pressed(t, r.sent); got != "7" {
		t.Errorf("pressed %q", got)
	}
	for _, s := range r.sent {
		if s.PayloadType == 96 {
			if e, _ := ParseEvent(s.Payload); e.End && (e.Duration < 10*160 || e.Duration > 13*160) {
				t.Errorf("it lasted %d", e.Duration)
			}
			continue
		}
		part := make([]int16, len(s.Payload))
		ALaw.Decode(part, s.Payload)
		if power(part) > 100*100 {
			t.Errorf("at %d there is %.0f", s.Timestamp, power(part))
		}
	}
}

// TestNothingIsMadeUpFor: while a call is on hold nothing is made; behind it the time has passed, and nobody is held up by what was not made.
func TestNothingIsMadeUpFor(t *testing.T) {
	e := &coded{Encoder: ALaw}
	r := newRig(func(c *PathConfig) { c.Encoder, c.Event = e, Output{96, 8000} })
	r.put(Packet{PayloadType: 13, Payload: []byte{50}}, 0)
	r.Press('5', 100*time.Millisecond, 0)
	beat := func(now time.Duration) {
		r.out.Reset()
		r.Beat(now, &r.out)
		r.keep()
	}
	beat(40 * time.Millisecond)
	r.put(Packet{Sequence: 1, Timestamp: 3600 * 8000, PayloadType: 13, Payload: []byte{50}}, time.Hour)
	beat(time.Hour)
	if e.samples > 10*160 {
		t.Errorf("%d samples were coded", e.samples)
	}
	if last := r.sent[len(r.sent)-1]; last.Timestamp < 3599*8000 {
		t.Errorf("the last packet is at %d", last.Timestamp)
	}
	for _, s := range r.sent {
		if key, _ := ParseEvent(s.Payload); s.PayloadType == 96 && key.Duration > 8000 {
			t.Errorf("the key lasted %d", key.Duration)
		}
	}
}

// dialled are the packets, of so many ms, of keys in tones of 50 ms and more.
func dialled(random *rand.Rand, ms int) (keys string, list []Packet) {
	pcm := make([]int16, 3200)
	for range 10 {
		key := digits[random.IntN(len(digits))]
		tone, _ := NewTone(key, -8, 8000)
		part := make([]int16, 8*(50+random.IntN(50)))
		tone.Fill(part)
		keys, pcm = keys+string(key), append(append(pcm, part...), make([]int16, 8*(60+random.IntN(100)))...)
	}
	pcm = append(pcm, make([]int16, 2000)...)
	for n := 8 * ms; len(pcm) >= n; pcm = pcm[n:] {
		i := len(list)
		list = append(list, Packet{Sequence: uint16(i), Timestamp: uint32(i * n), Payload: MuLaw.Encode(nil, pcm[:n])})
	}
	return keys, list
}

// TestTonesInAnyPackets: a key is one event however its tones are cut into packets; also a short one that begins and ends within one.
func TestTonesInAnyPackets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, ms := range []int{10, 20, 30, 40, 60} {
		for range 20 {
			r := newRig(func(c *PathConfig) { c.Event, c.Listen = Output{96, 8000}, true })
			keys, list := dialled(random, ms)
			for i, p := range list {
				r.put(p, time.Duration(i*ms)*time.Millisecond)
			}
			if got := pressed(t, r.sent); got != keys || r.keys != keys {
				t.Errorf("%d ms: pressed %q, told %q, want %q", ms, got, r.keys, keys)
			}
		}
	}
}

// TestTonesWithLosses: a lost packet makes no key of two, and hides none where others of its packets came.
func TestTonesWithLosses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, loss := range []int{5, 20} {
		found, of := 0, 0
		for range 30 {
			r := newRig(func(c *PathConfig) { c.Event, c.Listen = Output{96, 8000}, true })
			keys, list := dialled(random, 10)
			for i, p := range list {
				if random.IntN(100) >= loss {
					r.put(p, time.Duration(i)*10*time.Millisecond)
				}
			}
			if of++; r.keys == keys {
				found++
			}
			if len(r.keys) > len(keys) {
				t.Errorf("%d %%: told %q, want %q", loss, r.keys, keys)
			}
		}
		if loss < 10 && found < of-1 {
			t.Errorf("%d %%: %d of %d calls have all keys", loss, found, of)
		}
	}
}

// TestToneBeforeSilence: a source that sends nothing behind a tone has let the key go.
func TestToneBeforeSilence(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event, c.Listen = Output{96, 8000}, true })
	tone, _ := NewTone('7', -8, 8000)
	pcm := make([]int16, 160*5)
	tone.Fill(pcm)
	for n := range 5 {
		r.say(n, pcm[160*n:160*(n+1)])
	}
	for now := 100 * time.Millisecond; r.Restless() && now < time.Second; now += 20 * time.Millisecond {
		r.out.Reset()
		r.Beat(now, &r.out)
		r.keep()
	}
	if got := pressed(t, r.sent); got != "7" {
		t.Errorf("pressed %q", got)
	}
	for n := range uint32(5) { // the same key again
		at := 16000 + 160*n
		r.put(Packet{Sequence: uint16(5 + n), Timestamp: at, Payload: MuLaw.Encode(nil, pcm[160*n:160*(n+1)])}, time.Duration(at)*time.Second/8000)
	}
	if r.keys != "77" {
		t.Errorf("told %q", r.keys)
	}
}

// TestKeysArePressedAsTones: who has no events hears keys that came by SIP as tones, in the place of what is said meanwhile, and in silence too; time goes on as it does.
func TestKeysArePressedAsTones(t *testing.T) {
	for _, speaks := range []bool{true, false} {
		for _, samples := range []int{80, 160, 480} {
			r := newRig(func(c *PathConfig) { c.Samples = samples })
			voice := sine(160*100, 8000, 440, 3000)
			for n := range 100 {
				now := time.Duration(n) * 20 * time.Millisecond
				if speaks || n == 0 {
					r.say(n, voice[160*n:160*(n+1)])
				}
				if n == 20 {
					for _, key := range []byte("5507") {
						r.Press(key, 100*time.Millisecond, now)
					}
				}
				r.out.Reset()
				r.Beat(now+7*time.Millisecond, &r.out)
				r.keep()
			}
			pcm := r.played()
			if got := heardKeys(pcm); got != "5507" {
				t.Errorf("%v, %d samples: heard %q", speaks, samples, got)
			}
			if speaks && (len(pcm) < 160*100-2*480 || len(pcm) > 160*100+480) {
				t.Errorf("%d samples: %d were sent of %d", samples, len(pcm), 160*100)
			}
			if r.Restless() {
				t.Errorf("%v, %d samples: it goes on", speaks, samples)
			}
		}
	}
}

// TestTonesAreTold: keys in tones are told to who has them by SIP, and are not heard as well.
func TestTonesAreTold(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Listen = true })
	keys, list := dialled(rand.New(rand.NewPCG(1, 2)), 20)
	for i, p := range list {
		r.put(p, time.Duration(i)*20*time.Millisecond)
	}
	if got := heardKeys(r.played()); r.keys != keys || got != "" {
		t.Errorf("told %q, want %q; heard %q", r.keys, keys, got)
	}
	for _, s := range r.sent {
		if s.PayloadType != 8 {
			t.Errorf("%+v", s)
		}
	}
}

// TestRestIsSentInTime: what makes no packet yet when a source falls silent comes soon, filled up, or not at all, and so does what makes up for a loss: a packet that is
// sent seconds later, with the time at which it was said, tells its receiver that the network holds packets up for so long.
func TestRestIsSentInTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples int // of a packet that is sent
		beats   bool
		pause   time.Duration
		lost    uint16
	}{{"a rest", 240, true, 5 * time.Second, 0}, {"without beats, on hold", 240, false, 5 * time.Second, 0}, {"a loss in a pause", 160, true, 5 * time.Second, 1},
		{"both", 960, true, 2 * time.Second, 3}} {
		r := newRig(func(p *PathConfig) { p.Samples = c.samples })
		n, now := uint16(0), time.Duration(0)
		say := func(many int) {
			for range many {
				r.put(Packet{Sequence: n, Timestamp: uint32(now / (125 * time.Microsecond)), Payload: make([]byte, 160)}, now)
				n, now = n+1, now+20*time.Millisecond
			}
		}
		say(4)
		until := now + c.pause
		for ; now < until; now += 20 * time.Millisecond {
			if r.out.Reset(); c.beats && r.Restless() {
				r.Beat(now, &r.out)
			}
			r.keep()
		}
		before, came := len(r.sent), 0
		for _, s := range r.sent {
			came += len(s.Payload)
		}
		if c.beats && (came < 4*160 || r.Restless()) {
			t.Errorf("%s: %d samples came of %d, and it goes on: %v", c.name, came, 4*160, r.Restless())
		}
		n += c.lost
		say(8)
		for _, s := range r.sent[before:] {
			if at := time.Duration(s.Timestamp) * 125 * time.Microsecond; at < until-120*time.Millisecond {
				t.Errorf("%s: behind a pause until %s something of %s is sent", c.name, until, at)
			}
		}
	}
}

// TestRestThatGoesOn: a source that the network has held up, and whose rest was filled up meanwhile, goes on in its time: what comes takes the place of the silence.
func TestRestThatGoesOn(t *testing.T) {
	r := newRig(func(p *PathConfig) { p.Samples = 240 })
	const packet = 20 * time.Millisecond
	n, filled := 0, 0
	for now := time.Duration(0); now < time.Minute; now += packet {
		for now/packet%50 < 37 && time.Duration(n)*packet <= now { // the last of each second is late by up to 260 ms
			r.put(Packet{Sequence: uint16(n), Timestamp: 160 * uint32(n), Payload: make([]byte, 160)}, now)
			n++
		}
		before := len(r.sent)
		r.out.Reset()
		r.Beat(now, &r.out)
		r.keep()
		filled += len(r.sent) - before
	}
	if filled == 0 {
		t.Error("nothing was filled up")
	}
	for i, s := range r.sent {
		if s.Timestamp != 240*uint32(i) {
			t.Fatalf("packet %d is at %d", i, s.Timestamp)
		}
	}
	if got := 240 * len(r.sent); got > 160*n+240 {
		t.Errorf("%d samples were sent of %d", got, 160*n)
	}
}

// TestTonesAreParted: the same key twice is heard twice, also where noise was made for longer than the source was silent, and the pause between them makes up for it.
func TestTonesAreParted(t *testing.T) {
	for _, late := range []time.Duration{0, 60, 100, 140, 180} {
		for _, samples := range []int{80, 160, 240, 480} {
			r := newRig(func(p *PathConfig) { p.Samples = samples })
			n, at, beat := uint16(0), time.Duration(0), time.Duration(0)
			put := func(payloadType uint8, stamp, now time.Duration, payload []byte) {
				for ; beat < now; beat += 20 * time.Millisecond {
					r.out.Reset()
					r.Beat(beat, &r.out)
					r.keep()
				}
				r.put(Packet{Sequence: n, Timestamp: uint32(stamp / (125 * time.Microsecond)), PayloadType: payloadType, Payload: payload}, now)
				n++
			}
			say := func(many int) {
				for range many {
					put(0, at, at+late*time.Millisecond, MuLaw.Encode(nil, make([]int16, 160)))
					at += 20 * time.Millisecond
				}
			}
			put(0, at, at, MuLaw.Encode(nil, make([]int16, 160)))
			put(13, at+20*time.Millisecond, at+20*time.Millisecond, []byte{80})
			at = time.Second
			say(1)
			for range 4 {
				for i := range 6 {
					e := Event{Code: 5, End: i > 3, Duration: uint16(160 * min(i+1, 4))}
					put(101, at, at+late*time.Millisecond+time.Duration(20*min(i, 4))*time.Millisecond, e.Append(nil))
				}
				at += 140 * time.Millisecond
			}
			at += time.Second
			say(3)
			if got := heardKeys(r.played()); got != "5555" {
				t.Errorf("late by %d ms, packets of %d: heard %q", late, samples, got)
			}
		}
	}
}

// TestPausesThatEndWithALoss: behind noise that was made for too long the next pause makes up for it, also where the first packet of speech is always lost.
func TestPausesThatEndWithALoss(t *testing.T) {
	r := newRig(nil)
	n, stamp, beat := uint16(0), uint32(0), time.Duration(0)
	worst := 0
	put := func(pt uint8, payload []byte) {
		now := time.Duration(int(stamp)+len(payload)) * time.Second / 8000 // when the source has it all
		for ; beat < now; beat += 20 * time.Millisecond {
			r.out.Reset()
			r.Beat(beat, &r.out)
			r.keep()
		}
		r.put(Packet{Sequence: n, Timestamp: stamp, PayloadType: pt, Payload: payload}, now)
		n++
	}
	for range 200 {
		for range 20 {
			put(0, make([]byte, 480))
			stamp += 480
			worst = max(worst, int(r.sent[len(r.sent)-1].Timestamp)+160-int(stamp))
		}
		put(13, []byte{50})
		stamp += 8480
		n++
	}
	if worst > 8000/10 {
		t.Errorf("what is sent was up to %d ms ahead of what came", worst/8)
	}
}

// TestNothingBehindComfortNoise: what is left of speech comes before the description of silence, which it would end.
func TestNothingBehindComfortNoise(t *testing.T) {
	r := newRig(func(p *PathConfig) { p.Samples, p.Noise = 240, Output{13, 8000} })
	n, now := uint16(0), time.Duration(0)
	put := func(pt uint8, payload []byte) {
		r.put(Packet{Sequence: n, Timestamp: uint32(now / (125 * time.Microsecond)), PayloadType: pt, Payload: payload}, now)
		n++
	}
	for spurt := range 20 {
		for range 4 {
			put(0, make([]byte, 160))
			now += 20 * time.Millisecond
		}
		put(13, []byte{50})
		for until := now + time.Second; now < until; now += 20 * time.Millisecond {
			r.out.Reset()
			r.Beat(now, &r.out)
			r.keep()
		}
		last := r.sent[len(r.sent)-1]
		if last.PayloadType != 13 || r.Restless() {
			t.Fatalf("spurt %d ends with payload type %d, and goes on: %v", spurt, last.PayloadType, r.Restless())
		}
		if due := 8 * int(now/time.Millisecond-1000); int(last.Timestamp) < due || int(last.Timestamp) > due+240 {
			t.Errorf("spurt %d: the silence begins at %d, and was said at %d", spurt, last.Timestamp, due)
		}
	}
}

// keyed puts packets of events in, 20 ms apart.
func (r *rig) keyed(list []Packet) {
	for n, p := range list {
		p.Sequence, p.PayloadType = uint16(1+n), 101
		r.put(p, time.Duration(1+n)*20*time.Millisecond)
	}
}

// toldKeys are the keys of events that were sent, as a receiver counts them: by timestamps.
func toldKeys(sent []Sent) (keys string) {
	var stamps []uint32
	for _, s := range sent {
		if e, ok := ParseEvent(s.Payload); ok && s.PayloadType == 96 && !slices.Contains(stamps, s.Timestamp) {
			stamps = append(stamps, s.Timestamp)
			key, _ := e.Digit()
			keys += string(key)
		}
	}
	return keys
}

// TestKeysOfCarelessSources: each key is told once of a source that repeats the end of one when the next one has begun, or that gives all of them one timestamp, or leaves
// out ends.
func TestKeysOfCarelessSources(t *testing.T) {
	event := func(code uint8, at uint32, first, end bool, duration uint16) Packet {
		return Packet{Timestamp: at, Marker: first, Payload: Event{Code: code, End: end, Duration: duration}.Append(nil)}
	}
	for name, c := range map[string]struct {
		list []Packet
		want string
	}{
		"ends among the next": {[]Packet{event(1, 800, true, false, 160), event(1, 800, false, true, 400), event(2, 1280, true, false, 160), event(1, 800, false, true, 400),
			event(2, 1280, false, false, 320), event(1, 800, false, true, 400), event(2, 1280, false, true, 480), event(2, 1280, false, true, 480)}, "12"},
		"an end behind the next": {[]Packet{event(1, 800, true, false, 160), event(2, 1280, true, false, 160), event(1, 800, false, true, 480),
			event(2, 1280, false, true, 480)}, "12"},
		"one timestamp": {[]Packet{event(1, 800, true, false, 160), event(1, 800, false, true, 400), event(1, 800, false, true, 400), event(2, 800, true, false, 160),
			event(1, 800, false, true, 400), event(2, 800, false, true, 480), event(1, 800, true, false, 160), event(1, 800, false, true, 480)}, "121"},
		"one timestamp, the same key": {[]Packet{event(1, 800, true, false, 160), event(1, 800, false, true, 400), event(1, 800, false, true, 400), event(1, 800, true, false, 160),
			event(1, 800, false, false, 320), event(1, 800, false, true, 400), event(1, 800, false, true, 400)}, "11"},
		"no ends": {[]Packet{event(1, 800, true, false, 160), event(1, 800, false, false, 320), event(1, 2400, true, false, 160), event(1, 2400, false, false, 320),
			event(3, 4000, true, false, 160)}, "113"},
	} {
		for _, to := range []Output{{}, {96, 8000}} {
			r := newRig(func(c *PathConfig) { c.Event = to })
			r.say(0, make([]int16, 160))
			r.keyed(c.list)
			n := len(c.list)
			for k := range 10 {
				r.put(Packet{Sequence: uint16(1 + n + k), Timestamp: uint32(4160 + 160*k), Payload: MuLaw.Encode(nil, make([]int16, 160))}, time.Duration(1+n+k)*20*time.Millisecond)
			}
			heard := toldKeys(r.sent)
			if to.Clock == 0 {
				heard = heardKeys(r.played())
			}
			if r.keys != c.want || heard != c.want {
				t.Errorf("%s, events %v: told %q, heard %q, want %q", name, to, r.keys, heard, c.want)
			}
		}
	}
}

// TestKeysWithoutAnEnd: of a key of which one packet has come a tone is heard that is long enough, and speech behind it is in time.
func TestKeysWithoutAnEnd(t *testing.T) {
	for lost := range 4 {
		r := newRig(nil)
		r.say(0, make([]int16, 160))
		r.put(Packet{Sequence: 1, Timestamp: 160, PayloadType: 101, Marker: true, Payload: Event{Code: 5, Duration: 160}.Append(nil)}, 20*time.Millisecond)
		for n := 10; n < 30; n++ {
			r.put(Packet{Sequence: uint16(n - 9 + 1 + lost), Timestamp: uint32(160 * n), Payload: MuLaw.Encode(nil, make([]int16, 160))}, time.Duration(20*n)*time.Millisecond)
		}
		if got, long := heardKeys(r.played()), len(r.played()); got != "5" || long < 160*29 || long > 160*32 {
			t.Errorf("%d packets lost: heard %q in %d samples", lost, got, long)
		}
	}
}
