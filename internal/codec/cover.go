package codec

// Cover hides the loss of packets, as Appendix I of G.711 does, without its delay: the last pitch period of what was heard is repeated,
// softer from 10 ms on, and silent after 60 ms. The first samples that come again are blended in.
type Cover struct {
	rate    int
	history []int16 // the last 50 ms
	period  []int16 // what is repeated; its end fits its beginning
	at      int     // place in it
	lost    int     // samples made up since the last good one
}

// NewCover returns a cover for samples at a rate in Hz.
func NewCover(rate int) *Cover {
	return &Cover{rate: rate, history: make([]int16, rate/20), period: make([]int16, 0, rate/60)}
}

// Good takes samples that came, and blends their beginning with what was made up before.
func (c *Cover) Good(pcm []int16) {
	if c.lost > 0 {
		n := min(len(pcm), c.rate/250+c.lost/8, c.rate/100) // 4 ms, and up to 10 after a long loss
		for i := range n {
			pcm[i] = int16((int32(pcm[i])*int32(i) + int32(c.sample())*int32(n-i)) / int32(n))
		}
		c.lost = 0
	}
	c.remember(pcm)
}

// Bad fills pcm with what may have been in a lost packet.
func (c *Cover) Bad(pcm []int16) {
	if c.lost == 0 {
		c.find()
	}
	for i := range pcm {
		pcm[i] = c.sample()
	}
	c.remember(pcm)
}

func (c *Cover) remember(pcm []int16) {
	pcm = pcm[max(0, len(pcm)-len(c.history)):]
	copy(c.history, c.history[len(pcm):])
	copy(c.history[len(c.history)-len(pcm):], pcm)
}

// sample is the next one made up: full for 10 ms, then falling to nothing at 60 ms.
func (c *Cover) sample() int16 {
	full, end := c.rate/100, c.rate*6/100
	if c.lost >= end {
		return 0
	}
	s := int32(c.period[c.at])
	if c.at++; c.at == len(c.period) {
		c.at = 0
	}
	if c.lost > full {
		s = s * int32(end-c.lost) / int32(end-full)
	}
	c.lost++
	return int16(s)
}

// find looks for the pitch, 66 to 200 Hz, by the best normalized correlation of the last 20 ms with what was before, first coarsely and then
// around the best, and cuts the last period out.
func (c *Cover) find() {
	shortest, longest := c.rate/200, c.rate/66
	coarse := c.rate / 4000
	best := c.best(shortest, longest, coarse, coarse, shortest)
	best = c.best(max(shortest, best-coarse), min(longest, best+coarse), 1, 1, best)
	h := c.history
	c.period = append(c.period[:0], h[len(h)-best:]...)
	blend := best / 4 // the end goes over into what comes before the beginning
	for i := range blend {
		k := best - blend + i
		c.period[k] = int16((int32(c.period[k])*int32(blend-i) + int32(h[len(h)-best-blend+i])*int32(i)) / int32(blend))
	}
	c.at = 0
}

// best is the lag with the highest correlation.
func (c *Cover) best(from, to, step, stride, otherwise int) int {
	h := c.history
	n := c.rate / 50
	now := h[len(h)-n:]
	top := 0.0
	for lag := from; lag <= to; lag += step {
		then := h[len(h)-n-lag : len(h)-lag]
		var cross, energy int64
		for i := 0; i < n; i += stride {
			cross += int64(now[i]) * int64(then[i])
			energy += int64(then[i]) * int64(then[i])
		}
		if cross <= 0 || energy == 0 {
			continue
		}
		if r := float64(cross) * float64(cross) / float64(energy); r > top {
			top, otherwise = r, lag
		}
	}
	return otherwise
}
