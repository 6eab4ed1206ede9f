package quality

// Witness is what the RTCP of one peer has said: of what reached it, and of itself. The zero value is ready.
type Witness struct {
	Packets   uint64 // compounds
	Malformed uint64 // that were none
	Unknown   uint64 // report blocks about sources that we have not sent
	Reports   uint64 // report blocks about what we sent
	Deaf      uint64 // SR and RR, in a row, that report of nothing though we send
	Sent      Sent   // of its last SR
	Sender    uint32 // SSRC of its last SR or RR
	Left      bool   // it said BYE after everything else
	Trip      Trip
	Voice     Voice // of its last XR
	HasVoice  bool
	heard     heard // of the source that it reported on last, and of the one before: it may report on both
	former    heard
	past      Told // of those before
	marks     [marks]mark
	mark      int
}

// Source is a source whose packets go to a peer. First is the number of its first packet. Withheld is how many packets we have kept back between those that went to it, while there was
// hold: the numbers show them, so the peer takes them for lost.
type Source struct {
	SSRC     uint32
	First    uint16
	On       bool
	Withheld uint32
}

// mark is an SR that went by: RTCP passes us as it is, so the peer whom it reaches names it in a report, and the time between the two, less what it says that it
// kept the SR (RFC 3550 §6.4.1), is the round trip from here to that peer alone.
type mark struct {
	source, middle uint32
	at             int64
}

const marks = 4 // peers answer the last SR, or one before

// Told is what a peer reports of a stream that we sent to it, over all its sources.
type Told struct {
	Expected, Lost uint64
	Worst          uint8  // the highest share lost between two reports, of 256
	Doubtful       bool   // the shares and the sums of what is lost contradict each other
	Jitter         uint32 // of its last report, in clock units
}

// bad is which part of a stream is lost so that everybody hears it, and some are so many packets that they may be told apart from rounding.
const bad, some = 20, 10

// mostOdd is which part of its reports at most contradict themselves of who reports well: each that comes behind one that was lost, as in an outage of both ways.
const mostOdd = 3

// contradict tells whether a sum of what is lost of n packets is none of these shares.
func contradict(lost, shares, n uint64) bool { return lost > 2*shares && bad*(lost-shares) >= n }

// heard sums up report blocks.
type heard struct {
	source         uint32
	known          bool
	first, highest uint32 // extended numbers; what comes after first is expected
	lost, jitter   uint32
	withheld       uint32 // of lost, what we have kept back
	seen           uint32 // Source.Withheld as far as it is in that
	worst          uint8
	shares         uint64 // lost by the shares of its reports, times 256
	absurd         bool   // it has reported more lost than there was
	reports, odd   uint32 // how many, and of those whose share contradicts what is lost since the one before
}

// Take reads a compound that came from a peer at now, in ns. to are the sources that are sent to it, other is who gets the compound.
func (w *Witness) Take(b []byte, to [2]Source, other *Witness, now int64) {
	w.Packets++
	for len(b) > 0 {
		p, rest, ok := Next(b)
		if !ok {
			w.Malformed++
			return
		}
		b = rest
		switch p.Type {
		case TypeSR, TypeRR:
			w.report(&p, to, other, now)
		case TypeBYE:
			w.Left = true
		case TypeXR:
			if v, ok := p.Voice(); ok && isOne(to, v.Source) && v.possible() {
				w.Voice, w.HasVoice = v, true
			}
		}
	}
}

func isOne(to [2]Source, ssrc uint32) bool {
	return to[0].On && to[0].SSRC == ssrc || to[1].On && to[1].SSRC == ssrc
}

func (w *Witness) report(p *Packet, to [2]Source, other *Witness, now int64) {
	w.Sender, w.Left = p.Sender, false
	if s, ok := p.Sent(); ok {
		w.Sent = s
		w.Mark(p.Sender, &s, now)
	}
	about := false
	for i := range p.Blocks() {
		r := p.Block(i)
		switch {
		case to[0].On && to[0].SSRC == r.Source:
			w.take(&r, &to[0])
		case to[1].On && to[1].SSRC == r.Source:
			w.take(&r, &to[1])
		default:
			w.Unknown++
			continue
		}
		w.Reports++
		about = true
		w.Trip.take(&r, other, now)
	}
	switch {
	case about:
		w.Deaf = 0
	case to[0].On || to[1].On:
		w.Deaf++
	}
}

// Mark notes an SR that goes to the other peer, be it one that passes or one of ours.
func (w *Witness) Mark(source uint32, s *Sent, now int64) {
	w.marks[w.mark] = mark{source, s.Middle(), now}
	w.mark = (w.mark + 1) % marks
}

// LastSR is what a report block of ours about a source has as LSR and DLSR; 0: the peer has sent none.
func (w *Witness) LastSR(source uint32, now int64) (middle, since uint32) {
	for i := range marks {
		m := &w.marks[(w.mark+marks-1-i)%marks]
		if m.at != 0 && m.source == source {
			return m.middle, uint32(uint64(max(0, now-m.at)) << 16 / 1e9)
		}
	}
	return 0, 0
}

func (w *Witness) take(r *Block, of *Source) {
	if h := &w.heard; h.known && h.source != r.Source {
		w.heard, w.former = w.former, w.heard
		if h.known && h.source != r.Source { // a third one
			w.past.add(h)
			*h = heard{}
		}
	}
	h, lost := &w.heard, uint32(max(0, r.Lost))
	if !h.known || int32(r.Highest-h.highest) < 0 {
		w.past.add(h)
		at := uint32(uint16(r.Highest) - of.First) // it may have begun to count cycles later than we have
		if at >= 1<<15 {
			at = 0
		}
		before := uint32(0)
		if h.known { // what was kept back until now is in what it has said before
			before = of.Withheld
		}
		*h = heard{known: true, source: r.Source, first: r.Highest - at, highest: r.Highest - at - 1, seen: before, worst: h.worst}
	}
	h.reports++
	if excused := h.excuses(lost, of.Withheld); excused == 0 {
		h.worst = max(h.worst, r.Fraction)
		n := uint64(r.Highest - h.highest)
		share := uint64(r.Fraction) * n
		if h.shares += share; contradict(uint64(lost-min(lost, h.lost))<<8, share, n<<8) {
			h.odd++
		}
	} else { // its share is of the hold
		h.shares += uint64(lost-h.lost-min(excused, lost-h.lost)) << 8
	}
	h.highest, h.lost, h.jitter = r.Highest, lost, r.Jitter
	h.absurd = h.absurd || lost > h.highest-h.first+1
}

// excuses takes what we have kept back off what is lost, once a report has it, and tells how much: the next one need not yet, and who begins anew after hold never will.
func (h *heard) excuses(lost, withheld uint32) uint32 {
	if withheld < h.seen { // the source has begun anew
		h.seen = 0
	}
	n := withheld - h.seen
	if n == 0 || lost < h.lost || lost-h.lost < n-n/8 { // late ones come off what is lost meanwhile
		return 0
	}
	h.withheld, h.seen = h.withheld+n, withheld
	return n
}

// add adds what is told of a source.
func (t *Told) add(h *heard) {
	if !h.known {
		return
	}
	n := uint64(h.highest-h.first) + 1
	n -= min(n, uint64(h.withheld))
	t.Expected += n
	t.Worst = max(t.Worst, h.worst)
	lost, shares := min(uint64(h.lost-min(h.lost, h.withheld)), n), min(h.shares>>8, n)
	switch {
	case h.absurd: // as where somebody goes on to count from the number at which another source began (RFC 3550 A.3)
		lost = shares
	case contradict(lost, shares, n) && lost-shares >= some && mostOdd*h.odd > h.reports:
		t.Doubtful = true
	}
	t.Lost += lost
}

// Told sums up its report blocks.
func (w *Witness) Told() Told {
	t := w.past
	t.add(&w.former)
	t.add(&w.heard)
	t.Jitter = w.heard.jitter
	return t
}
