package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// m-lines that an offer adds to a running call have their ports opened before the offer is looked at: who has sent an offer or an answer must be ready to receive (RFC 3264 §5.1, §6.1), so
// no message may name a port that is not open yet. What brings the offer waits as if it came later, and nothing else of the call knows of it. An m-line that gets no ports goes on with
// port 0, which refuses it on both sides (RFC 3264 §6), and the others go on as they are.

// adding is an input of the call that waits until the relay has answered MediaGrow.
type adding struct {
	adds  int // m-lines
	tries int
	trunk *topology.Trunk // of who adds them
	who   string
	then  func(now time.Time, out *Out)
}

// adds is how many m-lines an offer in a message needs ports for beyond those that are open.
func (c *Call) adds(l *Leg, m *sip.Message) int {
	if m.Body == "" || !c.plan.opened || c.passes(l) || !c.isOffer(l, m) {
		return 0
	}
	if e := c.exch; l.up && !m.IsRequest() && (e == nil || e.to != l || e.gone) { // nobody waits for it
		return 0
	}
	stands := &l.sdp
	if d := c.beforeAnswer(l, m); d != nil {
		stands = d
	}
	body, _ := m.SDP()
	return c.lacks(stands.body, body)
}

// lacks is how many m-lines a description needs ports for, behind another one of the same dialog whose m-lines it may leave out.
func (c *Call) lacks(before, body string) int {
	p := &c.plan
	if !p.opened || c.closing || max(sdp.MediaLines(before), sdp.MediaLines(body)) <= len(p.lines) { // as nearly all
		return 0
	}
	whole, _ := sdp.Complete(before, body)
	s, err := sdp.Parse(whole)
	if err != nil {
		return 0
	}
	n := places(s)
	for n > len(p.lines) && (s.Media[n-1].Rejected() || !s.Media[n-1].Relayable(p.passKeys)) {
		n--
	}
	return max(n-len(p.lines), 0)
}

// grow takes ports for the m-lines that are added and has the relay open them. False: there are none, and nothing needs to wait.
func (c *Call) grow(o *adding, out *Out) bool {
	p, fresh := &c.plan, make([]line, o.adds)
	if !c.takePorts(c.now, fresh) {
		c.notGrown(o, "no port is free for it")
		return false
	}
	p.lines = append(p.lines, fresh...)
	c.askPorts(func(now time.Time, err error, out *Out) { c.grown(now, o, err, out) }, out)
	return true
}

// grown answers MediaGrow. Ports that something else holds are put behind all others, which are tried.
func (c *Call) grown(now time.Time, o *adding, err error, out *Out) {
	p := &c.plan
	if err != nil {
		had := len(p.lines) - o.adds
		givePorts(p.lines[had:], c.env.Ports.Refuse)
		p.lines = p.lines[:had]
		if o.tries++; o.tries == openTries {
			c.notGrown(o, "the relay could not open one for it")
		} else if c.grow(o, out) {
			return
		}
	}
	o.then(now, out)
}

// notGrown puts into the explanation why an m-line is refused. It names no port: a peer that offers again and again would fill it.
func (c *Call) notGrown(o *adding, why string) {
	c.noteStep(routing.PortsStep(o.trunk, o.who+" adds an m-line, and "+why+": it is refused"))
}

// silences tells whether an offer has nothing that could be heard, as none of its m-lines can have ports.
func (p *plan) silences(s *sdp.Session) bool {
	return !p.bypass && s.Unrelayable(p.passKeys, min(maxLines, len(p.lines)), min(mostLines, len(p.lines)))
}
