package routing

import (
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// maxUser bounds the user part that is looked at; longer ones are refused.
const maxUser = 256

// dialled is a user part taken apart (RFC 3966 section 3, RFC 3261 section 19.1.6).
type dialled struct {
	number  string // with ";ext=" when there is one; visual separators removed
	context string // phone-context
	digits  bool   // a number, not a name
}

// parse takes a user part apart. It allocates only when it must change something.
func parse(user string) dialled {
	base, params, found := strings.Cut(user, ";")
	d := dialled{number: base}
	separators := false
	digits := 0
	for i := 0; i < len(base); i++ {
		switch c := base[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '*' || c == '#' || c == '+' && i == 0:
			digits++
		case c == '-' || c == '.' || c == '(' || c == ')':
			separators = true
		default:
			digits = -len(base)
		}
	}
	d.digits = digits > 0 && base != "+"
	if d.digits && separators {
		d.number = strings.Map(dropSeparator, base)
	}
	for found {
		var p string
		p, params, found = strings.Cut(params, ";")
		name, value, _ := strings.Cut(p, "=")
		switch {
		case strings.EqualFold(name, "ext") && value != "" && d.digits:
			d.number += ";ext=" + strings.Map(dropSeparator, value)
		case strings.EqualFold(name, "phone-context"):
			d.context = value
		}
	}
	return d
}

func dropSeparator(c rune) rune {
	switch c {
	case '-', '.', '(', ')':
		return -1
	}
	return c
}

// isE164 tells whether a number is +, a non-zero digit and at most 14 more, with or without ";ext=digits".
func isE164(n string) bool {
	base, ext := splitExt(n)
	if len(base) < 3 || len(base) > 16 || base[0] != '+' || base[1] == '0' {
		return false
	}
	return allDigits(base[1:]) && (len(base) == len(n) || allDigits(ext))
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// splitExt cuts ";ext=" off a number.
func splitExt(n string) (base, ext string) {
	i := strings.Index(n, ";ext=")
	if i < 0 {
		return n, ""
	}
	return n[:i], n[i+len(";ext="):]
}

// apply applies one rule. A number with an extension is matched whole first, then without it; the extension is
// then put back.
func apply(r *topology.Rule, number string) (string, bool) {
	if out, ok := applyWhole(r, number); ok {
		return out, true
	}
	if base, ext := splitExt(number); ext != "" {
		if out, ok := applyWhole(r, base); ok {
			return out + ";ext=" + ext, true
		}
	}
	return number, false
}

func applyWhole(r *topology.Rule, number string) (string, bool) {
	if !mayMatch(r.Pattern, r.Re, number) {
		return number, false
	}
	if out, ok := r.Apply(number); ok {
		return out, true
	}
	return number, false
}
