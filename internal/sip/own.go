package sip

// Own copies strings that are views of a message into one new string, so that what is kept of a message does not keep all of it.
func Own(parts ...*string) {
	var room [256]byte
	b := room[:0]
	for _, p := range parts {
		b = append(b, *p...)
	}
	all := string(b)
	for _, p := range parts {
		*p, all = all[:len(*p)], all[len(*p):]
	}
}
