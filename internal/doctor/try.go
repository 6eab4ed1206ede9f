package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
)

// try connects to one address and sends it an OPTIONS.
func (x *examination) try(ctx context.Context, h *Hop, addr resolve.Addr) {
	if x.trunk.Transport == sip.UDP {
		x.tryUDP(ctx, h)
		return
	}
	begin := time.Now()
	c, err := x.dial(ctx, h)
	if err != nil {
		h.fail(err, Unreachable)
		x.step("connect", begin, true, "%s: %s", h.Address, h.Error)
		return
	}
	defer c.Close()
	h.Connect, h.Local = time.Since(begin), c.LocalAddr().(*net.TCPAddr).AddrPort()
	x.step("connect", begin, false, "%s from %s", h.Address, h.Local.Addr())
	if x.trunk.Transport == sip.TLS {
		begin = time.Now()
		tc, err := x.handshake(ctx, h, c, addr.Name)
		if err != nil {
			h.fail(err, TLSFailed)
			x.step("tls", begin, true, "%s: %s", h.Address, h.Error)
			return
		}
		x.step("tls", begin, false, "%s %s, certificate %s", h.TLS.Version, h.TLS.Cipher, h.TLS.Chain[0].Subject)
		c = tc
	}
	// Over a connection the answer comes back by it, so that the message can name the trunk's own port.
	x.askStream(ctx, h, c, sip.Hop{Transport: x.trunk.Transport, Local: netip.AddrPortFrom(h.Local.Addr(), x.trunk.Port), Remote: h.Address, Name: addr.Name})
}

// fail notes the error of an address; stage is the one that it failed in unless the error says more.
func (h *Hop) fail(err error, stage Stage) {
	h.Failed, h.Error = stage, clip(plain(err))
	if errors.Is(err, syscall.ECONNREFUSED) {
		h.Failed = Refused
	}
}

// plain is an error without the addresses and operations that package net puts before it.
func plain(err error) string {
	var sys syscall.Errno
	switch {
	case errors.As(err, &sys):
		return sys.Error()
	case late(err):
		return noAnswer
	}
	return strings.TrimSpace(err.Error())
}

const noAnswer = "no answer in time"

// late tells whether an error is that nothing came in time.
func late(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// source is our address toward a peer, as the server would use it, and whether this host has it.
func (x *examination) source(h *Hop) (netip.Addr, bool) {
	local := x.env.Local(x.trunk, h.Address.Addr()).Addr()
	return local, here(local)
}

// dial makes a TCP connection from the server's address, or from whatever address this host has when that is another host's.
func (x *examination) dial(ctx context.Context, h *Hop) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	var d net.Dialer
	if local, ok := x.source(h); ok {
		d.LocalAddr = &net.TCPAddr{IP: local.AsSlice()}
	} else {
		h.Elsewhere = true
	}
	return d.DialContext(ctx, "tcp", h.Address.String())
}

// listen opens a UDP socket: the server's address and the trunk's port, another port when that is held, and any address of this host when
// the server's is not here.
func (x *examination) listen(h *Hop) (*net.UDPConn, error) {
	local, ok := x.source(h)
	if !ok {
		h.Elsewhere = true
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(h.Address)) // sends nothing; tells our address toward the peer
		if err != nil {
			return nil, err
		}
		local = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
		c.Close()
	}
	lc := net.ListenConfig{Control: reportErrors}
	at := func(port uint16) (net.PacketConn, error) {
		return lc.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(local, port).String())
	}
	c, err := at(x.trunk.Port)
	if err != nil {
		c, err = at(0)
		h.PortHeld = err == nil
	}
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}
