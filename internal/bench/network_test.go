package bench

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

// TestNetworkBillsTheReceiver: what is sent to the system's namespace is received by a thread of the kernel, and its time is seen.
func TestNetworkBillsTheReceiver(t *testing.T) {
	if os.Geteuid() != 0 {
		lack.Of(t, "network namespaces need root")
	}
	if os.Getenv("DIRECTSIP_BENCH_NETWORK") == "" { // in namespaces that end with the test
		cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$0" -test.run '^TestNetworkBillsTheReceiver$' -test.v`, os.Args[0])
		cmd.Env = append(os.Environ(), "DIRECTSIP_BENCH_NETWORK=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	ours, theirs := net.Pipe()
	go Serve(theirs)
	defer ours.Close()
	b := &Bench{Outside: NewOutside(ours)}
	n, err := b.newNetwork(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	before, err := n.received()
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", n.sut+":9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 1000 { // nobody listens; each is refused
		c.Write(make([]byte, rtpSize))
	}
	if after, err := n.received(); err != nil || after <= before {
		t.Errorf("receiving has cost %v, before %v: %v", after, before, err)
	}
}
