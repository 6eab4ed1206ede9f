package bench

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(AloneEnv); args != "" {
		os.Stderr.WriteString(Alone(args, os.Stdout).Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestAloneRelays: what a caller sends to its port comes to the callee from the callee's, with sockets, which need no rights, and in the bare loop over them.
func TestAloneRelays(t *testing.T) {
	for _, tier := range []string{tiers[0], tierFloor} {
		t.Run(tier, func(t *testing.T) { testAlone(t, tier) })
	}
}

func testAlone(t *testing.T, tier string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), AloneEnv+"="+tier+" 2 127.0.0.20 127.0.0.21 127.0.0.22")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for lines := bufio.NewScanner(out); lines.Text() != "ready"; {
		if !lines.Scan() {
			t.Fatal("it ended")
		}
	}
	open := func(host string) *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(host), Port: mediaPort})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	caller, callee := open("127.0.0.21"), open("127.0.0.22")
	ports := portsOf(1)
	w := newWire(-1, 1)
	w.fill(0, 0, 1, 1, time.Now())
	if _, err := caller.WriteToUDP(w.bufs[0][:rtpSize], &net.UDPAddr{IP: net.ParseIP("127.0.0.20"), Port: int(ports[0])}); err != nil {
		t.Fatal(err)
	}
	callee.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, from, err := callee.ReadFromUDP(make([]byte, 1500))
	if err != nil || n != rtpSize || from.Port != int(ports[1]) {
		t.Errorf("%d octets from %v: %v", n, from, err)
	}
}
