package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// algorithm is one of RFC 8760 §2, or its -sess variant of RFC 7616 §3.4.2.
type algorithm struct {
	name     string
	strength int // orders the hashes, the weakest is 1
	hash     func() hash.Hash
	session  bool // A1 holds the nonce and the first cnonce
}

var hashes = [...]algorithm{
	{name: "MD5", strength: 1, hash: md5.New},
	{name: "SHA-256", strength: 2, hash: sha256.New},
	{name: "SHA-512-256", strength: 3, hash: sha512.New512_256},
}

const sessionSuffix = "-SESS"

// algorithmOf reads the algorithm parameter; none named is MD5 (RFC 7616 §3.3). False: not one of ours.
func algorithmOf(name string) (algorithm, bool) {
	upper := strings.ToUpper(name)
	base, session := strings.CutSuffix(upper, sessionSuffix)
	if upper == "" {
		base = "MD5"
	}
	for _, a := range hashes {
		if a.name == base {
			a.session = session
			return a, true
		}
	}
	return algorithm{}, false
}

// join is the hash over parts with colons between them, as hexadecimal digits.
func (a *algorithm) join(parts ...string) string {
	h := a.hash()
	for i, p := range parts {
		if i > 0 {
			h.Write([]byte{':'})
		}
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0]))
}

// proof is everything that a response is computed of, as written between the quotes of the header.
type proof struct {
	user, realm, secret    string
	nonce, cnonce, nc, qop string // qop "" is that of RFC 2069: no cnonce and no count
	method, uri, body      string
}

// response is the response parameter (RFC 7616 §3.4.1).
func (a *algorithm) response(p *proof) string {
	a1 := a.join(p.user, p.realm, p.secret)
	if a.session {
		a1 = a.join(a1, p.nonce, p.cnonce)
	}
	a2 := a.join(p.method, p.uri)
	if p.qop == authInt {
		a2 = a.join(p.method, p.uri, a.join(p.body))
	}
	if p.qop == "" {
		return a.join(a1, p.nonce, a2)
	}
	return a.join(a1, p.nonce, p.nc, p.cnonce, p.qop, a2)
}

// The qualities of protection of RFC 7616 §3.3: of the request line, or of the body too.
const (
	auth    = "auth"
	authInt = "auth-int"
)

// Known tells whether an algorithm is one of RFC 8760 §2 that a Server can offer.
func Known(name string) bool {
	a, ok := algorithmOf(name)
	return ok && name != "" && !a.session
}
