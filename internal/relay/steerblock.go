package relay

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// blockPorts is how many ports of an address are taken together from other processes that steer.
const blockPorts = 64

// block is some ports next to each other that this process has for itself. No socket is bound to a steered port, so two servers of one host whose
// ranges overlap would not notice each other. The name of a Unix socket in the abstract namespace tells them: it is of the network namespace,
// as ports are, and goes with the process (unix(7)).
type block struct {
	fd   int
	used int  // ports
	idle bool // for a sweep already
}

// reserveBlock takes the block that a place is in. o.mu is held.
func (o *steered) reserveBlock(local netip.AddrPort, place int32) error {
	b := o.blocks[place/blockPorts]
	if b == nil {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return explain(err)
		}
		name := fmt.Sprintf("@directsip media %v %d", local.Addr().Unmap(), local.Port()/blockPorts)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
			_ = unix.Close(fd)
			return err
		}
		b = &block{fd: fd}
		o.blocks[place/blockPorts] = b
	}
	b.used++
	b.idle = false
	return nil
}

// tidyBlocks gives back those that nobody has used between two sweeps. o.mu is held.
func (o *steered) tidyBlocks() {
	for i, b := range o.blocks {
		if b.used == 0 && b.idle {
			_ = unix.Close(b.fd)
			delete(o.blocks, i)
		}
		b.idle = b.used == 0
	}
}
