package codec

import "time"

// keying is a key that the path sends as an event: one that it has heard as tones, or that it was told to press.
type keying struct {
	detector *Detector // nil: tones stay what they are
	on       bool
	told     bool // something of it was sent
	code     uint8
	report   report
	samples  int   // that it has lasted
	free     int64 // where the next one may begin

	presses []press
	until   time.Duration // of the one that is pressed; 0: none is
	last    time.Duration // beat
	waits   time.Duration // when what waits to be pressed last had a beat

	ringing bool // it is pressed as its tones, in the place of what comes
	sound   Tone
	since   time.Duration // up to which they were made
}

type press struct {
	code uint8
	long time.Duration
}

const (
	mostPresses   = 32
	keyLevel      = 10 // -10 dBm0
	keyRepeats    = 3  // of the end (RFC 4733 §2.5.1.4)
	betweenKeys   = 40 * time.Millisecond
	keyStep       = 20 * time.Millisecond
	longestPress  = 5 * time.Second
	shortestPress = betweenKeys
	// longestWait is how long a key waits for beats that do not come, as the call is on hold: later it would be heard by who does not expect it.
	longestWait = 5 * time.Second
)

// Press sends a key as an event, or as its tones; it takes Beats. One too many is left out.
func (p *Path) Press(key byte, long, now time.Duration) {
	code, ok := EventOf(key)
	p.tire(now)
	if ok && (p.config.Event.Clock != 0 || p.config.Tones) && len(p.key.presses) < mostPresses {
		p.key.presses = append(p.key.presses, press{code, min(max(long, shortestPress), longestPress)})
	}
}

// tire drops keys that have waited too long to be begun. One that is under way ends.
func (p *Path) tire(now time.Duration) {
	k := &p.key
	if now-k.waits > longestWait && len(k.presses) > 0 {
		if k.until != 0 {
			k.presses = k.presses[:1]
		} else {
			k.presses = k.presses[:0]
		}
	}
	k.waits = now
}

// Succeed takes over the keys that the path before this one has still to press, where speech or events are coded otherwise from now on. One that it has begun
// was heard, unless as a tone too short for that.
func (p *Path) Succeed(before *Path) {
	k := &before.key
	waiting := k.presses
	if k.until != 0 && !(k.ringing && max(waiting[0].long, shortestTone)-(k.until-k.since) < shortestTone) {
		waiting = waiting[1:]
	}
	if p.config.Event.Clock != 0 || p.config.Tones {
		p.key.presses, p.key.last, p.key.waits = append(p.key.presses, waiting...), k.last, k.waits
	}
}

// Release ends the event of a key that goes on, as nothing more will come of this path.
func (p *Path) Release(out *Out) {
	if k := &p.key; k.on && !k.ringing {
		p.keyUp(out)
	}
}

// listen looks for tones in samples that came, and sends what is none of a key; a key goes on as an event in its place. It does so piece by piece, as in a long
// packet a key may begin and end.
func (p *Path) listen(pcm []int16, out *Out) {
	k := &p.key
	switch {
	case k.until != 0:
		p.pause(len(pcm), out) // who presses a key is not heard meanwhile
		return
	case k.detector == nil:
		p.push(pcm, out)
		return
	}
	var heard [mostSamples / leastPiece]byte
	n := p.config.Rate / 100
	piece := func(i int) []int16 { return pcm[i*n : min((i+1)*n, len(pcm))] }
	for i := range (len(pcm) + n - 1) / n {
		if heard[i] = k.detector.Take(piece(i)); k.detector.Suspects() {
			for j := max(0, i-2); j <= i; j++ { // the beginning of a tone is not heard twice
				clear(piece(j))
			}
		}
	}
	for i := range (len(pcm) + n - 1) / n {
		p.listened(heard[i], piece(i), out)
	}
	if k.on {
		p.keyHeld(0, false, out)
	}
}

// leastPiece is a piece at the lowest rate.
const leastPiece = 8000 / 100

// listened sends a piece, which is of a key or of none.
func (p *Path) listened(key byte, pcm []int16, out *Out) {
	k := &p.key
	code, ok := EventOf(key)
	if k.on && (!ok || code != k.code) {
		p.keyUp(out)
	}
	if !ok {
		p.push(pcm, out)
		return
	}
	if !k.on {
		p.keyDown(code)
		if len(out.Keys) < cap(out.Keys) {
			out.Keys = append(out.Keys, KeyPress{key})
		}
	}
	k.samples += len(pcm)
	p.pause(len(pcm), out)
}

// missed tells the detector of samples that did not come. True: they are, or may be, of a tone, and nothing of it is heard.
func (p *Path) missed(samples, lost int, out *Out) bool {
	k := &p.key
	switch {
	case k.detector == nil:
		return false
	case lost == 0: // a pause
		p.released(out)
		return false
	}
	k.detector.Skip(p.cover.history)
	if k.on && k.until == 0 {
		k.samples += samples
	}
	return k.on || k.detector.Suspects()
}

// released ends a key that was heard, behind which nothing came.
func (p *Path) released(out *Out) {
	k := &p.key
	k.detector.Silence()
	if k.on && k.until == 0 {
		p.keyUp(out)
	}
}

// press sends what is due of the keys to press.
func (p *Path) press(now time.Duration, out *Out) {
	k := &p.key
	p.tire(now)
	if k.until == 0 {
		if k.on && now-p.heard > longestSilence {
			p.released(out)
		}
		if len(k.presses) == 0 || now < k.last+betweenKeys || k.on {
			return
		}
		if p.config.Event.Clock == 0 {
			p.ringUp(now, out)
			return
		}
		p.keyDown(k.presses[0].code)
		k.until, k.last = now+k.presses[0].long, now
		p.keyHeld(p.samples(keyStep), false, out)
		return
	}
	if k.ringing {
		p.ringOn(now, out)
		return
	}
	p.keyHeld(p.samples(min(now, k.until+keyStep)-k.last), false, out) // there may have been no beat for long
	if k.last = now; now >= k.until {
		k.presses = append(k.presses[:0], k.presses[1:]...)
		k.until = 0
		p.keyUp(out)
	}
}

// ringUp begins the tones of a key, whole packets of them, behind what came last.
func (p *Path) ringUp(now time.Duration, out *Out) {
	k := &p.key
	if idle := p.samples(now - p.heard); p.running && idle > 0 {
		p.pause(idle, out)
		p.due += p.ticks(idle)
	}
	packet := p.lasting(p.config.Samples)
	long := max(k.presses[0].long, shortestTone)
	k.sound, _ = NewTone(digits[k.presses[0].code], toneLevel, p.config.Rate)
	k.on, k.ringing, k.since = true, true, max(now, p.heard)
	k.until = k.since + (long+packet-1)/packet*packet
}

// ringOn makes the tones until now.
func (p *Path) ringOn(now time.Duration, out *Out) {
	k := &p.key
	n := max(0, p.samples(min(now, k.until)-k.since))
	n -= n % p.config.Samples
	k.since += p.lasting(n)
	p.due += p.ticks(n)
	p.made = p.made || n > 0
	for n > 0 {
		pcm := out.pcm[:min(n, p.config.Samples, mostSamples)]
		k.sound.Fill(pcm)
		p.push(pcm, out)
		n -= len(pcm)
	}
	if p.heard = max(p.heard, k.since); k.since >= k.until {
		k.presses = append(k.presses[:0], k.presses[1:]...)
		k.on, k.ringing, k.until, k.last = false, false, 0, now
		p.hush.since = max(p.hush.since, k.since)
	}
}

func (p *Path) keyDown(code uint8) {
	k := &p.key
	k.on, k.told, k.code, k.samples = true, false, code, 0
	k.report = report{at: max(p.position+int64(len(p.frame)), k.free)}
}

// keyHeld sends that the key has lasted longer, or that it has ended.
func (p *Path) keyHeld(samples int, end bool, out *Out) {
	k, to := &p.key, p.config.Event
	first := !k.told
	k.told = true
	k.samples += samples
	p.tell(&k.report, Event{Code: k.code, End: end, Volume: keyLevel}, uint64(k.samples)*uint64(to.Clock)/uint64(p.config.Rate), first, out)
}

func (p *Path) keyUp(out *Out) {
	for range keyRepeats {
		p.keyHeld(0, true, out)
	}
	k := &p.key
	k.on = false
	k.free = k.report.at + int64(k.samples)
}
