package relay

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/quality"
)

const (
	maxDatagram = 4096 // an RTP packet fits an Ethernet frame; longer than this is not relayed
	maxReady    = 256  // ports per reading of the ready list
)

// worker carries the packets of its sessions in one goroutine.
type worker struct {
	relay  *Relay
	epoll  int
	file   *os.File // of epoll, for the runtime's poller
	conn   syscall.RawConn
	wake   int // eventfd that ends the worker
	band   band
	done   chan struct{}
	totals workerTotals

	ready    [maxReady]unix.EpollEvent
	n        int
	buffer   [maxDatagram]byte
	made     [maxDatagram]byte // a packet of a conversion
	out      codec.Out
	from     sockaddr
	clear    bool // what was opened last, or could not be, is plain RTCP
	notices  notices
	batch    batch
	expected expected
	// followers are ports of which packets have passed in this turn.
	followers []*port

	// Of steered ports, by family. nil, and 0 for icmp, where there are none.
	index    int
	steered  *steered
	inlets   [2]*inlet
	outlets  [2]*outlet
	icmp     [2]int32 // the first worker's
	failures []failure
	mailbag  mailbag
	binder   binder
}

func newWorker(r *Relay) (*worker, error) {
	w := &worker{relay: r, done: make(chan struct{}), binder: newBinder()}
	w.notices.list = make([]notice, 0, 16)
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("relay: epoll: %w", err)
	}
	w.epoll = fd
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("relay: eventfd: %w", err)
	}
	if err = unix.SetNonblock(fd, true); err == nil {
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, w.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.wake), Pad: -1})
	}
	if err == nil {
		err = w.band.open(fd)
	}
	if err == nil {
		w.file = os.NewFile(uintptr(fd), "relay epoll")
		w.conn, err = w.file.SyscallConn()
	}
	if err != nil {
		_ = unix.Close(fd)
		_ = unix.Close(w.wake)
		w.band.close()
		return nil, fmt.Errorf("relay: epoll: %w", err)
	}
	return w, nil
}

// run carries packets until stop. The goroutine waits in the runtime's poller, on the epoll descriptor as a whole:
// that holds neither a thread nor a processor of the scheduler while there is nothing to do. Of the variants measured
// (a pinned thread blocking in epoll_wait with and without giving up its processor, pauses of 100 to 400 µs to let
// batches form, a periodic timer in place of wake-ups while there is much to do, edge triggering with reading until empty or
// two datagrams a call) this one took the least CPU of the process: the scheduler's monitor does not wake up for it, and a
// pause costs a timer interrupt of its own.
func (w *worker) run() {
	defer close(w.done)
	poll := w.poll // one closure for all rounds
	for {
		if err := w.conn.Read(poll); err != nil {
			w.relay.config.Logger.Error("media worker ended", "error", err)
			return
		}
		if !w.work() {
			return
		}
	}
}

// poll reads the ready list without waiting and without telling the scheduler, which would cost more than the call.
func (w *worker) poll(fd uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&w.ready)), maxReady, 0, 0, 0)
	w.n = int(n)
	return errno == 0 && n > 0
}

// work takes a batch. It reports false when the worker is to end.
func (w *worker) work() bool {
	at := time.Now() // once per batch; what a batch adds to the jitter is far below a packet
	now := int64(at.Sub(w.relay.start))
	on := true
	w.collect()
	for i := range w.ready[:w.n] {
		if i%mailbagTurn == 0 {
			if i > 0 {
				w.post()
				w.mailbag.begin()
			}
			for _, ev := range w.ready[i:min(i+mailbagTurn, w.n)] {
				if ev.Pad >= 0 {
					w.expected.add(w.relay.sockets.table.get(ev.Fd))
				}
			}
			w.expected.call()
		}
		ev := &w.ready[i]
		if ev.Pad < 0 {
			switch ev.Pad {
			case isBeat:
				w.beat(at, now)
			case isInlet:
				w.take(w.inlets[ev.Fd], at, now)
			case isComplaints:
				w.complaints(int(ev.Fd), now)
			default:
				on = false
			}
			continue
		}
		p := w.relay.sockets.table.get(ev.Fd)
		if p == nil {
			continue
		}
		if p.stream == nil {
			w.relay.sockets.warm.discard(ev.Fd)
			continue
		}
		w.serve(p, ev.Fd, ev.Pad, now)
		if len(w.notices.list) > 0 {
			w.notices.deliver(w.relay.config.Events, at)
		}
	}
	w.dispatch()
	w.offload(now)
	w.totals.add(&w.batch)
	return on
}

// serve takes one datagram from a socket, if it still is the port's. What else waits there shows up in the next batch
// (level triggering), so that no stream holds up the others.
func (w *worker) serve(p *port, fd, generation int32, now int64) {
	mu := &p.stream.session.mu
	mu.Lock()
	defer mu.Unlock()
	var n int
	var errno unix.Errno
	short := p.connected.is(fd, generation)
	switch {
	case short:
		n, errno = p.connected.receive(w.buffer[:], &w.from)
	case p.socket.fd == fd && p.socket.generation == generation:
		n, errno = p.socket.receive(w.buffer[:], &w.from)
	default:
		return
	}
	if errno != 0 {
		p.refused(socket{fd: fd}, now) // nothing is there, or an ICMP error of an earlier packet was
		return
	}
	w.passRead(p, fd, n, now)
	if !short {
		w.settle(p, now)
	}
}

// passRead is pass for the datagram that was read last from a socket.
func (w *worker) passRead(p *port, fd int32, n int, now int64) {
	if w.passLate(p, n, now) && waited(fd) > quality.Buffer {
		p.stream.side[p.side].count.waited++
	}
}

// passLate is pass, and tells whether the datagram seemed late. Then it may have been in time, and have waited here for the processor.
func (w *worker) passLate(p *port, n int, now int64) bool {
	c := &p.stream.side[p.side].count
	late := c.late.Count
	w.pass(p, n, now)
	return c.late.Count > late
}

func (w *worker) pass(p *port, n int, now int64) {
	c := &p.stream.side[p.side].count
	if n > len(w.buffer) || n == 0 {
		c.dropped++
		c.oversized(n)
		w.batch.dropped++
		return
	}
	b, ok := w.buffer[:n], false
	if w.demultiplex(p, b, now) {
		return
	}
	if protected := p.guard(); protected != nil && !p.stream.opaque {
		if b, ok = w.open(p, protected, b, now); !ok { // before the gate: a source that has no key is never latched to
			w.batch.unauthentic++
			switch {
			case p.stray(&w.from):
				c.gate(&w.from)
			case w.clear:
				c.clear++
			default:
				c.block()
				c.unauthentic++
			}
			return
		}
		n = len(b)
	}
	v, k, out, to := p.receive(b, &w.from, now, &w.notices)
	switch v {
	case gated:
		w.batch.gated++
		return
	case dropped:
		w.batch.dropped++
		w.goesRound(p)
		return
	}
	if k == keying {
		if errno := out.stream.carrier.send(out, b, to); errno != 0 { // it is repeated
			c.sendErrors++
			c.sendError = errno
			w.batch.sendErrors++
		}
		return
	}
	if k == rtcp && !p.stream.sealed {
		if b = w.relay.names.write(b, p.stream.session.id); len(b) == 0 {
			c.dropped++
			w.batch.dropped++
			return
		}
	}
	if p.stream.converting() && !p.stream.opaque {
		switch w.change(p, out, to, b, k, now) {
		case unfit:
			c.block()
			c.dropped++
			c.unfit++
			w.batch.dropped++
			return
		case stuck: // what it became is counted
			return
		case taken:
			c.sent(k, n, now)
			if k == rtp {
				w.batch.packets++
				w.batch.bytes += uint64(n)
			}
			return
		}
	}
	if pl := p.stream.session.player; pl != nil {
		pl.before(out, k, b)
	}
	if protected := out.guard(); protected != nil && !out.stream.opaque {
		if b, ok = protected.seal(b, k); !ok {
			c.unseal(protected)
			w.batch.dropped++
			return
		}
	}
	if errno := out.stream.carrier.send(out, b, to); errno != 0 {
		c.block()
		c.sendErrors++
		c.sendError = errno
		w.batch.sendErrors++
		return
	}
	c.sent(k, n, now)
	w.noted(out, relayed(k), n)
	if k == rtcp {
		w.batch.rtcp++
		return
	}
	w.batch.packets++
	w.batch.bytes += uint64(n)
	if k == rtp {
		w.follow(p, b, n, now)
	}
}

// open takes SRTP and SRTCP out of their protection; false: the keys do not fit, or it came before. Keepalives of STUN and whatever else is neither have none, and
// receive says what they are.
func (w *worker) open(p *port, protected *crypt, b []byte, now int64) ([]byte, bool) {
	k := classify(b, p.isRTCP, p.stream.side[p.side].mux)
	if k == notMedia {
		return b, true
	}
	w.clear = k == rtcp && inClear(b) // after an attempt to open it nobody can tell
	b, ok := protected.open(b, k)
	if !ok || k == rtp && !p.fresh(b, now) {
		return nil, false
	}
	p.dtls.shown()
	return b, true
}

// stop ends the worker's goroutine and closes its descriptors.
func (w *worker) stop() {
	one := [8]byte{1}
	_, _ = unix.Write(w.wake, one[:])
	<-w.done
	w.release()
}

func (w *worker) release() {
	_ = w.file.Close()
	_ = unix.Close(w.wake)
	w.band.close()
	w.closeSteered()
}
