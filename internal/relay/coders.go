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

// rateBetween is the one, in Hz, at which speech of a side is coded anew for a format: the wide one where neither that nor the codec that the side likes best is
// of telephones, nor more than who gets it hears. What else the side may send is made as wide.
func rateBetween(from *media.Speech, to media.Format) int {
	if first, ok := from.First(); !ok || isLaw(first.Codec) || isLaw(to.Codec) || to.Most.Rate != 0 && to.Most.Rate < wide {
		return narrow
	}
	return wide
}

// encoder codes samples of a rate; nil: it cannot be had.
func (l *coders) encoder(f media.Format, rate int) codec.Encoder { return l.coder(f, rate).encoder() }

// decoder decodes to samples of a rate; nil: it cannot be had.
func (l *coders) decoder(c media.Codec, rate int) codec.Decoder {
	return l.coder(media.Format{Codec: c}, rate).decoder()
}

// coder makes the two halves of a codec.
type coder struct {
	encoder func() codec.Encoder
	decoder func() codec.Decoder
}

// noCoder is that of a codec that is not there.
var noCoder = coder{func() codec.Encoder { return nil }, func() codec.Decoder { return nil }}

// coder finds a codec, at a rate in Hz.
func (l *coders) coder(f media.Format, rate int) coder {
	switch c := f.Codec; {
	case isLaw(c) && rate == wide:
		return coder{noCoder.encoder, func() codec.Decoder { return codec.NewWidened(lawOf(c)) }}
	case isLaw(c):
		return coder{func() codec.Encoder { return lawOf(c) }, func() codec.Decoder { return lawOf(c) }}
	case c == media.G722:
		return coder{
			func() codec.Encoder { return codec.NewG722Encoder(rate == wide) },
			func() codec.Decoder { return codec.NewG722Decoder(rate == wide) },
		}
	case c == media.Opus && l.opus != nil:
		return coder{
			func() codec.Encoder {
				if e := l.opus.NewEncoder(rate, int(f.Most.Bitrate), f.Most.Constant); e != nil {
					return e
				}
				return nil
			},
			func() codec.Decoder {
				if d := l.opus.NewDecoder(rate); d != nil {
					return d
				}
				return nil
			},
		}
	}
	return noCoder
}
