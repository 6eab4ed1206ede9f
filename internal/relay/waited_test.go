package relay

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
)

// TestWaited: of what seems late the relay knows what it has let wait itself, from the second such packet of a socket on. What it shall find is sure only where the test had
// the processor when it wanted it, which it looks at itself: what was disturbed says nothing, and is done again.
func TestWaited(t *testing.T) {
	keepStamps(t)
	for id := media.SessionID(1); id < 200; id++ {
		r := newStillRig(t) // whose sockets nobody has asked for times yet
		w := vigil{r: r, id: id, a: newPhone(t, ip4), b: newPhone(t, ip4), began: time.Now()}
		w.session = call(id, w.a, w.b)
		r.open(w.session)
		w.play()
		r.Close(id)
		if w.disturbed > 0 {
			continue
		}
		if w.fault != "" {
			t.Error(w.fault)
		}
		return
	}
	t.Fatal("no second in which this process has the processor when it wants it")
}

// keepStamps has the kernel note the time of all that comes, until the test ends. It begins to some time after it was asked to, when a worker of its own has the processor.
func keepStamps(t *testing.T) {
	c := listen(t, ip4)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(f func(fd int) error) (err error) {
		if outer := raw.Control(func(fd uintptr) { err = f(int(fd)) }); outer != nil {
			t.Fatal(outer)
		}
		return err
	}
	if err := ask(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }); err != nil {
		t.Fatal(err)
	}
	p, control := make([]byte, 1), make([]byte, unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.WriteToUDPAddrPort(p, address(c)); err != nil {
			t.Fatal(err)
		}
		sent := time.Now() // over loopback it has arrived
		_, n, _, _, err := c.ReadMsgUDPAddrPort(p, control)
		if err != nil {
			t.Fatal(err)
		}
		list, err := unix.ParseSocketControlMessage(control[:n])
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		var at unix.Timespec
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&at)), unsafe.Sizeof(at)), list[0].Data)
		if time.Unix(at.Unix()).Before(sent) { // when it came, and not when it was read, which is later
			return
		}
	}
	t.Fatal("the kernel notes no times")
}

// vigil is one attempt.
type vigil struct {
	r         *rig
	id        media.SessionID
	session   *media.Session
	a, b      *phone
	began     time.Time
	sequence  uint16
	disturbed time.Duration // by which something took too long
	fault     string        // the first
}

// least is how far all that is measured is from the bound on each side.
const (
	waitedStep  = 5 * time.Millisecond
	waitedLeast = 40 * time.Millisecond
	waitedLong  = quality.Buffer + waitedLeast
)

// within notes what took longer than it may.
func (w *vigil) within(since time.Time, most time.Duration) {
	w.disturbed = max(w.disturbed, time.Since(since)-most)
}

// send sends what was said so long ago.
func (w *vigil) send(old time.Duration) {
	now := time.Now()
	w.sequence++
	p := make([]byte, rtpHeader+160)
	p[0] = 0x80
	binary.BigEndian.PutUint16(p[2:], w.sequence)
	binary.BigEndian.PutUint32(p[4:], uint32((now.Sub(w.began)+time.Hour-old)/(125*time.Microsecond)))
	w.a.send(w.a.rtp, w.session.Streams[0].Side[0].Local, p)
	w.within(now, waitedLeast/8)
}

// turn lets the relay read so many packets.
func (w *vigil) turn(n int) {
	now := time.Now()
	w.r.turn()
	w.within(now, waitedLeast/8)
	for range n {
		w.b.hear(w.b.rtp)
	}
}

func (w *vigil) want(what string, late, waited uint64) {
	st, _ := w.r.Stats(w.id)
	if from := st.Streams[0].From[0]; w.fault == "" && (from.Late != late || from.Waited != waited) {
		w.fault = fmt.Sprintf("%s: %d late, of which %d waited, want %d and %d", what, from.Late, from.Waited, late, waited)
	}
}

// wait is as long as a process waits that gets no processor.
func (w *vigil) wait(d time.Duration) {
	now := time.Now()
	time.Sleep(d)
	if d < waitedLong {
		w.within(now, waitedLeast/2)
	}
}

func (w *vigil) play() {
	for _, x := range []struct {
		old, wait    time.Duration
		late, waited uint64
	}{{0, waitedStep, 0, 0}, {0, waitedStep, 0, 0}, {0, waitedLong, 1, 0}, {0, waitedStep, 1, 0}, {0, waitedLong, 2, 1}, {waitedLong, 0, 3, 1}, {0, waitedLong, 4, 2}} {
		w.send(x.old)
		w.wait(x.wait)
		w.turn(1)
		w.want(fmt.Sprintf("packet %d, %s old, %s in the socket", w.sequence, x.old, x.wait), x.late, x.waited)
	}
	w.send(0)
	w.wait(waitedLong)
	w.send(0) // which is read with the one before
	w.turn(2)
	w.want("the first of two", 5, 3)
}
