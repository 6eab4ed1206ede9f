package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/netlink"
	"github.com/directsip/directsip/internal/rights"
	"github.com/directsip/directsip/internal/steer"
)

// steered is the carrier that has no socket per port (tier 2): the kernel steers what comes to the ports of sessions into one socket per
// worker, from which many packets are taken at once, and many leave at once through a raw socket, which may have any source port.
//
// Only ports of running sessions are steered. To steer the whole range would take the packets of every other program that has a port of it,
// and the kernel gives such ports to whoever asks for any.
type steered struct {
	kernel *steer.Table
	exit   *exit // nil: there is none
	dscp   int   // negative: 0
	v6     bool  // this host has IPv6
	table  table // by place
	mark   port  // what the table has for a place that is taken and has no port yet, or no more

	mu     sync.Mutex
	blocks map[int32]*block
	others others

	looking sync.Mutex      // taken before mu
	start   time.Time       // of the relay
	again   atomic.Int64    // when to look again, ns since then
	diag    *netlink.Socket // nil: the kernel cannot say who has ports (CONFIG_INET_UDP_DIAG)
	logger  *slog.Logger

	known atomic.Pointer[[]netip.Addr]
	late  atomic.Uint64 // packets that came to a place that nobody has any more
}

// A port's place is where the tables have it: the index of its address and its number. It is what its socket has for a descriptor.
func placeOf(index int, port uint16) int32 { return int32(index)*steer.Ports + int32(port) }

func addressAt(place int32) (index int, port uint16) { return int(place / steer.Ports), uint16(place) }

// openSteered is nil with the reason when this host or this process cannot.
func openSteered(r *Relay) (o *steered, err error) {
	if missing := rights.Need(unix.CAP_NET_ADMIN, unix.CAP_NET_RAW); missing != nil {
		return nil, missing
	}
	if len(r.workers) > steer.Workers {
		return nil, fmt.Errorf("%d workers are too many, %d at most", len(r.workers), steer.Workers)
	}
	o = &steered{dscp: r.config.DSCP, logger: r.config.Logger, start: r.start, blocks: make(map[int32]*block)}
	o.known.Store(new([]netip.Addr))
	if o.kernel, err = steer.Open(); err != nil {
		return nil, err
	}
	var why string // it is not taken
	if o.exit, err = openExit(uint8(max(0, o.dscp) << 2)); err != nil {
		why = err.Error()
	} else {
		why = o.exit.ways.Guarded()
	}
	if why != "" {
		o.logger.Info("steered media leaves by raw sockets, which takes more CPU", "reason", why)
	}
	for i, w := range r.workers {
		if err = w.openSteered(o, i); err != nil {
			break
		}
	}
	if err != nil {
		for _, w := range r.workers {
			w.closeSteered()
		}
		o.close()
		return nil, err
	}
	o.exit.look()
	if o.diag, err = netlink.Open(unix.NETLINK_SOCK_DIAG); err == nil {
		if err = everybody(o.diag, func(holder) {}); err != nil {
			o.diag.Close()
			o.diag = nil
		}
	}
	return o, nil
}

// close ends the steering. No worker runs any more.
func (o *steered) close() {
	_ = o.kernel.Close()
	o.exit.close()
	for _, b := range o.blocks {
		_ = unix.Close(b.fd)
	}
	clear(o.blocks)
	if o.diag != nil {
		o.diag.Close()
	}
}

func (*steered) tier() media.Tier { return media.TierSteered }

// serves tells whether ports at an address can be steered: it must be one address of this host. Zones and wildcards are left to sockets.
func (o *steered) serves(ip netip.Addr) bool {
	if ip = ip.Unmap(); !ip.IsValid() || ip.IsUnspecified() || ip.Zone() != "" || ip.Is6() && !o.v6 {
		return false
	}
	_, ok := o.index(ip)
	return ok
}

// index makes an address known.
func (o *steered) index(ip netip.Addr) (index int, ok bool) {
	ip = ip.Unmap()
	for i, known := range *o.known.Load() {
		if known == ip {
			return i, true
		}
	}
	o.mu.Lock()
	if index, ok = o.kernel.Address(ip); ok {
		if known := *o.known.Load(); index == len(known) {
			more := append(known[:len(known):len(known)], ip)
			o.known.Store(&more)
		}
	}
	o.mu.Unlock()
	if ok {
		o.look()
	}
	return index, ok
}

// find is the port that an address and port number belong to; nil: none, or none any more.
func (o *steered) find(ip netip.Addr, number uint16) (p *port, place int32) {
	for i, known := range *o.known.Load() {
		if known == ip {
			place = placeOf(i, number)
			return o.table.get(place), place
		}
	}
	return nil, 0
}

// bind reserves a place that nobody else has (see others).
func (o *steered) bind(local netip.AddrPort, generation int32) (socket, error) {
	index, ok := o.index(local.Addr())
	if !ok {
		return noSocket, &PortError{local, unix.EADDRNOTAVAIL}
	}
	place := placeOf(index, local.Port())
	if !o.table.claim(place, &o.mark) {
		return noSocket, &PortError{local, unix.EADDRINUSE}
	}
	o.glance()
	if err := o.reserve(index, place, local); err != nil {
		o.table.set(place, nil)
		return noSocket, &PortError{local, err}
	}
	if o.diag == nil { // it takes trying
		s, err := bindUDP(local)
		if s.close(); err != nil {
			o.drop(socket{fd: place})
			return noSocket, &PortError{local, err}
		}
	}
	return socket{fd: place, generation: generation}, nil
}

func (o *steered) reserve(index int, place int32, local netip.AddrPort) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.others.lost&(1<<index) != 0:
		return unix.EADDRNOTAVAIL
	case o.others.has(index, local.Port()):
		return unix.EADDRINUSE
	}
	return o.reserveBlock(local, place)
}

// attach begins to steer. What waits in the worker's socket came to the port under another session, for it was not steered in between.
func (o *steered) attach(w *worker, p *port) error {
	index, number := addressAt(p.socket.fd)
	p.socket.worker, p.older = w, w.inlets[family((*o.known.Load())[index])].backlog()
	o.table.set(p.socket.fd, p)
	o.kernel.Set(index, number, w.index)
	return nil
}

// detach ends that.
func (o *steered) detach(s socket) {
	index, number := addressAt(s.fd)
	o.kernel.Clear(index, number)
	o.table.set(s.fd, &o.mark)
}

// free gives the place to whoever wants it next.
func (o *steered) free(_ netip.AddrPort, s socket, _ int64) { o.drop(s) }

func (o *steered) drop(s socket) {
	o.mu.Lock()
	o.blocks[s.fd/blockPorts].used--
	o.mu.Unlock()
	o.table.set(s.fd, nil)
}

// tidy looks around, and gives back what nobody uses.
func (o *steered) tidy() {
	o.look()
	o.exit.look()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tidyBlocks()
}

// send takes a packet into the batch of the worker's turn, or sends it at once where none is running.
func (*steered) send(from *port, b []byte, to *sockaddr) unix.Errno {
	w := from.socket.worker
	if w == nil {
		return unix.EBADF // as with a socket that is closed
	}
	return w.outlets[family(from.local().Addr())].send(from, b, to)
}

// The sockets of a worker, by family.
const (
	inet  = 0
	inet6 = 1
)

func family(ip netip.Addr) int {
	if ip.Is4() || ip.Is4In6() {
		return inet
	}
	return inet6
}

// openSteered gives a worker its sockets.
func (w *worker) openSteered(o *steered, index int) (err error) {
	w.index, w.steered = index, o
	for f, ip := range [...]netip.Addr{inet: netip.AddrFrom4([4]byte{127, 0, 0, 1}), inet6: netip.IPv6Loopback()} {
		if f == inet6 && !hasIPv6() {
			continue
		}
		o.v6 = f == inet6
		if w.inlets[f], err = newInlet(ip); err != nil {
			return err
		}
		if err = o.kernel.Serve(index, f == inet6, int(w.inlets[f].fd)); err != nil {
			return fmt.Errorf("steer to the worker's socket: %w", err)
		}
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(f), Pad: isInlet}
		if err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(w.inlets[f].fd), &ev); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		if w.outlets[f], err = newOutlet(f, o.dscp); err != nil {
			return err
		}
		if err = w.outlets[f].join(o.exit); err != nil {
			return err
		}
		if index > 0 {
			continue
		}
		if w.icmp[f], err = openComplaints(f); err != nil {
			return err
		}
		ev = unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(f), Pad: isComplaints}
		if err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(w.icmp[f]), &ev); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
	}
	return nil
}

func (w *worker) closeSteered() {
	for f := range w.inlets {
		w.inlets[f].close()
		w.outlets[f].close()
		w.inlets[f], w.outlets[f] = nil, nil
		if w.icmp[f] > 0 {
			_ = unix.Close(int(w.icmp[f]))
			w.icmp[f] = 0
		}
	}
}

// hasIPv6 tells whether this host has IPv6 at all.
func hasIPv6() bool {
	s, err := openUDP(netip.IPv6Loopback())
	s.close()
	return err == nil || !errors.Is(err, unix.EAFNOSUPPORT)
}
