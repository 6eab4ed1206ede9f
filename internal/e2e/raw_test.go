package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// socket is a SIP peer by hand, over UDP or over one TCP or TLS connection.
type socket struct {
	t    *testing.T
	udp  *net.UDPConn
	tcp  net.Conn
	in   *bufio.Reader
	ip   string
	port int
	peer *net.UDPAddr // where send goes
	seen []string     // all that next has returned

	finals []string // what tells those that final has returned
}

// udp opens a UDP socket of the n-th address of the lab; it sends to port 5060 of the server.
func (l *lab) udp(n, port int) *socket {
	l.t.Helper()
	return l.udpTo(l.ip(n), port, l.ip(1))
}

func (l *lab) udpTo(ip string, port int, server string) *socket {
	l.t.Helper()
	c, err := listenUDP(&net.UDPAddr{IP: net.ParseIP(ip), Port: port})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	return &socket{t: l.t, udp: c, ip: ip, port: c.LocalAddr().(*net.UDPAddr).Port, peer: &net.UDPAddr{IP: net.ParseIP(server), Port: 5060}}
}

// listenUDP opens a socket at an address that may have had another one.
func listenUDP(at *net.UDPAddr) (*net.UDPConn, error) {
	return siptest.Bind(func() (*net.UDPConn, error) { return net.ListenUDP("udp", at) })
}

// dial opens a TCP connection from the n-th address of the lab to port 5060 of the server.
func (l *lab) dial(n int) *socket {
	l.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(l.ip(n))}, Timeout: timeout}
	c, err := d.Dial("tcp", l.ip(1)+":5060")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	return &socket{t: l.t, tcp: c, in: bufio.NewReader(c), ip: l.ip(n), port: c.LocalAddr().(*net.TCPAddr).Port}
}

func (s *socket) transport() string {
	if s.udp != nil {
		return "UDP"
	}
	return "TCP"
}

// send puts bytes on the wire as they are.
func (s *socket) send(msg string) {
	s.t.Helper()
	var err error
	if s.udp != nil {
		_, err = s.udp.WriteToUDP([]byte(msg), s.peer)
	} else {
		_, err = io.WriteString(s.tcp, msg)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// next is the next message, or "" when none comes for d.
func (s *socket) next(d time.Duration) string {
	s.t.Helper()
	msg, err := s.read(d)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return ""
	}
	if err != nil {
		s.t.Fatalf("%s:%d: %v", s.ip, s.port, err)
	}
	s.seen = append(s.seen, msg)
	return msg
}

func (s *socket) read(d time.Duration) (string, error) {
	if s.udp != nil {
		b := make([]byte, 65536)
		s.udp.SetReadDeadline(time.Now().Add(d))
		n, from, err := s.udp.ReadFromUDP(b)
		if err == nil && s.peer.Port == 0 {
			s.peer = from
		}
		return string(b[:n]), err
	}
	s.tcp.SetReadDeadline(time.Now().Add(d))
	var b strings.Builder
	length := 0
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" && b.Len() > 2 {
			break
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(s.in, body)
	return b.String() + string(body), err
}

// expect is the next message whose first line begins with start; others are passed over.
func (s *socket) expect(start string) string {
	s.t.Helper()
	deadline := time.Now().Add(timeout)
	var passed []string
	for {
		msg := s.next(time.Until(deadline))
		if strings.HasPrefix(msg, start) {
			return msg
		}
		if msg == "" {
			s.t.Fatalf("%s:%d: no message %q came, but %q", s.ip, s.port, start, passed)
		}
		line, _, _ := strings.Cut(msg, "\r\n")
		passed = append(passed, line)
	}
}

// fresh is expect, but for a message that has come before: of a call before, where a busy machine was slow to answer.
func (s *socket) fresh(start string) string {
	s.t.Helper()
	for {
		if msg := s.expect(start); !slices.Contains(s.seen[:len(s.seen)-1], msg) {
			return msg
		}
	}
}

// final is the next final response to the method. One that was returned before and comes again is none: its ACK was late.
func (s *socket) final(method string) string {
	s.t.Helper()
	for {
		r := s.expect("SIP/2.0 ")
		if r[8] == '1' || !strings.HasSuffix(header(r, "CSeq"), " "+method) {
			continue
		}
		id := header(r, "Call-ID") + " " + header(r, "CSeq") + " " + header(r, "To")
		if slices.Contains(s.finals, id) {
			continue
		}
		s.finals = append(s.finals, id)
		return r
	}
}

// header is the value of the first header of a name.
func header(msg, name string) string {
	for _, v := range headers(msg, name) {
		return v
	}
	return ""
}

// compact is the short forms of RFC 3261 §7.3.3.
var compact = map[string]string{"i": "Call-ID", "f": "From", "t": "To", "v": "Via", "m": "Contact", "c": "Content-Type", "l": "Content-Length"}

// headers is all values of a name.
func headers(msg, name string) (list []string) {
	for _, line := range strings.Split(msg, "\r\n") {
		if line == "" {
			break
		}
		n, v, ok := strings.Cut(line, ":")
		if n = strings.TrimSpace(n); compact[strings.ToLower(n)] != "" {
			n = compact[strings.ToLower(n)]
		}
		if ok && strings.EqualFold(n, name) {
			list = append(list, strings.TrimSpace(v))
		}
	}
	return list
}

// uri is what stands between < and > of a header.
func uri(value string) string {
	if _, v, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(v, ">")
	}
	return value
}

// status of a response.
func status(msg string) int {
	if len(msg) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(msg[8:11])
	return n
}

// build joins lines and a body to a message.
func build(body string, lines ...string) string {
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(lines, "\r\n") + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// request is a request outside of dialogs, or within one with the To of a response and its Contact as target.
func (s *socket) request(method, target, to, callID string, cseq int, branch, body string, more ...string) string {
	lines := append([]string{method + " " + target + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s:%d;branch=z9hG4bK%s", s.transport(), s.ip, s.port, branch),
		fmt.Sprintf("From: <sip:+14255550199@%s>;tag=f%s", s.ip, callID), "To: " + to, "Call-ID: " + callID, fmt.Sprintf("CSeq: %d %s", cseq, method),
		fmt.Sprintf("Contact: <sip:hand@%s:%d;transport=%s>", s.ip, s.port, s.transport()), "Max-Forwards: 70"}, more...)
	return build(body, lines...)
}

// invite begins a call to a number.
func (s *socket) invite(l *lab, number, callID, body string, more ...string) string {
	target := fmt.Sprintf("sip:%s@%s", number, l.ip(1))
	return s.request("INVITE", target, "<"+target+">", callID, 1, "inv"+callID, body, more...)
}

// ack is the ACK of a response to invite.
func (s *socket) ack(response string) string {
	callID := header(response, "Call-ID")
	cseq, _ := strconv.Atoi(strings.Fields(header(response, "CSeq"))[0])
	branch, target := "inv"+callID, uri(header(response, "To"))
	if status(response) < 300 {
		branch, target = "ack"+callID, uri(header(response, "Contact"))
	}
	return s.request("ACK", target, header(response, "To"), callID, cseq, branch, "")
}

// bye ends the call of a 200.
func (s *socket) bye(response string) string {
	return s.request("BYE", uri(header(response, "Contact")), header(response, "To"), header(response, "Call-ID"), 2, "bye"+header(response, "Call-ID"), "")
}

// options is a probe.
func (s *socket) options(l *lab, callID string) string {
	return s.request("OPTIONS", "sip:"+l.ip(1), "<sip:"+l.ip(1)+">", callID, 1, "opt"+callID, "")
}

// alive proves that the server answers this peer.
func (s *socket) alive(l *lab, callID string) {
	s.t.Helper()
	s.send(s.options(l, callID))
	if r := s.final("OPTIONS"); status(r) != 200 {
		s.t.Errorf("OPTIONS answered %s", r)
	}
}

// reply is a response to a request.
func (s *socket) reply(req string, code int, body string, more ...string) string {
	to := header(req, "To")
	if code > 100 && !strings.Contains(to, ";tag=") {
		to += ";tag=hand"
	}
	lines := []string{fmt.Sprintf("SIP/2.0 %d Reply", code)}
	for _, v := range headers(req, "Via") {
		lines = append(lines, "Via: "+v)
	}
	lines = append(lines, "From: "+header(req, "From"), "To: "+to, "Call-ID: "+header(req, "Call-ID"), "CSeq: "+header(req, "CSeq"),
		fmt.Sprintf("Contact: <sip:hand@%s:%d>", s.ip, s.port))
	return build(body, append(lines, more...)...)
}

// audio is SDP with one audio stream at ip:port.
func audio(ip string, port int) string {
	family := "IP4"
	if strings.Contains(ip, ":") {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", family, ip, family, ip, port)
}

// where is the address of the first audio stream of SDP.
func where(t *testing.T, msg string) *net.UDPAddr {
	t.Helper()
	a := &net.UDPAddr{}
	for _, line := range strings.Split(msg, "\r\n") {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "c=IN") && len(f) == 3:
			a.IP = net.ParseIP(f[2])
		case strings.HasPrefix(line, "m=audio") && len(f) > 2:
			a.Port, _ = strconv.Atoi(f[1])
		}
	}
	if a.IP == nil || a.Port == 0 {
		t.Fatalf("no audio in %s", msg)
	}
	return a
}
