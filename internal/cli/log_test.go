package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// TestLogNobodyTakes has lines wait, and behind what finds no room says how many are lost. Then it is a log as before.
func TestLogNobodyTakes(t *testing.T) {
	r, w := io.Pipe()
	l := newLog(w, true, false)
	log := l.logger()
	long := strings.Repeat("x", 1000)
	const n = 2 * logWaits / 1000
	for i := range n {
		log.Info("line", "n", i, "long", long)
	}
	lines := bufio.NewReader(r)
	read := func() (line struct {
		Level, Msg string
		N, Count   int
	}) {
		t.Helper()
		b, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(b, &line)
		}
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	kept := 0
	for {
		line := read()
		if line.Msg != "line" {
			if line.Level != "WARN" || line.Msg != "lines are lost, nobody has taken the log" || line.Count != n-kept {
				t.Errorf("after %d of %d lines: %+v", kept, n, line)
			}
			break
		}
		if line.N != kept {
			t.Fatalf("line %d in the place of line %d", line.N, kept)
		}
		kept++
	}
	if kept < logWaits/1200 || kept >= n {
		t.Errorf("%d of %d lines were kept", kept, n)
	}
	log.Info("line", "n", n)
	if line := read(); line.N != n {
		t.Errorf("behind the loss: %+v", line)
	}
	log.Info("last")
	rest := make(chan string)
	go func() {
		b, _ := io.ReadAll(lines)
		rest <- string(b)
	}()
	l.close()
	w.Close()
	if got := <-rest; !strings.Contains(got, "last") {
		t.Errorf("at the end: %q", got)
	}
}

// TestLogEnds within a moment although nobody takes the last lines.
func TestLogEnds(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() // and with it what waits
	l := newLog(w, false, false)
	for i := range 1000 {
		l.logger().Info("line", "long", fmt.Sprintf("%0200d", i))
	}
	l.close()
	select {
	case <-l.done:
		t.Fatal("all lines were written: the pipe is larger than this test believes")
	default:
	}
}
