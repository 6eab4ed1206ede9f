package b2bua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/topology"
)

// The ports of a call: they are taken and opened before hunting begins, more of them when m-lines are added, see plan_grow.go, those of a target elsewhere where it is met so, see plan_turn.go, and closed at its end.

// openTries is how many sets of ports are tried when the system will not give them.
const openTries = 8

// openMedia takes ports and asks the relay to open them, unless the media goes past us.
func (c *Call) openMedia(now time.Time, out *Out) {
	p := &c.plan
	if p.bypass = !c.announces() && c.foresee(); p.bypass {
		c.phase = phaseHunting
		c.hunt(now, out)
		return
	}
	switch p.passKeys = c.passesKeys(); {
	case !p.passKeys:
		raw := c.offered
		if why := c.openOffer(); why != nil {
			c.refuse(now, why, "", out)
			return
		}
		if raw != c.offered && c.a.trunk.Settings.EnableBypass { // any target may be bypassed, also one that a 3xx names
			p.offers = &offers{raw: raw, opened: c.offered}
		}
	case c.offered != nil:
		p.offered(&c.a, c.offered) // nothing in it is for us, neither keys nor codecs
	}
	if c.announces() && !c.audience(now) {
		if !c.goesOn() {
			c.refuse(now, c.decision.Reason, "", out)
			return
		}
		c.decision.Announcement = nil // who cannot hear it is not kept from going on
	}
	if p.lines == nil {
		p.lines = make([]line, 1) // offerless: one m-line until the target makes its offer
	}
	p.host[0] = c.a.hop.Remote.Addr()
	p.base[0] = c.env.mediaAddr(c.a.trunk, c.callerMedia())
	p.base[1] = c.env.mediaAddr(c.firstTrunk(), c.firstTarget())
	if !c.takePorts(now, p.lines) {
		c.refuse(now, diag.MediaPorts, "", out)
		return
	}
	out.Media = append(out.Media, MediaOp{MediaOpen, p.session(c)})
	p.dirty = false
}

// takePorts draws a pair of ports per m-line and side, all or none.
func (c *Call) takePorts(now time.Time, lines []line) bool {
	for i := range lines {
		for s := range lines[i].ours {
			port, ok := c.takePort(now)
			if !ok {
				c.releasePorts(now, lines)
				return false
			}
			lines[i].ours[s] = port
		}
	}
	return true
}

// takePort draws one pair. For emergency calls some are kept (NEW-18).
func (c *Call) takePort(now time.Time) (uint16, bool) {
	if c.decision.Kind == routing.Emergency {
		return c.env.Ports.TakeUrgent(now)
	}
	return c.env.Ports.Take(now)
}

func (c *Call) releasePorts(now time.Time, lines []line) {
	givePorts(lines, func(port uint16) { c.env.Ports.Release(now, port) })
}

// givePorts gives up the ports of m-lines.
func givePorts(lines []line, back func(port uint16)) {
	for i := range lines {
		for s, port := range lines[i].ours {
			if port != 0 {
				back(port)
				lines[i].ours[s] = 0
			}
		}
	}
}

// callerMedia is an address of the caller's media family.
func (c *Call) callerMedia() netip.Addr {
	for i := range c.plan.lines {
		if r := c.plan.lines[i].peer[0].rtp; r.IsValid() {
			return r.Addr()
		}
	}
	return c.a.hop.Remote.Addr()
}

// firstTarget is an address of the first target's family.
func (c *Call) firstTarget() netip.Addr {
	if len(c.decision.Targets) > 0 {
		return c.decision.Targets[0].Trunk.Gateway.Addr
	}
	return netip.Addr{}
}

// firstTrunk is that of the first target; where nobody is called, the caller's.
func (c *Call) firstTrunk() *topology.Trunk {
	if len(c.decision.Targets) > 0 {
		return c.decision.Targets[0].Trunk
	}
	return c.a.trunk
}

// targetHost is the host that the INVITE of the target went to.
func (c *Call) targetHost() netip.Addr {
	t := c.won
	if t == nil {
		t = c.current
	}
	if t == nil || t.leg.callID == "" && len(t.hops) == 0 {
		return c.firstTarget()
	}
	return t.host()
}

// MediaOpened answers MediaOpen and MediaGrow, and MediaUpdate if that fails. Ports that something else holds are put behind all others, which are tried.
func (c *Call) MediaOpened(now time.Time, err error, out *Out) {
	p := &c.plan
	if then := c.opening; then != nil {
		c.now, c.opening = now, nil
		then(now, err, out)
		return
	}
	if p.opened || c.phase == phaseAnswered {
		if err != nil && p.opened {
			p.updateFailed(c, out)
		}
		return
	}
	if err == nil {
		p.opened, p.tries = true, 0
		if c.end != nil {
			c.plan.close(now, c, out)
			return
		}
		c.phase = phaseHunting
		if c.announces() {
			c.announce(now, out)
		} else {
			c.hunt(now, out)
		}
		c.settle(now, out)
		return
	}
	givePorts(p.lines, c.env.Ports.Refuse)
	p.tries++
	if c.end == nil && p.tries < openTries && c.takePorts(now, p.lines) {
		out.Media = append(out.Media, MediaOp{MediaOpen, p.session(c)})
		return
	}
	if c.end != nil {
		c.write(now, out)
		return
	}
	c.finishTelling(now, diag.MediaOpenFailed, "directsip", err.Error(), "", out)
	c.settle(now, out)
}

// opening is what goes on when the relay has answered.
type opening func(now time.Time, err error, out *Out)

// askPorts asks the relay for the ports of a running call that are not open yet. It answers before the next input, and is told nothing else meanwhile.
func (c *Call) askPorts(then opening, out *Out) {
	c.opening = then
	out.Media = append(out.Media, MediaOp{MediaGrow, c.plan.session(c)})
}

// updateFailed takes the report that the relay could not do what it was last told. It is tried again, and then the call goes on with what it has.
func (p *plan) updateFailed(c *Call, out *Out) {
	if c.closing {
		return
	}
	if p.tries++; p.tries >= openTries {
		p.tries = 0
		return
	}
	p.dirty = true
	p.tell(c, out)
}

// close has the relay close the media; the record waits for its counters.
func (p *plan) close(now time.Time, c *Call, out *Out) {
	if p.opened {
		if !c.closing {
			out.Media = append(out.Media, MediaOp{MediaClose, &media.Session{ID: c.id}})
		}
		c.closing = true
		return
	}
	if p.lines != nil && p.lines[0].ours[0] != 0 {
		return // MediaOpened is still to come and closes
	}
	c.write(now, out)
}

// MediaClosed answers MediaClose with the final counters.
func (c *Call) MediaClosed(now time.Time, st media.Stats, out *Out) {
	if c.end == nil {
		c.vacated(now)
		return
	}
	if !c.written {
		c.recordMedia(c.rec.End, c.rec, &st)
	}
	c.releasePorts(now, c.plan.lines)
	c.write(now, out)
	c.settle(now, out)
}

// MediaEvent takes what the relay noticed.
func (c *Call) MediaEvent(now time.Time, ev media.Event, out *Out) {
	if ev.Kind == media.EventKey {
		c.keyHeard(now, ev, out)
		c.settle(now, out)
		return
	}
	if ev.Kind == media.EventPlayed {
		c.played(now, ev.Play, out)
		c.settle(now, out)
		return
	}
	if ev.Kind != media.EventDead || c.phase != phaseAnswered || c.announces() || c.plan.timeouts(c)[ev.Side] == 0 {
		return // since it was seen, that side may be silent
	}
	by := "caller"
	if ev.Side == 1 {
		by = "callee"
	}
	c.finish(now, diag.MediaDead, "directsip", "nothing arrived from the "+by, out)
	c.settle(now, out)
}
