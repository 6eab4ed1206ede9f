package b2bua

import (
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// heldBy names who has an answered call on hold. Who asks for inactive is answered with it (RFC 3264 §6.1): both then hold, whoever it was that began.
func (c *Call) heldBy() string {
	if c.rec.Answered.IsZero() {
		return ""
	}
	switch caller, callee := c.holdsNow(0), c.holdsNow(1); {
	case caller && callee:
		return "both"
	case caller:
		return "caller"
	case callee:
		return "callee"
	}
	return ""
}

// holdsNow tells whether a side does not want to hear, or says so by c=0.0.0.0 (RFC 3264 §8.4). Of bypassed media it is known by what the other side was told.
func (c *Call) holdsNow(side media.SideIndex) bool {
	if !c.plan.bypass {
		e := c.plan.first(side)
		return c.holdsCall(side) || e != nil && e.unusable.IsValid()
	}
	other := c.seat(1 - side)
	if other == nil {
		return false
	}
	s, err := sdp.Parse(other.sdp.body)
	if err != nil {
		return false // nothing was said yet
	}
	for i := range s.Media {
		if m := &s.Media[i]; m.IsRTP() && !m.Rejected() {
			return !m.Direction.Recv() || m.Conn.IsUnspecified()
		}
	}
	return false
}
