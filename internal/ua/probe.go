package ua

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// probe watches one trunk: its health, and the OPTIONS under way (SIG-16, NEW-06).
type probe struct {
	timer
	trunk  *topology.Trunk
	health *health.Trunk
	client txn.Client
	callID string
	silent bool // the last OPTIONS has no answer yet
	shown  health.State
	good   netip.AddrPort   // of the addresses of the gateway's name the one that has answered last; invalid when it does no more
	poor   []netip.AddrPort // … and those that have not answered since, or that they are out of service
	asked  int              // the look-up under way; 0: none
	binding
}

// configureProbes makes one probe for every trunk of the pool that this shard owns. Known ones keep their health while they lead to the same peer:
// of another one nothing is known yet, and answers that are under way are not its own.
func (c *Core) configureProbes(now time.Time) {
	old := make(map[string]*probe, len(c.trunks))
	for _, p := range c.trunks {
		old[p.trunk.Name] = p
		c.timers.remove(&p.timer)
	}
	c.trunks = c.trunks[:0:0]
	for _, t := range c.snap.Trunks {
		if t.Pool != c.env.Server.Pool || t.Disabled || t.Carrier != nil || Watcher(t, c.cfg.Shards) != c.cfg.Shard {
			continue
		}
		p := old[t.Name]
		if p == nil || !p.trunk.SamePeer(t) {
			other := &probe{health: health.New(t.Settings, now, rand.NewPCG(c.env.Rand.Uint64(), uint64(t.Index)))}
			if other.owner = other; p != nil {
				other.shown = p.shown // who was told that it is down is told that it is up
			}
			p = other
		} else {
			p.health.Configure(now, t.Settings)
			delete(old, t.Name)
		}
		p.trunk = t
		c.trunks = append(c.trunks, p)
		c.arm(p)
	}
	for _, p := range old {
		delete(c.probes, p.callID)
	}
}

// Watcher is which one of so many shards watches a trunk, and registers for it. It goes by the name alone: a document that has other trunks more or
// fewer leaves this one where its health and its registration are known.
func Watcher(t *topology.Trunk, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(t.Name))
	return int(h.Sum32() % uint32(shards))
}

func (c *Core) arm(p *probe) {
	at, _ := p.health.Deadline()
	if d, _ := p.client.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
		at = d
	}
	c.timers.set(&p.timer, at)
}

// publish tells the shell of a trunk's state.
func (c *Core) publish(p *probe, ev health.Event) {
	if c.cfg.Health == nil {
		return
	}
	st := p.health.Status()
	known := max(p.shown, st.State)
	if !c.unregistered(p.trunk, &st) {
		known = st.State
	}
	ev.From, ev.To, ev.Why = p.shown, known, st.Why
	p.shown = known
	c.cfg.Health(p.trunk, ev, st)
}

// wake is the timer of a trunk.
func (p *probe) wake(now time.Time, c *Core) {
	c.timers.set(&p.timer, now.Add(faultPause)) // if what follows fails inside
	defer c.survive()
	if at, _ := p.client.Deadline(); !at.IsZero() && !now.Before(at) {
		if ev := p.client.Advance(now, &c.out.Out); ev == txn.TimedOut {
			c.unname(p)
		}
	}
	a := p.health.Advance(now)
	if a.Probe {
		p.start(now, c)
	}
	c.publish(p, a.Event)
	c.arm(p)
}

// faultPause is when a probe is tried again after a fault of ours.
const faultPause = 5 * time.Second

// start sends one OPTIONS to where a call would go.
func (p *probe) start(now time.Time, c *Core) {
	if p.silent {
		p.shun()
		p.mute(now, c)
	}
	if remote, ok := p.trunk.Remote(); ok {
		p.boundFirst(c, nil)
		p.send(now, c, b2bua.Addr{Remote: remote})
		return
	}
	p.asked = c.lookUp(p.trunk)
}

// lookUp asks for the addresses of a trunk's gateway and is the number of that question. The answer may come after the document has
// changed, so it is not told by the trunk's place in it.
func (c *Core) lookUp(t *topology.Trunk) int {
	c.asks++
	ask := c.env.LookUp(t)
	ask.Attempt = c.asks
	c.out.Resolve = append(c.out.Resolve, ask)
	return c.asks
}

// resolved continues the probe or registration that waited for DNS.
func (c *Core) resolved(now time.Time, asked int, addrs []b2bua.Addr, why string) {
	defer c.survive()
	for _, p := range c.trunks {
		if p.asked == asked {
			p.resolved(now, c, addrs, why)
			return
		}
	}
	for _, r := range c.registrations {
		if r.asked == asked {
			c.registrationResolved(now, r, addrs, why)
			return
		}
	}
}

func (p *probe) resolved(now time.Time, c *Core, addrs []b2bua.Addr, why string) {
	p.asked = 0
	if len(addrs) == 0 {
		c.publish(p, p.health.ProbeFailed(now, register.Unresolved(why)))
	} else {
		addrs = p.boundFirst(c, addrs)
		p.send(now, c, p.pick(addrs))
	}
	c.arm(p)
}

// maxPoor is more addresses than the resolver gives of a name.
const maxPoor = 64

// shun has the next OPTIONS go to another address than these.
func (p *probe) shun() {
	p.good = netip.AddrPort{}
	if len(p.poor) == maxPoor { // DNS says something else each time
		p.poor = nil
	}
	if !slices.Contains(p.poor, p.sent) {
		p.poor = append(p.poor, p.sent)
	}
}

// pick is who is asked: the address that has answered last, else the first one that is not poor. It goes by addresses and not by places in the list, as DNS may turn
// that with every answer: a trunk is up as long as one host of a name answers, since calls go on to the next host by themselves (RFC 3263 §4.3).
func (p *probe) pick(addrs []b2bua.Addr) b2bua.Addr {
	i := slices.IndexFunc(addrs, func(a b2bua.Addr) bool { return a.Remote == p.good })
	if i < 0 {
		i = slices.IndexFunc(addrs, func(a b2bua.Addr) bool { return !slices.Contains(p.poor, a.Remote) })
	}
	if i < 0 { // none is left: from the beginning
		i, p.poor = 0, nil
	}
	return addrs[i]
}

func (p *probe) send(now time.Time, c *Core, a b2bua.Addr) {
	c.unname(p)
	hop := c.env.Toward(p.trunk, a)
	p.callID, p.silent, p.sent = c.env.CallID(), true, a.Remote
	c.probes[p.callID] = p
	m := c.env.Options(p.trunk, hop, p.callID)
	p.client.Start(now, m, hop, c.env.Timers, &c.out.Out)
}

func (c *Core) unname(p *probe) {
	if p.callID != "" {
		delete(c.probes, p.callID)
		p.callID = ""
	}
}

// receive takes the answer to the OPTIONS.
func (p *probe) receive(now time.Time, m *sip.Message, c *Core) {
	if !p.client.Matches(m) || !p.client.Receive(now, m, &c.out.Out) || m.Status < 200 {
		return
	}
	p.silent = false
	p.speaks(now, c)
	if health.Alive(p.trunk.Settings, m.Status) {
		p.good, p.poor = p.sent, nil
	} else {
		p.shun()
	}
	c.publish(p, p.health.ProbeResult(now, m.Status))
	c.arm(p)
}

// maxWhy bounds what of the transport's words is kept; names of certificates stand in them.
const maxWhy = 200

// failed takes the report that the OPTIONS could not be sent, and what the transport says of it.
func (p *probe) failed(now time.Time, why string, c *Core) {
	p.client.Fail(now, &c.out.Out)
	c.unname(p)
	p.mute(now, c)
	c.publish(p, p.health.ProbeFailed(now, strings.ToValidUTF8(why[:min(len(why), maxWhy)], "")))
	c.arm(p)
}

// CallResult takes what a live call said of a trunk that this shard watches.
func (c *Core) CallResult(now time.Time, trunk string, r health.Result) {
	for _, p := range c.trunks {
		if p.trunk.Name == trunk {
			c.publish(p, p.health.CallResult(now, r))
			c.arm(p)
		}
	}
}
