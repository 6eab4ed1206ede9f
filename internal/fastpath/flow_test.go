package fastpath

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/ways"
)

// ends are the addresses of a flow.
type ends struct{ local, source, from, to netip.AddrPort }

var (
	ends4 = ends{netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("198.51.100.7:5000"),
		netip.MustParseAddrPort("203.0.113.1:4002"), netip.MustParseAddrPort("203.0.113.9:6000")}
	ends6 = ends{netip.MustParseAddrPort("[2001:db8::1]:4000"), netip.MustParseAddrPort("[2001:db8:1::7]:5000"),
		netip.MustParseAddrPort("[2001:db8:2::1]:4002"), netip.MustParseAddrPort("[2001:db8:3:4:5:6:7:8]:6000")}
)

// Times at which user space has had a packet: so that what is missing may still be there, and so that it must be lost.
const (
	justNow = 1 << 60
	longAgo = 0
)

// flow expects number 100 of SSRC 7, PCMA, whose timestamp is that of the packet before: so it does not matter when it comes.
func (e *ends) flow() (*Flow, *State) {
	return &Flow{Local: e.local, Source: e.source, From: e.from, To: e.to, TOS: 46 << 2, SSRC: 7, PayloadType: 8, As: 8, Rate: 8000, Buffer: 480, Every: 3},
		&State{Sequence: 100, Timestamp: 1600, Window: 64}
}

func (e *ends) frame() *frame {
	return &frame{from: e.source, to: e.local, ttl: 9, tos: 3, id: 77, payload: rtp(8, 100, 1600, 7)}
}

// TestReaddresses compares every octet with what a socket of ours would have sent.
func TestReaddresses(t *testing.T) {
	table := open(t, Config{Flows: 8})
	for name, e := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
		for _, blank := range []bool{false, true} {
			h := table.put(e.flow())
			in := e.frame()
			in.blank = blank
			verdict, got := table.run(t, in.bytes())
			if blank && name == "IPv6" { // a datagram that must have a checksum and has none (RFC 8200 §8.1) is the stack's to drop
				if verdict != next {
					t.Errorf("%s without checksum: verdict %d", name, verdict)
				}
				table.Recall(h)
				continue
			}
			want := &frame{from: e.from, to: e.to, ttl: 64, tos: 46 << 2, fragment: 0x4000, payload: in.payload, blank: blank}
			if verdict != redirect || !bytes.Equal(got[12:], want.bytes()[12:]) {
				t.Errorf("%s, blank %v: verdict %d\n got %x\nwant %x", name, blank, verdict, got[12:80], want.bytes()[12:80])
			}
			if c := table.Recall(h); c.Packets != 1 || c.Bytes != 172 || c.Sequence != 101 || c.Last == 0 {
				t.Errorf("%s: counted %+v", name, c)
			}
		}
	}
}

// TestPriority: queues and the priority bits of 802.1Q treat a packet as they would one of a socket of IPv4 with the same octet.
func TestPriority(t *testing.T) {
	table := open(t, Config{Flows: 8})
	for name, c := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
		for dscp := range 64 {
			socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if err = unix.SetsockoptInt(socket, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2); err == nil {
				want, err = unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PRIORITY)
			}
			_ = unix.Close(socket)
			if err != nil {
				t.Fatal(err)
			}
			f, s := c.flow()
			f.TOS = uint8(dscp << 2)
			h := table.put(f, s)
			var seen [48]uint32 // of struct __sk_buff
			seen[skbPriority] = 7
			o := ebpf.RunOptions{Data: c.frame().bytes(), DataOut: make([]byte, 512), Context: seen, ContextOut: &seen}
			verdict, err := table.program.Run(&o)
			if err != nil || int32(verdict) != redirect || int(seen[skbPriority]) != want {
				t.Errorf("%s, DSCP %d: verdict %d, priority %d, of a socket %d (%v)", name, dscp, verdict, seen[skbPriority], want, err)
			}
			table.Recall(h)
		}
	}
}

const skbPriority = 8 // its word

// TestChecksums goes through sums of the payload until the new checksum would be 0, which means none in UDP over IPv4 (RFC 768).
func TestChecksums(t *testing.T) {
	table := open(t, Config{Flows: 8})
	for name, e := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
		f, s := e.flow()
		f.Every = 1
		out := &frame{from: e.from, to: e.to, payload: rtp(8, 100, 1600, 7)}
		out.payload = out.payload[:14]
		at := len(out.bytes()) - len(out.payload) - 2
		// These two octets make the sum of everything else and themselves 0xffff, so that its complement is 0.
		binary.BigEndian.PutUint16(out.payload[12:], binary.BigEndian.Uint16(out.bytes()[at:]))
		if got := binary.BigEndian.Uint16(out.bytes()[at:]); got != 0xffff {
			t.Fatalf("%s: the checksum is %#x", name, got)
		}
		h := table.put(f, s)
		in := e.frame()
		in.payload = out.payload
		if verdict, got := table.run(t, in.bytes()); verdict != redirect || !bytes.Equal(got[at:], out.bytes()[at:]) {
			t.Errorf("%s: verdict %d, %x, want %x", name, verdict, got[at:at+2], out.bytes()[at:at+2])
		}
		table.Recall(h)
	}
}

// TestGoesToTheStack: whatever does not follow in the flow is left as it is, and not counted.
func TestGoesToTheStack(t *testing.T) {
	table := open(t, Config{Flows: 8})
	stranger := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Next(), a.Port()) }
	above := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }
	for name, e := range map[string]ends{"IPv4": ends4, "IPv6": ends6} {
		h := table.put(e.flow())
		v4 := e.local.Addr().Is4()
		for _, c := range []struct {
			what string
			make func(*frame)
			wire func([]byte) []byte
		}{
			{what: "another host", make: func(f *frame) { f.from = stranger(f.from) }},
			{what: "another port of the host", make: func(f *frame) { f.from = above(f.from) }},
			{what: "another address of ours", make: func(f *frame) { f.to = stranger(f.to) }},
			{what: "the port above", make: func(f *frame) { f.to = above(f.to) }},
			{what: "a port without a flow", make: func(f *frame) { f.to = netip.AddrPortFrom(f.to.Addr(), 65535) }},
			{what: "a gap", make: func(f *frame) { f.payload = rtp(8, 101, 1600, 7) }},
			{what: "a repetition", make: func(f *frame) { f.payload = rtp(8, 99, 1600, 7) }},
			{what: "another SSRC", make: func(f *frame) { f.payload = rtp(8, 100, 1600, 8) }},
			{what: "another payload type", make: func(f *frame) { f.payload = rtp(0, 100, 1600, 7) }},
			{what: "a marker", make: func(f *frame) { f.payload = rtp(0x88, 100, 1600, 7) }},
			{what: "a clock that jumps", make: func(f *frame) { f.payload = rtp(8, 100, 1<<31, 7) }},
			{what: "another version", make: func(f *frame) { f.payload[0] = 0x40 }},
			{what: "STUN", make: func(f *frame) { f.payload[0] = 0 }},
			{what: "RTCP", make: func(f *frame) { f.payload[0], f.payload[1] = 0x80, 200 }},
			{what: "more sources than octets", make: func(f *frame) { f.payload = rtp(8, 100, 1600, 7)[:16]; f.payload[0] = 0x82 }},
			{what: "eleven octets", make: func(f *frame) { f.payload = f.payload[:11] }},
			{what: "nothing", make: func(f *frame) { f.payload = nil }},
			{what: "too long", make: func(f *frame) { f.payload = append(f.payload, make([]byte, 1300-172)...) }},
			{what: "a fragment", make: func(f *frame) { f.fragment = 0x2000 }},
			{what: "a last fragment", make: func(f *frame) { f.fragment = 1 }},
			{what: "options", make: func(f *frame) { f.options = 4 }},
			{what: "another host's frame", wire: func(b []byte) []byte { b[0] = 4; return b }},
			{what: "a damaged IP header", wire: func(b []byte) []byte { b[14+8]++; return b }},
			{what: "another protocol", wire: func(b []byte) []byte { b[12], b[13] = 0x88, 0xcc; return b }},
			{what: "cut", wire: func(b []byte) []byte { return b[:len(b)-1] }},
			{what: "UDP shorter than IP", wire: func(b []byte) []byte { b[len(b)-172-3]--; return b }},
		} {
			if !v4 && slices.Contains([]string{"a fragment", "a last fragment", "options", "a damaged IP header"}, c.what) {
				continue
			}
			f := e.frame()
			if c.make != nil {
				c.make(f)
			}
			in := f.bytes()
			if c.wire != nil {
				in = c.wire(in)
			}
			if verdict, out := table.run(t, in); verdict != next || !bytes.Equal(in, out) {
				t.Errorf("%s, %s: verdict %d\n  in %x\n out %x", name, c.what, verdict, in[:60], out[:60])
			}
		}
		if c := table.Collect(h); c.Packets != 0 || c.Sequence != 100 {
			t.Errorf("%s: counted %+v", name, c)
		}
		// What it does take, it takes until its credit is used up.
		for i := range uint16(4) {
			f := e.frame()
			f.payload = rtp(8, 100+i, 1600, 7)
			if verdict, _ := table.run(t, f.bytes()); verdict != map[bool]int32{true: redirect, false: next}[i < 3] {
				t.Errorf("%s: packet %d has verdict %d", name, i, verdict)
			}
		}
		table.Recall(h)
		if verdict, _ := table.run(t, e.frame().bytes()); verdict != next {
			t.Errorf("%s: taken after the flow was taken out: %d", name, verdict)
		}
	}
}

// TestGaps has a flow in which packets are lost: they are told in order, until there is no more room for it.
func TestGaps(t *testing.T) {
	table := open(t, Config{Flows: 8})
	f, s := ends4.flow()
	f.Every = 1000
	s.Sequence = 65530
	h, _ := table.publish(f, s, longAgo, ways.Path{Device: loopback, MTU: 1500})
	send := func(sequence uint16) int32 {
		p := ends4.frame()
		p.payload = rtp(8, sequence, s.Timestamp, 7)
		v, _ := table.run(t, p.bytes())
		return v
	}
	number := s.Sequence
	for i := range uint16(mostGaps) {
		for range i {
			if v := send(number); v != redirect {
				t.Fatalf("packet %d has verdict %d", number, v)
			}
			number++
		}
		number += 1 + 2*i // lost
		if v := send(number); v != redirect {
			t.Fatalf("packet %d, after %d were lost, has verdict %d", number, 1+2*i, v)
		}
		number++
	}
	if table.flows[h].Up != longAgo {
		t.Fatal("a packet went to user space")
	}
	if v := send(number + 1); v != next {
		t.Fatalf("the gap for which there is no room has verdict %d", v)
	}
	if table.flows[h].Up == longAgo {
		t.Fatal("it is not noted that one went to user space")
	}
	c := table.Collect(h)
	var gaps []Gap
	for i := range uint16(mostGaps) {
		gaps = append(gaps, Gap{i, 2 + 2*i})
	}
	if !slices.Equal(c.Gaps(), gaps) || c.Packets != 8+28 || c.Sequence != number {
		t.Errorf("%+v", c)
	}
	table.flows[h].Up = justNow
	if v := send(number + 1); v != next {
		t.Errorf("a packet behind one that went to user space has verdict %d", v)
	}
	table.flows[h].Up = longAgo
	for _, far := range []uint16{3000, 1 << 15, 65535} { // a jump, and what came before
		if v := send(number + far); v != next {
			t.Errorf("a packet %d further has verdict %d", far, v)
		}
		table.flows[h].Up = longAgo
	}
	if v := send(number + 2998); v != redirect {
		t.Errorf("the longest gap has verdict %d", v)
	}
	if c := table.Recall(h); c.Packets != 1 || !slices.Equal(c.Gaps(), []Gap{{0, 2999}}) {
		t.Errorf("%+v", c)
	}
}

// TestLate needs the program's clock: a packet that says that it was sent a second before it came, compared with one before it.
func TestLate(t *testing.T) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	table := open(t, Config{Flows: 8, Epoch: now.Nano()})
	f, s := ends4.flow()
	f.Every, f.Rate, f.Buffer = 100, 16000, 960      // a rate of which pauses are nobody's business
	s.Timestamp, s.Transit = 16000, ^uint32(16000)+1 // that came when the program's clock was at 0
	second := f.Rate
	h := table.put(f, s)
	send := func(sequence uint16, ahead uint32) int32 {
		p := ends4.frame()
		p.payload = rtp(8, sequence, s.Timestamp+ahead, 7)
		v, _ := table.run(t, p.bytes())
		return v
	}
	if v := send(100, 2*second); v != redirect { // it came two seconds early, and is the fastest from now on
		t.Fatalf("verdict %d", v)
	}
	if v := send(101, second); v != redirect { // a second later than that
		t.Fatalf("a late packet has verdict %d", v)
	}
	if c := table.Collect(h); c.Late != 1 || c.Row != 1 {
		t.Fatalf("%+v", c)
	}
	for i := range uint16(9) { // and others: from now on this is the usual
		if v := send(102+i, second+1+uint32(i)); v != redirect {
			t.Fatalf("a late packet has verdict %d", v)
		}
	}
	if c := table.Collect(h); c.Late != 9 || c.Row != 0 {
		t.Fatalf("%+v", c)
	}
	if v := send(111, second-80); v != redirect {
		t.Fatalf("verdict %d", v)
	}
	if c := table.Collect(h); c.Late != 0 || c.Row != 0 {
		t.Fatalf("%+v", c)
	}
	if v := send(112, 8*second); v != next { // six seconds early: the clock was set anew
		t.Fatalf("verdict %d", v)
	}
}

// TestPause: where a source has left out so much that user space counts it as a pause, the next packet goes there, although nothing marks it.
func TestPause(t *testing.T) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	table := open(t, Config{Flows: 8, Epoch: now.Nano()})
	f, s := ends4.flow()
	s.Transit = -s.Timestamp // it came when the program's clock was at 0
	h := table.put(f, s)
	defer table.Recall(h)
	for _, c := range []struct {
		step    uint32
		verdict int32
	}{{1760, next}, {16000, next}, {1759, redirect}} {
		p := ends4.frame()
		p.payload = rtp(8, s.Sequence, s.Timestamp+c.step, 7)
		if v, _ := table.run(t, p.bytes()); v != c.verdict {
			t.Errorf("%d later: verdict %d", c.step, v)
		}
	}
}

// TestPortIsShared has flows of the two ports of a pair at many addresses, and takes them out in another order.
func TestPortIsShared(t *testing.T) {
	table := open(t, Config{Flows: 40})
	var all []ends
	var handles []Handle
	for i := range mostPerPair + 1 {
		e := ends4
		if i%3 == 2 {
			e = ends6
		}
		ip := e.local.Addr().AsSlice()
		ip[1] += byte(i)
		a, _ := netip.AddrFromSlice(ip)
		e.local = netip.AddrPortFrom(a, e.local.Port()+uint16(i%2))
		h := table.put(e.flow())
		if (h == 0) != (i == mostPerPair) {
			t.Fatalf("flow %d has handle %d", i, h)
		}
		if h != 0 {
			all, handles = append(all, e), append(handles, h)
		}
	}
	for _, gone := range []int{5, 0, 13, 12, 0, 4} {
		table.Recall(handles[gone])
		lost := all[gone]
		all, handles = slices.Delete(all, gone, gone+1), slices.Delete(handles, gone, gone+1)
		if v, _ := table.run(t, lost.frame().bytes()); v != next {
			t.Fatalf("what was taken out has verdict %d", v)
		}
		for i, e := range all {
			table.Recall(handles[i])
			handles[i] = table.put(e.flow())
			if v, _ := table.run(t, e.frame().bytes()); v != redirect {
				t.Fatalf("flow at %v has verdict %d", e.local, v)
			}
		}
	}
	for _, h := range handles {
		table.Recall(h)
	}
	table.empty(t)
}

// empty checks the memory that the kernel sees.
func (t *Table) empty(tb testing.TB) {
	tb.Helper()
	if t.Len() != 0 {
		tb.Errorf("%d flows", t.Len())
	}
	for i, first := range t.pairs {
		if first != 0 {
			tb.Errorf("ports %d: flow %d", 2*i, first)
		}
	}
	for i := range t.flows {
		if t.flows[i].State != stateFree {
			tb.Errorf("flow %d is open", i)
		}
	}
}

func TestFullTable(t *testing.T) {
	table := open(t, Config{Flows: 3})
	var handles []Handle
	for i := range 4 {
		f, s := ends4.flow()
		f.Local = netip.AddrPortFrom(f.Local.Addr(), uint16(5000+2*i))
		h, why := table.publish(f, s, justNow, ways.Path{Device: loopback, MTU: 1500})
		if (h == 0) != (i == 3) || (why == "") != (i != 3) {
			t.Fatalf("flow %d: %d %q", i, h, why)
		}
		handles = append(handles, h)
	}
	table.Recall(handles[1])
	if table.put(ends4.flow()) != handles[1] {
		t.Error("what was given back is not used again")
	}
}

// TestMemory holds the promise of at most half a kilobyte of the kernel's memory per relayed call of two directions, the table of ports for a whole
// server of default size included.
func TestMemory(t *testing.T) {
	const calls = defaultFlows / 2
	table := open(t, Config{})
	total := 0
	for _, m := range table.maps {
		total += int(m.MaxEntries()) * int(m.ValueSize())
	}
	if per := total / calls; per > 512 || 2*unsafe.Sizeof(objectFlow{}) > 512 {
		t.Errorf("%d octets a call", per)
	} else {
		t.Logf("%d octets a call, of that %d its own", per, 2*unsafe.Sizeof(objectFlow{}))
	}
}

func BenchmarkInstallRecall(b *testing.B) {
	table := open(b, Config{})
	f, s := ends4.flow()
	b.ReportAllocs()
	for b.Loop() {
		h, _ := table.publish(f, s, justNow, ways.Path{Device: loopback, MTU: 1500})
		table.Recall(h)
	}
}

func BenchmarkCollect(b *testing.B) {
	table := open(b, Config{})
	h := table.put(ends4.flow())
	b.ReportAllocs()
	for b.Loop() {
		table.Collect(h)
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		table, err := Open(Config{})
		if err != nil {
			lack.Of(b, err)
		}
		table.Close()
	}
}
