package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// numbers are the sequence numbers that an order gives on for what comes.
func numbers(o *Order, now time.Duration, sequence uint16) (list []uint16) {
	p := Packet{Sequence: sequence}
	if o.Put(&p, now) {
		list = append(list, p.Sequence)
	}
	for q := o.Get(now); q != nil; q = o.Get(now) {
		list = append(list, q.Sequence)
	}
	return list
}

// TestOrderLearnsToWait: at first a missing packet holds nobody up; when it has come late, the next one is waited for, and order is kept.
func TestOrderLearnsToWait(t *testing.T) {
	var o Order
	at := time.Duration(0)
	step := func(sequence uint16, want ...uint16) {
		t.Helper()
		at += 20 * time.Millisecond
		got := numbers(&o, at, sequence)
		if len(got) != len(want) {
			t.Fatalf("%d gives %d, want %d", sequence, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%d gives %d, want %d", sequence, got, want)
			}
		}
	}
	step(65534, 65534)
	step(0, 0) // 65535 is missing, and nobody waits
	step(65535)
	step(1, 1)
	step(3)          // now 2 is waited for
	step(2, 2, 3)    // and comes
	step(5)          // 4 is lost
	step(6)          // and still waited for
	step(7, 5, 6, 7) // and no longer
	step(7)          // twice
	step(5000, 5000) // another beginning
	step(4999)
}

// TestOrderKeepsAll: whatever is put in, within the reach of the buffer, comes out once at most and in order.
func TestOrderKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o Order
		o.patient = rapid.Just(60*time.Millisecond).Draw(t, "patient")
		last, at := -1, time.Duration(0)
		order := rapid.SliceOfN(rapid.IntRange(-3, 3), 1, 200).Draw(t, "shifts")
		for i, shift := range order {
			at += 20 * time.Millisecond
			for _, n := range numbers(&o, at, uint16(1000+max(0, i+shift))) {
				if int(n) <= last {
					t.Fatalf("%d after %d", n, last)
				}
				last = int(n)
			}
		}
	})
}

// TestOrderBeginsAgain: a player that begins its piece again numbers it as before, and is heard, but for a few packets.
func TestOrderBeginsAgain(t *testing.T) {
	var o Order
	given, at := 0, time.Duration(0)
	for range 3 {
		for n := range uint16(60) {
			at += 20 * time.Millisecond
			given += len(numbers(&o, at, 7000+n))
		}
	}
	if given != 3*60-2*(mostLate-1) {
		t.Errorf("%d packets of %d", given, 3*60)
	}
	for n := range uint16(100) { // each comes twice, the second time late
		at += 20 * time.Millisecond
		if got := len(numbers(&o, at, 7060+n)) + len(numbers(&o, at, 7057+n)); got != 1 {
			t.Fatalf("%d packets for one that came twice", got)
		}
	}
}

// TestCoverKeepsTheTone: a gap of 20 ms in a periodic sound is filled so that the period goes on, and a long one fades to nothing.
func TestCoverKeepsTheTone(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, hz := range []float64{100, 150, 190} {
			c := NewCover(rate)
			n := rate / 50
			said := sine(20*n, rate, hz, 8000)
			for i := range 10 {
				c.Good(said[i*n : (i+1)*n])
			}
			lost := make([]int16, n)
			c.Bad(lost)
			if r := snr(said[10*n:11*n], lost, 0); r < 12 {
				t.Errorf("%g Hz at %d: what is made up differs by %.1f dB", hz, rate, r)
			}
			for range 4 {
				c.Bad(lost)
			}
			if p := power(lost); p != 0 {
				t.Errorf("%g Hz at %d: after 100 ms there still is %.0f", hz, rate, p)
			}
		}
	}
	var silent [160]int16
	NewCover(8000).Bad(silent[:]) // before anything was heard
	if power(silent[:]) != 0 {
		t.Error("something is made of nothing")
	}
}

// TestNoise: the level is what the payload says, and colour does not change it.
func TestNoise(t *testing.T) {
	for _, payload := range [][]byte{{40}, {60}, {40, 200, 90}} {
		var n Noise
		n.Set(payload)
		pcm := make([]int16, 16000)
		n.Fill(pcm)
		if dB := 10 * math.Log10(power(pcm[800:])/32768/32768); math.Abs(dB+float64(payload[0])) > 1.5 {
			t.Errorf("%v: %.1f dBov", payload, dB)
		}
	}
	n := Noise{}
	n.Set(nil)
	n.Set([]byte{40, 254, 0, 254, 1})
	n.Fill(make([]int16, 8000))
	n.Set([]byte{0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	n.Fill(make([]int16, 8000)) // as loud as can be
}

// TestDTMF: every key is found in its tones, once for each press, at the levels and lengths of ITU-T Q.24, at both rates and beside noise.
func TestDTMF(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{8000, 16000} {
		for _, level := range []float64{-3, -20} {
			for _, ms := range []int{50, 200} {
				d := NewDetector(rate)
				got := ""
				last := byte(0)
				for i := range len(digits) {
					tone, _ := NewTone(digits[i], level, rate)
					pcm := make([]int16, (ms+60)*rate/1000)
					tone.Fill(pcm[:ms*rate/1000])
					for k := range pcm {
						pcm[k] = int16(clip(int32(pcm[k]) + random.Int32N(61) - 30))
					}
					for at := 0; at < len(pcm); at += rate / 100 {
						if key := d.Take(pcm[at : at+rate/100]); key != last {
							if last = key; key != 0 {
								got += string(key)
							}
						}
					}
				}
				if got != digits {
					t.Errorf("%d Hz, %g dBm0, %d ms: %q", rate, level, ms, got)
				}
			}
		}
	}
}

// TestDTMFAtItsLimits: a key is found where its frequencies are 1.5 % off, where one tone is louder than the other, and beside noise (ITU-T Q.24).
func TestDTMFAtItsLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, off := range []float64{0, 0.015, -0.015} {
		for _, twist := range []float64{4, 0, -4, -7} {
			found, of := 0, 0
			for i := range digits {
				for range 10 {
					row, column, _ := place(digits[i])
					low := sine(45*8, 8000, lows[row]*(1+off), 3000)
					high := sine(45*8, 8000, highs[column]*(1+off), 3000*math.Pow(10, twist/20))
					pcm := make([]int16, 800)
					at := random.IntN(200)
					for k := range low {
						pcm[at+k] = low[k] + high[k]
					}
					for k := range pcm {
						pcm[k] += int16(random.NormFloat64() * 130) // 24 dB below
					}
					if of++; heardKeys(pcm) == digits[i:i+1] {
						found++
					}
				}
			}
			if 100*found < 97*of {
				t.Errorf("%+.1f %%, twist %g dB: %d of %d", 100*off, twist, found, of)
			}
		}
	}
}

// TestNoDTMFInOtherSounds: what is no tone of two frequencies is no key.
func TestNoDTMFInOtherSounds(t *testing.T) {
	sounds := map[string][]int16{"sweep and noise": trial(8000), "dial tone": sine(8000, 8000, 425, 8000), "a row": sine(8000, 8000, 770, 8000)}
	voice := make([]int16, 16000)
	for i := range voice {
		for k := 1.0; k < 20; k++ {
			voice[i] += int16(3000 / k * math.Sin(2*math.Pi*(110+20*math.Sin(float64(i)/2000))*k*float64(i)/8000))
		}
	}
	sounds["voice"] = voice
	for name, pcm := range sounds {
		d := NewDetector(8000)
		for at := 0; at+160 <= len(pcm); at += 160 {
			if key := d.Take(pcm[at : at+160]); key != 0 {
				t.Errorf("%s has a %c", name, key)
				break
			}
		}
	}
}

// rig is a path from µ-law to A-law that collects what it sends.
type rig struct {
	*Path
	out  Out
	sent []Sent
	keys string
}

func newRig(change func(*PathConfig)) *rig {
	c := PathConfig{Rate: 8000, Encoder: ALaw, Output: Output{8, 8000}, Samples: 160, Tones: true,
		Inputs: []Input{{PayloadType: 0, Clock: 8000, Decoder: MuLaw}, {PayloadType: 101, Clock: 8000, Kind: Events}, {PayloadType: 13, Clock: 8000, Kind: Comfort}}}
	if change != nil {
		change(&c)
	}
	return &rig{Path: NewPath(c)}
}

func (r *rig) put(p Packet, now time.Duration) {
	r.Put(&p, now)
	for r.out.Reset(); r.Next(now, &r.out); r.out.Reset() {
		r.keep()
	}
}

func (r *rig) keep() {
	for _, s := range r.out.Packets {
		s.Payload = bytes.Clone(s.Payload)
		r.sent = append(r.sent, s)
	}
	for _, k := range r.out.Keys {
		r.keys += string(k.Key)
	}
}

// heard are the samples of all that was sent.
func (r *rig) heard() (pcm []int16) {
	for _, s := range r.sent {
		if s.PayloadType == 8 {
			part := make([]int16, len(s.Payload))
			ALaw.Decode(part, s.Payload)
			pcm = append(pcm, part...)
		}
	}
	return pcm
}

func (r *rig) say(n int, pcm []int16) {
	r.put(Packet{Sequence: uint16(n), Timestamp: uint32(160 * n), Payload: MuLaw.Encode(nil, pcm)}, time.Duration(n)*20*time.Millisecond)
}

// TestPacketTimeChanges: packets of 20 ms become some of 30 and of 10, whole and in time.
func TestPacketTimeChanges(t *testing.T) {
	for _, samples := range []int{80, 160, 240, 480} {
		r := newRig(func(c *PathConfig) { c.Samples = samples })
		said := sine(160*60, 8000, 440, 8000)
		for n := range 60 {
			r.say(n, said[160*n:160*(n+1)])
		}
		for i, s := range r.sent {
			if len(s.Payload) != samples || s.Timestamp != uint32(i*samples) || s.Marker != (i == 0) {
				t.Fatalf("packet %d of %d samples: %d octets at %d", i, samples, len(s.Payload), s.Timestamp)
			}
		}
		if len(r.sent) != 9600/samples || snr(said, r.heard(), 0) < 30 {
			t.Errorf("%d packets of %d samples, %.1f dB", len(r.sent), samples, snr(said, r.heard(), 0))
		}
	}
}

// TestGapsAreAsLoud: what hides a lost packet is made louder as the others are.
func TestGapsAreAsLoud(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Gain = NewGain(12) })
	said := sine(160*20, 8000, 200, 2000)
	for n := range 20 {
		if n != 10 {
			r.say(n, said[160*n:160*(n+1)])
		}
	}
	heard := r.heard()
	if len(heard) != len(said) {
		t.Fatalf("%d samples of %d", len(heard), len(said))
	}
	if whole, gap := power(heard[160*5:160*9]), power(heard[160*10:160*10+80]); gap < whole/2 || gap > whole*2 {
		t.Errorf("the power of a gap is %.0f, and of the rest %.0f", gap, whole)
	}
}

// TestEventsPassAnew: a key goes on as one event with one timestamp, its ends repeated, and speech goes on behind it in time.
func TestEventsPassAnew(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event = Output{96, 8000} })
	speak := sine(160, 8000, 440, 8000)
	for n := range 3 {
		r.say(n, speak)
	}
	for i, e := range []Event{{5, false, 10, 160}, {5, false, 10, 320}, {5, true, 10, 480}, {5, true, 10, 480}, {5, true, 10, 480}} {
		r.put(Packet{Sequence: uint16(3 + i), Timestamp: 480, PayloadType: 101, Marker: i == 0, Payload: e.Append(nil)}, time.Duration(60+20*i)*time.Millisecond)
	}
	r.put(Packet{Sequence: 8, Timestamp: 960, Payload: MuLaw.Encode(nil, speak)}, 160*time.Millisecond)
	if len(r.sent) != 9 || r.keys != "5" {
		t.Fatalf("%d packets, keys %q", len(r.sent), r.keys)
	}
	for i, s := range r.sent[3:8] {
		if e, ok := ParseEvent(s.Payload); !ok || s.PayloadType != 96 || s.Timestamp != 480 || s.Marker != (i == 0) || e.Code != 5 || e.End != (i > 1) {
			t.Errorf("event packet %d: %+v", i, s)
		}
	}
	if last := r.sent[8]; last.PayloadType != 8 || last.Timestamp != 960 || !last.Marker {
		t.Errorf("speech behind it: %+v", last)
	}
}

// TestEventsBecomeTones: where the receiver has no events it hears each key once, as long as it was pressed.
func TestEventsBecomeTones(t *testing.T) {
	r := newRig(nil)
	n, at := 0, 0
	for i, key := range []byte("159#") {
		code, _ := EventOf(key)
		for k := range 7 {
			e := Event{Code: code, End: k > 4, Duration: uint16(160 * min(k+1, 5))}
			r.put(Packet{Sequence: uint16(n), Timestamp: uint32(at), PayloadType: 101, Payload: e.Append(nil)}, time.Duration(n)*20*time.Millisecond)
			n++
		}
		if i == 1 {
			r.put(Packet{Sequence: uint16(n), Timestamp: uint32(at), PayloadType: 101, Payload: Event{Code: code, End: true, Duration: 800}.Append(nil)}, time.Duration(n)*20*time.Millisecond)
			n++
		}
		at += 800
		for range 5 {
			r.put(Packet{Sequence: uint16(n), Timestamp: uint32(at), Payload: MuLaw.Encode(nil, make([]int16, 160))}, time.Duration(n)*20*time.Millisecond)
			n, at = n+1, at+160
		}
	}
	d, got, last := NewDetector(8000), "", byte(0)
	for pcm := r.heard(); len(pcm) >= 80; pcm = pcm[80:] {
		if key := d.Take(pcm[:80]); key != last {
			if last = key; key != 0 {
				got += string(key)
			}
		}
	}
	if got != "159#" || r.keys != "159#" {
		t.Errorf("heard %q, told %q", got, r.keys)
	}
	for i := 1; i < len(r.sent); i++ {
		if r.sent[i].Timestamp != r.sent[i-1].Timestamp+160 {
			t.Errorf("packet %d is at %d after %d", i, r.sent[i].Timestamp, r.sent[i-1].Timestamp)
		}
	}
}

// coded counts the samples that an encoder gets.
type coded struct {
	Encoder
	samples int
}

func (c *coded) Encode(dst []byte, pcm []int16) []byte {
	c.samples += len(pcm)
	return c.Encoder.Encode(dst, pcm)
}

// TestLongEventsAreBounded: an event that begins with its end, eight seconds later, costs no more than what can be sent for a packet.
func TestLongEventsAreBounded(t *testing.T) {
	e := &coded{Encoder: ALaw}
	r := newRig(func(c *PathConfig) { c.Encoder = e })
	r.put(Packet{PayloadType: 101, Payload: Event{Code: 5, Duration: 0xffff}.Append(nil)}, 0)
	if len(r.sent) != mostOut || e.samples != mostOut*160 {
		t.Errorf("%d packets sent, %d samples coded", len(r.sent), e.samples)
	}
}

// TestInputWithoutAClock: SDP may have "CN/0", and what comes of that is left out.
func TestInputWithoutAClock(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Inputs[1].Clock, c.Inputs[2].Clock = 0, 0 })
	speak := sine(160, 8000, 440, 8000)
	r.say(0, speak)
	r.put(Packet{Sequence: 1, Timestamp: 160, PayloadType: 13, Payload: []byte{40}}, 20*time.Millisecond)
	r.put(Packet{Sequence: 2, Timestamp: 320, PayloadType: 101, Payload: Event{Code: 5, Duration: 160}.Append(nil)}, 40*time.Millisecond)
	r.say(3, speak)
	if len(r.sent) != 2 || r.sent[1].Timestamp != 480 || r.keys != "" {
		t.Errorf("%+v, keys %q", r.sent, r.keys)
	}
}

// TestSilenceIsFilled: comfort noise that the receiver does not know is made, until speech comes, and without a gap; one that knows it is told.
func TestSilenceIsFilled(t *testing.T) {
	for _, knows := range []bool{false, true} {
		r := newRig(func(c *PathConfig) {
			if knows {
				c.Noise = Output{13, 8000}
			}
		})
		r.say(0, sine(160, 8000, 440, 8000))
		r.put(Packet{Sequence: 1, Timestamp: 160, PayloadType: 13, Payload: []byte{50}}, 20*time.Millisecond)
		if r.Restless() == knows {
			t.Fatal("noise needs a beat where it is made")
		}
		for now := 40 * time.Millisecond; now <= 220*time.Millisecond; now += 20 * time.Millisecond {
			r.out.Reset()
			r.Beat(now, &r.out)
			r.keep()
		}
		r.put(Packet{Sequence: 2, Timestamp: 1760, Payload: MuLaw.Encode(nil, sine(160, 8000, 440, 8000))}, 220*time.Millisecond)
		if want := 12; !knows && len(r.sent) != want {
			t.Errorf("%d packets, want %d", len(r.sent), want)
		}
		if knows && (len(r.sent) != 3 || r.sent[1].PayloadType != 13 || !bytes.Equal(r.sent[1].Payload, []byte{50}) || r.sent[2].Timestamp != 1760) {
			t.Errorf("%+v", r.sent)
		}
		if r.Restless() {
			t.Error("it goes on behind the speech")
		}
	}
}

// TestPathTakesAll: whatever comes, what goes out has the timestamps of a clock that never goes back, and packets of their size.
func TestPathTakesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(func(c *PathConfig) { c.Samples = rapid.SampledFrom([]int{80, 160, 240}).Draw(t, "samples") })
		now := time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(t, "packets") {
			now += time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond
			r.put(Packet{Sequence: uint16(rapid.IntRange(0, 40).Draw(t, "sequence")), Timestamp: rapid.Uint32().Draw(t, "timestamp"),
				PayloadType: rapid.SampledFrom([]uint8{0, 0, 0, 101, 13, 77}).Draw(t, "type"), Payload: rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "payload")}, now)
			r.out.Reset()
			r.Beat(now, &r.out)
			r.keep()
		}
		for i, s := range r.sent {
			if len(s.Payload) != r.config.Samples {
				t.Fatalf("packet %d has %d octets", i, len(s.Payload))
			}
			if i > 0 && int32(s.Timestamp-r.sent[i-1].Timestamp) < int32(r.config.Samples) {
				t.Fatalf("packet %d is at %d after %d", i, s.Timestamp, r.sent[i-1].Timestamp)
			}
		}
	})
}

// TestPathAllocatesNothing for a packet, in order or not.
func TestPathAllocatesNothing(t *testing.T) {
	p := NewPath(PathConfig{Rate: 8000, Encoder: NewG722Encoder(false), Output: Output{9, 8000}, Samples: 240,
		Inputs: []Input{{Clock: 8000, Decoder: MuLaw}}})
	p.order.patient = mostPatient
	out, payload, n := &Out{}, make([]byte, 160), uint16(0)
	in := &Packet{Payload: payload}
	step := func(sequence uint16) {
		in.Sequence, in.Timestamp = sequence, uint32(sequence)*160
		p.Put(in, time.Duration(sequence)*20*time.Millisecond)
		for out.Reset(); p.Next(time.Duration(sequence)*20*time.Millisecond, out); out.Reset() {
		}
	}
	round := func() {
		step(n)
		step(n + 2)
		step(n + 1)
		step(n + 5) // two are lost
		n += 6
	}
	for range 20 {
		round()
	}
	if got := testing.AllocsPerRun(500, round); got != 0 {
		t.Errorf("%g allocations", got)
	}
}

func FuzzPath(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 3, 101, 1, 5, 128, 0, 160, 13, 2, 60})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(nil)
		for now := time.Duration(0); len(b) > 4; now += 20 * time.Millisecond {
			n := min(int(b[1]), len(b)-4)
			r.put(Packet{PayloadType: b[0], Sequence: uint16(b[2]), Timestamp: uint32(b[3]) << 20, Payload: b[4 : 4+n]}, now)
			b = b[4+n:]
		}
	})
}

// pressed reads the keys in the events that were sent: each one with its packets in order and its end three times.
func pressed(t *testing.T, sent []Sent) (keys string) {
	t.Helper()
	ends := 0
	var at uint32
	var last uint16
	for _, s := range sent {
		if s.PayloadType != 96 {
			continue
		}
		e, _ := ParseEvent(s.Payload)
		key, _ := e.Digit()
		switch {
		case s.Marker:
			if keys != "" && ends != keyRepeats || int32(s.Timestamp-at) <= 0 && keys != "" {
				t.Errorf("%q: %d ends before the next, at %d after %d", keys, ends, s.Timestamp, at)
			}
			keys, at, last, ends = keys+string(key), s.Timestamp, 0, 0
		case s.Timestamp != at || keys[len(keys)-1] != key || e.Duration < last:
			t.Errorf("%q: %+v", keys, e)
		}
		if last = e.Duration; e.End {
			ends++
		}
	}
	if ends != keyRepeats {
		t.Errorf("%q ends %d times", keys, ends)
	}
	return keys
}

// TestTonesBecomeEvents: who has no events is understood by who has nothing else, each key once, and its tones are not heard as well.
func TestTonesBecomeEvents(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event, c.Listen = Output{96, 8000}, true })
	var said []int16
	for _, key := range []byte("0123*55#") {
		tone, _ := NewTone(key, -8, 8000)
		pcm := make([]int16, 160*9)
		tone.Fill(pcm[:160*5])
		said = append(said, pcm...)
	}
	for n := range len(said) / 160 {
		r.say(n, said[160*n:160*(n+1)])
	}
	if got := pressed(t, r.sent); got != "0123*55#" || r.keys != got {
		t.Errorf("pressed %q, told %q", got, r.keys)
	}
	d := NewDetector(8000)
	for pcm := r.heard(); len(pcm) >= 80; pcm = pcm[80:] {
		if key := d.Take(pcm[:80]); key != 0 {
			t.Fatalf("%c is heard as well", key)
		}
	}
}

// TestKeysArePressed: keys come out one after the other, as long as they are to be, although nothing else is sent.
func TestKeysArePressed(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event = Output{96, 8000} })
	for _, key := range []byte("42d") {
		r.Press(key, 100*time.Millisecond, time.Second)
	}
	r.Press('x', time.Second, time.Second)
	for now := time.Second; r.Restless() && now < 3*time.Second; now += 20 * time.Millisecond {
		r.out.Reset()
		r.Beat(now, &r.out)
		r.keep()
	}
	if got := pressed(t, r.sent); got != "42D" {
		t.Errorf("pressed %q", got)
	}
	if e, _ := ParseEvent(r.sent[len(r.sent)-1].Payload); e.Duration < 800 || e.Duration > 1200 {
		t.Errorf("the last one lasted %d", e.Duration)
	}
}

// TestKeysThatWaitTooLong: a call that is put on hold has no beats. A key that waits for one is pressed soon after or not at all, and one that is under way ends.
func TestKeysThatWaitTooLong(t *testing.T) {
	for hold, want := range map[time.Duration]string{time.Second: "123", time.Minute: "13"} {
		r := newRig(func(c *PathConfig) { c.Event = Output{96, 8000} })
		at := time.Second
		beat := func() {
			at += 20 * time.Millisecond
			r.out.Reset()
			r.Beat(at, &r.out)
			r.keep()
		}
		r.Press('1', 100*time.Millisecond, at)
		r.Press('2', 100*time.Millisecond, at)
		beat()
		at += hold
		beat()
		r.Press('3', 100*time.Millisecond, at)
		for r.Restless() && at < 2*time.Minute {
			beat()
		}
		if got := pressed(t, r.sent); got != want {
			t.Errorf("after a hold of %s %q is pressed, want %q", hold, got, want)
		}
		ends := 0
		for _, s := range r.sent {
			if e, _ := ParseEvent(s.Payload); e.End {
				ends++
			}
		}
		if ends != keyRepeats*len(want) {
			t.Errorf("after a hold of %s there are %d ends of %q", hold, ends, want)
		}
	}
}

// TestFaxIsNoticed by its tones, after a quarter of a second and not by other sounds.
func TestFaxIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		pcm  []int16
		want bool
	}{
		"CED": {sine(4000, 8000, 2100, 3000), true}, "CNG": {sine(4000, 8000, 1100, 1000), true}, "CNG at 1138 Hz": {sine(4000, 8000, 1138, 1000), true},
		"too short": {sine(1600, 8000, 2100, 3000), false}, "another tone": {sine(8000, 8000, 425, 8000), false}, "silence": {make([]int16, 8000), false},
		"sweep and noise": {trial(8000), false},
	} {
		f := NewFax(8000)
		got := false
		for at := 0; at+160 <= len(c.pcm); at += 160 {
			got = f.Take(c.pcm[at : at+160])
		}
		if got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// phaseShifts is a modem as in faxes: phase by phase of a carrier, 2400 in a second, in pulses of a raised cosine.
func phaseShifts(n int, r *rand.Rand) []int16 {
	pcm := make([]float64, n+40)
	for at := 0.0; at < float64(n); at += 8000.0 / 2400 {
		phase := float64(r.IntN(8)) * math.Pi / 4
		for i := int(at); i < int(at)+14; i++ {
			pcm[i] += 2500 * (1 - math.Cos(2*math.Pi*(float64(i)-at)/14)) * math.Cos(2*math.Pi*1800*float64(i)/8000+phase)
		}
	}
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(pcm[i])
	}
	return out
}

// frequencyShifts is V.21, 300 bit/s by two tones about a middle.
func frequencyShifts(n int, middle float64, r *rand.Rand) []int16 {
	out := make([]int16, n)
	phase, hz := 0.0, middle
	for i := range out {
		if i%27 == 0 {
			hz = middle - 100 + float64(200*r.IntN(2))
		}
		phase += 2 * math.Pi * hz / 8000
		out[i] = int16(6000 * math.Sin(phase))
	}
	return out
}

// vowels is a voice of 140 Hz that has overtones of two formants, and pauses, with hissing between.
func vowels(n int, r *rand.Rand) []int16 {
	out := make([]int16, n)
	for i := range out {
		switch at := i % 2400; {
		case at < 1200:
			for h := 2.0; h < 20; h++ {
				hz := 140 * h
				a := 1500/(1+math.Pow((hz-550)/150, 2)) + 600/(1+math.Pow((hz-1500)/200, 2))
				out[i] += int16(a * math.Sin(2*math.Pi*hz*float64(i)/8000))
			}
		case at < 1600:
			out[i] = int16(r.IntN(2000)-1000) * int16(1-2*(i%2))
		}
	}
	return out
}

// TestFaxIsOver: what a machine has been taken for is speech again soon after somebody speaks, or a line is busy, and data remain data, with long silence among them.
func TestFaxIsOver(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	data := [][]int16{frequencyShifts(24000, 1080, r), frequencyShifts(24000, 1750, r), phaseShifts(80000, r), make([]int16, 80000), sine(16000, 8000, 1300, 6000),
		sine(24000, 8000, 2100, 6000)}
	for name, pcm := range map[string][]int16{"speech": vowels(24000, r), "engaged": sine(8000, 8000, 425, 3000)} {
		f := NewFax(8000)
		for round := range 2 {
			if !f.Take(sine(4000, 8000, 1100, 3000)) {
				t.Fatalf("%s, round %d: the tone is not noticed", name, round)
			}
			for i, part := range data {
				for at := 0; at < len(part); at += 160 {
					if !f.Take(part[at : at+160]) {
						t.Fatalf("%s, round %d: data %d are speech after %d ms", name, round, i, at/8)
					}
				}
			}
			if f.Take(pcm) {
				t.Errorf("%s, round %d: is data", name, round)
			}
		}
	}
}

// TestFaxThatWasNone: behind a tone of music or of an answering machine keys that are pressed as tones are told, as before.
func TestFaxThatWasNone(t *testing.T) {
	r := newRig(func(c *PathConfig) { c.Event, c.Listen, c.Data = Output{96, 8000}, true, true })
	said := append(sine(160*20, 8000, 1108, 4000), vowels(160*150, rand.New(rand.NewPCG(1, 2)))...)
	key, _ := NewTone('5', -8, 8000)
	tone := make([]int16, 160*6)
	key.Fill(tone)
	said = append(append(said, tone...), make([]int16, 160*10)...)
	for n := range len(said) / 160 {
		r.say(n, said[160*n:160*(n+1)])
	}
	if r.keys != "5" {
		t.Errorf("pressed %q", r.keys)
	}
}
