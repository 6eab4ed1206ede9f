package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckOnTheServer: what serve would not find on this host is told before: for certain of the server that is named, as a warning of one that this host only seems to have,
// and not at all where the document is for other hosts.
func TestCheckOnTheServer(t *testing.T) {
	const media, metrics = `warning: server "med1.test": this host does not have the media address 203.0.113.7`, `warning: server "med1.test": this host does not have the address of metrics, 203.0.113.8:9090`
	listen := func(severity string) string {
		return `directsip.yaml:4:` + severity + `server "med1.test": this host does not have the address 203.0.113.9, so nobody can listen there.`
	}
	for name, c := range map[string]struct {
		keys, server string
		status       int
		want, not    []string
	}{
		"all is here":             {"addresses: [127.0.0.1]", "", 0, nil, []string{"this host"}},
		"media and metrics":       {"addresses: [127.0.0.1], media: [203.0.113.7], metrics: '203.0.113.8:9090'", "", 0, []string{media, metrics}, nil},
		"they do not keep it":     {"addresses: [127.0.0.1], media: [203.0.113.7], metrics: '203.0.113.8:9090'", "med1.test", 0, []string{media, metrics}, nil},
		"another side":            {"addresses: [127.0.0.1], interfaces: {inside: {addresses: [203.0.113.9]}}", "", 0, []string{listen("55: warning: ")}, nil},
		"another side for sure":   {"addresses: [127.0.0.1], interfaces: {inside: {addresses: [203.0.113.9]}}", "med1.test", 1, []string{listen("55: ")}, nil},
		"for another host":        {"addresses: [203.0.113.9]", "", 0, []string{"\nnone of its servers has an address of this host"}, []string{"203.0.113.9"}},
		"for this host":           {"addresses: [203.0.113.9]", "med1.test", 1, []string{listen("30: "), "\n1 error, 0 warnings\n"}, []string{"media address", "none of its"}},
		"no server of this name":  {"addresses: [127.0.0.1]", "med2.test", 1, []string{`the document has no server "med2.test"; it has med1.test`}, nil},
		"a certificate, for sure": {"addresses: [127.0.0.1], cert: /nonexistent, key: /nonexistent", "med1.test", 1, []string{"/nonexistent: no such file"}, nil},
	} {
		doc := "pools:\n  pool.test:\n    servers:\n      med1.test: {" + c.keys + "}\ngateways:\n  gw: {kind: gateway, host: 127.0.0.9, root: {transport: UDP}}\n"
		if strings.Contains(c.keys, "inside") {
			doc += "  in: {kind: pbx, host: 127.0.0.8, interface: inside, root: {transport: UDP}}\n"
		}
		if strings.Contains(c.keys, "cert") {
			doc = strings.ReplaceAll(strings.ReplaceAll(doc, "UDP", "TLS"), "127.0.0.9", "gw.test")
		}
		path := filepath.Join(t.TempDir(), "directsip.yaml")
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"check", path}
		if c.server != "" {
			args = append(args, "--server", c.server)
		}
		status, out, errs := command(t, args...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d", name, status, c.status)
		}
		for _, w := range c.want {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%s: it does not say %q:\n%s%s", name, w, out, errs)
			}
		}
		for _, n := range c.not {
			if strings.Contains(out+errs, n) {
				t.Errorf("%s: it says %q:\n%s%s", name, n, out, errs)
			}
		}
	}
}
