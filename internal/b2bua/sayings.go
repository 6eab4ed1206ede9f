package b2bua

import (
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// sayings are the descriptions that a leg was told, of each session of ours the last; early dialogs have one each, also those of a target, which share the session
// of its INVITE. What is changed on its way out, keys or codecs, may be other than before where nothing else is, and the same where something is.
type sayings []saying

type saying struct {
	id, toward, text string     // toward is the tag of who hears it; "" in the INVITE that begins dialogs
	cut              sdp.Absent // m-lines of it that were left out
}

func (b sayings) find(id, toward string) int {
	return slices.IndexFunc(b, func(s saying) bool { return s.id == id && s.toward == toward })
}

// toward is the tag of who is to hear a message of ours.
func toward(m *sip.Message) string {
	if m.IsRequest() {
		return m.ToTag()
	}
	return m.FromTag()
}

// revise gives a description, of which m-lines will be left out, the version that it has for who hears it: one more for each that differs (RFC 3264 §8).
func (b *sayings) revise(text, id, version string, cut sdp.Absent, toward string) string {
	i := b.find(id, toward)
	if i < 0 {
		said := saying{strings.Clone(id), strings.Clone(toward), text, cut}
		first := b.find(id, "")
		if first >= 0 {
			said.text, said.cut = (*b)[first].text, (*b)[first].cut
		}
		i = len(*b)
		if *b = append(*b, said); first < 0 {
			return text
		}
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
