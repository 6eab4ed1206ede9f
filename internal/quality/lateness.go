package quality

import "time"

// Buffer is the jitter buffer that Lateness supposes the receiver to have.
const Buffer = 60 * time.Millisecond

// Lateness counts packets that a receiver would have thrown away: those that took longer than the fastest of late by more than Buffer. The fastest is that of the
// newest 64 to 128 packets, as clocks drift apart; and where ten in a row are late the path has become longer, or the sender has paused its clock, and a
// receiver has begun to wait for that. The zero value is ready.
type Lateness struct {
	Count   uint64
	fastest int64 // transit, in clock units
	next    int64 // of the window that fills
	run     int64 // fastest of the packets that are late in a row
	late    uint8 // how many those are
	left    uint8 // of the window
	started bool
}

const (
	window   = 64 // packets
	adaptive = 10 // packets
)

// Take takes the transit of a packet, its arrival minus its timestamp, in units of the clock.
func (l *Lateness) Take(transit int64, clock uint32) {
	if !l.started {
		l.started, l.late, l.left, l.fastest, l.next = true, 0, window, transit, transit
		return
	}
	l.next = min(l.next, transit)
	l.fastest = min(l.fastest, transit)
	if transit-l.fastest > int64(clock)*int64(Buffer/time.Millisecond)/1000 {
		l.slow(transit)
	} else {
		l.late = 0
	}
	if l.left--; l.left == 0 {
		l.left, l.fastest, l.next = window, l.next, transit
	}
}

func (l *Lateness) slow(transit int64) {
	l.Count++
	if l.late == 0 {
		l.run = transit
	}
	l.run = min(l.run, transit)
	if l.late++; l.late == adaptive {
		l.late, l.left, l.fastest, l.next = 0, window, l.run, l.run
	}
}

// Break forgets the fastest: the source's clock was set anew.
func (l *Lateness) Break() { l.started = false }
