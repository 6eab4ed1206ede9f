package codec

import (
	"testing"
	"time"
)

// TestHastyClock: a source whose timestamps run twice as fast as its codec has it is heard without pauses once that shows, through losses, pauses and packets
// of another length, and one whose clock is right goes on to be.
func TestHastyClock(t *testing.T) {
	for _, c := range []struct{ pace, ms uint32 }{{1, 20}, {2, 20}, {2, 30}, {2, 60}} {
		r := newRig(func(p *PathConfig) {
			p.Inputs[0] = Input{PayloadType: 9, Clock: 8000, Decoder: NewG722Decoder(false), Hasty: true}
		})
		encoder := NewG722Encoder(false)
		n, now, clock := uint16(0), time.Duration(0), uint32(5)
		put := func(lost bool) {
			payload := encoder.Encode(nil, make([]int16, 8*c.ms))
			if !lost {
				r.put(Packet{Sequence: n, Timestamp: clock, PayloadType: 9, Payload: payload}, now)
			}
			n, clock, now = n+1, clock+8*c.ms*c.pace, now+time.Duration(c.ms)*time.Millisecond
		}
		markers := func() (n int) {
			for _, s := range r.sent {
				if s.Marker {
					n++
				}
			}
			return n
		}
		for i := range 100 {
			put(i == 50)
		}
		if got := markers(); got > 3 {
			t.Errorf("%+v: %d talk spurts begin in speech that goes on", c, got)
		}
		end := func() time.Duration {
			last := r.sent[len(r.sent)-1]
			return time.Duration(last.Timestamp+160) * time.Second / 8000
		}
		if off := end() - now; off.Abs() > 2*time.Duration(c.ms)*time.Millisecond {
			t.Errorf("%+v: %v off after speech", c, off)
		}
		before := markers()
		clock, now = clock+8000*c.pace, now+time.Second
		for range 50 {
			put(false)
		}
		if off := end() - now; off.Abs() > 2*time.Duration(c.ms)*time.Millisecond || markers() > before+1 {
			t.Errorf("%+v: %v off after a pause, %d talk spurts in it", c, off, markers()-before)
		}
	}
}

// TestHastyClockEnds: who speaks behind the same source may have a clock that is right.
func TestHastyClockEnds(t *testing.T) {
	r := newRig(func(p *PathConfig) {
		p.Inputs[0] = Input{PayloadType: 9, Clock: 8000, Decoder: NewG722Decoder(false), Hasty: true}
	})
	clock := uint32(0)
	for n := range 200 {
		r.put(Packet{Sequence: uint16(n), Timestamp: clock, PayloadType: 9, Payload: make([]byte, 160)}, time.Duration(n)*20*time.Millisecond)
		if clock += 320; n >= 100 {
			clock -= 160
		}
	}
	if got, last := len(r.sent), r.sent[len(r.sent)-1]; got < 195 || last.Timestamp > 201*160 || last.Timestamp < 195*160 {
		t.Errorf("%d packets, the last at %d", got, last.Timestamp)
	}
}

// choosy decodes none that begins with 0.
type choosy struct{ G711 }

func (c choosy) Decode(pcm []int16, payload []byte) int {
	if len(payload) == 0 || payload[0] == 0 {
		return 0
	}
	return c.G711.Decode(pcm, payload)
}

// TestPacketsOfNothing: packets without a payload, by which some keep a NAT open while they are muted, and such as cannot be decoded, take the time that they take and no more.
func TestPacketsOfNothing(t *testing.T) {
	for _, payload := range [][]byte{nil, make([]byte, 160)} {
		for _, lost := range []uint16{0, 10} {
			r := newRig(func(p *PathConfig) { p.Inputs[0].Decoder = choosy{MuLaw} })
			put := func(n uint16, payload []byte) {
				r.put(Packet{Sequence: n, Timestamp: 160 * uint32(n), Payload: payload}, time.Duration(n)*20*time.Millisecond)
			}
			for n := range uint16(61) {
				switch {
				case n == lost && n > 0:
				case n < 5 || n == 60:
					put(n, MuLaw.Encode(nil, make([]int16, 160)))
				default:
					put(n, payload)
				}
			}
			if last := r.sent[len(r.sent)-1]; last.Timestamp != 160*60 {
				t.Errorf("%d octets, %d lost: speech goes on at %d, want %d", len(payload), lost, last.Timestamp, 160*60)
			}
		}
	}
}
