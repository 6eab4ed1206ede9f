package b2bua

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// heard are the parameters of a codec that is converted. Of Opus we ask for no more than is left of it on the other side: what is above is work for both
// ends, and bits on the line, for nobody (RFC 7587 §6.1).
func heard(codec sdp.Codec, other media.Codec) string {
	if mediaCodec(codec) != media.Opus {
		return codec.Fmtp
	}
	if other == media.G722 {
		return "maxplaybackrate=16000;sprop-maxcapturerate=16000;" + opusFmtp
	}
	return "maxplaybackrate=8000;sprop-maxcapturerate=8000;" + opusFmtp
}

// mostOf reads what the sender of a description asks for of Opus. What cannot be read asks for nothing.
func mostOf(c sdp.Codec) (m media.Most) {
	if mediaCodec(c) != media.Opus {
		return m
	}
	for param := range strings.SplitSeq(c.Fmtp, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 20)
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "maxplaybackrate":
			m.Rate = uint32(n)
		case "maxaveragebitrate":
			m.Bitrate = uint32(n)
		case "cbr":
			m.Constant = n == 1
		}
	}
	return m
}

// mostOfLine is mostOf for the first Opus of an m-line.
func mostOfLine(m *sdp.Media) media.Most {
	for _, c := range m.Codecs {
		if mediaCodec(c) == media.Opus {
			return mostOf(c)
		}
	}
	return media.Most{}
}
