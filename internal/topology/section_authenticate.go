package topology

import (
	"strings"

	"github.com/directsip/directsip/internal/digest"
)

// Authenticate is what the peer of a trunk must prove when it calls (RFC 3261 §22).
type Authenticate struct {
	// Credentials are the name and password of the peer; nil: those of the trunk, by which the peer knows us too.
	Credentials *Credentials
	Realm       string   // of the challenge; default: the pool's name
	Algorithms  []string // that are offered, the preferred first (RFC 8760 §2.3); default SHA-512-256, SHA-256
	Integrity   bool     // qop auth-int: the body is proved too; default false
}

// PeerAccount is what proves the trunk's peer; zero when it is not asked.
func (t *Trunk) PeerAccount() digest.Account {
	switch a := t.Authenticate; {
	case a == nil:
		return digest.Account{}
	case a.Credentials == nil:
		return t.Account()
	default:
		return a.Credentials.Account
	}
}

// secrets are the credentials of the trunk itself.
func (t *Trunk) secrets() (list []*Credentials) {
	if t.Credentials != nil {
		list = append(list, t.Credentials)
	}
	if t.Authenticate != nil && t.Authenticate.Credentials != nil {
		list = append(list, t.Authenticate.Credentials)
	}
	return list
}

// authenticateDoc is Authenticate as written.
type authenticateDoc struct {
	at         *node
	login      login
	algorithms []string
	qop        string
}

var authenticateFields = append(loginFields(func(d *authenticateDoc) *login { return &d.login }), []field[authenticateDoc]{
	{"algorithms", func(c *compiler, n *node, d *authenticateDoc) { d.algorithms = c.algorithms(n) }},
	{"qop", func(c *compiler, n *node, d *authenticateDoc) { c.oneOf(n, &d.qop, "auth", "auth-int") }},
}...)

func (c *compiler) authenticate(n *node, a *accessDoc) {
	if n.kind == scalar {
		n.text = "" // it may be the password: no message shows it
	}
	a.auth = &authenticateDoc{at: n}
	decode(c, n, authenticateFields, a.auth)
	if n.kind != mapping {
		a.auth = nil
	}
}

// algorithms reads the hashes that are offered. MD5 is broken as a hash, so it is offered to those peers alone that the document names it for.
func (c *compiler) algorithms(n *node) []string {
	list, at := c.texts(n)
	if n.kind == sequence && len(n.items) == 0 {
		c.errorf(n, "%s is empty", n.label()).fixf("Remove it for SHA-512-256 and SHA-256, or write [MD5] for a peer that knows no other")
	}
	for i, name := range list {
		list[i] = strings.ToUpper(name)
		if !digest.Known(list[i]) {
			c.errorf(at[i], "%q is not an algorithm of digest authentication", name).fixf("Write SHA-512-256, SHA-256 or MD5")
		}
	}
	return list
}

func (c *compiler) resolveAuthenticate(d *trunkDoc) {
	a, t := d.access.auth, d.out
	l := &a.login
	out := &Authenticate{Realm: l.cred.Realm, Algorithms: a.algorithms, Integrity: a.qop == "auth-int"}
	if len(out.Algorithms) == 0 {
		out.Algorithms = []string{"SHA-512-256", "SHA-256"}
	}
	if out.Realm == "" {
		out.Realm = t.Pool.Name
	}
	switch own := a.at.get("user") != nil || l.password != nil || l.file != nil || l.env != nil; {
	case own:
		out.Credentials = c.login(l, a.at, "authenticate has", "the peer calls with")
	case t.Credentials == nil && (t.Carrier == nil || t.Carrier.Credentials == nil):
		c.errorf(a.at, "authenticate has no user and password, and the trunk has no credentials that it could take").
			fixf("Set user and passwordFile to what the peer calls with")
	}
	t.Authenticate = out
}
