package ways

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// PortRule is a rule of routing that goes by ports of UDP (ip-rule(8)). It holds for what leaves by a socket that is bound to a port, and the kernel asks it for nobody else.
type PortRule struct{ ours, theirs ports }

// ports is a range; zeros: every port.
type ports struct{ first, last uint16 }

func (p ports) has(port uint16) bool { return p == ports{} || p.first <= port && port <= p.last }

// Of linux/fib_rules.h.
const (
	fraIPProto       = 22
	fraSportRange    = 23
	fraDportRange    = 24
	sizeofRuleHeader = 12
)

// wellKnown is below the ports where peers have their media.
const wellKnown = 1024

// PortRules are those of this host, of both families.
func PortRules() (list []PortRule, err error) {
	s, err := netlink.Open(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		header := make([]byte, sizeofRuleHeader)
		header[0] = family
		err = s.Dump(netlink.Request(unix.RTM_GETRULE, header), func(body []byte) {
			if r, ok := portRuleOf(body); ok {
				list = append(list, r)
			}
		})
		if err != nil && err != unix.EOPNOTSUPP && err != unix.EAFNOSUPPORT { // those: it has no rules, or no such family
			return nil, err
		}
	}
	return list, nil
}

// portRuleOf reads a rule; false: it does not go by ports, or not by those of UDP.
func portRuleOf(body []byte) (r PortRule, ok bool) {
	udp := true
	netlink.Attributes(body, sizeofRuleHeader, func(kind uint16, value []byte) {
		switch {
		case kind == fraIPProto && len(value) > 0:
			udp = value[0] == unix.IPPROTO_UDP
		case (kind == fraSportRange || kind == fraDportRange) && len(value) >= 4:
			p := ports{binary.NativeEndian.Uint16(value), binary.NativeEndian.Uint16(value[2:])}
			if ok = true; kind == fraSportRange {
				r.ours = p
			} else {
				r.theirs = p
			}
		}
	})
	return r, ok && udp
}

// Concerns tells whether the rule may hold for media that leaves by a port of ours.
func (r PortRule) Concerns(port uint16) bool {
	return r.ours.has(port) && (r.theirs == ports{} || r.theirs.last >= wellKnown)
}
