package siptest

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/directsip/directsip/internal/sip"
)

// Option changes a request before it goes out.
type Option func(*request)

type request struct {
	m     *sip.Message
	noSDP bool
	sdp   *string
}

// WithFrom sets the From URI: "sip:+12065550123@pbx.contoso.com", or with a display name "Bob <sip:…>".
func WithFrom(address string) Option {
	return func(r *request) {
		from := r.m.From()
		if a, err := sip.ParseAddress(address); err == nil {
			a.Params = from.Params
			r.m.Set(sip.IDFrom, a.String())
		}
	}
}

// WithTo sets the To URI; otherwise it is the Request-URI.
func WithTo(uri string) Option {
	return func(r *request) { r.m.Set(sip.IDTo, "<"+uri+">") }
}

// WithHeader adds a header line: "P-Asserted-Identity: <sip:+12065550123@contoso.com>".
func WithHeader(line string) Option {
	return func(r *request) { addHeaders(r.m, []string{line}) }
}

// WithoutHeader takes a header away.
func WithoutHeader(id sip.ID) Option {
	return func(r *request) { r.m.Del(id) }
}

// WithSDP sends this description instead of the agent's own.
func WithSDP(body string) Option {
	return func(r *request) { r.sdp = &body }
}

// WithBody sets a body, for INFO and the like.
func WithBody(contentType, body string) Option {
	return func(r *request) { r.m.SetBody(contentType, body) }
}

// NoSDP leaves the offer to the other side (RFC 3264: offer in the 200, answer in the ACK).
func NoSDP() Option {
	return func(r *request) { r.noSDP = true }
}

// Edit changes the request in any other way; it runs when all else is in place but Via.
func Edit(f func(*sip.Message)) Option {
	return func(r *request) { f(r.m) }
}

// Dial sends an INVITE for uri to address:port and returns at once; what happens then is for Wait.
func (a *Agent) Dial(ctx context.Context, addr, uri string, opts ...Option) (*Call, error) {
	var r net.Resolver
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("siptest: %s: %w", a.cfg.Name, err)
	}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("siptest: %s: %w", a.cfg.Name, err)
	}
	n, err := r.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, fmt.Errorf("siptest: %s: %w", a.cfg.Name, err)
	}
	return a.dial(peer{addr: portOf(ips[0], n)}, uri, opts)
}

// dial is Dial to a peer.
func (a *Agent) dial(to peer, uri string, opts []Option) (*Call, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, fmt.Errorf("siptest: %s is closed", a.cfg.Name)
	}
	if a.live() >= a.cfg.MaxCalls {
		return nil, fmt.Errorf("siptest: %s has %d calls already", a.cfg.Name, a.cfg.MaxCalls)
	}
	c := a.newCall(false)
	c.to = to
	c.id = token() + "@" + a.addr.Addr().String()
	c.localURI, c.remoteURI, c.target = "sip:"+a.cfg.Name+"@"+a.addr.String(), uri, uri
	if err := c.invitePeer(opts); err != nil {
		c.end(nil)
		return nil, fmt.Errorf("siptest: %s: %w", a.cfg.Name, err)
	}
	return c, nil
}

func (c *Call) invitePeer(opts []Option) error {
	c.seq = 1
	r := request{m: c.newRequest("INVITE", 1)}
	r.m.Add(sip.IDSupported, "100rel")
	if err := c.apply(&r, opts, SendRecv); err != nil {
		return err
	}
	// Options may have changed who calls whom.
	c.id, c.localTag = r.m.CallID(), r.m.FromTag()
	c.localURI, c.remoteURI = r.m.From().URI, r.m.To().URI
	if n, _, ok := r.m.CSeq(); ok {
		c.seq = n
	}
	c.own(c.localTag)
	c.invite = r.m
	c.event(Invited, true, r.m)
	c.out = c.a.request(c, r.m, c.to, c.inviteAnswered)
	return nil
}

// apply runs the options and gives an INVITE or UPDATE its offer.
func (c *Call) apply(r *request, opts []Option, dir Direction) error {
	for _, o := range opts {
		o(r)
	}
	switch {
	case r.sdp != nil:
		r.m.SetBody("application/sdp", *r.sdp)
	case !r.noSDP && dir != "":
		body, err := c.offer(dir)
		if err != nil {
			return err
		}
		r.m.SetBody("application/sdp", body)
	}
	_, c.offered = r.m.SDP()
	return nil
}

// inviteAnswered is called for each response to the first INVITE.
func (c *Call) inviteAnswered(m *sip.Message) {
	switch {
	case m == nil:
		c.status = 408
		c.event(Failed, false, nil)
		c.end(nil)
	case m.Status < 200:
		c.provisional(m)
	case m.Status < 300:
		c.accepted(m)
	case c.logIn(m):
	default:
		c.status = m.Status
		c.event(Failed, false, m)
		c.end(m)
	}
}

func (c *Call) provisional(m *sip.Message) {
	if m.Status == 100 {
		c.event(Trying, false, m)
	} else {
		c.remoteTag = m.ToTag() // the latest fork; the one that answers counts
		c.learn(m, true)
		c.acknowledge(m)
		c.event(Ringing, false, m)
		if _, ok := m.SDP(); ok && c.offered && c.take(m) {
			c.flow()
			c.event(EarlyMedia, false, m)
		}
	}
	if c.cancelOn {
		c.sendCancel()
	}
}

// acknowledge sends PRACK for a reliable provisional response (RFC 3262 §4).
func (c *Call) acknowledge(m *sip.Message) {
	rseq := m.Get(sip.IDRSeq)
	if rseq == "" || !m.HasToken(sip.IDRequire, "100rel") || c.acks[rseq+m.ToTag()] != nil {
		return
	}
	c.acks[rseq+m.ToTag()] = []byte{}
	c.seq++
	p := c.newRequest("PRACK", c.seq)
	n, _, _ := m.CSeq()
	p.Add(sip.IDRAck, rseq+" "+cseq(n, "INVITE"))
	c.a.request(c, p, c.hop(), func(*sip.Message) {})
}

// accepted takes a 2xx: the first one, one again, or that of another fork.
func (c *Call) accepted(m *sip.Message) {
	tag := m.ToTag()
	if ack := c.acks[tag]; ack != nil {
		c.a.send(c.hop(), ack)
		return
	}
	if c.answered {
		c.endFork(m, tag)
		return
	}
	c.answered, c.status, c.remoteTag = true, m.Status, tag
	c.learn(m, true)
	c.event(Answered, false, m)
	c.sendAck(c.invite, m, c.offered)
	if c.cancelOn { // our CANCEL came too late (RFC 3261 §9.1)
		c.bye()
	}
}

// sendAck acknowledges a 2xx to inv, with an answer when the 2xx had the offer.
func (c *Call) sendAck(inv, resp *sip.Message, offered bool) {
	n, _, _ := inv.CSeq()
	ack := c.newRequest("ACK", n)
	took := c.take(resp)
	switch {
	case offered && took:
		c.flow()
	case !offered && took:
		if body, err := c.answer(); err == nil && body != "" {
			ack.SetBody("application/sdp", body)
		}
	case !offered:
		c.a.violation(c, "200 to an INVITE without offer has no offer")
	case !c.remote.known:
		c.a.violation(c, "200 without an answer")
	}
	c.a.addVia(ack)
	b := ack.Append(nil)
	c.acks[resp.ToTag()] = b
	c.a.record(c, true, c.hop(), ack, false)
	c.a.send(c.hop(), b)
	c.event(Acked, true, ack)
}

// endFork acknowledges and ends the answer of a second callee (RFC 3261 §13.2.2.4).
func (c *Call) endFork(m *sip.Message, tag string) {
	fork := &Call{a: c.a, id: c.id, localTag: c.localTag, remoteTag: tag, localURI: c.localURI, remoteURI: c.remoteURI,
		target: c.target, to: c.to}
	fork.learn(m, true)
	n, _, _ := c.invite.CSeq()
	ack := fork.newRequest("ACK", n)
	c.a.addVia(ack)
	c.acks[tag] = ack.Append(nil)
	c.a.record(c, true, fork.hop(), ack, false)
	c.a.send(fork.hop(), c.acks[tag])
	c.event(Forked, false, m)
	c.a.request(c, fork.newRequest("BYE", n+1), fork.hop(), func(*sip.Message) {})
}

// Cancel gives up an outgoing call that is not answered; CANCEL waits for the first response (RFC 3261 §9.1).
func (c *Call) Cancel() {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	c.cancel()
}

func (c *Call) cancel() {
	if c.uas || c.answered || c.over || c.cancelOn {
		return
	}
	c.cancelOn = true
	if c.out.status > 0 {
		c.sendCancel()
	}
}

func (c *Call) sendCancel() {
	for _, e := range c.events {
		if e.Kind == Cancelled {
			return
		}
	}
	m := sip.NewRequest("CANCEL", c.invite.URI)
	for _, h := range c.invite.Headers {
		switch h.ID {
		case sip.IDVia, sip.IDFrom, sip.IDTo, sip.IDCallID, sip.IDRoute, sip.IDMaxForwards:
			m.Add(h.ID, h.Value)
		}
	}
	n, _, _ := c.invite.CSeq()
	m.Add(sip.IDCSeq, cseq(n, "CANCEL"))
	c.event(Cancelled, true, m)
	c.a.request(c, m, c.to, func(*sip.Message) {})
	c.a.after(64*c.a.cfg.T1, func() { c.out.timeout() })
}

// Hangup ends the call: BYE when it is answered, CANCEL or 603 when not.
func (c *Call) Hangup() {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	switch {
	case c.over:
	case c.answered:
		c.bye()
	case c.uas:
		c.refuse(603, nil)
	default:
		c.cancel()
	}
}

func (c *Call) bye() {
	for _, e := range c.events {
		if e.Kind == HungUp {
			return
		}
	}
	c.seq++
	m := c.newRequest("BYE", c.seq)
	if c.media != nil {
		c.media.mute()
	}
	c.event(HungUp, true, m)
	c.a.request(c, m, c.hop(), func(resp *sip.Message) {
		if resp == nil || resp.Status >= 200 {
			c.end(resp)
		}
	})
}

// Do sends a request within the dialog and waits for the final response; for INVITE see Reinvite. The error
// of ctx, and a 408 without a message after a timeout.
func (c *Call) Do(ctx context.Context, method string, opts ...Option) (*sip.Message, error) {
	return c.do(ctx, method, "", opts)
}

// Reinvite offers again with this direction: SendOnly is hold, SendRecv takes the call back.
func (c *Call) Reinvite(ctx context.Context, dir Direction, opts ...Option) (*sip.Message, error) {
	return c.do(ctx, "INVITE", dir, opts)
}

// Update is Reinvite with UPDATE (RFC 3311).
func (c *Call) Update(ctx context.Context, dir Direction, opts ...Option) (*sip.Message, error) {
	return c.do(ctx, "UPDATE", dir, opts)
}

var errOver = errors.New("the call is over")

func (c *Call) do(ctx context.Context, method string, dir Direction, opts []Option) (*sip.Message, error) {
	done := make(chan *sip.Message, 1)
	err := c.start(method, dir, opts, func(m *sip.Message) {
		if m == nil || m.Status >= 200 {
			select {
			case done <- m:
			default: // a repeated 2xx
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("siptest: %s: %s: %w", c.a.cfg.Name, method, err)
	}
	select {
	case m := <-done:
		if m == nil {
			return nil, fmt.Errorf("siptest: %s: no answer to %s", c.a.cfg.Name, method)
		}
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("siptest: %s: %s: %w", c.a.cfg.Name, method, ctx.Err())
	case <-c.a.ctx.Done():
		return nil, fmt.Errorf("siptest: %s: %s: the agent is closed", c.a.cfg.Name, method)
	}
}

func (c *Call) start(method string, dir Direction, opts []Option, done func(*sip.Message)) error {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	if c.over || c.a.closed {
		return errOver
	}
	c.seq++
	r := request{m: c.newRequest(method, c.seq)}
	was := c.offered
	if dir != "" {
		c.want = dir
	}
	if err := c.apply(&r, opts, dir); err != nil {
		return err
	}
	offered := c.offered
	c.offered = was
	if n, _, ok := r.m.CSeq(); ok {
		c.seq = max(c.seq, n)
	}
	c.a.request(c, r.m, c.hop(), func(m *sip.Message) {
		if m != nil && m.Status/100 == 2 && (method == "INVITE" || method == "UPDATE") {
			c.renewed(r.m, m, method, offered)
		}
		done(m)
	})
	return nil
}

// renewed takes the 2xx to a re-INVITE or UPDATE.
func (c *Call) renewed(req, m *sip.Message, method string, offered bool) {
	c.learn(m, false)
	if method == "UPDATE" {
		if offered && c.take(m) {
			c.flow()
		}
		c.event(Reinvited, true, m)
		return
	}
	n, _, _ := req.CSeq()
	key := fmt.Sprint("re-INVITE ", n)
	if ack := c.acks[key]; ack != nil {
		c.a.send(c.hop(), ack)
		return
	}
	first := c.acks[m.ToTag()]
	c.sendAck(req, m, offered)
	c.acks[key], c.acks[m.ToTag()] = c.acks[m.ToTag()], first
	c.event(Reinvited, true, m)
}
