package sim

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/register"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

// Registering is Document with a provider that wants to be registered with.
var Registering = strings.Replace(Document, "host: sbc.sim.example, root: {transport: UDP}",
	"host: sbc.sim.example, root: {transport: UDP, credentials: {user: directsip, password: secret}, registration: {expires: 5m}}", 1)

// registrar takes registrations (RFC 3261 §10.3), in good days and in bad.
type registrar struct {
	h      *Host
	least  time.Duration // 423 to less
	grant  time.Duration // never more
	stale  int           // answers to call stale before one is taken
	locked bool          // no password is right
	moods  []mood        // one after the other, the last one for good

	bound map[string]time.Time // our contacts, until then
	given int                  // answers to challenges that were not right, in a row
	last  time.Time            // REGISTER
	seen  []time.Time          // REGISTERs of the last minute
	turn  int
}

// mood is how a registrar treats what it gets until some time.
type mood struct {
	until  time.Duration
	status int           // 200: it takes registrations, 0: it is silent
	retry  time.Duration // Retry-After of a refusal
}

// burst is how many REGISTERs a registrar may get within a minute: four rounds with a challenge, a stale nonce and a 423 each, and those
// of a document that has changed.
const burst = 24

// Registrars makes the provider's addresses take registrations, as the seed has it.
func (w *World) Registrars() {
	r := rand.New(rand.NewPCG(w.Seed, 0x4e6))
	locked := one(r, 12)
	for _, h := range w.Hosts {
		if h.trunk().Registration == nil {
			continue
		}
		g := &registrar{h: h, bound: make(map[string]time.Time), stale: r.IntN(2), locked: locked, grant: ms(r, 20000, 400000)}
		if one(r, 4) {
			g.least = ms(r, 60000, 900000).Truncate(time.Second)
			g.grant = max(g.grant, g.least)
		}
		at := time.Duration(0)
		for range r.IntN(4) {
			at += ms(r, 1000, 200000)
			g.moods = append(g.moods, mood{at, []int{200, 503, 503, 500, 403, 0, 0, 423}[r.IntN(8)], time.Duration(r.IntN(3)) * 20 * time.Second})
		}
		g.moods = append(g.moods, mood{1 << 62, 200, 0})
		h.registrar = g
	}
	for _, n := range w.Nodes {
		n.each(func(now time.Time, c *ua.Core, _ *ua.Out) { c.Listen(now) })
	}
}

// mood is the present one.
func (g *registrar) mood() mood {
	for g.h.w.Since() > g.moods[0].until {
		g.moods = g.moods[1:]
	}
	return g.moods[0]
}

// register takes a REGISTER.
func (g *registrar) register(p *packet, m *sip.Message) {
	h, now, how := g.h, g.h.w.now, g.mood()
	g.count(now)
	if how.status == 0 {
		return
	}
	s := &server{req: m, from: p}
	h.servers[serverKey(m)] = s
	if g.challenges(s) {
		return
	}
	asked := seconds(m.Get(sip.IDExpires))
	switch {
	case how.status == 423: // one that is never content
		h.respond(s, 423, func(r *sip.Message) { r.Add(sip.IDMinExpires, strconv.Itoa(int(2*asked/time.Second)+60)) })
	case how.status != 200:
		h.respond(s, how.status, func(r *sip.Message) {
			if how.retry > 0 {
				r.Add(sip.IDRetryAfter, strconv.Itoa(int(how.retry/time.Second)))
			}
		})
	case asked > 0 && asked < g.least:
		h.respond(s, 423, func(r *sip.Message) { r.Add(sip.IDMinExpires, strconv.Itoa(int(g.least/time.Second))) })
	default:
		g.bind(s, asked)
	}
}

// bind keeps or ends a binding.
func (g *registrar) bind(s *server, asked time.Duration) {
	contact, now := contactOf(s.req), g.h.w.now
	given := min(asked, g.grant).Truncate(time.Second)
	delete(g.bound, contact)
	if given > 0 {
		g.bound[contact] = now.Add(given)
	}
	g.h.respond(s, 200, func(r *sip.Message) {
		for c, until := range g.bound {
			if until.After(now) {
				r.Add(sip.IDContact, "<"+c+">;expires="+strconv.Itoa(int(until.Sub(now)/time.Second)))
			}
		}
	})
}

// challenges asks for the password, and counts how often it is told.
func (g *registrar) challenges(s *server) bool {
	h, m := g.h, s.req
	d := digest.Server{Realm: h.gw.Name, Key: []byte(h.gw.Name + "0123456789abcdef")}
	result := d.Check(h.w.now, m, false, account)
	switch {
	case result == digest.Wrong:
		h.w.fail("%s: REGISTER with wrong credentials: %s", h.Name, m.Get(sip.IDAuthorization))
	case result != digest.Accepted:
	case g.turn < g.stale:
		g.turn++
		result = digest.Stale
	case !g.locked:
		g.given, g.turn = 0, 0
		return false
	}
	if result != digest.Missing {
		if g.given++; g.given > maxAnswers+1 { // one with the nonce of an earlier round
			h.w.fail("%s: REGISTER came %d times with credentials in one round", h.Name, g.given)
		}
	}
	h.respond(s, 401, func(r *sip.Message) {
		for _, v := range d.Challenge(h.w.now, m.CallID(), result == digest.Stale) {
			r.Add(sip.IDWWWAuthenticate, v)
		}
	})
	return true
}

// count notices a flood. Between two rounds there are at least nine seconds, unless a document has come, with which what has failed is tried again.
func (g *registrar) count(now time.Time) {
	if now.Sub(g.last) > 8*time.Second || g.h.w.applied.After(g.last) {
		g.given = 0
	}
	g.last = now
	g.seen = append(g.seen, now)
	for now.Sub(g.seen[0]) > time.Minute {
		g.seen = g.seen[1:]
	}
	if len(g.seen) > burst {
		g.h.w.fail("%s: %d REGISTERs in a minute", g.h.Name, len(g.seen))
	}
}

func seconds(v string) time.Duration {
	n, _ := strconv.Atoi(v)
	return time.Duration(n) * time.Second
}

// registered notes the state of a trunk's registration.
func (n *Node) registered(t *topology.Trunk, st register.Status) { n.board.bindings[t.Name] = st }

// finishRegistrations checks that a trunk is registered where it says, or says why it is not.
func (n *Node) finishRegistrations() {
	w := n.w
	for _, t := range w.snap.Trunks {
		st, known := n.board.bindings[t.Name]
		if t.Registration == nil || t.Registration.Server.Name != n.server.Name || t.Disabled {
			continue
		}
		switch {
		case !known:
			w.fail("%s: nothing is known of the registration of %s", n.name(), t.Name)
		case st.Up() && !w.bound(&st):
			w.fail("%s: %s is registered at %v until %v, where nobody knows of it", n.name(), t.Name, st.At, st.Until)
		case st.Up() && w.now.After(st.Until):
			w.fail("%s: %s is registered until %v", n.name(), t.Name, st.Until)
		case st.State == register.Failed && st.Error == "":
			w.fail("%s: %s is not registered and does not say why", n.name(), t.Name)
		}
	}
}

// bound tells whether the registrar has a binding. Our time begins when its answer comes, which may take as long as a transaction.
func (w *World) bound(st *register.Status) bool {
	h, _ := w.at[st.At.Addr()].(*Host)
	return h != nil && h.registrar != nil && !st.Until.After(h.registrar.bound[st.Contact].Add(64*t1+time.Second))
}
