package ways

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// TestReversePath: on a host with two cards what the peer sends to the address of one is dropped while the route to it leads through the other, and that is known.
func TestReversePath(t *testing.T) {
	runtime.LockOSThread() // for good: no other goroutine gets a thread that is elsewhere
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lack.Of(t, "a network namespace of its own: ", err)
	}
	run := func(words string) {
		t.Helper()
		args := strings.Fields(words)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", words, err, out)
		}
	}
	set := func(name, value string) {
		t.Helper()
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil { // the peer's
		t.Fatal(err)
	}
	there, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	peer, ours := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("10.1.0.1")
	in := func(ns *os.File) {
		t.Helper()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
	}
	in(here)
	run("ip link set lo up")
	for _, card := range []string{"inside", "outside"} {
		run("ip link add " + card + " type veth peer name far" + card)
	}
	move := func(device string) {
		t.Helper()
		cmd := exec.Command("ip", "link", "set", device, "netns", "/proc/self/fd/3")
		cmd.ExtraFiles = []*os.File{there}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	move("farinside")
	move("faroutside")
	run("ip addr add 10.1.0.1/24 dev inside")
	run("ip addr add 10.2.0.1/24 dev outside")
	run("ip link set inside up")
	run("ip link set outside up")
	in(there)
	run("ip link set lo up")
	run("ip addr add 10.1.0.2/24 dev farinside")
	run("ip addr add 10.2.0.2/24 dev faroutside")
	run("ip addr add " + peer.String() + "/32 dev lo")
	run("ip link set farinside up")
	run("ip link set faroutside up")
	sender, err := net.DialUDP("udp4", &net.UDPAddr{IP: peer.AsSlice()}, &net.UDPAddr{IP: ours.AsSlice(), Port: 40000})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	in(here)
	run("ip route add " + peer.String() + "/32 via 10.2.0.2 dev outside")
	set("all/rp_filter", "0")
	receiver, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ours.AsSlice(), Port: 40000})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	dropped := func() string {
		t.Helper()
		text, err := os.ReadFile("/proc/thread-self/net/netstat")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, name := range strings.Fields(lines[0]) {
			if name == "IPReversePathFilter" {
				return strings.Fields(lines[1])[i]
			}
		}
		t.Fatal("the kernel does not count them")
		return ""
	}
	for _, c := range []struct {
		value string
		heard bool
	}{{"2", true}, {"1", false}, {"0", true}} {
		set("inside/rp_filter", c.value)
		if r, found := Reversed(peer, ours); found == c.heard || r != (Reverse{peer, ours, "inside", "outside"}) {
			t.Errorf("rp_filter %s: %+v, %v", c.value, r, found)
		}
		before := dropped()
		if _, err := sender.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if !c.heard {
			for until := time.Now().Add(10 * time.Second); dropped() == before; runtime.Gosched() {
				if time.Now().After(until) {
					t.Fatal("the kernel has dropped nothing")
				}
			}
			continue
		}
		receiver.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, from, err := receiver.ReadFromUDPAddrPort(make([]byte, 10)); err != nil || from.Addr() != peer {
			t.Errorf("rp_filter %s: heard from %v, %v", c.value, from, err)
		}
	}
	set("inside/rp_filter", "1")
	for from, to := range map[string]string{"10.1.0.2": "10.1.0.1", "10.2.0.2": "10.2.0.1", "198.51.100.9": "10.2.0.1", "192.0.2.1": "10.1.0.1", "2001:db8::1": "2001:db8::2"} {
		if r, found := Reversed(netip.MustParseAddr(from), netip.MustParseAddr(to)); found {
			t.Errorf("%+v", r)
		}
	}
	run("ip route add " + peer.String() + "/32 dev inside metric 0 table 7")
	run("ip rule add from 10.1.0.1 table 7")
	if r, found := Reversed(peer, ours); found { // which the kernel asks as well
		t.Errorf("by policy: %+v", r)
	}
}
