package siptest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// clientTx is a request of ours and what came back.
type clientTx struct {
	a       *Agent
	call    *Call // nil out of calls
	req     *sip.Message
	bytes   []byte
	to      peer
	again   *timer
	expire  *timer
	status  int // of the latest response
	answers func(*sip.Message)
	ack     []byte // of a refused INVITE
}

// serverTx is a request of the peer and what we said.
type serverTx struct {
	a     *Agent
	call  *Call
	req   *sip.Message
	from  peer
	last  []byte // the latest response
	final int
	// unacked has the repetition of each final answer to INVITE that waits for its ACK, by To tag: a forked
	// answer has several.
	unacked map[string]*timer
}

func clientKey(m *sip.Message, method string) string {
	via, _ := m.TopVia()
	branch, _ := via.Params.Get("branch")
	return branch + " " + method
}

func serverKey(m *sip.Message, method string) string {
	via, _ := m.TopVia()
	branch, _ := via.Params.Get("branch")
	return branch + " " + via.Host + ":" + strconv.Itoa(int(via.Port)) + " " + method
}

// request sends a request in a transaction; the agent is locked. answers sees each response once, a 2xx to
// INVITE each time; nil means that nothing came in time.
func (a *Agent) request(c *Call, m *sip.Message, to peer, answers func(*sip.Message)) *clientTx {
	if !m.Has(sip.IDVia) { // CANCEL has that of its INVITE
		a.addVia(m)
	}
	t := &clientTx{a: a, call: c, req: m, bytes: m.Append(nil), to: to, answers: answers}
	a.clients[clientKey(m, m.Method)] = t
	if c != nil {
		c.keys = append(c.keys, clientKey(m, m.Method))
	}
	a.record(c, true, to, m, false)
	a.send(to, t.bytes)
	if a.udp != nil {
		t.retransmit(a.cfg.T1)
	}
	if m.Method != "INVITE" {
		t.expire = a.after(64*a.cfg.T1, t.timeout)
	} else {
		t.expire = a.after(64*a.cfg.T1, func() {
			if t.status == 0 {
				t.timeout()
			}
		})
	}
	return t
}

func (a *Agent) addVia(m *sip.Message) {
	m.AddFirst(sip.IDVia, "SIP/2.0/"+strings.ToUpper(a.cfg.Network)+" "+a.hostPort()+";branch="+sip.MagicCookie+token()+";rport")
}

// retransmit is timer A of RFC 3261 §17.1.1.2, or timer E of §17.1.2.2.
func (t *clientTx) retransmit(d time.Duration) {
	t.again = t.a.after(d, func() {
		if t.status >= 200 || t.req.Method == "INVITE" && t.status > 0 {
			return
		}
		t.a.record(t.call, true, t.to, t.req, true)
		t.a.send(t.to, t.bytes)
		next := 2 * d
		if t.req.Method != "INVITE" {
			next = min(next, 8*t.a.cfg.T1)
		}
		t.retransmit(next)
	})
}

func (t *clientTx) timeout() {
	if t.status >= 200 {
		return
	}
	t.again.stop()
	t.status = 408
	t.answers(nil)
}

// response takes one from the wire; the agent is locked.
func (t *clientTx) response(m *sip.Message) {
	switch {
	case m.Status < 200:
		if t.status < 200 {
			t.status = m.Status
			t.answers(m)
		}
	case t.req.Method == "INVITE" && m.Status < 300:
		t.status = m.Status
		t.finish()
		t.answers(m)
	case t.req.Method == "INVITE":
		if t.ack == nil {
			t.ack = t.ackRefusal(m)
		}
		t.a.send(t.to, t.ack)
		if t.status < 200 {
			t.status = m.Status
			t.finish()
			t.answers(m)
		}
	case t.status < 200:
		t.status = m.Status
		t.finish()
		t.answers(m)
	}
}

func (t *clientTx) finish() {
	t.again.stop()
	t.expire.stop()
}

// ackRefusal is the ACK of RFC 3261 §17.1.1.3: the branch of the INVITE, the To of the response.
func (t *clientTx) ackRefusal(resp *sip.Message) []byte {
	m := sip.NewRequest("ACK", t.req.URI)
	for _, h := range t.req.Headers {
		switch h.ID {
		case sip.IDVia, sip.IDFrom, sip.IDCallID, sip.IDRoute, sip.IDMaxForwards:
			m.Add(h.ID, h.Value)
		}
	}
	m.Add(sip.IDTo, resp.Get(sip.IDTo))
	seq, _, _ := t.req.CSeq()
	m.Add(sip.IDCSeq, cseq(seq, "ACK"))
	t.a.record(t.call, true, t.to, m, false)
	return m.Append(nil)
}

// reply answers a request; the agent is locked. Final answers to INVITE are repeated until the ACK.
func (t *serverTx) reply(m *sip.Message) {
	if !m.Has(sip.IDServer) {
		m.Add(sip.IDServer, t.a.cfg.UserAgent)
	}
	t.last = m.Append(nil)
	t.a.record(t.call, true, t.from, m, false)
	t.sendLast()
	if m.Status < 200 {
		return
	}
	t.final = m.Status
	// A 2xx is repeated over every transport (RFC 3261 §13.3.1.4), other answers over UDP only (§17.2.1).
	if t.req.Method == "INVITE" && (m.Status < 300 || t.a.udp != nil) {
		t.repeat(m, t.last, t.a.cfg.T1, 0)
	} else if t.req.Method == "INVITE" {
		t.wait(m.ToTag(), nil)
	}
}

func (t *serverTx) sendLast() {
	to := t.from
	to.addr = t.req.ResponseAddr(t.from.addr)
	t.a.send(to, t.last)
}

// repeat sends a final answer again after d, until 64 T1 are over.
func (t *serverTx) repeat(m *sip.Message, b []byte, d, spent time.Duration) {
	tag := m.ToTag()
	t.wait(tag, t.a.after(d, func() {
		if t.call != nil && t.call.vanished {
			return
		}
		if spent += d; spent >= 64*t.a.cfg.T1 {
			t.a.violation(t.call, "no ACK for "+m.StartLine())
			return
		}
		t.a.record(t.call, true, t.from, m, true)
		to := t.from
		to.addr = t.req.ResponseAddr(t.from.addr)
		t.a.send(to, b)
		t.repeat(m, b, min(2*d, 8*t.a.cfg.T1), spent)
	}))
}

func (t *serverTx) wait(tag string, again *timer) {
	if t.unacked == nil {
		t.unacked = map[string]*timer{}
	}
	t.unacked[tag] = again
}

// acked ends the repetition; it is false when there is none.
func (t *serverTx) acked(tag string) bool {
	again, ok := t.unacked[tag]
	again.stop()
	delete(t.unacked, tag)
	return ok
}

// receive takes a message from a socket.
func (a *Agent) receive(b []byte, from peer) {
	m, err := sip.Parse(slices.Clone(b), nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if err != nil {
		a.violation(nil, from.addr.String()+" sent what is not SIP: "+err.Error())
		return
	}
	if m.IsRequest() {
		m.FixTopVia(from.addr)
		a.receiveRequest(m, from)
		return
	}
	_, method, _ := m.CSeq()
	t := a.clients[clientKey(m, method)]
	if t == nil {
		a.record(nil, false, from, m, false)
		a.violation(nil, "response to nothing: "+m.StartLine())
		return
	}
	if t.call != nil && t.call.vanished {
		return
	}
	again := t.status >= 200 && m.Status >= 200
	a.record(t.call, false, from, m, again)
	a.checkResponse(t, m)
	if m.Get(sip.IDCSeq) != t.req.Get(sip.IDCSeq) { // noted; it answers another request
		return
	}
	t.response(m)
}

func (a *Agent) receiveRequest(m *sip.Message, from peer) {
	if m.Method == "ACK" {
		a.receiveAck(m, from)
		return
	}
	key := serverKey(m, m.Method)
	if t := a.servers[key]; t != nil { // a retransmission
		if t.call != nil && t.call.vanished {
			return
		}
		a.record(t.call, false, from, m, true)
		if t.last != nil && !(t.final/100 == 2 && m.Method == "INVITE") {
			t.sendLast()
		}
		return
	}
	t := &serverTx{a: a, req: m, from: from}
	a.servers[key] = t
	toTag := m.ToTag()
	c := a.dialogs[m.CallID()+" "+toTag]
	if m.Method == "CANCEL" {
		a.receiveCancel(t)
		return
	}
	if c != nil && toTag != "" {
		t.call = c
		c.keys = append(c.keys, key)
		if c.vanished {
			return
		}
		a.record(c, false, from, m, false)
		a.checkRequest(c, m)
		c.receive(t)
		return
	}
	a.checkRequest(nil, m)
	a.receiveNew(t, toTag)
}

// receiveNew takes a request that belongs to no call.
func (a *Agent) receiveNew(t *serverTx, toTag string) {
	key := serverKey(t.req, t.req.Method)
	if a.screen != nil && toTag == "" {
		if r := a.screen(t); r.status > 0 {
			a.record(nil, false, t.from, t.req, false)
			t.reply(t.response(r.status, r.headers))
			return
		}
	}
	if t.req.Method == "INVITE" && toTag == "" && !a.asks(t) {
		a.arrive(t, key)
		return
	}
	a.after(64*a.cfg.T1, func() { delete(a.servers, key) })
	if t.req.Method == "INVITE" && toTag == "" {
		return // asked for the password
	}
	a.record(nil, false, t.from, t.req, false)
	r, ok := a.respond[t.req.Method]
	switch {
	case ok && r.status == 0:
		return
	case toTag != "":
		r = reply{status: 481}
	case !ok && t.req.Method == "REGISTER" && a.registrar != nil:
		if !a.asks(t) {
			a.bind(t)
		}
		return
	case !ok && (t.req.Method == "OPTIONS" || t.req.Method == "REGISTER"):
		r.status = 200
	case !ok:
		r.status = 405
	}
	t.reply(t.response(r.status, r.headers))
}

func (t *serverTx) response(status int, headers []string) *sip.Message {
	m := sip.NewResponse(t.req, status, "")
	if t.call != nil {
		m.SetToTag(t.call.localTag) // unless it has one, as that of a fork
	} else {
		m.SetToTag(token())
	}
	if status == 200 && t.req.Method == "OPTIONS" || status == 405 {
		m.Add(sip.IDAllow, allow)
	}
	addHeaders(m, headers)
	return m
}

func (a *Agent) receiveAck(m *sip.Message, from peer) {
	if t := a.servers[serverKey(m, "INVITE")]; t != nil && t.final >= 300 {
		a.record(t.call, false, from, m, !t.acked(m.ToTag()))
		return
	}
	c := a.dialogs[m.CallID()+" "+m.ToTag()]
	if c == nil {
		a.record(nil, false, from, m, false)
		a.violation(nil, "ACK for no call: "+m.CallID())
		return
	}
	if !c.vanished {
		c.receiveAck(m, from)
	}
}

func (a *Agent) receiveCancel(t *serverTx) {
	inv := a.servers[serverKey(t.req, "INVITE")]
	if inv == nil || inv.call == nil {
		a.record(nil, false, t.from, t.req, false)
		a.violation(nil, "CANCEL for no INVITE: "+t.req.CallID())
		t.reply(t.response(481, nil))
		return
	}
	t.call = inv.call
	t.call.keys = append(t.call.keys, serverKey(t.req, "CANCEL"))
	if t.call.vanished {
		return
	}
	a.record(t.call, false, t.from, t.req, false)
	a.checkCancel(inv, t.req)
	if r, ok := a.respond["CANCEL"]; ok && r.status == 0 {
		return
	}
	t.reply(t.response(200, nil))
	t.call.cancelled(inv)
}
