package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const uri = "sip:+15551234@provider.example"

func invite() *sip.Message {
	m := sip.NewRequest("INVITE", uri)
	m.Add(sip.IDCallID, "c1")
	m.SetBody("application/sdp", "v=0\r\n")
	return m
}

// challenged is a 401 with WWW-Authenticate, or a 407 with Proxy-Authenticate.
func challenged(status int, values ...string) *sip.Message {
	m := &sip.Message{Status: status}
	id := sip.IDWWWAuthenticate
	if status == 407 {
		id = sip.IDProxyAuthenticate
	}
	for _, v := range values {
		m.Add(id, v)
	}
	return m
}

func fields(t testing.TB, value string) map[string]string {
	t.Helper()
	f := map[string]string{}
	if !params(value, func(n, v string) { f[n] = v }) {
		t.Fatalf("cannot read %q", value)
	}
	return f
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func h(algorithm string, parts ...string) string {
	var f hash.Hash
	switch algorithm {
	case "SHA-512-256":
		f = sha512.New512_256()
	case "SHA-256":
		f = sha256.New()
	default:
		f = md5.New()
	}
	f.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(f.Sum(nil))
}

// The arithmetic, against hashes computed here.
func TestRFC8760_Response(t *testing.T) {
	for _, alg := range []string{"", "MD5", "SHA-256", "SHA-512-256"} {
		for _, qop := range []string{"", "auth", "auth-int", "auth, auth-int"} {
			t.Run(alg+" "+qop, func(t *testing.T) {
				value := `Digest realm="r \"q\"", nonce="n1", opaque="o1"`
				if alg != "" {
					value += ", algorithm=" + alg
				}
				if qop != "" {
					value += `, qop="` + qop + `"`
				}
				a := NewAccount("alice", "secret", "")
				var c Client
				if err := c.Learn(challenged(401, value), a, new(Round)); err != nil {
					t.Fatal(err)
				}
				req := invite()
				c.Authorize(req, a, 0xabc)
				f := fields(t, req.Get(sip.IDAuthorization))
				ha1 := h(alg, "alice", `r \"q\"`, "secret")
				ha2 := h(alg, "INVITE", uri)
				used := strings.Split(qop, ",")[0]
				if used == "auth-int" {
					ha2 = h(alg, "INVITE", uri, h(alg, req.Body))
				}
				want := h(alg, ha1, "n1", ha2)
				if qop != "" {
					want = h(alg, ha1, "n1", "00000001", "0000000000000abc", used, ha2)
				}
				same(t, "response", f["response"], want)
				same(t, "qop", f["qop"], used)
				same(t, "algorithm", f["algorithm"], alg)
				same(t, "realm as written", f["realm"], `r \"q\"`)
				same(t, "opaque", f["opaque"], "o1")
				same(t, "uri", f["uri"], uri)
				same(t, "username", f["username"], "alice")
			})
		}
	}
}

// RFC 7616 §3.9.1: right, though the nonce is not ours; with another password it is wrong.
func TestRFC7616_3_9_1_Vectors(t *testing.T) {
	s := Server{Realm: "http-auth@example.org", Key: []byte("0123456789abcdef")}
	for alg, response := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		req := &sip.Message{Method: "GET", URI: "/dir/index.html"}
		req.Add(sip.IDAuthorization, `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=`+alg+
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",`+
			` qop=auth, response="`+response+`", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
		same(t, alg, s.Check(now, req, false, NewAccount("Mufasa", "Circle of Life", "")), Stale)
		same(t, alg+" wrong", s.Check(now, req, false, NewAccount("Mufasa", "circle of life", "")), Void)
	}
}

func TestRFC8760_2_4_StrongestIsTaken(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		realm  string
		want   string // nonce answered, "" none
	}{
		{"strongest, not first", []string{`Digest realm="r",nonce="1",algorithm=MD5`, `Digest realm="r",nonce="2",algorithm=SHA-512-256`,
			`Digest realm="r",nonce="3",algorithm=SHA-256`}, "", "2"},
		{"first of equals", []string{`Digest realm="r",nonce="1",algorithm=SHA-256`, `Digest realm="r",nonce="2",algorithm=sha-256`}, "", "1"},
		{"unknown ones are skipped", []string{`Digest realm="r",nonce="1",algorithm=SHA-1024`, `Digest realm="r",nonce="2",algorithm=MD5-sess`,
			`Basic realm="r"`, `Digest realm="r",nonce="4"`}, "", "4"},
		{"auth-int when there is no auth", []string{`Digest realm="r",nonce="1",qop="token,auth-int"`}, "", "1"},
		{"-sess without the cnonce of a qop", []string{`Digest realm="r",nonce="1",algorithm=SHA-256-sess`, `Digest realm="r",nonce="2"`}, "", "2"},
		{"-sess", []string{`Digest realm="r",nonce="1",algorithm=SHA-256-sess,qop="auth"`, `Digest realm="r",nonce="2"`}, "", "1"},
		{"unknown qop", []string{`Digest realm="r",nonce="1",qop="token"`}, "", ""},
		{"empty qop is none", []string{`Digest realm="r",nonce="1",qop=""`}, "", "1"},
		{"no nonce", []string{`Digest realm="r"`}, "", ""},
		{"own realm only", []string{`Digest realm="x",nonce="1"`, `Digest realm="r",nonce="2"`}, "r", "2"},
		{"a tab behind the scheme", []string{"DIGEST\tRealm = \"r\" ,  NONCE=\"1\",, Algorithm=\"md5\",stale=FALSE"}, "", ""},
		{"loose writing with a blank", []string{"digest  Realm = \"r\" ,\tNONCE= \"1\",, Algorithm=\"md5\",stale=FALSE"}, "r", "1"},
		{"nothing", nil, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c Client
			a := NewAccount("alice", "secret", row.realm)
			err := c.Learn(challenged(407, row.values...), a, new(Round))
			if row.want == "" {
				same(t, "error", err, ErrNoChallenge)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			req := invite()
			c.Authorize(req, a, 1)
			same(t, "Authorization", req.Has(sip.IDAuthorization), false)
			same(t, "nonce", fields(t, req.Get(sip.IDProxyAuthorization))["nonce"], row.want)
		})
	}
}

func TestRFC3261_22_Rounds(t *testing.T) {
	first, second := `Digest realm="r",nonce="1",qop="auth"`, `Digest realm="r",nonce="2",qop="auth"`
	stale := second + ",stale=true"
	type learn struct {
		status int
		value  string
		want   error
	}
	for _, row := range []struct {
		name  string
		steps []learn // status 0: the next request
	}{
		{"refused after an answer", []learn{{401, first, nil}, {401, second, ErrRejected}}},
		{"refused with the same nonce", []learn{{401, first, nil}, {401, first, ErrRejected}}},
		{"a stale nonce may be renewed, once", []learn{{401, first, nil}, {401, stale, nil}, {401, stale, ErrTooOften}}},
		{"a nonce of an earlier request, stale from the beginning", []learn{{401, stale, nil}, {401, stale, nil}, {401, stale, ErrTooOften}}},
		{"wrong after a stale one", []learn{{401, first, nil}, {401, stale, nil}, {401, first, ErrRejected}}},
		{"proxy and server each have their round", []learn{{407, first, nil}, {401, first, nil}, {407, second, ErrRejected}}},
		{"a new challenge to a later request", []learn{{401, first, nil}, {0, "", nil}, {401, second, nil}, {401, first, ErrRejected}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c Client
			var r Round
			a := NewAccount("alice", "secret", "")
			for i, s := range row.steps {
				if s.status == 0 {
					r = Round{}
					continue
				}
				if got := c.Learn(challenged(s.status, s.value), a, &r); !errors.Is(got, s.want) {
					t.Fatalf("step %d: %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

func TestNonceCount(t *testing.T) {
	var c Client
	a := NewAccount("alice", "secret", "")
	req := invite()
	if c.Authorize(req, a, 1); c.Known() || req.Has(sip.IDAuthorization) {
		t.Fatal("credentials before a challenge")
	}
	c.Learn(challenged(401, `Digest realm="r",nonce="1",qop="auth"`), a, new(Round))
	c.Learn(challenged(407, `Digest realm="p",nonce="2",qop="auth"`), a, new(Round))
	seen := map[string]bool{}
	for i := 1; i <= 3; i++ {
		c.Authorize(req, a, uint64(i))
		f := fields(t, req.Get(sip.IDAuthorization))
		same(t, "nc", f["nc"], fmt.Sprintf("%08x", i))
		same(t, "nc of the proxy", fields(t, req.Get(sip.IDProxyAuthorization))["nc"], fmt.Sprintf("%08x", i))
		n := 0
		for range req.Values(sip.IDAuthorization) {
			n++
		}
		same(t, "old credentials are replaced", n, 1)
		seen[f["response"]] = true
	}
	same(t, "responses differ", len(seen), 3)
	c.Learn(challenged(401, `Digest realm="r",nonce="3",qop="auth"`), a, new(Round))
	c.Authorize(req, a, 9)
	f := fields(t, req.Get(sip.IDAuthorization))
	same(t, "a new nonce counts anew", f["nonce"]+" "+f["nc"], "3 00000001")
}

func TestManyRealms(t *testing.T) {
	var c Client
	var r Round
	a := NewAccount("alice", "secret", "")
	for i := range 20 {
		err := c.Learn(challenged(407, fmt.Sprintf(`Digest realm="r%d",nonce="1"`, i)), a, &r)
		same(t, "bounded", err != nil, i >= maxRealms)
		c.Learn(challenged(407, fmt.Sprintf(`Digest realm="q%d",nonce="1"`, i)), a, new(Round))
	}
	same(t, "known", len(c.known), maxRealms)
	same(t, "the latest", c.known[maxRealms-1].realm, "q19")
}

// Client against Server, for each algorithm, and what must not get through.
func TestServer(t *testing.T) {
	s := Server{Realm: `pool "one"`, Key: []byte("0123456789abcdef"), Life: 30 * time.Second}
	a := NewAccount(`al"ice`, "secret", "")
	login := func(alg string, acct Account) *sip.Message {
		one := s
		one.Algorithms = []string{alg}
		var c Client
		if err := c.Learn(challenged(401, one.Challenge(now, "c1", false)...), acct, new(Round)); err != nil {
			t.Fatal(err)
		}
		req := invite()
		c.Authorize(req, acct, 5)
		return req
	}
	for _, alg := range []string{"SHA-512-256", "SHA-256", "MD5"} {
		same(t, alg, s.Check(now.Add(time.Second), login(alg, a), false, a), Accepted)
	}
	good := login("SHA-256", a)
	edit := func(f func(m *sip.Message)) *sip.Message {
		m := good.Clone()
		f(m)
		return m
	}
	replace := func(old, new string) *sip.Message {
		return edit(func(m *sip.Message) {
			v := m.Get(sip.IDAuthorization)
			if !strings.Contains(v, old) {
				t.Fatalf("no %q in %q", old, v)
			}
			m.Set(sip.IDAuthorization, strings.Replace(v, old, new, 1))
		})
	}
	md5Only := s
	md5Only.Algorithms = []string{"MD5"}
	for _, row := range []struct {
		name string
		s    *Server
		req  *sip.Message
		at   time.Duration
		want Result
	}{
		{"good", &s, good, 0, Accepted},
		{"no credentials", &s, invite(), 0, Missing},
		{"for a proxy", &s, edit(func(m *sip.Message) {
			m.AddName("Proxy-Authorization", m.Get(sip.IDAuthorization))
			m.Del(sip.IDAuthorization)
		}), 0, Missing},
		{"other realm", &s, replace("pool", "fool"), 0, Missing},
		{"wrong password", &s, login("SHA-256", NewAccount(`al"ice`, "Secret", "")), 0, Wrong},
		{"wrong user", &s, login("SHA-256", NewAccount("bob", "secret", "")), 0, Wrong},
		{"old nonce", &s, good, 31 * time.Second, Stale},
		{"nonce from the future", &s, good, -2 * time.Minute, Stale},
		{"another call", &s, edit(func(m *sip.Message) { m.Set(sip.IDCallID, "c2") }), 0, Stale},
		{"another number", &s, edit(func(m *sip.Message) { m.URI = "sip:+1900@provider.example" }), 0, Wrong},
		{"another method", &s, edit(func(m *sip.Message) { m.Method = "BYE" }), 0, Wrong},
		{"nc changed", &s, replace("nc=00000001", "nc=00000002"), 0, Wrong},
		{"nc too short", &s, replace("nc=00000001", "nc=1"), 0, Missing},
		{"no qop", &s, replace(",qop=auth,nc=00000001", ""), 0, Wrong},
		{"algorithm changed", &s, replace("algorithm=SHA-256", "algorithm=MD5"), 0, Wrong},
		{"algorithm not offered", &md5Only, good, 0, Wrong},
		{"not digest", &s, replace("Digest ", "Basic "), 0, Missing},
		{"other key", &Server{Realm: s.Realm, Key: []byte("fedcba9876543210")}, good, 0, Stale},
		{"other peer", &Server{Realm: s.Realm, Key: s.Key, Peer: "192.0.2.1"}, good, 0, Stale},
		{"wrong password, old nonce", &s, login("SHA-256", NewAccount(`al"ice`, "Secret", "")), 31 * time.Second, Void},
	} {
		same(t, row.name, row.s.Check(now.Add(row.at), row.req, false, a), row.want)
	}
	same(t, "no account", s.Check(now, good, false, Account{}), Wrong)
	same(t, "stale is told", strings.Contains(s.Challenge(now, "c1", true)[0], "stale=true"), true)
	same(t, "default algorithms", len(s.Challenge(now, "c1", false)), 3)
}

func TestNoSecretInText(t *testing.T) {
	a := NewAccount("alice", "hunter2", "r")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{a, &a, []Account{a}, struct{ A Account }{a}, struct{ a Account }{a}, &struct{ a *Account }{&a}} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, "hunter2") || strings.Contains(text, hex.EncodeToString([]byte("hunter2"))) {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
	}
	raw, err := json.Marshal(a)
	if err != nil || strings.Contains(string(raw), "hunter2") {
		t.Errorf("JSON: %s %v", raw, err)
	}
	var c Client
	c.Learn(challenged(401, `Digest realm="r",nonce="1"`), a, new(Round))
	c.Authorize(invite(), a, 1)
	if text := fmt.Sprintf("%+v", c); strings.Contains(text, "hunter2") || strings.Contains(text, h("MD5", "alice", "r", "hunter2")) {
		t.Errorf("client: %s", text)
	}
}

func FuzzParams(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n\"1", algorithm=MD5, qop="auth,auth-int"`)
	f.Add(`Digest realm="r`)
	f.Add(`Digest =,==,"`)
	f.Add(`Digest username="a", nc=00000001, cnonce="x", qop=auth, response=""`)
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		params(s, func(name, v string) { n++ })
		if n > maxParams {
			t.Fatalf("%d parameters", n)
		}
		a := NewAccount("alice", "secret", "")
		var c Client
		if c.Learn(challenged(401, s), a, new(Round)) == nil {
			req := invite()
			c.Authorize(req, a, 1)
			fields(t, req.Get(sip.IDAuthorization))
		}
		req := invite()
		req.Add(sip.IDAuthorization, s)
		srv := Server{Realm: "r", Key: []byte("0123456789abcdef")}
		if srv.Check(now, req, false, a) == Accepted {
			t.Fatal("accepted")
		}
	})
}

func BenchmarkAuthorize(b *testing.B) {
	a := NewAccount("alice", "secret", "")
	var c Client
	c.Learn(challenged(401, `Digest realm="r",nonce="1",qop="auth",algorithm=SHA-256`), a, new(Round))
	req := invite()
	b.ReportAllocs()
	for b.Loop() {
		c.Authorize(req, a, 1)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := Server{Realm: "r", Key: []byte("0123456789abcdef")}
	a := NewAccount("alice", "secret", "")
	var c Client
	c.Learn(challenged(401, s.Challenge(now, "c1", false)...), a, new(Round))
	req := invite()
	c.Authorize(req, a, 1)
	b.ReportAllocs()
	for b.Loop() {
		if s.Check(now, req, false, a) != Accepted {
			b.Fatal("not accepted")
		}
	}
}
