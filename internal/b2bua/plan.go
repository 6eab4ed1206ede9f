package b2bua

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
)

// errNoAnswer says that a 2xx came without the answer to our offer (RFC 3261 §13.2.1).
var errNoAnswer = errors.New("2xx without an answer to our offer")

// maxLines bounds the m-lines that get ports; further ones are refused with port 0.
const maxLines = 4

// openTries is how many sets of ports are tried when the system will not give them.
const openTries = 3

// plan is the media of a call: what each side has said, our ports, and the session that the relay runs.
type plan struct {
	bypass bool    // SDP goes through as it is, to the target that is called or has answered (TRK-05)
	offers *offers // nil: all targets are told the same
	widest int     // kbit/s that a codec may need, 0: any (CAC-02)
	// noVideo: the links have no room for it.
	noVideo bool
	// passKeys: keys are between the peers, and packets pass unread.
	passKeys  bool
	lines     []line
	tries     int
	opened    bool
	known     [2]int        // lines that the relay has been told of, before and with the last update
	dirty     bool          // the relay must be told
	base      [2]netip.Addr // our media addresses toward each side
	host      [2]netip.Addr // that each side's signalling comes from, as the relay was last told
	presses   []media.Press // the last keys of one side that the other is to have
	lastPress uint32
}

// line is one m-line.
type line struct {
	opaque bool   // not RTP
	sealed bool   // SRTP whose keys pass
	clock  uint32 // of dynamic payload types, Hz
	ours   [2]uint16
	peer   [2]end
}

// end is what one side's SDP says of an m-line.
type end struct {
	rtp, rtcp netip.AddrPort
	mux       bool // RTCP comes, and goes, on the RTP port
	live      bool
	dir       sdp.Direction
	voices    voices
	relatch   uint32
	crypt     *media.Crypt
	takes     media.PayloadTypes // that it has named
	digits    media.PayloadTypes // of those, telephone-event
	dtls      *media.DTLS
	video     int           // kbit/s of live video
	ptime     int           // a=ptime, in ms
	asks      bool          // it has offered to speak otherwise, and is not answered yet
	speech    *media.Speech // how it speaks where the other side does otherwise; nil: as the other side does
	inner     *media.Speech // how the other side hears that it speaks
	said      *media.Speech // what its description has, where it is made louder
	unusable  netip.Addr    // of its SDP, to which nothing can be sent: 0.0.0.0
	ice       *media.ICE
}

// description is what was said on one leg: our last body and the peer's.
type description struct {
	id, version uint64 // of the last body that was sent, whatever came of it
	shown       string // that body
	body        string // ours that stands
	peer        uint64 // the fingerprint of theirs that stands; 0 none
	codec       string
}

// start draws the session id of o= (RFC 8866 §5.2).
func (d *description) start(e *Env) {
	*d = description{id: e.Rand.Uint64() >> 2, version: 1}
}

// again says what stands once more. If another description was sent meanwhile and refused, the version has to rise once more
// (RFC 3264 §8).
func (d *description) again() string {
	if d.shown == d.body || d.body == "" {
		return d.body
	}
	shown, stands := originVersion(d.shown), " "+originVersion(d.body)+" IN IP"
	if strings.Replace(d.body, stands, " "+shown+" IN IP", 1) == d.shown {
		d.body = d.shown // the refused one said the same
		return d.body
	}
	n, _ := strconv.ParseUint(shown, 10, 64)
	d.version = n + 1
	return d.say(strings.Replace(d.body, stands, " "+strconv.FormatUint(d.version, 10)+" IN IP", 1))
}

// originVersion is the version in the o= line of a body of ours.
func originVersion(body string) string {
	_, o, _ := strings.Cut(body, "\r\no=")
	for range 2 {
		_, o, _ = strings.Cut(o, " ")
	}
	v, _, _ := strings.Cut(o, " ")
	return v
}

// adopt makes the description of the fork that answered the leg's own.
func (l *Leg) adopt(d *description) {
	peer := l.sdp.peer
	l.sdp = *d
	l.sdp.peer = peer
}

// refreshes tells whether an offer of the peer says what its last description said, so that what we said last is an answer to
// it. That may have been an offer, to which the peer's was the answer: then its directions need not fit the other way round.
func (d *description) refreshes(body string) bool {
	if d.peer == 0 || d.body == "" {
		return false
	}
	offer, err := sdp.Parse(body)
	if err != nil || fingerprint(offer) != d.peer {
		return false
	}
	ours, err := sdp.Parse(d.body)
	return err == nil && sdp.AnswerFits(offer, ours) == nil && len(sdp.AnswerRemarks(offer, ours)) == 0
}

// fingerprint is the same for two descriptions that differ in nothing but the version of o= (FNV-1a). Who forges a collision
// deceives only itself: its own change is then not carried on.
func fingerprint(s *sdp.Session) uint64 {
	h := uint64(14695981039346656037)
	mix := func(t string) {
		for i := 0; i < len(t); i++ {
			h = (h ^ uint64(t[i])) * 1099511628211
		}
		h = (h ^ 0x0a) * 1099511628211
	}
	for typ, value := range s.Lines() {
		if typ == 'a' && strings.HasPrefix(value, sdp.SpeechNote) {
			continue
		}
		h = (h ^ uint64(typ)) * 1099511628211
		if o := s.Origin; typ == 'o' && o.ID != "" {
			for _, part := range [...]string{o.User, o.ID, o.NetType, o.AddrTyp, o.Address} {
				mix(part)
			}
			continue
		}
		mix(strings.TrimRight(value, " \t"))
	}
	return max(h, 1)
}

// parseOffer reads an offer that must have at least one m-line to speak of.
func parseOffer(body string) (*sdp.Session, error) {
	s, err := sdp.Parse(body)
	if err != nil {
		return nil, err
	}
	if len(s.Media) == 0 {
		return nil, errors.New("no m-line")
	}
	return s, nil
}

// offered takes the caller's first offer.
func (p *plan) offered(l *Leg, s *sdp.Session) {
	p.lines = make([]line, min(len(s.Media), maxLines))
	p.take(l, s)
}

// take notes what the description of a leg's peer says.
func (p *plan) take(l *Leg, s *sdp.Session) {
	for i := range s.Media {
		if i >= len(p.lines) {
			return
		}
		m, e := &s.Media[i], &p.lines[i].peer[l.side]
		p.lines[i].opaque = !m.IsRTP()
		was := e.rtp
		e.live, e.mux, e.dir, e.voices = !m.Rejected(), m.RTCPMux, m.Direction, voicesOf(m)
		e.takes, e.digits, p.lines[i].clock = payloadTypes(m)
		e.video = network.VideoBandwidth(s, i)
		p.lines[i].sealed = p.passKeys && (m.Secure() || m.Crypto || m.Fingerprint)
		if !p.passKeys {
			e.crypt, e.dtls, e.ice = l.crypt(s, i), l.dtls(s, i), l.ice(s, i)
		}
		e.rtp, e.rtcp = netip.AddrPort{}, m.RTCP
		e.unusable = netip.Addr{}
		if e.live && m.Conn.IsUnspecified() {
			if e.ice == nil { // with ICE its candidates say where it is
				e.unusable = m.Conn
			}
		} else if e.live && m.Conn.IsValid() {
			e.rtp = netip.AddrPortFrom(m.Conn.Unmap(), m.Port)
		}
		if e.rtp != was {
			e.relatch++
		}
		if !p.passKeys {
			p.lines[i].speaks(l.side, s, i, l.trunk.Settings.SignalBoost > 0)
		}
	}
	p.dirty = true
}

// openMedia takes ports and asks the relay to open them, unless the media goes past us.
func (c *Call) openMedia(now time.Time, out *Out) {
	p := &c.plan
	if p.bypass = c.foresee(); p.bypass {
		c.phase = phaseHunting
		c.hunt(now, out)
		return
	}
	switch p.passKeys = c.passesKeys(); {
	case !p.passKeys:
		raw := c.offered
		if why := c.openOffer(); why != nil {
			c.refuse(now, why, "", out)
			return
		}
		if raw != c.offered && c.a.trunk.Settings.EnableBypass { // any target may be bypassed, also one that a 3xx names
			p.offers = &offers{raw: raw, opened: c.offered}
		}
	case c.offered != nil:
		p.offered(&c.a, c.offered) // nothing in it is for us, neither keys nor codecs
	}
	if c.announces() && !c.audience(now) {
		c.refuse(now, c.decision.Reason, "", out)
		return
	}
	if p.lines == nil {
		p.lines = make([]line, 1) // offerless: one m-line until the target makes its offer
	}
	p.host[0] = c.a.hop.Remote.Addr()
	p.base[0] = c.env.mediaAddr(c.callerMedia())
	p.base[1] = c.env.mediaAddr(c.firstTarget())
	if !p.takePorts(now, c) {
		c.refuse(now, diag.MediaPorts, "", out)
		return
	}
	out.Media = append(out.Media, MediaOp{MediaOpen, p.session(c)})
	p.dirty = false
}

// takePorts draws a pair of ports per m-line and side, all or none.
func (p *plan) takePorts(now time.Time, c *Call) bool {
	for i := range p.lines {
		for s := range p.lines[i].ours {
			port, ok := c.env.Ports.Take(now)
			if !ok {
				p.release(now, c)
				return false
			}
			p.lines[i].ours[s] = port
		}
	}
	return true
}

func (p *plan) release(now time.Time, c *Call) {
	for i := range p.lines {
		for s, port := range p.lines[i].ours {
			if port != 0 {
				c.env.Ports.Release(now, port)
				p.lines[i].ours[s] = 0
			}
		}
	}
}

// callerMedia is an address of the caller's media family.
func (c *Call) callerMedia() netip.Addr {
	for i := range c.plan.lines {
		if r := c.plan.lines[i].peer[0].rtp; r.IsValid() {
			return r.Addr()
		}
	}
	return c.a.hop.Remote.Addr()
}

// firstTarget is an address of the first target's family.
func (c *Call) firstTarget() netip.Addr {
	if len(c.decision.Targets) > 0 {
		return c.decision.Targets[0].Trunk.Gateway.Addr
	}
	return netip.Addr{}
}

// targetHost is the host that the INVITE of the target went to.
func (c *Call) targetHost() netip.Addr {
	t := c.won
	if t == nil {
		t = c.current
	}
	if t == nil || t.leg.callID == "" && len(t.hops) == 0 {
		return c.firstTarget()
	}
	return t.host()
}

// MediaOpened answers MediaOpen. A port that something else holds is left in quarantine and others are tried.
func (c *Call) MediaOpened(now time.Time, err error, out *Out) {
	p := &c.plan
	if p.opened || c.phase == phaseAnswered {
		if err != nil && p.opened {
			p.updateFailed(now, c, out)
		}
		return
	}
	if err == nil {
		p.opened, p.tries = true, 0
		p.known = [2]int{len(p.lines), len(p.lines)}
		if c.end != nil {
			c.plan.close(now, c, out)
			return
		}
		c.phase = phaseHunting
		if c.announces() {
			c.announce(now, out)
		} else {
			c.hunt(now, out)
		}
		c.settle(now, out)
		return
	}
	p.release(now, c)
	p.tries++
	if c.end == nil && p.tries < openTries && p.takePorts(now, c) {
		out.Media = append(out.Media, MediaOp{MediaOpen, p.session(c)})
		return
	}
	if c.end != nil {
		c.write(now, out)
		return
	}
	c.finish(now, diag.MediaOpenFailed, "directsip", err.Error(), out)
	c.settle(now, out)
}

// session is the wanted state of the relay.
func (p *plan) session(c *Call) *media.Session {
	room := &struct { // one allocation for an ordinary call
		s media.Session
		v [1]media.Stream
	}{}
	s := &room.s
	s.Presses = p.presses
	s.ID, s.Streams = c.id, room.v[:min(len(p.lines), 1)]
	p.host[1] = c.targetHost()
	if c.near != nil {
		p.host[0] = c.near.host()
	}
	if len(p.lines) > 1 {
		s.Streams = make([]media.Stream, len(p.lines))
	}
	muted := c.muted()
	for i := range p.lines {
		ln := &p.lines[i]
		passed := p.passKeys && !(ln.peer[0].mux && ln.peer[1].mux) // rtcp-mux is between the peers, too, and one has not agreed
		for k := range ln.peer {
			e := &ln.peer[k]
			set := c.sideSettings(media.SideIndex(k))
			s.Streams[i].Side[k] = media.Side{
				Local: netip.AddrPortFrom(p.base[k], ln.ours[k]), Remote: p.reach(k, e.rtp), RemoteRTCP: p.reach(k, e.rtcp), Mux: e.mux && !passed,
				Latch: latch(set), Signalling: p.host[k], FixedSSRC: set.SSRCPolicy == "fixed", XR: set.RTCPXR, Relatch: e.relatch, Crypt: e.crypt, DTLS: e.dtls, ICE: e.ice,
				Send: !muted && (e.dir.Recv() || e.dir == sdp.DirectionUnset), Recv: !muted && (e.dir.Send() || e.dir == sdp.DirectionUnset), Agreed: ln.peer[1-k].takes,
				Digits: ln.peer[1-k].digits,
			}
		}
		s.Streams[i].Opaque, s.Streams[i].ClockRate, s.Streams[i].Sealed = ln.opaque, ln.clock, ln.sealed
		c.speak(ln, &s.Streams[i])
	}
	if c.phase == phaseAnswered && !c.announces() {
		s.Timeout = p.timeouts(c)
	}
	if play := c.playing(); play != nil && play.Stream < len(p.lines) { // what is ours is heard also before others may be
		s.Play = play
		s.Streams[play.Stream].Side[play.To].Send = p.lines[play.Stream].peer[play.To].dir.Recv()
	}
	return s
}

// latch is a trunk's rtpLatching as the relay knows it.
func latch(set *topologySettings) media.Latch {
	switch set.RTPLatching {
	case "peer":
		return media.LatchPeer
	case "any":
		return media.LatchAny
	}
	return media.LatchOff
}

// reach is an address of the peer if our side of the media has its family; else the peer is known when it sends.
func (p *plan) reach(side int, peer netip.AddrPort) netip.AddrPort {
	if peer.IsValid() && peer.Addr().Unmap().Is4() != p.base[side].Is4() {
		return netip.AddrPort{}
	}
	return peer
}

// timeouts are the silences after which a side counts as dead (TRK-09, TRK-10).
func (p *plan) timeouts(c *Call) (t [2]time.Duration) {
	if x := c.xfer; x != nil && x.stage < transferTelling {
		return t // the referrer may be gone before its place is taken
	}
	for k := range t {
		set := c.sideSettings(media.SideIndex(k))
		sends, held := false, true
		for i := range p.lines {
			e := p.lines[i].peer
			if !e[0].live || !e[1].live {
				continue
			}
			sends = sends || e[k].dir.Send()
			held = held && (e[0].dir != sdp.SendRecv || e[1].dir != sdp.SendRecv)
		}
		switch {
		case held && set.RTCPCallsOnHold, !held && sends && set.RTCPActiveCalls:
			t[k] = set.MediaTimeout
		}
	}
	return t
}

// sideSettings are the settings of the trunk on a side.
func (c *Call) sideSettings(side media.SideIndex) *topologySettings {
	switch {
	case c.seat(side) != nil:
		return c.seat(side).trunk.Settings
	case c.current != nil:
		return c.current.target.Trunk.Settings
	case len(c.decision.Targets) > 0:
		return c.decision.Targets[0].Trunk.Settings
	}
	return c.a.trunk.Settings
}

// standing is the state of a session before an exchange that may fail.
type standing struct {
	peer  uint64 // what the side that asks had said
	body  string // what we had said to the other one
	lines []line
}

// standing remembers the session as it is.
func (p *plan) standing(from, to *Leg) standing {
	return standing{peer: from.sdp.peer, body: to.sdp.body, lines: slices.Clone(p.lines)}
}

// restore undoes a refused exchange: the session is what it was (RFC 3261 §14.1). Ports taken meanwhile stay.
func (p *plan) restore(_ *Call, e *exchange) {
	if e.before.lines == nil {
		return
	}
	e.from.sdp.peer, e.to.sdp.body = e.before.peer, e.before.body
	for i := range p.lines {
		was := line{}
		if i < len(e.before.lines) {
			was = e.before.lines[i]
		}
		was.ours = p.lines[i].ours
		for k := range was.peer { // a value seen before would not open the gate again
			if now := &p.lines[i].peer[k]; now.rtp != was.peer[k].rtp {
				was.peer[k].relatch = now.relatch + 1
			}
		}
		p.lines[i] = was
	}
	e.before.lines = nil
	p.dirty = true
}

// tell sends the relay what has changed since it was last told.
func (p *plan) tell(c *Call, out *Out) {
	if p.dirty && p.opened && !c.closing {
		p.known = [2]int{p.known[1], len(p.lines)}
		out.Media = append(out.Media, MediaOp{MediaUpdate, p.session(c)})
	}
	p.dirty = false
}

// face turns side B toward a target: our address of its family, and the host that may send.
func (p *plan) face(c *Call, peer netip.Addr) {
	if a := c.env.mediaAddr(peer); a != p.base[1] {
		p.base[1], p.dirty = a, true
	}
	p.dirty = p.dirty || c.targetHost() != p.host[1]
	for i := range p.lines {
		p.lines[i].peer[1] = end{relatch: p.lines[i].peer[1].relatch}
	}
}

// updateFailed takes the report that the relay could not do what it was last told. m-lines that were new are given up, their
// ports being held by something else; anything else is tried again, and then the call goes on with what it has.
func (p *plan) updateFailed(now time.Time, c *Call, out *Out) {
	if c.closing {
		return
	}
	if p.known[0] < p.known[1] {
		for _, ln := range p.lines[p.known[0]:] {
			for _, port := range ln.ours {
				c.env.Ports.Release(now, port)
			}
		}
		p.lines = p.lines[:p.known[0]]
	} else if p.tries++; p.tries >= openTries {
		p.tries = 0
		return
	}
	p.known[1] = len(p.lines)
	p.dirty = true
	p.tell(c, out)
}

// offerTo is the caller's offer as a target sees it.
func (p *plan) offerTo(c *Call, l *Leg) string {
	c.a.sdp.peer = fingerprint(c.offered)
	if p.bypass {
		return l.sdp.pass(c.offered)
	}
	p.face(c, l.hop.Remote.Addr())
	return p.write(c, c.offered, l, &l.sdp)
}

// say notes a body of ours that goes out as it is.
func (d *description) say(body string) string {
	d.shown, d.body = body, body
	return body
}

// write writes a description of the other leg for l into d. The version rises only when something changed (RFC 3264 §8).
func (p *plan) write(c *Call, s *sdp.Session, l *Leg, d *description) string {
	return p.writeAt(c, s, l, d, p.base[l.side])
}

// writeAt is write with an address of ours that l's side may not have yet.
func (p *plan) writeAt(c *Call, s *sdp.Session, l *Leg, d *description, base netip.Addr) string {
	var slots [maxLines]sdp.MediaAddr
	n := min(len(s.Media), len(p.lines))
	for i := range n {
		slots[i] = sdp.MediaAddr{Addr: base, Port: p.lines[i].ours[l.side], RTCPPort: p.lines[i].ours[l.side] + 1,
			Drop: p.noVideo && strings.EqualFold(s.Media[i].Kind, "video")}
	}
	return d.rewrite(s, &sdp.Rewrite{Address: base, Media: slots[:n], Codecs: c.codecs(s, l.trunk.Settings), Mux: p.passKeys, KeepKeys: p.passKeys})
}

// rewrite says what r makes of a description of a peer's, with a new version when it is not what was said last.
func (d *description) rewrite(s *sdp.Session, r *sdp.Rewrite) string {
	r.SessionID, r.Version, r.UserName = d.id, d.version, "directsip"
	var buf [1024]byte
	text := s.Rewrite(buf[:0], r)
	switch {
	case string(text) == d.shown:
		d.body = d.shown
		return d.body
	case d.shown != "":
		d.version++
		r.Version = d.version
		text = s.Rewrite(buf[:0], r)
	}
	return d.say(string(text))
}

// pass says a description of the other side when media goes past us.
func (d *description) pass(s *sdp.Session) string {
	var buf [1024]byte
	text := s.PassAs(buf[:0], "directsip", d.id, d.version)
	switch {
	case string(text) == d.shown:
		d.body = d.shown
		return d.body
	case d.shown != "":
		d.version++
		text = s.PassAs(buf[:0], "directsip", d.id, d.version)
	}
	return d.say(string(text))
}

// decline answers an offer that nobody takes: with what stands if that fits, else by refusing every m-line.
func (p *plan) decline(c *Call, l *Leg, offer string) string {
	s, err := sdp.Parse(offer)
	if err != nil {
		return ""
	}
	if b, err := sdp.Parse(l.sdp.body); c.end == nil && err == nil && sdp.AnswerFits(s, b) == nil {
		return l.sdp.again()
	}
	return p.refuse(s, l, &l.sdp)
}

// secure tells whether a description is of SRTP. Its keys are the peers' own: they pass, and so do the packets, unread.
func secure(s *sdp.Session) bool {
	for i := range s.Media {
		if s.Media[i].Secure() {
			return true
		}
	}
	return false
}

// carry takes a description of one leg and writes it for the other.
func (p *plan) carry(c *Call, from, to *Leg, s *sdp.Session) string {
	return p.carryInto(c, from, to, &to.sdp, s)
}

// carryInto is carry with the description of an early dialog.
func (p *plan) carryInto(c *Call, from, to *Leg, d *description, s *sdp.Session) string {
	from.sdp.peer = fingerprint(s)
	if p.bypass {
		return d.pass(s)
	}
	p.grow(c, s)
	p.take(from, s)
	if c.phase == phaseAnswered {
		p.withMusic(from, to, s)
	}
	return p.write(c, s, to, d)
}

// grow gives ports to m-lines that a later offer adds.
func (p *plan) grow(c *Call, s *sdp.Session) {
	for len(p.lines) < min(len(s.Media), maxLines) && p.opened {
		a, okA := c.env.Ports.Take(c.now)
		if !okA {
			return
		}
		b, okB := c.env.Ports.Take(c.now)
		if !okB {
			c.env.Ports.Release(c.now, a)
			return
		}
		p.lines = append(p.lines, line{ours: [2]uint16{a, b}})
		p.dirty = true
	}
}

// earlyAnswer carries the description of a provisional response; "" when it cannot be understood.
func (p *plan) earlyAnswer(c *Call, l *Leg, f *fork, body string) string {
	s, err := sdp.Parse(body)
	if err != nil || p.fits(c, l, s) != nil {
		return ""
	}
	return p.carryInto(c, l, &c.a, &f.sdp, s)
}

// answerFrom carries an answer from one leg to the other.
func (p *plan) answerFrom(c *Call, from, to *Leg, body string) (string, error) {
	s, err := sdp.Parse(body)
	if err != nil {
		return "", err
	}
	if err := p.fits(c, from, s); err != nil {
		return "", err
	}
	if codec, ok := s.FirstAudioCodec(); ok {
		c.a.sdp.codec = strings.Clone(codec.Name)
		from.sdp.codec, to.sdp.codec = c.a.sdp.codec, c.a.sdp.codec
	}
	text := p.carry(c, from, to, s)
	p.nameCodecs(from, to)
	return text, nil
}

// fits checks an answer against what we offered on its leg (RFC 3264 §6), and mirrors its directions.
func (p *plan) fits(c *Call, from *Leg, answer *sdp.Session) error {
	if from.srtp != nil && from.srtp.fault != nil {
		return from.srtp.fault
	}
	offer := c.offered // the caller's own offer went on with nothing left out
	if offer == nil || len(offer.Media) > len(p.lines) || len(from.trunk.Settings.Codecs) > 0 || p.widest > 0 || p.noVideo {
		return fitTo(from.sdp.body, answer)
	}
	if err := sdp.AnswerFits(offer, answer); err != nil {
		return err
	}
	mirror(offer, answer)
	return nil
}

// offerFrom carries an offer from one leg to the other.
func (p *plan) offerFrom(c *Call, from, to *Leg, body string) (string, error) {
	s, err := parseOffer(body)
	if err != nil {
		return "", err
	}
	return p.carry(c, from, to, s), nil
}

// close has the relay close the media; the record waits for its counters.
func (p *plan) close(now time.Time, c *Call, out *Out) {
	if p.opened {
		if !c.closing {
			out.Media = append(out.Media, MediaOp{MediaClose, &media.Session{ID: c.id}})
		}
		c.closing = true
		return
	}
	if !p.opened && p.lines != nil && p.lines[0].ours[0] != 0 {
		return // MediaOpened is still to come and closes
	}
	c.write(now, out)
}

// MediaClosed answers MediaClose with the final counters.
func (c *Call) MediaClosed(now time.Time, st media.Stats, out *Out) {
	if c.end == nil {
		c.vacated(now)
		return
	}
	if !c.written {
		c.recordMedia(c.rec, &st)
	}
	c.plan.release(now, c)
	c.write(now, out)
	c.settle(now, out)
}

// MediaEvent takes what the relay noticed.
func (c *Call) MediaEvent(now time.Time, ev media.Event, out *Out) {
	if ev.Kind == media.EventKey {
		c.keyHeard(now, ev, out)
		c.settle(now, out)
		return
	}
	if ev.Kind == media.EventPlayed {
		c.played(now, ev.Play, out)
		c.settle(now, out)
		return
	}
	if ev.Kind != media.EventDead || c.phase != phaseAnswered {
		return
	}
	by := "caller"
	if ev.Side == 1 {
		by = "callee"
	}
	c.finish(now, diag.MediaDead, "directsip", "nothing arrived from the "+by, out)
	c.settle(now, out)
}
