package bench

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stream is where one end sends: a port of the relay.
type stream struct {
	from int // 0 the caller's socket, 1 the callee's
	to   netip.AddrPort
}

// generator sends 50 packets a second for each stream, evenly spread, and takes what comes back. All streams of an end share a socket:
// the relay has a port for each, and tells them apart by that.
type generator struct {
	streams []stream
	fds     [2]int
	start   time.Time
	stop    atomic.Bool
	kind    atomic.Uint32 // of packets that are sent now: 1 within the window
	sent    [2]uint64     // by kind
	lost    uint64        // never left: the kernel refused them
	late    atomic.Uint64 // ticks that began more than 5 ms late
	wg      sync.WaitGroup
	ends    [2]received
}

// received is what one socket has taken, of kind 1.
type received struct {
	packets uint64
	delay   []uint32 // by microseconds
}

const (
	frame = 20 * time.Millisecond
	beat  = 500 * time.Microsecond // between batches
	beats = int(frame / beat)
)

func newGenerator(streams []stream) (*generator, error) {
	g := &generator{streams: streams, start: time.Now()}
	for i, host := range []string{callerHost, probeHost} {
		fd, err := mediaSocket(host)
		if err != nil {
			return nil, err
		}
		g.fds[i] = fd
		g.ends[i].delay = make([]uint32, 200_000)
	}
	g.wg.Add(3)
	go g.send()
	go g.take(0)
	go g.take(1)
	return g, nil
}

// end stops and closes everything.
func (g *generator) end() {
	g.stop.Store(true)
	g.wg.Wait()
	unix.Close(g.fds[0])
	unix.Close(g.fds[1])
}

func (g *generator) send() {
	defer g.wg.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // a thread that ends takes the processes with it that it has started (PR_SET_PDEATHSIG)
	var slots [beats][2][]int
	for i, s := range g.streams {
		slots[i%beats][s.from] = append(slots[i%beats][s.from], i)
	}
	most := len(g.streams)/beats + 2
	wires := [2]*wire{newWire(g.fds[0], most), newWire(g.fds[1], most)}
	next := time.Since(g.start)
	for tick := 0; !g.stop.Load(); tick++ {
		next += beat
		if wait := next - time.Since(g.start); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			unix.Nanosleep(&ts, nil)
		} else if wait < -5*time.Millisecond {
			g.late.Add(1)
			next -= wait // no burst to catch up: that would measure queues
		}
		kind := byte(g.kind.Load())
		for from, list := range slots[tick%beats] {
			now := time.Since(g.start)
			for k, i := range list {
				wires[from].fill(k, uint32(i), uint16(tick/beats), kind, now)
				wires[from].names[k] = rawAddr(g.streams[i].to)
				wires[from].msgs[k].hdr.Name = (*byte)(unsafe.Pointer(&wires[from].names[k]))
				wires[from].msgs[k].hdr.Namelen = unix.SizeofSockaddrInet4
			}
			n := wires[from].send(len(list))
			g.sent[kind&1] += uint64(n)
			g.lost += uint64(len(list) - n)
		}
	}
}

func (g *generator) take(end int) {
	defer g.wg.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // a thread that ends takes the processes with it that it has started (PR_SET_PDEATHSIG)
	w := newWire(g.fds[end], 128)
	r := &g.ends[end]
	for !g.stop.Load() {
		n := w.receive()
		now := time.Since(g.start)
		for i := range n {
			b := w.bufs[i][:]
			if w.msgs[i].n != rtpSize || b[12] != 1 {
				continue
			}
			us := (now - time.Duration(binary.BigEndian.Uint64(b[16:]))).Microseconds()
			r.packets++
			r.delay[min(max(us, 0), int64(len(r.delay)-1))]++
		}
	}
}

// delayAt is a percentile of the one-way delay in microseconds, both ways together.
func (g *generator) delayAt(p float64) float64 {
	rest := uint64(p * float64(g.ends[0].packets+g.ends[1].packets))
	for us := range g.ends[0].delay {
		n := uint64(g.ends[0].delay[us]) + uint64(g.ends[1].delay[us])
		if n > rest {
			return float64(us)
		}
		rest -= n
	}
	return float64(len(g.ends[0].delay))
}
