package bench

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// pair is a caller and a callee in this process, so that one clock sees both ends of a call. It is no SIP stack: it says what a basic
// call needs and repeats nothing.
type pair struct {
	at             hosts
	caller, callee *net.UDPConn
	target         *net.UDPAddr
	parties        parties
	ring           time.Duration // between 180 and 200
	mu             sync.Mutex
	calls          map[string]*talk // by called number
	next           int
}

// talk is one call as both ends saw it.
type talk struct {
	number                  string
	id                      string // Call-ID of the caller
	invite, ringing, answer time.Time
	// at the callee
	invited, rang, answered time.Time
	up                      chan struct{} // closed at the answer
	told                    [2]string     // SDP that the caller and the callee were sent
	routes, to, contact     string
}

const (
	agentPort = 5070
	mediaPort = 30000 // of both ends, for all calls
)

func newPair(at hosts, target string) (*pair, error) {
	p := &pair{at: at, calls: make(map[string]*talk), ring: 20 * time.Millisecond, target: &net.UDPAddr{IP: net.ParseIP(target), Port: 5060}}
	var err error
	if p.caller, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(at.caller), Port: agentPort}); err != nil {
		return nil, err
	}
	if p.callee, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(at.probe), Port: 5060}); err != nil {
		p.caller.Close()
		return nil, err
	}
	go p.read(p.caller, p.response)
	go p.read(p.callee, p.request)
	return p, nil
}

func (p *pair) close() {
	p.caller.Close()
	p.callee.Close()
}

func (p *pair) read(c *net.UDPConn, handle func(now time.Time, m string, from *net.UDPAddr)) {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFromUDP(buf)
		if err != nil {
			return
		}
		handle(time.Now(), string(buf[:n]), from)
	}
}

// header is all lines of a header, as they are.
func headers(m, name string) []string {
	var list []string
	head, _, _ := strings.Cut(m, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			list = append(list, line)
		}
	}
	return list
}

func header(m, name string) string {
	for _, line := range headers(m, name) {
		_, v, _ := strings.Cut(line, ":")
		return strings.TrimSpace(v)
	}
	return ""
}

func sdp(host string, f format) string {
	head := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP ", host, mediaPort)
	if f.name != "" { // the only one, so that the other end has to be understood by it
		return head + fmt.Sprintf("%[1]d\r\na=rtpmap:%[1]d %[2]s\r\n", f.payloadType, f.encoding)
	}
	return head + "0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
}

// mediaOf is where an SDP of one stream wants its audio.
func mediaOf(body string) netip.AddrPort {
	var addr netip.Addr
	port := 0
	for line := range strings.SplitSeq(body, "\r\n") {
		if v, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			addr, _ = netip.ParseAddr(v)
		}
		if v, ok := strings.CutPrefix(line, "m=audio "); ok {
			fmt.Sscan(v, &port)
		}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// call begins a call and returns at once.
func (p *pair) call() *talk {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	t := &talk{number: fmt.Sprintf("+3%09d", p.next), id: fmt.Sprintf("%d-%d@%s", p.next, time.Now().UnixNano(), p.at.caller), up: make(chan struct{})}
	p.calls[t.number] = t
	body := described(p.at.caller, p.parties[0], "")
	m := p.begin("INVITE", "sip:"+t.number+"@"+p.target.String(), t, 1) +
		fmt.Sprintf("Contact: <sip:probe@%s:%d>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", p.at.caller, agentPort, len(body), body)
	t.invite = time.Now()
	p.caller.WriteToUDP([]byte(m), p.target)
	return t
}

func (p *pair) begin(method, uri string, t *talk, seq int) string {
	to := t.to
	if to == "" {
		to = "<sip:" + t.number + "@" + p.target.IP.String() + ">"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\n%sFrom: <sip:+14255550198@%s>;tag=%s\r\nTo: %s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\n", method, uri, p.at.caller, agentPort, method, t.number[1:]+t.id[len(t.id)-14:len(t.id)-11], t.routes, p.at.caller, t.number[1:], to,
		t.id, seq, method)
}

// hangUp ends an answered call.
func (p *pair) hangUp(t *talk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caller.WriteToUDP([]byte(p.begin("BYE", t.contact, t, 2)+"Content-Length: 0\r\n\r\n"), p.target)
	delete(p.calls, t.number)
}

// response is the caller's side.
func (p *pair) response(now time.Time, m string, _ *net.UDPAddr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, status := header(m, "Call-ID"), m[min(len(m), 8):min(len(m), 11)]
	_, number, _ := strings.Cut(header(m, "From"), "tag=")
	t := p.calls["+"+number]
	if t == nil || t.id != id || !strings.HasSuffix(header(m, "CSeq"), "INVITE") {
		return
	}
	switch {
	case status == "180" && t.ringing.IsZero():
		t.ringing = now
	case status == "200" && t.answer.IsZero():
		t.answer, t.to = now, header(m, "To")
		_, uri, _ := strings.Cut(header(m, "Contact"), "<")
		t.contact, _, _ = strings.Cut(uri, ">")
		for _, r := range headers(m, "Record-Route") {
			_, v, _ := strings.Cut(r, ":")
			t.routes = "Route:" + v + "\r\n" + t.routes
		}
		_, body, _ := strings.Cut(m, "\r\n\r\n")
		t.told[0] = body
		p.caller.WriteToUDP([]byte(p.begin("ACK", t.contact, t, 1)+"Content-Length: 0\r\n\r\n"), p.target)
		close(t.up)
	}
}

// request is the callee's side.
func (p *pair) request(now time.Time, m string, from *net.UDPAddr) {
	method, rest, _ := strings.Cut(m, " ")
	_, rest, _ = strings.Cut(rest, ":")
	number, _, _ := strings.Cut(rest, "@")
	if method == "ACK" {
		return
	}
	same := ""
	for _, name := range []string{"Via", "Record-Route", "From", "Call-ID", "CSeq"} {
		for _, line := range headers(m, name) {
			same += line + "\r\n"
		}
	}
	same += "Contact: <sip:probe@" + p.at.probe + ":5060>\r\nTo: " + header(m, "To")
	if method != "INVITE" {
		p.callee.WriteToUDP([]byte("SIP/2.0 200 OK\r\n"+same+"\r\nContent-Length: 0\r\n\r\n"), from)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.calls[number]
	if t == nil || !t.invited.IsZero() {
		return
	}
	_, body, _ := strings.Cut(m, "\r\n\r\n")
	t.invited, t.told[1] = now, body
	tag, _ := keyIn(body)
	same += ";tag=c" + number[1:] + "\r\n"
	t.rang = time.Now()
	p.callee.WriteToUDP([]byte("SIP/2.0 180 Ringing\r\n"+same+"Content-Length: 0\r\n\r\n"), from)
	time.AfterFunc(p.ring, func() {
		body := described(p.at.probe, p.parties[1], tag)
		ok := []byte(fmt.Sprintf("SIP/2.0 200 OK\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", same, len(body), body))
		p.mu.Lock()
		t.answered = time.Now()
		p.mu.Unlock()
		p.callee.WriteToUDP(ok, from)
	})
}
