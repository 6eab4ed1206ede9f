package sdp

import "strconv"

// SpeechNote names an attribute that no peer hears of: what is known here of how the sender of a description speaks.
const SpeechNote = "directsip-speech"

// Formats says which formats an m-line of RTP has.
type Formats struct {
	Types []uint8  // payload types in order of preference; none: the m-line stays as it is
	Lines []string // values of a= lines for those that the m-line does not have yet
	Note  string   // value of a SpeechNote; "": none
}

// Respeak appends the body to dst with other formats in the first len(f) m-lines; all else stays as it is. A SpeechNote that was there goes.
func (s *Session) Respeak(dst []byte, f []Formats) []byte {
	for i := range s.head {
		if !s.isNote(i) {
			dst = s.appendAsIs(dst, i)
		}
	}
	for k := range s.Media {
		m, to := &s.Media[k], Formats{}
		if k < len(f) {
			to = f[k]
		}
		if len(to.Types) == 0 {
			dst = s.appendAsIs(dst, m.from)
		} else {
			dst = s.appendFormats(dst, m, to.Types)
		}
		kept := allTypes()
		if len(to.Types) > 0 {
			kept = types{}
			for _, pt := range to.Types {
				kept.add(pt)
			}
		}
		for i := m.from + 1; i < m.to; i++ {
			if !s.isNote(i) && !s.describesOther(i, kept) {
				dst = s.appendAsIs(dst, i)
			}
		}
		for _, l := range to.Lines {
			dst = appendLine(dst, "a=", l)
		}
		if to.Note != "" {
			dst = appendLine(dst, "a="+SpeechNote+":", to.Note)
		}
	}
	return dst
}

// isNote tells whether a line is a SpeechNote.
func (s *Session) isNote(i int) bool {
	typ, value := s.line(i)
	name, _ := attribute(value)
	return typ == 'a' && trimBlanks(name) == SpeechNote
}

// describesOther tells whether a line is of a payload type that is not kept.
func (s *Session) describesOther(i int, kept types) bool {
	typ, value := s.line(i)
	if typ != 'a' {
		return false
	}
	name, value := attribute(value)
	if fateOf(name) != fateFormat {
		return false
	}
	pt, _, ok := payloadType(value)
	return ok && !kept.has(pt)
}

// appendFormats writes an m= line with other formats, and all else as it is.
func (s *Session) appendFormats(dst []byte, m *Media, list []uint8) []byte {
	_, value := s.line(m.from)
	kind, rest := field(value)
	port, rest := field(rest)
	proto, _ := field(rest)
	dst = append(append(append(append(append(append(dst, "m="...), kind...), ' '), port...), ' '), proto...)
	for _, pt := range list {
		dst = strconv.AppendUint(append(dst, ' '), uint64(pt), 10)
	}
	return append(dst, "\r\n"...)
}
