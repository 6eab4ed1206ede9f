package steer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/rights"
)

// Exit is how packets leave that are written whole, with their IP headers, by a program on the egress of the loopback device (tcx): less than
// half of the stack has to be passed, and yet the kernel finds and keeps the neighbours. Its methods may be called from any goroutine, but Hears.
type Exit struct {
	objects leavingObjects
	link    link.Link
	name    uint32
	asked   uint64
}

const (
	// OrderSize is how many octets of a frame are in front of the IP header.
	OrderSize = 14

	mark     = 0x02646970 // MARK of the program
	loopback = 1          // the index of that device in every network namespace
)

// OpenExit loads the program and attaches it. An error names the right that is missing.
func OpenExit() (*Exit, error) {
	x := &Exit{name: rand.Uint32()}
	spec, err := loadLeaving()
	if err == nil {
		err = spec.Variables[leavingVarName].Set(x.name)
	}
	if err == nil {
		err = spec.LoadAndAssign(&x.objects, nil)
	}
	if err == nil {
		x.link, err = link.AttachTCX(link.TCXOptions{Interface: loopback, Program: x.objects.Leave, Attach: ebpf.AttachTCXEgress})
	}
	if err != nil {
		x.Close()
		return nil, rights.Explain(fmt.Errorf("program on the loopback device: %w", err))
	}
	return x, nil
}

// Close takes the program away.
func (x *Exit) Close() error {
	var errs []error
	if x.link != nil {
		errs = append(errs, x.link.Close())
	}
	return errors.Join(append(errs, x.objects.Close())...)
}

// OpenSocket opens a socket all of whose frames come to the program, and which hears nothing. Its packets have a priority in queues, see SO_PRIORITY in socket(7).
func (x *Exit) OpenSocket(priority int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: loopback}); err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priority)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	return fd, nil
}

// PutOrder says at the beginning of a frame how it leaves: by a device, to the next hop on IPv4, or with zeros by the routes for that device, which say
// to IP where a neighbour does not answer.
func PutOrder(b []byte, device int, hop [4]byte, protocol uint16) {
	binary.BigEndian.PutUint32(b, mark)
	binary.NativeEndian.PutUint32(b[4:], uint32(device))
	copy(b[8:12], hop[:])
	binary.BigEndian.PutUint16(b[12:], protocol)
}

// Hears asks whether what a socket sends comes to the program: not if the device is down, or if somebody else's program is in front and takes it.
func (x *Exit) Hears(fd int) bool {
	var question [OrderSize + 20]byte // some IP header
	var name [4]byte
	binary.NativeEndian.PutUint32(name[:], x.name)
	PutOrder(question[:], 0, name, unix.ETH_P_IP)
	before, heard := x.asked, uint64(0)
	_, _ = unix.Write(fd, question[:]) // it says ENOBUFS of a packet that is dropped
	if x.objects.Heard.Get(&heard) != nil {
		return false
	}
	x.asked = heard
	return heard > before
}
