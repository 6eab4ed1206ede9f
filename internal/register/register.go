// Package register is the registration of a trunk with its provider (RFC 3261 §10, NEW-02): REGISTER with digest, its refresh,
// the other addresses of the registrar when one fails, and its end.
//
// A Registrant is one pure machine with one owner; it never sends anything and never reads a clock.
package register

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// Env is what a registrant needs to know of its server.
type Env struct {
	Rand      *rand.Rand
	Timers    *txn.Timers // nil: the defaults of RFC 3261
	UserAgent string
	CallID    func() string
	Tag       func() string
	// Via is a Via with a new branch, Contact our URI with that user part, Hop the way to an address of a trunk's gateway.
	Via     func(sip.Hop) string
	Contact func(hop sip.Hop, user string) string
	Hop     func(*topology.Trunk, Addr) sip.Hop
}

// Addr is an address of the registrar, in fail-over order (RFC 3263).
type Addr struct {
	Remote netip.AddrPort
	Name   string // to check the certificate against
}

// State is how far a registration is.
type State string

// The states.
const (
	Trying     State = "registering" // nobody has taken or refused it yet
	Registered State = "registered"
	Failed     State = "failed" // refused, or no address answers
	Leaving    State = "leaving"
	Off        State = "off" // ended on purpose
)

// Status is the view for calls, people and metrics.
type Status struct {
	State   State
	Since   time.Time // of the state
	Until   time.Time // Registered: when it ends unless refreshed
	Next    time.Time // when REGISTER is sent again
	At      netip.AddrPort
	Contact string
	Code    int      // of the last final response; 0 when there was none
	Error   string   // why the last REGISTER failed; "" when it did not
	Routes  []string // that calls must take (Service-Route, RFC 3608)
}

// Up tells whether calls that leave may count on the registration.
func (s *Status) Up() bool { return s.State == Registered }

// Registrant keeps one registration.
type Registrant struct {
	env     *Env
	trunk   *topology.Trunk
	account digest.Account

	status  Status
	callID  string
	tag     string
	seq     uint32
	expires time.Duration // to ask for

	addrs  []Addr
	at     int       // the one being asked
	bound  Addr      // the one that took the registration
	asks   bool      // the owner is to look the name up
	looked time.Time // when it was asked to; zero: it was not

	client   txn.Client
	wants    time.Duration // that the request under way asks for
	silent   time.Time     // when an address that says nothing is given up
	hint     string        // what the network says of that
	round    digest.Round
	nonces   digest.Client
	retry    time.Duration // asked for by Retry-After
	failures uint          // rounds in a row
	began    time.Time     // the last round
	renewed  time.Time     // the last Renew
	lost     time.Time     // the last Lost, or when it has its turn
}

// Limits that are not settings.
const (
	firstPause   = 10 * time.Second // after a round in which no address took it
	longestPause = 5 * time.Minute
	firstRefused = time.Minute // after a refusal that another address would repeat
	longRefused  = 30 * time.Minute
	longestRetry = time.Hour // of Retry-After
	lostPause    = time.Minute
	retryPause   = 3 * time.Second // whoever asks for it, and however often
	maxExpires   = 24 * time.Hour
	minRefresh   = 2 * time.Second
	lookupTime   = 30 * time.Second
	leaveTime    = 3 * time.Second // for the answer to the last REGISTER
	maxRoutes    = 8
	maxRoute     = 512
)

// New is a registration that begins at once.
func New(env *Env, t *topology.Trunk, now time.Time) *Registrant {
	r := &Registrant{env: env, trunk: t, account: t.Account(), tag: env.Tag(), expires: t.Registration.Expires}
	r.status = Status{State: Trying, Since: now, Next: now}
	return r
}

// CallID is the Call-ID of all of its requests; "" before the first.
func (r *Registrant) CallID() string { return r.callID }

// Status is the present view.
func (r *Registrant) Status() Status { return r.status }

// Trunk is the trunk that registers.
func (r *Registrant) Trunk() *topology.Trunk { return r.trunk }

// Adopt takes the trunk of a new document; false when it registers differently there, so that a new registration must begin.
func (r *Registrant) Adopt(t *topology.Trunk) bool {
	o := r.trunk
	a, b := *o.Registration, *t.Registration
	a.Server, b.Server, a.Required, b.Required, a.CalledFrom, b.CalledFrom = nil, nil, false, false, "", ""
	if a != b || !o.SamePeer(t) || o.Port != t.Port ||
		!r.account.Same(t.Account()) {
		return false
	}
	r.trunk, r.account = t, t.Account()
	return r.status.State != Registered || r.env.Contact(r.env.Hop(t, r.bound), t.Registration.Contact) == r.status.Contact
}

// SucceededBy tells whether the registration of another trunk is for the same contact at the same registrar, and so takes the place of this one there.
func (r *Registrant) SucceededBy(t *topology.Trunk) bool {
	o, at := r.trunk, r.bound
	if r.status.State == Trying && r.at < len(r.addrs) {
		at = r.addrs[r.at]
	}
	return r.status.Contact != "" && o.Registration.User == t.Registration.User && o.Registration.Domain == t.Registration.Domain &&
		o.SamePeer(t) &&
		r.env.Contact(r.env.Hop(t, at), t.Registration.Contact) == r.status.Contact
}

// Ask tells, once, that the registrar's name is to be looked up; Resolved takes the answer.
func (r *Registrant) Ask() bool {
	asks := r.asks
	r.asks = false
	return asks
}

// Deadline is when Advance is due; zero when nothing is awaited.
func (r *Registrant) Deadline() (at time.Time) {
	first := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	d, _ := r.client.Deadline()
	first(d)
	first(r.silent)
	first(r.status.Next)
	if r.status.State == Registered {
		first(r.status.Until)
	}
	return at
}

// Advance lets time pass.
func (r *Registrant) Advance(now time.Time, out *txn.Out) {
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if d, _ := r.client.Deadline(); due(d) {
		if r.client.Advance(now, out) == txn.TimedOut {
			r.unanswered(now, "no answer"+r.hint, out)
		}
	}
	if due(r.silent) {
		r.silent = time.Time{}
		r.client = txn.Client{} // what still comes is no answer any more
		r.unanswered(now, "no answer"+r.hint, out)
	}
	if r.status.State == Registered && due(r.status.Until) {
		r.move(now, Failed)
		r.status.Routes = nil
		if r.status.Error == "" {
			r.status.Error = "not refreshed in time"
		}
	}
	if due(r.status.Next) {
		r.begin(now, out)
	}
}

// begin starts a round over the registrar's addresses.
func (r *Registrant) begin(now time.Time, out *txn.Out) {
	r.retry, r.began = 0, now
	if remote, ok := r.trunk.Remote(); ok {
		r.addrs, r.at = []Addr{{Remote: remote}}, 0
		r.ask(now, out)
		return
	}
	if !r.looked.IsZero() { // nobody has answered that
		r.looked = time.Time{}
		r.pause(now, "the name of the gateway was not looked up", firstPause, longestPause)
		return
	}
	r.asks, r.looked = true, now
	r.status.Next = now.Add(lookupTime)
}

// Unresolved says that the name of a gateway has no address, and why.
func Unresolved(why string) string {
	const text = "the name of the gateway does not resolve to an address"
	if why == "" {
		return text
	}
	return text + ": " + why
}

// Resolved takes the addresses of the registrar's name; why is for none. The one that has the registration is asked first.
func (r *Registrant) Resolved(now time.Time, addrs []Addr, why string, out *txn.Out) {
	if r.looked.IsZero() || r.status.State == Off || r.status.State == Leaving {
		return
	}
	r.looked = time.Time{}
	if len(addrs) == 0 {
		r.pause(now, Unresolved(why), firstPause, longestPause)
		return
	}
	r.addrs, r.at = nil, 0
	for _, a := range addrs {
		if a.Remote == r.status.At && r.status.State == Registered {
			r.addrs = append([]Addr{a}, r.addrs...)
		} else {
			r.addrs = append(r.addrs, a)
		}
	}
	r.ask(now, out)
}

// Renew refreshes a standing registration at once, for its registrar may have lost it; false when it is being refreshed, was a moment ago,
// or the registrar has asked to be left alone.
func (r *Registrant) Renew(now time.Time) bool {
	if !r.renewable() || now.Before(r.renewed.Add(firstPause)) {
		return false
	}
	r.renewed, r.status.Next = now, now
	return true
}

// Retry tries a registration that has failed again at once, for somebody has mended what was wrong, at the registrar perhaps. False: it has not failed, is being tried, was a moment ago,
// or the registrar has asked to be left alone.
func (r *Registrant) Retry(now time.Time) bool {
	if r.status.State != Failed || r.asking() || r.retry > 0 || now.Before(r.began.Add(retryPause)) {
		return false
	}
	r.status.Next = now
	return true
}

// Lost refreshes a standing registration because the connection to its registrar is gone, which may know no other way to us (RFC 5626 §4.5). That is at
// once, and once in lostPause with one that hangs up behind every answer.
func (r *Registrant) Lost(now time.Time) bool {
	next := now
	if at := r.lost.Add(lostPause); !r.lost.IsZero() && now.Before(at) {
		next = at
	}
	if !r.renewable() || !r.status.Next.After(next) {
		return false
	}
	r.lost, r.status.Next = next, next
	return true
}

// renewable tells whether the registration stands, is not being refreshed, and its registrar has not asked to be left alone.
func (r *Registrant) renewable() bool {
	return r.status.State == Registered && !r.asking() && r.retry <= 0
}

// asking tells whether a round is under way.
func (r *Registrant) asking() bool {
	s := r.client.State()
	return s == txn.Trying || s == txn.Proceeding || !r.looked.IsZero()
}

// ask sends a REGISTER to the present address.
func (r *Registrant) ask(now time.Time, out *txn.Out) {
	r.round = digest.Round{}
	r.wants = r.expires
	r.send(now, out)
}

// unanswered asks the next address, or ends the round.
func (r *Registrant) unanswered(now time.Time, why string, out *txn.Out) {
	if r.status.State == Leaving {
		r.off(now)
		return
	}
	if r.at+1 < len(r.addrs) {
		r.status.Error = why
		r.at++
		r.ask(now, out)
		return
	}
	r.pause(now, why, firstPause, longestPause)
}

// pause ends a round without success. A registration that still stands is refreshed again before it ends.
func (r *Registrant) pause(now time.Time, why string, first, longest time.Duration) {
	wait := min(first<<min(r.failures, 10), longest)
	wait = max(wait-wait/10+r.random(wait/5), r.retry)
	r.failures++
	r.status.Error, r.status.Next = why, now.Add(wait)
	if r.status.State == Registered {
		if left := r.status.Until.Sub(now); wait > left/2 {
			r.status.Next = now.Add(max(left/2, min(firstPause, wait)))
		}
		return
	}
	r.move(now, Failed)
}

// refused ends a round with a refusal: the registrar has answered, and it is not registered.
func (r *Registrant) refused(now time.Time, why string) {
	r.move(now, Failed)
	r.status.Routes = nil
	r.pause(now, why, firstRefused, longRefused)
}

func (r *Registrant) move(now time.Time, s State) {
	if r.status.State != s {
		r.status.State, r.status.Since = s, now
	}
	if s != Registered {
		r.status.Until = time.Time{}
	}
}

// random is a duration below d.
func (r *Registrant) random(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.env.Rand.Int64N(int64(d)))
}

// Leave ends the registration, with a REGISTER that says so if there is one.
func (r *Registrant) Leave(now time.Time, out *txn.Out) {
	under := r.client.State() == txn.Trying || r.client.State() == txn.Proceeding
	if r.status.State == Off || r.status.State == Leaving {
		return
	}
	stands := under
	if r.status.State == Registered {
		stands, r.addrs, r.at = true, []Addr{r.bound}, 0
	}
	r.asks, r.looked, r.status.Next, r.status.Routes = false, time.Time{}, time.Time{}, nil
	if !stands {
		r.off(now)
		return
	}
	r.move(now, Leaving)
	r.round, r.wants = digest.Round{}, 0
	r.send(now, out)
	r.silent = now.Add(leaveTime)
}

// Return begins again after Leave.
func (r *Registrant) Return(now time.Time) {
	if r.status.State != Off && r.status.State != Leaving {
		return
	}
	r.client, r.silent = txn.Client{}, time.Time{}
	r.failures, r.status.Error, r.status.Code = 0, "", 0
	r.move(now, Trying)
	r.status.Next = now
}

func (r *Registrant) off(now time.Time) {
	r.client, r.silent, r.status.Next = txn.Client{}, time.Time{}, time.Time{}
	r.move(now, Off)
}

// Idle tells whether nothing is under way and nothing will be, unless Return is called.
func (r *Registrant) Idle() bool { return r.status.State == Off }

// Failed takes the report that a REGISTER could not be sent, and what the transport says of it.
func (r *Registrant) Failed(now time.Time, branch, why string, out *txn.Out) {
	if r.client.Branch() != branch || r.client.Fail(now, out) != txn.Failed {
		return
	}
	r.silent = time.Time{}
	r.unanswered(now, "it could not be sent: "+clean(why), out)
}

// Undelivered takes the report that one copy of a REGISTER did not arrive, and what the network says of it: another address of the registrar is asked at once,
// the only one as long as without that news.
func (r *Registrant) Undelivered(now time.Time, branch, why string, out *txn.Out) {
	switch {
	case r.client.Branch() != branch || r.silent.IsZero(): // it has spoken since
	case r.at+1 < len(r.addrs):
		r.client, r.silent = txn.Client{}, time.Time{}
		r.unanswered(now, clean(why), out)
	default:
		r.hint = ": " + clean(why)
	}
}

// clean keeps foreign text short and on one line.
func clean(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s), "")
}
