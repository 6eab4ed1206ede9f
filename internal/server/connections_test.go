package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// wire is one connection of a peer that the test plays itself.
type wire struct {
	t  *testing.T
	c  *net.TCPConn
	in *bufio.Reader
}

func (n *node) accept() *wire {
	n.t.Helper()
	n.ln.SetDeadline(time.Now().Add(timeout))
	c, err := n.ln.AcceptTCP()
	if err != nil {
		n.t.Fatal(err)
	}
	return newWire(n.t, c)
}

// dial connects from one address to another.
func dial(t *testing.T, from, to string) *wire {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: timeout}
	c, err := d.Dial("tcp4", to)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c.(*net.TCPConn))
}

func newWire(t *testing.T, c *net.TCPConn) *wire {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(timeout))
	return &wire{t, c, bufio.NewReader(c)}
}

// next reads the next message.
func (w *wire) next() *sip.Message {
	w.t.Helper()
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := w.in.ReadString('\n')
		if err != nil {
			w.t.Fatalf("%v after %q", err, head)
		}
		head += line
	}
	_, after, _ := strings.Cut(head, "Content-Length: ")
	size, _, _ := strings.Cut(after, "\r\n")
	length, err := strconv.Atoi(size)
	if err != nil {
		w.t.Fatalf("no length: %q", head)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(w.in, body); err != nil {
		w.t.Fatal(err)
	}
	m, err := sip.Parse([]byte(head+string(body)), nil)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, head)
	}
	return m
}

// takes reads a request of that method, which has to be the next message.
func (w *wire) takes(method string) *sip.Message {
	w.t.Helper()
	m := w.next()
	if m.Method != method {
		w.t.Fatalf("waiting for %s: %s", method, m)
	}
	return m
}

// hears reads a response of that status.
func (w *wire) hears(status int) *sip.Message {
	w.t.Helper()
	m := w.next()
	if m.IsRequest() || m.Status != status {
		w.t.Fatalf("waiting for %d: %s", status, m)
	}
	return m
}

func (w *wire) says(m *sip.Message) {
	w.t.Helper()
	if _, err := w.c.Write(m.Append(nil)); err != nil {
		w.t.Fatal(err)
	}
}

// drop resets the connection.
func (w *wire) drop() {
	_ = w.c.SetLinger(0) // fails only on a connection that is already gone
	w.c.Close()
}

// endsBehind drops the connection of a call, which is then hung up: the BYE comes by another one.
func (r *rig) endsBehind(w *wire, n *node, c *siptest.Call) {
	r.t.Helper()
	w.drop()
	until(r.t, "end of the connection", func() bool { return r.transport.Stats().Dialled == 0 })
	c.Hangup()
	next := n.accept()
	next.says(sip.NewResponse(next.takes("BYE"), 200, ""))
	r.tester.Wait(c, siptest.Ended)
	r.records(1)
}

// RFC 3261 §18.2.2: the connection of an INVITE is lost while it rings, and the answer comes by another one, which the peer has dialled. ACK and BYE go to its Contact.
func TestAnswerByAnotherConnection(t *testing.T) {
	t.Parallel()
	r := start(t, overTCP)
	n := newNode(t, "tcp", r.net+"3:5060")
	pbx := r.agent(2)
	out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
	first := n.accept()
	inv := first.takes("INVITE")
	answer := func(status int) *sip.Message {
		m := sip.NewResponse(inv, status, "")
		m.SetToTag("gw")
		m.Add(sip.IDContact, "<sip:gw@"+r.net+"3:5060;transport=tcp>")
		return m
	}
	first.says(answer(180))
	r.tester.Wait(out, siptest.Ringing)
	first.drop()
	until(t, "end of the connection", func() bool { return r.transport.Stats().Dialled == 0 })

	second := dial(t, r.net+"3", r.net+"1:5070")
	ok := answer(200)
	ok.SetBody("application/sdp", expand(r.net, "v=0\r\no=- 1 1 IN IP4 NET.3\r\ns=-\r\nc=IN IP4 NET.3\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"))
	second.says(ok)
	r.tester.Wait(out, siptest.Answered)
	third := n.accept()
	third.takes("ACK")
	r.endsBehind(third, n, out) // once more
}

// RFC 3261 §18.2.2: the connection by which a call came is lost before it is answered: the answer goes by a new one to where its Via says that the caller listens,
// and so does the BYE, after a third.
func TestAnswerToACallerWhoseConnectionIsGone(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}", "kind: pbx, host: NET.2, root: {transport: TCP, port: 5060}")
	r := start(t, strings.ReplaceAll(doc, "port: 5070", "port: 5070, gatewayPort: 5060"))
	n := newNode(t, "tcp", r.net+"2:5066")
	gw := r.agent(3)
	lost := make(chan struct{})
	gw.Answer(siptest.Provisional(180), siptest.Custom(func(*siptest.Call) bool { <-lost; return true }), siptest.OK())
	request := func(method, to string) *sip.Message { return r.fromPBX(5066, method, to) }
	first := dial(t, r.net+"2", r.net+"1:5060")
	inv := request("INVITE", "")
	inv.SetBody("application/sdp", expand(r.net, "v=0\r\no=- 1 1 IN IP4 NET.2\r\ns=-\r\nc=IN IP4 NET.2\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"))
	first.says(inv)
	in := r.tester.Incoming(gw, 1)
	first.hears(180)
	first.drop()
	until(t, "end of the connection", func() bool { return r.transport.Stats().Accepted == 0 })
	close(lost)

	second := n.accept()
	ok := second.hears(200)
	second.says(request("ACK", ";tag="+ok.ToTag()))
	r.tester.Wait(in, siptest.Acked)
	second.says(request("OPTIONS", ";tag="+ok.ToTag())) // behind its ACK
	second.hears(200)
	r.endsBehind(second, n, in)
}

// fromPBX is a request of a PBX that says that it listens at that port.
func (r *rig) fromPBX(port int, method, to string) *sip.Message {
	m := sip.NewRequest(method, "sip:+14255550101@"+r.net+"1")
	m.Add(sip.IDVia, fmt.Sprintf("SIP/2.0/TCP %s2:%d;branch=z9hG4bK%s", r.net, port, method))
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDFrom, "<sip:+14255550100@"+r.net+"2>;tag=pbx")
	m.Add(sip.IDTo, "<sip:+14255550101@"+r.net+"1>"+to)
	m.Add(sip.IDCallID, "gone")
	m.Add(sip.IDCSeq, "1 "+method)
	m.Add(sip.IDContact, fmt.Sprintf("<sip:pbx@%s2:%d;transport=tcp>", r.net, port))
	return m
}

// A caller that names the port it calls from, where it does not listen, is hung up at the port of its trunk when its connection is gone.
func TestCallerNamesAPortOfNobody(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}", "kind: pbx, host: NET.2, root: {transport: TCP, port: 5060, gatewayPort: 5066}")
	r := start(t, strings.ReplaceAll(doc, "port: 5070", "port: 5070, gatewayPort: 5060"))
	n := newNode(t, "tcp", r.net+"2:5066")
	gw := r.agent(3)
	first := dial(t, r.net+"2", r.net+"1:5060")
	inv := r.fromPBX(5099, "INVITE", "")
	inv.SetBody("application/sdp", description(r.net, "1", "audio 30000 RTP/AVP 0"))
	first.says(inv)
	in := r.tester.Incoming(gw, 1)
	ok := first.hears(200)
	first.says(r.fromPBX(5099, "ACK", ";tag="+ok.ToTag()))
	r.tester.Wait(in, siptest.Acked)
	first.says(r.fromPBX(5099, "OPTIONS", ";tag="+ok.ToTag())) // behind its ACK
	first.hears(200)
	first.drop()
	until(t, "end of the connection", func() bool { return r.transport.Stats().Accepted == 0 })
	in.Hangup()
	n.takes("BYE")
	r.tester.Wait(in, siptest.Ended)
	r.records(1)
}

// A caller behind a NAT, to which nobody can connect, opens a new connection when the one of its call is lost: what it is told of the call goes by that, the answer and the BYE.
func TestCallerIsReachedByItsNextConnection(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}", "kind: pbx, host: NET.2, root: {transport: TCP, port: 5060}")
	r := start(t, strings.ReplaceAll(doc, "port: 5070", "port: 5070, gatewayPort: 5060"))
	gw := r.agent(3)
	lost := make(chan struct{})
	gw.Answer(siptest.Provisional(180), siptest.Custom(func(*siptest.Call) bool { <-lost; return true }), siptest.OK())
	request := func(method, callID, to string) *sip.Message {
		m := r.fromPBX(5099, method, to)
		m.Set(sip.IDCallID, callID)
		m.Set(sip.IDContact, "<sip:pbx@10.1.1.1:5099;transport=tcp>")
		return m
	}
	again := func(before *wire) *wire {
		before.drop()
		until(t, "end of the connection", func() bool { return r.transport.Stats().Accepted == 0 })
		w := dial(t, r.net+"2", r.net+"1:5060")
		w.says(request("OPTIONS", "ping", ""))
		w.hears(200)
		return w
	}
	first := dial(t, r.net+"2", r.net+"1:5060")
	inv := request("INVITE", "gone", "")
	inv.SetBody("application/sdp", description(r.net, "1", "audio 30000 RTP/AVP 0"))
	first.says(inv)
	in := r.tester.Incoming(gw, 1)
	first.hears(180)
	second := again(first)
	close(lost)
	ok := second.hears(200)
	second.says(request("ACK", "gone", ";tag="+ok.ToTag()))
	r.tester.Wait(in, siptest.Acked)
	second.says(request("INFO", "gone", ";tag="+ok.ToTag())) // behind its ACK
	second.next()
	third := again(second)
	in.Hangup()
	third.says(sip.NewResponse(third.takes("BYE"), 200, ""))
	r.tester.Wait(in, siptest.Ended)
	r.records(1)
}

// TestCallThatFindsNoConnection has the trunk looked at: it is down after seconds, not when its next OPTIONS would have been due.
func TestCallThatFindsNoConnection(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(basic, "root: {transport: UDP, port: 5070}", "root: {transport: TCP, port: 5070, gatewayPort: 5060}")
	doc = strings.ReplaceAll(doc, "global: {options: false}", "trunk:gw: {optionsInterval: 5m, optionsIntervalDown: 1s, optionsTimeout: 1s}")
	r := start(t, doc)
	pbx := r.agent(2)
	gw := r.tester.Agent(siptest.Config{Name: "gw", Network: "tcp", Listen: r.net + "3:5060"})
	until(t, "OPTIONS are answered", func() bool { return !r.trunk("gw").LastProbe.IsZero() })
	if err := gw.Close(); err != nil {
		t.Fatal(err)
	}
	r.tester.Wait(r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1"), siptest.Failed)
	until(t, "the trunk is down", func() bool { return r.trunk("gw").State == "down" })
}
