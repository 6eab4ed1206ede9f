package relay

import (
	"net"
	"time"
)

// A handshake is the net.PacketConn of its DTLS.

// ReadFrom waits for a record.
func (h *handshake) ReadFrom(b []byte) (int, net.Addr, error) {
	h.mu.Lock()
	past := h.past
	h.mu.Unlock()
	select {
	case record := <-h.in:
		return copy(b, record), h.LocalAddr(), nil
	case <-past:
		return 0, nil, timeoutError{}
	case <-h.ctx.Done():
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a record to where the peer's last one came from, or else where its media goes.
func (h *handshake) WriteTo(b []byte, _ net.Addr) (int, error) {
	p := h.port
	p.stream.session.mu.Lock()
	defer p.stream.session.mu.Unlock()
	if h.mute || p.dtls == nil || p.dtls.run != h || !p.socket.open() {
		return len(b), nil
	}
	to := &h.peer
	if to.size == 0 {
		to = p.gate.destination(p.stream.side[p.side].trust.latch)
	}
	if to.size != 0 {
		p.stream.carrier.send(p, b, to) // what is lost on the way is repeated
	}
	return len(b), nil
}

// Close ends nothing: the port stays.
func (h *handshake) Close() error { return nil }

// LocalAddr stands for both ends: DTLS does not look at addresses.
func (h *handshake) LocalAddr() net.Addr { return nowhere }

var nowhere = &net.UDPAddr{}

// SetReadDeadline ends reading when it is past; that is all it is used for.
func (h *handshake) SetReadDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.past:
		if t.IsZero() {
			h.past = make(chan struct{})
		}
	default:
		if !t.IsZero() && !t.After(time.Now()) {
			close(h.past)
		}
	}
	return nil
}

// SetWriteDeadline does nothing: writing does not wait.
func (h *handshake) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (h *handshake) SetDeadline(t time.Time) error { return h.SetReadDeadline(t) }

type timeoutError struct{}

func (timeoutError) Error() string   { return "deadline" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
