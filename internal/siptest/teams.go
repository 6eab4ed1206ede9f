package siptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// TeamsConfig of a fake of Teams Direct Routing.
type TeamsConfig struct {
	Listen []string // address:port of the proxies sip, sip2 and sip3; one to three
	Domain string   // of their names; default pstnhub.test
	TLS    *tls.Config
	// SBCs are the session border controllers that tenants have paired, by FQDN, and where DNS has them, address:port. A name below one of
	// them is a tenant of that carrier (DR-28).
	SBCs   map[string]string
	Bypass bool          // media bypass: the service is a full ICE agent that controls, and the SBC must have ICE (DR-24)
	Window time.Duration // how long OPTIONS count; default 3 minutes
	Agent  Config        // of every proxy, but for what is said here
}

// Teams is the service's side of Direct Routing: SIP proxies of three regions that speak TLS with certificates on both sides, know an SBC by
// the FQDN in its Contact, and call it only while it sends them OPTIONS. It does what Microsoft's documents say. Where they are silent it
// does what is strictest, and the comment says so.
type Teams struct {
	cfg     TeamsConfig
	proxies []*Agent
	sbcs    map[string]netip.AddrPort

	mu      sync.Mutex
	pairs   map[string]*pairing // by FQDN of SBCs
	faults  []string            // why requests were refused
	changed chan struct{}       // closed and replaced
}

// pairing is what the service knows of an SBC.
type pairing struct {
	seen     time.Time // its last OPTIONS that was taken
	answered time.Time // its last 200 to OPTIONS of the service
}

// ErrDemoted says that an SBC did not send OPTIONS, or did not answer them, within the window: the service tries it last of all, and here
// not at all.
var ErrDemoted = errors.New("siptest: the SBC is demoted: no OPTIONS within the window")

// NewTeams opens the proxies.
func NewTeams(cfg TeamsConfig) (*Teams, error) {
	if cfg.Domain == "" {
		cfg.Domain = "pstnhub.test"
	}
	if cfg.Window <= 0 {
		cfg.Window = 3 * time.Minute
	}
	s := &Teams{cfg: cfg, sbcs: map[string]netip.AddrPort{}, pairs: map[string]*pairing{}, changed: make(chan struct{})}
	for name, at := range cfg.SBCs {
		addr, err := netip.ParseAddrPort(at)
		if err != nil {
			return nil, fmt.Errorf("siptest: SBC %s: %w", name, err)
		}
		s.sbcs[strings.ToLower(name)] = addr
	}
	for i, at := range cfg.Listen {
		c := cfg.Agent
		c.Name, c.Host = s.label(i), s.Name(i)
		c.Network, c.Listen, c.TLS = "tls", at, cfg.TLS.Clone()
		c.SRTP = "AES_CM_128_HMAC_SHA1_80" // it takes nothing else (DR-23)
		if cfg.Bypass {
			c.ICE = ICEFull
		}
		c.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		c.UserAgent = "Microsoft.PSTNHub.SIPProxy v.siptest"
		a, err := NewAgent(c)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		a.mu.Lock()
		a.screen = func(t *serverTx) reply { return s.screen(a, t) }
		a.mu.Unlock()
		s.proxies = append(s.proxies, a)
	}
	return s, nil
}

// label is sip, sip2, sip3.
func (s *Teams) label(i int) string {
	if i == 0 {
		return "sip"
	}
	return fmt.Sprint("sip", i+1)
}

// Name is the FQDN of the i-th proxy, counted from 0.
func (s *Teams) Name(i int) string { return s.label(i) + "." + s.cfg.Domain }

// Proxy is the i-th proxy, counted from 0: what it does with calls is set there.
func (s *Teams) Proxy(i int) *Agent { return s.proxies[i] }

// Close closes the proxies.
func (s *Teams) Close() error {
	var errs []error
	for _, a := range s.proxies {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
}

// Refusals is why the service refused requests.
func (s *Teams) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.faults...)
}

// owner is the SBC that a name belongs to: the whole name first, then its domain (DR-02, DR-28); "" when nobody has it.
func (s *Teams) owner(host string) string {
	host = strings.ToLower(host)
	_, domain, _ := strings.Cut(host, ".")
	for _, name := range []string{host, domain} {
		if _, ok := s.sbcs[name]; ok {
			return name
		}
	}
	return ""
}

// screen refuses what the service refuses. The agent is locked.
func (s *Teams) screen(a *Agent, t *serverTx) reply {
	host, why := s.identify(t)
	if why != "" {
		s.fault("%s from %s: %s", t.req.Method, t.from.addr, why)
		return reply{403, []string{"Warning: 399 teams \"" + strings.ReplaceAll(why, "\"", "'") + "\""}}
	}
	switch t.req.Method {
	case "OPTIONS":
		s.pair(a, host)
	case "INVITE":
		if why := unfit(t.req); why != "" {
			s.fault("INVITE from %s: %s", host, why)
			return reply{400, []string{"Warning: 399 teams \"" + why + "\""}} // the documents name no status
		}
	}
	return reply{}
}

func (s *Teams) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
	s.tell()
}

// tell wakes who waits; s is locked.
func (s *Teams) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// identify is the FQDN of who sends a request, by the first Contact, or what is wrong with it.
func (s *Teams) identify(t *serverTx) (host, why string) {
	contact, ok := t.req.Contact()
	u, err := sip.ParseURI(contact.URI)
	switch {
	case !ok || err != nil:
		return "", "no Contact"
	case isAddress(u.Host):
		return "", "Contact has an address, not an FQDN: " + contact.URI
	case s.owner(u.Host) == "":
		return "", "no tenant has the FQDN " + u.Host
	}
	if from, err := sip.ParseURI(t.req.From().URI); err != nil || isAddress(from.Host) { // the documents ask it of Contact only
		return "", "From has an address, not an FQDN: " + t.req.From().URI
	}
	c, ok := t.from.conn.net.(*tls.Conn)
	if !ok {
		return "", "no TLS"
	}
	if err := c.ConnectionState().PeerCertificates[0].VerifyHostname(u.Host); err != nil {
		return "", err.Error()
	}
	return u.Host, ""
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// unfit is what the service does not like of an INVITE, "" when nothing.
func unfit(m *sip.Message) string {
	for _, uri := range []string{m.URI, m.To().URI, m.From().URI} {
		u, err := sip.ParseURI(uri)
		switch {
		case err != nil || u.Scheme != "sip":
			return "a sip URI is expected: " + uri
		case strings.HasPrefix(u.User, "+"), u.User == "anonymous" && uri == m.From().URI:
		default:
			return "an E.164 number with + is expected: " + uri
		}
	}
	if _, ok := m.SDP(); !ok {
		return "no offer"
	}
	if m.GetName("Replaces") != "" {
		return "Replaces is not taken"
	}
	return ""
}

// pair notes the OPTIONS of an SBC and sends it one (DR-04). The service has a clock of its own for that; here one follows the other, so
// that a test need not wait. The agent is locked.
func (s *Teams) pair(a *Agent, host string) {
	name := s.owner(host)
	s.mu.Lock()
	p := s.pairs[name]
	if p == nil {
		p = &pairing{}
		s.pairs[name] = p
	}
	p.seen = time.Now()
	s.tell()
	s.mu.Unlock()
	uri := fmt.Sprintf("sip:%s:%d;transport=tls", host, s.sbcs[name].Port())
	m := sip.NewRequest("OPTIONS", uri)
	m.Add(sip.IDFrom, "<sip:"+a.hostPort()+">;tag="+token())
	m.Add(sip.IDTo, "<"+uri+">")
	m.Add(sip.IDCallID, token())
	m.Add(sip.IDCSeq, "1 OPTIONS")
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDContact, "<sip:"+a.hostPort()+";transport=tls>")
	m.Add(sip.IDUserAgent, a.cfg.UserAgent)
	a.request(nil, m, peer{addr: s.sbcs[name], name: host}, func(r *sip.Message) {
		switch {
		case r == nil:
			s.fault("%s does not answer OPTIONS", host)
		case r.Status != 200:
			s.fault("%s answers OPTIONS with %d", host, r.Status)
		case !r.Has(sip.IDContact) && !r.Has(sip.IDRecordRoute):
			s.fault("the 200 of %s to OPTIONS has neither Contact nor Record-Route", host)
		default:
			s.mu.Lock()
			defer s.mu.Unlock()
			p.answered = time.Now()
			s.tell()
		}
	})
}

// Healthy tells whether an SBC, or a tenant of it, is paired: OPTIONS in both directions within the window (DR-05).
func (s *Teams) Healthy(fqdn string) bool { return s.left(fqdn) > 0 }

// left is how long an SBC stays healthy.
func (s *Teams) left(fqdn string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pairs[s.owner(fqdn)]
	if p == nil || p.answered.IsZero() {
		return 0
	}
	return min(time.Until(p.seen.Add(s.cfg.Window)), time.Until(p.answered.Add(s.cfg.Window)))
}

// WaitHealthy waits until an SBC is healthy, or is not.
func (s *Teams) WaitHealthy(ctx context.Context, fqdn string, want bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		left := s.left(fqdn)
		if (left > 0) == want {
			return nil
		}
		again := time.NewTimer(max(left, 0) + s.cfg.Window/10)
		select {
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("siptest: %s does not become healthy=%v: %w\n%s", fqdn, want, ctx.Err(), strings.Join(s.Refusals(), "\n"))
		}
		again.Stop()
	}
}
