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
	var seen answers
	p, done := r.plan(ctx)
	defer done()
	p.fetch = seen.note(p.fetch)
	p.soon = seen.note(p.soon)
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

// answers are those of a Trace.
type answers []Answer

// note is fetch, and notes what came. What was slow and is waited for after all is noted once.
func (l *answers) note(fetch func(question) (*entry, error)) func(question) (*entry, error) {
	return func(k question) (*entry, error) {
		e, err := fetch(k)
		a := e.answer(k, err)
		if i := slices.IndexFunc(*l, func(b Answer) bool { return a.Name == b.Name && a.Type == b.Type && errors.Is(b.Err, errSlow) }); i >= 0 {
			(*l)[i] = a
		} else {
			*l = append(*l, a)
		}
		return e, err
	}
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
