package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

type (
	topologySettings = topology.TrunkSettings
	topologyTrunk    = topology.Trunk
)

// maxRungs bounds the ladder of a call; what comes later is counted in the last line.
const maxRungs = 100

// rung is one message of the ladder, small because every call keeps some.
type rung struct {
	at     time.Duration // since the start of the call
	text   string        // method, or the method that a status belongs to
	uri    string
	status uint16
	leg    uint8
	out    bool
	sdp    bool
}

// newRecord begins the record from the INVITE.
func (c *Call) newRecord(now time.Time, in Caller) *cdr.Record {
	req, t := in.Req, in.Trunk
	r := &cdr.Record{
		ID: Token(c.env.Rand, 16), Server: c.env.Server.Name, Pool: t.Pool.Name, Version: c.snap.Version, Start: now,
		In: cdr.Leg{Trunk: t.Name, Gateway: t.Gateway.Name, CallID: strings.Clone(req.CallID()),
			FromTag: strings.Clone(req.From().Tag()), Remote: in.Source.Remote.String(), Transport: in.Source.Transport.String(),
			UserAgent: strings.Clone(clip(req.Get(sip.IDUserAgent), 80))},
	}
	if u, err := sip.ParseURI(req.URI); err == nil {
		r.Called.Received = strings.Clone(clip(numberOf(u), 80))
	}
	if u, err := sip.ParseURI(req.From().URI); err == nil {
		r.Calling.Received = strings.Clone(clip(numberOf(u), 80))
	}
	return r
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// recordDecision notes what routing said.
func (c *Call) recordDecision() {
	d := &c.decision
	c.rec.Called.Normalized, c.rec.Calling.Normalized = d.Number, d.CallerNumber
	c.rec.Emergency = d.Kind == routing.Emergency
	if d.User != nil {
		c.rec.User = d.User.Name
	}
	if d.CallingUser != nil {
		c.rec.CallingUser = d.CallingUser.Name
	}
}

// summarize fills in the facts of the leg that was answered, or tried last.
func (c *Call) summarize(l *Leg) {
	r := c.rec
	r.In.Codec = c.a.sdp.codec
	r.In.ToTag = c.a.tag
	if l == nil {
		return
	}
	r.Out = &cdr.Leg{Trunk: l.trunk.Name, Gateway: l.trunk.Gateway.Name, CallID: l.callID, FromTag: l.tag, ToTag: l.dlg.RemoteTag,
		Remote: l.hop.Remote.String(), Transport: l.hop.Transport.String(), Codec: l.sdp.codec}
}

// write emits the record, once.
func (c *Call) write(_ time.Time, out *Out) {
	if c.written {
		return
	}
	c.written = true
	r := c.rec
	if c.won != nil {
		c.setTarget(c.won.target)
	} else if n := c.next; n > 0 && n <= len(c.decision.Targets) {
		c.setTarget(&c.decision.Targets[n-1])
	}
	if r.Out == nil && len(c.attempts) > 0 {
		c.summarize(&c.attempts[len(c.attempts)-1].leg)
	}
	r.Decision = c.decision.Explain()
	r.Ladder = c.Ladder()
	c.rungs, c.decision = nil, routing.Decision{}
	c.offer, c.forks, c.best, c.won = "", nil, nil, nil
	out.Records = append(out.Records, r)
}

func (c *Call) setTarget(t *routing.Target) {
	r := c.rec
	r.Called.Sent, r.Calling.Sent, r.Usage = t.Called, t.Calling, t.Usage
	if t.Route != nil {
		r.Route = t.Route.Name
	}
}

// recordMedia notes the counters of both directions.
func (c *Call) recordMedia(st *media.Stats) {
	for i := range st.Streams {
		for k, name := range [2]string{"caller", "callee"} {
			n := &st.Streams[i].From[k]
			m := cdr.Media{Stream: i, From: name, Packets: n.Packets, Bytes: n.Bytes, RTCP: n.RTCP, Lost: n.Lost, Jitter: n.Jitter,
				Gated: n.Gated, Dropped: n.Dropped, First: n.First, Last: n.Last}
			if n.Source.IsValid() {
				m.Source = n.Source.String()
			}
			c.rec.Media = append(c.rec.Media, m)
		}
	}
}

// note puts a message on the ladder.
func (c *Call) note(now time.Time, l *Leg, out bool, m *sip.Message) {
	if len(c.rungs) >= maxRungs || c.written {
		return
	}
	r := rung{at: now.Sub(c.rec.Start), leg: l.number, out: out, sdp: m.Body != "", status: uint16(m.Status)}
	if m.IsRequest() {
		r.text = methodName(m.Method)
		if m.Method == "INVITE" && !l.up {
			r.uri = strings.Clone(clip(m.URI, 120))
		}
	} else {
		_, method, _ := m.CSeq()
		r.text = methodName(method)
	}
	c.rungs = append(c.rungs, r)
}

// rung puts a message that a transaction sent on the ladder.
func (c *Call) rung(now time.Time, l *Leg, out bool, text string, status int, sdp bool) {
	if len(c.rungs) < maxRungs && !c.written {
		c.rungs = append(c.rungs, rung{at: now.Sub(c.rec.Start), leg: l.number, out: out, text: text, status: uint16(status), sdp: sdp})
	}
}

// methodName is a method that does not keep its datagram alive.
func methodName(m string) string {
	for _, k := range [...]string{"INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "INFO", "OPTIONS", "PRACK"} {
		if m == k {
			return k
		}
	}
	return strings.Clone(clip(m, 20))
}

// Ladder is the messages of both legs in the order in which they came and went.
func (c *Call) Ladder() []cdr.Message {
	list := make([]cdr.Message, len(c.rungs))
	for i := range c.rungs {
		r := &c.rungs[i]
		m := cdr.Message{At: c.rec.Start.Add(r.at), Leg: "a", Out: r.out, SDP: r.sdp, Line: r.text}
		if r.leg > 0 {
			m.Leg = "b" + strconv.Itoa(int(r.leg))
		}
		switch {
		case r.status > 0:
			m.Line = strconv.Itoa(int(r.status)) + " " + sip.Phrase(int(r.status)) + " (" + r.text + ")"
		case r.uri != "":
			m.Line = r.text + " " + r.uri
		}
		list[i] = m
	}
	return list
}

// Live is the call as it stands, for those who watch.
func (c *Call) Live() cdr.Record {
	r := *c.rec
	if c.won != nil {
		l := &c.won.leg
		r.Out = &cdr.Leg{Trunk: l.trunk.Name, Gateway: l.trunk.Gateway.Name, CallID: l.callID, Remote: l.hop.Remote.String(),
			Transport: l.hop.Transport.String(), Codec: l.sdp.codec}
	}
	r.Attempts = append([]cdr.Attempt(nil), r.Attempts...)
	r.Decision, r.Ladder = c.decision.Explain(), c.Ladder()
	return r
}
