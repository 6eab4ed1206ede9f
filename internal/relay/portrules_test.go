package relay

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// fork is a wire with another one beside it, which media takes by a rule.
type fork struct{ *wire }

func newFork(t *testing.T, rule string) fork {
	w := newWire(t)
	w.here("link add near2 type veth peer name far2 netns " + w.path())
	w.here("addr add 10.99.0.1/24 dev near2")
	w.here("link set near2 up")
	w.there("addr add 10.99.0.2/24 dev far2")
	w.there("link set far2 up")
	w.here("route add 10.98.0.0/24 via 10.99.0.2 dev near2 table 77")
	w.here("rule add " + rule + " priority 100 table 77")
	return fork{w}
}

func (w fork) close() {
	w.here("rule del priority 100")
	w.here("link del near2")
	w.here("link del near")
}

// TestRoutesByPorts: where this host routes by ports, media leaves by the way that a rule gives its ports, in whichever tier it would be, and why it is in another is said. A rule for other
// ports changes nothing.
func TestRoutesByPorts(t *testing.T) {
	if !isolated(t) {
		return
	}
	const why = "a rule of routing by ports"
	for _, tier := range tiers {
		for rule, holds := range map[string]bool{
			"ipproto udp sport 20000-20999": true, "dport 1024-65534": true,
			"ipproto udp sport 5060": false, "ipproto udp dport 53": false, "ipproto tcp sport 20000-20999": false,
		} {
			t.Run(tier.String()+", "+rule, func(t *testing.T) {
				w := newFork(t, rule)
				defer w.close()
				k := w.between(us4, peer4, Config{Best: tier}, nil)
				defer k.Shutdown()
				if !holds {
					k.settled(tier, map[bool]string{true: "", false: notWanted}[tier == media.TierKernel])
				}
				other, direct := w.sent("near2"), w.sent("near")
				for range 20 {
					k.try()
				}
				other, direct = w.sent("near2")-other, w.sent("near")-direct
				if other >= 40 != holds || direct >= 40 == holds {
					t.Errorf("%d packets have left by the rule, %d by the other route", other, direct)
				}
				if st, _ := k.Stats(1); holds && (st.Streams[0].Tier != media.TierSockets || st.Streams[0].Why != why) {
					t.Errorf("tier %q because of %q", st.Streams[0].Tier, st.Streams[0].Why)
				}
			})
		}
	}
	t.Run("a rule that comes", func(t *testing.T) {
		w := newWire(t)
		defer w.here("link del near")
		k := w.between(us4, peer4, Config{Best: media.TierKernel}, nil)
		defer k.Shutdown()
		k.settled(media.TierKernel, "")
		w.here("rule add ipproto udp sport 20000 priority 100 table main")
		defer w.here("rule del priority 100")
		for deadline := time.Now().Add(2 * patience); ; k.try() {
			if st, _ := k.Stats(1); st.Streams[0].Tier == media.TierSteered && st.Streams[0].Why == why {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("tier %q because of %q", st.Streams[0].Tier, st.Streams[0].Why)
			}
		}
	})
}

// nft changes the filters of this host.
func nft(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("nft", args).CombinedOutput(); err != nil {
		lack.Of(t, fmt.Sprintf("nft %s: %v\n%s", args, err, out))
	}
}

// TestRoutesByMarks: where filters of this host mark what leaves and routes go by that, media leaves so, in the best tier whose packets they see. Marks that no filter gives change nothing.
func TestRoutesByMarks(t *testing.T) {
	if !isolated(t) {
		return
	}
	for _, marked := range []bool{false, true} {
		for _, tier := range tiers {
			t.Run(tier.String()+map[bool]string{true: ", marked"}[marked], func(t *testing.T) {
				w := newFork(t, "fwmark 7")
				defer w.close()
				nft(t, "add table inet ours; add chain inet ours marks { type route hook output priority -150; }")
				defer nft(t, "delete table inet ours")
				if marked {
					nft(t, "add rule inet ours marks udp sport 20000-20003 meta mark set 7")
				}
				k := w.between(us4, peer4, Config{Best: tier}, nil)
				defer k.Shutdown()
				best, why := tier, notWanted
				if marked {
					best, why = min(tier, media.TierSteered), "rules of routing by marks of filters"
				} else if tier == media.TierKernel {
					why = ""
				}
				k.settled(best, why)
				other, direct := w.sent("near2"), w.sent("near")
				for range 20 {
					k.try()
				}
				other, direct = w.sent("near2")-other, w.sent("near")-direct
				if other >= 40 != marked || direct >= 40 == marked {
					t.Errorf("%d packets have left by the mark, %d by the other route", other, direct)
				}
			})
		}
	}
}

// TestNATOfThisHost: where this host changes the addresses of a peer's media, the peer hears all, in the best tier whose packets pass there. Calls that it leaves alone are relayed in the kernel.
func TestNATOfThisHost(t *testing.T) {
	if !isolated(t) {
		return
	}
	known := addrPort(netip.MustParseAddr("10.98.0.9"), 20002) // as b knows us
	for rule, holds := range map[string]bool{
		"ip daddr 10.98.0.11 snat to 10.98.0.9": true, "ip saddr 172.17.0.0/16 masquerade": false,
	} {
		for _, tier := range tiers {
			t.Run(tier.String()+", "+rule, func(t *testing.T) {
				w := newWire(t)
				defer w.here("link del near")
				w.here("addr add 10.98.0.9/24 dev near")
				nft(t, "add table ip ours; add chain ip ours out { type nat hook postrouting priority srcnat; }; add rule ip ours out "+rule)
				defer nft(t, "delete table ip ours")
				k := w.between(us4, peer4, Config{Best: tier}, nil)
				defer k.Shutdown()
				best, why := tier, notWanted
				if tier == media.TierKernel {
					why = ""
				}
				if holds {
					k.lb = known
					best = min(tier, media.TierSteered)
				}
				if holds && tier == media.TierKernel {
					why = "NAT of this host"
				}
				k.talk(30)
				k.wantTier(best, why)
				if c := k.from(1, 0, 0); c.Packets != 30 || c.SendErrors != 0 {
					t.Errorf("%+v", c)
				}
			})
		}
	}
}
