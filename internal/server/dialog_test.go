package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// node is a host of a peer that takes the requests of a dialog that another host of it has begun.
type node struct {
	t   *testing.T
	ln  *net.TCPListener
	pc  *net.UDPConn
	tls *tls.Config // nil: in the clear
	tcp net.Conn    // the last that was accepted
}

func newNode(t *testing.T, network, at string) *node {
	t.Helper()
	n := &node{t: t}
	var err error
	if network == "udp" {
		pc, failed := net.ListenPacket("udp4", at)
		if err = failed; err == nil {
			n.pc = pc.(*net.UDPConn)
			t.Cleanup(func() { pc.Close() })
		}
	} else {
		ln, failed := net.Listen("tcp4", at)
		if err = failed; err == nil {
			n.ln = ln.(*net.TCPListener)
			t.Cleanup(func() { ln.Close() })
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// takes waits for a request of that method, and answers it if it is no ACK. Others are passed over.
func (n *node) takes(method string) *sip.Message {
	n.t.Helper()
	deadline := time.Now().Add(timeout)
	if n.pc != nil {
		n.pc.SetDeadline(deadline)
		b := make([]byte, 65536)
		for {
			size, from, err := n.pc.ReadFromUDP(b)
			if err != nil {
				n.t.Fatalf("waiting for %s: %v", method, err)
			}
			if m := n.parse(b[:size]); m.Method == method {
				n.answer(m, func(data []byte) error { _, err := n.pc.WriteToUDP(data, from); return err })
				return m
			}
		}
	}
	n.ln.SetDeadline(deadline)
	c, err := n.ln.Accept()
	if err != nil {
		n.t.Fatalf("waiting for %s: %v", method, err)
	}
	n.t.Cleanup(func() { c.Close() })
	c.SetDeadline(deadline)
	n.tcp = c
	if n.tls != nil {
		c = tls.Server(c, n.tls)
	}
	in := bufio.NewReader(c)
	for {
		text := ""
		for !strings.HasSuffix(text, "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if err != nil {
				n.t.Fatalf("waiting for %s: %v after %q", method, err, text)
			}
			text += line
		}
		if m := n.parse([]byte(text)); m.Method == method {
			n.answer(m, func(data []byte) error { _, err := c.Write(data); return err })
			return m
		}
	}
}

func (n *node) parse(data []byte) *sip.Message {
	n.t.Helper()
	m, err := sip.Parse(data, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

func (n *node) answer(m *sip.Message, send func([]byte) error) {
	if m.Method == "ACK" {
		return
	}
	if err := send(sip.NewResponse(m, 200, "").Append(nil)); err != nil {
		n.t.Error(err)
	}
}

// untouched checks that nobody has come; what could have must be over.
func (n *node) untouched() {
	n.t.Helper()
	n.ln.SetDeadline(time.Now().Add(50 * time.Millisecond)) // with one that is over nothing is accepted, whoever waits
	if c, err := n.ln.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		if c != nil {
			c.Close()
		}
		n.t.Errorf("somebody has come: %v, %v", c, err)
	}
}

// says is an answer of a gateway with another Contact, or a Record-Route.
func says(network, contact, route string) siptest.Step {
	return siptest.OKEdited(func(m *sip.Message) {
		if contact != "" {
			m.Set(sip.IDContact, "<"+expand(network, contact)+">")
		}
		if route != "" {
			m.Add(sip.IDRecordRoute, "<"+expand(network, route)+">")
		}
	})
}

// overTCP is basic with a gateway over TCP.
var overTCP = strings.ReplaceAll(basic, "root: {transport: UDP, port: 5070}", "root: {transport: TCP, port: 5070, gatewayPort: 5060}")

// RFC 3261 §12.2.1.1, RFC 3263 §4: a peer that names the host of its dialog is found by that name when its connection is gone, at the next address where nobody
// is at the first; and where it was called when the name leads nowhere.
func TestByeFindsAPeerByName(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ contact, route, at string }{
		"contact with a port":       {contact: "sip:gw@node.test:5066;transport=tcp", at: "NET.4:5066"},
		"contact by SRV":            {contact: "sip:gw@edge.test;transport=tcp", at: "NET.4:5068"},
		"contact without transport": {contact: "sip:gw@edge.test", at: "NET.4:5068"},
		"maddr":                     {contact: "sip:gw@192.0.2.1:5066;maddr=node.test", at: "NET.4:5066"},
		"record-route":              {route: "sip:node.test:5066;lr", at: "NET.4:5066"},
		"record-route by SRV":       {route: "sip:edge.test;transport=tcp;lr", at: "NET.4:5068"},
		"no such name":              {contact: "sip:gw@nowhere.test", at: "NET.3:5060"},
		"nobody at the name":        {contact: "sip:gw@node.test:5067", at: "NET.3:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := named(t, overTCP, "node.test. 60 IN A NET.8", "node.test. 60 IN A NET.4", "one.test. 60 IN A NET.8", "two.test. 60 IN A NET.4",
				"_sip._tcp.edge.test. 60 IN SRV 1 1 5068 one.test.", "_sip._tcp.edge.test. 60 IN SRV 2 1 5068 two.test.")
			r.tester.Allow("Request-URI is not our Contact")
			pbx := r.agent(2)
			gw := r.tester.Agent(siptest.Config{Name: "gw", Network: "tcp", Listen: r.net + "3:5060"})
			gw.Answer(says(r.net, row.contact, row.route))
			out, _ := r.call(pbx, gw)
			if err := gw.Close(); err != nil { // and its connection
				t.Fatal(err)
			}
			until(t, "end of the connection", func() bool { return r.transport.Stats().Dialled == 0 })
			n := newNode(t, "tcp", expand(r.net, row.at))
			out.Hangup()
			n.takes("BYE")
			r.tester.Wait(out, siptest.Ended)
			r.records(1)
		})
	}
}

// The same for a caller, whose own port is none to call it at.
func TestByeFindsACallerByName(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}", "kind: pbx, host: NET.2, root: {transport: TCP, port: 5060}")
	r := named(t, strings.ReplaceAll(doc, "port: 5070", "port: 5070, gatewayPort: 5060"), "_sip._tcp.edge.test. 60 IN SRV 1 1 5068 node.test.", "node.test. 60 IN A NET.4")
	n := newNode(t, "tcp", r.net+"4:5068")
	pbx, gw := r.tester.Agent(siptest.Config{Name: "pbx", Network: "tcp", Listen: r.net + "2:5060"}), r.agent(3)
	out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.Edit(func(m *sip.Message) {
		m.Set(sip.IDContact, "<sip:pbx@edge.test>")
	}))
	r.tester.Wait(out, siptest.Answered)
	in := r.tester.Incoming(gw, 1)
	r.tester.Wait(in, siptest.Acked)
	if m, err := out.Do(r.tester.Context(), "OPTIONS"); err != nil || m.Status != 200 { // behind its ACK
		t.Fatalf("OPTIONS: %v, %v", m, err)
	}
	if err := pbx.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "end of the connection", func() bool { return r.transport.Stats().Accepted == 0 })
	in.Hangup()
	n.takes("BYE")
	r.tester.Wait(in, siptest.Ended)
	r.records(1)
}

// A connection that is there is used, whatever a peer names.
func TestNameOfAConnectedPeerIsNotLookedUp(t *testing.T) {
	t.Parallel()
	r := named(t, overTCP, "node.test. 60 IN A NET.4")
	r.tester.Allow("Request-URI is not our Contact")
	n := newNode(t, "tcp", r.net+"4:5066")
	pbx := r.agent(2)
	gw := r.tester.Agent(siptest.Config{Name: "gw", Network: "tcp", Listen: r.net + "3:5060"})
	gw.Answer(says(r.net, "sip:gw@node.test:5066", ""))
	out, in := r.call(pbx, gw)
	out.Hangup()
	r.tester.Wait(in, siptest.Ended)
	r.tester.Wait(out, siptest.Ended)
	r.records(1)
	n.untouched()
}

// Over UDP, where there is no connection, the name says where to at once, from the ACK on.
func TestDatagramsOfADialogFollowItsName(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ contact, route, at string }{
		"contact":             {contact: "sip:gw@node.test:5066", at: "NET.4:5066"},
		"contact by SRV":      {contact: "sip:gw@edge.test", at: "NET.4:5068"},
		"record-route by SRV": {route: "sip:edge.test;lr", at: "NET.4:5068"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := named(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"), "node.test. 60 IN A NET.4", "_sip._udp.edge.test. 60 IN SRV 1 1 5068 node.test.")
			n := newNode(t, "udp", expand(r.net, row.at))
			pbx, gw := r.agent(2), r.agent(3)
			gw.Answer(says(r.net, row.contact, row.route))
			out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
			r.tester.Wait(out, siptest.Answered)
			n.takes("ACK")
			out.Hangup()
			n.takes("BYE")
			r.tester.Wait(out, siptest.Ended)
			r.records(1)
		})
	}
}

// RFC 3263 §4.3: a request of a dialog that the first address of a name does not take goes on to the next, and at last to where the dialog was set up.
func TestDatagramsOfADialogGoOnToTheNextAddress(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ contact, at string }{
		"next address": {"sip:gw@node.test:5066", "NET.4:5066"},
		"no such name": {"sip:gw@nowhere.test", "NET.3:5060"},
		"silent name":  {"sip:gw@dead.test:5066", "NET.3:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := named(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"), "node.test. 60 IN A NET.8", "node.test. 60 IN A NET.4", "dead.test. 60 IN A NET.8")
			r.tester.Allow("Request-URI is not our Contact")
			deaf(t, r.net+"8:5066")
			pbx, gw := r.agent(2), r.agent(3)
			gw.Answer(says(r.net, row.contact, ""))
			out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
			r.tester.Wait(out, siptest.Answered)
			if err := gw.Close(); err != nil {
				t.Fatal(err)
			}
			n := newNode(t, "udp", expand(r.net, row.at))
			out.Hangup()
			n.takes("BYE")
			r.tester.Wait(out, siptest.Ended)
			r.records(1)
		})
	}
}

// A name that a peer gives makes nobody a peer: over TLS whoever is found by it proves to be the gateway, by the name that the leg has had, or by one of the
// document's own for the gateway (RFC 5922 §4). Else the dialog goes on where it was set up.
func TestNameOfADialogProvesToBeTheGateway(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ certificate, at string }{
		"certificate of the gateway":      {"sbc.test", "NET.4:5066"},
		"certificate of another name":     {"node.test", "NET.4:5066"},
		"certificate of the host alone":   {"other.test", "NET.3:5061"},
		"certificate of nobody who calls": {"stranger.test", "NET.3:5061"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := siptest.NewAuthority(t, t.TempDir(), "authority")
			own := ca.Issue("med1", time.Hour, "med1.test", "pool.test")
			doc := strings.ReplaceAll(basic, "host: NET.3, root: {transport: UDP, port: 5070}",
				"host: sbc.test, names: [sbc.test, node.test], root: {transport: TLS, port: 5061, gatewayPort: 5061}")
			doc = strings.ReplaceAll(doc, "mediaPorts", fmt.Sprintf("cert: %s.pem, key: %s.key, ca: %s, mediaPorts", own, own, ca.File))
			r := named(t, doc, "sbc.test. 60 IN A NET.3", "node.test. 60 IN A NET.4", "other.test. 60 IN A NET.4")
			r.tester.Allow("Request-URI is not our Contact")
			host := "other.test"
			if row.certificate == "node.test" {
				host = "node.test"
			}
			sbc := ca.Config(ca.Issue("sbc", time.Hour, "sbc.test"))
			pbx := r.agent(2)
			gw := r.tester.Agent(siptest.Config{Name: "gw", Network: "tls", TLS: sbc, Listen: r.net + "3:5061"})
			gw.Answer(says(r.net, "sip:gw@"+host+":5066;transport=tls", ""))
			out, _ := r.call(pbx, gw)
			if err := gw.Close(); err != nil {
				t.Fatal(err)
			}
			until(t, "end of the connection", func() bool { return r.transport.Stats().Dialled == 0 })
			found := newNode(t, "tcp", r.net+"4:5066")
			found.tls = ca.Config(ca.Issue("found", time.Hour, row.certificate))
			if row.at == "NET.4:5066" {
				out.Hangup()
				found.takes("BYE")
			} else {
				refused := make(chan error, 1)
				go func() {
					c, err := found.ln.Accept()
					if err == nil {
						_, err = tls.Server(c, found.tls).Read(make([]byte, 1))
						c.Close()
					}
					refused <- err
				}()
				set := newNode(t, "tcp", expand(r.net, row.at))
				set.tls = sbc
				out.Hangup()
				set.takes("BYE")
				if err := <-refused; err == nil {
					t.Error("a stranger was told of the call")
				}
			}
			r.tester.Wait(out, siptest.Ended)
			r.records(1)
		})
	}
}

// RFC 3261 §19.1.1, §12.2.1.1: requests of a dialog go by the transport that the peer names, as far as its trunk has a listener of it: with UDP also TCP.
func TestDialogFollowsTheTransportOfThePeer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ contact, route, network, at string }{
		"contact":             {contact: "sip:gw@NET.4:5066;transport=tcp", network: "tcp", at: "NET.4:5066"},
		"contact by name":     {contact: "sip:gw@node.test:5066;transport=TCP", network: "tcp", at: "NET.4:5066"},
		"contact by SRV":      {contact: "sip:gw@edge.test;transport=tcp", network: "tcp", at: "NET.4:5068"},
		"record-route":        {route: "sip:NET.4:5066;transport=tcp;lr", network: "tcp", at: "NET.4:5066"},
		"its own transport":   {contact: "sip:gw@NET.4:5066;transport=udp", network: "udp", at: "NET.4:5066"},
		"one that it has not": {contact: "sip:gw@NET.4:5066;transport=tls", network: "udp", at: "NET.4:5066"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := named(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"), "node.test. 60 IN A NET.4", "_sip._tcp.edge.test. 60 IN SRV 1 1 5068 node.test.")
			n := newNode(t, row.network, expand(r.net, row.at))
			pbx, gw := r.agent(2), r.agent(3)
			gw.Answer(says(r.net, row.contact, row.route))
			out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
			r.tester.Wait(out, siptest.Answered)
			out.Hangup()
			bye := n.takes("BYE")
			if via, _ := bye.TopVia(); !strings.EqualFold(via.Transport, row.network) {
				t.Errorf("the BYE has Via %s", bye.Get(sip.IDVia))
			}
			r.tester.Wait(out, siptest.Ended)
			r.records(1)
		})
	}
}

// The same toward a caller.
func TestDialogFollowsTheTransportOfTheCaller(t *testing.T) {
	t.Parallel()
	r := start(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"))
	n := newNode(t, "tcp", r.net+"2:5066")
	pbx, gw := r.agent(2), r.agent(3)
	r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.Edit(func(m *sip.Message) {
		m.Set(sip.IDContact, "<sip:peer2@"+r.net+"2:5066;transport=tcp>")
	}))
	in := r.tester.Incoming(gw, 1)
	r.tester.Wait(in, siptest.Acked)
	in.Hangup()
	n.takes("BYE")
	r.tester.Wait(in, siptest.Ended)
	r.records(1)
}

// A peer that names TCP and takes none is spoken to by UDP, with ACK, re-INVITE and BYE, as before it has said so.
func TestPeerWithoutTheTCPThatItNames(t *testing.T) {
	t.Parallel()
	r := start(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"))
	pbx, gw := r.agent(2), r.agent(3)
	for range 3 { // the first finds out
		gw.Answer(says(r.net, "sip:peer3@"+r.net+"3:5060;transport=tcp", ""))
		out, in := r.call(pbx, gw)
		if m, err := out.Reinvite(r.tester.Context(), siptest.SendOnly); err != nil || m.Status != 200 {
			t.Fatalf("re-INVITE: %v, %v", m, err)
		}
		r.hangup(out, in)
	}
	r.records(3)
}

// Behind a port that is forwarded to it, or after the port where it has been called, a gateway names one at which nobody is to be reached: it is reached where it has been called.
func TestTargetNamesAPortOfNobody(t *testing.T) {
	t.Parallel()
	for name, contact := range map[string]string{"another port": "sip:gw@NET.3:5099;transport=tcp", "no port": "sip:gw@NET.3;transport=tcp", "by UDP": "sip:gw@NET.3:5099;transport=udp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, strings.ReplaceAll(overTCP, "gatewayPort: 5060", "gatewayPort: 5066"))
			r.tester.Allow("Request-URI is not our Contact")
			pbx, gw := r.agent(2), r.tester.Agent(siptest.Config{Name: "gw", Network: "tcp", Listen: r.net + "3:5066"})
			gw.Answer(says(r.net, contact, ""))
			out, in := r.call(pbx, gw)
			if m, err := out.Reinvite(r.tester.Context(), siptest.SendOnly); err != nil || m.Status != 200 {
				t.Fatalf("re-INVITE: %v, %v", m, err)
			}
			out.Hangup()
			r.tester.Wait(in, siptest.Ended)
			r.records(1)
		})
	}
}
