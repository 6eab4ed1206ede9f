package topology

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/digest"
)

const authenticateDocument = `
pools:
  pool.example.com:
    servers:
      med1.example.com: {addresses: [192.0.2.10], cert: a.pem, key: a.key}
gateways:
  a: {host: 192.0.2.20, root: {transport: UDP, authenticate: {user: alice, passwordFile: a.secret, realm: example.com, algorithms: [md5], qop: auth-int}}}
  b: {host: 192.0.2.21, root: {transport: UDP, credentials: {user: bob, password: hunter2}, authenticate: {}}}
  c: {host: 192.0.2.22, root: {transport: UDP, credentials: {user: carol, password: hunter2}}}
  uc: {kind: uc, host: uc.example.com, root: {contactHost: sbc.example.com, credentials: {user: us, password: hunter2}, authenticate: {user: them, passwordEnv: THEM}}}
trunks:
  contoso: {carrier: uc, contactHost: contoso.example.com}
  fabrikam: {carrier: uc, contactHost: fabrikam.example.com, authenticate: {}}
`

// NEW-02: what proves a peer, where it comes from, and what the document leaves out.
func TestNEW02_Authenticate(t *testing.T) {
	unlocked := func(file string) *Snapshot {
		s, problems := Compile("x", []byte(authenticateDocument))
		if s == nil {
			t.Fatal(problems.Error())
		}
		problems = s.Unlock(s.Pools[0], func(path string) ([]byte, error) {
			if path != "a.secret" {
				return nil, os.ErrNotExist
			}
			return []byte(file), nil
		}, func(string) (string, bool) { return "tiger", true })
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return s
	}
	s := unlocked("swordfish\n")
	for name, want := range map[string]digest.Account{"a": digest.NewAccount("alice", "swordfish", "example.com"), "b": digest.NewAccount("bob", "hunter2", ""), "c": {},
		"uc": digest.NewAccount("them", "tiger", ""), "contoso": digest.NewAccount("them", "tiger", ""), "fabrikam": digest.NewAccount("us", "hunter2", "")} {
		trunk := s.TrunkByName(name)
		if !trunk.PeerAccount().Same(want) {
			t.Errorf("%s: account %v, want %v", name, trunk.PeerAccount(), want)
		}
		if (trunk.Authenticate == nil) != (name == "c") {
			t.Errorf("%s: %+v", name, trunk.Authenticate)
		}
	}
	a, b := s.TrunkByName("a").Authenticate, s.TrunkByName("b").Authenticate
	if a.Realm != "example.com" || !slices.Equal(a.Algorithms, []string{"MD5"}) || !a.Integrity {
		t.Errorf("a: %+v", a)
	}
	if b.Realm != "pool.example.com" || !slices.Equal(b.Algorithms, []string{"SHA-512-256", "SHA-256"}) || b.Integrity {
		t.Errorf("b: %+v", b)
	}
	if s.SameSecrets(unlocked("other")) || !s.SameSecrets(unlocked("swordfish")) {
		t.Error("a changed password is not seen, or one that is the same is")
	}
	if text := fmt.Sprintf("%+v %#v", a.Credentials, *a); strings.Contains(text, "swordfish") {
		t.Errorf("a password is shown: %s", text)
	}
}
