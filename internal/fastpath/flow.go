package fastpath

import (
	"encoding/binary"
	"net/netip"
)

// words is an address as the program compares it: the octets of the wire in words, IPv4 in the first.
func words(ip netip.Addr) (w [4]uint32) {
	if ip.Is4() {
		b := ip.As4()
		w[0] = binary.NativeEndian.Uint32(b[:])
		return w
	}
	b := ip.As16()
	for i := range w {
		w[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return w
}

// wire is a port with the octets of the wire.
func wire(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// rule writes what is decided. The program does not look at the flow meanwhile.
func (k *objectFlow) rule(f *Flow, out path) {
	k.Local, k.Source = words(f.Local.Addr()), words(f.Source.Addr())
	k.From, k.To = words(f.From.Addr()), words(f.To.Addr())
	k.LocalPort, k.SourcePort = wire(f.Local.Port()), wire(f.Source.Port())
	k.FromPort, k.ToPort = wire(f.From.Port()), wire(f.To.Port())
	k.Ifindex, k.Mtu = uint32(out.device), uint16(min(out.mtu, longest))
	k.Tos, k.Family = f.TOS, 6
	if f.Local.Addr().Is4() {
		k.Family = 4
	}
	k.Ssrc, k.PayloadType, k.Rate, k.Late, k.Credit = f.SSRC, f.PayloadType, f.Rate, f.Late, f.Credit
}

// port is our port in host order.
func (k *objectFlow) port() uint16 { return wire(k.LocalPort) }

func (k *objectFlow) resume(s *State) {
	k.Packets, k.Bytes = 0, 0
	k.Sequence, k.Transit, k.Timestamp, k.Jitter = s.Sequence, s.Transit, s.Timestamp, s.Jitter
	k.Moved, k.Fastest, k.NextFastest, k.Window = s.Moved, s.Fastest, s.NextFastest, s.Window
}

func (k *objectFlow) count() Count {
	return Count{k.Packets, k.Bytes, int64(k.Last), State{
		Sequence: k.Sequence, Transit: k.Transit, Timestamp: k.Timestamp, Jitter: k.Jitter,
		Moved: k.Moved, Fastest: k.Fastest, NextFastest: k.NextFastest, Window: k.Window,
	}}
}
