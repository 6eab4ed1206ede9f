package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// relayFloor is what a relay with a socket for each port costs at least: it takes and sends, and knows nothing.
const (
	relayFloor = "a loop over sockets (no relay)"
	tierFloor  = "none"
)

// sipFloor is what a server in Go that passes calls on costs at least: it takes and sends their messages, and knows nothing but where the next hop is.
const (
	sipFloor = "a loop over a socket (no server)"
	tierSIP  = "sip"
)

// startSIPLoop runs this program as that loop.
func startSIPLoop(dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := spawn(sutCore, dir, "loop", []string{"GOMAXPROCS=1", fmt.Sprintf("%s=%s 0 %s %s %s", AloneEnv, tierSIP, sutHost, calleeHost, probeHost)}, self)
	if err != nil {
		return nil, err
	}
	return p, p.listens(sutHost)
}

// sipLoop passes on what comes to the SIP port of the first address: to the other two what is for them, and to whom their Via says what comes from there.
func sipLoop(at [3]string) error {
	var hosts [3]netip.Addr
	for i := range at {
		hosts[i] = netip.MustParseAddr(at[i])
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(hosts[0], sipPort)))
	if err != nil {
		return err
	}
	var b [2048]byte
	for {
		n, from, err := c.ReadFromUDPAddrPort(b[:])
		if err != nil { // what ICMP says of an earlier one
			continue
		}
		to := netip.AddrPortFrom(hosts[1], sipPort)
		line, rest, _ := bytes.Cut(b[:n], []byte("\r\n"))
		switch {
		case from.Addr() == hosts[1] || from.Addr() == hosts[2]:
			_, via, _ := bytes.Cut(rest, []byte("SIP/2.0/UDP "))
			via, _, _ = bytes.Cut(via, []byte(";"))
			if to, err = netip.ParseAddrPort(string(via)); err != nil {
				continue
			}
		case bytes.Contains(line, []byte("sip:+3")) || bytes.Contains(line, []byte(at[2])): // a call that is timed
			to = netip.AddrPortFrom(hosts[2], sipPort)
		}
		_, _ = c.WriteToUDPAddrPort(b[:n], to)
	}
}

// way is where packets of a socket go.
type way struct {
	by int // the socket that sends
	to unix.RawSockaddrInet4
}

// loop passes on what comes to the ports of calls at the first address to the other party at the other two, until the process ends.
func loop(calls int, at [3]string, out io.Writer) error {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	var ways []way // by socket
	for i := range calls {
		var fds [2]int
		for side, port := range portsOf(i) {
			if fds[side], err = heardSocket(set, at[0], port); err != nil {
				return fmt.Errorf("port %d: %w", port, err)
			}
		}
		for side, fd := range fds {
			for len(ways) <= fd {
				ways = append(ways, way{})
			}
			ways[fd] = way{fds[1-side], rawAddr(netip.AddrPortFrom(netip.MustParseAddr(at[2-side]), mediaPort))}
		}
	}
	fmt.Fprintln(out, "ready")
	var ready [256]unix.EpollEvent
	var b [2048]byte
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(set), uintptr(unsafe.Pointer(&ready)), uintptr(len(ready)), ^uintptr(0), 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return errno
		}
		for _, ev := range ready[:n] {
			var from unix.RawSockaddrInet4 // a relay has to know it
			size := uint32(unsafe.Sizeof(from))
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(ev.Fd), uintptr(unsafe.Pointer(&b)), uintptr(len(b)), 0,
				uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
			if w := &ways[ev.Fd]; errno == 0 {
				unix.RawSyscall6(unix.SYS_SENDTO, uintptr(w.by), uintptr(unsafe.Pointer(&b)), n, 0, uintptr(unsafe.Pointer(&w.to)), unsafe.Sizeof(w.to))
			}
		}
	}
}

// heardSocket opens a socket in an epoll set.
func heardSocket(set int, host string, port uint16) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: netip.MustParseAddr(host).As4()}); err != nil {
		return -1, err
	}
	return fd, unix.EpollCtl(set, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}
