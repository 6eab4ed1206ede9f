package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// ICE is what an m-line says of ICE (RFC 8839 §5).
type ICE struct {
	Ufrag, Pwd string
	Lite       bool
	Candidates []Candidate // that can be used: UDP, with an address
	// Mismatch: the address that the m-line says is none of its candidates, so who has written it knows nothing of ICE (RFC 8839 §4.2.5).
	Mismatch bool
}

// Candidate is an a=candidate line.
type Candidate struct {
	Component uint8
	Priority  uint32
	Address   netip.AddrPort
}

// maxCandidates of one m-line are read.
const maxCandidates = 16

// ICE reads what an m-line, or the session for it, says of ICE. False: it does not have it, or not as it must be.
func (s *Session) ICE(media int) (ice ICE, ok bool) {
	for _, value := range s.ownOrSession(media, "ice-ufrag", 1) {
		ice.Ufrag = trimBlanks(value)
	}
	for _, value := range s.ownOrSession(media, "ice-pwd", 1) {
		ice.Pwd = trimBlanks(value)
	}
	if !iceChars(ice.Ufrag, 4) || !iceChars(ice.Pwd, 22) {
		return ICE{}, false
	}
	m, told := &s.Media[media], false
	// Of who has no candidates yet (RFC 8840 §4.1.1), or a name, nothing can be told.
	fits := m.Port == 9 || !m.Conn.IsValid() || m.Conn.IsUnspecified()
	for _, level := range [...]int{-1, media} { // at media level only in what we have opened
		for name, value := range s.Attributes(level) {
			switch {
			case name == "ice-lite":
				ice.Lite = true
			case name == "candidate" && level == media:
				c, ok := parseCandidate(value)
				told = told || ok && c.Component == 1
				fits = fits || !ok && !overTCP(value) || ok && c.Component == 1 && c.Address == netip.AddrPortFrom(m.Conn.Unmap(), m.Port)
				if ok && len(ice.Candidates) < maxCandidates {
					ice.Candidates = append(ice.Candidates, c)
				}
			}
		}
	}
	ice.Mismatch = told && !fits
	return ice, true
}

// maxMid is the longest name of an m-line that is read.
const maxMid = 64

// Mid is the name of an m-line (a=mid, RFC 5888 §4); empty: it has none, or one that is no token.
func (s *Session) Mid(media int) string {
	for name, value := range s.Attributes(media) {
		if mid := trimBlanks(value); name == "mid" && len(mid) <= maxMid && word(mid, "!#$%&'*+-.^_`{|}~") {
			return mid
		}
	}
	return ""
}

// overTCP tells whether a candidate is one of TCP (RFC 6544), which is no address of an m-line of RTP.
func overTCP(candidate string) bool {
	var transport string
	for range 3 {
		transport, candidate = field(candidate)
	}
	return strings.EqualFold(transport, "TCP")
}

// iceChars tells whether a text is of the characters of RFC 8839 §5.4, at least so many and at most 256.
func iceChars(text string, least int) bool {
	if len(text) < least || len(text) > 256 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// parseCandidate reads "<foundation> <component> UDP <priority> <address> <port> typ <type> …".
func parseCandidate(value string) (c Candidate, ok bool) {
	var f [8]string
	for i := range f {
		f[i], value = field(value)
	}
	component, rest, ok := number(f[1], 2)
	priority, err := strconv.ParseUint(f[3], 10, 32)
	port, rest2, ok2 := number(f[5], 65535)
	a, ok3 := address(f[4])
	if !ok || !ok2 || !ok3 || rest+rest2 != "" || err != nil || component == 0 || port == 0 || !strings.EqualFold(f[2], "UDP") || f[6] != "typ" || f[7] == "" ||
		a.IsUnspecified() || a.IsMulticast() {
		return c, false
	}
	return Candidate{uint8(component), uint32(priority), netip.AddrPortFrom(a.Unmap(), uint16(port))}, true
}

// HostPriority is the priority of the one candidate of a component (RFC 8445 §5.1.2.1).
func HostPriority(component uint8) uint32 { return 126<<24 | 65535<<8 | (256 - uint32(component)) }

// FormatCandidate is the value of the a=candidate line of a host candidate.
func FormatCandidate(c Candidate) string {
	return "1 " + strconv.Itoa(int(c.Component)) + " UDP " + strconv.FormatUint(uint64(c.Priority), 10) + " " + c.Address.Addr().String() + " " +
		strconv.Itoa(int(c.Address.Port())) + " typ host"
}
