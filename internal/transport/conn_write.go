package transport

import (
	"net"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

const (
	recordBatch = 16 << 10 // bytes joined for one TLS write: one record
	keepQueue   = 64       // messages of queue memory that an idle connection keeps
)

// writer is the scratch memory of one run of write.
type writer struct {
	joined  []byte
	buffers net.Buffers
	rest    net.Buffers // what WriteTo has not consumed of buffers
}

// write puts the queue on the wire until it is empty. All that came together leaves together.
func (c *conn) write() {
	var w writer
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.state == stateClosed {
			c.writing = false
			ending := c.ending
			c.mu.Unlock()
			if ending {
				c.wake()
			}
			return
		}
		batch := c.queue
		c.queue, c.spare = c.spare[:0], nil
		c.ask(batch)
		nc := c.nc
		c.mu.Unlock()
		if err := w.batch(nc, c.key.transport, batch, c.t.cfg.Limits.WriteTimeout); err != nil {
			c.writeFailed(batch, err)
			return
		}
		c.written(batch)
	}
}

// batch writes messages in as few system calls and TLS records as there can be.
func (w *writer) batch(nc net.Conn, t sip.Transport, batch []Send, timeout time.Duration) error {
	if err := nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if len(batch) == 1 {
		_, err := nc.Write(batch[0].Data)
		return err
	}
	if t == sip.TCP {
		w.buffers = w.buffers[:0]
		for i := range batch {
			w.buffers = append(w.buffers, batch[i].Data)
		}
		w.rest = w.buffers
		_, err := w.rest.WriteTo(nc)
		clear(w.buffers)
		return err
	}
	w.joined = w.joined[:0]
	for i := range batch {
		if len(w.joined) > 0 && len(w.joined)+len(batch[i].Data) > recordBatch {
			if _, err := nc.Write(w.joined); err != nil {
				return err
			}
			w.joined = w.joined[:0]
		}
		w.joined = append(w.joined, batch[i].Data...)
	}
	_, err := nc.Write(w.joined)
	return err
}

// written accounts for a batch that the kernel has taken.
func (c *conn) written(batch []Send) {
	var bytes, messages int
	var lost []Send
	c.mu.Lock()
	for i := range batch {
		bytes += len(batch[i].Data)
		if batch[i].Hop.Transport == 0 {
			continue // a keep-alive
		}
		messages++
		switch {
		case c.proven:
		case c.state == stateClosed: // meanwhile, without a word
			lost = append(lost, batch[i])
		case len(c.unproven) < maxUnproven:
			m := batch[i]
			m.Data = nil
			c.unproven = append(c.unproven, m)
		}
	}
	c.taken()
	c.waiting -= bytes
	clear(batch)
	if cap(batch) <= keepQueue {
		c.spare = batch[:0]
	}
	cause := c.cause
	c.mu.Unlock()
	for i := range lost {
		c.fail(lost[i], cause)
	}
	c.counters.outMessages.Add(uint64(messages))
	c.counters.outBytes.Add(uint64(bytes))
}

// lastWord is the time for reading what a peer said before it closed.
const lastWord = 200 * time.Millisecond

// hurry lets the reader of a broken connection read what is there and no more; c.mu is held.
func (c *conn) hurry() {
	if c.broken != nil {
		_ = c.raw.SetReadDeadline(time.Now().Add(lastWord)) // fails only when it is closed anyway
	}
}

// writeFailed closes the connection; part of the batch may have been delivered. A peer that has not said a word yet may have refused our
// certificate: its alert is still to be read, and says more than that the connection broke.
func (c *conn) writeFailed(batch []Send, err error) {
	slow := isTimeout(err)
	if slow {
		c.counters.slow.Add(1)
	}
	c.mu.Lock()
	switch {
	case c.state == stateClosed: // by the reader, which knows why
		err = c.cause
	case !slow && !c.accepted && !c.proven:
		c.broken = err
		c.queue = append(batch[:len(batch):len(batch)], c.queue...)
		c.hurry()
		c.mu.Unlock() // c.writing stays: nobody writes any more
		return
	}
	c.writing = false
	c.mu.Unlock()
	c.cut() // TLS would try to say good-bye to a peer that does not read
	c.close(err)
	c.lose(slices.DeleteFunc(batch, func(m Send) bool { return m.asked }), err) // the others are dealt with by close
}
