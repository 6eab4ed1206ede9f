package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// ourMedia judges where the server has media; nothing where it was not looked at.
func (j *judge) ourMedia() {
	m := j.facts.Media
	if m == nil {
		return
	}
	size := int(m.Last) - int(m.First) + 1
	for i := range m.Addresses {
		a := &m.Addresses[i]
		if !a.Here {
			j.add(Warning, "media-not-here", fmt.Sprintf("this host does not have the media address %s of server %q", a.Address, j.server.Name), "a server that runs here refuses calls whose media is to be there",
				fmt.Sprintf("Correct media of server %q, give the host the address, or run this on the server itself", j.server.Name))
			continue
		}
		for _, r := range a.Unheard { // in the name of a setting the dot of a VLAN is a slash (sysctl(8))
			j.add(Warning, "media-reverse", fmt.Sprintf("this host drops what %s sends to the media address %s of %s: its own packets to there leave by %s, and rp_filter of %s is strict", r.From, r.To, r.Arrives, r.Leaves, r.Arrives),
				"the peer is not heard", fmt.Sprintf("Set net.ipv4.conf.%s.rp_filter to 2, or have a route to %s by %s, or give server %q a media address of %s", strings.ReplaceAll(r.Arrives, ".", "/"), r.From, r.Arrives, j.server.Name, r.Leaves))
		}
		taken, who := 0, []string(nil)
		for _, h := range a.Held {
			if !h.Ours {
				taken += h.Ports
				who = append(who, fmt.Sprintf("%s (%d, from %d)", h.By, h.Ports, h.First))
			}
		}
		if taken == 0 {
			continue
		}
		s, why := Note, "calls get other ports"
		if left, need := size-taken, 4*max(1, j.server.MaxCalls); left < need {
			s, why = Warning, fmt.Sprintf("%d ports are left, and %d calls need %d", left, max(1, j.server.MaxCalls), need)
		}
		j.add(s, "media-ports-held", fmt.Sprintf("%d of the ports %d-%d at %s are held by %s", taken, m.First, m.Last, a.Address, strings.Join(who, ", ")), why,
			fmt.Sprintf("Give mediaPorts of server %q a range that nobody else takes ports of", j.server.Name))
	}
	switch {
	case m.Tier == "" && m.TierWhy != "":
		j.add(Warning, "media-relay", "this process cannot relay media: "+m.TierWhy, "a server that runs like this one does not start", "Look at the rights and limits of the process")
	case m.TierWhy != "":
		what := fmt.Sprintf("media travels in the tier %s, and mediaTier is %s: %s", m.Tier, m.Wanted, m.TierWhy)
		if m.Tier == m.Wanted {
			what = fmt.Sprintf("media travels in the tier %s, but not all of it: %s", m.Tier, m.TierWhy)
		}
		j.add(Note, "media-tier", what, "each packet costs more CPU; a server that runs with other rights than this program may do better: directsip status tells its tier",
			"Give the server CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW and CAP_PERFMON, if these are what it lacks")
	}
}

// told is the address as peers are told it.
func (a *MediaAddress) told() netip.Addr {
	if a.Known.IsValid() {
		return a.Known
	}
	return a.Address
}

// peerMedia judges what the answer says of media, and whether it can come to us and go to the peer. It is known to hold for no call: an answer to OPTIONS says
// what the peer is able to (RFC 3261 §11.2, RFC 3264 §9).
func (j *judge) peerMedia(h *Hop) {
	m, a := j.facts.Media, h.Answer
	if m == nil || a == nil {
		return
	}
	at := h.Address.Addr()
	ours := slices.IndexFunc(m.Addresses, func(our MediaAddress) bool { return our.Address.Is4() == at.Is4() })
	switch {
	case ours < 0:
		j.add(Warning, "media-family", fmt.Sprintf("the peer is at %s, and server %q has no media address of that family", at, j.server.Name), "media of the two cannot meet, unless the peer has an address of ours",
			fmt.Sprintf("Add one to media of server %q", j.server.Name))
	case private(m.Addresses[ours].told()) && public(at):
		j.add(Warning, "media-private", fmt.Sprintf("the peer is at %s, and our media address %s is private", at, m.Addresses[ours].told()),
			"the peer is told an address that it cannot reach, and its party is not heard unless something between the two changes it",
			fmt.Sprintf("Give server %q a media address that the peer can reach, or name with public the one that a NAT before it has", j.server.Name))
	}
	if a.Accept != nil && !slices.ContainsFunc(a.Accept, takesSDP) {
		j.add(Warning, "accept-sdp", fmt.Sprintf("%s accepts %s, and not application/sdp", h.Address, list(a.Accept)), "it answers offers with 415", "Look whether this is the peer's port for calls")
	}
	if d := a.Describes; d != nil {
		j.described(h, d)
	}
}

func takesSDP(accept string) bool {
	kind, _, _ := strings.Cut(accept, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/sdp" || kind == "application/*" || kind == "*/*"
}

// described judges the description in an answer.
func (j *judge) described(h *Hop, d *Description) {
	set := j.trunk.Settings
	if d.Error != "" {
		j.add(Warning, "sdp", fmt.Sprintf("the description that %s answers with cannot be read: %s", h.Address, d.Error), "if those in calls are like it, calls fail", "Look in the log of the peer for what it has sent")
		return
	}
	speech := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(c string) bool { return !topology.Speaks(c) })
	}
	if want, has := speech(set.Codecs), speech(d.Codecs); len(want) > 0 && len(has) > 0 {
		lacks := slices.DeleteFunc(slices.Clone(want), func(w string) bool {
			return slices.ContainsFunc(has, func(c string) bool { return strings.EqualFold(c, w) })
		})
		switch {
		case len(lacks) == len(want):
			j.add(Warning, "sdp-codecs", fmt.Sprintf("%s has %s, and codecs of the trunk are %s", h.Address, list(has), list(want)), "it would refuse what it is offered", "Set codecs to what the peer has")
		case len(lacks) > 0:
			j.add(Note, "sdp-codecs", fmt.Sprintf("%s has %s, and not %s of codecs", h.Address, list(has), list(lacks)), "", "")
		}
	}
	switch {
	case set.SRTPMode == "required" && d.Plain && !d.Secure:
		j.add(Warning, "sdp-srtp", fmt.Sprintf("%s describes RTP without SRTP, and srtpMode is required", h.Address), "calls are refused if it offers and takes no other", "Switch SRTP on in the peer, or set srtpMode: optional")
	case set.SRTPMode == "notSupported" && d.Secure && !d.Plain:
		j.add(Warning, "sdp-srtp", fmt.Sprintf("%s describes SRTP alone, and srtpMode is notSupported", h.Address), "calls are refused if it offers and takes no other", "Set srtpMode: required")
	}
	for _, a := range d.Addresses {
		switch {
		case a.IsUnspecified(): // no call is meant
		case private(a) && public(h.Address.Addr()):
			s, why := Note, "its media is sent back to where it comes from (rtpLatching)"
			if set.RTPLatching == "off" {
				s, why = Warning, "what is sent there arrives nowhere, and rtpLatching is off"
			}
			j.add(s, "sdp-private", fmt.Sprintf("%s says that its media is at %s, a private address", h.Address, a), why, "Have the peer announce the address that it can be reached at")
		case !slices.ContainsFunc(j.facts.Media.Addresses, func(our MediaAddress) bool { return our.Address.Is4() == a.Is4() }):
			j.add(Warning, "sdp-family", fmt.Sprintf("%s says that its media is at %s, and server %q has no media address of that family", h.Address, a, j.server.Name), "media of the two cannot meet",
				fmt.Sprintf("Add one to media of server %q", j.server.Name))
		}
	}
}

// carrierNAT is shared address space (RFC 6598), which is reached from outside no better than what is private.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || carrierNAT.Contains(a)
}

func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !private(a) }
