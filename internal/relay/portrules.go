package relay

import (
	"cmp"
	"net/netip"

	"github.com/directsip/directsip/internal/fastpath"
	"github.com/directsip/directsip/internal/ways"
)

// Where this host routes by ports (ip-rule(8)), only what leaves by a socket with its port takes the right way: neither the kernel tier nor raw sockets have one. Where it routes by marks that
// its filters give, raw sockets do, too.

// lookAtRules learns the rules.
func (r *Relay) lookAtRules() {
	switch p, err := ways.Rules(); {
	case err != nil: // what was known stays
	case len(p.Ports) == 0 && !p.Marks && !p.NAT:
		r.kernel.rules.Store(nil)
	default:
		r.kernel.rules.Store(&p)
	}
}

// byPort tells whether a rule may hold for what leaves by an address and the port above it, for RTCP.
func (k *kernel) byPort(local netip.AddrPort) bool {
	if k == nil || !local.IsValid() {
		return false
	}
	p := k.rules.Load()
	if p == nil {
		return false
	}
	for _, r := range p.Ports {
		if r.Concerns(local.Port()) || r.Concerns(local.Port()+1) {
			return true
		}
	}
	return false
}

// translated is why what comes from a source, or what leaves for a destination, has to pass the stack: NAT of this host, which the kernel tier passes by. So packets would leave with an address
// that the peer does not know, or for one that is nobody's. "": they have not.
func (k *kernel) translated(f *fastpath.Flow) string {
	if p := k.rules.Load(); p == nil || !p.NAT {
		return ""
	}
	return cmp.Or(k.tracker.Translated(f.From, f.To), k.tracker.Translated(f.Local, f.Source)) // as an answer, which has what the source is here
}

// byRule is why what leaves the stream's ports has to pass the stack; "": it has not.
func (st *stream) byRule() string {
	switch {
	case st.kernel == nil || st.kernel.rules.Load() == nil:
	case st.kernel.byPort(st.side[0].local), st.kernel.byPort(st.side[1].local):
		return "a rule of routing by ports"
	case st.kernel.rules.Load().Marks:
		return "rules of routing by marks of filters"
	}
	return ""
}
