package b2bua

import (
	"slices"

	"github.com/directsip/directsip/internal/sdp"
)

// standing is the state of a session before an exchange that may fail.
type standing struct {
	peer  uint64 // what the side that asks had said
	body  string // what we had said to the other one
	lines []line
	known bool // … and it is to be restored
}

// standing remembers the session as it is.
func (p *plan) standing(from, to *Leg) standing {
	return standing{peer: from.sdp.peer, body: to.sdp.body, lines: slices.Clone(p.lines), known: true}
}

// learns adds to what stood before an exchange what a leg has said since and beside it, which its failure does not undo.
func (st *standing) learns(e *exchange, l *Leg, p *plan) {
	if e.from == l {
		st.peer = l.sdp.peer
	}
	for i := range st.lines {
		st.lines[i].peer[l.side] = p.lines[i].peer[l.side]
	}
}

// relayed is an m-line as the relay has it. What an offer turns from RTP to T.38 or back, or from audio to video, or gives up, stays what it was until the answer, which may never come: who has
// offered it is still heard and hears (RFC 3264 §8.2, §8.3.1), and no word goes out of SRTP. So do the credentials of ICE that an offer would replace: nobody knows ours yet. And so do keys, as who
// has offered others takes and has them from our answer on (RFC 4568 §7.1.3).
func (p *plan) relayed(c *Call, i int) *line {
	e := c.exch
	if e == nil || i >= len(e.before.lines) {
		return &p.lines[i]
	}
	was, now := &e.before.lines[i], &p.lines[i]
	for k := range was.peer {
		if was.peer[k].live && !was.peer[k].crypt.Same(now.peer[k].crypt) {
			mixed := *now
			mixed.peer[k].crypt, mixed.peer[k].dtls = was.peer[k].crypt, was.peer[k].dtls
			now = &mixed
		}
		if was.peer[k].live && (was.opaque != now.opaque || was.audio != now.audio || !now.peer[k].live) {
			return was
		}
		if stands := was.peer[k].ice; stands != nil && now.peer[k].ice != nil && now.peer[k].ice.Ufrag != stands.Ufrag {
			mixed := *now
			mixed.peer[k].ice = stands
			now = &mixed
		}
	}
	return now
}

// follow takes from an offer that is answered with what stands where the leg's peer wants its media now, and with which keys. In which packets it wants it is not agreed.
func (p *plan) follow(l *Leg, offer string) {
	s, err := sdp.Parse(offer)
	if err != nil {
		return
	}
	was := slices.Clone(p.lines)
	l.sdp.peer = fingerprint(s)
	p.take(l, s)
	for i := range was {
		e, had := &p.lines[i].peer[l.side], &was[i].peer[l.side]
		e.ptime, e.packets = had.ptime, had.packets
		if was[i].converts() { // nor how it speaks: it is answered with how it does now
			ln, other := &p.lines[i], &p.lines[i].peer[1-l.side]
			ln.clock, ln.slow = was[i].clock, was[i].slow
			e.voices, e.takes, e.digits, e.asks, e.speech, e.inner, e.opus, e.said = had.voices, had.takes, had.digits, had.asks, had.speech, had.inner, had.opus, had.said
			other.asks, other.speech = was[i].peer[1-l.side].asks, was[i].peer[1-l.side].speech
		}
	}
}

// restore undoes a refused exchange: the session is what it was (RFC 3261 §14.1). Ports taken meanwhile stay.
func (p *plan) restore(e *exchange) {
	if !e.before.known {
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
	e.before.lines, e.before.known = nil, false
	p.dirty = true
}
