package relay

import (
	"log/slog"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/opus"
)

// coders makes the codecs of conversions.
type coders struct {
	opus *opus.Library // nil: there is none
}

func newCoders(log *slog.Logger) (c coders) {
	var err error
	if c.opus, err = opus.Load(); err != nil {
		log.Info("Opus is neither offered nor converted: libopus0 is not installed", "error", err)
	}
	return c
}

// Opus tells whether speech can be converted from Opus and to it.
func (r *Relay) Opus() bool { return r.coders.opus != nil }

const narrow, wide = 8000, 16000

// rateBetween is that of the narrower side, in Hz.
func rateBetween(from *media.Speech, to media.Format) int {
	if isLaw(to.Codec) {
		return narrow
	}
	for _, f := range from.Formats {
		if isLaw(f.Codec) {
			return narrow
		}
	}
	return wide
}

func (l *coders) encoder(c media.Codec, rate int) codec.Encoder {
	switch c {
	case media.PCMU:
		return codec.MuLaw
	case media.PCMA:
		return codec.ALaw
	case media.G722:
		return codec.NewG722Encoder(rate == wide)
	case media.Opus:
		if l.opus == nil {
			return nil
		}
		if e := l.opus.NewEncoder(rate); e != nil {
			return e
		}
	}
	return nil
}

func (l *coders) decoder(c media.Codec, rate int) codec.Decoder {
	switch c {
	case media.PCMU:
		return codec.MuLaw
	case media.PCMA:
		return codec.ALaw
	case media.G722:
		return codec.NewG722Decoder(rate == wide)
	case media.Opus:
		if l.opus == nil {
			return nil
		}
		if d := l.opus.NewDecoder(rate); d != nil {
			return d
		}
	}
	return nil
}
