package fastpath

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// FuzzProgram gives the program frames of any kind. One that does not belong to the flow is left alone; of one that does, nothing but the headers that are
// ours changes. The verifier has shown that it cannot do harm to the kernel; this shows that it does none to packets.
func FuzzProgram(f *testing.F) {
	for _, e := range []ends{ends4, ends6} {
		f.Add(e.frame().bytes())
		long := e.frame()
		long.payload = append(long.payload, make([]byte, 1200)...)
		f.Add(long.bytes())
	}
	options := ends4.frame()
	options.options = 40
	f.Add(options.bytes())
	f.Add(make([]byte, 60))
	table := open(f, Config{Flows: 8})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) <= 14 || len(in) > 3000 || len(in) < leastOf(in[12:14]) { // what a test run takes
			return
		}
		var handles [2]Handle
		for i, e := range []ends{ends4, ends6} {
			handles[i] = table.put(e.flow())
		}
		verdict, out := table.run(t, in)
		packets := uint32(0)
		for _, h := range handles {
			packets += table.Recall(h).Packets
		}
		table.empty(t)
		if verdict == next {
			if packets != 0 || !bytes.Equal(in, out) {
				t.Fatalf("%d counted, and it was left alone:\n%x\n%x", packets, in, out)
			}
			return
		}
		e, headers := ends4, headers4
		if in[12] == 0x86 {
			e, headers = ends6, headers6
		}
		if verdict != redirect || packets != 1 || len(in) != len(out) || !bytes.Equal(in[headers:], out[headers:]) {
			t.Fatalf("verdict %d, %d counted\n%x\n%x", verdict, packets, in, out)
		}
		payload := out[headers:][:binary.BigEndian.Uint16(out[headers-4:])-8] // an Ethernet frame may be longer
		want := (&frame{from: e.from, to: e.to, ttl: 64, tos: 46 << 2, fragment: 0x4000, payload: payload}).bytes()
		if !bytes.Equal(out[12:headers-2], want[12:headers-2]) { // a wrong checksum of UDP stays wrong
			t.Fatalf("headers\n%x, want\n%x", out[:headers], want[:headers])
		}
	})
}

// FuzzSecrets: whatever comes to a flow that is opened, by its headers one of the peer's, only the peer's own packet passes.
func FuzzSecrets(f *testing.F) {
	table := open(f, Config{Flows: 8})
	in := newLock(f, rand.New(rand.NewPCG(1, 2)), 10)
	var secrets [2]*Secret
	for i := range secrets {
		var err error
		if secrets[i], err = table.Keep(in.cipher, nil, 7, [2]uint32{5, 0}, Room(LongestPayload*i+160*(1-i))); err != nil {
			f.Fatal(err)
		}
	}
	genuine := in.seal(f, rtp(8, 100, 1600, 7), 5)
	f.Add(genuine)
	f.Add(genuine[:22])
	f.Add(in.seal(f, append(rtp(8, 100, 1600, 7), make([]byte, 184)...), 5))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 1400 {
			return
		}
		for i, e := range []ends{ends4, ends6} {
			flow, state := e.flow()
			flow.Secret = secrets[i]
			h := table.put(flow, state)
			wire := e.frame()
			wire.payload = payload
			verdict, out := table.run(t, wire.bytes())
			c := table.Recall(h)
			mine := false
			if n := len(payload) - 10; n > 12 && n-12 <= LongestPayload && payload[0] == 0x80 && binary.BigEndian.Uint16(payload[2:]) == 100 {
				in.peer.SetROC(7, 5)
				_, err := in.peer.DecryptRTP(nil, payload, nil)
				mine = err == nil
			}
			if verdict == redirect && (!mine || c.Packets != 1) || verdict != redirect && (verdict != next || c.Packets != 0 || !bytes.Equal(out, wire.bytes())) {
				t.Fatalf("verdict %d, genuine %v, %d counted\n%x", verdict, mine, c.Packets, payload)
			}
		}
	})
}

// leastOf is how long a frame of an EtherType must be: a test run refuses one of IP without its header.
func leastOf(etherType []byte) int {
	switch binary.BigEndian.Uint16(etherType) {
	case 0x0800:
		return headers4 - 8
	case 0x86dd:
		return headers6 - 8
	}
	return 0
}
