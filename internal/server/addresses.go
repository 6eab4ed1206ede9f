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
)

// lost are the addresses of a server that this host does not have any more. The sockets there stay open, and nothing arrives at them or leaves; the network says of
// that only that it cannot be reached.
func lost(me *topology.Server) (list []netip.Addr) {
	for _, a := range slices.Concat(me.AllAddresses(), me.AllMedia()) {
		if slices.Contains(list, a) {
			continue
		}
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err == nil {
			c.Close()
		} else if errors.Is(err, syscall.EADDRNOTAVAIL) {
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
