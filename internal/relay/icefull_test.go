package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

// span is two relays with ICE between them, and a phone behind each.
type span struct {
	r [2]*rig
	s [2]*media.Session
	p [2]*phone
}

// newSpan opens both ends as after an offer: own credentials are known, the peer's are not.
func newSpan(t *testing.T, full [2]bool, mux bool) *span {
	t.Helper()
	x := &span{}
	for i := range x.r {
		x.r[i], x.p[i] = newRig(t, Config{Workers: 1, SweepInterval: 20 * time.Millisecond}), newPhone(t, ip4)
		x.s[i] = call(1, x.p[i], x.p[i])
		side := &x.s[i].Streams[0].Side[1]
		side.Remote, side.RemoteRTCP, side.Mux = netip.AddrPort{}, netip.AddrPort{}, mux
		side.ICE = &media.ICE{Ufrag: x.name(i), Pwd: x.secret(i), Full: full[i], Controls: full[i]}
		x.r[i].open(x.s[i])
	}
	return x
}

func (x *span) name(i int) string   { return [2]string{"left", "rght"}[i] }
func (x *span) secret(i int) string { return [2]string{ourPwd, theirPwd}[i] }

// local is the port of end i toward the other one.
func (x *span) local(i int) netip.AddrPort { return x.s[i].Streams[0].Side[1].Local }

// join tells each end of the other, with candidates that lead nowhere before the right one.
func (x *span) join(t *testing.T, change ...func(i int, ice *media.ICE)) {
	t.Helper()
	for i := range x.r {
		o := 1 - i
		was := x.s[i].Streams[0].Side[1].ICE
		ice := *was
		ice.PeerUfrag, ice.PeerPwd, ice.PeerLite = x.name(o), x.secret(o), !x.s[o].Streams[0].Side[1].ICE.Full
		ice.Candidates = []media.Candidate{
			{Component: 1, Priority: 200, Address: netip.MustParseAddrPort("[2001:db8::1]:4000")},
			{Component: 1, Priority: 100, Address: x.local(o)}, {Component: 2, Priority: 99, Address: rtcpPort(x.local(o))},
		}
		for _, c := range change {
			c(i, &ice)
		}
		next := &media.Session{ID: 1, Streams: []media.Stream{x.s[i].Streams[0]}}
		next.Streams[0].Side[1].ICE = &ice
		x.s[i] = next
		if err := x.r[i].Update(next); err != nil {
			t.Fatal(err)
		}
	}
}

// talks has RTP and RTCP of each phone come to the other one.
func (x *span) talks(t *testing.T) {
	t.Helper()
	for i, p := range x.p {
		at := x.s[i].Streams[0].Side[0].Local
		p.arrives(p.rtp, at, rtpPacket(8, 1, 160, uint32(7+i)), x.p[1-i].rtp)
		p.arrives(p.rtcp, rtcpPort(at), receiverReport(uint32(7+i)), x.p[1-i].rtcp)
	}
}

// settled tells whether both ends have nominated.
func (x *span) settled(i int) bool {
	ses := x.r[i].find(1)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	c := ses.streams[0].side[1].rtp.ice
	s := c.find(&c.selected)
	return s != nil && s.nominated
}

// TestICEFull finds the way between two relays, whoever is full and whoever believes to control, with a port for RTCP and without.
func TestICEFull(t *testing.T) {
	for _, c := range []struct {
		name string
		full [2]bool
		mux  bool
	}{
		{"toward a lite peer", [2]bool{true, false}, true}, {"lite toward a full one, RTCP apart", [2]bool{false, true}, false},
		{"both full, and both believe to control", [2]bool{true, true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSpan(t, c.full, c.mux)
			x.join(t)
			x.talks(t)
			eventually(t, "a nominated pair", func() bool { return x.settled(0) && x.settled(1) })
			for i := range x.r {
				eventually(t, "rest", func() bool { x.r[i].clock.mu.Lock(); defer x.r[i].clock.mu.Unlock(); return !x.r[i].clock.running })
			}
			x.talks(t)
		})
	}
}

// TestICEFullPeerReflexive: where the SDP names no candidate that works, the one that the peer's check comes from is found.
func TestICEFullPeerReflexive(t *testing.T) {
	x := newSpan(t, [2]bool{true, true}, true)
	x.join(t, func(i int, ice *media.ICE) {
		if i == 0 {
			ice.Candidates = nil
		}
	})
	x.talks(t)
	eventually(t, "a nominated pair", func() bool { return x.settled(0) && x.settled(1) })
}

// TestICEFullBest: a pair that works is nominated when better ones have failed, or were waited for a little.
func TestICEFullBest(t *testing.T) {
	a := &agent{controls: true, works: 1}
	at := func(n uint16) sockaddr { return sockaddrOf(netip.AddrPortFrom(ip4, n)) }
	a.pairs = []pair{{remote: at(1), priority: 9, state: running}, {remote: at(2), priority: 5, state: succeeded}}
	if a.best(int64(betterWait)) != nil {
		t.Error("a better pair is not waited for")
	}
	if k := a.best(int64(betterWait) + 1); k == nil || k.remote != at(2) {
		t.Error("a better pair is waited for too long")
	}
	a.pairs[0].state = failed
	if k := a.best(2); k == nil || k.remote != at(2) {
		t.Error("a pair that has failed is waited for")
	}
}

// TestRFC8445_7_3_1_1: who has the greater number keeps its role.
func TestRFC8445_7_3_1_1(t *testing.T) {
	for _, c := range []struct {
		controls    bool
		tie, theirs uint64
		role        stun.AttrType
		refused     bool
		after       bool
	}{
		{true, 2, 1, stun.AttrICEControlling, true, true}, {true, 1, 2, stun.AttrICEControlling, false, false}, {true, 1, 2, stun.AttrICEControlled, false, true},
		{false, 2, 1, stun.AttrICEControlled, false, true}, {false, 1, 2, stun.AttrICEControlled, true, false}, {false, 1, 2, stun.AttrICEControlling, false, false},
	} {
		a := &agent{controls: c.controls, tie: c.tie}
		m := checkOf(t, stun.RawAttribute{Type: c.role, Value: []byte{0, 0, 0, 0, 0, 0, 0, byte(c.theirs)}})
		if got := a.conflict(m); got != c.refused || a.controls != c.after {
			t.Errorf("%+v: refused %v, then it controls: %v", c, got, a.controls)
		}
		if !c.refused {
			continue
		}
		if other := checkOf(t, m.Attributes[0]); !a.conflict(other) { // of another transaction
			t.Errorf("%+v: it gives way at once", c)
		} else if a.conflict(other) || a.controls == c.after || a.conflict(other) {
			t.Errorf("%+v: a check that comes again is refused, and it controls: %v", c, a.controls)
		}
	}
}

// TestRFC8445_7_2_5_1: checks that were sent in one role and are all refused change it once, and whatever is sent then is in the other role.
func TestRFC8445_7_2_5_1(t *testing.T) {
	r, err := newRelay(Config{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { r.shaking.Wait(); r.workers[0].release() }()
	p := &port{stream: newStream(&session{id: 1}, 0, nil), socket: noSocket}
	a := &agent{relay: r, port: p, tie: 7, controls: true, listed: true, peerKey: stun.NewShortTermIntegrity(theirPwd)}
	p.ice = &component{want: &media.ICE{Full: true, PeerUfrag: "them", PeerPwd: theirPwd}, agent: a}
	for i := range uint16(3) {
		a.pairs = append(a.pairs, pair{remote: sockaddrOf(netip.AddrPortFrom(ip4, i+1))})
		a.send(&a.pairs[i], 1)
	}
	for i := range a.pairs {
		k := &a.pairs[i]
		sent := k.id
		m := stun.MustBuild(stun.NewTransactionIDSetter(k.id), stun.BindingError, stun.CodeRoleConflict, a.peerKey, stun.Fingerprint)
		a.answered(p.ice, m, &k.remote, 2)
		if a.controls || a.tie == 7 {
			t.Fatalf("after %d refusals: it controls: %v, by %d", i+1, a.controls, a.tie)
		}
		if a.send(k, 3); k.controls || k.id == sent {
			t.Error("the next check is the one that was refused")
		}
	}
	k := &a.pairs[0]
	sent := k.id
	if a.send(k, 4); k.id != sent || k.sent != 2 {
		t.Error("a repetition is another check")
	}
	a.controls = true
	if a.send(k, 5); k.id == sent || k.sent != 1 {
		t.Error("one check has two roles")
	}
}

// TestRFC7675Consent: a peer that does not answer any more is sent nothing.
func TestRFC7675Consent(t *testing.T) {
	c := &component{want: &media.ICE{Full: true, PeerUfrag: "them"}, selected: sockaddrOf(netip.AddrPortFrom(ip4, 1))}
	c.sources = []checkedSource{{address: c.selected, valid: true, nominated: true}}
	p := &port{stream: newStream(&session{id: 1}, 0, nil), socket: noSocket, ice: c}
	a := &agent{port: p, settled: true, asked: 1, agreed: 1}
	c.agent = a
	for now := int64(1); now < int64(consentExpiry); now += int64(time.Second) {
		a.consent(c, now, 0)
		if c.selected.size == 0 {
			t.Fatalf("it is over after %v", time.Duration(now))
		}
	}
	if a.asked == 1 {
		t.Error("it was never asked")
	}
	a.agreed = a.asked
	if a.consent(c, int64(consentExpiry)+1, 0); c.selected.size == 0 {
		t.Error("it is over although the peer has agreed")
	}
	if a.consent(c, a.agreed+3*int64(consentExpiry), a.agreed+2*int64(consentExpiry)+1); c.selected.size == 0 {
		t.Error("it is over although nobody here could hear the peer")
	}
	a.agreed = a.asked
	if a.consent(c, a.agreed+int64(consentExpiry), 0); c.selected.size != 0 {
		t.Error("it is never over")
	}
	sd, m := &p.stream.side[0], media.Counters{}
	sd.rtp.gate.ice = c
	if sd.agreement(&m); !m.Lapsed || m.Unchecked {
		t.Errorf("of who has agreed, and does no more, the record says %+v", m.Observed)
	}
}

// TestConsentIsASignOfLife: a lite peer asks nothing of its own accord, and while it is held what it answers is all that comes.
func TestConsentIsASignOfLife(t *testing.T) {
	x := newSpan(t, [2]bool{true, false}, true)
	x.join(t)
	eventually(t, "a pair", func() bool { return x.settled(0) })
	ses := x.r[0].find(1)
	ses.mu.Lock()
	sd := &ses.streams[0].side[1]
	sd.heard = 0
	a := sd.rtp.ice.agent
	a.consent(sd.rtp.ice, a.asked+int64(consentPause), 0)
	ses.mu.Unlock()
	eventually(t, "a sign of life", func() bool { ses.mu.Lock(); defer ses.mu.Unlock(); return sd.heard > 0 })
}

// TestICEFullEndsWithItsCall: the clock stops when nobody needs it.
func TestICEFullEndsWithItsCall(t *testing.T) {
	x := newSpan(t, [2]bool{true, true}, true)
	x.join(t, func(i int, ice *media.ICE) { ice.PeerPwd = "a password that nobody has" })
	running := func() bool { x.r[0].clock.mu.Lock(); defer x.r[0].clock.mu.Unlock(); return x.r[0].clock.running }
	if !running() {
		t.Error("nobody checks")
	}
	x.r[0].Close(1)
	eventually(t, "rest", func() bool { return !running() })
}
