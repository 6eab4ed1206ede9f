// Package netlink asks the kernel about its routes, devices, policies and sockets (netlink(7)).
package netlink

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is one on which the kernel is asked. It is of one goroutine at a time.
type Socket struct {
	fd       int
	sequence uint32
	buffer   [1 << 15]byte // the kernel makes no longer parts of a dump
}

// Open opens a socket of a protocol: unix.NETLINK_ROUTE, for example.
func Open(protocol int) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &Socket{fd: fd}, nil
}

// Close closes it.
func (s *Socket) Close() { _ = unix.Close(s.fd) }

// Request is a message to be filled, with the structure that its kind begins with.
func Request(kind uint16, body []byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr, 128)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	return append(b, body...)
}

// Attribute appends one.
func Attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// Ask sends a request and returns the body of its answer, valid until the next.
func (s *Socket) Ask(b []byte) (answer []byte, err error) {
	if err := s.send(b); err != nil {
		return nil, err
	}
	err = s.answers(func(_ uint16, body []byte) bool {
		answer = body
		return true
	})
	return answer, err
}

// Dump sends a request for all that there is, and calls each for the body of every answer, which is valid so long.
func (s *Socket) Dump(b []byte, each func(body []byte)) error {
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if err := s.send(b); err != nil {
		return err
	}
	failed := 0
	err := s.answers(func(kind uint16, body []byte) bool {
		if kind == unix.NLMSG_DONE { // with what has gone wrong, as where the kernel has no such sockets to tell of
			failed = Number(body)
			return true
		}
		each(body)
		return false
	})
	if err == nil && int32(failed) < 0 {
		return unix.Errno(-int32(failed))
	}
	return err
}

func (s *Socket) send(b []byte) error {
	s.sequence++
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint32(b[8:], s.sequence)
	return unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// answers calls each for what the kernel says to the last request, until it was the last.
func (s *Socket) answers(each func(kind uint16, body []byte) (last bool)) error {
	for {
		size, _, err := unix.Recvfrom(s.fd, s.buffer[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for b := s.buffer[:size]; len(b) >= unix.SizeofNlMsghdr; {
			length := int(binary.NativeEndian.Uint32(b))
			if length < unix.SizeofNlMsghdr || length > len(b) {
				return unix.EBADMSG
			}
			kind, sequence, body := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[unix.SizeofNlMsghdr:length]
			b = b[min((length+3)&^3, len(b)):]
			switch {
			case sequence != s.sequence: // the answer to one that was given up
			case kind == unix.NLMSG_ERROR && len(body) < 4:
				return unix.EBADMSG
			case kind == unix.NLMSG_ERROR:
				return unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
			case each(kind, body):
				return nil
			}
		}
	}
}

// Attributes calls each for what follows a header in the body of an answer.
func Attributes(body []byte, header int, each func(kind uint16, value []byte)) {
	for b := body[min(header, len(body)):]; len(b) >= unix.SizeofRtAttr; {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED, b[unix.SizeofRtAttr:length])
		b = b[min((length+3)&^3, len(b)):]
	}
}

// Number is the value of an attribute of 32 bits.
func Number(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(value))
}

// Octets of a structure of the kernel's interface.
func Octets[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }
