// Package network decides by where media is: which calls may have theirs past the server, and what the links between places let through.
// It is pure: the places are those of the document, and who asks brings addresses and descriptions.
package network

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// Party is one side of a call, as far as it is known before media flows.
type Party struct {
	Trunk      *topology.Trunk
	Media      netip.Addr // where its description has its media; not valid: it has made none yet
	Signalling netip.Addr // where its messages come from or go to; not valid: not known yet
	Said       string     // the bypass id that a client says of itself (a=x-bypassid), "" none
}

// Security is what the caller's offer has of SRTP.
type Security uint8

// What an offer has.
const (
	NotOffered Security = iota // no offer yet
	Plain
	Secure
)

// Verdict is whether the media of a call with one target goes past the server, and why.
type Verdict struct {
	Bypass bool
	// Warning: a client has said a bypass id that the document does not have (BYP-06).
	Warning bool
	// Settled: nothing that is still to be known, an address or an answer, can change it.
	Settled bool
	Why     string
}

// Wanted tells whether bypass is a question at all between two trunks, so that somebody wants to hear the answer.
func Wanted(caller, callee *topology.Trunk) bool {
	return caller.Settings.EnableBypass || callee.Settings.EnableBypass
}

// Bypass decides about a caller and one target (BYP-01 to BYP-05, TRK-05).
func Bypass(n *topology.Network, caller, callee *Party, offer Security) Verdict {
	for _, p := range [...]*Party{caller, callee} {
		if !p.Trunk.Settings.EnableBypass {
			return no("trunk " + strconv.Quote(p.Trunk.Name) + " has no enableBypass")
		}
	}
	if n.Mode() == topology.BypassOff {
		return no("network.bypass.mode is off")
	}
	if why := incompatible(caller.Trunk, callee.Trunk, offer); why != "" {
		return no(why)
	}
	if n.Mode() == topology.BypassAlways {
		return yes("both trunks have enableBypass")
	}
	if why := hairpin(caller.Trunk.Gateway, callee.Trunk.Gateway); why != "" {
		return yes(why)
	}
	return compare(n, caller, callee)
}

func no(why string) Verdict  { return Verdict{Settled: true, Why: why} }
func yes(why string) Verdict { return Verdict{Bypass: true, Settled: true, Why: why} }

// incompatible says why SRTP does not suit both trunks when its keys are between the peers; "": it does. Of an offer yet to come is known only
// that no answer suits required and notSupported.
func incompatible(a, b *topology.Trunk, offer Security) string {
	x, y := a.Settings.SRTPMode, b.Settings.SRTPMode
	if offer == NotOffered {
		if x == "required" && y == "notSupported" || x == "notSupported" && y == "required" {
			return "srtpMode is " + x + " on trunk " + strconv.Quote(a.Name) + " and " + y + " on trunk " + strconv.Quote(b.Name)
		}
		return ""
	}
	refuses, what := "notSupported", "SRTP"
	if offer == Plain {
		refuses, what = "required", "RTP"
	}
	for _, t := range [...]*topology.Trunk{a, b} {
		if t.Settings.SRTPMode == refuses {
			return what + " is offered, and srtpMode is " + refuses + " on trunk " + strconv.Quote(t.Name)
		}
	}
	return ""
}

// hairpin says why a call goes back to where it came from, wherever that is (BYP-05).
func hairpin(a, b *topology.Gateway) string {
	switch {
	case a == b:
		return "it goes back to gateway " + strconv.Quote(a.Name)
	case a.AlternateBypassID != "" && strings.EqualFold(a.AlternateBypassID, b.AlternateBypassID):
		return "gateways " + strconv.Quote(a.Name) + " and " + strconv.Quote(b.Name) + " have the same alternateBypassId"
	}
	return ""
}

// spot is where a party is: its bypass id and that in words.
type spot struct {
	id, at  string
	warning bool
	settled bool // by something that does not change
}

// compare decides by the bypass ids (BYP-02).
func compare(n *topology.Network, caller, callee *Party) Verdict {
	a, b := caller.spot(n, true), callee.spot(n, false)
	v := Verdict{Warning: a.warning || b.warning, Settled: a.settled && b.settled}
	switch {
	case a.id == "":
		v.Why = "the caller " + a.at
	case b.id == "":
		v.Why = "the target " + b.at
	case !strings.EqualFold(a.id, b.id):
		v.Why = "the caller " + a.at + ", the target " + b.at
	default:
		v.Bypass = true
		v.Why = "caller and target have the same bypass id: the caller " + a.at + ", the target " + b.at
	}
	return v
}

// spot finds where a party is. A target has said nothing yet.
func (p *Party) spot(n *topology.Network, caller bool) spot {
	gw := p.Trunk.Gateway
	if p.Said != "" && gw.Kind == topology.KindUC {
		if who := n.HasBypassID(p.Said); who != "" {
			return spot{id: p.Said, at: "says that it is at " + who, settled: true}
		}
		return spot{at: "says the bypass id " + strconv.QuoteToASCII(p.Said) + ", which the document does not have", warning: true, settled: true}
	}
	a, settled := p.Where(caller)
	if !a.IsValid() {
		if caller || p.Trunk.Settings.Concentrated {
			return spot{at: "has said no address yet"}
		}
		return spot{at: "says where its media is when it answers (concentratedTopology: false)", settled: true}
	}
	at := "at " + a.String()
	switch s := n.SiteOf(a); {
	case s == nil && n.Unmapped:
		return spot{id: "unmapped", at: at + " is in no subnet", settled: settled}
	case s == nil:
		return spot{at: at + " is in no subnet of the network", settled: settled}
	case s.Link != nil:
		return spot{id: s.BypassID, at: at + " is at network site " + strconv.Quote(s.Name), settled: settled}
	default:
		return spot{id: s.BypassID, at: at + " is in network region " + strconv.Quote(s.Region.Name), settled: settled}
	}
}

// Where is the address of a party's media as far as it is known, and whether that stays. Not valid: it is not known.
func (p *Party) Where(caller bool) (a netip.Addr, settled bool) {
	gw := p.Trunk.Gateway
	switch {
	case gw.MediaIP.IsValid():
		return gw.MediaIP, true
	case p.Media.IsValid() && !p.Media.IsUnspecified():
		return p.Media.Unmap(), true
	case !p.Trunk.Settings.Concentrated:
	case p.Signalling.IsValid():
		return p.Signalling.Unmap(), !caller
	case gw.Addr.IsValid():
		return gw.Addr, !caller
	}
	return netip.Addr{}, false
}
