package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

const narrowDocument = `pools:
  pool.test: {servers: {med1.test: {addresses: [10.99.0.1]}}}
gateways:
  pbx: {kind: pbx, host: 10.99.0.2, root: {transport: UDP}}
  gw: {host: 198.51.100.1, root: {transport: TRANSPORT, gatewayPort: 5060}}
usages: [all]
routes:
  - {name: gw, pattern: '^\+1', usages: [all], trunks: [gw]}
trunkSettings:
  global: {options: false}
  trunk:pbx: {usages: [all], options: false}
`

// SIG-02: behind a link that carries less than our own, as a tunnel does, and a firewall that swallows what ICMP says of that, a long INVITE arrives all the
// same, and so does the long answer over a connection.
func TestLongMessagesOverANarrowLink(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			n := newNetwork(t)
			n.host(2)
			router := n.host(5)
			own := n.host(1)
			n.cable(5, "out", "198.51.100.10/24", 6, "198.51.100.1/24")
			n.ip("-n", n.ns(5), "link", "set", "out", "mtu", "1280")
			n.ip("-n", n.ns(6), "route", "add", "default", "via", "198.51.100.10") // whose own card carries 1500
			n.ip("-n", n.ns(1), "route", "add", "198.51.100.0/24", "via", n.addr(5, false))
			n.run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
			n.run(router, "nft", `add table ip mute; add chain ip mute out { type filter hook output priority 0; }; add rule ip mute out ip protocol icmp drop`)
			gw := &socket{t: t, ip: "198.51.100.1", port: 5060, peer: &net.UDPAddr{IP: net.ParseIP("10.99.0.1"), Port: 5060}}
			var calls net.Listener
			padding := 0
			at := netip.MustParseAddrPort("198.51.100.1:5060")
			if transport == "UDP" {
				gw.udp = hostOf(t, n.ns(6))(at)
				defer gw.udp.Close()
			} else {
				calls, padding = n.listen(6, at), 700 // datagrams the peer has to cut itself
				defer calls.Close()
			}
			a := &socket{t: t, udp: hostOf(t, n.ns(2))(netip.MustParseAddrPort("10.99.0.2:5060")), ip: "10.99.0.2", port: 5060, peer: gw.peer}
			defer a.udp.Close()
			s := &server{lab: n.lab, name: "med1.test", prefix: own}
			s.setUp(t, strings.Replace(narrowDocument, "TRANSPORT", transport, 1))
			s.start()

			body := audio("10.99.0.2", 30000)
			for i := range 17 {
				body += fmt.Sprintf("a=x-padding:%d of what the peer may not know\r\n", i)
			}
			a.send(a.invite(n.lab, "+14255550100", "narrow", body))
			if transport == "TCP" {
				c, err := calls.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				gw.tcp, gw.in = c, bufio.NewReader(c)
			}
			invite := gw.expect("INVITE ")
			if len(invite) < 1300 || len(invite) > 1450 && transport == "UDP" {
				t.Fatalf("the INVITE has %d octets", len(invite))
			}
			gw.send(gw.reply(invite, 200, audio(gw.ip, 30000), "X-Padding: "+strings.Repeat("much ", padding)))
			gw.expect("ACK ")
			answer := a.final("INVITE")
			a.send(a.ack(answer))
			a.send(a.bye(answer))
			gw.send(gw.reply(gw.expect("BYE "), 200, ""))
			a.final("BYE")
			checkRecord(t, s.record(), "normal-clearing", 200, "caller")
		})
	}
}

// listen listens with TCP on a host.
func (n *network) listen(host int, at netip.AddrPort) (l net.Listener) {
	n.t.Helper()
	there, err := os.Open("/run/netns/" + n.ns(host))
	if err != nil {
		n.t.Fatal(err)
	}
	defer there.Close()
	if enter(there, func() { l, err = net.Listen("tcp4", at.String()) }); err != nil {
		n.t.Fatal(err)
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
	return l
}
