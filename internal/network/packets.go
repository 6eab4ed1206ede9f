package network

import (
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// Packets is what the packets of a leg's audio are like, beside the voice that is in them. The zero value is RTP over IPv4 in the packets that most use.
type Packets struct {
	Time uint8 // ms of voice in one; 0: usual
	Tag  uint8 // octets that SRTP adds to one (RFC 3711 §3.1, RFC 7714 §8.1); 0: RTP
	Opus uint8 // kbit/s that Opus has at most, by maxaveragebitrate (RFC 7587 §6.1); 0: nobody says, so what calls commonly use
	IPv6 bool
}

// OwnOpus is the most that Opus has where we code it, in kbit/s: we send no more, and say that we want no more.
const OwnOpus = 32

// usual is a packet of who says nothing, in ms (RFC 3551 §4.2).
const usual = 20

// Octets of headers: RFC 791, RFC 8200, RFC 768, RFC 3550 §5.1. What the link puts around a packet is its own matter.
const (
	headerIPv4 = 20
	headerIPv6 = 40
	headerUDP  = 8
	headerRTP  = 12
)

// kbps is what everything but the voice takes where a packet has so many ms of it.
func (p Packets) kbps(ms int) float64 {
	octets := headerUDP + headerRTP + int(p.Tag) + headerIPv4
	if p.IPv6 {
		octets += headerIPv6 - headerIPv4
	}
	return float64(8*octets) / float64(ms)
}

// PacketsAt is how the packets are that an m-line asks for, as far as it is live audio; of anything else it is the zero value. Where it leaves a choice of keys it is for the
// longest tag. Of Opus it does not tell.
func PacketsAt(s *sdp.Session, line int) (p Packets) {
	if m := &s.Media[line]; !m.Rejected() && strings.EqualFold(m.Kind, "audio") {
		p.Time, p.Tag = TimeAt(s, line), tagOf(s, line)
	}
	return p
}

// Meet is how the packets are between two who each ask for their own: who wants long ones cannot be sure to get them, as the other may be deaf to that.
// The shorter ones cost more.
func Meet(a, b uint8) uint8 {
	if a, b = settled(a), settled(b); a < b {
		return a
	}
	return b
}

// Agree gives the packets of both legs what they have in common, as they pass from one to the other: the shorter time, and of Opus what the one takes that takes more.
func Agree(a, b *Packets) {
	a.Time = Meet(a.Time, b.Time)
	b.Time = a.Time
	if min(a.Opus, b.Opus) == 0 {
		a.Opus, b.Opus = 0, 0
	}
	a.Opus = max(a.Opus, b.Opus)
	b.Opus = a.Opus
}

func settled(ms uint8) uint8 {
	if ms == 0 {
		return usual
	}
	return ms
}

// TimeAt is a=ptime of an m-line, which is no more than its a=maxptime (RFC 8866 §6.4); 0: neither says anything.
func TimeAt(s *sdp.Session, line int) uint8 {
	ms, most := s.Media[line].Ptime, s.Media[line].Maxptime
	if most > 0 && (most < ms || ms == 0 && most < usual) {
		ms = most
	}
	return uint8(min(ms, 255))
}

// tagOf is the longest tag of the keys of an m-line.
func tagOf(s *sdp.Session, line int) (octets uint8) {
	for k := range s.Cryptos(line) {
		if suite, ok := media.SuiteNamed(k.Suite); ok {
			tag := suite.TagSize()
			if len(k.Keys) > 0 {
				tag += len(k.Keys[0].MKI)
			}
			octets = max(octets, uint8(min(tag, 255)))
		}
	}
	if m := &s.Media[line]; octets == 0 && (m.Fingerprint || m.Secure()) { // by DTLS, or a suite that we do not have
		octets = uint8(media.LongestTag)
	}
	return octets
}
