package relay

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// phonesEnv makes the test binary the load of BenchmarkRelayPaced instead of a test run.
const phonesEnv = "DIRECTSIP_RELAY_PHONES"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(phonesEnv)); err == nil {
		phones(n, os.Stdin, os.Stdout)
		return
	}
	lack.Processors(6)
	os.Exit(m.Run())
}

// phones plays n calls: 2n sockets that each send 50 packets a second and read what comes back. It prints the ports,
// reads those of the relay, and prints what it sent and received when its input ends.
func phones(n int, in io.Reader, out io.Writer) {
	sockets := make([]socket, 2*n)
	for i := range sockets {
		s, port := loopbackSocket()
		sockets[i] = s
		fmt.Fprintln(out, port)
	}
	lines := bufio.NewScanner(in)
	to := make([]sockaddr, 2*n)
	for i := range to {
		lines.Scan()
		port, _ := strconv.Atoi(lines.Text())
		to[i] = sockaddrOf(netip.AddrPortFrom(loopback4, uint16(port)))
	}
	stop := make(chan struct{})
	go func() { lines.Scan(); close(stop) }()
	pkt := make([]byte, 172)
	pkt[0] = 0x80
	buf := make([]byte, 256)
	var from sockaddr
	sent, received := 0, 0
	drain := func(s socket) {
		if _, errno := s.receive(buf, &from); errno == 0 {
			received++
		}
	}
	const perRound = 20 * time.Millisecond
	begin := time.Now()
	for round := 0; ; round++ {
		for i := range sockets {
			due := begin.Add(time.Duration(round)*perRound + perRound*time.Duration(i)/time.Duration(len(sockets)))
			if wait := time.Until(due); wait > 0 {
				ts := unix.NsecToTimespec(int64(max(wait, 500*time.Microsecond)))
				_ = unix.Nanosleep(&ts, nil)
			}
			binary.BigEndian.PutUint16(pkt[2:], uint16(round))
			binary.BigEndian.PutUint32(pkt[4:], uint32(round)*160)
			binary.BigEndian.PutUint32(pkt[8:], uint32(i+1))
			if sockets[i].send(pkt, &to[i]) == 0 {
				sent++
			}
			drain(sockets[i])
		}
		select {
		case <-stop:
			for received < sent && readable(sockets) { // what is still under way
				for _, s := range sockets {
					drain(s)
				}
			}
			fmt.Fprintln(out, sent, received)
			return
		default:
		}
	}
}

// readable waits until something has come to one of the sockets; false: nothing does any more.
func readable(sockets []socket) bool {
	fds := make([]unix.PollFd, len(sockets))
	for i, s := range sockets {
		fds[i] = unix.PollFd{Fd: s.fd, Events: unix.POLLIN}
	}
	for {
		n, err := unix.Poll(fds, 50) // ms
		if err != unix.EINTR {
			return n > 0
		}
	}
}

var loopback4 = netip.MustParseAddr("127.0.0.1")

func loopbackSocket() (socket, uint16) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback4.As4()}); err != nil {
		panic(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		panic(err)
	}
	return socket{fd: int32(fd), generation: 1}, uint16(name.(*unix.SockaddrInet4).Port)
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRelayPaced reports the CPU time of this process per relayed packet, system calls and the loopback's
// delivery included, while another process plays 500 calls of 2 × 50 packets/s.
//
//	go test ./internal/relay -run '^$' -bench RelayPaced -benchtime 1x
func BenchmarkRelayPaced(b *testing.B) {
	for _, calls := range []int{50, 500} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) { benchPaced(b, calls) })
	}
}

func benchPaced(b *testing.B, calls int) {
	r, err := New(Config{Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Shutdown()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), phonesEnv+"="+strconv.Itoa(calls))
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	remote := make([]uint16, 2*calls)
	for i := range remote {
		lines.Scan()
		p, _ := strconv.Atoi(lines.Text())
		remote[i] = uint16(p)
	}
	ports := media.NewPorts(20000, 28000, 0)
	var local strings.Builder
	for i := range calls {
		s := &media.Session{ID: media.SessionID(i), Streams: make([]media.Stream, 1)}
		for j := range s.Streams[0].Side {
			p, _ := ports.Take(time.Now())
			fmt.Fprintln(&local, p)
			s.Streams[0].Side[j] = media.Side{Local: netip.AddrPortFrom(loopback4, p), Latch: media.LatchPeer, Send: true, Recv: true,
				Remote: netip.AddrPortFrom(loopback4, remote[2*i+j])}
		}
		if err := r.Open(s); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := io.WriteString(in, local.String()); err != nil {
		b.Fatal(err)
	}
	warm := time.NewTicker(20 * time.Millisecond)
	defer warm.Stop()
	for deadline := time.Now().Add(patience); r.Totals().Packets < uint64(2*calls*10); <-warm.C { // ten of each stream
		if time.Now().After(deadline) {
			b.Fatalf("%d packets were relayed", r.Totals().Packets)
		}
	}
	before, cpu, at := r.Totals(), cpuTime(), time.Now()
	<-time.After(4 * time.Second) // the window of the measurement
	after, used, took := r.Totals(), cpuTime()-cpu, time.Since(at)
	fmt.Fprintln(in, "stop")
	lines.Scan()
	var sent, received int
	fmt.Sscan(lines.Text(), &sent, &received)
	_ = in.Close()
	_ = cmd.Wait()
	n := float64(after.Packets - before.Packets)
	b.ReportMetric(float64(used)/n, "cpu-ns/packet")
	b.ReportMetric(n/took.Seconds(), "packets/s")
	b.ReportMetric(n/float64(after.Batches-before.Batches), "packets/batch")
	b.ReportMetric(100*float64(sent-received)/float64(sent), "lost-%")
	b.ReportMetric(0, "ns/op")
}
