package cli

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is where a service manager listens, as sd_notify(3) has it.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func manage(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(shortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

// hears waits for the next message.
func (m *manager) hears(want string) {
	m.t.Helper()
	b := make([]byte, 4096)
	m.conn.SetReadDeadline(time.Now().Add(timeout))
	n, err := m.conn.Read(b)
	if err != nil || !strings.HasPrefix(string(b[:n]), want) {
		m.t.Errorf("the service manager hears %q, %v; want %q", b[:n], err, want)
	}
}

// started reads where the server listens, which it says on standard output before all else.
func (s *serving) started() {
	s.t.Helper()
	if _, err := s.lines.ReadString('\n'); err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
}

// TestServiceManager is told when the server listens, and when it takes no more calls; of one that cannot start it hears nothing.
func TestServiceManager(t *testing.T) {
	m := manage(t)
	m.watched(time.Minute) // so it is told once before the end
	bad := filepath.Join(shortDir(t), "bad.yaml")
	if err := os.WriteFile(bad, []byte("pools: {}\nroutes: [{name: r}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := command(t, "serve", bad, "--data", shortDir(t)); status != 1 {
		t.Fatalf("a bad document: status %d\n%s%s", status, out, errs)
	}
	s := serve(t)
	s.started()
	m.hears("READY=1\nSTATUS=med1.test of pool pool.test listens on UDP ") // the first it hears
	m.hears("WATCHDOG=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.hears("STOPPING=1\nSTATUS=takes no new calls; running ones may end until ")
	if status := <-s.status; status != 0 {
		t.Errorf("status %d\n%s", status, s.log)
	}
}

// TestServiceManagerIsDeaf serves calls all the same, and says it.
func TestServiceManagerIsDeaf(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(shortDir(t), "nobody"))
	s := serve(t)
	s.started()
	s.until("the complaint", func() bool { return strings.Contains(s.log.String(), "the service manager is not told READY=1: ") })
	s.run(0, "status")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := <-s.status; status != 0 {
		t.Errorf("status %d\n%s", status, s.log)
	}
}

// TestStopWhileStarting: a server that hangs while it starts, here on its document, obeys who tells it to stop.
func TestStopWhileStarting(t *testing.T) {
	path := filepath.Join(shortDir(t), "hangs.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	data, ended := shortDir(t), make(chan int)
	go func() {
		ended <- Main([]string{"serve", path, "--data", data}, strings.NewReader(""), io.Discard, &errs)
	}()
	hold, err := os.OpenFile(path, os.O_WRONLY, 0) // returns when it is being read
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case status := <-ended:
		if status != 1 || !strings.Contains(errs.String(), "before the server had started") {
			t.Errorf("status %d: %s", status, errs.String())
		}
	case <-time.After(timeout):
		t.Fatal("it goes on")
	}
}
