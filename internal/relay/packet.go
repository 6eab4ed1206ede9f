package relay

import "encoding/binary"

// kind is what a datagram is taken for.
type kind uint8

const (
	notMedia kind = iota // STUN, DTLS, garbage: never passed on
	rtp
	rtcp
	opaque // a stream that is not RTP
	keying // a handshake of DTLS between the peers of a sealed stream
)

const (
	rtpHeader  = 12 // RFC 3550 §5.1
	rtcpHeader = 8  // RFC 3550 §6.1: type, length and the sender's SSRC
)

// classify looks at the first octets of a datagram. STUN, DTLS and ZRTP have other top bits than version 2 (RFC 7983).
//
// RTCP on the RTP port is told apart by its second octet: types 192 to 223 when the side has agreed to share the port
// (RFC 5761 §4), and the types 200 to 204 always, as RFC 3551 §6 keeps payload types 72 to 76 free of RTP for this.
func classify(b []byte, onRTCPPort, mux bool) kind {
	if len(b) < rtcpHeader || b[0]>>6 != 2 {
		return notMedia
	}
	t := b[1]
	if onRTCPPort || (t >= 200 && t <= 204) || (mux && t >= 192 && t <= 223) {
		if t < 192 || t > 223 || (int(binary.BigEndian.Uint16(b[2:]))+1)*4 > len(b) {
			return notMedia
		}
		return rtcp
	}
	if len(b) < rtpHeader+4*int(b[0]&0x0f) {
		return notMedia
	}
	return rtp
}

// senderOf is the SSRC of an RTCP packet's sender.
func senderOf(b []byte) uint32 { return binary.BigEndian.Uint32(b[4:]) }

// inClear tells whether a packet that classify takes for RTCP is plain: its parts fill it (RFC 3550 §6.1). Of SRTCP index and tag follow, and all parts but the first are encrypted (RFC 3711 §3.4).
func inClear(b []byte) bool {
	for len(b) >= rtcpPart {
		n := (int(binary.BigEndian.Uint16(b[2:])) + 1) * 4
		if b[0]>>6 != 2 || b[1] < 192 || b[1] > 223 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

// rtcpPart is the smallest part of a compound packet of RTCP, in octets: a BYE of nobody.
const rtcpPart = 4

// header is what the counters need of an RTP header (RFC 3550 §5.1).
type header struct {
	payloadType uint8
	marker      bool
	sequence    uint16
	timestamp   uint32
	ssrc        uint32
}

// peek reads the header of a datagram that classify called RTP.
func peek(b []byte) header {
	_ = b[rtpHeader-1]
	return header{
		payloadType: b[1] & 0x7f,
		marker:      b[1]&0x80 != 0,
		sequence:    binary.BigEndian.Uint16(b[2:]),
		timestamp:   binary.BigEndian.Uint32(b[4:]),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
	}
}
