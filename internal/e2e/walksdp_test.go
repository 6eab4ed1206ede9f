package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// desc is a description as a walking telephone reads it, by an own hand.
type desc struct {
	session, version string // of o=
	rest             string // all but o=
	lines            []mline
}

// mline is one m-line.
type mline struct {
	kind, proto string
	rtp, rtcp   netip.AddrPort // port 0: refused
	send, recv  bool           // who says it
	formats     []format
	ptime       string
	key         string // value of a=crypto
}

// format is a payload type, or for what is no RTP a word.
type format struct {
	pt   string
	name string // encoding/clock; of a static payload type that of RFC 3551
}

var statics = map[string]string{"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "13": "CN/8000", "18": "G729/8000"}

func (m *mline) live() bool { return m.rtp.Port() != 0 }

func (m *mline) byName(name string) (format, bool) {
	i := slices.IndexFunc(m.formats, func(f format) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return format{}, false
	}
	return m.formats[i], true
}

func (m *mline) byType(pt string) string {
	i := slices.IndexFunc(m.formats, func(f format) bool { return f.pt == pt })
	if i < 0 {
		return ""
	}
	return m.formats[i].name
}

// readDesc is nil for what is none.
func readDesc(body string) *desc {
	if !strings.HasPrefix(body, "v=0\r\n") {
		return nil
	}
	d := &desc{}
	var conn netip.Addr
	dirs := []string{"sendrecv"}
	var conns []netip.Addr
	for line := range strings.SplitSeq(body, "\r\n") {
		if len(line) < 2 {
			continue
		}
		f, n := strings.Fields(line[2:]), len(d.lines)
		switch line[0] {
		case 'o':
			d.session, d.version = f[1], f[2]
			continue
		case 'c':
			a, _ := netip.ParseAddr(f[2])
			if n == 0 {
				conn = a
			} else {
				conns[n-1] = a
			}
		case 'm':
			port, _ := strconv.Atoi(f[1])
			m := mline{kind: f[0], proto: f[2], rtp: netip.AddrPortFrom(conn, uint16(port))}
			for _, pt := range f[3:] {
				m.formats = append(m.formats, format{pt, statics[pt]})
			}
			d.lines, dirs, conns = append(d.lines, m), append(dirs, dirs[0]), append(conns, conn)
		case 'a':
			d.attribute(line[2:], dirs)
		}
		d.rest += line + "\n"
	}
	for i := range d.lines {
		m := &d.lines[i]
		m.rtp = netip.AddrPortFrom(conns[i], m.rtp.Port())
		switch {
		case !m.rtcp.IsValid():
			m.rtcp = netip.AddrPortFrom(conns[i], m.rtp.Port()+1)
		case !m.rtcp.Addr().IsValid() || m.rtcp.Addr().IsUnspecified():
			m.rtcp = netip.AddrPortFrom(conns[i], m.rtcp.Port())
		}
		m.send, m.recv = sends(dirs[i+1]), sends(opposite(dirs[i+1])) && !conns[i].IsUnspecified() // RFC 3264 §8.4
	}
	return d
}

func (d *desc) attribute(value string, dirs []string) {
	if slices.Contains(directions, value) {
		dirs[len(dirs)-1] = value
		return
	}
	if len(d.lines) == 0 {
		return
	}
	m := &d.lines[len(d.lines)-1]
	name, value, _ := strings.Cut(value, ":")
	pt, text, _ := strings.Cut(value, " ")
	switch name {
	case "rtpmap":
		for i := range m.formats {
			if m.formats[i].pt == pt {
				m.formats[i].name = text
			}
		}
	case "rtcp":
		port, _ := strconv.Atoi(pt)
		m.rtcp = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))
		if f := strings.Fields(text); len(f) == 3 {
			a, _ := netip.ParseAddr(f[2])
			m.rtcp = netip.AddrPortFrom(a, uint16(port))
		}
	case "crypto":
		if m.key == "" {
			m.key = value
		}
	case "ptime":
		m.ptime = value
	}
}

var directions = []string{"sendrecv", "sendonly", "recvonly", "inactive"}

func sends(dir string) bool { return dir == "sendrecv" || dir == "sendonly" }

func opposite(dir string) string {
	switch dir {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return dir
}

func directed(send, recv bool) string {
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

// stream is an m-line of a telephone's own: what it wants of it.
type stream struct {
	kind, proto string
	port        *mediaPort // nil: refused
	want        string     // direction
	nowhere     bool       // held by 0.0.0.0
	formats     []format
	ptime       string
	key         string
	talk        *talker
}

// style is how a telephone writes.
type style struct {
	lineConns bool // c= with each m-line
	strange   bool // attributes that nobody knows
	rtcpLines bool // a=rtcp, where it needs none
}

// write is the description of streams. dirs are the directions in an answer, nil in an offer.
func write(user string, session, version uint64, home netip.Addr, list []stream, st style, dirs []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=%s %d %d IN IP4 %s\r\ns=-\r\n", user, session, version, home)
	conn := func(s *stream) netip.Addr {
		if s.nowhere {
			return netip.IPv4Unspecified()
		}
		return s.port.rtp.at.Addr()
	}
	first := home
	if i := slices.IndexFunc(list, func(s stream) bool { return s.port != nil }); i >= 0 {
		first = conn(&list[i])
	}
	if !st.lineConns {
		fmt.Fprintf(&b, "c=IN IP4 %s\r\n", first)
	}
	b.WriteString("t=0 0\r\n")
	if st.strange {
		b.WriteString("a=x-strange:session\r\n")
	}
	for i := range list {
		s := &list[i]
		port := 0
		if s.port != nil {
			port = int(s.port.rtp.at.Port())
		}
		fmt.Fprintf(&b, "m=%s %d %s", s.kind, port, s.proto)
		for _, f := range s.formats {
			b.WriteString(" " + f.pt)
		}
		b.WriteString("\r\n")
		if port == 0 {
			if st.lineConns {
				fmt.Fprintf(&b, "c=IN IP4 %s\r\n", home)
			}
			continue
		}
		if a := conn(s); st.lineConns || a != first {
			fmt.Fprintf(&b, "c=IN IP4 %s\r\n", a)
		}
		for _, f := range s.formats {
			if f.name != "" && (statics[f.pt] == "" || st.strange) {
				fmt.Fprintf(&b, "a=rtpmap:%s %s\r\n", f.pt, f.name)
			}
			if strings.HasPrefix(f.name, "telephone-event") {
				fmt.Fprintf(&b, "a=fmtp:%s 0-15\r\n", f.pt)
			}
		}
		if s.kind == "image" {
			b.WriteString("a=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n")
		}
		if s.ptime != "" {
			fmt.Fprintf(&b, "a=ptime:%s\r\n", s.ptime)
		}
		if s.key != "" {
			fmt.Fprintf(&b, "a=crypto:%s\r\n", s.key)
		}
		if p := s.port; s.kind != "image" && (st.rtcpLines || p.rtcp.at.Port() != p.rtp.at.Port()+1) {
			fmt.Fprintf(&b, "a=rtcp:%d\r\n", p.rtcp.at.Port())
		}
		dir := s.want
		if dirs != nil {
			dir = dirs[i]
		}
		if dir != "sendrecv" || st.strange {
			b.WriteString("a=" + dir + "\r\n")
		}
		if st.strange {
			b.WriteString("a=x-strange:line with words\r\na=x-flag\r\n")
		}
	}
	return b.String()
}
