package ways

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// Reverse is a way that the host does not take packets by: strict reverse path filtering (RFC 3704 §2.2; rp_filter of Linux, IPv4 alone) drops those that do not arrive by the
// device that their answers leave by.
type Reverse struct {
	From    netip.Addr `json:"from"` // who is not heard
	To      netip.Addr `json:"to"`   // an address of ours
	Arrives string     `json:"arrives"`
	Leaves  string     `json:"leaves"`
}

// Reversed tells whether what comes from an address to one of ours by the device that has ours would be dropped.
func Reversed(from, to netip.Addr) (r Reverse, dropped bool) {
	if !from.Is4() || !to.Is4() {
		return r, false
	}
	r = Reverse{From: from, To: to, Arrives: deviceOf(to), Leaves: answersBy(to, from)}
	return r, r.Arrives != "" && r.Leaves != "" && r.Arrives != r.Leaves && strict(r.Arrives)
}

// deviceOf is the device that has an address of ours and packets come by: none where that is a loopback or a dummy, which stands for all.
func deviceOf(a netip.Addr) string {
	list, _ := net.Interfaces()
	for _, d := range list {
		if d.Flags&net.FlagLoopback != 0 || d.Flags&net.FlagUp == 0 || noARP(d.Name) {
			continue
		}
		addrs, _ := d.Addrs()
		for _, x := range addrs {
			if n, ok := x.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a {
					return d.Name
				}
			}
		}
	}
	return ""
}

func noARP(device string) bool {
	text, err := os.ReadFile("/sys/class/net/" + device + "/flags")
	flags, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 32)
	return err == nil && bad == nil && flags&unix.IFF_NOARP != 0
}

// answersBy is the device by which packets leave from an address of ours; "": none does, or they stay here.
func answersBy(from, to netip.Addr) string {
	s, err := netlink.Open(unix.NETLINK_ROUTE)
	if err != nil {
		return ""
	}
	defer s.Close()
	header := unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Src_len: 32}
	b := netlink.Request(unix.RTM_GETROUTE, netlink.Octets(&header))
	b = netlink.Attribute(b, unix.RTA_DST, to.AsSlice())
	b = netlink.Attribute(b, unix.RTA_SRC, from.AsSlice())
	body, err := s.Ask(b)
	if err != nil || len(body) < unix.SizeofRtMsg {
		return ""
	}
	index := 0
	netlink.Attributes(body, unix.SizeofRtMsg, func(kind uint16, value []byte) {
		if kind == unix.RTA_OIF {
			index = netlink.Number(value)
		}
	})
	d, err := net.InterfaceByIndex(index)
	if err != nil || d.Flags&net.FlagLoopback != 0 {
		return ""
	}
	return d.Name
}

// strict tells whether a device filters so: of its own setting and that of all the higher counts (ip-sysctl of the kernel).
func strict(device string) bool {
	most := 0
	for _, name := range [...]string{"all", device} {
		text, _ := os.ReadFile("/proc/sys/net/ipv4/conf/" + name + "/rp_filter")
		n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		most = max(most, n)
	}
	return most == 1
}
