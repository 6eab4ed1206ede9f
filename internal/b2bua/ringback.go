package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/media"
)

// ringOurselves lets the caller hear ring-back of ours in an early dialog of its own, as a target rings and says nothing of media: so its
// description contradicts none that a target may still give (TRK-02). False: the caller is shown what the target sent.
func (c *Call) ringOurselves(now time.Time, status int, out *Out) bool {
	clip := c.a.trunk.Settings.RingbackClip()
	if clip == nil || status != 180 || c.plan.bypass || !c.plan.opened {
		return false
	}
	if c.sounds != nil && c.sounds.of == clip {
		return c.sounds.now != nil // it is heard; what cannot be heard is in the record
	}
	if c.firstHeard() != nil || !c.mayFork() {
		return false
	}
	v, why := c.callerVoice()
	if why != "" {
		c.unplayed(now, 0, clip.Name, why)
		c.want(clip)
		return false
	}
	f := &fork{ours: c.env.tag()}
	f.sdp.start(c.env)
	c.forks = append(c.forks, f)
	c.showOwn(now, f, c.plan.speak(c, c.offered, &f.sdp, v), out)
	c.play(now, 0, clip, v, 0, media.YieldForGood)
	c.want(clip)
	return true
}

// firstHeard is the first early dialog in which a target has described its media to the caller; nil: none has.
func (c *Call) firstHeard() *fork {
	for _, f := range c.forks {
		if f.leg != nil && f.sdp.body != "" {
			return f
		}
	}
	return nil
}
