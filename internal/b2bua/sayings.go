package b2bua

import (
	"slices"
	"strconv"
	"strings"
)

// sayings are the descriptions that a leg was told, of each session of ours the last; early dialogs have one each. What is changed on its way out,
// keys or codecs, may be other than before where nothing else is, and the same where something is.
type sayings []saying

type saying struct{ id, text string }

// revise gives a description the version that it has for who hears it: one more for each that differs (RFC 3264 §8).
func (b *sayings) revise(text, id, version string) string {
	i := slices.IndexFunc(*b, func(s saying) bool { return s.id == id })
	if i < 0 {
		*b = append(*b, saying{strings.Clone(id), text})
		return text
	}
	s := &(*b)[i]
	with := func(v string) string { return strings.Replace(text, " "+version+" IN IP", " "+v+" IN IP", 1) }
	last := originVersion(s.text)
	n, err := strconv.ParseUint(last, 10, 64)
	if err != nil || with(last) == s.text {
		return s.text
	}
	s.text = with(strconv.FormatUint(n+1, 10))
	return s.text
}
