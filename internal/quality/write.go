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

// length writes that of one packet into its header, in words less one (RFC 3550 §6.4.1).
func length(b []byte) { binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1)) }
