package bench

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGeneratorCountsWhatComesBack has the two ends send to each other, with no relay between: all arrives.
func TestGeneratorCountsWhatComesBack(t *testing.T) {
	var streams []stream
	for i, host := range []string{probeHost, callerHost} {
		for range 40 {
			streams = append(streams, stream{from: i, to: netip.AddrPortFrom(netip.MustParseAddr(host), mediaPort)})
		}
	}
	g, err := newGenerator(loopback.hosts, streams)
	if err != nil {
		t.Fatal(err)
	}
	g.kind.Store(1)
	tick, late := time.NewTicker(frame), time.After(20*time.Second)
	defer tick.Stop()
	for g.sent[1].Load() < 10*uint64(len(streams)) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d packets are sent", g.sent[1].Load())
		}
	}
	g.end()
	if sent := g.sent[1].Load(); g.packets != sent || g.lost != 0 {
		t.Errorf("%d packets came of %d, %d were refused", g.packets, sent, g.lost)
	}
}

// TestArrivalIsTheKernels: a packet that lies in the socket for a while has not arrived late.
func TestArrivalIsTheKernels(t *testing.T) {
	fd, err := mediaSocket(callerHost)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	w := newWire(fd, 1)
	before := time.Now()
	w.fill(0, 1, 1, 1, before)
	if err := unix.Sendto(fd, w.bufs[0][:rtpSize], 0, &unix.SockaddrInet4{Port: mediaPort, Addr: netip.MustParseAddr(callerHost).As4()}); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	<-time.After(5 * time.Millisecond) // what the time of arrival must not depend on
	if n := w.receive(); n != 1 || w.msgs[0].n != rtpSize {
		t.Fatalf("%d packets, of %d octets", n, w.msgs[0].n)
	}
	if at := w.arrived(0); at < before.UnixNano() || at > after.UnixNano() {
		t.Errorf("arrived %v after it was sent, the call took %v", time.Duration(at-before.UnixNano()), after.Sub(before))
	}
	if n := w.receive(); n != 0 {
		t.Errorf("%d packets more", n)
	}
}
