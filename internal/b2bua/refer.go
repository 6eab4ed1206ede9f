package b2bua

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// maxTransfers bounds how often one call is transferred: telephones that refer it to each other would keep it for ever.
const maxTransfers = 10

// maxReferTo bounds Refer-To and Referred-By, which are kept until the new call is made. Tokens of 400 characters are in use (DR-16).
const maxReferTo = 2048

// referral is what a REFER asks for.
type referral struct {
	to         string // Refer-To as it came
	uri        string // … its URI without headers
	number     string
	host       string
	replaces   string // value of the Replaces header that the new INVITE must have; "" none
	userToUser string // value of the User-to-User header that it must have (RFC 7433 §4.2); "" none
	referredBy string // Referred-By as it came
	plain      bool   // it is a number, and says nothing else that only its host may understand
	home       bool   // its target is called at the referrer's own equipment
	private    bool   // the referrer asks not to be shown
	silent     bool   // … and wants no NOTIFYs (RFC 4488)
}

// readReferral reads a REFER, or says what is wrong with it (RFC 3515 §2.4.1).
func readReferral(m *sip.Message) (r referral, why *diag.Reason) {
	n := 0
	for i := range m.Headers {
		if m.Headers[i].ID == sip.IDReferTo {
			n++
		}
	}
	r.to, r.referredBy = m.Get(sip.IDReferTo), m.Get(sip.IDReferredBy)
	if n != 1 || len(r.to) > maxReferTo || len(r.referredBy) > maxReferTo {
		return r, diag.BadRequest
	}
	a, err := sip.ParseAddress(r.to)
	if err != nil {
		return r, diag.BadRequest
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return r, diag.UnsupportedScheme
	}
	if method, ok := u.Params.Get("method"); ok && !strings.EqualFold(method, "INVITE") {
		return r, diag.NotAcceptable
	}
	for h := range strings.SplitSeq(u.Headers, "&") {
		switch name, v, _ := strings.Cut(h, "="); {
		case strings.EqualFold(name, "Replaces"):
			r.replaces = sip.Unescape(v)
		case strings.EqualFold(name, "User-to-User"):
			r.userToUser = sip.Unescape(v)
		}
	}
	u.Headers = ""
	r.uri, r.number, r.host = u.String(), identity.Number(u), u.Host
	r.plain = r.replaces == "" && plainNumber(u)
	r.private = identity.ReadPrivacy(m).Hides()
	r.silent = strings.EqualFold(strings.TrimSpace(m.GetName("Refer-Sub")), "false")
	sip.Own(&r.to, &r.uri, &r.number, &r.host, &r.replaces, &r.userToUser, &r.referredBy)
	return r, nil
}

// plainNumber tells whether a SIP URI names a telephone number and nothing more.
func plainNumber(u sip.URI) bool {
	digits := strings.TrimPrefix(u.Number(), "+")
	if digits == "" || strings.Trim(digits, "0123456789*#") != "" {
		return false
	}
	for name := range u.Params.All() {
		switch strings.ToLower(name) {
		case "user", "transport", "ext", "phone-context", "method":
		default:
			return false
		}
	}
	return true
}

// receiveRefer takes a REFER of either peer (NEW-03): the other one is sent it (TRK-06), or we call the target ourselves and put it in
// the referrer's place (SIG-10, TRK-07).
func (c *Call) receiveRefer(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	r, d, why := c.judgeRefer(l, m)
	if why != nil {
		c.turnAway(now, l, src, m, why, out)
		return
	}
	s, rest := c.serve(now, l, src, m), c.other(l)
	x := c.beginTransfer(now, l, rest, &r, "invite")
	x.decision = d
	if !r.silent {
		x.sub = &subscription{leg: l}
		if c.transfers > 1 {
			seq, _, _ := m.CSeq()
			x.sub.id = strconv.FormatUint(uint64(seq), 10)
		}
	}
	if dlg, ok := r.dialog(); ok {
		x.dialog, x.stage = dlg, transferLending
		c.acceptRefer(now, x, s, m, out)
		c.lend(now, x, out)
		return
	}
	if rest.refers() && c.home(l, r.host) == nil { // its own equipment is for nobody to see or to reach but by us
		c.passRefer(now, x, s, m, out)
		return
	}
	c.acceptRefer(now, x, s, m, out)
	c.huntTransfer(now, x, out)
}

// judgeRefer reads a REFER and decides where its target is called, or says why it is refused.
func (c *Call) judgeRefer(l *Leg, m *sip.Message) (r referral, d routing.Decision, why *diag.Reason) {
	rest := c.other(l)
	switch {
	case !l.trunk.Settings.AcceptRefer:
		return r, d, diag.MethodNotAllowed
	case rest == nil && (c.alone() || c.candidate(l)):
		return r, d, diag.RequestPending
	case rest == nil:
		return r, d, diag.CallGone
	case c.xfer != nil || !rest.up || rest.pending || l.answer.Waiting() || !l.acked:
		return r, d, diag.RequestPending
	case int(c.transfers) >= maxTransfers:
		return r, d, diag.TransferLimit
	}
	if r, why = readReferral(m); why != nil {
		return r, d, why
	}
	d = c.decideTransfer(l, rest, &r)
	if _, ok := r.dialog(); ok && d.Reason != nil { // who it is to talk to may be in another call of the referrer already
		return r, d, nil
	}
	if c.plan.bypass && d.Reason == nil { // its media has no ports here
		d.Targets = slices.DeleteFunc(d.Targets, func(t routing.Target) bool { return !c.joins(l, rest, t.Trunk, nil) })
		if len(d.Targets) == 0 {
			return r, d, diag.NotAcceptable
		}
	}
	return r, d, d.Reason
}

// refers tells whether the leg's peer is sent REFER: the trunk has enableReferSupport and not enable3pccRefer, and the peer's Allow
// says that it takes it (DR-15). A peer that says nothing would let the transfer stall (P6).
func (l *Leg) refers() bool {
	set := l.trunk.Settings
	return set.EnableReferSupport && !set.Enable3pccRefer && l.allow.has(allowRefer)
}

// decideTransfer asks where the target of a REFER is called. A target at the own equipment of a UC platform or PBX is called there, under the very
// URI that the REFER names (DR-16); anything else is a number that the referrer must be allowed to call. A PBX writes its own host behind every number, so one that
// routing knows to be elsewhere is called where that is.
func (c *Call) decideTransfer(by, rest *Leg, r *referral) routing.Decision {
	calling := c.partyOf(rest).number
	if at := c.back(by, r.host); at != nil {
		if at.Gateway.Kind == topology.KindPBX && r.plain {
			if d := c.routeTransfer(by, rest, r); len(d.Targets) > 0 && d.Targets[0].Trunk.Gateway != at.Gateway {
				return d
			}
		}
		r.home = true
		if !c.mayJoin(rest, c.at(at, r.uri)) {
			return routing.Decision{Number: r.number, Reason: diag.TollBypass}
		}
		return routing.Decision{Kind: routing.ToRoute, Number: r.number, CallerNumber: calling,
			Targets: []routing.Target{{Trunk: at, Called: r.number, URI: r.uri, Calling: calling}}}
	}
	return c.routeTransfer(by, rest, r)
}

// routeTransfer routes the target of a REFER like a call of the referrer.
func (c *Call) routeTransfer(by, rest *Leg, r *referral) routing.Decision {
	q := c.referred(by, rest)
	q.Called, q.CalledURI = r.number, r.uri
	d := routing.Decide(c.snap, &q, c.env.State)
	if len(d.Targets) > 0 {
		d.Announcement = nil // who stays hears the other party
	}
	c.hideReferrer(by, &d)
	return d
}

// referred is what routing must know of a referrer and who stays.
func (c *Call) referred(by, rest *Leg) routing.Query {
	return routing.Query{Server: c.env.Server, Trunk: by.trunk, Calling: c.partyOf(rest).number, User: c.partyOf(by).user,
		Stays: &routing.Party{User: c.partyOf(rest).user, Trunk: rest.trunk}}
}

// hideReferrer shows a target nothing of who calls by right of a user who is hidden.
func (c *Call) hideReferrer(by *Leg, d *routing.Decision) {
	if who := c.partyOf(by); who.number == routing.Anonymous && who.user != nil {
		for i := range d.Targets {
			d.Targets[i].Calling, d.Targets[i].Display, d.Targets[i].SuppressID = routing.Anonymous, "", true
		}
	}
}

// home is the trunk by which a host is reached that is the referrer's own equipment: the referrer's, or that to another proxy of the same UC platform,
// which knows us there by the same name (contactHost). nil: the host is somebody else.
func (c *Call) home(by *Leg, host string) *topology.Trunk {
	own := by.trunk
	if by.atHome(host) {
		return own
	}
	if own.Gateway.Kind == topology.KindUC && own.ContactHost != "" {
		for _, t := range c.snap.Trunks {
			if t.Gateway.Kind == topology.KindUC && t.Pool == own.Pool && strings.EqualFold(t.ContactHost, own.ContactHost) && isHostOf(t.Gateway, host) {
				return t
			}
		}
	}
	return nil
}

// back is home where the referrer may have us call there without a right to call the number. What a PSTN gateway or provider is asked to call costs
// money, so a REFER of theirs, which may be one of somebody behind them, reaches what their usages allow.
func (c *Call) back(by *Leg, host string) *topology.Trunk {
	if by.trunk.PSTN() {
		return nil
	}
	return c.home(by, host)
}

// atHome tells whether the host of a URI is the equipment that the leg leads to.
func (l *Leg) atHome(host string) bool {
	g := l.trunk.Gateway
	if a, err := netip.ParseAddr(host); err == nil {
		return isHostOf(g, host) || a.Unmap() == l.hop.Remote.Addr()
	}
	return isHostOf(g, host) || slices.ContainsFunc(g.Names, func(name string) bool { return strings.EqualFold(name, host) })
}

// acceptRefer answers 202 and begins the subscription that goes with it.
func (c *Call) acceptRefer(now time.Time, x *transfer, s *txn.Server, req *sip.Message, out *Out) {
	r := sip.NewResponse(req, 202, "")
	r.SetToTag(x.by.tag)
	r.Add(sip.IDContact, c.contact(x.by.hop))
	if x.sub == nil {
		r.AddName("Refer-Sub", "false")
	}
	c.reply(now, x.by, s, r, out)
	c.tell(now, x.sub, 100, false, out)
}

// passRefer sends the REFER on, with its target as it came.
func (c *Call) passRefer(now time.Time, x *transfer, s *txn.Server, req *sip.Message, out *Out) {
	l := x.rest
	x.stage = transferReferred
	c.rec.Transfers[x.entry].How = "refer"
	m := l.dlg.Request("REFER")
	m.Add(sip.IDContact, c.contact(l.hop))
	m.Add(sip.IDReferTo, c.referToward(l, x.by, &x.referral))
	c.tellReferrer(m, x, l)
	if x.referral.silent {
		m.AddName("Refer-Sub", "false")
	}
	r := c.begin(now, l, m, out)
	r.waiter, r.from, r.req = s, x.by, req
}

// referToward is the Refer-To of a REFER that we pass on: as it came, but for one that leads to us. The referrer knows us by the listener of its
// own trunk, which the other side must not call; it is told that of its own.
func (c *Call) referToward(l, by *Leg, r *referral) string {
	a, err := sip.ParseAddress(r.to)
	if err != nil || !c.env.isUs(by.hop, r.host) {
		return r.to
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil || u.Scheme == "tel" {
		return r.to
	}
	to, err := sip.ParseURI(strings.Trim(c.contact(l.hop), "<>"))
	if err != nil {
		return r.to
	}
	to.User, to.Password, to.Headers = u.User, u.Password, u.Headers // as they came: escaped
	for name, value := range u.Params.All() {
		switch {
		case strings.EqualFold(name, "transport") || strings.EqualFold(name, "maddr"):
		case value == "":
			to.Params += sip.Params(";" + name)
		default:
			to.Params += sip.Params(";" + name + "=" + value)
		}
	}
	return "<" + to.String() + ">"
}

// referAnswered takes the response to a REFER that we passed on. A peer whose Allow was not true is not asked again: the transfer is
// made without it.
func (c *Call) referAnswered(now time.Time, r *request, status int, out *Out) {
	s, from, req := r.waiter, r.from, r.req
	r.waiter, r.from, r.req = nil, nil, nil
	x := c.xfer
	switch {
	case s == nil:
		return
	case x == nil || x.stage != transferReferred: // the call is over
		b := sip.NewResponse(req, diag.CallGone.Status, "")
		b.SetToTag(from.tag)
		c.reply(now, from, s, b, out)
		return
	}
	c.acceptRefer(now, x, s, req, out)
	switch {
	case status >= 300:
		c.huntTransfer(now, x, out)
	case x.sub == nil: // nobody will tell us
		c.transferred(now, x, status, out)
	}
}

// referTaken takes that a REFER passed on has been accepted though the response to it, lost or overtaken, is still to come: it has a result (RFC 6665 §4.1.2.4).
func (c *Call) referTaken(now time.Time, x *transfer, out *Out) {
	for _, r := range x.rest.clients {
		if r.Method() == "REFER" && r.waiter != nil {
			s, req := r.waiter, r.req
			r.waiter, r.from, r.req = nil, nil, nil
			c.acceptRefer(now, x, s, req, out)
		}
	}
}

// receiveNotify takes what the peer tells of a REFER that was passed on, and tells the referrer.
func (c *Call) receiveNotify(now time.Time, l *Leg, src sip.Source, m *sip.Message, out *Out) {
	x := c.xfer
	event, _, _ := strings.Cut(m.Get(sip.IDEvent), ";")
	if !strings.EqualFold(strings.TrimSpace(event), "refer") {
		c.receiveOther(now, l, src, m, out)
		return
	}
	if x == nil || x.stage != transferReferred || x.rest != l {
		c.turnAway(now, l, src, m, diag.CallGone, out) // no such subscription (RFC 6665 §4.1.3)
		return
	}
	s := c.serve(now, l, src, m)
	c.reply(now, l, s, c.ok(l, m), out)
	status := fragment(m)
	state, _, _ := strings.Cut(m.Get(sip.IDSubscriptionState), ";")
	ended := strings.EqualFold(strings.TrimSpace(state), "terminated")
	if status >= 200 || ended {
		c.referTaken(now, x, out)
	}
	switch {
	case status >= 200 && status < 300:
		c.transferred(now, x, status, out)
	case status >= 300:
		c.transferFailed(now, x, status, diag.TransferFailed, out)
	case ended:
		c.transferFailed(now, x, 503, diag.TransferFailed, out)
	case status > 100:
		c.tell(now, x.sub, status, false, out)
	}
}
