// Package engine runs the user agent cores: N shards, each with one goroutine, one timer and one Out. A message goes to the shard
// that its Call-ID hashes to; for legs that we begin, Call-IDs are drawn until they hash to the own shard, so both legs of
// a call live together and no call is ever locked.
package engine

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	crand "crypto/rand"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/relay"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
	"github.com/directsip/directsip/internal/txn"
	"github.com/directsip/directsip/internal/ua"
)

// Config of an Engine.
type Config struct {
	Server    string // name in the document
	Snapshot  *topology.Snapshot
	Shards    int    // 0: one
	Transport Sender // or by Attach
	Relay     *relay.Relay
	Resolver  *resolve.Resolver
	Records   *store.Store
	Logger    *slog.Logger
	UserAgent string
	Timers    *txn.Timers // nil: RFC 3261
	// Explain sees every record before it is kept; nil: nobody. It is called by shards and must not block. What it returns may ask the host about the call, while no shard waits: the
	// record that comes of that is kept in place of the other. nil: nothing is to be asked.
	Explain func(*cdr.Record) func() *cdr.Record
	// Ended sees every record; nil: nobody. It is called by shards and must not block.
	Ended func(*cdr.Record)
	// Quarantine is how long a media port rests before it is used again; 0: 2 s.
	Quarantine time.Duration
	// MaxLag is how long a message may wait for its shard before new calls are refused with 503; 0: 100 ms.
	MaxLag time.Duration
	// Refresh is how often the names of gateways are looked up; 0: 30 s.
	Refresh time.Duration
}

// Sender puts messages on the wire without blocking; *transport.Transport is one.
type Sender interface{ Send([]transport.Send) }

// Engine is the shards of one server.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	board  Board
	ports  *ports
	shards []*shard
	seed   maphash.Seed

	nonceKey  [32]byte // of the nonces that peers are challenged with
	guesses   guesses
	strangers strangers
	silent    lately // addresses that took no request
	noTCP     lately // … and no connection
	looks     looks

	applying sync.Mutex // one change of docs at a time
	docs     atomic.Pointer[[]document]
	names    names
	addrs    atomic.Pointer[hosts] // of gateways given by name
	relearn  chan struct{}

	closed atomic.Bool
	once   sync.Once
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
	drain  atomic.Bool

	malformed, shed, dropped, faults atomic.Uint64
}

// New makes an Engine; Start begins its work.
func New(cfg Config) (*Engine, error) {
	server := cfg.Snapshot.ServerByName(cfg.Server)
	if server == nil {
		return nil, &UnknownServerError{cfg.Server, cfg.Snapshot}
	}
	if cfg.Shards <= 0 {
		cfg.Shards = 1
	}
	if cfg.Quarantine <= 0 {
		cfg.Quarantine = 2 * time.Second
	}
	if cfg.MaxLag <= 0 {
		cfg.MaxLag = 100 * time.Millisecond
	}
	if cfg.Refresh <= 0 {
		cfg.Refresh = refresh
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, log: cfg.Logger, seed: maphash.MakeSeed(), relearn: make(chan struct{}, 1)}
	crand.Read(e.nonceKey[:])
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.docs.Store(&[]document{{snap: cfg.Snapshot, server: server}})
	e.addrs.Store(new(hosts))
	e.board.Configure(cfg.Snapshot, server)
	e.board.crowded = func(t *topology.Trunk, calls int) {
		e.log.Warn("trunk is nearly full", "trunk", t.Name, "calls", calls, "maxCalls", t.Settings.MaxCalls)
	}
	e.ports = newPorts(server, cfg.Quarantine, firstPort(server, rand.Uint64()))
	e.ports.keep(keptPorts(cfg.Snapshot, server))
	for i := range cfg.Shards {
		e.shards = append(e.shards, e.newShard(i, server))
	}
	return e, nil
}

func (e *Engine) newShard(i int, server *topology.Server) *shard {
	var seed [32]byte
	crand.Read(seed[:])
	s := &shard{e: e, index: i, box: newMailbox(), done: make(chan struct{})}
	rnd := rand.New(rand.NewChaCha8(seed))
	s.env = &b2bua.Env{Server: server, Rand: rnd, Ports: e.ports, State: e.board.View(), Limits: &e.board, Timers: e.cfg.Timers, UserAgent: e.cfg.UserAgent,
		Binding: e.board.Binding, Silent: &e.silent, NoTCP: &e.noTCP}
	if e.cfg.Relay != nil {
		s.env.Fingerprint = e.cfg.Relay.Fingerprint()
		s.env.Opus = e.cfg.Relay.Opus()
	}
	s.env.CallID = func() string {
		for {
			id := b2bua.Token(rnd, 20)
			if e.shardOf(id) == s {
				return id
			}
		}
	}
	s.core = ua.New(ua.Config{Env: s.env, Snapshot: e.cfg.Snapshot, Shard: i, Shards: e.cfg.Shards,
		Mine: func(callID string) bool { return e.shardOf(callID) == s }, Resolved: e.resolved,
		Health: e.health, Registered: e.registered, NonceKey: e.nonceKey[:], Guesses: &e.guesses, Guessing: e.guessing, Unproven: e.unproven, Stranger: e.stranger}, time.Now())
	s.stats.Store(&ua.Counts{})
	return s
}

// Attach gives the engine its way out, before Start.
func (e *Engine) Attach(t Sender) { e.cfg.Transport = t }

// Start begins to take messages.
func (e *Engine) Start() {
	for _, s := range e.shards {
		go s.run()
		s.box.post(func(time.Time, *ua.Core, *ua.Out) {})
	}
	e.wg.Add(1)
	go e.watchNames()
}

// Close stops the shards. Calls that still run are not ended: see Terminate.
func (e *Engine) Close() {
	e.once.Do(func() {
		e.cancel()
		e.closed.Store(true)
	})
	for _, s := range e.shards {
		s.box.ring()
		<-s.done
	}
	e.wg.Wait()
}

// shardOf is the shard that owns a Call-ID.
func (e *Engine) shardOf(callID string) *shard {
	if len(e.shards) == 1 {
		return e.shards[0]
	}
	return e.shards[maphash.String(e.seed, callID)%uint64(e.cfg.Shards)]
}

// Packet is transport.Handler: it parses a message and puts it in front of its shard.
func (e *Engine) Packet(src sip.Source, data []byte) {
	defer e.caught("parse", src)
	m, err := sip.Parse(data, nil)
	if err != nil {
		e.malformed.Add(1)
		if m != nil && m.IsRequest() && m.Method != "ACK" {
			e.answerFault(src, m, 400, err.Error())
		}
		return
	}
	if f := m.Validate(); f != nil {
		e.malformed.Add(1)
		if m.IsRequest() && m.Method != "ACK" {
			e.answerFault(src, m, f.Status, f.Why)
		}
		return
	}
	s := e.shardOf(m.CallID())
	verdict := e.admit(s.box, src, m)
	if verdict == take {
		verdict = e.admitThere(src, m)
	}
	switch verdict {
	case take:
		s.box.put(input{msg: m, src: src, at: time.Now(), size: len(data)})
	case refuse:
		e.shed.Add(1)
		m.FixTopVia(src.Remote)
		e.send(src, m, ua.Refusal(m, diag.Overload, 0, ""))
	case drop:
		e.dropped.Add(1)
	}
}

// caught keeps a fault of ours that one message provokes from ending the process.
func (e *Engine) caught(where string, src sip.Source) {
	if fault := recover(); fault != nil {
		e.faults.Add(1)
		e.log.Error("fault in directsip, please report it", "where", where, "from", src.Remote, "fault", fault, "stack", string(debug.Stack()))
	}
}

// Flush is transport.Handler.
func (e *Engine) Flush() {
	for _, s := range e.shards {
		s.box.signal()
	}
}

// Failed is transport.Handler.
func (e *Engine) Failed(callID, branch string, hop sip.Hop, err error) {
	what, tell := "message not sent", (*ua.Core).SendFailed
	if _, ok := errors.AsType[*transport.ICMPError](err); ok {
		what, tell = "message not delivered", (*ua.Core).Undelivered
	}
	e.log.Debug(what, "callId", callID, "to", hop.Remote, "transport", hop.Transport, "err", err)
	e.shardOf(callID).box.put(input{run: func(now time.Time, c *ua.Core, out *ua.Out) { tell(c, now, callID, branch, err.Error(), out) }})
}

// answerFault answers a request that cannot be read, if it says where to.
func (e *Engine) answerFault(src sip.Source, m *sip.Message, status int, why string) {
	if src.Transport == sip.UDP && !m.Has(sip.IDVia) {
		return
	}
	m.FixTopVia(src.Remote)
	e.send(src, m, ua.Refusal(m, diag.BadRequest, status, why))
}

func (e *Engine) send(src sip.Source, m, r *sip.Message) {
	e.cfg.Transport.Send([]transport.Send{{Hop: b2bua.Back(src, m), Data: r.Append(nil)}})
}

// MediaEvent is relay.Config.Events.
func (e *Engine) MediaEvent(ev media.Event) {
	if ev.Kind != media.EventDead && ev.Kind != media.EventPlayed && ev.Kind != media.EventKey {
		return
	}
	e.shardWith(ev.Session).box.post(func(now time.Time, c *ua.Core, out *ua.Out) { c.MediaEvent(now, ev, out) })
}

// configure gives the shards a document.
func (e *Engine) configure(snap *topology.Snapshot, server *topology.Server, v *view, newPorts bool) {
	if newPorts {
		e.ports.move(server, e.cfg.Quarantine)
	}
	e.ports.keep(keptPorts(snap, server))
	for _, s := range e.shards {
		s.box.post(func(now time.Time, c *ua.Core, _ *ua.Out) {
			s.env.State = v
			c.Configure(now, snap)
		})
	}
}

// health is called by a shard when a trunk that it watches has changed.
func (e *Engine) health(t *topology.Trunk, ev health.Event, st health.Status) {
	e.board.publish(t, st)
	if ev.Changed() {
		level := slog.LevelWarn
		if ev.To < ev.From { // better
			level = slog.LevelInfo
		}
		e.log.Log(context.Background(), level, "trunk state", "trunk", t.Name, "from", ev.From.String(), "to", ev.To.String(), "why", ev.Why)
		e.tellRoutes(e.Snapshot(), t, ev)
	}
}

// finished takes the record of a call.
func (e *Engine) finished(r *cdr.Record) {
	if e.cfg.Explain != nil {
		if ask := e.cfg.Explain(r); ask != nil {
			e.wg.Go(func() { e.keep(ask()) })
			return
		}
	}
	e.keep(r)
}

func (e *Engine) keep(r *cdr.Record) {
	e.cfg.Records.Put(r)
	if e.cfg.Ended != nil {
		e.cfg.Ended(r)
	}
	level := slog.LevelDebug
	if r.Answered.IsZero() && r.EndedBy == "directsip" {
		level = slog.LevelInfo
	}
	if e.log.Enabled(e.ctx, level) {
		e.log.Log(e.ctx, level, "call ended", "id", r.ID, "callId", r.In.CallID, "from", r.Calling.Received, "to", r.Called.Received,
			"trunk", r.In.Trunk, "status", r.Status, "reason", r.Reason, "by", r.EndedBy, "detail", r.Detail)
	}
}

// UnknownServerError says that the document has no such server.
type UnknownServerError struct {
	Server string
	snap   *topology.Snapshot
}

func (u *UnknownServerError) Error() string {
	text := "the document has no server \"" + u.Server + "\"; it has"
	for i, s := range u.snap.Servers {
		if i > 0 {
			text += ","
		}
		text += " " + s.Name
	}
	return text
}
