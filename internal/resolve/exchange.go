package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	rounds   = 2 // times each server is asked
	patience = 4 // times Timeout that an answer may take, although others are asked meanwhile
)

// said is what came of asking a server.
type said struct {
	try int
	m   *dns.Msg
	err error
}

// exchange asks the servers in turn, the next one when one has failed or has not answered in time, until one gives an answer. One that is slow is heard all the
// same: its answer is taken while others are asked, and given to late when nobody waits for it any more.
func (r *Resolver) exchange(ctx context.Context, k question, late func(*dns.Msg)) (*dns.Msg, error) {
	servers := r.servers()
	if len(servers) == 0 {
		return nil, ErrNoServers
	}
	ctx, stop := context.WithCancel(ctx)
	answers := make(chan said, rounds*len(servers))
	var last error
	under := 0 // way
	for try := range rounds * len(servers) {
		if try == len(servers) && errors.Is(last, ErrAnswer) {
			break // it was heard; asking once more changes nothing
		}
		server := servers[try%len(servers)]
		r.wg.Go(func() {
			m, err := r.exchangeWith(ctx, server, k)
			answers <- said{try, m, err}
		})
		under++
		last = fmt.Errorf("ask %s: no answer within %v", server, r.cfg.Timeout)
		wait := r.cfg.Timeout
		if try < len(servers)-1 && r.mute.is(r.now(), server) {
			wait = min(wait, muteWait)
		}
		timer := time.NewTimer(wait)
		for waits := true; waits; {
			select {
			case <-timer.C:
				waits = false
				r.mute.add(r.now(), server)
			case a := <-answers:
				under--
				r.heard(servers, a)
				if a.err == nil {
					timer.Stop()
					r.hearOn(servers, answers, under, stop)
					return a.m, nil
				}
				if waits = a.try != try; !waits {
					last = fmt.Errorf("ask %s: %w", server, a.err)
				}
			}
		}
		timer.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	r.wg.Go(func() {
		defer stop()
		for range under {
			if a := <-answers; a.err == nil {
				late(a.m)
				return
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, last
}

// heard notes that a server has said something.
func (r *Resolver) heard(servers []string, a said) {
	if a.err == nil || errors.Is(a.err, ErrAnswer) {
		r.mute.remove(servers[a.try%len(servers)])
	}
}

// hearOn listens to those that were asked before the one that has answered, for as long as the first of them would have been waited for: one that is only slow, and was silent
// once, would never be waited for again where the next one always is faster.
func (r *Resolver) hearOn(servers []string, answers <-chan said, under int, stop func()) {
	if under == 0 {
		stop()
		return
	}
	timer := time.AfterFunc(r.cfg.Timeout, stop)
	r.wg.Go(func() {
		defer stop()
		defer timer.Stop()
		for range under {
			r.heard(servers, <-answers)
		}
	})
}

// exchangeWith asks one server by UDP, by TCP when the answer was cut (RFC 7766 §5), and without EDNS when the server
// does not know it (RFC 6891 §7).
func (r *Resolver) exchangeWith(ctx context.Context, server string, k question) (*dns.Msg, error) {
	ask := new(dns.Msg)
	ask.SetQuestion(dns.Fqdn(k.name), k.kind)
	ask.SetEdns0(1232, false)
	m, err := r.once(ctx, "udp", server, ask)
	if err == nil && unread(m) {
		ask.Extra = nil
		m, err = r.once(ctx, "udp", server, ask)
	}
	if err == nil && m.Truncated {
		m, err = r.whole(ctx, server, ask, m)
	}
	if err != nil {
		return nil, err
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%w: %s", ErrAnswer, dns.RcodeToString[m.Rcode])
	}
	return m, nil
}

// whole asks by TCP for an answer that was cut. Many a router that answers for its network has no TCP (RFC 5625 §4.4.2), and some of the records are better than none.
func (r *Resolver) whole(ctx context.Context, server string, ask, part *dns.Msg) (*dns.Msg, error) {
	if len(part.Answer) == 0 {
		return r.once(ctx, "tcp", server, ask)
	}
	short, stop := context.WithTimeout(ctx, r.cfg.Timeout)
	defer stop()
	m, err := r.once(short, "tcp", server, ask)
	if err != nil && ctx.Err() == nil {
		return part, nil
	}
	return m, err
}

// unread tells whether the server could not read the question, which it then need not repeat (RFC 6891 §7).
func unread(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
}

func (r *Resolver) once(ctx context.Context, network, server string, ask *dns.Msg) (*dns.Msg, error) {
	ask.Id = dns.Id()
	c := dns.Client{Net: network, Timeout: patience * r.cfg.Timeout}
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
	if m.Response && len(m.Question) == 0 && unread(m) {
		return m, nil
	}
	if !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != ask.Question[0].Qtype ||
		!strings.EqualFold(m.Question[0].Name, ask.Question[0].Name) {
		return nil, fmt.Errorf("%w: the answer is to another question", ErrAnswer)
	}
	return m, nil
}
