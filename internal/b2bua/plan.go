package b2bua

import (
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
)

// maxLines bounds the m-lines of RTP that get ports, and mostLines those of T.38, which may stand behind what a telephone with video has; further ones are refused with port 0.
const (
	maxLines  = 4
	mostLines = 8
)

// places is how many m-lines of a description get ports.
func places(s *sdp.Session) int {
	n := min(len(s.Media), maxLines)
	for i := n; i < min(len(s.Media), mostLines); i++ {
		if m := &s.Media[i]; !m.IsRTP() && !m.Rejected() && m.Relayable(false) {
			n = i + 1
		}
	}
	return n
}

// plan is the media of a call: what each side has said, our ports, and the session that the relay runs.
type plan struct {
	bypass bool            // SDP goes through as it is, to the target that is called or has answered (TRK-05)
	offers *offers         // nil: all targets are told the same
	limits *network.Limits // that a codec has to fit; nil: any does (CAC-02)
	// noVideo: the links to the target that is called, or has answered, have no room for it.
	noVideo bool
	reckons bool // what is said is reckoned in kbit/s
	// passKeys: keys are between the peers, and packets pass unread.
	passKeys  bool
	lines     []line
	tries     int
	opened    bool
	dirty     bool          // the relay must be told
	base      [2]netip.Addr // our media addresses toward each side
	host      [2]netip.Addr // that each side's signalling comes from, as the relay was last told
	presses   []media.Press // the last keys of one side that the other is to have
	lastPress uint32
}

// line is one m-line.
type line struct {
	opaque bool               // not RTP
	audio  bool               // of RTP
	kind   kind               // what it is, once it was audio that
	sealed bool               // SRTP whose keys pass
	clock  uint32             // of dynamic payload types, Hz, …
	slow   media.PayloadTypes // … of which these have 8000
	ours   [2]uint16
	peer   [2]end
}

// end is what one side's SDP says of an m-line.
type end struct {
	rtp, rtcp netip.AddrPort
	mux       bool // RTCP comes, and goes, on the RTP port
	live      bool
	refused   bool // it has said that it does not want it
	dir       sdp.Direction
	wants     sdp.Direction // that it would have if the other side held nothing, as far as it has said so; unset: nothing else is known
	voices    voices
	relatch   uint32
	confirmed uint32 // how often it has said again what stands
	crypt     *media.Crypt
	takes     media.PayloadTypes // that it has named
	digits    media.PayloadTypes // of those, telephone-event
	dtls      *media.DTLS
	video     int           // kbit/s of live video
	ptime     int           // a=ptime, in ms, as far as a=maxptime lets it; 0: it says nothing
	asks      bool          // it has offered to speak otherwise, and is not answered yet
	speech    *media.Speech // how it speaks where the other side does otherwise; nil: as the other side does
	inner     *media.Speech // how the other side hears that it speaks
	opus      media.Most    // that its last offer asks for
	said      *media.Speech // what its description has, where it is made louder or has its keys by SIP
	unusable  netip.Addr    // of its SDP, to which nothing can be sent: 0.0.0.0
	place     netip.Addr    // where it is, or was when it last said
	packets   network.Packets
	heldFrom  time.Duration // after the beginning of the call, since when it does not send by its SDP; 0: it does
	heldFor   time.Duration // … and how long that was before
	ice       *media.ICE
}

// offered takes the caller's first offer.
func (p *plan) offered(l *Leg, s *sdp.Session) {
	p.lines = make([]line, places(s))
	p.take(l, s)
}

// take notes what the description of a leg's peer says.
func (p *plan) take(l *Leg, s *sdp.Session) { p.takeAs(l, s, false) }

// takeAs is take; asks: the peer wants that of its own accord, and is not answering or asked for an offer.
func (p *plan) takeAs(l *Leg, s *sdp.Session, asks bool) {
	l.news = nil // what it has said before
	if p.bypass {
		p.heed(l, s, asks)
		return
	}
	for i := range s.Media[:min(len(s.Media), len(p.lines))] {
		m, e := &s.Media[i], &p.lines[i].peer[l.side]
		p.lines[i].opaque = !m.IsRTP()
		p.lines[i].audio = m.IsRTP() && strings.EqualFold(m.Kind, "audio")
		p.lines[i].kind = p.lines[i].kind.and(m.Kind)
		was, sent, heard := e.rtp, e.sends(), e.hears()
		if !m.Rejected() {
			e.wish(m.Direction, &p.lines[i].peer[1-l.side], asks)
		}
		e.live, e.refused = !m.Rejected(), m.Rejected()
		p.lines[i].sealed = p.passKeys && (m.Secure() || m.Crypto || m.Fingerprint)
		e.mux, e.dir, e.voices = m.RTCPMux, m.Direction, voicesOf(m, p.lines[i].sealed)
		e.takes, e.digits, p.lines[i].slow, p.lines[i].clock = payloadTypes(m)
		if p.reckons {
			e.video, e.packets = network.VideoBandwidth(s, i), packetsAt(s, i)
		}
		if !p.passKeys {
			e.crypt, e.dtls, e.ice = l.crypt(s, i), l.dtls(s, i), l.ice(s, i)
		}
		e.rtp, e.rtcp = netip.AddrPort{}, m.RTCP
		e.unusable = netip.Addr{}
		if e.live && m.Conn.IsUnspecified() {
			if e.ice == nil { // with ICE its candidates say where it is
				e.unusable = m.Conn
				if e.place.IsValid() { // who holds so is where it was, and may play music from there
					e.rtp = netip.AddrPortFrom(e.place, m.Port)
					if m.RTCP.Port() != 0 && m.RTCP.Addr().IsUnspecified() {
						e.rtcp = netip.AddrPortFrom(e.place, m.RTCP.Port())
					}
				}
			}
		} else if e.live && m.Conn.IsValid() {
			e.rtp = netip.AddrPortFrom(m.Conn.Unmap(), m.Port)
			e.place = e.rtp.Addr()
		}
		if e.rtp != was || !sent && e.sends() || !heard && e.hears() { // while it was still a NAT may have forgotten it, and its SDP knows nothing of its new port (RFC 4787 §4.3)
			e.relatch++
		} else {
			e.confirmed++
		}
		if !p.passKeys {
			p.lines[i].speaks(l.side, s, i, l.trunk.Settings)
		}
	}
	p.dirty = true
}

// confirmed notes that a peer has said again what stands: it is there, though perhaps no longer where its NAT had put it.
func (c *Call) confirmed(l *Leg) {
	p := &c.plan
	if p.bypass || l != c.seat(l.side) {
		return
	}
	for i := range p.lines {
		p.lines[i].peer[l.side].confirmed++
	}
	p.dirty = true
}

// clock keeps the time of an answered call that sides do not send by their SDP; at is after the beginning of the call.
func (p *plan) clock(at time.Duration) {
	for i := range p.lines {
		for k := range p.lines[i].peer {
			switch e := &p.lines[i].peer[k]; {
			case e.quiet() && e.heldFrom == 0:
				e.heldFrom = max(at, 1)
			case !e.quiet() && e.heldFrom > 0:
				e.heldFor, e.heldFrom = e.held(at), 0
			}
		}
	}
}

// sends tells whether a side may send by its SDP.
func (e *end) sends() bool { return e.live && e.dir.Send() }

// hears tells whether something may be sent to it.
func (e *end) hears() bool { return e.live && e.dir.Recv() && !e.unusable.IsValid() }

// quiet tells whether a side does not send by its SDP.
func (e *end) quiet() bool { return e.live && !e.dir.Send() && e.dir != sdp.DirectionUnset }

// held is how long that was, all together.
func (e *end) held(at time.Duration) time.Duration {
	if e.heldFrom == 0 {
		return e.heldFor
	}
	return e.heldFor + max(at-e.heldFrom, 0)
}
