package ways

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// scout asks the kernel about routes, devices and policies. It is of one goroutine.
type scout struct {
	routes  *netlink.Socket
	ipsec   *netlink.Socket // nil: the kernel has none
	nft     *netlink.Socket // nil: the kernel has none, or nobody cares
	devices map[int]device
	look    func(index int) (odd string)
	strict  bool // filters count
	class   uint8
	bound   int // the device that sockets of this process are bound to; 0: none
}

// device is one that paths use.
type device struct {
	mtu int
	odd string
}

const loopback = 1 // the index of that device in every network namespace

func newScout(c Config) (s *scout, err error) {
	s = &scout{devices: make(map[int]device), look: c.Device, strict: c.Filters, class: c.Class, bound: binding()}
	if s.routes, err = netlink.Open(unix.NETLINK_ROUTE); err != nil {
		return nil, err
	}
	s.ipsec, _ = netlink.Open(unix.NETLINK_XFRM)
	if s.strict {
		s.nft, _ = netlink.Open(unix.NETLINK_NETFILTER)
	}
	return s, nil
}

// binding is the device to which a program of its cgroup binds each socket of this process, as for a VRF (ip-vrf(8)): routes are those of that one.
func binding() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	index, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
	return index
}

func (s *scout) close() {
	for _, socket := range [...]*netlink.Socket{s.routes, s.ipsec, s.nft} {
		if socket != nil {
			socket.Close()
		}
	}
}

// forget makes every device be asked for again.
func (s *scout) forget() { clear(s.devices) }

// Of linux/xfrm.h.
const (
	xfrmGetSPDInfo = 0x25 // XFRM_MSG_GETSPDINFO
	xfrmSPDInfo    = 1    // XFRMA_SPD_INFO: numbers of policies
	xfrmPolicies   = 4    // XFRMNLGRP_POLICY
)

// guards tells why no path may be followed, and which of it is unannounced.
func (s *scout) guards() (why, silent string) {
	if why = s.policies(); !s.strict {
		return why, ""
	}
	silent = unannounced()
	if why = cmp.Or(why, silent); why == "" && s.nft != nil {
		why = s.filters()
	}
	return why, silent
}

// policies tells why IPsec forbids every path: who follows one passes its policies by, and leaves in clear what is to be protected.
func (s *scout) policies() (why string) {
	if s.ipsec == nil {
		return ""
	}
	body, err := s.ipsec.Ask(netlink.Request(xfrmGetSPDInfo, make([]byte, 4)))
	if err != nil {
		return fmt.Sprintf("IPsec cannot be asked for its policies: %v", err)
	}
	netlink.Attributes(body, 4, func(kind uint16, value []byte) {
		for ; kind == xfrmSPDInfo && len(value) >= 4; value = value[4:] {
			if netlink.Number(value) != 0 {
				why = "this host has IPsec policies"
			}
		}
	})
	return why
}

// device asks for one.
func (s *scout) device(index int) (device, error) {
	if d, known := s.devices[index]; known {
		return d, nil
	}
	var d device
	body, err := s.routes.Ask(netlink.Request(unix.RTM_GETLINK, netlink.Octets(&unix.IfInfomsg{Index: int32(index)})))
	switch {
	case passing(err):
		return d, err
	case err != nil || len(body) < unix.SizeofIfInfomsg:
		d.odd = fmt.Sprintf("device %d: %v", index, err)
	default:
		info, name := (*unix.IfInfomsg)(unsafe.Pointer(&body[0])), ""
		netlink.Attributes(body, unix.SizeofIfInfomsg, func(kind uint16, value []byte) {
			switch kind {
			case unix.IFLA_MTU:
				d.mtu = netlink.Number(value)
			case unix.IFLA_IFNAME:
				name = string(bytes.TrimRight(value, "\x00"))
			}
		})
		if info.Type != unix.ARPHRD_ETHER {
			d.odd = "device " + name + " is no Ethernet"
		} else if d.odd = s.look(index); d.odd != "" {
			d.odd = "device " + name + ": " + d.odd
		}
	}
	s.devices[index] = d
	return d, nil
}

// passing tells whether there was no answer rather than a bad one.
func passing(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// route asks how one host reaches the other. The error is that there was no answer.
func (s *scout) route(h hosts) (p Path, err error) {
	header := unix.RtMsg{Family: unix.AF_INET6, Dst_len: 128, Src_len: 128, Tos: s.class}
	if h.to.Is4() {
		header = unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Src_len: 32, Tos: s.class}
	}
	b := netlink.Request(unix.RTM_GETROUTE, netlink.Octets(&header))
	b = netlink.Attribute(b, unix.RTA_DST, h.to.AsSlice())
	b = netlink.Attribute(b, unix.RTA_SRC, h.from.AsSlice())
	b = netlink.Attribute(b, unix.RTA_IP_PROTO, []byte{unix.IPPROTO_UDP})
	if s.bound != 0 {
		b = netlink.Attribute(b, unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(s.bound)))
	}
	body, err := s.routes.Ask(b)
	if passing(err) {
		return p, err
	}
	if err != nil || len(body) < unix.SizeofRtMsg {
		p.Why = fmt.Sprintf("no route from %s to %s: %v", h.from, h.to, err)
		return p, nil
	}
	kind := (*unix.RtMsg)(unsafe.Pointer(&body[0])).Type
	p.Hop = h.to
	netlink.Attributes(body, unix.SizeofRtMsg, func(kind uint16, value []byte) {
		switch kind {
		case unix.RTA_GATEWAY:
			p.Hop, _ = netip.AddrFromSlice(value)
		case unix.RTA_VIA: // of the other family
			p.Hop = netip.Addr{}
		case unix.RTA_ENCAP_TYPE: // which only the stack does
			p.Why = fmt.Sprintf("the route from %s to %s encapsulates", h.from, h.to)
		case unix.RTA_OIF:
			p.Device = netlink.Number(value)
		case unix.RTA_METRICS:
			netlink.Attributes(value, 0, func(kind uint16, value []byte) {
				if kind == unix.RTAX_MTU {
					p.MTU = netlink.Number(value)
				}
			})
		}
	})
	switch {
	case p.Why != "":
		return p, nil
	case kind == unix.RTN_LOCAL || p.Device == loopback:
		p.Local = true
		return p, nil
	case kind != unix.RTN_UNICAST || p.Device == 0:
		p.Why = fmt.Sprintf("no route from %s to one host %s", h.from, h.to)
		return p, nil
	}
	d, err := s.device(p.Device)
	if err != nil {
		return p, err
	}
	if p.MTU == 0 || p.MTU > d.mtu {
		p.MTU = d.mtu
	}
	p.Odd = d.odd
	return p, nil
}
