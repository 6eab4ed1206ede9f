package relay

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// TestStoppedProcess: after SIGSTOP and SIGCONT nobody is dead who speaks then, though nothing was heard for longer than the timeout, and who does not is dead in time.
func TestStoppedProcess(t *testing.T) {
	if peer := os.Getenv("RELAY_STOPPED"); peer != "" {
		stoppable(t, netip.MustParseAddrPort(peer))
		return
	}
	phone, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip4, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStoppedProcess$")
	cmd.Env = append(os.Environ(), "RELAY_STOPPED="+phone.LocalAddr().String())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	said := make(chan string, 100)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			said <- in.Text()
		}
		close(said)
	}()
	var to netip.AddrPort
	var stopped, goes time.Time
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	deadline := time.After(12 * stoppedTimeout)
	for n := uint16(0); ; {
		select {
		case line := <-said:
			switch at, _ := strings.CutPrefix(line, "at "); {
			case line == "first":
				stopped = time.Now()
				cmd.Process.Signal(syscall.SIGSTOP)
			case line == "dead" && (goes.IsZero() || time.Since(goes) < 2*stoppedTimeout):
				t.Fatal("dead although it speaks")
			case line == "dead":
				return
			case at != line:
				to = netip.MustParseAddrPort(at)
			}
		case <-beat.C:
			switch {
			case !to.IsValid() || !stopped.IsZero() && time.Since(stopped) < 2*stoppedTimeout: // what was sent to who is stopped is lost
			case !stopped.IsZero() && goes.IsZero():
				goes = time.Now()
				cmd.Process.Signal(syscall.SIGCONT)
				fallthrough
			case goes.IsZero() || time.Since(goes) < 2*stoppedTimeout:
				n++
				phone.WriteToUDPAddrPort(rtpPacket(8, n, uint32(n)*160, 8), to)
			}
		case <-deadline:
			t.Fatal("who is silent is never dead")
		}
	}
}

const stoppedTimeout = time.Second

// stoppable relays for a peer and says what it notices.
func stoppable(t *testing.T, peer netip.AddrPort) {
	r := newRig(t, Config{SweepInterval: 50 * time.Millisecond})
	s := call(1, newPhone(t, ip4), newPhone(t, ip4))
	s.Streams[0].Side[0].Remote = peer
	s.Timeout[0] = stoppedTimeout
	r.open(s)
	fmt.Println("at " + s.Streams[0].Side[0].Local.String())
	for e := range r.events {
		switch e.Kind {
		case media.EventFirstPacket:
			fmt.Println("first")
		case media.EventDead:
			fmt.Println("dead")
			return
		}
	}
}
