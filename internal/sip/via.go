package sip

import (
	"net/netip"
	"strings"
)

// MagicCookie begins the branch of every RFC 3261 transaction (§8.1.1.7).
const MagicCookie = "z9hG4bK"

// Via is one Via value (RFC 3261 §20.42).
type Via struct {
	Transport string // as written: "UDP", "TCP", "TLS", …
	Host      string // sent-by, IPv6 without brackets
	Port      uint16 // 0 when none is written
	Params    Params
}

// ParseVia reads one Via value of SIP/2.0.
func ParseVia(s string) (Via, error) {
	if rest, ok := strings.CutPrefix(s, "SIP/2.0/"); ok { // as all but those who put blanks round the slashes
		s = rest
	} else {
		proto, rest, ok1 := cutSlash(s)
		version, rest, ok2 := cutSlash(rest)
		if !ok1 || !ok2 || !equalFold(proto, "SIP") || version != "2.0" {
			return Via{}, errVia
		}
		s = rest
	}
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	n := 0
	for n < len(s) && isToken(s[n]) {
		n++
	}
	if n == 0 || n == len(s) || !isBlank(s[n]) {
		return Via{}, errVia
	}
	v := Via{Transport: s[:n]}
	s = s[n:]
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s, v.Params = s[:i], Params(trim(s[i+1:]))
	}
	var err error
	if v.Host, v.Port, err = parseHostPort(trim(s)); err != nil {
		return Via{}, err
	}
	if !v.Params.check() {
		return Via{}, errParam
	}
	return v, nil
}

func cutSlash(s string) (before, after string, ok bool) {
	i := strings.IndexByte(s, '/')
	if i < 0 {
		return "", "", false
	}
	return trim(s[:i]), s[i+1:], true
}

// String writes the value.
func (v Via) String() string {
	b := make([]byte, 0, len(v.Host)+len(v.Params)+24)
	b = append(b, "SIP/2.0/"...)
	b = append(b, v.Transport...)
	b = append(b, ' ')
	b = appendHost(b, v.Host, v.Port)
	return string(appendParams(b, v.Params))
}

// Branch is the branch parameter, "" when there is none.
func (v Via) Branch() string {
	if branch, ok := strings.CutPrefix(string(v.Params), "branch="); ok { // it stands first and is a token, as nearly always
		end := 0
		for end < len(branch) && isToken(branch[end]) {
			end++
		}
		if end == len(branch) || branch[end] == ';' {
			return branch[:end]
		}
	}
	b, _ := v.Params.Get("branch")
	return b
}

// Received is the received parameter without brackets (RFC 5118 §4.5), "" when there is none.
func (v Via) Received() string {
	r, _ := v.Params.Get("received")
	if len(r) > 2 && r[0] == '[' && r[len(r)-1] == ']' {
		return r[1 : len(r)-1]
	}
	return r
}

// RPort is the rport parameter (RFC 3581); a request has it without value, which gives 0 and true.
func (v Via) RPort() (port uint16, present bool) {
	s, ok := v.Params.Get("rport")
	n, _ := decimal(s, 65535)
	return uint16(n), ok
}

// TopVia is the first Via value; false when there is none that can be read.
func (m *Message) TopVia() (Via, bool) {
	value := m.Get(IDVia)
	if m.views != nil && m.views.viaText == value && value != "" {
		return m.views.via, true
	}
	first, _, _ := cutList(value)
	v, err := ParseVia(first)
	return v, err == nil
}

// TopBranch is the branch of the first Via value, "" when there is none.
func (m *Message) TopBranch() string {
	value := m.Get(IDVia)
	if m.views != nil && m.views.viaText == value && value != "" {
		return m.views.branch
	}
	first, _, _ := cutList(value)
	_, params, _ := strings.Cut(first, ";")
	return Via{Params: Params(params)}.Branch()
}

// FixTopVia notes in the top Via of a received request where it came from: received= when sent-by is not
// that address (RFC 3261 §18.2.1), and with rport always both (RFC 3581 §4). What the sender wrote into
// the two is replaced, so that it cannot turn the answer elsewhere; all else stays as written. A Via that cannot be read is left.
func (m *Message) FixTopVia(remote netip.AddrPort) {
	i := m.index(IDVia)
	if i < 0 {
		return
	}
	value := m.Headers[i].Value
	v, ok := m.TopVia()
	if !ok {
		return
	}
	ip := remote.Addr().Unmap().WithZone("")
	var text [64]byte
	remoteText := ip.AppendTo(text[:0])
	same := v.Host == string(remoteText)
	if !same {
		sent, err := netip.ParseAddr(v.Host)
		same = err == nil && sent.Unmap() == ip
	}
	first, rest, more := cutList(value)
	var room [256]byte
	b := append(room[:0], strings.TrimRight(first[:len(first)-len(v.Params)], "; \t")...)
	params := len(b) + 1
	rport, received := false, false
	for left := string(v.Params); left != ""; {
		name, _, tail, _ := cutParam(left)
		raw := trim(strings.TrimSuffix(left[:len(left)-len(tail)], ";"))
		left = tail
		switch {
		case name == "":
		case equalFold(name, "received"):
			received = true
		case equalFold(name, "rport"):
			rport = true
			b = append(b, ";rport="...)
			b = appendUint(b, uint64(remote.Port()))
		default:
			b = append(b, ';')
			b = append(b, raw...)
		}
	}
	if same && !rport && !received {
		return
	}
	if rport || !same {
		b = append(b, ";received="...)
		b = append(b, remoteText...)
	}
	end := len(b)
	if more {
		b = append(b, ',')
		b = append(b, rest...)
	}
	fixed := string(b)
	m.Headers[i].Value = fixed
	if m.views != nil && params <= end {
		if m.views.viaText != value { // not by Validate
			m.views.branch = v.Branch()
		}
		v.Params = Params(fixed[params:end])
		m.views.via, m.views.viaText = v, fixed
	}
}

// ResponseAddr is where a UDP response to this request goes (RFC 3261 §18.2.2, RFC 3581 §4), src being
// where the request came from: always the address of src, which is what received= says after FixTopVia;
// the port of src when rport was asked for, else that of sent-by, else 5060.
//
// A sent-by with another address than that of src is one behind a NAT, which has most likely chosen another
// port, too: then the answer goes to src whether rport was asked for or not.
//
// maddr is not followed: it serves multicast, and would let a stranger aim our answers at a third party.
func (m *Message) ResponseAddr(src netip.AddrPort) netip.AddrPort {
	v, ok := m.TopVia()
	if !ok {
		return src
	}
	if _, rport := v.RPort(); rport {
		return src
	}
	if isDigit(v.Host[0]) || strings.IndexByte(v.Host, ':') >= 0 { // else it is a name
		if sent, err := netip.ParseAddr(v.Host); err == nil && sent.Unmap() != src.Addr().Unmap().WithZone("") {
			return src
		}
	}
	port := v.Port
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(src.Addr(), port)
}

// ReturnAddr is where a connection is opened for the response to a request that came by a stream from src, when the one that it came by is
// gone (RFC 3261 §18.2.2): the port of sent-by, else that of the transport. The port of src is one that its sender dialled from.
func (m *Message) ReturnAddr(src netip.AddrPort, t Transport) netip.AddrPort {
	v, ok := m.TopVia()
	if !ok {
		return src
	}
	port := v.Port
	switch {
	case port != 0:
	case t == TLS:
		port = 5061
	default:
		port = 5060
	}
	return netip.AddrPortFrom(src.Addr(), port)
}
