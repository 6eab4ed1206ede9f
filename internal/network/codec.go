package network

import (
	"math"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
)

// rates are the bits of voice of codecs in kbit/s. Of those that choose, it is the most that calls commonly use.
var rates = map[string]float64{
	"pcmu": 64, "pcma": 64, "g722": 64, "g7221": 32, "g723": 6.3, "g726-16": 16, "g726-24": 24, "g726-32": 32, "g726-40": 40, "g728": 16, "g729": 8,
	"gsm": 13.2, "gsm-efr": 12.2, "ilbc": 15.2, "amr": 12.2, "amr-wb": 23.85, "evs": 24.4, "opus": 64, "silk": 40, "speex": 27.8, "siren": 16,
	"x-msrta": 29,
}

// Headers in kbit/s at 20 ms a packet: IP, UDP, RTP and the tag of SRTP, as Lync's planning has them; not those of the link. RTCP is on top.
const (
	headers     = 28.0
	wideHeaders = 31.6 // of G.722 and SIREN
	rtcp        = 5.0
)

// Bandwidth is what a call with a codec needs in each direction in kbit/s, in packets of 20 ms; a codec that is not known needs what G.711 does.
func Bandwidth(name string) int {
	var room [16]byte
	if len(name) > len(room) {
		return up(rates["pcmu"] + headers + rtcp)
	}
	key := room[:len(name)]
	for i := range key {
		key[i] = name[i]
		if name[i] >= 'A' && name[i] <= 'Z' {
			key[i] += 'a' - 'A'
		}
	}
	rate, ok := rates[string(key)]
	switch {
	case !ok:
		rate = rates["pcmu"]
	case strings.EqualFold(name, "G722") || strings.EqualFold(name, "SIREN"):
		return up(rate + wideHeaders + rtcp)
	}
	return up(rate + headers + rtcp)
}

func up(kbps float64) int { return int(math.Ceil(kbps)) }

// Widest is what the widest codec of an offer needs that needs at most kbps and is one of names, none being all; 0: none is so narrow. A call
// without an offer is taken for G.711, or what names has.
func Widest(offer *sdp.Session, names []string, most int) (kbps int) {
	look := func(name string) {
		if need := Bandwidth(name); need <= most {
			kbps = max(kbps, need)
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

// Narrow are the codecs of a description that are one of names, none being all, and need at most kbps.
func Narrow(s *sdp.Session, names []string, most int) (list []string) {
	keep := func(name string) {
		if Bandwidth(name) <= most {
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

// plainVideo is what video needs whose description says nothing: VGA as Lync sends it by default.
const plainVideo = 600

// VideoBandwidth is what live video of an m-line needs in kbit/s by its bandwidth lines; 0: it is something else.
func VideoBandwidth(s *sdp.Session, line int) int {
	m := &s.Media[line]
	if m.Rejected() || !strings.EqualFold(m.Kind, "video") {
		return 0
	}
	if kbps := s.Bandwidth(line); kbps > 0 {
		return kbps
	}
	return plainVideo
}

// VideoOf is what all live video of a description needs.
func VideoOf(s *sdp.Session) (kbps int) {
	if s == nil {
		return 0
	}
	for i := range s.Media {
		kbps += VideoBandwidth(s, i)
	}
	return kbps
}
