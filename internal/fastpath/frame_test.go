package fastpath

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/ways"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// frame is a UDP datagram in an Ethernet frame.
type frame struct {
	from, to netip.AddrPort
	tos, ttl uint8
	id       uint16
	fragment uint16
	options  int // octets of IP options
	payload  []byte
	blank    bool // no UDP checksum
}

const headers4, headers6 = 14 + 20 + 8, 14 + 40 + 8

func (f *frame) bytes() []byte {
	udp := make([]byte, 8, 8+len(f.payload))
	binary.BigEndian.PutUint16(udp[0:], f.from.Port())
	binary.BigEndian.PutUint16(udp[2:], f.to.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(8+len(f.payload)))
	udp = append(udp, f.payload...)
	if !f.blank {
		pseudo := append(f.from.Addr().AsSlice(), f.to.Addr().AsSlice()...)
		pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(udp)))
		pseudo = append(pseudo, 0, 0, 0, unix.IPPROTO_UDP)
		c := ^sum(append(pseudo, udp...))
		if c == 0 {
			c = 0xffff
		}
		binary.BigEndian.PutUint16(udp[6:], c)
	}
	eth := make([]byte, 14, 128)
	eth[6] = 2
	if f.from.Addr().Is4() {
		eth[12], eth[13] = 8, 0
		ip := make([]byte, 20+f.options)
		ip[0], ip[1], ip[8], ip[9] = 0x40|byte(len(ip)/4), f.tos, f.ttl, unix.IPPROTO_UDP
		for i := 20; i < len(ip); i++ {
			ip[i] = 1 // no operation
		}
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(udp)))
		binary.BigEndian.PutUint16(ip[4:], f.id)
		binary.BigEndian.PutUint16(ip[6:], f.fragment)
		copy(ip[12:], f.from.Addr().AsSlice())
		copy(ip[16:], f.to.Addr().AsSlice())
		binary.BigEndian.PutUint16(ip[10:], ^sum(ip))
		return append(append(eth, ip...), udp...)
	}
	eth[12], eth[13] = 0x86, 0xdd
	ip := make([]byte, 40)
	binary.BigEndian.PutUint32(ip, 6<<28|uint32(f.tos)<<20|uint32(f.id))
	binary.BigEndian.PutUint16(ip[4:], uint16(len(udp)))
	ip[6], ip[7] = unix.IPPROTO_UDP, f.ttl
	copy(ip[8:], f.from.Addr().AsSlice())
	copy(ip[24:], f.to.Addr().AsSlice())
	return append(append(eth, ip...), udp...)
}

// sum is the one's complement sum of RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	s = s&0xffff + s>>16
	return uint16(s + s>>16)
}

// rtp is a packet of 20 ms of G.711.
func rtp(payloadType uint8, sequence uint16, timestamp, ssrc uint32) []byte {
	b := make([]byte, 172)
	b[0], b[1] = 0x80, payloadType
	binary.BigEndian.PutUint16(b[2:], sequence)
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// open is a table, or the reason why there is none.
func open(t testing.TB, c Config) *Table {
	t.Helper()
	if os.Getuid() != 0 {
		lack.Of(t, "loading a program needs root")
	}
	table, err := Open(c)
	if err != nil {
		lack.Of(t, err)
	}
	t.Cleanup(table.Close)
	return table
}

// put installs a flow without asking for its path.
func (t *Table) put(f *Flow, s *State) Handle {
	h, _ := t.publish(f, s, justNow, ways.Path{Device: loopback, MTU: 1500})
	return h
}

// run lets the program see a frame, and returns its verdict and what it made of it.
func (t *Table) run(tb testing.TB, in []byte) (int32, []byte) {
	tb.Helper()
	out := make([]byte, len(in)+256)
	o := ebpf.RunOptions{Data: in, DataOut: out}
	verdict, err := t.program.Run(&o)
	if err != nil {
		tb.Fatal(err)
	}
	return int32(verdict), o.DataOut
}

const next, redirect = -1, 7 // verdicts
