package relay

import (
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// TestBoundToADevice: where a program of its cgroup binds the sockets of this process to a device, as `ip vrf exec` does, media takes that one's routes in each tier, and not those that
// everybody else has.
func TestBoundToADevice(t *testing.T) {
	if !isolated(t) {
		return
	}
	group := cgroup(t)
	for _, tier := range tiers {
		t.Run(tier.String(), func(t *testing.T) {
			w := newFork(t, "to 192.0.2.0/24").wire
			defer fork{w}.close()
			w.here("route add 10.98.0.0/24 via 10.99.0.2 dev near2 metric 100") // by which nobody else goes
			w.there("route add 10.98.0.1/32 via 10.99.0.1 dev far2")
			near2, err := net.InterfaceByName("near2")
			if err != nil {
				t.Fatal(err)
			}
			k := &kernelRig{wire: w, a: w.phone(peer4(1)), b: w.phone(peer4(2))}
			bind, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.CGroupSock, AttachType: ebpf.AttachCGroupInetSockCreate, License: "GPL", Instructions: asm.Instructions{
				asm.StoreImm(asm.R1, 0, int64(near2.Index), asm.Word), // bound_dev_if
				asm.Mov.Imm(asm.R0, 1), asm.Return()}})
			if err != nil {
				lack.Of(t, err)
			}
			defer bind.Close()
			on, err := link.AttachCgroup(link.CgroupOptions{Path: group, Attach: ebpf.AttachCGroupInetSockCreate, Program: bind})
			if err != nil {
				lack.Of(t, err)
			}
			defer on.Close()
			k.rig = newRig(t, Config{Best: tier})
			defer k.Shutdown()
			if best, why := k.Best(); best != tier {
				lack.Of(t, why)
			}
			k.session = call(1, k.a, k.b)
			k.la, k.lb = addrPort(us4, 20000), addrPort(us4, 20002)
			k.session.Streams[0].Side[0].Local, k.session.Streams[0].Side[1].Local = k.la, k.lb
			if err := k.Open(k.session); err != nil {
				t.Fatal(err)
			}
			why := notWanted
			if tier == media.TierKernel {
				why = ""
			}
			k.settled(tier, why)
			other, ours := w.sent("near"), w.sent("near2")
			k.talk(20)
			if other, ours = w.sent("near")-other, w.sent("near2")-ours; other >= 40 || ours < 40 {
				t.Errorf("%d packets have left by the device of the sockets, %d by another", ours, other)
			}
		})
	}
}
