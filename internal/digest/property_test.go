package digest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	lib "github.com/icholy/digest"
	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/sip"
)

// quotable draws text that may stand between quotes as it is.
func quotable(t *rapid.T, name string) string {
	return rapid.StringMatching(`[a-zA-Z0-9 .:@+=/_-]{1,20}`).Draw(t, name)
}

// TestSecondOpinion: the credentials are those that another implementation computes.
func TestSecondOpinion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user, password, realm, nonce := quotable(t, "user"), rapid.String().Draw(t, "password"), quotable(t, "realm"), quotable(t, "nonce")
		value := fmt.Sprintf(`Digest realm="%s",nonce="%s"`, realm, nonce)
		if alg := rapid.SampledFrom([]string{"", "MD5", "md5", "SHA-256", "SHA-512-256"}).Draw(t, "algorithm"); alg != "" {
			value += ",algorithm=" + alg
		}
		if qop := rapid.SampledFrom([]string{"", "auth", "auth-int"}).Draw(t, "qop"); qop != "" {
			value += `,qop="` + qop + `"`
		}
		if rapid.Bool().Draw(t, "userhash") {
			value += ",userhash=true"
		}
		a := NewAccount(user, password, "")
		var c Client
		if err := c.Learn(challenged(401, value), a, new(Round)); err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, 3).Draw(t, "requests")
		req := invite()
		for range n {
			c.Authorize(req, a, 0x1234)
		}
		challenge, err := lib.ParseChallenge(value)
		if err != nil {
			t.Fatal(err)
		}
		want, err := lib.Digest(challenge, lib.Options{Method: "INVITE", URI: uri, Count: n, Username: user, Password: password, Cnonce: "0000000000001234",
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(req.Body)), nil }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := lib.ParseCredentials(req.Get(sip.IDAuthorization))
		if err != nil {
			t.Fatal(err)
		}
		if want.QOP == "" {
			want.Nc, want.Cnonce = 0, ""
		}
		if *got != *want {
			t.Fatalf("got  %+v\nwant %+v", *got, *want)
		}
	})
}

// TestClientAndServer: who knows the password gets in, in every form that the server may ask for, and nobody else does.
func TestClientAndServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alg := rapid.SampledFrom([]string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"}).Draw(t, "algorithm")
		s := Server{Realm: rapid.StringMatching(`[a-z" \\]{0,8}`).Draw(t, "realm"), Key: []byte("0123456789abcdef"), Algorithms: []string{alg},
			Integrity: rapid.Bool().Draw(t, "integrity"), UserHash: rapid.Bool().Draw(t, "userhash")}
		right := NewAccount(rapid.StringMatching(`[a-z"\\ä]{1,8}`).Draw(t, "user"), rapid.String().Draw(t, "password"), "")
		wrong := NewAccount(right.User(), right.secret()+"x", "")
		var good, bad Client
		challenge := challenged(401, s.Challenge(now, "c1", false)...)
		if good.Learn(challenge, right, new(Round)) != nil || bad.Learn(challenge, wrong, new(Round)) != nil {
			t.Fatal("challenge not taken")
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "requests") { // of a -sess algorithm the first cnonce holds for all
			req := invite()
			good.Authorize(req, right, uint64(i)+7)
			if got := s.Check(now, req, false, right); got != Accepted {
				t.Fatalf("request %d: %v: %s", i, got, req.Get(sip.IDAuthorization))
			}
			if s.UserHash == strings.Contains(req.Get(sip.IDAuthorization), `username="`+escape(right.User())+`"`) {
				t.Fatalf("name in the clear: %s", req.Get(sip.IDAuthorization))
			}
			other := req.Clone()
			other.Body += "x"
			if got := s.Check(now, other, false, right); (got == Accepted) == s.Integrity {
				t.Fatalf("body changed: %v", got)
			}
		}
		req := invite()
		bad.Authorize(req, wrong, 7)
		if got := s.Check(now, req, false, right); got != Wrong {
			t.Fatalf("wrong password: %v", got)
		}
	})
}

// TestRFC7616_3_4_2_Session: A1 holds the nonce and the first cnonce.
func TestRFC7616_3_4_2_Session(t *testing.T) {
	a := NewAccount("alice", "secret", "")
	var c Client
	if err := c.Learn(challenged(401, `Digest realm="r",nonce="n1",algorithm=SHA-256-sess,qop="auth"`), a, new(Round)); err != nil {
		t.Fatal(err)
	}
	for i, random := range []uint64{0xa, 0xb} {
		req := invite()
		c.Authorize(req, a, random)
		f := fields(t, req.Get(sip.IDAuthorization))
		a1 := h("SHA-256", h("SHA-256", "alice", "r", "secret"), "n1", "000000000000000a")
		nc := fmt.Sprintf("%08x", i+1)
		same(t, "response", f["response"], h("SHA-256", a1, "n1", nc, "000000000000000a", "auth", h("SHA-256", "INVITE", uri)))
	}
}

// TestRFC7616_3_9_2_UserHash is the user name of the RFC as its erratum 4897 corrects it.
func TestRFC7616_3_9_2_UserHash(t *testing.T) {
	alg, _ := algorithmOf("SHA-512-256")
	same(t, "username", alg.join("J\u00e4s\u00f8n Doe", "api@example.org"), "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
}

// TestForks: calls of one peer share nonces and their counts, and are challenged each for itself.
func TestForks(t *testing.T) {
	a := NewAccount("alice", "secret", "")
	var cache Client
	first := cache.Fork()
	if err := first.Learn(challenged(401, `Digest realm="r",nonce="1",qop="auth"`), a, new(Round)); err != nil {
		t.Fatal(err)
	}
	cache.Share(first)
	second := cache.Fork()
	for i, c := range []*Client{first, second, first, cache.Fork()} {
		req := invite()
		c.Authorize(req, a, 1)
		same(t, "nc", fields(t, req.Get(sip.IDAuthorization))["nc"], fmt.Sprintf("%08x", i+1))
	}
	// A nonce that was learned by another call may have run out meanwhile, and not every server says stale then.
	same(t, "the second call's own challenge", second.Learn(challenged(401, `Digest realm="r",nonce="2",qop="auth"`), a, new(Round)), nil)
	req := invite()
	first.Authorize(req, a, 1)
	same(t, "the first call goes on with its nonce", fields(t, req.Get(sip.IDAuthorization))["nonce"], "1")
}

func TestNoAccount(t *testing.T) {
	challenge := challenged(407, `Digest realm="r",nonce="1"`)
	var c Client
	same(t, "none", c.Learn(challenge, Account{}, new(Round)), ErrNoAccount)
	err := c.Learn(challenge, NewAccount("alice", "secret", "other"), new(Round))
	same(t, "of another realm", errors.Is(err, ErrNoAccount), true)
	same(t, "of which", err.Error(), `digest: no account for the realm of the challenge: it asks for realm "r", and the credentials are for "other"`)
	same(t, "nothing to answer", c.Learn(challenged(407, `Basic realm="r"`), NewAccount("alice", "secret", ""), new(Round)), ErrNoChallenge)
}
