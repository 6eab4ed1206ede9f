package b2bua

import (
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
)

// The next target may be met by another address of ours than the one before: that of another interface, or of the other family. The ports of side B are opened there before an INVITE names
// them (RFC 3264 §5.1). Where something else holds them at that address others are taken, and where none can be had the target is passed by: it would ring for a call without a word.

// turning is side B on its way to another address of ours.
type turning struct {
	t     *attempt
	from  netip.Addr
	tries int
}

// turn has the relay open the ports of side B where a target is met. False: they are, or none are needed, and its INVITE need not wait.
func (c *Call) turn(t *attempt, out *Out) bool {
	p, l := &c.plan, &t.leg
	from := p.base[1]
	if c.xfer != nil || p.bypass || !p.opened || c.met(l) {
		return false
	}
	p.face(c, l)
	c.openAt(&turning{t: t, from: from}, out)
	return true
}

// met tells whether side B has the address of ours that the peer of a leg is met by.
func (c *Call) met(l *Leg) bool {
	return c.env.mediaAddr(l.trunk, l.hop.Remote.Addr()) == c.plan.base[1]
}

// turnsBack has the relay open the ports again that a target was offered which has been left behind for one that is met elsewhere, when it answers after all. Somebody may have taken them
// meanwhile: then it is hung up, as who answers too late. False: it need not wait.
func (c *Call) turnsBack(t *attempt, m *sip.Message, then func(now time.Time, out *Out), out *Out) bool {
	p := &c.plan
	if t == nil || m.Status < 200 || m.Status > 299 || c.xfer != nil || !c.wants(t) || t.bypass || !p.opened || c.met(&t.leg) {
		return false
	}
	if _, method, _ := m.CSeq(); method != "INVITE" {
		return false
	}
	from := p.base[1]
	p.base[1] = c.env.mediaAddr(t.leg.trunk, t.leg.hop.Remote.Addr())
	c.askPorts(func(now time.Time, err error, out *Out) {
		if err != nil {
			p.base[1], t.stale = from, true
		}
		then(now, out)
	}, out)
	return true
}

// openAt asks the relay.
func (c *Call) openAt(o *turning, out *Out) {
	c.askPorts(func(now time.Time, err error, out *Out) { c.turned(now, o, err, out) }, out)
	c.plan.dirty = false // it is told all
}

// turned answers it. Ports that something else holds are put behind all others, which are tried.
func (c *Call) turned(now time.Time, o *turning, err error, out *Out) {
	p := &c.plan
	switch {
	case c.end != nil || c.phase == phaseEnded:
		c.releaseHad(now, o.t)
		return
	case err == nil:
		c.leavePorts(now, o.t)
		c.inviteFrom(now, o.t, out)
	case c.otherPorts(now, o):
		c.openAt(o, out)
		return
	default:
		p.base[1], p.dirty = o.from, true
		c.passOver(now, o.t, err, out)
	}
	c.settle(now, out)
}

// otherPorts takes other ports for side B. False: there are none, and it has those that it had.
func (c *Call) otherPorts(now time.Time, o *turning) bool {
	p, t := &c.plan, o.t
	for i := range p.lines {
		port := &p.lines[i].ours[1]
		if o.tries == 0 {
			t.had = append(t.had, *port) // they are open where they were
		} else {
			c.env.Ports.Refuse(*port)
		}
		*port = 0
	}
	o.tries++
	for i := range p.lines {
		ok := o.tries < openTries
		if ok {
			p.lines[i].ours[1], ok = c.takePort(now)
		}
		if !ok {
			for k := range p.lines {
				if port := p.lines[k].ours[1]; port != 0 {
					c.env.Ports.Release(now, port)
				}
				p.lines[k].ours[1] = t.had[k]
			}
			t.had = nil
			return false
		}
	}
	return true
}

// leavePorts gives back what side B had, where it has other ports now. Who was offered those and is left behind could not be heard any more.
func (c *Call) leavePorts(now time.Time, t *attempt) {
	if t.had == nil {
		return
	}
	c.releaseHad(now, t)
	for _, other := range c.attempts {
		other.stale = other.stale || other != t
	}
}

// releaseHad gives back ports that are still kept beside those of the m-lines.
func (c *Call) releaseHad(now time.Time, t *attempt) {
	had := t.had
	t.had = nil
	for _, port := range had {
		c.env.Ports.Release(now, port)
	}
}

// passOver leaves out a target for which there are no ports. It is not its fault, and it has not been tried.
func (c *Call) passOver(now time.Time, t *attempt, err error, out *Out) {
	c.noteStep(routing.PortsStep(t.leg.trunk, "the relay could not open one at the address of ours that it is called from"))
	r := &rejection{status: diag.MediaOpenFailed.Status, reason: diag.MediaOpenFailed, detail: err.Error(), class: routing.Congestion}
	if c.further(now, t, r, out) {
		return
	}
	if t.hop == 0 {
		c.tried--
	}
	c.reject(now, t, r, true, out)
}
