package fastpath

import (
	"encoding/binary"
	"net/netip"

	"github.com/directsip/directsip/internal/ways"
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
func (k *objectFlow) rule(f *Flow, out ways.Path) {
	k.Local, k.Source = words(f.Local.Addr()), words(f.Source.Addr())
	k.From, k.To = words(f.From.Addr()), words(f.To.Addr())
	k.LocalPort, k.SourcePort = wire(f.Local.Port()), wire(f.Source.Port())
	k.FromPort, k.ToPort = wire(f.From.Port()), wire(f.To.Port())
	k.leave(out)
	k.Tos, k.Family = f.TOS, 6
	if f.Local.Addr().Is4() {
		k.Family = 4
	}
	k.Ssrc, k.PayloadType, k.Rate, k.Buffer = f.SSRC, f.PayloadType, f.Rate, f.Buffer
	k.Every, k.Credit = f.Every, f.Every
	k.AsType, k.Law, k.Secret = f.As, uint8(f.Law), 0
	if f.Secret != nil {
		k.Secret = f.Secret.index
	}
}

func (k *objectFlow) leave(out ways.Path) {
	k.Ifindex, k.Mtu = uint32(out.Device), uint16(min(out.MTU, longest))
}

// addresses are those of the rule.
func (k *objectFlow) addresses() (f Flow) {
	at := func(w [4]uint32, port uint16) netip.AddrPort {
		var b [16]byte
		for i := range w {
			binary.NativeEndian.PutUint32(b[4*i:], w[i])
		}
		if k.Family == 4 {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), wire(port))
		}
		return netip.AddrPortFrom(netip.AddrFrom16(b), wire(port))
	}
	f.Local, f.Source = at(k.Local, k.LocalPort), at(k.Source, k.SourcePort)
	f.From, f.To = at(k.From, k.FromPort), at(k.To, k.ToPort)
	return f
}

// port is our port in host order.
func (k *objectFlow) port() uint16 { return wire(k.LocalPort) }

func (k *objectFlow) resume(s *State, now int64) {
	k.reset()
	k.Up = now
	k.Sequence, k.Transit, k.Timestamp, k.Jitter = s.Sequence, s.Transit, s.Timestamp, s.Jitter
	k.Moved, k.Fastest, k.NextFastest, k.Window = s.Moved, s.Fastest, s.NextFastest, s.Window
	k.Row, k.RunFastest = s.Row, s.RunFastest
}

// reset is after what was counted has been read.
func (k *objectFlow) reset() { k.Packets, k.Bytes, k.Late, k.Run, k.Gaps = 0, 0, 0, 0, 0 }

func (k *objectFlow) count() Count {
	c := Count{Packets: k.Packets, Bytes: k.Bytes, Late: k.Late, Last: int64(k.Last), State: State{
		Sequence: k.Sequence, Transit: k.Transit, Timestamp: k.Timestamp, Jitter: k.Jitter,
		Moved: k.Moved, Fastest: k.Fastest, NextFastest: k.NextFastest, Window: k.Window, Row: k.Row, RunFastest: k.RunFastest,
	}, n: min(k.Gaps, mostGaps)}
	for i := range c.n {
		c.gaps[i] = Gap{k.Gap[i].Run, k.Gap[i].Step}
	}
	return c
}
