package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// state of a party.
type state string

const (
	trying state = "trying"
	early  state = "ringing"
	up     state = "up"
	over   state = "over"
)

// Party is one end of one call at a peer, by RFC 3261 §12, §13 and §14.
type Party struct {
	host     *Host
	scenario *Scenario
	state    state
	gone     bool // fell silent
	forgot   bool // knows nothing of the call any more
	mute     bool // sends no media
	rash     bool // hung up before the ACK, which it must not (RFC 3261 §15): a BYE that overtakes the 200 is for no dialog, and the 200 that is repeated is taken
	caller   bool
	callee   *Callee
	manner   Manner
	speaker  speaker
	guard    *guard // nil: lets every request in

	callID, tag, remoteTag string
	local, remote          string // name-addr
	target                 string // the other side's Contact
	to                     sip.Hop
	seq                    uint32
	remoteSeq              map[string]uint32 // by the tag of the other side: each early dialog counts by itself (RFC 3261 §12.2.2)

	// The INVITE that the party answered or will answer.
	inv      *server
	answered []byte // its 2xx
	ackSeq   uint32
	acked    bool
	offered  bool // our 2xx had an offer
	busy     bool // a re-INVITE of the other side is being answered

	// The INVITE that the party sent.
	invite   *client
	uri      string
	cancel   bool // wanted
	sentStop bool // CANCEL sent
	pending  bool // a re-INVITE or an UPDATE with an offer of ours is under way
	winner   string
	early    map[string]string // session descriptions of provisional responses by To tag
	rang     bool
	final    int
	stopped  time.Time // when the party hung up
	reliable relCaller
	rel      relCallee
	clock    clock
	leastSE  time.Duration  // of a 422
	held     string         // direction that we asked for last
	place    int            // how often it has moved
	told     map[string]int // Contacts, and which one it was
	tries    int
	logins   int // INVITEs with a password
	glares   int
	misfits  int
	denied   []denial  // since it last accepted an offer
	changed  time.Time // of the session, by a re-INVITE of the other side
	upSince  time.Time
	heard    []string // status lines of sipfrags
}

func (h *Host) party(sc *Scenario, callID string, m Manner) *Party {
	h.port += 4
	p := &Party{host: h, scenario: sc, state: trying, callID: callID, tag: h.token(), manner: m, early: make(map[string]string), remoteSeq: make(map[string]uint32), held: "sendrecv"}
	p.speaker = speaker{marker: h.mark(), addr: h.Addr, port: h.port, id: uint64(h.serial), dir: "sendrecv", video: m.Video, fax: m.Fax, full: p.w().Faxes && !m.Short, stubborn: m.SendRecv, thrifty: m.Thrifty, secret: h.secret(), only: h.only(),
		shakes: h.shakes(), waits: h.Name == "gwc", checks: h.checks()}
	h.parties[callID] = append(h.parties[callID], p)
	h.all = append(h.all, p)
	h.w.parties++
	return p
}

func (p *Party) w() *World { return p.host.w }

// end is the end of the party; its transactions may still repeat.
func (p *Party) end() {
	if p.state != over {
		p.state, p.stopped = over, p.w().now
		p.w().parties--
	}
}

// live are messages of a party that has not fallen silent.
func (p *Party) live() bool { return !p.gone && !p.host.Dead }

// message builds a request of the party's dialog.
func (p *Party) message(method string, seq uint32) *sip.Message {
	m := sip.NewRequest(method, p.target)
	m.Add(sip.IDVia, p.via())
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDFrom, p.local+";tag="+p.tag)
	to := p.remote
	if p.remoteTag != "" {
		to += ";tag=" + p.remoteTag
	}
	m.Add(sip.IDTo, to)
	m.Add(sip.IDCallID, p.callID)
	m.Add(sip.IDCSeq, fmt.Sprintf("%d %s", seq, method))
	m.Add(sip.IDContact, p.contact())
	m.Add(sip.IDUserAgent, p.host.mark()+"telephone")
	p.askTimer(m)
	if method == "INVITE" || method == "UPDATE" {
		p.named(m)
	}
	return m
}

func (p *Party) via() string {
	v := fmt.Sprintf("SIP/2.0/%s %s;branch=%s%s", p.to.Transport, p.host.listen(), sip.MagicCookie, p.host.token())
	if p.to.Transport == sip.UDP {
		v += ";rport"
	}
	return v
}

func (p *Party) contact() string {
	c := fmt.Sprintf("<sip:%sline@%s", p.host.mark(), p.at())
	if p.to.Transport == sip.TCP {
		c += ";transport=tcp"
	}
	return p.tell(c + ">")
}

// request of the dialog, sent.
func (p *Party) send(m *sip.Message, got func(m *sip.Message)) *client {
	if got == nil {
		got = func(*sip.Message) {}
	}
	return p.host.begin(m, p.hop(), got)
}

// hop is where requests of the dialog go: the Contact of the other side.
func (p *Party) hop() sip.Hop {
	h := p.to
	if u, err := sip.ParseURI(p.target); err == nil {
		if a, err := netip.ParseAddr(u.Host); err == nil {
			port := u.Port
			if port == 0 {
				port = 5060
			}
			if p.to.Transport == sip.UDP {
				h.Remote = netip.AddrPortFrom(a, port)
			}
		}
	}
	return h
}

// established begins the acts of the call.
func (p *Party) established() {
	w := p.w()
	p.state, p.upSince = up, w.now
	for _, a := range p.manner.Then {
		p.after(a.After, func() {
			if p.state == up && p.live() {
				p.act(a.Do)
			}
		})
	}
}

// bye hangs up.
func (p *Party) bye() {
	if p.state == over {
		return
	}
	p.seq++
	p.rash = !p.caller && p.final == 200
	p.send(p.message("BYE", p.seq), nil)
	if p.host.w.Strict {
		p.unanswered(487)
	}
	p.end()
}

// inOrder notes the other side's sequence number and says whether a request is in order.
func (p *Party) inOrder(s *server) bool {
	seq, _, _ := s.req.CSeq()
	tag := s.req.FromTag()
	if seq < p.remoteSeq[tag] {
		p.host.respond(s, 500, nil)
		return false
	}
	p.remoteSeq[strings.Clone(tag)] = seq
	return true
}

// request takes a request of the dialog.
func (p *Party) request(s *server) {
	m := s.req
	if p.state == over {
		p.host.respond(s, 481, nil)
		return
	}
	from := m.FromTag()
	if p.winner != "" && from != p.winner && m.Method == "UPDATE" && p.reliable.rseq[from] > 0 { // repeated behind the answer in another dialog
		p.host.respond(s, 481, nil)
		return
	}
	if p.remoteTag != "" && from != p.remoteTag {
		p.w().fail("%s: %s with From tag %q, not %q", p.host.Name, m.Method, from, p.remoteTag)
	}
	p.addressed(m)
	if !p.inOrder(s) {
		return
	}
	if p.guard.stops(s) {
		if d := readSDP(s.req.Body); d != nil { // a node without the password tells it nothing
			p.denied = append(p.denied, denial{d.media[0].dir, true, p.w().now})
		}
		if m.Method == "BYE" { // who never gets in stays up here until the media is missed
			p.w().after(40*time.Second, p.end)
		}
		return
	}
	switch m.Method {
	case "BYE":
		p.host.respond(s, 200, nil)
		p.unanswered(487)
		p.end()
	case "PRACK":
		p.pracked(s)
	case "UPDATE":
		if p.state == early {
			p.updatedEarly(s)
			return
		}
		p.modify(s)
	case "INVITE":
		p.modify(s)
	case "NOTIFY":
		p.notified(s)
	case "REFER":
		p.referred(s)
	case "INFO", "MESSAGE", "OPTIONS":
		if p.manner.Odd.Ignores && m.Method != "OPTIONS" {
			return
		}
		p.host.respond(s, 200, nil)
	default:
		p.host.respond(s, 405, nil)
	}
}

// unanswered refuses an INVITE of the other side that still waits.
func (p *Party) unanswered(status int) {
	if p.inv != nil && !p.inv.done {
		p.host.respond(p.inv, status, func(r *sip.Message) { p.own(r) })
	}
}

// own puts the party's tag on a response.
func (p *Party) own(r *sip.Message) {
	a := r.To()
	if a.Tag() == p.tag {
		return
	}
	a.Params = ""
	r.Set(sip.IDTo, a.String()+";tag="+p.tag)
}
