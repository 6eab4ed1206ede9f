package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

const natContactDocument = `pools:
  pool.test: {servers: {med1.test: {addresses: [NET.1]}}}
gateways:
  pbx: {kind: pbx, host: NET.5, root: {transport: UDP}}
  gw: {host: NET.2, root: {transport: UDP}}
usages: [all]
routes:
  - {name: gw, pattern: '^\+1', usages: [all], trunks: [gw]}
trunkSettings:
  global: {options: false}
  trunk:pbx: {usages: [all], options: false}
`

// SIG-03: the Contact of a PBX behind two NATs is an address of its own network, where nobody is from here. What belongs to its dialog reaches it all the same where its messages come from: answers, also where
// its Via does not ask for that by rport, a change of the other side's, and the end. Where the NAT stands between two private networks the address is tried first.
func TestContactBehindNAT(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ network, rport, route string }{
		"internet, with rport":       {"198.51.100", ";rport", ""},
		"internet, without":          {"198.51.100", "", ""},
		"private networks":           {"10.99.0", "", "via"},
		"private networks, no route": {"10.99.0", ";rport", ""},
	} {
		t.Run(name, func(t *testing.T) { contactBehindNAT(t, row.network+".", row.rport, row.route != "") })
	}
}

func contactBehindNAT(t *testing.T, network, rport string, route bool) {
	n := newNetwork(t)
	n.host(2)
	own := n.host(1)
	outer := n.host(5)
	if network != n.prefix {
		for _, host := range []int{1, 2, 5} {
			n.ip("-n", n.ns(host), "addr", "add", fmt.Sprint(network, host, "/24"), "dev", "eth0")
		}
	}
	if route { // to somebody else, who says nothing
		n.host(3)
		n.ip("-n", n.ns(1), "route", "add", "default", "via", n.addr(3, false))
	}
	n.cable(5, "in", "10.7.0.1/24", 6, "10.7.0.2/24")
	n.cable(6, "in", "192.168.7.1/24", 7, "192.168.7.2/24")
	for host, by := range map[int]string{6: "10.7.0.1", 7: "192.168.7.1"} {
		n.ip("-n", n.ns(host), "route", "add", "default", "via", by)
	}
	for _, nat := range []struct {
		prefix []string
		out    string
	}{{outer, "eth0"}, {[]string{"ip", "netns", "exec", n.ns(6)}, "eth0"}} {
		n.run(nat.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1")
		n.run(nat.prefix, "nft", `add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; add rule ip nat out oifname `+nat.out+` masquerade fully-random`)
	}
	s := &server{lab: n.lab, name: "med1.test", prefix: own}
	s.setUp(t, strings.ReplaceAll(natContactDocument, "NET.", network))
	s.start()

	to := &net.UDPAddr{IP: net.ParseIP(network + "1"), Port: 5060}
	a := &socket{t: t, udp: hostOf(t, n.ns(7))(netip.MustParseAddrPort("192.168.7.2:5060")), ip: "192.168.7.2", port: 5060, peer: to}
	b := &socket{t: t, udp: hostOf(t, n.ns(2))(netip.MustParseAddrPort(network + "2:5060")), ip: network + "2", port: 5060, peer: to}
	defer a.udp.Close()
	defer b.udp.Close()
	target := "sip:+14255550100@" + network + "1"
	a.send(strings.Replace(a.request("INVITE", target, "<"+target+">", "twonats", 1, "invtwonats", audio(a.ip, 30000)), ";branch", rport+";branch", 1))
	invite := b.expect("INVITE ")
	b.send(b.reply(invite, 200, audio(b.ip, 30000)))
	b.expect("ACK ")
	answer := a.final("INVITE")
	a.send(a.ack(answer))
	local, remote := header(invite, "To")+";tag=hand", header(invite, "From")
	within := func(method string, cseq int, body string) string {
		return strings.NewReplacer("From: <sip:+14255550199@"+network+"2>;tag=f"+header(invite, "Call-ID"), "From: "+local).Replace(
			b.request(method, uri(header(invite, "Contact")), remote, header(invite, "Call-ID"), cseq, "b"+method, body))
	}
	b.send(within("INVITE", 100, audio(b.ip, 30000)+"a=sendonly\r\n"))
	a.send(a.reply(a.expect("INVITE "), 200, audio(a.ip, 30000)+"a=recvonly\r\n"))
	a.expect("ACK ")
	if r := b.final("INVITE"); status(r) != 200 {
		t.Fatal(r)
	}
	b.send(within("ACK", 100, ""))
	b.send(within("BYE", 101, ""))
	a.send(a.reply(a.expect("BYE "), 200, ""))
	b.final("BYE")
	checkRecord(t, s.record(), "normal-clearing", 200, "callee")
}
