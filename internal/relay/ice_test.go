package relay

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

const ourPwd, theirPwd = "oooooooooooooooooooooooo", "tttttttttttttttttttttttt"

// lite is ICE as the relay has it toward a full peer that has answered.
func lite() *media.ICE {
	return &media.ICE{Ufrag: "ours", Pwd: ourPwd, PeerUfrag: "them", PeerPwd: theirPwd}
}

// checkOf is a binding request with the attributes that are given.
func checkOf(t testing.TB, setters ...stun.Setter) *stun.Message {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type attribute struct {
	t stun.AttrType
	v []byte
}

func (a attribute) AddTo(m *stun.Message) error { m.Add(a.t, a.v); return nil }

var (
	controlling = attribute{stun.AttrICEControlling, make([]byte, 8)}
	controlled  = attribute{stun.AttrICEControlled, make([]byte, 8)}
	nominates   = attribute{stun.AttrUseCandidate, nil}
	secret      = stun.NewShortTermIntegrity(ourPwd)
	user        = stun.NewUsername("ours:them")
)

func priority(p byte) attribute { return attribute{stun.AttrPriority, []byte{p, 0, 0, 0}} }

// good is a check as a full peer sends it.
func good(t testing.TB, more ...stun.Setter) *stun.Message {
	t.Helper()
	return checkOf(t, append(append([]stun.Setter{user, controlling, priority(110)}, more...), secret, stun.Fingerprint)...)
}

// ask sends a request and reads what answers it.
func (p *phone) ask(c *net.UDPConn, to netip.AddrPort, m *stun.Message) *stun.Message {
	p.t.Helper()
	p.send(c, to, m.Raw)
	buf, _ := p.readFrom(c)
	r := &stun.Message{Raw: buf}
	if err := r.Decode(); err != nil || r.TransactionID != m.TransactionID || stun.Fingerprint.Check(r) != nil {
		p.t.Fatalf("%v: %x", err, buf)
	}
	return r
}

// TestRFC8445_7_3: how checks are answered.
func TestRFC8445_7_3(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].ICE = lite()
	r.open(s)
	la := s.Streams[0].Side[0].Local
	for _, c := range []struct {
		name   string
		m      *stun.Message
		code   stun.ErrorCode
		signed bool
	}{
		{"as it should be", good(t), 0, true},
		{"of another fork of ours", checkOf(t, stun.NewUsername("ours:else"), controlling, priority(1), secret, stun.Fingerprint), 0, true},
		{"another password", checkOf(t, user, controlling, stun.NewShortTermIntegrity(theirPwd), stun.Fingerprint), 401, false},
		{"another name", checkOf(t, stun.NewUsername("them:ours"), controlling, secret, stun.Fingerprint), 401, false},
		{"no colon", checkOf(t, stun.NewUsername("ours"), controlling, secret, stun.Fingerprint), 401, false},
		{"no password", checkOf(t, user, controlling, stun.Fingerprint), 400, false},
		{"no name", checkOf(t, controlling, secret, stun.Fingerprint), 400, false},
		{"controlled as we are", checkOf(t, user, controlled, secret, stun.Fingerprint), 487, true},
		{"something that must be understood", checkOf(t, user, controlling, attribute{0x7abc, []byte{1, 2, 3, 4}}, secret, stun.Fingerprint), 420, true},
		{"something that need not", checkOf(t, user, controlling, attribute{0xc0de, []byte{1, 2, 3, 4}}, secret, stun.Fingerprint), 0, true},
	} {
		got := a.ask(a.rtp, la, c.m)
		var code stun.ErrorCodeAttribute
		_ = code.GetFrom(got)
		if code.Code != c.code || (got.Type == stun.BindingSuccess) != (c.code == 0) || (secret.Check(got) == nil) != c.signed {
			t.Errorf("%s: %v, code %d, signed %v", c.name, got, code.Code, secret.Check(got) == nil)
		}
		var x stun.XORMappedAddress
		if c.code == 0 && (x.GetFrom(got) != nil || x.Port != int(address(a.rtp).Port()) || !x.IP.Equal(address(a.rtp).Addr().AsSlice())) {
			t.Errorf("%s: mapped address %v", c.name, x)
		}
	}
	// None of these is answered: a check without FINGERPRINT, one that is cut, an indication. What comes next is answered to the check behind them.
	a.send(a.rtp, la, checkOf(t, user, controlling, secret).Raw)
	cut := good(t).Raw
	a.send(a.rtp, la, cut[:len(cut)-4])
	a.send(a.rtp, la, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.Fingerprint).Raw)
	a.ask(a.rtp, la, good(t))
}

// liteCall is a call whose first side has ICE; behind waits until the relay has dealt with all that came before.
func liteCall(t *testing.T) (r *rig, a, b *phone, s *media.Session, behind func()) {
	t.Helper()
	r = newRig(t, Config{Workers: 1})
	a, b = newPhone(t, ip4), newPhone(t, ip4)
	c, d := newPhone(t, ip4), newPhone(t, ip4)
	s = call(1, a, b)
	pace := call(2, c, d)
	s.Streams[0].Side[0].ICE, s.Streams[0].Side[0].Mux = lite(), true
	r.open(s)
	r.open(pace)
	return r, a, b, s, func() { t.Helper(); r.caughtUp(pace, c, d) }
}

// TestICELite: only who has been checked is heard, and media goes where the peer has nominated; strangers get nothing and are not heard, be they the host
// that the SDP announces.
func TestICELite(t *testing.T) {
	r, a, b, s, behind := liteCall(t)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x, y := rtpPacket(8, 1, 160, 7), rtpPacket(8, 1, 160, 8)
	a.send(a.rtp, la, x) // the announced address, unchecked
	b.send(b.rtp, lb, y) // nowhere to go
	behind()
	if got := r.from(1, 0, 0); got.Gated != 1 || r.from(1, 0, 1).Dropped != 1 {
		t.Fatalf("%+v %+v", got, r.from(1, 0, 1))
	}

	// Before nomination media goes where it comes from.
	a.ask(a.rtp, la, good(t))
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y)
	a.ask(a.rtcp, la, good(t)) // a second address of the peer
	a.send(a.rtcp, la, x)
	b.wantOn(b.rtp, lb, x)
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtcp, la, y)

	// A nominated one takes it, and a worse one does not take it away.
	a.ask(a.rtp, la, good(t, nominates))
	a.ask(a.rtcp, la, checkOf(t, user, controlling, priority(1), nominates, secret, stun.Fingerprint))
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y)
	a.send(a.rtcp, la, x) // but it is heard
	b.wantOn(b.rtp, lb, x)

	// A stranger is not, whatever it says.
	e := newPhone(t, ip4)
	e.ask(e.rtp, la, checkOf(t, user, controlling, nominates, stun.NewShortTermIntegrity(theirPwd), stun.Fingerprint))
	e.send(e.rtp, la, rtpPacket(8, 9, 160, 9))
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	if got := r.from(1, 0, 0); got.GatedFrom != address(e.rtp) {
		t.Errorf("%+v", got)
	}
}

// TestICERestart: with other credentials old checks are refused, what was found goes on until another is nominated, and then it is over for it.
func TestICERestart(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].ICE, s.Streams[0].Side[0].Mux = lite(), true
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	a.ask(a.rtp, la, good(t, nominates))
	next := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	next.Streams[0].Side[0].ICE = &media.ICE{Ufrag: "new1", Pwd: theirPwd, PeerUfrag: "new2", PeerPwd: ourPwd}
	if err := r.Update(next); err != nil {
		t.Fatal(err)
	}
	if got := a.ask(a.rtp, la, good(t)); got.Type != stun.BindingError {
		t.Errorf("%v", got)
	}
	x, y := rtpPacket(8, 1, 160, 7), rtpPacket(8, 1, 160, 8)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	fresh := func(more ...stun.Setter) *stun.Message {
		return checkOf(t, append(append([]stun.Setter{stun.NewUsername("new1:new2"), controlling, priority(50)}, more...), stun.NewShortTermIntegrity(theirPwd), stun.Fingerprint)...)
	}
	a.ask(a.rtcp, la, fresh())
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y)
	a.ask(a.rtcp, la, fresh(nominates))
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtcp, la, y)
	a.send(a.rtp, la, rtpPacket(8, 2, 160, 7))
	a.send(a.rtcp, la, x)
	b.wantOn(b.rtp, lb, x)
	if got := r.from(1, 0, 0); got.GatedFrom != address(a.rtp) {
		t.Errorf("%+v", got)
	}
}

// TestICEForks: before the answer everybody who knows our offer is checked; with it those who are not of it are out.
func TestICEForks(t *testing.T) {
	c := &component{want: &media.ICE{Ufrag: "ours", Pwd: ourPwd}}
	one, two := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:1")), sockaddrOf(netip.MustParseAddrPort("192.0.2.2:2"))
	c.checked(&one, []byte("fork1"), 5, true, 1)
	c.checked(&two, []byte("fork2"), 4, true, 2)
	if c.selected != one || !c.passes(&two, 3) {
		t.Errorf("media goes to %v", c.selected.addrPort())
	}
	c.set(&media.ICE{Ufrag: "ours", Pwd: ourPwd, PeerUfrag: "fork2"})
	if c.selected != two || c.passes(&one, 4) || !c.passes(&two, 5) {
		t.Errorf("media goes to %v", c.selected.addrPort())
	}
}

// TestICEForkAfterTheAnswer: what a fork that has not answered checks and nominates neither takes media away nor is heard, until it is the one that has.
func TestICEForkAfterTheAnswer(t *testing.T) {
	for _, full := range []bool{false, true} {
		c := &component{want: lite()}
		if full {
			c.agent = &agent{port: &port{}, listed: true}
		}
		one, two := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:1")), sockaddrOf(netip.MustParseAddrPort("192.0.2.2:2"))
		c.checked(&one, []byte("them"), 5, true, 1)
		if full {
			c.valid(&c.agent.pairs[0], 1)
		}
		c.checked(&two, []byte("else"), 9, true, 2)
		g := &gate{ice: c}
		if c.selected != one || c.passes(&two, int64(time.Minute)) || g.mayGreet(&two, nil) || full && len(c.agent.pairs) != 1 {
			t.Errorf("full %v: media goes to %v", full, c.selected.addrPort())
		}
		if !c.passes(&one, int64(time.Minute)) || !g.mayGreet(&one, nil) {
			t.Errorf("full %v: who has answered is not heard", full)
		}
		answer := *c.want
		answer.PeerUfrag = "else"
		if c.set(&answer); !c.passes(&two, int64(time.Hour)) || c.passes(&one, int64(time.Hour)) || !full && c.selected != two {
			t.Errorf("full %v: media goes to %v after the other answer", full, c.selected.addrPort())
		}
	}
}

// TestICENominationAfterRestart: the nominated source stays valid while those of the time before go, so media follows a peer that comes back to it.
func TestICENominationAfterRestart(t *testing.T) {
	c := &component{want: &media.ICE{Ufrag: "ours", Pwd: ourPwd}}
	one, two := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:1")), sockaddrOf(netip.MustParseAddrPort("192.0.2.2:2"))
	c.checked(&one, []byte("them"), 1, true, 0)
	c.set(&media.ICE{Ufrag: "new1", Pwd: theirPwd})
	c.checked(&two, []byte("new2"), 1, true, 0)
	if len(c.sources) != 1 || c.sources[0].address != two || !c.sources[0].valid {
		t.Errorf("%+v", c.sources)
	}
}

// TestICESourcesAreBounded: who knows the password cannot fill memory, nor push out where media goes.
func TestICESourcesAreBounded(t *testing.T) {
	c := &component{want: lite()}
	first := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:1000"))
	c.checked(&first, []byte("them"), 9, true, 1)
	for i := range uint16(100) {
		other := sockaddrOf(netip.AddrPortFrom(ip4, 2000+i))
		c.checked(&other, []byte("them"), 1, false, int64(i)+2)
	}
	if len(c.sources) != maxSourcesOfICE || c.selected != first || !c.passes(&first, 200) {
		t.Errorf("%d sources, media goes to %v", len(c.sources), c.selected.addrPort())
	}
}

// TestICEAfterT38: T.38 on the port passes without checks, whatever it looks like, and when audio comes back with the credentials that it had it flows at once; with
// others the peer has to be checked again.
func TestICEAfterT38(t *testing.T) {
	r, a, b, s, behind := liteCall(t)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	a.ask(a.rtp, la, good(t, nominates))
	update := func(change func(*media.Stream)) {
		t.Helper()
		next := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
		change(&next.Streams[0])
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
	}
	update(func(st *media.Stream) { st.Opaque, st.Side[0].ICE, st.Side[0].Mux = true, nil, false })
	udptl := []byte{0, 1, 1, 6, 0, 0}
	a.send(a.rtp, la, udptl)
	b.wantOn(b.rtp, lb, udptl)
	update(func(*media.Stream) {})
	x, y := rtpPacket(8, 1, 160, 7), rtpPacket(8, 1, 160, 8)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, lb, x)
	b.send(b.rtp, lb, y)
	a.wantOn(a.rtp, la, y)

	update(func(st *media.Stream) { st.Opaque, st.Side[0].ICE, st.Side[0].Mux = true, nil, false })
	update(func(st *media.Stream) {
		st.Side[0].ICE = lite()
		st.Side[0].ICE.PeerUfrag = "new"
	})
	before := r.from(1, 0, 0).Gated
	a.send(a.rtp, la, rtpPacket(8, 2, 320, 7))
	behind()
	if got := r.from(1, 0, 0).Gated; got != before+1 {
		t.Errorf("%d packets are gated, before it were %d", got, before)
	}
}

// TestICEPeerMoves: a nominated source takes over when the one that media goes to has fallen silent, and not before.
func TestICEPeerMoves(t *testing.T) {
	c := &component{want: lite()}
	one, two := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:1")), sockaddrOf(netip.MustParseAddrPort("192.0.2.2:2"))
	c.checked(&one, []byte("them"), 9, true, 1)
	c.checked(&two, []byte("them"), 1, true, 2)
	if c.passes(&two, int64(quietAfter)); c.selected != one {
		t.Error("media has moved too soon")
	}
	if c.passes(&two, int64(quietAfter)+1); c.selected != two {
		t.Error("media has not moved")
	}
}

// TestICEBothLite: nobody checks, so the SDP decides as ever; a check is answered all the same.
func TestICEBothLite(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].ICE = lite()
	s.Streams[0].Side[0].ICE.PeerLite = true
	r.open(s)
	la := s.Streams[0].Side[0].Local
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, x)
	b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x)
	a.ask(a.rtp, la, good(t))
}

// checking has a peer send checks, as one does by its clock, until there is an event or enough of them.
func (r *rig) checking(long time.Duration, check func()) (e media.Event, came bool) {
	pace, enough := time.NewTicker(50*time.Millisecond), time.After(long)
	defer pace.Stop()
	for {
		check()
		select {
		case e = <-r.events:
			return e, true
		case <-enough:
			return e, false
		case <-pace.C:
		}
	}
}

// TestChecksAreSignsOfLife: a peer on hold that sends checks of consent (RFC 7675) and nothing else is there.
func TestChecksAreSignsOfLife(t *testing.T) {
	r := newRig(t, Config{SweepInterval: 20 * time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].ICE, s.Timeout = lite(), [2]time.Duration{300 * time.Millisecond, 0}
	r.open(s)
	if e, came := r.checking(900*time.Millisecond, func() { a.ask(a.rtp, s.Streams[0].Side[0].Local, good(t)) }); came {
		t.Fatalf("%+v", e)
	}
	r.want(media.EventDead, 0, 0)
}

// TestChecksOfAnotherForkAreNoLife: a fork that has not answered may go on with its checks, which are answered, and does not hide that the one that has is silent.
func TestChecksOfAnotherForkAreNoLife(t *testing.T) {
	r := newRig(t, Config{SweepInterval: 20 * time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].ICE, s.Timeout = lite(), [2]time.Duration{300 * time.Millisecond, 0}
	r.open(s)
	e, came := r.checking(patience, func() {
		a.ask(a.rtp, s.Streams[0].Side[0].Local, checkOf(t, stun.NewUsername("ours:else"), controlling, priority(110), secret, stun.Fingerprint))
	})
	if !came || e.Kind != media.EventDead || e.Side != 0 {
		t.Fatalf("its checks count as those of the peer: %+v", e)
	}
}

// TestDTLSOverICE: a handshake that we begin waits for the first check, and its records come from checked sources only.
func TestDTLSOverICE(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	peer := newShaker(t, false, 1)
	side := &s.Streams[0].Side[0]
	side.DTLS, side.ICE, side.Mux, side.Remote = peer.dtls(""), lite(), true, netip.AddrPort{}
	r.open(s)
	if r.Totals().Handshakes != 0 {
		t.Error("a handshake before there is somebody to shake hands with")
	}
	a.ask(a.rtp, side.Local, good(t, nominates))
	keys := peer.shake(a.rtp, side.Local, r.Fingerprint())
	if keys == nil {
		t.Fatal("no handshake")
	}
	keys.until(a, a.rtp, side.Local, b.rtp)
}

// FuzzCheck gives a port whatever looks like STUN.
func FuzzCheck(f *testing.F) {
	for _, m := range []*stun.Message{good(f), good(f, nominates), checkOf(f, user, stun.Fingerprint), checkOf(f, controlled, secret, stun.Fingerprint)} {
		f.Add(m.Raw)
	}
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	r, err := newRelay(Config{Workers: 1})
	if err != nil {
		f.Fatal(err)
	}
	w := r.workers[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || !isSTUN(b) {
			return
		}
		st := newStream(&session{id: 1}, 0, r.sockets)
		st.side[0].establish(r, &media.Side{ICE: lite()}, false)
		p := &st.side[0].rtp
		w.from = sockaddrOf(netip.MustParseAddrPort("127.0.0.1:4000"))
		w.check(p, b, 1)
		if n := len(p.ice.sources); n > 1 || n == 1 && secret.Check(w.binder.request) != nil {
			t.Fatalf("%d sources", n)
		}
	})
}

// BenchmarkCheck is a check that is read, judged and answered, without the sending.
func BenchmarkCheck(b *testing.B) {
	c := &component{want: &media.ICE{}}
	c.set(lite())
	x, m := newBinder(), good(b, nominates)
	src := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4000"))
	b.ReportAllocs()
	for b.Loop() {
		if !x.parse(m.Raw) {
			b.Fatal("not read")
		}
		ufrag, code := c.judge(x.request)
		if code != 0 {
			b.Fatal(code)
		}
		c.checked(&src, ufrag, 1, true, 1)
		x.answer(c.key, code, &src)
	}
}
