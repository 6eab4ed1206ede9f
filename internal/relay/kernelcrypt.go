package relay

import (
	"time"

	"github.com/pion/srtp/v3"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/fastpath"
	"github.com/directsip/directsip/internal/media"
)

// inKernel is why packets of a side must be opened and sealed in user space; "": the kernel can.
func (c *crypt) inKernel() string {
	switch {
	case c == nil:
		return ""
	case c.recv == nil || c.send == nil:
		return "SRTP without keys yet"
	case c.keys.Suite != media.AESCM128HMACSHA180 && c.keys.Suite != media.AESCM128HMACSHA132:
		return "SRTP with " + c.keys.Suite.String()
	case len(c.recv.keys) > 1 || c.recv.keys[0].MKI != "":
		return "SRTP with an MKI"
	}
	return ""
}

// changed is what the kernel makes of packets.
type changed struct {
	as     uint8 // payload type
	law    fastpath.Law
	secret *fastpath.Secret // nil: RTP on both sides
}

// changes is what becomes of the packets of a side that follow upon the last, and why that is user space's.
func (st *stream) changes(side media.SideIndex, now int64) (is changed, why string) {
	k, c := &st.side[side].kernel, &st.side[side].count
	is.as = c.payloadType
	if by := st.convert[side]; by != nil {
		switch s := &by.list[by.steps[c.payloadType]]; {
		case s.how == crossed && by.fax != nil:
			return is, "a gain"
		case s.how == crossed:
			is.as, is.law = s.to, fastpath.ToALaw
			if s.law == codec.ALaw {
				is.law = fastpath.ToMuLaw
			}
		case s.how == renumber:
			is.as = s.to
		}
	}
	from, to := st.side[side].rtp.guard() != nil, st.side[1-side].rtp.guard() != nil
	switch {
	case !from && !to && is.law == 0 && is.as == c.payloadType:
		return is, ""
	case st.kernel.table.Plain() != "":
		return is, st.kernel.table.Plain()
	case k.size == 0:
		return is, "what is in its RTP header"
	case k.size > fastpath.LongestPayload:
		return is, "long packets"
	case !from && !to:
		return is, ""
	case from && to && is.law != 0:
		return is, "conversion between two keys"
	}
	is.secret, why = st.secret(side, now)
	return is, why
}

// kept is a secret of the kernel, and what it was made of. It outlives flows, as each irregular packet ends one.
type kept struct {
	secret    *fastpath.Secret // nil: none
	open      *receiver
	seal      *sender
	ssrc      uint32
	rollovers [2]uint32
	room      int // octets
}

// secret is what opens and seals the packets of a side that follow upon the last. nil, and why: the kernel cannot.
func (st *stream) secret(side media.SideIndex, now int64) (s *fastpath.Secret, why string) {
	from, to := st.side[side].rtp.guard(), st.side[1-side].rtp.guard()
	k, c := &st.side[side].kernel, &st.side[side].count
	want := kept{secret: k.kept.secret, ssrc: c.ssrc, room: max(k.kept.room, fastpath.Room(k.size))}
	var open, seal *fastpath.Cipher
	known := [2]bool{true, true}
	if from != nil {
		want.open, open = from.recv, from.recv.fast.of(from.keys.Suite, from.recv.keys[0].Key)
		want.rollovers[0], known[0] = from.recv.rollovers(c)
	}
	if to != nil {
		want.seal, seal = to.send, to.send.fast.of(to.keys.Suite, to.send.key)
		want.rollovers[1], known[1] = to.send.rollovers(c)
	}
	switch {
	case to != nil && to.send.shifts(c.ssrc):
		return nil, "numbers that have gone back"
	case !known[0] || !known[1]:
		return nil, "a late packet"
	case want == k.kept && want.secret != nil:
		return want.secret, ""
	}
	st.forget(&st.side[side])
	var err error
	if want.secret, err = st.kernel.table.Keep(open, seal, want.ssrc, want.rollovers, want.room); err != nil {
		if k.retry = now + pause; err == fastpath.ErrGrowing {
			k.retry = now + int64(20*time.Millisecond)
		}
		return nil, err.Error()
	}
	k.kept = want
	return want.secret, ""
}

// forget wipes the secret of what comes from a side. Its flow is taken back before.
func (st *stream) forget(sd *side) {
	if k := &sd.kernel.kept; k.secret != nil {
		st.kernel.table.Forget(k.secret)
		*k = kept{}
	}
}

// cached is a cipher that is derived from its keys when it is wanted first.
type cached struct{ cipher *fastpath.Cipher }

func (c *cached) of(s media.Suite, key string) *fastpath.Cipher {
	if c.cipher == nil {
		c.cipher, _ = fastpath.NewCipher([]byte(key[:s.KeySize()-saltSize]), []byte(key[s.KeySize()-saltSize:]), s.TagSize())
	}
	return c.cipher
}

// saltSize is that of AES in counter mode, in octets (RFC 3711 §8.2).
const saltSize = 14

// rollovers is the counter of the packet behind the last (RFC 3711 §3.3.1). Not known: the last was not the newest, so the counter may be another one's; or it was the last
// of its counter.
func (r *receiver) rollovers(c *counter) (n uint32, known bool) {
	return rollovers(r.sources[0], r.context.ROC, c)
}

// took notes what the kernel has let in of a source.
func (r *receiver) took(ssrc uint32, highest uint16, seen uint64) {
	if s := find(r.sources[0], ssrc); s != nil {
		s.highest, s.taken = highest, seen
	}
}

// fresh tells whether the kernel has not had a packet that was opened. One that it has is a repetition.
func (p *port) fresh(b []byte, now int64) bool {
	st, h := p.stream, peek(b)
	st.strayed(&st.side[p.side], now)
	return p.guard().by.fresh(h)
}

// fresh tells whether the kernel has not had a packet that was opened: the context knows only of those that it has opened itself.
func (r *receiver) fresh(h header) bool {
	s := find(r.sources[0], h.ssrc)
	behind := s.highest - h.sequence
	switch {
	case !s.begun:
		s.begun, s.base, s.highest = true, h.sequence, h.sequence
	case h.sequence-s.base-1 < s.highest-s.base: // since the context had it alone
		return behind < replayWindow && s.taken>>behind&1 == 0
	case s.base-h.sequence < replayWindow: // that the context had alone, too; it opens none that is older, but its newest may be far behind
		return behind < replayWindow
	case behind >= replayWindow: // a newer one
		s.taken <<= -behind
		s.highest = h.sequence
		s.base = s.highest - min(s.highest-s.base, replayWindow)
	}
	return true
}

func (s *sender) rollovers(c *counter) (n uint32, known bool) {
	if s.shifts(c.ssrc) { // the kernel gives no other numbers
		return 0, false
	}
	return rollovers(s.sources, s.context.ROC, c)
}

// shifts tells whether the peer has other numbers of a source than we.
func (s *sender) shifts(ssrc uint32) bool {
	source := find(s.sources, ssrc)
	return source != nil && source.shift != 0
}

func rollovers(list []cryptSource, last func(uint32) (uint32, bool), c *counter) (n uint32, known bool) {
	s := find(list, c.ssrc)
	if s == nil || s.highest != c.highest || c.highest == 1<<16-1 {
		return 0, false
	}
	return last(c.ssrc)
}

// cryptSource is a source under a key.
type cryptSource struct {
	ssrc    uint32
	begun   bool   // it has sent RTP
	highest uint16 // number
	base    uint16 // number up to which the context knows what has come; of a sender, the highest that it knows
	taken   uint64 // which of the last numbers the kernel has let in, or of a sender, which were used: the highest in bit 0

	// Of a sender.
	shift   uint16 // by which the peer has other numbers
	stamped uint16 // the highest of which the timestamp is known
	stamp   uint32
	row     uint8  // so many packets before this one were far behind, each of which follows upon the one before
	again   uint16 // then: what would follow upon the last
}

// find looks from the newest one on, which mostly is the one that sends.
func find(list []cryptSource, ssrc uint32) *cryptSource {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].ssrc == ssrc {
			return &list[i]
		}
	}
	return nil
}

// begins notes a number under a key of ours, and tells the one that the packet has to the peer. False: it was used, or nobody knows any more, and the key stream of one packet must
// not be that of another (RFC 3711 §9.1); to the peer it would be a repetition, or too late. So a source whose numbers go back under one SSRC would not be heard until they are where they
// were, which may take eleven minutes: where some follow upon one another there, see restarts, its numbers go on behind the highest, as if those before
// the last of them were lost.
func (s *sender) begins(h header) (as uint16, ok bool) {
	source := s.admit(h.ssrc)
	if source == nil {
		return h.sequence, false
	}
	number := h.sequence + source.shift
	rollovers, _ := s.context.ROC(h.ssrc)
	switch behind := source.highest - number; {
	case !source.begun:
		source.begun, source.highest, source.base, source.taken = true, number, number, 1
	case behind < replayWindow:
		if rollovers == 0 && number > source.highest || source.taken>>behind&1 != 0 { // from before the first, or used
			return number, false
		}
		source.taken |= 1 << behind
	case behind > 1<<15, rollovers == 0 && number > source.highest:
		source.rise(s.context, rollovers, number)
	case source.restarts(number, h.timestamp):
		source.shift += source.highest + 2 - number
		number = source.highest + 2
		source.rise(s.context, rollovers, number)
	default:
		return number, false
	}
	source.row = 0
	if number == source.highest {
		source.stamped, source.stamp = number, h.timestamp
	}
	return number, true
}

const (
	proofOfRestart = 2  // packets that follow upon one another
	proofOfReplay  = 25 // … by whose timestamps they are of the same run, as those of a piece that is played again are, and of a way on which all comes a second time, and late
)

// restarts takes a number far behind and tells whether its source has begun anew there.
func (source *cryptSource) restarts(number uint16, timestamp uint32) bool {
	if number != source.again {
		source.row = 0
	}
	source.row++
	source.again = number + 1
	const shortest, longest = 40, 4000 // ticks of a packet: 5 ms at 8 kHz, and beyond 80 ms at 48 kHz
	ago, ticks := int64(int16(source.stamped-number)), int64(int32(source.stamp-timestamp))
	if ago < 0 {
		ago, ticks = -ago, -ticks
	}
	if ticks >= ago*shortest && ticks <= ago*longest {
		return source.row >= proofOfReplay
	}
	return source.row >= proofOfRestart
}

// rise goes on to a higher number.
func (source *cryptSource) rise(context *srtp.Context, rollovers uint32, number uint16) {
	if source.base != source.highest { // the context is where it was before the kernel went on
		if number < source.highest {
			rollovers++
		}
		context.SetROC(source.ssrc, rollovers)
	}
	source.taken = source.taken<<-(source.highest-number) | 1
	source.highest, source.base = number, number
}

// took notes what the kernel has sealed of a source: behind the highest, so far as it was seen.
func (s *sender) took(ssrc uint32, highest uint16, seen uint64) {
	if source := find(s.sources, ssrc); source != nil {
		n := highest - source.highest
		source.taken = source.taken<<n | seen&(1<<n-1)
		source.highest = highest
	}
}
