package relay

import (
	"net/netip"
	"slices"

	"github.com/directsip/directsip/internal/media"
)

// association is DTLS-SRTP on one port: a side whose RTCP has a port of its own has two (RFC 5764 §4.1). The session is locked.
type association struct {
	want  *media.DTLS
	crypt *crypt         // keys of the last handshake that succeeded; without any, nothing passes
	run   *handshake     // under way, or over and answering repetitions; nil: none
	past  string         // what became of the last one that has brought no keys
	rival bool           // the peer begins one itself, where it is to answer ours
	at    netip.AddrPort // of the peer by its SDP, without ICE

	former []former // those that had keys, latest last

	held     []byte // a ClientHello from before the peer's fingerprint was known, perhaps of a stranger
	heldFrom sockaddr
}

// recordLimit is what a record of a handshake may have: pion reads 8192 octets, and no path of ours carries more than an Ethernet frame unfragmented.
const recordLimit = 2048

// associate gives the ports of a side what the call wants of DTLS. Keys of another association than the one that is wanted go; when only the address
// of the peer has changed they stay until a handshake with it has others (RFC 8842 §4). T.38 has no DTLS and ends none: when audio comes back under the names
// that the two sides had for the association, they go on with its keys.
func (sd *side) associate(r *Relay, want *media.Side, opaque bool) {
	for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
		if opaque {
			p.rest()
			continue
		}
		if r := p.rested; p.dtls == nil && r != nil && r.want.Same(want.DTLS) && r.crypt.recv != nil {
			p.dtls = r
		}
		p.rested = nil
		a := p.dtls
		if want.DTLS == nil || p.isRTCP && want.Mux {
			a.end()
			p.dtls = nil
			continue
		}
		moved := a != nil && want.ICE == nil && a.at != want.Remote && a.at.IsValid() && want.Remote.IsValid()
		fresh := a == nil || !a.want.Same(want.DTLS)
		switch {
		case a == nil:
			a = &association{want: want.DTLS, crypt: &crypt{keys: &media.Crypt{}}}
			p.dtls = a
		case fresh:
			if !a.awaits(want.DTLS) {
				a.end()
			}
			a.change(want.DTLS)
		}
		if want.Remote.IsValid() {
			a.at = want.Remote
		}
		switch {
		case len(a.want.Peer) == 0:
			continue
		case a.want.Active && (fresh && a.crypt.recv == nil || moved):
			if g := p.gate.ice; g == nil || g.selected.size != 0 { // else the first check begins it
				r.shake(p, nil, sockaddr{})
			}
		case !a.want.Active && fresh && a.held != nil:
			if p.gate.mayGreet(&a.heldFrom, &sd.trust) {
				r.shake(p, a.held, a.heldFrom)
			} else {
				sd.count.gate(&a.heldFrom)
			}
		}
		a.held = nil
	}
}

// former is an association that has given way to another one: that of a target which has made its keys while it rang, before another described itself. Should it be the one that answers, it goes on
// with them and makes no others.
type former struct {
	want  *media.DTLS
	crypt *crypt
}

// maxFormer bounds them.
const maxFormer = 4

// change gives the association's place to another one, with the keys that it has.
func (a *association) change(want *media.DTLS) {
	keys := &crypt{keys: &media.Crypt{}}
	if before := want.Before; before != nil && before.Association == a.want.Association {
		keys = a.crypt
	} else if a.crypt.recv != nil {
		if len(a.former) == maxFormer {
			a.former = slices.Delete(a.former, 0, 1)
		}
		a.former = append(a.former, former{a.want, a.crypt})
	}
	if i := slices.IndexFunc(a.former, func(f former) bool { return f.want.Same(want) }); i >= 0 {
		keys = a.former[i].crypt
		a.former = slices.Delete(a.former, i, i+1)
	}
	a.want, a.crypt, a.past, a.rival = want, keys, "", false
}

// awaits tells whether the handshake that is under way may be the one that is wanted now: a peer that begins it need not wait until its answer has reached us (RFC 5763 §6.2).
// Its certificate decides. It is told.
func (a *association) awaits(want *media.DTLS) bool {
	h := a.run
	if h == nil || h.done || a.want.Active || want.Active || !slices.Equal(h.want.Suites, want.Suites) {
		return false
	}
	select {
	case h.told <- struct{}{}:
	default:
	}
	return true
}

// rest puts the association of a port aside.
func (p *port) rest() {
	if p.dtls != nil {
		p.dtls.end()
		p.dtls, p.rested = nil, p.dtls
	}
}

// end gives up what is under way.
func (a *association) end() {
	if a != nil && a.run != nil {
		if !a.run.done {
			a.past = unfinished
		}
		a.run.cancel()
		a.run = nil
	}
}

// unfinished is a handshake in which both have had a part.
const unfinished = "it has begun and not come to an end, so perhaps what is sent to the peer does not arrive there"

// trouble is why there are no keys.
func (a *association) trouble() string {
	switch h := a.run; {
	case a.rival && (h != nil && h.peer.size == 0 || h == nil && a.past == ""):
		return "by a=setup of the SDP the peer is to answer, and it has sent a ClientHello, as who begins does: both wait for the other's ServerHello"
	case h != nil && h.peer.size == 0:
		return "the peer is to answer, and nothing of DTLS has come from it"
	case h != nil:
		return unfinished
	case a.past != "":
		return a.past
	}
	return "the peer is to begin, and no ClientHello has come from it"
}

// guard is the protection of what goes through a port; nil: none.
func (p *port) guard() *crypt {
	if p.dtls != nil {
		return p.dtls.crypt
	}
	return p.stream.side[p.side].crypt
}

// record takes a record of DTLS that came to a port. It must come from where media may come from; the certificate decides later. Where that is the answer may have to tell, and a ClientHello
// may come ahead of it, as its fingerprint is in that: of sources that nobody knows yet the last is kept, and judged then. So is that of a fork which has our password and has described itself before
// another: if it is the one that answers, the next repetition of its ClientHello may be a minute away. The session is locked.
func (r *Relay) record(p *port, b []byte, src *sockaddr, now int64, count *batch) {
	a, sd := p.dtls, &p.stream.side[p.side]
	random, hello := clientHello(b)
	ahead := hello && !a.want.Active && len(a.want.Peer) == 0
	known := p.gate.mayGreet(src, &sd.trust)
	fork := hello && !a.want.Active && p.gate.ice != nil && p.gate.ice.find(src) != nil
	if (ahead || fork) && !known && len(b) <= recordLimit && (a.held == nil || !p.gate.mayGreet(&a.heldFrom, &sd.trust)) {
		a.held, a.heldFrom = append(a.held[:0], b...), *src
		return
	}
	if len(b) > recordLimit || !known || !a.hears(p, src, now) {
		sd.count.gate(src)
		count.gated++
		return
	}
	switch {
	case hello && a.want.Active: // what answers ours is its ServerHello
		a.rival = true
	case ahead: // the answer that has its fingerprint is on its way (RFC 5763 §6.2)
		a.held, a.heldFrom = append(a.held[:0], b...), *src
	case hello && (a.run == nil || a.run.random != random):
		if a.run == nil || a.run.done || now-a.run.since >= int64(restartGap) { // the peer begins anew
			r.shake(p, b, *src)
		}
	case a.run != nil && (!a.run.done || a.run.peer == *src):
		a.run.peer = *src
		a.run.give(b)
	}
}

// hears tells whether a source may take part in the handshake that is under way with another one: not unless it has more to do with the peer, so that
// nobody else can turn its flights to himself. One that has ended leaves the way free.
func (a *association) hears(p *port, src *sockaddr, now int64) bool {
	h := a.run
	if h == nil || p.gate.ice != nil || h.peer == *src || h.done && now-h.since >= int64(restartGap) {
		return true
	}
	t := &p.stream.side[p.side].trust
	than := stranger
	if h.peer.size != 0 {
		than = p.gate.rankOf(&h.peer, t)
	}
	return t.latch == media.LatchOff || p.gate.rankOf(src, t) > than
}

// mayGreet tells whether a source may have to do with a handshake.
func (g *gate) mayGreet(src *sockaddr, t *trust) bool {
	if g.ice != nil {
		return g.ice.known(src) != nil
	}
	if t.latch == media.LatchOff {
		return g.announced.size != 0 && *src == g.announced
	}
	return g.rank != none && *src == g.latched || g.rankOf(src, t) != none
}

// clientHello is the random of the ClientHello in an unprotected record (RFC 6347 §4.2.1, §4.3.1): the same in every repetition of it. Of one that comes
// in fragments only the first has it (§4.2.3).
func clientHello(b []byte) (random [32]byte, ok bool) {
	const record, message, version, offset = 13, 12, 2, 6
	if len(b) < record+message+version+len(random) || b[0] != 22 || b[3] != 0 || b[4] != 0 || b[record] != 1 ||
		b[record+offset]|b[record+offset+1]|b[record+offset+2] != 0 {
		return random, false
	}
	return [32]byte(b[record+message+version:]), true
}

// keyed puts the keys of a handshake in their place. False: it is not wanted any more.
func (h *handshake) keyed(keys *media.Crypt) bool {
	h.port.stream.session.mu.Lock()
	defer h.port.stream.session.mu.Unlock()
	p := h.port
	if p.dtls == nil || p.dtls.run != h || h.meant != nil && !slices.Equal(h.meant.Peer, p.dtls.want.Peer) { // another certificate has been announced since this one came
		return false
	}
	p.stream.session.recall() // what goes to the peer has its new keys at once
	p.dtls.crypt = &crypt{keys: keys, recv: receiving(keys), send: &sender{key: keys.Send, context: context(keys.Suite, keys.Send)}}
	h.done = true
	sd := &p.stream.side[p.side]
	if h.peer.size != 0 && p.gate.ice == nil && sd.trust.latch != media.LatchOff && p.gate.rankOf(&h.peer, &sd.trust) > p.gate.rank {
		sd.admits(p, &h.peer, h.relay.now()) // it has shown its certificate
	}
	return true
}

// suite is what protects a side's RTP.
func (sd *side) suite() media.Suite {
	if c := sd.rtp.guard(); c != nil {
		return c.keys.Suite
	}
	return 0
}
