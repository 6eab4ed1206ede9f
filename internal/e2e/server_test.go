package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/siptest"
)

// server is one running directsip.
type server struct {
	t       *testing.T
	lab     *lab
	name    string
	doc     string // path
	data    string
	prefix  []string // what runs the program in a network namespace
	metrics string   // host:port
	args    []string
	cmd     *exec.Cmd
	http    *http.Client
	exited  chan struct{}
	want    int // records that there must be at the end

	mu   sync.Mutex
	log  []string
	more chan struct{} // closed and replaced at each line
}

// serve starts the server med1.test of a document and waits until it is ready. It is stopped when the test ends.
func (l *lab) serve(doc string, args ...string) *server {
	l.t.Helper()
	return l.serveAs("med1.test", 1, doc, args...)
}

// serveAs starts a server of a document, whose metrics are at a host.
func (l *lab) serveAs(name string, host int, doc string, args ...string) *server {
	l.t.Helper()
	s := &server{lab: l, name: name, metrics: l.ip(host) + ":9090", args: args}
	s.setUp(l.t, doc)
	s.start()
	return s
}

// setUp writes the files of a server.
func (s *server) setUp(t *testing.T, doc string) {
	t.Helper()
	s.t = t
	s.doc = s.lab.file(s.name+".yaml", doc)
	s.data = filepath.Join(s.lab.dir, s.name)
	socket := filepath.Join(s.data, "control.sock")
	s.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
	t.Cleanup(s.finish)
}

// start runs the program and waits for its word that it has started.
func (s *server) start() {
	s.t.Helper()
	args := append(s.prefix[:len(s.prefix):len(s.prefix)], program, "serve", "--data", s.data, "--server", s.name, "--drain", "5s", "-v")
	args = append(append(args, s.args...), s.doc)
	s.cmd = child(args...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.exited, s.log, s.more = make(chan struct{}), nil, make(chan struct{})
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go s.collect(stderr, s.cmd, s.exited)
	s.waitLog("msg=started")
}

// collect keeps the log until the program ends.
func (s *server) collect(r io.Reader, cmd *exec.Cmd, exited chan struct{}) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		s.mu.Lock()
		s.log = append(s.log, lines.Text())
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
	}
	cmd.Wait()
	close(exited)
}

// waitLog waits for a line with all of the texts and returns it.
func (s *server) waitLog(texts ...string) string {
	s.t.Helper()
	deadline := time.After(timeout)
	for i := 0; ; {
		ended := over(s.exited) // then the log is whole
		s.mu.Lock()
		more, log := s.more, s.log
		s.mu.Unlock()
		for ; i < len(log); i++ {
			if containsAll(log[i], texts) {
				return log[i]
			}
		}
		if ended {
			s.t.Fatalf("%s ended; its log has no line with %q\n%s", s.name, texts, s.tail())
		}
		select {
		case <-more:
		case <-s.exited:
		case <-deadline:
			s.t.Fatalf("the log of %s has no line with %q\n%s", s.name, texts, s.tail())
		}
	}
}

func containsAll(line string, texts []string) bool {
	for _, t := range texts {
		if !strings.Contains(line, t) {
			return false
		}
	}
	return true
}

func (s *server) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log[max(0, len(s.log)-60):], "\n")
}

// get asks the control socket.
func (s *server) get(path string, v any) error {
	resp, err := s.http.Get("http://directsip" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s %s", path, resp.Status, b)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// cli runs another command of the program against this server; its exit status must be the given one.
func (s *server) cli(status int, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(program, append([]string{"--data", s.data}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != status {
		s.t.Fatalf("directsip %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, status, out.String(), errs.String())
	}
	if status != 0 {
		return errs.String() + out.String()
	}
	return out.String()
}

// live is the running calls.
func (s *server) live() (list []cdr.Record) {
	s.t.Helper()
	if err := s.get("/calls", &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// waitLive waits until n calls run.
func (s *server) waitLive(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d running calls on %s", n, s.name), func() bool { return len(s.live()) == n })
}

// waitAnswered waits until n running calls are answered.
func (s *server) waitAnswered(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d answered calls on %s", n, s.name), func() bool {
		answered := 0
		for _, r := range s.live() {
			if !r.Answered.IsZero() {
				answered++
			}
		}
		return answered == n
	})
}

// records waits for the records of all n calls that were made, and returns them, oldest first. At the end of the test there must
// be exactly as many.
func (s *server) records(n int) []*cdr.Record {
	s.t.Helper()
	s.want = n
	var list []struct{ ID string }
	until(s.t, fmt.Sprintf("%d records on %s", n, s.name), func() bool {
		return s.get("/history?limit=10000", &list) == nil && len(list) >= n
	})
	if len(list) != n {
		s.t.Fatalf("%s has %d records, want %d", s.name, len(list), n)
	}
	var full []*cdr.Record
	for i := len(list) - 1; i >= 0; i-- {
		r := new(cdr.Record)
		if err := s.get("/call/"+list[i].ID, r); err != nil {
			s.t.Fatal(err)
		}
		full = append(full, r)
	}
	return full
}

// record is the record of the only call.
func (s *server) record() *cdr.Record {
	s.t.Helper()
	return s.records(1)[0]
}

// hungUp has the caller end the only call, and returns its record.
func (s *server) hungUp(agents *siptest.Tester, call, in *siptest.Call) *cdr.Record {
	s.t.Helper()
	call.Hangup()
	agents.Wait(call, siptest.Ended)
	agents.Wait(in, siptest.HungUp)
	s.want = 1
	r := s.record()
	checkRecord(s.t, r, "normal-clearing", 200, "caller")
	return r
}

// metric is the sum of the samples whose line begins with name and has all of the texts; there must be one.
func (s *server) metric(name string, texts ...string) (sum float64) {
	s.t.Helper()
	found := false
	for line, v := range s.samples() {
		if strings.HasPrefix(line, name) && containsAll(line, texts) {
			found = true
			sum += v
		}
	}
	if !found {
		s.t.Fatalf("there is no metric %s with %q", name, texts)
	}
	return sum
}

// finish stops the server at the end of the test, and shows its log and calls when the test has failed.
func (s *server) finish() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	select {
	case <-s.exited:
	default:
		if !s.t.Failed() {
			s.leaks()
		}
		s.stop()
	}
	if !s.t.Failed() {
		s.exactRecords()
	}
	if s.t.Failed() {
		s.t.Logf("log of %s:\n%s", s.name, s.tail())
		s.logCalls()
	}
}

// leaks fails when something is left of the calls.
func (s *server) leaks() {
	s.t.Helper()
	s.waitLive(0)
	if s.metrics == "" {
		return
	}
	until(s.t, "all media sessions closed", func() bool { return s.metric("directsip_media{", `what="sessions"`) == 0 })
	if n := s.metric("directsip_sip_events_total{", `event="fault"`); n != 0 {
		s.t.Errorf("%v calls ended by a fault of ours", n)
	}
}

// stop ends the server as systemd does and expects exit status 0.
func (s *server) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			s.t.Errorf("%s ended with status %d", s.name, code)
		}
	case <-time.After(timeout):
		s.t.Errorf("%s does not end on SIGTERM", s.name)
		s.cmd.Process.Signal(syscall.SIGQUIT) // for the stacks of its goroutines
		<-s.exited
	}
}

// kill ends the server as a power cut does.
func (s *server) kill() {
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exited
}

// exactRecords reads the records without a server.
func (s *server) exactRecords() {
	s.t.Helper()
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(s.cli(0, "calls", "--json", "--limit", "10000")), &list); err != nil {
		s.t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range list {
		if seen[r.ID] {
			s.t.Errorf("record %s is there twice", r.ID)
		}
		seen[r.ID] = true
	}
	if len(list) != s.want {
		s.t.Errorf("%s has %d records after its end, want %d", s.name, len(list), s.want)
	}
}

// logCalls explains the latest calls of a failed test.
func (s *server) logCalls() {
	out, err := exec.Command(program, "--data", s.data, "calls", "--json", "--limit", "3").Output()
	var list []struct{ ID string }
	if err != nil || json.Unmarshal(out, &list) != nil {
		return
	}
	for _, r := range list {
		why, _ := exec.Command(program, "--data", s.data, "why", r.ID).Output()
		s.t.Logf("%s", why)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
