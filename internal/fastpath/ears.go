package fastpath

import (
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/directsip/directsip/internal/ways"
)

// Asking is why a flow is not installed the way of whose packets is not known yet. It will be in a moment.
const Asking = "its way is being asked for"

// way tells by which device a flow leaves.
func (t *Table) way(f *Flow) (ways.Path, string) {
	for _, a := range [...]netip.Addr{f.Local.Addr(), f.Source.Addr(), f.From.Addr(), f.To.Addr()} {
		switch {
		case !a.IsValid() || a.IsUnspecified():
			return ways.Path{}, "the media address is every address of this host"
		case a.IsLinkLocalUnicast() && a.Is6():
			return ways.Path{}, "an address of the link"
		case a.Is4() != f.Local.Addr().Is4():
			return ways.Path{}, "IPv4 on one side and IPv6 on the other"
		}
	}
	in, known := t.ways.Path(f.Local.Addr(), f.Source.Addr()) // they come by where answers go; if not, they come to the socket
	out, too := t.ways.Path(f.From.Addr(), f.To.Addr())
	switch {
	case !known || !too:
		return out, Asking
	case in.Why != "":
		return out, in.Why
	case out.Why != "":
		return out, out.Why
	case in.Local, out.Local:
		return out, "a peer on this host"
	}
	return out, in.Odd
}

// ears are the program's attachments to devices that packets come in by. They are of one goroutine.
type ears struct {
	program *ebpf.Program
	on      map[int]link.Link
}

const loopback = 1 // the index of that device in every network namespace

func newEars(program *ebpf.Program) (*ears, error) {
	e := &ears{program: program, on: make(map[int]link.Link)}
	probe, err := e.attach(loopback) // tells whether it can be done at all
	if err != nil {
		return nil, fmt.Errorf("attaching to a device: %w", err)
	}
	_ = probe.Close()
	return e, nil
}

func (e *ears) close() {
	for _, on := range e.on {
		_ = on.Close()
	}
}

func (e *ears) attach(index int) (link.Link, error) {
	return link.AttachTCX(link.TCXOptions{Interface: index, Program: e.program, Attach: ebpf.AttachTCXIngress})
}

// listen has the program at a device, and tells why not.
func (e *ears) listen(index int) (why string) {
	if on := e.on[index]; on != nil && attached(on) {
		return ""
	}
	for i, on := range e.on { // a device that is gone has taken the attachment with it
		if !attached(on) {
			_ = on.Close()
			delete(e.on, i)
		}
	}
	on, err := e.attach(index)
	if err != nil {
		return err.Error()
	}
	e.on[index] = on
	return ""
}

func attached(on link.Link) bool {
	info, err := on.Info()
	return err == nil && info.TCX() != nil && info.TCX().Ifindex != 0
}
