package topology

import (
	"math"
	"strconv"
	"time"
)

// qualityFields are the bounds beyond which a call is called poor, and what peers are told of quality.
var qualityFields = []field[settingsDoc]{
	{"rtcpXR", settingBool(func(s *TrunkSettings) *bool { return &s.RTCPXR })},
	{"poorMOS", func(c *compiler, n *node, d *settingsDoc) { c.score(n, &d.out.PoorMOS) }},
	{"poorLoss", settingCount(1, 100, func(s *TrunkSettings) *int { return &s.PoorLoss })},
	{"poorJitter", setDuration(time.Millisecond, 10*time.Second, false, func(s *TrunkSettings) *time.Duration { return &s.PoorJitter })},
	{"poorRoundTrip", setDuration(time.Millisecond, 10*time.Second, false, func(s *TrunkSettings) *time.Duration { return &s.PoorRoundTrip })},
}

// score reads a mean opinion score, 1 to 5, in hundredths.
func (c *compiler) score(n *node, to *int) {
	s, ok := c.text(n)
	if !ok {
		return
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 1 && v <= 5) {
		c.errorf(n, "%s is %q, not a mean opinion score", n.label(), s).fixf("Write a number from 1 to 5, like 3.5")
		return
	}
	*to = int(math.Round(100 * v))
}
