package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/sip"
)

// plan is one run of RFC 3263 §4 over record sets that fetch provides.
type plan struct {
	r     *Resolver
	now   time.Time
	fetch func(question) (*entry, error)
	soon  func(question) (*entry, error) // fetch for what may be done without: errSlow when it takes long
	ahead func(question)                 // begin to ask, as the answer will be needed soon

	q       Query
	name    string // q.Host in lower case without a dot at the end
	hops    []Addr
	expires time.Time
}

// never is the expiry of what does not come from DNS.
const never = time.Hour

func (p *plan) run(q Query) (Result, error) {
	if !q.IPv4 && !q.IPv6 {
		q.IPv4, q.IPv6 = true, true
	}
	p.q, p.expires = q, p.now.Add(never)
	p.name = strings.ToLower(strings.TrimSuffix(q.Host, "."))
	if a, ok := literal(q.Host); ok {
		if a.Is4() && !q.IPv4 || a.Is6() && !q.IPv6 {
			return Result{}, ErrNotFound
		}
		p.add(a, q.Port, q.Transport)
		return Result{p.hops, p.expires}, nil
	}
	if _, ok := dns.IsDomainName(p.name); !ok || p.name == "" {
		return Result{}, ErrName
	}
	err := p.domain()
	if err == nil && len(p.hops) == 0 {
		err = ErrNotFound
	}
	if errors.Is(err, ErrNotFound) && !strings.Contains(p.name, ".") { // ping and others put a domain behind it (resolv.conf(5), search), so it looks as if it were there
		err = fmt.Errorf("%w: it is asked for as it is, without a domain that resolv.conf searches; write the whole name", err)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{p.hops, p.expires}, nil
}

// domain resolves a name: NAPTR, then SRV, then addresses, as far as port and transport are open.
func (p *plan) domain() error {
	if p.q.Port != 0 || p.r.hosts.has(p.name, p.now) {
		return p.addresses(p.name, p.q.Port, p.q.Transport)
	}
	if p.q.Transport != 0 {
		found, err := p.service(serviceName(p.q.Transport, p.name), p.q.Transport)
		if found || err != nil {
			return err
		}
		return p.addresses(p.name, 0, p.q.Transport)
	}
	found, err := p.naptr()
	if found || err != nil {
		return err
	}
	// Without NAPTR the client asks for the services that it knows (RFC 3263 §4.1); the first that exists is taken.
	for _, t := range []sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		p.ahead(question{serviceName(t, p.name), dns.TypeSRV})
	}
	for _, t := range []sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		found, err := p.service(serviceName(t, p.name), t)
		if errors.Is(err, ErrNoService) {
			continue
		}
		if found || err != nil {
			return err
		}
	}
	return p.addresses(p.name, 0, sip.UDP)
}

// serviceName is the SRV owner name of a transport (RFC 3263 §4.1): TLS is the service sips over tcp.
func serviceName(t sip.Transport, host string) string {
	switch t {
	case sip.TCP:
		return "_sip._tcp." + host
	case sip.TLS:
		return "_sips._tcp." + host
	}
	return "_sip._udp." + host
}

// get fetches a set. absent means that there is none, which is an answer; a server that cannot answer SRV or NAPTR at
// all counts as absent too, because many small ones cannot.
func (p *plan) get(k question) (e *entry, absent bool, err error) { return p.by(p.fetch, k) }

func (p *plan) by(fetch func(question) (*entry, error), k question) (e *entry, absent bool, err error) {
	e, err = fetch(k)
	switch {
	case err == nil:
		p.until(e.expires)
		return e, false, nil
	case errors.Is(err, ErrNotFound):
		if e != nil {
			p.until(e.expires)
		}
		return nil, true, nil
	case errors.Is(err, ErrAnswer) && (k.kind == dns.TypeSRV || k.kind == dns.TypeNAPTR):
		p.until(p.now.Add(failureTTL))
		return nil, true, nil
	}
	return nil, false, err
}

func (p *plan) until(t time.Time) {
	if t.Before(p.expires) {
		p.expires = t
	}
}

// naptr goes through the NAPTR records in their order and appends the services that we can speak.
func (p *plan) naptr() (found bool, err error) {
	e, absent, err := p.get(question{p.name, dns.TypeNAPTR})
	if absent || err != nil {
		return false, err
	}
	var last error
	for _, n := range e.naptrs { // sorted when stored
		ok, err := p.service(n.replacement, n.transport)
		if err != nil {
			last = err
		}
		found = found || ok
	}
	if len(p.hops) > 0 {
		last = nil
	}
	return found, last
}

// service appends the targets of an SRV name (RFC 3263 §4.2, RFC 2782).
func (p *plan) service(name string, t sip.Transport) (found bool, err error) {
	e, absent, err := p.get(question{name, dns.TypeSRV})
	if absent || err != nil {
		return false, err
	}
	if len(e.srvs) == 1 && e.srvs[0].target == "" {
		return true, ErrNoService
	}
	order := slices.Clone(e.srvs)
	p.r.orderSRV(order)
	for _, s := range order {
		for _, k := range p.kinds() {
			p.ahead(question{s.target, k})
		}
	}
	before := len(p.hops)
	var last error
	for _, fetch := range p.waits() {
		if last = p.targets(fetch, order, t); len(p.hops) > before {
			return true, nil
		}
		if !errors.Is(last, errSlow) {
			break
		}
	}
	return true, last
}

// targets appends the addresses of the targets of an SRV name. One that does not resolve must not take the others away.
func (p *plan) targets(fetch func(question) (*entry, error), order []srv, t sip.Transport) (last error) {
	for _, s := range order {
		if s.target == "" {
			continue
		}
		if err := p.addressesBy(fetch, s.target, s.port, t); err != nil {
			if !errors.Is(last, errSlow) {
				last = err
			}
			p.until(p.now.Add(failureTTL))
		}
	}
	return last
}

// waits are the ways to fetch what may be done without, to be tried until one brings something: what is there soon, or whatever comes.
func (p *plan) waits() [2]func(question) (*entry, error) {
	return [...]func(question) (*entry, error){p.soon, p.fetch}
}

// kinds are the address record types wanted, in the order of preference (RFC 6724: IPv6 first).
func (p *plan) kinds() []uint16 {
	switch {
	case !p.q.IPv4:
		return []uint16{dns.TypeAAAA}
	case !p.q.IPv6:
		return []uint16{dns.TypeA}
	}
	return []uint16{dns.TypeAAAA, dns.TypeA}
}

// addresses appends the addresses of a host. A family of which DNS says nothing does not keep the other one waiting.
func (p *plan) addresses(host string, port uint16, t sip.Transport) (err error) {
	for _, fetch := range p.waits() {
		if err = p.addressesBy(fetch, host, port, t); !errors.Is(err, errSlow) {
			break
		}
	}
	return err
}

func (p *plan) addressesBy(fetch func(question) (*entry, error), host string, port uint16, t sip.Transport) error {
	if list := p.r.hosts.lookup(host, p.now); list != nil {
		p.until(p.now.Add(watchEvery))
		for _, a := range list {
			if a.Is4() && p.q.IPv4 || a.Is6() && p.q.IPv6 {
				p.add(a, port, t)
			}
		}
		return nil
	}
	for _, k := range p.kinds() {
		p.ahead(question{host, k})
	}
	found := false
	var last error
	for _, k := range p.kinds() {
		e, absent, err := p.by(fetch, question{host, k})
		switch {
		case err != nil:
			last = err
		case !absent:
			found = true
			for _, a := range e.addrs {
				p.add(a, port, t)
			}
		}
	}
	switch {
	case found && last != nil: // one family will do, but ask again soon
		p.until(p.now.Add(failureTTL))
		return nil
	case !found && last == nil:
		return ErrNotFound
	}
	return last
}

// add appends one hop, with the default port and transport where none is known.
func (p *plan) add(a netip.Addr, port uint16, t sip.Transport) {
	if t == 0 {
		t = sip.UDP
	}
	if port == 0 {
		port = 5060
		if t == sip.TLS {
			port = 5061
		}
	}
	hop := Addr{AddrPort: netip.AddrPortFrom(a, port), Transport: t, Name: p.name}
	if len(p.hops) < maxHops && !slices.Contains(p.hops, hop) {
		p.hops = append(p.hops, hop)
	}
}
