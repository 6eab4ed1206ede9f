package ua_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// state is what a telephone has of its media.
type state struct {
	lines []mline
	fresh int
	hold  string // what it wants for its own part
}

// mline is an m-line of it; port 0: it is off.
type mline struct {
	kind string
	port int
	dir  string // as it has said
}

func (s state) clone() state { s.lines = slices.Clone(s.lines); return s }

// phone is a telephone.
type phone struct {
	w         *walk
	host      int
	kind      string
	side      int
	refusable bool // it is about to be asked for a transfer
	is        state
	said      *sdp.Session
	told      *sdp.Session
	d         *end
	version   int
	out       time.Time // of the last message to us
	last      time.Time // of the last one to it
	seen      map[string]bool

	invite  []byte // its own, under way
	first   bool   // … which begins a dialog
	pend    state
	offered *sdp.Session // in it; nil: none
	updates bool         // an UPDATE of its own is under way

	serves   *sip.Message // ours that it answers later
	data     []byte
	unacked  bool
	proposes *state // what it has offered in a 2xx
	proposal *sdp.Session
	ports    int
	cancels  bool
	crossed  bool // it has accepted what is withdrawn
	withdrew time.Time
	old      bool // it knows no UPDATE

	reliable  bool              // it acknowledges provisional responses, and sends some that must be
	music     bool              // who it holds hears music of ours
	unpracked bool              // one of its own is not acknowledged yet
	early     map[string]*early // by our tag, or by its own
}

// sends has a message of it come to us a little later, behind those before.
func (p *phone) sends(m []byte) {
	w := p.w
	if p.old {
		m = []byte(strings.Replace(string(m), "UPDATE, ", "", 1))
		m = []byte(strings.Replace(string(m), ", UPDATE\r\n", "\r\n", 1))
	}
	at := w.now.Add(time.Duration(w.rnd.IntN(60)) * time.Millisecond)
	if at.Before(p.out) {
		at = p.out
	}
	p.out = at
	w.n++
	line, _, _ := strings.Cut(string(m), "\r\n")
	w.note("%d > %s [%s]\n%s", p.host, line, header(m, "CSeq"), shownMedia(m))
	w.events = append(w.events, event{at, w.n, func() { w.takes(p.src(), m) }})
}

// shownMedia is what a trace shows of a description.
func shownMedia(m []byte) string {
	var b strings.Builder
	for line := range strings.SplitSeq(string(m), "\r\n") {
		if strings.HasPrefix(line, "o=") || strings.HasPrefix(line, "m=") || line == "a=sendonly" || line == "a=recvonly" || line == "a=inactive" || strings.HasPrefix(line, "a=setup") || strings.HasPrefix(line, "a=crypto") || strings.HasPrefix(line, "a=ice-ufrag") {
			b.WriteString("        " + line + "\n")
		}
	}
	return b.String()
}

func (p *phone) src() sip.Source {
	return sip.Source{Transport: sip.UDP, Local: ucSource.Local, Remote: netip.MustParseAddrPort(fmt.Sprintf("198.51.100.%d:5060", p.host%10))}
}

func (p *phone) responds(status string, req []byte, tag, body string) {
	m := strings.Replace(string(response(status, req, tag, body)), "Contact: <sip:198.51.100.2:5060>", fmt.Sprintf("Contact: <sip:198.51.100.%d:5060>", p.host%10), 1)
	p.sends([]byte(m))
}

func (p *phone) material(fresh, i int) string {
	return fmt.Sprintf("%-30.30s", fmt.Sprintf("key %d of %d, line %d", fresh, p.host, i))
}

func (p *phone) ufrag(fresh, i int) string { return fmt.Sprintf("uf%d%d%d", p.host, fresh, i) }

func (p *phone) print(fresh int) string {
	return strings.Repeat(string([]byte{byte(p.host%10*50 + p.host/10*25 + fresh%25)}), 32)
}

func (p *phone) formats() []string {
	switch p.kind {
	case "alaw":
		return []string{"8", "101"}
	case "mulaw":
		return []string{"0", "101"}
	}
	return []string{"8", "0", "101"}
}

// describes is what it says, an answer if there is an offer.
func (p *phone) describes(s *state, offer *sdp.Session) string {
	p.version++
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN IP4 198.51.100.%d\r\ns=-\r\nc=IN IP4 198.51.100.%d\r\nt=0 0\r\n", 100+p.host, p.version, p.host%10, p.host%10)
	for i, l := range s.lines {
		proto, formats := "RTP/AVP", p.formats()
		if l.kind == "video" {
			formats = []string{"96"}
		}
		if offer != nil && l.kind == "audio" {
			formats = slices.DeleteFunc(slices.Clone(formats), func(f string) bool { return !slices.Contains(offer.Media[i].Formats, f) })
			if len(formats) == 0 || formats[0] == "101" {
				formats = []string{offer.Media[i].Formats[0]}
			}
		}
		if offer != nil && l.kind == "video" {
			formats = offer.Media[i].Formats
		}
		if l.kind == "image" {
			fmt.Fprintf(&b, "m=image %d udptl t38\r\n", l.port)
			if l.port > 0 {
				b.WriteString("a=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n")
			}
			continue
		}
		tag, setup, lines := 1, "actpass", ""
		if offer != nil {
			setup = "active"
			for k := range offer.Cryptos(i) {
				if k.Suite == "AES_CM_128_HMAC_SHA1_80" {
					tag = k.Tag
				}
			}
			if offer.Setup(i) == "active" {
				setup = "passive"
			}
		}
		switch p.kind {
		case "sdes":
			proto = "RTP/SAVP"
			lines = fmt.Sprintf("a=crypto:%d AES_CM_128_HMAC_SHA1_80 inline:%s\r\n", tag, base64.StdEncoding.EncodeToString([]byte(p.material(s.fresh, i))))
		case "dtls", "full":
			proto = "UDP/TLS/RTP/SAVP"
			lines = "a=fingerprint:" + sdp.FormatFingerprint(sdp.Fingerprint{Hash: "sha-256", Value: p.print(s.fresh)}) + "\r\na=setup:" + setup + "\r\na=ice-ufrag:" + p.ufrag(s.fresh, i) + "\r\na=ice-pwd:" +
				strings.Repeat(p.ufrag(s.fresh, i), 6) + "\r\na=candidate:1 1 UDP 2130706431 198.51.100." + strconv.Itoa(p.host%10) + " " + strconv.Itoa(l.port) + " typ host\r\n"
		}
		if offer != nil {
			proto = offer.Media[i].Proto
		}
		fmt.Fprintf(&b, "m=%s %d %s %s\r\n", l.kind, l.port, proto, strings.Join(formats, " "))
		if l.port == 0 {
			continue
		}
		for _, f := range formats {
			if name := map[string]string{"8": "PCMA/8000", "0": "PCMU/8000", "101": "telephone-event/8000", "96": "H264/90000"}[f]; name != "" {
				b.WriteString("a=rtpmap:" + f + " " + name + "\r\n")
			}
		}
		b.WriteString("a=" + l.dir + "\r\n" + lines)
	}
	return b.String()
}

// parsed is a description that is one.
func parsed(text string) *sdp.Session {
	s, err := sdp.Parse(strings.Clone(text))
	if err != nil {
		panic(err.Error() + "\n" + text)
	}
	return s
}

// meets is the direction of an answer.
func meets(offer sdp.Direction, wants string) string {
	send, recv := offer.Recv() && strings.Contains("sendrecv sendonly", wants), offer.Send() && strings.Contains("sendrecv recvonly", wants)
	return sdp.DirectionOf(send, recv).String()
}

func (p *phone) port() int { p.ports += 2; return 40000 + 1000*(p.host%10) + 500*(p.host/10) + p.ports }

// agrees is its answer to an offer; false: it refuses.
func (p *phone) agrees(offer *sdp.Session) (s state, text string, ok bool) {
	s = p.is.clone()
	live := false
	for i := range offer.Media {
		m := &offer.Media[i]
		l := mline{kind: m.Kind, dir: meets(m.Direction, s.hold)}
		if i < len(s.lines) && s.lines[i].port != 0 {
			l.port = s.lines[i].port
		} else {
			l.port = p.port()
		}
		if m.Rejected() || m.Kind == "video" && p.w.rnd.IntN(3) == 0 || m.Kind == "audio" && !slices.ContainsFunc(m.Formats, func(f string) bool { return f != "101" && slices.Contains(p.formats(), f) }) {
			l.port = 0
		}
		live = live || l.port != 0
		if i < len(s.lines) {
			s.lines[i] = l
		} else {
			s.lines = append(s.lines, l)
		}
	}
	if len(s.lines) > len(offer.Media) {
		p.w.t.Errorf("%d is offered fewer m-lines than stand: %d of %d", p.host, len(offer.Media), len(s.lines))
		return s, "", false
	}
	if !live {
		return s, "", false
	}
	return s, p.describes(&s, offer), true
}

// proposesAnew is an offer of what it wants.
func (p *phone) proposesAnew(s *state) string {
	for i := range s.lines {
		s.lines[i].dir = s.hold
	}
	return p.describes(s, nil)
}

// stands has a description of its own and ours agreed on.
func (p *phone) stands(s state, said, told *sdp.Session) {
	p.is, p.said, p.told = s.clone(), said, told
	for i := range p.is.lines {
		if said.Media[i].Rejected() || told.Media[i].Rejected() {
			p.is.lines[i].port = 0
		}
	}
}

// hears takes a message of ours.
func (p *phone) hears(data []byte) {
	w := p.w
	m, err := sip.Parse(data, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_, method, _ := m.CSeq()
	key := m.TopBranch() + m.StartLine() + method + m.ToTag() + m.GetName("RSeq")
	line, _, _ := strings.Cut(string(data), "\r\n")
	if p.seen[key] {
		return
	}
	w.note("%d < %s [%s]\n%s", p.host, line, header(data, "CSeq"), shownMedia(data))
	p.seen[key] = true
	if !m.IsRequest() {
		p.answered(m, data)
		return
	}
	body, has := m.SDP()
	switch m.Method {
	case "ACK":
		if p.d == nil || m.CallID() != p.d.callID {
			return
		}
		p.unacked = false
		if p.proposes != nil {
			if has {
				p.stands(*p.proposes, p.proposal, parsed(body))
			}
			p.proposes = nil
		}
	case "BYE":
		p.responds("200 OK", data, "", "")
		p.leaves()
	case "NOTIFY":
		p.responds("200 OK", data, "", "")
	case "CANCEL":
		p.responds("200 OK", data, "", "")
		if p.serves != nil {
			if w.rnd.IntN(6) == 0 && m.ToTag() != "" {
				p.crossed = true
				p.accepts()
				return
			}
			p.responds("487 Request Terminated", p.data, "target", "")
			p.serves = nil
		}
	case "PRACK":
		if !p.askedEarly(m, data) {
			p.responds("481 Gone", data, "", "")
		}
	case "INVITE", "UPDATE":
		p.asked(m, data)
	default:
		p.responds("200 OK", data, "", "")
	}
}

// leaves ends its call.
func (p *phone) leaves() {
	p.d, p.invite, p.serves, p.proposes, p.unacked, p.updates, p.offered = nil, nil, nil, nil, false, false, nil
	p.is = state{hold: "sendrecv", fresh: p.is.fresh + 1}
	p.said, p.told = nil, nil
	clear(p.early)
	p.unpracked = false
}

// asked takes our INVITE or UPDATE.
func (p *phone) asked(m *sip.Message, data []byte) {
	w := p.w
	_, has := m.SDP()
	begins := m.ToTag() == ""
	switch {
	case m.Method == "UPDATE" && !has:
		p.responds("200 OK", data, "", "")
		return
	case !begins && m.Method == "UPDATE" && p.askedEarly(m, data):
		return
	case begins && (p.d != nil || p.invite != nil || p.serves != nil):
		p.responds("486 Busy Here", data, "busy", "")
		return
	case !begins && (p.d == nil || m.CallID() != p.d.callID):
		p.responds("481 Gone", data, "", "")
		return
	case !begins && (p.invite != nil || p.updates):
		p.responds("491 Request Pending", data, "", "")
		return
	case !begins && (p.serves != nil || p.unacked):
		w.t.Errorf("%d is asked while it is asked: %s", p.host, m.StartLine())
		p.responds("500 Busy", data, "", "")
		return
	}
	p.serves, p.data = m, data
	refusals := []string{"488 Not Acceptable Here", "606 Not Acceptable", "488 Not", "500 Error", "603 Decline"}
	hurried := p.refusable
	crossed := p.crossed
	p.crossed = false
	refuses := w.mayRefuse(p, begins) && !crossed
	var decide func()
	decide = func() {
		if p.serves != m {
			return
		}
		if begins && (p.unpracked || p.updates) { // RFC 3262 §3
			w.after(100*time.Millisecond, decide)
			return
		}
		switch k := w.rnd.IntN(10); {
		case k < 2 && refuses:
			p.serves = nil
			p.responds(refusals[w.rnd.IntN(len(refusals))], data, "target", "")
		default:
			p.accepts()
		}
	}
	ms := func(n int) time.Duration { return time.Duration(w.rnd.IntN(n)) * time.Millisecond }
	if begins {
		p.is, p.refusable = state{hold: "sendrecv", fresh: p.is.fresh + 1}, false
		clear(p.early)
		p.unpracked = false
		reliably := p.reliable && m.HasToken(sip.IDSupported, "100rel")
		p.responds("100 Trying", data, "", "")
		w.after(ms(1000), func() {
			if p.serves != m {
				return
			}
			if w.rnd.IntN(2) == 0 {
				if reliably {
					p.ringsReliably(m, data, "180 Ringing", "target", nil, "")
					return
				}
				p.responds("180 Ringing", data, "target", "")
			} else if body, ok := m.SDP(); ok {
				if s, text, ok := p.agrees(parsed(body)); ok {
					p.is = s
					if reliably {
						p.ringsReliably(m, data, "183 Session Progress", "target", &s, text)
						return
					}
					p.responds("183 Session Progress", data, "target", text)
				}
			}
		})
		if w.rnd.IntN(8) > 0 {
			w.after(1000*time.Millisecond+ms(6000), func() {
				if p.serves == m && !p.unpracked && !p.updates && w.rnd.IntN(4) == 0 {
					p.serves = nil
					p.responds("486 Busy Here", data, "target", "")
					return
				}
				decide()
			})
		}
		return
	}
	switch {
	case m.Method == "INVITE" && w.rnd.IntN(4) == 0:
		p.responds("100 Trying", data, "", "")
		if w.rnd.IntN(10) > 0 || !refuses || hurried {
			w.after(ms(4000), decide)
		} else {
			w.after(65*time.Second+ms(10000), decide)
		}
	case m.Method == "UPDATE" && w.rnd.IntN(4) == 0:
		w.after(ms(300), decide)
	default:
		decide()
	}
}

// accepts answers what it was asked.
func (p *phone) accepts() {
	m, data := p.serves, p.data
	p.serves = nil
	body, has := m.SDP()
	if m.ToTag() == "" {
		p.d = &end{r: p.w.rig, src: p.src(), callID: m.CallID(), from: header(data, "To") + ";tag=target", to: header(data, "From"), seq: 100}
		e := p.early["target"]
		if e != nil {
			p.d.n = e.at.n
		}
		if e != nil && e.told != nil {
			p.stands(e.is, e.said, e.told)
			p.unacked = true
			p.responds("200 OK", data, "target", "")
			return
		}
	}
	if !has {
		s := p.is.clone()
		if p.w.rnd.IntN(3) == 0 {
			s.lines[0].port = p.port()
		}
		text := p.proposesAnew(&s)
		p.proposes, p.proposal, p.unacked = &s, parsed(text), true
		p.responds("200 OK", data, "", text)
		return
	}
	offer := parsed(body)
	s, text, ok := p.agrees(offer)
	if !ok {
		if m.ToTag() == "" {
			p.d = nil
		}
		p.responds("488 Not Acceptable Here", data, "target", "")
		return
	}
	p.stands(s, parsed(text), offer)
	p.unacked = m.Method == "INVITE"
	p.responds("200 OK", data, "target", text)
}

// answered takes a response of ours.
func (p *phone) answered(m *sip.Message, data []byte) {
	seq, method, _ := m.CSeq()
	if m.Status < 200 {
		if method == "INVITE" && p.first && p.invite != nil && m.HasToken(sip.IDRequire, "100rel") {
			p.acknowledges(m, data)
		}
		return
	}
	body, has := m.SDP()
	switch {
	case method != "INVITE" && p.answeredEarly(m):
	case method == "UPDATE" && p.updates:
		p.updates = false
		if m.Status < 300 {
			p.stands(p.pend, p.offered, parsed(body))
		}
		p.offered = nil
	case method == "INVITE" && p.invite != nil:
		was := p.invite
		p.invite = nil
		if m.Status >= 300 {
			head, _, _ := strings.Cut(string(was), "Content-Type")
			head, _, _ = strings.Cut(head, "Content-Length")
			p.sends([]byte(strings.NewReplacer("INVITE sip", "ACK sip", " INVITE\r\n", " ACK\r\n", "\r\nTo: "+header(was, "To"), "\r\nTo: "+header(data, "To")).Replace(head) + "Content-Length: 0\r\n\r\n"))
			p.offered = nil
			p.ends()
			return
		}
		var e *early
		if p.first {
			p.d = &end{r: p.w.rig, src: p.src(), callID: m.CallID(), from: header(data, "From"), to: header(data, "To"), seq: int(seq)}
			if e = p.early[m.ToTag()]; e != nil {
				p.d.seq, p.d.n = e.at.seq, e.at.n
			}
		}
		answer := ""
		if e != nil && e.told != nil {
			if has {
				p.w.t.Errorf("%d is answered twice", p.host)
			}
			p.stands(e.is, e.said, e.told)
		} else if p.offered != nil {
			if !has {
				p.w.t.Errorf("no answer")
				return
			}
			p.stands(p.pend, p.offered, parsed(body))
		} else {
			offer := parsed(body)
			s, text, ok := p.agrees(offer)
			if !ok {
				p.w.t.Errorf("offered what it cannot take\n%s", body)
				return
			}
			p.stands(s, parsed(text), offer)
			answer = text
		}
		p.offered = nil
		p.sends(p.d.write("ACK", int(seq), answer))
	}
}

// ends forgets the early dialogs of an INVITE that was refused.
func (p *phone) ends() {
	if p.first {
		clear(p.early)
		p.updates = false
	}
}

// changes asks for a change.
func (p *phone) changes() {
	w := p.w
	if p.d == nil || p.invite != nil || p.updates || p.serves != nil || p.unacked {
		return
	}
	s := p.is.clone()
	what := w.rnd.IntN(12)
	method := "INVITE"
	switch what {
	case 0:
		for i := range s.lines {
			if s.lines[i].port != 0 {
				s.lines[i].port = p.port()
			}
		}
	case 1, 2:
		s.hold = []string{"sendonly", "inactive", "recvonly"}[w.rnd.IntN(3)]
		if p.is.hold != "sendrecv" {
			s.hold = "sendrecv"
		}
	case 3:
		s.fresh++
	case 4, 5:
		if s.lines[0].port == 0 {
			s.lines[0].port = p.port()
		}
		if s.lines[0].kind = map[string]string{"audio": "image", "image": "audio"}[s.lines[0].kind]; s.lines[0].kind == "image" {
			s.hold = "sendrecv"
		}
	case 6, 7:
		if len(s.lines) < 3 {
			s.lines = append(s.lines, mline{kind: "video", port: p.port()})
		} else if l := &s.lines[1+w.rnd.IntN(len(s.lines)-1)]; l.port == 0 {
			l.port = p.port()
			l.kind = []string{"video", "image", "audio"}[w.rnd.IntN(3)]
		} else {
			l.port = 0
		}
	case 8:
		if i := w.rnd.IntN(len(s.lines)); i > 0 {
			s.lines[i].port = 0
		}
	case 9, 10:
		if method = "UPDATE"; p.old {
			method = "INVITE"
		}
		if w.rnd.IntN(2) == 0 {
			s.hold = []string{"sendonly", "sendrecv"}[w.rnd.IntN(2)]
		} else {
			s.lines[0].port = p.port()
		}
	case 11:
		p.d.seq++
		p.offered, p.first = nil, false
		p.invite = p.d.write("INVITE", p.d.seq, "")
		p.sends(p.invite)
		return
	}
	if slices.ContainsFunc(s.lines, func(l mline) bool { return l.port != 0 }) {
		text := p.proposesAnew(&s)
		p.pend, p.offered, p.first = s, parsed(text), false
		p.d.seq++
		m := p.d.write(method, p.d.seq, text)
		if p.sends(m); method == "UPDATE" {
			p.updates = true
			return
		}
		p.invite, p.cancels = m, false
		if w.rnd.IntN(8) == 0 {
			w.after(time.Duration(w.rnd.IntN(1500))*time.Millisecond, func() {
				if slices.Equal(p.invite, m) && !p.cancels {
					p.cancels, p.withdrew = true, w.now
					head, _, _ := strings.Cut(string(m), "Content-Type")
					p.sends([]byte(strings.NewReplacer("INVITE sip", "CANCEL sip", " INVITE\r\n", " CANCEL\r\n").Replace(head) + "Content-Length: 0\r\n\r\n"))
				}
			})
		}
	}
}

// sendsOn and hearsOn tell what it takes to flow on an m-line.
func (p *phone) sendsOn(i int) bool {
	return i < len(p.said.Media) && i < len(p.told.Media) && !p.said.Media[i].Rejected() && !p.told.Media[i].Rejected() && (p.said.Media[i].Kind == "image" || p.said.Media[i].Direction.Send() && p.told.Media[i].Direction.Recv())
}

func (p *phone) hearsOn(i int) bool {
	return i < len(p.said.Media) && i < len(p.told.Media) && !p.said.Media[i].Rejected() && !p.told.Media[i].Rejected() && (p.said.Media[i].Kind == "image" || p.said.Media[i].Direction.Recv() && p.told.Media[i].Direction.Send())
}
