package b2bua

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

type (
	topologySettings = topology.TrunkSettings
	topologyTrunk    = topology.Trunk
)

// maxRungs bounds the ladder of a call: it has the beginning and the end of what was said, and between them a line that counts the rest.
const (
	maxRungs   = 100
	firstRungs = 60
)

// rung is one message of the ladder, small because every call keeps some.
type rung struct {
	at     uint32 // since the start of the call, in units of rungTime; what is later than that can tell stands at its end
	status uint16
	method uint8 // in methods, or remark
	leg    uint8
	word   uint8 // 1 more than the place in words of the Request-URI or of a method that has no number; 0 none
	out    bool
	sdp    bool
}

// rungTime is the grain of the ladder: 4 days fit.
const rungTime = 100 * time.Microsecond

// ladderMethods are the methods that have a number; the first stands for all others.
var ladderMethods = [...]string{"", "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "NOTIFY"}

// remark is the method of a line that is no message, but says something of the one before.
const remark = 255

func methodNumber(m string) uint8 {
	for i, k := range ladderMethods {
		if m == k {
			return uint8(i)
		}
	}
	return 0
}

// newRecord begins the record from the INVITE.
func (c *Call) newRecord(now time.Time, in Caller) *cdr.Record {
	req, t := in.Req, in.Trunk
	r := &cdr.Record{
		ID: Token(c.env.Rand, 16), Server: c.env.Server.Name, Pool: t.Pool.Name, Version: c.snap.Version, Start: now,
		In: cdr.Leg{Trunk: t.Name, Gateway: t.Gateway.Name, CallID: req.CallID(), Remote: c.env.written(in.Source.Remote),
			Transport: in.Source.Transport.String(), UserAgent: clip(req.Get(sip.IDUserAgent), 80)},
	}
	r.Called.Received = clip(calledNumber(dialled(req, t)), 80)
	from := req.From()
	r.In.FromTag = from.Tag()
	if u, err := sip.ParseURI(from.URI); err == nil {
		r.Calling.Received = clip(identity.Number(u), 80)
	}
	sip.Own(&r.In.CallID, &r.In.FromTag, &r.In.UserAgent, &r.Called.Received, &r.Calling.Received)
	return r
}

// moment is a time as the record has it: as long after its start as it was by a clock that nobody sets. That of a server may be set by hours while a
// call runs, and may have been since the relay began to count.
func (c *Call) moment(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.rec.Start.Add(t.Sub(c.rec.Start))
}

// withoutPassword is a URI without the password that its user part may have (RFC 3261 §19.1.1).
func withoutPassword(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	user, host, found := strings.Cut(rest, "@")
	if name, _, secret := strings.Cut(user, ":"); found && secret {
		return scheme + ":" + name + "@" + host
	}
	return uri
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
	if leg := c.factsOf(l); r.Out == nil || *r.Out != leg { // what was told of it before is not changed
		now := leg
		r.Out = &now
	}
}

// factsOf is what the record says of a leg toward a target.
func (c *Call) factsOf(l *Leg) cdr.Leg {
	return cdr.Leg{Trunk: l.trunk.Name, Gateway: l.trunk.Gateway.Name, CallID: l.callID, Session: l.session, FromTag: l.tag, ToTag: l.dlg.RemoteTag,
		Remote: c.env.written(l.hop.Remote), Transport: l.hop.Transport.String(), Codec: l.sdp.codec}
}

// noteAnswered tells anew of a call that has been answered, so that what is kept of it, should it be lost with the server, says when and by whom.
func (c *Call) noteAnswered(out *Out) {
	c.summarize(nil)
	if c.won != nil {
		c.summarize(&c.won.leg)
		c.setTarget(c.won.target)
	}
	out.Began = append(out.Began, c.rec)
}

// write emits the record, once.
func (c *Call) write(_ time.Time, out *Out) {
	if c.written {
		return
	}
	c.written = true
	r := c.rec
	if c.transfers > 0 {
		// what the call was before its first transfer stands in the record already
	} else if c.won != nil {
		c.setTarget(c.won.target)
	} else if n := len(c.attempts); n > 0 && c.attempts[n-1].target != nil { // the one that Out is of, whoever had no room behind it
		c.setTarget(c.attempts[n-1].target)
	} else if n := int(c.next); n > 0 && n <= len(c.decision.Targets) {
		c.setTarget(&c.decision.Targets[n-1])
	}
	if r.Out == nil && len(c.attempts) > 0 {
		c.summarize(&c.attempts[len(c.attempts)-1].leg)
	}
	r.Audio = r.Trouble(r.End)
	if lines := c.decision.ExplainOn(&c.env.page); len(r.Decision) == 0 {
		r.Decision = lines
	} else {
		r.Decision = append(r.Decision, lines...)
	}
	r.Ladder = c.Ladder()
	c.rungs, c.words, c.decision, c.passings = nil, nil, routing.Decision{}, nil
	c.early, c.answering, c.late = nil, nil, nil
	c.offer, c.offered, c.forks, c.best, c.verdict, c.won, c.near = "", nil, nil, nil, nil, nil, nil
	out.Records = append(out.Records, r)
	c.rec = nil // its owner is the store now; what runs out after the end needs nothing of it
}

func (c *Call) setTarget(t *routing.Target) {
	r := c.rec
	r.Called.Sent, r.Calling.Sent, r.Usage = t.Called, t.Calling, t.Usage
	if t.Route != nil {
		r.Route = t.Route.Name
	}
}

// recordMedia notes the counters of both directions until then.
func (c *Call) recordMedia(until time.Time, r *cdr.Record, st *media.Stats) {
	r.Media = slices.Grow(r.Media, 2*len(st.Streams))
	for i := range st.Streams {
		for k, name := range [2]string{"caller", "callee"} {
			n := &st.Streams[i].From[k]
			// by RFC 3550 §A.3 each copy of a packet makes up for one that was lost
			m := cdr.Media{Stream: i, From: name, Packets: n.Packets, Bytes: n.Bytes, RTCP: n.RTCP, Lost: max(n.Lost, n.Pattern.Lost), Jitter: n.Jitter,
				Gated: n.Gated, Dropped: n.Dropped, Unauthentic: n.Unauthentic, First: c.moment(n.First), Last: c.moment(n.Last),
				Tier: st.Streams[i].Tier.String(), TierWhy: st.Streams[i].Why}
			m.Trunk, m.Remote = c.successor(r, media.SideIndex(k))
			if i < len(c.plan.lines) {
				e := &c.plan.lines[i].peer[k]
				m.Kind = c.plan.lines[i].kind.name()
				m.SRTP, m.Held = e.keyed(st.Streams[i].Keyed[k]), e.quiet()
				if e.rtp.IsValid() && !e.unusable.IsValid() {
					m.Announced = e.rtp.String()
				}
			}
			if n.GatedFrom.IsValid() {
				m.GatedFrom = n.GatedFrom.String()
			}
			if n.Source.IsValid() {
				m.Source = n.Source.String()
			}
			c.measure(until, &m, st, i, k)
			r.Media = append(r.Media, m)
		}
	}
}

// successor is who sits on a side when that is another party, by a transfer, than the leg of the record.
func (c *Call) successor(r *cdr.Record, side media.SideIndex) (trunk, remote string) {
	l, leg := c.seat(side), &r.In
	if side == 1 {
		leg = r.Out
	}
	if c.transfers == 0 || l == nil || leg == nil || !l.hop.Remote.IsValid() { // the last: lent to the call that it joined
		return "", ""
	}
	trunk, remote = l.trunk.Name, l.hop.Remote.String()
	if trunk == leg.Trunk && remote == leg.Remote {
		return "", ""
	}
	return trunk, remote
}

// keyed is the suite of a side, or that a handshake was to come and did not.
func (e *end) keyed(suite media.Suite) string {
	switch {
	case e.dtls == nil:
		return e.crypt.Name()
	case suite == 0:
		return "DTLS"
	}
	return suite.String()
}

// note puts a message on the ladder.
func (c *Call) note(now time.Time, l *Leg, out bool, m *sip.Message) {
	if c.written || l.number == 0 && l != &c.a { // the last: who asked in vain for a place in the call
		return
	}
	method, word := m.Method, ""
	if !m.IsRequest() {
		_, method, _ = m.CSeq()
	} else if method == "INVITE" && !l.up {
		word = withoutPassword(m.URI)
	}
	r := c.rung(now, l, out, methodNumber(method))
	_, r.sdp = m.SDP()
	r.status = uint16(m.Status)
	if r.method == 0 {
		word = method
	}
	c.wording(r, word, 120)
}

// wording puts words into a line of the ladder.
func (c *Call) wording(r *rung, word string, most int) {
	if word != "" && len(c.words) < maxRungs {
		c.words = append(c.words, strings.Clone(clip(word, most)))
		r.word = uint8(len(c.words))
	}
}

// noteUnsent says on the ladder of a call that is up that a message on it did not leave, and why: else it looks as if the peer had not answered. Before that its attempt has it.
func (c *Call) noteUnsent(now time.Time, l *Leg, method, why string) {
	if !c.written && l.up && len(c.words) < maxRungs {
		c.wording(c.rung(now, l, true, remark), method+" to the "+c.name(l)+" could not be sent: "+why, maxFailure)
	}
}

// rung adds a line to the ladder, in the place of the oldest behind the first ones when it is full.
func (c *Call) rung(now time.Time, l *Leg, out bool, method uint8) *rung {
	if c.rungs == nil {
		c.rungs = make([]rung, 0, 16)
	}
	at := min(max(now.Sub(c.rec.Start)/rungTime, 0), 1<<32-1)
	new := rung{at: uint32(at), leg: l.number, out: out, method: method}
	if len(c.rungs) < maxRungs {
		c.rungs = append(c.rungs, new)
		return &c.rungs[len(c.rungs)-1]
	}
	r := &c.rungs[c.oldestRung()]
	*r = new
	c.lostRungs++
	return r
}

// oldestRung is the place of the oldest line behind the first ones, of a ladder that is full.
func (c *Call) oldestRung() int { return firstRungs + int(c.lostRungs%(maxRungs-firstRungs)) }

// noteAck puts an ACK of ours on the ladder.
func (c *Call) noteAck(now time.Time, l *Leg, sdp bool) {
	if !c.written {
		c.rung(now, l, true, methodNumber("ACK")).sdp = sdp
	}
}

// Ladder is the messages of both legs in the order in which they came and went. The lines are pieces of one text.
func (c *Call) Ladder() []cdr.Message {
	rungs := c.rungs
	if c.lostRungs > 0 {
		k := c.oldestRung()
		rungs = slices.Concat(c.rungs[:firstRungs], c.rungs[k:], c.rungs[firstRungs:k])
	}
	list := make([]cdr.Message, len(rungs), len(rungs)+1)
	var room [1024]byte
	text := room[:0]
	var ends [maxRungs]int
	for i := range rungs {
		text = rungs[i].line(text, c.words)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	for i := range rungs {
		r := &rungs[i]
		list[i] = cdr.Message{At: c.rec.Start.Add(time.Duration(r.at) * rungTime), Leg: legName(r.leg), Out: r.out, SDP: r.sdp, Line: all[from:ends[i]]}
		if from = ends[i]; r.method == remark {
			list[i].Leg, list[i].Out = "", false
		}
	}
	if c.lostRungs > 0 {
		list = slices.Insert(list, firstRungs, cdr.Message{At: list[firstRungs].At, Line: strconv.FormatUint(uint64(c.lostRungs), 10) + " more messages"})
	}
	return list
}

func legName(n uint8) string {
	switch n {
	case 0:
		return "a"
	case 1:
		return "b1"
	case 2:
		return "b2"
	}
	return "b" + strconv.Itoa(int(n))
}

// line appends what the ladder says of a message: "180 Ringing (INVITE)", "INVITE sip:+1…".
func (r *rung) line(b []byte, words []string) []byte {
	word := ""
	if r.word > 0 {
		word = words[r.word-1]
	}
	if r.method == remark {
		return append(b, word...)
	}
	method := ladderMethods[r.method]
	if r.method == 0 {
		method, word = word, ""
	}
	if r.status == 0 {
		b = append(b, method...)
		if word != "" {
			b = append(b, ' ')
			b = append(b, word...)
		}
		return b
	}
	b = strconv.AppendUint(b, uint64(r.status), 10)
	b = append(b, ' ')
	b = append(b, sip.Phrase(int(r.status))...)
	b = append(b, " ("...)
	b = append(b, method...)
	return append(b, ')')
}

// Measured is Live with what the relay has counted so far, and a verdict on it.
func (c *Call) Measured(now time.Time, st *media.Stats) cdr.Record {
	r := c.Live()
	r.Media = nil
	c.recordMedia(now, &r, st)
	r.Audio = r.Trouble(now)
	return r
}

// Names are what a call is found by: the id of its record, and the Call-IDs and Session-IDs of the legs that Live has. Those that it has not are "".
func (c *Call) Names() (list [5]string) {
	list[0], list[1], list[2] = c.RecordID(), c.rec.In.CallID, c.rec.In.Session
	switch {
	case c.won != nil && c.transfers == 0:
		list[3], list[4] = c.won.leg.callID, c.won.leg.session
	case c.rec.Out != nil:
		list[3], list[4] = c.rec.Out.CallID, c.rec.Out.Session
	}
	return list
}

// Live is the call as it stands, for those who watch.
func (c *Call) Live() cdr.Record {
	r := *c.rec
	if c.won != nil && c.transfers == 0 { // its codecs may be others by now
		leg := c.factsOf(&c.won.leg)
		r.Out, r.In.Codec = &leg, c.a.sdp.codec
	}
	r.HeldBy = c.heldBy()
	r.Attempts = append([]cdr.Attempt(nil), r.Attempts...)
	r.Transfers = append([]cdr.Transfer(nil), r.Transfers...)
	r.Played = append([]cdr.Played(nil), r.Played...)
	r.Decision, r.Ladder = append(append([]string(nil), r.Decision...), c.decision.Explain()...), c.Ladder()
	return r
}
