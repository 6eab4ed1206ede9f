package sim

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// watch sees everything that a node receives and sends and knows what is allowed, by the RFCs and without our code.
type watch struct {
	n     *Node
	legs  map[string]*legWatch // by Call-ID
	calls map[string]*callWatch
	owing []owing         // PRACKs
	owned map[string]bool // Call-IDs that the core owned before the present step
}

// callWatch is one scenario at this node.
type callWatch struct {
	key     string
	verdict string // a response that ends the hunt
	legs    []*legWatch
}

// legWatch is one Call-ID.
type legWatch struct {
	id       string
	call     *callWatch
	peer     station
	ours     bool                     // we made the Call-ID: a leg B, or a probe
	probe    bool                     // … of OPTIONS, or of REGISTERs
	requests map[string]*requestWatch // received and sent, by direction, branch and method
	order    []*requestWatch
	seq      map[string]uint32 // last CSeq that we sent, by the tags
	offers   map[string]*offerWatch
	origin   map[string]*desc // what we described last, by our tag and the peer's
	heard    bool             // any response to the last INVITE
	unsent   bool             // … it found no way to the peer
	calm     time.Time        // when the last ACK of the peer came
	ringing  bool
	final    int
	started  time.Time
	timer    timerWatch
	told     map[string]bool // events of which the final NOTIFY was sent
	// confirmed are the reliable responses of the early dialog that became the call: a PRACK may come after the 2xx
	confirmed *reliableWatch
}

// requestWatch is one request and what became of it.
type requestWatch struct {
	sent      bool // by us
	method    string
	branch    string
	seq       uint32
	from      *packet // received
	data      []byte  // sent
	msg       *sip.Message
	final     []byte // the final response, first as sent or received
	status    int
	at, ended time.Time       // when it came or went first, and its final response
	behind    time.Time       // sent INVITE: when a 2xx came after a refusal; zero: none has
	cancelled time.Time       // sent INVITE: when its CANCEL was sent
	acked     map[string]bool // … To tags of final responses that were acknowledged
	owed      map[string]int  // … and those that must be
	refuse    string          // an offer that must not be accepted, and why
	heard     bool            // sent INVITE: a response came
	forgotten bool            // … when it was too late for one
	unsent    bool            // sent: it found no way to the peer
}

func newWatch(n *Node) *watch {
	return &watch{n: n, legs: make(map[string]*legWatch), calls: make(map[string]*callWatch), owned: make(map[string]bool)}
}

func (x *watch) fail(l *legWatch, format string, args ...any) {
	name := l.id
	if l.call != nil {
		name = l.call.key + " " + l.id
	}
	x.n.w.fail(x.n.name()+": "+name+": "+format, args...)
}

// leg finds or makes the leg of a message.
func (x *watch) leg(m *sip.Message, peer station) *legWatch {
	id := m.CallID()
	l := x.legs[id]
	if l != nil {
		return l
	}
	l = &legWatch{id: id, peer: peer, ours: strings.HasPrefix(id, ownCallID), requests: make(map[string]*requestWatch),
		seq: make(map[string]uint32), offers: make(map[string]*offerWatch), origin: make(map[string]*desc), started: x.n.w.now}
	x.legs[id] = l
	if l.ours && (m.Method == "OPTIONS" || m.Method == "REGISTER") {
		l.probe = true
	} else if key := keyOf(m); key != "" {
		c := x.calls[key]
		if c == nil {
			c = &callWatch{key: key}
			x.calls[key] = c
		}
		c.legs = append(c.legs, l)
		l.call = c
	}
	return l
}

func requestKey(sent bool, branch, method string) string {
	if sent {
		return ">" + branch + method
	}
	return "<" + branch + method
}

// received notes what a core was given; owned: it had the leg before.
func (x *watch) received(p *packet, m *sip.Message, owned bool) {
	peer := x.n.w.at[p.from.Addr()]
	x.owned[m.CallID()] = owned
	if m.Method == "ACK" && x.legs[m.CallID()] == nil {
		return
	}
	l := x.leg(m, peer)
	v, _ := m.TopVia()
	seq, method, _ := m.CSeq()
	if m.IsRequest() {
		k := requestKey(false, v.Branch()+v.Host, m.Method)
		if l.requests[k] != nil && m.Method != "ACK" {
			return
		}
		r := &requestWatch{at: x.n.w.now, method: m.Method, branch: v.Branch(), seq: seq, from: p, msg: m}
		if l.requests[k] == nil {
			l.requests[k] = r
			l.order = append(l.order, r)
		}
		x.offerIn(l, r, m)
		if m.Method == "ACK" {
			l.calm = x.n.w.now
		}
		if m.Method == "BYE" {
			x.timerOver(l)
		}
		return
	}
	r := l.requests[requestKey(true, v.Branch(), method)]
	if r == nil || !x.owned[m.CallID()] {
		return
	}
	x.responseIn(l, r, m)
}

// responseIn notes a response to a request of the node.
func (x *watch) responseIn(l *legWatch, r *requestWatch, m *sip.Message) {
	tag := m.ToTag()
	initial := r.method == "INVITE" && r.msg.ToTag() == ""
	if !r.heard && !x.n.w.now.Before(r.at.Add(64*t1)) { // timer B has ended its transaction (RFC 3261 §17.1.1.2)
		r.forgotten = true
	}
	r.heard = true
	l.heard = l.heard || r.seq == l.seq[r.msg.FromTag()+"|"] // not one that was challenged, or refused with 422, before
	if m.Status < 200 {
		if initial && m.Status > 100 && l.final == 0 && !isMoved(r.msg) {
			l.ringing = true
		}
		if initial && requires(m, "100rel") {
			x.reliableIn(l, r, m)
		}
		return
	}
	if r.method == "INVITE" {
		if r.owed == nil {
			r.owed, r.acked = make(map[string]int), make(map[string]bool)
		}
		if r.owed[tag] == 0 && r.completed(x.n.w.now) {
			r.acked[tag] = true // it need not be
		}
		r.owed[tag] = m.Status
	}
	first := r.status == 0
	if first {
		r.status, r.ended = m.Status, x.n.w.now
	}
	if initial && r.status >= 300 && m.Status < 300 && r.behind.IsZero() { // of a telephone behind a proxy that has refused (RFC 3261 §16.7 item 5)
		l.final, r.behind = m.Status, x.n.w.now
	}
	if initial && first {
		l.ringing, l.final = false, m.Status
		if c := l.call; c != nil && !isMoved(r.msg) && c.verdict == "" && (m.Status == 486 || m.Status == 600 || m.Status == 603) && !l.cancelled() && l.peer.name() != "gwb" {
			c.verdict = m.StartLine() + " of " + l.peer.name()
		}
	}
	if first || r.method == "INVITE" && m.Status < 300 {
		x.answerIn(l, r, m, tag)
		x.timerAnswered(l, r, m)
	}
}

// completed tells whether 64*T1 have passed since the first 2xx to an INVITE: what another branch of a fork answers behind that, as who stood still finds it, is no dialog any more
// (RFC 3261 §13.2.2.4).
func (r *requestWatch) completed(now time.Time) bool {
	return r.status >= 200 && r.status < 300 && !now.Before(r.ended.Add(64*t1))
}

func (l *legWatch) cancelled() bool {
	for _, r := range l.order {
		if r.sent && r.method == "CANCEL" {
			return true
		}
	}
	return false
}

// sent checks what the node puts on the wire.
func (x *watch) sent(s *txn.Send) {
	w := x.n.w
	m, err := sip.Parse(s.Data, nil)
	if err != nil {
		w.fail("%s sends what cannot be parsed: %v\n%s", x.n.name(), err, s.Data)
		return
	}
	if f := m.Validate(); f != nil {
		w.fail("%s sends what is not valid: %s %s\n%s", x.n.name(), f.Header, f.Why, s.Data)
		return
	}
	peer := w.at[s.Hop.Remote.Addr()]
	if peer == nil {
		w.fail("%s sends to nobody: %v\n%s", x.n.name(), s.Hop, s.Data)
		return
	}
	l := x.leg(m, peer)
	if s.CallID != m.CallID() {
		x.fail(l, "Send.CallID is %q", s.CallID)
	}
	if l.peer != peer && !l.probe {
		if host, ok := l.peer.(*Host); !ok || host.gw != peer.(*Host).gw {
			x.fail(l, "message of this leg goes to %s instead of %s", peer.name(), l.peer.name())
		}
	}
	x.hiding(l, m, s.Data, peer)
	x.discloses(l, m, s.Data, peer)
	if m.IsRequest() {
		x.requestOut(l, m, s)
	} else {
		x.responseOut(l, m, s)
	}
}

// hiding checks that nothing of another leg shows.
func (x *watch) hiding(l *legWatch, m *sip.Message, data []byte, peer station) {
	if x.n.w.Bypass && m.Body != "" {
		return
	}
	rest := data
	for {
		i := bytes.Index(rest, []byte("mk."))
		if i < 0 {
			break
		}
		rest = rest[i+3:]
		if host, ok := peer.(*Host); ok && !bytes.HasPrefix(rest, []byte(host.gw.Name)) {
			x.fail(l, "something of another leg shows: mk.%.20s\n%s", rest, data)
			break
		}
	}
	own := 0
	if l.ours {
		own = 1
	}
	if bytes.Count(data, []byte(ownCallID)) != own {
		x.fail(l, "a Call-ID of another leg shows\n%s", data)
	}
	for _, h := range x.n.w.Hosts {
		if other, ok := peer.(*Host); ok && h.gw != other.gw && names(data, h.Addr.String()) {
			x.fail(l, "the address of %s shows to %s\n%s", h.Name, peer.name(), data)
		}
	}
}

// names tells whether an address stands in a message as a whole.
func names(data []byte, addr string) bool {
	for rest := data; ; {
		i := bytes.Index(rest, []byte(addr))
		if i < 0 {
			return false
		}
		rest = rest[i+len(addr):]
		if len(rest) == 0 || rest[0] < '0' || rest[0] > '9' {
			return true
		}
	}
}

// requestOut checks a request of the node.
func (x *watch) requestOut(l *legWatch, m *sip.Message, s *txn.Send) {
	v, _ := m.TopVia()
	seq, _, _ := m.CSeq()
	if !l.probe && !x.n.owns(m.CallID()) && !x.owned[m.CallID()] && x.n.w.Fault.Panic < 0 {
		x.fail(l, "%s sent for a call that is over", m.Method)
	}
	k := requestKey(true, v.Branch(), m.Method)
	if r := l.requests[k]; r != nil {
		if !bytes.Equal(r.data, s.Data) {
			x.fail(l, "%s repeated with other bytes:\n%s\n%s", m.Method, r.data, s.Data)
		}
		if !s.Again && m.Method != "ACK" {
			x.fail(l, "%s repeated but not marked so", m.Method)
		}
		return
	}
	r := &requestWatch{at: x.n.w.now, sent: true, method: m.Method, branch: v.Branch(), seq: seq, data: s.Data, msg: m}
	l.requests[k] = r
	l.order = append(l.order, r)
	switch m.Method {
	case "ACK":
		x.ackOut(l, r, m)
		return
	case "CANCEL":
		inv := l.requests[requestKey(true, v.Branch(), "INVITE")]
		switch {
		case inv == nil:
			x.fail(l, "CANCEL of nothing")
		case inv.status > 0:
			x.fail(l, "CANCEL after the final response %d", inv.status)
		case inv.seq != seq || inv.msg.URI != m.URI || inv.msg.Get(sip.IDTo) != m.Get(sip.IDTo):
			x.fail(l, "CANCEL does not match its INVITE")
		case m.Has(sip.IDAuthorization) || m.Has(sip.IDProxyAuthorization):
			x.fail(l, "CANCEL with credentials")
		}
		if inv != nil {
			inv.cancelled = x.n.w.now
		}
		return
	}
	x.timerOut(l, m)
	x.placeOut(l, m)
	to := m.ToTag()
	both := m.FromTag() + "|" + to
	last, again := l.seq[both]
	if again && seq <= last && !(seq == last && l.wasUnsent(m, seq)) {
		x.fail(l, "%s has CSeq %d after %d", m.Method, seq, last)
	}
	l.seq[both] = seq
	if m.Method == "INVITE" && to == "" {
		l.heard, l.unsent = false, false
		if !again && !isMoved(m) { // after a 422 or a challenge it is the same target; one of a transfer is another call
			x.attemptOut(l)
		}
	}
	if m.Method == "NOTIFY" {
		x.notifyOut(l, m)
	}
	x.offerOut(l, r, m)
}

// wasUnsent tells whether a request is one that found no way to the peer, once more.
func (l *legWatch) wasUnsent(m *sip.Message, seq uint32) bool {
	for _, r := range l.order {
		if r.sent && r.unsent && r.seq == seq && r.method == m.Method && r.msg.ToTag() == m.ToTag() {
			return true
		}
	}
	return false
}

// givenUp tells whether a target has not confirmed its CANCEL for a second. It may never do: a peer that takes no notice of a CANCEL, or did not get it, keeps
// to the INVITE (RFC 3261 §9.1), so that no hunt can wait for more.
func (l *legWatch) givenUp(now time.Time) bool {
	for _, r := range l.order {
		if !r.cancelled.IsZero() && !now.Before(r.cancelled.Add(time.Second)) {
			return true
		}
	}
	return false
}

// sameTarget tells whether a leg calls the target of the one before it once more: its INVITE, too large for UDP, found no way by TCP (RFC 3261 §18.1.1).
func (c *callWatch) sameTarget(l *legWatch) bool {
	var last *legWatch
	for _, o := range c.legs {
		if o != l && o.ours {
			last = o
		}
	}
	return last != nil && last.unsent && last.peer == l.peer
}

// attemptOut checks that a new target may be tried.
func (x *watch) attemptOut(l *legWatch) {
	c := l.call
	if c == nil || !l.ours || c.sameTarget(l) {
		return
	}
	if c.verdict != "" && !x.n.w.emergency(c.key) {
		x.fail(l, "%s is tried after %s", l.peer.name(), c.verdict)
	}
	for _, o := range c.legs {
		if o != l && o.ours && o.ringing && !o.givenUp(x.n.w.now) {
			x.fail(l, "%s is tried while %s rings", l.peer.name(), o.peer.name())
		}
		if o != l && o.ours && o.final >= 200 && o.final < 300 {
			x.fail(l, "%s is tried after %s answered", l.peer.name(), o.peer.name())
		}
	}
}

func (w *World) emergency(key string) bool {
	s := w.scenarios[key]
	return s != nil && s.Number == "112"
}

// responseOut checks a response of the node.
func (x *watch) responseOut(l *legWatch, m *sip.Message, s *txn.Send) {
	v, _ := m.TopVia()
	seq, method, _ := m.CSeq()
	r := l.requests[requestKey(false, v.Branch()+v.Host, method)]
	if r == nil || r.seq != seq {
		x.fail(l, "%d to a %s that never came", m.Status, method)
		return
	}
	if s.Hop.Transport == sip.UDP && s.Hop.Remote != r.from.from || s.Hop.Transport != r.from.transport {
		x.fail(l, "%d to %s goes to %v, it came from %v", m.Status, method, s.Hop.Remote, r.from.from)
	}
	if m.Status > 100 && m.ToTag() == "" && method != "CANCEL" {
		x.fail(l, "%d to %s without To tag", m.Status, method)
	}
	if tag := r.msg.ToTag(); tag != "" && tag != m.ToTag() {
		x.fail(l, "%d to %s changes the To tag", m.Status, method)
	}
	if r.status == 401 { // nothing is kept of what is challenged: a late repetition finds a later nonce, a locked door or a call
		r.final, r.status = nil, 0
	}
	switch {
	case m.Status < 200:
		if r.final != nil {
			x.fail(l, "%d to %s after the final response", m.Status, method)
		}
		if requires(m, "100rel") {
			x.reliableOut(l, r, m, s.Data)
			return
		}
	case r.final == nil:
		r.final, r.status, r.ended = s.Data, m.Status, x.n.w.now
		if method == "PRACK" && m.Status < 300 && r.refuse != "" {
			x.fail(l, "%d to %s", m.Status, r.refuse)
		}
		if m.Status < 300 && r.refuse != "" {
			x.fail(l, "%d to a %s that had to be refused: %s", m.Status, method, r.refuse)
		}
	case !bytes.Equal(r.final, s.Data):
		x.fail(l, "two final responses to %s:\n%s\n%s", method, r.final, s.Data)
	default:
		return // repeated
	}
	x.answerOut(l, r, m)
	x.timerAnswer(l, r, m)
}

// ackOut checks an ACK: to what, and with what.
func (x *watch) ackOut(l *legWatch, r *requestWatch, m *sip.Message) {
	tag := m.ToTag()
	for _, inv := range l.order {
		if inv.sent && inv.method == "INVITE" && inv.seq == r.seq {
			status := inv.owed[tag]
			if status == 0 {
				x.fail(l, "ACK of no final response, To tag %q", tag)
				return
			}
			inv.acked[tag] = true
			if status < 300 && r.branch == inv.branch {
				x.fail(l, "ACK of %d has the branch of the INVITE", status)
			}
			if status >= 300 && r.branch != inv.branch {
				x.fail(l, "ACK of %d has a branch of its own", status)
			}
			for _, id := range [...]sip.ID{sip.IDAuthorization, sip.IDProxyAuthorization} {
				if m.Get(id) != inv.msg.Get(id) {
					x.fail(l, "ACK has other credentials than its INVITE")
				}
			}
			x.answerAck(l, inv, m, status, tag)
			return
		}
	}
	x.fail(l, "ACK of no INVITE")
}

// after follows every step of the core.
func (x *watch) after() {
	clear(x.owned)
	x.pracksSent()
}

// finish checks what must hold at the end.
func (x *watch) finish() {
	for _, l := range x.legs {
		for _, r := range l.order {
			x.finishRequest(l, r)
		}
	}
	for _, r := range x.n.Records {
		if x.n.w.Fault.Panic < 0 {
			x.recorded(r)
		}
	}
}

func (x *watch) finishRequest(l *legWatch, r *requestWatch) {
	switch {
	case r.sent:
		for tag, status := range r.owed {
			if !r.acked[tag] && !(r.forgotten && (status >= 300 || r.msg.ToTag() != "")) {
				x.fail(l, "%d to INVITE (To tag %q) was never acknowledged", status, tag)
			}
		}
	case r.method == "ACK", r.msg.ToTag() == "" && x.n.w.strangers && l.peer.name() == "gwa":
	case r.final == nil:
		x.fail(l, "%s #%d of %s was never answered", r.method, r.seq, l.peer.name())
	}
}

// mediaPort tells whether a description names only ports of ours that are open.
func (x *watch) mediaPort(l *legWatch, d *desc) {
	if x.n.w.Bypass {
		return
	}
	for i := range d.media {
		if d.media[i].port == 0 {
			continue
		}
		at := netip.AddrPortFrom(d.media[i].addr, d.media[i].port)
		if !slices.Contains(x.n.server.AllMedia(), at.Addr()) {
			x.fail(l, "session description names %v, not our address", at)
		} else if !x.n.relay.opened(at) && !x.n.ended(l.id) {
			x.fail(l, "session description names %v, which is not open", at)
		}
	}
}
