package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/sip"
)

// What is taken of an answer, which may come from anybody.
const (
	maxRecords = 32  // of the type asked for; of services those that come first by priority
	maxAnswer  = 256 // records looked at
	maxAliases = 8   // CNAMEs in a row
	rounds     = 2   // times each server is asked
)

// ask puts a question to the servers and follows aliases. ErrNotFound comes with an entry that says how long.
func (r *Resolver) ask(ctx context.Context, k question) (*entry, error) {
	name, ttl := k.name, r.cfg.MaxTTL
	for aliases := 0; ; {
		m, err := r.exchange(ctx, question{name, k.kind})
		if err != nil {
			return nil, err
		}
		a := answer{kind: k.kind, name: name, ttl: ttl, aliases: aliases}
		if err := a.read(m); err != nil {
			return nil, err
		}
		switch {
		case a.count() > 0:
			return r.positive(&a), nil
		case a.name != name && m.Rcode == dns.RcodeSuccess:
			// The server gave the alias but not what it leads to.
			name, ttl, aliases = a.name, a.ttl, a.aliases
			continue
		}
		return r.negative(m), ErrNotFound
	}
}

func (r *Resolver) positive(a *answer) *entry {
	e := &a.entry
	e.expires = r.now().Add(max(r.cfg.MinTTL, min(a.ttl, r.cfg.MaxTTL)))
	e.stale = e.expires.Add(max(0, r.cfg.StaleTTL))
	if len(e.srvs) > maxRecords {
		slices.SortStableFunc(e.srvs, func(a, b srv) int { return cmp.Compare(a.priority, b.priority) })
		e.srvs = slices.Clone(e.srvs[:maxRecords])
	}
	slices.SortStableFunc(e.naptrs, func(a, b naptr) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
	})
	return e
}

// negative is an entry that remembers that there is nothing, as long as the zone says (RFC 2308 §5).
func (r *Resolver) negative(m *dns.Msg) *entry {
	ttl := r.cfg.NegativeTTL
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			ttl = min(ttl, seconds(soa.Hdr.Ttl), seconds(soa.Minttl))
			break
		}
	}
	return &entry{err: ErrNotFound, expires: r.now().Add(max(ttl, time.Second))}
}

// seconds reads a TTL; one with the top bit set counts as zero (RFC 2181 §8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// exchange asks the servers in turn until one gives an answer.
func (r *Resolver) exchange(ctx context.Context, k question) (*dns.Msg, error) {
	servers := r.servers()
	if len(servers) == 0 {
		return nil, ErrNoServers
	}
	var last error
	for range rounds {
		for _, server := range servers {
			m, err := r.exchangeWith(ctx, server, k)
			if err == nil {
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			last = fmt.Errorf("ask %s: %w", server, err)
		}
		if errors.Is(last, ErrAnswer) {
			break // it was heard; asking once more changes nothing
		}
	}
	return nil, last
}

// exchangeWith asks one server by UDP, by TCP when the answer was cut (RFC 7766 §5), and without EDNS when the server
// does not know it (RFC 6891 §7).
func (r *Resolver) exchangeWith(ctx context.Context, server string, k question) (*dns.Msg, error) {
	ask := new(dns.Msg)
	ask.SetQuestion(dns.Fqdn(k.name), k.kind)
	ask.SetEdns0(1232, false)
	m, err := r.once(ctx, "udp", server, ask)
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		ask.Extra = nil
		m, err = r.once(ctx, "udp", server, ask)
	}
	if err == nil && m.Truncated {
		m, err = r.once(ctx, "tcp", server, ask)
	}
	if err != nil {
		return nil, err
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%w: %s", ErrAnswer, dns.RcodeToString[m.Rcode])
	}
	return m, nil
}

func (r *Resolver) once(ctx context.Context, network, server string, ask *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	ask.Id = dns.Id()
	c := dns.Client{Net: network, Timeout: r.cfg.Timeout}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // reading knows deadlines alone
	m, _, err := c.ExchangeWithConnContext(ctx, ask, conn)
	if err != nil {
		return nil, err
	}
	if !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != ask.Question[0].Qtype ||
		!strings.EqualFold(m.Question[0].Name, ask.Question[0].Name) {
		return nil, fmt.Errorf("%w: the answer is to another question", ErrAnswer)
	}
	return m, nil
}

// answer reads the records of one message that belong to name.
type answer struct {
	entry
	kind    uint16
	name    string // what aliases have led to
	ttl     time.Duration
	aliases int
}

func (a *answer) count() int { return len(a.addrs) + len(a.srvs) + len(a.naptrs) }

// read follows the aliases through the answer section, whatever its order, and takes the records of their end.
func (a *answer) read(m *dns.Msg) error {
	records := m.Answer[:min(len(m.Answer), maxAnswer)]
	for {
		alias := ""
		for _, rr := range records {
			h := rr.Header()
			if h.Class != dns.ClassINET || plain(h.Name) != a.name {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				alias = plain(c.Target)
				a.ttl = min(a.ttl, seconds(h.Ttl))
				break
			}
			if h.Rrtype == a.kind && (a.count() < maxRecords || a.kind == dns.TypeSRV) {
				a.take(rr)
				a.ttl = min(a.ttl, seconds(h.Ttl))
			}
		}
		if alias == "" {
			return nil
		}
		if a.aliases++; a.aliases > maxAliases {
			return fmt.Errorf("%w: too many aliases", ErrAnswer)
		}
		a.name = alias
	}
}

// plain is a DNS name as in a question.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (a *answer) take(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.A:
		if ip, ok := netip.AddrFromSlice(rr.A); ok && !ip.Unmap().IsUnspecified() {
			a.addrs = append(a.addrs, ip.Unmap())
		}
	case *dns.AAAA:
		if ip, ok := netip.AddrFromSlice(rr.AAAA); ok && !ip.IsUnspecified() && !ip.Is4In6() {
			a.addrs = append(a.addrs, ip)
		}
	case *dns.SRV:
		a.srvs = append(a.srvs, srv{rr.Priority, rr.Weight, rr.Port, plain(rr.Target)})
	case *dns.NAPTR:
		if t := naptrTransport(rr.Service); t != 0 && strings.EqualFold(rr.Flags, "s") && rr.Regexp == "" {
			a.naptrs = append(a.naptrs, naptr{rr.Order, rr.Preference, t, plain(rr.Replacement)})
		}
	}
}

// naptrTransport reads the service field (RFC 3263 §4.1); 0 is one that we do not speak.
func naptrTransport(service string) sip.Transport {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return sip.UDP
	case "SIP+D2T":
		return sip.TCP
	case "SIPS+D2T":
		return sip.TLS
	}
	return 0
}
