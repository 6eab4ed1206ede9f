package e2e

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// RFC 3261 §12.2.1.1, §18.1.1: a caller whose connection has closed is called at the port where it listens, not at the one that it has called
// from, whatever its Contact or the proxy on its way is called by.
func TestBYEFindsACallerWhoseConnectionIsGone(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ contact, route string }{
		"a name with a port":  {contact: "sip:x@pbx.example.com:5066;transport=tcp"},
		"a name without port": {contact: "sip:x@pbx.example.com"},
		"an address":          {contact: "sip:x@NET.2:5066;transport=tcp"},
		"a proxy by name":     {contact: "sip:x@192.0.2.9", route: "<sip:edge.example.com:5066;transport=tcp;lr>"},
		"a proxy by address":  {contact: "sip:x@192.0.2.9", route: "<sip:NET.5:5066;lr>"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			doc := strings.Replace(l.document("UDP"), "root: {transport: UDP, gatewayPort: 5060}", "root: {transport: TCP, port: 5060, gatewayPort: 5066}", 1)
			s := l.serve(doc)
			at := l.ip(2)
			if strings.Contains(row.route, "NET.5") {
				at = l.ip(5)
			}
			listener, err := net.Listen("tcp", at+":5066")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
			caller, gw := l.dial(2), l.udp(3, 5060)

			var more []string
			if row.route != "" {
				more = append(more, "Record-Route: "+l.expand(row.route))
			}
			invite := caller.invite(l, "+14255550100", "redial", audio(l.ip(2), 40000), more...)
			old := header(invite, "Contact")
			caller.send(strings.Replace(invite, old, "<"+l.expand(row.contact)+">", 1))
			arrived := gw.expect("INVITE ")
			gw.send(gw.reply(arrived, 200, audio(l.ip(3), 42000)))
			caller.send(caller.ack(caller.final("INVITE")))
			gw.expect("ACK ")
			caller.tcp.(*net.TCPConn).CloseWrite()
			if _, err := caller.in.ReadByte(); err == nil { // until the server has closed it
				t.Fatal("there is more to read")
			}

			bye := gw.request("BYE", uri(header(arrived, "Contact")), header(arrived, "From"), header(arrived, "Call-ID"), 1, "byeredial", "")
			gw.send(strings.Replace(bye, header(bye, "From"), header(arrived, "To")+";tag=hand", 1))
			listener.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
			c, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			again := &socket{t: t, tcp: c, in: bufio.NewReader(c), ip: l.ip(2), port: 5066}
			got := again.expect("BYE ")
			if row.route != "" && header(got, "Route") != l.expand(row.route) {
				t.Errorf("Route is %q", header(got, "Route"))
			}
			again.send(again.reply(got, 200, ""))
			s.records(1)
		})
	}
}

// A target over TCP whose Contact is an address at which nobody is, as behind a NAT that it does not know of, is spoken to where it was called.
func TestTargetIsReachedWhereItWasCalled(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("TCP"))
	listener, err := net.Listen("tcp", l.ip(3)+":5060")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	caller := l.dial(2)
	caller.send(caller.invite(l, "+14255550100", "nat", audio(l.ip(2), 40000)))
	listener.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	gw := &socket{t: t, tcp: c, in: bufio.NewReader(c), ip: l.ip(3), port: 5060}
	ok := gw.reply(gw.expect("INVITE "), 200, audio(l.ip(3), 42000))
	gw.send(strings.Replace(ok, header(ok, "Contact"), "<sip:gw@"+l.ip(9)+":5060;transport=tcp>", 1))
	answer := caller.final("INVITE")
	caller.send(caller.ack(answer))
	target := "sip:gw@" + l.ip(9) + ":5060"
	if ack := gw.expect("ACK "); !strings.HasPrefix(ack, "ACK "+target) {
		t.Errorf("acknowledged with\n%s", ack)
	}
	caller.send(caller.request("BYE", uri(header(answer, "Contact")), header(answer, "To"), header(answer, "Call-ID"), 2, "nobodybye", ""))
	bye := gw.expect("BYE ")
	gw.send(gw.reply(bye, 200, ""))
	s.records(1)
}
