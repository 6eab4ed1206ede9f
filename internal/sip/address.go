package sip

import "strings"

// Address is a name-addr or addr-spec with its header parameters, as in From, To and Contact
// (RFC 3261 §20.10).
type Address struct {
	Display string // without quotes; "" when there is none
	URI     string // without brackets
	Params  Params // of the header, not of the URI
}

// Tag is the tag parameter, "" when there is none.
func (a Address) Tag() string {
	v, _ := a.Params.Get("tag")
	return v
}

// String writes the address with the URI in brackets and the display name quoted.
func (a Address) String() string {
	b := make([]byte, 0, len(a.Display)+len(a.URI)+len(a.Params)+8)
	if a.Display != "" {
		b = append(b, Quote(a.Display)...)
		b = append(b, ' ')
	}
	b = append(b, '<')
	b = append(b, a.URI...)
	b = append(b, '>')
	return string(appendParams(b, a.Params))
}

// ParseAddress reads one address; it does not look into the URI. Blanks inside the brackets and a
// missing blank before them are let pass, and a display name that has commas without quotes or quotes
// in its midst; a quote that is not closed is not (RFC 4475 §3.1.1.6, §3.1.2.6, §3.1.2.14, §3.1.2.15).
func ParseAddress(s string) (Address, error) {
	s = trim(s)
	if s == "" {
		return Address{}, errEmpty
	}
	var a Address
	if s[0] == '<' {
		return a.bracketed(s)
	}
	if s[0] == '"' {
		end := quoteEnd(s, 0)
		if end < 0 {
			return Address{}, errQuote
		}
		if rest := trim(s[end+1:]); rest != "" && rest[0] == '<' {
			a.Display = unquote(s[:end+1])
			return a.bracketed(rest)
		}
		return a.sloppy(s, end+1)
	}
	// A "<" behind a semicolon belongs to a parameter.
	open, semi := strings.IndexByte(s, '<'), strings.IndexByte(s, ';')
	if open < 0 || semi >= 0 && semi < open {
		return a.bare(s, semi)
	}
	if strings.IndexByte(s[:open], '"') >= 0 {
		return a.sloppy(s, 0)
	}
	a.Display = trimRight(s[:open])
	return a.bracketed(s[open:])
}

// sloppy reads a display name that is neither a quoted-string nor tokens, as peers make of what somebody has
// typed: "J. "Jack" Smith". What stands before the bracket is the name, with its inner quotes. A semicolon
// behind what has been read so far leaves open what is meant, and so does a quote without its other half.
func (a Address) sloppy(s string, read int) (Address, error) {
	open := strings.IndexByte(s[read:], '<')
	if open < 0 || strings.IndexByte(s[read:read+open], ';') >= 0 {
		return Address{}, errURI
	}
	open += read
	if strings.Count(s[:open], `"`)%2 != 0 {
		return Address{}, errQuote
	}
	name := trimRight(s[:open])
	if n := len(name) - 1; n > 0 && name[0] == '"' && name[n] == '"' {
		name = name[1:n]
	}
	a.Display = name
	return a.bracketed(s[open:])
}

// bracketed reads "<URI>;params".
func (a Address) bracketed(s string) (Address, error) {
	end := strings.IndexByte(s, '>')
	if end < 0 {
		return Address{}, errBracket
	}
	a.URI = squeeze(trim(s[1:end]))
	if a.URI == "" {
		return Address{}, errURI
	}
	return a.params(trim(s[end+1:]))
}

// squeeze takes the blanks out of a telephone number that stands in a URI as on paper, "sip:+1 (425) 555-0100@h": there they mean
// nothing. In any other URI they stay, and make it none.
func squeeze(uri string) string {
	if strings.IndexByte(uri, ' ') < 0 {
		return uri
	}
	i, n := strings.IndexByte(uri, ':')+1, 0
	for ; i < len(uri) && (isDigit(uri[i]) || strings.IndexByte("+-.() ", uri[i]) >= 0); i++ {
		if isDigit(uri[i]) {
			n++
		}
	}
	if n == 0 || i < len(uri) && uri[i] != '@' && uri[i] != ';' {
		return uri
	}
	return strings.ReplaceAll(uri[:i], " ", "") + uri[i:]
}

// bare reads an addr-spec: its parameters are the header's (RFC 3261 §20).
func (a Address) bare(s string, semi int) (Address, error) {
	if semi < 0 {
		semi = len(s)
	}
	a.URI = trimRight(s[:semi])
	if strings.IndexByte(a.URI, '?') >= 0 || strings.IndexByte(a.URI, ',') >= 0 {
		return Address{}, errNeeds
	}
	if !allURI(a.URI) || a.URI == "" {
		return Address{}, errURI
	}
	return a.params(s[semi:])
}

func (a Address) params(s string) (Address, error) {
	if s == "" {
		return a, nil
	}
	if s[0] != ';' {
		return Address{}, errAfter
	}
	a.Params = Params(trim(s[1:]))
	if !a.Params.check() {
		return Address{}, errParam
	}
	return a, nil
}
