package quality

import "time"

// Trip is the time from us to a peer and back, as RTCP that passes shows it.
type Trip struct {
	Count          uint64
	Sum, Most, End time.Duration // End: the last one
	odd            uint64        // reports that were kept for longer than the SR before them has been there
	// Means of round trips and of how long the SR was kept, and the sums of what they differ from those, squared and times each other, all in seconds.
	trip, kept, trips, keeps, both float64
}

const (
	longTrip = 10 * time.Second
	oddTrip  = time.Second / 4 // more than any timer is late
)

// Mean is 0 when nothing was measured, or what was measured cannot be.
func (t *Trip) Mean() time.Duration {
	if t.Count == 0 || t.wrong() {
		return 0
	}
	return t.Sum / time.Duration(t.Count)
}

// fit takes one into the sums.
func (t *Trip) fit(trip, kept float64) {
	n := float64(t.Count)
	before := trip - t.trip
	t.trip += before / n
	t.trips += before * (trip - t.trip)
	d := kept - t.kept
	t.kept += d / n
	t.keeps += d * (kept - t.kept)
	t.both += before * (kept - t.kept)
}

// wrong tells whether the peer counts DLSR in another unit than 1/65536 s (RFC 3550 §6.4.1). In a smaller one most is kept for longer than it has been there. In a larger one, as ms, what it
// has kept is left in the round trip, which then grows with what it says to have kept: a true one knows nothing of that.
func (t *Trip) wrong() bool {
	const least, slope, spread = 4, 0.5, 0.2 // spread: of round trips, in seconds, as their standard deviation
	const long = 0.5                         // seconds, of which few reports convince nobody
	n := float64(t.Count)
	switch {
	case t.odd > t.Count:
		return true
	case t.Count < least:
		return t.trip > long
	case t.trips < n*spread*spread:
		return false
	}
	return t.both > slope*t.keeps && t.both*t.both > 0.9*t.trips*t.keeps
}

// take measures by a report block that answers an SR which we have seen go by.
func (t *Trip) take(r *Block, other *Witness, now int64) {
	if r.LSR == 0 || r.DLSR == 0 { // who says that it has kept an SR for no time at all does not count it
		return
	}
	for i := range marks { // from the newest on: there are peers whose SR all have one time, by which their clock would stand still for as long as those before are kept
		m := &other.marks[(other.mark+marks-1-i)%marks]
		if m.source != r.Source || m.middle != r.LSR {
			continue
		}
		kept := time.Duration(uint64(r.DLSR) * 1e9 >> 16)
		d := time.Duration(now-m.at) - kept
		if d < 0 || d > longTrip { // its clock is not what it says
			if d < -oddTrip {
				t.odd++
			}
			return
		}
		t.Count++
		t.Sum += d
		t.Most, t.End = max(t.Most, d), d
		t.fit(d.Seconds(), kept.Seconds())
		return
	}
}
