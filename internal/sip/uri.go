package sip

import "strings"

// URI is a sip, sips or tel URI (RFC 3261 §19.1, RFC 3966). Its parts are as written, escapes kept; use
// Unescape for the meaning of User.
type URI struct {
	Scheme   string // "sip", "sips" or "tel", lower case
	User     string // the number of a tel URI
	Password string
	Host     string // name or address, IPv6 without brackets; "" in a tel URI
	Port     uint16 // 0 when none is written
	Params   Params
	Headers  string // what follows "?"
}

// ParseURI reads a URI. Another scheme gives ErrScheme and a URI of which Scheme alone is set; every
// other error is a ValueError too.
func ParseURI(s string) (URI, error) {
	if rest, ok := strings.CutPrefix(s, "sip:"); ok { // as nearly all
		return parseSIP("sip", rest)
	}
	scheme, rest, ok := cutScheme(s)
	if !ok || !allURI(rest) {
		return URI{}, errURI
	}
	switch {
	case equalFold(scheme, "sip"):
		return parseSIP("sip", rest)
	case equalFold(scheme, "sips"):
		return parseSIP("sips", rest)
	case equalFold(scheme, "tel"):
		return parseTel(rest)
	}
	return URI{Scheme: lower(scheme)}, ErrScheme
}

// cutScheme takes "scheme:" off (RFC 3986 §3.1).
func cutScheme(s string) (scheme, rest string, ok bool) {
	i := strings.IndexByte(s, ':')
	if i <= 0 || !inSet(s[0], 0, letters) {
		return "", "", false
	}
	for j := 1; j < i; j++ {
		if !inSet(s[j], 1<<'+'|1<<'-'|1<<'.'|digits, letters) {
			return "", "", false
		}
	}
	return s[:i], s[i+1:], true
}

// parseSIP reads what follows the scheme. ";" and "?" may stand in the user part (RFC 4475 §3.1.1.9), "@" may not: the first one ends it.
func parseSIP(scheme, s string) (URI, error) {
	colon, at, semi, query := -1, -1, -1, -1 // the first of each that counts
	for i := 0; i < len(s); i++ {
		switch class := classes[s[i]]; {
		case class&(ofURI|ofMark) == ofURI:
		case class&ofURI == 0:
			return URI{}, errURI
		case s[i] == '@' && at < 0:
			at, semi, query = i, -1, -1
		case s[i] == ':' && at < 0 && colon < 0:
			colon = i
		case s[i] == ';' && semi < 0 && query < 0:
			semi = i
		case s[i] == '?' && query < 0:
			query = i
		}
	}
	u := URI{Scheme: scheme}
	end := len(s)
	if query >= 0 {
		end, u.Headers = query, s[query+1:]
	}
	if semi >= 0 {
		params := s[semi+1 : end]
		for params != "" && params[0] == ';' {
			params = params[1:]
		}
		end, u.Params = semi, Params(params)
	}
	switch {
	case at < 0:
	case colon >= 0:
		u.User, u.Password = s[:colon], s[colon+1:at]
	default:
		u.User = s[:at]
	}
	var err error
	u.Host, u.Port, err = parseHostPort(s[at+1 : end])
	if err != nil {
		return URI{}, err
	}
	return u, nil
}

func parseTel(s string) (URI, error) {
	number, params, _ := strings.Cut(s, ";")
	if number == "" {
		return URI{}, errTel
	}
	return URI{Scheme: "tel", User: number, Params: Params(strings.TrimLeft(params, ";"))}, nil
}

// String writes the URI; IPv6 hosts get their brackets.
func (u URI) String() string { return string(u.Append(nil)) }

// Append writes the URI behind dst.
func (u URI) Append(dst []byte) []byte {
	dst = append(dst, u.Scheme...)
	dst = append(dst, ':')
	dst = append(dst, u.User...)
	if u.Password != "" {
		dst = append(dst, ':')
		dst = append(dst, u.Password...)
	}
	if u.Host != "" {
		// With an "@" further on, as in an unescaped Replaces, none here would make the host a user.
		if u.User != "" || u.Password != "" || strings.IndexByte(string(u.Params), '@') >= 0 || strings.IndexByte(u.Headers, '@') >= 0 {
			dst = append(dst, '@')
		}
		dst = appendHost(dst, u.Host, u.Port)
	}
	dst = appendParams(dst, u.Params)
	if u.Headers != "" {
		dst = append(dst, '?')
		dst = append(dst, u.Headers...)
	}
	return dst
}

// Number is the dialled or calling number in the URI: the user part unescaped and without its own
// parameters (RFC 3261 §19.1.6). When it is a telephone number, by scheme tel, user=phone or a leading
// "+", visual separators "-.()" and blanks are taken out (RFC 3966 §3); "+" stays. A user that is a name is
// returned as it is.
func (u URI) Number() string {
	user, _, _ := strings.Cut(u.User, ";")
	user = Unescape(user)
	phone := u.Scheme == "tel" || strings.HasPrefix(user, "+")
	if !phone {
		v, _ := u.Params.Get("user")
		phone = equalFold(v, "phone")
	}
	if !phone {
		return user
	}
	plain := 0
	for plain < len(user) && (isDigit(user[plain]) || user[plain] == '+' && plain == 0) {
		plain++
	}
	if plain == len(user) { // as nearly all
		return user
	}
	b := make([]byte, 0, len(user))
	for i := 0; i < len(user); i++ {
		switch c := user[i]; {
		case c == '-' || c == '.' || c == '(' || c == ')' || c == ' ':
		case isDigit(c) || c == '+' && i == 0 || c == '*' || c == '#' || (c|0x20)-'a' <= 5:
			b = append(b, c)
		default: // a name with dots, whatever user= says
			return user
		}
	}
	return string(b)
}

// Unescape replaces each %HH by its octet, once (RFC 4475 §3.1.1.3); a percent sign without two hex
// digits stays.
func Unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case (c|0x20)-'a' <= 5:
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// EscapeUser escapes what may not stand in the user part of a URI (RFC 3261 §25.1 user).
func EscapeUser(s string) string {
	const hex = "0123456789ABCDEF"
	// unreserved and user-unreserved
	const low = digits | 1<<'-' | 1<<'.' | 1<<'!' | 1<<'*' | 1<<'\'' | 1<<'(' | 1<<')' |
		1<<'&' | 1<<'=' | 1<<'+' | 1<<'$' | 1<<',' | 1<<';' | 1<<'?' | 1<<'/'
	const top = letters | 1<<('_'-64) | 1<<('~'-64)
	clean := 0
	for clean < len(s) && inSet(s[clean], low, top) {
		clean++
	}
	if clean == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:clean]...)
	for i := clean; i < len(s); i++ {
		if c := s[i]; inSet(c, low, top) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// RequestScheme is the scheme of the Request-URI in lower case, for the 416 of RFC 3261 §8.2.2.1;
// "" when there is none.
func (m *Message) RequestScheme() string {
	scheme, _, _ := cutScheme(m.URI)
	return lower(scheme)
}
