package b2bua

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// Leg is our side of one SIP dialog (RFC 7092 §2): leg A toward the caller, where we are UAS, or a leg B toward a target.
type Leg struct {
	side   media.SideIndex
	trunk  *topology.Trunk
	callID string
	tag    string  // ours
	hop    sip.Hop // where requests within the dialog go
	dlg    dialog.Dialog
	oa     dialog.OfferAnswer
	sdp    description

	session     string // the UUID of the peer (RFC 7989); "" it has said none
	toldSession string // the Session-ID that was told last
	oneSession  bool   // the peer has one UUID for both ends (RFC 7329)

	invc    txn.InviteClient    // our INVITE or re-INVITE
	past    []*txn.InviteClient // earlier ones whose final responses may still be repeated
	sent    *sip.Message        // our initial INVITE, while its 2xx may still make dialogs
	acks    []sentAck           // our ACKs, for repeated 2xx
	auth    *auth               // nil: never challenged
	drop    time.Time           // when an INVITE without final response is forgotten, because its dialog is over; zero: not at all
	asked   time.Time           // when it was asked last whether it is there; zero: never
	byes    lostByes            // of this leg, and of the other branches of a fork
	clients []*request

	invs    txn.InviteServer    // the peer's
	inv     *sip.Message        // the peer's INVITE while it has no final answer
	answer  dialog.Answer       // repeats our 2xx until the ACK comes
	refused []*txn.InviteServer // INVITEs answered beside the one being served
	servers []*txn.Server
	offered string // the offer in a 2xx to our INVITE, while our ACK waits
	stood   string // what we had said before a re-INVITE that takes it off hold, which is under way or to come; "" there is none
	who     *party // since the first transfer of the call; nil before

	early  []*early      // of our initial INVITE; nil: no target has answered reliably
	toward string        // the tag of who is to hear the next description, see sayings
	cuts   sdp.Absent    // m-lines that are left out of it, see sayings
	timer  *sessionTimer // nil: nobody spoke of one
	srtp   *strongbox    // nil: SRTP was not spoken of
	speech *speech       // nil: it was offered nothing of ours
	news   *news         // nil: the other leg knows what it has said
	again  *reoffer      // our own re-INVITE, under way or the last one; nil: there was none

	first       uint32 // CSeq of the initial INVITE
	after       uint32 // CSeq of the first attempt that this INVITE supersedes; 0: none
	turned      uint32 // CSeq of the INVITE with Replaces that was refused; 0: none
	forgot      uint32 // CSeq of the last re-INVITE that was cancelled and got no final response; 0: none
	caller      string // leg A: its From tag
	ackSeq      uint32 // CSeq of the INVITE that the next ACK is for
	number      uint8  // 0: leg A; n: the n-th attempt
	allow       methods
	up          bool       // the dialog is confirmed and no BYE was sent or received
	acked       bool       // leg A: the ACK to our 2xx came; leg B: we sent it
	ackWaits    bool       // our ACK to a 2xx with an offer waits for the answer of the other leg
	mute        bool       // the INVITE is left behind: not repeated any more
	offerless   bool       // our initial INVITE had no offer
	unoffered   bool       // our last INVITE had none: what its answers say is an offer
	absent      sdp.Absent // m-lines that the peer left out of what it said last
	stops       bool       // our re-INVITE is to be cancelled as soon as it has a response
	forgotAsked bool       // forgot had no offer
	pending     bool       // BYE waits for the ACK to our 2xx (RFC 3261 §15)
	unheld      bool       // our offer in a 2xx may take it off hold, and the other leg does not know what it takes of that
}

// sentAck is an ACK to a 2xx. A 2xx is repeated until its ACK arrives, and belongs to the dialog, not to a transaction.
type sentAck struct {
	seq  uint32 // CSeq
	tag  string // To
	send txn.Send
	body bool // it has an answer
}

// maxAcks bounds the ACKs that are kept, beside those to branches of a fork; each is needed for 32 s.
const maxAcks = 8

// request is a non-INVITE request of ours in flight.
type request struct {
	txn.Client
	round  digest.Round // of challenges to it
	waiter *txn.Server  // the other leg's request that waits for the result; nil: nobody waits
	from   *Leg         // the leg of waiter
	req    *sip.Message // the request of waiter
	// refresh: an UPDATE that refreshes the session of its leg alone
	refresh bool
	tells   bool           // an UPDATE that says who is at the other end; its result changes nothing
	early   *earlyExchange // what it carries on; nil: nothing
	acks    *early         // a PRACK: the dialog that it belongs to
}

// methods is what a peer's Allow says; zero when it said nothing.
type methods uint8

const (
	allowKnown methods = 1 << iota
	allowUpdate
	allowInfo
	allowRefer
)

func (m methods) has(f methods) bool { return m&f != 0 }

// learn reads the peer's Allow (RFC 3261 §20.5).
func (l *Leg) learn(e *Env, m *sip.Message) {
	said := methods(0)
	for i := range m.Headers {
		if h := &m.Headers[i]; h.ID == sip.IDAllow {
			said |= e.allowed(h.Value)
		}
	}
	if said != 0 {
		l.allow = said
	}
}

// contact is the value of our Contact on a leg: this server, so that requests of the dialog find the call.
func (c *Call) contact(hop sip.Hop) string { return c.env.Contact(hop) }

// owns tells whether a message belongs to this leg's Call-ID.
func (l *Leg) owns(m *sip.Message) bool { return l != nil && l.callID == m.CallID() }

// begin starts a non-INVITE client transaction for a request of this leg.
func (c *Call) begin(now time.Time, l *Leg, m *sip.Message, out *Out) *request {
	return c.beginAt(now, l, l.hop, m, out)
}

// beginAt is begin for a dialog that leads elsewhere: an early one.
func (c *Call) beginAt(now time.Time, l *Leg, hop sip.Hop, m *sip.Message, out *Out) *request {
	l.auth.authorize(c.env, m)
	m.AddFirst(sip.IDVia, c.env.via(hop))
	c.tellSession(l, m)
	r := &request{}
	l.clients = append(l.clients, r)
	r.Start(now, m, hop, c.env.Timers, &out.Out)
	c.note(now, l, true, m)
	return r
}

// inviteReply is a response to the INVITE of a leg that belongs to the dialog with this tag of ours. It has the Record-Route of the
// proxies on the way, all and in order (RFC 3261 §12.1.1): without it the peer's ACK and BYE pass them by.
func (c *Call) inviteReply(l *Leg, tag string, status int, phrase string) *sip.Message {
	r := sip.NewResponse(l.inv, status, phrase)
	r.SetToTag(tag)
	for _, h := range l.inv.Headers {
		if h.ID == sip.IDRecordRoute {
			r.Headers = append(r.Headers, h)
		}
	}
	r.Add(sip.IDContact, c.contact(l.hop))
	r.Add(sip.IDAllow, c.env.Allow(l.trunk.Settings))
	if status >= 200 { // RFC 3261 §13.3.1.4
		r.Add(sip.IDSupported, Extensions(l.trunk.Settings))
	}
	return r
}

// respond answers the INVITE of this leg.
func (c *Call) respond(now time.Time, l *Leg, m *sip.Message, out *Out) {
	if l.timer != nil && m.Status >= 200 && m.Status < 300 {
		c.answerTimer(now, l, m)
	}
	if m.Status > 100 {
		c.tellSession(l, m)
	}
	if l.invs.Respond(now, m, &out.Out) {
		c.note(now, l, true, m)
	}
	if m.Status >= 200 {
		l.inv = nil
	}
}

// reply answers a non-INVITE request.
func (c *Call) reply(now time.Time, l *Leg, s *txn.Server, m *sip.Message, out *Out) {
	if l.timer != nil && m.Status >= 200 && m.Status < 300 {
		if _, method, _ := m.CSeq(); method == "UPDATE" {
			c.answerTimer(now, l, m)
		}
	}
	if s.Respond(now, m, &out.Out) {
		c.note(now, l, true, m)
	}
}

// serve starts a server transaction for a new non-INVITE request.
func (c *Call) serve(now time.Time, l *Leg, src sip.Source, m *sip.Message) *txn.Server {
	s := &txn.Server{}
	s.Start(now, m, Back(src, m), c.env.Timers)
	l.servers = remember(l.servers, s, 2*maxRequests) // in a flood the oldest answers are forgotten
	return s
}

// Back is the way back for responses (RFC 3261 §18.2.2): for UDP what the top Via says, else the connection, and when that is gone a new one to
// where the top Via says.
func Back(src sip.Source, m *sip.Message) sip.Hop {
	h := sip.Hop{Transport: src.Transport, Local: src.Local, Remote: src.Remote, Flow: src.Flow}
	if src.Transport == sip.UDP {
		h.Remote = m.ResponseAddr(src.Remote)
		return h
	}
	h.Remote = m.ReturnAddr(src.Remote, src.Transport)
	if len(src.Names) > 0 {
		h.Name = src.Names[0]
	}
	return h
}

// secureDialog tells whether our Contact in the dialog that an INVITE begins has to be a sips URI: when its Request-URI is one, or the first
// Record-Route, or without that the Contact (RFC 3261 §12.1.1).
func secureDialog(src sip.Source, req *sip.Message) bool {
	if src.Transport != sip.TLS {
		return false
	}
	if req.RequestScheme() == "sips" {
		return true
	}
	at := sip.IDContact
	if req.Has(sip.IDRecordRoute) {
		at = sip.IDRecordRoute
	}
	for v := range req.Values(at) {
		a, _ := sip.ParseAddress(v)
		return len(a.URI) > 5 && strings.EqualFold(a.URI[:5], "sips:")
	}
	return false
}

// sendAck sends the ACK to a 2xx and keeps it for repeated 2xx (RFC 3261 §13.2.2.4).
func (c *Call) sendAck(now time.Time, l *Leg, cseq uint32, body string, out *Out) {
	if body != "" {
		l.toward = l.dlg.RemoteTag
		body = c.utter(l, body, true)
		l.toward = ""
	}
	a := writeAck(c.env, &l.dlg, l.hop, cseq, body, l.auth)
	l.acks = remember(l.acks, a, max(maxAcks, len(l.acks))) // with those to the branches of a fork they may be more
	l.acked, l.ackWaits, l.offered = true, false, ""
	out.Sends = append(out.Sends, a.send)
	c.noteAck(now, l, body != "")
}

// writeAck writes the ACK to a 2xx of a dialog.
func writeAck(env *Env, d *dialog.Dialog, hop sip.Hop, cseq uint32, body string, a *auth) sentAck {
	m := d.Ack(cseq)
	m.AddFirst(sip.IDVia, env.via(hop))
	m.Add(sip.IDContact, env.Contact(hop))
	a.acknowledge(m, cseq)
	if body != "" {
		m.SetBody("application/sdp", body)
	}
	return sentAck{seq: cseq, tag: d.RemoteTag, send: txn.Send{Hop: hop, Data: m.Append(nil), CallID: d.CallID, Branch: m.TopBranch()}, body: body != ""}
}

// repeatAck answers a repeated 2xx; false when it was not acknowledged yet, or is none.
func repeatAck(acks []sentAck, m *sip.Message, out *Out) bool {
	if len(acks) == 0 || m.Status < 200 || m.Status >= 300 {
		return false
	}
	seq, _, _ := m.CSeq()
	tag := m.ToTag()
	for i := range acks {
		if a := &acks[i]; a.seq == seq && a.tag == tag {
			s := a.send
			s.Again = true
			out.Sends = append(out.Sends, s)
			return true
		}
	}
	return false
}

// invite finds the INVITE of ours that a response belongs to, nil when there is none.
func (l *Leg) invite(m *sip.Message) *txn.InviteClient {
	if l.invc.Matches(m) {
		return &l.invc
	}
	for _, p := range l.past {
		if p.Matches(m) {
			return p
		}
	}
	return nil
}

// shelve keeps an INVITE of ours that has its final response while another one begins.
func (l *Leg) shelve() {
	l.stops = false
	if l.invc.Live() {
		old := l.invc
		l.past = remember(l.past, &old, maxRequests)
	}
}

// remember adds to a list, which is to have so many at most: of what a peer can make us keep, one after the other, the oldest is forgotten. All of them are looked at
// with every message of their call.
func remember[T any](list []T, t T, most int) []T {
	if len(list) >= most {
		list = append(list[:0], list[1:]...)
	}
	return append(list, t)
}

// bye ends the leg's dialog. Before the ACK to our own 2xx it waits (RFC 3261 §15).
func (c *Call) bye(now time.Time, l *Leg, out *Out) {
	if l == nil || !l.up {
		return
	}
	if !l.dlg.UAC && !l.acked && l.answer.Waiting() {
		l.pending = true
		return
	}
	l.down(now)
	c.sendBye(now, l, out)
}

// sendBye sends a BYE for a leg that is down.
func (c *Call) sendBye(now time.Time, l *Leg, out *Out) {
	m := l.dlg.Request("BYE")
	if c.end != nil {
		m.AddName("Reason", reasonValue(c.end, int(c.endCause)))
	}
	c.begin(now, l, m, out)
}

// down ends the dialog. A re-INVITE of ours may never get its final response now.
func (l *Leg) down(now time.Time) {
	l.up, l.pending, l.timer = false, false, nil
	if s := l.invc.State(); s == txn.Calling || s == txn.Proceeding {
		l.drop = now.Add(lingerTime)
	}
}

// follow sets where requests of the dialog go.
func (c *Call) follow(l *Leg) { l.hop = c.env.nextHop(c.now, l.hop, &l.dlg, l.trunk) }

// Possible tells whether a peer that was met at an address can be at another one: not in this host or on a link if it was not met there, as what many a peer calls
// itself at home (localhost) leads to here, and nowhere that is no place.
func Possible(a, met netip.Addr) bool {
	return (!a.IsLoopback() || met.IsLoopback()) && (!a.IsLinkLocalUnicast() || met.IsLinkLocalUnicast()) && !a.IsUnspecified() && !a.IsMulticast()
}

// indoors tells whether an address is of a network behind a NAT: a private one (RFC 1918, RFC 4193) of a peer that was met at one of the Internet. Ours may have
// the same, for somebody else. What its gateway names is none: we are in that network, too.
func indoors(a, met netip.Addr, t *topology.Trunk) bool {
	return a.IsPrivate() && met.IsGlobalUnicast() && !met.IsPrivate() && (t == nil || !slices.Contains(t.Gateway.Addresses, a))
}

// doubtful tells whether an address may be one behind a NAT between two private networks: a private one of a peer that was met at another private one, and that its
// gateway does not name. The peer may as well have several hosts.
func doubtful(a, met netip.Addr, t *topology.Trunk) bool {
	return a.IsPrivate() && met.IsPrivate() && a != met && t != nil && !slices.Contains(t.Gateway.Addresses, a) && t.Gateway.Addr != a
}

// outOfReach tells whether an address that a peer names leads past it: where it has been met it is reached, and there alone for certain.
func outOfReach(a, met netip.Addr, t *topology.Trunk) bool {
	return !Possible(a, met) || indoors(a, met, t) || doubtful(a, met, t)
}

// remap follows a caller behind a NAT whose messages come from another port now, as its NAT has forgotten the one before: nobody is there any more. Whom we have called stays where that was.
func (l *Leg) remap(src sip.Source, m *sip.Message) {
	met := l.hop.Remote.Addr()
	if l.dlg.UAC || src.Transport != sip.UDP || l.hop.Transport != sip.UDP || src.Remote.Addr() != met {
		return
	}
	u, err := sip.ParseURI(l.dlg.NextHopURI())
	if err != nil {
		return
	}
	if a, err := netip.ParseAddr(u.Host); err == nil && outOfReach(a.Unmap(), met, l.trunk) {
		l.hop.Remote = m.ResponseAddr(src.Remote)
	}
}

// nextHop is where requests of a dialog go: its first route or remote target (RFC 3261 §12.2.1.1). A name is looked up by whoever sends (RFC 3263), and where
// nobody is found by it the way leads as the dialog was set up. Over a connection its flow is kept, and dialled again only when it is gone: at the port where the
// peer listens, which of a caller is not the one it has called from. A target that names an address of its network behind a NAT is still reached where it has
// been called, and where that is in the Internet the address is not tried. Over UDP one that is doubtful is tried first, as a name would be. Where t is nil the transport stays.
func (e *Env) nextHop(now time.Time, hop sip.Hop, d *dialog.Dialog, t *topology.Trunk) sip.Hop {
	u, err := sip.ParseURI(d.NextHopURI())
	if err != nil || u.Host == "" {
		return hop
	}
	hop.Secure = hop.Secure || hop.Transport == sip.TLS && u.Scheme == "sips" // RFC 3261 §8.1.1.8
	host, ok := u.Params.Get("maddr")                                         // overrides the host (RFC 3261 §19.1.1, RFC 3263 §4)
	literal := strings.Trim(host, "[]")
	if !ok {
		host, literal = u.Host, u.Host
	}
	addr, err := netip.ParseAddr(literal)
	named := err != nil
	hop.Host, hop.Port = "", 0
	if named {
		hop.Host, hop.Port = host, u.Port
	} else {
		named = !Possible(addr.Unmap(), hop.Remote.Addr()) || indoors(addr.Unmap(), hop.Remote.Addr(), t) // like a name that leads nowhere
	}
	if named {
		if hop.Way.IsValid() { // the address of before is no target any more
			hop.Remote, hop.Way = hop.Way, netip.AddrPort{}
		}
	}
	port := u.Port
	if named {
		if addr = hop.Remote.Addr(); port == 0 && t != nil {
			port = t.GatewayPort
		}
	}
	addr = addr.Unmap()
	at, reachable := hop, addr.Is4() == hop.Local.Addr().Is4()
	if reachable && !(named && d.UAC) { // where TCP would be tried
		at.Remote = netip.AddrPortFrom(addr, cmp.Or(port, 5060))
	}
	if by := e.asked(now, at, &u, t); by != hop.Transport {
		hop.Transport, hop.Flow, hop.Way = by, 0, netip.AddrPort{}
	}
	if named && (d.UAC || !hop.Transport.Reliable()) {
		return hop
	}
	if port == 0 {
		port = 5060
		if hop.Transport == sip.TLS {
			port = 5061
		}
	}
	if reachable && hop.Transport == sip.UDP && doubtful(addr, hop.Remote.Addr(), t) {
		hop.Host, hop.Port = addr.String(), port
		return hop
	}
	if reachable {
		at := netip.AddrPortFrom(addr, port)
		if !hop.Way.IsValid() && hop.Transport.Reliable() {
			hop.Way = reachedAt(hop, d, t, at)
		}
		hop.Remote = at
	}
	return hop
}

// reachedAt is where a peer is reached if nobody is where it says, which is at: a target where it was called, a caller where its gateway listens, as there are those
// that give the port they call from, or the one behind a port that is forwarded to them. Not valid: nowhere else.
func reachedAt(hop sip.Hop, d *dialog.Dialog, t *topology.Trunk, at netip.AddrPort) (way netip.AddrPort) {
	switch {
	case d.UAC:
		way = hop.Remote
	case t != nil && t.GatewayPort != 0:
		way = netip.AddrPortFrom(hop.Remote.Addr(), t.GatewayPort)
	}
	if way == at {
		return netip.AddrPort{}
	}
	return way
}

// deadline adds the leg's timers to d.
func (l *Leg) deadline(d *earliest) {
	if !l.mute {
		d.add(l.invc.Deadline())
	}
	d.add(l.drop, "late response to re-INVITE")
	for _, p := range l.past {
		d.add(p.Deadline())
	}
	d.add(l.invs.Deadline())
	d.add(l.answer.Deadline())
	l.byes.deadline(d)
	l.timer.deadline(d)
	if l.again != nil {
		d.add(l.again.until, "answer to our re-INVITE")
		d.add(l.again.retry, "our re-INVITE once more")
	}
	for _, r := range l.clients {
		d.add(r.Deadline())
	}
	for _, s := range l.servers {
		d.add(s.Deadline())
	}
	for _, s := range l.refused {
		d.add(s.Deadline())
	}
}

// idle tells whether no transaction of the leg is alive.
func (l *Leg) idle() bool {
	return !l.invc.Live() && len(l.past) == 0 && !l.invs.Live() && !l.answer.Waiting() && len(l.byes.wait) == 0 && len(l.clients) == 0 &&
		len(l.servers) == 0 && len(l.refused) == 0
}

// earliest keeps the first of several deadlines.
type earliest struct {
	at  time.Time
	why string
}

func (d *earliest) add(at time.Time, why string) {
	if !at.IsZero() { // most are
		d.take(at, why)
	}
}

func (d *earliest) take(at time.Time, why string) {
	if d.at.IsZero() || at.Before(d.at) {
		d.at, d.why = at, why
	}
}
