package resolve

import (
	"cmp"
	"context"
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
)

// ask puts a question to the servers and follows aliases. ErrNotFound comes with an entry that says how long.
func (r *Resolver) ask(ctx context.Context, k question) (*entry, error) {
	name, ttl := k.name, r.cfg.MaxTTL
	for aliases := 0; ; {
		a := answer{kind: k.kind, name: name, ttl: ttl, aliases: aliases}
		m, err := r.exchange(ctx, question{name, k.kind}, func(m *dns.Msg) { r.late(k, a, m) })
		if err != nil {
			return nil, err
		}
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

// late keeps an answer for which nobody waits any more: whoever asks next has it at once.
func (r *Resolver) late(k question, a answer, m *dns.Msg) {
	if a.read(m) == nil && a.count() > 0 {
		e := r.positive(&a)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.store(k, e, nil)
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
