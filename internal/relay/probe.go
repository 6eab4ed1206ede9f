package relay

import (
	"log/slog"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/netlink"
)

// Possible is the best tier up to one that is wanted that a relay of this process can have, and why it is not the best of all. It opens a relay and closes it
// again; no packet passes it, and one that runs notices nothing.
func Possible(best media.Tier) (t media.Tier, why string, err error) {
	r, err := New(Config{Logger: slog.New(slog.DiscardHandler), Best: best, Workers: 1})
	if err != nil {
		return 0, "", err
	}
	defer r.Shutdown()
	t, why = r.Best()
	return t, why, nil
}

// Holder is a UDP socket of this host, whoever has it.
type Holder struct {
	Port  uint16
	User  uint32
	Inode uint32 // as in /proc/PID/fd
}

// Holders are the sockets that keep others from ports of an address.
func Holders(at netip.Addr, first, last uint16) (list []Holder, err error) {
	s, err := netlink.Open(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = everybody(s, func(b holder) {
		if p := b.local.Port(); b.at(at) && p >= first && p <= last {
			list = append(list, Holder{p, b.user, b.inode})
		}
	})
	return list, err
}
