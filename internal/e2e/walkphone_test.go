package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mrand "math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/sip"
)

// walker is one end of a walk's call: a user agent by hand, over UDP, that knows what it has agreed on.
type walker struct {
	w      *walk
	name   string
	ips    []netip.Addr // that its media may be at; signalling is at the first
	sig    *ear
	secure bool // SRTP with keys in its descriptions, and nothing else
	rnd    *mrand.Rand

	callID, tag, peerTag, local, remote, target string

	seq     uint32
	early   bool      // something is agreed on in the dialog before the answer
	first   *client   // the caller's INVITE, while it is early
	ringing *served   // … and the callee's
	rel     *proposal // what the callee offers in its reliable response
	up      bool      // the dialog is confirmed
	over    bool      // … and ended
	clients map[string]*client
	served  map[string]*served
	out     *client // a request of ours with an offer, or INVITE, that is not answered finally
	inv     *served // an INVITE of the peer that we have not answered finally
	unacked *served // … or that has its 2xx, and no ACK yet

	streams  []stream // agreed
	view     []link   // what they mean
	media    []*mediaPort
	locks    locks
	session  uint64
	version  uint64
	said     string // the last description, without its version
	heard    *desc  // the last one of the peer's
	numbers  map[string]string
	number   int // the next dynamic payload type
	style    style
	talks    []string // codecs of audio, best first
	videos   []string
	refuses  map[string]bool // kinds that it does not take
	short    bool            // it leaves out refused m-lines
	names    bool            // its answers have a refused one that was not offered
	denials  []int           // statuses for the next changes of the peer
	slow     time.Duration   // that it thinks about one
	stood    string          // the description of the server's that was agreed on
	repeats  bool            // it is offered once more
	plain    bool            // it answers a call at once
	busy     int             // … or refuses it with this status
	told     int             // the status of the last NOTIFY of a transfer that ends its subscription
	echoes   bool            // asked for an offer it says what stands
	steady   bool            // it answers as it has answered before
	keepsVer bool            // its next description does not raise the version
	keys     string          // that it has heard
	former   map[string]bool // payload types that were telephone-event
	keyStamp uint32          // of the last
	keyUp    bool            // … which has ended
	tones    *codec.Detector // of keys that are tones; nil: none are
	tone     byte            // that is heard now
}

// client is a request of a phone.
type client struct {
	req   *sip.Message
	data  []byte
	offer *proposal
	heard bool // a provisional response
	rseq  int  // of the last that was reliable
	final int
	ack   []byte
	done  func(m *sip.Message)
}

// served is a request of the peer.
type served struct {
	req     *sip.Message
	last    []byte // our last response
	ours    *proposal
	refused bool // an INVITE, and its ACK has not come
}

// proposal is what the streams of a phone are to become.
type proposal struct {
	streams []stream
	text    string
	desc    *desc
	view    []link // of an answer
	to      string // what it answers
}

func (w *walk) walker(name string, ips []netip.Addr, secure bool) *walker {
	p := &walker{w: w, name: name, ips: ips, secure: secure, rnd: w.rnd, clients: map[string]*client{}, served: map[string]*served{}, locks: locks{},
		session: 1 + w.rnd.Uint64()>>1, version: w.rnd.Uint64N(1000), numbers: map[string]string{}, former: map[string]bool{}, number: 96 + w.rnd.IntN(4), refuses: map[string]bool{}}
	if w.rnd.IntN(4) == 0 {
		p.version = 1<<64 - 1 - w.rnd.Uint64N(1<<62) // RFC 8866 §5.2: it may be an NTP timestamp
	}
	w.all = append(w.all, p)
	if len(w.all) <= 2 {
		p.sig = w.open(netip.AddrPortFrom(ips[0], 5060))
	}
	p.tag = token()
	p.seq = 1 + w.rnd.Uint32N(1<<20)
	if w.rnd.IntN(4) == 0 {
		p.seq = 1<<31 - 2 - w.rnd.Uint32N(1000) - 1000
	}
	all := []string{"PCMU/8000", "PCMA/8000", "G722/8000", "G729/8000"}
	w.rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	p.talks = all[:2+w.rnd.IntN(3)]
	p.videos = []string{"H264/90000", "VP8/90000"}[:1+w.rnd.IntN(2)]
	p.style = style{lineConns: w.rnd.IntN(3) == 0, strange: w.rnd.IntN(4) == 0, rtcpLines: w.rnd.IntN(4) == 0}
	p.short = w.rnd.IntN(4) == 0
	p.names = w.rnd.IntN(6) == 0
	p.refuses["video"] = w.rnd.IntN(3) == 0
	p.refuses["image"] = w.rnd.IntN(5) == 0
	return p
}

func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x", b)
}

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// idle tells whether nothing of a phone's is under way.
func (p *walker) idle() bool {
	for _, c := range p.clients {
		if c.final == 0 && c != p.first {
			return false
		}
	}
	for _, s := range p.served {
		if s.refused {
			return false
		}
	}
	return p.out == nil && p.inv == nil && p.unacked == nil
}

// Requests.

func (p *walker) request(method string, seq uint32) *sip.Message {
	m := sip.NewRequest(method, p.target)
	m.Add(sip.IDVia, fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bK%s", p.sig.at, token()))
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDFrom, "<"+p.local+">;tag="+p.tag)
	to := "<" + p.remote + ">"
	if p.peerTag != "" {
		to += ";tag=" + p.peerTag
	}
	m.Add(sip.IDTo, to)
	m.Add(sip.IDCallID, p.callID)
	m.Add(sip.IDCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	if method == "INVITE" || method == "UPDATE" {
		p.own(m)
	}
	return m
}

func (p *walker) own(m *sip.Message) {
	m.Add(sip.IDContact, fmt.Sprintf("<sip:%s@%s>", p.name, p.sig.at))
	m.Add(sip.IDAllow, "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, INFO")
	m.Add(sip.IDSupported, "100rel")
}

// ask sends a request.
func (p *walker) ask(method string, offer *proposal, done func(*sip.Message)) *client {
	p.seq++
	m := p.request(method, p.seq)
	if offer != nil {
		m.SetBody("application/sdp", offer.text)
	}
	return p.send(m, offer, done)
}

func (p *walker) send(m *sip.Message, offer *proposal, done func(*sip.Message)) *client {
	c := &client{req: m, data: m.Append(nil), offer: offer, done: done}
	p.clients[branchOf(m)] = c
	p.put(c.data)
	p.w.later(500*time.Millisecond, func() { p.repeat(c, time.Second) })
	return c
}

func (p *walker) repeat(c *client, next time.Duration) {
	if c.final != 0 || c.heard && c.req.Method == "INVITE" || p.w.ended {
		return
	}
	p.put(c.data)
	p.w.later(next, func() { p.repeat(c, min(2*next, 4*time.Second)) })
}

func branchOf(m *sip.Message) string {
	v, _ := m.TopVia()
	b, _ := v.Params.Get("branch")
	return b + " " + method(m)
}

func method(m *sip.Message) string {
	_, name, _ := m.CSeq()
	return name
}

func (p *walker) put(data []byte) {
	p.w.note(p, true, data)
	if _, err := p.sig.conn.WriteToUDPAddrPort(data, p.w.net.server); err != nil {
		p.w.fault("%s cannot send: %v", p.name, err)
	}
}

// respond answers a request.
func (p *walker) respond(s *served, status int, body string, lines ...string) {
	m := sip.NewResponse(s.req, status, "")
	m.SetToTag(p.tag)
	if method(m) == "INVITE" || method(m) == "UPDATE" {
		p.own(m)
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		m.AddName(name, value)
	}
	if body != "" {
		m.SetBody("application/sdp", body)
	}
	s.last = m.Append(nil)
	s.refused = method(m) == "INVITE" && status >= 300
	p.put(s.last)
}

// receive takes a message.
func (p *walker) receive(data []byte) {
	p.w.note(p, false, data)
	m, err := sip.Parse(data, nil)
	if err != nil {
		p.w.fault("%s got what is no SIP: %v\n%s", p.name, err, data)
		return
	}
	if !m.IsRequest() {
		p.response(m)
		return
	}
	if m.Method == "ACK" {
		p.acked(m)
		return
	}
	if s := p.served[branchOf(m)]; s != nil {
		if s.last != nil {
			p.put(s.last)
		}
		return
	}
	s := &served{req: m}
	p.served[branchOf(m)] = s
	if m.ToTag() == "" && m.Method == "INVITE" {
		p.invited(s)
		return
	}
	if m.Method == "CANCEL" {
		p.respond(s, 200, "")
		if i := p.inv; i != nil && seqOf(i.req) == seqOf(m) {
			p.inv = nil
			p.respond(i, 487, "")
		}
		return
	}
	if p.over || m.CallID() != p.callID || m.ToTag() != p.tag {
		p.respond(s, 481, "")
		return
	}
	switch m.Method {
	case "PRACK":
		p.pracked(s)
	case "BYE":
		p.over = true
		p.respond(s, 200, "")
		if p.inv != nil {
			i := p.inv
			p.inv = nil
			p.respond(i, 487, "")
		}
		p.unacked = nil
	case "INVITE", "UPDATE":
		p.changed(s)
	case "NOTIFY":
		if strings.HasPrefix(m.Get(sip.IDSubscriptionState), "terminated") {
			p.told, _ = strconv.Atoi(strings.Fields(m.Body + " 0 0")[1])
		}
		p.respond(s, 200, "")
	default:
		if _, key, ok := strings.Cut(m.Body, "Signal="); m.Method == "INFO" && ok {
			p.keys += key[:1]
		}
		p.respond(s, 200, "")
	}
}

func seqOf(m *sip.Message) uint32 {
	n, _, _ := m.CSeq()
	return n
}

// response takes a response.
func (p *walker) response(m *sip.Message) {
	c := p.clients[branchOf(m)]
	switch {
	case c == nil && m.CallID() != p.callID: // of the walk before
	case c == nil:
		p.w.fault("%s got a response to nothing: %s", p.name, m.StartLine())
	case m.Status < 200:
		c.heard = true
		if p.peerTag == "" && m.ToTag() != "" {
			p.learn(m)
		}
		if n, _ := strconv.Atoi(m.Get(sip.IDRSeq)); n > c.rseq {
			c.rseq = n
			p.pracks(c, m)
		}
	case c.req.Method == "INVITE" && c.final != 0:
		p.put(c.ack)
	case c.final != 0:
	default:
		c.final = m.Status
		if c.req.Method == "INVITE" && m.Status >= 300 {
			a := sip.NewRequest("ACK", c.req.URI)
			a.Add(sip.IDVia, c.req.Get(sip.IDVia))
			a.Add(sip.IDMaxForwards, "70")
			a.Add(sip.IDFrom, c.req.Get(sip.IDFrom))
			a.Add(sip.IDTo, m.Get(sip.IDTo))
			a.Add(sip.IDCallID, p.callID)
			a.Add(sip.IDCSeq, strconv.FormatUint(uint64(seqOf(m)), 10)+" ACK")
			c.ack = a.Append(nil)
			p.put(c.ack)
		}
		if c.done != nil {
			c.done(m)
		}
	}
}

func (p *walker) learn(m *sip.Message) {
	p.peerTag = m.ToTag()
	if !m.IsRequest() {
		if a, ok := m.Contact(); ok {
			p.target = a.URI
		}
	}
}

// Descriptions.

// propose is a description with other streams.
func (p *walker) propose(list []stream, dirs []string) *proposal {
	said := write("phone", p.session, 0, p.ips[0], list, p.style, dirs)
	if said != p.said && !p.keepsVer {
		p.version++
	}
	p.said, p.keepsVer = said, false
	text := write("phone", p.session, p.version, p.ips[0], list, p.style, dirs)
	return &proposal{streams: list, text: text, desc: readDesc(text)}
}

// take notes an agreement: ours was answered.
func (p *walker) take(ours *proposal, theirs *desc) {
	if len(theirs.lines) != len(ours.desc.lines) {
		p.w.fault("%s: an answer of %d m-lines to an offer of %d", p.name, len(theirs.lines), len(ours.desc.lines))
		return
	}
	p.remember()
	p.streams, p.view, p.stood = ours.streams, nil, theirs.rest
	for i := range theirs.lines {
		p.answerFits(&ours.desc.lines[i], &theirs.lines[i])
		p.view = append(p.view, link{&ours.desc.lines[i], &theirs.lines[i], &p.streams[i]})
	}
}

// agree notes an agreement: we have answered.
func (p *walker) agree(ours *proposal) {
	p.remember()
	p.streams, p.view, p.stood = ours.streams, ours.view, ours.to
}

// remember keeps the numbers of telephone-event: what is on its way while they change has the one before (RFC 3264 §8.3.2).
func (p *walker) remember() {
	for _, l := range p.view {
		if f, ok := l.mine.byName(events); ok {
			p.former[f.pt] = true
		}
	}
}

// answerFits checks a line of an answer to ours (RFC 3264 §6).
func (p *walker) answerFits(o, a *mline) {
	switch {
	case o.kind != a.kind:
		p.w.fault("%s: %s answered for %s", p.name, a.kind, o.kind)
	case !a.live():
	case !o.live():
		p.w.fault("%s: a refused m-line of %s is answered with a port", p.name, o.kind)
	case o.proto != a.proto:
		p.w.fault("%s: %s answered for %s", p.name, a.proto, o.proto)
	case a.send && !o.recv && !o.rtp.Addr().IsUnspecified() || a.recv && !o.send:
		p.w.fault("%s: offers send %v recv %v, answered send %v recv %v", p.name, o.send, o.recv, a.send, a.recv)
	}
	if l := (link{mine: o, theirs: a}); a.live() && a.kind != "image" {
		if _, ok := l.speaks(); !ok { // besides, others may be named (§6.1)
			p.w.fault("%s: no codec of %v is in %v", p.name, o.formats, a.formats)
		}
	}
}

// says takes a description of the server's and looks after its o= line (RFC 3264 §8).
func (p *walker) says(body string) *desc {
	d := readDesc(body)
	if d == nil {
		return nil
	}
	if h := p.heard; h != nil {
		was, _ := strconv.ParseUint(h.version, 10, 64)
		is, _ := strconv.ParseUint(d.version, 10, 64)
		switch {
		case h.session != d.session:
			p.w.fault("%s: the session of o= changes from %s to %s", p.name, h.session, d.session)
		case h.rest == d.rest && is != was, h.rest != d.rest && is != was+1:
			p.w.fault("%s: the version of o= goes from %d to %d; the same: %v", p.name, was, is, h.rest == d.rest)
		}
	}
	p.heard = d
	return d
}

// formatsOf are codecs as the phone numbers them.
func (p *walker) formatsOf(names []string) (list []format) {
	for _, n := range names {
		list = append(list, format{p.typeOf(n), n})
	}
	return list
}

func (p *walker) typeOf(name string) string {
	for pt, n := range statics {
		if n == name {
			return pt
		}
	}
	if p.numbers[name] == "" {
		p.numbers[name] = strconv.Itoa(p.number)
		p.number++
	}
	return p.numbers[name]
}

const events = "telephone-event/8000"

// begin is a new stream of ours.
func (p *walker) begin(kind string) stream {
	s := stream{kind: kind, proto: "RTP/AVP", want: "sendrecv", port: p.at(), talk: newTalker(p.rnd)}
	switch kind {
	case "audio":
		s.formats = p.formatsOf(append(slices.Clone(p.talks[:1+p.rnd.IntN(len(p.talks))]), events))
	case "video":
		s.formats = p.formatsOf(p.videos)
	default:
		s.proto, s.formats = "udptl", []format{{"t38", "t38"}}
		return s
	}
	if p.secure {
		s.proto, s.key = "RTP/SAVP", p.newKey("1")
	}
	return s
}

// at is new sockets at one of the phone's addresses.
func (p *walker) at() *mediaPort {
	m := p.w.media(p.ips[p.rnd.IntN(len(p.ips))], p.rnd.IntN(4) == 0)
	p.media = append(p.media, m)
	return m
}

func (p *walker) newKey(tag string) string {
	var b [30]byte
	_, _ = rand.Read(b[:])
	return tag + " AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(b[:])
}

// reply is our answer to an offer; nil: we take nothing of it.
func (p *walker) reply(offer *desc) *proposal {
	var list []stream
	var dirs []string
	var theirs []*mline
	live := false
	p.repeats = offer.rest == p.stood
	for i := range offer.lines {
		o := &offer.lines[i]
		s := stream{kind: o.kind, proto: o.proto, want: "sendrecv", formats: o.formats}
		var had *stream
		if i < len(p.streams) && p.streams[i].kind == o.kind {
			had = &p.streams[i]
			s.want, s.nowhere = had.want, had.nowhere
		}
		if fs := p.common(o, had); o.live() && len(fs) > 0 {
			s.formats = fs
			if had != nil && had.port != nil {
				s.port, s.talk, s.key, s.ptime = had.port, had.talk, had.key, had.ptime
			} else {
				s.port, s.talk, s.key, s.nowhere = p.at(), newTalker(p.rnd), "", false
				if p.secure && o.kind != "image" {
					s.key = p.newKey("1")
				}
			}
			if s.key != "" {
				tag, _, _ := strings.Cut(o.key, " ")
				_, rest, _ := strings.Cut(s.key, " ")
				s.key = tag + " " + rest
			}
			live = true
		} else if p.short {
			continue
		}
		list, theirs = append(list, s), append(theirs, o)
		dirs = append(dirs, directed(sends(s.want) && o.recv, sends(opposite(s.want)) && o.send))
	}
	if !live {
		return nil
	}
	if p.names && !p.short { // what it could have besides
		list, dirs = append(list, stream{kind: "application", proto: "RTP/AVP", formats: []format{{"99", ""}}}), append(dirs, "sendrecv")
	}
	r := p.propose(list, dirs)
	r.to = offer.rest
	if p.names && !p.short {
		list = list[:len(list)-1]
		r.streams = list
	}
	for i := range list {
		r.view = append(r.view, link{&r.desc.lines[i], theirs[i], &r.streams[i]})
	}
	return r
}

// still tells whether it answers as before. So it does to what says nothing new, or is taken back: nobody else hears of that.
func (p *walker) still() bool { return p.steady || p.repeats }

// common are the formats of an offered m-line that the phone takes.
func (p *walker) common(o *mline, had *stream) (list []format) {
	stands := p.still() && had != nil && had.port != nil
	if p.refuses[o.kind] && !stands && !p.steady || p.secure != strings.HasSuffix(o.proto, "/SAVP") && o.kind != "image" {
		return nil
	}
	takes := map[string][]string{"audio": p.talks, "video": p.videos, "image": {"t38"}}[o.kind]
	known := takes
	if stands {
		known = nil
		for _, f := range had.formats {
			if !auxiliary(f.name) {
				known = append(known, f.name)
			}
		}
	}
	for range 2 {
		for _, f := range o.formats {
			if slices.Contains(known, f.name) || o.kind == "image" {
				list = append(list, f)
			}
		}
		if len(list) > 0 || !stands {
			break
		}
		known = takes // rather than nothing
	}
	if len(list) == 0 {
		return nil
	}
	if !p.still() && p.rnd.IntN(2) == 0 {
		list = list[:1]
	}
	if f, ok := o.byName(events); ok {
		list = append(list, f)
	}
	return list
}

// Changes.

// invited takes a call.
func (p *walker) invited(s *served) {
	m := s.req
	p.callID, p.peerTag = m.CallID(), m.FromTag()
	p.local, p.remote = m.To().URI, m.From().URI
	if a, ok := m.Contact(); ok {
		p.target = a.URI
	}
	p.inv = s
	p.respond(s, 180, "")
	body, ok := m.SDP()
	if ok {
		p.says(body)
	}
	switch {
	case p.busy > 0:
		p.inv = nil
		p.respond(s, p.busy, "")
		return
	case p.plain:
		p.accept(s)
		return
	}
	if mode := p.rnd.IntN(3); mode == 1 && m.HasToken(sip.IDSupported, "100rel") {
		p.reliably(s, body)
	} else {
		p.accept(s)
	}
}

// reliably answers an offer, or makes one, in a reliable provisional response (RFC 3262 §5); the answer to the INVITE waits for answer.
func (p *walker) reliably(s *served, body string) {
	ours := (*proposal)(nil)
	if body == "" {
		ours = p.propose(p.more(), nil)
		p.rel = ours
	} else if ours = p.reply(readDesc(body)); ours == nil {
		p.accept(s)
		return
	} else {
		p.agree(ours)
	}
	p.ringing, p.inv = s, nil
	p.respond(s, 183, ours.text, "Require: 100rel", "RSeq: 71")
}

// pracks acknowledges a reliable provisional response: with the answer to an offer in it, or with another offer.
func (p *walker) pracks(c *client, m *sip.Message) {
	p.seq++
	k := p.request("PRACK", p.seq)
	k.AddName("RAck", m.Get(sip.IDRSeq)+" "+c.req.Get(sip.IDCSeq))
	body, ok := m.SDP()
	done := func(*sip.Message) {}
	if ok {
		d := p.says(body)
		if c.offer != nil {
			p.take(c.offer, d)
		} else if ours := p.reply(d); ours != nil {
			p.agree(ours)
			k.SetBody("application/sdp", ours.text)
		}
		p.early, p.first, p.out = true, c, nil
		if c.offer != nil && p.rnd.IntN(4) == 0 {
			offer := p.propose(p.more(), nil)
			k.SetBody("application/sdp", offer.text)
			done = func(m *sip.Message) {
				if body, ok := m.SDP(); ok && m.Status < 300 {
					p.take(offer, p.says(body))
				}
			}
		}
	}
	p.send(k, nil, done)
}

// pracked takes the PRACK to ours.
func (p *walker) pracked(s *served) {
	body, ok := s.req.SDP()
	text := ""
	switch {
	case p.rel != nil && !ok:
		p.w.fault("%s: a PRACK without the answer", p.name)
	case p.rel != nil:
		p.take(p.rel, p.says(body))
		p.rel = nil
	case ok:
		p.says(body)
		if ours := p.reply(readDesc(body)); ours != nil {
			p.agree(ours)
			text = ours.text
		}
	}
	p.early = true
	p.respond(s, 200, text)
}

// pickUp answers a call that was described before.
func (p *walker) pickUp() {
	s := p.ringing
	p.ringing, p.early, p.up, p.unacked = nil, false, true, s
	p.respond(s, 200, "")
	p.insist(s, 500*time.Millisecond)
}

// changed takes a re-INVITE or UPDATE.
func (p *walker) changed(s *served) {
	m := s.req
	body, hasOffer := m.SDP()
	if hasOffer {
		p.says(body)
	}
	switch {
	case m.Method == "UPDATE" && !hasOffer:
		p.respond(s, 200, "")
	case p.out != nil:
		p.respond(s, 491, "")
	case p.inv != nil || p.unacked != nil:
		p.respond(s, 500, "", "Retry-After: 1")
	case len(p.denials) > 0:
		status := p.denials[0]
		p.denials = p.denials[1:]
		if status == 481 || status == 408 {
			p.over = true
		}
		p.respond(s, status, "")
	default:
		if m.Method == "INVITE" {
			p.inv = s
		}
		if p.slow > 0 && m.Method == "INVITE" {
			p.respond(s, 100, "")
			p.w.later(p.slow, func() {
				if p.inv == s && !p.over {
					p.accept(s)
				}
			})
			return
		}
		p.accept(s)
	}
}

// accept answers an INVITE or UPDATE.
func (p *walker) accept(s *served) {
	body, hasOffer := s.req.SDP()
	if s == p.inv {
		p.inv = nil
	}
	if !hasOffer {
		ours := p.propose(p.more(), p.echo())
		s.ours, p.unacked = ours, s
		p.respond(s, 200, ours.text)
		p.up = true
		p.insist(s, 500*time.Millisecond)
		return
	}
	ours := p.reply(readDesc(body))
	if ours == nil {
		p.respond(s, 488, "")
		return
	}
	p.agree(ours)
	p.up = true
	if s.req.Method == "INVITE" {
		p.unacked = s
		p.insist(s, 500*time.Millisecond)
	}
	p.respond(s, 200, ours.text)
}

// insist repeats a 2xx until it is acknowledged.
func (p *walker) insist(s *served, after time.Duration) {
	p.w.later(after, func() {
		if p.unacked == s && !p.w.ended {
			p.put(s.last)
			p.insist(s, min(2*after, 4*time.Second))
		}
	})
}

// more is what we offer when asked: what stands, or a first description.
func (p *walker) more() []stream {
	if len(p.streams) == 0 {
		return []stream{p.begin("audio")}
	}
	return slices.Clone(p.streams)
}

// acked takes an ACK.
func (p *walker) acked(m *sip.Message) {
	if r := p.served[strings.TrimSuffix(branchOf(m), "ACK")+"INVITE"]; r != nil {
		r.refused = false
	}
	s := p.unacked
	if s == nil || seqOf(s.req) != seqOf(m) {
		return
	}
	p.unacked = nil
	body, ok := m.SDP()
	if s.ours == nil {
		if ok {
			p.w.fault("%s: an ACK with a description, and our 200 was the answer", p.name)
		}
		return
	}
	if !ok {
		p.w.fault("%s: an ACK without the answer", p.name)
		return
	}
	p.take(s.ours, p.says(body))
}

// change asks for another session by INVITE or UPDATE; nil: by INVITE without an offer.
func (p *walker) change(verb string, offer *proposal) *client {
	p.w.changes++
	c := p.ask(verb, offer, nil)
	p.out = c
	c.done = func(m *sip.Message) { p.changedBy(c, m) }
	return c
}

// changedBy takes the final response to that.
func (p *walker) changedBy(c *client, m *sip.Message) {
	if p.out == c {
		p.out = nil
	}
	body, ok := m.SDP()
	if m.Status >= 300 {
		if m.Status == 481 || m.Status == 408 {
			p.w.gone = true
		}
		return
	}
	if a, ok := m.Contact(); ok {
		p.target = a.URI
	}
	p.up, p.peerTag = true, m.ToTag()
	if p.first == c {
		p.first, p.early = nil, false
		if ok {
			p.says(body) // what was said before
		}
		a := p.request("ACK", seqOf(m))
		c.ack = a.Append(nil)
		p.put(c.ack)
		return
	}
	if !ok {
		p.w.fault("%s: %s to %s has no description", p.name, m.StartLine(), c.req.Method)
		return
	}
	d := p.says(body)
	answer := ""
	if c.offer != nil {
		p.take(c.offer, d)
	} else if ours := p.reply(d); ours != nil {
		p.agree(ours)
		answer = ours.text
	} else {
		list := make([]stream, len(d.lines))
		for i := range list {
			list[i] = stream{kind: d.lines[i].kind, proto: d.lines[i].proto, formats: d.lines[i].formats, want: "sendrecv"}
		}
		ours := p.propose(list, nil)
		p.streams, p.view, answer = list, nil, ours.text
	}
	if c.req.Method == "INVITE" {
		a := p.request("ACK", seqOf(m))
		if answer != "" {
			a.SetBody("application/sdp", answer)
		}
		c.ack = a.Append(nil)
		p.put(c.ack)
	}
}

// cancel takes a re-INVITE back, if it may yet (RFC 3261 §9.1).
func (p *walker) cancel(c *client) {
	if c.final != 0 || !c.heard || p.over {
		return
	}
	m := sip.NewRequest("CANCEL", c.req.URI)
	for _, id := range []sip.ID{sip.IDVia, sip.IDMaxForwards, sip.IDFrom, sip.IDTo, sip.IDCallID} {
		m.Add(id, c.req.Get(id))
	}
	m.Add(sip.IDCSeq, strconv.FormatUint(uint64(seqOf(c.req)), 10)+" CANCEL")
	p.send(m, nil, nil)
}

// bye hangs up.
func (p *walker) bye() {
	p.over = true
	p.unacked = nil
	p.ask("BYE", nil, nil)
}
