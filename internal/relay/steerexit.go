package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/steer"
	"github.com/directsip/directsip/internal/ways"
)

// exit is the short way out for packets of steered ports: with their IP headers, past routes and filters of the stack, which cost more than all the
// rest. It is taken where the packet is sure to be the one that the raw socket would have sent, to the same neighbour. Who is in doubt takes
// the raw socket: as long as a way is not known, or something of the network has changed, or this host filters what leaves.
type exit struct {
	program *steer.Exit
	ways    *ways.Ways
	open    atomic.Bool // the program hears

	mu     sync.Mutex
	socket int // by which it is asked
}

// exitEvery is how many packets of a port leave by a known next hop until one leaves by the routes, of which ICMP says where the neighbour does
// not answer: one in a second of 20 ms.
const exitEvery = 50

// longestExit is the longest packet that leaves so, with its IP header: what IPv6 carries everywhere (RFC 8200 §5) and so does all of IPv4 that carries
// calls, as only the stack learns the MTU of a path.
const longestExit = 1280

// way is how packets of a port to one host leave.
type way struct {
	until  uint64   // it is true as long as there are so many changes, plus one; 0: it is not known
	to     [16]byte // the host
	hop    [4]byte  // zeros: by the routes
	place  int32    // of the port
	device uint32   // 0: by the raw socket
	mtu    uint16   // octets with the IP header
	left   uint8    // packets that leave by the next hop before one leaves by the routes
}

// openExit takes tcx, and somebody to ask for routes of packets of a class.
func openExit(class uint8) (*exit, error) {
	program, err := steer.OpenExit()
	if err != nil {
		return nil, err
	}
	x := &exit{program: program}
	if x.socket, err = program.OpenSocket(0); err == nil {
		if x.ways, err = ways.Open(ways.Config{Class: class, Filters: true}); err != nil {
			_ = unix.Close(x.socket)
		}
	}
	if err != nil {
		_ = program.Close()
		return nil, err
	}
	return x, nil
}

func (x *exit) close() {
	if x != nil {
		x.ways.Close()
		_ = unix.Close(x.socket)
		_ = x.program.Close()
	}
}

// look makes sure that the exit is open.
func (x *exit) look() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ways.Glance()
	x.open.Store(x.program.Hears(x.socket))
}

// join opens the outlet's socket of the exit, with the priority that the system gives packets of this class.
func (o *outlet) join(x *exit) error {
	if x == nil {
		return nil
	}
	priority, err := unix.GetsockoptInt(int(o.fd), unix.SOL_SOCKET, unix.SO_PRIORITY)
	if err != nil {
		return fmt.Errorf("priority: %w", err)
	}
	fd, err := x.program.OpenSocket(priority)
	if err != nil {
		return err
	}
	o.exit, o.out = x, int32(fd)
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, outletBuffer); err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	return nil
}

// wayOf is how a packet of a port leaves by the exit; nil: it does not.
func (o *outlet) wayOf(from *port, size int, to *sockaddr) *way {
	if o.exit == nil || !o.exit.open.Load() {
		return nil
	}
	w, head := &from.way, ipv4Header
	var host [16]byte
	if o.family == inet {
		copy(host[:], to.raw[4:8])
	} else {
		copy(host[:], to.raw[8:24])
		head = ipv6Header
	}
	if w.until != o.exit.ways.Changes()+1 || w.to != host || w.place != from.socket.fd {
		if *w = (way{place: from.socket.fd, to: host}); !w.find(o.exit.ways, from.local().Addr().Unmap(), to.addrPort().Addr()) {
			return nil
		}
	}
	if w.device == 0 || head+udpHeader+size > int(w.mtu) {
		return nil
	}
	return w
}

// find asks for the way; false: it is not known.
func (w *way) find(known *ways.Ways, from, to netip.Addr) bool {
	if to.IsLinkLocalUnicast() || from.IsLinkLocalUnicast() {
		return false
	}
	p, changes, ok := known.Now(from, to)
	if !ok {
		return false
	}
	w.until = changes + 1
	if p.Why != "" || p.Odd != "" || p.Local || p.MTU <= 0 {
		return true
	}
	w.device, w.mtu = uint32(p.Device), uint16(min(p.MTU, longestExit))
	if p.Hop.Is4() {
		w.hop = p.Hop.As4()
	}
	return true
}

// byExit completes packet i, and makes it leave by the exit.
func (o *outlet) byExit(i int, w *way) {
	hop, slot, size := w.hop, &o.slots[i], o.udpLength(i)
	if w.left == 0 {
		w.left, hop = exitEvery, [4]byte{}
	}
	w.left--
	begin, info := 0, &o.source[i].info
	if o.family == inet {
		begin = ipv6Header - ipv4Header
		b := slot[begin+steer.OrderSize:][:ipv4Header]
		steer.PutOrder(slot[begin:], int(w.device), hop, unix.ETH_P_IP)
		b[0], b[1] = 0x45, o.tos
		binary.BigEndian.PutUint16(b[2:], uint16(ipv4Header+size))
		binary.BigEndian.PutUint32(b[4:], 0x4000) // not to be cut, so it needs no number (RFC 6864 §4.1)
		b[8], b[9], b[10], b[11] = outletHops, unix.IPPROTO_UDP, 0, 0
		copy(b[12:16], info[4:8])
		copy(b[16:20], w.to[:4])
		binary.BigEndian.PutUint16(b[10:], ^folded(onesSum(0, b)))
	} else {
		b := slot[steer.OrderSize:][:ipv6Header]
		steer.PutOrder(slot[:], int(w.device), hop, unix.ETH_P_IPV6)
		binary.BigEndian.PutUint32(b, 6<<28|uint32(o.tos)<<20)
		binary.BigEndian.PutUint16(b[4:], uint16(size))
		b[6], b[7] = unix.IPPROTO_UDP, outletHops
		copy(b[8:24], info[:16])
		copy(b[24:40], w.to[:])
	}
	o.leaves[i] = true
	o.iovs[i].Base = &slot[begin]
	o.iovs[i].SetLen(headroom - begin + size)
	h := &o.msgs[i].hdr
	h.Name, h.Namelen, h.Control = nil, 0, nil
	h.SetControllen(0)
}
