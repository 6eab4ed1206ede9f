package identity

import (
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Connected adds to a message for the peer of one trunk who is at the other end, as the peer of the other trunk vouches for it in a message
// of its own: a response, or a request within the dialog (TRK-28). Both trunks must be trusted; a gateway or provider is only heard with
// acceptGatewayPAIForOutboundCalls. host is our own host toward the peer that is told, carry is that of Outgoing.
func Connected(told, said *sip.Message, from, to *topology.Trunk, host string, carry func(in, out *topology.Trunk, number string) string) {
	set := to.Settings
	if !from.Settings.ForwardPAI || network(from) && !from.Settings.AcceptGatewayPAIForOutboundCalls {
		return
	}
	if !set.ForwardPAI || set.IdentityHeaders == topology.IdentityNone || set.CallerForm == topology.CallerAnonymous {
		return
	}
	side := "called"
	if said.IsRequest() {
		side = "calling"
	}
	who, private := asserted(said, side)
	if who.URI == "" {
		return
	}
	o := Outgoing{In: from, Out: to, Host: host, Carry: carry, hidden: private || ReadPrivacy(said).Hides()}
	number := o.carry(who.dialled())
	if number == "" || o.hidden && network(to) {
		return
	}
	o.assert(told, number, who.Display, who.Tel)
	if o.hidden {
		told.Add(sip.IDPrivacy, PrivacyID.String())
	}
}
