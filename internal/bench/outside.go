package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Outside is the bench's helper outside its namespace of processes. Threads of the kernel are visible only there, and a virtual Ethernet
// device whose packets a thread of the kernel receives (threaded NAPI) has that thread as the bill for receiving them.
type Outside struct {
	conn net.Conn
	in   *bufio.Reader
}

// NewOutside speaks to the helper over conn.
func NewOutside(conn net.Conn) *Outside { return &Outside{conn, bufio.NewReader(conn)} }

// question is about the threads that receive what comes to a device.
type question struct {
	Device string
	Core   int // where they are to run
}

type answer struct {
	Threads int
	CPU     time.Duration // that they have used so far
	Failed  string
}

// receiving pins the threads that receive for a device to a core, as interrupts of a network card are, and tells what they have used.
func (o *Outside) receiving(device string, core int) (time.Duration, error) {
	var a answer
	if err := json.NewEncoder(o.conn).Encode(question{device, core}); err != nil {
		return 0, err
	}
	line, err := o.in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	switch {
	case err != nil:
		return 0, err
	case a.Failed != "":
		return 0, fmt.Errorf("%s: %s", device, a.Failed)
	case a.Threads == 0:
		return 0, fmt.Errorf("%s: no thread of the kernel receives for it", device)
	}
	return a.CPU, nil
}

// Serve is the helper: it answers until conn ends.
func Serve(conn net.Conn) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var q question
		if in.Decode(&q) != nil || out.Encode(q.answer()) != nil {
			return
		}
	}
}

func (q question) answer() (a answer) {
	var core unix.CPUSet
	core.Set(q.Core)
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range names {
		name, _ := os.ReadFile(path)
		if !strings.HasPrefix(string(name), "napi/"+q.Device+"-") {
			continue
		}
		dir := filepath.Dir(path)
		pid, _ := strconv.Atoi(filepath.Base(dir))
		err := unix.SchedSetaffinity(pid, &core)
		if err == nil { // before processes, as interrupts are
			err = unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		}
		if err != nil {
			a.Failed = err.Error()
		}
		a.Threads++
		ran, _, _ := schedstat(dir + "/schedstat")
		a.CPU += ran
	}
	return a
}
