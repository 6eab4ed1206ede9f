package b2bua

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// ICE (RFC 8445, RFC 8839) ends at each leg, too. We have one candidate per component, our port; the checks are the relay's.

// connectivity is how an m-line stands on a leg with respect to ICE.
type connectivity struct {
	ufrag, pwd string   // ours: they stay while the peer's do, so that they are the same in every early answer
	theirs     []string // the peer's, latest last: its forks have different ones, and the one that answers may be an earlier one
	declined   bool     // its last description has no ICE
	mismatch   bool     // its last offer has, but somebody in between has put another address into it
	answers    bool     // our answer to its last offer has ICE
	offered    bool     // our last offer has
	controls   bool     // the role that we began with
	muxed      bool     // rtcp-mux is agreed on: there is no second component
	maps       []string // what the peer's offer says of the formats of an m-line that may be refused: "rtpmap:96 VP8/90000"
	mid        string   // the name of the m-line (RFC 5888), as the peer has given it, or we
	bundled    bool     // the peer's last offer has it in a group
}

// maxTheirs bounds the credentials of a peer that are remembered.
const maxTheirs = 20

// knows notes credentials of the peer, and tells whether it has said them before.
func (ice *connectivity) knows(said *sdp.ICE) bool {
	key := said.Ufrag + " " + said.Pwd
	if slices.Contains(ice.theirs, key) {
		return true
	}
	if len(ice.theirs) == maxTheirs {
		ice.theirs = slices.Delete(ice.theirs, 0, 1)
	}
	ice.theirs = append(ice.theirs, key)
	return false
}

// begin draws credentials (RFC 8445 §5.3 wants 24 and 128 random bits) where there are none.
func (ice *connectivity) begin(e *Env) {
	if ice.ufrag == "" {
		ice.ufrag, ice.pwd = Token(e.Rand, 8), Token(e.Rand, 26)
	}
}

// heardICE is what is kept of what a peer says of ICE in an m-line.
func heardICE(said *sdp.ICE) []string {
	list := make([]string, 0, 3+len(said.Candidates))
	list = append(list, "ice-ufrag:"+said.Ufrag, "ice-pwd:"+said.Pwd)
	if said.Lite {
		list = append(list, "ice-lite")
	}
	for _, c := range said.Candidates {
		list = append(list, "candidate:"+sdp.FormatCandidate(c))
	}
	return list
}

// openICE takes what a description of the peer says of ICE where the trunk has it, and where its addresses are still its own. Other credentials in an offer ask to begin anew (RFC 8839 §4.4.1.1.1),
// and get other ones of ours.
func (c *Call) openICE(l *Leg, s *sdp.Session, i int, offer bool) []string {
	at := &l.srtp.line(i).ice
	mode := l.trunk.Settings.ICE
	said, ok := sdp.ICE{}, false
	if mode != "off" && (offer || at.offered) {
		said, ok = s.ICE(i)
	}
	at.mismatch = ok && offer && said.Mismatch
	ok = ok && !said.Mismatch
	if at.declined = !ok; offer {
		at.answers = ok // also in a dialog of another target, after an offer of ours
	}
	if !ok {
		return nil
	}
	began, known := len(at.theirs) > 0, at.knows(&said)
	at.controls = mode == "full" && (said.Lite || !offer) // RFC 8445 §6.1.1
	switch e := c.standing(l, i); {
	case e != nil && e.ice != nil && e.ice.PeerUfrag == said.Ufrag && e.ice.PeerPwd == said.Pwd: // whatever offers came to nothing since, and the role stays
		at.ufrag, at.pwd, at.controls = e.ice.Ufrag, e.ice.Pwd, e.ice.Controls
	case !offer:
	case began && !known, e != nil && e.ice != nil && e.ice.Ufrag == at.ufrag:
		at.ufrag = ""
	}
	at.begin(c.env)
	return heardICE(&said)
}

// offersICE tells whether an offer of ours on a leg has ICE: where a session stands, if that has it.
func (c *Call) offersICE(l *Leg, i int) bool {
	if l.trunk.Settings.ICE == "off" {
		return false
	}
	if e := c.standing(l, i); e != nil {
		return e.ice != nil
	}
	return !l.srtp.line(i).ice.declined
}

// standing is how an m-line of RTP stands on the side of a leg that has its seat; nil: nothing stands yet, or it is new, off or T.38. A fork that answers
// too late changes nothing of it.
func (c *Call) standing(l *Leg, i int) *end {
	if !l.up || c.seat(l.side) != l || i >= len(c.plan.lines) {
		return nil
	}
	if ln := c.plan.relayed(c, i); ln.opaque || !ln.peer[l.side].live {
		return nil
	}
	return &c.plan.lines[i].peer[l.side]
}

// sayICE is what we say of ICE in an m-line with that address.
func (c *Call) sayICE(l *Leg, i int, m *sdp.Media, mux bool) []string {
	at := &l.srtp.line(i).ice
	at.begin(c.env)
	list := append(make([]string, 0, 4), "ice-ufrag:"+at.ufrag, "ice-pwd:"+at.pwd)
	for component := uint8(1); component <= 2 && (component == 1 || !mux); component++ {
		address := netip.AddrPortFrom(m.Conn, m.Port+uint16(component)-1)
		list = append(list, "candidate:"+sdp.FormatCandidate(sdp.Candidate{Component: component, Priority: sdp.HostPriority(component), Address: address}))
	}
	return list
}

// hearNames notes what a description of the peer calls its m-lines, where the trunk has ICE. An offer says them all anew, an answer repeats ours.
func (c *Call) hearNames(l *Leg, s *sdp.Session, offer bool) {
	if l.trunk.Settings.ICE == "off" {
		return
	}
	for i := range min(len(s.Media), maxLines) {
		if mid := s.Mid(i); offer || mid != "" {
			l.srtp.line(i).ice.mid = strings.Clone(mid)
		}
		if m := &s.Media[i]; offer {
			l.srtp.line(i).ice.maps, l.srtp.line(i).ice.bundled = nil, s.Bundled(i, i)
			if m.IsRTP() && (i > 0 || !strings.EqualFold(m.Kind, "audio")) { // speech is not refused alone
				l.srtp.line(i).ice.maps = mappings(s, i)
			}
		}
	}
}

// name is the a=mid of an m-line that we describe; nil: it has none. An answer has that of the offer (RFC 5888 §9.1). An offer of ICE and DTLS has one in any case
// (RFC 8829 §5.2.1): there are stacks of WebRTC that refuse a description without.
func (b *strongbox) name(s *sdp.Session, i int, must bool) []string {
	at := &b.line(i).ice
	if at.mid == "" && must {
		at.mid = strings.Clone(s.Mid(i)) // of the other side
		for n := 0; at.mid == "" || b.named(s, i, at.mid); n++ {
			at.mid = "m" + strconv.Itoa(i+n*maxLines)
		}
	}
	if at.mid == "" {
		return nil
	}
	return []string{"mid:" + at.mid}
}

// What is in a group (RFC 8843) goes over one transport, and each m-line has one of its own here. A browser that has max-bundle takes no description without a group, and one that has agreed on a
// group none without it, whoever says it. So one m-line is in a group by itself: that which is alone, or was when the group was agreed on.

// standsAlone tells, when an offer comes, which m-line is in a group with us already; nil: none is. With another certificate the peer is another one, as a page that was loaded anew.
func (b *strongbox) standsAlone(s *sdp.Session) *protection {
	i := b.grouped - 1
	switch {
	case i < 0 || i >= len(s.Media) || s.Media[i].Rejected():
		return nil
	case b.line(i).dtls.theirs != spoken(s, i):
		b.grouped = 0
		return nil
	}
	return b.line(i)
}

// joinsGroup tells whether an m-line of an offer can only be had together with another one.
func (b *strongbox) joinsGroup(s *sdp.Session, i int, alone *protection) bool {
	return alone != nil && alone != b.line(i) && s.Bundled(b.grouped-1, i) || s.OnlyBundled(i)
}

// group is the one that a description of ours says; "": none.
func (b *strongbox) group(s *sdp.Session, to []sdp.Protection, offer bool) string {
	alone, live := -1, 0
	for i := range s.Media {
		if !s.Media[i].Rejected() {
			alone, live = i, live+1
		}
	}
	if stood := b.grouped - 1; stood >= 0 && stood < len(s.Media) && !s.Media[stood].Rejected() {
		alone, live = stood, 1
	}
	b.grouped = 0
	if live != 1 || alone >= len(to) || !to[alone].Mux || !hasDTLS(&to[alone]) {
		return ""
	}
	at := &b.line(alone).ice
	if at.mid == "" || offer && !at.offered || !offer && !(at.answers && at.bundled) {
		return ""
	}
	b.grouped = alone + 1
	return "group:BUNDLE " + at.mid
}

// refuse lists the formats of an m-line that is refused: they mean nothing (RFC 3264 §6), but there are stacks of WebRTC that look for the a=rtpmap of each, and for the
// codec that they send. An answer has those of the offer, with what is said of them.
func (b *strongbox) refuse(i int, offer bool, lines *[]string) string {
	maps := b.line(i).ice.maps
	if offer || maps == nil {
		return "0" // by RFC 3551; it needs none
	}
	var formats []string
	for _, line := range maps {
		if pt, found := strings.CutPrefix(line, "rtpmap:"); found {
			pt, _, _ = strings.Cut(pt, " ")
			formats = append(formats, pt)
		}
	}
	*lines = slices.Concat(maps, *lines)
	return strings.Join(formats, " ")
}

// maxMaps bounds what is kept of the formats of an m-line that may be refused.
const maxMaps = 2048

// mappings are what an offer says of the formats of an m-line: all of a=rtpmap first, then a=fmtp.
func mappings(s *sdp.Session, i int) (list []string) {
	size := 0
	for _, kind := range [...]string{"rtpmap", "fmtp"} {
		for name, value := range s.Attributes(i) {
			line := name + ":" + value
			if name != kind || size+len(line) > maxMaps {
				continue
			}
			if pt, _, _ := strings.Cut(value, " "); !slices.Contains(s.Media[i].Formats, pt) {
				continue
			}
			size += len(line)
			list = append(list, line)
		}
	}
	return list
}

// named tells whether another m-line has a name.
func (b *strongbox) named(s *sdp.Session, i int, mid string) bool {
	for j := range min(len(s.Media), maxLines) {
		if j != i && (b.line(j).ice.mid == mid || s.Mid(j) == mid) {
			return true
		}
	}
	return false
}

// expectICE has the relay answer checks that come before the answer to our offer.
func (c *Call) expectICE(l *Leg, i int) {
	if i >= len(c.plan.lines) || c.xfer != nil { // until a transfer is through, the side is another leg's
		return
	}
	at, e := &l.srtp.line(i).ice, &c.plan.lines[i].peer[l.side]
	if e.ice == nil {
		e.ice, c.plan.dirty = &media.ICE{Ufrag: at.ufrag, Pwd: at.pwd, Full: l.trunk.Settings.ICE == "full", Controls: true}, true
	}
}

// ice is that of an m-line by a description that was opened; nil: it has none.
func (l *Leg) ice(s *sdp.Session, i int) *media.ICE {
	if l.srtp == nil || i >= maxLines || s.Media[i].Rejected() {
		return nil
	}
	said, ok := s.ICE(i)
	if !ok {
		return nil
	}
	at := &l.srtp.line(i).ice
	ice := &media.ICE{Ufrag: at.ufrag, Pwd: at.pwd, Full: l.trunk.Settings.ICE == "full", Controls: at.controls,
		PeerUfrag: strings.Clone(said.Ufrag), PeerPwd: strings.Clone(said.Pwd), PeerLite: said.Lite}
	for _, c := range said.Candidates {
		ice.Candidates = append(ice.Candidates, media.Candidate(c))
	}
	return ice
}
