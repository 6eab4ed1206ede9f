package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// keepAlive finds peers that vanished without closing: after 30 + 4 × 10 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 4}

// listener accepts connections, TCP or TLS.
type listener struct {
	t         *Transport
	tcp       *net.TCPListener
	transport sip.Transport
	local     netip.AddrPort
	certs     *certStore // TLS only
	counters  counters
}

func (t *Transport) listenStream(s ListenSpec) (*listener, error) {
	l := &listener{t: t, transport: s.Transport}
	if s.Transport == sip.TLS {
		var err error
		if l.certs, err = newCertStore(s, t.log, &l.counters, t.turns); err != nil {
			return nil, err
		}
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive, Control: socketOptions(t.cfg.DSCP, false)}
	nl, err := lc.Listen(context.Background(), network("tcp", s.Addr.Addr()), s.Addr.String())
	if err != nil {
		return nil, err
	}
	l.tcp = nl.(*net.TCPListener)
	l.local = addrPort(l.tcp.Addr())
	t.accepting.Go(l.accept)
	return l, nil
}

// close stops accepting. Connections live on.
func (l *listener) close() { l.tcp.Close() }

func (l *listener) accept() {
	pause := time.Duration(0)
	for {
		nc, err := l.tcp.AcceptTCP()
		switch {
		case err == nil:
			pause = 0
			l.admit(nc)
		case errors.Is(err, net.ErrClosed):
			return
		default: // no file descriptors left, or the peer gave up
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.t.log.Warn("accepting a connection", "listener", l.local, "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-l.t.dialCtx.Done():
				return
			}
		}
	}
}

// admit keeps a new connection or resets it. Nothing is remembered of one that is refused.
func (l *listener) admit(nc *net.TCPConn) {
	remote := addrPort(nc.RemoteAddr())
	verdict := Accept
	if allow := l.t.cfg.Allow; allow != nil {
		verdict = allow(l.local, l.transport, remote.Addr())
	}
	switch {
	case verdict == Silent:
		l.counters.stranger(1, remote, l.t.now())
		reset(nc)
		return
	case !l.t.rate.Load().take(remote.Addr(), l.t.now()), l.transport == sip.TLS && !l.t.vain.take(subnet(remote.Addr()), l.t.now()):
		l.counters.rate.Add(1)
		reset(nc)
		return
	}
	c := &conn{
		t: l.t, accepted: true, proven: true, counters: &l.counters, raw: nc,
		key: connKey{transport: l.transport, local: l.local, remote: remote}, remote: remote,
	}
	c.heard.Store(int64(l.t.now()))
	unknown := verdict == Unknown || l.transport == sip.TLS // which the certificate may change
	admitted, instead := l.t.conns.admit(c, &l.t.cfg.Limits, unknown)
	if !admitted {
		l.refund(remote)
		l.counters.refused.Add(1)
		reset(nc)
		return
	}
	if instead != nil {
		instead.counters.refused.Add(1)
		l.t.running.Go(func() { instead.close(ErrConnLimit) }) // TLS says good-bye, which may take long where nobody reads
	}
	l.counters.accepted.Add(1)
	turn := ofPeers
	if verdict == Unknown {
		turn = ofOthers
	}
	l.t.running.Go(func() { l.serve(c, turn) })
}

// A handshake costs a signature, a thousand times a message. Who fails in more of them than this, or has so many under way as a source may have connections,
// does not even begin another.
const vainPerSecond = 20

// refund takes a connection out of those whose handshakes fail.
func (l *listener) refund(remote netip.AddrPort) {
	if l.transport == sip.TLS {
		l.t.vain.back(subnet(remote.Addr()))
	}
}

// subnet is an IPv4 address, or the network of an IPv6 one, in which one host has as many addresses as it likes.
func subnet(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// reset closes without leaving the port in TIME_WAIT.
func reset(nc *net.TCPConn) {
	_ = nc.SetLinger(0) // fails only on a connection that is already gone
	nc.Close()
}

// serve is the life of an accepted connection.
func (l *listener) serve(c *conn, t turn) {
	if l.transport != sip.TLS {
		c.open(c.raw, peer{})
		c.read()
		return
	}
	ctx, quit := context.WithTimeout(context.Background(), l.t.cfg.Limits.HandshakeTimeout)
	c.untilOpen(quit)
	tc := tls.Server(c.raw, l.certs.acceptConfig(t, ctx.Done()))
	p, err := handshake(tc, l.t.cfg.Limits.HandshakeTimeout)
	quit()
	if err == nil && l.t.cfg.AllowTLS != nil && !l.t.cfg.AllowTLS(l.local, c.remote.Addr(), p.names) {
		err = ErrName
	}
	if err == nil || c.isClosed() { // it has given way to another
		l.refund(c.remote)
	}
	if err != nil {
		err = c.ended(err)
		l.counters.handshakeFailed.Add(1)
		if l.t.gate.open(l.t.now()) {
			l.t.log.Info("TLS connection refused", "listener", l.local, "peer", c.remote, "names", p.names, "error", err)
		}
		c.close(err)
		return
	}
	c.open(tc, p)
	c.read()
}
