package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
)

// TestCertificates: the files of a document say before the first call what serve, and the peers, would say later.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := siptest.NewAuthority(t, dir, "ca")
	good, other := ca.Issue("good", 300*day, "med1.test", "pool.test"), ca.Issue("other", 300*day, "med1.test", "pool.test")
	write := func(name string, parts ...string) string {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(strings.Join(parts, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	stranger := siptest.NewAuthority(t, dir, "stranger")
	strange := stranger.Issue("strange", 300*day, "med1.test", "pool.test")
	whole := write("whole.pem", read(strange+".pem"), read(stranger.File))
	for name, c := range map[string]struct {
		cert, key, ca string
		want          string // line:column, severity: words; "" nothing
	}{
		"good":                    {good + ".pem", good + ".key", ca.File, ""},
		"absent":                  {dir + "/absent.pem", good + ".key", ca.File, "5:11 error: absent.pem: no such file"},
		"key absent":              {good + ".pem", dir + "/absent.key", ca.File, "6:10 error: absent.key: no such file"},
		"other key":               {good + ".pem", other + ".key", ca.File, "6:10 error: private key does not match public key"},
		"swapped":                 {good + ".key", good + ".pem", ca.File, "5:11 error: may have been switched"},
		"no certificate":          {write("text.pem", "nothing"), good + ".key", ca.File, "5:11 error: failed to find any PEM data"},
		"authority absent":        {good + ".pem", good + ".key", dir + "/absent.ca", "7:9 error: absent.ca: no such file"},
		"authority is none":       {good + ".pem", good + ".key", good + ".key", "7:9 error: has no certificate"},
		"authority of the system": {whole, strange + ".key", "", ""},
		"expired":                 {ca.Issue("old", -3*day/2, "med1.test", "pool.test") + ".pem", dir + "/old.key", ca.File, "5:11 warning: expired 1 day ago"},
		"expires":                 {ca.Issue("soon", 12*day+time.Hour, "med1.test", "pool.test") + ".pem", dir + "/soon.key", ca.File, "5:11 warning: expires in 12 days"},
		"name of the pool":        {ca.Issue("alone", 300*day, "med1.test") + ".pem", dir + "/alone.key", ca.File, "5:11 warning: for med1.test, and not for pool.test"},
		"wildcard":                {ca.Issue("wild", 300*day, "*.test") + ".pem", dir + "/wild.key", ca.File, ""},
		"loose":                   {strange + ".pem", strange + ".key", ca.File, "5:11 warning: from CN=stranger, which leads to no authority that is known here"},
		"whole":                   {whole, strange + ".key", ca.File, ""},
	} {
		authority := ""
		if c.ca != "" {
			authority = "\n    ca: " + c.ca
		}
		doc := fmt.Sprintf("pools:\n pool.test:\n  servers:\n   med1.test:\n    cert: %s\n    key: %s%s\n    addresses: [%s]\ngateways: {gw: {host: gw.test, root: {transport: TLS}}}\n",
			c.cert, c.key, authority, ourAddress)
		snap, problems := topology.Compile("x", []byte(doc))
		if snap == nil {
			t.Fatal(problems)
		}
		got := ""
		for _, p := range HostOf(snap, nil).certificates("x.yaml", time.Now()) {
			s := Error
			if p.Warning {
				s = Warning
			}
			got += fmt.Sprintf("%d:%d %s: %s\n", p.Line, p.Col, s, p.Why)
			if p.File != "x.yaml" || p.Object != `server "med1.test"` || !strings.HasPrefix(p.Key, "pools.pool.test.servers.med1.test.") || p.Value == "" || p.Fix == "" {
				t.Errorf("%s: %+v", name, p)
			}
		}
		head, words, _ := strings.Cut(c.want, ": ")
		if !strings.HasPrefix(got, head) || !strings.Contains(got, words) || strings.Count(got, "\n") > 1 || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestCertificatesElsewhere: of a document for several hosts this one knows its own files, and one that has none of the servers may lack them.
func TestCertificatesElsewhere(t *testing.T) {
	dir := t.TempDir()
	good := siptest.NewAuthority(t, dir, "ca").Issue("good", 300*day, "med1.test", "pool.test")
	compile := func(first, transport string) *topology.Snapshot {
		snap, problems := topology.Compile("x", fmt.Appendf(nil, "pools: {pool.test: {servers: {med1.test: {addresses: [%s], cert: %s.pem, key: %s.key, ca: %s/ca.ca},\n"+
			" med2.test: {addresses: [203.0.113.2], cert: %s/med2.pem, key: %s/med2.key}}}}\ngateways: {gw: {host: gw.test, root: {transport: %s}}}", first, good, good, dir, dir, dir, transport))
		if snap == nil {
			t.Fatal(problems)
		}
		return snap
	}
	if list := HostOf(compile(ourAddress, "TLS"), nil).certificates("x", time.Now()); len(list) > 0 {
		t.Errorf("of another host: %v", list)
	}
	if list := HostOf(compile("203.0.113.1", "TLS"), nil).certificates("x", time.Now()); len(list) != 1 || !list[0].Warning || list[0].Object != `server "med2.test"` {
		t.Errorf("of no server of this host: %v", list)
	}
	if list := HostOf(compile("203.0.113.1", "TCP"), nil).certificates("x", time.Now()); len(list) > 0 {
		t.Errorf("without TLS: %v", list)
	}
}

// TestCertificatesOfAnotherUser: who may not read a key is told so, and the document may be good all the same.
func TestCertificatesOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	good := siptest.NewAuthority(t, dir, "ca").Issue("good", 300*day, "med1.test", "pool.test")
	snap, problems := topology.Compile("x", fmt.Appendf(nil, "pools: {pool.test: {servers: {med1.test: {addresses: [%s], cert: %s.pem, key: %s.key}}}}\n"+
		"gateways: {gw: {host: gw.test, root: {transport: TLS}}}", ourAddress, good, good))
	if snap == nil {
		t.Fatal(problems)
	}
	if err := os.Chmod(good+".key", 0); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // files are opened as another user by this thread alone (setfsuid(2))
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer unix.Setfsuid(0)
	}
	list := HostOf(snap, nil).certificates("x", time.Now())
	if len(list) != 1 || !list[0].Warning || !strings.Contains(list[0].Why, "was not looked at: open "+good+".key: permission denied") {
		t.Errorf("%v", list)
	}
}

// TestConsumerFiles: what a document names to post quality records with is looked at before it is applied, on the host that has it, and is not shown.
func TestConsumerFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"good": "secret\n", "two": "very secret\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	siptest.NewAuthority(t, dir, "one")
	for name, c := range map[string]struct{ address, token, ca, want string }{
		"good":            {ourAddress, "good", "one.ca", ""},
		"absent":          {ourAddress, "absent", "one.ca", "qualityConsumerTokenFile error: absent: no such file"},
		"no token":        {ourAddress, "empty", "one.ca", "qualityConsumerTokenFile error: empty: it has no token"},
		"two words":       {ourAddress, "two", "one.ca", "qualityConsumerTokenFile error: two: it has no token"},
		"a directory":     {ourAddress, "", "one.ca", "qualityConsumerTokenFile error: not a file"},
		"no authority":    {ourAddress, "good", "absent.ca", "ca error: absent.ca: no such file"},
		"no certificates": {ourAddress, "good", "good", "ca error: has no certificate"},
		"elsewhere":       {"203.0.113.1", "absent", "one.ca", "qualityConsumerTokenFile warning: absent: no such file"},
	} {
		snap, problems := topology.Compile("x", fmt.Appendf(nil, "pools: {pool.test: {servers: {med1.test: {addresses: [%s], qualityConsumer: 'https://quality.test/',\n"+
			" qualityConsumerTokenFile: %s/%s, ca: %s/%s}}}}\ngateways: {gw: {host: gw.test, root: {transport: TCP}}}", c.address, dir, c.token, dir, c.ca))
		if snap == nil {
			t.Fatal(problems)
		}
		got := ""
		for _, p := range HostOf(snap, nil).onHost("x.yaml", time.Now(), true) {
			s := Error
			if p.Warning {
				s = Warning
			}
			got += fmt.Sprintf("%s %s: %s\n", strings.TrimPrefix(p.Key, "pools.pool.test.servers.med1.test."), s, p.Why)
			if p.File != "x.yaml" || p.Line == 0 || p.Value == "" || p.Fix == "" || strings.Contains(p.String(), "secret") {
				t.Errorf("%s: %+v", name, p)
			}
		}
		head, words, _ := strings.Cut(c.want, ": ")
		if !strings.HasPrefix(got, head) || !strings.Contains(got, words) || strings.Count(got, "\n") > 1 || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestWithoutOpus: what needs libopus0 is told where it is missing.
func TestWithoutOpus(t *testing.T) {
	snap := compile(t, "gateways: {a: {host: 192.0.2.20, kind: pbx, root: {transport: UDP}}, b: {host: 192.0.2.21, root: {transport: UDP}}}\nusages: [out]\n"+
		"routes: [{name: o, pattern: '^.', usages: [out], trunks: [b]}]\ntrunkSettings: {'trunk:a': {usages: [out], codecs: [opus]}, 'trunk:b': {codecs: [PCMA]}}")
	for _, has := range []bool{true, false} {
		if list := HostOf(snap, nil).onHost("x", time.Now(), has); len(list) != 0 == has || len(list) > 0 && (!list[0].Warning || list[0].Line == 0) {
			t.Errorf("%v: %v", has, list)
		}
	}
}
