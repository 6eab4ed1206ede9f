package sip

import (
	"iter"
	"strings"
)

// Params are the parameters of a value or URI as written, separated by semicolons:
// "tag=1928301774;x". A leading semicolon does no harm.
type Params string

// Get finds a parameter by name in any case. A flag without "=" gives "" and true. Blanks round the
// value and quotes are taken off.
func (p Params) Get(name string) (value string, ok bool) {
	if strings.IndexByte(string(p), '"') < 0 {
		return p.get(name)
	}
	for rest := string(p); rest != ""; {
		var n, v string
		n, v, rest, _ = cutParam(rest)
		if equalFold(n, name) && n != "" {
			return unquote(v), true
		}
	}
	return "", false
}

// get is Get where there is no quote, as nearly always.
func (p Params) get(name string) (value string, ok bool) {
	for rest := string(p); rest != "" && name != ""; {
		first := rest
		if end := strings.IndexByte(rest, ';'); end >= 0 {
			first, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		first = trim(first)
		if n := len(name); len(first) >= n && equalFold(first[:n], name) {
			if v := trim(first[n:]); v == "" {
				return "", true
			} else if v[0] == '=' {
				return trim(v[1:]), true
			}
		}
	}
	return "", false
}

// Has tells whether the parameter is there.
func (p Params) Has(name string) bool {
	_, ok := p.Get(name)
	return ok
}

// All yields name and unquoted value of each parameter in order; empty ones are left out.
func (p Params) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := string(p); rest != ""; {
			var n, v string
			n, v, rest, _ = cutParam(rest)
			if n != "" && !yield(n, unquote(v)) {
				return
			}
		}
	}
}

// check refuses empty parameters, as RFC 4475 §3.1.2.1 has them, and quotes that are not closed.
// One semicolon too many at the end is common and let pass.
func (p Params) check() bool {
	if strings.IndexByte(string(p), '"') < 0 {
		return p.checkPlain()
	}
	for rest := string(p); rest != ""; {
		n, _, tail, ok := cutParam(rest)
		if !ok || n == "" {
			return false
		}
		rest = tail
	}
	return true
}

// checkPlain is check where there is no quote.
func (p Params) checkPlain() bool {
	for rest := string(p); rest != ""; {
		for rest != "" && isBlank(rest[0]) {
			rest = rest[1:]
		}
		if rest == "" || rest[0] == ';' || rest[0] == '=' {
			return false
		}
		end := strings.IndexByte(rest, ';')
		if end < 0 {
			return true
		}
		rest = rest[end+1:]
	}
	return true
}

// cutParam splits the first parameter off; ok is false when a quote is not closed.
func cutParam(s string) (name, value, rest string, ok bool) {
	end, ok := paramEnd(s)
	first := s[:end]
	if end < len(s) {
		rest = s[end+1:]
	}
	if eq := strings.IndexByte(first, '='); eq >= 0 {
		first, value = first[:eq], trim(first[eq+1:])
	}
	return trim(first), value, rest, ok
}

// paramEnd is the index of the first semicolon outside of quotes, or the length; ok is false when a quote is not closed.
func paramEnd(s string) (end int, ok bool) {
	if end = strings.IndexByte(s, ';'); end < 0 {
		end = len(s)
	}
	if strings.IndexByte(s[:end], '"') < 0 {
		return end, true
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return i, true
		case '"':
			if i = quoteEnd(s, i); i < 0 {
				return len(s), false
			}
		}
	}
	return len(s), true
}

// appendParams writes ";" and the parameters, or nothing.
func appendParams(dst []byte, p Params) []byte {
	if p == "" {
		return dst
	}
	if p[0] != ';' {
		dst = append(dst, ';')
	}
	return append(dst, p...)
}
