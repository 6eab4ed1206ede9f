package relay

import (
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
)

// Bounds of RFC 3550 A.1.
const (
	maxDropout  = 3000 // a jump forward up to here is loss
	maxMisorder = 100  // a jump back up to here is reordering
)

// video is the clock of nearly all that is no audio (RFC 3551 §5), in Hz.
const video = 90000

// counter counts the packets that come from one side of a stream. Only the worker writes it, under the session's lock.
type counter struct {
	packets, bytes, rtcp       uint64
	t38                        uint64 // of the packets, what is no RTP
	gated, dropped, sendErrors uint64
	unauthentic                uint64
	first, last                int64 // of RTP relayed, ns since the relay started; 0: never
	seen                       int64 // of RTP that was let in
	source                     sockaddr
	refusers

	ssrc        uint32
	payloadType uint8
	running     bool // sequence state is valid
	digits      media.PayloadTypes

	// RFC 3550 A.1, A.3 for the current run of sequence numbers.
	highest  uint16
	jump     uint16 // where a big jump would go on, if it is a restart
	jumped   bool
	base     int64  // first of the run; -1 when that was the one before 0
	cycles   uint32 // wraps, times 65536
	received uint32
	lost     uint64 // of earlier runs

	// Of this run, what did not go on, as there was hold: since a packet did, and in all before one did again.
	holding, withheld uint32

	until int64 // see beyond
	round bool  // something was
	told  bool  // it is in the log

	paused bool // there is hold, or there was since a packet went on

	// RFC 3550 §6.4.1 and A.8.
	clock     uint32
	transit   int64  // arrival minus timestamp, in clock units
	moved     int64  // how far transit has gone, over wraps of the timestamp
	timestamp uint32 // of the packet before
	jitter    uint32 // times 16
	mean      mean   // of that, over the call

	observed
}

// observe takes an RTP packet that the gate let through, whether it is relayed or held.
func (c *counter) observe(h header, clock uint32, now int64) {
	again := false
	if !c.running || h.ssrc != c.ssrc {
		c.restart(h)
		c.ssrc = h.ssrc
		c.sources++
	} else {
		c.pause(h, now)
		renumbered := c.renumbered(h, clock, now)
		if c.paused && !renumbered {
			c.skip(h)
		}
		again = c.sequence(h, renumbered)
	}
	c.payloadType, c.seen = h.payloadType, now
	if !again && !c.digits.Has(h.payloadType) { // all of an event have the time at which it began (RFC 4733 §2.2.1), and there may be sound between them
		c.observeJitter(h, clockRate(h.payloadType, clock), now)
	}
}

// skip takes what is missing where hold has been for no loss: it did not go on here either, and who is between its source and us, another relay for example, keeps it back.
func (c *counter) skip(h header) {
	missing, ticks := uint32(h.sequence-c.highest-1), h.timestamp-c.timestamp
	if missing == 0 || missing >= maxDropout-1 || c.clock == 0 || ticks < c.clock/2 || ticks > 1<<31 { // for less than half a second it is not for the hold
		return
	}
	c.rise(missing)
	c.received += missing
	if c.packets > 0 {
		c.holding += missing
	}
}

func (c *counter) restart(h header) {
	c.lost = c.allLost()
	c.running, c.jumped = true, false
	c.highest, c.base, c.cycles, c.received = h.sequence, int64(h.sequence), 0, 1
	c.clock = 0
	c.holding, c.withheld = 0, 0
	c.losses.Start()
	c.late.Break()
}

// renumbered tells whether the numbers have gone on by more than time has: so many packets were never sent. A PBX that puts another player or person behind one SSRC
// does so. Of video whole frames come and go at once, so nothing is said of it.
func (c *counter) renumbered(h header, clock uint32, now int64) bool {
	const shortest = int64(2500 * time.Microsecond) // packets of 5 ms occur, and half of them may come at once
	delta := h.sequence - c.highest
	return delta > maxMisorder && now-c.seen < int64(delta)*shortest && clockRate(h.payloadType, clock) < video
}

// sequence is update_seq of RFC 3550 A.1 without probation: the gate has done that. A far jump counts nothing until
// the next packet shows whether the sender began anew. It tells whether the packet has come before: copies, sent again or doubled on the way, say nothing about delay.
func (c *counter) sequence(h header, renumbered bool) (again bool) {
	switch delta := h.sequence - c.highest; {
	case delta < maxDropout && !renumbered:
		if h.sequence < c.highest {
			c.cycles += 1 << 16
		}
		c.highest = h.sequence
		if again = delta == 0; !again {
			c.losses.Next(int(delta))
		}
	case delta <= 0xffff-maxMisorder:
		if !c.jumped || h.sequence != c.jump {
			c.jumped, c.jump = true, h.sequence+1
			return false
		}
		c.restart(h)
		c.base-- // the packet before belongs to this run
		c.received = 2
		c.losses.Next(1)
		return false
	default:
		again = c.losses.Late(1<<16 - int(delta))
	}
	c.jumped = false
	c.received++
	return again
}

// allLost is RFC 3550 A.3 over all runs; duplicates do not make it negative.
func (c *counter) allLost() uint64 {
	if !c.running {
		return c.lost
	}
	expected := int64(c.cycles) + int64(c.highest) - c.base + 1
	return c.lost + uint64(max(0, expected-int64(c.received)))
}

// observeJitter is RFC 3550 A.8. Packets with the timestamp of the one before (parts of a frame, or the length of a
// DTMF event, RFC 4733 §2.5.1.2) say nothing about delay, and a clock that jumps by seconds has been set anew.
func (c *counter) observeJitter(h header, clock uint32, now int64) {
	transit := now/1e9*int64(clock) + now%1e9*int64(clock)/1e9 - int64(h.timestamp)
	if c.clock != clock {
		c.clock, c.transit, c.timestamp = clock, transit, h.timestamp
		c.late.Break()
		return
	}
	if h.timestamp == c.timestamp {
		return
	}
	d := int64(int32(uint32(transit) - uint32(c.transit))) // timestamps wrap
	c.transit, c.timestamp = transit, h.timestamp
	c.moved += d
	if d < 0 {
		d = -d
	}
	if h.marker || d > 5*int64(clock) { // a talkspurt begins: a receiver sets its buffer anew (RFC 3551 §4.1)
		c.late.Break()
	}
	c.late.Take(c.moved, clock)
	if d > 5*int64(clock) || h.marker && d > quality.Late(clock) { // who begins to talk may have let its clock stand; else a pause would be jitter, and delay for the rating
		return
	}
	c.jitter = uint32(int64(c.jitter) + d - (int64(c.jitter)+8)>>4)
}

// jitterNow is what the last packets had, of which there are some 16 in it.
func (c *counter) jitterNow() time.Duration {
	if c.clock == 0 {
		return 0
	}
	return time.Duration(c.jitter) * time.Second / 16 / time.Duration(c.clock)
}

// sample takes the jitter of a side that has sent within a time into that of the call, which would else be that of its last moment.
func (c *counter) sample(now int64, within time.Duration) {
	if c.clock != 0 && c.packets > 0 && now-c.seen < int64(within) {
		c.mean.add(c.jitterNow())
	}
}

// mean is that of what was added.
type mean struct {
	seconds float32
	n       uint32
}

func (m *mean) add(d time.Duration) {
	m.n++
	m.seconds += (float32(d.Seconds()) - m.seconds) / float32(m.n)
}

// or is the mean, or what it is as long as there are few.
func (m *mean) or(few time.Duration) time.Duration {
	const enough = 3
	if m.n < enough {
		return few
	}
	return time.Duration(m.seconds * float32(time.Second))
}

// snapshot is the counter in the words of the call.
func (c *counter) snapshot(start time.Time) media.Counters {
	m := media.Counters{
		Packets: c.packets, T38: c.t38, Bytes: c.bytes, RTCP: c.rtcp, Lost: c.allLost(),
		Gated: c.gated, GatedFrom: c.gatedFrom.addrPort(), Scattered: c.scattered(), Dropped: c.dropped, Unauthentic: c.unauthentic, SendErrors: c.sendErrors,
		Source: c.source.addrPort(), PayloadType: c.payloadType, SSRC: c.ssrc,
	}
	m.Jitter = c.mean.or(c.jitterNow())
	if c.first != 0 {
		m.First, m.Last = start.Add(time.Duration(c.first)), start.Add(time.Duration(c.last))
	}
	c.observed.snapshot(&m, start)
	m.Since = c.since()
	return m
}

// clockRate is that of the static payload types; dynamic is for the others, 0 meaning 8 kHz.
func clockRate(payloadType uint8, dynamic uint32) uint32 {
	if s, ok := codec.StaticType(payloadType); ok {
		return s.Clock
	}
	if payloadType >= 96 && dynamic != 0 {
		return dynamic
	}
	return 8000
}
