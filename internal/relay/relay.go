package relay

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// Config of a relay. The zero value works.
type Config struct {
	// Workers is how many threads carry packets; 0: one per two processors, at least one.
	Workers int
	// Events receives what was noticed, from the relay's own threads. It must not block. May be nil.
	Events func(media.Event)
	// Logger for what an administrator should know; nil: slog.Default.
	Logger *slog.Logger
	// SweepInterval is how often silence is looked for; 0: one second.
	SweepInterval time.Duration
	// DSCP of sent packets (RFC 2474); 0: 46, Expedited Forwarding (RFC 3246). Negative: leave the system's.
	DSCP int
	// ReceiveBuffer is the kernel's limit of queued octets per socket; 0: the system's (net.core.rmem_default), which
	// is enough and saves a system call per port.
	ReceiveBuffer int
	// Warm is how long the sockets of a closed session stay bound for a session that opens the same ports; 0: five
	// seconds. It should exceed the quarantine of the ports. Negative: they are closed at once.
	Warm time.Duration
	// WarmSockets is at most how many; 0: 65536 or half the limit of descriptors, whichever is less.
	WarmSockets int
	// Best is the best tier that may be used; 0: the best that this process may and its kernel can.
	Best media.Tier
}

// Errors of the relay.
var (
	ErrExists  = errors.New("relay: session exists")
	ErrUnknown = errors.New("relay: no such session")
	ErrClosed  = errors.New("relay: shut down")
)

// PortError says which of our ports could not be had. The owner may try another pair.
type PortError struct {
	Local netip.AddrPort
	Err   error
}

func (e *PortError) Error() string { return "relay: port " + e.Local.String() + ": " + e.Err.Error() }

// Unwrap gives the system's error.
func (e *PortError) Unwrap() error { return e.Err }

// Relay carries the media of many sessions. All methods may be called from any goroutine.
type Relay struct {
	config  Config
	sockets *sockets
	steered *steered // nil: see unsteered
	// unsteered is why no stream is steered.
	unsteered string
	kernel    kernel
	start     time.Time // of the clock that counters keep, monotonic
	workers   []*worker
	shards    [sessionShards]sessionShard
	running   sync.RWMutex // Shutdown waits for whoever opens or updates
	closed    bool
	sweeper   sweeper
	count     gauges

	identity identity
	names    pseudonyms
	shaking  sync.WaitGroup // handshakes, and the clock
	clock    clock
	coders   coders
	reels    reels

	generation atomic.Int32
	maxQueued  int   // see flush
	mayConnect int64 // sockets, at which no more get a second one: descriptors are for calls
}

// sessionShards keeps signalling shards out of each other's way.
const sessionShards = 32

type sessionShard struct {
	mu       sync.Mutex
	sessions map[media.SessionID]*session
	peak     int // the most of them since the map was made
}

// New starts the workers.
func New(config Config) (*Relay, error) {
	r, err := newRelay(config)
	if err != nil {
		return nil, err
	}
	for _, w := range r.workers {
		go w.run()
	}
	r.sweeper.start(r, r.config.SweepInterval)
	return r, nil
}

// newRelay is a relay at rest.
func newRelay(config Config) (*Relay, error) {
	if config.Workers <= 0 {
		config.Workers = max(1, runtime.NumCPU()/2)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.SweepInterval <= 0 {
		config.SweepInterval = time.Second
	}
	if config.DSCP == 0 {
		config.DSCP = 46
	}
	if config.Warm == 0 {
		config.Warm = 5 * time.Second
	}
	limit := raiseDescriptors()
	if config.WarmSockets <= 0 {
		config.WarmSockets = int(min(limit/2, 65536))
	}
	r := &Relay{coders: newCoders(config.Logger), config: config, start: time.Now(), sockets: newSockets(config), maxQueued: maxQueued, mayConnect: int64(limit / 4)}
	var err error
	if r.identity, err = newIdentity(r.start); err != nil {
		return nil, err
	}
	if r.names, err = newPseudonyms(); err != nil {
		return nil, err
	}
	for i := range r.shards {
		r.shards[i].sessions = make(map[media.SessionID]*session)
	}
	r.openKernel() // from here on changes of routes look at all sessions
	for range config.Workers {
		w, err := newWorker(r)
		if err != nil {
			for _, w := range r.workers {
				w.release()
			}
			r.kernel.close()
			return nil, err
		}
		r.workers = append(r.workers, w)
	}
	if config.Best == media.TierSockets {
		r.unsteered = notWanted
	} else if o, err := openSteered(r); err == nil {
		r.steered = o
	} else {
		r.unsteered = err.Error()
	}
	r.lookAtRules()
	r.tellTier()
	return r, nil
}

// now is the relay's clock: nanoseconds since it started, never 0.
func (r *Relay) now() int64 { return int64(time.Since(r.start)) + 1 }

// spread mixes an id, which is often a counter or carries a shard number in its low bits.
func spread(id media.SessionID) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 >> 32 }

func (r *Relay) shard(id media.SessionID) *sessionShard { return &r.shards[spread(id)%sessionShards] }

func (r *Relay) find(id media.SessionID) *session {
	sh := r.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.sessions[id]
}

// Open binds the ports of every stream of s and starts to relay. An opaque stream gets no RTCP ports, nor does a side
// whose RTCP shares the RTP port. On error nothing stays open; a *PortError names the port that could not be had.
func (r *Relay) Open(s *media.Session) error {
	if err := check(s); err != nil {
		return err
	}
	r.running.RLock()
	defer r.running.RUnlock()
	if r.closed {
		return ErrClosed
	}
	ses := &session{id: s.ID, call: s.Call}
	ses.control.Lock()
	defer ses.control.Unlock()
	sh := r.shard(s.ID)
	sh.mu.Lock()
	if _, exists := sh.sessions[s.ID]; exists {
		sh.mu.Unlock()
		return ErrExists
	}
	sh.sessions[s.ID] = ses
	sh.peak = max(sh.peak, len(sh.sessions))
	sh.mu.Unlock()
	if err := r.apply(ses, s); err != nil {
		r.forget(ses)
		return err
	}
	r.count.sessions.Add(1)
	r.count.opened.Add(1)
	return nil
}

// Update makes the session what s says: new remotes and policies, streams appended or removed. Sockets whose local
// address stays are not touched. On error the session is as it was.
func (r *Relay) Update(s *media.Session) error {
	if err := check(s); err != nil {
		return err
	}
	r.running.RLock()
	defer r.running.RUnlock()
	ses := r.find(s.ID)
	if ses == nil {
		return ErrUnknown
	}
	ses.control.Lock()
	defer ses.control.Unlock()
	if ses.closed {
		return ErrUnknown
	}
	return r.apply(ses, s)
}

// Close ends a session and returns what it counted; false when there is none.
func (r *Relay) Close(id media.SessionID) (media.Stats, bool) {
	ses := r.find(id)
	if ses == nil {
		return media.Stats{}, false
	}
	ses.control.Lock()
	defer ses.control.Unlock()
	if ses.closed {
		return media.Stats{}, false
	}
	return r.end(ses), true
}

// Stats returns what a session counted so far.
func (r *Relay) Stats(id media.SessionID) (media.Stats, bool) {
	ses := r.find(id)
	if ses == nil {
		return media.Stats{}, false
	}
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.snapshot(r), !ses.closed
}

// Shutdown ends every session, then the workers. The relay takes no more sessions.
func (r *Relay) Shutdown() {
	r.running.Lock()
	again := r.closed
	r.closed = true
	r.running.Unlock()
	if again {
		return
	}
	r.sweeper.stop()
	for i := range r.shards {
		for _, ses := range r.shards[i].list(nil) {
			r.Close(ses.id)
		}
	}
	r.shaking.Wait()
	r.sockets.warm.shut()
	for _, w := range r.workers {
		w.stop()
	}
	if r.steered != nil {
		r.steered.close()
	}
	r.kernel.close()
}

func (sh *sessionShard) list(into []*session) []*session {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, ses := range sh.sessions {
		into = append(into, ses)
	}
	return into
}

func (r *Relay) forget(ses *session) {
	sh := r.shard(ses.id)
	sh.mu.Lock()
	delete(sh.sessions, ses.id)
	sh.mu.Unlock()
}
