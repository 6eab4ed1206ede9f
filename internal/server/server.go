// Package server puts one directsip together: document, listeners, shards, relay, records, metrics and the control socket.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/engine"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/relay"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// Version of the program; the linker may set it.
var Version = "0.1.0"

// Config is the bootstrap: everything else stands in the document.
type Config struct {
	Document string        // path of the YAML file
	Server   string        // which server of the document this is; "" when it has only one
	DataDir  string        // call records and the control socket
	Shards   int           // 0: one per processor
	Watch    time.Duration // how often the file is looked at for changes; 0: 2 s, negative: never
	Logger   *slog.Logger
}

// Server is a running directsip.
type Server struct {
	cfg       Config
	log       *slog.Logger
	engine    *engine.Engine
	transport *transport.Transport
	relay     *relay.Relay
	resolver  *resolve.Resolver
	store     *store.Store
	metrics   *metrics
	control   *http.Server
	public    *http.Server
	started   time.Time

	apply   sync.Mutex
	current atomic.Pointer[topology.Server]
	ready   atomic.Bool
}

// Load reads and compiles a document.
func Load(path string) (*topology.Snapshot, topology.Problems, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	snap, problems := topology.Compile(path, src)
	return snap, problems, nil
}

// Start opens everything. On error nothing stays open.
func Start(cfg Config) (s *Server, err error) {
	if cfg.Shards <= 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	snap, problems, err := Load(cfg.Document)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	for _, p := range problems {
		cfg.Logger.Warn("document", "problem", p.String())
	}
	me, err := pick(snap, cfg.Server)
	if err != nil {
		return nil, err
	}
	cfg.Server = me.Name
	s = &Server{cfg: cfg, log: cfg.Logger, started: time.Now()}
	s.current.Store(me)
	defer func() {
		if err != nil {
			s.close(context.Background())
		}
	}()
	s.metrics = newMetrics(s)
	if s.store, err = store.Open(store.Config{Dir: cfg.DataDir, Logger: s.log}); err != nil {
		return nil, err
	}
	if s.resolver, err = resolve.New(resolve.Config{}); err != nil {
		return nil, err
	}
	if s.relay, err = relay.New(relay.Config{Logger: s.log, Events: s.mediaEvent}); err != nil {
		return nil, err
	}
	s.engine, err = engine.New(engine.Config{Server: me.Name, Snapshot: snap, Shards: cfg.Shards, Relay: s.relay, Resolver: s.resolver,
		Records: s.store, Logger: s.log, UserAgent: "directsip/" + Version, Ended: s.metrics.ended})
	if err != nil {
		return nil, err
	}
	s.transport = transport.New(transport.Config{Handler: s.engine, Allow: s.allow, AllowTLS: s.allowTLS, Logger: s.log})
	s.engine.Attach(s.transport)
	s.engine.Start()
	if err = s.transport.Listen(specs(snap, me)); err != nil {
		return nil, err
	}
	if err = s.serveControl(); err != nil {
		return nil, err
	}
	if err = s.servePublic(me); err != nil {
		return nil, err
	}
	s.ready.Store(true)
	s.log.Info("started", "server", me.Name, "pool", me.Pool.Name, "version", Version, "document", snap.Version)
	return s, nil
}

// pick finds this server in the document.
func pick(snap *topology.Snapshot, name string) (*topology.Server, error) {
	if name == "" && len(snap.Servers) == 1 {
		return snap.Servers[0], nil
	}
	if s := snap.ServerByName(name); s != nil {
		return s, nil
	}
	text := ""
	for _, s := range snap.Servers {
		text += " " + s.Name
	}
	if name == "" {
		return nil, fmt.Errorf("the document has several servers; say which one this is with --server:%s", text)
	}
	return nil, fmt.Errorf("the document has no server %q; it has:%s", name, text)
}

// specs is what the transport must listen on.
func specs(snap *topology.Snapshot, me *topology.Server) []transport.ListenSpec {
	var list []transport.ListenSpec
	for _, l := range snap.Listeners(me) {
		spec := transport.ListenSpec{Transport: l.Transport, Addr: l.AddrPort}
		if l.Transport == sip.TLS {
			spec.Cert, spec.Key, spec.CA = me.Cert, me.Key, me.CA
			spec.Names = []string{me.Name, me.Pool.Name}
		}
		list = append(list, spec)
	}
	return list
}

// allow refuses strangers before any state exists. Over TLS the certificate decides later; with refuseUnknownSource 403 the
// stranger is let through to be told so.
func (s *Server) allow(local netip.AddrPort, t sip.Transport, remote netip.Addr) transport.Verdict {
	if t == sip.TLS || s.engine.Snapshot().Defaults.RefuseUnknownSource == "403" ||
		s.engine.Known(topology.Listener{Transport: t, AddrPort: local}, remote) {
		return transport.Accept
	}
	return transport.Silent
}

func (s *Server) allowTLS(local netip.AddrPort, remote netip.Addr, names []string) bool {
	return s.engine.KnownNames(topology.Listener{Transport: sip.TLS, AddrPort: local}, remote, names)
}

func (s *Server) mediaEvent(ev media.Event) {
	if s.ready.Load() {
		s.engine.MediaEvent(ev)
	}
}

// Apply takes a new document: all of it, or nothing of it.
func (s *Server) Apply(name string, src []byte) (*topology.Snapshot, topology.Problems, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	snap, problems := topology.Compile(name, src)
	if problems.Failed() {
		return nil, problems, problems
	}
	me := snap.ServerByName(s.cfg.Server)
	if me == nil {
		_, err := pick(snap, s.cfg.Server)
		return nil, problems, err
	}
	if err := s.transport.Reconcile(specs(snap, me)); err != nil {
		// What could not be opened must not half apply: back to the listeners of the old document.
		old := s.engine.Snapshot()
		if back := s.transport.Reconcile(specs(old, s.current.Load())); back != nil {
			err = errors.Join(err, back)
		}
		return nil, problems, err
	}
	if err := s.engine.Apply(snap); err != nil {
		return nil, problems, err
	}
	s.current.Store(me)
	s.log.Info("document applied", "document", snap.Version, "name", name)
	return snap, problems, nil
}

// Reload applies the file again.
func (s *Server) Reload() error {
	src, err := os.ReadFile(s.cfg.Document)
	if err != nil {
		return err
	}
	_, _, err = s.Apply(s.cfg.Document, src)
	return err
}

// ReloadLogged is Reload for a signal: the result goes to the log.
func (s *Server) ReloadLogged() {
	if err := s.Reload(); err != nil {
		s.log.Error("document not applied, the old one stays", "file", s.cfg.Document, "err", err)
	}
}

// WatchFile applies the document whenever its file has changed, until ctx ends. A bad file is reported once and the old document
// stays.
func (s *Server) WatchFile(ctx context.Context) {
	every := s.cfg.Watch
	if every < 0 {
		return
	}
	if every == 0 {
		every = 2 * time.Second
	}
	last := stamp(s.cfg.Document)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		now := stamp(s.cfg.Document)
		if now == last || now == (fileStamp{}) {
			continue
		}
		last = now
		s.ReloadLogged()
	}
}

type fileStamp struct {
	mod  time.Time
	size int64
}

func stamp(path string) fileStamp {
	fi, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{fi.ModTime(), fi.Size()}
}

// Drain refuses new calls, or takes them again.
func (s *Server) Drain(on bool) { s.engine.Drain(on) }

// Shutdown drains until no call is left or ctx ends, ends the calls that remain, and closes everything. Every record is stored when
// it returns.
func (s *Server) Shutdown(ctx context.Context) error {
	s.engine.Drain(true)
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for s.engine.Live() > 0 {
		select {
		case <-ctx.Done():
			s.log.Warn("drain limit reached", "calls", s.engine.Live())
			s.engine.Terminate(diag.ServerShutdown)
			return s.close(context.Background())
		case <-t.C:
		}
	}
	return s.close(context.Background())
}

// close takes everything down in the order of the data: no new messages, no shards, no media, then the records.
func (s *Server) close(ctx context.Context) error {
	var errs []error
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s.ready.Store(false)
	if s.transport != nil {
		errs = append(errs, s.transport.Close(ctx))
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if s.relay != nil {
		s.relay.Shutdown()
	}
	if s.resolver != nil {
		s.resolver.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close(ctx))
	}
	if s.control != nil {
		s.control.Close()
	}
	if s.public != nil {
		s.public.Close()
	}
	return errors.Join(errs...)
}

// SocketPath is where the control socket of a data directory is.
func SocketPath(dataDir string) string { return filepath.Join(dataDir, "control.sock") }

// listenUnix opens the control socket for its owner only. A socket that a killed server left behind is replaced; one that a
// living server answers on is not.
func listenUnix(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("control socket %s: another directsip answers on it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
