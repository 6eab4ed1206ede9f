package relay

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// TestOpenedOnce has a receiver and a kernel that takes what follows directly, as flows do, hear a source with loss, late packets and repetitions, over the ends of numbers. Of those that
// come in a window behind the newest each is let in once, no other is, and what the kernel is told of the counter is so.
func TestOpenedOnce(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		l := newLock(t, media.AESCM128HMACSHA180, "")
		recv := protected(l).recv
		c := &crypt{keys: l.crypt, recv: recv}
		var count counter
		var sent [][]byte         // from index first on
		often := 40 + r.IntN(800) // of so many packets a few are not in order
		early := r.IntN(3)        // packets that come behind others
		first := uint64(65100 + r.IntN(400))
		var due []int
		let, newest, kernel := map[int]bool{}, -1, false
		for n := range 600 {
			sent = append(sent, l.rtp(t, rtpPacket(8, uint16(first+uint64(n)), uint32(n)*160, 7)))
			switch k := r.IntN(often); {
			case k < 4, n < early: // lost, or late by so much
				due = append(due, n)
				continue
			case k < 6:
				n = r.IntN(n + 1) // repeated
			case k < 10 && len(due) > 0:
				i := r.IntN(len(due))
				n, due = due[i], append(due[:i], due[i+1:]...)
			}
			b := bytes.Clone(sent[n])
			h := peek(b)
			want := !let[n] && n > newest-replayWindow
			if want {
				let[n], newest = true, max(n, newest)
			}
			s := find(recv.sources[0], 7)
			if kernel && h.sequence > count.highest && h.sequence-count.highest < 20 && r.IntN(250) > 0 {
				step := h.sequence - s.highest
				count.rise(uint32(step))
				recv.took(7, h.sequence, s.taken<<step|1)
				continue
			}
			_, got := c.open(b, rtp)
			if got = got && recv.fresh(h); got {
				count.observe(h, 8000, int64(n)*2e7)
			}
			if got != want {
				t.Fatalf("seed %d: packet %d of %d, the newest is %d: let in %v, want %v", seed, n, len(sent)-1, newest, got, want)
			}
			var rollovers uint32
			if rollovers, kernel = recv.rollovers(&count); kernel && uint64(rollovers) != (first+uint64(newest))>>16 {
				t.Fatalf("seed %d: behind packet %d the counter is %d", seed, n, rollovers)
			}
		}
		if len(let) < 400 {
			t.Fatalf("seed %d: %d packets were let in", seed, len(let))
		}
	}
}
