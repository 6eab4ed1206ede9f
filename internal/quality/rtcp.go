package quality

import "encoding/binary"

// Types of RTCP packets (RFC 3550 §12.1, RFC 3611 §2).
const (
	TypeSR   = 200
	TypeRR   = 201
	TypeSDES = 202
	TypeBYE  = 203
	TypeXR   = 207
)

// Packet is one packet of a compound.
type Packet struct {
	Type   uint8
	Count  int    // of the header: report blocks, sources
	Sender uint32 // its SSRC
	body   []byte // behind the SSRC
}

// Next takes the first packet off a compound. It is not ok for what is not whole.
func Next(b []byte) (p Packet, rest []byte, ok bool) {
	if len(b) < 4 || b[0]>>6 != 2 {
		return p, nil, false
	}
	size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
	if size > len(b) {
		return p, nil, false
	}
	p = Packet{Type: b[1], Count: int(b[0] & 31)}
	body := b[4:size]
	if b[0]&0x20 != 0 { // padding, whose last octet tells its length (RFC 3550 §6.4.1)
		n := int(b[size-1])
		if n == 0 || n > len(body) {
			return p, nil, false
		}
		body = body[:len(body)-n]
	}
	if len(body) >= 4 {
		p.Sender, p.body = binary.BigEndian.Uint32(body), body[4:]
	}
	return p, b[size:], true
}

// Sent is the sender information of an SR (RFC 3550 §6.4.1).
type Sent struct {
	NTP       uint64
	Timestamp uint32
	Packets   uint32
	Octets    uint32
}

// Middle is what a report block has of it as LSR: the middle 32 bits of the NTP timestamp.
func (s *Sent) Middle() uint32 { return uint32(s.NTP >> 16) }

const (
	sentSize  = 20
	blockSize = 24
)

// Sent reads the sender information; false when it is none.
func (p *Packet) Sent() (s Sent, ok bool) {
	if p.Type != TypeSR || len(p.body) < sentSize {
		return s, false
	}
	b := p.body
	return Sent{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])}, true
}

// Block is one report block (RFC 3550 §6.4.1): what the sender of the packet has received of a source.
type Block struct {
	Source   uint32
	Fraction uint8 // lost since the report before, of 256
	Lost     int32 // cumulative; duplicates may make it negative
	Highest  uint32
	Jitter   uint32 // in units of the source's clock
	LSR      uint32 // 0: it has no SR of the source
	DLSR     uint32 // in 1/65536 s
}

// Blocks is how many report blocks there are.
func (p *Packet) Blocks() int {
	n := len(p.body)
	switch p.Type {
	case TypeSR:
		n -= sentSize
	case TypeRR:
	default:
		return 0
	}
	return min(p.Count, max(0, n)/blockSize)
}

// Block reads the i-th, i less than Blocks.
func (p *Packet) Block(i int) Block {
	b := p.body[i*blockSize:]
	if p.Type == TypeSR {
		b = b[sentSize:]
	}
	lost := binary.BigEndian.Uint32(b[4:])
	return Block{Source: binary.BigEndian.Uint32(b), Fraction: uint8(lost >> 24), Lost: int32(lost<<8) >> 8, Highest: binary.BigEndian.Uint32(b[8:]),
		Jitter: binary.BigEndian.Uint32(b[12:]), LSR: binary.BigEndian.Uint32(b[16:]), DLSR: binary.BigEndian.Uint32(b[20:])}
}

// Voice is the VoIP metrics block of an XR packet (RFC 3611 §4.7), in its own units. 127 stands for what is not known of levels, ratings and scores.
type Voice struct {
	Source                   uint32
	Lost, Discarded          uint8 // of 256
	BurstDensity, GapDensity uint8 // of 256
	Burst, Gap               uint16
	RoundTrip, EndSystem     uint16 // ms
	Signal, Noise            int8   // dBm0; 127: not known
	EchoLoss                 uint8
	R                        uint8
	ListeningMOS             uint8 // times 10
	ConversationMOS          uint8
	Nominal, Most            uint16 // ms of its jitter buffer
}

const voiceBlock, voiceWords = 7, 8

const mostDelay = 10000 // ms

// Voice finds the VoIP metrics in an XR packet; further blocks of that kind are left alone.
func (p *Packet) Voice() (v Voice, ok bool) {
	if p.Type != TypeXR {
		return v, false
	}
	for b := p.body; len(b) >= 4; {
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return v, false
		}
		if b[0] == voiceBlock && size >= 4+4*voiceWords {
			return readVoice(b[4:]), true
		}
		b = b[size:]
	}
	return v, false
}

// possible tells whether the shares may be those of one stream: what is lost is not discarded, too. Who fills in 255 for what it does not know has both.
func (v *Voice) possible() bool { return int(v.Lost)+int(v.Discarded) <= 256 }

func readVoice(b []byte) Voice {
	word := binary.BigEndian.Uint16
	v := Voice{Source: binary.BigEndian.Uint32(b), Lost: b[4], Discarded: b[5], BurstDensity: b[6], GapDensity: b[7], Burst: word(b[8:]), Gap: word(b[10:]),
		RoundTrip: word(b[12:]), EndSystem: word(b[14:]), Signal: int8(b[16]), Noise: int8(b[17]), EchoLoss: b[18], R: b[20], ListeningMOS: b[22],
		ConversationMOS: b[23], Nominal: word(b[26:]), Most: word(b[28:])}
	if v.EndSystem > mostDelay { // nobody speaks over so much: it is not known
		v.EndSystem = 0
	}
	return v
}
