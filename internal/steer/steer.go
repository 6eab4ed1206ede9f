// Package steer lets the kernel put UDP datagrams to many ports into few sockets, by a program for BPF_PROG_TYPE_SK_LOOKUP.
//
// A datagram that is delivered on this host goes, by its destination address and port, to the socket of a worker, or where it would go
// without all this: a connected socket comes first, a bound one last. Nothing is pinned: when the process ends, however it does, the kernel
// takes the program away.
package steer

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/rights"
)

const (
	// Workers is how many can be told apart.
	Workers = 128
	// Addresses is how many can be steered.
	Addresses = 16
	// Ports of an address, used or not.
	Ports = 1 << 16
)

// Table says which datagrams go where. Its methods may be called from any goroutine.
type Table struct {
	objects objectObjects
	link    *link.NetNsLink
	rows    []byte // the memory of the program: a worker for each address and port

	mu        sync.Mutex
	addresses []netip.Addr
}

// Open loads the program and attaches it to the network namespace of the calling thread. An error names the right that is missing.
func Open() (*Table, error) {
	t := &Table{}
	if err := loadObjectObjects(&t.objects, nil); err != nil {
		return nil, rights.Explain(fmt.Errorf("sk_lookup program: %w", err))
	}
	var err error
	if t.rows, err = unix.Mmap(t.objects.Rows.FD(), 0, Addresses*Ports, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Close()
		return nil, fmt.Errorf("memory of the sk_lookup program: %w", err)
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Close()
		return nil, err
	}
	defer here.Close()
	if t.link, err = link.AttachNetNs(int(here.Fd()), t.objects.Steer); err != nil {
		t.Close()
		return nil, rights.Explain(fmt.Errorf("attach sk_lookup program: %w", err))
	}
	return t, nil
}

// Close ends the steering.
func (t *Table) Close() error {
	var errs []error
	if t.link != nil {
		errs = append(errs, t.link.Close())
	}
	if t.rows != nil {
		errs = append(errs, unix.Munmap(t.rows))
		t.rows = nil
	}
	return errors.Join(append(errs, t.objects.Close())...)
}

// Serve gives a worker, counted from 0, the socket for its IPv4 or IPv6 datagrams. The socket must be bound, to whatever address.
func (t *Table) Serve(worker int, v6 bool, fd int) error {
	if worker < 0 || worker >= Workers {
		return fmt.Errorf("steer: worker %d of %d", worker, Workers)
	}
	key := uint32(2 * worker)
	if v6 {
		key++
	}
	return t.objects.Sockets.Update(key, uint64(fd), ebpf.UpdateAny)
}

// Address makes an address known and returns its index, which stays; false when there are too many.
func (t *Table) Address(ip netip.Addr) (index int, ok bool) {
	ip = ip.Unmap()
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.addresses, ip); i >= 0 {
		return i, true
	}
	i := len(t.addresses)
	if i == Addresses || !ip.IsValid() || t.objects.Addresses.Update(ip.As16(), uint32(i), ebpf.UpdateAny) != nil {
		return 0, false
	}
	t.addresses = append(t.addresses, ip)
	return i, true
}

// Set steers a port of an address to a worker, from the next datagram on.
func (t *Table) Set(index int, port uint16, worker int) {
	t.rows[index*Ports+int(port)] = byte(worker + 1)
}

// Clear ends that.
func (t *Table) Clear(index int, port uint16) { t.rows[index*Ports+int(port)] = 0 }
