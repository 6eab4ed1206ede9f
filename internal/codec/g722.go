package codec

// ITU-T G.722 at 64 kbit/s: a filter bank (QMF) splits 16 kHz into two bands of 8 kHz, and each is coded by ADPCM, the lower one with six
// bits and the upper one with two. Names and numbers are those of the recommendation's clause 6; its tests are in fixed point, so every
// shift and limit here is one of the standard's.
//
// At 8 kHz the lower band alone is speech: nothing is filtered, which is half of the work, and the upper band is sent as silence and
// left out when it comes. A telephone's band ends below the 4 kHz where the bands meet. What of a wide signal lies above them by less than
// the filter's slope folds back: 3 dB less at 4 kHz, 20 dB at 5, 46 dB at 5.5.

// band is the state of one sub-band's predictor (block 4) and scale factor (block 3).
type band struct {
	s, sz  int32    // predicted signal, its part by zeros
	r2     [2]int32 // twice the last reconstructed signals, limited
	p      [2]int32 // the last partially reconstructed signals; only their signs are of use
	a      [2]int32 // coefficients of the poles
	b      [6]int32 // coefficients of the zeros
	d      [6]int32 // the last quantized differences
	nb     int32    // logarithmic scale factor
	det    int32    // linear scale factor
	factor *scaling
}

// scaling is how block 3 of a band adapts.
type scaling struct {
	most, shift int32
}

var lowScaling, highScaling = scaling{18432, 8}, scaling{22528, 10}

// antilog is table 13: the fractions of the linear scale factor.
var antilog = [32]int32{
	2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
	2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
}

// scale is block 3: LOGSCL or LOGSCH with the step that the code stands for, then SCALEL or SCALEH.
func (b *band) scale(step int32) {
	b.nb = min(max(b.nb*127>>7+step, 0), b.factor.most)
	v := antilog[b.nb>>6&31]
	if down := b.factor.shift - b.nb>>11; down >= 0 {
		b.det = v >> down << 2
	} else {
		b.det = v << -down << 2
	}
}

// sign is -1 for negative values, 0 for others.
func sign(v int32) int32 { return v >> 31 }

// predict is block 4: with the quantized difference d it adapts the predictor and predicts the next sample.
func (b *band) predict(d int32) {
	r := clip(b.s + d)
	p := clip(b.sz + d)
	s0, s1, s2 := sign(p), sign(b.p[0]), sign(b.p[1])

	// UPPOL2
	up := clip(b.a[0] << 2)
	if s0 == s1 {
		up = min(-up, 32767)
	}
	up = up>>7 + 128
	if s0 != s2 {
		up -= 256
	}
	a2 := min(max(up+b.a[1]*32512>>15, -12288), 12288)
	// UPPOL1
	a1 := b.a[0] * 32640 >> 15
	if s0 == s1 {
		a1 += 192
	} else {
		a1 -= 192
	}
	most := 15360 - a2
	a1 = min(max(a1, -most), most)

	// UPZERO and FILTEZ. A coefficient decays by 1/256 and moves by 128 with the signs; that keeps it within 16 bits. What the next filter
	// needs of the older differences is in the place beside.
	up = 128
	if d == 0 {
		up = 0
	}
	sd, sz := sign(d), int32(0)
	next := d
	for i, c := range b.b {
		old := b.d[i]
		flip := sign(old) ^ sd
		c += -c>>8 + (up ^ flip - flip)
		b.b[i], b.d[i] = c, next
		sz += c * clip(2*next) >> 15
		next = old
	}
	b.sz = clip(sz)

	// DELAYA, FILTEP, PREDIC
	b.a = [2]int32{a1, a2}
	b.p = [2]int32{p, b.p[0]}
	r2 := clip(2 * r)
	sp := clip(a1*r2>>15 + a2*b.r2[0]>>15)
	b.r2 = [2]int32{r2, b.r2[0]}
	b.s = clip(sp + b.sz)
}

// reset is the state that both ends begin with.
func (b *band) reset(f *scaling, det int32) { *b = band{det: det, factor: f} }

// The quantizers and their inverses (tables 6 to 15 of the recommendation).
var (
	decision6 = [32]int64{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765,
		1980, 2195, 2557, 2919, 1 << 40, 1 << 40} // two more than there are, that nothing reaches
	positive6 = [32]int32{61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32}
	negative6 = [32]int32{63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4}
	output6   = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	output4 = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	output2 = [4]int32{-7408, -1616, 7408, 1616}
	stepL   = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	stepH   = [4]int32{798, -214, 798, -214}
)

// codeLow is QUANTL: the number of the interval that a difference lies in, as its six bits. The search is one of five steps without
// branches, as which way they go cannot be foreseen.
func codeLow(e, det int32) int32 {
	m, scale, at := int64(e^sign(e)), int64(det), 0 // -(e+1) for negative values
	for step := 16; step > 0; step >>= 1 {
		next := at + step
		if m >= decision6[next&31]*scale>>12 {
			at = next
		}
	}
	if e >= 0 {
		return positive6[at&31]
	}
	return negative6[at&31]
}

// codeHigh is QUANTH.
func codeHigh(e, det int32) int32 {
	far := int32(0)
	if e^sign(e) >= 564*det>>12 {
		far = 1
	}
	if e < 0 {
		return 1 - far
	}
	return 3 - far
}

// codeL codes a sample of the lower band.
func (b *band) codeL(x int32) int32 {
	code := codeLow(clip(x-b.s), b.det)
	d := b.det * output4[code>>2] >> 15
	b.scale(stepL[code>>2])
	b.predict(d)
	return code
}

// codeH codes a sample of the upper band.
func (b *band) codeH(x int32) int32 {
	code := codeHigh(clip(x-b.s), b.det)
	d := b.det * output2[code] >> 15
	b.scale(stepH[code])
	b.predict(d)
	return code
}

// mirror is the lower half of the filter's 24 coefficients (table 4); the upper one is its mirror.
var mirror = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

const qmfTaps = 24

// silentHigh is what the upper band is coded as that never had a signal: its differences are zero, which leaves its state as it was.
const silentHigh = 3 << 6

// G722Encoder codes at 8 or 16 kHz.
type G722Encoder struct {
	low, high band
	wide      bool
	x         [qmfTaps]int32 // the last samples, oldest first
}

// NewG722Encoder returns an encoder for samples at 16 kHz, or at 8.
func NewG722Encoder(wide bool) *G722Encoder {
	e := &G722Encoder{wide: wide}
	e.low.reset(&lowScaling, 32)
	e.high.reset(&highScaling, 8)
	return e
}

// Encode implements Encoder: an octet for two samples at 16 kHz, or for one at 8.
func (e *G722Encoder) Encode(dst []byte, pcm []int16) []byte {
	if !e.wide {
		for _, s := range pcm {
			dst = append(dst, silentHigh|byte(e.low.codeL(int32(s)>>1)))
		}
		return dst
	}
	for i := 0; i+1 < len(pcm); i += 2 {
		copy(e.x[:], e.x[2:])
		e.x[qmfTaps-2], e.x[qmfTaps-1] = int32(pcm[i]), int32(pcm[i+1])
		var odd, even int32
		for k, c := range mirror {
			odd += e.x[2*k] * c
			even += e.x[2*k+1] * mirror[11-k]
		}
		dst = append(dst, byte(e.high.codeH((even-odd)>>14)<<6|e.low.codeL((even+odd)>>14)))
	}
	return dst
}

// G722Decoder decodes to 8 or 16 kHz.
type G722Decoder struct {
	low, high band
	wide      bool
	x         [qmfTaps]int32
}

// NewG722Decoder returns a decoder that gives samples at 16 kHz, or at 8.
func NewG722Decoder(wide bool) *G722Decoder {
	d := &G722Decoder{wide: wide}
	d.low.reset(&lowScaling, 32)
	d.high.reset(&highScaling, 8)
	return d
}

// limit is LIMIT: a band has 15 bits.
func limit(v int32) int32 { return min(max(v, -16384), 16383) }

// Decode implements Decoder.
func (d *G722Decoder) Decode(pcm []int16, payload []byte) int {
	n := 0
	for _, octet := range payload {
		code := int32(octet & 0x3f)
		l := &d.low
		low := limit(l.s + l.det*output6[code]>>15)
		q := l.det * output4[code>>2] >> 15
		l.scale(stepL[code>>2])
		l.predict(q)
		if !d.wide {
			if n == len(pcm) {
				break
			}
			pcm[n] = int16(low << 1)
			n++
			continue
		}
		if n+1 >= len(pcm) {
			break
		}
		h := &d.high
		code = int32(octet >> 6)
		q = h.det * output2[code] >> 15
		high := limit(h.s + q)
		h.scale(stepH[code])
		h.predict(q)
		copy(d.x[:], d.x[2:])
		d.x[qmfTaps-2], d.x[qmfTaps-1] = low+high, low-high
		var odd, even int32
		for k, c := range mirror {
			even += d.x[2*k] * c
			odd += d.x[2*k+1] * mirror[11-k]
		}
		pcm[n], pcm[n+1] = int16(clip(odd>>11)), int16(clip(even>>11))
		n += 2
	}
	return n
}
