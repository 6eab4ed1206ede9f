package quality

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"
)

var sources = [2]Source{{SSRC: 0xa, First: 65000, On: true}}

// answer is an RR about 0xa by 0xb.
func answer(b Block) []byte {
	p := []byte{2<<6 | 1, TypeRR, 0, 7, 0, 0, 0, 0xb}
	return b.append(p)
}

func TestWriteAndRead(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 500e6, time.UTC)
	s := Sent{NTP: NTP(at), Timestamp: 77, Packets: 50, Octets: 8000}
	if s.NTP>>32 != uint64(at.Unix())+2208988800 || uint32(s.NTP) != 1<<31 {
		t.Errorf("NTP %x", s.NTP)
	}
	for n := range 9 {
		name := "sessions"[:n]
		want := Block{Source: 9, Fraction: 3, Lost: -2, Highest: 70000, Jitter: 5, LSR: 6, DLSR: 7}
		b := AppendReport([]byte("before"), 0xc, &s, &want, name)[6:]
		p, rest, ok := Next(b)
		if !ok || p.Type != TypeSR || p.Sender != 0xc || p.Blocks() != 1 || p.Block(0) != want {
			t.Fatalf("%+v %v", p, ok)
		}
		if got, ok := p.Sent(); !ok || got != s {
			t.Fatalf("%+v", got)
		}
		p, rest, ok = Next(rest)
		if !ok || p.Type != TypeSDES || p.Count != 1 || len(rest) != 0 || string(p.body[2:2+n]) != name || p.body[1] != byte(n) || p.body[2+n] != 0 {
			t.Fatalf("%+v %v %x", p, ok, b)
		}
	}
	if p, _, ok := Next(AppendReport(nil, 1, &s, nil, "x")); !ok || p.Blocks() != 0 {
		t.Errorf("%+v", p)
	}
}

// TestRoundTrip: an SR of one side passes, the other answers it 1.5 s later and says that it kept it 1.2 s.
func TestRoundTrip(t *testing.T) {
	var a, b Witness
	s := Sent{NTP: NTP(time.Unix(1e9, 0))}
	a.Take(AppendReport(nil, 0xa, &s, nil, "a"), [2]Source{}, &b, 1e9)
	b.Take(answer(Block{Source: 0xa, Highest: 65010, LSR: s.Middle(), DLSR: 12 << 16 / 10}), sources, &a, 25e8)
	if b.Trip.Count != 1 || math.Abs(float64(b.Trip.Mean()-300*time.Millisecond)) > 1e5 || a.Trip.Count != 0 {
		t.Fatalf("%+v", b.Trip)
	}
	for _, wrong := range []Block{{LSR: 0}, {LSR: 1, DLSR: 1}, {LSR: s.Middle()}, {LSR: s.Middle(), DLSR: 3 << 16}, {Source: 0xd, LSR: s.Middle(), DLSR: 1}} {
		wrong.Source = max(wrong.Source, 0xa)
		b.Take(answer(wrong), sources, &a, 25e8)
	}
	b.Take(answer(Block{Source: 0xa, LSR: s.Middle(), DLSR: 1}), sources, &a, 20e9) // 19 s are no round trip
	if b.Trip.Count != 1 || b.Unknown != 1 {
		t.Errorf("%+v", b)
	}
}

// TestRoundTripOfAClockThatStands: the SR of a peer all have one time; the other one answers each at once, in 300 ms, and means the last.
func TestRoundTripOfAClockThatStands(t *testing.T) {
	var a, b Witness
	s := Sent{NTP: NTP(time.Unix(1e9, 0))}
	for i := range int64(6) {
		sent := i*2e9 + 1
		a.Take(AppendReport(nil, 0xa, &s, nil, "a"), [2]Source{}, &b, sent)
		b.Take(answer(Block{Source: 0xa, Highest: 65010, LSR: s.Middle(), DLSR: 1 << 16}), sources, &a, sent+13e8)
	}
	if b.Trip.Count != 6 || math.Abs(float64(b.Trip.Mean()-300*time.Millisecond)) > 1e5 {
		t.Fatalf("%+v", b.Trip)
	}
}

// TestRoundTripByAnotherUnit: who counts how long it has kept an SR in another unit than 1/65536 s has no round trip, and who is slow at times, or answers at once, has the one that it has.
func TestRoundTripByAnotherUnit(t *testing.T) {
	const right = 65536
	for _, c := range []struct {
		name string
		unit float64 // of DLSR in a second
		trip func(i int) float64
		keep func(i int) float64
		want bool
		n    int // reports
	}{
		{name: "ms, in a short call", unit: 1000, n: 2},
		{name: "as it should be, in a short call", unit: right, n: 1, want: true},
		{name: "by two satellites", unit: right, trip: func(int) float64 { return 1.1 }, want: true},
		{name: "ms", unit: 1000, want: false},
		{name: "time of RTP", unit: 8000, want: false},
		{name: "µs", unit: 1e6, want: false},
		{name: "as it should be", unit: right, want: true},
		{name: "from 50 ms to 3 s, as on a line that is full", unit: right, trip: func(i int) float64 { return 0.05 + 0.4*float64(i*i%8) }, want: true},
		{name: "at once", unit: right, trip: func(i int) float64 { return 0.05 + 0.5*float64(i%3) }, keep: func(i int) float64 { return 0.002 + 0.001*float64(i*i%5) }, want: true},
		{name: "by a timer of 10 ms", unit: right, trip: func(int) float64 { return 0.0003 }, keep: func(i int) float64 { return 0.01 * float64(1+i%7) }, want: true},
	} {
		if c.trip == nil {
			c.trip = func(i int) float64 { return 0.04 + 0.01*float64(i%3) }
		}
		if c.keep == nil {
			c.keep = func(i int) float64 { return 0.3 + 0.9*float64(i*3%5) }
		}
		var a, b Witness
		for i := range cmp.Or(c.n, 12) {
			s := Sent{NTP: NTP(time.Unix(1e9+int64(5*i), 0))}
			sent := int64(5e9 * float64(i+1))
			a.Take(AppendReport(nil, 0xa, &s, nil, "a"), [2]Source{}, &b, sent)
			b.Take(answer(Block{Source: 0xa, Highest: 65010, LSR: s.Middle(), DLSR: uint32(c.keep(i) * c.unit)}), sources, &a, sent+int64(1e9*(c.trip(i)+c.keep(i))))
		}
		if got := b.Trip.Mean() > 0; got != c.want {
			t.Errorf("%s: a round trip of %v from %d reports", c.name, b.Trip.Mean(), b.Trip.Count)
		}
	}
}

// TestLastSR: a report of ours names the last SR of its source that was seen, and for how long that has been kept here, in units of 1/65536 s.
func TestLastSR(t *testing.T) {
	var w Witness
	first, last, other := Sent{NTP: NTP(time.Unix(1e9, 0))}, Sent{NTP: NTP(time.Unix(1e9+5, 0))}, Sent{NTP: NTP(time.Unix(1e9+6, 0))}
	if middle, since := w.LastSR(0xa, 4e9); middle|since != 0 {
		t.Errorf("without an SR: %x, %d", middle, since)
	}
	w.Mark(0xa, &first, 1e9)
	w.Mark(0xa, &last, 2e9)
	w.Mark(0xb, &other, 3e9)
	for _, c := range []struct{ source, middle, since uint32 }{{0xa, last.Middle(), 5 << 15}, {0xb, other.Middle(), 3 << 15}, {0xc, 0, 0}} {
		if middle, since := w.LastSR(c.source, 45e8); middle != c.middle || since != c.since {
			t.Errorf("of %x: %x kept for %d, want %x for %d", c.source, middle, since, c.middle, c.since)
		}
	}
}

// TestToldOfTwoSources: a peer reports of a stream and of what is played into it, and of a source that has begun anew.
func TestToldOfTwoSources(t *testing.T) {
	var a, b Witness
	to := [2]Source{{SSRC: 0xa, First: 0, On: true}, {SSRC: 0xe, First: 0, On: true}}
	b.Take(answer(Block{Source: 0xa, Lost: 1, Highest: 99}), to, &a, 1)
	b.Take(answer(Block{Source: 0xe, Lost: 2, Highest: 49}), to, &a, 1)
	b.Take(answer(Block{Source: 0xe, Lost: 0, Highest: 9}), to, &a, 1) // anew
	if got := b.Told(); got.Expected != 160 || got.Lost != 3 || b.Unknown != 0 || b.Reports != 3 {
		t.Errorf("%+v, %d unknown of %d", got, b.Unknown, b.Reports)
	}
}

// TestToldOfTwoSourcesInEachReport: two blocks in a report, and the next one has both again; then a third source.
func TestToldOfTwoSourcesInEachReport(t *testing.T) {
	var a, b Witness
	to := [2]Source{{SSRC: 0xa, On: true}, {SSRC: 0xe, On: true}}
	for i := range 3 {
		b.Take(answer(Block{Source: 0xa, Lost: 3, Highest: 999}), to, &a, 1)
		b.Take(answer(Block{Source: 0xe, Lost: int32(i), Highest: uint32(50*i + 49), Jitter: 8}), to, &a, 1)
	}
	if got := b.Told(); got != (Told{Expected: 1150, Lost: 5, Jitter: 8}) {
		t.Errorf("%+v", got)
	}
	to[1].SSRC = 0xf
	b.Take(answer(Block{Source: 0xf, Lost: 1, Highest: 9}), to, &a, 1)
	if got := b.Told(); got != (Told{Expected: 1160, Lost: 6}) {
		t.Errorf("%+v", got)
	}
}

// TestWithheld: what we have kept back while there was hold is not lost between us and a peer, who sees by the numbers that it is missing. What is lost besides is, and so is what is lost
// later for a peer who counts anew after hold.
func TestWithheld(t *testing.T) {
	type step struct {
		withheld      uint32
		highest, lost int
	}
	for name, x := range map[string]struct {
		steps []step
		want  Told
	}{
		"nothing":                 {[]step{{0, 99, 1}}, Told{Expected: 100, Lost: 1}},
		"hold":                    {[]step{{0, 99, 1}, {1000, 99, 1}, {1000, 1199, 1002}}, Told{Expected: 200, Lost: 2}},
		"of which some were late": {[]step{{0, 99, 5}, {100, 299, 103}}, Told{Expected: 200, Lost: 3}},
		"before its first report": {[]step{{50, 199, 51}}, Told{Expected: 150, Lost: 1}},
		"twice":                   {[]step{{0, 99, 0}, {100, 299, 100}, {300, 599, 300}}, Told{Expected: 300}},
		"two between its reports": {[]step{{0, 99, 0}, {300, 599, 301}}, Told{Expected: 300, Lost: 1}},
		"which it does not count": {[]step{{0, 99, 0}, {1000, 1199, 0}, {1000, 1399, 40}}, Told{Expected: 1400, Lost: 40}},
		// Here no report has a share, which contradicts that.
		"and it counts anew":         {[]step{{0, 2000, 0}, {1000, 1199, 0}, {1000, 3199, 1100}}, Told{Expected: 5201, Lost: 1100, Doubtful: true}},
		"and its source counts anew": {[]step{{0, 99, 0}, {100, 299, 100}, {0, 399, 101}, {50, 499, 151}}, Told{Expected: 350, Lost: 1}},
	} {
		var a, b Witness
		for i, s := range x.steps {
			b.Take(answer(Block{Source: 0xa, Highest: uint32(s.highest), Lost: int32(s.lost)}), [2]Source{{SSRC: 0xa, On: true, Withheld: s.withheld}}, &a, int64(i)+1)
		}
		if got := b.Told(); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

// TestTold sums up what a peer says of what reached it, over the wrap of the numbers and over two sources.
func TestTold(t *testing.T) {
	var a, b Witness
	for _, r := range []Block{{Lost: -1, Highest: 65100}, {Lost: 5, Fraction: 20, Highest: 1<<16 + 64}, {Lost: 6, Fraction: 1, Jitter: 40, Highest: 1<<16 + 463}} {
		r.Source = 0xa
		b.Take(answer(r), sources, &a, 1)
	}
	if got := b.Told(); got != (Told{Expected: 1000, Lost: 6, Worst: 20, Jitter: 40}) {
		t.Errorf("%+v", got)
	}
	b.Take(answer(Block{Source: 0xe, Lost: 500, Fraction: 64, Highest: 1<<20 + 99}), [2]Source{{SSRC: 0xe, First: 0, On: true}}, &a, 1) // more lost than there was
	if got := b.Told(); got.Expected != 1100 || got.Lost != 31 || got.Worst != 64 {
		t.Errorf("%+v", got)
	}
	if b.Reports != 4 || b.Deaf != 0 {
		t.Errorf("%+v", b)
	}
	for range 3 {
		b.Take([]byte{2 << 6, TypeRR, 0, 1, 0, 0, 0, 0xb}, sources, &a, 1)
	}
	b.Take([]byte{2 << 6, TypeRR, 0, 1, 0, 0, 0, 0xb}, [2]Source{}, &a, 1) // nothing is sent: nothing to report of
	if b.Deaf != 3 {
		t.Errorf("deaf %d times", b.Deaf)
	}
	b.Take([]byte{2<<6 | 1, TypeBYE, 0, 1, 0, 0, 0, 0xb}, sources, &a, 1)
	if !b.Left {
		t.Error("BYE is not seen")
	}
}

// TestToldNonsense: a sum of what is lost that is more than there was is not believed, nor later when there would have been as much, and one that the shares of the same reports
// contradict is doubtful.
func TestToldNonsense(t *testing.T) {
	for name, x := range map[string]struct {
		blocks []Block
		want   Told
	}{
		"a base of another source": {[]Block{{Lost: 30000, Highest: 249}, {Lost: 30000, Highest: 499}, {Lost: 30000, Highest: 32766}}, Told{Expected: 32767}},
		"of which some are lost":   {[]Block{{Lost: 30000, Highest: 255}, {Lost: 30064, Fraction: 64, Highest: 511}}, Told{Expected: 512, Lost: 64, Worst: 64}},
		"all lost, and no share":   {[]Block{{Lost: 245, Highest: 249}, {Lost: 490, Highest: 499}}, Told{Expected: 500, Lost: 490, Doubtful: true}},
		"all lost":                 {[]Block{{Lost: 245, Fraction: 250, Highest: 249}, {Lost: 490, Fraction: 250, Highest: 499}}, Told{Expected: 500, Lost: 490, Worst: 250}},
		"few, and no share":        {[]Block{{Lost: 2, Highest: 249}, {Lost: 9, Highest: 499}}, Told{Expected: 500, Lost: 9}},
		"an outage of two reports": {[]Block{{Highest: 249}, {Highest: 499}, {Lost: 500, Fraction: 25, Highest: 1249}, {Lost: 500, Highest: 1499}}, Told{Expected: 1500, Lost: 500, Worst: 25}},
		"less than none":           {[]Block{{Lost: -1 << 23, Highest: 249}, {Lost: -5, Highest: 499}}, Told{Expected: 500}},
		"a half, of which a report did not come": {[]Block{{Lost: 0, Highest: 99}, {Lost: 150, Fraction: 128, Highest: 299}, {Lost: 150, Highest: 399}},
			Told{Expected: 400, Lost: 150, Worst: 128}},
	} {
		var a, b Witness
		for i, r := range x.blocks {
			r.Source = 0xa
			b.Take(answer(r), [2]Source{{SSRC: 0xa, On: true}}, &a, int64(i)+1)
		}
		if got := b.Told(); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestVoiceMetrics(t *testing.T) {
	x := []byte{2 << 6, TypeXR, 0, 13, 0, 0, 0, 0xb, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 7, 0, 0, 8}
	x = append(x, 0, 0, 0, 0xa, 25, 13, 128, 2, 0, 200, 3, 0xe8, 0, 90, 0, 60, 0xec, 0xbf, 40, 16, 82, 127, 41, 39, 0, 0, 0, 40, 0, 80, 0, 120)
	binary.BigEndian.PutUint16(x[2:], uint16(len(x)/4-1))
	var a, b Witness
	b.Take(x, sources, &a, 1)
	want := Voice{Source: 0xa, Lost: 25, Discarded: 13, BurstDensity: 128, GapDensity: 2, Burst: 200, Gap: 1000, RoundTrip: 90, EndSystem: 60, Signal: -20, Noise: -65,
		EchoLoss: 40, R: 82, ListeningMOS: 41, ConversationMOS: 39, Nominal: 40, Most: 80}
	if !b.HasVoice || b.Voice != want {
		t.Errorf("%+v", b.Voice)
	}
}

// TestVoiceNonsense: shares that are more than all are no metrics.
func TestVoiceNonsense(t *testing.T) {
	for _, v := range []Voice{{Source: 0xa, Lost: 255, Discarded: 255}, {Source: 0xa, Lost: 200, Discarded: 57}} {
		var a, b Witness
		if b.Take(AppendVoice(nil, 9, &v), sources, &a, 1); b.HasVoice {
			t.Errorf("%+v", b.Voice)
		}
	}
}

// TestVoiceOfNoDelay: what a telephone keeps for a minute is no delay of its own.
func TestVoiceOfNoDelay(t *testing.T) {
	var a, b Witness
	v := Voice{Source: 0xa, Discarded: 3}
	x := AppendVoice(nil, 9, &v)
	binary.BigEndian.PutUint16(x[8+4+14:], 65535)
	if b.Take(x, sources, &a, 1); !b.HasVoice || b.Voice.EndSystem != 0 || b.Voice.Discarded != 3 {
		t.Errorf("%+v", b.Voice)
	}
}

// TestNotWhole: what is cut, or lies about its lengths, is counted and harms nothing.
func TestNotWhole(t *testing.T) {
	whole := AppendReport(nil, 0xb, &Sent{}, &Block{Source: 0xa, Highest: 65000}, "name")
	for n := range len(whole) {
		var a, b Witness
		b.Take(whole[:n], sources, &a, 1)
		if n%4 != 0 && b.Malformed != 1 {
			t.Errorf("%d octets: %+v", n, b)
		}
	}
	for _, p := range [][]byte{{2<<6 | 31, TypeSR, 0, 1, 0, 0, 0, 1}, {2<<6 | 0x20, TypeRR, 0, 1, 0, 0, 0, 9}, {2<<6 | 0x20, TypeRR, 0, 1, 0, 0, 0, 0},
		{2 << 6, TypeXR, 0, 2, 0, 0, 0, 1, 7, 0, 0, 8}, {2 << 6, TypeSR, 0, 0}} {
		var a, b Witness
		b.Take(p, sources, &a, 1)
		if b.Reports != 0 || b.HasVoice {
			t.Errorf("%x: %+v", p, b)
		}
	}
}

// TestVoiceOfOurs comes back as it was written.
func TestVoiceOfOurs(t *testing.T) {
	p := Pattern{Packets: 1000, Lost: 60, Runs: 10, Bursts: 5, BurstPackets: 100, BurstLost: 51}
	want := p.Voice(7, 10, &Levels{}, 90*time.Millisecond, CodecNamed("PCMA"))
	if want.Lost != 15 || want.Discarded != 2 || want.BurstDensity != 130 || want.GapDensity != 2 || want.Burst != 400 || want.Gap != 3000 || want.RoundTrip != 90 ||
		want.Signal != unknown || want.R < 30 || want.R > 80 || want.ListeningMOS < want.ConversationMOS {
		t.Errorf("%+v", want)
	}
	packet, rest, ok := Next(AppendVoice(nil, 9, &want))
	if got, is := packet.Voice(); !ok || !is || len(rest) != 0 || packet.Sender != 9 || got != want {
		t.Errorf("%+v", got)
	}
	if v := p.Voice(7, 0, &Levels{}, 0, CodecNamed("opus")); v.R != unknown || v.ConversationMOS != unknown {
		t.Errorf("%+v", v)
	}
}

func FuzzWitness(f *testing.F) {
	f.Add(AppendReport(nil, 0xb, &Sent{NTP: 1}, &Block{Source: 0xa, Highest: 65000, LSR: 1}, "name"), int64(5))
	f.Add([]byte{2 << 6, TypeXR, 0, 2, 0, 0, 0, 1, 7, 0, 0, 8}, int64(1))
	f.Fuzz(func(t *testing.T, p []byte, now int64) {
		var a, b Witness
		before := slices.Clone(p)
		a.Mark(0xa, &Sent{NTP: 1 << 16}, 0)
		for range 3 {
			b.Take(p, sources, &a, now)
		}
		if told := b.Told(); told.Lost > told.Expected || b.Trip.Sum < 0 || b.Trip.Mean() > longTrip || !slices.Equal(p, before) {
			t.Fatalf("%+v %+v", told, b.Trip)
		}
	})
}

func BenchmarkWitness(b *testing.B) {
	var x, y Witness
	p := AppendReport(nil, 0xb, &Sent{NTP: 1}, &Block{Source: 0xa, Highest: 65000}, "name@example")
	b.ReportAllocs()
	for b.Loop() {
		y.Take(p, sources, &x, 1)
	}
}
