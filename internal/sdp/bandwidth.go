package sdp

import "strings"

// mostKbps bounds what a bandwidth line is believed to say.
const mostKbps = 1 << 24

// Bandwidth is what an m-line says that it needs in kbit/s: b=AS (RFC 8866 §5.8), which counts headers, else b=TIAS (RFC 3890), which does not; 0: it says
// nothing that can be read.
func (s *Session) Bandwidth(media int) (kbps int) {
	m := &s.Media[media]
	for i := m.from + 1; i < m.to; i++ {
		typ, value := s.line(i)
		if typ != 'b' {
			continue
		}
		name, rate, _ := strings.Cut(trimBlanks(value), ":")
		n, rest, ok := number(trimBlanks(rate), mostKbps*1000)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		switch {
		case strings.EqualFold(name, "AS"):
			return min(n, mostKbps)
		case strings.EqualFold(name, "TIAS"):
			kbps = (n + 999) / 1000
		}
	}
	return kbps
}
