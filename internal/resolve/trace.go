package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// Answer is a record set that a look-up used, for a person to read.
type Answer struct {
	Name    string
	Type    string   // NAPTR, SRV, AAAA, A, or hosts for the hosts file
	Records []string // NAPTR and SRV in the order of preference; empty: there is none
	Err     error    // why there is no answer; nil also when the name does not exist
}

// Trace is Lookup, and every record set that it looked at, in the order in which it asked. It comes with an error too.
func (r *Resolver) Trace(ctx context.Context, q Query) (Result, []Answer, error) {
	var seen []Answer
	p := plan{r: r, now: r.now(), ahead: r.ahead}
	p.fetch = func(k question) (*entry, error) {
		e, err := r.fetch(ctx, k)
		seen = append(seen, e.answer(k, err))
		return e, err
	}
	res, err := p.run(q)
	if len(seen) == 0 && r.hosts.has(p.name, p.now) {
		a := Answer{Name: p.name, Type: "hosts"}
		for _, addr := range r.hosts.lookup(p.name, p.now) {
			a.Records = append(a.Records, addr.String())
		}
		seen = append(seen, a)
	}
	if err != nil {
		return Result{}, seen, fmt.Errorf("resolve %s: %w", q.Host, err)
	}
	return res, seen, nil
}

// answer puts an entry into words; e may be nil.
func (e *entry) answer(k question, err error) Answer {
	a := Answer{Name: k.name, Type: dns.TypeToString[k.kind]}
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			a.Err = err
		}
		return a
	}
	for _, n := range e.naptrs {
		a.Records = append(a.Records, fmt.Sprintf("order %d preference %d %s %s", n.order, n.preference, n.transport, n.replacement))
	}
	srvs := slices.Clone(e.srvs)
	slices.SortStableFunc(srvs, func(a, b srv) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(b.weight, a.weight))
	})
	for _, s := range srvs {
		a.Records = append(a.Records, fmt.Sprintf("priority %d weight %d %s:%d", s.priority, s.weight, cmp.Or(s.target, "."), s.port))
	}
	for _, addr := range e.addrs {
		a.Records = append(a.Records, addr.String())
	}
	return a
}
