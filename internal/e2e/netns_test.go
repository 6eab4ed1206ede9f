package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// network is hosts of a test, each in a network namespace of its own, on one switch: host n has 10.99.0.n and fd00:e2e::n.
type network struct {
	*lab
	name string
}

var networks atomic.Int32

// newNetwork makes an empty switch.
func newNetwork(t *testing.T) *network {
	t.Helper()
	needRoot(t)
	n := &network{newLab(t), fmt.Sprintf("dse2e%d-%d", os.Getpid(), networks.Add(1))}
	n.prefix = "10.99.0."
	n.ip("netns", "add", n.ns(0))
	n.t.Cleanup(func() { exec.Command("ip", "netns", "del", n.ns(0)).Run() })
	n.ip("-n", n.ns(0), "link", "add", "br0", "type", "bridge")
	n.ip("-n", n.ns(0), "link", "set", "br0", "up")
	return n
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (n *network) ns(host int) string { return fmt.Sprintf("%s-%d", n.name, host) }

func (n *network) addr(host int, v6 bool) string {
	if v6 {
		return fmt.Sprintf("fd00:e2e::%d", host)
	}
	return fmt.Sprintf("10.99.0.%d", host)
}

// host adds one and returns what runs a program in it.
func (n *network) host(host int) []string {
	n.t.Helper()
	ns, port := n.ns(host), fmt.Sprintf("p%d", host)
	n.ip("netns", "add", ns)
	etc := filepath.Join("/etc/netns", ns) // ip netns exec puts its files in the place of those of /etc
	n.t.Cleanup(func() {
		exec.Command("ip", "netns", "del", ns).Run()
		os.RemoveAll(etc)
		os.Remove("/etc/netns") // if it is empty
	})
	for err := os.MkdirAll(etc, 0o755); err != nil; err = os.MkdirAll(etc, 0o755) {
		if !errors.Is(err, os.ErrNotExist) { // another test has just removed /etc/netns
			n.t.Fatal(err)
		}
	}
	writeFile(n.t, filepath.Join(etc, "resolv.conf"), "nameserver "+n.addr(nameServer, false)+"\n")
	n.ip("link", "add", "eth0", "netns", ns, "type", "veth", "peer", "name", port, "netns", n.ns(0))
	n.ip("-n", n.ns(0), "link", "set", port, "master", "br0", "up")
	n.ip("-n", ns, "link", "set", "lo", "up")
	n.ip("-n", ns, "addr", "add", n.addr(host, false)+"/24", "dev", "eth0")
	n.ip("-n", ns, "-6", "addr", "add", n.addr(host, true)+"/64", "dev", "eth0", "nodad")
	n.ip("-n", ns, "link", "set", "eth0", "up")
	return []string{"ip", "netns", "exec", ns}
}

// serveAt starts a server of a document on a host.
func (n *network) serveAt(host int, name, doc string) *server {
	n.t.Helper()
	s := &server{lab: n.lab, name: name, prefix: n.host(host)}
	s.setUp(n.t, doc)
	s.start()
	return s
}
