package codec

import "math"

// The frequencies of DTMF in Hz (ITU-T Q.23), rows and columns.
var (
	lows  = [4]float64{697, 770, 852, 941}
	highs = [4]float64{1209, 1336, 1477, 1633}
	keys  = [4]string{"123A", "456B", "789C", "*0#D"}
)

// place is where a key lies.
func place(key byte) (row, column int, ok bool) {
	for r := range keys {
		for c := range keys[r] {
			if keys[r][c] == key {
				return r, c, true
			}
		}
	}
	return 0, 0, false
}

// Tone makes the two tones of a key.
type Tone struct {
	low, high oscillator
}

// oscillator is a sine by recursion: one multiplication a sample.
type oscillator struct{ a, b, c float64 }

func newOscillator(hz, amplitude float64, rate int) oscillator {
	w := 2 * math.Pi * hz / float64(rate)
	return oscillator{a: -amplitude * math.Sin(w), c: 2 * math.Cos(w)}
}

func (o *oscillator) next() float64 {
	o.a, o.b = o.b, o.c*o.b-o.a
	return o.b
}

// NewTone returns the tones of a key, each with so many dBm0, at a rate in Hz. False: it is no key.
func NewTone(key byte, dBm0 float64, rate int) (Tone, bool) {
	row, column, ok := place(key)
	amplitude := 32767 * math.Pow(10, (dBm0-3.14)/20)
	return Tone{newOscillator(lows[row], amplitude, rate), newOscillator(highs[column], amplitude, rate)}, ok
}

// Fill makes the next samples.
func (t *Tone) Fill(pcm []int16) {
	for i := range pcm {
		pcm[i] = int16(min(max(t.low.next()+t.high.next(), -32768), 32767))
	}
}

// blockSamples is what the detector looks at: 12.75 ms at 8 kHz, so that two of them lie within the shortest tone of 40 ms (ITU-T Q.24).
const blockSamples = 102

// Detector finds the tones of DTMF in samples, by the energy of the eight frequencies in each block (Goertzel). A key counts when two blocks
// in a row have it, and is over when two have it not.
type Detector struct {
	rate  int
	coeff [8]float64
	s1    [8]float64
	s2    [8]float64
	power float64
	n     int // samples in the block
	size  int
	seen  byte // by the block before
	key   byte // that counts
	miss  int
}

// NewDetector returns one for samples at a rate in Hz.
func NewDetector(rate int) *Detector {
	d := &Detector{rate: rate, size: blockSamples * rate / 8000}
	for i := range 4 {
		d.coeff[i] = 2 * math.Cos(2*math.Pi*lows[i]/float64(rate))
		d.coeff[4+i] = 2 * math.Cos(2*math.Pi*highs[i]/float64(rate))
	}
	return d
}

// Take takes samples and tells the key that is pressed after them; 0: none.
func (d *Detector) Take(pcm []int16) byte {
	for len(pcm) > 0 {
		part := pcm[:min(len(pcm), d.size-d.n)]
		pcm = pcm[len(part):]
		if d.add(part); d.n == d.size {
			d.judge(d.block())
		}
	}
	return d.key
}

// add takes samples into the block.
func (d *Detector) add(pcm []int16) {
	for i := range d.coeff {
		c, a, b := d.coeff[i], d.s1[i], d.s2[i]
		for _, s := range pcm {
			a, b = float64(s)+c*a-b, a
		}
		d.s1[i], d.s2[i] = a, b
	}
	for _, s := range pcm {
		d.power += float64(s) * float64(s)
	}
	d.n += len(pcm)
}

// begin begins a block.
func (d *Detector) begin() { d.s1, d.s2, d.power, d.n = [8]float64{}, [8]float64{}, 0, 0 }

// Skip says that some samples were lost behind these, the last that came. What is left of their block is no sign that a key is over, and may be the beginning of one.
func (d *Detector) Skip(last []int16) {
	d.begin()
	d.add(last[len(last)-d.size:])
	if key := d.block(); key != 0 {
		d.seen = key
	}
}

// Silence says that nothing was heard for long, so no key is pressed.
func (d *Detector) Silence() {
	d.begin()
	d.seen, d.key, d.miss = 0, 0, 0
}

// Suspects tells whether the last block had a key that does not count yet.
func (d *Detector) Suspects() bool { return d.key == 0 && d.seen != 0 }

// judge takes what a block had.
func (d *Detector) judge(key byte) {
	switch {
	case key != 0 && key == d.seen:
		d.key, d.miss = key, 0
	case key == 0 || key != d.key:
		if d.miss++; d.miss == 2 {
			d.key = 0
		}
	}
	d.seen = key
}

// Limits of ITU-T Q.24: levels from -25 dBm0 on each tone, a column 4 dB above the row to 8 dB below, frequencies that are 1.5 % off, of whose power a block
// shows three quarters; and the two tones make up most of what is heard, or it is speech. What a block shows of one tone at the places of the others is why the
// bounds are wider than that.
const (
	leastLevel = 1000.0 // amplitude, -27 dBm0
	mostTwist  = 6.4    // power of the column over that of the row: 8 dB
	leastTwist = 0.08   // and -11 dB
	secondBest = 5.0    // power of the best over the next one in its group
	leastOfAll = 0.65   // of the power of all that is heard
)

// block ends a block and tells the key in it; 0: none.
func (d *Detector) block() byte {
	var energy [8]float64
	for i, c := range d.coeff {
		energy[i] = d.s1[i]*d.s1[i] + d.s2[i]*d.s2[i] - c*d.s1[i]*d.s2[i]
	}
	n, all := float64(d.size), d.power
	d.begin()
	row, column := best(energy[:4]), best(energy[4:])
	low, high := energy[row], energy[4+column]
	least := leastLevel * leastLevel * n * n / 4
	switch {
	case low < least || high < least, high > low*mostTwist || high < low*leastTwist:
		return 0
	case (low+high)*2/n < leastOfAll*all:
		return 0
	}
	for i := range 4 {
		if i != row && energy[i]*secondBest > low || i != column && energy[4+i]*secondBest > high {
			return 0
		}
	}
	return keys[row][column]
}

func best(e []float64) (at int) {
	for i := range e {
		if e[i] > e[at] {
			at = i
		}
	}
	return at
}
