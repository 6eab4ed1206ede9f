package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// payloadTypes are those that an m-line names, which its sender takes (RFC 3264 §6.1), and the clock of the first dynamic one that is audio.
func payloadTypes(m *sdp.Media) (set media.PayloadTypes, clock uint32) {
	const firstDynamic, digits = 96, "telephone-event" // RFC 3551 §6
	if !m.IsRTP() || m.Rejected() {
		return set, 0
	}
	for i := range m.Codecs {
		c := &m.Codecs[i]
		set.Add(c.PT)
		if clock == 0 && c.PT >= firstDynamic && !strings.EqualFold(c.Name, digits) {
			clock = uint32(max(0, c.Rate))
		}
	}
	return set, clock
}
