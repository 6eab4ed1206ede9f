package bench

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hosts are the addresses of a run: one per party, so that sources tell trunks apart.
type hosts struct{ sut, caller, callee, busy, probe string }

// network is where the system under test and its load meet.
type network struct {
	hosts
	namespace *process // that holds the namespace of the system; nil: both are on loopback
	outside   *Outside
}

var loopback = &network{hosts: hosts{sut: sutHost, caller: callerHost, callee: calleeHost, busy: busyHost, probe: probeHost}}

// The ends of the virtual cable. Their names are those of the kernel's threads that receive for them.
const (
	sutDevice  = "dsbs"
	loadDevice = "dsbl"
)

// apart has addresses of RFC 2544, appendix C.2.2.
var apart = hosts{sut: "198.18.0.10", caller: "198.18.0.11", callee: "198.18.0.12", busy: "198.18.0.13", probe: "198.18.0.14"}

// newNetwork gives the system under test a network namespace of its own, joined to the load's by a virtual cable. At each end a thread of
// the kernel, pinned to the core of that end, does what the interrupt of a network card does: so whoever receives a packet has the work of
// receiving it. Without rights for that, the network is loopback.
//
// What is billed to the system is thus the time of its own threads, in which it sends, up to the queue of the other end; and the time of the thread that
// receives for it, in which packets go from the queue to its sockets, or through eBPF and nftables and out again.
// The load is billed for the same of its own. Without those threads a packet is received in its sender's system call: then the load, which sends as
// much as it receives, pays for the way into the system and the system for the way out of it, and what the kernel forwards costs nobody anything: the kernel
// tier and nftables show 0. While packets come, a clock wakes the load's thread up, and not who sends to it (coalesce): the interrupt of the card at the
// other end costs nobody anything, and that thread's waking up would cost as much as relaying a packet.
func (b *Bench) newNetwork(dir string) (*network, error) {
	if b.Outside == nil {
		return loopback, nil
	}
	n := &network{hosts: apart, outside: b.Outside}
	var err error
	if n.namespace, err = spawn(loadCore, dir, "namespace", nil, "unshare", "--net", "sleep", "infinity"); err != nil {
		return nil, err
	}
	if err := n.join(); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) join() error {
	pid := strconv.Itoa(n.namespace.pid())
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if theirs, err := os.Readlink("/proc/" + pid + "/ns/net"); err == nil && theirs != ours {
			break
		}
		if err := n.namespace.alive(); err != nil || time.Now().After(end) {
			return fmt.Errorf("no namespace: %w, %s", err, n.namespace.tail())
		}
	}
	if err := run("ip", "link", "add", loadDevice, "type", "veth", "peer", "name", sutDevice); err != nil {
		return err
	}
	for _, d := range []string{loadDevice, sutDevice} {
		if err := byThread(d); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	if err := coalesce(loadDevice); err != nil {
		return err
	}
	if err := run("ip", "link", "set", sutDevice, "netns", pid); err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"ip", "addr", "add", n.caller + "/24", "dev", loadDevice}, {"ip", "addr", "add", n.probe + "/24", "dev", loadDevice},
		n.enter("ip", "addr", "add", n.sut+"/24", "dev", sutDevice), n.enter("ip", "link", "set", "lo", "up"),
		n.enter("ip", "link", "set", sutDevice, "up"),
	} {
		if err := run(argv...); err != nil {
			return err
		}
	}
	if _, err := n.outside.receiving(loadDevice, loadCore); err != nil {
		return err
	}
	_, err = n.received()
	return err
}

// enter is a command in the namespace of the system under test.
func (n *network) enter(argv ...string) []string {
	if n.namespace == nil {
		return argv
	}
	return append([]string{"nsenter", "--target", strconv.Itoa(n.namespace.pid()), "--net", "--"}, argv...)
}

// received is the CPU time that receiving what came to the system under test has cost; over loopback its senders pay for that.
func (n *network) received() (time.Duration, error) {
	if n.namespace == nil {
		return 0, nil
	}
	return n.outside.receiving(sutDevice, sutCore)
}

// close takes the namespace away, and with it all that was set in it.
func (n *network) close() {
	if n.namespace == nil {
		return
	}
	exec.Command("ip", "link", "del", loadDevice).Run()
	n.namespace.stop(2 * time.Second)
}

func run(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// byThread lets a thread receive for a virtual device. Without GRO there, or while the other end may segment, the driver hands packets
// to the receiver in the sender's time.
func byThread(device string) error {
	for _, set := range []struct{ command, value uint32 }{{unix.ETHTOOL_STSO, 0}, {unix.ETHTOOL_SGRO, 1}} {
		if err := ethtool(device, set.command, set.value); err != nil {
			return err
		}
	}
	if err := run("ip", "link", "set", device, "up"); err != nil { // there is nothing to receive by before
		return err
	}
	return os.WriteFile("/sys/class/net/"+device+"/threaded", []byte("1"), 0)
}

// A network card under load interrupts every so often, and not for each packet.
const (
	coalesced = 50 * time.Microsecond
	patience  = 1 // so often nothing has come until the next packet interrupts at once; a clock that goes on and on disturbs who sends
)

// coalesce has a device receive as such a card does, by the kernel's software for it (napi_defer_hard_irqs).
func coalesce(device string) error {
	for name, value := range map[string]int64{"napi_defer_hard_irqs": patience, "gro_flush_timeout": coalesced.Nanoseconds()} {
		if err := os.WriteFile("/sys/class/net/"+device+"/"+name, strconv.AppendInt(nil, value, 10), 0); err != nil {
			return err
		}
	}
	return nil
}

// ethtool sets one feature of a device.
func ethtool(device string, command, value uint32) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	data := struct{ command, value uint32 }{command, value} // struct ethtool_value
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // of struct ifreq
	}{data: unsafe.Pointer(&data)}
	copy(request.name[:], device)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
