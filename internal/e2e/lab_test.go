package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// lab is the addresses and files of one test.
type lab struct {
	t      *testing.T
	prefix string // 127.x.y.
	dir    string
}

// newLab takes a free 127.x.y.0/24 for a test, which runs in parallel with others from here on.
func newLab(t *testing.T) *lab {
	t.Helper()
	t.Parallel()
	dir, err := os.MkdirTemp("", "dse2e") // a control socket's path may have 107 bytes: t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() || os.Getenv("E2E_KEEP") == "" {
			os.RemoveAll(dir)
		}
	})
	return &lab{t, siptest.Net(t), dir}
}

// ip is the n-th address of the lab: 1 the server, 2 and on the peers.
func (l *lab) ip(n int) string { return l.prefix + strconv.Itoa(n) }

// expand puts the lab's addresses where a text says NET.
func (l *lab) expand(s string) string { return strings.ReplaceAll(s, "NET.", l.prefix) }

func (l *lab) file(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// base is a pool of one server with a PBX and two gateways; %s are further trunk settings.
const base = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [NET.1], metrics: "NET.1:9090"}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP, gatewayPort: 5060}}
  gw1: {kind: gateway, host: NET.3, root: {transport: UDP, gatewayPort: 5060}}
  gw2: {kind: gateway, host: NET.4, root: {transport: UDP, gatewayPort: 5060}}
usages: [all]
routes:
  - {name: inward, pattern: '^\+49', usages: [all], trunks: [pbx]}
  - {name: outward, pattern: '^\+1', usages: [all], trunks: [gw1, gw2], selection: ordered}
trunkSettings:
  global: {usages: [all], options: false%s}
`

// document is base with the lab's addresses, a transport and further settings of all trunks ("noResponseTimeout: 1s").
func (l *lab) document(transport string, settings ...string) string {
	text := ""
	for _, s := range settings {
		text += ", " + s
	}
	doc := l.expand(fmt.Sprintf(base, text))
	if transport != "UDP" {
		doc = strings.ReplaceAll(doc, "transport: UDP", "transport: "+transport+", port: 5060")
	}
	return doc
}

// timeout bounds every wait of a test.
const timeout = 30 * time.Second

// until waits for something that cannot be subscribed to. It looks every 10 ms.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v in vain: %s", timeout, what)
		case <-tick.C:
		}
	}
}

// bound tells whether a socket of this process's network namespace listens on ip:port.
func bound(ip string, port int, tcp bool) bool {
	var a, b, c, d int
	fmt.Sscanf(ip, "%d.%d.%d.%d", &a, &b, &c, &d)
	file, want := "/proc/net/udp", fmt.Sprintf(": %02X%02X%02X%02X:%04X ", d, c, b, a, port)
	if tcp {
		file, want = "/proc/net/tcp", want+"00000000:0000 0A "
	}
	table, err := os.ReadFile(file)
	return err == nil && bytes.Contains(table, []byte(want))
}

// replaceOnce replaces the only place of a text.
func replaceOnce(t *testing.T, s, old, text string) string {
	t.Helper()
	if n := strings.Count(s, old); n != 1 {
		t.Fatalf("%q is there %d times", old, n)
	}
	return strings.Replace(s, old, text, 1)
}
