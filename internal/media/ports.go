package media

import "time"

// Ports hands out pairs of media ports: an even port for RTP and the next one for RTCP (RFC 3550 §11).
// A pair that comes back is the last one to go out again, and not before the quarantine is over, so that late
// packets of one call never reach the next. Not safe for concurrent use: each shard owns its own (see Split).
type Ports struct {
	quarantine time.Duration
	base       uint16      // the lowest even port
	used       []uint64    // one bit per pair above base: taken from this allocator
	free       []pairFreed // ring, oldest release first
	head, n    int         // of the ring
	inUse      int
}

type pairFreed struct {
	rtp uint16
	at  time.Time // zero: never used
}

// NewPorts returns the allocator of the pairs that lie wholly in first..last, both included. Port 0 is never given out.
func NewPorts(first, last uint16, quarantine time.Duration) *Ports {
	low, high := int(first), int(last)
	if low < 2 {
		low = 2
	}
	low += low & 1
	pairs := max(0, (high-low+1)/2)
	p := &Ports{quarantine: quarantine, base: uint16(low), used: make([]uint64, (pairs+63)/64), free: make([]pairFreed, pairs)}
	for i := range p.free {
		p.free[i].rtp = uint16(low + 2*i)
	}
	p.n = pairs
	return p
}

// Take gives out the RTP port of the pair that has rested longest; the RTCP port is the next one.
// It fails when every pair is in use or still in quarantine.
func (p *Ports) Take(now time.Time) (rtp uint16, ok bool) {
	if p.n == 0 {
		return 0, false
	}
	oldest := p.free[p.head]
	if !oldest.at.IsZero() && now.Sub(oldest.at) < p.quarantine {
		return 0, false
	}
	p.head = (p.head + 1) % len(p.free)
	p.n--
	p.inUse++
	p.flip(oldest.rtp)
	return oldest.rtp, true
}

// Release returns a pair by its RTP port. It reports false, and changes nothing, for a port that is not out.
func (p *Ports) Release(now time.Time, rtp uint16) bool {
	if !p.taken(rtp) {
		return false
	}
	p.flip(rtp)
	p.inUse--
	p.free[(p.head+p.n)%len(p.free)] = pairFreed{rtp: rtp, at: now}
	p.n++
	return true
}

// Free is how many pairs are not in use, those in quarantine included.
func (p *Ports) Free() int { return p.n }

// InUse is how many pairs are out.
func (p *Ports) InUse() int { return p.inUse }

// Split moves the free pairs into n allocators of nearly equal size. p keeps only what is out, which stays its own
// to take back; so no pair ever belongs to two.
func (p *Ports) Split(n int) []*Ports {
	if n < 1 {
		return nil
	}
	parts := make([]*Ports, n)
	for i := range parts {
		size := p.n / (n - i)
		part := &Ports{quarantine: p.quarantine, base: p.base, used: make([]uint64, len(p.used)), free: make([]pairFreed, size), n: size}
		for j := range part.free {
			part.free[j] = p.free[p.head]
			p.head = (p.head + 1) % len(p.free)
		}
		p.n -= size
		parts[i] = part
	}
	return parts
}

func (p *Ports) taken(rtp uint16) bool {
	i := (int(rtp) - int(p.base)) / 2
	if rtp < p.base || rtp&1 != 0 || i/64 >= len(p.used) {
		return false
	}
	return p.used[i/64]&(1<<(i%64)) != 0
}

func (p *Ports) flip(rtp uint16) {
	i := (int(rtp) - int(p.base)) / 2
	p.used[i/64] ^= 1 << (i % 64)
}
