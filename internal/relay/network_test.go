package relay

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// TestCallsOutliveTheNetwork: neighbours expire and change their link addresses, routes move, devices and addresses go and come back. In each tier a call
// goes on when its packets can pass again, and in the best that it can have.
func TestCallsOutliveTheNetwork(t *testing.T) {
	if !isolated(t) {
		return
	}
	for _, tier := range tiers {
		for _, family := range families {
			t.Run(tier.String()+" "+family.us.String(), func(t *testing.T) { outlive(t, tier, family.us, family.peer) })
		}
	}
}

func outlive(t *testing.T, tier media.Tier, us netip.Addr, peer func(int) netip.Addr) {
	w := newWire(t)
	defer w.here("link del near")
	k := w.between(us, peer, Config{Best: tier}, nil)
	ip := "-4"
	if us.Is6() {
		ip = "-6"
	}
	k.flows("at first")

	w.here(ip + " neigh flush dev near")
	k.flows("after neighbours were forgotten")

	w.inside(w.far, func() { // as routers do that take over from others
		for _, name := range []string{"ipv4/conf/far/arp_notify", "ipv6/conf/far/ndisc_notify"} {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
				t.Error(err)
			}
		}
	})
	w.there("link set far address 02:00:00:00:00:77")
	k.flows("after the neighbour has another link address") // frames to the old one are not its any more

	if us.Is4() {
		k.detour()
		k.flows("after the route has moved")
		w.here("link set near2 down")
		k.flows("after its device has gone down")
		w.here("link del near2")
	}

	w.here("link set near down")
	w.here("link set near up")
	if us.Is6() {
		w.here("-6 addr replace fd00:98::1/64 dev near nodad")
	}
	k.flows("after the device was down")

	w.here(ip + " addr del " + us.String() + map[bool]string{true: "/24", false: "/64"}[us.Is4()] + " dev near")
	k.try()
	w.here(ip + " addr add " + us.String() + map[bool]string{true: "/24", false: "/64 nodad"}[us.Is4()] + " dev near")
	k.flows("after its address was gone")
}

// flows talks until ten packets each way have passed in a row, and the stream is in the tier that it can have.
func (k *kernelRig) flows(when string) {
	k.t.Helper()
	row := 0
	for deadline := time.Now().Add(patience); row < 10; {
		if time.Now().After(deadline) {
			stats, _ := k.Stats(1)
			k.t.Fatalf("%s: nothing passes, or not in the right tier: %q because of %q", when, stats.Streams[0].Tier, stats.Streams[0].Why)
		}
		a, b := k.try()
		stats, _ := k.Stats(1)
		if row++; !a || !b || stats.Streams[0].Tier != k.config.Best {
			row = 0
		}
	}
	if k.config.Best == media.TierSteered {
		k.leaving(when, true, func() { k.try() })
	}
}

// TestKernelFollowsNexthops: an object that routes name (ip-nexthop(8)) may change, and no route is said to have.
func TestKernelFollowsNexthops(t *testing.T) {
	if !isolated(t) {
		return
	}
	// Nothing else is to be told either: no address that devices get by themselves.
	for name, value := range map[string]string{"ipv4/nexthop_compat_mode": "0", "ipv6/conf/default/addr_gen_mode": "1"} {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			lack.Of(t, err)
		}
	}
	w := newWire(t)
	k := w.rig(Config{}, nil)
	w.here("link add near2 type veth peer name far2 netns " + w.path())
	w.here("addr add 10.99.0.1/24 dev near2")
	w.here("link set near2 up")
	w.there("addr add 10.99.0.2/24 dev far2")
	w.there("link set far2 up")
	w.here("nexthop add id 1 via 10.98.0.12 dev near") // b is there, too
	w.here("route add 10.98.0.11/32 nhid 1 src 10.98.0.1")
	k.flows("by the first next hop")
	before := w.sent("near2")
	w.here("nexthop replace id 1 via 10.99.0.2 dev near2")
	for deadline := time.Now().Add(patience); w.sent("near2") < before+10; k.try() {
		if time.Now().After(deadline) {
			t.Fatal("no packets take the new way")
		}
	}
	k.flows("by the other next hop")
}
