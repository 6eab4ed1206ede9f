package siptest

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
)

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK"

// Kind says what happened in a call.
type Kind uint8

// The events of a call.
const (
	Invited    Kind = iota + 1 // INVITE went out or came in
	Trying                     // 100 came
	Ringing                    // 18x went out or came
	EarlyMedia                 // 18x with SDP went out or came
	Answered                   // 2xx to the first INVITE went out or came
	Acked                      // ACK for a 2xx went out or came
	Forked                     // a further 2xx with another To tag came; it was acknowledged and ended
	Cancelled                  // CANCEL went out or came
	Failed                     // the first INVITE was refused, timed out, or ended by CANCEL
	Held                       // the peer holds
	Resumed                    // the peer takes the call back
	Reinvited                  // a re-INVITE or UPDATE came or was answered
	Request                    // any other request within the call came
	HungUp                     // BYE went out or came
	Ended                      // nothing more comes: Failed, or the BYE was answered or timed out
)

// String is the name of the constant.
func (k Kind) String() string {
	names := [...]string{"?", "Invited", "Trying", "Ringing", "EarlyMedia", "Answered", "Acked", "Forked", "Cancelled", "Failed", "Held",
		"Resumed", "Reinvited", "Request", "HungUp", "Ended"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Event is something that happened in a call.
type Event struct {
	At   time.Time
	Kind Kind
	Out  bool         // by this agent
	Msg  *sip.Message // nil after a timeout; must not be changed
}

const maxEvents = 10_000

// Call is one call of an agent: one INVITE and all that came of it. It is safe for concurrent use; the fields
// are guarded by the agent.
type Call struct {
	a   *Agent
	uas bool

	id, localTag, remoteTag     string
	localURI, remoteURI, target string // target is the peer's Contact
	routes                      []string
	seq, remoteSeq              uint32
	to                          peer // where the first INVITE went, or came from
	offered                     bool // the first INVITE had SDP

	invite    *sip.Message
	out       *clientTx            // UAC: the first INVITE
	in        *serverTx            // UAS: the first INVITE
	invites   map[uint32]*serverTx // by CSeq, for their ACK
	acks      map[string][]byte    // by To tag: what repeats when a 2xx is repeated
	reliable  uint32               // last RSeq that came or went
	login     digest.Client
	round     digest.Round
	pracked   bool
	answered  bool
	over      bool
	cancelOn  bool // a CANCEL came; the script may look
	lateOK    bool // the script answers 200 after CANCEL
	vanished  bool
	status    int // of the final response to the first INVITE
	keys      []string
	tags      []string // local tags of this call
	local     description
	remote    description
	connected credentials // of the peer that checks are made with
	want      Direction   // what we would do if the peer let us
	version   int
	offerless uint32 // CSeq of the latest re-INVITE without offer
	media     *media
	life      context.Context
	die       context.CancelFunc
	events    []Event
	changed   chan struct{}
	ladder    []Entry
	faults    []string
}

func (a *Agent) newCall(uas bool) *Call {
	c := &Call{a: a, uas: uas, want: SendRecv, localTag: token(), changed: make(chan struct{}), invites: map[uint32]*serverTx{}, acks: map[string][]byte{}}
	c.life, c.die = context.WithCancel(a.ctx)
	a.calls = append(a.calls, c)
	return c
}

// own makes requests with that local tag find the call.
func (c *Call) own(tag string) {
	c.tags = append(c.tags, tag)
	c.a.dialogs[c.id+" "+tag] = c
}

// live counts calls that have not ended and forgets the oldest ended ones beyond the limit.
func (a *Agent) live() (n int) {
	for _, c := range a.calls {
		if !c.over {
			n++
		}
	}
	for i := 0; len(a.calls) >= a.cfg.MaxCalls && i < len(a.calls); {
		if c := a.calls[i]; c.over {
			c.forget()
			a.calls = append(a.calls[:i], a.calls[i+1:]...)
			continue
		}
		i++
	}
	return n
}

func (c *Call) forget() {
	for _, k := range c.keys {
		if t := c.a.clients[k]; t != nil {
			t.finish()
		}
		if t := c.a.servers[k]; t != nil {
			for tag := range t.unacked {
				t.acked(tag)
			}
		}
		delete(c.a.clients, k)
		delete(c.a.servers, k)
	}
	for _, tag := range c.tags {
		delete(c.a.dialogs, c.id+" "+tag)
	}
}

// event tells what happened; the agent is locked.
func (c *Call) event(k Kind, out bool, m *sip.Message) {
	if len(c.events) < maxEvents {
		c.events = append(c.events, Event{time.Now(), k, out, m})
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// end ends the call; the agent is locked.
func (c *Call) end(m *sip.Message) {
	if c.over {
		return
	}
	c.over = true
	c.die()
	if c.media != nil {
		c.media.stopLater()
	}
	c.event(Ended, false, m)
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id }

// Incoming tells whether the peer made the call.
func (c *Call) Incoming() bool { return c.uas }

// Invite is the first INVITE. It must not be changed.
func (c *Call) Invite() *sip.Message { return c.invite }

// Status is that of the final response to the first INVITE, 0 before; 408 also when none came.
func (c *Call) Status() int {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return c.status
}

// Response is the final response to the first INVITE, nil when there is none.
func (c *Call) Response() *sip.Message {
	for _, e := range c.seen() {
		if (e.Kind == Answered || e.Kind == Failed) && e.Msg != nil && e.Msg.Status >= 200 {
			return e.Msg
		}
	}
	return nil
}

func (c *Call) seen() []Event {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return c.events[:len(c.events):len(c.events)]
}

// Wait waits until an event of this kind has happened. It fails when the call ends without.
func (c *Call) Wait(ctx context.Context, k Kind) error {
	_, err := c.WaitN(ctx, k, 1)
	return err
}

// WaitN waits for the n-th event of a kind, counted from 1, and returns it.
func (c *Call) WaitN(ctx context.Context, k Kind, n int) (Event, error) {
	for {
		c.a.mu.Lock()
		changed, over, count := c.changed, c.over, 0
		for _, e := range c.events {
			if e.Kind == k {
				if count++; count == n {
					c.a.mu.Unlock()
					return e, nil
				}
			}
		}
		status := c.status
		c.a.mu.Unlock()
		what := fmt.Sprintf("siptest: %s: %d of %d %v", c.a.cfg.Name, count, n, k)
		if over && k != Acked && k != Forked {
			return Event{}, fmt.Errorf("%s: the call has ended, INVITE status %d", what, status)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("%s: %w", what, ctx.Err())
		case <-c.a.ctx.Done():
			return Event{}, fmt.Errorf("%s: the agent is closed", what)
		}
	}
}

// Events delivers everything that happened and happens in the call. The channel is closed after Ended, or when
// ctx or the agent ends.
func (c *Call) Events(ctx context.Context) <-chan Event {
	ch := make(chan Event, 16)
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	if c.a.closed {
		close(ch)
		return ch
	}
	c.a.wg.Add(1)
	go func() {
		defer c.a.wg.Done()
		defer close(ch)
		for sent := 0; ; {
			c.a.mu.Lock()
			changed, over, news := c.changed, c.over, c.events[sent:len(c.events):len(c.events)]
			c.a.mu.Unlock()
			sent += len(news)
			for _, e := range news {
				select {
				case ch <- e:
				case <-ctx.Done():
					return
				case <-c.a.ctx.Done():
					return
				}
			}
			if over && len(news) == 0 {
				return
			}
			if over {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-c.a.ctx.Done():
				return
			}
		}
	}()
	return ch
}

// newRequest is a request within the dialog, without Via; the agent is locked.
func (c *Call) newRequest(method string, seq uint32) *sip.Message {
	m := sip.NewRequest(method, c.target)
	for _, r := range c.routes {
		m.Add(sip.IDRoute, r)
	}
	m.Add(sip.IDFrom, "<"+c.localURI+">;tag="+c.localTag)
	to := "<" + c.remoteURI + ">"
	if c.remoteTag != "" {
		to += ";tag=" + c.remoteTag
	}
	m.Add(sip.IDTo, to)
	m.Add(sip.IDCallID, c.id)
	m.Add(sip.IDCSeq, cseq(seq, method))
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDUserAgent, c.a.cfg.UserAgent)
	if method == "INVITE" || method == "UPDATE" {
		m.Add(sip.IDContact, c.contact())
		m.Add(sip.IDAllow, allow)
	}
	return m
}

func cseq(n uint32, method string) string { return strconv.FormatUint(uint64(n), 10) + " " + method }

func (c *Call) contact() string {
	s := "<sip:" + c.a.cfg.Name + "@" + c.a.hostPort()
	if c.a.udp == nil {
		s += ";transport=" + c.a.cfg.Network
	}
	return s + ">"
}

// hostPort is how the agent is called in Contact and Via.
func (a *Agent) hostPort() string {
	if a.cfg.Host == "" {
		return a.addr.String()
	}
	return a.cfg.Host + ":" + strconv.Itoa(int(a.addr.Port()))
}

// hop is where requests of the dialog go: the first Route or the peer's Contact (RFC 3261 §12.2.1.1), and
// where the first INVITE went when that is a name, for agents know no DNS.
func (c *Call) hop() peer {
	uri := c.target
	if len(c.routes) > 0 {
		if r, err := sip.ParseAddress(c.routes[0]); err == nil {
			uri = r.URI
		}
	}
	u, err := sip.ParseURI(uri)
	if err != nil {
		return c.to
	}
	ip, err := netip.ParseAddr(u.Host)
	if err != nil {
		return c.to
	}
	port := u.Port
	if port == 0 {
		if port = 5060; c.a.cfg.Network == "tls" {
			port = 5061
		}
	}
	return peer{addr: netip.AddrPortFrom(ip.Unmap(), port)}
}

// learn takes Contact and, the first time, the route set of the peer's message.
func (c *Call) learn(m *sip.Message, routes bool) {
	if ct, ok := m.Contact(); ok {
		c.target = ct.URI
	}
	if !routes {
		return
	}
	c.routes = nil
	for v := range m.Values(sip.IDRecordRoute) {
		if m.IsRequest() {
			c.routes = append(c.routes, v)
		} else {
			c.routes = append([]string{v}, c.routes...)
		}
	}
}
