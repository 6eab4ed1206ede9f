package bench

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// plan is one load: calls begin at a fixed rate whatever becomes of them.
type plan struct {
	caller, callee string        // scenarios in data, without .xml; callee "" for none
	busy           bool          // a further party answers 503
	number         string        // called
	rate           float64       // calls begun per second
	warm           time.Duration // before the window
	window         time.Duration
	talk           time.Duration // how long an answered call lasts
	total          int           // calls, exactly; 0: as many as the window takes
	mux            bool          // both ends want RTP and RTCP on one port (RFC 5761)
	probe          bool          // time calls beside the load
	at             hosts         // of the parties; none: those of loopback
	limit          time.Duration // how long calls may take to end after the last has begun; 0: 4 s
}

// basic is the call that everything is compared with.
func basic(rate float64, window time.Duration) plan {
	return plan{caller: "uac", callee: "uas", number: "+14255550100", rate: rate, warm: 3 * time.Second, window: window, talk: 50 * time.Millisecond}
}

// calls is how many the load begins. Without a total it is more than that: the load ends when the window has.
func (p plan) calls() int {
	if p.total > 0 {
		return p.total
	}
	return int(p.rate * ((p.warm+p.window)*102/100 + 500*time.Millisecond).Seconds())
}

// lastLine is how every SDP of the scenarios ends.
var lastLine = []byte("a=fmtp:101 0-15\n")

// load is SIPp at work, on the other core.
type load struct {
	dir     string
	parties []*process
	caller  *process
}

// begin starts the parties that answer and then the one that calls target.
func begin(dir string, p plan, target string) (*load, error) {
	l := &load{dir: dir}
	if p.at == (hosts{}) {
		p.at = loopback.hosts
	}
	list, err := data.ReadDir("data")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		text, err := data.ReadFile("data/" + e.Name())
		if err != nil {
			return nil, err
		}
		if p.mux {
			text = bytes.ReplaceAll(text, lastLine, append(lastLine[:len(lastLine):len(lastLine)], "a=rtcp-mux\n"...))
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			return nil, err
		}
	}
	if p.callee != "" {
		if err := l.answerer(p.callee, p.at.callee); err != nil {
			return nil, err
		}
	}
	if p.busy {
		if err := l.answerer("busy", p.at.busy); err != nil {
			l.end()
			return nil, err
		}
	}
	calls := strconv.Itoa(p.calls())
	l.caller, err = l.sipp(p.caller, p.at.caller, "-s", p.number, "-r", strconv.FormatFloat(p.rate, 'f', -1, 64), "-rp", "1000", "-m", calls, "-l", calls,
		"-d", strconv.FormatInt(p.talk.Milliseconds(), 10), "-trace_stat", "-stf", "caller.csv", "-fd", "1", net.JoinHostPort(target, strconv.Itoa(sipPort)))
	if err != nil {
		l.end()
		return nil, err
	}
	return l, nil
}

func (l *load) answerer(scenario, host string) error {
	p, err := l.sipp(scenario, host, "-trace_stat", "-stf", scenario+".csv", "-fd", "1")
	if err == nil {
		l.parties = append(l.parties, p)
		time.Sleep(200 * time.Millisecond)
		err = p.alive()
	}
	if err != nil {
		l.end()
	}
	return err
}

func (l *load) sipp(scenario, host string, args ...string) (*process, error) {
	// The window of SIPp's own stack: a socket each, large buffers, and no memory of dead calls beyond what a retransmission needs.
	base := []string{"sipp", "-sf", filepath.Join(l.dir, scenario+".xml"), "-i", host, "-p", strconv.Itoa(sipPort), "-mi", host, "-mp", "20000", "-t", "u1",
		"-buff_size", "4000000", "-deadcall_wait", "1000", "-nostdin", "-timer_resol", "1"}
	return spawn(loadCore, l.dir, "sipp-"+scenario, nil, append(base, args...)...)
}

// finish waits until every call has ended, at most limit, and then ends the parties.
func (l *load) finish(limit time.Duration) {
	if !l.caller.wait(limit) {
		l.caller.cmd.Process.Signal(syscall.SIGUSR1) // no new calls, and a last line of figures
		l.caller.wait(2 * time.Second)
	}
	l.end()
}

func (l *load) end() {
	for _, p := range append(l.parties, l.caller) {
		if p != nil {
			p.stop(500 * time.Millisecond)
		}
	}
}

// pids are all processes of the load.
func (l *load) pids() []int {
	list := []int{l.caller.pid()}
	for _, p := range l.parties {
		list = append(list, p.pid())
	}
	return list
}
