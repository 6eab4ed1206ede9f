package relay

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/quality"
)

// TestWaited: of what seems late the relay knows what it has let wait itself, from the second such packet of a socket on.
func TestWaited(t *testing.T) {
	r := newStillRig(t)
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	r.open(s)
	defer r.Close(1)
	began, sequence := time.Now(), uint16(0)
	send := func(old time.Duration) { // what was said so long ago
		sequence++
		p := make([]byte, rtpHeader+160)
		p[0] = 0x80
		binary.BigEndian.PutUint16(p[2:], sequence)
		binary.BigEndian.PutUint32(p[4:], uint32((time.Since(began)+time.Hour-old)/(125*time.Microsecond)))
		a.send(a.rtp, s.Streams[0].Side[0].Local, p)
	}
	say := func(old, wait time.Duration) {
		send(old)
		time.Sleep(wait) // as a process does that gets no processor
		r.turn()
		b.hear(b.rtp)
	}
	const step, long = 5 * time.Millisecond, quality.Buffer + 40*time.Millisecond
	for _, x := range []struct {
		old, wait    time.Duration
		late, waited uint64
	}{{0, step, 0, 0}, {0, step, 0, 0}, {0, long, 1, 0}, {0, step, 1, 0}, {0, long, 2, 1}, {long, 0, 3, 1}, {0, long, 4, 2}} {
		say(x.old, x.wait)
		st, _ := r.Stats(1)
		if from := st.Streams[0].From[0]; from.Late != x.late || from.Waited != x.waited {
			t.Fatalf("packet %d, %s old, %s in the socket: %d late, of which %d waited, want %d and %d", sequence, x.old, x.wait, from.Late, from.Waited, x.late, x.waited)
		}
	}
	send(0)
	time.Sleep(long)
	send(0) // which is read with the one before
	r.turn()
	b.hear(b.rtp)
	b.hear(b.rtp)
	st, _ := r.Stats(1)
	if from := st.Streams[0].From[0]; from.Late != 5 || from.Waited != 3 {
		t.Errorf("the first of two: %d late, of which %d waited, want 5 and 3", from.Late, from.Waited)
	}
}
