package fastpath

import (
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
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

// TestNobodyWaitsForTheKernel: while the kernel is asked, or somebody acts on a change, whoever installs a flow is told at once that its way is not known.
func TestNobodyWaitsForTheKernel(t *testing.T) {
	begun, end, over := make(chan bool), make(chan bool), make(chan bool)
	table := open(t, Config{Flows: 8, Changed: func() {
		select {
		case begun <- true:
			<-end
		case <-over:
		}
	}})
	defer close(over)
	table.network.outdated()
	<-begun
	f, s := here()
	for range 2 {
		if h, why := table.Install(f, s, 0); h != 0 || why != Asking {
			t.Errorf("handle %d, %q", h, why)
		}
	}
	end <- true
	table.wants(t, "a peer on this host")
}

// TestKnownWaysAreRenewed: after a change all that was used is asked for anew, and what was not used since the one before is forgotten.
func TestKnownWaysAreRenewed(t *testing.T) {
	scout, err := newScout(open(t, Config{Flows: 8}).program)
	if err != nil {
		t.Fatal(err)
	}
	defer scout.close()
	f, _ := here()
	h := hosts{f.Local.Addr(), f.Source.Addr()}
	n := &network{scout: scout, paths: map[hosts]*kept{}, wanted: map[hosts]struct{}{}, wake: make(chan struct{}, 1)}
	n.keep(h, path{why: "what was"})
	if p, known := n.find(h); !known || p.why != "what was" {
		t.Fatalf("%+v", p)
	}
	n.renew()
	if p := n.paths[h]; p == nil || !p.local || p.why != "" {
		t.Errorf("after a change: %+v", p)
	}
	n.renew()
	if p := n.paths[h]; p != nil {
		t.Errorf("unused: %+v", p)
	}
}

// TestChangesAreActedOn: the first at once, those of a crowd together, and the last of them, too.
func TestChangesAreActedOn(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var acted atomic.Int64
	done := make(chan bool)
	go func() {
		tell(from, func() { acted.Add(1) })
		close(done)
	}()
	for want := range int64(6) {
		_, _ = to.Write([]byte{1})
		for deadline := time.Now().Add(5 * time.Second); acted.Load() <= want; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("change %d is not acted on", want)
			}
		}
	}
	_ = from.Close()
	<-done
}
