package sip

import "strings"

// Own copies strings that are views of a message into one new string, so that what is kept of a message does not keep all of it.
func Own(parts ...*string) {
	n := 0
	for _, p := range parts {
		n += len(*p)
	}
	var b strings.Builder
	b.Grow(n)
	for _, p := range parts {
		b.WriteString(*p)
	}
	all := b.String()
	for _, p := range parts {
		*p, all = all[:len(*p)], all[len(*p):]
	}
}
