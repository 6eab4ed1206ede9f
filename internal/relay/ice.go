package relay

import (
	"time"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

// component is ICE on one port (RFC 8445 §4): the sources that have shown by a check that they know our password. Its gate lets only those pass.
// The session is locked.
type component struct {
	want     *media.ICE
	key      stun.MessageIntegrity // our password
	sources  []checkedSource
	selected sockaddr // where media goes; size 0: not known yet
	agent    *agent   // nil: we are lite
}

// checkedSource is an address of the peer from which a check came.
type checkedSource struct {
	address   sockaddr
	ufrag     string // of the peer, in its check: forks of a call have different ones
	priority  uint32 // of its candidate
	nominated bool
	valid     bool  // media may go there: for a lite agent its check is enough, a full one has had an answer to its own
	stale     bool  // of the time before ICE began anew: it passes until another is nominated (RFC 8445 §9)
	last      int64 // a check or media
}

const (
	maxSourcesOfICE = 8
	// quietAfter is how long a nominated source must be silent for another nominated one to take its place, whatever their priorities.
	quietAfter = time.Second
)

// establish gives the ports of a side what the call wants of ICE. Where both ends are lite nobody checks, and the SDP decides as without ICE
// (RFC 8445 §6.2). T.38 has no ICE and ends none: when audio comes back with the credentials that it had, the peer sends from where it has been checked.
func (sd *side) establish(r *Relay, want *media.Side, opaque bool) {
	for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
		if opaque {
			if p.ice != nil {
				p.restedICE = p.ice
			}
			p.ice, p.gate.ice = nil, nil
			continue
		}
		c := p.ice
		if rested := p.restedICE; c == nil && rested.resumes(want.ICE) {
			c = rested
		}
		p.restedICE = nil
		if want.ICE == nil || p.isRTCP && want.Mux {
			p.ice, p.gate.ice = nil, nil
			continue
		}
		if c == nil {
			c = &component{want: &media.ICE{}}
		}
		p.ice = c
		was := c.want
		c.set(want.ICE)
		c.prepare(r, p, was)
		p.gate.ice = c
		if want.ICE.PeerLite && !want.ICE.Full {
			p.gate.ice = nil
		}
	}
}

// resumes tells whether what was found before T.38 holds: a full agent looks anew by itself.
func (c *component) resumes(want *media.ICE) bool {
	if c == nil || want == nil || c.agent != nil || want.Full {
		return false
	}
	was := c.want
	return was.Ufrag == want.Ufrag && was.Pwd == want.Pwd && was.PeerUfrag == want.PeerUfrag && was.PeerPwd == want.PeerPwd
}

func (c *component) set(want *media.ICE) {
	was := c.want
	c.want = want
	if was.Ufrag != want.Ufrag || was.Pwd != want.Pwd {
		c.key = stun.NewShortTermIntegrity(want.Pwd)
		for i := range c.sources {
			c.sources[i].stale = true
		}
	}
	if want.PeerUfrag != was.PeerUfrag && want.PeerUfrag != "" {
		c.drop(c.other)
	}
}

// drop forgets sources. Media goes to the best of those that stay.
func (c *component) drop(unwanted func(*checkedSource) bool) {
	kept := c.sources[:0]
	var best *checkedSource
	gone := c.selected.size == 0
	for i := range c.sources {
		s := &c.sources[i]
		if unwanted(s) {
			gone = gone || s.address == c.selected
			continue
		}
		kept = append(kept, *s)
	}
	c.sources = kept
	if !gone {
		return
	}
	c.selected = sockaddr{}
	for i := range kept {
		if s := &kept[i]; s.valid && (best == nil || s.nominated && !best.nominated || s.nominated == best.nominated && s.priority > best.priority) {
			best = s
		}
	}
	if best != nil {
		c.selected = best.address
	}
}

func (c *component) find(address *sockaddr) *checkedSource {
	for i := range c.sources {
		if s := &c.sources[i]; s.address == *address {
			return s
		}
	}
	return nil
}

// known finds a source that may have to do with us: once the peer has answered nobody else of its forks has, who have our password, too.
func (c *component) known(address *sockaddr) *checkedSource {
	s := c.find(address)
	if s == nil || c.other(s) {
		return nil
	}
	return s
}

// other tells whether a source is another fork than the one that has answered.
func (c *component) other(s *checkedSource) bool {
	return c.want.PeerUfrag != "" && !s.stale && s.ufrag != c.want.PeerUfrag
}

// passes tells whether media may come from a source. Before one is nominated media goes to where it comes from, and later it follows a peer that goes
// over to another nominated one.
func (c *component) passes(src *sockaddr, now int64) bool {
	s := c.known(src)
	if s == nil {
		return false
	}
	s.last = now
	c.follow(s, now)
	return true
}

// follow has media go to a source that the peer sends from, unless another one is nominated that is alive.
func (c *component) follow(s *checkedSource, now int64) {
	if c.selected == s.address || !s.valid {
		return
	}
	if in := c.find(&c.selected); in == nil || !in.nominated || s.nominated && now-in.last >= int64(quietAfter) {
		c.selected = s.address
	}
}

// heard notes when the kernel has relayed media of a source last.
func (c *component) heard(src *sockaddr, at int64) {
	if c == nil {
		return
	}
	if s := c.find(src); s != nil {
		s.last = max(s.last, at)
	}
}

// checked takes a check of the peer that has our password.
func (c *component) checked(src *sockaddr, ufrag []byte, priority uint32, nominates bool, now int64) {
	s := c.find(src)
	if s == nil {
		s = c.add(*src)
	}
	if s.ufrag != string(ufrag) || s.stale {
		*s = checkedSource{address: *src, ufrag: string(ufrag)}
	}
	s.priority, s.last = priority, now
	if c.agent != nil {
		s.nominated = s.nominated || nominates && (c.want.PeerUfrag == "" || c.other(s))
		if !c.other(s) {
			c.agent.heard(c, src, priority, nominates, now)
			if s = c.find(src); s != nil && s.nominated {
				c.follow(s, now)
			}
		}
		return
	}
	s.valid = true
	switch {
	case c.other(s): // until an answer of its own comes
		s.nominated = s.nominated || nominates
	case nominates && !s.nominated:
		c.nominate(s, now)
	case s.nominated:
		c.follow(s, now)
	case c.selected.size == 0:
		c.selected = s.address
	}
}

// valid takes a pair that our own check has found to work: its address may send, and may be sent to.
func (c *component) valid(k *pair, now int64) {
	s := c.find(&k.remote)
	if s == nil {
		s = c.add(k.remote)
	}
	if s.stale {
		*s = checkedSource{address: k.remote}
	}
	s.ufrag, s.priority, s.valid, s.last = c.want.PeerUfrag, k.priority, true, now
	if c.selected.size == 0 {
		c.selected = s.address
	}
}

// nominate makes a source the one that media goes to, if it is better than the one that it goes to: with aggressive nomination (RFC 5245 §8.1.1.2) a
// peer nominates all and means the best.
func (c *component) nominate(s *checkedSource, now int64) {
	s.nominated = true
	in := c.find(&c.selected)
	if in == nil || in.stale || !in.nominated || s.priority >= in.priority || now-in.last >= int64(quietAfter) {
		c.selected = s.address
	}
	c.drop(func(o *checkedSource) bool { return o.stale })
}

// add makes room for a source: the one that was silent longest goes.
func (c *component) add(address sockaddr) *checkedSource {
	if len(c.sources) < maxSourcesOfICE {
		c.sources = append(c.sources, checkedSource{address: address})
		return &c.sources[len(c.sources)-1]
	}
	var oldest *checkedSource
	for i := range c.sources {
		if s := &c.sources[i]; s.address != c.selected && (oldest == nil || s.last < oldest.last) {
			oldest = s
		}
	}
	*oldest = checkedSource{address: address}
	return oldest
}
