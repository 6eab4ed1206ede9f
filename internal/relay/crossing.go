package relay

import (
	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
)

func isLaw(c media.Codec) bool { return c == media.PCMU || c == media.PCMA }

func lawOf(c media.Codec) codec.G711 {
	if c == media.PCMA {
		return codec.ALaw
	}
	return codec.MuLaw
}

// boost makes a step of G.711 louder, and keeps what it is without that for fax machines.
func (c *converter) boost(s *step, from, to media.Codec, dB int) {
	if !isLaw(from) || from == to && dB == 0 {
		return
	}
	s.how, s.law, s.cross = crossed, lawOf(from), codec.NewCrossing(lawOf(from), lawOf(to), dB)
	if dB != 0 {
		c.fax = codec.NewFax(narrow)
		s.plain = codec.NewCrossing(lawOf(from), lawOf(to), 0)
	}
}

// cross changes the octets of G.711, louder unless they are those of a fax machine.
func (c *converter) cross(s *step, payload []byte) {
	by := s.cross
	if c.fax != nil {
		data := false
		for rest := payload; len(rest) > 0; {
			n := s.law.Decode(c.pcm[:], rest)
			data, rest = c.fax.Take(c.pcm[:n]), rest[n:]
		}
		if data {
			by = s.plain
		}
	}
	by.Apply(payload)
}
