package relay

import (
	"net/netip"

	"github.com/directsip/directsip/internal/ways"
)

// Where this host routes by ports (ip-rule(8)), only what leaves by a socket with its port takes the right way: neither the kernel tier nor raw sockets have one.

// lookAtRules learns the rules.
func (r *Relay) lookAtRules() {
	switch list, err := ways.PortRules(); {
	case err != nil: // what was known stays
	case len(list) == 0:
		r.kernel.rules.Store(nil)
	default:
		r.kernel.rules.Store(&list)
	}
}

// byRule tells whether a rule may hold for what leaves by an address and the port above it, for RTCP.
func (k *kernel) byRule(local netip.AddrPort) bool {
	if k == nil || !local.IsValid() {
		return false
	}
	rules := k.rules.Load()
	if rules == nil {
		return false
	}
	for _, r := range *rules {
		if r.Concerns(local.Port()) || r.Concerns(local.Port()+1) {
			return true
		}
	}
	return false
}

func (st *stream) byRule() bool {
	return st.kernel.byRule(st.side[0].local) || st.kernel.byRule(st.side[1].local)
}
