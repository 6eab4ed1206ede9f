package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"

	"github.com/directsip/directsip/internal/sip"
)

// sendStream queues m on its connection, dialling one if there is none. Others that want the same connection
// queue on it too while it is being dialled.
func (t *Transport) sendStream(m *Send) {
	t.absent.turn(t.now(), m)
	for range 3 { // a connection found may close before it takes the message
		c, isNew, err := t.conns.find(&m.Hop, func() *conn { return t.newDialled(&m.Hop) }, t.cfg.Limits.MaxConns)
		if err != nil {
			t.fails.add(*m, err)
			return
		}
		taken := c.enqueue(m)
		if isNew {
			t.running.Go(func() { c.dial() })
		}
		if taken {
			return
		}
		if c.isClosed() {
			t.conns.remove(c) // whoever closed it has not come to that yet
		}
	}
	t.fails.add(*m, ErrClosed)
}

func (t *Transport) newDialled(hop *sip.Hop) *conn {
	c := &conn{t: t, key: dialKey(hop), remote: hop.Remote}
	if l := t.listenerFor(hop.Transport, hop.Local); l != nil {
		c.counters = &l.counters
	} else {
		c.counters = new(counters)
	}
	return c
}

// listenerFor is the listener of a local address, or else one with the same IP address: a trunk that only calls out
// has the certificate of its server all the same.
func (t *Transport) listenerFor(tr sip.Transport, local netip.AddrPort) *listener {
	streams := *t.streams.Load()
	if l := streams[listenKey{tr, local}]; l != nil {
		return l
	}
	var best *listener
	for k, l := range streams {
		if k.transport == tr && k.addr.Addr() == local.Addr() && (best == nil || k.addr.Port() < best.local.Port()) {
			best = l
		}
	}
	return best
}

// dial is the life of a dialled connection.
func (c *conn) dial() {
	c.counters.dialled.Add(1)
	nc, p, err := c.reach()
	if err != nil {
		c.counters.dialFailed.Add(1)
		c.t.log.Debug("dialling failed", "transport", c.key.transport, "peer", c.remote, "host", c.key.host, "name", c.key.name, "error", err)
		c.close(err)
		return
	}
	c.open(nc, p)
	c.read()
}

// connect makes the TCP connection to an address from the IP address of our listener and, for TLS, proves both sides.
func (c *conn) connect(remote netip.AddrPort, name string) (net.Conn, peer, error) {
	t := c.t
	ctx, cancel := context.WithTimeout(t.dialCtx, t.cfg.Limits.DialTimeout)
	defer cancel()
	d := net.Dialer{KeepAliveConfig: keepAlive, Control: socketOptions(t.cfg.DSCP, true)}
	if a := c.key.local.Addr(); a.IsValid() && !a.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
	}
	raw, err := d.DialContext(ctx, network("tcp", remote.Addr()), remote.String())
	if err != nil {
		return nil, peer{}, err
	}
	c.mu.Lock()
	c.raw = raw
	ending := c.ending
	c.mu.Unlock()
	if c.key.transport != sip.TLS {
		return raw, peer{}, nil
	}
	l := t.listenerFor(sip.TLS, c.key.local)
	if l == nil || ending {
		raw.Close()
		return nil, peer{}, fmt.Errorf("no certificate: %w", ErrNoListener)
	}
	if name == "" {
		name = remote.Addr().String() // an IP address in the certificate must do
	}
	tc := tls.Client(raw, l.certs.dialConfig(name))
	p, err := handshake(tc, t.cfg.Limits.HandshakeTimeout)
	if err != nil {
		l.counters.handshakeFailed.Add(1)
		raw.Close()
		return nil, peer{}, err
	}
	return tc, p, nil
}
