package relay

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// TestWhatGoesRoundEnds: where sides of sessions have each other's ports for their peers, so that media goes in a ring, a packet does not go round for ever, and
// silence shows that nobody is there.
func TestWhatGoesRoundEnds(t *testing.T) {
	for _, kind := range []string{"RTP", "RTCP", "coded anew", "opaque"} {
		for _, around := range []int{1, 2} {
			var log bytes.Buffer
			r := newStillRig(t)
			r.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			var list []*media.Session
			for i := range around {
				s := call(media.SessionID(i+1), newPhone(t, ip4), newPhone(t, ip4))
				st := &s.Streams[0]
				st.Opaque = kind == "opaque"
				if kind == "coded anew" {
					st.Side[i%2].Speech, st.Side[1-i%2].Speech = speech(pcma), speech(g722)
				}
				r.open(s)
				list = append(list, s)
			}
			for i, s := range list {
				next := &list[(i+1)%around].Streams[0].Side[0]
				st := &s.Streams[0].Side[1]
				st.Remote, st.RemoteRTCP, next.Remote, next.RemoteRTCP = next.Local, rtcpPort(next.Local), st.Local, rtcpPort(st.Local)
			}
			for _, s := range list {
				if err := r.Update(s); err != nil {
					t.Fatal(err)
				}
			}
			p, to := newPhone(t, ip4), list[0].Streams[0].Side[0].Local
			if kind == "RTCP" {
				p.send(p.rtcp, rtcpPort(to), []byte{0x80, 201, 0, 1, 0, 0, 0x12, 0x34})
			} else {
				p.send(p.rtp, to, spoken(8, 1, 160, make([]byte, 160)))
			}
			moved := func() (n uint64) {
				c := r.from(1, 0, 0)
				return c.Packets + c.RTCP
			}
			w := r.workers[0]
			for begin := time.Now(); w.poll(uintptr(w.epoll)); w.work() { // over loopback what was sent has arrived
				if time.Since(begin) > patience {
					t.Fatalf("%s through %d: it goes round for ever", kind, around)
				}
			}
			if moved() == 0 {
				t.Fatalf("%s through %d: nothing went on", kind, around)
			}
			if kind == "coded anew" && around == 1 {
				continue // which ends by itself: what comes back has another payload type
			}
			if n := strings.Count(log.String(), "goes in a ring"); n == 0 || n > 2*around {
				t.Errorf("%s through %d: %d lines in the log", kind, around, n)
			}
		}
	}
}

// TestManyRegularPacketsPass: what goes on from what came before has no bound, how fast ever.
func TestManyRegularPacketsPass(t *testing.T) {
	var c counter
	st := &stream{}
	from := &st.side[0]
	from.rtp.stream = st
	over := 0
	for n := range 5 * mostIrregular {
		b := rtpPacket(96, uint16(n), uint32(n), 7)
		if !st.regular(from, b, rtp) && from.count.beyond(1) {
			over++
		}
		from.count.observe(peek(b), 90000, 1)
	}
	for range 2 * mostIrregular {
		if c.beyond(1) {
			over++
		}
	}
	if over != mostIrregular {
		t.Errorf("%d of %d are too many", over, mostIrregular)
	}
}
