package media

import (
	"slices"
	"time"
)

// Ports hands out pairs of media ports: an even port for RTP and the next one for RTCP (RFC 3550 §11).
//
// A pair that comes back does not go out again before the quarantine is over, so that late packets of one call never
// reach the next. Of the pairs that have rested so long the one that came back first goes out; a pair that was never
// used only when there is none. So the pairs in circulation are as few as calls and quarantine allow — the peak of
// calls plus what came back in one quarantine — and their sockets may be kept for the next call.
// Not safe for concurrent use.
type Ports struct {
	quarantine time.Duration
	base       uint16     // the lowest even port
	used       []uint64   // one bit per pair above base: taken from this allocator
	fresh      []uint16   // never used, lowest first, and behind them what was refused
	rested     []pairBack // ring, first returned first
	head, n    int        // of the ring
	inUse      int
	kept       int             // see Keep
	away       map[uint16]bool // pairs of another range that are out, see Succeed
}

type pairBack struct {
	rtp uint16
	at  time.Time
}

// NewPorts returns the allocator of the pairs that lie wholly in first..last, both included. Port 0 is never given out.
func NewPorts(first, last uint16, quarantine time.Duration) *Ports {
	low, high := int(first), int(last)
	if low < 2 {
		low = 2
	}
	low += low & 1
	pairs := max(0, (high-low+1)/2)
	p := &Ports{quarantine: quarantine, base: uint16(low), used: make([]uint64, (pairs+63)/64), fresh: make([]uint16, 0, pairs), rested: make([]pairBack, pairs)}
	for i := range pairs {
		p.fresh = append(p.fresh, uint16(low+2*i))
	}
	return p
}

// Begin has pairs that were never used go out from a port on, and those below it last. Before anything was taken.
func (p *Ports) Begin(port uint16) {
	i, _ := slices.BinarySearch(p.fresh, port)
	p.fresh = append(p.fresh[i:len(p.fresh):len(p.fresh)], p.fresh[:i]...)
}

// Succeed makes a new allocator take the place of one of another range, whose pairs that are out come back here. Those that this range
// has too are not given out before, and keep their quarantine; those that it has not are remembered, for the range may come back as well.
func (p *Ports) Succeed(o *Ports) {
	p.away = o.away
	for i := range 64 * len(o.used) {
		if rtp := int(o.base) + 2*i; o.used[i/64]&(1<<(i%64)) != 0 {
			if p.away == nil {
				p.away = make(map[uint16]bool)
			}
			p.away[uint16(rtp)] = true
		}
	}
	back := make(map[uint16]bool, o.n)
	for o.n > 0 {
		b := o.nextRested()
		if _, here := slices.BinarySearch(p.fresh, b.rtp); here {
			back[b.rtp], p.rested[p.n] = true, b
			p.n++
		}
	}
	p.fresh = slices.DeleteFunc(p.fresh, func(rtp uint16) bool {
		if p.away[rtp] {
			delete(p.away, rtp)
			p.flip(rtp)
			p.inUse++
			return true
		}
		return back[rtp]
	})
}

// Keep has so many pairs left for TakeUrgent.
func (p *Ports) Keep(pairs int) { p.kept = pairs }

// Take gives out the RTP port of a pair; the RTCP port is the next one. It fails when every pair is in use, kept or still
// in quarantine.
func (p *Ports) Take(now time.Time) (rtp uint16, ok bool) {
	if p.Free() <= p.kept {
		return 0, false
	}
	return p.take(now)
}

// TakeUrgent takes what is kept, too, and a pair in quarantine where there is no other: a call for help may hear a late packet of somebody else's, and must be
// carried.
func (p *Ports) TakeUrgent(now time.Time) (rtp uint16, ok bool) {
	if rtp, ok = p.take(now); !ok && p.n > 0 {
		rtp, ok = p.nextRested().rtp, true
		p.inUse++
		p.flip(rtp)
	}
	return rtp, ok
}

func (p *Ports) take(now time.Time) (rtp uint16, ok bool) {
	switch {
	case p.n > 0 && now.Sub(p.rested[p.head].at) >= p.quarantine:
		rtp = p.nextRested().rtp
	case len(p.fresh) > 0:
		rtp, p.fresh = p.fresh[0], p.fresh[1:]
	default:
		return 0, false
	}
	p.inUse++
	p.flip(rtp)
	return rtp, true
}

func (p *Ports) nextRested() pairBack {
	oldest := p.rested[p.head]
	p.head = (p.head + 1) % len(p.rested)
	p.n--
	return oldest
}

// Release returns a pair by its RTP port. It reports false, and changes nothing, for a port that is not out.
func (p *Ports) Release(now time.Time, rtp uint16) bool {
	if !p.taken(rtp) {
		known := p.away[rtp]
		delete(p.away, rtp)
		return known
	}
	p.flip(rtp)
	p.inUse--
	p.rested[(p.head+p.n)%len(p.rested)] = pairBack{rtp: rtp, at: now}
	p.n++
	return true
}

// Refuse returns a pair that could not be opened: something else holds one of its ports, or of those that were to open with it. It goes out when no other
// is left, for what holds it will do so for long.
func (p *Ports) Refuse(rtp uint16) {
	if !p.taken(rtp) {
		delete(p.away, rtp)
		return
	}
	p.flip(rtp)
	p.inUse--
	p.fresh = append(p.fresh, rtp)
}

// Free is how many pairs are not in use, those in quarantine included.
func (p *Ports) Free() int { return len(p.fresh) + p.n }

// InUse is how many pairs are out.
func (p *Ports) InUse() int { return p.inUse }

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
