package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// TestStartAndStopLeaveNothing counts descriptors; TestMain counts goroutines. It does not run beside other tests.
func TestStartAndStopLeaveNothing(t *testing.T) {
	cfg, _ := config(t, siptest.Net(t), basic)
	before := 0
	for i := range 3 {
		s, err := Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("a second shutdown: %v", err)
		}
		if _, err := os.Stat(SocketPath(cfg.DataDir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the control socket is left: %v", err)
		}
		if i == 0 { // the first opens what the runtime keeps
			before = descriptors(t)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

// TestStartFails has everything that can be wrong named, with its owner and a way out, and leaves nothing open.
func TestStartFails(t *testing.T) {
	busyUDP := func(t *testing.T, net_ string) {
		c, err := net.ListenPacket("udp", net_+"1:5070")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	for _, c := range []struct {
		name, net, doc string
		prepare        func(*testing.T, string)
		change         func(*testing.T, *Config)
		want           []string
	}{
		{"SIP port in use", "", basic, busyUDP, nil,
			[]string{`server "med1.test"`, `listener UDP NET.1:5070`, `trunk "gw"`, "another program has the port", "sport = :5070", "another port"}},
		{"address of another host", "192.0.2.", strings.ReplaceAll(basic, `, metrics: "NET.1:9090"`, ""), nil, nil,
			[]string{"192.0.2.1:5060", `trunk "pbx"`, "this host does not have the address", "--server"}},
		{"unknown server", "", basic, nil, func(_ *testing.T, c *Config) { c.Server = "med9.test" }, []string{`no server "med9.test"`, "med1.test"}},
		{"which server", "", strings.Replace(basic, "servers: {", "servers: {med2.test: {addresses: [NET.9]}, ", 1), nil, nil,
			[]string{"several servers", "--server", "med2.test, med1.test"}},
		{"socket path too long", "", basic, nil, func(t *testing.T, c *Config) {
			c.DataDir = filepath.Join(c.DataDir, strings.Repeat("d", 60), strings.Repeat("e", 60))
		}, []string{"control socket", "bytes", "107", "--data"}},
		{"socket path is a file", "", basic, nil, func(t *testing.T, c *Config) {
			if err := errors.Join(os.MkdirAll(c.DataDir, 0o700), os.WriteFile(SocketPath(c.DataDir), []byte("precious"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, []string{"control socket", "no socket", "controlSocket"}},
		{"data directory is a file", "", basic, nil, func(_ *testing.T, c *Config) { c.DataDir = c.Document },
			[]string{"data directory", "directsip.yaml", "--data"}},
		{"no document", "", basic, nil, func(_ *testing.T, c *Config) { c.Document += ".gone" }, []string{"directsip.yaml.gone", "no such file"}},
		{"bad document", "", strings.Replace(basic, "trunks: [gw]", "trunks: [gv]", 1), nil, nil, []string{"directsip.yaml:7:", "gv", "gw"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := c.net
			if net == "" {
				net = siptest.Net(t)
			}
			cfg, _ := config(t, net, c.doc)
			if c.prepare != nil {
				c.prepare(t, net)
			}
			if c.change != nil {
				c.change(t, &cfg)
			}
			s, err := Start(cfg)
			if err == nil {
				s.Shutdown(t.Context())
				t.Fatal("it started")
			}
			for _, w := range c.want {
				if w = expand(net, w); !strings.Contains(err.Error(), w) {
					t.Errorf("the error does not say %q:\n%v", w, err)
				}
			}
			if c.name == "socket path is a file" {
				if text, _ := os.ReadFile(SocketPath(cfg.DataDir)); string(text) != "precious" {
					t.Error("the file that stood in the way is gone")
				}
			}
		})
	}
}

// TestStartWithoutWhatShows: an address of metrics that another program has, and a view socket for a group that nobody knows now, keep no telephone from calling. They
// are told, and open when they can.
func TestStartWithoutWhatShows(t *testing.T) {
	t.Parallel()
	at := siptest.Net(t)
	taken, err := net.Listen("tcp", at+"1:9090")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(tempDir(t), "run")
	sock := filepath.Join(dir, "view.sock")
	r := startWith(t, at, strings.Replace(basic, "mediaPorts", "viewSocket: "+sock+", mediaPorts", 1), func(*Config) {})
	pbx, gw := r.agent(2), r.agent(3)
	r.hangup(func() (in, out *siptest.Call) { out, in = r.call(pbx, gw); return }())
	until(t, "its end", func() bool { return r.status().Calls == 0 })
	for _, want := range []string{"another program has the port", sock} {
		if told := strings.Join(r.closed(), "\n"); !strings.Contains(told, want) || !strings.Contains(r.log.String(), want) {
			t.Errorf("%s is not told:\n%s\n%s", want, told, r.log)
		}
	}
	r.restore()
	if n := len(r.closed()); n != 2 || strings.Contains(r.Listening(), "metrics") {
		t.Errorf("%d are closed: %s", n, r.Listening())
	}
	taken.Close()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.restore()
	if got := r.get("http://" + at + "1:9090/healthz"); got != "ok calls=0\n" || len(r.closed()) > 0 || !strings.Contains(r.Listening(), sock) {
		t.Errorf("%q, %q, %s", got, r.closed(), r.Listening())
	}
}

// TestReadOnlyDataDirectory: a server that is started while its disk is read-only carries calls. Everybody who looks is told, by a control socket elsewhere; when the disk can be
// written nothing is lost, and the socket is where it belongs.
func TestReadOnlyDataDirectory(t *testing.T) {
	disk, run := tempDir(t), tempDir(t)
	mount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("none", disk, "tmpfs", flags, ""); err != nil {
			lack.Of(t, "mounting takes root: ", err)
		}
	}
	mount(0)
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	data := filepath.Join(disk, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	mount(unix.MS_REMOUNT | unix.MS_RDONLY)
	t.Setenv("RUNTIME_DIRECTORY", run)
	r := startWith(t, siptest.Net(t), basic, func(c *Config) { c.DataDir = data })
	pbx, gw := r.agent(2), r.agent(3)
	r.hangup(func() (in, out *siptest.Call) { out, in = r.call(pbx, gw); return }())
	until(t, "its end", func() bool { n, _ := r.store.Waiting(); return n == 1 })
	var st Status
	var rating Rating
	for path, v := range map[string]any{"/status": &st, "/health": &rating} {
		resp, err := overSocket(SocketPath(run)).Get("http://directsip" + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.NewDecoder(resp.Body).Decode(v), resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if closed := strings.Join(st.Closed, "\n"); !strings.Contains(closed, SocketPath(data)) || !strings.Contains(closed, "read-only file system") {
		t.Errorf("the socket that is not open: %s", closed)
	}
	if want := "1 cannot be written and wait in memory: data directory " + data; !strings.HasPrefix(st.RecordsWait, want) {
		t.Errorf("records wait: %s", st.RecordsWait)
	}
	at := slices.IndexFunc(rating.Targets, func(t Target) bool { return t.Name == "disk-errors" })
	if g := rating.Targets[at]; g.Met || !strings.Contains(g.Detail, "read-only file system") {
		t.Errorf("health: %+v", g)
	}
	if got := r.get("http://" + r.net + "1:9090/healthz"); got != "ok calls=0, the disk refuses call records\n" {
		t.Errorf("healthz: %q", got)
	}
	if log := r.log.String(); !strings.Contains(log, "the data directory cannot be written") || !strings.Contains(log, "--data") {
		t.Errorf("the log does not tell:\n%s", log)
	}
	mount(unix.MS_REMOUNT)
	until(t, "the record", func() bool { n, refusal := r.store.Waiting(); return n == 0 && refusal == nil })
	if list, err := r.store.List(t.Context(), store.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d calls, %v", len(list), err)
	}
	r.restore()
	if n := len(r.closed()); n > 0 || !strings.Contains(r.Listening(), SocketPath(data)) {
		t.Errorf("%d are closed: %s", n, r.Listening())
	}
	until(t, "the end of the other socket", func() bool { _, err := os.Stat(SocketPath(run)); return errors.Is(err, os.ErrNotExist) })
	if got := r.get("http://" + r.net + "1:9090/healthz"); got != "ok calls=0\n" {
		t.Errorf("healthz: %q", got)
	}
}

func TestTwoServersOnOneDataDirectory(t *testing.T) {
	cfg, _ := config(t, siptest.Net(t), basic)
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	if _, err := Start(cfg); !errors.Is(err, store.ErrLocked) && (err == nil || !strings.Contains(err.Error(), "another directsip writes to it")) {
		t.Errorf("error %v", err)
	}
	if fi, err := os.Stat(SocketPath(cfg.DataDir)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("control socket of the first: %v %v", fi, err)
	}
}

// TestStaleSocket is left by a killed server.
func TestStaleSocket(t *testing.T) {
	cfg, _ := config(t, siptest.Net(t), basic)
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: SocketPath(cfg.DataDir), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	fi, err := os.Stat(SocketPath(cfg.DataDir))
	if err != nil || fi.Mode() != os.ModeSocket|0o600 {
		t.Errorf("control socket %v %v", fi, err)
	}
	if _, err := openControl(SocketPath(cfg.DataDir)); err == nil || !strings.Contains(err.Error(), "another directsip answers on it") {
		t.Errorf("the socket of a living server: %v", err)
	}
}

// TestSocketsThatAreRemoved come again: who has emptied the data directory to make room still commands the server.
func TestSocketsThatAreRemoved(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	view := r.dir + "/view.sock"
	r.applyGood(strings.ReplaceAll(basic, "mediaPorts", "viewSocket: "+view+", mediaPorts"))
	control := SocketPath(r.cfg.DataDir)
	r.restore()
	if r.status(); strings.Contains(r.log.String(), "a socket was removed") {
		t.Error("opened again without need")
	}
	for range 2 {
		if err := errors.Join(os.RemoveAll(r.cfg.DataDir), os.Remove(view)); err != nil {
			t.Fatal(err)
		}
		r.restore()
		for path, mode := range map[string]os.FileMode{control: 0o600, view: 0o660} {
			if fi, err := os.Stat(path); err != nil || fi.Mode() != os.ModeSocket|mode {
				t.Fatalf("%s: %v %v", path, fi, err)
			}
			resp, err := overSocket(path).Get("http://directsip/status")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, resp.Status)
			}
		}
	}
	if status, text := r.post("/drain", ""); status != http.StatusOK || !r.engine.Draining() {
		t.Errorf("drain: %d %s", status, text)
	}
	if n := strings.Count(r.log.String(), "a socket was removed and is opened again"); n != 4 {
		t.Errorf("%d lines of log, want 4", n)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{control, view} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// TestShutdownEndsCalls has a limit that calls outlive.
func TestShutdownEndsCalls(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	gw.Answer(siptest.Ring(time.Hour))
	ringing := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550102@"+r.net+"1")
	r.tester.Wait(ringing, siptest.Ringing)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if log := r.log.String(); !strings.Contains(log, "drain limit reached") {
		t.Errorf("the log does not say why calls were ended:\n%s", log)
	}
	r.tester.Wait(out, siptest.HungUp)
	r.tester.Wait(in, siptest.HungUp)
	records, err := store.OpenReadOnly(r.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := records.List(t.Context(), store.Filter{})
	if err != nil || len(list) != 2 {
		t.Fatalf("records %+v, %v", list, err)
	}
	ended := 0
	for _, c := range list {
		if c.Reason == diag.ServerShutdown.ID && c.EndedBy == "directsip" && !c.End.IsZero() {
			ended++
		}
	}
	if ended == 0 || list[len(list)-1].Reason != diag.ServerShutdown.ID {
		t.Errorf("records %+v", list)
	}
}

// TestShutdownThatIsHurried is told to stop, and again before its limit.
func TestShutdownThatIsHurried(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	r.tester.Wait(out, siptest.HungUp)
	r.tester.Wait(in, siptest.HungUp)
	if log := r.log.String(); !strings.Contains(log, `msg="stopping, new calls are refused" calls=1`) || !strings.Contains(log, "told not to wait") || strings.Contains(log, "drain limit") {
		t.Errorf("the log does not say why calls were ended:\n%s", log)
	}
}

// TestDrainLetsCallsEnd waits for the last one, and no longer.
func TestDrainLetsCallsEnd(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	done := make(chan error, 1)
	go func() { done <- r.Shutdown(t.Context()) }()
	until(t, "draining", r.engine.Draining)
	// An alarm about draining names drain --off: what would be taken now would be cut off soon.
	if st := r.status(); !st.Stopping {
		t.Errorf("a server that stops says %+v", st)
	}
	if status, text := r.post("/drain?off=true", ""); status != http.StatusConflict || !strings.Contains(text, "told to stop") || !r.engine.Draining() {
		t.Errorf("calls are taken again by a server that stops: %d %s", status, text)
	}
	if status, text := r.post("/drain", ""); status != http.StatusOK {
		t.Errorf("draining a server that drains: %d %s", status, text)
	}
	refused := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550102@"+r.net+"1")
	r.tester.Wait(refused, siptest.Failed)
	if refused.Status() != 503 {
		t.Errorf("a new call got %d", refused.Status())
	}
	r.hangup(in, out)
	ends(t, done)
}

// ends waits for the end of a server whose last call has ended.
func ends(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(timeout):
		t.Fatal("the last call has ended, and the server has not")
	}
}

// TestCallForHelpAtTheEnd: an emergency call that a server takes when its last call has ended just now keeps it from stopping.
func TestCallForHelpAtTheEnd(t *testing.T) {
	t.Parallel()
	for range 5 {
		if helpedAtTheEnd(t) {
			return
		}
	}
	t.Fatal("each time the server has stopped before somebody who calls for help was answered")
}

// helpedAtTheEnd is false where the call for help came too late, as that of a busy machine may.
func helpedAtTheEnd(t *testing.T) bool {
	t.Helper()
	r := start(t, strings.Replace(basic, "routes: [", "emergency: [{number: 112, usage: all}]\nroutes: [{name: sos, pattern: '^112$', usages: [all], trunks: [gw]}, ", 1))
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	done := make(chan error, 1)
	go func() { done <- r.Shutdown(t.Context()) }()
	until(t, "draining", r.engine.Draining)
	r.hangup(in, out)
	until(t, "the end of the last call", func() bool { return strings.Contains(r.log.String(), "the last call has ended") })
	help, err := pbx.Dial(t.Context(), r.net+"1:5060", "sip:112@"+r.net+"1")
	if err != nil {
		return false
	}
	answered := make(chan error, 1)
	go func() { answered <- help.Wait(r.tester.Context(), siptest.Answered) }()
	select {
	case <-done:
		return false
	case err := <-answered:
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-done:
		t.Fatal("the server has stopped, and somebody calls for help")
	case <-time.After(2 * linger):
	}
	help.Hangup()
	r.tester.Wait(help, siptest.Ended)
	ends(t, done)
	return true
}

// TestLastByeIsRepeated: the server that drains stops when the last call has ended, and its BYE may have been lost on the way by then.
func TestLastByeIsRepeated(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx := r.agent(2)
	gw, err := net.ListenPacket("udp4", r.net+"3:5060")
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	byes := make(chan string, 100)
	go func() {
		defer close(byes)
		b := make([]byte, 65536)
		for {
			n, from, err := gw.ReadFrom(b)
			if err != nil {
				return
			}
			m, err := sip.Parse(b[:n], nil)
			if err != nil {
				t.Error(err)
				return
			}
			switch m.Method {
			case "INVITE":
				ok := sip.NewResponse(m, 200, "")
				ok.SetToTag("gw")
				ok.Add(sip.IDContact, "<sip:gw@"+r.net+"3>")
				ok.SetBody("application/sdp", expand(r.net, "v=0\r\no=- 1 1 IN IP4 NET.3\r\ns=-\r\nc=IN IP4 NET.3\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"))
				gw.WriteTo(ok.Append(nil), from)
			case "BYE":
				byes <- m.CallID()
			}
		}
	}()
	call := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1")
	r.tester.Wait(call, siptest.Acked)
	ended := make(chan error, 1)
	go func() { ended <- r.Shutdown(t.Context()) }()
	until(t, "it drains", r.engine.Draining)
	call.Hangup()
	r.tester.Wait(call, siptest.Ended)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	gw.Close()
	n := 0
	for range byes {
		n++
	}
	if n < 2 {
		t.Errorf("%d BYE, none of which was answered", n)
	}
}

// TestLowPortWithoutRight: what is said of it must not cost the rights that RTP in the kernel needs, as rights of the file would.
func TestLowPortWithoutRight(t *testing.T) {
	snap, problems := topology.Compile("test.yaml", []byte(strings.ReplaceAll(basic, "NET", "127.0.0")))
	if snap == nil {
		t.Fatal(problems)
	}
	spec := transport.ListenSpec{Transport: sip.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:506")}
	err := listenError(spec, snap, snap.Servers[0], &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)})
	for _, want := range []string{"127.0.0.1:506", "AmbientCapabilities=", "never by setcap"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
}
