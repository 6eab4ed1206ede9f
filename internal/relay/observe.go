package relay

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
)

// observed is what a side's packets tell of their quality, and what is wrong with those that do not pass.
type observed struct {
	losses quality.Losses
	late   quality.Lateness
	waited uint64 // of what was late, what had lain in the socket so long
	levels quality.Levels

	untilLook   uint8 // packets
	foreignType uint8
	sources     uint32
	foreign     uint64
	measured    uint64
	misfit      uint64
	still       uint64

	held, nowhere, otherSource uint64
	stun, dtls, misported      uint64
	oversize, unsealed, unfit  uint64
	clear                      uint64
	noise, pauses              uint64
	refused                    uint64
	firstRefused, lastRefused  int64 // ns since the relay started
	refusedWhy, sendError      unix.Errno
}

// lookEvery is how many packets pass between two that are looked into: one a second of 20 ms.
const lookEvery = 50

// comfortNoise needs no agreement (RFC 3389 §4); 19 is its older number.
const comfortNoise, oldComfortNoise = 13, 19

// look looks at an RTP packet before it is counted, and into one now and then.
func (c *counter) look(b []byte, h header, agreed media.PayloadTypes, sealed bool) {
	if !agreed.Has(h.payloadType) && agreed != (media.PayloadTypes{}) && h.payloadType != comfortNoise && h.payloadType != oldComfortNoise {
		c.foreign++
		c.foreignType = h.payloadType
	}
	if c.untilLook > 0 {
		c.untilLook--
		return
	}
	c.untilLook = lookEvery - 1
	if sealed {
		return
	}
	payload := payloadOf(b)
	if h.payloadType == 0 || h.payloadType == 8 {
		c.levels.Take(payload, h.payloadType)
	}
	if c.running && h.ssrc == c.ssrc && h.sequence == c.highest+1 && !h.marker {
		c.measure(h.payloadType, len(payload), h.timestamp-c.timestamp)
	}
}

// measure compares the size of a packet with the time that has passed since the one before, where the codec has a fixed rate: a payload type may be the agreed one
// and the codec in it another. Half and double are other codecs; what is between may be packets of 20 and 30 ms in turn, or an octet too many.
func (c *counter) measure(payloadType uint8, size int, step uint32) {
	const most = 960 // 120 ms; beyond there was a pause
	switch {
	case step == 0: // of video a frame has many packets, and of a key all have the time at which it was pressed
		if c.clock != 0 && c.clock < video && !c.digits.Has(payloadType) && payloadType == c.payloadType {
			c.measured++
			c.still++
		}
		return
	case step > most:
		return
	}
	is := size // in ticks
	switch payloadType {
	case 0, 8, 9: // G.711 and G.722 have an octet for each tick of their clock (RFC 3551 §4.5.2, §4.5.14)
	case 18: // G.729: 10 octets for 80 ticks, and a last frame of 2 that is comfort noise (RFC 3551 §4.5.6)
		if is = size * 8; size%10 == 2 {
			is = int(step)
		}
	default:
		return
	}
	c.measured++
	if is*2 <= int(step) || is >= 2*int(step) {
		c.misfit++
	}
}

// A source that sends no silence pauses for longer than any packet has, and for less than somebody listens without a word.
const shortPause, longPause = 200 * time.Millisecond, 5 * time.Second

// pause counts where a source has left silence out, its clock running on (RFC 3551 §4.1), and said nothing of it: a description of the noise (RFC 3389) would have come as
// the last packet before. Other codecs than these have one of their own.
func (c *counter) pause(h header, now int64) {
	if h.payloadType == comfortNoise || h.payloadType == oldComfortNoise {
		c.noise++
		return
	}
	if h.sequence != c.highest+1 || !noiseless(h.payloadType) || !noiseless(c.payloadType) {
		return
	}
	silent := time.Duration(h.timestamp-c.timestamp)*time.Second/noiselessClock - media.PacketTime
	if silent >= shortPause && silent <= longPause && now-c.seen >= int64(silent/2) {
		c.pauses++
	}
}

// noiseless tells whether a payload type is of a codec that has no comfort noise of its own: PCMU, PCMA, G.722.
func noiseless(payloadType uint8) bool {
	return payloadType == 0 || payloadType == 8 || payloadType == 9
}

const noiselessClock = 8000 // Hz, of all three (RFC 3551 §4.5)

// payloadOf is what is behind the header of an RTP packet (RFC 3550 §5.1, §5.3.1); empty when there is nothing.
func payloadOf(b []byte) []byte {
	at, end := rtpHeader+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 {
		if at += 4; at > end {
			return nil
		}
		at += 4 * (int(b[at-2])<<8 | int(b[at-1]))
	}
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if at > end {
		return nil
	}
	return b[at:end]
}

// strange counts a datagram that is not media by what it seems to be (RFC 7983 §7).
func (c *counter) strange(b []byte, onRTCPPort bool) {
	if len(b) == 0 {
		return
	}
	switch first := b[0]; {
	case isCheck(b):
		c.stun++
	case first >= 20 && first <= 63:
		c.dtls++
	case onRTCPPort && first>>6 == 2 && len(b) >= rtpHeader && (b[1] < 192 || b[1] > 223): // else it is RTCP whose length is wrong
		c.misported++
	}
}

// stopped counts RTP that went nowhere.
func (c *counter) stopped(held bool) {
	if c.packets > 0 { // else nobody knows where the numbers begin
		c.holding++
	}
	if held {
		c.held++
	} else {
		c.nowhere++
	}
}

// isCheck tells whether a datagram is a request of STUN, as checks of ICE are (RFC 8445 §7.1). Other STUN, and packets of zeros, keep the way through a NAT open (RFC 6263 §4).
func isCheck(b []byte) bool {
	const header, request, cookie = 20, 0x0001, 0x2112a442 // RFC 8489 §5
	return len(b) >= header && binary.BigEndian.Uint16(b) == request && binary.BigEndian.Uint32(b[4:]) == cookie
}

// oversized counts a datagram that was cut.
func (c *counter) oversized(n int) {
	if n > maxDatagram {
		c.oversize++
	}
}

// told reads RTCP that came from a side.
func (st *stream) told(from, other *side, b []byte, now int64) {
	if st.sealed {
		return
	}
	st.tally(from)
	st.tally(other)
	from.attend()
	other.attend()
	from.witness.Take(b, st.heardBy(from, other, now), other.witness, now)
}

func (sd *side) attend() {
	if sd.witness == nil {
		sd.witness = new(quality.Witness)
	}
}

// speaking is how long after its last packet a source must still be reported on: two intervals of RTCP (RFC 3550 §6.2).
const speaking = 10 * time.Second

// heardBy are the sources whose packets go to a side: the other side's, and one of ours.
func (st *stream) heardBy(to, other *side, now int64) (list [2]quality.Source) {
	if c := &other.count; c.last != 0 && now-c.last < int64(speaking) {
		list[0] = quality.Source{SSRC: c.ssrc, First: uint16(c.base), On: true, Withheld: c.withheld}
	}
	list[1] = to.made.source(now)
	return list
}

// agreement says how far a side has come with what must precede its media.
func (sd *side) agreement(m *media.Counters) {
	p := &sd.rtp
	if m.Unshaken = p.dtls != nil && p.dtls.crypt.recv == nil; m.Unshaken {
		m.UnshakenWhy = p.dtls.trouble()
	}
	if p.gate.ice != nil {
		c := p.gate.ice
		m.ICE, m.Lapsed = true, c.agent != nil && c.agent.lapsed
		m.Unchecked = len(c.sources) == 0 && !m.Lapsed
	}
}

// refuse notes an ICMP error that what we sent to the side has brought.
func (sd *side) refuse(errno unix.Errno, now int64) {
	if sd.count.refused++; sd.count.refused == 1 {
		sd.count.firstRefused = now
	}
	sd.count.refusedWhy, sd.count.lastRefused = errno, now
}

func (o *observed) snapshot(m *media.Counters, start time.Time) {
	m.Observed = media.Observed{
		Pattern: o.losses.Sum(), Late: o.late.Count, Waited: o.waited, Levels: o.levels, Sources: o.sources, Foreign: o.foreign, ForeignType: o.foreignType,
		Measured: o.measured, Misfit: o.misfit, Still: o.still, Held: o.held, Nowhere: o.nowhere, OtherSource: o.otherSource, STUN: o.stun, DTLS: o.dtls,
		Misported: o.misported, Oversized: o.oversize, Unsealed: o.unsealed, Unfit: o.unfit, Clear: o.clear, Refused: o.refused,
		Noise: o.noise, Pauses: o.pauses,
	}
	if o.sendError != 0 {
		m.SendError = o.sendError.Error()
	}
	if o.refused > 0 {
		m.RefusedWhy = o.refusedWhy.Error()
		m.FirstRefused, m.LastRefused = start.Add(time.Duration(o.firstRefused)), start.Add(time.Duration(o.lastRefused))
	}
}
