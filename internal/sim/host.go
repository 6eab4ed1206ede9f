package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Timers of RFC 3261 table 4, as peers use them.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// Host is the equipment of one gateway address: it answers probes and has a party for each call.
type Host struct {
	Name  string
	Addr  netip.Addr
	NoTCP bool // connections are refused
	Noisy bool // sent garbage: what comes back is not judged
	Dead  bool // hears nothing
	Probe int  // status for OPTIONS; 0: 200

	w       *World
	gw      *topology.Gateway
	parties map[string][]*Party // by Call-ID
	all     []*Party
	servers map[string]*server // by branch, sent-by and method
	clients map[string]*client // by branch and method
	guards  map[string]*guard  // by Call-ID

	registrar *registrar // nil: takes no registrations
	serial    int
	port      uint16
}

// server is a request that the host has answered or will answer.
type server struct {
	req  *sip.Message
	from *packet
	sent []byte // last response
	done bool   // final response sent
	ack  bool   // INVITE: acknowledged

	retags bool // is answered with another To tag
}

// client is a request that the host has sent.
type client struct {
	method string
	data   []byte
	to     sip.Hop
	final  int
	heard  bool // a provisional response
	got    func(m *sip.Message)
	ackOf  map[string][]byte // INVITE: ACK by To tag of the final response
	dead   bool
}

func newHost(w *World, g *topology.Gateway, i int, a netip.Addr) *Host {
	name := g.Name
	if i > 0 {
		name += fmt.Sprint(i + 1)
	}
	return &Host{Name: name, Addr: a, w: w, gw: g, port: 4000, parties: make(map[string][]*Party), servers: make(map[string]*server),
		clients: make(map[string]*client), guards: make(map[string]*guard)}
}

func (h *Host) name() string { return h.Name }

// token is a Call-ID, tag or branch that shows where it comes from.
func (h *Host) token() string {
	h.serial++
	return fmt.Sprintf("%s%d%s", h.mark(), h.serial, pad(int(h.w.rnd.Uint32()%1000), 3))
}

// mark stands in everything that must not be seen on the other side.
func (h *Host) mark() string { return "mk." + h.Name + "." }

// trunk is the host's trunk: what it talks to a node by.
func (h *Host) trunk() *topology.Trunk { return h.gw.Trunks[0] }

// listen is where the host takes messages.
func (h *Host) listen() netip.AddrPort {
	port := h.trunk().GatewayPort
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(h.Addr, port)
}

func (h *Host) arrive(p *packet) {
	if h.Dead {
		return
	}
	m, err := sip.Parse(p.data, nil)
	if h.Noisy && (err != nil || m.Validate() != nil) {
		return
	}
	if err != nil || m.Validate() != nil {
		h.w.fail("%s received what is not SIP: %v %v\n%s", h.Name, err, m.Validate(), p.data)
		return
	}
	if m.IsRequest() {
		h.request(p, m)
	} else {
		h.response(m)
	}
}

func serverKey(m *sip.Message) string {
	v, _ := m.TopVia()
	method := m.Method
	if method == "ACK" {
		method = "INVITE"
	}
	return v.Branch() + "|" + v.Host + "|" + method
}

func (h *Host) request(p *packet, m *sip.Message) {
	list := h.parties[m.CallID()]
	for _, x := range list {
		if x.gone {
			return
		}
	}
	if s := h.servers[serverKey(m)]; s != nil {
		if m.Method == "ACK" {
			s.ack = true // of a refusal; the ACK of a 2xx has a branch of its own
			return
		}
		if s.sent != nil {
			h.reply(s.from, s.sent)
		}
		return
	}
	switch {
	case m.Method == "ACK":
		for _, x := range list {
			x.receiveAck(m)
		}
		return
	case m.Method == "CANCEL":
		h.cancel(p, m, list)
		return
	case m.Method == "OPTIONS" && m.ToTag() == "":
		h.probe(p, m)
		return
	case m.Method == "REGISTER" && h.registrar != nil:
		h.registrar.register(p, m)
		return
	}
	s := &server{req: m, from: p}
	h.servers[serverKey(m)] = s
	if m.Method == "INVITE" && m.ToTag() == "" {
		h.invited(s, list)
		return
	}
	for _, x := range list {
		if x.tag == m.ToTag() {
			s.retags = x.manner.Odd.Retags && m.Method != "INVITE" && m.Method != "UPDATE" && m.Method != "PRACK"
			x.request(s)
			return
		}
	}
	h.respond(s, 481, nil)
}

// probe answers OPTIONS.
func (h *Host) probe(p *packet, m *sip.Message) {
	if h.Probe < 0 {
		return
	}
	s := &server{req: m, from: p}
	h.servers[serverKey(m)] = s
	h.respond(s, max(h.Probe, 200), nil)
}

// cancel takes a CANCEL: it belongs to all telephones behind the proxy.
func (h *Host) cancel(p *packet, m *sip.Message, list []*Party) {
	s := &server{req: m, from: p}
	h.servers[serverKey(m)] = s
	v, _ := m.TopVia()
	inv := h.servers[v.Branch()+"|"+v.Host+"|INVITE"]
	if inv == nil {
		h.respond(s, 481, nil)
		return
	}
	deaf := false
	for _, x := range list {
		deaf = deaf || x.callee != nil && x.callee.Deaf
	}
	if deaf {
		return
	}
	h.respond(s, 200, nil)
	for _, x := range list {
		x.cancelled(inv)
	}
}

// invited makes a party, or several, of an INVITE.
func (h *Host) invited(s *server, list []*Party) {
	for _, x := range list {
		if x.state != over {
			h.respond(s, 482, nil)
			return
		}
	}
	sc := h.w.scenarios[keyOf(s.req)]
	if sc == nil {
		h.w.fail("%s: INVITE of no scenario, From %s", h.Name, s.req.From())
		h.respond(s, 404, nil)
		return
	}
	g := h.guards[s.req.CallID()]
	if g == nil { // else the same telephone gets the INVITE once more
		how := sc.next(h.Name)
		g = &guard{host: h, how: how, ask: how.Ask, stale: how.Stale, locked: how.Locked}
		h.guards[s.req.CallID()] = g
	}
	how := g.how
	if t := (&Party{host: h, manner: how.Manner, tag: h.mark() + "s"}); g.stops(s) || t.refusesTimer(s) {
		return
	}
	if h.refusesReliable(s, how.Rel) {
		return
	}
	group := append([]Callee{how}, how.Fork...)
	for i := range group {
		p := h.party(sc, s.req.CallID(), group[i].Manner)
		p.callee, p.guard = &group[i], g
		sc.ends = append(sc.ends, p)
		p.ring(s)
	}
}

// respond sends a response to a request outside of a party's dialog, or builds it with more.
func (h *Host) respond(s *server, status int, with func(r *sip.Message)) {
	if s.done {
		return
	}
	r := sip.NewResponse(s.req, status, "")
	if status > 100 {
		r.SetToTag(h.mark() + "s")
	}
	if with != nil {
		with(r)
	}
	if s.retags {
		a := r.To()
		a.Params = ""
		r.Set(sip.IDTo, a.String()+";tag="+h.token())
	}
	s.sent, s.done = r.Append(nil), status >= 200
	h.reply(s.from, s.sent)
	if s.req.Method == "INVITE" && status >= 300 {
		h.untilAck(s, t1, 64*t1)
	}
}

// untilAck repeats a refusal (timers G and H).
func (h *Host) untilAck(s *server, step, left time.Duration) {
	h.w.after(step, func() {
		if s.ack || h.Dead || left <= 0 {
			return
		}
		if s.from.transport == sip.UDP {
			h.reply(s.from, s.sent)
		}
		h.untilAck(s, min(2*step, t2), left-step)
	})
}

// reply sends back where a request came from.
func (h *Host) reply(p *packet, data []byte) {
	if h.Dead {
		return
	}
	hop := sip.Hop{Transport: p.transport, Local: p.to, Remote: p.from, Flow: p.flow}
	h.w.Net.send(h, hop, data)
}

// begin sends a request in a transaction of its own.
func (h *Host) begin(m *sip.Message, to sip.Hop, got func(m *sip.Message)) *client {
	v, _ := m.TopVia()
	c := &client{method: m.Method, data: m.Append(nil), to: to, got: got, ackOf: make(map[string][]byte)}
	h.clients[v.Branch()+"|"+m.Method] = c
	h.w.Net.send(h, to, c.data)
	if to.Transport == sip.UDP {
		h.again(c, t1)
	}
	h.w.after(64*t1, func() {
		if c.final == 0 && !(c.method == "INVITE" && c.heard) {
			c.dead = true
			got(nil)
		}
	})
	return c
}

// again repeats a request (timers A and E).
func (h *Host) again(c *client, step time.Duration) {
	h.w.after(step, func() {
		if c.final > 0 || c.dead || h.Dead || c.method == "INVITE" && c.heard {
			return
		}
		h.w.Net.send(h, c.to, c.data)
		if c.method != "INVITE" {
			step = min(step, t2/2)
		}
		h.again(c, 2*step)
	})
}

func (h *Host) response(m *sip.Message) {
	v, _ := m.TopVia()
	_, method, _ := m.CSeq()
	if h.Noisy && !strings.HasPrefix(v.Branch(), sip.MagicCookie+h.mark()) {
		return
	}
	if !strings.HasPrefix(v.Branch(), sip.MagicCookie+h.mark()) {
		h.w.fail("%s: response with a foreign branch: %s\n%s", h.Name, m.StartLine(), m)
		return
	}
	c := h.clients[v.Branch()+"|"+method]
	if c == nil && h.Noisy {
		return
	}
	if c == nil {
		h.w.fail("%s: response to no request of ours: %s", h.Name, m.StartLine())
		return
	}
	for _, x := range h.parties[m.CallID()] {
		if x.gone {
			return
		}
	}
	if m.Status < 200 {
		c.heard = true
		if c.final == 0 && !c.dead {
			c.got(m)
		}
		return
	}
	if method == "INVITE" {
		if ack := c.ackOf[m.ToTag()]; ack != nil {
			if len(ack) > 0 {
				h.w.Net.send(h, c.to, ack)
			}
			return
		}
		if m.Status >= 300 {
			h.ackRefusal(c, m)
		}
	}
	first := c.final == 0
	if first && !c.dead || method == "INVITE" && m.Status < 300 {
		c.final = m.Status
		c.got(m)
	}
}

// ackRefusal acknowledges in the transaction (RFC 3261 §17.1.1.3).
func (h *Host) ackRefusal(c *client, m *sip.Message) {
	inv, _ := sip.Parse(c.data, nil)
	seq, _, _ := inv.CSeq()
	a := sip.NewRequest("ACK", inv.URI)
	a.Add(sip.IDVia, inv.Get(sip.IDVia))
	a.Add(sip.IDMaxForwards, "70")
	a.Add(sip.IDFrom, inv.Get(sip.IDFrom))
	a.Add(sip.IDTo, m.Get(sip.IDTo))
	a.Add(sip.IDCallID, inv.CallID())
	a.Add(sip.IDCSeq, fmt.Sprintf("%d ACK", seq))
	data := a.Append(nil)
	c.ackOf[m.ToTag()] = data
	h.w.Net.send(h, c.to, data)
}
