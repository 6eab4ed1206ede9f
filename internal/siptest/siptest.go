// Package siptest gives a fake gateway, PBX or UC platform in three lines, as httptest gives a server:
//
//	gw, err := siptest.NewAgent(siptest.Config{Name: "gw"})
//	gw.Answer(siptest.Ring(100*time.Millisecond), siptest.OK())
//	call, err := pbx.Dial(ctx, gw.Addr(), "sip:+14255550100@gw.contoso.com")
//	err = call.Wait(ctx, siptest.Answered)
//
// Agents have real sockets, send and measure real audio, and write down everything as a ladder
// ([Call.Ladder]). Apart from reading and writing messages they share nothing with directsip's own
// stack: transactions and dialogs are done once more, simply, and each message of the peer is checked
// ([Call.Violations]), so that a mistake there is noticed here.
//
// A provider that takes registrations and asks for passwords is made by [Registrar]. An agent does no DNS.
package siptest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Config of an agent. The zero value is an agent named "agent" on UDP 127.0.0.1 that sends a tone of 440 Hz.
type Config struct {
	Name       string
	Network    string        // "udp", "tcp" or "tls"
	Listen     string        // address:port, default 127.0.0.1:0
	TLS        *tls.Config   // for both roles; needs Certificates, and RootCAs to call others
	ServerName string        // name that a TLS peer must have; default: the address
	Host       string        // our name in Contact and Via; default: the address
	UserAgent  string        // default: directsip-siptest
	Audio      Audio         // what is sent; default: Tone(440)
	Codecs     []string      // of PCMU and PCMA, best first; default PCMU
	SRTP       string        // a crypto suite: SRTP with keys in SDP (RFC 4568) is offered, and nothing else is taken; default RTP, and nothing else
	ICE        string        // ICEFull or ICELite: it is offered, and nothing without it is taken; default none
	NoMedia    bool          // no RTP sockets; SDP then names port 9
	T1         time.Duration // RFC 3261 timer T1, default 500 ms
	Registrar  *Registrar    // takes registrations; nil: any, without looking
	User       string        // with Password answers the challenge to an INVITE; "" answers none
	Password   string
	MaxCalls   int // further INVITEs get 486; ended calls beyond it are forgotten; default 10 000
}

// Agent is one SIP peer. It is safe for concurrent use.
type Agent struct {
	cfg   Config
	addr  netip.AddrPort
	start time.Time
	udp   *net.UDPConn
	lis   net.Listener
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]bool
	timers  map[*timer]bool
	clients map[string]*clientTx // branch + method
	servers map[string]*serverTx // branch + sent-by + method
	dialogs map[string]*Call     // Call-ID + local tag
	calls   []*Call              // in order of birth
	arrived chan struct{}        // closed and replaced for every call that comes in
	script  []Step
	users   map[string][]Step // by called user
	respond map[string]reply  // by method

	screen    func(*serverTx) reply // refuses requests out of calls; the agent is locked. nil: none; status 0: taken
	registrar *registrar            // nil: everybody is let in
	stray     []Entry               // ladder of messages that belong to no call
	faults    []string
}

// reply is how requests of a method are answered.
type reply struct {
	status  int // 0: not at all
	headers []string
}

// NewAgent opens the agent's sockets. Calls are answered at once until Answer or Reject say otherwise.
func NewAgent(cfg Config) (*Agent, error) {
	cfg = cfg.withDefaults()
	a := &Agent{
		cfg: cfg, start: time.Now(), conns: map[*conn]bool{}, timers: map[*timer]bool{}, clients: map[string]*clientTx{},
		servers: map[string]*serverTx{}, dialogs: map[string]*Call{}, arrived: make(chan struct{}),
		script: []Step{OK()}, users: map[string][]Step{}, respond: map[string]reply{},
	}
	if cfg.Registrar != nil {
		a.registrar = newRegistrar(cfg)
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	if err := a.listen(); err != nil {
		a.stop()
		return nil, fmt.Errorf("siptest: %s: %w", cfg.Name, err)
	}
	return a, nil
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "agent"
	}
	c.Network = strings.ToLower(c.Network)
	if c.Network == "" {
		c.Network = "udp"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.UserAgent == "" {
		c.UserAgent = "directsip-siptest"
	}
	if c.Audio == nil {
		c.Audio = Tone(440)
	}
	if len(c.Codecs) == 0 {
		c.Codecs = []string{"PCMU"}
	}
	if c.T1 <= 0 {
		c.T1 = 500 * time.Millisecond
	}
	if c.MaxCalls <= 0 {
		c.MaxCalls = 10_000
	}
	return c
}

// Name is Config.Name.
func (a *Agent) Name() string { return a.cfg.Name }

// Addr is address:port of the SIP socket.
func (a *Agent) Addr() string { return a.addr.String() }

// AddrPort is Addr as a value.
func (a *Agent) AddrPort() netip.AddrPort { return a.addr }

// Answer sets what is done with calls. The steps run one after the other, in each call by itself.
func (a *Agent) Answer(steps ...Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.script = steps
}

// AnswerUser sets what is done with calls for one user part.
func (a *Agent) AnswerUser(user string, steps ...Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[user] = steps
}

// Reject answers all calls with a status; headers are whole lines, "Retry-After: 5".
func (a *Agent) Reject(status int, headers ...string) { a.Answer(Reject(status, headers...)) }

// Silent takes calls without a word.
func (a *Agent) Silent() { a.Answer(Silent()) }

// Respond sets how requests of a method are answered, in and out of calls: "OPTIONS", "BYE", or "INVITE" for
// those within a call. Status 0 leaves them without an answer, -1 returns to the usual.
func (a *Agent) Respond(method string, status int, headers ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if status < 0 {
		delete(a.respond, method)
		return
	}
	a.respond[method] = reply{status, headers}
}

// Calls has the calls of the agent, both ways, oldest first.
func (a *Agent) Calls() []*Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Incoming waits until n calls have arrived and returns the n-th, counted from 1.
func (a *Agent) Incoming(ctx context.Context, n int) (*Call, error) {
	for {
		a.mu.Lock()
		seen, arrived := 0, a.arrived
		for _, c := range a.calls {
			if c.uas {
				if seen++; seen == n {
					a.mu.Unlock()
					return c, nil
				}
			}
		}
		a.mu.Unlock()
		select {
		case <-arrived:
		case <-a.ctx.Done():
			return nil, fmt.Errorf("siptest: %s is closed", a.cfg.Name)
		case <-ctx.Done():
			return nil, fmt.Errorf("siptest: %s: %d of %d calls arrived: %w", a.cfg.Name, seen, n, ctx.Err())
		}
	}
}

// Violations has what peers did wrong, in calls and out of them.
func (a *Agent) Violations() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Clone(a.faults)
	for _, c := range a.calls {
		out = append(out, c.faults...)
	}
	return out
}

// Close closes all sockets and waits until nothing of the agent runs. Calls are left as they are, without BYE.
func (a *Agent) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.stop()
	for t := range a.timers {
		t.stop()
	}
	var media []*media
	for _, c := range a.calls {
		if c.media != nil {
			media = append(media, c.media)
		}
	}
	for c := range a.conns {
		c.close()
	}
	a.mu.Unlock()
	var errs []error
	if a.udp != nil {
		errs = append(errs, a.udp.Close())
	}
	if a.lis != nil {
		errs = append(errs, a.lis.Close())
	}
	for _, m := range media {
		m.close()
	}
	a.wg.Wait()
	return errors.Join(errs...)
}

// timer is a function that runs once, under the agent's lock, unless it is stopped.
type timer struct {
	a *Agent
	t *time.Timer
}

// after starts a timer; the agent is locked.
func (a *Agent) after(d time.Duration, f func()) *timer {
	t := &timer{a: a}
	if a.closed {
		return t
	}
	a.timers[t] = true
	a.wg.Add(1)
	t.t = time.AfterFunc(d, func() {
		defer a.wg.Done()
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.timers[t] && !a.closed {
			delete(a.timers, t)
			f()
		}
	})
	return t
}

// stop may be called twice and on nil; the agent is locked.
func (t *timer) stop() {
	if t == nil || !t.a.timers[t] {
		return
	}
	delete(t.a.timers, t)
	if t.t.Stop() {
		t.a.wg.Done()
	}
}

// token is a random word.
func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// addHeaders adds whole header lines.
func addHeaders(m *sip.Message, lines []string) {
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		m.AddName(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}
