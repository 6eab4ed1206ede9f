package fastpath

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
)

// lock is a master key, as the program and as a peer have it.
type lock struct {
	cipher *Cipher
	peer   *srtp.Context
}

func newLock(t testing.TB, r *rand.Rand, tag int) *lock {
	t.Helper()
	b := make([]byte, 30)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	c, err := NewCipher(b[:16], b[16:], tag)
	if err != nil {
		t.Fatal(err)
	}
	profile := srtp.ProtectionProfileAes128CmHmacSha1_80
	if tag == 4 {
		profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	}
	peer, err := srtp.CreateContext(b[:16], b[16:], profile)
	if err != nil {
		t.Fatal(err)
	}
	return &lock{c, peer}
}

// seal is what a peer sends, after so many rollovers.
func (l *lock) seal(t testing.TB, packet []byte, rollovers uint32) []byte {
	t.Helper()
	if l == nil {
		return packet
	}
	l.peer.SetROC(7, rollovers)
	b, err := l.peer.EncryptRTP(nil, packet, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (l *lock) of() *Cipher {
	if l == nil {
		return nil
	}
	return l.cipher
}

// speech is a packet of so many octets of payload.
func speech(r *rand.Rand, payloadType uint8, sequence uint16, size int) []byte {
	b := append(rtp(payloadType, sequence, 1600, 7)[:12], make([]byte, size)...)
	for i := range b[12:] {
		b[12+i] = byte(r.Uint32())
	}
	return b
}

// extended is a packet with a header extension of so many words.
func extended(packet []byte, words int) []byte {
	head := append(bytes.Clone(packet[:12]), 0xbe, 0xde, 0, byte(words))
	head[0] |= 0x10
	return append(append(head, make([]byte, 4*words)...), packet[12:]...)
}

// TestSecrets compares every octet of what is opened, sealed, or both, with what a peer would have made of it: for each length, tag and family, with and without a checksum
// and header extensions.
func TestSecrets(t *testing.T) {
	var laws [2][256]byte
	r := rand.New(rand.NewPCG(1, 2))
	for i := range laws {
		for j := range laws[i] {
			laws[i][j] = byte(r.Uint32())
		}
	}
	table := open(t, Config{Flows: 8, Laws: laws})
	for _, c := range []struct {
		opens, seals int // octets of the tag; 0: RTP
		law          Law
	}{{10, 0, 0}, {0, 10, 0}, {10, 10, 0}, {4, 0, 0}, {0, 4, 0}, {4, 10, 0}, {10, 4, 0}, {0, 0, ToMuLaw}, {0, 0, ToALaw}, {10, 0, ToMuLaw}, {0, 10, ToALaw}, {0, 0, 0}} {
		for name, e := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
			for size := 1; size <= LongestPayload; size++ {
				var in, out *lock
				if c.opens > 0 {
					in = newLock(t, r, c.opens)
				}
				if c.seals > 0 {
					out = newLock(t, r, c.seals)
				}
				what := fmt.Sprintf("%s, %+v, %d octets", name, c, size)
				number, rollovers := uint16(r.Uint32N(65000)), [2]uint32{r.Uint32N(9), r.Uint32N(9)}
				f, s := e.flow()
				f.As, f.Law, s.Sequence, s.Seen = 0, c.law, number, 1
				if in != nil || out != nil {
					var err error
					if f.Secret, err = table.Keep(in.of(), out.of(), 7, rollovers, Room(size)); err != nil {
						t.Fatal(err)
					}
				}
				packet := speech(r, 8, number, size)
				head := 12
				if words := size%(mostWords+2) - 1; words >= 0 {
					packet, head = extended(packet, words), head+4+4*words
				}
				inside := in.seal(t, packet, rollovers[0])
				want := bytes.Clone(packet)
				want[1] = 0
				if c.law != 0 {
					for i := range want[head:] {
						want[head+i] = laws[c.law-1][want[head+i]]
					}
				}
				want = out.seal(t, want, rollovers[1])
				h := table.put(f, s)
				wire := e.frame()
				wire.payload, wire.blank = inside, size%7 == 0 && name == "IPv4"
				verdict, got := table.run(t, wire.bytes())
				left := &frame{from: e.from, to: e.to, ttl: 64, tos: 46 << 2, fragment: 0x4000, payload: want, blank: wire.blank}
				if verdict != redirect || !bytes.Equal(got[12:], left.bytes()[12:]) {
					t.Fatalf("%s: verdict %d\n got %x\nwant %x", what, verdict, got[12:], left.bytes()[12:])
				}
				n := table.Recall(h)
				if n.Packets != 1 || int(n.Bytes) != len(packet) || n.Sequence != number+1 || f.Secret != nil && n.Seen != 3 {
					t.Fatalf("%s: counted %+v", what, n)
				}
				table.Forget(f.Secret)
			}
		}
	}
}

// TestNotOpened: what is not genuine, or has no key stream, or is not as a secret wants it, is left as it is, and not counted.
func TestNotOpened(t *testing.T) {
	table := open(t, Config{Flows: 8})
	r := rand.New(rand.NewPCG(3, 4))
	in, other := newLock(t, r, 10), newLock(t, r, 10)
	for name, e := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
		f, s := e.flow()
		var err error
		if f.Secret, err = table.Keep(in.cipher, nil, 7, [2]uint32{5, 0}, Room(160)); err != nil {
			t.Fatal(err)
		}
		h := table.put(f, s)
		packet := speech(r, 8, 100, 160)
		flipped := func(i int) []byte {
			b := bytes.Clone(in.seal(t, packet, 5))
			b[i] ^= 1
			return b
		}
		cases := map[string][]byte{
			"RTP":                      packet,
			"another key":              other.seal(t, packet, 5),
			"another rollover counter": in.seal(t, packet, 6),
			"longer than its streams":  in.seal(t, speech(r, 8, 100, 161), 5),
			"nothing but a header":     in.seal(t, speech(r, 8, 100, 0), 5),
			"shorter than a tag":       in.seal(t, packet, 5)[:20],
			"padding":                  in.seal(t, append([]byte{0xa0}, speech(r, 8, 100, 159)[1:]...), 5),
			"another source in it":     in.seal(t, append([]byte{0x81}, packet[1:]...), 5),
			"a long extension":         in.seal(t, extended(packet, mostWords+1), 5),
			"nothing but an extension": in.seal(t, extended(packet[:12], 1), 5),
		}
		for i := 4; i < 182; i++ { // but the number, by which it is another packet
			cases[fmt.Sprintf("octet %d", i)] = flipped(i)
		}
		for what, payload := range cases {
			wire := e.frame()
			wire.payload = payload
			if verdict, out := table.run(t, wire.bytes()); verdict != next || !bytes.Equal(out, wire.bytes()) {
				t.Errorf("%s, %s: verdict %d", name, what, verdict)
			}
		}
		if c := table.Collect(h); c.Packets != 0 || c.Sequence != 100 {
			t.Errorf("%s: counted %+v", name, c)
		}
		wire := e.frame()
		wire.payload = in.seal(t, packet, 5)
		if verdict, _ := table.run(t, wire.bytes()); verdict != redirect {
			t.Errorf("%s: the genuine one has verdict %d", name, verdict)
		}
		table.Recall(h)
		table.Forget(f.Secret)
	}
	if n := table.Kept(); n != 0 {
		t.Errorf("%d secrets are left", n)
	}
}

// TestManySecrets: there are as many as are wanted, each with its own keys, and what is given back is used again.
func TestManySecrets(t *testing.T) {
	table := open(t, Config{Flows: 8})
	r := rand.New(rand.NewPCG(5, 6))
	in := newLock(t, r, 10)
	for range 2 {
		list := make([]*Secret, 3*chunkSize)
		for i := range list {
			var err error
			for deadline := time.Now().Add(5 * time.Second); list[i] == nil; runtime.Gosched() {
				if list[i], err = table.Keep(in.cipher, nil, 7, [2]uint32{uint32(i), 0}, Room(160)); err != nil && (err != ErrGrowing || time.Now().After(deadline)) {
					t.Fatal(err)
				}
			}
		}
		for i, secret := range list {
			f, s := ends4.flow()
			f.Secret = secret
			h := table.put(f, s)
			wire := ends4.frame()
			wire.payload = in.seal(t, speech(r, 8, 100, 160), uint32(i))
			if verdict, _ := table.run(t, wire.bytes()); verdict != redirect {
				t.Fatalf("secret %d: verdict %d", i, verdict)
			}
			table.Recall(h)
			table.Forget(secret)
		}
		table.mu.Lock()
		chunks := len(table.shared)
		table.mu.Unlock()
		if n := table.Kept(); n != 0 || chunks < 4 || chunks > 5 {
			t.Errorf("%d secrets are left in %d chunks", n, chunks)
		}
	}
}

// TestStreamsGoOn: the filler makes streams where the program has passed, up to the last number of a rollover counter.
func TestStreamsGoOn(t *testing.T) {
	table := open(t, Config{Flows: 8})
	r := rand.New(rand.NewPCG(7, 8))
	in := newLock(t, r, 10)
	secret, err := table.Keep(in.cipher, nil, 7, [2]uint32{5, 0}, Room(160))
	if err != nil {
		t.Fatal(err)
	}
	f, s := ends4.flow()
	f.Secret, f.Every, s.Sequence = secret, 1000, 65400
	table.put(f, s)
	deadline := time.Now().Add(5 * time.Second)
	for number := 65400; number < 1<<16; {
		wire := ends4.frame()
		wire.payload = in.seal(t, speech(r, 8, uint16(number), 160), 5)
		if verdict, _ := table.run(t, wire.bytes()); verdict == redirect {
			number++
			deadline = time.Now().Add(5 * time.Second)
		} else if time.Now().After(deadline) {
			t.Fatalf("no stream for number %d", number)
		}
	}
	wire := ends4.frame()
	wire.payload = in.seal(t, speech(r, 8, 0, 160), 6)
	if verdict, _ := table.run(t, wire.bytes()); verdict != next {
		t.Errorf("past the end: verdict %d", verdict)
	}
}

// TestStreamsEnd: there are streams for so many numbers that whoever opens or seals in user space can tell the rollover counter when a packet comes to it again (RFC 3711 §3.3.1), although
// strangers' packets are taken for those that it gets to see.
func TestStreamsEnd(t *testing.T) {
	table := open(t, Config{Flows: 8})
	r := rand.New(rand.NewPCG(9, 10))
	in, stranger := newLock(t, r, 10), newLock(t, r, 10)
	secret, err := table.Keep(in.cipher, nil, 7, [2]uint32{5, 0}, Room(20))
	if err != nil {
		t.Fatal(err)
	}
	f, s := ends4.flow()
	f.Secret, f.Every, s.Sequence = secret, 250, 1000
	h := table.put(f, s)
	send := func(l *lock, number int) bool {
		wire := ends4.frame()
		wire.payload = l.seal(t, speech(r, 8, uint16(number), 20), 5)
		verdict, _ := table.run(t, wire.bytes())
		return verdict == redirect
	}
	number := 1000
	for ; number < 1<<16; number++ {
		table.fillOne(int(secret.index))
		if (number-1000)%250 == 0 && number > 1000 {
			send(stranger, number)
		}
		if !send(in, number) {
			break
		}
	}
	if n := number - 1000; n != mostAhead {
		t.Errorf("%d packets in a row", n)
	}
	if c := table.Recall(h); int(c.Sequence) != number {
		t.Errorf("counted %+v", c)
	}
	s.Sequence = uint16(number)
	table.put(f, s)
	if !send(in, number) {
		t.Error("there are none after that")
	}
}

// BenchmarkSecrets is the program's time for a packet of 20 ms of G.711, and what its key streams take in user space.
func BenchmarkSecrets(b *testing.B) {
	table := open(b, Config{Flows: 8})
	r := rand.New(rand.NewPCG(1, 2))
	in, out := newLock(b, r, 10), newLock(b, r, 10)
	for _, c := range []struct {
		name string
		in   *lock
		out  *lock
		law  Law
	}{{"readdressed", nil, nil, 0}, {"another type", nil, nil, 0}, {"opened", in, nil, 0}, {"sealed", nil, out, 0}, {"opened and sealed", in, out, 0}, {"the other law", nil, nil, ToALaw}} {
		b.Run(c.name, func(b *testing.B) {
			f, s := ends4.flow()
			s.Sequence, f.Law, f.Every = 0, c.law, 65535
			if c.name == "another type" {
				f.As = 0
			}
			if c.in != nil || c.out != nil {
				var err error
				if f.Secret, err = table.Keep(c.in.of(), c.out.of(), 7, [2]uint32{}, Room(160)); err != nil {
					b.Fatal(err)
				}
				defer table.Forget(f.Secret)
			}
			h := table.put(f, s)
			defer func() { table.Recall(h) }()
			var spent time.Duration
			packets, filling := 0, time.Duration(0)
			for b.Loop() {
				number := uint16(packets)
				if number == mostAhead {
					table.Recall(h)
					if f.Secret != nil {
						f.Secret.next = 0
					}
					h, packets, number = table.put(f, s), 0, 0
				}
				packets++
				wire := ends4.frame()
				wire.payload = c.in.seal(b, speech(r, 8, number, 160), 0)
				at := time.Now()
				if f.Secret != nil {
					table.mu.Lock()
					f.Secret.fill(number)
					table.mu.Unlock()
				}
				filling += time.Since(at)
				verdict, d, err := table.program.Benchmark(wire.bytes(), 1, nil)
				if err != nil || int32(verdict) != redirect {
					b.Fatalf("packet %d: verdict %d, %v", packets, int32(verdict), err)
				}
				spent += d
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "kernel-ns/packet")
			b.ReportMetric(float64(filling.Nanoseconds())/float64(b.N), "stream-ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}
