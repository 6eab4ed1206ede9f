package quality

import (
	"encoding/binary"
	"time"
)

// since1900 is what the NTP epoch is before Unix's, in seconds (RFC 5905 §6).
const since1900 = 2208988800

// NTP is a time in the format of RTCP, 32 bits of seconds and 32 of their fraction (RFC 3550 §4).
func NTP(t time.Time) uint64 {
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// AppendReport appends a compound of ours: SR, with one block when there is one, and SDES with the name. RFC 3550 §6.1 demands the two in this order.
func AppendReport(dst []byte, ssrc uint32, s *Sent, block *Block, name string) []byte {
	at, count := len(dst), byte(0)
	if block != nil {
		count = 1
	}
	dst = append(dst, 2<<6|count, TypeSR, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ssrc)
	dst = binary.BigEndian.AppendUint64(dst, s.NTP)
	dst = binary.BigEndian.AppendUint32(dst, s.Timestamp)
	dst = binary.BigEndian.AppendUint32(dst, s.Packets)
	dst = binary.BigEndian.AppendUint32(dst, s.Octets)
	if block != nil {
		dst = block.append(dst)
	}
	length(dst[at:])
	return appendName(dst, ssrc, name)
}

func (r *Block) append(dst []byte) []byte {
	const most = 1<<23 - 1 // 24 bits, signed
	dst = binary.BigEndian.AppendUint32(dst, r.Source)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Fraction)<<24|uint32(min(max(r.Lost, -most-1), most))&0xffffff)
	dst = binary.BigEndian.AppendUint32(dst, r.Highest)
	dst = binary.BigEndian.AppendUint32(dst, r.Jitter)
	dst = binary.BigEndian.AppendUint32(dst, r.LSR)
	return binary.BigEndian.AppendUint32(dst, r.DLSR)
}

// appendName appends SDES with a CNAME, which ends with a zero octet and is filled up to a word (RFC 3550 §6.5).
func appendName(dst []byte, ssrc uint32, name string) []byte {
	name = name[:min(len(name), 255)]
	at := len(dst)
	dst = append(dst, 2<<6|1, TypeSDES, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ssrc)
	dst = append(dst, 1, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, 0)
	for (len(dst)-at)%4 != 0 {
		dst = append(dst, 0)
	}
	length(dst[at:])
	return dst
}

// AppendVoice appends an XR packet with VoIP metrics (RFC 3611 §2, §4.7).
func AppendVoice(dst []byte, ssrc uint32, v *Voice) []byte {
	at, word := len(dst), binary.BigEndian.AppendUint16
	dst = append(dst, 2<<6, TypeXR, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ssrc)
	dst = append(dst, voiceBlock, 0, 0, voiceWords)
	dst = binary.BigEndian.AppendUint32(dst, v.Source)
	dst = append(dst, v.Lost, v.Discarded, v.BurstDensity, v.GapDensity)
	dst = word(word(word(word(dst, v.Burst), v.Gap), v.RoundTrip), v.EndSystem)
	dst = append(dst, byte(v.Signal), byte(v.Noise), v.EchoLoss, gmin, v.R, unknown, v.ListeningMOS, v.ConversationMOS, 0, 0)
	dst = word(word(word(dst, v.Nominal), v.Most), v.Most)
	length(dst[at:])
	return dst
}

// unknown is what RFC 3611 has for levels, ratings and scores that are not known.
const unknown = 127

// Voice is the metrics of a source by what was seen of it. What takes a buffer and a decoder is unknown.
func (p *Pattern) Voice(source uint32, late uint64, l *Levels, trip time.Duration, codec *Codec) Voice {
	const packet = 20 // ms
	part := func(x float64) uint8 { return uint8(min(256*x, 255)) }
	ms := func(x float64) uint16 { return uint16(min(x, 65535)) }
	whole := float64(max(1, p.Packets))
	v := Voice{Source: source, Lost: part(float64(p.Lost) / whole), Discarded: part(float64(late) / whole), RoundTrip: ms(float64(trip.Milliseconds())),
		Signal: unknown, Noise: unknown, EchoLoss: unknown, R: unknown, ListeningMOS: unknown, ConversationMOS: unknown}
	burst, gap := p.Density()
	v.BurstDensity, v.GapDensity = part(burst), part(gap)
	v.Burst = ms(packet * float64(p.BurstPackets) / float64(max(1, p.Bursts)))
	v.Gap = ms(packet * float64(p.Packets-p.BurstPackets) / float64(p.Bursts+1))
	if x, ok := l.Signal(); ok {
		v.Signal = zeroLevel(x)
	}
	if x, ok := l.Noise(); ok {
		v.Noise = zeroLevel(x)
	}
	if codec != nil && !codec.wide { // of wideband codecs R does not fit
		path := Path{Loss: float64(p.Lost+late) / whole, Ratio: p.Ratio()}
		v.ListeningMOS = uint8(10 * codec.Rate(path).MOS)
		path.Delay = trip/2 + packet*time.Millisecond
		r := codec.Rate(path)
		v.R, v.ConversationMOS = uint8(r.R), uint8(10*r.MOS)
	}
	return v
}

// zeroLevel is dBm0 of dBov: a sine at the limit of G.711 has 3.17 dBm0 and -3.01 dBov (ITU-T G.711 §4.2.3, G.100.1).
func zeroLevel(dBov float64) int8 { return int8(min(max(dBov+6.18, -126), 126)) }

// length writes that of one packet into its header, in words less one (RFC 3550 §6.4.1).
func length(b []byte) { binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1)) }
