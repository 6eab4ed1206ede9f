package relay

import (
	"bytes"
	"runtime"
	"sync"
	"weak"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sound"
)

// reel is a clip in one codec, for everybody who hears it: each packet is coded when the first of them needs it. So nothing is coded that nobody hears, a long
// file delays nothing when it begins, and hundreds on hold cost one encoder.
//
// Codecs that remember what was before, G.722 and Opus, code a clip that is repeated twice: once as a beginning, and once as what follows its own end. The second
// turn is what is repeated, as it begins nearly as it ends.
type reel struct {
	mu      sync.Mutex
	encoder codec.Encoder
	rate    int // of the samples that it takes
	turn    int // packets in the clip
	again   int // packet that follows the last one when the clip is repeated
	coded   int // packets so far
	blocks  []reelBlock
}

// blockPackets is how many packets are kept in one piece, and usualPacket how large one is: one of Opus is smaller.
const blockPackets, usualPacket = 50, 160

// reelBlock is some packets, one behind the other.
type reelBlock struct {
	octets []byte
	ends   [blockPackets]uint16 // a packet of Opus has less than 1276 octets
}

// mostCoded bounds how many packets are coded at once, where those before were not needed: less than 1 ms of the worker's time.
const mostCoded = 10

func newReel(c *sound.Clip, spoken media.Codec, l *coders) *reel {
	r := &reel{rate: sound.Narrow, turn: c.Packets()}
	if !isLaw(spoken) {
		r.rate, r.again = c.Rate(), r.turn
	}
	if r.encoder = l.encoder(media.Format{Codec: spoken}, r.rate); r.encoder == nil {
		return nil
	}
	r.blocks = make([]reelBlock, (r.turn+r.again+blockPackets-1)/blockPackets)
	return r
}

// append appends the payload of a packet to b. turns tells how often the clip was played before. Without a payload the packet is too far from what is coded, and
// nearer the next time.
func (r *reel) append(b []byte, c *sound.Clip, packet, turns int) []byte {
	if turns > 0 {
		packet += r.again
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := 0; r.coded <= packet; n++ {
		if n == mostCoded {
			return b
		}
		r.code(c)
	}
	k := &r.blocks[packet/blockPackets]
	i, from := packet%blockPackets, uint16(0)
	if i > 0 {
		from = k.ends[i-1]
	}
	return append(b, k.octets[from:k.ends[i]]...)
}

// code codes the next packet.
func (r *reel) code(c *sound.Clip) {
	k, i := &r.blocks[r.coded/blockPackets], r.coded%blockPackets
	if i == 0 {
		k.octets = make([]byte, 0, blockPackets*usualPacket)
	}
	k.octets = r.encoder.Encode(k.octets, c.Packet(r.coded%r.turn, r.rate))
	k.ends[i] = uint16(len(k.octets))
	if i == blockPackets-1 {
		k.octets = bytes.Clone(k.octets) // without the room that was left
	}
	r.coded++
}

// reels are those of a relay, by clip and codec. A reel lasts as long as its clip, which is as long as a document or a call has it.
type reels struct {
	mu   sync.Mutex
	list map[reelKey]*reel
}

type reelKey struct {
	clip  weak.Pointer[sound.Clip]
	codec media.Codec
}

// of is the reel of a clip; nil: the codec is not there.
func (s *reels) of(c *sound.Clip, spoken media.Codec, l *coders) *reel {
	key := reelKey{weak.Make(c), spoken}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.list[key]
	if r == nil {
		if r = newReel(c, spoken, l); r == nil {
			return nil
		}
		if s.list == nil {
			s.list = make(map[reelKey]*reel)
		}
		s.list[key] = r
		runtime.AddCleanup(c, s.forget, key)
	}
	return r
}

func (s *reels) forget(key reelKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, key)
}
