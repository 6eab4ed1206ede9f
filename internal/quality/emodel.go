package quality

import (
	"math"
	"time"
)

// Rating is the E-model's verdict on what somebody hears.
type Rating struct {
	R    float64 // transmission rating: 0 to 100, of wideband codecs to 129
	MOS  float64 // estimated mean opinion score of a conversation, 1 to 4.5
	Wide bool    // on the wideband scale of G.107.1: not to be compared with scores of the other
}

// Path is what a stream suffers.
type Path struct {
	Loss  float64       // share of packets that are not played, lost or late, 0 to 1
	Ratio float64       // BurstR; 0 and 1: losses fall at random
	Delay time.Duration // one way, mouth to ear, as far as it is known
}

// Defaults of G.107 table 2, in dB, of what no gateway can know: telephones, rooms, echo.
const (
	slr, rlr    = 8.0, 2.0
	stmr        = 15.0
	lstr        = 18.0
	ds          = 3.0
	telr, wepl  = 65.0, 110.0
	noise       = -70.0 // Nc, dBm0p
	floor       = -64.0 // Nfor, dBmp
	roomS       = 35.0  // dB(A)
	roomR       = 35.0
	advantage   = 0.0
	olr         = slr + rlr
	quantizings = 1.0 // qdu
)

// basic is what does not depend on the path: the total noise No, the basic signal-to-noise ratio Ro, and the simultaneous impairments Is less the part of the
// sidetone (G.107 §7.2, §7.3).
var basic = func() (b struct{ no, ro, is float64 }) {
	nos := roomS - slr - ds - 100 + 0.004*sq(roomS-olr-ds-14)
	pre := roomR + 10*math.Log10(1+math.Pow(10, (10-lstr)/10))
	nor := rlr - 121 + pre + 0.008*sq(pre-35)
	nfo := floor + rlr
	b.no = 10 * math.Log10(db(noise)+db(nos)+db(nor)+db(nfo))
	b.ro = 15 - 1.5*(slr+b.no)
	x := olr + 0.2*(64+b.no-rlr)
	loud := 20 * (math.Pow(1+math.Pow(x/8, 8), 1.0/8) - x/8)
	q := 37 - 15*math.Log10(quantizings)
	g := 1.07 + 0.258*q + 0.0602*q*q
	y, z := (b.ro-100)/15+46/8.4-g/9, 46.0/30-g/40
	b.is = loud + 15*math.Log10(1+math.Pow(10, y)+math.Pow(10, z))
	return b
}()

func sq(x float64) float64 { return x * x }
func db(x float64) float64 { return math.Pow(10, x/10) }

// sidetone is Ist of G.107 §7.3.
func sidetone(t float64) float64 {
	s := -10 * math.Log10(db(-stmr)+math.Exp(-t/4)*db(-telr))
	part := func(x, power float64) float64 { return math.Pow(1+math.Pow(x, power), 1/power) }
	return 12*part((s-13)/6, 8) - 28*part((s+1)/19.4, 35) - 13*part((s-3)/33, 13) + 29
}

// delay is Id of G.107 §7.4: talker echo, listener echo, and the delay itself. t is one way, in ms.
func delay(t float64) float64 {
	roe := -1.5 * (basic.no - rlr)
	terv := telr - 40*math.Log10((1+t/10)/(1+t/150)) + 6*math.Exp(-0.3*t*t)
	re := 80 + 2.5*(terv-14)
	idte := ((roe-re)/2 + math.Sqrt(sq(roe-re)/4+100) - 1) * (1 - math.Exp(-t))
	rle := 10.5 * (wepl + 7) * math.Pow(2*t+1, -0.25)
	idle := (basic.ro-rle)/2 + math.Sqrt(sq(basic.ro-rle)/4+169)
	return idte + idle + absolute(t)
}

// absolute is Idd, of delay that is too long even without an echo.
func absolute(t float64) float64 {
	if t <= 100 {
		return 0
	}
	x := math.Log2(t / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}

// equipment is Ie,eff of G.107 §7.5: the codec, and what losses do to it. of is the scale that is left of Ie: 95, or 129 of G.107.1.
func (c *Codec) equipment(p *Path, of float64) float64 {
	percent := 100 * min(max(p.Loss, 0), 1)
	return c.ie + (of-c.ie)*percent/(percent/max(p.Ratio, 1)+c.bpl)
}

// Rate is G.107 for narrowband codecs. For wideband ones it is G.107.1 with its defaults: R from 129, of which the codec, losses and the delay itself are taken, without
// noise and echo, for which that recommendation has no more to say than G.107.
func (c *Codec) Rate(p Path) Rating {
	t := float64(p.Delay) / float64(time.Millisecond)
	t += c.delay
	if c.wide {
		r := max(0, 129-c.equipment(&p, 129)-absolute(t))
		return Rating{R: r, MOS: score(r / 1.29), Wide: true}
	}
	r := max(0, basic.ro-basic.is-sidetone(t)-delay(t)-c.equipment(&p, 95)+advantage)
	return Rating{R: r, MOS: score(r)}
}

// Phone is the MOS that a rating stands for among telephone calls: R is one scale, of which G.107.1 only shows more, so that a telephone call has the same R on both.
// By it calls of unlike codecs are compared; beyond 100 there is no better.
func Phone(r float64) float64 { return score(r) }

// score is MOS of R (G.107 annex B).
func score(r float64) float64 {
	switch {
	case r <= 6.5: // below, the polynomial falls under 1
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}
