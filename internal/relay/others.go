package relay

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
	"github.com/directsip/directsip/internal/steer"
)

// others are the ports that somebody has a socket for. Steering comes before bound sockets, so a program that has a port of ours would hear nothing
// any more, and nobody would notice: with a socket per port it would be refused, or we would. So all of the host's UDP sockets are looked at with
// every sweep (sock_diag(7)). That takes the kernel 40 µs where there are few and 1 ms for some ten thousand, and no call anything, while to bind
// each port for a moment costs more than the rest of opening a call.
//
// A port that is taken between two sweeps is a call's for so long. If it is one of a running call, it stays that, and the log says so.
type others struct {
	ports []portSet // by the index of the address
	lost  uint32    // a bit for the index of each address that this host does not have any more
}

// portSet has a bit for each port.
type portSet [steer.Ports / 64]uint64

func (s *portSet) add(port uint16) { s[port/64] |= 1 << (port % 64) }

// has is false for an address that became known later.
func (o *others) has(index int, port uint16) bool {
	return index < len(o.ports) && o.ports[index][port/64]&(1<<(port%64)) != 0
}

// Of linux/sock_diag.h and linux/inet_diag.h.
const (
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagMessage      = 72 // struct inet_diag_msg: family, state, two timers, ports, addresses at 8 and 24, …
	diagUser         = 64 // offset in it
	diagInode        = 68
	diagOnlyV6       = 11 // INET_DIAG_SKV6ONLY
	established      = 1  // TCP_ESTABLISHED, which a connected UDP socket has, too
)

// holder is a UDP socket of this host.
type holder struct {
	local     netip.AddrPort
	dual      bool // IPv4, too
	connected bool
	user      uint32
	inode     uint32
	call      string // that has the port; "": none
}

// everybody calls each for the UDP sockets of this host.
func everybody(s *netlink.Socket, each func(holder)) error {
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, 56) // struct inet_diag_req_v2
		request[0], request[1] = family, unix.IPPROTO_UDP
		binary.NativeEndian.PutUint32(request[4:], ^uint32(0)) // states
		err := s.Dump(netlink.Request(sockDiagByFamily, request), func(b []byte) {
			if len(b) < diagMessage {
				return
			}
			ip, only := netip.AddrFrom4([4]byte(b[8:12])), false
			if b[0] == unix.AF_INET6 {
				ip = netip.AddrFrom16([16]byte(b[8:24]))
			}
			netlink.Attributes(b, diagMessage, func(kind uint16, value []byte) {
				only = only || kind == diagOnlyV6 && len(value) > 0 && value[0] != 0
			})
			each(holder{local: netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(b[4:])), dual: b[0] == unix.AF_INET6 && ip.IsUnspecified() && !only,
				connected: b[1] == established, user: binary.NativeEndian.Uint32(b[diagUser:]), inode: binary.NativeEndian.Uint32(b[diagInode:])})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// at tells whether nobody else can bind the port at an address.
func (b *holder) at(ip netip.Addr) bool {
	mine := b.local.Addr()
	return mine == ip || mine.IsUnspecified() && (mine.Is4() == ip.Is4() || b.dual)
}

// lookShare is the part of the time that looks may take.
const lookShare = 500

// glance looks if it was long ago, for what a look takes. It waits for nobody.
func (o *steered) glance() {
	if int64(time.Since(o.start)) < o.again.Load() || !o.looking.TryLock() {
		return
	}
	defer o.looking.Unlock()
	o.watch()
}

// look finds out who else has ports, and which addresses are lost.
func (o *steered) look() {
	o.looking.Lock()
	defer o.looking.Unlock()
	o.watch()
}

// watch is look under its lock.
func (o *steered) watch() {
	begin := time.Since(o.start)
	defer func() {
		end := time.Since(o.start)
		o.again.Store(int64(end + lookShare*(end-begin)))
	}()
	known := *o.known.Load()
	fresh := others{ports: make([]portSet, len(known))}
	for i, ip := range known {
		if lost(ip) {
			fresh.lost |= 1 << i
		}
	}
	defer func() {
		o.mu.Lock()
		o.others = fresh
		o.mu.Unlock()
	}()
	if o.diag == nil {
		return
	}
	var met []holder
	err := everybody(o.diag, func(b holder) {
		for i, ip := range known {
			if !b.at(ip) {
				continue
			}
			port := b.local.Port()
			fresh.ports[i].add(port)
			if p := o.table.get(placeOf(i, port)); p != nil && p.stream != nil && !b.connected && !o.others.has(i, port) {
				b.local, b.call = netip.AddrPortFrom(ip, port), p.stream.session.call
				met = append(met, b)
			}
		}
	})
	if err != nil { // what was known holds
		fresh.ports = o.others.ports
	}
	for i := range met[:min(len(met), mostMet)] {
		o.logger.Warn("another program has bound a port of a call, and hears nothing while that lasts", "id", met[i].call, "port", met[i].local, "uid", met[i].user)
	}
}

// mostMet bounds the lines that one look may write.
const mostMet = 5
