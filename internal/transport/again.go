package transport

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"syscall"
	"time"
)

// A connection that has served before may be dead without our knowing: its peer was restarted, or closes it while we write. Nothing repeats a
// request on a stream (RFC 3261 §17.1.1.2), so one that is lost with its connection would cost its transaction the time until it is given up. It is
// sent once more, by another connection: who has got it twice takes the second for a repetition (§17.2.3). A firewall that knows the connection no longer drops
// all that comes by it, which shows when the kernel has repeated it for so long as to give up (unacknowledged): by then a call may have gone elsewhere, so an INVITE fails, and
// what else lives still (§17.1.2.2) is sent once more.

const (
	maxAsked = 16               // written requests remembered of one connection
	askedFor = 2 * time.Second  // … for so long: a peer that is there and has lost the connection says so at once; …
	outFor   = 32 * time.Second // … for so long where nobody says anything any more
)

// asked is a request that is being written, or was at that time.
type asked struct {
	send    Send
	written bool
	at      time.Duration
}

// ask remembers the requests of a batch that is about to be written, before an answer can come; c.mu is held. Responses and ACK may have done their
// work when the peer hangs up.
func (c *conn) ask(batch []Send) {
	if !c.proven {
		return
	}
	if n := len(c.asked) - maxAsked; n > 0 {
		c.asked = slices.Delete(c.asked, 0, n)
	}
	for i := range batch {
		m := &batch[i]
		if !m.Hop.Remote.IsValid() || m.again || bytes.HasPrefix(m.Data, []byte("SIP/2.0 ")) || bytes.HasPrefix(m.Data, []byte("ACK ")) {
			continue
		}
		m.asked = true
		c.asked = append(c.asked, asked{send: *m})
	}
}

// taken notes that the kernel has what was being written; c.mu is held.
func (c *conn) taken() {
	for i := range c.asked {
		if a := &c.asked[i]; !a.written {
			a.written, a.at = true, c.t.now()
		}
	}
}

// unheard takes the requests behind which nothing was heard, if they were not written too long ago for why the connection ends; c.mu is held.
func (c *conn) unheard(why error) (list []Send) {
	most := askedFor
	if errors.Is(why, syscall.ETIMEDOUT) {
		most = outFor
	}
	for i := range c.asked {
		a := &c.asked[i]
		age := c.t.now() - a.at
		if a.written && age >= most {
			continue
		}
		a.send.again = a.written && age >= askedFor && bytes.HasPrefix(a.send.Data, []byte("INVITE ")) // fails
		list = append(list, a.send)
	}
	c.asked = nil
	return list
}

// lose deals with messages that the end of the connection has kept from the peer. Where nobody was to be reached they go where the peer has been, or by another connection of its.
func (c *conn) lose(list []Send, err error) {
	c.mu.Lock()
	proven := c.proven
	c.mu.Unlock()
	again := proven && brokenByPeer(err)
	for _, m := range list {
		if !proven && m.Hop.Way.IsValid() && m.Hop.Way != m.Hop.Remote {
			c.t.absent.add(c.t.now(), c.remote)
			c.t.sendStream(&m)
			continue
		}
		if !proven && m.instead.IsValid() { // nor there: it may as well be back where it says
			c.t.absent.forget(m.instead)
		}
		if !proven && c.t.sendByAnother(&m) {
			continue
		}
		if !again || m.again || m.Hop.Transport == 0 {
			c.fail(m, err)
			continue
		}
		m.again, m.asked = true, false
		c.t.sendStream(&m)
	}
}

// brokenByPeer tells whether a connection has ended without our will.
func brokenByPeer(err error) bool {
	for _, target := range [...]error{errHungUp, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
