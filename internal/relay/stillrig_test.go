package relay

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// newStillRig is a relay whose only worker does what the test has it do, and whose beats are the test's: what is played then depends on no clock.
func newStillRig(t *testing.T) *rig {
	events := make(chan media.Event, 100)
	r, err := newRelay(withTier(Config{Workers: 1, DSCP: -1, Events: func(e media.Event) { events <- e }}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release(r) })
	r.overTier(t)
	w := r.workers[0]
	w.band.close() // an eventfd has what a timerfd has for its reader: how often
	if w.band.timer, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.band.timer, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.band.timer), Pad: isBeat}); err != nil {
		t.Fatal(err)
	}
	return &rig{Relay: r, t: t, events: events}
}

// turn lets the worker of a still rig do all that waits for it.
func (r *rig) turn() {
	for w := r.workers[0]; w.poll(uintptr(w.epoll)); {
		w.work()
	}
}

// beats lets the time of so many packets pass for what is played in a still rig.
func (r *rig) beats(n uint64) {
	r.pass(n)
	r.turn()
}

// beatsAt is beats at a time of the relay's clock.
func (r *rig) beatsAt(n uint64, now int64) {
	r.pass(n)
	r.workers[0].beat(time.Now(), now)
}

func (r *rig) pass(n uint64) {
	r.t.Helper()
	if _, err := unix.Write(r.workers[0].band.timer, binary.NativeEndian.AppendUint64(nil, n)); err != nil {
		r.t.Fatal(err)
	}
}
