package sim

import (
	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
)

// guard asks for the password before a call, and what it is asked for in it (RFC 3261 §22).
type guard struct {
	host   *Host
	how    Callee
	ask    int  // 401 or 407; 0: nobody is asked
	stale  int  // answers to call stale
	locked bool // no password is right
	given  int  // answers that were not right
}

// account is what the document gives the nodes.
var account = digest.NewAccount("directsip", "secret", "")

// maxAnswers is how often a node may answer the challenges to one request.
const maxAnswers = 2

// stops tells whether a request was challenged instead of being served.
func (g *guard) stops(s *server) bool {
	if g == nil || g.ask == 0 {
		return false
	}
	h, m := g.host, s.req
	// Half of the hosts bind a nonce to its call, so that one that is known from an earlier call is stale.
	d := digest.Server{Realm: h.gw.Name, Key: []byte(h.gw.Name + "0123456789abcdef"), AnyCall: h.Addr.As4()[3]%2 == 0}
	result := d.Check(h.w.now, m, g.ask == 407, account)
	switch {
	case result == digest.Wrong || result == digest.Void:
		h.w.fail("%s: %s with wrong credentials: %s%s", h.Name, m.Method, m.Get(sip.IDAuthorization), m.Get(sip.IDProxyAuthorization))
	case result != digest.Accepted:
	case g.stale > 0:
		g.stale--
		result = digest.Stale
	case !g.locked:
		g.given = 0
		return false
	}
	if result != digest.Missing {
		if g.given++; g.given > maxAnswers+1 { // one with the nonce of an earlier request
			h.w.fail("%s: %s was answered %d times", h.Name, m.Method, g.given)
		}
	}
	id := sip.IDWWWAuthenticate
	if g.ask == 407 {
		id = sip.IDProxyAuthenticate
	}
	h.respond(s, g.ask, func(r *sip.Message) {
		for _, v := range d.Challenge(h.w.now, m.CallID(), result == digest.Stale) {
			r.Add(id, v)
		}
	})
	return true
}
