package relay

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/pion/srtp/v3"

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

// TestSealedOnce has a sender and a kernel that goes on where flows do seal what a source of RTP sends: with loss, late packets, other ones under the same number, and numbers that begin anew
// somewhere. None has the key stream of another (RFC 3711 §9.1), and a peer opens all that is sealed.
func TestSealedOnce(t *testing.T) {
	var passed, inKernel int
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		l := newLock(t, media.AESCM128HMACSHA180, "")
		c := protected(l)
		peer := context(l.crypt.Suite, l.crypt.Send, srtp.SRTPReplayProtection(replayWindow))
		var count counter
		next, used := uint16(r.IntN(1<<16)), map[uint64]bool{}
		kernel, rollovers, highest, seen := false, uint32(0), uint16(0), uint64(0) // a flow
		often := 40 + r.IntN(400)
		for n := range 2000 {
			number := next
			next++
			switch r.IntN(often) {
			case 0:
				number -= uint16(r.IntN(200))
			case 1:
				number += uint16(r.IntN(200))
				next = number + 1
			case 2:
				next = uint16(r.IntN(1 << 16))
			case 3:
				next = count.highest + 1<<15 - uint16(r.IntN(3))
			}
			b := append(make([]byte, 0, 512), rtpPacket(8, number, uint32(n), 7)...)
			b[rtpHeader] = byte(n)
			if kernel && number > highest && number-highest < 20 && r.IntN(200) > 0 {
				in := context(l.crypt.Suite, l.crypt.Send)
				in.SetROC(7, rollovers)
				b, _ = in.EncryptRTP(nil, b, nil)
				count.rise(uint32(number - highest))
				highest, seen = number, seen<<(number-highest)|1
				inKernel++
			} else {
				if kernel {
					kernel = false
					c.send.took(7, highest, seen)
				}
				count.observe(peek(b), 8000, int64(n)*2e7)
				var ok bool
				if b, ok = c.seal(b, rtp); !ok {
					continue
				}
				if rollovers, kernel = c.send.rollovers(&count); c.send.shifts(7) {
					kernel = false
				}
				highest, seen = count.highest, r.Uint64() // which has what was opened, too
			}
			passed++
			if _, err := peer.DecryptRTP(nil, b, nil); err != nil {
				t.Fatalf("seed %d, packet %d of number %d: %v", seed, n, number, err)
			}
			said, index := peek(b).sequence, uint64(0)
			for roc := range uint64(100) {
				any := context(l.crypt.Suite, l.crypt.Send)
				any.SetROC(7, uint32(roc))
				if _, err := any.DecryptRTP(nil, b, nil); err == nil {
					index = roc<<16 | uint64(said)
					break
				}
			}
			if used[index] {
				t.Fatalf("seed %d: packet %d has the key stream of another, number %d for %d", seed, n, said, number)
			}
			used[index] = true
		}
	}
	if passed < 40*1000 || inKernel < passed/4 { // none of a source whose numbers have gone back
		t.Errorf("%d packets passed, %d of them in the kernel", passed, inKernel)
	}
}
