package ways

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// watches tell when routes, addresses, devices or policies change.
type watches struct {
	files []*os.File
	done  sync.WaitGroup
}

// Changes come in crowds: a link that fails takes its routes with it, and others follow. The first is acted on at once. Each that follows waits for those
// that come with it, the longer the more there were, until it has been quiet for calm: a call must not wait long for its new way, and a router that
// learns routes all day is not to keep flows out of the kernel. But each is counted at once.
const (
	soon = 10 * time.Millisecond
	calm = 500 * time.Millisecond
)

// open has changes counted and changed called from goroutines, until close. Those of filters may be of no interest.
func (w *watches) open(changes *atomic.Uint64, filters bool, changed func()) error {
	if err := w.watch(changes, changed, unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_NEXTHOP); err != nil {
		return err
	}
	if err := w.watch(changes, changed, unix.NETLINK_XFRM, xfrmPolicies); err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) {
		return err
	}
	if filters {
		if err := w.watch(changes, changed, unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES); err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) {
			return err
		}
	}
	return nil
}

func (w *watches) watch(changes *atomic.Uint64, changed func(), protocol int, groups ...int) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for i := 0; err == nil && i < len(groups); i++ {
		err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, groups[i])
	}
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("netlink: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink")
	w.files = append(w.files, f)
	w.done.Go(func() { tell(f, changes, changed) })
	return nil
}

// tell counts changes and calls changed until the socket is closed.
func tell(f *os.File, changes *atomic.Uint64, changed func()) {
	b := make([]byte, 1<<12) // what does not fit is cut; that something changed is enough
	for pause := time.Duration(0); ; pause = min(max(2*pause, soon), calm) {
		before := time.Now()
		_, err := f.Read(b)
		changes.Add(1)
		if time.Since(before) >= calm {
			pause = 0
		}
		if pause > 0 {
			_ = f.SetReadDeadline(time.Now().Add(pause))
			for !over(err) && !errors.Is(err, os.ErrDeadlineExceeded) {
				if _, err = f.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
					changes.Add(1)
				}
			}
			_ = f.SetReadDeadline(time.Time{})
		}
		if over(err) {
			return
		}
		changed()
	}
}

// over tells that the socket is closed. ENOBUFS only says that changes came too fast to be told of each.
func over(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, unix.ENOBUFS)
}

func (w *watches) close() {
	for _, f := range w.files {
		_ = f.Close()
	}
	w.done.Wait()
}
