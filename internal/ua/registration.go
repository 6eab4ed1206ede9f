package ua

import (
	"reflect"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// registration is the registrant of a trunk that this shard owns (NEW-02).
type registration struct {
	timer
	*register.Registrant
	told   register.Status // what the shell knows
	asked  int             // the look-up under way; 0: none
	leaves bool            // it says good-bye: the server drains, or the document has it no more
	gone   bool            // the document has it no more
}

// configureRegistrations makes a registrant for every trunk of ours that registers from this server. One that the new document changes
// ends, and another begins. It says no good-bye when the other is for the same contact, which may be of a trunk of another name: a good-bye that is
// late or lost at first would end what has just begun (RFC 3261 §10.2.2).
func (c *Core) configureRegistrations(now time.Time) {
	old := c.registrations
	c.registrations = nil
	for _, p := range c.trunks {
		t := p.trunk
		if !c.registers(t) {
			continue
		}
		i := slices.IndexFunc(old, func(r *registration) bool { return !r.gone && r.Trunk().Name == t.Name })
		if i >= 0 && old[i].Adopt(t) {
			old[i].Retry(now)
			c.registrations = append(c.registrations, old[i])
			old = slices.Delete(old, i, i+1)
			continue
		}
		e := c.env
		r := &registration{leaves: e.Draining}
		r.Registrant = register.New(&register.Env{Rand: e.Rand, Timers: e.Timers, UserAgent: e.UserAgent, CallID: e.CallID, Tag: e.Tag, Via: e.Via,
			Contact: e.ContactOf, Hop: func(t *topology.Trunk, a register.Addr) sip.Hop { return e.Toward(t, b2bua.Addr(a)) }}, t, now)
		r.owner = r
		c.registrations = append(c.registrations, r)
	}
	for _, r := range old {
		if !c.env.Draining && slices.ContainsFunc(c.snap.Trunks, func(t *topology.Trunk) bool { return c.registers(t) && r.SucceededBy(t) }) {
			c.timers.remove(&r.timer)
			delete(c.registrars, r.CallID())
			continue
		}
		r.leaves, r.gone = true, true
		c.registrations = append(c.registrations, r)
	}
	for _, r := range c.registrations {
		c.tell(now, r)
		switch {
		case !c.listening:
			c.timers.remove(&r.timer)
		case r.leaves:
			c.timers.set(&r.timer, now)
		default:
			c.timers.set(&r.timer, r.Deadline())
		}
	}
}

// RetryRegistrations tries those that have failed again at once.
func (c *Core) RetryRegistrations(now time.Time) {
	for _, r := range c.registrations {
		if c.listening && !r.leaves && r.Retry(now) {
			c.timers.set(&r.timer, r.Deadline())
		}
	}
}

// registers tells whether this server registers a trunk, by whatever shard.
func (c *Core) registers(t *topology.Trunk) bool {
	return t.Registration != nil && t.Registration.Server.Name == c.env.Server.Name && t.Pool == c.env.Server.Pool && !t.Disabled && t.Carrier == nil
}

// Listen begins the registrations: calls to our contacts find a listener from now on.
func (c *Core) Listen(now time.Time) {
	c.listening = true
	c.drainRegistrations(now, c.env.Draining)
}

// drainRegistrations ends the registrations, so that no new calls come, or begins them again.
func (c *Core) drainRegistrations(now time.Time, on bool) {
	for _, r := range c.registrations {
		if r.leaves = on || r.gone; c.listening {
			c.timers.set(&r.timer, now)
		}
	}
}

// wake is the timer of a registration.
func (r *registration) wake(now time.Time, c *Core) {
	c.timers.set(&r.timer, now.Add(faultPause)) // if what follows fails inside
	defer c.survive()
	if r.leaves {
		r.Leave(now, &c.out.Out)
	} else {
		r.Return(now)
	}
	r.Advance(now, &c.out.Out)
	c.afterRegistration(now, r)
}

// afterRegistration does the book-keeping that follows every input of a registrant.
func (c *Core) afterRegistration(now time.Time, r *registration) {
	if r.Ask() {
		r.asked = c.lookUp(r.Trunk())
	}
	if id := r.CallID(); id != "" {
		c.registrars[id] = r
	}
	c.tell(now, r)
	if r.gone && r.Idle() {
		c.timers.remove(&r.timer)
		delete(c.registrars, r.CallID())
		c.registrations = slices.DeleteFunc(c.registrations, func(o *registration) bool { return o == r })
		return
	}
	c.timers.set(&r.timer, r.Deadline())
}

// tell tells the shell of a registration, and of its trunk, which may have gone up or down by it.
func (c *Core) tell(now time.Time, r *registration) {
	st := r.Status()
	if r.gone || reflect.DeepEqual(st, r.told) {
		return
	}
	r.told = st
	if c.cfg.Registered != nil {
		c.cfg.Registered(r.Trunk(), st)
	}
	for _, p := range c.trunks {
		if p.trunk.Name == r.Trunk().Name {
			c.publish(p, health.Event{At: now})
		}
	}
}

// unregistered makes a trunk down for calls that leave while it must be registered and is not. True: nothing is wrong with it so far, its first
// registration is under way, or it was ended on purpose.
func (c *Core) unregistered(t *topology.Trunk, st *health.Status) (meant bool) {
	if t.Registration == nil || !t.Registration.Required {
		return false
	}
	for _, r := range c.registrations {
		if s := r.Status(); r.Trunk() == t && !r.gone && !s.Up() {
			st.State, st.Since, st.Why = health.Down, s.Since, "not registered"
			meant = s.Error == "" && (s.State == register.Trying || s.State == register.Leaving || s.State == register.Off)
			switch {
			case s.Error != "":
				st.Why += ": " + s.Error
			case s.State == register.Trying:
				st.Why += " yet"
			case s.State != register.Failed:
				st.Why += " any more"
			}
		}
	}
	return meant
}

// registrationResolved continues a registration that waited for DNS.
func (c *Core) registrationResolved(now time.Time, r *registration, addrs []b2bua.Addr, why string) {
	r.asked = 0
	list := make([]register.Addr, len(addrs))
	for i, a := range addrs {
		list[i] = register.Addr(a)
	}
	r.Resolved(now, list, why, &c.out.Out)
	c.afterRegistration(now, r)
}

// registered takes the response to a REGISTER.
func (c *Core) registered(now time.Time, r *registration, m *sip.Message) {
	defer c.survive()
	r.Receive(now, m, &c.out.Out)
	c.afterRegistration(now, r)
}

// registerFailed takes the report that a REGISTER could not be sent, and what the transport says of it.
func (c *Core) registerFailed(now time.Time, r *registration, branch, why string) {
	defer c.survive()
	r.Failed(now, branch, why, &c.out.Out)
	c.afterRegistration(now, r)
}

// undelivered takes the report that one copy of a REGISTER did not arrive.
func (c *Core) undelivered(now time.Time, r *registration, branch, why string) {
	defer c.survive()
	r.Undelivered(now, branch, why, &c.out.Out)
	c.afterRegistration(now, r)
}
