package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// edge is a peer in a network of its own.
type edge struct {
	at, known string // its address, and what it knows the server by
	open      func(netip.AddrPort) *net.UDPConn
}

// overlap is a server between two networks that have the same addresses: its cards in both are in 10.0.0.0/24, and so is a peer of each, which is 10.0.0.20. A third
// one is in 10.99.0.0/24.
type overlap struct {
	*sides
	edges map[string]edge
}

const overlapDocument = `pools:
  pool.test:
    servers:
      med1.test:
        addresses: [10.99.0.1]
        mediaTier: TIER
        interfaces:
          north: {addresses: [10.0.0.5]}
          south: {addresses: [10.0.0.6]}
gateways:
  pbx: {kind: pbx, host: 10.99.0.2, root: {transport: UDP}}
  north: {kind: pbx, host: 10.0.0.20, interface: north, root: {transport: UDP}}
  south: {kind: pbx, host: 10.0.0.20, interface: south, root: {transport: UDP}}
usages: [pbx, north, south]
routes:
  - {name: pbx, pattern: '^\+49', usages: [pbx], trunks: [pbx]}
  - {name: north, pattern: '^\+1', usages: [north], trunks: [north]}
  - {name: south, pattern: '^\+2', usages: [south], trunks: [south]}
trunkSettings:
  global: {options: false}
  trunk:pbx: {usages: [north, south], options: false}
  trunk:north: {usages: [pbx, south], options: false}
  trunk:south: {usages: [pbx, north], options: false}
`

func newOverlap(t *testing.T, tier string) *overlap {
	n := &overlap{sides: &sides{network: newNetwork(t)}}
	n.host(2)
	own := n.host(1)
	n.cable(1, "north", "10.0.0.5/24", 6, "10.0.0.20/24")
	n.cable(1, "south", "10.0.0.6/24", 7, "10.0.0.20/24")
	for table, side := range []string{"north", "south"} {
		no := fmt.Sprint(100 + table)
		n.ip("-n", n.ns(1), "route", "add", "10.0.0.0/24", "dev", side, "table", no)
		n.ip("-n", n.ns(1), "rule", "add", "from", fmt.Sprint("10.0.0.", 5+table), "table", no)
		n.run(own, "sysctl", "-qw", "net.ipv4.conf."+side+".arp_ignore=1")
	}
	n.edges = map[string]edge{"pbx": {"10.99.0.2", "10.99.0.1", hostOf(t, n.ns(2))}, "north": {"10.0.0.20", "10.0.0.5", hostOf(t, n.ns(6))},
		"south": {"10.0.0.20", "10.0.0.6", hostOf(t, n.ns(7))}}
	n.s = &server{lab: n.lab, name: "med1.test", prefix: own}
	n.s.setUp(t, strings.Replace(overlapDocument, "TIER", tier, 1))
	n.s.start()
	return n
}

func (n *overlap) socket(of string, port uint16) *net.UDPConn {
	c := n.edges[of].open(netip.AddrPortFrom(netip.MustParseAddr(n.edges[of].at), port))
	n.t.Cleanup(func() { c.Close() })
	return c
}

// call is a call with speech, and the trunks and tiers of its record.
func (n *overlap) call(from, to, number string) string {
	t, a, b := n.t, n.edges[from], n.edges[to]
	signalling := func(of string, e edge) *socket {
		return &socket{t: t, udp: n.socket(of, 5060), ip: e.at, port: 5060, peer: &net.UDPAddr{IP: net.ParseIP(e.known), Port: 5060}}
	}
	c := &talk{a: signalling(from, a), b: signalling(to, b), aRTP: n.socket(from, 30000), bRTP: n.socket(to, 30000), aSSRC: 0xa, bSSRC: 0xb}
	defer func() {
		for _, conn := range []*net.UDPConn{c.a.udp, c.b.udp, c.aRTP, c.bRTP} {
			conn.Close()
		}
	}()
	n.s.want++
	id, target := fmt.Sprint("overlap", n.s.want), "sip:"+number+"@"+a.known
	c.a.send(c.a.request("INVITE", target, "<"+target+">", id, 1, "inv"+id, audio(a.at, 30000)))
	c.inv = c.b.expect("INVITE ")
	c.b.send(c.b.reply(c.inv, 200, audio(b.at, 30000)))
	c.b.expect("ACK ")
	c.answer = c.a.final("INVITE")
	c.a.send(c.a.ack(c.answer))
	c.toA, c.toB = where(t, c.answer), where(t, c.inv)
	for range 20 {
		c.calleeHears("there")
		c.callerHears("and back")
	}
	c.hangUp()
	r := n.s.records(n.s.want)[n.s.want-1]
	said := r.In.Trunk + " " + r.Out.Trunk
	for _, m := range r.Media {
		if said += " " + m.Tier; m.Packets != 20 {
			t.Errorf("%s to %s: %d packets", from, to, m.Packets)
		}
	}
	return said
}

// TOP-12: two networks with the same addresses, each behind a card of the server. A peer is known by its address and by the side that it comes to, and signalling and media
// go back there.
func TestTOP12_TwoNetworksWithOneAddress(t *testing.T) {
	t.Parallel()
	for _, tier := range []string{"kernel", "steered", "sockets"} {
		t.Run(tier, func(t *testing.T) {
			n := newOverlap(t, tier)
			for _, c := range []struct{ from, to, number string }{
				{"pbx", "north", "+14255550100"}, {"pbx", "south", "+24255550100"}, {"north", "pbx", "+4930555010"}, {"south", "pbx", "+4930555010"},
				{"north", "south", "+24255550100"}, {"south", "north", "+14255550100"},
			} {
				want := c.from + " " + c.to + " " + tier + " " + tier
				said := ""
				until(t, "a call in tier "+tier, func() bool {
					said = n.call(c.from, c.to, c.number)
					return said == want || !strings.HasPrefix(said, c.from+" "+c.to+" ")
				})
				if said != want {
					t.Errorf("%s, want %s", said, want)
				}
			}
		})
	}
}
