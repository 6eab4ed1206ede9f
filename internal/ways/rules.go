package ways

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// Policy is what of this host's rules of routing (ip-rule(8)) only holds for what leaves by the whole stack.
type Policy struct {
	Ports []PortRule
	Marks bool // rules go by marks of packets, and filters mark what leaves
	NAT   bool // its filters change addresses of some connections
}

// PortRule is a rule that goes by ports of UDP. It holds for what leaves by a socket that is bound to a port, and the kernel asks it for nobody else.
type PortRule struct{ ours, theirs ports }

// ports is a range; zeros: every port.
type ports struct{ first, last uint16 }

func (p ports) has(port uint16) bool { return p == ports{} || p.first <= port && port <= p.last }

// Of linux/fib_rules.h.
const (
	fraFwmark        = 10
	fraIPProto       = 22
	fraSportRange    = 23
	fraDportRange    = 24
	sizeofRuleHeader = 12
)

// wellKnown is below the ports where peers have their media.
const wellKnown = 1024

// Rules asks for those of both families.
func Rules() (p Policy, err error) {
	s, err := netlink.Open(unix.NETLINK_ROUTE)
	if err != nil {
		return p, err
	}
	defer s.Close()
	marks := false
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		header := make([]byte, sizeofRuleHeader)
		header[0] = family
		err = s.Dump(netlink.Request(unix.RTM_GETRULE, header), func(body []byte) {
			r, byPorts, byMark := ruleOf(body)
			if byPorts {
				p.Ports = append(p.Ports, r)
			}
			marks = marks || byMark
		})
		if err != nil && err != unix.EOPNOTSUPP && err != unix.EAFNOSUPPORT { // those: it has no rules, or no such family
			return p, err
		}
	}
	routes, nats, err := chains()
	p.Marks, p.NAT = marks && routes, nats
	return p, err
}

// ruleOf reads a rule: whether it goes by ports of UDP, and by a mark.
func ruleOf(body []byte) (r PortRule, byPorts, byMark bool) {
	udp := true
	netlink.Attributes(body, sizeofRuleHeader, func(kind uint16, value []byte) {
		switch {
		case kind == fraFwmark:
			byMark = true
		case kind == fraIPProto && len(value) > 0:
			udp = value[0] == unix.IPPROTO_UDP
		case (kind == fraSportRange || kind == fraDportRange) && len(value) >= 4:
			p := ports{binary.NativeEndian.Uint16(value), binary.NativeEndian.Uint16(value[2:])}
			if byPorts = true; kind == fraSportRange {
				r.ours = p
			} else {
				r.theirs = p
			}
		}
	})
	return r, byPorts && udp, byMark && udp
}

// Concerns tells whether the rule may hold for media that leaves by a port of ours.
func (r PortRule) Concerns(port uint16) bool {
	return r.ours.has(port) && (r.theirs == ports{} || r.theirs.last >= wellKnown)
}

// chains tells whether this host has filters that route what leaves anew, as by a mark, and whether it has some that change addresses: chains of those types of nftables with rules, or tables
// of iptables.
func chains() (routes, nats bool, err error) {
	if tables() != "" {
		return true, true, nil
	}
	s, err := netlink.Open(unix.NETLINK_NETFILTER)
	if err != nil {
		return false, false, nil // it has no filters
	}
	defer s.Close()
	err = s.Dump(netlink.Request(nftGetChain, make([]byte, nfgenmsg)), func(body []byte) {
		if len(body) < nfgenmsg {
			return
		}
		netlink.Attributes(body, nfgenmsg, func(kind uint16, value []byte) {
			if kind != unix.NFTA_CHAIN_TYPE || chainOf(body).uses == 0 {
				return
			}
			switch strings.TrimRight(string(value), "\x00") {
			case "route":
				routes = true
			case "nat":
				nats = true
			}
		})
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) { // it has no nftables
		err = nil
	}
	return routes, nats, err
}
