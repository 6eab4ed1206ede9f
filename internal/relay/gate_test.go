package relay

import (
	"net/netip"
	"testing"
	"time"
)

func addr(s string) sockaddr { return sockaddrOf(netip.MustParseAddrPort(s)) }

const ms = int64(time.Millisecond)

// arrival is one packet at a gate.
type arrival struct {
	from string
	at   int64 // ms
	want bool
}

func TestGate(t *testing.T) {
	const sdp, otherPort, nat, thief = "192.0.2.1:4000", "192.0.2.1:4400", "198.51.100.9:1024", "203.0.113.6:9"
	for _, c := range []struct {
		name  string
		latch bool
		sdp   string
		in    []arrival
		to    string // destination afterwards
	}{
		{"without latching only the announced source", false, sdp,
			[]arrival{{sdp, 0, true}, {otherPort, 20, false}, {nat, 40, false}, {sdp, 60, true}}, sdp},
		{"without latching and announcement nobody", false, "", []arrival{{nat, 0, false}}, ""},
		{"the announced source latches at once and for good", true, sdp,
			[]arrival{{sdp, 0, true}, {thief, 20, false}, {thief, 40, false}, {thief, 60, false}, {thief, 80, false}, {otherPort, 90, false}, {sdp, 100, true}}, sdp},
		{"the announced host with another port latches at once", true, sdp,
			[]arrival{{otherPort, 0, true}, {thief, 20, false}}, otherPort},
		{"but the announced port takes over", true, sdp,
			[]arrival{{otherPort, 0, true}, {sdp, 20, true}, {otherPort, 40, false}}, sdp},
		{"a peer behind NAT latches with its third packet of 20 ms", true, sdp,
			[]arrival{{nat, 0, false}, {nat, 20, false}, {nat, 40, true}, {nat, 60, true}}, nat},
		{"and nobody of its kind takes over", true, sdp,
			[]arrival{{nat, 0, false}, {nat, 20, false}, {nat, 40, true}, {thief, 60, false}, {thief, 80, false}, {thief, 100, false}, {nat, 120, true}}, nat},
		{"stranger first, then the announced source", true, sdp,
			[]arrival{{thief, 0, false}, {thief, 20, false}, {sdp, 30, true}, {thief, 40, false}, {thief, 60, false}, {thief, 80, false}}, sdp},
		{"a latched stranger gives way to the announced source", true, sdp,
			[]arrival{{thief, 0, false}, {thief, 20, false}, {thief, 40, true}, {sdp, 50, true}, {thief, 60, false}}, sdp},
		{"a short spray does not latch", true, sdp,
			[]arrival{{thief, 0, false}, {thief, 1, false}, {thief, 2, false}, {thief, 3, false}, {thief, 4, false}}, sdp},
		{"nor a slow one", true, sdp,
			[]arrival{{thief, 0, false}, {thief, 600, false}, {thief, 1200, false}, {thief, 1800, false}}, sdp},
		{"one candidate keeps its place", true, sdp,
			[]arrival{{nat, 0, false}, {thief, 5, false}, {nat, 20, false}, {thief, 25, false}, {nat, 40, true}}, nat},
		{"a silent candidate loses it", true, sdp,
			[]arrival{{thief, 0, false}, {nat, 510, false}, {nat, 530, false}, {nat, 550, true}}, nat},
		{"early media before any SDP", true, "",
			[]arrival{{nat, 0, false}, {nat, 20, false}, {nat, 40, true}}, nat},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gate
			if c.sdp != "" {
				g.announce(addr(c.sdp), false)
			}
			play(t, &g, c.latch, c.in)
			want := sockaddr{}
			if c.to != "" {
				want = addr(c.to)
			}
			if got := g.destination(c.latch); *got != want {
				t.Errorf("destination %v, want %v", got.addrPort(), want.addrPort())
			}
		})
	}
}

func play(t *testing.T, g *gate, latch bool, in []arrival) {
	t.Helper()
	for i, a := range in {
		src := addr(a.from)
		if got := g.admit(&src, latch, a.at*ms); got != a.want {
			t.Fatalf("packet %d from %s at %d ms: admitted %v", i, a.from, a.at, got)
		}
	}
}

func TestGateReopens(t *testing.T) {
	const sdp, moved, nat, thief = "192.0.2.1:4000", "192.0.2.2:4000", "198.51.100.9:1024", "203.0.113.6:9"
	behindNAT := []arrival{{nat, 0, false}, {nat, 20, false}, {nat, 40, true}}

	t.Run("session refresh of a peer behind NAT loses nothing", func(t *testing.T) {
		var g gate
		g.announce(addr(sdp), false)
		play(t, &g, true, behindNAT)
		g.announce(addr(sdp), true)
		if want := addr(nat); *g.destination(true) != want {
			t.Errorf("destination %v", g.destination(true).addrPort())
		}
		play(t, &g, true, []arrival{{thief, 50, false}, {nat, 60, true}})
	})
	t.Run("a new address forgets the old source", func(t *testing.T) {
		var g gate
		g.announce(addr(sdp), false)
		play(t, &g, true, []arrival{{sdp, 0, true}})
		g.announce(addr(moved), true)
		if want := addr(moved); *g.destination(true) != want {
			t.Errorf("destination %v", g.destination(true).addrPort())
		}
		play(t, &g, true, []arrival{{sdp, 20, false}, {moved, 30, true}, {sdp, 40, false}})
	})
	t.Run("without a new gate only the new address may take over", func(t *testing.T) {
		var g gate
		g.announce(addr(sdp), false)
		play(t, &g, true, []arrival{{sdp, 0, true}})
		g.announce(addr(moved), false)
		play(t, &g, true, []arrival{{sdp, 20, true}, {thief, 30, false}, {moved, 40, true}, {sdp, 50, false}})
	})
	t.Run("the answer names the source of early media", func(t *testing.T) {
		var g gate
		play(t, &g, true, behindNAT)
		g.announce(addr(nat), false)
		play(t, &g, true, []arrival{{nat, 60, true}, {thief, 80, false}})
		if g.rank != announced {
			t.Errorf("rank %d", g.rank)
		}
	})
}

func TestGateOfRTCP(t *testing.T) {
	var media, g gate
	media.announce(addr("192.0.2.1:4000"), false)
	g.announce(addr("192.0.2.1:4001"), false)
	admit := func(from string, want bool) {
		t.Helper()
		src := addr(from)
		if got := g.admitRTCP(&src, true, &media); got != want {
			t.Fatalf("%s admitted %v", from, got)
		}
	}
	admit("198.51.100.9:1025", false) // RTP has not come from there
	play(t, &media, true, []arrival{{"198.51.100.9:1024", 0, false}, {"198.51.100.9:1024", 20, false}, {"198.51.100.9:1024", 40, true}})
	admit("198.51.100.9:1025", true)
	admit("198.51.100.9:1026", false)
	admit("203.0.113.6:9", false)
	play(t, &media, true, []arrival{{"192.0.2.1:4000", 50, true}})
	g.followHost(&media)
	admit("198.51.100.9:1025", false) // RTP has moved on
	admit("192.0.2.1:5555", true)
	admit("192.0.2.1:4001", true)
	admit("192.0.2.1:5555", false)
	src := addr("192.0.2.1:5555")
	if g.admitRTCP(&src, false, &media) {
		t.Fatal("without latching only what the SDP says")
	}
}
