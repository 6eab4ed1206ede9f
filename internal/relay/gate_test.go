package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

func addr(s string) sockaddr {
	if s == "" {
		return sockaddr{}
	}
	return sockaddrOf(netip.MustParseAddrPort(s))
}

const ms = int64(time.Millisecond)

// The sources of the tests: what the SDP says, the same host, the host of the signalling, and two that nobody spoke of.
const (
	sdp       = "192.0.2.1:4000"
	otherPort = "192.0.2.1:4400"
	nat       = "198.51.100.9:1024"
	natMoved  = "198.51.100.9:2048"
	third     = "203.0.113.6:9000"
	thief     = "203.0.113.7:9"
)

// trusting is what the call says under a policy: its signalling comes from the host of nat.
func trusting(latch media.Latch) *trust {
	return &trust{latch, hostOf(netip.MustParseAddrPort(nat).Addr())}
}

// arrival is one packet at a gate.
type arrival struct {
	from string
	at   int64 // ms
	want bool
}

// stream20 is n packets, 20 ms apart, of which those after the first hold are admitted.
func stream20(from string, at int64, n, hold int) (list []arrival) {
	for i := range n {
		list = append(list, arrival{from, at + 20*int64(i), i >= hold})
	}
	return list
}

// proof20 is how many packets of a stranger's 20 ms stream are held before one passes.
const proof20 = 10

func TestGate(t *testing.T) {
	const off, peer, any = media.LatchOff, media.LatchPeer, media.LatchAny
	for _, c := range []struct {
		name  string
		latch media.Latch
		sdp   string
		in    []arrival
		to    string // destination afterwards
	}{
		{"off: only the announced source", off, sdp,
			[]arrival{{sdp, 0, true}, {otherPort, 20, false}, {nat, 40, false}, {third, 50, false}, {sdp, 60, true}}, sdp},
		{"off, nothing announced: nobody", off, "", []arrival{{nat, 0, false}, {third, 20, false}}, ""},
		{"the announced source latches at once and for good", peer, sdp,
			[]arrival{{sdp, 0, true}, {thief, 20, false}, {nat, 40, false}, {otherPort, 60, false}, {sdp, 100, true}}, sdp},
		{"the announced host with another port latches at once", peer, sdp,
			[]arrival{{otherPort, 0, true}, {thief, 20, false}, {nat, 30, false}}, otherPort},
		{"but the announced port takes over", peer, sdp,
			[]arrival{{otherPort, 0, true}, {sdp, 20, true}, {otherPort, 40, false}}, sdp},
		{"a peer behind NAT latches by the host of its signalling, at once", peer, sdp,
			[]arrival{{nat, 0, true}, {nat, 20, true}, {thief, 30, false}}, nat},
		{"nobody of its kind takes over", peer, sdp,
			[]arrival{{nat, 0, true}, {natMoved, 20, false}, {nat, 40, true}}, nat},
		{"but the announced host does", peer, sdp,
			[]arrival{{nat, 0, true}, {otherPort, 20, true}, {nat, 30, false}, {sdp, 40, true}, {otherPort, 50, false}}, sdp},
		{"early media before any SDP, from the host of the signalling", peer, "",
			[]arrival{{third, 0, false}, {nat, 20, true}}, nat},
		{"a third host never latches", peer, sdp, stream20(third, 0, 500, 500), sdp},
		{"nor before any SDP", peer, "", stream20(third, 0, 500, 500), ""},
		{"any: a third host latches once it has sent for 200 ms", any, sdp, stream20(third, 0, 20, proof20), third},
		{"any: with 60 ms packets it is the fifth", any, sdp,
			[]arrival{{third, 0, false}, {third, 60, false}, {third, 120, false}, {third, 180, false}, {third, 240, true}}, third},
		{"any: nobody of its kind takes over", any, sdp,
			append(stream20(third, 0, 20, proof20), stream20(thief, 400, 20, 20)...), third},
		{"any: it gives way to the host of the signalling, then the announced one", any, sdp,
			append(stream20(third, 0, 20, proof20), arrival{nat, 400, true}, arrival{third, 405, false}, arrival{sdp, 410, true}, arrival{nat, 420, false}), sdp},
		{"any: the announced source comes before the proof is given", any, sdp,
			append(stream20(third, 0, proof20, proof20), arrival{sdp, 195, true}, arrival{third, 200, false}), sdp},
		{"any: a spray does not latch", any, sdp,
			[]arrival{{third, 0, false}, {third, 1, false}, {third, 2, false}, {third, 3, false}, {third, 4, false}, {third, 5, false}, {third, 6, false}}, sdp},
		{"any: nor four packets, however long they take", any, sdp,
			[]arrival{{third, 0, false}, {third, 300, false}, {third, 600, false}, {third, 900, false}}, sdp},
		{"any: nor what keeps falling silent", any, sdp,
			[]arrival{{third, 0, false}, {third, 600, false}, {third, 1200, false}, {third, 1800, false}, {third, 2400, false}, {third, 3000, false}}, sdp},
		{"any: one candidate keeps its place", any, sdp,
			[]arrival{{third, 0, false}, {thief, 5, false}, {third, 60, false}, {thief, 65, false}, {third, 120, false}, {thief, 125, false},
				{third, 180, false}, {thief, 210, false}, {third, 240, true}}, third},
		{"any: a silent candidate loses it", any, sdp,
			append([]arrival{{thief, 0, false}, {thief, 20, false}}, append(stream20(third, 20, 25, 25), stream20(third, 520, 20, 0)...)...), third},
		{"any: one of a single packet keeps nobody waiting", any, sdp,
			append([]arrival{{thief, 0, false}}, stream20(third, 10, 20, proof20)...), third},
		{"any: one that sends at long times does not", any, sdp,
			[]arrival{{thief, 0, false}, {thief, 150, false}, {third, 160, false}, {third, 180, false}, {third, 200, false}, {third, 220, false}, {thief, 310, false}, {third, 380, false}, {thief, 400, false}, {thief, 410, true}}, thief},
		{"any: early media before any SDP", any, "", stream20(third, 0, 20, proof20), third},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gate
			by := trusting(c.latch)
			g.announce(addr(c.sdp), false, by)
			play(t, &g, by, c.in)
			wantDestination(t, &g, by, c.to)
		})
	}
}

// TestLatchesUnderASpray: a stream whose address nobody has told is heard within seconds although nineteen packets of others come to its port between two of its own.
func TestLatchesUnderASpray(t *testing.T) {
	longest := time.Duration(0)
	for seed := range uint64(20) {
		r, peer := rand.New(rand.NewPCG(seed, 2)), addr(third)
		var g gate
		by := trusting(media.LatchAny)
		g.announce(addr(sdp), false, by)
		for now := ms; ; now += ms {
			if now%(20*ms) == 0 && g.admit(&peer, by, now) {
				longest = max(longest, time.Duration(now))
				break
			}
			other := sockaddrOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(r.Uint32())}), uint16(1024+r.IntN(60000))))
			if other != peer && r.IntN(20) > 0 && g.admit(&other, by, now) {
				t.Fatalf("seed %d: %v is heard", seed, other.addrPort())
			}
		}
	}
	if longest > 5*time.Second {
		t.Errorf("after %v at last", longest)
	}
}

func play(t *testing.T, g *gate, by *trust, in []arrival) {
	t.Helper()
	for i, a := range in {
		src := addr(a.from)
		if got := g.admit(&src, by, a.at*ms); got != a.want {
			t.Fatalf("packet %d from %s at %d ms: admitted %v", i, a.from, a.at, got)
		}
	}
}

func wantDestination(t *testing.T, g *gate, by *trust, to string) {
	t.Helper()
	if got, want := g.destination(by.latch), addr(to); *got != want {
		t.Errorf("destination %v, want %v", got.addrPort(), want.addrPort())
	}
}

func TestGateReopens(t *testing.T) {
	const moved = "192.0.2.2:4000"
	for _, c := range []struct {
		name, source string
		latch        media.Latch
		first        []arrival
	}{
		{"session refresh of a peer behind NAT loses nothing", nat, media.LatchPeer, []arrival{{nat, 0, true}}},
		{"nor does that of a stranger that has proved itself", third, media.LatchAny, stream20(third, 0, 20, proof20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gate
			by := trusting(c.latch)
			g.announce(addr(sdp), false, by)
			play(t, &g, by, c.first)
			g.announce(addr(sdp), true, by)
			wantDestination(t, &g, by, c.source)
			play(t, &g, by, []arrival{{thief, 450, false}, {c.source, 460, true}})
		})
	}
	t.Run("a new address forgets the old source", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchPeer)
		g.announce(addr(sdp), false, by)
		play(t, &g, by, []arrival{{sdp, 0, true}})
		g.announce(addr(moved), true, by)
		wantDestination(t, &g, by, moved)
		play(t, &g, by, []arrival{{sdp, 20, false}, {moved, 30, true}, {sdp, 40, false}})
	})
	t.Run("without a new gate too, as nobody speaks for it any more", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchPeer)
		g.announce(addr(sdp), false, by)
		play(t, &g, by, []arrival{{sdp, 0, true}})
		g.announce(addr(moved), false, by)
		wantDestination(t, &g, by, moved)
		play(t, &g, by, []arrival{{sdp, 20, false}, {moved, 40, true}})
	})
	t.Run("also one that comes behind a new gate, when the other side takes the m-line after all", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchPeer)
		g.announce(addr(sdp), false, by)
		play(t, &g, by, []arrival{{sdp, 0, true}})
		by.signalling = hostOf(netip.MustParseAddrPort(sdp).Addr())
		g.announce(sockaddr{}, false, by) // the other side refuses it
		g.announce(sockaddr{}, true, by)
		g.announce(addr(otherPort), false, by)
		wantDestination(t, &g, by, otherPort)
	})
	t.Run("the answer names the source of early media", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchPeer)
		play(t, &g, by, []arrival{{nat, 0, true}})
		g.announce(addr(nat), false, by)
		play(t, &g, by, []arrival{{nat, 60, true}, {natMoved, 80, false}})
		if g.rank != announced {
			t.Errorf("rank %d", g.rank)
		}
	})
	t.Run("another target's signalling forgets the source of the last", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchPeer)
		play(t, &g, by, []arrival{{nat, 0, true}})
		by.signalling = hostOf(netip.MustParseAddrPort(third).Addr())
		g.announce(sockaddr{}, false, by)
		wantDestination(t, &g, by, "")
		play(t, &g, by, []arrival{{nat, 20, false}, {third, 30, true}})
	})
	t.Run("a narrower policy forgets a stranger", func(t *testing.T) {
		var g gate
		by := trusting(media.LatchAny)
		g.announce(addr(sdp), false, by)
		play(t, &g, by, stream20(third, 0, 20, proof20))
		by.latch = media.LatchPeer
		g.announce(addr(sdp), true, by)
		wantDestination(t, &g, by, sdp)
		play(t, &g, by, stream20(third, 400, 20, 20))
	})
}

func TestGateOfRTCP(t *testing.T) {
	by := trusting(media.LatchPeer)
	var rtp gate
	g := gate{rtp: &rtp}
	rtp.announce(addr("192.0.2.1:4000"), false, by)
	g.announce(addr("192.0.2.1:4001"), false, by)
	admit := func(from string, want bool) {
		t.Helper()
		src := addr(from)
		if got := g.admit(&src, by, 0); got != want {
			t.Fatalf("%s admitted %v", from, got)
		}
	}
	admit("203.0.113.6:9", false)
	admit("198.51.100.9:1025", true) // the host of the signalling, while no RTP has come
	play(t, &rtp, by, []arrival{{nat, 0, true}})
	g.review(by)
	admit("198.51.100.9:1025", true)
	admit("198.51.100.9:1026", false)
	admit("203.0.113.6:9", false)
	play(t, &rtp, by, []arrival{{"192.0.2.1:4000", 50, true}})
	g.review(by)
	admit("198.51.100.9:1026", false) // RTP has moved on
	admit("192.0.2.1:5555", true)
	admit("192.0.2.1:4001", true)
	admit("192.0.2.1:5555", false)
	g.announce(addr("192.0.2.1:4009"), false, by) // a=rtcp has changed alone
	wantDestination(t, &g, by, "192.0.2.1:4009")
	admit("192.0.2.1:4009", true)
	src := addr("192.0.2.1:5555")
	if g.admit(&src, &trust{}, 0) {
		t.Fatal("off: only what the SDP says")
	}
}

// TestRTCPOfAStrangerFollowsItsRTP: under LatchAny RTCP proves nothing, it follows.
func TestRTCPOfAStrangerFollowsItsRTP(t *testing.T) {
	by := trusting(media.LatchAny)
	var rtp gate
	g := gate{rtp: &rtp}
	for i := range int64(50) {
		src := addr("203.0.113.6:9001")
		if g.admit(&src, by, 20*i*ms) {
			t.Fatal("RTCP latched before RTP")
		}
	}
	play(t, &rtp, by, stream20(third, 0, 20, proof20))
	g.review(by)
	src := addr("203.0.113.6:9001")
	if !g.admit(&src, by, 0) {
		t.Fatal("RTCP from the host of the RTP is gated")
	}
	rtp.announce(addr(""), true, by)
	g.announce(addr(""), true, by)
	wantDestination(t, &g, by, "203.0.113.6:9001") // a refresh keeps it
}

// TestNoStrangerEverLatches plays random calls: packets of hosts that nobody spoke of, at any pace, on both ports, between
// those of the peer and new descriptions. Whatever the order, none of theirs passes and nothing is sent to them.
func TestNoStrangerEverLatches(t *testing.T) {
	for seed := range uint64(2000) {
		if err := strangersPlay(rand.New(rand.NewPCG(seed, 1))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func strangersPlay(r *rand.Rand) error {
	one := func(prefix string) netip.AddrPort {
		return netip.MustParseAddrPort(fmt.Sprintf("%s.%d:%d", prefix, 1+r.IntN(3), 1024+r.IntN(5)))
	}
	st := newStream(&session{}, 0, &sockets{})
	sd := &st.side[0]
	sd.rtp.socket, sd.rtcp.socket = socket{fd: 1}, socket{fd: 2}
	want := media.Side{Remote: one("192.0.2"), Signalling: one("198.51.100").Addr(), Latch: media.LatchPeer, Send: true, Recv: true}
	sd.set(&want, 1)
	spoken := func(src *sockaddr) bool {
		announcedHost, signallingHost := hostOf(want.Remote.Addr()), hostOf(want.Signalling)
		return src.sameHost(&announcedHost) || src.sameHost(&signallingHost)
	}
	now := int64(1)
	for range 200 {
		now += r.Int64N(300) * ms
		p := &sd.rtp
		if r.IntN(3) == 0 {
			p = &sd.rtcp
		}
		var src sockaddr
		switch r.IntN(8) {
		case 0:
			src = sockaddrOf(one("192.0.2")) // the peer, or where it was or will be
		case 1:
			src = sockaddrOf(one("198.51.100"))
		case 2: // a new description, a refresh, a hold, another target
			if r.IntN(2) == 0 {
				want.Remote = [...]netip.AddrPort{one("192.0.2"), {}}[r.IntN(2)]
			}
			if r.IntN(4) == 0 {
				want.Signalling = one("198.51.100").Addr()
			}
			if r.IntN(2) == 0 {
				want.Relatch++
			}
			want.Latch = [...]media.Latch{media.LatchPeer, media.LatchPeer, media.LatchOff}[r.IntN(3)]
			sd.set(&want, now)
			continue
		default:
			src = sockaddrOf(one("203.0.113"))
		}
		if sd.admits(p, &src, now) && !spoken(&src) {
			return fmt.Errorf("%v passes; announced %v, signalling %v", src.addrPort(), want.Remote, want.Signalling)
		}
		for _, q := range []*port{&sd.rtp, &sd.rtcp} {
			if to := q.gate.destination(sd.trust.latch); to.size != 0 && !spoken(to) {
				return fmt.Errorf("%v is sent to; announced %v, signalling %v", to.addrPort(), want.Remote, want.Signalling)
			}
		}
	}
	return nil
}

// TestGateMoves: a NAT may forget who says nothing for a while and give it another port, which its SDP, said again, knows nothing of. It is heard from there; nobody else is.
func TestGateMoves(t *testing.T) {
	const ssrc, pcmu, other = 7, 0, 18
	begin := func() (*stream, *media.Stream) {
		st := newStream(&session{}, 0, &sockets{})
		want := &media.Stream{}
		var agreed media.PayloadTypes
		agreed.Add(pcmu)
		for i := range st.side {
			st.side[i].rtp.socket, st.side[i].rtcp.socket = socket{fd: 1}, socket{fd: 2}
			want.Side[i] = media.Side{Remote: netip.MustParseAddrPort(sdp), Signalling: netip.MustParseAddrPort(nat).Addr(), Latch: media.LatchPeer, Send: true, Recv: true,
				Agreed: agreed}
		}
		st.set(want, 1)
		return st, want
	}
	hear := func(st *stream, from string, at int64, sequence uint16, source uint32, payloadType uint8) bool {
		src := addr(from)
		v, _, _, _ := st.side[0].rtp.receive(rtpPacket(payloadType, sequence, 160*uint32(sequence), source), &src, at*ms, &notices{})
		return v == passed
	}
	for _, from := range []struct{ name, was, is string }{{"behind NAT", nat, natMoved}, {"that knows its public address", sdp, otherPort}} {
		t.Run("the same source, "+from.name, func(t *testing.T) {
			st, want := begin()
			if !hear(st, from.was, 0, 65535, ssrc, pcmu) || hear(st, from.is, 20, 0, ssrc, pcmu) {
				t.Fatal("another port is heard without a word")
			}
			want.Side[0].Confirmed++
			st.set(want, 30*ms)
			rtcp := addr(from.was)
			if !st.side[0].admits(&st.side[0].rtcp, &rtcp, 31*ms) {
				t.Fatal("RTCP is gated")
			}
			for _, who := range []struct {
				from     string
				sequence uint16
				source   uint32
			}{{thief, 0, ssrc}, {from.is, 65535, ssrc}, {from.is, 0, ssrc + 1}, {from.is, 40000, ssrc}} {
				if hear(st, who.from, 40, who.sequence, who.source, pcmu) {
					t.Fatalf("%+v is heard", who)
				}
			}
			if !hear(st, from.was, 60, 0, ssrc, pcmu) || !hear(st, from.is, 90000, 1, ssrc, pcmu) || !hear(st, from.is, 90020, 2, ssrc, pcmu) {
				t.Fatal("it is not heard where it was or from where it is now")
			}
			if to := st.side[0].rtp.gate.destination(media.LatchPeer); *to != addr(from.is) {
				t.Errorf("packets go to %v", to.addrPort())
			}
			rtcp = addr(from.is)
			if !st.side[0].admits(&st.side[0].rtcp, &rtcp, 90030*ms) {
				t.Error("RTCP does not follow")
			}
			if hear(st, nat[:len(nat)-1]+"9", 90040, 3, ssrc, pcmu) {
				t.Error("it moves twice")
			}
		})
	}
	t.Run("another source, when the one before is silent", func(t *testing.T) {
		for _, c := range []struct {
			name        string
			at          int64
			from        string
			payloadType uint8
			moves       bool
		}{{"of its host", 1000, natMoved, pcmu, true}, {"while the one before speaks", 300, natMoved, pcmu, false}, {"of another host", 1000, thief, pcmu, false},
			{"that speaks otherwise", 1000, natMoved, other, false}, {"too late", 60000, natMoved, pcmu, false}} {
			st, want := begin()
			hear(st, nat, 0, 1, ssrc, pcmu)
			want.Side[0].Confirmed++
			st.set(want, 30*ms)
			hear(st, nat, 200, 2, ssrc, pcmu)
			heard := false
			for i := range uint16(12) {
				heard = hear(st, c.from, c.at+20*int64(i), 100+i, ssrc+1, c.payloadType)
				if i < 3 && heard {
					t.Errorf("%s: heard at once", c.name)
				}
			}
			if heard != c.moves {
				t.Errorf("%s: heard %v", c.name, heard)
			}
		}
	})
}
