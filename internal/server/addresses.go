package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// missing tells whether this host does not have an address.
func missing(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.EADDRNOTAVAIL)
}

// Missing are the addresses of a server that this host does not have: one that is to be listened at keeps the server from starting and the document from being applied, and is an error;
// without the others it would start, and they are warnings.
func Missing(name string, snap *topology.Snapshot, me *topology.Server) topology.Problems {
	list := missingListeners(name, specs(snap, me), me)
	for _, p := range missingMedia(name, me) {
		if !slices.ContainsFunc(list, func(l topology.Problem) bool { return l.Value == p.Value }) { // media has the addresses of `addresses` where it names none
			list = append(list, p)
		}
	}
	if at, err := netip.ParseAddrPort(me.Metrics); err == nil && missing(at.Addr()) {
		p := me.Problem(name, "metrics")
		p.Value, p.Warning = me.Metrics, true
		p.Why, p.Fix = fmt.Sprintf("this host does not have the address of metrics, %s", me.Metrics), "Correct metrics of the server, or give the host the address"
		list = append(list, p)
	}
	return list
}

func missingListeners(name string, wanted []transport.ListenSpec, me *topology.Server) (list topology.Problems) {
	for _, spec := range wanted {
		a := spec.Addr.Addr()
		if slices.ContainsFunc(list, func(p topology.Problem) bool { return p.Value == a.String() }) || !missing(a) {
			continue
		}
		key := "addresses"
		if !slices.Contains(me.Interface.Addresses, a) {
			key = "interfaces"
		}
		p := me.Problem(name, key)
		p.Value = a.String()
		p.Why, p.Fix = fmt.Sprintf("this host does not have the address %s, so nobody can listen there", a), "Correct the address, give it to the host, or say with --server which one this is"
		list = append(list, p)
	}
	return list
}

// lost are the addresses of a server that this host does not have any more. The sockets there stay open, and nothing arrives at them or leaves; the network says of
// that only that it cannot be reached.
func lost(me *topology.Server) (list []netip.Addr) {
	for _, a := range slices.Concat(me.AllAddresses(), me.AllMedia()) {
		if !slices.Contains(list, a) && missing(a) {
			list = append(list, a)
		}
	}
	return list
}

// tellLost logs when the host loses addresses of the server, and when it has them again.
func (s *Server) tellLost() {
	now := lost(s.current.Load())
	for _, a := range now {
		if !slices.Contains(s.lost, a) {
			s.log.Error("this host does not have an address of the server any more: nothing arrives there", "address", a)
		}
	}
	for _, a := range s.lost {
		if !slices.Contains(now, a) {
			s.log.Info("an address is there again, or is not needed any more", "address", a)
		}
	}
	s.lost = now
}

func lostText(a netip.Addr) string {
	return fmt.Sprintf("this host does not have the address %s any more: nothing arrives there. Give it back to the host, or correct `addresses` or `media` of the server", a)
}

// fromLost adds to why a trunk is not up that we are not where its peer is met.
func fromLost(why string, own, gone []netip.Addr) string {
	for _, a := range own {
		if slices.Contains(gone, a) {
			why += "; this host does not have the address " + a.String() + " any more"
		}
	}
	return why
}

// keptText says of names that the addresses are used which they had before, since no name server answers; "": there is none.
func (s *Server) keptText() string {
	names, until, why := s.resolver.Kept()
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("no name server answers for %s: %v. The addresses that were known are used until %s, and a restart would lose them", several(names), why, until.UTC().Format(time.RFC3339))
}

// tellKept logs that names are kept, and that they are not any more.
func (s *Server) tellKept() {
	text := s.keptText()
	switch {
	case text != "" && !s.kept:
		s.log.Error("DNS is away", "err", text)
	case text == "" && s.kept:
		s.log.Info("name servers answer again, or nobody needs them")
	}
	s.kept = text != ""
}
