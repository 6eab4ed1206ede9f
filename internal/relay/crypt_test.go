package relay

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"testing"

	"github.com/pion/srtp/v3"

	"github.com/directsip/directsip/internal/media"
)

// lock is what a phone with SRTP has: it seals with the key that the relay opens with, and the other way round.
type lock struct {
	crypt      *media.Crypt
	seal, open *srtp.Context
}

func newLock(t testing.TB, s media.Suite, mki string) *lock {
	t.Helper()
	keys := make([]byte, 2*s.KeySize())
	_, _ = rand.Read(keys)
	theirs, ours := string(keys[:s.KeySize()]), string(keys[s.KeySize():])
	l := &lock{crypt: &media.Crypt{Suite: s, Send: ours, Recv: []media.MasterKey{{Key: theirs, MKI: mki}}}}
	var options []srtp.ContextOption
	if mki != "" {
		options = append(options, srtp.MasterKeyIndicator([]byte(mki)))
	}
	if l.seal, l.open = context(s, theirs, options...), context(s, ours); l.seal == nil || l.open == nil {
		t.Fatal("no context")
	}
	return l
}

func (l *lock) rtp(t testing.TB, b []byte) []byte {
	t.Helper()
	out, err := l.seal.EncryptRTP(nil, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (l *lock) rtcp(t testing.TB, b []byte) []byte {
	t.Helper()
	out, err := l.seal.EncryptRTCP(nil, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMED_04 relays SRTP to RTP and to SRTP with other keys, with every suite, RTP and RTCP, both ways.
func TestMED_04(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		for _, mki := range []string{"", "\x00\x00\x00\x01"} {
			t.Run(suite.String()+" "+map[bool]string{true: "with MKI"}[mki != ""], func(t *testing.T) {
				r := newRig(t, Config{})
				a, b, c := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
				la, lb := newLock(t, suite, mki), newLock(t, media.Suites+1-suite, "")
				toRTP, toSRTP := call(1, a, c), call(2, a, b)
				toRTP.Streams[0].Side[0].Crypt = la.crypt
				r.open(toRTP)
				s := toRTP.Streams[0].Side
				x := rtpPacket(8, 65535, 160, 7)
				for range 3 { // over the end of the sequence numbers
					a.send(a.rtp, s[0].Local, la.rtp(t, x))
					c.wantOn(c.rtp, s[1].Local, x)
					x[3]++
					if x[3] == 0 {
						x[2]++
					}
				}
				y := rtpPacket(8, 1, 160, 8)
				c.send(c.rtp, s[1].Local, y)
				la.wants(a, y)
				rr := receiverReport(7)
				a.send(a.rtcp, rtcpPort(s[0].Local), la.rtcp(t, rr))
				c.wantOn(c.rtcp, rtcpPort(s[1].Local), rr)
				c.send(c.rtcp, rtcpPort(s[1].Local), receiverReport(8))
				la.wantsRTCP(a, receiverReport(8))
				r.Close(1)

				la = newLock(t, suite, mki)
				toSRTP.Streams[0].Side[0].Crypt, toSRTP.Streams[0].Side[1].Crypt = la.crypt, lb.crypt
				r.open(toSRTP)
				s = toSRTP.Streams[0].Side
				a.send(a.rtp, s[0].Local, la.rtp(t, x))
				lb.wants(b, x)
				b.send(b.rtp, s[1].Local, lb.rtp(t, y))
				la.wants(a, y)
				if got := r.from(2, 0, 0); got.Packets != 1 || got.Bytes != 172 || got.Unauthentic != 0 {
					t.Errorf("counted %+v", got)
				}
			})
		}
	}
}

// wants waits for an RTP packet that opens to b. What a handshake still has to say may come before it (RFC 7983 §7).
func (l *lock) wants(p *phone, b []byte) {
	p.t.Helper()
	buf, _ := p.readFrom(p.rtp)
	for len(buf) > 0 && buf[0] >= 20 && buf[0] < 64 {
		buf, _ = p.readFrom(p.rtp)
	}
	got, err := l.open.DecryptRTP(nil, buf, nil)
	if err != nil || !bytes.Equal(got, b) {
		p.t.Fatalf("%v: %x, want %x", err, got[:min(len(got), 16)], b[:16])
	}
	if bytes.Contains(buf, b[12:]) {
		p.t.Fatal("the payload is not encrypted")
	}
}

func (l *lock) wantsRTCP(p *phone, b []byte) {
	p.t.Helper()
	buf, _ := p.readFrom(p.rtcp)
	got, err := l.open.DecryptRTCP(nil, buf, nil)
	if err != nil || !bytes.Equal(got, b) {
		p.t.Fatalf("%v: %x, want %x", err, got, b)
	}
}

// TestSRTPOfAStranger: what the keys do not fit is counted and dropped, and its source is not latched to, be it a host that may send.
func TestSRTPOfAStranger(t *testing.T) {
	r := newRig(t, Config{Workers: 1})
	a, b, stranger, c, d := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
	pace := call(2, c, d)
	r.open(pace)
	la, other := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AESCM128HMACSHA180, "")
	s := call(1, a, b)
	s.Streams[0].Side[0].Crypt = la.crypt
	r.open(s)
	la0, lb0 := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	x := rtpPacket(8, 1, 160, 7)
	stranger.send(stranger.rtp, la0, other.rtp(t, x))                                                       // another key
	stranger.send(stranger.rtp, la0, x)                                                                     // none
	a.send(a.rtp, la0, binary.BigEndian.AppendUint32([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 11: 0}, 7)) // a keepalive of STUN is no SRTP that is forged
	sealed := la.rtp(t, x)
	a.send(a.rtp, la0, sealed)
	a.send(a.rtp, la0, sealed) // a replay
	next := rtpPacket(8, 2, 320, 7)
	a.send(a.rtp, la0, la.rtp(t, next))
	b.wantOn(b.rtp, lb0, x)
	b.wantOn(b.rtp, lb0, next)
	if got := r.from(1, 0, 0); got.Packets != 2 || got.Unauthentic != 3 || got.Dropped != 1 || got.Source != address(a.rtp) {
		t.Errorf("counted %+v", got)
	}
	r.caughtUp(pace, c, d) // totals are counted a batch at a time
	if got := r.Totals(); got.Unauthentic != 3 || got.Dropped != 1 {
		t.Errorf("in all %+v", got)
	}
}

// TestRTCPInTheClear: plain RTCP of a peer that has agreed on SRTCP is dropped, counted by itself, and taken for no SRTP of another key; with any suite it is told from SRTCP.
func TestRTCPInTheClear(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		r := newRig(t, Config{})
		a, b := newPhone(t, ip4), newPhone(t, ip4)
		la, other := newLock(t, suite, ""), newLock(t, suite, "")
		s := call(1, a, b)
		s.Streams[0].Side[0].Crypt = la.crypt
		r.open(s)
		from, to := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
		x := rtpPacket(8, 1, 160, 7)
		a.send(a.rtp, from, la.rtp(t, x))
		b.wantOn(b.rtp, to, x)
		compound := append(receiverReport(7), 0x81, 202, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0)
		a.send(a.rtcp, rtcpPort(from), compound)
		a.send(a.rtcp, rtcpPort(from), receiverReport(7))
		a.send(a.rtcp, rtcpPort(from), other.rtcp(t, compound))
		a.send(a.rtcp, rtcpPort(from), other.rtcp(t, receiverReport(7)))
		a.send(a.rtcp, rtcpPort(from), la.rtcp(t, compound))
		b.wantOn(b.rtcp, rtcpPort(to), compound)
		if got := r.from(1, 0, 0); got.Clear != 2 || got.Unauthentic != 2 || got.RTCP != 1 || got.Packets != 1 {
			t.Errorf("%v: %d in the clear, %d unauthentic, %d RTCP, %d RTP", suite, got.Clear, got.Unauthentic, got.RTCP, got.Packets)
		}
	}
}

// TestKeysToCome: until a side's keys are known nothing passes, in either direction.
func TestKeysToCome(t *testing.T) {
	r := newRig(t, Config{Workers: 1})
	a, b, c, d := newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4), newPhone(t, ip4)
	s, other := call(1, a, b), call(2, c, d)
	s.Streams[0].Side[1].Crypt = &media.Crypt{}
	r.open(s)
	r.open(other)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	lock := newLock(t, media.AEADAES256GCM, "")
	x, y := rtpPacket(8, 1, 160, 7), rtpPacket(8, 1, 160, 8)
	a.send(a.rtp, la, x)
	b.send(b.rtp, lb, lock.rtp(t, y))
	r.caughtUp(other, c, d)
	if from := r.from(1, 0, 0); from.Dropped != 1 || r.from(1, 0, 1).Unauthentic != 1 {
		t.Fatalf("counted %+v and %+v", from, r.from(1, 0, 1))
	}
	known := *s
	known.Streams = []media.Stream{s.Streams[0]}
	known.Streams[0].Side[1].Crypt = lock.crypt
	if err := r.Update(&known); err != nil {
		t.Fatal(err)
	}
	x[3], y[3] = 2, 2
	a.send(a.rtp, la, x)
	lock.wants(b, x)
	b.send(b.rtp, lb, lock.rtp(t, y))
	a.wantOn(a.rtp, la, y)
}

// caughtUp has the only worker serve what waited before: it takes one packet of every port that is ready in turn, so when the second of
// another session is through, all that was there before the first is.
func (r *rig) caughtUp(other *media.Session, c, d *phone) {
	r.t.Helper()
	side := other.Streams[0].Side
	for i := range uint16(2) {
		x := rtpPacket(8, i, 160, 9)
		c.send(c.rtp, side[0].Local, x)
		d.wantOn(d.rtp, side[1].Local, x)
	}
}

// TestRekeying: a new key of the peer's counts from the update on, and our own sender goes on with its rollover counter.
func TestRekeying(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	old, fresh := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AESCM128HMACSHA180, "")
	s := call(1, a, b)
	s.Streams[0].Side[0].Crypt = old.crypt
	r.open(s)
	la, lb := s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local
	y := rtpPacket(8, 65535, 160, 8)
	b.send(b.rtp, lb, y)
	old.wants(a, y)
	next := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
	next.Streams[0].Side[0].Crypt = &media.Crypt{Suite: media.AESCM128HMACSHA180, Send: old.crypt.Send, Recv: fresh.crypt.Recv}
	if err := r.Update(next); err != nil {
		t.Fatal(err)
	}
	y = rtpPacket(8, 0, 320, 8) // the counter is 1 now, in the sealing as in the opening
	b.send(b.rtp, lb, y)
	old.wants(a, y)
	x := rtpPacket(8, 1, 160, 7)
	a.send(a.rtp, la, fresh.rtp(t, x))
	b.wantOn(b.rtp, lb, x)
}

// TestKeysOnTheirWay: what a peer has sent before it had our answer is heard under the key of then, once, until the first packet under the other; RTCP too.
func TestKeysOnTheirWay(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		for _, next := range []media.Suite{suite, media.Suites + 1 - suite} {
			old, fresh, other := newLock(t, suite, ""), newLock(t, next, "\x07"), newLock(t, suite, "")
			var sd side
			sd.protect(old.crypt)
			opens := func(l *lock, number uint16, want bool) []byte {
				t.Helper()
				x := rtpPacket(8, number, 160, 7)
				sealed := l.rtp(t, x)
				got, ok := sd.crypt.open(bytes.Clone(sealed), rtp)
				if ok = ok && sd.crypt.by.fresh(peek(got)); ok != want || ok && !bytes.Equal(got, x) {
					t.Fatalf("%v to %v: packet %d is opened: %v, want %v", suite, next, number, ok, want)
				}
				return sealed
			}
			opens(old, 65534, true)
			sd.protect(fresh.crypt)
			again := opens(old, 65535, true)
			if _, ok := sd.crypt.open(bytes.Clone(again), rtp); ok {
				t.Error("a repetition is opened")
			}
			opens(old, 0, true)
			opens(other, 1, false)
			opens(old, 1, true)
			if _, ok := sd.crypt.open(old.rtcp(t, receiverReport(7)), rtcp); !ok {
				t.Error("RTCP is not opened")
			}
			fresh.seal.SetROC(7, 1)
			opens(fresh, 2, true)
			opens(old, 3, false)
			opens(fresh, 4, true)
			if _, ok := sd.crypt.open(old.rtcp(t, receiverReport(7)), rtcp); ok {
				t.Error("RTCP is opened under the key that is no more")
			}
		}
	}
}

// TestRFC3711_3_3_1: the rollover counter of a source goes on under another key, or begins at 0 as it does with many; what somebody else sends meanwhile
// under its name, and RTCP of its own, change nothing of it.
func TestRFC3711_3_3_1(t *testing.T) {
	for _, suite := range []media.Suite{media.AESCM128HMACSHA180, media.AEADAES128GCM} {
		for _, c := range []struct {
			roc      uint32
			sequence uint16
		}{{0, 1}, {1, 1}, {1, 65535}, {2, 0}} {
			old, fresh, other := newLock(t, suite, ""), newLock(t, suite, ""), newLock(t, suite, "")
			var sd side
			sd.protect(old.crypt)
			opens := func(b []byte, k kind) bool { _, ok := sd.crypt.open(b, k); return ok }
			for _, sequence := range []uint16{65535, 0} {
				if !opens(old.rtp(t, rtpPacket(8, sequence, 160, 7)), rtp) {
					t.Fatal("not opened before")
				}
			}
			sd.protect(&media.Crypt{Suite: suite, Send: old.crypt.Send, Recv: []media.MasterKey{{Key: "too short"}}}) // keys that opened nothing
			sd.protect(&media.Crypt{Suite: suite, Send: old.crypt.Send, Recv: other.crypt.Recv})
			sd.protect(&media.Crypt{Suite: suite, Send: old.crypt.Send, Recv: fresh.crypt.Recv})
			if opens(other.rtp(t, rtpPacket(8, c.sequence, 160, 7)), rtp) || !opens(fresh.rtcp(t, receiverReport(7)), rtcp) {
				t.Fatal("another key opens, or ours does not")
			}
			fresh.seal.SetROC(7, c.roc)
			for i := range uint16(3) {
				x := rtpPacket(8, c.sequence+i, 160, 7)
				if got, ok := sd.crypt.open(fresh.rtp(t, x), rtp); !ok || !bytes.Equal(got, x) {
					t.Errorf("%v, counter %d: packet %d is not opened", suite, c.roc, i)
				}
			}
		}
	}
}

// TestRolloverOfAnotherSession: what a source has counted up elsewhere, as before a transfer that took its call into this session, its first packets tell,
// of every suite. What strangers send fills no memory.
func TestRolloverOfAnotherSession(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		for _, c := range []struct {
			roc   uint32
			muted int // packets until it is heard; -1: for ever
		}{{0, 0}, {1, 0}, {2, 1}, {mostRollovers, mostRollovers - 1}, {mostRollovers + 1, -1}} {
			l, other := newLock(t, suite, ""), newLock(t, suite, "")
			sd := protected(l)
			l.seal.SetROC(7, c.roc)
			muted := 0
			for i := range uint16(2 * mostRollovers) {
				x := rtpPacket(8, 65500+i, 160, 7) // and goes on over the next rollover
				if got, ok := sd.open(l.rtp(t, x), rtp); !ok {
					muted++
				} else if !bytes.Equal(got, x) {
					t.Fatal("opened wrongly")
				}
			}
			if want := c.muted; muted != want && (want >= 0 || muted != 2*mostRollovers) {
				t.Errorf("%v, counter %d: %d packets were not opened, want %d", suite, c.roc, muted, want)
			}
			sd = protected(l)
			for i := range uint32(10 * maxGuessed) {
				if _, ok := sd.open(other.rtp(t, rtpPacket(8, 1, 160, 100+i)), rtp); ok {
					t.Fatal("another key opens")
				}
			}
			if n := len(sd.recv.guessed); n > maxGuessed {
				t.Errorf("%d sources are remembered", n)
			}
		}
	}
}

// TestRolloverBesideAnother: that somebody else sends for each packet of a source one of his own keeps no counter from being found.
func TestRolloverBesideAnother(t *testing.T) {
	l, other := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AESCM128HMACSHA180, "")
	for roc := range uint32(mostRollovers) {
		sd := protected(l)
		l.seal.SetROC(7, roc)
		heard := false
		for i := uint16(0); i < mostRollovers && !heard; i++ {
			_, _ = sd.open(other.rtp(t, rtpPacket(8, i, 160, 8)), rtp)
			_, heard = sd.open(l.rtp(t, rtpPacket(8, i, 160, 7)), rtp)
		}
		if !heard {
			t.Errorf("counter %d is not found", roc)
		}
	}
}

// TestOtherKeysBeginAt0: under another key of ours a source that has counted its numbers up begins anew, and under the one before it goes on.
func TestOtherKeysBeginAt0(t *testing.T) {
	old, fresh := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AEADAES128GCM, "")
	var sd side
	for _, c := range []struct {
		lock     *lock
		sequence uint16
		roc      uint32
	}{{old, 65535, 0}, {old, 0, 1}, {fresh, 1, 0}, {old, 2, 1}} {
		sd.protect(c.lock.crypt)
		x := rtpPacket(8, c.sequence, 160, 8)
		sealed, ok := sd.crypt.seal(append(make([]byte, 0, 512), x...), rtp)
		if !ok {
			t.Fatal("not sealed")
		}
		peer := context(c.lock.crypt.Suite, c.lock.crypt.Send)
		peer.SetROC(8, c.roc)
		if got, err := peer.DecryptRTP(nil, sealed, nil); err != nil || !bytes.Equal(got, x) {
			t.Errorf("number %d under %v: the counter is not %d (%v)", c.sequence, c.lock.crypt.Suite, c.roc, err)
		}
	}
}

// TestKeysThatComeBack: a side that goes to RTP and comes back with the same keys has its counters go on, of RTP and of RTCP, and what it has sent before
// is known.
func TestKeysThatComeBack(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	l := newLock(t, media.AESCM128HMACSHA180, "")
	l.open = context(l.crypt.Suite, l.crypt.Send, srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64))
	s := call(1, a, b)
	s.Streams[0].Side[0].Crypt = l.crypt
	r.open(s)
	lb := s.Streams[0].Side[1].Local
	set := func(c *media.Crypt) {
		t.Helper()
		next := &media.Session{ID: 1, Streams: []media.Stream{s.Streams[0]}}
		next.Streams[0].Side[0].Crypt = c
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
	}
	y := rtpPacket(8, 65535, 160, 8)
	b.send(b.rtp, lb, y)
	l.wants(a, y)
	b.send(b.rtcp, rtcpPort(lb), receiverReport(8))
	l.wantsRTCP(a, receiverReport(8))
	la, replay := s.Streams[0].Side[0].Local, l.rtp(t, rtpPacket(8, 65535, 160, 7))
	a.send(a.rtp, la, replay)
	b.wantOn(b.rtp, lb, rtpPacket(8, 65535, 160, 7))
	for _, between := range []*media.Crypt{nil, newLock(t, media.AEADAES256GCM, "").crypt, {}} {
		set(between)
		set(l.crypt)
		y[2], y[3] = 0, y[3]+1 // the rollover counter is 1
		b.send(b.rtp, lb, y)
		l.wants(a, y)
		b.send(b.rtcp, rtcpPort(lb), receiverReport(8))
		l.wantsRTCP(a, receiverReport(8))
	}
	a.send(a.rtp, la, replay)
	x := rtpPacket(8, 0, 160, 7)
	a.send(a.rtp, la, l.rtp(t, x))
	b.wantOn(b.rtp, lb, x)
}

// protected is a side's protection with those keys.
func protected(l *lock) *crypt {
	var sd side
	sd.protect(l.crypt)
	return sd.crypt
}

// TestNumbersGoBackUnderAKey: a source whose numbers go back under one SSRC, as a PBX does that puts another player or person behind it, is heard at once by a peer
// with SRTP, which takes no number twice; and so it is where one number alone was far ahead.
func TestNumbersGoBackUnderAKey(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	l := newLock(t, media.AESCM128HMACSHA180, "")
	s := call(1, a, b)
	s.Streams[0].Side[1].Crypt = l.crypt
	r.open(s)
	la := s.Streams[0].Side[0].Local
	ahead := uint16(0) // by which what is heard is
	since := uint32(0) // the timestamps
	says := func(number uint16) {
		t.Helper()
		x := rtpPacket(8, number, since+160*uint32(number), 7)
		a.send(a.rtp, la, x)
		binary.BigEndian.PutUint16(x[2:], number+ahead)
		l.wants(b, x)
	}
	turn := func(number uint16) { a.send(a.rtp, la, rtpPacket(8, number, since+160*uint32(number), 7)) } // the first of a run, of which nobody knows what it is
	says(40000)
	says(40001)
	since = 1 << 31
	turn(20000)
	ahead = 40003 - 20001
	says(20001) // and the number before counts as lost
	says(20002)
	says(20004)
	says(20003)
	for number := uint16(20005); number < 20100; number++ {
		says(number)
	}
	a.send(a.rtp, la, rtpPacket(8, 20098, 0, 7)) // a repetition is none
	since -= 160 * 20000
	says(30000) // a stray one
	since += 160 * 20000
	turn(20100)
	ahead += 9901
	says(20101)
	says(20102)
	for number := uint16(20103); number < 20110; number++ {
		says(number)
	}
	for number := uint16(20110); number < 20200; number++ { // as on two ways, of which the one is late, and everything comes by both
		says(number)
		if number%10 == 0 {
			for late := range uint16(10) {
				turn(number - 100 + late)
			}
		}
	}
	for number := uint16(20100); number < 20124; number++ { // a piece that is played again
		turn(number)
	}
	ahead += 20199 + 2 - 20124
	for number := uint16(20124); number < 20300; number++ {
		says(number)
	}
	if c := r.from(1, 0, 0); c.Unsealed != 0 {
		t.Errorf("counted %+v", c)
	}
}

// TestSourcesAreBounded: a peer that changes its SSRC with every packet cannot fill memory, and no key stream is used twice.
func TestSourcesAreBounded(t *testing.T) {
	c := protected(newLock(t, media.AESCM128HMACSHA180, ""))
	passed := 0
	for ssrc := range uint32(10 * maxSources) {
		b := append(make([]byte, 0, 512), rtpPacket(8, 1, 160, ssrc)...)
		if _, ok := c.seal(b, rtp); ok {
			passed++
		}
	}
	if passed != maxSources {
		t.Errorf("%d sources passed", passed)
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	c, passed = protected(l), 0
	for ssrc := range uint32(10 * maxSources) {
		if _, ok := c.open(l.rtp(t, rtpPacket(8, 1, 160, ssrc)), rtp); ok {
			passed++
		}
	}
	if passed != maxSources || len(c.recv.sources[0]) != maxSources || maxSources < 1000 { // pieces of music and announcements of one wait
		t.Errorf("%d sources were opened", passed)
	}
}

// TestNoAllocationPerSRTPPacket: opening and sealing take no memory.
func TestNoAllocationPerSRTPPacket(t *testing.T) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		l := newLock(t, suite, "")
		c := protected(l)
		var packets [][]byte
		for i := range uint16(220) {
			packets = append(packets, l.rtp(t, rtpPacket(8, i+1, 160, 7)))
		}
		buf, i := make([]byte, maxDatagram), 0
		got := testing.AllocsPerRun(200, func() {
			n := copy(buf, packets[i])
			i++
			b, ok := c.open(buf[:n], rtp)
			if ok {
				_, ok = c.seal(b, rtp)
			}
			if !ok {
				t.Fatal("not passed")
			}
		})
		if got != 0 {
			t.Errorf("%v: %v allocations", suite, got)
		}
	}
}

// BenchmarkSRTP opens and seals a packet of 20 ms of G.711 with other keys.
func BenchmarkSRTP(b *testing.B) {
	for suite := media.Suite(1); suite <= media.Suites; suite++ {
		b.Run(suite.String(), func(b *testing.B) {
			l := newLock(b, suite, "")
			c := protected(l)
			b.ReportAllocs()
			buf, pkt, dst := make([]byte, maxDatagram), rtpPacket(8, 0, 160, 7), make([]byte, 512)
			for i := uint16(1); b.Loop(); i++ {
				pkt[2], pkt[3] = byte(i>>8), byte(i)
				sealed, err := l.seal.EncryptRTP(dst, pkt, &c.rtp)
				if err != nil {
					b.Fatal(err)
				}
				n := copy(buf, sealed)
				if _, ok := c.open(buf[:n], rtp); !ok {
					b.Fatal("not opened")
				}
			}
		})
	}
}

// TestPlayedUnderSRTP: what is played to a side with SRTP has its keys.
func TestPlayedUnderSRTP(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	l := newLock(t, media.AEADAES128GCM, "")
	s := call(1, a, b)
	s.Streams[0].Side[0].Crypt = l.crypt
	s.Play = &media.Play{ID: 1, To: 0, Clip: clip(1), Codec: media.PCMA, PayloadType: 8}
	r.open(s)
	buf, _ := a.readFrom(a.rtp)
	got, err := l.open.DecryptRTP(nil, buf, nil)
	if err != nil || !bytes.Equal(got[rtpHeader:], alaw(s.Play.Clip)) {
		t.Fatalf("%v: %x", err, got)
	}
}
