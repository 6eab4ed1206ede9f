package fastpath

import (
	"bytes"
	"encoding/binary"
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
