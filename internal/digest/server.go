package digest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Server challenges the requests of peers and checks their credentials. It keeps no state: a nonce carries its time and is bound to
// the Call-ID, so that credentials that were overheard are of no use in another call. What keeps them from being used twice in the
// same one is Spent.
type Server struct {
	Realm string
	Key   []byte        // secret of the nonces; at least 16 octets
	Peer  string        // who is challenged: a nonce is good for it alone; "" for whoever has it
	Spent *Spent        // the credentials that have been taken; nil: nobody looks
	Life  time.Duration // of a nonce, default 1 minute
	// Algorithms to offer, the preferred first; default SHA-512-256, SHA-256, MD5.
	Algorithms []string
	AnyCall    bool // a nonce is good in every call, not in that of the challenge alone
	Integrity  bool // qop auth-int instead of auth: the body is proved too
	UserHash   bool // user names go over the wire as hashes (RFC 7616 §3.4.4)
}

// Result of a check.
type Result uint8

const (
	Accepted Result = iota // the peer knows the password
	Missing                // no credentials for our realm: challenge
	Stale                  // right, but with an old nonce or one of another call: challenge with stale
	Wrong                  // name, password or form is wrong, with a nonce that is good: 403, or a challenge and a count
	Void                   // wrong too, but with a nonce that is not good here, so it may be anybody's: challenge
)

// Challenge is the values of the WWW-Authenticate or Proxy-Authenticate headers, one each, the
// preferred algorithm first (RFC 8760 §2.3).
func (s *Server) Challenge(now time.Time, callID string, stale bool) []string {
	nonce := s.nonce(now.Unix(), s.scope(callID))
	values := make([]string, 0, 3)
	for _, alg := range s.algorithms() {
		var b strings.Builder
		b.WriteString(scheme)
		quoted(&b, "realm", escape(s.Realm))
		b.WriteByte(',')
		quoted(&b, "nonce", nonce)
		b.WriteString(`,qop="` + s.qop() + `",algorithm=` + alg)
		if s.UserHash {
			b.WriteString(",userhash=true")
		}
		if stale {
			b.WriteString(",stale=true")
		}
		values = append(values, b.String())
	}
	return values
}

// scope is what a nonce is bound to.
func (s *Server) scope(callID string) string {
	if s.AnyCall {
		return ""
	}
	return callID
}

func (s *Server) qop() string {
	if s.Integrity {
		return authInt
	}
	return auth
}

func (s *Server) algorithms() []string {
	if len(s.Algorithms) > 0 {
		return s.Algorithms
	}
	return []string{"SHA-512-256", "SHA-256", "MD5"}
}

// offers tells whether credentials may be of that algorithm; none named is MD5.
func (s *Server) offers(algorithm string) bool {
	if algorithm == "" {
		algorithm = "MD5"
	}
	for _, a := range s.algorithms() {
		if strings.EqualFold(a, algorithm) {
			return true
		}
	}
	return false
}

// nonce is the time in seconds and a MAC over it, the Call-ID and the realm.
func (s *Server) nonce(unix int64, callID string) string {
	var raw [8 + 16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(unix))
	mac := hmac.New(sha256.New, s.Key)
	mac.Write(raw[:8])
	io.WriteString(mac, strconv.Itoa(len(s.Realm))+":"+s.Realm+strconv.Itoa(len(s.Peer))+":"+s.Peer+callID)
	copy(raw[8:], mac.Sum(nil))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// fresh tells whether a nonce is ours, for this call, and not too old.
func (s *Server) fresh(now time.Time, nonce, callID string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != 24 {
		return false
	}
	unix := int64(binary.BigEndian.Uint64(raw))
	if subtle.ConstantTimeCompare([]byte(nonce), []byte(s.nonce(unix, callID))) != 1 {
		return false
	}
	age := now.Sub(time.Unix(unix, 0))
	return age >= -time.Minute && age <= s.life()
}

func (s *Server) life() time.Duration {
	if s.Life <= 0 {
		return time.Minute
	}
	return s.Life
}

// Check looks for the account's credentials in a request: in Proxy-Authorization when proxy
// is set, else in Authorization. The uri parameter must be the Request-URI, so that
// credentials for one number are of no use for another.
func (s *Server) Check(now time.Time, req *sip.Message, proxy bool, a Account) Result {
	id := sip.IDAuthorization
	if proxy {
		id = sip.IDProxyAuthorization
	}
	for v := range req.Values(id) {
		c, ok := parseCredentials(v)
		if ok && c.realm == escape(s.Realm) {
			return s.check(now, req, c, a)
		}
	}
	return Missing
}

func (s *Server) check(now time.Time, req *sip.Message, c credentials, a Account) Result {
	alg, known := algorithmOf(c.algorithm)
	fresh := s.fresh(now, c.nonce, s.scope(req.CallID()))
	if !known || !s.offers(c.algorithm) || c.qop != s.qop() || c.cnonce == "" || c.nc == zeroCount || c.uri != req.URI || a.user == "" {
		return wrong(fresh)
	}
	p := proof{user: escape(a.user), realm: c.realm, secret: a.secret(), nonce: c.nonce, cnonce: c.cnonce, nc: c.nc, qop: c.qop,
		method: req.Method, uri: c.uri, body: req.Body}
	name := p.user
	if c.userhash {
		name = alg.join(p.user, p.realm)
	}
	// Both are compared always, so that the time says nothing about either.
	user := subtle.ConstantTimeCompare([]byte(c.username), []byte(name))
	response := subtle.ConstantTimeCompare([]byte(c.response), []byte(alg.response(&p)))
	switch {
	case user&response != 1:
		return wrong(fresh)
	case !fresh, s.Spent != nil && !s.Spent.take(now, s.life(), c.nonce+c.nc):
		return Stale
	}
	return Accepted
}

func wrong(fresh bool) Result {
	if fresh {
		return Wrong
	}
	return Void
}

// credentials is what an Authorization or Proxy-Authorization value says.
type credentials struct {
	username, realm, nonce, uri, response string
	algorithm, cnonce, nc, qop            string
	userhash                              bool
}

const zeroCount = "00000000"

// parseCredentials reads an Authorization or Proxy-Authorization value.
func parseCredentials(value string) (credentials, bool) {
	var c credentials
	good := true
	ok := params(value, func(name, v string) {
		switch name {
		case "username":
			c.username = v
		case "realm":
			c.realm = v
		case "nonce":
			c.nonce = v
		case "uri":
			c.uri = v
		case "response":
			c.response = strings.ToLower(v)
		case "algorithm":
			c.algorithm = v
		case "cnonce":
			c.cnonce = v
		case "qop":
			c.qop = strings.ToLower(v)
		case "userhash":
			c.userhash = strings.EqualFold(v, "true")
		case "nc":
			_, err := strconv.ParseUint(v, 16, 32)
			good = good && err == nil && len(v) == len(zeroCount)
			c.nc = v
		}
	})
	return c, ok && good
}
