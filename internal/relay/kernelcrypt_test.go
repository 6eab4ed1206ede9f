package relay

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pion/stun/v3"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/fastpath"
	"github.com/directsip/directsip/internal/media"
)

// sealedTalk sends packets of a that only a lock opens, and takes them at b. It returns what was sent.
func (k *kernelRig) sealedTalk(l *lock, packets int) (sent [][]byte) {
	k.t.Helper()
	for range packets {
		x := k.packet(7)
		k.number++
		sent = append(sent, l.rtp(k.t, x))
		k.passes(0, func() {
			k.a.send(k.a.rtp, k.la, sent[len(sent)-1])
			k.b.wantOn(k.b.rtp, k.lb, x)
		})
	}
	return sent
}

// TestKernelOpensOnce: what the kernel has opened is a repetition when it comes again, however it comes (RFC 3711 §3.3.2); and what is missing may come late, once.
func TestKernelOpensOnce(t *testing.T) {
	if !isolated(t) {
		return
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[0].Crypt = l.crypt })
	k.number = 65500 // over the end of the numbers
	sent := k.sealedTalk(l, 20)
	k.wantTier(media.TierKernel, "")
	missing := k.packet(7)
	k.number++
	late := l.rtp(t, missing)
	sent = append(sent, k.sealedTalk(l, 130)...)
	k.wantTier(media.TierKernel, "")

	before := k.from(1, 0, 0)
	for i := range sent { // with flows between, and without
		k.a.send(k.a.rtp, k.la, sent[i])
		k.counts(func(c *media.Counters) bool { return c.Unauthentic == before.Unauthentic+uint64(i)+1 })
	}
	k.sealedTalk(l, 3)
	k.wantTier(media.TierKernel, "")
	for i := range sent {
		k.a.send(k.a.rtp, k.la, sent[len(sent)-1-i])
		k.counts(func(c *media.Counters) bool { return c.Unauthentic == before.Unauthentic+uint64(len(sent)+i)+1 })
	}
	k.sealedTalk(l, 3)

	k.a.send(k.a.rtp, k.la, late) // by far too late: nobody knows whether it has come
	k.counts(func(c *media.Counters) bool { return c.Unauthentic == before.Unauthentic+uint64(2*len(sent))+1 })
	missing = k.packet(7)
	k.number++
	late = l.rtp(t, missing)
	k.sealedTalk(l, 30)
	k.wantTier(media.TierKernel, "")
	k.a.send(k.a.rtp, k.la, late)
	k.b.wantOn(k.b.rtp, k.lb, missing)
	k.a.send(k.a.rtp, k.la, late)
	k.counts(func(c *media.Counters) bool { return c.Unauthentic == before.Unauthentic+uint64(2*len(sent))+2 })
	k.sealedTalk(l, 5)
	if c := k.from(1, 0, 0); c.Packets != uint64(len(sent)+3+3+31+5) {
		t.Errorf("%d packets were relayed", c.Packets)
	}
}

// TestKernelSealsOnce: what comes under a number that the kernel has sealed goes nowhere, for its key stream was another packet's (RFC 3711 §9.1); what is missing may come late.
func TestKernelSealsOnce(t *testing.T) {
	if !isolated(t) {
		return
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[1].Crypt = l.crypt })
	k.number = 65500
	talk := func(packets int) {
		t.Helper()
		for range packets {
			x := k.packet(7)
			k.number++
			k.passes(0, func() {
				k.a.send(k.a.rtp, k.la, x)
				l.wants(k.b, x)
			})
		}
	}
	talk(60)
	late := k.packet(7)
	k.number++
	talk(20)
	k.wantTier(media.TierKernel, "")
	before := k.from(1, 0, 0)
	for i := range uint16(10) {
		x := rtpPacket(8, k.number-1-i, 1, 7)
		x[rtpHeader] ^= 1
		k.a.send(k.a.rtp, k.la, x)
		k.counts(func(c *media.Counters) bool { return c.Dropped == before.Dropped+uint64(i)+1 })
	}
	k.a.send(k.a.rtp, k.la, late)
	l.wants(k.b, late)
	talk(20)
	if c := k.from(1, 0, 0); c.Packets != before.Packets+21 || c.Unsealed != 0 {
		t.Errorf("counted %+v", c)
	}
}

// TestKernelAndNumbersThatGoBack: a source whose numbers go back behind what the kernel has sealed is heard on, from then on by user space, which gives them others.
func TestKernelAndNumbersThatGoBack(t *testing.T) {
	if !isolated(t) {
		return
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[1].Crypt = l.crypt })
	k.number = 65530 // so the kernel has another rollover counter than the context
	ahead := uint16(0)
	since := uint32(0)
	packet := func() []byte { return rtpPacket(8, k.number, since+160*uint32(k.number), 7) }
	talk := func(packets int) {
		t.Helper()
		for range packets {
			x := packet()
			k.number++
			k.passes(0, func() {
				k.a.send(k.a.rtp, k.la, x)
				binary.BigEndian.PutUint16(x[2:], binary.BigEndian.Uint16(x[2:])+ahead)
				l.wants(k.b, x)
			})
		}
	}
	talk(50)
	k.wantTier(media.TierKernel, "")
	last := k.number - 1
	k.number -= 5000
	since = 1 << 31
	k.a.send(k.a.rtp, k.la, packet())
	k.counts(func(c *media.Counters) bool { return c.Dropped == 1 })
	k.number++
	ahead = last + 2 - k.number
	talk(50)
	k.wantTier(media.TierSteered, "numbers that have gone back")
}

// TestKernelIsNotFooled: packets that a stranger sends as the peer, from its address and port, neither pass nor keep the peer's from passing.
func TestKernelIsNotFooled(t *testing.T) {
	if !isolated(t) {
		return
	}
	l, stranger := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[0].Crypt = l.crypt })
	k.sealedTalk(l, 10)
	k.wantTier(media.TierKernel, "")
	for i := range 50 {
		x := k.packet(7)
		x[rtpHeader] ^= byte(i)
		k.a.send(k.a.rtp, k.la, stranger.rtp(t, x))
		k.counts(func(c *media.Counters) bool { return c.Unauthentic == uint64(i)+1 })
		k.sealedTalk(l, 1)
	}
	if carried := k.kernel.packets.Load(); carried < 50 {
		t.Errorf("only %d packets in the kernel", carried)
	}
}

// TestKernelWithOtherKeys: a peer that shakes hands anew gets what is sent to it under its new keys at once, also where the kernel sealed it under the old ones.
func TestKernelWithOtherKeys(t *testing.T) {
	if !isolated(t) {
		return
	}
	peer := newShaker(t, true, media.AESCM128HMACSHA180)
	k := newKernelRig(t, Config{}, func(s *media.Session) {
		s.Streams[0].Side[0].DTLS, s.Streams[0].Side[0].Mux = peer.dtls(""), true
	})
	for range 2 {
		keys := peer.shake(k.a.rtp, k.la, k.Fingerprint())
		if keys == nil {
			t.Fatal("no handshake")
		}
		keys.until(k.a, k.a.rtp, k.la, k.b.rtp)
		carried := k.carried()
		for range 10 {
			y := k.packet(8)
			k.number++
			k.passes(1, func() {
				k.b.send(k.b.rtp, k.lb, y)
				keys.wants(k.a, y)
			})
		}
		if n := k.carried(); n < carried+5 {
			t.Errorf("%d packets in the kernel", n-carried)
		}
	}
}

// TestKernelWithKeysOnTheirWay: when a peer has other keys by SDP, what it has sent under those before is heard in user space, but for what the kernel has opened, and the kernel goes on with the others.
func TestKernelWithKeysOnTheirWay(t *testing.T) {
	if !isolated(t) {
		return
	}
	old, fresh := newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[0].Crypt = old.crypt })
	sent := k.sealedTalk(old, 20)
	k.wantTier(media.TierKernel, "")
	k.update(func(s *media.Session) { s.Streams[0].Side[0].Crypt = fresh.crypt })
	for i := range sent {
		k.a.send(k.a.rtp, k.la, sent[i])
		k.counts(func(c *media.Counters) bool { return c.Unauthentic == uint64(i)+1 })
	}
	sent = append(sent, k.sealedTalk(old, 10)...)
	k.sealedTalk(fresh, 20)
	k.wantTier(media.TierKernel, "")
	k.a.send(k.a.rtp, k.la, old.rtp(t, k.packet(7)))
	k.counts(func(c *media.Counters) bool { return c.Unauthentic == 21 && c.Packets == 50 })
}

// TestKernelWithoutRoom: where the kernel gives no memory for keys, packets pass in user space, and it is not asked again with each of them.
func TestKernelWithoutRoom(t *testing.T) {
	if !isolated(t) {
		return
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[1].Crypt = l.crypt })
	cipher := new(cached).of(l.crypt.Suite, l.crypt.Send)
	var limit, none unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none.Max = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil { // what has no descriptor is not made
		t.Fatal(err)
	}
	var taken []*fastpath.Secret
	for {
		s, err := k.kernel.table.Keep(cipher, nil, 1, [2]uint32{}, 160)
		if err == nil {
			taken = append(taken, s)
		} else if err != fastpath.ErrGrowing {
			break
		}
	}
	k.sealedBack(l, 10)
	ses, again := k.find(1), int64(0)
	ses.mu.Lock()
	for i := range ses.streams[0].side {
		sd := &ses.streams[0].side[i].kernel
		if again = max(again, sd.retry); sd.retry == 0 || !strings.Contains(sd.why, "too many open files") {
			t.Errorf("side %d: %q, and it is tried again from %d on", i, sd.why, sd.retry)
		}
	}
	ses.mu.Unlock()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for _, s := range taken {
		k.kernel.table.Forget(s)
	}
	eventually(t, "the end of the pause", func() bool { return k.now() > again })
	k.sealedBack(l, 10)
	if k.carried() == 0 {
		t.Error("it is not tried again")
	}
}

// TestKernelChanges: what the kernel opens, seals and converts, and the reasons of what it does not.
func TestKernelChanges(t *testing.T) {
	if !isolated(t) {
		return
	}
	w := newWire(t)
	telephone := media.Format{PayloadType: 96, Codec: media.TelephoneEvent, Clock: 8000}
	for _, c := range []struct {
		what  string
		suite [2]media.Suite
		mki   string
		speak [2]*media.Speech
		why   string
	}{
		{"SRTP to RTP", [2]media.Suite{media.AESCM128HMACSHA180, 0}, "", [2]*media.Speech{}, ""},
		{"SRTP to SRTP", [2]media.Suite{media.AESCM128HMACSHA132, media.AESCM128HMACSHA180}, "", [2]*media.Speech{}, ""},
		{"the other law", [2]media.Suite{}, "", [2]*media.Speech{speech(pcma, event), speech(pcmu, telephone)}, ""},
		{"SRTP and the other law", [2]media.Suite{0, media.AESCM128HMACSHA180}, "", [2]*media.Speech{speech(pcma), speech(pcmu)}, ""},
		{"two keys and the other law", [2]media.Suite{media.AESCM128HMACSHA180, media.AESCM128HMACSHA180}, "", [2]*media.Speech{speech(pcma), speech(pcmu)},
			"conversion between two keys"},
		{"louder", [2]media.Suite{}, "", [2]*media.Speech{{Formats: []media.Format{pcma}, Boost: 3}, speech(pcma)}, "a gain"},
		{"AES-GCM", [2]media.Suite{media.AEADAES256GCM, 0}, "", [2]*media.Speech{}, "SRTP with AEAD_AES_256_GCM"},
		{"an MKI", [2]media.Suite{media.AESCM128HMACSHA180, 0}, "\x01", [2]*media.Speech{}, "SRTP with an MKI"},
	} {
		var locks [2]*lock
		k := w.rig(Config{}, func(s *media.Session) {
			for i := range locks {
				sd := &s.Streams[0].Side[i]
				if sd.Speech = c.speak[i]; c.suite[i] != 0 {
					locks[i] = newLock(t, c.suite[i], c.mki)
					sd.Crypt = locks[i].crypt
				}
			}
		})
		var first []byte
		for n := range 12 {
			x := k.packet(7)
			k.number++
			if locks[0] != nil {
				x = locks[0].rtp(t, x)
			}
			k.passes(0, func() {
				k.a.send(k.a.rtp, k.la, x)
				b, _ := k.b.readFrom(k.b.rtp)
				if locks[1] != nil {
					var err error
					if b, err = locks[1].open.DecryptRTP(nil, b, nil); err != nil {
						t.Errorf("%s, packet %d: %v", c.what, n, err)
						return
					}
				}
				if n == 0 {
					first = bytes.Clone(b) // of user space
				} else if b = bytes.Clone(b); !bytes.Equal(b[rtpHeader:], first[rtpHeader:]) || b[1] != first[1] {
					t.Errorf("%s, packet %d: %x, want as in %x", c.what, n, b, first)
				}
			})
		}
		st, _ := k.Stats(1)
		tier, why := st.Streams[0].Tier, st.Streams[0].Why
		if c.why == "" && tier != media.TierKernel || c.why != "" && (tier == media.TierKernel || !strings.Contains(why, c.why)) {
			t.Errorf("%s: tier %s because of %q, want %q", c.what, tier, why, c.why)
		}
		if carried := k.kernel.packets.Load(); (carried > 0) != (c.why == "") {
			t.Errorf("%s: %d packets in the kernel", c.what, carried)
		}
		k.Close(1)
		if n := k.kernel.table.Kept(); n != 0 {
			t.Errorf("%d secrets are left", n)
		}
		k.Shutdown()
	}
}

// TestKernelWithICE: a stream with ICE is in the kernel between checks. When the peer nominates another address, media goes there at once; and from one that is over nothing passes.
func TestKernelWithICE(t *testing.T) {
	if !isolated(t) {
		return
	}
	l := newLock(t, media.AESCM128HMACSHA180, "")
	k := newKernelRig(t, Config{}, func(s *media.Session) {
		sd := &s.Streams[0].Side[0]
		sd.ICE, sd.Mux, sd.Crypt = lite(), true, l.crypt
	})
	seen := func(at *phone, n int) {
		t.Helper()
		k.both(n, func(x []byte) {
			at.send(at.rtp, k.la, l.rtp(t, x))
			k.b.wantOn(k.b.rtp, k.lb, x)
		}, func(y []byte) {
			k.b.send(k.b.rtp, k.lb, y)
			l.wants(at, y)
		})
	}
	k.a.ask(k.a.rtp, k.la, good(t, nominates))
	seen(k.a, 10)
	k.wantTier(media.TierKernel, "")
	k.a.ask(k.a.rtp, k.la, good(t, nominates)) // which changes nothing
	if !k.offloaded(0) || !k.offloaded(1) {
		t.Error("a check has ended a flow")
	}
	seen(k.a, 3)

	better := k.wire.phone(peer4(3))
	better.ask(better.rtp, k.la, checkOf(t, user, controlling, priority(126), nominates, secret, stun.Fingerprint))
	seen(better, 10)
	k.wantTier(media.TierKernel, "")
	x := k.packet(7)
	k.number++
	k.a.send(k.a.rtp, k.la, l.rtp(t, x)) // it was checked
	k.b.wantOn(k.b.rtp, k.lb, x)
	seen(better, 3)

	k.update(func(s *media.Session) { // ICE begins anew
		s.Streams[0].Side[0].ICE = &media.ICE{Ufrag: "new1", Pwd: theirPwd, PeerUfrag: "new2", PeerPwd: ourPwd}
	})
	seen(better, 10) // what was found goes on
	k.wantTier(media.TierKernel, "")
	again := []stun.Setter{stun.NewUsername("new1:new2"), controlling, priority(110), nominates, stun.NewShortTermIntegrity(theirPwd), stun.Fingerprint}
	k.a.ask(k.a.rtp, k.la, checkOf(t, again...))
	seen(k.a, 10)
	k.wantTier(media.TierKernel, "")
	before := k.from(1, 0, 0)
	x = k.packet(7)
	k.number++
	better.send(better.rtp, k.la, l.rtp(t, x))
	k.counts(func(c *media.Counters) bool { return c.Gated == before.Gated+1 })
	seen(k.a, 3)
}

// TestKernelStopsWithoutConsent: what a peer has not agreed to for so long does not go to it any more, also where the kernel sends it (RFC 7675 §5.1).
func TestKernelStopsWithoutConsent(t *testing.T) {
	if !isolated(t) {
		return
	}
	k := newKernelRig(t, Config{}, func(s *media.Session) { s.Streams[0].Side[0].ICE, s.Streams[0].Side[0].Mux = lite(), true })
	k.a.ask(k.a.rtp, k.la, good(t, nominates))
	k.talk(10)
	k.wantTier(media.TierKernel, "")
	ses := k.find(1)
	ses.mu.Lock()
	p := &ses.streams[0].side[0].rtp
	p.ice.agent = &agent{relay: k.Relay, port: p, settled: true, asked: 1, agreed: 1}
	p.consent(1+int64(consentExpiry), 0)
	for i := range ses.streams[0].side {
		if ses.streams[0].side[i].kernel.handle != 0 {
			t.Errorf("what comes from side %d is still relayed in the kernel", i)
		}
	}
	ses.mu.Unlock()
}
