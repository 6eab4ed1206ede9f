package b2bua

import (
	"slices"
	"strconv"
	"strings"
)

// sealed is what was said last in a session of ours; early dialogs have one each.
type sealed struct {
	id, text string
	bump     uint64 // added to the version: new keys make a new description, too (RFC 3264 §8)
}

// sayings are the sessions of a leg.
type sayings []sealed

// revise gives a description that was changed on its way out a version of its own: what was changed, keys or codecs, may be other than before
// where nothing else is.
func (b *sayings) revise(text, id, version string) string {
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return text
	}
	i := slices.IndexFunc(*b, func(s sealed) bool { return s.id == id })
	if i < 0 {
		i, *b = len(*b), append(*b, sealed{id: strings.Clone(id)})
	}
	s := &(*b)[i]
	with := func(v uint64) string {
		return strings.Replace(text, " "+version+" IN IP", " "+strconv.FormatUint(v, 10)+" IN IP", 1)
	}
	is := with(v + s.bump)
	if is != s.text && originVersion(s.text) == originVersion(is) {
		s.bump++
		is = with(v + s.bump)
	}
	s.text = is
	return is
}
