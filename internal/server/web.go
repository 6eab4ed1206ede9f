package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/directsip/directsip/internal/topology"
)

// web is one HTTP server, on the control socket or for metrics. It is open from the beginning and answers from start on.
type web struct {
	at   string // path or host:port; "" when there is none
	l    net.Listener
	http *http.Server
	done chan struct{}
}

func (w *web) start(h http.Handler) {
	if w.l == nil || w.http != nil {
		return
	}
	w.http = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		w.http.Serve(w.l) // returns when it is closed
	}()
}

// close lets answers under way finish, for a moment.
func (w *web) close() {
	switch {
	case w.http != nil:
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if w.http.Shutdown(ctx) != nil {
			w.http.Close()
		}
		<-w.done
	case w.l != nil:
		w.l.Close()
	}
}

// webs are both HTTP servers on their way from one document to the next.
type webs struct{ control, public *web }

// reopen opens what the new document has elsewhere than the old one; before is nil at the start.
func (s *Server) reopen(before, me *topology.Server) (n webs, err error) {
	if path := s.socketPath(me); before == nil || path != s.socketPath(before) {
		if n.control, err = openControl(path); err != nil {
			return n, fmt.Errorf("server %q: %w", me.Name, err)
		}
	}
	if before == nil || me.Metrics != before.Metrics {
		if n.public, err = openPublic(me.Metrics); err != nil {
			n.undo()
			return n, fmt.Errorf("server %q: %w", me.Name, err)
		}
	}
	return n, nil
}

// undo closes what was opened.
func (n webs) undo() {
	for _, w := range []*web{n.control, n.public} {
		if w != nil {
			w.close()
		}
	}
}

// commit puts what was opened in the place of what was there.
func (n webs) commit(s *Server) {
	if n.control != nil {
		n.control.start(s.controlHandler())
		s.control, n.control = n.control, s.control
	}
	if n.public != nil {
		n.public.start(s.publicHandler())
		s.public, n.public = n.public, s.public
	}
	s.undoing.Go(n.undo) // not here: the request that brought the document may come by the old socket
}

// openPublic opens the address of /metrics and /healthz, if there is one.
func openPublic(at string) (*web, error) {
	if at == "" {
		return &web{}, nil
	}
	l, err := net.Listen("tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("metrics %s: another program has the port; change `metrics` of the server, or stop that program", at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("metrics %s: this host does not have the address; change `metrics` of the server", at)
	case err != nil:
		return nil, fmt.Errorf("metrics %s: %w; change `metrics` of the server", at, err)
	}
	return &web{at: at, l: l}, nil
}

func (s *Server) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.healthz)
	return mux
}

// SocketPath is where the control socket of a data directory is.
func SocketPath(dataDir string) string { return filepath.Join(dataDir, "control.sock") }

func (s *Server) socketPath(me *topology.Server) string {
	if me.ControlSocket != "" {
		return me.ControlSocket
	}
	return SocketPath(s.cfg.DataDir)
}

// MaxSocketPath is how many octets the path of a Unix socket may have (unix(7)).
const MaxSocketPath = 107

// openControl opens the control socket for its owner only. A socket that a killed server left behind is replaced; one that a
// living server answers on is not, and neither is a file of another kind.
func openControl(path string) (*web, error) {
	if len(path) > MaxSocketPath {
		return nil, fmt.Errorf("control socket %s: the path has %d bytes, and that of a socket may have %d; choose a shorter `controlSocket` or --data",
			path, len(path), MaxSocketPath)
	}
	if fi, err := os.Lstat(path); err == nil {
		if fi.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("control socket %s: a file that is no socket has this name; choose another `controlSocket`", path)
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("control socket %s: another directsip answers on it; stop that one, or give this one another --data", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket %s: the one that is left of an ended server cannot be removed: %w", path, err)
		}
	}
	// The mode is set before the file exists: it is never open to others.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if fail := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); fail != nil {
			return fail
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		var sys *os.SyscallError
		if errors.As(err, &sys) {
			err = sys.Err
		}
		return nil, fmt.Errorf("control socket %s: %w; its directory must exist and be writable", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return &web{at: path, l: l}, nil
}

// Listening says in one line where the server can be reached.
func (s *Server) Listening() string {
	s.apply.Lock()
	defer s.apply.Unlock()
	var b strings.Builder
	me := s.current.Load()
	fmt.Fprintf(&b, "%s of pool %s listens on", me.Name, me.Pool.Name)
	for i, l := range s.transport.Listeners() {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s %s", l.Transport, l.Addr)
	}
	if s.public.at != "" {
		fmt.Fprintf(&b, "; metrics http://%s/metrics", s.public.at)
	}
	fmt.Fprintf(&b, "; control socket %s", s.control.at)
	return b.String()
}
