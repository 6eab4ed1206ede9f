package fastpath

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// netlink is a socket on which the kernel is asked about its routes, devices and policies (rtnetlink(7)).
type netlink struct {
	fd       int
	sequence uint32
	buffer   [1 << 14]byte
}

func openNetlink(protocol int) (*netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &netlink{fd: fd}, nil
}

// request is a message to be filled.
func request(kind uint16, body []byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr, 128)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	return append(b, body...)
}

// attribute appends one whose value has a length that four divides.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(b, value...)
}

// ask sends a request and returns the body of its answer, valid until the next.
func (n *netlink) ask(b []byte) ([]byte, error) {
	n.sequence++
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint32(b[8:], n.sequence)
	if err := unix.Sendto(n.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		size, _, err := unix.Recvfrom(n.fd, n.buffer[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := n.buffer[:size]
		if len(a) < unix.SizeofNlMsghdr || binary.NativeEndian.Uint32(a[8:]) != n.sequence {
			continue // the answer to one that was given up
		}
		length := int(binary.NativeEndian.Uint32(a))
		body := a[unix.SizeofNlMsghdr:max(unix.SizeofNlMsghdr, min(length, len(a)))]
		if binary.NativeEndian.Uint16(a[4:]) != unix.NLMSG_ERROR {
			return body, nil
		}
		if len(body) < 4 {
			return nil, unix.EBADMSG
		}
		return nil, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	}
}

// attributes calls each for what follows a header in the body of an answer.
func attributes(body []byte, header int, each func(kind uint16, value []byte)) {
	for b := body[min(header, len(body)):]; len(b) >= unix.SizeofRtAttr; {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED, b[unix.SizeofRtAttr:length])
		b = b[min((length+3)&^3, len(b)):]
	}
}

func number(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(value))
}

// octets of a structure of the kernel's interface.
func octets[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

func (n *netlink) close() { _ = unix.Close(n.fd) }
