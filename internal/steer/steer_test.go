package steer

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"

	"golang.org/x/sys/unix"
)

// open is a table, or the reason to skip.
func open(t *testing.T) *Table {
	t.Helper()
	tab, err := Open()
	if err != nil {
		lack.Of(t, err)
	}
	t.Cleanup(func() { _ = tab.Close() })
	return tab
}

// bound is a UDP socket on a port of an address; 0: any.
func bound(t *testing.T, ip netip.Addr, port uint16) (fd int, at netip.AddrPort) {
	t.Helper()
	domain, sa := unix.AF_INET, sockaddr(netip.AddrPortFrom(ip, port))
	if ip.Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return fd, netip.AddrPortFrom(ip, uint16(n.Port))
	case *unix.SockaddrInet6:
		return fd, netip.AddrPortFrom(ip, uint16(n.Port))
	}
	t.Fatal(name)
	return fd, at
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

func send(t *testing.T, fd int, to netip.AddrPort, text string) {
	t.Helper()
	if err := unix.Sendto(fd, []byte(text), 0, sockaddr(to)); err != nil {
		t.Fatal(err)
	}
}

func hears(t *testing.T, fd int, text string) {
	t.Helper()
	b := make([]byte, 100)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil || string(b[:n]) != text {
		t.Fatalf("%q, %v; want %q", b[:max(0, n)], err, text)
	}
}

// TestSteer: a port that is set goes to its worker's socket, before the socket that is bound there and by address and family; one that is not,
// or not any more, goes where it always would.
func TestSteer(t *testing.T) {
	for _, ips := range [][2]string{{"127.0.0.1", "127.0.0.2"}, {"::1", "::1"}} {
		tab := open(t)
		ip := netip.MustParseAddr(ips[0])
		worker, _ := bound(t, ip, 0)
		owner, at := bound(t, ip, 0)
		other, aside := bound(t, netip.MustParseAddr(ips[1]), 0)
		from, _ := bound(t, ip, 0)
		if err := tab.Serve(3, ip.Is6(), worker); err != nil {
			t.Fatal(err)
		}
		index, ok := tab.Address(ip)
		if again, _ := tab.Address(ip); !ok || again != index {
			t.Fatalf("%v has the indexes %d and %d", ip, index, again)
		}
		send(t, from, at, "before")
		hears(t, owner, "before")
		tab.Set(index, at.Port(), 3)
		send(t, from, at, "steered")
		hears(t, worker, "steered")
		send(t, from, aside, "aside")
		hears(t, other, "aside")
		tab.Set(index, at.Port(), 5) // which has no socket
		send(t, from, at, "nobody")
		hears(t, owner, "nobody")
		tab.Set(index, at.Port(), 3)
		tab.Clear(index, at.Port())
		send(t, from, at, "after")
		hears(t, owner, "after")
	}
}

// TestConnectedComesFirst: whoever asks another host from a port that is steered meanwhile gets the answer.
func TestConnectedComesFirst(t *testing.T) {
	tab := open(t)
	ip := netip.MustParseAddr("127.0.0.1")
	worker, _ := bound(t, ip, 0)
	client, at := bound(t, ip, 0)
	server, to := bound(t, ip, 0)
	if err := unix.Connect(client, sockaddr(to)); err != nil {
		t.Fatal(err)
	}
	if err := tab.Serve(0, false, worker); err != nil {
		t.Fatal(err)
	}
	index, _ := tab.Address(ip)
	tab.Set(index, at.Port(), 0)
	send(t, server, at, "answer")
	hears(t, client, "answer")
	stranger, _ := bound(t, ip, 0)
	send(t, stranger, at, "media")
	hears(t, worker, "media")
}

// TestTooMany: what does not fit is refused.
func TestTooMany(t *testing.T) {
	tab := open(t)
	ip := netip.MustParseAddr("192.0.2.1")
	for i := range Addresses {
		if index, ok := tab.Address(ip); !ok || index != i {
			t.Fatalf("address %d has index %d %v", i, index, ok)
		}
		ip = ip.Next()
	}
	if _, ok := tab.Address(ip); ok {
		t.Error("one address more than there is room for")
	}
	if tab.Serve(Workers, false, 0) == nil || tab.Serve(-1, false, 0) == nil {
		t.Error("a worker that there is no room for")
	}
}

const childEnv = "DIRECTSIP_STEER_CHILD"

// TestKillLeavesNothing: after kill -9 packets go to the bound socket again.
func TestKillLeavesNothing(t *testing.T) {
	ip := netip.MustParseAddr("127.0.0.1")
	if port := os.Getenv(childEnv); port != "" {
		tab, at := open(t), netip.MustParseAddrPort("127.0.0.1:"+port)
		worker, _ := bound(t, ip, 0)
		index, _ := tab.Address(ip)
		if err := tab.Serve(0, false, worker); err != nil {
			t.Fatal(err)
		}
		tab.Set(index, at.Port(), 0)
		os.Stdout.WriteString("ready\n")
		hears(t, worker, "steered")
		os.Stdout.WriteString("heard\n")
		select {}
	}
	open(t)
	owner, at := bound(t, ip, 0)
	from, _ := bound(t, ip, 0)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillLeavesNothing$")
	cmd.Env = append(os.Environ(), childEnv+"="+at.String()[len("127.0.0.1:"):])
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	for _, want := range []string{"ready\n", "heard\n"} {
		if _, err := out.Read(line); err != nil || string(line) != want {
			t.Fatalf("%q, %v", line, err)
		}
		if want == "ready\n" {
			send(t, from, at, "steered")
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; { // the kernel takes apart what a process had in its own time
		send(t, from, at, "bound")
		b := make([]byte, 10)
		if n, _, err := unix.Recvfrom(owner, b, unix.MSG_DONTWAIT); err == nil && string(b[:n]) == "bound" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the packets of a dead process go nowhere")
		}
	}
}

// TestObjectIsOfTheSource: what is committed is what Debian's clang makes of the source.
func TestObjectIsOfTheSource(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(version), "Debian clang version 14.") {
		lack.Of(t, "clang of Debian 12 is not installed")
	}
	source, err := os.ReadFile("gen.go")
	if err != nil {
		t.Fatal(err)
	}
	dir, names := t.TempDir(), []string{}
	for _, line := range strings.Split(string(source), "\n") {
		command, ok := strings.CutPrefix(line, "//go:generate ")
		if !ok {
			continue
		}
		cmd := exec.Command("sh", "-c", strings.Replace(command, " -go-package ", " -output-dir "+dir+" -go-package ", 1))
		cmd.Env = append(os.Environ(), "GOPACKAGE=steer")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		words := strings.Fields(command)
		for _, kind := range []string{"_bpfel.o", "_bpfeb.o", "_bpfel.go", "_bpfeb.go"} {
			names = append(names, words[len(words)-2]+kind)
		}
	}
	if len(names) != 8 {
		t.Errorf("made: %v", names)
	}
	for _, name := range names {
		made, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(made, committed) {
			t.Errorf("%s is not what the source gives, %v: make generate", name, err)
		}
	}
}
