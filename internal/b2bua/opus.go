package b2bua

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/sdp"
)

// heard are the parameters of a codec that is converted. Of Opus we ask for no more than is left of it on the other side: what is above is work for both
// ends, and bits on the line, for nobody (RFC 7587 §6.1), where links have as much for it as we send ourselves.
func heard(codec sdp.Codec, other media.Codec) string {
	if mediaCodec(codec) != media.Opus {
		return codec.Fmtp
	}
	rate := "8000"
	if other == media.G722 {
		rate = "16000"
	}
	return "maxplaybackrate=" + rate + ";sprop-maxcapturerate=" + rate + ";maxaveragebitrate=" + strconv.Itoa(1000*network.OwnOpus) + ";" + opusFmtp
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
	for i := range m.Codecs {
		if c := &m.Codecs[i]; c.Is("opus") && mediaCodec(*c) == media.Opus {
			return mostOf(*c)
		}
	}
	return media.Most{}
}

// kbpsOf is the most that Opus has on links by what its hearer asks for; 0: what calls commonly use, or a number that is not to be heeded.
func kbpsOf(m media.Most) uint8 {
	if m.Bitrate < 6000 || m.Bitrate > 255000 {
		return 0
	}
	return uint8((m.Bitrate + 999) / 1000)
}

// packetsAt is how the packets of an m-line are, with what its sender takes of Opus.
func packetsAt(s *sdp.Session, line int) network.Packets {
	p := network.PacketsAt(s, line)
	if m := &s.Media[line]; !m.Rejected() {
		p.Opus = kbpsOf(mostOfLine(m))
	}
	return p
}

// packetsOf is packetsAt for the first m-line of which there is anything to say.
func packetsOf(s *sdp.Session) (p network.Packets) {
	for i := range s.Media {
		if p = packetsAt(s, i); p != (network.Packets{}) {
			break
		}
	}
	return p
}
