package fastpath

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// here is a flow of this host to itself.
func here() (*Flow, *State) {
	f, s := ends4.flow()
	for _, a := range [...]*netip.AddrPort{&f.Local, &f.Source, &f.From, &f.To} {
		*a = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return f, s
}

// wants installs until the way is known.
func (t *Table) wants(tb testing.TB, want string) {
	tb.Helper()
	f, s := here()
	why := Asking
	for deadline := time.Now().Add(5 * time.Second); why == Asking && time.Now().Before(deadline); runtime.Gosched() {
		_, why = t.Install(f, s, 0)
	}
	if why != want {
		tb.Fatalf("%q, want %q", why, want)
	}
}

// TestHostsAreTold: what a flow cannot have for its hosts is said when the kernel has been asked.
func TestHostsAreTold(t *testing.T) {
	open(t, Config{Flows: 8}).wants(t, "a peer on this host")
}
