package ways

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// here is this host, which it reaches itself.
var here = hosts{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.AddrFrom4([4]byte{127, 0, 0, 1})}

// TestNobodyWaitsForTheKernel: while the kernel is asked, or somebody acts on a change, whoever wants a path is told at once that it is not known.
func TestNobodyWaitsForTheKernel(t *testing.T) {
	begun, end, over := make(chan bool), make(chan bool), make(chan bool)
	w, err := Open(Config{Changed: func() {
		select {
		case begun <- true:
			<-end
		case <-over:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer close(over)
	w.outdated()
	<-begun
	for range 2 {
		if p, known := w.Path(here.from, here.to); known {
			t.Errorf("%+v", p)
		}
	}
	end <- true
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		if p, known := w.Path(here.from, here.to); known {
			if !p.Local || p.Why != "" {
				t.Errorf("%+v", p)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("never known")
		}
	}
}

// TestNobodyIsRousedAfterTheEnd: who asks for a path or tells of a change when all is closed finds nobody, and that is all.
func TestNobodyIsRousedAfterTheEnd(t *testing.T) {
	w, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	w.outdated()
	if p, known := w.Path(here.from, here.to); known {
		t.Errorf("%+v", p)
	}
}

// TestKnownWaysAreRenewed: after a change all that was used is asked for anew, and what was not used since the one before is forgotten.
// Meanwhile what was before holds, but is not what is now.
func TestKnownWaysAreRenewed(t *testing.T) {
	s, err := newScout(Config{Device: func(int) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	w := newWays(s)
	w.keep(here, Path{Why: "what was"})
	w.changes.Add(1)
	if p, known := w.Path(here.from, here.to); !known || p.Why != "what was" {
		t.Fatalf("%+v", p)
	}
	if p, _, known := w.Now(here.from, here.to); known {
		t.Errorf("while all is asked anew: %+v", p)
	}
	w.renew()
	if p := w.paths[here]; p == nil || !p.Local || p.Why != "" {
		t.Errorf("after a change: %+v", p)
	}
	w.renew()
	if p := w.paths[here]; p != nil {
		t.Errorf("unused: %+v", p)
	}
	w.keep(here, Path{Why: "what is"})
	if p, changes, known := w.Now(here.from, here.to); !known || p.Why != "what is" || changes != w.Changes() {
		t.Errorf("after %d of %d changes: %+v", changes, w.Changes(), p)
	}
}

// TestChangesAreActedOn: the first at once, those of a crowd together, and the last of them, too.
func TestChangesAreActedOn(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var counted atomic.Uint64
	var acted atomic.Int64
	done := make(chan bool)
	go func() {
		tell(from, &counted, func() { acted.Add(1) })
		close(done)
	}()
	for want := range int64(6) {
		_, _ = to.Write([]byte{1})
		for deadline := time.Now().Add(5 * time.Second); acted.Load() <= want; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("change %d is not acted on", want)
			}
		}
	}
	if n := counted.Load(); n < 6 {
		t.Errorf("%d of 6 are counted", n)
	}
	_ = from.Close()
	<-done
}

// elsewhere asks a network of its own that commands of ip(8) make, with a pair of devices near and far.
func elsewhere(t *testing.T, c Config, network []string, ask func(s *scout)) {
	t.Helper()
	done, missing := make(chan struct{}), ""
	defer func() {
		if <-done; missing != "" {
			lack.Of(t, missing)
		}
	}()
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends, and its network with it
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			missing = err.Error()
			return
		}
		for _, args := range append([]string{"link add near type veth peer name far", "link set near up", "link set far up"}, network...) {
			if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
				missing = fmt.Sprintf("ip %s: %v\n%s", args, err, out)
				return
			}
		}
		c.Device = func(int) string { return "" }
		s, err := newScout(c)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.close()
		ask(s)
	}()
}

// TestEncapsulationsAreTheStacks: a route that puts packets into others (lwtunnel, ip-route(8)) is none that could be followed without the stack.
func TestEncapsulationsAreTheStacks(t *testing.T) {
	elsewhere(t, Config{}, []string{"addr add 10.98.0.1/24 dev near", "route add 10.98.1.2/32 encap ip id 7 dst 10.98.0.3 dev near",
		"route add 10.98.1.3/32 via 10.98.0.3"}, func(s *scout) {
		us := netip.MustParseAddr("10.98.0.1")
		if p, err := s.route(hosts{us, netip.MustParseAddr("10.98.1.3")}); err != nil || p.Why != "" || p.Hop != netip.MustParseAddr("10.98.0.3") || p.MTU != 1500 {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err := s.route(hosts{us, netip.MustParseAddr("10.98.1.2")}); err != nil || p.Why != "the route from 10.98.0.1 to 10.98.1.2 encapsulates" {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// TestRoutesAreThoseOfMedia: rules of routing may go by the class and the protocol of packets.
func TestRoutesAreThoseOfMedia(t *testing.T) {
	network := []string{"addr add 10.98.0.1/24 dev near", "addr add 2001:db8::1/64 dev near nodad"}
	for _, of := range []struct{ family, to, class string }{{"-4", "10.98.0.", "0x08"}, {"-6", "2001:db8::", "0x88"}} { // rules of IPv4 see half of it
		for table, rule := range map[string]string{"7": "tos " + of.class, "8": "ipproto udp", "9": "ipproto tcp"} {
			network = append(network, of.family+" route add default via "+of.to+table+" table "+table, of.family+" rule add "+rule+" lookup "+table+" pref "+table)
		}
	}
	for class, last := range map[uint8]string{0x88: "7", 0: "8"} {
		elsewhere(t, Config{Class: class}, network, func(s *scout) {
			for _, host := range []struct{ us, peer, hop string }{{"10.98.0.1", "10.99.0.1", "10.98.0." + last}, {"2001:db8::1", "2001:db9::1", "2001:db8::" + last}} {
				p, err := s.route(hosts{netip.MustParseAddr(host.us), netip.MustParseAddr(host.peer)})
				if err != nil || p.Why != "" || p.Hop != netip.MustParseAddr(host.hop) {
					t.Errorf("class %#x: %+v, %v, want %s", class, p, err, host.hop)
				}
			}
		})
	}
}
