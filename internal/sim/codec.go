package sim

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/media"
)

// formats are payload types by codec.
var formats = map[string]string{"PCMU": "0", "PCMA": "8", "G722": "9"}

// only is the payload type of the one codec that the peers of a host have; "": they have those that they were built with.
func (h *Host) only() string {
	t := h.trunk()
	if t == nil || len(t.Settings.Codecs) != 1 {
		return ""
	}
	return formats[t.Settings.Codecs[0]]
}

// speakable leaves of the formats of an m-line those that a party has.
func (s *speaker) speakable(fmts []string) []string {
	if s.only == "" {
		return fmts
	}
	return slices.DeleteFunc(slices.Clone(fmts), func(f string) bool { return f != s.only && f != "101" })
}

// spoken checks how the two sides of the audio speak: each as its party does, when both have said where they are.
func (r *relay) spoken(want *media.Session, st *media.Stream) {
	w := r.n.w
	var codecs [2]string
	for k := range st.Side {
		i := slices.IndexFunc(w.Hosts, func(h *Host) bool { return h.Addr == st.Side[k].Remote.Addr() })
		if i < 0 || w.Hosts[i].only() == "" || st.Opaque {
			return
		}
		codecs[k] = w.Hosts[i].only()
	}
	for k := range st.Side {
		speech := st.Side[k].Speech
		switch {
		case speech == nil && codecs[0] == codecs[1]:
		case speech == nil:
			w.fail("media session %d: the sides speak %s, and nothing is converted", want.ID, strings.Join(codecs[:], " and "))
			return
		default:
			if f, ok := speech.First(); !ok || formats[f.Codec.String()] != codecs[k] {
				w.fail("media session %d: side %d has %s only, and is spoken to in %v", want.ID, k, codecs[k], speech.Formats)
			}
		}
	}
}
