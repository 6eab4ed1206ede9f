package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// maxDatagram is the size of a receive buffer; no UDP datagram is longer.
const maxDatagram = 65535

// udpSocket is one UDP listener. Its reader goroutine owns rx.
//
// tx has an owner too: the caller of send that finds busy false, until nothing is queued. Meanwhile other callers
// leave their messages in queue for it, so none waits for the system call of another. When the socket's buffer is
// full the ownership passes to a goroutine that waits for room.
type udpSocket struct {
	t        *Transport
	conn     *net.UDPConn
	raw      syscall.RawConn
	local    netip.AddrPort
	maxSize  int // of a message
	counters counters
	rx       rxBatch
	tx       txBatch

	mu     sync.Mutex
	busy   bool // tx has an owner
	closed bool
	queue  sendRing
}

func (t *Transport) listenUDP(addr netip.AddrPort) (*udpSocket, error) {
	lc := net.ListenConfig{Control: socketOptions(t.cfg.DSCP, false)}
	pc, err := lc.ListenPacket(context.Background(), network("udp", addr.Addr()), addr.String())
	if err != nil {
		return nil, err
	}
	s := &udpSocket{t: t, conn: pc.(*net.UDPConn)}
	s.local = addrPort(s.conn.LocalAddr())
	s.maxSize = maxDatagram
	if m := t.cfg.Messages; m != nil && m.MaxSize > 0 {
		s.maxSize = m.MaxSize
	}
	s.queue.limit = t.cfg.Limits.UDPQueue
	if s.raw, err = s.conn.SyscallConn(); err == nil {
		err = s.prepare(t.cfg.Limits.SocketBuffer)
	}
	if err != nil {
		s.conn.Close()
		return nil, err
	}
	t.accepting.Go(s.read)
	return s, nil
}

// network is "udp4" or "udp6" for base "udp", so that a socket speaks one family and its addresses are never mapped.
func network(base string, a netip.Addr) string {
	if a.Unmap().Is4() {
		return base + "4"
	}
	return base + "6"
}

// addrPort is a without the IPv4-in-IPv6 form.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// close ends the reader. What is queued is lost, as any datagram may be.
func (s *udpSocket) close() {
	s.mu.Lock()
	s.closed = true
	s.counters.queueFull.Add(uint64(s.queue.n))
	s.queue.clear()
	s.mu.Unlock()
	s.conn.Close()
}

func (s *udpSocket) read() {
	for {
		n, err := s.readBatch()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// An error of one datagram (an ICMP message that came back) says nothing about the socket.
			s.t.log.Debug("reading datagrams", "listener", s.local, "error", err)
			time.Sleep(time.Millisecond) // one that stays must not take the processor
			continue
		}
		if s.deliver(n) {
			s.t.cfg.Handler.Flush()
			if s.rx.emptied() {
				// To read on would only find that. Who has been woken goes first, and when that is done there may be more, for which
				// the poller need not be asked.
				runtime.Gosched()
			}
		}
	}
}

// tally collects the counts of one batch, so that each counter is touched once.
type tally struct {
	messages, bytes, unknown, rate, oversize, malformed, keepAlive uint64

	stranger netip.AddrPort // the last unknown
}

func (c *counters) addBatch(n *tally, now time.Duration) {
	c.inMessages.Add(n.messages)
	c.inBytes.Add(n.bytes)
	if n.messages > 0 && n.unknown|n.rate|n.oversize|n.malformed|n.keepAlive == 0 {
		return
	}
	if n.unknown > 0 {
		c.stranger(n.unknown, n.stranger, now)
	}
	c.rate.Add(n.rate)
	c.oversize.Add(n.oversize)
	c.malformed.Add(n.malformed)
	c.keepAlives.Add(n.keepAlive)
}

// deliver hands the first n datagrams of rx on and tells whether there was any for the Handler. A stranger is
// turned away before his datagram is looked at.
func (s *udpSocket) deliver(n int) bool {
	var count tally
	cfg := &s.t.cfg
	now := s.t.now()
	src := sip.Source{Transport: sip.UDP, Local: s.local}
	for i := range n {
		from, ok := s.rx.from(i)
		if !ok || (cfg.Allow != nil && cfg.Allow(s.local, sip.UDP, from.Addr()) == Silent) {
			count.unknown++
			count.stranger = from
			continue
		}
		if !s.t.rate.Load().take(from.Addr(), now) {
			count.rate++
			continue
		}
		data, whole := s.rx.data(i)
		if !whole || len(data) > s.maxSize {
			count.oversize++
			continue
		}
		data = trimCRLF(data)
		switch {
		case len(data) == 0 || data[0] == 0: // some peers keep a NAT open with zeros
			count.keepAlive++
		case !startsMessage(data[0]):
			count.malformed++
		default:
			count.messages++
			count.bytes += uint64(len(data))
			src.Remote = from
			cfg.Handler.Packet(src, data)
		}
	}
	s.counters.addBatch(&count, now)
	return count.messages > 0
}

// trimCRLF removes the empty lines that may stand before a message (RFC 3261 §7.5).
func trimCRLF(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// startsMessage tells whether c can begin a start line: a token character (RFC 3261 §25.1). A STUN
// message begins with a byte below 4, DTLS with one above 19 and below 64 that is no text.
func startsMessage(c byte) bool { return c > ' ' && c < 0x7f }

// send takes the sends whose bit is set in mask; all have the hop's local address of s.
func (s *udpSocket) send(sends []Send, mask uint64) {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		for i := range bits(mask) {
			s.t.fails.add(sends[i], ErrNoListener)
		}
		return
	case s.busy:
		for i := range bits(mask) {
			if !s.queue.push(sends[i]) {
				s.counters.queueFull.Add(1)
			}
		}
		s.mu.Unlock()
		return
	}
	s.busy = true
	s.mu.Unlock()
	for i := range bits(mask) {
		s.put(&sends[i])
	}
	s.serve()
}

// put adds one message to tx, or fails it.
func (s *udpSocket) put(m *Send) {
	if err := s.tx.add(m, s.local.Addr().Is4()); err != nil {
		s.counters.sendError.Add(1)
		s.t.fails.add(*m, err)
	}
}

// serve writes tx and what has been queued since, and gives the ownership up or passes it on.
// One caller serves the others for a few batches at most.
func (s *udpSocket) serve() {
	for range 4 {
		if !s.write(false) {
			break
		}
		if !s.next() {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // for good: nobody may own tx again
	}
	s.t.running.Go(s.drain)
}

// drain is serve that waits for room in the socket's buffer.
func (s *udpSocket) drain() {
	for s.write(true) && s.next() {
	}
}

// next fills tx from the queue, or gives the ownership up and returns false.
func (s *udpSocket) next() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.n == 0 || s.closed {
		s.busy = s.closed
		return false
	}
	for !s.tx.full() {
		m, ok := s.queue.pop()
		if !ok {
			break
		}
		s.put(&m)
	}
	return true
}

// write puts tx on the wire; false means that there is no room, or with wait that the socket is closed.
// A message that the kernel refuses does not keep the others back.
func (s *udpSocket) write(wait bool) bool {
	for s.tx.len() > 0 {
		n, bytes, err := s.writeBatch(wait)
		if n > 0 {
			s.counters.outMessages.Add(uint64(n))
			s.counters.outBytes.Add(uint64(bytes))
		}
		switch {
		case err == nil:
		case errors.Is(err, syscall.EAGAIN):
			return false
		case errors.Is(err, net.ErrClosed):
			s.counters.sendError.Add(uint64(s.tx.len()))
			s.tx.reset()
			return false
		case errors.Is(err, syscall.ENOBUFS): // the interface is busy: lost as on any wire
			s.counters.queueFull.Add(1)
			s.tx.drop()
		case s.overheard(err):
		default:
			s.counters.sendError.Add(1)
			s.t.fails.add(s.tx.drop(), err)
		}
	}
	s.tx.reset()
	return true
}
