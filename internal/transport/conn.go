package transport

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// maxUnproven bounds the messages remembered until a dialled peer says something.
const maxUnproven = 64

// conn is one TCP or TLS connection. The goroutine that accepted or dialled it reads; a second one writes
// while there is something to write.
type conn struct {
	t        *Transport
	flow     uint64
	key      connKey
	remote   netip.AddrPort // where the peer is; of one that is dialled by name, when it is open
	accepted bool
	counters *counters
	unknown  *list.Element // in connTable.unknown, which guards it; nil: a peer
	peer     peer          // set before the connection is published
	heard    atomic.Int64  // when the peer has last sent something, or has connected

	mu      sync.Mutex
	state   connState
	raw     net.Conn // the TCP connection; nil while connecting
	nc      net.Conn // raw or TLS over it; nil until open
	quit    func()   // ends what its opening waits for; nil: nothing
	ending  bool     // Close was called: nothing more is queued
	queue   []Send
	spare   []Send // the other half of queue's memory
	waiting int    // bytes queued or being written
	writing bool   // the writer runs
	// A dialled TLS 1.3 peer refuses our certificate after our side of the handshake is done, and some peers accept
	// and close at once. So what was sent before the peer's first byte is remembered and fails with the connection.
	proven   bool
	unproven []Send
	asked    []asked // requests written since the peer was last heard
	broken   error   // a write to an unproven peer failed: the reader tells why
	cause    error   // of the end
}

type connState uint8

const (
	stateOpening connState = iota // connecting or in the handshake
	stateOpen
	stateClosed
)

// untilOpen has quit called if the connection ends before it is open.
func (c *conn) untilOpen(quit func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quit = quit; c.state == stateClosed {
		quit()
	}
}

// open makes the connection usable and starts on what is queued.
func (c *conn) open(nc net.Conn, p peer) {
	c.peer = p
	c.mu.Lock()
	c.quit = nil
	if c.state == stateOpening {
		c.state, c.nc = stateOpen, nc
		c.startWriter()
	}
	ending := c.ending && !c.writing
	c.mu.Unlock()
	if c.accepted {
		c.t.conns.publish(c)
	}
	if ending {
		c.wake()
	}
}

// enqueue takes m for writing; false means that the connection is closed and another is needed.
func (c *conn) enqueue(m *Send) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == stateClosed || c.ending:
		return false
	case c.waiting+len(m.Data) > c.t.cfg.Limits.WriteQueueBytes:
		c.counters.queueFull.Add(1)
		c.fail(*m, ErrQueueFull)
		return true
	}
	c.waiting += len(m.Data)
	c.queue = append(c.queue, *m)
	c.startWriter()
	return true
}

// startWriter runs the writer if it is needed; c.mu is held.
func (c *conn) startWriter() {
	if c.state == stateOpen && !c.writing && len(c.queue) > 0 {
		c.writing = true
		c.t.running.Go(c.write)
	}
}

// fail reports m, unless it is a keep-alive of ours.
func (c *conn) fail(m Send, err error) {
	if m.Hop.Transport != 0 {
		c.t.fails.add(m, err)
	}
}

// close ends the connection and fails what it did not deliver. It may be called more than once, by reader and writer.
func (c *conn) close(err error) {
	c.mu.Lock()
	if c.state == stateClosed {
		c.mu.Unlock()
		return
	}
	c.state, c.cause = stateClosed, err
	nc, lost, unproven, quit := c.nc, c.queue, c.unproven, c.quit
	if nc == nil {
		nc = c.raw
	}
	unheard := c.unheard(err)
	known := c.proven && !c.accepted && !c.ending
	c.queue, c.unproven = nil, nil
	c.mu.Unlock()
	c.t.conns.remove(c) // before the failures, so that a retry does not find it
	if known && c.t.cfg.Lost != nil {
		c.t.cfg.Lost(c.key.local, c.key.transport, c.remote)
	}
	for _, m := range unproven {
		c.fail(m, err)
	}
	c.lose(unheard, err)
	c.lose(lost, err)
	if nc != nil {
		nc.Close()
	}
	if quit != nil {
		quit()
	}
}

// ended is why the connection has ended, or otherwise if it has not.
func (c *conn) ended(otherwise error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == stateClosed {
		return c.cause
	}
	return otherwise
}

// finish asks the connection to end when what is queued is written.
func (c *conn) finish() {
	c.mu.Lock()
	c.ending = true
	writing := c.writing
	c.mu.Unlock()
	if !writing {
		c.wake()
	}
}

// wake makes the reader, or the handshake, return at once and close.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.raw == nil {
		return // connecting ends with the dial context
	}
	_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed anyway
}

// cut closes the socket below reader and writer.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.raw != nil {
		c.raw.Close()
	}
}

// source is what the Handler gets with each message.
func (c *conn) source() sip.Source {
	return sip.Source{
		Transport: c.key.transport, Local: c.key.local, Remote: c.remote, Flow: c.flow, Names: c.peer.names,
	}
}
