package relay

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"

	"golang.org/x/sys/unix"
)

// isolatedEnv marks the process that a test runs itself in, in a network namespace of its own.
const isolatedEnv = "DIRECTSIP_RELAY_ISOLATED"

// isolated runs the test again in a process of its own, whose network goes with it, and reports whether this is that one.
// It does so beside other tests.
func isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv(isolatedEnv) != "" {
		return true
	}
	aboutSockets(t) // or about all tiers
	if os.Getuid() != 0 {
		lack.Of(t, "a network namespace needs root")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout="+timeLeft(t).String())
	cmd.Env = append(os.Environ(), isolatedEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // the death of the thread would be taken for that of the parent
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		lack.Of(t, "see above")
	}
	return false
}

// timeLeft is what a process that a test runs itself in may take; 0: for ever.
func timeLeft(t *testing.T) time.Duration {
	deadline, ok := t.Deadline()
	if !ok {
		return 0
	}
	return time.Until(deadline)
}

// wire joins the relay's network namespace, which is this process's, with one for the peers.
type wire struct {
	t   *testing.T
	far *os.File // the peers' namespace
}

// The addresses of the relay; the peers have those from 10 on.
var (
	us4 = netip.MustParseAddr("10.98.0.1")
	us6 = netip.MustParseAddr("fd00:98::1")
)

func peer4(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 98, 0, byte(9 + n)}) }
func peer6(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd00:98::%x", 0x10+n)) }

const peers = 4

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t}
	w.inside(nil, func() {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		w.far = f
	})
	t.Cleanup(func() { _ = w.far.Close() })
	w.here("link set lo up")
	w.there("link set lo up")
	w.join()
	return w
}

// path names the peers' namespace.
func (w *wire) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), w.far.Fd()) }

// join puts the wire in.
func (w *wire) join() {
	w.t.Helper()
	w.here("link add near type veth peer name far netns " + w.path())
	w.here("addr add 10.98.0.1/24 dev near")
	w.here("-6 addr add fd00:98::1/64 dev near nodad")
	w.here("link set near up")
	for n := 1; n <= peers; n++ {
		w.there(fmt.Sprintf("addr add %s/24 dev far", peer4(n)))
		w.there(fmt.Sprintf("-6 addr add %s/64 dev far nodad", peer6(n)))
	}
	w.there("link set far up")
}

// sent is how many packets have left by a device of the relay's.
func (w *wire) sent(device string) int {
	w.t.Helper()
	n := 0
	w.inside(nil, func() {
		b, err := exec.Command("ip", "-s", "-j", "link", "show", "dev", device).Output()
		var links []struct {
			Stats struct{ TX struct{ Packets int } } `json:"stats64"`
		}
		if err == nil {
			err = json.Unmarshal(b, &links)
		}
		if err != nil || len(links) != 1 {
			w.t.Errorf("%s: %v", device, err)
			return
		}
		n = links[0].Stats.TX.Packets
	})
	return n
}

// inside runs f on a thread of its own, which ends with it, in a namespace; nil: in this one.
func (w *wire) inside(ns *os.File, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread is not used again
		if ns != nil {
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				w.t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

func (w *wire) here(args string) { w.t.Helper(); w.ip(nil, args) }

func (w *wire) there(args string) { w.t.Helper(); w.ip(w.far, args) }

func (w *wire) ip(ns *os.File, args string) {
	w.t.Helper()
	w.inside(ns, func() {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			w.t.Errorf("ip %s: %v\n%s", args, err, out)
		}
	})
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// phone is one of the peers.
func (w *wire) phone(ip netip.Addr) *phone {
	w.t.Helper()
	return &phone{w.t, w.listen(ip), w.listen(ip)}
}

func (w *wire) listen(ip netip.Addr) (c *net.UDPConn) {
	w.t.Helper()
	w.inside(w.far, func() { c = listen(w.t, ip) })
	return c
}

func addrPort(ip netip.Addr, port int) netip.AddrPort { return netip.AddrPortFrom(ip, uint16(port)) }
