package digest

import (
	"fmt"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Client answers the challenges of one peer within one call or one registration. The zero value is ready. No secret is in it.
//
// Clients that are forks of one another share their nonces and the counts of their use, so that what one call was challenged with
// saves the next one its challenge. They must have one owner.
type Client struct {
	known []*nonce // one of each realm
}

// Round is the challenges that one request was answered with, over all of its repetitions. The zero value is ready.
type Round struct {
	tries []try
}

// try counts the challenges of one realm.
type try struct {
	realm string
	proxy bool
	n     int
}

// maxRealms bounds the realms of one chain of proxies; maxTries the challenges of one realm to one request (one for a wrong or
// missing nonce, one for a stale one).
const (
	maxRealms = 4
	maxTries  = 2
)

// nonce is the last challenge of one realm, shared by forks.
type nonce struct {
	challenge
	proxy  bool   // Proxy-Authenticate (407) or WWW-Authenticate (401)
	count  uint32 // requests that used it
	cnonce string // of a -sess algorithm: the first one stands in A1, so it is kept
}

// challenge is what a WWW-Authenticate or Proxy-Authenticate value says.
type challenge struct {
	realm, nonce, opaque string
	algorithm            string // as written
	qop                  string // the one that we use; "" none
	offered              bool   // qop was there, whether or not we know one of it
	stale, userhash      bool
}

// Fork is a client for another call of the same peer and account: it begins with what is known, and what it learns is its own.
func (c *Client) Fork() *Client { return &Client{known: append([]*nonce(nil), c.known...)} }

// Share makes the nonces of another client those of c: they are the latest.
func (c *Client) Share(from *Client) { c.known = append(c.known[:0], from.known...) }

// Known tells whether a request would get credentials.
func (c *Client) Known() bool { return len(c.known) > 0 }

// maxRealm bounds what an error says of a realm.
const maxRealm = 100

// Learn takes a 401 or 407 to a request of that round. Nil: send the request again, with a new branch and CSeq, after Authorize.
// Otherwise the response is final. Of several challenges of one realm the strongest that we can answer is taken, the first of equals (RFC 8760 §2.4).
func (c *Client) Learn(resp *sip.Message, a Account, r *Round) error {
	id, proxy := sip.IDWWWAuthenticate, false
	if resp.Status == 407 {
		id, proxy = sip.IDProxyAuthenticate, true
	}
	if a.IsZero() {
		return ErrNoAccount
	}
	var best []challenge // one of each realm
	foreign := ""
	for v := range resp.Values(id) {
		ch, ok := parseChallenge(v)
		if !ok || ch.strength() == 0 {
			continue
		}
		if a.realm != "" && ch.realm != escape(a.realm) {
			foreign = ch.realm
			continue
		}
		best = stronger(best, ch)
	}
	switch {
	case len(best) == 0 && foreign != "":
		return fmt.Errorf("%w: it asks for realm \"%s\", and the credentials are for %q", ErrNoAccount, foreign[:min(len(foreign), maxRealm)], a.realm)
	case len(best) == 0:
		return ErrNoChallenge
	}
	for i := range best {
		if err := r.again(&best[i], proxy); err != nil {
			return err
		}
		c.learn(best[i], proxy)
	}
	return nil
}

// strength orders the challenges that we can answer (RFC 8760 §2); 0: none of them. The first cnonce of a -sess algorithm would have
// no place in an answer without qop.
func (ch *challenge) strength() int {
	a, ok := algorithmOf(ch.algorithm)
	if !ok || ch.offered && ch.qop == "" || a.session && ch.qop == "" {
		return 0
	}
	return a.strength
}

// stronger puts a challenge among those of other realms.
func stronger(best []challenge, ch challenge) []challenge {
	for i := range best {
		if best[i].realm == ch.realm {
			if ch.strength() > best[i].strength() {
				best[i] = ch
			}
			return best
		}
	}
	if len(best) == maxRealms {
		return best
	}
	return append(best, ch)
}

// again counts a challenge, or says why it is one too many.
func (r *Round) again(ch *challenge, proxy bool) error {
	for i := range r.tries {
		t := &r.tries[i]
		switch {
		case t.realm != ch.realm || t.proxy != proxy:
			continue
		case !ch.stale: // our answer to a fresh nonce was refused: another would be refused too
			return ErrRejected
		case t.n >= maxTries:
			return ErrTooOften
		}
		t.n++
		return nil
	}
	if len(r.tries) >= maxRealms {
		return ErrTooOften
	}
	r.tries = append(r.tries, try{strings.Clone(ch.realm), proxy, 1})
	return nil
}

// learn keeps a challenge in place of the last one of its realm, or of the oldest realm.
func (c *Client) learn(ch challenge, proxy bool) {
	n := &nonce{challenge: ch, proxy: proxy}
	sip.Own(&n.realm, &n.challenge.nonce, &n.opaque, &n.algorithm)
	for i, k := range c.known {
		if k.realm == ch.realm && k.proxy == proxy {
			c.known[i] = n
			return
		}
	}
	if len(c.known) >= maxRealms {
		c.known = append(c.known[:0], c.known[1:]...)
	}
	c.known = append(c.known, n)
}

// Authorize puts the credentials for every known challenge into a request, in place of older ones, and counts the use of each
// nonce. random is a number of the owner's source, new for each request. It does nothing before the first challenge. ACK and CANCEL
// are not for it: an ACK copies the credentials of its INVITE, a CANCEL has none (RFC 3261 §22.1).
func (c *Client) Authorize(req *sip.Message, a Account, random uint64) {
	if len(c.known) == 0 {
		return
	}
	req.Del(sip.IDAuthorization)
	req.Del(sip.IDProxyAuthorization)
	for _, n := range c.known {
		id := sip.IDAuthorization
		if n.proxy {
			id = sip.IDProxyAuthorization
		}
		req.Add(id, n.answer(req, a, random))
	}
}

// answer is the value of Authorization or Proxy-Authorization. Realm, nonce and opaque go out as they were read.
func (n *nonce) answer(req *sip.Message, a Account, random uint64) string {
	n.count++
	alg, _ := algorithmOf(n.algorithm)
	p := proof{user: escape(a.user), realm: n.realm, secret: a.secret(), nonce: n.challenge.nonce, qop: n.qop,
		method: req.Method, uri: req.URI, body: req.Body}
	if n.qop != "" {
		p.nc, p.cnonce = fmt.Sprintf("%08x", n.count), fmt.Sprintf("%016x", random)
		if alg.session {
			if n.cnonce == "" {
				n.cnonce = p.cnonce
			}
			p.cnonce = n.cnonce
		}
	}
	name := p.user
	if n.userhash {
		name = alg.join(p.user, p.realm)
	}
	var b strings.Builder
	b.Grow(256)
	b.WriteString(scheme)
	quoted(&b, "username", name)
	for _, f := range [...][2]string{{"realm", p.realm}, {"nonce", p.nonce}, {"uri", p.uri}, {"response", alg.response(&p)}} {
		b.WriteByte(',')
		quoted(&b, f[0], f[1])
	}
	if n.algorithm != "" {
		b.WriteString(",algorithm=" + n.algorithm)
	}
	if p.qop != "" {
		b.WriteByte(',')
		quoted(&b, "cnonce", p.cnonce)
		b.WriteString(",qop=" + p.qop + ",nc=" + p.nc)
	}
	if n.opaque != "" {
		b.WriteByte(',')
		quoted(&b, "opaque", n.opaque)
	}
	if n.userhash {
		b.WriteString(",userhash=true")
	}
	return b.String()
}

// escape makes a name fit for a quoted-string; hash and header then use the same form.
func escape(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}
