package b2bua

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// attemptState is how far an attempt has come.
type attemptState uint8

const (
	attemptResolving  attemptState = iota // waits for DNS
	attemptTrying                         // INVITE sent
	attemptCancelling                     // given up, but nobody else is rung before the peer has confirmed, for a short while
	attemptAnswered                       // 2xx taken
	attemptOver                           // failed, refused, or left behind
)

// cancelGrace is how long a cancelled target may take to confirm before the next one is tried. Within it two telephones
// never ring for one call, and an answer that crosses our CANCEL is taken.
const cancelGrace = time.Second

// lingerTime is how long a target left behind may still answer: its 2xx is then acknowledged and hung up (RFC 3261 §9.1).
const lingerTime = 32 * time.Second

// attempt is one target being tried: a leg B and its timers.
type attempt struct {
	leg    Leg
	target *routing.Target
	index  int // in rec.Attempts
	hops   []Addr
	routes []string // of the trunk's registration
	hop    int
	state  attemptState

	bypass    bool // its media goes past us
	rang      bool // an 18x came
	cancelled bool // CANCEL was sent
	elsewhere bool // … because somebody else has answered
	stale     bool // the ports that it was offered are no longer the call's
	viaTCP    bool // the INVITE is too large for UDP and goes by TCP (RFC 3261 §18.1.1)

	transfers uint8 // of the call that had begun: a later one does not call this target

	had      []uint16      // ports of side B beside those of its m-lines, while others are tried for this target, see turn
	failure  string        // why a message could not be sent, in words of the transport
	pause    time.Duration // the shortest that an address of the gateway has asked for with its 503; 0: none has
	patience time.Time     // until when the addresses of the target are tried while there is another target; zero: for ever

	// Deadlines of the hunt; zero when off.
	noResponse, noProgress, noAnswer, grace, linger time.Time
}

// maxFailure bounds what of the transport's words is kept; names of certificates stand in them.
const maxFailure = 200

// done tells whether the initial INVITE of the attempt has its final result.
func (t *attempt) done() bool { return t.state >= attemptAnswered }

// over tells whether nothing of the attempt is alive.
func (t *attempt) over() bool {
	return t.state == attemptOver && t.linger.IsZero() && t.leg.idle() && !t.leg.up
}

func (t *attempt) deadline() (time.Time, string) {
	var d earliest
	d.add(t.noResponse, "no response")
	d.add(t.noProgress, "no progress")
	d.add(t.noAnswer, "no answer")
	d.add(t.grace, "cancel grace")
	d.add(t.linger, "late answer")
	return d.at, d.why
}

// calm stops the timers of the hunt.
func (t *attempt) calm() {
	t.noResponse, t.noProgress, t.noAnswer, t.grace = time.Time{}, time.Time{}, time.Time{}, time.Time{}
}

// forsake leaves the target's INVITE behind: it is not repeated any more, and what still comes for it is cancelled or hung up.
func (t *attempt) forsake(now time.Time) {
	t.state, t.linger = attemptOver, now.Add(lingerTime)
	t.leg.mute = t.leg.invc.Live() && !t.leg.invc.Responded()
}

// rejection is why a target did not take the call.
type rejection struct {
	status, cause int
	told          int // the cause of these that says why; 0: that of reason does
	reason        *diag.Reason
	detail        string // for the record
	open          string // of it, what the caller may be told
	class         routing.Class
}

// ownRejection is a failure that we noticed ourselves: the peer's fault.
func ownRejection(why *diag.Reason) *rejection {
	return &rejection{status: why.Status, reason: why, class: routing.PeerFault}
}

// hunt tries the next target, or gives up. One that was left behind and has woken up is given its second to confirm before.
func (c *Call) hunt(now time.Time, out *Out) {
	c.current = nil
	if t := c.awake(); t != nil && c.hasNext() {
		c.turnTo(t)
		t.state, t.linger = attemptCancelling, time.Time{}
		return
	}
	for c.hasNext() {
		target := &c.decision.Targets[c.next]
		c.next++
		entry := cdr.Attempt{Trunk: target.Trunk.Name, Called: target.Called, Calling: target.Calling, At: c.moment(now)}
		if r := c.acquire(now, target.Trunk); r != nil {
			entry.Status, entry.Reason, entry.Class = r.Status, r.ID, routing.Congestion.String()
			c.rec.Attempts = append(c.rec.Attempts, entry)
			c.weigh(&rejection{status: r.Status, reason: r, class: routing.Congestion})
			continue
		}
		c.tried++
		c.rec.Attempts = append(c.rec.Attempts, entry)
		t := &attempt{target: target, transfers: c.transfers, index: len(c.rec.Attempts) - 1}
		t.leg.side, t.leg.number, t.leg.trunk = c.seatOfTarget(), uint8(min(len(c.rec.Attempts), 255)), target.Trunk
		c.current = t
		c.attempts = append(c.attempts, t)
		c.keepPlaces() // not that of a trunk whose peer has refused the call
		c.locate(now, t, out)
		return
	}
	c.giveUp(now, out)
}

// awake is a target left behind that has woken up and has not confirmed its CANCEL yet; nil: there is none, or it has had its time.
func (c *Call) awake() *attempt {
	for _, t := range c.attempts {
		if t.state == attemptOver && !t.grace.IsZero() && t.transfers == c.transfers && !t.stale {
			return t
		}
	}
	return nil
}

// hasNext tells whether there is a target left that may be tried.
func (c *Call) hasNext() bool {
	limit := c.a.trunk.Settings.MaxAttempts
	if c.decision.Kind == routing.Emergency {
		limit = 0
	}
	return c.verdict == nil && int(c.next) < len(c.decision.Targets) && (limit <= 0 || int(c.tried) < limit)
}

// acquire takes a place on the trunk of a target or of a guest, once per trunk.
func (c *Call) acquire(now time.Time, trunk *topology.Trunk) *diag.Reason {
	if c.holds(trunk) {
		return nil
	}
	r := c.env.Limits.Acquire(now, trunk, c.id, c.decision.Kind == routing.Emergency)
	if r == nil {
		c.held = append(c.held, trunk)
	}
	return r
}

// holds tells whether Limits gave the call a place on a trunk.
func (c *Call) holds(t *topology.Trunk) bool { return slices.Contains(c.held, t) }

// locate finds the addresses of the target's gateway.
func (c *Call) locate(now time.Time, t *attempt, out *Out) {
	if remote, ok := t.target.Trunk.Remote(); ok {
		t.hops = []Addr{{Remote: remote}}
		c.invite(now, t, out)
		return
	}
	ask := c.env.LookUp(t.target.Trunk)
	ask.Session, ask.Attempt = c.id, t.index
	t.noResponse = now.Add(c.settings(t).NoResponseTimeout)
	out.Resolve = append(out.Resolve, ask)
}

// Resolved answers a Resolve: addresses in fail-over order; none when the name could not be found, and why.
func (c *Call) Resolved(now time.Time, index int, addrs []Addr, why string, out *Out) {
	for _, t := range c.attempts {
		if t.index != index || t.state != attemptResolving || t != c.current {
			continue
		}
		t.hops = addrs
		t.noResponse = time.Time{}
		if len(addrs) == 0 {
			r := ownRejection(diag.DNSFailed)
			r.detail = clip(why, maxFailure)
			c.reject(now, t, r, true, out)
		} else {
			c.invite(now, t, out)
		}
		break
	}
	c.settle(now, out)
}

// invite sends the INVITE to the attempt's current address, as a leg of its own: new Call-ID, new tag.
func (c *Call) invite(now time.Time, t *attempt, out *Out) {
	l := &t.leg
	c.bind(t)
	if t.hop == 0 && l.callID == "" {
		t.hops = c.env.speaking(now, t.target.Trunk, t.hops)
	}
	l.callID, l.tag, l.first, l.session, l.oneSession = c.env.CallID(), c.env.tag(), 1, "", false
	l.sdp.start(c.env)
	out.CallIDs = append(out.CallIDs, l.callID)
	trunk := t.target.Trunk
	c.chooseMedia(t)
	if c.crowdedOut(now, t, out) {
		return
	}
	l.hop = c.env.Toward(trunk, t.hops[t.hop])
	c.rec.Attempts[t.index].Remote = c.env.written(l.hop.Remote)
	if !c.turn(t, out) {
		c.inviteFrom(now, t, out)
	}
}

// inviteFrom is invite where the ports that it names are open.
func (c *Call) inviteFrom(now time.Time, t *attempt, out *Out) {
	l, trunk := &t.leg, t.target.Trunk
	body := ""
	switch {
	case c.xfer != nil:
		body = c.plan.standingOffer(c, l)
		c.plan.noVideo = false // between the two who talk there is room
	case c.offer != "":
		body = c.plan.offerTo(c, l)
	case trunk.Settings.OutboundOffer == "always" && !c.plan.bypass:
		body = c.plan.ownOffer(c, l)
	}
	t.viaTCP = false
	c.greet(l)
	m := c.fitInvite(now, t, body)
	l.offerless = body == ""
	l.unoffered = l.offerless
	c.sendInvite(now, t, m, out)
	t.noProgress = after(now, c.settings(t).NoProgressTimeout)
	if t.patience.IsZero() {
		t.patience = t.noProgress
	}
}

// fitInvite writes the INVITE of an attempt, for TCP when it is too large for UDP (RFC 3261 §18.1.1) and the peer has not been without TCP lately.
func (c *Call) fitInvite(now time.Time, t *attempt, body string) *sip.Message {
	l := &t.leg
	m := c.buildInvite(t, body)
	if l.hop.Transport != sip.UDP || !tooLarge(m, l.trunk.Settings.UDPMaxRequest) {
		return m
	}
	m.Del(sip.IDSessionID) // nothing of the call needs it
	limit := l.trunk.Settings.UDPMaxRequest
	switch spare := l.sdp.mappings(); {
	case !tooLarge(m, limit):
	case spare > 0 && !tooLarge(m, limit+spare):
		l.sdp.unmap(l.first > 1)
		m = c.buildInvite(t, l.sdp.body)
		m.Del(sip.IDSessionID)
	case !c.env.noTCP().Is(now, WayOf(&l.hop)):
		t.viaTCP = true
		l.hop.Transport = sip.TCP
		m = c.buildInvite(t, body)
	}
	return m
}

// sendInvite starts the transaction of an attempt's INVITE.
func (c *Call) sendInvite(now time.Time, t *attempt, m *sip.Message, out *Out) {
	l := &t.leg
	l.oa.LocalInvite(!l.offerless)
	t.state, t.failure = attemptTrying, ""
	t.noResponse = after(now, c.settings(t).NoResponseTimeout)
	c.note(now, l, true, m)
	l.sent = m
	l.invc.Start(now, m, l.hop, c.env.Timers, &out.Out)
}

// inviteAgain sends the INVITE of an attempt once more with what the target has asked for: the same Call-ID and From tag, and a
// CSeq one higher (RFC 3261 §8.1.3.5).
func (c *Call) inviteAgain(now time.Time, t *attempt, out *Out) {
	l := &t.leg
	l.shelve()
	l.first++
	c.sendInvite(now, t, c.fitInvite(now, t, l.sdp.body), out)
}

func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// tooLarge tells whether a request must not go by UDP (RFC 3261 §18.1.1).
func tooLarge(m *sip.Message, limit int) bool {
	if limit <= 0 {
		return false
	}
	n := len(m.Body) + len(m.URI) + len(m.Method) + 40
	for i := range m.Headers {
		n += len(m.Headers[i].Name) + len(m.Headers[i].Value) + 24
		if n > limit {
			break
		}
	}
	return n > limit
}

// buildInvite writes the INVITE of an attempt. Nothing of the caller's side shows in it but what is carried on purpose.
func (c *Call) buildInvite(t *attempt, body string) *sip.Message {
	l := &t.leg
	uri := c.targetURI(t)
	id := c.outgoing(t)
	m := sip.NewRequest("INVITE", uri)
	m.Add(sip.IDVia, c.env.via(l.hop))
	for _, r := range t.routes {
		m.Add(sip.IDRoute, r)
	}
	m.Add(sip.IDMaxForwards, strconv.Itoa(c.maxForwards()-1))
	m.Add(sip.IDFrom, id.From(l.tag))
	m.Add(sip.IDTo, "<"+uri+">")
	m.Add(sip.IDCallID, l.callID)
	m.Add(sip.IDCSeq, strconv.FormatUint(uint64(l.first), 10)+" INVITE")
	m.Add(sip.IDContact, c.contact(l.hop))
	m.Add(sip.IDAllow, c.env.Allow(l.trunk.Settings))
	l.askTimer(m)
	switch {
	case c.plan.bypass && body == "" && !c.reliably: // its offer could not be answered: the caller is not asked before the answer, and has the media
		m.Set(sip.IDSupported, strings.TrimPrefix(Extensions(l.trunk.Settings), "100rel, "))
	case l.trunk.Settings.ReliableProvisional == "required":
		m.Add(sip.IDRequire, "100rel")
	}
	m.Add(sip.IDUserAgent, c.env.UserAgent)
	id.Write(m, uri)
	if in := c.asked(); in != nil {
		carryPriority(m, in)
		if !id.Concealed() { // free text may name the caller (RFC 3323 §4.1, RFC 7433 §8.3)
			carry(m, in, sip.IDSubject)
			if v := in.GetName("User-to-User"); v != "" {
				m.AddName("User-to-User", v)
			}
		}
	}
	c.mark(m, t)
	c.setOffer(m, t, body)
	var from *sip.Message
	if !id.Concealed() {
		from = c.asked()
	}
	topology.ApplyHeaderRules(t.target.Trunk.Settings.HeaderRules.Out, m, from)
	c.tellSession(l, m)
	l.auth.authorize(c.env, m)
	return m
}

// carry copies every header of the given kinds.
func carry(to, from *sip.Message, ids ...sip.ID) {
	for i := range from.Headers {
		for _, id := range ids {
			if from.Headers[i].ID == id {
				to.Add(id, from.Headers[i].Value)
			}
		}
	}
}

func (c *Call) maxForwards() int {
	if in := c.asked(); in != nil {
		if n, ok := in.MaxForwards(); ok && n > 0 && n <= 70 {
			return n
		}
	}
	return 70
}

// targetURI is the Request-URI toward a target (SIG-03).
func (c *Call) targetURI(t *attempt) string {
	if t.target.URI != "" {
		return t.target.URI
	}
	g := t.target.Trunk.Gateway
	var room [160]byte
	u := append(room[:0], "sip:"...)
	u = identity.AppendCalled(u, t.target.Trunk.Settings, t.target.Called, t.target.Parameters)
	u = append(u, '@')
	u = appendHostPort(u, g.Host, g.Addr, t.target.Trunk.GatewayPort, t.target.Trunk.Transport)
	switch t.target.Trunk.Transport {
	case sip.TCP:
		u = append(u, ";transport=tcp"...)
	case sip.TLS:
		u = append(u, ";transport=tls"...)
	}
	return string(identity.AppendPhone(u, t.target.Trunk.Settings, t.target.Called))
}

func appendHostPort(b []byte, host string, addr netip.Addr, port uint16, tr sip.Transport) []byte {
	if addr.Is6() {
		b = append(b, '[')
		b = append(b, host...)
		b = append(b, ']')
	} else {
		b = append(b, host...)
	}
	standard := uint16(5060)
	if tr == sip.TLS {
		standard = 5061
	}
	if port != 0 && port != standard {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	return b
}

// settings are those of the attempt's trunk.
func (c *Call) settings(t *attempt) *topologySettings { return t.target.Trunk.Settings }

// advanceAttempt fires the timers of the hunt.
func (c *Call) advanceAttempt(now time.Time, t *attempt, out *Out) {
	passed := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	switch {
	case passed(t.linger):
		t.linger = time.Time{}
		t.leg.invc, t.leg.mute = txn.InviteClient{}, false
	case passed(t.grace):
		t.grace = time.Time{}
		if t.state == attemptCancelling {
			t.forsake(now)
		}
		if c.current == t {
			c.hunt(now, out)
		}
	case passed(t.noResponse):
		t.noResponse = time.Time{}
		r := ownRejection(diag.NoResponse)
		r.detail = t.failure
		if t.state == attemptResolving {
			r = ownRejection(diag.DNSFailed)
		}
		c.nextAddress(now, t, r, out)
	case passed(t.noProgress):
		t.noProgress = time.Time{}
		c.weighAttempt(now, t, ownRejection(diag.NoProgress), out)
		c.abandon(now, t, out)
	case passed(t.noAnswer):
		t.noAnswer = time.Time{}
		c.weighAttempt(now, t, &rejection{status: 480, reason: diag.NoAnswer, class: routing.UserVerdict}, out)
		if c.decision.Kind == routing.Emergency && c.current == t && c.hasNext() { // somebody must answer (NEW-18)
			c.abandon(now, t, out)
			return
		}
		c.leave(now, t, out)
		c.current = nil
		c.giveUp(now, out)
	}
}

// abandon cancels a target that is too slow and moves on once it has confirmed, or after cancelGrace.
func (c *Call) abandon(now time.Time, t *attempt, out *Out) {
	t.calm()
	t.state, t.grace = attemptCancelling, now.Add(cancelGrace)
	c.sendCancel(now, t, out)
}

// leave gives a target up for good; a late answer is hung up.
func (c *Call) leave(now time.Time, t *attempt, out *Out) {
	if t.done() {
		return
	}
	t.calm()
	if t.state == attemptResolving {
		t.state = attemptOver
		return
	}
	c.sendCancel(now, t, out)
	t.forsake(now)
}

// sendCancel cancels the INVITE as soon as that is allowed: after the first provisional response (RFC 3261 §9.1).
func (c *Call) sendCancel(now time.Time, t *attempt, out *Out) {
	if t.cancelled {
		return
	}
	m := t.leg.invc.Cancel()
	if m == nil {
		return
	}
	t.cancelled = true
	if t.elsewhere { // no missed call (RFC 3326 §3.1)
		m.AddName("Reason", `SIP;cause=200;text="Call completed elsewhere"`)
	}
	r := &request{}
	t.leg.clients = append(t.leg.clients, r)
	r.Start(now, m, t.leg.invc.Hop(), c.env.Timers, &out.Out)
	c.note(now, &t.leg, true, m)
}

// attemptFailed takes a transport error or timer B of the attempt's INVITE.
func (c *Call) attemptFailed(now time.Time, t *attempt, ev txn.Event, out *Out) {
	if t.state == attemptCancelling {
		t.calm()
		t.state = attemptOver
		if c.current == t {
			c.hunt(now, out)
		}
		return
	}
	if ev == txn.Failed && t.viaTCP {
		c.env.noTCP().Add(now, WayOf(&t.leg.hop), noTCPTime) // the large request goes by UDP after all (RFC 3261 §18.1.1)
		if !c.written {
			e := &c.rec.Attempts[t.index]
			e.Detail = join(e.Detail, "larger than udpMaxRequest, and went by UDP because TCP failed ("+t.failure+")")
		}
		c.invite(now, t, out)
		return
	}
	r := ownRejection(diag.TransportFailed)
	r.detail = t.failure
	if ev == txn.TimedOut {
		r = ownRejection(diag.NoResponse)
	}
	c.nextAddress(now, t, r, out)
}

// nextAddress tries the next address of the same gateway (RFC 3263 §4.3), then the next target, which also has its turn when the addresses so far
// have taken noProgressTimeout: a name can have dozens of them. A peer that has not
// answered at all cannot be cancelled: its INVITE is no longer repeated, and if it wakes up it is cancelled then.
func (c *Call) nextAddress(now time.Time, t *attempt, r *rejection, out *Out) {
	c.env.noTCP().Forget(WayOf(&t.leg.hop)) // what is too large may not arrive by UDP either
	if t.state == attemptTrying {
		c.env.silent().Add(now, WayOf(&t.leg.hop), SilentTime)
	}
	if !c.further(now, t, r, out) {
		c.reject(now, t, r, true, out)
	}
}

// outOfService takes a 503 of an address that is not the last one of its gateway, as if there had been no answer: another one may be well (RFC 3263 §4.3). What a
// Retry-After asks for holds for this address: it stands behind the others so long. False: the answer is that of the gateway.
func (c *Call) outOfService(now time.Time, t *attempt, m *sip.Message, r *rejection, out *Out) bool {
	if m.Status != 503 || t.rang || c.current != t || len(t.hops) < 2 {
		return false
	}
	if d := pauseOf(m); d > 0 {
		c.env.silent().Add(now, WayOf(&t.leg.hop), d)
		if t.pause == 0 || d < t.pause {
			t.pause = d
		}
	}
	return c.further(now, t, r, out)
}

// further tries the next address of the same gateway. False: there is none, the next target has its turn, or somebody has refused the call meanwhile.
func (c *Call) further(now time.Time, t *attempt, r *rejection, out *Out) bool {
	tired := !t.patience.IsZero() && !now.Before(t.patience) && c.hasNext()
	if t.hop+1 >= len(t.hops) || tired || c.verdict != nil {
		return false
	}
	next := &attempt{target: t.target, transfers: t.transfers, index: t.index, hops: t.hops, hop: t.hop + 1, patience: t.patience, pause: t.pause}
	next.leg.side, next.leg.number, next.leg.trunk = t.leg.side, t.leg.number, t.leg.trunk
	c.passBy(now, t, r)
	t.calm()
	t.forsake(now)
	c.current = next
	c.attempts = append(c.attempts, next)
	c.invite(now, next, out)
	return true
}

// passBy notes in the record which address of the gateway has not taken the INVITE, before the next one has its place there.
func (c *Call) passBy(now time.Time, t *attempt, r *rejection) {
	if c.written {
		return
	}
	e := &c.rec.Attempts[t.index]
	what := r.reason.ID + " after " + now.Sub(e.At).Round(10*time.Millisecond).String()
	if r.detail != "" {
		what += ": " + r.detail
	}
	e.Detail = join(e.Detail, e.Remote+" did not take it ("+what+")")
}

// join puts what is noted later behind what is noted already.
func join(before, text string) string {
	if before == "" {
		return text
	}
	return before + "; " + text
}

// reject ends an attempt with its rejection and hunts on, or takes it as the call's result.
func (c *Call) reject(now time.Time, t *attempt, r *rejection, hunt bool, out *Out) {
	t.calm()
	if t.state == attemptTrying && t.leg.invc.Live() && !t.leg.invc.Responded() {
		t.forsake(now)
	}
	t.state = attemptOver
	c.weighAttempt(now, t, r, out)
	if c.current != t {
		return
	}
	if hunt {
		c.hunt(now, out)
		return
	}
	c.current, c.best = nil, r
	c.giveUp(now, out)
}

// weighAttempt notes the result of an attempt in the record and for the trunk's health.
func (c *Call) weighAttempt(now time.Time, t *attempt, r *rejection, out *Out) {
	switch r.reason {
	case diag.TransportFailed:
		c.result(now, t.target.Trunk, health.Unreachable, out)
	case diag.NoResponse, diag.NoProgress, diag.DNSFailed:
		c.result(now, t.target.Trunk, health.Bad, out)
	}
	if c.written {
		return
	}
	e := &c.rec.Attempts[t.index]
	e.Took, e.Status, e.Cause, e.Class = now.Sub(e.At), r.status, r.cause, r.class.String()
	if r.reason != nil {
		e.Reason = r.reason.ID
	}
	if r.detail != "" && r.detail != r.open || r.reason == diag.LinkFull || r.reason == diag.SessionTooWide { // else the status has said it
		e.Detail = join(e.Detail, r.detail)
	}
	c.weigh(r)
}

// noteCancelled notes that an attempt is over because the call is, or somebody else has answered. One that was given up before keeps why.
func (c *Call) noteCancelled(now time.Time, t *attempt, why string) {
	if e := &c.rec.Attempts[t.index]; e.Class == "" {
		e.Took, e.Class, e.Reason = now.Sub(e.At), "cancelled", why
	}
}

// weigh keeps the rejection that says most about the call: a person's or a number's before a peer's (RFC 3261 §16.7).
func (c *Call) weigh(r *rejection) {
	if c.best == nil || r.class >= c.best.class {
		c.best = r
	}
}

// giveUp answers the caller when no target is left.
func (c *Call) giveUp(now time.Time, out *Out) {
	r := c.best
	if c.xfer != nil && !c.xfer.connects() {
		c.targetFailed(now, r, out)
		return
	}
	if r == nil {
		c.finish(now, diag.AllTrunksDown, "directsip", "", out)
		return
	}
	by := "directsip"
	if r.class == routing.UserVerdict || r.class == routing.NumberFault {
		by = "callee"
	}
	if !unauthorized(r.status) && !ofOurRequest(r.status) {
		c.finalStatus = int16(r.status)
	}
	why := r.reason
	c.endCause = uint8(r.told)
	if by == "directsip" && len(c.rec.Attempts) > 1 {
		why, c.finalStatus, c.endCause = diag.AllTrunksFailed, 0, 0
	}
	c.finishTelling(now, why, by, r.detail, r.open, out)
}

// ofOurRequest tells whether a status speaks of what our own request requires or says, which the caller's may not: it would lack the header that it has to
// come with, name what is ours, or have the caller believe that we know no INVITE or dialog, or would take another form of it, which leads to the same request again
// (RFC 3261 §8.1.3.5, §8.2, §21.4, RFC 3329 §2.3.1, RFC 4028 §6, RFC 6442 §4.3, RFC 8224 §6.2.2). 501 stays: that is what Q.850 79 is in SIP (RFC 3398 §8.2.6.1).
func ofOurRequest(status int) bool {
	switch status {
	case 405, 406, 411, 412, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429, 430, 436, 437, 438, 439, 440, 441, 469, 470, 481, 489, 491, 493, 494, 505:
		return true
	}
	return false
}
