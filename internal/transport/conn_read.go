package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"
)

var (
	pong      = []byte("\r\n")
	errHungUp = errors.New("transport: peer closed the connection")
)

// read delivers messages until the connection ends.
func (c *conn) read() {
	err := c.readLoop()
	c.mu.Lock()
	broken := c.broken
	c.mu.Unlock()
	switch {
	case isTimeout(err) && broken != nil:
		err = broken
	case isTimeout(err) && !c.finished():
		c.t.log.Debug("connection timed out", "transport", c.key.transport, "peer", c.remote)
	case errors.Is(err, io.EOF):
		err = errHungUp
	}
	c.close(fmt.Errorf("%w: %w", ErrClosed, err))
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// finished tells that Close was called and everything is written.
func (c *conn) finished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending && !c.writing && len(c.queue) == 0
}

func (c *conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == stateOpen && !c.ending
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == stateClosed
}

func (c *conn) readLoop() error {
	c.mu.Lock()
	nc := c.nc
	c.mu.Unlock()
	if nc == nil {
		return ErrClosed
	}
	f := framer{lim: c.t.cfg.Messages}
	clock := readClock{nc: nc, message: c.t.cfg.Limits.ReadTimeout, idle: c.t.cfg.Limits.IdleTimeout}
	for {
		if err := clock.arm(f.partial(), c.t.now()); err != nil {
			return err
		}
		c.mu.Lock()
		c.hurry() // what arm has set is too late
		c.mu.Unlock()
		if c.finished() {
			return ErrClosed
		}
		n, err := nc.Read(f.space())
		if n > 0 {
			c.prove()
			f.filled(n)
			if progress, err := c.deliver(&f); err != nil {
				return err
			} else if progress {
				clock.started = false
			}
		}
		if err != nil {
			if isTimeout(err) && f.partial() {
				c.counters.slow.Add(1)
			}
			return err
		}
	}
}

// readClock sets the read deadline: a message that has begun has a fixed time to end, however it
// trickles; without one the idle time runs.
type readClock struct {
	nc            net.Conn
	message, idle time.Duration
	started       bool          // the deadline is that of a message
	armed         time.Duration // when the idle deadline was set; 0: not
}

func (k *readClock) arm(partial bool, now time.Duration) error {
	switch {
	case partial && k.started:
		return nil
	case partial:
		k.started, k.armed = true, 0
		return k.nc.SetReadDeadline(time.Now().Add(k.message))
	case k.idle < 0 && k.armed != 0, k.armed != 0 && now-k.armed < k.idle/16:
		return nil // setting it costs, and it need not be exact
	}
	k.started, k.armed = false, now
	if k.idle < 0 {
		return k.nc.SetReadDeadline(time.Time{})
	}
	return k.nc.SetReadDeadline(time.Now().Add(k.idle))
}

// prove notes that the peer speaks.
func (c *conn) prove() {
	c.heard.Store(int64(c.t.now()))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proven, c.unproven = true, nil
	c.asked = slices.DeleteFunc(c.asked, func(a asked) bool { return a.written }) // the others may still fail
}

// deliver hands on what the framer has and tells whether a message was complete.
func (c *conn) deliver(f *framer) (progress bool, err error) {
	src := c.source()
	h := c.t.cfg.Handler
	for {
		msg, pings, err := f.next()
		c.pings(pings)
		if err != nil {
			c.counters.malformed.Add(1)
			if c.t.gate.open(c.t.now()) {
				c.t.log.Info("framing lost", "transport", c.key.transport, "peer", c.remote, "error", err)
			}
			if progress {
				h.Flush()
			}
			return progress, err
		}
		if msg == nil {
			if progress {
				h.Flush()
			}
			return progress, nil
		}
		if wait, ok := c.t.rate.Load().spend(src.Remote.Addr(), c.t.now()); !ok {
			if progress {
				h.Flush()
			}
			if err := c.delay(wait); err != nil {
				return progress, err
			}
		}
		progress = true
		c.counters.inMessages.Add(1)
		c.counters.inBytes.Add(uint64(len(msg)))
		h.Packet(src, msg)
	}
}

// delay reads nothing until the source may send another message. Dropping it instead would cost its sender the
// whole transaction, as nobody repeats on a stream.
func (c *conn) delay(wait time.Duration) error {
	c.counters.delayed.Add(1)
	for {
		timer := time.NewTimer(min(wait, time.Second))
		select {
		case <-timer.C:
		case <-c.t.dialCtx.Done():
			timer.Stop()
			return ErrClosed
		}
		if c.isClosed() {
			return ErrClosed
		}
		var ok bool
		if wait, ok = c.t.rate.Load().spend(c.remote.Addr(), c.t.now()); ok {
			return nil
		}
	}
}

// pings answers n double-CRLF keep-alives with one CRLF (RFC 5626 §3.5.1), and none while one waits to be written: those for a peer that does not read would fill
// the memory.
func (c *conn) pings(n int) {
	if n == 0 {
		return
	}
	c.counters.keepAlives.Add(uint64(n))
	c.mu.Lock()
	last := len(c.queue) - 1
	waits := last >= 0 && c.queue[last].Hop.Transport == 0
	c.mu.Unlock()
	if !waits {
		c.enqueue(&Send{Data: pong})
	}
}
