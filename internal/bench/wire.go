package bench

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/pion/srtp/v3"
	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// rtpSize is a packet of 20 ms G.711: header and 160 bytes.
const rtpSize = 172

// wire sends and receives many packets with one system call; the load must cost less than what it measures.
type wire struct {
	fd    int
	msgs  []mmsghdr
	iovs  []unix.Iovec
	names []unix.RawSockaddrInet4
	bufs  [][rtpSize + 84]byte
	stamp []stamp
}

// stamp is the control message of SO_TIMESTAMPNS (socket(7)).
type stamp struct {
	hdr unix.Cmsghdr
	at  unix.Timespec
}

func newWire(fd, batch int) *wire {
	w := &wire{fd: fd, msgs: make([]mmsghdr, batch), iovs: make([]unix.Iovec, batch), names: make([]unix.RawSockaddrInet4, batch),
		bufs: make([][rtpSize + 84]byte, batch), stamp: make([]stamp, batch)}
	for i := range w.msgs {
		w.iovs[i].Base = &w.bufs[i][0]
		w.iovs[i].SetLen(len(w.bufs[i]))
		w.msgs[i].hdr.Iov = &w.iovs[i]
		w.msgs[i].hdr.SetIovlen(1)
	}
	return w
}

// mediaSocket binds host:mediaPort with room for what arrives while others have the core. The kernel notes when packets arrive.
func mediaSocket(host string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 16<<20) != nil {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF}[o], 4<<20)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrInet4{Port: mediaPort, Addr: netip.MustParseAddr(host).As4()})
}

func rawAddr(a netip.AddrPort) (r unix.RawSockaddrInet4) {
	r.Family, r.Addr = unix.AF_INET, a.Addr().As4()
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&r.Port))[:], a.Port())
	return r
}

// send sends the first n buffers and tells how many the kernel took.
func (w *wire) send(n int) int {
	sent := 0
	for sent < n {
		k, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&w.msgs[sent])), uintptr(n-sent), 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return sent
		}
		sent += int(k)
	}
	return sent
}

// receive takes what is there, without waiting.
func (w *wire) receive() int {
	for i := range w.msgs {
		w.msgs[i].hdr.Name, w.msgs[i].hdr.Namelen = (*byte)(unsafe.Pointer(&w.names[i])), unix.SizeofSockaddrInet4
		w.msgs[i].hdr.Control = (*byte)(unsafe.Pointer(&w.stamp[i]))
		w.msgs[i].hdr.SetControllen(int(unsafe.Sizeof(stamp{})))
	}
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&w.msgs[0])), uintptr(len(w.msgs)), unix.MSG_DONTWAIT, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return 0
		}
		return int(n)
	}
}

// port is that which packet i came from.
func (w *wire) port(i int) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&w.names[i].Port))[:])
}

// arrived is when packet i came to the socket, in nanoseconds of the wall clock.
func (w *wire) arrived(i int) int64 { return w.stamp[i].at.Nano() }

// seal protects packet i, in place.
func (w *wire) seal(i int, c *srtp.Context) {
	if b, err := c.EncryptRTP(w.bufs[i][:0], w.bufs[i][:rtpSize], nil); err == nil {
		w.iovs[i].SetLen(len(b))
	}
}

// fill writes packet i: RTP header, then which kind it is and when it left.
func (w *wire) fill(i int, flow uint32, seq uint16, kind byte, sent time.Time) {
	b := w.head(i, flow, seq, 0, 160)
	b[12] = kind
	binary.BigEndian.PutUint64(b[16:], uint64(sent.UnixNano()))
	w.iovs[i].SetLen(rtpSize)
}

// say writes packet i of what is said; the calls are not at the same word.
func (w *wire) say(i int, flow uint32, seq uint16, s *speech) {
	b := w.head(i, flow, seq, s.payloadType, s.ticks)
	w.iovs[i].SetLen(12 + copy(b[12:], s.payloads[(int(seq)+37*int(flow))%len(s.payloads)]))
}

// head writes the header of RTP of packet i, whose timestamp is so many ticks behind that of the packet before.
func (w *wire) head(i int, flow uint32, seq uint16, payloadType uint8, ticks uint32) []byte {
	b := w.bufs[i][:rtpSize]
	b[0], b[1] = 0x80, payloadType
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], uint32(seq)*ticks)
	binary.BigEndian.PutUint32(b[8:], flow+1)
	return b
}
