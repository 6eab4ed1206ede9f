package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// desc is a session description as the simulator reads it: as little as peers and the watch need, by an own hand so that our
// parser is not judged by itself.
type desc struct {
	user, id, version string
	addr              netip.Addr
	media             []mline
	rest              string // all but o=
}

type mline struct {
	kind string
	port uint16
	dir  string
	fmts []string
	addr netip.Addr
	safe bool     // RTP/SAVP
	keys []string // values of a=crypto

	print, setup, ufrag string // of DTLS and ICE
}

// readSDP is nil when the body is no session description.
func readSDP(body string) *desc {
	body = offerOf(body)
	if !strings.HasPrefix(body, "v=0\r\n") {
		return nil
	}
	d := &desc{}
	dir := "sendrecv"
	for line := range strings.SplitSeq(body, "\r\n") {
		if len(line) < 2 {
			continue
		}
		v := line[2:]
		if line[0] != 'o' {
			d.rest += line + "\n"
		}
		switch line[0] {
		case 'o':
			f := strings.Fields(v)
			if len(f) == 6 {
				d.user, d.id, d.version = f[0], f[1], f[2]
			}
		case 'c':
			f := strings.Fields(v)
			a, _ := netip.ParseAddr(f[len(f)-1])
			if len(d.media) == 0 {
				d.addr = a
			} else {
				d.media[len(d.media)-1].addr = a
			}
		case 'm':
			f := strings.Fields(v)
			if len(f) < 3 {
				return nil
			}
			port, _ := strconv.ParseUint(f[1], 10, 16)
			d.media = append(d.media, mline{kind: f[0], port: uint16(port), dir: dir, fmts: f[3:], addr: d.addr, safe: strings.HasSuffix(f[2], "RTP/SAVP")})
		case 'a':
			if key, ok := strings.CutPrefix(v, "crypto:"); ok && len(d.media) > 0 {
				m := &d.media[len(d.media)-1]
				m.keys = append(m.keys, key)
			}
			if len(d.media) > 0 {
				d.media[len(d.media)-1].hear(v)
			}
			switch v {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				if len(d.media) == 0 {
					dir = v
				} else {
					d.media[len(d.media)-1].dir = v
				}
			}
		}
	}
	for i := range d.media {
		if m := &d.media[i]; m.addr.IsValid() && m.addr.IsUnspecified() { // nothing may be sent there (RFC 3264 §8.4)
			m.dir = meet("sendonly", reversed(m.dir))
			m.dir = reversed(m.dir)
		}
	}
	return d
}

// speaker writes the descriptions of one party.
type speaker struct {
	marker  string
	addr    netip.Addr
	port    uint16
	id      uint64
	version uint64
	dir     string // what we want
	last    string // the last body
	lastOf  string // all but the version
	video   bool
	fax     bool // takes T.38
	full    bool // names refused m-lines in its offers
	large   bool
	pcma    bool     // A-law first
	thrifty bool     // G.729 alone
	ptime   int      // a=ptime, in ms; 0: none
	secret  bool     // SRTP, and nothing else
	shakes  bool     // … by DTLS
	waits   bool     // … and leaves its beginning to the peer
	checks  bool     // ICE
	only    []string // the payload types of speech that it has; none: 0 and 8
	// stubborn answers sendrecv whatever is offered.
	stubborn bool
	remote   *desc // what the other side said last
	mine     *desc // what we said last, when agreed
}

// offer is a description of ours.
func (s *speaker) offer() string {
	fmts := []string{"0", "8", "101"}
	if s.pcma {
		fmts = []string{"8", "0", "101"}
	}
	if s.thrifty {
		fmts = []string{"18", "101"}
	}
	if len(s.only) > 0 {
		fmts = append(slices.Clone(s.only), "101")
	}
	lines := []mline{{kind: "audio", port: s.port, dir: s.dir, fmts: fmts}}
	if s.video {
		lines = append(lines, mline{kind: "video", port: s.port + 2, dir: s.dir, fmts: []string{"96"}})
	}
	return s.write(s.rest(lines))
}

// rest adds the m-lines of the session that an offer has not, refused (RFC 3264 §8).
func (s *speaker) rest(lines []mline) []mline {
	if s.full && s.mine != nil {
		for _, m := range s.mine.media[min(len(lines), len(s.mine.media)):] {
			m.port = 0
			lines = append(lines, m)
		}
	}
	return lines
}

// t38 is an offer of fax instead of speech, on the same port (ITU-T T.38 annex D).
func (s *speaker) t38() string {
	return s.write(s.rest([]mline{{kind: "image", port: s.port, dir: "sendrecv", fmts: []string{"t38"}}}))
}

// t38Behind is one in an m-line of its own.
func (s *speaker) t38Behind() string {
	return s.write(s.rest([]mline{{kind: "audio", fmts: []string{"0", "8"}}, {kind: "image", port: s.port + 2, dir: "sendrecv", fmts: []string{"t38"}}}))
}

// reversed is what a direction looks like from the other end.
func reversed(dir string) string {
	switch dir {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return dir
}

// meet is the direction of an answer: what is offered and what we want, from our end.
func meet(offered, want string) string {
	theirs := reversed(offered)
	send := (theirs == "sendrecv" || theirs == "sendonly") && (want == "sendrecv" || want == "sendonly")
	recv := (theirs == "sendrecv" || theirs == "recvonly") && (want == "sendrecv" || want == "recvonly")
	switch {
	case send && recv:
		return "sendrecv"
	case send:
		return "sendonly"
	case recv:
		return "recvonly"
	}
	return "inactive"
}

// answer is our answer to an offer: every m-line in its place (RFC 3264 §6).
func (s *speaker) answer(offer *desc) string {
	var lines []mline
	for i, m := range offer.media {
		want := s.dir
		if want == "zero" {
			want = "sendonly"
		}
		a := mline{kind: m.kind, dir: meet(m.dir, want), fmts: m.fmts, keys: m.keys, setup: s.role(m.setup)}
		if m.kind == "audio" {
			a.fmts = s.speakable(m.fmts)
		}
		if s.stubborn {
			a.dir = "sendrecv"
		}
		if m.port != 0 && (m.kind == "audio" || m.kind == "image" && s.fax || m.kind == "video" && s.video) {
			a.port = s.port + uint16(2*i)
		}
		lines = append(lines, a)
	}
	return s.write(lines)
}

func (s *speaker) write(lines []mline) string {
	var b strings.Builder
	addr := s.addr
	if len(lines) > 0 && lines[0].dir == "zero" { // RFC 3264 §8.4: no direction, but nowhere to send to
		addr = netip.IPv4Unspecified()
	}
	fmt.Fprintf(&b, "s=%s\r\nc=IN IP4 %s\r\nt=0 0\r\n", s.marker, addr)
	for _, m := range lines {
		proto := "RTP/AVP"
		if m.kind == "image" {
			proto = "udptl"
		}
		if s.secret && m.kind != "image" {
			proto = "RTP/SAVP"
			if s.shakes {
				proto = "UDP/TLS/RTP/SAVP"
			}
		}
		fmt.Fprintf(&b, "m=%s %d %s %s\r\n", m.kind, m.port, proto, strings.Join(m.fmts, " "))
		if m.port == 0 {
			continue
		}
		if m.kind != "image" {
			b.WriteString(s.connect(&m))
		}
		if s.secret && !s.shakes && m.kind != "image" {
			b.WriteString("a=crypto:" + s.key(m.keys) + "\r\n")
		}
		for _, f := range m.fmts {
			switch f {
			case "101":
				b.WriteString("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
			case "96":
				b.WriteString("a=rtpmap:96 H264/90000\r\n")
			}
		}
		if s.ptime > 0 && m.kind == "audio" {
			fmt.Fprintf(&b, "a=ptime:%d\r\n", s.ptime)
		}
		if m.dir != "sendrecv" && m.dir != "zero" {
			b.WriteString("a=" + m.dir + "\r\n")
		}
		if s.large {
			for i := range 40 {
				fmt.Fprintf(&b, "a=x-filler-%d:abcdefghijklmnopqrstuvwxyz\r\n", i)
			}
		}
	}
	if rest := b.String(); rest != s.lastOf {
		s.lastOf = rest
		s.version++
	}
	s.last = fmt.Sprintf("v=0\r\no=%s %d %d IN IP4 %s\r\n%s", s.marker, s.id, s.version, s.addr, s.lastOf)
	return s.last
}
