package codec

import "math"

// Widened is the speech of a telephone at the rate of a wide path, where it comes beside a wide codec: between every two of its samples there is one that a windowed sinc
// makes of those around, so that nothing is above 4 kHz. That takes widenedTaps/2 of its samples, 1.5 ms.
type Widened struct {
	narrow  G711
	history [widenedTaps]int16 // the last samples, the oldest first
}

const widenedTaps = 24

// widenedRow are the coefficients of the sample in the middle, in units of 1/32768.
var widenedRow = func() (row [widenedTaps]int32) {
	for i := range row {
		d := float64(i) - (widenedTaps-1)/2.0
		w := math.Cos(math.Pi * d / widenedTaps)
		row[i] = int32(math.Round(32768 * math.Sin(math.Pi*d) / (math.Pi * d) * w * w))
	}
	return row
}()

// NewWidened returns the decoder of a law at 16 kHz.
func NewWidened(g G711) *Widened { return &Widened{narrow: g} }

// Decode implements Decoder.
func (w *Widened) Decode(pcm []int16, payload []byte) int {
	n := min(len(pcm)/2, len(payload))
	h := &w.history
	for i, code := range payload[:n] {
		copy(h[:], h[1:])
		h[widenedTaps-1] = w.narrow.law.decode[code]
		var sum int32
		for k, s := range h {
			sum += int32(s) * widenedRow[k] >> 2 // 24 of them stay within 32 bits
		}
		pcm[2*i], pcm[2*i+1] = h[widenedTaps/2-1], int16(clip(sum>>13))
	}
	return 2 * n
}
