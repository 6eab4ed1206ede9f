package transport

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

const (
	findTime   = 5 * time.Second // how long DNS may take to say where a host is
	maxReached = 4               // of its addresses are dialled (RFC 3263 §4.3): no peer can have us knock at many doors
)

// reach makes the connection: to where the hop says, or to where its host is, one address after the other, and at last to where the peer has been reached
// before. It sets c.remote.
func (c *conn) reach() (nc net.Conn, p peer, err error) {
	if c.key.host == "" {
		return c.connect(c.remote, c.key.name)
	}
	list, name := c.find()
	for _, at := range list {
		if nc, p, err = c.connect(at, name); err == nil {
			c.remote = at
			return nc, p, nil
		}
		c.t.log.Debug("dialling failed", "transport", c.key.transport, "peer", at, "host", c.key.host, "name", name, "error", err)
		c.t.absent.add(c.t.now(), at)
		if c.t.dialCtx.Err() != nil {
			return nil, peer{}, err
		}
	}
	if slices.Contains(list, c.remote) {
		return nil, peer{}, err
	}
	return c.connect(c.remote, c.key.name)
}

// find looks up the host of the connection. Addresses at which nobody was to be reached lately come last.
func (c *conn) find() (list []netip.AddrPort, name string) {
	if c.t.cfg.Find == nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(c.t.dialCtx, findTime)
	defer cancel()
	hop := sip.Hop{Transport: c.key.transport, Local: c.key.local, Remote: c.remote, Name: c.key.name, Host: c.key.host, Port: c.key.port}
	found, name := c.t.cfg.Find(ctx, &hop)
	late := func(at netip.AddrPort) int {
		if c.t.absent.has(c.t.now(), at) {
			return 1
		}
		return 0
	}
	list = slices.SortedStableFunc(slices.Values(found), func(a, b netip.AddrPort) int { return cmp.Compare(late(a), late(b)) })
	return list[:min(len(list), maxReached)], name
}
