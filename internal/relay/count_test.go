package relay

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// feed observes packets of 20 ms with the given sequence numbers, arriving on time.
func feed(c *counter, ssrc uint32, sequences ...uint16) {
	for _, s := range sequences {
		c.observe(header{sequence: s, timestamp: uint32(s) * 160, ssrc: ssrc}, 0, 1+int64(s)*int64(20*time.Millisecond))
	}
}

func TestRFC3550_A3_Lost(t *testing.T) {
	for _, c := range []struct {
		name string
		seq  []uint16
		want uint64
	}{
		{"none", []uint16{5, 6, 7}, 0},
		{"one of four", []uint16{5, 6, 8}, 1},
		{"wrap", []uint16{65533, 65534, 0, 1, 3}, 2},
		{"wrap to zero exactly", []uint16{65535, 0}, 0},
		{"reordered is not lost", []uint16{5, 7, 6, 8}, 0},
		{"reordered over the wrap", []uint16{65534, 0, 65535, 1}, 0},
		{"duplicates never make it negative", []uint16{5, 6, 6, 6, 7}, 0},
		{"largest dropout", []uint16{0, 2999}, 2998},
		{"restart needs two in a row, A.1", []uint16{100, 101, 40000, 40001, 40002}, 0},
		{"restart at zero", []uint16{30000, 30001, 0, 1, 3}, 1},
		{"a single stray number counts nothing", []uint16{100, 101, 40000, 102, 103}, 0},
		{"loss before a restart is kept", []uint16{100, 102, 40000, 40001, 40003}, 2},
		{"far back is a restart", []uint16{1000, 1001, 500, 501}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n counter
			feed(&n, 1, c.seq...)
			if got := n.allLost(); got != c.want {
				t.Errorf("lost %d, want %d", got, c.want)
			}
		})
	}
}

func TestNewSSRCStartsANewRun(t *testing.T) {
	var c counter
	feed(&c, 1, 10, 12)
	feed(&c, 2, 50000, 50001, 50003)
	if got := c.allLost(); got != 2 {
		t.Errorf("lost %d, want one of each source", got)
	}
	if c.ssrc != 2 {
		t.Errorf("ssrc %d", c.ssrc)
	}
}

func TestRFC3550_6_4_1_Jitter(t *testing.T) {
	var c counter
	const late = int64(5 * time.Millisecond)
	for i := range int64(1000) { // every second packet 5 ms late: |D| is 40 units for ever
		at := 1 + i*int64(20*time.Millisecond) + i%2*late
		c.observe(header{sequence: uint16(i), timestamp: 0xffff0000 + uint32(i)*160, ssrc: 1}, 0, at)
	}
	if got := c.snapshot(time.Now()).Jitter; got < 4800*time.Microsecond || got > 5*time.Millisecond {
		t.Errorf("jitter %v, want nearly 5 ms", got)
	}
	before := c.jitter
	c.observe(header{sequence: 1000, timestamp: 5, ssrc: 1}, 0, int64(21*time.Second)) // a clock set anew
	if c.jitter != before {
		t.Errorf("a jump of the timestamp moved the jitter from %d to %d", before, c.jitter)
	}
	c.observe(header{sequence: 1001, timestamp: 5, ssrc: 1}, 0, int64(22*time.Second)) // DTMF, RFC 4733
	if c.jitter != before {
		t.Errorf("a repeated timestamp moved the jitter from %d to %d", before, c.jitter)
	}
}

// TestJitterOfTheCall: the jitter of a call is not that of its last moment, be that worse or better, and what was silent has none.
func TestJitterOfTheCall(t *testing.T) {
	run := func(bad func(second int64) bool) time.Duration {
		var c counter
		c.packets = 1
		for i := range int64(50 * 100) {
			second, late := i/50, int64(0)
			if bad(second) {
				late = i % 2 * int64(40*time.Millisecond)
			}
			at := 1 + i*int64(20*time.Millisecond)
			c.observe(header{sequence: uint16(i), timestamp: uint32(i) * 160, ssrc: 1}, 0, at+late)
			if i%50 == 49 {
				c.sample(at+late, time.Second)
			}
		}
		for i := range int64(100) { // nothing comes any more
			c.sample(int64(102+i)*int64(time.Second), time.Second)
		}
		return c.snapshot(time.Now()).Jitter
	}
	for name, x := range map[string]struct {
		bad  func(int64) bool
		want time.Duration
	}{
		"at the end":    {func(s int64) bool { return s == 99 }, 0},
		"but there":     {func(s int64) bool { return s != 99 }, 39 * time.Millisecond},
		"half the call": {func(s int64) bool { return s < 50 }, 19500 * time.Microsecond},
	} {
		if got := run(x.bad); (got - x.want).Abs() > time.Millisecond {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}

// TestClockThatStandsIsNoJitter: a source whose clock stands while it is silent, and says so by the marker (RFC 3551 §4.1), does not seem to have jitter in the second behind each
// pause; without it nobody knows, and a marker hides no jitter of the network.
func TestClockThatStandsIsNoJitter(t *testing.T) {
	run := func(marker bool, late time.Duration) time.Duration {
		var c counter
		for i := range int64(1000) {
			at := 1 + i*int64(20*time.Millisecond) + i/200*int64(3*time.Second) + i%2*int64(late)
			c.observe(header{sequence: uint16(i), timestamp: uint32(i) * 160, ssrc: 1, marker: marker && (i%200 == 0 || late > 0)}, 0, at)
			if i == 810 { // a fifth of a second behind a pause
				break
			}
		}
		return c.snapshot(time.Now()).Jitter
	}
	if got := run(true, 0); got > time.Millisecond {
		t.Errorf("jitter %v", got)
	}
	if got := run(false, 0); got < 50*time.Millisecond {
		t.Errorf("without a marker: jitter %v", got)
	}
	if got := run(true, 5*time.Millisecond); got < 4*time.Millisecond || got > 6*time.Millisecond {
		t.Errorf("of packets that all have it: jitter %v", got)
	}
}

// TestCopiesAreNotLate: of packets that come twice, the second time long after the first, the copies are neither late nor irregular; what overtakes others is.
func TestCopiesAreNotLate(t *testing.T) {
	var c counter
	at := func(i int) (header, int64) {
		return header{sequence: uint16(65000 + i), timestamp: uint32(i) * 160, ssrc: 1}, 1 + int64(i)*int64(20*time.Millisecond)
	}
	for i := range 1000 {
		h, now := at(i)
		if i%10 != 9 { // a tenth comes the second time alone
			c.observe(h, 0, now)
		}
		if i >= 5 {
			h, _ = at(i - 5) // of 100 ms before
			c.observe(h, 0, now+1)
		}
	}
	if c.late.Count != 99 || c.losses.Sum().Lost > 1 {
		t.Errorf("%d are late and %d lost, want 99 and none", c.late.Count, c.losses.Sum().Lost)
	}
	if got := c.snapshot(time.Now()).Jitter; got > 30*time.Millisecond {
		t.Errorf("jitter %v", got)
	}
}

// An event has the time at which it began in each of its packets, also where the sender goes on with sound between them.
func TestRFC4733_2_2_1_EventsAreNotLate(t *testing.T) {
	var c counter
	c.digits.Add(101)
	sequence, at := uint16(0), int64(1)
	send := func(payloadType uint8, timestamp uint32) {
		c.observe(header{payloadType: payloadType, sequence: sequence, timestamp: timestamp, ssrc: 1}, 0, at)
		sequence++
	}
	for i := range uint32(200) {
		send(0, i*160)
		if i%20 >= 5 { // a digit of 300 ms
			send(101, (i/20*20+5)*160)
		}
		at += int64(20 * time.Millisecond)
	}
	if c.jitter != 0 || c.late.Count != 0 || c.allLost() != 0 {
		t.Errorf("jitter %d, %d packets late, %d lost, want none", c.jitter, c.late.Count, c.allLost())
	}
	if c.payloadType != 101 || c.regular() {
		t.Errorf("the kernel was to go on with payload type %d", c.payloadType)
	}
}

// MED-07: pauses of a source that leaves silence out and says nothing of it are counted, and not what only looks like them.
func TestPausesWithoutNoise(t *testing.T) {
	type packet struct {
		payloadType uint8
		step        uint32        // of the timestamp
		after       time.Duration // its predecessor
	}
	const packets = 20 * time.Millisecond
	speech, resumed := packet{0, 160, packets}, packet{0, 8000, time.Second}
	for _, x := range []struct {
		name          string
		list          []packet
		pauses, noise uint64
	}{
		{"talk", []packet{speech, speech}, 0, 0},
		{"silence left out", []packet{speech, resumed, speech, resumed}, 2, 0},
		{"… of G.722", []packet{{9, 160, packets}, {9, 8000, time.Second}}, 1, 0},
		{"comfort noise", []packet{speech, {13, 160, packets}, resumed}, 0, 1},
		{"… of another clock", []packet{speech, {118, 160, packets}, resumed}, 0, 0},
		{"… in the middle", []packet{speech, resumed, {19, 160, packets}, resumed}, 1, 1},
		{"a digit", []packet{speech, {101, 160, packets}, resumed}, 0, 0},
		{"G.729, which has its own", []packet{{18, 160, packets}, {18, 8000, time.Second}}, 0, 0},
		{"Opus, too", []packet{{111, 960, packets}, {111, 19200, 400 * time.Millisecond}}, 0, 0},
		{"long packets", []packet{speech, {0, 1600, 200 * time.Millisecond}}, 0, 0},
		{"hold", []packet{speech, {0, 80000, 10 * time.Second}}, 0, 0},
		{"a clock that stood still", []packet{speech, {0, 160, time.Second}}, 0, 0},
		{"a clock that jumped", []packet{speech, {0, 8000, packets}}, 0, 0},
		{"a clock that went back", []packet{speech, {0, 1<<32 - 8000, time.Second}}, 0, 0},
	} {
		var c counter
		c.digits.Add(101)
		at, stamp := int64(1), uint32(0xfffffff0)
		c.observe(header{sequence: 0xffff, timestamp: stamp, ssrc: 1, payloadType: x.list[0].payloadType}, 48000, at)
		for i, p := range x.list {
			at, stamp = at+int64(p.after), stamp+p.step
			c.observe(header{sequence: uint16(i), timestamp: stamp, ssrc: 1, payloadType: p.payloadType}, 48000, at)
		}
		if c.pauses != x.pauses || c.noise != x.noise {
			t.Errorf("%s: %d pauses and %d packets of noise, want %d and %d", x.name, c.pauses, c.noise, x.pauses, x.noise)
		}
	}
	var c counter
	c.observe(header{sequence: 1, ssrc: 1}, 0, 1)
	c.observe(header{sequence: 3, timestamp: 8000, ssrc: 1}, 0, 1+int64(time.Second)) // a packet is lost, which may have been of noise
	c.observe(header{sequence: 4, timestamp: 16000, ssrc: 2}, 0, 1+2*int64(time.Second))
	if c.pauses != 0 {
		t.Error("a loss or another source counts as a pause")
	}
}

func TestJitterKnowsTheClock(t *testing.T) {
	for _, c := range []struct {
		payloadType uint8
		dynamic     uint32
		want        uint32
	}{{0, 48000, 8000}, {8, 0, 8000}, {9, 0, 8000}, {6, 0, 16000}, {34, 0, 90000}, {96, 0, 8000}, {111, 48000, 48000}, {10, 0, 44100}, {16, 0, 11025}, {17, 0, 22050}} {
		if got := clockRate(c.payloadType, c.dynamic); got != c.want {
			t.Errorf("payload type %d: %d Hz, want %d (RFC 3551 §6)", c.payloadType, got, c.want)
		}
	}
	var c counter
	for i := range int64(10) { // a steady 48 kHz stream has no jitter
		c.observe(header{payloadType: 111, sequence: uint16(i), timestamp: uint32(i) * 960, ssrc: 1}, 48000, 1+i*int64(20*time.Millisecond))
	}
	if c.jitter != 0 {
		t.Errorf("jitter %d", c.jitter)
	}
}

// TestHoldOfAnotherRelay: where somebody between the source and us keeps its packets back while there is hold, the numbers that are missing are no loss, on neither way. Elsewhere they are, and
// so are those of a moment, and what is lost before hold.
func TestHoldOfAnotherRelay(t *testing.T) {
	for name, x := range map[string]struct {
		hold, late bool // late: the first packet is there before we know that hold is over
		silence    time.Duration
		missing    uint32
		lost       uint64
	}{
		"hold":                    {true, false, 20 * time.Second, 1000, 0},
		"hold, and it is ahead":   {true, true, 20 * time.Second, 1000, 0},
		"hold of the telephone":   {true, false, 20 * time.Second, 0, 0},
		"a moment":                {true, false, 200 * time.Millisecond, 9, 9},
		"no hold":                 {false, false, 20 * time.Second, 1000, 1000},
		"hold of over an hour":    {true, false, time.Hour, 50000, 0}, // of which nobody knows any more whether the source has begun anew
		"numbers that begin anew": {true, false, time.Second, 2900, 0},
	} {
		s := newStream(&session{}, 0, nil)
		now, number := int64(1), uint32(65000)
		want := &media.Stream{}
		set := func(hold bool) {
			for i := range want.Side {
				want.Side[i].Send, want.Side[i].Recv = !hold, !hold
			}
			s.set(want, now)
		}
		c := &s.side[0].count
		comes := func(passes bool) {
			now += 20e6
			number++
			c.observe(peek(rtpPacket(8, uint16(number), 160*number, 7)), 8000, now)
			if passes {
				c.sent(rtp, 172, now)
			} else {
				c.stopped(true)
			}
		}
		set(false)
		for range 10 {
			comes(true)
		}
		number++ // is lost, as another one will be
		comes(true)
		set(x.hold)
		now += int64(x.silence)
		number += x.missing
		if x.late {
			comes(false)
		}
		set(false)
		for range 10 {
			comes(true)
		}
		number++
		comes(true)
		withheld := x.missing
		if x.late {
			withheld++
		}
		if x.missing >= maxDropout || x.lost > 0 || name == "numbers that begin anew" {
			withheld = 0
		}
		if lost, pattern := c.allLost(), c.losses.Sum().Lost; lost != x.lost+2 || pattern != x.lost+2 || c.withheld != withheld {
			t.Errorf("%s: %d lost, %d of the pattern, want %d; %d withheld, want %d", name, lost, pattern, x.lost+2, c.withheld, withheld)
		}
	}
}

// TestJitterOfUnlikeClocks: a telephone that goes from AMR-WB to AMR, whose clock is half as fast, is neither late nor irregular then.
func TestJitterOfUnlikeClocks(t *testing.T) {
	st := stream{clock: 16000}
	st.slow.Add(97)
	var c counter
	stamp := uint32(5)
	for i := range int64(1000) {
		h := header{sequence: uint16(i), timestamp: stamp, ssrc: 1, payloadType: 96}
		if stamp += 320; i >= 500 {
			h.payloadType = 97
			stamp -= 160
		}
		c.observe(h, st.clockFor(0, h.payloadType), 1+i*int64(20*time.Millisecond))
	}
	if c.late.Count != 0 || c.jitter != 0 {
		t.Errorf("jitter %v, %d late", c.jitterNow(), c.late.Count)
	}
}
