package fastpath

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// path is where packets between two hosts go.
type path struct {
	device int // its index
	mtu    int // octets with the IP header
	local  bool
	why    string // it cannot be used
}

type hosts struct{ from, to netip.Addr }

// network is what the table knows of devices and routes: what was asked is kept until something changes.
type network struct {
	program *ebpf.Program
	watches watches

	mu      sync.Mutex
	routes  *netlink
	ipsec   *netlink // nil: the kernel has none
	guarded string   // why IPsec forbids every flow
	paths   map[hosts]path
	devices map[int]device
}

// device is one that packets of flows come or go by.
type device struct {
	asked bool
	mtu   int
	why   string    // no packet can be taken from it
	on    link.Link // the program's attachment; nil: not needed yet, or not possible
}

// mostPaths bounds what is kept of routes.
const mostPaths = 1 << 16

const loopback = 1 // the index of that device in every network namespace

func openNetwork(program *ebpf.Program, changed func()) (n *network, err error) {
	n = &network{program: program, paths: make(map[hosts]path), devices: make(map[int]device)}
	probe, err := n.attach(loopback) // tells whether it can be done at all
	if err != nil {
		return nil, fmt.Errorf("attaching to a device: %w", err)
	}
	_ = probe.Close()
	if n.routes, err = openNetlink(unix.NETLINK_ROUTE); err != nil {
		return nil, err
	}
	n.ipsec, _ = openNetlink(unix.NETLINK_XFRM)
	n.look()
	if err = n.watches.open(func() { n.forget(); changed() }); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) close() {
	n.watches.close()
	for _, d := range n.devices {
		if d.on != nil {
			_ = d.on.Close()
		}
	}
	n.routes.close()
	if n.ipsec != nil {
		n.ipsec.close()
	}
}

// forget makes everything be asked again. A device that is gone has taken the program's attachment with it.
func (n *network) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.look()
	clear(n.paths)
	for index, d := range n.devices {
		switch {
		case d.on == nil:
			delete(n.devices, index)
		case attached(d.on):
			n.devices[index] = device{on: d.on}
		default:
			_ = d.on.Close()
			delete(n.devices, index)
		}
	}
}

func attached(on link.Link) bool {
	info, err := on.Info()
	return err == nil && info.TCX() != nil && info.TCX().Ifindex != 0
}

// look asks for policies of IPsec. A packet of a flow would pass them by, and leave in clear what is to be protected.
func (n *network) look() {
	n.guarded = ""
	if n.ipsec == nil {
		return
	}
	body, err := n.ipsec.ask(request(xfrmGetSPDInfo, make([]byte, 4)))
	if err != nil {
		n.guarded = fmt.Sprintf("IPsec cannot be asked for its policies: %v", err)
		return
	}
	attributes(body, 4, func(kind uint16, value []byte) {
		for ; kind == xfrmSPDInfo && len(value) >= 4; value = value[4:] {
			if number(value) != 0 {
				n.guarded = "this host has IPsec policies"
			}
		}
	})
}

// Of linux/xfrm.h.
const (
	xfrmGetSPDInfo = 0x25 // XFRM_MSG_GETSPDINFO
	xfrmSPDInfo    = 1    // XFRMA_SPD_INFO: numbers of policies
	xfrmPolicies   = 4    // XFRMNLGRP_POLICY
)

func (n *network) attach(index int) (link.Link, error) {
	return link.AttachTCX(link.TCXOptions{Interface: index, Program: n.program, Attach: ebpf.AttachTCXIngress})
}

// path tells by which device a flow leaves, and has the program attached where its packets come in.
func (t *Table) path(f *Flow) (path, string) {
	for _, a := range [...]netip.Addr{f.Local.Addr(), f.Source.Addr(), f.From.Addr(), f.To.Addr()} {
		switch {
		case !a.IsValid() || a.IsUnspecified():
			return path{}, "the media address is every address of this host"
		case a.IsLinkLocalUnicast() && a.Is6():
			return path{}, "an address of the link"
		case a.Is4() != f.Local.Addr().Is4():
			return path{}, "IPv4 on one side and IPv6 on the other"
		}
	}
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.guarded != "" {
		return path{}, n.guarded
	}
	in := n.find(hosts{f.Local.Addr(), f.Source.Addr()}) // they come by where answers go; if not, they come to the socket
	out := n.find(hosts{f.From.Addr(), f.To.Addr()})
	switch {
	case in.why != "":
		return out, in.why
	case out.why != "":
		return out, out.why
	case in.local, out.local:
		return out, "a peer on this host"
	}
	return out, n.listen(in.device)
}

// listen attaches the program to a device.
func (n *network) listen(index int) (why string) {
	d := n.device(index)
	if d.why != "" || d.on != nil {
		return d.why
	}
	on, err := n.attach(index)
	if err != nil {
		d.why = fmt.Sprintf("device %d: %v", index, err)
	}
	d.on = on
	n.devices[index] = d
	return d.why
}

// device asks for one.
func (n *network) device(index int) device {
	d := n.devices[index]
	if d.asked {
		return d
	}
	d.asked = true
	body, err := n.routes.ask(request(unix.RTM_GETLINK, octets(&unix.IfInfomsg{Index: int32(index)})))
	if err != nil || len(body) < unix.SizeofIfInfomsg {
		d.why = fmt.Sprintf("device %d: %v", index, err)
	} else {
		info, name := (*unix.IfInfomsg)(unsafe.Pointer(&body[0])), ""
		attributes(body, unix.SizeofIfInfomsg, func(kind uint16, value []byte) {
			switch kind {
			case unix.IFLA_MTU:
				d.mtu = number(value)
			case unix.IFLA_IFNAME:
				name = string(bytes.TrimRight(value, "\x00"))
			}
		})
		if info.Type != unix.ARPHRD_ETHER {
			d.why = "device " + name + " is no Ethernet"
		}
	}
	n.devices[index] = d
	return d
}

// find asks how one host reaches the other.
func (n *network) find(h hosts) path {
	if p, known := n.paths[h]; known {
		return p
	}
	if len(n.paths) >= mostPaths {
		clear(n.paths)
	}
	p := n.route(h)
	n.paths[h] = p
	return p
}

func (n *network) route(h hosts) (p path) {
	header := unix.RtMsg{Family: unix.AF_INET6, Dst_len: 128, Src_len: 128}
	if h.to.Is4() {
		header = unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Src_len: 32}
	}
	b := request(unix.RTM_GETROUTE, octets(&header))
	b = attribute(b, unix.RTA_DST, h.to.AsSlice())
	b = attribute(b, unix.RTA_SRC, h.from.AsSlice())
	body, err := n.routes.ask(b)
	if err != nil || len(body) < unix.SizeofRtMsg {
		p.why = fmt.Sprintf("no route from %s to %s: %v", h.from, h.to, err)
		return p
	}
	kind := (*unix.RtMsg)(unsafe.Pointer(&body[0])).Type
	attributes(body, unix.SizeofRtMsg, func(kind uint16, value []byte) {
		switch kind {
		case unix.RTA_OIF:
			p.device = number(value)
		case unix.RTA_METRICS:
			attributes(value, 0, func(kind uint16, value []byte) {
				if kind == unix.RTAX_MTU {
					p.mtu = number(value)
				}
			})
		}
	})
	switch {
	case kind == unix.RTN_LOCAL || p.device == loopback:
		p.local = true
		return p
	case kind != unix.RTN_UNICAST || p.device == 0:
		p.why = fmt.Sprintf("no route from %s to one host %s", h.from, h.to)
		return p
	}
	d := n.device(p.device)
	if p.mtu == 0 || p.mtu > d.mtu {
		p.mtu = d.mtu
	}
	return p
}
