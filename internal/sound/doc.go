// Package sound makes what the server itself lets a party hear: tones by country, and announcements from WAV files, as samples that any codec can be
// made of. Pure.
package sound

import "time"

// Narrow is the sampling rate of telephones in Hz, that of G.711; Wide is that of G.722, which Opus has too.
const (
	Narrow = 8000
	Wide   = 16000
)

// PacketTime is what one packet of sound holds (RFC 3551 §4.2 recommends it).
const PacketTime = 20 * time.Millisecond

const packetsASecond = int(time.Second / PacketTime)

// Clip is a piece of sound, a whole number of packets long. It never changes, and any number of calls may play it.
type Clip struct {
	Name   string // for call records: "ringback de", "announcement closed"
	narrow []int16
	wide   []int16 // nil: it has nothing that narrow has not
}

// NewClip is a clip of samples at the narrow rate, of at least one packet.
func NewClip(name string, samples []int16) *Clip {
	return &Clip{Name: name, narrow: whole(samples, Narrow/packetsASecond)}
}

// newWideClip is a clip of samples at the wide rate.
func newWideClip(name string, samples []int16) *Clip {
	samples = whole(samples, Wide/packetsASecond)
	return &Clip{Name: name, wide: samples, narrow: resample(samples, Wide, Narrow)}
}

// whole leaves whole packets of samples, so that a clip can be played again and again in any codec, also in one whose packets are of one piece. What is too much is
// taken out near the end, where both sides of the cut go over into each other; the end itself, which the beginning may follow, stays.
func whole(samples []int16, packet int) []int16 {
	n := len(samples) / packet * packet
	excess := len(samples) - n
	if excess == 0 || n == 0 {
		return samples[:n]
	}
	blend := packet / 2
	list := append([]int16(nil), samples[:n]...)
	for i := range blend {
		at, part := n-blend+i, i+1
		list[at] = int16((int(samples[at])*(blend-part) + int(samples[at+excess])*part) / blend)
	}
	return list
}

// Rate is the one at which all is heard that the clip has: Narrow or Wide.
func (c *Clip) Rate() int {
	if c.wide != nil {
		return Wide
	}
	return Narrow
}

// Packets is how many it is.
func (c *Clip) Packets() int { return len(c.narrow) * packetsASecond / Narrow }

// Packet is the samples of one of them, at Narrow or at Rate; the caller must not change them.
func (c *Clip) Packet(i, rate int) []int16 {
	list, n := c.narrow, rate/packetsASecond
	if rate == Wide {
		list = c.wide
	}
	return list[i*n : (i+1)*n : (i+1)*n]
}

// Duration is how long it takes once.
func (c *Clip) Duration() time.Duration { return time.Duration(c.Packets()) * PacketTime }
