package cli

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logWaits is how many octets of the log may wait for who takes it, some thousand lines.
	logWaits = 1 << 20
	// logEnds is how long the last lines may take.
	logEnds = time.Second
)

// serverLog is the log of a server. Calls must not wait for whoever takes it, a pipe that is full or a terminal that is stopped: lines wait in memory, and when
// that is full they are left out and counted.
type serverLog struct {
	to            io.Writer
	json, verbose bool

	mu    sync.Mutex
	lines [][]byte
	size  int
	lost  int // lines that were left out
	ends  bool
	wake  chan struct{}
	done  chan struct{}
}

// newLog is a log that goes to a writer until it is closed.
func newLog(to io.Writer, json, verbose bool) *serverLog {
	l := &serverLog{to: to, json: json, verbose: verbose, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *serverLog) logger() *slog.Logger { return logger(l, l.json, l.verbose) }

// Write takes a line and never waits.
func (l *serverLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	if l.lost > 0 || l.size+len(line) > logWaits { // until those before have left, so that the notice stands where lines are missing
		l.lost++
	} else {
		l.lines, l.size = append(l.lines, bytes.Clone(line)), l.size+len(line)
	}
	l.mu.Unlock()
	l.signal()
	return len(line), nil
}

func (l *serverLog) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *serverLog) run() {
	defer close(l.done)
	for {
		line, ends := l.next()
		switch {
		case line != nil:
			_, _ = l.to.Write(line) // who does not want the log does not get it
		case ends:
			return
		default:
			<-l.wake
		}
	}
}

// next is the next line, if there is one.
func (l *serverLog) next() (line []byte, ends bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.lines) > 0:
		line = l.lines[0]
		l.lines[0] = nil
		l.lines, l.size = l.lines[1:], l.size-len(line)
	case l.lost > 0:
		var b bytes.Buffer
		logger(&b, l.json, l.verbose).Warn("lines are lost, nobody has taken the log", "count", l.lost)
		line, l.lost = b.Bytes(), 0
	}
	return line, l.ends
}

// close writes what waits, if that is taken in time.
func (l *serverLog) close() {
	l.mu.Lock()
	l.ends = true
	l.mu.Unlock()
	l.signal()
	select {
	case <-l.done:
	case <-time.After(logEnds):
	}
}

func logger(w io.Writer, asJSON, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
