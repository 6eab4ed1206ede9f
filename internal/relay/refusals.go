package relay

import "github.com/directsip/directsip/internal/media"

// refusers is who sent what did not pass, and what of that came before a packet passed for the last time.
type refusers struct {
	gatedFrom sockaddr  // of the host that more came from than from any other
	majority  uint64    // by how many
	before    *lastPass // nil: nothing was refused since the first packet passed
}

// lastPass is what had been refused when a packet passed for the last time.
type lastPass struct {
	at int64 // counter.last
	media.Refusals
}

// block comes before a packet is counted that does not pass. What has come since one did is what is in the way now: the others may have been of a hold that was taken back,
// or have come ahead of the answer.
func (c *counter) block() {
	switch {
	case c.last == 0:
		return
	case c.before == nil:
		c.before = new(lastPass)
	case c.before.at == c.last:
		return
	}
	*c.before = lastPass{c.last, c.refusals()}
}

func (c *counter) refusals() media.Refusals {
	return media.Refusals{Gated: c.gated, Unauthentic: c.unauthentic, Held: c.held, Nowhere: c.nowhere, OtherSource: c.otherSource, Unsealed: c.unsealed,
		Unfit: c.unfit, SendErrors: c.sendErrors}
}

// since is what did not pass since a packet did.
func (c *counter) since() (r media.Refusals) {
	all := c.refusals()
	switch {
	case c.last == 0:
		return all
	case c.before != nil && c.before.at == c.last:
		return all.Less(&c.before.Refusals)
	}
	return r
}

// gate counts a packet of a source that may not send. Of several hosts that one is remembered that sends the most: a peer that is kept out, and not who scans ports.
func (c *counter) gate(src *sockaddr) {
	c.block()
	c.gated++
	if c.majority > 0 && !src.sameHost(&c.gatedFrom) {
		c.majority--
		return
	}
	c.majority++
	c.gatedFrom = *src
}

// scattered tells whether a quarter of what the gate kept out at least is of other hosts.
func (c *counter) scattered() bool { return c.gated > 0 && 2*c.majority < c.gated }

// stray tells whether a source has nothing to do with the peer by its SDP, the signalling and what the trunk allows, so that what it sends says nothing of the peer.
func (p *port) stray(src *sockaddr) bool {
	if p.gate.ice != nil {
		return p.gate.ice.known(src) == nil
	}
	return (p.gate.rank == none || *src != p.gate.latched) && p.gate.rankOf(src, &p.stream.side[p.side].trust) == none
}

// unseal counts a packet that could not be sealed.
func (c *counter) unseal(by *crypt) {
	c.block()
	c.dropped++
	if by.send == nil {
		c.unsealed++
	}
}
