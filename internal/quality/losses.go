package quality

// Losses is the pattern of losses of one source. A packet counts as lost when it is not there once 64 later ones are: no buffer of a receiver waits
// longer, and packets that overtake one another stay what they are. The zero value is ready.
type Losses struct {
	seen    uint64 // of the newest 64 numbers, the newest in bit 0
	pending uint8  // how many of them count
	since   uint64 // packets that arrived since the last loss
	run     burst  // what may become a burst
	sum     Pattern
}

// burst is a span of numbers from one loss to another.
type burst struct{ lost, packets uint64 }

// Gmin of RFC 3611 §4.7.2: so many packets that arrived in a row end a burst.
const gmin = 16

// Pattern is how losses lie in a stream.
type Pattern struct {
	Packets, Lost uint64 // expected, and of them lost
	Runs          uint64 // unbroken rows of losses
	Bursts        uint64 // of RFC 3611 §4.7.2, each of two losses at least
	BurstPackets  uint64 // expected in all bursts
	BurstLost     uint64 // lost in all bursts
}

// Start begins with the first packet of a source.
func (l *Losses) Start() {
	l.Break()
	l.seen, l.pending = 1, 1
}

// Break ends the numbering: what comes next is another source, or one that began anew.
func (l *Losses) Break() {
	l.drain()
	l.close()
	l.pending, l.since = 0, 0
}

// Next says that the highest number is up by n.
func (l *Losses) Next(n int) {
	if n == 1 {
		if l.pending == 64 {
			l.settle(l.seen>>63 != 0)
		} else {
			l.pending++
		}
		l.seen = l.seen<<1 | 1
		return
	}
	l.jump(n)
}

// Run is Next(1) so many times.
func (l *Losses) Run(n uint64) {
	for range n {
		l.Next(1)
	}
}

// jump is Next over numbers that are missing so far.
func (l *Losses) jump(n int) {
	for i := range n {
		if i >= 64 && l.pending == 64 && l.seen == 0 { // nothing but losses leaves from here on
			l.missing(uint64(n - i))
			break
		}
		if l.pending == 64 {
			l.settle(l.seen>>63 != 0)
		} else {
			l.pending++
		}
		l.seen <<= 1
	}
	l.seen |= 1
}

// Late says that the packet came that is n below the highest, and tells whether it is known to have come before.
func (l *Losses) Late(n int) (again bool) {
	if n >= int(l.pending) {
		return false
	}
	again = l.seen>>n&1 != 0
	l.seen |= 1 << n
	return again
}

// settle counts a packet that no one waits for any more.
func (l *Losses) settle(arrived bool) {
	if !arrived {
		l.missing(1)
		return
	}
	l.sum.Packets++
	l.since++
}

// missing counts losses in a row.
func (l *Losses) missing(n uint64) {
	l.sum.Packets += n
	l.sum.Lost += n
	if l.since > 0 || l.run.lost == 0 {
		l.sum.Runs++
	}
	if l.since >= gmin {
		l.close()
	}
	if l.run.lost > 0 {
		l.run.packets += l.since
	}
	l.run.lost += n
	l.run.packets += n
	l.since = 0
}

// close ends the span: one loss alone is no burst.
func (l *Losses) close() {
	if l.run.lost > 1 {
		l.sum.Bursts++
		l.sum.BurstPackets += l.run.packets
		l.sum.BurstLost += l.run.lost
	}
	l.run = burst{}
}

func (l *Losses) drain() {
	for l.pending > 0 {
		l.pending--
		l.settle(l.seen>>l.pending&1 != 0)
	}
}

// Sum is the pattern so far.
func (l Losses) Sum() Pattern {
	l.Break()
	return l.sum
}

// Density is the share of packets lost in bursts and outside of them, in the gaps.
func (p *Pattern) Density() (burst, gap float64) {
	if p.BurstPackets > 0 {
		burst = float64(p.BurstLost) / float64(p.BurstPackets)
	}
	if n := p.Packets - p.BurstPackets; n > 0 {
		gap = float64(p.Lost-p.BurstLost) / float64(n)
	}
	return burst, gap
}

// Ratio is BurstR of G.107 §3.5: how long the rows of losses are, compared with losses that fall at random. Less than 1 is taken for 1, and what is above 8 is beyond
// what the model was made from.
func (p *Pattern) Ratio() float64 {
	if p.Runs == 0 {
		return 1
	}
	return min(max(1, float64(p.Lost)/float64(p.Runs)*(1-float64(p.Lost)/float64(p.Packets))), 8)
}
