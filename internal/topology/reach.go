package topology

import (
	"net/netip"
	"strings"
)

// Remote is where the peer of the trunk takes calls when the document says so by address; false: the gateway's name is to be looked up.
func (t *Trunk) Remote() (netip.AddrPort, bool) {
	return netip.AddrPortFrom(t.Gateway.Addr, t.GatewayPort), t.Gateway.Addr.IsValid()
}

// SamePeer tells whether two trunks, perhaps of different documents, lead to the same peer, so that what is known of the one holds for the other.
func (t *Trunk) SamePeer(o *Trunk) bool {
	return strings.EqualFold(t.Gateway.Host, o.Gateway.Host) && t.GatewayPort == o.GatewayPort && t.Transport == o.Transport
}
