package relay

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

const (
	checkPace  = 50 * time.Millisecond  // Ta (RFC 8445 §14.2)
	checkRTO   = 500 * time.Millisecond // doubled with each repetition (§14.3)
	checkTries = 5
	// betterWait is how long a better pair is waited for once one works.
	betterWait    = 400 * time.Millisecond
	maxPairs      = 24 // candidates of the peer's SDP and those that its checks come from
	consentPause  = 5 * time.Second
	consentExpiry = 30 * time.Second // RFC 7675 §5.1
)

// agent is what a full component does of its own accord (RFC 8445 §6, §7.2): it checks the addresses that the peer may have, one check a beat of the
// relay's clock, nominates one if it controls, and asks for consent from then on. What the peer's own checks come from it checks later, too: a NAT may
// have given the peer another port. The session is locked.
type agent struct {
	relay    *Relay
	port     *port
	peerKey  stun.MessageIntegrity
	tie      uint64 // breaks a conflict of roles (§7.3.1.1)
	controls bool
	pairs    []pair
	works    int64 // since when one does; 0: none
	settled  bool  // one is nominated
	listed   bool  // the clock has it
	asked    int64 // consent, last
	agreed   int64
	lapsed   bool                         // it was not given for so long that nothing is sent any more
	denied   [stun.TransactionIDSize]byte // the peer's last check that was refused for its role
}

// pair is our one address and one of the peer's.
type pair struct {
	remote   sockaddr
	priority uint32 // of the peer's candidate
	state    pairState
	urgent   bool // a triggered check (§7.3.1.4)
	chosen   bool // the peer has nominated it
	id       [stun.TransactionIDSize]byte
	nominate bool // the check that is under way has USE-CANDIDATE
	controls bool // the role that is in it
	sent     int
	next     int64 // when it is repeated
}

type pairState uint8

const (
	waiting pairState = iota
	running
	succeeded
	failed
)

// order of pairs is their priority (§6.1.2.3). As we have one candidate the peer's decides.
func (a *agent) order(x, y pair) int { return int(int64(y.priority) - int64(x.priority)) }

// prepare begins to check what the call wants, or goes on with it.
func (c *component) prepare(r *Relay, p *port, was *media.ICE) {
	want := c.want
	if !want.Full {
		c.agent = nil
		return
	}
	fresh := c.agent == nil || was.Ufrag != want.Ufrag || was.PeerUfrag != want.PeerUfrag || was.PeerPwd != want.PeerPwd
	if !fresh && slices.Equal(was.Candidates, want.Candidates) {
		return
	}
	if fresh {
		c.agent = &agent{relay: r, port: p, peerKey: stun.NewShortTermIntegrity(want.PeerPwd), tie: rand.Uint64(), controls: want.Controls}
	}
	a := c.agent
	if want.PeerUfrag == "" {
		return
	}
	component := uint8(1)
	if p.isRTCP {
		component = 2
	}
	for _, k := range want.Candidates {
		if k.Component == component && k.Address.Addr().Is4() == p.local().Addr().Unmap().Is4() && !k.Address.Addr().IsLinkLocalUnicast() {
			a.pair(sockaddrOf(k.Address), k.Priority)
		}
	}
	for i := range c.sources { // whose checks came before the answer
		if s := &c.sources[i]; !s.stale && !s.valid {
			if k := a.pair(s.address, s.priority); k != nil {
				k.urgent, k.chosen = true, s.nominated
			}
			s.nominated = false
		}
	}
	slices.SortStableFunc(a.pairs, a.order)
	a.join()
}

// pair finds or makes one, in the place of one that is over if there are too many; nil: none is.
func (a *agent) pair(remote sockaddr, priority uint32) *pair {
	i := slices.IndexFunc(a.pairs, func(k pair) bool { return k.remote == remote })
	switch {
	case i >= 0:
		return &a.pairs[i]
	case len(a.pairs) < maxPairs:
		i, a.pairs = len(a.pairs), append(a.pairs, pair{})
	default:
		if i = slices.IndexFunc(a.pairs, a.over); i < 0 {
			return nil
		}
	}
	a.pairs[i] = pair{remote: remote, priority: priority}
	return &a.pairs[i]
}

// over tells whether a pair is one that nothing goes to any more.
func (a *agent) over(k pair) bool {
	return !k.urgent && (k.state == failed || k.state == succeeded && a.settled && k.remote != a.port.ice.selected)
}

// beat sends the check that is due, if any. False: the clock is not needed any more.
func (a *agent) beat(now int64) bool {
	if a.port.ice == nil || a.port.ice.agent != a || a.port.stream.session.closed {
		return false
	}
	busy := false
	var due *pair
	for i := range a.pairs {
		k := &a.pairs[i]
		if k.state == running && now >= k.next && k.sent == checkTries {
			k.state = failed
		}
		open := k.state == waiting && !a.settled
		busy = busy || open || k.state == running || k.urgent
		ready := k.urgent || open || k.state == running && now >= k.next
		if ready && (due == nil || k.urgent && !due.urgent) {
			due = k
		}
	}
	if best := a.best(now); best != nil && a.controls && !a.settled {
		due, busy = best, true
		if !best.nominate || best.state != running {
			best.nominate, best.state, best.sent = true, waiting, 0
		} else if now < best.next {
			return true
		}
	}
	if due != nil {
		a.send(due, now)
	}
	return busy
}

// best is the pair to nominate: the best that works, once better ones have failed or were waited for.
func (a *agent) best(now int64) *pair {
	if a.works == 0 {
		return nil
	}
	for i := range a.pairs {
		switch k := &a.pairs[i]; {
		case k.nominate && k.state != failed, k.state == succeeded:
			return k
		case k.state != failed && now-a.works < int64(betterWait):
			return nil
		}
	}
	return nil
}

// send sends a check of a pair, a new one or again: a repetition says what the first one said (RFC 8489 §6.2.1).
func (a *agent) send(k *pair, now int64) {
	if k.state != running || k.urgent || k.controls != a.controls {
		k.id = stun.NewTransactionID()
		k.state, k.sent, k.controls = running, 0, a.controls
	}
	k.urgent = false
	k.next = now + int64(checkRTO)<<k.sent
	k.sent++
	a.ask(k.id, &k.remote, k.nominate && a.controls)
}

// ask sends a binding request (RFC 8445 §7.1).
func (a *agent) ask(id [stun.TransactionIDSize]byte, to *sockaddr, nominate bool) {
	want, p := a.port.ice.want, a.port
	if !p.socket.open() {
		return
	}
	var tie [8]byte
	binary.BigEndian.PutUint64(tie[:], a.tie)
	role, component := stun.AttrICEControlled, uint32(1)
	if a.controls {
		role = stun.AttrICEControlling
	}
	if p.isRTCP {
		component = 2
	}
	var priority [4]byte
	binary.BigEndian.PutUint32(priority[:], 110<<24|65535<<8|(256-component)) // of a peer-reflexive candidate (§7.1.1)
	setters := append(make([]stun.Setter, 0, 8), stun.NewTransactionIDSetter(id), stun.BindingRequest, stun.NewUsername(want.PeerUfrag+":"+want.Ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: priority[:]}, stun.RawAttribute{Type: role, Value: tie[:]})
	if nominate {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	if m, err := stun.Build(append(setters, a.peerKey, stun.Fingerprint)...); err == nil {
		p.stream.carrier.send(p, m.Raw, to)
	}
}

// answered takes a response to one of our checks (§7.2.5).
func (a *agent) answered(c *component, m *stun.Message, src *sockaddr, now int64) {
	signed := a.peerKey.Check(m) == nil
	if m.TransactionID == a.consentID() && m.Type == stun.BindingSuccess && signed && *src == c.selected {
		a.agreed = now
		a.port.stream.side[a.port.side].heard = now
		c.heard(src, now)
		return
	}
	i := slices.IndexFunc(a.pairs, func(k pair) bool { return k.state == running && k.id == m.TransactionID && k.remote == *src })
	if i < 0 {
		return
	}
	k := &a.pairs[i]
	if m.Type != stun.BindingSuccess {
		var code stun.ErrorCodeAttribute
		if _ = code.GetFrom(m); code.Code == stun.CodeRoleConflict && signed {
			if k.controls == a.controls { // else another check has heard so before (RFC 8445 §7.2.5.1)
				a.controls, a.tie = !a.controls, rand.Uint64()
			}
			k.urgent = true
			a.join()
			return
		}
		k.state = failed
		return
	}
	if !signed {
		return
	}
	k.state = succeeded
	if a.works == 0 {
		a.works = now
	}
	c.valid(k, now)
	if k.nominate && a.controls || k.chosen && !a.controls {
		a.settle(c, k, now)
	}
}

// settle ends the search: media goes to the pair that both ends want. Of the others only those go on that the peer wants, too.
func (a *agent) settle(c *component, k *pair, now int64) {
	before := c.selected
	if s := c.find(&k.remote); s != nil {
		c.nominate(s, now)
	}
	if !a.settled || c.selected != before {
		a.lapsed = false
		a.settled, a.asked, a.agreed = true, now, now
	}
	for i := range a.pairs {
		if o := &a.pairs[i]; o != k && !o.chosen && (o.state == waiting || o.state == running) {
			o.state, o.urgent = failed, false
		}
	}
}

// heard takes a check of the peer that was answered: the pair that it came by is checked at once.
func (a *agent) heard(c *component, src *sockaddr, priority uint32, nominates bool, now int64) {
	if c.want.PeerUfrag == "" {
		return // kept with the source
	}
	k := a.pair(*src, priority)
	if k == nil {
		return
	}
	k.chosen = k.chosen || nominates
	switch {
	case k.state == succeeded && nominates && !a.controls:
		a.settle(c, k, now)
	case k.state == waiting || k.state == failed:
		k.urgent = true
		slices.SortStableFunc(a.pairs, a.order)
		a.join()
	}
	if in := c.find(&c.selected); a.settled && a.controls && in != nil && in.address != *src && a.agreed >= a.asked && now-in.last >= int64(quietAfter) {
		a.inquire(c, now) // perhaps the peer has moved
	}
}

// conflict settles who controls when the peer believes the same of itself (§7.3.1.1), as one does that keeps its role when ICE begins anew. True: the peer is to give way. One that sends the same
// check again has not heard so, or does not heed it, as Firefox: then we do, or its checks would be refused for ever.
func (a *agent) conflict(m *stun.Message) bool {
	same := stun.AttrICEControlled
	if a.controls {
		same = stun.AttrICEControlling
	}
	v, err := m.Get(same)
	if err != nil || len(v) != 8 {
		return false
	}
	stays := a.tie >= binary.BigEndian.Uint64(v)
	if stays == a.controls && a.denied != m.TransactionID {
		a.denied = m.TransactionID
		return true
	}
	a.controls = !a.controls
	return false
}

// consent asks the peer from time to time whether it still wants what we send, and sends nothing any more when it has not said so for long (RFC 7675), of which nothing
// counts that was before since.
func (a *agent) consent(c *component, now, since int64) {
	switch {
	case !a.settled || c.selected.size == 0:
	case now-max(a.agreed, since) >= int64(consentExpiry):
		c.selected = sockaddr{}
		c.sources, a.lapsed = c.sources[:0], true
	case now-a.asked >= int64(consentPause):
		a.inquire(c, now)
	case a.controls && a.agreed < a.asked && now-a.asked >= int64(quietAfter):
		a.follow(c)
	}
}

// inquire asks for consent.
func (a *agent) inquire(c *component, now int64) {
	a.asked = now
	a.ask(a.consentID(), &c.selected, false)
}

// follow nominates another pair where nothing has come by the one that media goes to since consent was asked for, and something by the other. Who controls
// has to do it, as the peer cannot.
func (a *agent) follow(c *component) {
	if in := c.find(&c.selected); in != nil && in.last > a.asked {
		return
	}
	for i := range a.pairs {
		k := &a.pairs[i]
		if s := c.find(&k.remote); s != nil && s.valid && s.last > a.asked && k.state == succeeded && !k.urgent {
			k.nominate, k.urgent = true, true
			a.join()
			return
		}
	}
}

// consent is asked for by the sweep.
func (p *port) consent(now, since int64) {
	if p.ice != nil && p.ice.agent != nil {
		p.ice.agent.consent(p.ice, now, since)
		p.stream.review()
	}
}

// consentID names the request of consent that was sent last.
func (a *agent) consentID() (id [stun.TransactionIDSize]byte) {
	binary.BigEndian.PutUint64(id[:], a.tie^uint64(a.asked)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint32(id[8:], uint32(a.asked))
	return id
}
