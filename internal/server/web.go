package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/directsip/directsip/internal/topology"
)

const (
	// maxClients bounds the connections to the address of /metrics and /healthz, which anybody may open who reaches it. Further ones wait in the kernel.
	maxClients = 128
	// maxViewers bounds those to a Unix socket, whose answers are larger.
	maxViewers = 32
	// patience is how long a client may take nothing of its answer before it is cut off: it holds the place of another.
	patience = 10 * time.Second
)

// web is one HTTP server, on the control socket or for metrics. It is open from the beginning and answers from start on.
type web struct {
	at   string // path or host:port; "" when there is none
	l    net.Listener
	idle time.Duration // how long a connection may wait for the next request
	http *http.Server
	done chan struct{}
}

// start answers. What net/http has to say goes to the log.
func (w *web) start(h http.Handler, log *slog.Logger) {
	if w.l == nil || w.http != nil {
		return
	}
	w.http = &http.Server{Handler: impatient(h, patience), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: w.idle, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		w.http.Serve(w.l) // returns when it is closed
	}()
}

// impatient has a handler's writes fail when the client takes nothing for so long.
func impatient(h http.Handler, long time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetWriteDeadline(time.Time{}) // that of the answer before: a connection has one, or its writes fail anyway
		h.ServeHTTP(&waiting{w, c, long}, r)
	})
}

// waiting is a ResponseWriter of impatient.
type waiting struct {
	http.ResponseWriter
	c    *http.ResponseController
	long time.Duration
}

func (w *waiting) Write(b []byte) (int, error) {
	_ = w.c.SetWriteDeadline(time.Now().Add(w.long))
	return w.ResponseWriter.Write(b)
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

// webs are the HTTP servers on their way from one document to the next.
type webs struct {
	control, view, public *web
	back                  func() // gives the view socket the group back that it had; nil: that was not changed
}

// reopen opens what the new document has elsewhere than the old one; before is nil at the start. Then the control socket on a disk that refuses it, and view socket and
// metrics, which only show, keep nobody from calling: the log and `directsip status` tell of them, and they are tried again.
func (s *Server) reopen(before, me *topology.Server) (n webs, err error) {
	if path := s.socketPath(me); before == nil || path != s.socketPath(before) {
		if n.control, err = openControl(path); err != nil {
			err = fmt.Errorf("server %q: %w", me.Name, err)
			if before != nil || !errors.As(err, new(syscall.Errno)) { // another server has it, or it is none
				return n, err
			}
			n.control = s.elsewhere(s.unopened(path, &s.closedControl, err))
		}
	}
	if before == nil || me.ViewSocket != before.ViewSocket || me.ViewGroup != before.ViewGroup {
		had := before
		if s.view.l == nil { // it could not be opened so far
			had = nil
		}
		if n.view, n.back, err = s.openView(had, me); err != nil {
			if err = fmt.Errorf("server %q: %w", me.Name, err); before != nil {
				n.undo()
				return n, err
			}
			n.view = s.unopened(me.ViewSocket, &s.closedView, err)
		}
	}
	if before == nil || me.Metrics != before.Metrics {
		if n.public, err = openPublic(me.Metrics); err != nil {
			if err = fmt.Errorf("server %q: %w", me.Name, err); before != nil {
				n.undo()
				return n, err
			}
			n.public = s.unopened(me.Metrics, &s.closedPublic, err)
		}
	}
	return n, nil
}

// unopened stands for what could not be opened, and logs why.
func (s *Server) unopened(at string, closed *atomic.Pointer[error], why error) *web {
	s.log.Error("the server takes calls without it, and tries it again every minute", "err", why)
	closed.Store(&why)
	return &web{at: at}
}

// elsewhere opens the control socket where systemd gives the service a directory that is on no disk (RuntimeDirectory=): who looks why the disk is gone needs it most.
func (s *Server) elsewhere(closed *web) *web {
	dir := os.Getenv("RUNTIME_DIRECTORY")
	if dir == "" {
		return closed
	}
	w, err := openControl(SocketPath(dir))
	if err != nil {
		s.log.Error("nor can the control socket be opened there", "err", err)
		return closed
	}
	return w
}

// closed says what is not open of what only shows, which addresses are gone, and which names.
func (s *Server) closed() (list []string) {
	for _, why := range []*error{s.closedControl.Load(), s.closedView.Load(), s.closedPublic.Load()} {
		if why != nil {
			list = append(list, (*why).Error())
		}
	}
	for _, a := range lost(s.current.Load()) {
		list = append(list, lostText(a))
	}
	if text := s.keptText(); text != "" {
		list = append(list, text)
	}
	return list
}

// undo closes what was opened, and takes back what was changed.
func (n webs) undo() {
	if n.back != nil {
		n.back()
	}
	for _, w := range []*web{n.control, n.view, n.public} {
		if w != nil {
			w.close()
		}
	}
}

// commit puts what was opened in the place of what was there. What was there takes no connection any more when it returns, so that the next document may
// have it again.
func (n webs) commit(s *Server) {
	n.back = nil
	if n.control != nil {
		n.control.start(s.controlHandler(), s.log)
		s.control, n.control = n.control, s.control
		s.closedControl.Store(nil)
	}
	if n.view != nil {
		n.view.start(s.viewHandler(), s.log)
		s.view, n.view = n.view, s.view
		s.closedView.Store(nil)
	}
	if n.public != nil {
		n.public.start(s.publicHandler(), s.log)
		s.public, n.public = n.public, s.public
		s.closedPublic.Store(nil)
	}
	for _, w := range []*web{n.control, n.view, n.public} {
		if w != nil && w.l != nil {
			w.l.Close()
		}
	}
	s.undoing.Go(n.undo) // not here: the request that brought the document may come by the old socket
}

// restore opens the Unix sockets again whose files somebody has removed, perhaps with all of a data directory that was in the way: without them the server can only
// be stopped. And it opens what could not be opened at the start.
func (s *Server) restore() {
	if !s.apply.TryLock() { // a document is applied, or the server ends
		return
	}
	defer s.apply.Unlock()
	if s.ended {
		return
	}
	me := s.current.Load()
	again := func(old *web, h http.Handler, open func() (*web, error)) *web {
		if old.at == "" || old.l == nil {
			return old
		}
		if _, err := os.Lstat(old.at); !errors.Is(err, os.ErrNotExist) {
			return old
		}
		old.l.Close() // it would remove the new one later
		w, err := open()
		if err != nil {
			s.log.Error("a socket was removed and cannot be opened again", "socket", old.at, "err", err)
			return old
		}
		s.log.Warn("a socket was removed and is opened again", "socket", old.at)
		w.start(h, s.log)
		s.undoing.Go(old.close)
		return w
	}
	s.control = again(s.control, s.controlHandler(), func() (*web, error) {
		_ = os.MkdirAll(s.cfg.DataDir, 0o700) // if it cannot be made, the socket says so
		return openControl(s.control.at)
	})
	s.view = again(s.view, s.viewHandler(), func() (*web, error) {
		w, _, err := s.openView(nil, me)
		return w, err
	})
	late := func(old *web, closed *atomic.Pointer[error], h http.Handler, open func() (*web, error)) *web {
		if closed.Load() == nil {
			return old
		}
		w, err := open()
		if err != nil {
			err = fmt.Errorf("server %q: %w", me.Name, err)
			closed.Store(&err)
			return old
		}
		closed.Store(nil)
		s.log.Info("what could not be opened at the start is open", "at", w.at)
		w.start(h, s.log)
		if old.l != nil {
			old.l.Close() // the next document may need it
			s.undoing.Go(old.close)
		}
		return w
	}
	s.control = late(s.control, &s.closedControl, s.controlHandler(), func() (*web, error) { return openControl(s.socketPath(me)) })
	s.view = late(s.view, &s.closedView, s.viewHandler(), func() (*web, error) {
		w, _, err := s.openView(nil, me)
		return w, err
	})
	s.public = late(s.public, &s.closedPublic, s.publicHandler(), func() (*web, error) { return openPublic(me.Metrics) })
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
	return &web{at: at, l: netutil.LimitListener(l, maxClients), idle: 2 * time.Minute}, nil
}

func (s *Server) publicHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.healthz)
	return mux
}

// SocketPath is where the control socket of a data directory is, or in that which takes its place; see elsewhere.
func SocketPath(dataDir string) string { return filepath.Join(dataDir, "control.sock") }

func (s *Server) socketPath(me *topology.Server) string {
	if me.ControlSocket != "" {
		return me.ControlSocket
	}
	return SocketPath(s.cfg.DataDir)
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
	if s.public.l != nil {
		fmt.Fprintf(&b, "; metrics http://%s/metrics", s.public.at)
	}
	if s.control.l != nil {
		fmt.Fprintf(&b, "; control socket %s", s.control.at)
	}
	if s.view.l != nil {
		fmt.Fprintf(&b, "; view socket %s", s.view.at)
	}
	return b.String()
}
