package bench

import (
	"encoding/binary"
	"time"
)

// heard finds out when a packet left that was coded anew on its way: it has another payload, and may have another source, number and
// timestamp. But its timestamps go on as those of what was sent do, 20 ms for each packet, from one that is known: the first to come belongs
// to the last that was sent, or else one comes that belongs to none, and then that is the known one.
type heard struct {
	sent  [64]int64 // when the last packets left, by number; 0: not within the window
	last  uint16    // number sent
	known bool
	first uint32 // timestamp that came
	of    uint16 // number that it belongs to
}

func (h *heard) leaves(seq uint16, kind byte, now time.Time) {
	h.last, h.sent[seq%64] = seq, 0
	if kind == 1 {
		h.sent[seq%64] = now.UnixNano()
	}
}

// left is when the packet left that came as b in the format that the receiver speaks itself.
func (h *heard) left(b []byte, s *speech) (int64, bool) {
	if len(b) <= 12 || b[1]&0x7f != s.payloadType {
		return 0, false
	}
	at := binary.BigEndian.Uint32(b[4:])
	seq := h.of + uint16(int32(at-h.first)/int32(s.ticks))
	if behind := int16(h.last - seq); !h.known || behind < 0 || behind >= 64 {
		h.known, h.first, h.of = true, at, h.last
		seq = h.last
	}
	return h.sent[seq%64], h.sent[seq%64] != 0
}
