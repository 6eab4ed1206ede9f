package bench

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"golang.org/x/sys/unix"
)

// stream is where one end sends: a port of the relay.
type stream struct {
	from int // 0 the caller's socket, 1 the callee's
	to   netip.AddrPort
	seal *srtp.Context // what is sent; nil: RTP
	open *srtp.Context // what has come through

	speech *speech // nil: packets that tell when they left
	heard  *heard  // of what is coded anew
}

// generator sends 50 packets a second for each stream, evenly spread, and takes what comes back. All streams of an end share a socket:
// the relay has a port for each, and tells them apart by that. One thread does everything and never waits in a socket: over loopback
// the relay would have to wake it up, packet by packet, which costs as much as relaying and is nothing of the relay's. When a packet
// arrived is what the kernel says.
type generator struct {
	streams []stream
	wires   [2]*wire // that send
	takers  [2]*wire // that receive, from the same sockets
	stop    atomic.Bool
	done    chan struct{}
	kind    atomic.Uint32    // of packets that are sent now: 1 within the window
	sent    [2]atomic.Uint64 // by kind
	lost    uint64           // never left: the kernel refused them
	late    atomic.Uint64    // ticks that began more than 5 ms late
	packets uint64           // taken, of kind 1
	delay   []uint32         // of those, by microseconds
	header  rtp.Header
	spoken  map[origin]int // streams of speech by what they get back
}

// origin is where a packet comes to, and from which port of the relay: that to which the end sends.
type origin struct {
	end  int
	port uint16
}

const (
	frame      = 20 * time.Millisecond
	packetRate = int(time.Second / frame) // of a stream, each second
	beat       = 500 * time.Microsecond   // between batches
	beats      = int(frame / beat)
)

func newGenerator(at hosts, streams []stream) (*generator, error) {
	g := &generator{streams: streams, done: make(chan struct{}), delay: make([]uint32, 200_000), spoken: make(map[origin]int)}
	for i := range streams {
		if s := &streams[i]; s.speech != nil {
			s.heard = &heard{}
			g.spoken[origin{s.from, s.to.Port()}] = i
		}
	}
	for i, host := range []string{at.caller, at.probe} {
		fd, err := mediaSocket(host)
		if err != nil {
			return nil, err
		}
		g.wires[i], g.takers[i] = newWire(fd, len(streams)/beats+2), newWire(fd, 64)
	}
	go g.run()
	return g, nil
}

// end stops and closes everything, once.
func (g *generator) end() {
	if g.stop.Swap(true) {
		return
	}
	<-g.done
	for _, w := range g.wires {
		unix.Close(w.fd)
	}
}

func (g *generator) run() {
	defer close(g.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // a thread that ends takes the processes with it that it has started (PR_SET_PDEATHSIG)
	var slots [beats][2][]int
	for i, s := range g.streams {
		slots[i%beats][s.from] = append(slots[i%beats][s.from], i)
	}
	next := time.Now()
	for tick := 0; !g.stop.Load(); tick++ {
		next = next.Add(beat)
		if wait := time.Until(next); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			unix.Nanosleep(&ts, nil)
		} else if wait < -5*time.Millisecond {
			g.late.Add(1)
			next = time.Now() // no burst to catch up: that would measure queues
		}
		g.send(&slots[tick%beats], uint16(tick/beats))
		g.take(0)
		g.take(1)
	}
}

// send sends what is due: for each end the streams in due.
func (g *generator) send(due *[2][]int, seq uint16) {
	kind := byte(g.kind.Load())
	for from, list := range due {
		w, now := g.wires[from], time.Now()
		for k, i := range list {
			if s := &g.streams[i]; s.speech != nil {
				w.say(k, uint32(i), seq, s.speech)
				s.heard.leaves(seq, kind, now)
			} else {
				w.fill(k, uint32(i), seq, kind, now)
			}
			w.names[k] = rawAddr(g.streams[i].to)
			w.msgs[k].hdr.Name = (*byte)(unsafe.Pointer(&w.names[k]))
			w.msgs[k].hdr.Namelen = unix.SizeofSockaddrInet4
			if seal := g.streams[i].seal; seal != nil {
				w.seal(k, seal)
			}
		}
		n := w.send(len(list))
		g.sent[kind&1].Add(uint64(n))
		g.lost += uint64(len(list) - n)
	}
}

// take counts what has arrived at an end.
func (g *generator) take(end int) {
	w := g.takers[end]
	for n := len(w.msgs); n == len(w.msgs); {
		n = w.receive()
		for i := range n {
			left, ok := g.left(end, w.port(i), w.bufs[i][:min(int(w.msgs[i].n), len(w.bufs[i]))])
			if !ok {
				continue
			}
			us := (w.arrived(i) - left) / 1000
			g.packets++
			g.delay[min(max(us, 0), int64(len(g.delay)-1))]++
		}
	}
}

// left is when a packet was sent that has come to an end from a port; false: not within the window, or not by us.
func (g *generator) left(end int, port uint16, b []byte) (int64, bool) {
	if back, ok := g.spoken[origin{end, port}]; ok {
		s := &g.streams[back^1] // of the same call, the other way
		return s.heard.left(b, g.streams[back].speech)
	}
	b, ok := g.opened(b)
	if !ok || b[12] != 1 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[16:])), true
}

// opened is a packet of ours that has come through.
func (g *generator) opened(b []byte) ([]byte, bool) {
	if len(b) < rtpSize {
		return nil, false
	}
	flow := binary.BigEndian.Uint32(b[8:]) - 1
	if int64(flow) >= int64(len(g.streams)) {
		return nil, false
	}
	if open := g.streams[flow].open; open != nil {
		var err error
		if b, err = open.DecryptRTP(b[:0], b, &g.header); err != nil {
			return nil, false
		}
	}
	return b, len(b) == rtpSize
}

// delayAt is a percentile of the one-way delay in microseconds, both ways together.
func (g *generator) delayAt(p float64) float64 {
	rest := uint64(p * float64(g.packets))
	for us, n := range g.delay {
		if uint64(n) > rest {
			return float64(us)
		}
		rest -= uint64(n)
	}
	return float64(len(g.delay))
}
