package sim

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/media"
)

// formats are payload types by codec.
var formats = map[string]string{"PCMU": "0", "PCMA": "8", "G722": "9", "G729": "18"}

// only are the payload types of the codecs that the peers of a host have, those of its trunk; none: they have those that they were built with.
func (h *Host) only() (list []string) {
	if t := h.trunk(); t != nil {
		for _, name := range t.Settings.Codecs {
			list = append(list, formats[name])
		}
	}
	return list
}

// speakable leaves of the formats of an m-line those that a party has.
func (s *speaker) speakable(fmts []string) []string {
	if len(s.only) == 0 {
		return fmts
	}
	return slices.DeleteFunc(slices.Clone(fmts), func(f string) bool { return f != "101" && !slices.Contains(s.only, f) })
}

// spoken checks how the two sides of the audio speak, where each party has one codec: as its party does, when both have said where they are.
func (r *relay) spoken(want *media.Session, st *media.Stream) {
	w := r.n.w
	var codecs [2]string
	for k := range st.Side {
		i := slices.IndexFunc(w.Hosts, func(h *Host) bool { return h.Addr == st.Side[k].Remote.Addr() })
		if i < 0 || len(w.Hosts[i].only()) != 1 || st.Opaque {
			return
		}
		codecs[k] = w.Hosts[i].only()[0]
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
