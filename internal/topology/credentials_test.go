package topology

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/digest"
)

const accessDocument = `
pools:
  mediation.example.com:
    servers:
      med1.example.com: {addresses: [192.0.2.10]}
      med2.example.com: {addresses: [192.0.2.11]}
gateways:
  a: {host: 192.0.2.20, root: {transport: UDP, credentials: {user: alice@provider.example, password: hunter2}, registration: {}}}
  b:
    host: 192.0.2.21
    root: {transport: TCP, credentials: {user: bob, passwordFile: /etc/directsip/b.secret, realm: provider.example}}
  c: {host: sbc.example.com, root: {transport: UDP, port: 5070, credentials: {user: carol, passwordEnv: CAROL}}}
trunks:
  c2:
    gateway: c
    transport: UDP
    port: 5071
    registration: {user: '+49301234', domain: provider.example, contact: pool, expires: 5m, server: med2.example.com, required: false, calledFrom: to}
`

func access(t *testing.T) *Snapshot {
	t.Helper()
	s, problems := Compile("access.yaml", []byte(accessDocument))
	if s == nil {
		t.Fatal(problems.Error())
	}
	return s
}

// TestNEW02_Registration: what the document leaves out has its default.
func TestNEW02_Registration(t *testing.T) {
	s := access(t)
	med1, med2 := s.ServerByName("med1.example.com"), s.ServerByName("med2.example.com")
	for name, want := range map[string]Registration{
		"a":  {"alice", "192.0.2.20", "alice", time.Hour, med1, true, FromRequestURI},
		"c2": {"+49301234", "provider.example", "pool", 5 * time.Minute, med2, false, FromTo},
	} {
		if got := *s.TrunkByName(name).Registration; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if s.TrunkByName("b").Registration != nil || s.TrunkByName("c2").Credentials != nil {
		t.Error("a trunk has what the document does not give it")
	}
	if uriHost("2001:db8::1") != "[2001:db8::1]" {
		t.Error("an IPv6 address stands between brackets")
	}
}

// TestNEW02_Unlock: passwords come from where the document says, and what is wrong with them is said without them.
func TestNEW02_Unlock(t *testing.T) {
	pool := func(s *Snapshot) *Pool { return s.Pools[0] }
	unlock := func(file string, err error, env string, set bool) (*Snapshot, Problems) {
		s := access(t)
		return s, s.Unlock(pool(s), func(string) ([]byte, error) { return []byte(file), err }, func(string) (string, bool) { return env, set })
	}
	s, problems := unlock("swordfish\r\n", nil, "tiger", true)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]digest.Account{"a": digest.NewAccount("alice@provider.example", "hunter2", ""),
		"b": digest.NewAccount("bob", "swordfish", "provider.example"), "c": digest.NewAccount("carol", "tiger", ""), "c2": {}} {
		if !s.TrunkByName(name).Account().Same(want) {
			t.Errorf("account of %s is another", name)
		}
	}
	if other, _ := unlock("swordfish", nil, "tiger", true); !s.SameSecrets(other) {
		t.Error("the same passwords are not the same")
	}
	if other, _ := unlock("swordfish2", nil, "tiger", true); s.SameSecrets(other) {
		t.Error("other passwords are the same")
	}
	raw, err := json.Marshal(s.Trunks[0].Credentials)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%+v %#v", s.Trunks[0].Credentials, *s.Trunks[1].Credentials), string(raw)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "swordfish") {
			t.Errorf("a password is shown: %s", text)
		}
	}
	for _, row := range []struct {
		file string
		err  error
		env  string
		set  bool
		want []string
	}{
		{"", &fs.PathError{Op: "open", Path: "/etc/directsip/b.secret", Err: fs.ErrNotExist}, "x", true,
			[]string{`access.yaml:11:67: trunk "b": the password cannot be read: open /etc/directsip/b.secret: file does not exist`}},
		{"\n", nil, "", false, []string{"is empty", "CAROL is not set"}},
		{"sword\nfish\n", nil, "ti\x00ger", true, []string{"several lines", "control characters"}},
		{strings.Repeat("z", 1025), nil, strings.Repeat("z", 1025), true, []string{"too long", "too long"}},
		{"ok", errors.New("permission denied"), "x", true, []string{"permission denied. Write the password into that file and let the server's user read it"}},
	} {
		_, problems := unlock(row.file, row.err, row.env, row.set)
		if len(problems) != len(row.want) || !problems.Failed() {
			t.Fatalf("%v: %v", row.want, problems)
		}
		for i, p := range problems {
			text := p.String()
			if !strings.Contains(text, row.want[i]) || strings.Contains(text, "fish") || strings.Contains(text, "ger") || strings.Contains(text, "zzz") {
				t.Errorf("%s, want %s", text, row.want[i])
			}
		}
	}
}

// TestNEW02_NoMessageShowsAPassword, however it is written: what is not YAML is told without its text.
func TestNEW02_NoMessageShowsAPassword(t *testing.T) {
	const doc = "pools: {p.test: {servers: {s.test: {addresses: [192.0.2.1]}}}}\ngateways:\n  a:\n    host: 192.0.2.9\n    root:\n      credentials: "
	for _, written := range []string{"|hunter2", ">hunter2", "*hunter2", "&hunter2 x", "!hunter2 x", "@hunter2", "`hunter2", "\"hunter2", "'it''s hunter2", "hunter2: x",
		"{hunter2}", "[hunter2", "[hunter2]", "- hunter2", "? hunter2", "\"hunter2\\x01\""} {
		for _, place := range []string{written, "\n        user: bob\n        password: " + written} {
			_, problems := Compile("x", []byte(doc+place+"\n"))
			if text := problems.Error(); !problems.Failed() || strings.Contains(text, "hunter2") {
				t.Errorf("%q: %s", place, text)
			}
		}
	}
}
