package fastpath

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// scout asks the kernel about routes, devices and policies, and attaches the program where packets come in. It is of one goroutine.
type scout struct {
	program *ebpf.Program
	routes  *netlink.Socket
	ipsec   *netlink.Socket // nil: the kernel has none
	devices map[int]device
}

// device is one that packets of flows come or go by.
type device struct {
	mtu  int
	why  string    // no packet can be taken from it
	on   link.Link // the program's attachment; nil: not possible
	seen bool      // it was asked for
}

const loopback = 1 // the index of that device in every network namespace

func newScout(program *ebpf.Program) (s *scout, err error) {
	s = &scout{program: program, devices: make(map[int]device)}
	probe, err := s.attach(loopback) // tells whether it can be done at all
	if err != nil {
		return nil, fmt.Errorf("attaching to a device: %w", err)
	}
	_ = probe.Close()
	if s.routes, err = netlink.Open(unix.NETLINK_ROUTE); err != nil {
		return nil, err
	}
	s.ipsec, _ = netlink.Open(unix.NETLINK_XFRM)
	return s, nil
}

func (s *scout) close() {
	for _, d := range s.devices {
		if d.on != nil {
			_ = d.on.Close()
		}
	}
	s.routes.Close()
	if s.ipsec != nil {
		s.ipsec.Close()
	}
}

// forget makes every device be asked for again. One that is gone has taken the program's attachment with it.
func (s *scout) forget() {
	for index, d := range s.devices {
		switch {
		case d.on == nil:
			delete(s.devices, index)
		case attached(d.on):
			s.devices[index] = device{on: d.on}
		default:
			_ = d.on.Close()
			delete(s.devices, index)
		}
	}
}

func attached(on link.Link) bool {
	info, err := on.Info()
	return err == nil && info.TCX() != nil && info.TCX().Ifindex != 0
}

func (s *scout) attach(index int) (link.Link, error) {
	return link.AttachTCX(link.TCXOptions{Interface: index, Program: s.program, Attach: ebpf.AttachTCXIngress})
}

// Of linux/xfrm.h.
const (
	xfrmGetSPDInfo = 0x25 // XFRM_MSG_GETSPDINFO
	xfrmSPDInfo    = 1    // XFRMA_SPD_INFO: numbers of policies
	xfrmPolicies   = 4    // XFRMNLGRP_POLICY
)

// policies tells why IPsec forbids every flow: a packet of one would pass its policies by, and leave in clear what is to be protected.
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

// device asks for one, and listens there.
func (s *scout) device(index int) (device, error) {
	d := s.devices[index]
	if d.seen {
		return d, nil
	}
	body, err := s.routes.Ask(netlink.Request(unix.RTM_GETLINK, netlink.Octets(&unix.IfInfomsg{Index: int32(index)})))
	switch {
	case passing(err):
		return d, err
	case err != nil || len(body) < unix.SizeofIfInfomsg:
		d.why = fmt.Sprintf("device %d: %v", index, err)
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
			d.why = "device " + name + " is no Ethernet"
		} else if d.on == nil {
			if d.on, err = s.attach(index); err != nil {
				d.why = fmt.Sprintf("device %s: %v", name, err)
			}
		}
	}
	d.seen = true
	s.devices[index] = d
	return d, nil
}

// passing tells whether there was no answer rather than a bad one.
func passing(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// route asks how one host reaches the other. The error is that there was no answer.
func (s *scout) route(h hosts) (p path, err error) {
	header := unix.RtMsg{Family: unix.AF_INET6, Dst_len: 128, Src_len: 128}
	if h.to.Is4() {
		header = unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Src_len: 32}
	}
	b := netlink.Request(unix.RTM_GETROUTE, netlink.Octets(&header))
	b = netlink.Attribute(b, unix.RTA_DST, h.to.AsSlice())
	b = netlink.Attribute(b, unix.RTA_SRC, h.from.AsSlice())
	body, err := s.routes.Ask(b)
	if passing(err) {
		return p, err
	}
	if err != nil || len(body) < unix.SizeofRtMsg {
		p.why = fmt.Sprintf("no route from %s to %s: %v", h.from, h.to, err)
		return p, nil
	}
	kind := (*unix.RtMsg)(unsafe.Pointer(&body[0])).Type
	netlink.Attributes(body, unix.SizeofRtMsg, func(kind uint16, value []byte) {
		switch kind {
		case unix.RTA_OIF:
			p.device = netlink.Number(value)
		case unix.RTA_METRICS:
			netlink.Attributes(value, 0, func(kind uint16, value []byte) {
				if kind == unix.RTAX_MTU {
					p.mtu = netlink.Number(value)
				}
			})
		}
	})
	switch {
	case kind == unix.RTN_LOCAL || p.device == loopback:
		p.local = true
		return p, nil
	case kind != unix.RTN_UNICAST || p.device == 0:
		p.why = fmt.Sprintf("no route from %s to one host %s", h.from, h.to)
		return p, nil
	}
	d, err := s.device(p.device)
	if err != nil {
		return p, err
	}
	if p.mtu == 0 || p.mtu > d.mtu {
		p.mtu = d.mtu
	}
	p.deaf = d.why
	return p, nil
}
