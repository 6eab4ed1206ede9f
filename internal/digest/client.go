package digest

import (
	"fmt"
	"io"
	"strings"

	lib "github.com/icholy/digest"

	"github.com/directsip/directsip/internal/sip"
)

// Client answers the challenges of one peer within one call or one registration. The zero
// value is ready. It is a plain value: no secret is in it.
type Client struct {
	known []known
}

// maxRealms bounds the realms of one chain of proxies; maxTries the challenges of one realm
// to one request (one for a wrong or missing nonce, one for a stale one).
const (
	maxRealms = 4
	maxTries  = 2
)

// known is the last challenge of one realm.
type known struct {
	challenge lib.Challenge
	proxy     bool // Proxy-Authenticate (407) or WWW-Authenticate (401)
	count     int  // requests that used the nonce
	tries     int  // challenges since the last success
}

// Learn takes a 401 or 407. Nil: send the request again, with a new branch and CSeq, after
// Authorize. Otherwise the response is final. Of several challenges of one realm the strongest
// that we can answer is taken, the first of equals (RFC 8760 §2.4).
func (c *Client) Learn(resp *sip.Message, a Account) error {
	id, proxy := sip.IDWWWAuthenticate, false
	if resp.Status == 407 {
		id, proxy = sip.IDProxyAuthenticate, true
	}
	var best []lib.Challenge // one of each realm
	for v := range resp.Values(id) {
		ch, ok := parseChallenge(v)
		if !ok || strength(ch.Algorithm) == 0 || !lib.CanDigest(&ch) || a.realm != "" && ch.Realm != a.realm {
			continue
		}
		best = stronger(best, ch)
	}
	if len(best) == 0 || a.user == "" {
		return ErrNoChallenge
	}
	for i := range best {
		if err := c.learn(best[i], proxy); err != nil {
			return err
		}
	}
	return nil
}

// stronger puts a challenge among those of other realms.
func stronger(best []lib.Challenge, ch lib.Challenge) []lib.Challenge {
	for i := range best {
		if best[i].Realm == ch.Realm {
			if strength(ch.Algorithm) > strength(best[i].Algorithm) {
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

func (c *Client) learn(ch lib.Challenge, proxy bool) error {
	ch.Realm, ch.Nonce, ch.Opaque = strings.Clone(ch.Realm), strings.Clone(ch.Nonce), strings.Clone(ch.Opaque)
	ch.Algorithm = strings.Clone(ch.Algorithm)
	for i := range c.known {
		k := &c.known[i]
		if k.challenge.Realm != ch.Realm || k.proxy != proxy {
			continue
		}
		// Our answer to a fresh nonce was refused: another would be refused too.
		if k.tries > 0 && !ch.Stale {
			return ErrRejected
		}
		if k.tries >= maxTries {
			return ErrTooOften
		}
		*k = known{challenge: ch, proxy: proxy, tries: k.tries + 1}
		return nil
	}
	if len(c.known) >= 2*maxRealms {
		return ErrTooOften
	}
	c.known = append(c.known, known{challenge: ch, proxy: proxy, tries: 1})
	return nil
}

// Accepted says that a request got a response other than 401 and 407: the nonces are good and
// later challenges are new ones.
func (c *Client) Accepted() {
	for i := range c.known {
		c.known[i].tries = 0
	}
}

// Authorize puts the credentials for every known challenge into a request, in place of older
// ones, and counts the use of each nonce. random is a number of the owner's source, new for
// each request. It does nothing before the first challenge. ACK and CANCEL are not for it:
// an ACK copies the credentials of its INVITE (see Copy), a CANCEL has none (RFC 3261 §22.1).
func (c *Client) Authorize(req *sip.Message, a Account, random uint64) error {
	if len(c.known) == 0 {
		return nil
	}
	req.Del(sip.IDAuthorization)
	req.Del(sip.IDProxyAuthorization)
	for i := range c.known {
		k := &c.known[i]
		k.count++
		cred, err := k.answer(req, a, random)
		if err != nil {
			return err
		}
		id := sip.IDAuthorization
		if k.proxy {
			id = sip.IDProxyAuthorization
		}
		req.Add(id, cred)
	}
	return nil
}

func (k *known) answer(req *sip.Message, a Account, random uint64) (string, error) {
	cred, err := lib.Digest(&k.challenge, lib.Options{
		Method: req.Method, URI: req.URI, Count: k.count,
		Username: escape(a.user), Password: a.secret(),
		Cnonce:  fmt.Sprintf("%016x", random),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(req.Body)), nil },
	})
	if err != nil {
		return "", ErrNoChallenge
	}
	return write(cred), nil
}

// escape makes a name fit for a quoted-string; hash and header then use the same form.
func escape(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// write is the header value. Values go out as they were read.
func write(c *lib.Credentials) string {
	var b strings.Builder
	b.Grow(256)
	b.WriteString(scheme)
	quoted(&b, "username", c.Username)
	for _, p := range [...][2]string{{"realm", c.Realm}, {"nonce", c.Nonce}, {"uri", c.URI}, {"response", c.Response}} {
		b.WriteByte(',')
		quoted(&b, p[0], p[1])
	}
	if c.Algorithm != "" {
		b.WriteString(",algorithm=" + c.Algorithm)
	}
	if c.QOP != "" {
		b.WriteByte(',')
		quoted(&b, "cnonce", c.Cnonce)
		fmt.Fprintf(&b, ",qop=%s,nc=%08x", c.QOP, c.Nc)
	}
	if c.Opaque != "" {
		b.WriteByte(',')
		quoted(&b, "opaque", c.Opaque)
	}
	if c.Userhash {
		b.WriteString(",userhash=true")
	}
	return b.String()
}

// Copy puts the credentials of an INVITE into the ACK for its 2xx (RFC 3261 §13.2.2.4).
func Copy(ack, invite *sip.Message) {
	for _, id := range [...]sip.ID{sip.IDAuthorization, sip.IDProxyAuthorization} {
		for v := range invite.Values(id) {
			ack.Add(id, v)
		}
	}
}
