package network

import (
	"math"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
)

// codecs are the bits of voice in kbit/s, and the ms of voice that a packet has at least. Of those that choose, it is the most that calls commonly use.
var codecs = map[string]struct {
	rate  float64
	frame int
}{
	"pcmu": {64, 0}, "pcma": {64, 0}, "g722": {64, 0}, "g7221": {32, 20}, "g723": {6.3, 30}, "g726-16": {16, 0}, "g726-24": {24, 0}, "g726-32": {32, 0},
	"g726-40": {40, 0}, "g728": {16, 0}, "g729": {8, 10}, "gsm": {13.2, 20}, "gsm-efr": {12.2, 20}, "ilbc": {15.2, 20}, "amr": {12.2, 20},
	"amr-wb": {23.85, 20}, "evs": {24.4, 20}, "opus": {64, 0}, "silk": {40, 20}, "speex": {27.8, 20}, "siren": {16, 20}, "x-msrta": {29, 20}, "l16": {256, 0},
}

// rtcp is what RTCP may take of an audio call, in kbit/s, as Lync's planning has it.
const rtcp = 5.0

// Bandwidth is what a call with a codec needs on a leg in each direction in kbit/s; a codec that is not known needs what G.711 does.
func Bandwidth(name string, p Packets) int {
	var room [16]byte
	key := room[:min(len(name), len(room))]
	for i := range key {
		key[i] = name[i]
		if name[i] >= 'A' && name[i] <= 'Z' {
			key[i] += 'a' - 'A'
		}
	}
	c, ok := codecs[string(key)]
	if !ok {
		c = codecs["pcmu"]
	}
	rate := c.rate
	if p.Opus > 0 && string(key) == "opus" {
		rate = min(rate, float64(p.Opus))
	}
	return int(math.Ceil(rate + p.kbps(max(int(settled(p.Time)), c.frame)) + rtcp))
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
