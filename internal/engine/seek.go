package engine

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
	"github.com/directsip/directsip/internal/ua"
)

const (
	seekTime    = time.Second      // how long a message waits for DNS before it goes where the dialog was set up
	silentAfter = 3 * time.Second  // a request that is still repeated goes on to the next address (RFC 3263 §4.3)
	aimedFor    = 40 * time.Second // longer than any request is repeated
	maxAimed    = 4096             // requests whose addresses are remembered
	maxTried    = 4                // addresses of a name
	maxSought   = 64               // names that are looked up at a time
	maxHeld     = 64               // messages that wait for one of them
)

// seeker leads the datagrams of dialogs whose peers give names: UDP has no connection that would know where to. It belongs to a shard.
type seeker struct {
	aimed map[string]aim               // by branch: repetitions, CANCEL and ACK go where the request went
	held  map[resolve.Query][]txn.Send // wait for DNS
}

// aim is where a request has gone: to one address after the other, as many transactions (txn.Numbered).
type aim struct {
	at     []netip.AddrPort // by number
	now    int              // the number under which it is repeated
	since  time.Time
	invite bool // CANCEL and ACK with the same branch go where it went
}

// seek gives a message its address if it is a datagram to a name. False: it waits for DNS, and comes again.
func (s *shard) seek(now time.Time, m *txn.Send) bool {
	if m.Hop.Transport != sip.UDP {
		return true
	}
	q := whereIs(&m.Hop)
	waiting, sought := s.held[q]
	r, known := s.e.cfg.Resolver.Cached(q)
	switch {
	case !sought && known && now.Before(r.Expires):
	case !sought && len(s.held) >= maxSought, len(waiting) >= maxHeld: // a flood goes where the dialog was set up
		r.Hops = nil
	default:
		if !sought {
			s.e.seek(q, seekTime, func(r resolve.Result, err error) {
				if err != nil {
					s.e.log.Debug("name not resolved", "host", q.Host, "err", err)
				}
				s.box.post(func(now time.Time, _ *ua.Core, out *ua.Out) { s.found(now, q, r, out) })
			})
		}
		if s.held == nil {
			s.held = make(map[resolve.Query][]txn.Send)
		}
		s.held[q] = append(waiting, *m)
		return false
	}
	s.e.meet(q.Host, r.Hops)
	s.aim(now, m, r.Hops)
	return true
}

// found sends what has waited for DNS, in its order.
func (s *shard) found(now time.Time, q resolve.Query, r resolve.Result, out *ua.Out) {
	list := s.held[q]
	delete(s.held, q)
	s.e.meet(q.Host, r.Hops)
	for i := range list {
		s.aim(now, &list[i], r.Hops)
	}
	out.Sends = append(out.Sends, list...)
}

// aim sends a message to an address of its name: a request to the best one, and to the next when it has been repeated there for silentAfter without an answer.
func (s *shard) aim(now time.Time, m *txn.Send, hops []resolve.Addr) {
	m.Hop.Host, m.Hop.Port = "", 0
	a, known := s.aimed[m.Branch]
	invite := bytes.HasPrefix(m.Data, []byte("INVITE "))
	switch {
	case !known:
		a.invite = invite
		a.turn(now, s.best(now, &m.Hop, hops))
		s.remember(now, m.Branch, a)
	case a.invite && bytes.HasPrefix(m.Data, []byte("ACK ")): // for who has refused (RFC 3261 §17.1.1.3): it has that number already
		m.Hop.Remote = a.at[min(txn.Number(m.Data, m.Branch), len(a.at)-1)]
		return
	case m.Again && invite == a.invite && now.Sub(a.since) >= silentAfter:
		s.e.silent.Add(now, b2bua.Way{From: m.Hop.Local.Addr(), To: a.at[a.now]}, b2bua.SilentTime)
		a.turn(now, s.best(now, &m.Hop, hops))
		s.remember(now, m.Branch, a)
	}
	m.Hop.Remote, m.Data = a.at[a.now], txn.Numbered(m.Data, m.Branch, a.now)
}

// turn leads the repetitions to another address, under the number that it has or gets.
func (a *aim) turn(now time.Time, next netip.AddrPort) {
	a.since = now
	if i := slices.Index(a.at, next); i >= 0 {
		a.now = i
	} else if len(a.at) <= maxTried { // else DNS says something else each time
		a.at, a.now = append(a.at, next), len(a.at)
	}
}

// best is the best address of a name that has not fallen silent. Where the dialog was set up comes last, for a name that leads nowhere.
func (s *shard) best(now time.Time, hop *sip.Hop, hops []resolve.Addr) netip.AddrPort {
	hops = elsewhere(hops, hop.Remote.Addr())
	for _, h := range hops[:min(len(hops), maxTried)] {
		if !s.e.silent.Is(now, b2bua.Way{From: hop.Local.Addr(), To: h.AddrPort}) {
			return h.AddrPort
		}
	}
	return hop.Remote
}

// remember notes where a request has gone.
func (s *shard) remember(now time.Time, branch string, a aim) {
	if branch == "" {
		return
	}
	if s.aimed == nil {
		s.aimed = make(map[string]aim)
	}
	if len(s.aimed) >= maxAimed {
		for k, old := range s.aimed {
			if now.Sub(old.since) > aimedFor {
				delete(s.aimed, k)
			}
		}
		if len(s.aimed) >= maxAimed {
			clear(s.aimed)
		}
	}
	s.aimed[branch] = a
}
