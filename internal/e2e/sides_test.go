package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// sides is a server of a cloud: inside it is 10.99.0.1 and the PBX 10.99.0.2; outside it is known as 198.51.100.10, before a NAT, and the provider is
// 198.51.100.1; by a card of its own it is 172.16.4.2 to the gateway 172.16.4.1.
type sides struct {
	*network
	s     *server
	hosts map[string]func(netip.AddrPort) *net.UDPConn // by address
}

const sidesDocument = `pools:
  pool.test:
    servers:
      med1.test:
        addresses: [10.99.0.1]
        mediaTier: TIER
        interfaces:
          internet: {public: [198.51.100.10]}
          line: {addresses: [172.16.4.2]}
gateways:
  pbx: {kind: pbx, host: 10.99.0.2, root: {transport: UDP}}
  itsp: {kind: sbc, host: 198.51.100.1, interface: internet, root: {transport: UDP}}
  gw: {host: 172.16.4.1, interface: line, root: {transport: UDP}}
usages: [in, out, line]
routes:
  - {name: pbx, pattern: '^\+49', usages: [in], trunks: [pbx]}
  - {name: itsp, pattern: '^\+1', usages: [out], trunks: [itsp]}
  - {name: gw, pattern: '^\+2', usages: [line], trunks: [gw]}
trunkSettings:
  global: {options: false}
  trunk:pbx: {usages: [out, line], options: false}
  trunk:itsp: {usages: [in], options: false}
  trunk:gw: {usages: [in, out], options: false}
`

func newSides(t *testing.T, tier string) *sides {
	n := &sides{network: newNetwork(t), hosts: map[string]func(netip.AddrPort) *net.UDPConn{}}
	n.host(2)
	router := n.host(5)
	own := n.host(1)
	n.cable(5, "out", "198.51.100.10/24", 6, "198.51.100.1/24")
	n.cable(1, "line", "172.16.4.2/30", 7, "172.16.4.1/30")
	n.ip("-n", n.ns(1), "route", "add", "default", "via", n.addr(5, false))
	n.run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	n.run(router, "nft", `add table ip nat; add chain ip nat in { type nat hook prerouting priority dstnat; }; add chain ip nat out { type nat hook postrouting priority srcnat; };
		add rule ip nat in ip daddr 198.51.100.10 dnat to 10.99.0.1; add rule ip nat out ip saddr 10.99.0.1 oifname out snat to 198.51.100.10`)
	for at, host := range map[string]int{"10.99.0.2": 2, "198.51.100.1": 6, "172.16.4.1": 7} {
		n.hosts[at] = hostOf(t, n.ns(host))
	}
	n.s = &server{lab: n.lab, name: "med1.test", prefix: own}
	n.s.setUp(t, strings.Replace(sidesDocument, "TIER", tier, 1))
	n.s.start()
	return n
}

// cable connects a host with a new one, which has no other.
func (n *network) cable(a int, name, at string, b int, peer string) {
	n.t.Helper()
	n.ip("netns", "add", n.ns(b))
	n.t.Cleanup(func() { exec.Command("ip", "netns", "del", n.ns(b)).Run() })
	n.ip("link", "add", name, "netns", n.ns(a), "type", "veth", "peer", "name", "eth0", "netns", n.ns(b))
	n.ip("-n", n.ns(a), "addr", "add", at, "dev", name)
	n.ip("-n", n.ns(b), "addr", "add", peer, "dev", "eth0")
	n.ip("-n", n.ns(a), "link", "set", name, "up")
	n.ip("-n", n.ns(b), "link", "set", "eth0", "up")
}

func (n *network) run(prefix []string, args ...string) {
	n.t.Helper()
	args = slices.Concat(prefix, args)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		n.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// peer is a socket at port 5060 of a host.
func (n *sides) peer(at string) *socket {
	c := n.hosts[at](netip.AddrPortFrom(netip.MustParseAddr(at), 5060))
	n.t.Cleanup(func() { c.Close() })
	return &socket{t: n.t, udp: c, ip: at, port: 5060, peer: &net.UDPAddr{IP: net.ParseIP(known[at]), Port: 5060}}
}

// ear is where a host has its RTP.
func (n *sides) ear(at string) *net.UDPConn {
	c := n.hosts[at](netip.AddrPortFrom(netip.MustParseAddr(at), 30000))
	n.t.Cleanup(func() { c.Close() })
	return c
}

// known is what each peer knows the server as.
var known = map[string]string{"10.99.0.2": "10.99.0.1", "198.51.100.1": "198.51.100.10", "172.16.4.1": "172.16.4.2"}

// call is a call with speech, and the tiers in which that went.
func (n *sides) call(from, to, number string) string {
	t := n.t
	c := &talk{a: n.peer(from), b: n.peer(to), aRTP: n.ear(from), bRTP: n.ear(to), aSSRC: 0xa, bSSRC: 0xb}
	a, b, target := c.a, c.b, "sip:"+number+"@"+known[from]
	defer func() {
		for _, conn := range []*net.UDPConn{a.udp, b.udp, c.aRTP, c.bRTP} {
			conn.Close()
		}
	}()
	n.s.want++
	id := fmt.Sprint("sides", n.s.want)
	a.send(a.request("INVITE", target, "<"+target+">", id, 1, "inv"+id, audio(from, 30000)))
	c.inv = b.expect("INVITE ")
	b.send(b.reply(c.inv, 200, audio(to, 30000)))
	b.expect("ACK ")
	c.answer = a.final("INVITE")
	a.send(a.ack(c.answer))
	c.toA, c.toB = where(t, c.answer), where(t, c.inv)
	for _, said := range []struct{ to, msg string }{{from, c.answer}, {to, c.inv}} {
		if contact := header(said.msg, "Contact"); !strings.Contains(contact, known[said.to]+":5060") || !strings.Contains(said.msg, "c=IN IP4 "+known[said.to]+"\r\n") {
			t.Errorf("%s knows the server as %s and is told\n%s", said.to, known[said.to], said.msg)
		}
		for peer, other := range known {
			if peer != said.to && strings.Contains(said.msg, other) {
				t.Errorf("%s is told of %s\n%s", said.to, other, said.msg)
			}
		}
	}
	for range 20 {
		c.calleeHears("there")
		c.callerHears("and back")
	}
	c.hangUp()
	var tiers []string
	for _, m := range n.s.records(n.s.want)[n.s.want-1].Media {
		if tiers = append(tiers, m.Tier); m.Packets != 20 {
			t.Errorf("%s to %s: %d packets", from, to, m.Packets)
		}
	}
	return strings.Join(tiers, " ")
}

// TOP-12: each peer meets the server at the address that it has, or is known by, on its side: in SIP, in SDP and with RTP. No message names those of the others.
func TestTOP12_InsideAndOutside(t *testing.T) {
	t.Parallel()
	for _, tier := range []string{"kernel", "steered", "sockets"} {
		t.Run(tier, func(t *testing.T) {
			n := newSides(t, tier)
			for _, c := range []struct{ from, to, number string }{
				{"10.99.0.2", "198.51.100.1", "+14255550100"}, {"198.51.100.1", "10.99.0.2", "+4930555010"}, {"10.99.0.2", "172.16.4.1", "+2425555010"},
				{"172.16.4.1", "198.51.100.1", "+14255550100"},
			} {
				until(t, "a call in tier "+tier, func() bool { return n.call(c.from, c.to, c.number) == tier+" "+tier }) // the kernel is asked for ways first
			}
		})
	}
}
