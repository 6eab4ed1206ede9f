package b2bua

import (
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
)

// sayings are the descriptions that a leg was told, of each session of ours the last; early dialogs have one each. What is changed on its way out,
// keys or codecs, may be other than before where nothing else is, and the same where something is.
type sayings []saying

type saying struct {
	id, text string
	cut      sdp.Absent // m-lines of it that were left out
}

// revise gives a description, of which m-lines will be left out, the version that it has for who hears it: one more for each that differs (RFC 3264 §8).
func (b *sayings) revise(text, id, version string, cut sdp.Absent) string {
	i := slices.IndexFunc(*b, func(s saying) bool { return s.id == id })
	if i < 0 {
		*b = append(*b, saying{strings.Clone(id), text, cut})
		return text
	}
	s := &(*b)[i]
	with := func(v string) string { return strings.Replace(text, " "+version+" IN IP", " "+v+" IN IP", 1) }
	last := originVersion(s.text)
	n, err := strconv.ParseUint(last, 10, 64)
	if err != nil || with(last) == s.text && s.cut == cut {
		return s.text
	}
	s.cut, s.text = cut, with(strconv.FormatUint(n+1, 10))
	return s.text
}
