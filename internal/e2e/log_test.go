package e2e

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCallsDoNotWaitForTheLog serves calls while nobody takes its log: a pager that shows the first page, a terminal that is stopped, a collector that hangs.
// Nor is it ended by a collector that goes away.
func TestCallsDoNotWaitForTheLog(t *testing.T) {
	l := newLab(t)
	s := &server{lab: l, name: "med1.test", metrics: l.ip(1) + ":9090"}
	s.setUp(t, l.document("UDP"))
	log, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	s.cmd = child(program, "serve", "--data", s.data, "--server", s.name, "--drain", "5s", "-v", s.doc)
	s.cmd.Stderr, s.exited = w, make(chan struct{})
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() { s.cmd.Wait(); close(s.exited) }()
	until(t, "the server answers", func() bool { return s.get("/status", &struct{}{}) == nil && bound(l.ip(1), 5060, false) })

	caller := l.udp(3, 5070)
	refused := func(what string, n int) { // each of them is logged
		t.Helper()
		for i := range n {
			caller.send(caller.invite(l, "+3315555", fmt.Sprint(what, i), audio(l.ip(3), 30000)))
			caller.send(caller.ack(caller.final("INVITE")))
		}
	}
	refused("full", 50)
	l.talk("speaks", "+14255550100").hangUp()
	log.Close()
	refused("gone", 5)
	s.records(56)
}
