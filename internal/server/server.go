// Package server puts one directsip together: document, listeners, shards, relay, records, metrics and the control socket.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
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
	Keep     time.Duration // how long call records are kept; 0: store.DefaultRetention, negative: for ever
	DNS      []string      // host:port of name servers; nil: those of /etc/resolv.conf
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
	targets   targets
	onHost    onHost
	consumer  *consumer // of quality records; nil: nobody wants them. Guarded by apply
	consumed  consumerCounts
	lost      []netip.Addr       // that tend has told of
	kept      bool               // tend has told that names are kept
	rest      context.CancelFunc // ends tend; nil: it has not begun
	started   time.Time
	stamp     fileStamp // of the document when it was read
	mediaTier string    // of the document when the relay was opened

	apply                 sync.Mutex // guards the change of documents, and what follows
	control, view, public *web
	closedControl         atomic.Pointer[error] // why the control socket could not be opened at the start; nil: it is open
	closedView            atomic.Pointer[error] // the same of the view socket; nil: it is open, or there is none
	closedPublic          atomic.Pointer[error] // the same of metrics
	retiring              *time.Timer
	trouble               string // that retire has told of; "": there is none
	undoing               sync.WaitGroup
	listing               sync.Mutex // held by who reads a list of ended calls
	draining              sync.Mutex // guards what follows, and who drains
	stopping              bool       // new calls are refused until the end
	ended                 bool

	current atomic.Pointer[topology.Server]
	ready   atomic.Bool
}

// Load reads and compiles a document.
func Load(path string) (*topology.Snapshot, topology.Problems, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	snap, problems := topology.CompileWith(path, src, ReadFile)
	return snap, problems, nil
}

// Start opens everything. On error nothing stays open.
func Start(cfg Config) (s *Server, err error) {
	if cfg.Shards <= 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = slog.New(newQuiet(cfg.Logger.Handler()))
	stamp := stampOf(cfg.Document)
	snap, problems, err := Load(cfg.Document)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	me, err := pick(snap, cfg.Server)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(problems, missingMedia(cfg.Document, me)) {
		cfg.Logger.Warn("document", "problem", p.String())
	}
	if problems := unlock(snap, me); len(problems) > 0 {
		return nil, problems
	}
	cfg.Server = me.Name
	s = &Server{cfg: cfg, log: cfg.Logger, started: time.Now(), stamp: stamp, mediaTier: me.MediaTier, control: &web{}, view: &web{}, public: &web{}}
	s.current.Store(me)
	if err = s.open(snap, me); err != nil {
		s.close()
		return nil, err
	}
	s.log.Info("started", "server", me.Name, "pool", me.Pool.Name, "version", Version, "document", snap.Version)
	return s, nil
}

// open builds the server from the records upward. SIP listeners come last, so that no call arrives at half a server.
func (s *Server) open(snap *topology.Snapshot, me *topology.Server) (err error) {
	s.metrics = newMetrics(s)
	if s.store, err = store.Open(store.Config{Dir: s.cfg.DataDir, Retention: s.cfg.Keep, Logger: s.log}); err != nil {
		return dataError(s.cfg.DataDir, err)
	}
	web, err := s.reopen(nil, me)
	if err != nil {
		return err
	}
	s.control, s.view, s.public = web.control, web.view, web.public
	wanted, err := s.openConsumer(me)
	if err != nil { // calls do not wait for those who count them
		why := err
		s.log.Error("quality records wait until the file can be read", "err", why)
		s.consumed.unread.Store(&why)
	}
	resolver := resolve.Config{}
	if s.cfg.DNS != nil {
		resolver.Servers = s.cfg.DNS
	}
	if s.resolver, err = resolve.New(resolver); err != nil {
		return err
	}
	if s.relay, err = relay.New(relay.Config{Logger: s.log, Events: s.mediaEvent, Best: bestTier(me)}); err != nil {
		return err
	}
	s.engine, err = engine.New(engine.Config{Server: me.Name, Snapshot: snap, Shards: s.cfg.Shards, Relay: s.relay, Resolver: s.resolver,
		Records: s.store, Logger: s.log, UserAgent: "directsip/" + Version, Explain: s.onHost.explained, Ended: s.metrics.ended})
	if err != nil {
		return err
	}
	s.transport = transport.New(transport.Config{Handler: s.engine, Allow: s.allow, AllowTLS: s.allowTLS, Find: s.engine.Find, Lost: s.engine.Lost, Logger: s.log,
		Limits: transport.Limits{RatePerSource: float64(me.MaxMessagesPerSource)}})
	s.engine.Attach(s.transport)
	s.engine.Start()
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	s.engine.Learn(ctx, snap)
	cancel()
	s.ready.Store(true)
	if err = s.listen(snap, me); err != nil {
		return err
	}
	s.engine.Listen()
	s.turnConsumer(wanted)
	ctx, s.rest = context.WithCancel(context.Background())
	s.onHost.sample()
	s.undoing.Go(func() { s.tend(ctx) })
	s.control.start(s.controlHandler(), s.log)
	s.view.start(s.viewHandler(), s.log)
	s.public.start(s.publicHandler(), s.log)
	return nil
}

// dataError says what to do about a directory that cannot be used.
func dataError(dir string, err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("data directory %s: another directsip writes to it (`directsip status --data %s` shows which); give this one a directory of its own with --data", dir, dir)
	}
	return fmt.Errorf("data directory %s: %w; name another with --data", dir, err)
}

// bestTier is the best in which media may travel; 0: whatever can be had.
func bestTier(me *topology.Server) media.Tier {
	for _, t := range []media.Tier{media.TierSockets, media.TierSteered, media.TierKernel} {
		if t.String() == me.MediaTier {
			return t
		}
	}
	return 0
}

// pick finds this server in the document.
func pick(snap *topology.Snapshot, name string) (*topology.Server, error) {
	if name == "" && len(snap.Servers) == 1 {
		return snap.Servers[0], nil
	}
	if s := snap.ServerByName(name); s != nil {
		return s, nil
	}
	var names []string
	for _, s := range snap.Servers {
		names = append(names, s.Name)
	}
	if name == "" {
		return nil, fmt.Errorf("the document has several servers; say which one this is with --server: %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the document has no server %q; it has %s", name, strings.Join(names, ", "))
}

// allow refuses strangers before any state exists. Over TLS the certificate decides later, and who calls from an address that is known need not wait for the others;
// with refuseUnknownSource 403 the stranger is let through to be told so.
func (s *Server) allow(local netip.AddrPort, t sip.Transport, remote netip.Addr) transport.Verdict {
	switch {
	case s.engine.Known(topology.Listener{Transport: t, AddrPort: local}, remote):
		return transport.Accept
	case t == sip.TLS, s.engine.Snapshot().Defaults.RefuseUnknownSource == "403":
		return transport.Unknown
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

// errStopping refuses to take calls again that would be ended with the server.
var errStopping = errors.New("the server was told to stop and ends when its calls have, or their time is over: what it took now would be cut off. Start it again for new calls")

// Drain refuses new calls, or takes them again, but not once the server was told to stop.
func (s *Server) Drain(on bool) error {
	s.draining.Lock()
	defer s.draining.Unlock()
	if s.stopping && !on {
		return errStopping
	}
	if was := s.engine.Draining(); on != was {
		what := "new calls are refused"
		if !on {
			what = "new calls are taken again"
		}
		s.log.Info(what, "calls", s.engine.Live())
	}
	s.engine.Drain(on)
	return nil
}

// stop has new calls refused until the end.
func (s *Server) stop() {
	s.draining.Lock()
	defer s.draining.Unlock()
	s.stopping = true
	s.engine.Drain(true)
}

// ends tells whether the server was told to stop.
func (s *Server) ends() bool {
	s.draining.Lock()
	defer s.draining.Unlock()
	return s.stopping
}

// linger is how long messages that ended calls may still be repeated and answered.
const linger = time.Second

// farewellTime is how long providers may take over the end of a registration.
const farewellTime = 2 * time.Second

// Answers returns when all signalling has answered, so that no part of it hangs. When it has taken so long, the log says which part: whoever waits for an answer in vain ends the server. false: ctx
// ended first.
func (s *Server) Answers(ctx context.Context, late time.Duration) bool {
	return s.engine.Answers(ctx, late, func(shards []int) {
		s.log.Error("signalling hangs: its calls can neither begin nor end", "shards", shards, "for", late)
	})
}

// Shutdown drains until no call is left or ctx ends, ends the calls that remain, and closes everything. The deadline of ctx is the limit of draining; that it is
// cancelled is impatience. Every record is stored when Shutdown returns.
func (s *Server) Shutdown(ctx context.Context) error {
	calls := s.engine.Live()
	s.log.Info("stopping, new calls are refused", "calls", calls)
	s.stop()
	for lately := calls > 0; ; lately = true {
		if !over(ctx, func() bool { return s.engine.Live() > 0 }) {
			why := "drain limit reached, the remaining calls are ended"
			if errors.Is(ctx.Err(), context.Canceled) {
				why = "told not to wait, the remaining calls are ended"
			}
			s.log.Warn(why, "calls", s.engine.Live())
			s.engine.Terminate(diag.ServerShutdown)
			time.Sleep(linger)
			s.engine.Terminate(diag.ServerShutdown) // who has called for help meanwhile is not left in silence
			return s.close()
		}
		if lately {
			s.log.Info("the last call has ended")
			time.Sleep(linger) // the last one has ended just now, and its BYE may have been lost
		}
		farewell, cancel := context.WithTimeout(ctx, farewellTime)
		over(farewell, s.engine.Leaving)
		cancel()
		if s.engine.Live() == 0 { // else it is a call for help, which a server that drains may take
			return s.close()
		}
	}
}

// over waits until something is over, and tells whether that was before ctx ended.
func over(ctx context.Context, goesOn func() bool) bool {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for goesOn() {
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
		}
	}
	return true
}

// close takes everything down in the order of the data: no new messages, no shards, no media, then the records.
func (s *Server) close() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	if s.retiring != nil {
		s.retiring.Stop()
	}
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if s.transport != nil {
		errs = append(errs, s.transport.Close(ctx))
	}
	if s.engine != nil {
		s.engine.Close()
	}
	s.control.close()
	s.view.close()
	s.public.close()
	if s.rest != nil {
		s.rest()
	}
	s.undoing.Wait()
	if s.relay != nil {
		s.relay.Shutdown()
	}
	if s.resolver != nil {
		s.resolver.Close()
	}
	if s.consumer != nil {
		s.consumer.close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close(ctx))
	}
	s.ready.Store(false)
	return errors.Join(errs...)
}
