package sdp

import (
	"encoding/base64"
	"iter"
	"strconv"
	"strings"
)

// Crypto is the value of an a=crypto line (RFC 4568 §9.1): "<tag> <suite> <key-params> [<session-params>]".
type Crypto struct {
	Value string // as written
	Tag   int
	Suite string      // as written: AES_CM_128_HMAC_SHA1_80 …
	Keys  []CryptoKey // one or more, at most maxKeys
	// Declined: it has a session parameter that changes the transform, or one that we do not know and that is not optional. Such a line
	// must not be chosen (RFC 4568 §6.3, §6.3.7).
	Declined bool
}

// CryptoKey is one key of a line (RFC 4568 §6.1). The lifetime is read and not kept: 2^31 SRTCP packets are no call.
type CryptoKey struct {
	Material string // master key and master salt, octets
	MKI      string // octets that name the key in each packet; empty: none
}

const (
	maxKeys   = 8
	maxMKI    = 16 // octets; RFC 4568 §6.1 has 128, which no packet of ours has room for
	maxCrypto = 16 // lines of one m-line that are read
)

// Cryptos yields the a=crypto lines of an m-line that can be read, in the order of the offerer's preference.
func (s *Session) Cryptos(media int) iter.Seq[Crypto] {
	return func(yield func(Crypto) bool) {
		n := 0
		for name, value := range s.Attributes(media) {
			if name != "crypto" {
				continue
			}
			if n++; n > maxCrypto {
				return
			}
			if c, ok := ParseCrypto(value); ok && !yield(c) {
				return
			}
		}
	}
}

// ParseCrypto reads the value of an a=crypto line.
func ParseCrypto(value string) (c Crypto, ok bool) {
	tag, rest := field(value)
	n, more, ok := number(tag, 999_999_999)
	if !ok || more != "" {
		return Crypto{}, false
	}
	c.Value, c.Tag = value, n
	if c.Suite, rest = field(rest); c.Suite == "" {
		return Crypto{}, false
	}
	params, rest := field(rest)
	for _, p := range strings.SplitN(params, ";", maxKeys+1) {
		k, ok := cryptoKey(p)
		if !ok || len(c.Keys) == maxKeys {
			return Crypto{}, false
		}
		c.Keys = append(c.Keys, k)
	}
	for rest = trimBlanks(rest); rest != ""; {
		var p string
		p, rest = field(rest)
		if !strings.HasPrefix(p, "-") && !strings.HasPrefix(p, "WSH=") && p != "KDR=0" {
			c.Declined = true
		}
	}
	return c, true
}

// cryptoKey reads "inline:<key and salt>[|<lifetime>][|<MKI>:<length>]".
func cryptoKey(p string) (k CryptoKey, ok bool) {
	method, info, _ := strings.Cut(p, ":")
	if !strings.EqualFold(method, "inline") {
		return k, false
	}
	parts := strings.Split(info, "|")
	if len(parts) > 3 {
		return k, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "=")) // some peers leave the padding out
	if err != nil {
		return k, false
	}
	k.Material = string(raw)
	for i, part := range parts[1:] {
		value, length, isMKI := strings.Cut(part, ":")
		switch {
		case isMKI && k.MKI == "":
			if k.MKI = mki(value, length); k.MKI == "" {
				return k, false
			}
		case isMKI, i > 0, !lifetime(part):
			return k, false
		}
	}
	return k, true
}

// lifetime is a number of packets, or "2^" and an exponent.
func lifetime(s string) bool {
	s = strings.TrimPrefix(s, "2^")
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// mki is a number in so many octets, most significant first; empty: it is none.
func mki(value, length string) string {
	n, err := strconv.ParseUint(value, 10, 64)
	size, err2 := strconv.Atoi(length)
	if err != nil || err2 != nil || size < 1 || size > maxMKI || size < 8 && n>>(8*size) != 0 {
		return ""
	}
	b := make([]byte, size)
	for i := size - 1; i >= 0 && n > 0; i, n = i-1, n>>8 {
		b[i] = byte(n)
	}
	return string(b)
}

// FormatCrypto is the value of an a=crypto line with one key.
func FormatCrypto(tag int, suite, material string) string {
	return strconv.Itoa(tag) + " " + suite + " inline:" + base64.StdEncoding.EncodeToString([]byte(material))
}

// Protection is what is agreed with one peer alone of the transport of an m-line: its profile, and attributes in place of those that are there.
type Protection struct {
	Proto  string   // empty: as it is
	Crypto []string // values of a=crypto lines
	Mux    bool     // a=rtcp-mux (RFC 5761)
	Lines  []string // further attributes: "setup:passive". One of "mid:" takes the place of that which is there
	Plain  bool     // without a=rtcp-fb and its kin (RFC 4585)

	Refused bool   // port 0, and no attributes
	Formats string // empty: those that are there
}

// ofTransport tells whether an attribute is one that Protect replaces.
func ofTransport(name string, plain bool) bool {
	switch name {
	case "crypto", "rtcp-mux", "fingerprint", "setup", "tls-id", "candidate":
		return true
	case "rtcp-fb", "rtcp-rsize":
		return plain
	}
	return strings.HasPrefix(name, "ice-")
}

// Protect appends the body to dst with other protection of the first len(p) m-lines, and further attributes of the session; all else stays as it is.
func (s *Session) Protect(dst []byte, p []Protection, session ...string) []byte {
	for i := range s.head {
		if typ, value := s.line(i); typ == 'a' && len(p) > 0 {
			if name, _ := attribute(value); name != "crypto" && ofTransport(name, false) { // it stands at each m-line
				continue
			}
		}
		dst = s.appendAsIs(dst, i)
	}
	for _, line := range session {
		dst = appendLine(dst, "a=", line)
	}
	for k := range s.Media {
		m := &s.Media[k]
		if k >= len(p) {
			for i := m.from; i < m.to; i++ {
				dst = s.appendAsIs(dst, i)
			}
			continue
		}
		if p[k].Refused {
			dst = m.appendMediaLine(dst, 0, p[k].Proto, allTypes())
			continue
		}
		if p[k].Formats != "" {
			other := Media{Kind: m.Kind, Formats: []string{p[k].Formats}}
			dst = other.appendMediaLine(dst, m.Port, p[k].Proto, allTypes())
		} else {
			dst = s.appendProfile(dst, m, p[k].Proto)
		}
		for i := m.from + 1; i < m.to; i++ {
			if typ, value := s.line(i); typ == 'a' {
				if name, _ := attribute(value); ofTransport(name, p[k].Plain) || name == "mid" && p[k].names() {
					continue
				}
			}
			dst = s.appendAsIs(dst, i)
		}
		for _, c := range p[k].Crypto {
			dst = appendLine(dst, "a=crypto:", c)
		}
		if p[k].Mux {
			dst = append(dst, "a=rtcp-mux\r\n"...)
		}
		for _, line := range p[k].Lines {
			dst = appendLine(dst, "a=", line)
		}
	}
	return dst
}

// names tells whether the m-line gets an a=mid.
func (p *Protection) names() bool {
	for _, line := range p.Lines {
		if strings.HasPrefix(line, "mid:") {
			return true
		}
	}
	return false
}

func (s *Session) appendAsIs(dst []byte, i int) []byte {
	l := s.lines[i]
	return append(append(dst, s.body[l.from:l.to]...), "\r\n"...)
}

// appendProfile writes an m= line with another profile, and its port, number of ports and formats as they are.
func (s *Session) appendProfile(dst []byte, m *Media, proto string) []byte {
	if proto == "" || proto == m.Proto {
		return s.appendAsIs(dst, m.from)
	}
	_, value := s.line(m.from)
	kind, rest := field(value)
	port, rest := field(rest)
	_, formats := field(rest)
	dst = append(append(append(append(append(append(dst, "m="...), kind...), ' '), port...), ' '), proto...)
	if formats = trimBlanks(formats); formats != "" {
		dst = append(append(dst, ' '), formats...)
	}
	return append(dst, "\r\n"...)
}
