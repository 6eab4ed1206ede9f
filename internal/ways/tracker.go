package ways

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// Tracker asks what the kernel has noted about connections (conntrack). All methods may be called from any goroutine.
type Tracker struct {
	mu     sync.Mutex
	socket *netlink.Socket
	shut   bool
}

// Of linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_common.h.
const (
	ctGet = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET

	ctTuple, ctStatus                 = 1, 3 // CTA_TUPLE_ORIG
	ctTupleIP, ctTupleProto           = 1, 2
	ctNumber, ctSource, ctDest        = 1, 2, 3
	ctSource4, ctSource6              = 1, 3        // the other end is the next
	ctTranslated               uint32 = 1<<4 | 1<<5 // IPS_SRC_NAT, IPS_DST_NAT
)

// Translated is why datagrams from one port to another do not leave as they are: NAT of this host; "": it has none for them. It takes a system call or two, which wait for nobody.
func (t *Tracker) Translated(from, to netip.AddrPort) (why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut {
		return ""
	}
	if t.socket == nil {
		s, err := netlink.Open(unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Sprintf("the NAT of this host cannot be asked: %v", err)
		}
		t.socket = s
	}
	body, err := t.socket.Ask(question(from, to))
	switch {
	case errors.Is(err, unix.ENOENT): // nobody keeps track of them
		return ""
	case err != nil:
		return fmt.Sprintf("the NAT of this host cannot be asked: %v", err)
	}
	netlink.Attributes(body, nfgenmsg, func(kind uint16, value []byte) {
		if kind == ctStatus && len(value) >= 4 && binary.BigEndian.Uint32(value)&ctTranslated != 0 {
			why = "NAT of this host"
		}
	})
	return why
}

// question is for what datagrams of UDP belong to, whichever end has begun.
func question(from, to netip.AddrPort) []byte {
	family, first := byte(unix.AF_INET), uint16(ctSource4)
	if from.Addr().Is6() {
		family, first = unix.AF_INET6, ctSource6
	}
	port := func(p uint16) []byte { return binary.BigEndian.AppendUint16(nil, p) }
	ends := netlink.Attribute(netlink.Attribute(nil, first, from.Addr().AsSlice()), first+1, to.Addr().AsSlice())
	proto := netlink.Attribute(nil, ctNumber, []byte{unix.IPPROTO_UDP})
	proto = netlink.Attribute(netlink.Attribute(proto, ctSource, port(from.Port())), ctDest, port(to.Port()))
	tuple := netlink.Attribute(netlink.Attribute(nil, ctTupleIP|unix.NLA_F_NESTED, ends), ctTupleProto|unix.NLA_F_NESTED, proto)
	return netlink.Attribute(netlink.Request(ctGet, []byte{family, unix.NFNETLINK_V0, 0, 0}), ctTuple|unix.NLA_F_NESTED, tuple)
}

// Close ends it.
func (t *Tracker) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = true
	if t.socket != nil {
		t.socket.Close()
		t.socket = nil
	}
}
