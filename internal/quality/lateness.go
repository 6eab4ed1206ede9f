package quality

import "time"

// Buffer is the jitter buffer that Lateness supposes the receiver to have.
const Buffer = 60 * time.Millisecond

// Lateness counts packets that a receiver with a fixed buffer would have thrown away: those that took longer than the fastest of late by more than Buffer. The fastest
// is looked for in the newest 64 to 128 packets, as clocks drift apart and paths change. The zero value is ready.
type Lateness struct {
	Count   uint64
	fastest int64 // transit, in clock units
	next    int64 // of the window that fills
	left    uint16
	started bool
}

const window = 64 // packets

// Take takes the transit of a packet, its arrival minus its timestamp, in units of the clock.
func (l *Lateness) Take(transit int64, clock uint32) {
	if !l.started {
		l.started, l.left, l.fastest, l.next = true, window, transit, transit
		return
	}
	l.next = min(l.next, transit)
	l.fastest = min(l.fastest, transit)
	if transit-l.fastest > int64(clock)*int64(Buffer/time.Millisecond)/1000 {
		l.Count++
	}
	if l.left--; l.left == 0 {
		l.left, l.fastest, l.next = window, l.next, transit
	}
}

// Break forgets the fastest: the source's clock was set anew.
func (l *Lateness) Break() { l.started = false }
