package relay

import (
	"bytes"
	stdcontext "context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/directsip/directsip/internal/media"
)

// shaker is the DTLS of a phone: a real client or server on its RTP or RTCP socket.
type shaker struct {
	identity
	t      testing.TB
	active bool
	suites []media.Suite
	mtu    int                        // of its datagrams; 0: of Ethernet
	misses func(datagram []byte) bool // what is lost on the way to it; nil: nothing
}

func newShaker(t testing.TB, active bool, suites ...media.Suite) *shaker {
	t.Helper()
	id, err := newIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &shaker{identity: id, t: t, active: active, suites: suites}
}

// dtls is what the SDP of the phone says to the relay.
func (s *shaker) dtls(association string) *media.DTLS {
	return &media.DTLS{Peer: []media.Fingerprint{s.fingerprint}, Active: !s.active, Association: association, Suites: []media.Suite{1, 2, 3, 4}}
}

// shake makes the handshake with the relay at to, and gives the keys; nil: it failed.
func (s *shaker) shake(c *net.UDPConn, to netip.AddrPort, expected media.Fingerprint) *lock {
	s.t.Helper()
	config := &dtls.Config{Certificates: []tls.Certificate{s.certificate}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert, LoggerFactory: silent,
		FlightInterval: 100 * time.Millisecond, MTU: s.mtu,
		VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if !fits(chain[0], []media.Fingerprint{expected}) {
				return errNotOurs
			}
			return nil
		}}
	for _, suite := range s.suites {
		config.SRTPProtectionProfiles = append(config.SRTPProtectionProfiles, dtls.SRTPProtectionProfile(profiles[suite]))
	}
	open := dtls.Server
	if s.active {
		open = dtls.Client
	}
	_ = c.SetReadDeadline(time.Time{})
	on := &loan{UDPConn: c, misses: s.misses}
	conn, err := open(on, net.UDPAddrFromAddrPort(to), config)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := stdcontext.WithTimeout(stdcontext.Background(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.t.Log(err)
		return nil
	}
	keys, err := exported(conn, &media.DTLS{Peer: []media.Fingerprint{expected}, Active: s.active})
	if err != nil {
		s.t.Fatal(err)
	}
	on.end()
	_ = conn.Close()
	l := &lock{seal: context(keys.Suite, keys.Send), open: context(keys.Suite, keys.Recv[0].Key), crypt: keys}
	return l
}

// loan is a socket that DTLS has until the end of its handshake; then it is the phone's again, and no close_notify leaves.
type loan struct {
	*net.UDPConn
	over    atomic.Bool
	reading sync.Mutex
	misses  func([]byte) bool
}

func (l *loan) ReadFrom(b []byte) (int, net.Addr, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if l.over.Load() {
		return 0, nil, net.ErrClosed
	}
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || l.misses == nil || !l.misses(b[:n]) {
			return n, from, err
		}
	}
}

func (l *loan) WriteTo(b []byte, to net.Addr) (int, error) {
	if l.over.Load() {
		return len(b), nil
	}
	return l.UDPConn.WriteTo(b, to)
}

func (l *loan) SetReadDeadline(t time.Time) error {
	if l.over.Load() {
		return nil
	}
	return l.UDPConn.SetReadDeadline(t)
}

func (*loan) Close() error { return nil }

func (l *loan) end() {
	l.over.Store(true)
	_ = l.UDPConn.SetReadDeadline(time.Unix(1, 0))
	l.reading.Lock() // nobody reads any more
	defer l.reading.Unlock()
	_ = l.UDPConn.SetReadDeadline(time.Time{})
}

// until sends a packet of SRTP again and again until it comes out at the other phone: the relay has its keys a moment after the peer.
func (l *lock) until(p *phone, from *net.UDPConn, to netip.AddrPort, at *net.UDPConn) {
	p.t.Helper()
	buf := make([]byte, 2048)
	for seq, deadline := uint16(1), time.Now().Add(patience); time.Now().Before(deadline); seq++ {
		p.send(from, to, l.rtp(p.t, rtpPacket(8, seq, 160, 7)))
		_ = at.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		for n, err := at.Read(buf); err == nil; n, err = at.Read(buf) { // those before may come late
			if string(buf[:n]) == string(rtpPacket(8, seq, 160, 7)) {
				return
			}
		}
	}
	p.t.Fatal("never arrived")
}

// shaken opens a call of two telephones, the first of which makes its keys by a handshake and is heard.
func (r *rig) shaken(peer *shaker, name string, a, b *phone) (*media.Session, *lock) {
	r.t.Helper()
	s := call(1, a, b)
	side := &s.Streams[0].Side[0]
	side.DTLS, side.Mux = peer.dtls(name), true
	r.open(s)
	keys := peer.shake(a.rtp, side.Local, r.Fingerprint())
	if keys == nil {
		r.t.Fatal("no handshake")
	}
	keys.until(a, a.rtp, side.Local, b.rtp)
	return s, keys
}

// TestRFC5764 makes the keys of one side by a handshake, as either end of it, with every suite: audio passes both ways, RTCP too, on the same port.
func TestRFC5764(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		for _, active := range []bool{true, false} {
			t.Run(suite.String()+map[bool]string{true: ", the peer begins", false: ", we begin"}[active], func(t *testing.T) {
				r := newRig(t, Config{})
				a, b := newPhone(t, ip4), newPhone(t, ip4)
				s, keys := r.shaken(newShaker(t, active, suite), "", a, b)
				la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
				y := rtpPacket(8, 1, 160, 8)
				b.send(b.rtp, lb, y)
				keys.wants(a, y)
				a.send(a.rtp, la, keys.rtcp(t, receiverReport(7)))
				b.wantOn(b.rtcp, rtcpPort(lb), receiverReport(7))
				if st, _ := r.Stats(1); st.Streams[0].Keyed != [2]media.Suite{suite, 0} {
					t.Errorf("%+v", st.Streams[0])
				}
			})
		}
	}
}

// TestDTLSAfterT38: T.38 on the ports passes untouched, even what looks like DTLS, and when audio comes back by the same association its keys are there, whoever
// has begun the handshake; by another one there are none.
func TestDTLSAfterT38(t *testing.T) {
	for _, active := range []bool{true, false} {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		s := call(1, a, b)
		peer := newShaker(t, active, media.AESCM128HMACSHA180)
		audio := peer.dtls("one")
		update := func(opaque bool, d *media.DTLS) {
			t.Helper()
			s.Streams[0].Opaque, s.Streams[0].Side[0].DTLS = opaque, d
			if err := r.Update(s); err != nil {
				t.Fatal(err)
			}
		}
		s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = audio, true
		r.open(s)
		la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
		keys := peer.shake(a.rtp, la, r.Fingerprint())
		if keys == nil {
			t.Fatal("no handshake")
		}
		keys.until(a, a.rtp, la, b.rtp)
		update(true, nil)
		udptl := append([]byte{22, 254, 253}, make([]byte, 40)...)
		a.send(a.rtp, la, udptl)
		b.wantOn(b.rtp, lb, udptl)
		b.send(b.rtp, lb, udptl)
		a.wantOn(a.rtp, la, udptl)
		update(false, audio)
		for i := range uint16(3) {
			x, y := rtpPacket(8, 1000+i, 160, 7), rtpPacket(8, 1000+i, 160, 8)
			a.send(a.rtp, la, keys.rtp(t, x))
			b.wantOn(b.rtp, lb, x)
			b.send(b.rtp, lb, y)
			keys.wants(a, y)
		}
		eventually(t, "nobody who shakes hands after T.38", func() bool { return r.Totals().Handshakes == 0 })
		update(true, nil)
		update(false, peer.dtls("two"))
		if st, _ := r.Stats(1); st.Streams[0].Keyed != [2]media.Suite{} {
			t.Errorf("another association has the keys of the one before T.38: %v", st.Streams[0].Keyed)
		}
	}
}

// TestRFC6347_4_2_3 takes a ClientHello that comes in several datagrams, as those with keys of later versions of TLS do.
func TestRFC6347_4_2_3(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	peer := newShaker(t, true, media.AESCM128HMACSHA180)
	peer.mtu = 60
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = peer.dtls(""), true
	r.open(s)
	la := s.Streams[0].Side[0].Local
	keys := peer.shake(a.rtp, la, r.Fingerprint())
	if keys == nil {
		t.Fatal("no handshake")
	}
	keys.until(a, a.rtp, la, b.rtp)
}

// TestRFC6347_4_2_4: a peer that has missed our last flight is answered for minutes, until a packet shows that it has the keys.
func TestRFC6347_4_2_4(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	peer := newShaker(t, true, media.AESCM128HMACSHA180)
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = peer.dtls(""), true
	r.open(s)
	lingers := func(after time.Duration) bool {
		ses := r.find(1)
		ses.mu.Lock()
		defer ses.mu.Unlock()
		d := ses.streams[0].side[0].rtp.dtls
		d.tire(r.now() + int64(after))
		return d.run != nil && d.run.done && d.run.ctx.Err() == nil
	}
	lost := 0
	peer.misses = func(datagram []byte) bool {
		const changeCipherSpec = 20
		if datagram[0] != changeCipherSpec || lost == 3 {
			return false
		}
		if !comes(func() bool { return lingers(3 * time.Minute) }) {
			t.Error("the last flight is not repeated")
		}
		lost++
		return true
	}
	la := s.Streams[0].Side[0].Local
	keys := peer.shake(a.rtp, la, r.Fingerprint())
	if keys == nil || lost != 3 {
		t.Fatalf("no handshake, and %d flights were lost", lost)
	}
	if n := r.Totals().Handshakes; n != 0 {
		t.Errorf("%d handshakes are under way", n)
	}
	keys.until(a, a.rtp, la, b.rtp)
	eventually(t, "an end of repeating", func() bool { return !lingers(0) })

	silent := newShaker(t, true, media.AESCM128HMACSHA180)
	update := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	update.Streams[0].Side[0].DTLS = silent.dtls("")
	if err := r.Update(update); err != nil {
		t.Fatal(err)
	}
	if silent.shake(a.rtp, la, r.Fingerprint()) == nil {
		t.Fatal("no handshake")
	}
	eventually(t, "repeating", func() bool { return lingers(3 * time.Minute) })
	if lingers(5 * time.Minute) {
		t.Error("it is answered for ever")
	}
}

// TestDTLSBothSides: two associations with a port for RTCP each, between two sides that have keys of their own.
func TestDTLSBothSides(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	pa, pb := newShaker(t, true, media.AESCM128HMACSHA180), newShaker(t, false, media.AEADAES256GCM)
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[1].DTLS = pa.dtls(""), pb.dtls("")
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	ka, kb := pa.shake(a.rtp, la, r.Fingerprint()), pb.shake(b.rtp, lb, r.Fingerprint())
	ca, cb := pa.shake(a.rtcp, rtcpPort(la), r.Fingerprint()), pb.shake(b.rtcp, rtcpPort(lb), r.Fingerprint())
	if ka == nil || kb == nil || ca == nil || cb == nil {
		t.Fatal("no handshake")
	}
	eventually(t, "keys", func() bool { st, _ := r.Stats(1); return st.Streams[0].Keyed == [2]media.Suite{1, 4} })
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, ka.rtp(t, x))
	kb.wants(b, x)
	// Of the ports for RTCP no counter tells that they have keys.
	for i := uint32(0); ; i++ {
		a.send(a.rtcp, rtcpPort(la), ca.rtcp(t, receiverReport(7)))
		_ = b.rtcp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		buf := make([]byte, 2048)
		if n, err := b.rtcp.Read(buf); err == nil {
			if got, err := cb.open.DecryptRTCP(nil, buf[:n], nil); err != nil || string(got) != string(receiverReport(7)) {
				t.Fatalf("%v %x", err, got)
			}
			return
		} else if i == 100 {
			t.Fatal("no RTCP")
		}
	}
}

// TestDTLSBetweenThePeers: of a sealed stream handshakes pass, on both ports and also on hold, and each peer sees the other one's certificate; who may not
// send media may not shake hands either.
func TestDTLSBetweenThePeers(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Sealed = true
	s.Streams[0].Side[0].Recv, s.Streams[0].Side[1].Send = false, false
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	pa, pb := newShaker(t, true, media.AEADAES128GCM), newShaker(t, false, media.AEADAES128GCM)
	shake := func(ca, cb *net.UDPConn, la, lb netip.AddrPort) (ka, kb *lock) {
		t.Helper()
		done := make(chan *lock)
		go func() { done <- pb.shake(cb, lb, pa.fingerprint) }()
		ka = pa.shake(ca, la, pb.fingerprint)
		if kb = <-done; ka == nil || kb == nil {
			t.Fatal("no handshake")
		}
		return ka, kb
	}
	ka, kb := shake(a.rtp, b.rtp, la, lb)
	ca, cb := shake(a.rtcp, b.rtcp, rtcpPort(la), rtcpPort(lb))
	s.Streams[0].Side[0].Recv, s.Streams[0].Side[1].Send = true, true
	if err := r.Update(s); err != nil {
		t.Fatal(err)
	}
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, ka.rtp(t, x))
	kb.wants(b, x)
	a.send(a.rtcp, rtcpPort(la), ca.rtcp(t, receiverReport(7)))
	cb.wantsRTCP(b, receiverReport(7))
	stranger := newPhone(t, ip4)
	next := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	next.Streams[0].Side[0].Latch = media.LatchOff
	if err := r.Update(next); err != nil {
		t.Fatal(err)
	}
	stranger.send(stranger.rtp, la, hello('x'))
	eventually(t, "a gated record", func() bool { return r.from(1, 0, 0).Gated == 1 })
	if got := r.from(1, 0, 0); got.Packets != 1 || got.RTCP != 1 || got.DTLS != 0 || got.GatedFrom != address(stranger.rtp) {
		t.Errorf("%+v", got)
	}
}

// TestDTLSOfAStranger: who has another certificate than the SDP says gets no keys, and none of its packets passes; and a host that may not send
// media may not begin a handshake. The log says whose call it was.
func TestDTLSOfAStranger(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	peer, other := newShaker(t, true, 1), newShaker(t, true, 1)
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = peer.dtls(""), true
	s.Streams[0].Side[0].Latch, s.Call = media.LatchOff, "ours-7"
	r.open(s)
	la := s.Streams[0].Side[0].Local
	if got := r.from(1, 0, 0); !strings.Contains(got.UnshakenWhy, "no ClientHello has come") {
		t.Errorf("before anything came: %q", got.UnshakenWhy)
	}
	if other.shake(a.rtp, la, r.Fingerprint()) != nil { // the client may believe it; the relay does not
		t.Log("the client is through")
	}
	eventually(t, "a failed handshake", func() bool { return r.Totals().Unshaken == 1 && r.Totals().Handshakes == 0 })
	if !strings.Contains(log.String(), "id=ours-7") {
		t.Errorf("the log: %s", &log)
	}
	if got := r.from(1, 0, 0); !got.Unshaken || !strings.HasPrefix(got.UnshakenWhy, "it failed: ") || !strings.Contains(got.UnshakenWhy, errNotOurs.Error()) {
		t.Errorf("why there are no keys: %q", got.UnshakenWhy)
	}
	stranger := newPhone(t, ip4)
	stranger.send(stranger.rtp, la, hello('x'))
	eventually(t, "a gated record", func() bool { return r.from(1, 0, 0).Gated == 1 })
	if got := r.from(1, 0, 0); got.GatedFrom != address(stranger.rtp) || r.Totals().Handshakes != 0 {
		t.Errorf("%+v", got)
	}
	keys := peer.shake(a.rtp, la, r.Fingerprint()) // the one that is meant comes later
	if keys == nil {
		t.Fatal("no handshake")
	}
	keys.until(a, a.rtp, la, b.rtp)
	if got := r.from(1, 0, 0); got.Unshaken || got.UnshakenWhy != "" {
		t.Errorf("with keys: %q", got.UnshakenWhy)
	}
}

// TestDTLSHalfWay: a peer that begins, and does not hear us or goes on with nothing, is told apart from one that never began, also when the call is over.
func TestDTLSHalfWay(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = newShaker(t, true, 1).dtls(""), true
	s.Streams[0].Side[1].DTLS, s.Streams[0].Side[1].Mux = newShaker(t, false, 1).dtls(""), true
	r.open(s)
	eventually(t, "a handshake that waits", func() bool {
		a.send(a.rtp, s.Streams[0].Side[0].Local, hello('x'))
		return r.from(1, 0, 0).UnshakenWhy == unfinished
	})
	if got := r.from(1, 0, 1); !strings.Contains(got.UnshakenWhy, "nothing of DTLS has come from it") {
		t.Errorf("of who is to answer: %q", got.UnshakenWhy)
	}
	stats, known := r.Close(1)
	if !known || stats.Streams[0].From[0].UnshakenWhy != unfinished {
		t.Errorf("when the call is over: %+v", stats)
	}
}

// TestDTLSThatBothBegin: a peer that is to answer and begins itself is not one of which nothing has come.
func TestDTLSThatBothBegin(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].DTLS = newShaker(t, false, 1).dtls("1")
	r.open(s)
	eventually(t, "who begins in the record", func() bool {
		a.send(a.rtp, s.Streams[0].Side[0].Local, hello(1)) // until it is answered (RFC 6347 §4.2.4)
		return strings.Contains(r.from(1, 0, 0).UnshakenWhy, "it has sent a ClientHello")
	})
	stats, _ := r.Close(1)
	if why := stats.Streams[0].From[0].UnshakenWhy; !strings.Contains(why, "a=setup") {
		t.Errorf("at the end: %q", why)
	}
}

// still is a relay whose worker does not run. Handshakes have ended when it goes.
func still(t *testing.T) *Relay {
	t.Helper()
	r, err := newRelay(Config{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.shaking.Wait(); r.workers[0].release() })
	return r
}

// TestDTLSOfTwo: while one source shakes hands another one that has no more to do with the peer cannot take its place, nor have anything sent to it.
func TestDTLSOfTwo(t *testing.T) {
	r := still(t)
	st := newStream(&session{id: 1}, 0, r.sockets)
	sd := &st.side[0]
	sd.trust.latch = media.LatchAny
	p := &sd.rtp
	p.gate.announced = sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4000"))
	p.dtls = &association{want: newShaker(t, true, 1).dtls(""), crypt: &crypt{keys: &media.Crypt{}}}
	peer, stranger := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4002")), sockaddrOf(netip.MustParseAddrPort("203.0.113.9:4000"))
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	defer func() { p.dtls.end() }()
	r.record(p, hello('a'), &peer, 1, &batch{})
	first := p.dtls.run
	for _, b := range [][]byte{hello('a'), hello('b'), {22, 254, 253, 0}} {
		r.record(p, b, &stranger, int64(time.Minute), &batch{})
	}
	if p.dtls.run != first || first.peer != peer || sd.count.gated != 3 {
		t.Errorf("peer %v, %d gated", first.peer.addrPort(), sd.count.gated)
	}
	r.record(p, hello('c'), &p.gate.announced, int64(time.Minute), &batch{})
	if p.dtls.run == first || p.dtls.run.peer != p.gate.announced {
		t.Error("the announced address does not take over")
	}
}

// TestDTLSOfForks: of two targets that have described themselves the later one has the handshake. If the earlier one answers its own begins at once, by the ClientHello that it has sent meanwhile.
func TestDTLSOfForks(t *testing.T) {
	r := still(t)
	st := newStream(&session{id: 1}, 0, r.sockets)
	sd := &st.side[0]
	p, one, two := &sd.rtp, newShaker(t, true, 1), newShaker(t, true, 1)
	at, other, stranger := sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4000")), sockaddrOf(netip.MustParseAddrPort("192.0.2.2:4000")), sockaddrOf(netip.MustParseAddrPort("192.0.2.3:4000"))
	describes := func(s *shaker, ufrag string) {
		side := &media.Side{Mux: true, DTLS: s.dtls(ufrag), ICE: &media.ICE{Ufrag: "ours", Pwd: ourPwd, PeerUfrag: ufrag, PeerPwd: theirPwd}}
		sd.establish(r, side, false)
		sd.associate(r, side, false)
	}
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	defer func() { p.dtls.end() }()
	describes(one, "fork1")
	describes(two, "fork2")
	p.ice.checked(&at, []byte("fork1"), 5, true, 1)
	p.ice.checked(&other, []byte("fork2"), 5, true, 1)
	for _, from := range []*sockaddr{&at, &other, &at, &stranger} {
		r.record(p, hello(from.addrPort().Addr().As4()[3]), from, 1, &batch{})
	}
	if p.dtls.run == nil || p.dtls.run.peer != other {
		t.Fatal("who has described itself last has no handshake")
	}
	describes(one, "fork1")
	if p.dtls.run == nil || p.dtls.run.peer != at || p.dtls.run.random[0] != 1 {
		t.Error("who answers has to send its ClientHello again")
	}
}

// TestKeysOfForks: a target that has made its keys while it rang goes on with them when it answers, although another one has described itself, and made its own, meanwhile.
func TestKeysOfForks(t *testing.T) {
	for _, active := range []bool{true, false} {
		r := newRig(t, Config{})
		a, b, c := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
		one, two := newShaker(t, active, media.AESCM128HMACSHA180), newShaker(t, active, media.AESCM128HMACSHA180)
		s, keys := r.shaken(one, "one", a, b)
		side := &s.Streams[0].Side[0]
		local := func() netip.AddrPort { return side.Local }
		describes := func(p *phone, d *media.DTLS) {
			t.Helper()
			next, at := p.side(), side.Local
			next.Local, next.Mux, next.DTLS = at, true, d
			*side = next
			if err := r.Update(s); err != nil {
				t.Fatal(err)
			}
		}
		describes(c, two.dtls("two"))
		if st, _ := r.Stats(1); st.Streams[0].Keyed != [2]media.Suite{} {
			t.Error("another target has the keys of the first")
		}
		others := two.shake(c.rtp, local(), r.Fingerprint())
		if others == nil {
			t.Fatal("no handshake of the second")
		}
		others.until(c, c.rtp, local(), b.rtp)
		describes(a, one.dtls("one"))
		x, y := rtpPacket(8, 2000, 160, 7), rtpPacket(8, 2000, 160, 8)
		a.send(a.rtp, local(), keys.rtp(t, x))
		b.wantOn(b.rtp, s.Streams[0].Side[1].Local, x)
		b.send(b.rtp, s.Streams[0].Side[1].Local, y)
		keys.wants(a, y)
	}
}

// hello is the beginning of a ClientHello.
func hello(random byte) []byte {
	b := make([]byte, 80)
	b[0], b[1], b[2], b[13] = 22, 254, 253, 1
	for i := 27; i < 59; i++ {
		b[i] = random
	}
	return b
}

// eventually waits for what has no event.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !comes(ok) {
		t.Fatal("there is never " + what)
	}
}

// comes tells whether something becomes true in time.
func comes(ok func() bool) bool {
	if ok() {
		return true
	}
	deadline := time.After(patience)
	pause := 20 * time.Microsecond // who looked without one would keep the only processor from the worker that he waits for
	look := time.NewTimer(pause)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if ok() {
				return true
			}
			pause = min(2*pause, time.Millisecond)
			look.Reset(pause)
		case <-deadline:
			return ok()
		}
	}
}

// TestDTLSRestart: a peer that begins anew gets new keys, a peer of another certificate the ones of its own, and until then the old ones count or none.
func TestDTLSRestart(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	peer := newShaker(t, true, 1)
	side := &s.Streams[0].Side[0]
	side.DTLS, side.Mux = peer.dtls(""), true
	r.open(s)
	la := side.Local
	first := peer.shake(a.rtp, la, r.Fingerprint())
	first.until(a, a.rtp, la, b.rtp)
	second := peer.shake(a.rtp, la, r.Fingerprint())
	if second == nil || second.crypt.Same(first.crypt) {
		t.Fatal("no second handshake")
	}
	second.until(a, a.rtp, la, b.rtp)

	next := newShaker(t, true, 4)
	update := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	update.Streams[0].Side[0].DTLS = next.dtls("")
	if err := r.Update(update); err != nil {
		t.Fatal(err)
	}
	if st, _ := r.Stats(1); st.Streams[0].Keyed[0] != 0 {
		t.Errorf("the keys of another certificate stay")
	}
	third := next.shake(a.rtp, la, r.Fingerprint())
	if third == nil {
		t.Fatal("no third handshake")
	}
	third.until(a, a.rtp, la, b.rtp)
}

// TestDTLSAheadOfItsAnswer: a peer that has another certificate from its answer on shakes hands before the answer comes, and gets its keys when it has; nothing passes
// before, and nothing under the old keys after.
func TestDTLSAheadOfItsAnswer(t *testing.T) {
	for _, late := range []bool{false, true} { // has our flight come to the peer, or has its certificate come to us
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		s := call(1, a, b)
		side := &s.Streams[0].Side[0]
		first, next := newShaker(t, true, 1), newShaker(t, true, 1)
		side.DTLS, side.Mux = first.dtls(""), true
		r.open(s)
		old := first.shake(a.rtp, side.Local, r.Fingerprint())
		old.until(a, a.rtp, side.Local, b.rtp)

		begun, keys := make(chan struct{}, 16), make(chan *lock, 1)
		next.misses = func([]byte) bool {
			select {
			case begun <- struct{}{}:
			default:
			}
			return false
		}
		go func() { keys <- next.shake(a.rtp, side.Local, r.Fingerprint()) }()
		<-begun
		ses := r.find(1)
		odd := func() bool {
			ses.mu.Lock()
			defer ses.mu.Unlock()
			h := ses.streams[0].side[0].rtp.dtls.run
			return h != nil && h.odd
		}
		if late {
			eventually(t, "a certificate that nobody has announced", odd)
		}
		update := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
		update.Streams[0].Side[0].DTLS = next.dtls("")
		if err := r.Update(update); err != nil {
			t.Fatal(err)
		}
		fresh := <-keys
		if fresh == nil {
			t.Fatalf("late %v: no keys", late)
		}
		fresh.until(a, a.rtp, side.Local, b.rtp)
		a.send(a.rtp, side.Local, old.rtp(t, rtpPacket(8, 60000, 160, 7)))
		eventually(t, "a packet of old keys that is not heard", func() bool { return r.from(1, 0, 0).Unauthentic > 0 })
	}
}

// TestDTLSBeforeTheAnswer: a ClientHello that comes before the fingerprint is known is kept until it is.
func TestDTLSBeforeTheAnswer(t *testing.T) {
	r := newRig(t, Config{Workers: 1})
	a, b, c, d := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
	s, pace := call(1, a, b), call(2, c, d)
	s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = &media.DTLS{}, true
	r.open(s)
	r.open(pace)
	a.send(a.rtp, s.Streams[0].Side[0].Local, hello('x'))
	r.caughtUp(pace, c, d)
	peer := newShaker(t, true, 1)
	update := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	update.Streams[0].Side[0].DTLS = peer.dtls("")
	if err := r.Update(update); err != nil {
		t.Fatal(err)
	}
	if r.Totals().Handshakes != 1 {
		t.Error("no handshake is under way")
	}
}

// TestDTLSBeforeItsAddress: what comes before the answer comes from where nobody has said that the peer is, beside its signalling. The ClientHello waits for the answer, and is nothing
// if that names somebody else.
func TestDTLSBeforeItsAddress(t *testing.T) {
	for _, its := range []bool{true, false} {
		r := newRig(t, Config{Workers: 1})
		a, b, c, d := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
		s, pace := call(1, a, b), call(2, c, d)
		side := &s.Streams[0].Side[0]
		answer := *side
		side.DTLS, side.Mux, side.Latch, side.Remote, side.RemoteRTCP = &media.DTLS{}, true, media.LatchOff, netip.AddrPort{}, netip.AddrPort{}
		r.open(s)
		r.open(pace)
		from := a
		if !its {
			from = newPhone(t, ip4)
		}
		from.send(from.rtp, side.Local, hello('x'))
		r.caughtUp(pace, c, d)
		answer.DTLS, answer.Mux, answer.Latch = newShaker(t, true, 1).dtls(""), true, media.LatchOff
		update := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
		update.Streams[0].Side[0] = answer
		if err := r.Update(update); err != nil {
			t.Fatal(err)
		}
		if got := r.Totals().Handshakes; (got == 1) != its {
			t.Errorf("the peer's own %v: %d handshakes are under way", its, got)
		}
		if got := r.from(1, 0, 0).Gated; (got == 0) != its {
			t.Errorf("the peer's own %v: %d gated", its, got)
		}
	}
}

// TestDTLSEndsWithItsCall: no handshake outlives its call.
func TestDTLSEndsWithItsCall(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := call(1, a, b)
	s.Streams[0].Side[0].DTLS = newShaker(t, false, 1).dtls("") // we begin, and nobody answers
	r.open(s)
	if got := r.Totals().Handshakes; got != 2 {
		t.Errorf("%d handshakes, want one a port", got)
	}
	r.Close(1)
	eventually(t, "an end", func() bool { return r.Totals().Handshakes == 0 })
	if r.Totals().Unshaken != 0 {
		t.Error("counted as failed")
	}
}

// TestRecordsAreBounded: what one handshake is given has a bound, also where somebody reads it.
func TestRecordsAreBounded(t *testing.T) {
	h := &handshake{in: make(chan []byte, 1)}
	given := 0
	for range 2 * maxRecords / recordLimit {
		h.give(make([]byte, recordLimit))
		select {
		case b := <-h.in:
			given += len(b)
		default:
		}
	}
	if given != maxRecords {
		t.Errorf("%d octets", given)
	}
}

// FuzzRecord gives a port whatever looks like DTLS, before the fingerprint is known and while a handshake is under way.
func FuzzRecord(f *testing.F) {
	f.Add(hello('x'), true)
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2}, true)
	f.Add([]byte{21, 254, 253}, false)
	r, err := newRelay(Config{Workers: 1})
	if err != nil {
		f.Fatal(err)
	}
	r.count.handshakes.Store(maxHandshakes) // none begins
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		if len(b) == 0 || !isDTLS(b) {
			return
		}
		st := newStream(&session{id: 1}, 0, r.sockets)
		p := &st.side[0].rtp
		src := sockaddrOf(netip.MustParseAddrPort("127.0.0.1:4000"))
		p.gate.announced = src
		p.dtls = &association{want: &media.DTLS{}, crypt: &crypt{keys: &media.Crypt{}}}
		run := &handshake{in: make(chan []byte, recordQueue), peer: src, cancel: func() {}}
		if known {
			p.dtls.want = &media.DTLS{Peer: []media.Fingerprint{r.Fingerprint()}, Suites: []media.Suite{1}}
			p.dtls.run = run
		}
		for now := range int64(recordQueue + 2) {
			r.record(p, b, &src, now, &batch{})
		}
		if len(p.dtls.held) > recordLimit || len(run.in) > recordQueue {
			t.Fatalf("%d octets and %d records are held", len(p.dtls.held), len(run.in))
		}
	})
}

// BenchmarkHandshake is a whole handshake, both ends of it, also where the peer misses our first flight.
func BenchmarkHandshake(b *testing.B) {
	b.Run("the peer begins", func(b *testing.B) { handshakes(b, true, 0) })
	b.Run("we begin, and are heard the second time", func(b *testing.B) { handshakes(b, false, 1) })
}

func handshakes(b *testing.B, active bool, deaf int) {
	r, err := New(Config{Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Shutdown()
	peer := newShaker(b, active, media.AESCM128HMACSHA180)
	left := 0
	peer.misses = func([]byte) bool { left--; return left >= 0 }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		left = deaf
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip4, 0)))
		if err != nil {
			b.Fatal(err)
		}
		side := media.Side{Local: netip.AddrPortFrom(ip4, 39000), Remote: address(c), Latch: media.LatchPeer, Mux: true, Send: true, Recv: true, DTLS: peer.dtls("")}
		other := media.Side{Local: netip.AddrPortFrom(ip4, 39002), Mux: true}
		s := &media.Session{ID: media.SessionID(i + 1), Streams: []media.Stream{{Side: [2]media.Side{side, other}}}}
		if err := r.Open(s); err != nil {
			b.Fatal(err)
		}
		if peer.shake(c, side.Local, r.Fingerprint()) == nil {
			b.Fatal("no handshake")
		}
		r.Close(s.ID)
		_ = c.Close()
	}
}

// TestDTLSOfAnotherCertificate: the keys of a handshake whose certificate is not the one that is announced when it ends are not taken.
func TestDTLSOfAnotherCertificate(t *testing.T) {
	r := still(t)
	p := &newStream(&session{id: 1}, 0, r.sockets).side[0].rtp
	first, then := newShaker(t, true, 1).dtls(""), newShaker(t, true, 1).dtls("")
	h := &handshake{relay: r, port: p, meant: first}
	p.dtls = &association{want: then, run: h, crypt: &crypt{keys: &media.Crypt{}}}
	key := string(make([]byte, media.Suite(1).KeySize()))
	keys := &media.Crypt{Suite: 1, Send: key, Recv: []media.MasterKey{{Key: key}}}
	if h.keyed(keys) || h.done {
		t.Error("the keys of the certificate before are in place")
	}
	p.dtls.want = first
	if !h.keyed(keys) || p.dtls.crypt.keys != keys {
		t.Error("the keys of the announced certificate are not in place")
	}
}
