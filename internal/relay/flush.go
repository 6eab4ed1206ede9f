package relay

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxQueued is more datagrams than a receive buffer of the usual size holds, as each takes at least 576 octets of it.
const maxQueued = 512

// flush throws away what waits in sockets that were warm, before their ports are told of them. One system call finds
// out for all, as nearly always nothing is there. A socket to which packets come faster than they can be thrown away is
// closed and the port bound anew.
func (r *Relay) flush(changes []change) error {
	for len(changes) > 0 {
		part := changes[:min(len(changes), usual)]
		changes = changes[len(part):]
		for i, waiting := range queued(part) {
			if !waiting || part[i].fresh.drain(r.maxQueued) {
				continue
			}
			c := &part[i]
			c.fresh.leave()
			c.fresh.close()
			s, err := c.port.stream.carrier.bind(c.local, r.nextGeneration())
			c.fresh = s
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// queued tells which sockets that were warm have packets waiting.
func queued(changes []change) (waiting [usual]bool) {
	var fds [usual]unix.PollFd
	n := 0
	for i := range changes {
		fds[i] = unix.PollFd{Fd: -1, Events: unix.POLLIN} // a negative one is passed over, poll(2)
		if changes[i].fresh.worker != nil {
			fds[i].Fd = changes[i].fresh.fd
			n++
		}
	}
	if n == 0 {
		return waiting
	}
	var now unix.Timespec
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), uintptr(len(changes)), uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	for i := range changes {
		waiting[i] = fds[i].Fd >= 0 && (errno != 0 || fds[i].Revents != 0)
	}
	return waiting
}

// drain throws away what waits. It reports false when that is most datagrams or more: the queue is longer than ever
// expected, or packets come faster than they can be thrown away.
func (s socket) drain(most int) bool {
	s.forgetErrors()
	for range most {
		if !s.skip() {
			return true
		}
	}
	return false
}

// skip throws one datagram away; false: none is there.
func (s socket) skip() bool {
	var b [1]byte
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_DONTWAIT, 0, 0)
	return errno != unix.EAGAIN
}
