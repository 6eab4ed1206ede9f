package b2bua

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// SRTP with keys in the description (RFC 4568) ends at each leg, as does rtcp-mux (RFC 5761): inside, every description is of RTP. What a peer says
// is opened when it comes, and leaves the one a=crypto line that counts; what is said to it is sealed when it goes. Only where all trunks have srtpMode pass
// keys and fingerprints go from peer to peer, and packets and handshakes pass unread.

// strongbox is the SRTP of a leg; nil until it is spoken of.
type strongbox struct {
	lines [maxLines]*protection // of the m-lines that there are: most calls have one
	fault error                 // why the last answer of the peer cannot be

	grouped int // the m-line that is in a group with us by itself, from 1 (RFC 8843); 0: none is

	said sayings
}

// protection is how an m-line stands on a leg.
type protection struct {
	ours  [media.Suites]string // our keys, drawn when first needed and kept as long as the leg: RFC 4568 §7.1.4
	asked sdp.Protection       // how the peer's last offer is answered; zero: with RTP
	shown sdp.Protection       // what we said last while it was in use
	proto string               // the profile that we said last
	must  bool                 // our last offer was of SRTP alone
	mux   bool                 // our last offer had rtcp-mux, or an answer of ours has
	dtls  association
	ice   connectivity
	rtp   bool   // the peer has offered RTP although its trunk has SRTP, and it was taken
	told  string // the profile of our last offer, before it was sealed
}

// marked tells whether something in a description must be opened.
func marked(body string) bool {
	for body != "" {
		line := body
		if end := strings.IndexByte(body, '\n'); end >= 0 {
			line = body[:end+1]
		}
		body = body[len(line):]
		if len(line) < 3 || line[1] != '=' {
			continue
		}
		switch line[0] {
		case 'a':
			attribute := line[2:]
			if strings.HasPrefix(attribute, "crypto:") || strings.HasPrefix(attribute, "rtcp-mux") || strings.HasPrefix(attribute, "fingerprint:") ||
				strings.HasPrefix(attribute, "ice-ufrag:") {
				return true
			}
		case 'm':
			if strings.Contains(line, "RTP/SAVP") || strings.Contains(line, "RTP/AVPF") {
				return true
			}
		}
	}
	return false
}

// box is the leg's strongbox, made on demand.
func (l *Leg) box() *strongbox {
	if l.srtp == nil {
		l.srtp = &strongbox{}
	}
	return l.srtp
}

// line is that of an m-line, made on demand.
func (b *strongbox) line(i int) *protection {
	if b.lines[i] == nil {
		b.lines[i] = &protection{}
	}
	return b.lines[i]
}

// clone is one that goes its own way.
func (b *strongbox) clone() *strongbox {
	other := *b
	for i, at := range b.lines {
		if at != nil {
			line := *at
			other.lines[i] = &line
		}
	}
	return &other
}

// key is our key for an m-line and suite.
func (b *strongbox) key(e *Env, line int, s media.Suite) string {
	k := &b.line(line).ours[s-1]
	if *k == "" {
		raw := make([]byte, s.KeySize())
		for i := range raw {
			raw[i] = byte(e.Rand.Uint32())
		}
		*k = string(raw)
	}
	return *k
}

// renew draws other keys for a leg whose media goes on in another session, where the counters of these would begin anew (RFC 3711 §9.1). Of
// which tags and suites there are lines stays.
func (b *strongbox) renew(e *Env, shaken *[maxLines]*media.Shaken) {
	if b == nil {
		return
	}
	for i, at := range b.lines {
		if at == nil {
			continue
		}
		at.ours = [media.Suites]string{}
		lines := slices.Clone(at.shown.Crypto)
		for n, value := range lines {
			if k, ok := sdp.ParseCrypto(value); ok {
				suite, _ := media.SuiteNamed(k.Suite)
				lines[n] = sdp.FormatCrypto(k.Tag, k.Suite, b.key(e, i, suite))
			}
		}
		at.shown.Crypto = lines
		at.dtls = association{before: shaken[i]}
		at.ice.ufrag = ""
	}
}

// rekeyed has the relay use the keys and credentials that the peer of a leg has taken in another call, from which it is back.
func (c *Call) rekeyed(l *Leg) {
	for i := range c.plan.lines[:min(len(c.plan.lines), maxLines)] {
		e := &c.plan.lines[i].peer[l.side]
		if l.srtp == nil || !e.live {
			continue
		}
		at := l.srtp.line(i)
		if e.crypt != nil && e.crypt.Suite != 0 {
			crypt := *e.crypt
			crypt.Send = l.srtp.key(c.env, i, crypt.Suite)
			e.crypt = &crypt
		}
		if e.dtls != nil && at.dtls.id != "" {
			shakes := *e.dtls
			shakes.Association = at.dtls.id + " " + at.dtls.theirs
			if before := c.shaken(l, i); goesOn(before, at.dtls.theirs) {
				shakes.Before = before
			}
			e.dtls = &shakes
		}
		if e.ice != nil && at.ice.ufrag != "" {
			checks := *e.ice
			checks.Ufrag, checks.Pwd = at.ice.ufrag, at.ice.pwd
			e.ice = &checks
		}
	}
	c.plan.dirty = true
}

// passesKeys decides, when the targets are known, whether keys are between the peers.
func (c *Call) passesKeys() bool {
	all := c.a.trunk.Settings.SRTPMode == "pass"
	for i := range c.decision.Targets {
		all = all && c.decision.Targets[i].Trunk.Settings.SRTPMode == "pass"
	}
	return all
}

// srtpMode is for what a leg's peer offers: in an emergency call whatever it has (NEW-18).
func (c *Call) srtpMode(l *Leg) string {
	if c.decision.Kind == routing.Emergency {
		return "accept"
	}
	return l.trunk.Settings.SRTPMode
}

// openOffer opens the caller's first offer once it is known that media ends here.
func (c *Call) openOffer() *diag.Reason {
	p := &c.plan
	if c.offered == nil {
		return nil
	}
	clean, why := c.openText(&c.a, c.offer, true)
	if why != nil {
		c.a.srtp = nil
		if text, open, ok := c.another(&c.a, c.a.inv, c.offer); ok {
			clean, why, c.offer = open, nil, text
			c.offered, _ = parseOffer(text)
			p.offered(&c.a, c.offered)
		}
	}
	clean = c.narrow(&c.a, clean, true)
	if why != nil || clean == c.offer && c.a.srtp == nil {
		return why
	}
	if clean != c.offer {
		if c.offered, _ = parseOffer(clean); c.offered == nil {
			return diag.BadSDP
		}
	}
	p.take(&c.a, c.offered) // also where nothing was left out: now it is known with which keys
	return nil
}

// another opens the best of the alternatives of an offer that can be, where the one that is meant cannot, as RTP for who has no SRTP (RFC 2046 §5.1.4).
func (c *Call) another(l *Leg, m *sip.Message, not string) (text, clean string, ok bool) {
	for _, text = range m.SDPs() {
		offer, err := parseOffer(text)
		if err != nil || text == not || l == &c.a && c.unreachable(offer) {
			continue
		}
		if clean, why := c.openText(l, text, true); why == nil {
			return text, clean, true
		}
	}
	return "", "", false
}

// open completes and opens the description in a message of the peer, if it has one. The reason is that of a refused offer; an answer that cannot be is
// refused by fits.
func (c *Call) open(l *Leg, m *sip.Message) *diag.Reason {
	branch := l.up && !m.IsRequest() && m.ToTag() != l.dlg.RemoteTag // of a fork, with a dialog of its own: it is hung up
	if m.Body == "" || branch {
		return nil
	}
	passes := c.passes(l) || c.plan.passKeys
	stands, short := &l.sdp, l.absent != 0 || l.up && l.sdp.outgrows(m.Body)
	if d := c.beforeAnswer(l, m); d != nil {
		stands, short = d, l.absent != 0
		if offer, ok := m.SDP(); ok && d.outgrows(offer) {
			short = c.mayLeaveOut(l, d, offer)
		}
	}
	if passes && !short {
		return nil
	}
	body, ok := m.SDP()
	if !ok {
		return nil
	}
	offer := c.isOffer(l, m)
	if offer && m.IsRequest() && l.up && (l.oa.LocalPending() || l.oa.RemotePending() || c.candidate(l)) { // it is refused, and is not to change what the answer to the other one means
		return nil
	}
	clean, why := body, (*diag.Reason)(nil)
	lines := sdp.MediaLines(l.sdp.body)
	whole := offer || sdp.MediaLines(body) == lines // as nearly all answers
	if !whole {
		clean = sdp.Trim(body, lines)
	}
	if offer && short {
		clean = l.complete(stands.body, body)
	}
	if !passes {
		absent := sdp.Absent(0)
		if !whole { // where its m-lines belong: it is completed for good by those who read it
			clean, absent = sdp.Complete(l.sdp.body, clean)
		}
		clean, why = c.openText(l, clean, offer)
		if why != nil && offer && !short {
			if _, other, ok := c.another(l, m, body); ok {
				clean, why = other, nil
			}
		}
		clean = c.narrow(l, clean, offer)
		if absent != 0 {
			clean = sdp.Shorten(clean, absent)
		}
	}
	if why == nil && clean != body {
		m.ReplaceSDP(body, clean)
	}
	return why
}

// isOffer tells whether the description in a message of the peer is an offer (RFC 3264, RFC 6337 §2.2).
func (c *Call) isOffer(l *Leg, m *sip.Message) bool {
	if m.IsRequest() {
		switch m.Method {
		case "ACK":
			return false
		case "PRACK":
			rel := (*reliable)(nil)
			if f := c.forkOf(m.ToTag()); f != nil {
				rel = f.rel
			}
			return rel == nil || !rel.offers
		}
		return true
	}
	_, method, _ := m.CSeq()
	return method == "INVITE" && l.unoffered
}

func (c *Call) openText(l *Leg, body string, offer bool) (string, *diag.Reason) {
	if l.srtp == nil && c.srtpMode(l) != "required" && l.trunk.Settings.ICE == "off" && !marked(body) {
		return body, nil
	}
	s, err := sdp.Parse(body)
	if err != nil {
		return body, nil // for those who read it to say so
	}
	b := l.box()
	n := min(len(s.Media), maxLines)
	var to [maxLines]sdp.Protection
	var refused [maxLines]*diag.Reason
	b.fault = nil
	c.hearNames(l, s, offer)
	var alone *protection
	if offer {
		alone = b.standsAlone(s)
	} else if i := b.grouped - 1; i >= 0 && (i >= len(s.Media) || !s.Bundled(i, i)) {
		b.grouped = 0
	}
	for i := range n {
		m := &s.Media[i]
		to[i].Proto = m.Proto
		if !m.IsRTP() {
			continue
		}
		to[i].Proto = unprotected(m)
		to[i].Plain = to[i].Proto == "RTP/AVP"
		if m.Rejected() {
			if offer {
				b.line(i).asked = sdp.Protection{Proto: m.Proto}
			} else if told := b.line(i).told; told != "" {
				to[i].Proto = told
			}
			continue
		}
		if offer && l.trunk.Settings.ICE != "off" && b.joinsGroup(s, i, alone) {
			b.line(i).asked = sdp.Protection{Proto: m.Proto}
			to[i].Refused, refused[i] = true, diag.NotAcceptable
			continue
		}
		if offer {
			if why := c.openOffered(l, s, i, &to[i]); why != nil {
				to[i].Refused, refused[i] = true, why
				continue
			}
			to[i].Mux = m.RTCPMux && l.trunk.Settings.RTCPMux != "off"
			b.line(i).asked.Mux = to[i].Mux
		} else {
			b.openAnswered(s, i, &to[i])
			to[i].Mux = m.RTCPMux && b.line(i).mux // an offer of rtcp-mux is no agreement without the answer's (RFC 5761 §5.1.1)
		}
		to[i].Lines = append(to[i].Lines, c.openICE(l, s, i, offer)...)
		b.line(i).ice.muxed = to[i].Mux
	}
	if why := unspoken(s, refused[:n]); why != nil {
		return body, why
	}
	return string(s.Protect(make([]byte, 0, len(body)), to[:n])), nil
}

// unspoken tells why an offer cannot be when its m-lines with a reason are refused: no audio is left, or nothing at all. Else the rest is for the other side, as where a
// telephone offers SRTP and, in another m-line, RTP for those who have none (RFC 3264 §6).
func unspoken(s *sdp.Session, refused []*diag.Reason) (why *diag.Reason) {
	live, audio, spoken := false, false, false
	for i, r := range refused {
		m := &s.Media[i]
		speaks := strings.EqualFold(m.Kind, "audio")
		switch {
		case r != nil:
			audio = audio || speaks
			if why == nil {
				why = r
			}
		case !m.Rejected():
			live, spoken = true, spoken || speaks
		}
	}
	if live && (spoken || !audio) {
		return nil
	}
	return why
}

// openOffered chooses the keys of an m-line that is offered: the first a=crypto line that we can use (RFC 4568 §5.1.2), or DTLS. Where both would do,
// the trunk says which, and the profile of DTLS means it.
func (c *Call) openOffered(l *Leg, s *sdp.Session, i int, to *sdp.Protection) *diag.Reason {
	m, b, set := &s.Media[i], l.srtp, l.trunk.Settings
	at := b.line(i)
	at.asked, at.rtp = sdp.Protection{Proto: m.Proto}, false
	mode := c.srtpMode(l)
	if mode == "notSupported" {
		if m.Secure() {
			return diag.SRTPNotSupported
		}
		return nil
	}
	shakes := m.Fingerprint && c.env.handshakes()
	if shakes && (set.SRTPKeying == "dtls" || strings.Contains(strings.ToUpper(m.Proto), "TLS")) && c.takesDTLS(l, s, i, to) {
		return nil
	}
	for k := range s.Cryptos(i) {
		suite, ok := usable(&k)
		if !ok || !slices.Contains(set.SRTPSuites, k.Suite) {
			continue
		}
		at.asked = sdp.Protection{Proto: m.Proto, Crypto: []string{sdp.FormatCrypto(k.Tag, k.Suite, b.key(c.env, i, suite))}}
		to.Crypto = []string{k.Value}
		return nil
	}
	switch {
	case shakes && c.takesDTLS(l, s, i, to):
		return nil
	case m.Secure():
		return diag.SRTPNoKeys
	case mode == "required":
		return diag.SRTPRequired
	}
	at.rtp = set.SRTPMode == "required"
	return nil
}

// openAnswered finds the line that the peer has chosen of ours (RFC 4568 §5.1.3), or its DTLS.
func (b *strongbox) openAnswered(s *sdp.Session, i int, to *sdp.Protection) {
	m, at := &s.Media[i], b.line(i)
	for k := range s.Cryptos(i) {
		suite, ok := usable(&k)
		if !ok || !slices.Contains(at.shown.Crypto, sdp.FormatCrypto(k.Tag, k.Suite, at.ours[suite-1])) {
			continue
		}
		to.Crypto = []string{k.Value}
		return
	}
	if m.Fingerprint && hasDTLS(&at.shown) {
		if to.Lines = heardDTLS(s, i, s.Setup(i) != "passive"); to.Lines != nil {
			at.dtls.active, at.dtls.theirs = s.Setup(i) == "passive", spoken(s, i)
			return
		}
	}
	switch {
	case m.Secure():
		b.fault = fmt.Errorf("m-line %d: SRTP without a key that fits our offer", i+1)
	case at.must:
		b.fault = fmt.Errorf("m-line %d: RTP, and srtpMode of the trunk is required", i+1)
	}
}

// usable tells whether an a=crypto line is one that we can work with.
func usable(k *sdp.Crypto) (media.Suite, bool) {
	suite, ok := media.SuiteNamed(k.Suite)
	if !ok || k.Declined {
		return 0, false
	}
	for i := range k.Keys {
		key := &k.Keys[i]
		if len(key.Material) != suite.KeySize() || len(key.MKI) != len(k.Keys[0].MKI) || len(k.Keys) > 1 && key.MKI == "" {
			return 0, false
		}
		if slices.ContainsFunc(k.Keys[:i], func(o sdp.CryptoKey) bool { return o.MKI == key.MKI }) { // which of them is meant, no packet says (RFC 4568 §6.1)
			return 0, false
		}
	}
	return suite, true
}

// crypt is the protection of an m-line by a description that was opened; nil: RTP. Of the line that was chosen a key is missing never; if it were,
// nothing would pass.
func (l *Leg) crypt(s *sdp.Session, i int) *media.Crypt {
	if l.srtp == nil || !s.Media[i].Crypto || i >= maxLines {
		return nil
	}
	c := &media.Crypt{}
	for k := range s.Cryptos(i) {
		suite, ok := usable(&k)
		if !ok || l.srtp.line(i).ours[suite-1] == "" {
			break
		}
		c.Suite, c.Send = suite, l.srtp.line(i).ours[suite-1]
		for _, key := range k.Keys {
			c.Recv = append(c.Recv, media.MasterKey{Key: strings.Clone(key.Material), MKI: key.MKI})
		}
		break
	}
	return c
}

// say puts a description of ours into a message, sealed for the leg that it goes to.
func (c *Call) say(l *Leg, m *sip.Message, text string) {
	if text == "" {
		return
	}
	answer := c.answers(l, m)
	l.toward = toward(m)
	m.SetBody("application/sdp", c.utter(l, text, answer))
	l.toward = "" // it may be part of a message that came
}

// answers tells whether the description in a message of ours is an answer.
func (c *Call) answers(l *Leg, m *sip.Message) bool {
	if m.IsRequest() {
		return m.Method != "INVITE" && m.Method != "UPDATE"
	}
	_, method, _ := m.CSeq()
	if method != "INVITE" || l.inv == nil {
		return true
	}
	_, offered := l.inv.SDP()
	return offered
}

// seal protects a description of ours as the leg has it.
func (c *Call) seal(l *Leg, text string, offer bool) string {
	text = c.widen(l, text, offer)
	set := l.trunk.Settings
	plain := set.SRTPMode != "required" && set.SRTPMode != "optional" && set.RTCPMux != "offer" && set.ICE == "off"
	if c.plan.bypass || c.plan.passKeys || l.srtp == nil && plain {
		return text
	}
	s, err := sdp.Parse(text)
	if err != nil {
		return text
	}
	b := l.box()
	n, lite := min(len(s.Media), maxLines), false
	var to [maxLines]sdp.Protection
	for i := range n {
		m, at := &s.Media[i], b.line(i)
		to[i].Proto = m.Proto
		if !m.IsRTP() {
			to[i].Lines = b.name(s, i, false)
			continue
		}
		if offer {
			at.told = strings.Clone(m.Proto)
		}
		switch {
		case !offer:
			to[i] = at.asked
		case m.Rejected():
			to[i].Proto = at.proto
		default:
			c.offerKeys(l, i, m.Proto)
			to[i] = at.shown
			to[i].Mux = at.mux || l.trunk.Settings.RTCPMux == "offer" || hasDTLS(&to[i]) && l.trunk.Settings.RTCPMux != "off"
		}
		at.proto = to[i].Proto
		if m.Rejected() {
			to[i].Crypto, to[i].Mux, to[i].Lines = nil, false, b.name(s, i, false)
			if set.ICE != "off" && strings.Contains(to[i].Proto, "TLS") {
				to[i].Formats = b.refuse(i, offer, &to[i].Lines)
			}
			continue
		}
		if at.shown, at.mux = to[i], to[i].Mux; !offer {
			at.must = false
		}
		if offer {
			at.ice.offered = c.offersICE(l, i)
			if e := c.standing(l, i); e != nil && e.ice != nil {
				at.ice.ufrag, at.ice.pwd = e.ice.Ufrag, e.ice.Pwd // as with DTLS
			}
		}
		if offer && at.ice.offered || !offer && at.ice.answers {
			to[i].Lines = slices.Concat(to[i].Lines, c.sayICE(l, i, m, to[i].Mux && (!offer || at.ice.muxed)))
			lite = l.trunk.Settings.ICE == "lite"
		}
		if offer && at.ice.offered {
			c.expectICE(l, i)
		}
		to[i].Lines = slices.Concat(to[i].Lines, b.name(s, i, offer && at.ice.offered && hasDTLS(&to[i])))
		if !offer && at.ice.mismatch {
			to[i].Lines = append(to[i].Lines, "ice-mismatch") // RFC 8839 §5.3
		}
	}
	var session []string
	if lite {
		session = []string{"ice-lite"}
	}
	if group := b.group(s, to[:n], offer); group != "" {
		session = append(session, group)
	}
	return b.said.revise(string(s.Protect(make([]byte, 0, len(text)+256), to[:n], session...)), s.Origin.ID, s.Origin.Version, l.cuts, l.toward)
}

// offerKeys decides what an m-line is offered with. What stands is said again, so that a refresh changes nothing.
func (c *Call) offerKeys(l *Leg, i int, proto string) {
	b, set := l.srtp, l.trunk.Settings
	at := b.line(i)
	if len(at.shown.Crypto) > 0 || hasDTLS(&at.shown) {
		at.must = at.must || strings.Contains(at.shown.Proto, "SAVP") // an answer of ours was
		if hasDTLS(&at.shown) {
			if e := c.standing(l, i); e != nil && e.dtls != nil { // whatever offers of the peer came to nothing since
				at.dtls.id, at.dtls.theirs, _ = strings.Cut(e.dtls.Association, " ")
				at.dtls.active = e.dtls.Active
			}
			at.shown.Lines = at.describeDTLS(c.env, "actpass", true)
		}
		if !l.up { // the target is called again, at its next address or by another transport
			c.expectKeys(l, i)
		}
		return
	}
	at.shown, at.must = sdp.Protection{Proto: proto}, false
	mode := set.SRTPMode
	if at.rtp {
		mode = "accept"
	}
	keying := set.SRTPKeying
	if mode != "required" && mode != "optional" {
		if mode, keying = b.agreed(); mode == "" || at.rtp || c.standing(l, i) != nil { // or it stands without
			return
		}
	}
	if !c.env.handshakes() {
		keying = "sdes"
	}
	if mode == "required" {
		secure := "RTP/SAVP"
		if keying == "dtls" {
			secure = "UDP/TLS/RTP/SAVP" // RFC 5764 §8
		}
		at.shown.Proto, at.must = strings.Replace(proto, "RTP/AVP", secure, 1), true
	}
	if keying != "dtls" {
		for n, name := range set.SRTPSuites {
			if suite, ok := media.SuiteNamed(name); ok {
				at.shown.Crypto = append(at.shown.Crypto, sdp.FormatCrypto(n+1, name, b.key(c.env, i, suite)))
			}
		}
	}
	if keying != "sdes" {
		at.shown.Lines = at.describeDTLS(c.env, "actpass", true) // RFC 5763 §5
	}
	c.expectKeys(l, i)
}

// expectKeys has the relay wait for the keys that an m-line is offered with: nothing passes until the answer says which, and a peer that begins a handshake need not wait for its answer to come here
// (RFC 5763 §6.2). What stands without keys goes on so until it is agreed that it has some.
func (c *Call) expectKeys(l *Leg, i int) {
	if i >= len(c.plan.lines) || c.xfer != nil || c.standing(l, i) != nil { // until a transfer is through, the side is another leg's
		return
	}
	at, e := l.srtp.line(i), &c.plan.lines[i].peer[l.side]
	if e.crypt != nil || e.dtls != nil {
		return
	}
	e.crypt, c.plan.dirty = &media.Crypt{}, true
	if hasDTLS(&at.shown) {
		e.dtls = &media.DTLS{Association: at.dtls.id}
	}
}

// agreed is the way of SRTP in which another m-line stands, if one does: who has chosen that for what it says wants no video in clear beside it.
func (b *strongbox) agreed() (mode, keying string) {
	for _, at := range b.lines {
		if at == nil {
			continue
		}
		said := &at.shown
		mode, keying = "optional", "sdes"
		if strings.Contains(said.Proto, "SAVP") {
			mode = "required"
		}
		if hasDTLS(said) {
			keying = "dtls"
		}
		if keying == "dtls" || len(said.Crypto) > 0 {
			return mode, keying
		}
	}
	return "", ""
}

// unprotected is the profile of RTP that goes with one of SRTP. The feedback of RFC 4585 ends here for audio, which has hardly a use for it, as many
// peers take no profile that has it; the early feedback of video is for the other side.
func unprotected(m *sdp.Media) string {
	proto := strings.ToUpper(m.Proto)
	switch {
	case strings.HasSuffix(proto, "F") && !strings.EqualFold(m.Kind, "audio"):
		return "RTP/AVPF"
	case strings.HasSuffix(proto, "RTP/AVP"):
		return m.Proto
	}
	return "RTP/AVP"
}
