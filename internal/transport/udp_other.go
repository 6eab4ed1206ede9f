//go:build !linux

package transport

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// Systems other than Linux read and write one datagram at a time: good enough to try things out.

// rxBatch is a batch of one.
type rxBatch struct {
	buf    []byte
	n      int
	remote netip.AddrPort
}

// txBatch is a batch whose messages are written one by one.
type txBatch struct {
	sends    [sendChunk]Send
	first, n int
}

func (s *udpSocket) prepare(buffer int) error {
	s.rx.buf = make([]byte, maxDatagram)
	_ = s.conn.SetReadBuffer(buffer) // as large as the system allows
	_ = s.conn.SetWriteBuffer(buffer)
	return nil
}

func (s *udpSocket) readBatch() (int, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(s.rx.buf)
	if err != nil {
		return 0, err
	}
	s.rx.n = n
	s.rx.remote = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

func (r *rxBatch) data(int) ([]byte, bool)         { return r.buf[:r.n:r.n], true }
func (r *rxBatch) from(int) (netip.AddrPort, bool) { return r.remote, r.remote.Port() != 0 }
func (r *rxBatch) emptied() bool                   { return false }
func (x *txBatch) len() int                        { return x.n - x.first }
func (x *txBatch) full() bool                      { return x.n == len(x.sends) }
func (s *udpSocket) kernelDrops() uint64           { return 0 }
func (s *udpSocket) overheard(error) bool          { return false }

func (x *txBatch) add(m *Send, is4 bool) error {
	to := m.Hop.Remote.Addr().Unmap()
	if !to.IsValid() || to.Is4() != is4 || len(m.Data) == 0 {
		return ErrFamily
	}
	x.sends[x.n] = *m
	x.n++
	return nil
}

func (x *txBatch) drop() Send {
	m := x.sends[x.first]
	x.first++
	return m
}

func (x *txBatch) reset() {
	clear(x.sends[:x.n])
	x.first, x.n = 0, 0
}

func (s *udpSocket) writeBatch(bool) (n, bytes int, err error) {
	m := &s.tx.sends[s.tx.first]
	n, err = s.conn.WriteToUDPAddrPort(m.Data, m.Hop.Remote)
	if err == nil {
		s.tx.first++
		return 1, n, nil
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, net.ErrClosed):
		return 0, 0, net.ErrClosed
	case errors.As(err, &errno):
		return 0, 0, errno
	}
	return 0, 0, err
}
