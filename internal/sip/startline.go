package sip

import "strings"

// parseStartLine reads a Request-Line or a Status-Line (RFC 3261 §7.1, §7.2); why is "" when it is one, and version when that is ours.
// What may be answered, such as another version or blanks in the Request-URI, is left to Validate.
func (m *Message) parseStartLine(s string) (version, why string) {
	s = trimRight(s)
	if len(s) > 4 && equalFold(s[:4], "SIP/") {
		return m.parseStatusLine(s)
	}
	first, last := strings.IndexByte(s, ' '), strings.LastIndexByte(s, ' ')
	if first < 0 || first == last {
		return "", "start line is not method, URI and version"
	}
	m.Method, m.URI = s[:first], s[first+1:last]
	if !allToken(m.Method) {
		return "", "method is not a token"
	}
	version, ok := otherVersion(s[last+1:])
	if !ok {
		return "", "start line has no SIP version"
	}
	return version, ""
}

// parseStatusLine takes a missing blank after the code as an empty reason (RFC 4475 §3.1.1.13).
func (m *Message) parseStatusLine(s string) (version, why string) {
	version, rest, _ := strings.Cut(s, " ")
	version, ok := otherVersion(version)
	if !ok {
		return "", "start line has no SIP version"
	}
	if len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return "", "status code has not three digits"
	}
	code, ok := decimal(rest[:3], 699)
	if !ok || code < 100 {
		return "", "status code is not 100 to 699"
	}
	m.Status = int(code)
	if len(rest) > 4 {
		m.Reason = rest[4:]
	}
	return version, ""
}

// otherVersion is a version that is not ours, "" for ours; false when the text is no version at all.
func otherVersion(s string) (version string, ok bool) {
	if s == "SIP/2.0" || equalFold(s, "SIP/2.0") {
		return "", true
	}
	if len(s) < 4 || !equalFold(s[:4], "SIP/") {
		return "", false
	}
	major, minor, ok := strings.Cut(s[4:], ".")
	if !ok || !allDigits(major) || !allDigits(minor) {
		return "", false
	}
	return s, true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// StartLine is the Request-Line or Status-Line without its line end.
func (m *Message) StartLine() string { return string(m.appendStartLine(nil)) }

func (m *Message) appendStartLine(dst []byte) []byte {
	if m.IsRequest() {
		dst = append(dst, m.Method...)
		dst = append(dst, ' ')
		dst = append(dst, m.URI...)
		return append(dst, " SIP/2.0"...)
	}
	dst = append(dst, "SIP/2.0 "...)
	dst = append(dst, byte('0'+m.Status/100%10), byte('0'+m.Status/10%10), byte('0'+m.Status%10), ' ')
	return append(dst, m.Reason...)
}
