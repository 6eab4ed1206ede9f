package engine

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
)

// Find is transport.Config.Find: where requests of a dialog go to whose peer gives a name in Contact or Record-Route (RFC 3261 §12.2.1.1, RFC 3263). A name
// leads nowhere where an address would not.
func (e *Engine) Find(ctx context.Context, hop *sip.Hop) (at []netip.AddrPort, name string) {
	r, err := e.cfg.Resolver.Lookup(ctx, whereIs(hop))
	if err != nil {
		e.log.Debug("name not resolved", "host", hop.Host, "err", err) // a peer gives names as it likes
	}
	return e.speaking(time.Now(), hop.Local.Addr(), elsewhere(r.Hops, hop.Remote.Addr())), e.certified(hop)
}

// elsewhere are the addresses at which a peer can be that was met at one of that kind.
func elsewhere(hops []resolve.Addr, met netip.Addr) []resolve.Addr {
	return slices.DeleteFunc(slices.Clone(hops), func(h resolve.Addr) bool { return !b2bua.Possible(h.AddrPort.Addr(), met) })
}

// whereIs is what to ask DNS for the host of a hop: of the transport and family that the leg has.
func whereIs(hop *sip.Hop) resolve.Query {
	four := hop.Local.Addr().Is4()
	return resolve.Query{Host: hop.Host, Port: hop.Port, Transport: hop.Transport, IPv4: four, IPv6: !four}
}

// speaking has the addresses that fell silent behind the others.
func (e *Engine) speaking(now time.Time, from netip.Addr, hops []resolve.Addr) []netip.AddrPort {
	var first, last []netip.AddrPort
	for _, h := range hops {
		if e.silent.Is(now, b2bua.Way{From: from, To: h.AddrPort}) {
			last = append(last, h.AddrPort)
		} else {
			first = append(first, h.AddrPort)
		}
	}
	return append(first, last...)
}

// certified is the name that a certificate at the host of a hop must carry: the host's own (RFC 5922 §4) if who has it would be known as the same gateway when
// it calls us, else the one that the leg has had from its beginning. So nobody becomes a peer by what a peer says.
func (e *Engine) certified(hop *sip.Hop) string {
	if hop.Transport != sip.TLS || hop.Name == "" || strings.EqualFold(hop.Host, hop.Name) {
		return hop.Name
	}
	for _, d := range e.documents() {
		named := func(name string) []string { return []string{strings.ToLower(name)} }
		was, _ := d.snap.InboundTrunk(d.server, sip.TLS, hop.Local, hop.Remote.Addr(), named(hop.Name), e.resolved)
		is, _ := d.snap.InboundTrunk(d.server, sip.TLS, hop.Local, hop.Remote.Addr(), named(hop.Host), e.resolved)
		if was != nil && is != nil && was.Gateway == is.Gateway {
			return hop.Host
		}
	}
	return hop.Name
}
