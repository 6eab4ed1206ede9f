package quality

import "time"

// Buffer is the jitter buffer that Lateness supposes the receiver to have.
const Buffer = 60 * time.Millisecond

// Lateness counts packets that a receiver would have thrown away: those that took longer than the fastest of late by more than Buffer. The fastest is that of the
// newest 64 to 128 packets, as clocks drift apart; and where ten in a row are late the path has become longer, or the sender has paused its clock, and a
// receiver has begun to wait for that. The zero value is ready.
type Lateness struct {
	Count uint64
	Window
	run     int64 // fastest of the packets that are late in a row
	late    uint8 // how many those are
	started bool
}

// Window is what it knows of packets that are in time.
type Window struct {
	Fastest int64 // transit, in clock units
	Next    int64 // of the window that fills
	Left    uint8 // of the window
}

const (
	window   = 64 // packets
	adaptive = 10 // packets
)

// Take takes the transit of a packet, its arrival minus its timestamp, in units of the clock.
func (l *Lateness) Take(transit int64, clock uint32) {
	if !l.started {
		l.started, l.late, l.Window = true, 0, Window{transit, transit, window}
		return
	}
	l.Next = min(l.Next, transit)
	l.Fastest = min(l.Fastest, transit)
	if transit-l.Fastest > Late(clock) {
		l.slow(transit)
	} else {
		l.late = 0
	}
	if l.Left--; l.Left == 0 {
		l.Window = Window{l.Next, transit, window}
	}
}

func (l *Lateness) slow(transit int64) {
	l.Count++
	if l.late == 0 {
		l.run = transit
	}
	l.run = min(l.run, transit)
	if l.late++; l.late == adaptive {
		l.late, l.Window = 0, Window{l.run, l.run, window}
	}
}

// Late is what is too long, in units of the clock.
func Late(clock uint32) int64 { return int64(clock) * int64(Buffer/time.Millisecond) / 1000 }

// Started tells whether there is a window.
func (l *Lateness) Started() bool { return l.started }

// Row is how many packets were late in a row, and the fastest of them.
func (l *Lateness) Row() (packets uint8, fastest int64) { return l.late, l.run }

// Resume goes on from packets that somebody else has looked at, so many of which were late, the last ones in a row.
func (l *Lateness) Resume(w Window, late uint64, row uint8, fastest int64) {
	l.Window, l.late, l.run = w, row, fastest
	l.Count += late
}

// Break forgets the fastest: the source's clock was set anew.
func (l *Lateness) Break() { l.started = false }
