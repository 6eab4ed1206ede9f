package network

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// Limit is what a leg may have of audio, and how its packets are.
type Limit struct {
	Most int // kbit/s; topology.Unlimited: anything
	Packets
}

// Fits tells whether a codec is narrow enough.
func (l *Limit) Fits(codec string) bool { return Bandwidth(codec, l.Packets) <= l.Most }

// Limits are those of both legs of a call.
type Limits [2]Limit

// Fits tells whether a codec is narrow enough for both.
func (l *Limits) Fits(codec string) bool { return l[0].Fits(codec) && l[1].Fits(codec) }

// Any tells whether one of the two is a limit at all.
func (l *Limits) Any() bool { return min(l[0].Most, l[1].Most) < topology.Unlimited }

// Widest is what the widest codec of an offer needs on each leg that fits both and is one of names, none being all; 0: none is so narrow. A call
// without an offer is taken for G.711, or what names has.
func Widest(offer *sdp.Session, names []string, limits *Limits) (kbps [2]int) {
	look := func(name string) {
		if limits.Fits(name) {
			for k := range kbps {
				kbps[k] = max(kbps[k], Bandwidth(name, limits[k].Packets))
			}
		}
	}
	audio := false
	if offer == nil {
		for _, name := range names {
			if c := (sdp.Codec{Name: name}); !c.Auxiliary() {
				look(name)
				audio = true
			}
		}
	} else {
		audio = voices(offer, names, look)
		if !audio && len(names) > 0 { // an m-line that would have no codec left keeps all of them
			audio = voices(offer, nil, look)
		}
	}
	if !audio {
		look("PCMU")
	}
	return kbps
}

// WidestOf is what the widest of some codecs needs that fits a leg; 0: none does.
func WidestOf(names []string, limit *Limit) (kbps int) {
	for _, name := range names {
		if c := (sdp.Codec{Name: name}); !c.Auxiliary() && limit.Fits(name) {
			kbps = max(kbps, Bandwidth(name, limit.Packets))
		}
	}
	return kbps
}

// Speaks tells whether a description has live audio.
func Speaks(s *sdp.Session) bool { return voices(s, nil, func(string) {}) }

// voices looks at the codecs of live audio that are one of names, none being all, and tells whether there were any.
func voices(s *sdp.Session, names []string, look func(string)) (any bool) {
	for i := range s.Media {
		m := &s.Media[i]
		if m.Rejected() || !strings.EqualFold(m.Kind, "audio") {
			continue
		}
		for _, c := range m.Codecs {
			if !c.Auxiliary() && (len(names) == 0 || slices.ContainsFunc(names, c.Is)) {
				look(c.Name)
				any = true
			}
		}
	}
	return any
}

// Narrow are the codecs of a description that are one of names, none being all, and fit both legs.
func Narrow(s *sdp.Session, names []string, limits *Limits) (list []string) {
	keep := func(name string) {
		if limits.Fits(name) {
			list = append(list, name)
		}
	}
	if !voices(s, names, keep) {
		voices(s, nil, keep)
	}
	if len(list) == 0 {
		return names
	}
	return list
}
