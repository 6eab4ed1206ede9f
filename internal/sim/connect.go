package sim

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// Connecting is Document with a UC platform and a gateway that have SRTP by DTLS and nothing else (RFC 5763), and ICE (RFC 8839): toward the one we are lite,
// toward the other one full.
var Connecting = strings.NewReplacer("  trunk:ucb: {", "  trunk:ucb: {srtpMode: required, srtpKeying: dtls, ice: lite, ", "  trunk:gwc: {",
	"  trunk:gwc: {srtpMode: required, srtpKeying: dtls, ice: full, ").Replace(Document)

// thePrint is what the relay of every node has.
var thePrint = media.Fingerprint{Hash: "sha-256", Value: strings.Repeat("n", 32)}

// shakes tells whether the peers of a host have their keys by DTLS.
func (h *Host) shakes() bool { return h.secret() && h.trunk().Settings.SRTPKeying == "dtls" }

// checks tells whether they have ICE.
func (h *Host) checks() bool { return h.trunk().Settings.ICE != "off" }

// print is a party's fingerprint, by its mark.
func (s *speaker) print() media.Fingerprint {
	return media.Fingerprint{Hash: "sha-256", Value: (s.marker + strings.Repeat(".", 32))[:32]}
}

// ufrag is a party's, by its mark.
func (s *speaker) ufrag() string { return "uf" + strings.ReplaceAll(s.marker, ".", "") }

// connect is what a party says of DTLS and ICE in an m-line of RTP.
func (s *speaker) connect(m *mline) string {
	var b strings.Builder
	if s.shakes {
		setup := m.setup
		if setup == "" {
			setup = "actpass"
		}
		b.WriteString("a=fingerprint:" + sdp.FormatFingerprint(sdp.Fingerprint(s.print())) + "\r\na=setup:" + setup + "\r\n")
	}
	if s.checks {
		b.WriteString("a=ice-ufrag:" + s.ufrag() + "\r\na=ice-pwd:" + strings.Repeat(s.ufrag(), 4) + "\r\na=candidate:1 1 UDP 1 " +
			s.addr.String() + " " + strconv.Itoa(int(m.port)) + " typ host\r\n")
	}
	return b.String()
}

// role answers a=setup; of who leaves it to them some begin and some do not (RFC 4145 §4.1).
func (s *speaker) role(offered string) string {
	switch {
	case offered == "active", offered == "actpass" && s.waits:
		return "passive"
	case offered == "":
		return ""
	}
	return "active"
}

// hear reads what a node says of DTLS and ICE.
func (m *mline) hear(attribute string) {
	for name, to := range map[string]*string{"fingerprint:": &m.print, "setup:": &m.setup, "ice-ufrag:": &m.ufrag} {
		if v, ok := strings.CutPrefix(attribute, name); ok {
			*to = v
		}
	}
}

// misconnects says what is wrong with an m-line of ours for the peers of a host; offer is the m-line that it answers, nil where that is not
// known; "": nothing.
func (h *Host) misconnects(a, offer *mline) string {
	switch {
	case h.shakes() != (a.print != ""), h.checks() != (a.ufrag != ""):
		return "a fingerprint or credentials are there, or are not"
	case !h.shakes():
		return ""
	case a.print != sdp.FormatFingerprint(sdp.Fingerprint(thePrint)):
		return "the fingerprint is not ours"
	case offer == nil && a.setup != "", offer != nil && offer.setup == "active" && a.setup == "passive",
		offer != nil && offer.setup == "passive" && a.setup == "active", offer != nil && offer.setup == "actpass" && (a.setup == "active" || a.setup == "passive"):
		return ""
	}
	return "setup is " + a.setup
}

// connects checks what the relay was told of the side of a party at the end.
func (w *World) connects(s *Scenario, p *Party, side *media.Side) {
	mine, theirs := &p.speaker.mine.media[0], &p.speaker.remote.media[0]
	active := mine.setup == "active" || mine.setup == "actpass" && theirs.setup == "passive"
	switch d := side.DTLS; {
	case p.speaker.shakes != (d != nil):
		w.fail("%s: %s has DTLS: %v, the relay %+v", s.Name, p.host.Name, p.speaker.shakes, d)
	case d != nil && (len(d.Peer) != 1 || d.Peer[0] != p.speaker.print() || d.Active == active):
		w.fail("%s: %s begins: %v, the relay %+v", s.Name, p.host.Name, active, d)
	}
	switch i := side.ICE; {
	case p.speaker.checks != (i != nil):
		w.fail("%s: %s has ICE: %v, the relay %v", s.Name, p.host.Name, p.speaker.checks, i)
	case i != nil && (i.PeerUfrag != p.speaker.ufrag() || i.Ufrag != theirs.ufrag):
		w.fail("%s: %s has %q and knows us as %q, the relay %q and %q", s.Name, p.host.Name, p.speaker.ufrag(), theirs.ufrag, i.PeerUfrag, i.Ufrag)
	}
}
