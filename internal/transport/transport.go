// Package transport carries SIP messages over UDP, TCP and TLS sockets, IPv4 and IPv6 (RFC 3261 §18).
//
// It frames what arrives and hands it to a Handler, and puts on the wire what Send is given. It reads no
// header: Via, the choice of transport and retransmission belong to others. Every table, queue and buffer that a peer
// can fill has a limit, and what is thrown away is counted by reason.
//
// Each UDP socket has one reader goroutine that reads batches. A connection has one reader, and a writer only while
// there is something to write.
package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Handler receives what the sockets deliver. Its methods are called from several goroutines at once
// and must not block. None is called from within Send.
type Handler interface {
	// Packet gets one message, framed but not parsed. data is valid until Packet returns.
	Packet(src sip.Source, data []byte)
	// Flush follows the last Packet or Failed of a batch, so that whoever collected them can be woken once.
	Flush()
	// Failed tells that a message was not, or perhaps not, delivered (RFC 3261 §18.4).
	Failed(callID, branch string, hop sip.Hop, err error)
}

// Verdict is the answer of Config.Allow.
type Verdict uint8

// The verdicts.
const (
	Accept  Verdict = iota
	Silent          // drop or close without any answer
	Unknown         // somebody who may not be a peer: taken, but a connection of his gives way to others when there are too many, and his TLS handshake waits for theirs
)

// Config is what New needs. Handler is required, everything else has a default.
type Config struct {
	Handler Handler
	// Allow is asked before any state exists: for each datagram, and for each connection before a byte of it is
	// read. It must be fast and must not allocate. nil accepts everybody.
	Allow func(local netip.AddrPort, t sip.Transport, remote netip.Addr) Verdict
	// AllowTLS is asked after the handshake of an accepted connection with the names of the verified
	// certificate, in lower case. nil accepts every certificate that the CA file verifies.
	AllowTLS func(local netip.AddrPort, remote netip.Addr, names []string) bool
	// Find looks up the Host of a hop: its addresses, best first, and the name that a certificate there must carry. It may wait for DNS until ctx
	// ends. nil finds nobody, and a hop leads to its Remote.
	Find func(ctx context.Context, hop *sip.Hop) (at []netip.AddrPort, name string)
	// Lost is told when a connection that we have dialled, and whose peer has spoken, is no more, but for the end of all of them by Close. Like a Handler
	// it must not block. nil: nobody listens.
	Lost   func(local netip.AddrPort, t sip.Transport, remote netip.AddrPort)
	Limits Limits
	// Messages bounds the size of a message on a stream; nil means the limits of package sip.
	Messages *sip.Limits
	DSCP     uint8        // marks the packets that we send (RFC 4594 §2.3: signalling is 40, Lync uses 24); 0: not
	Logger   *slog.Logger // nil discards
}

// Send is one message to put on the wire.
type Send struct {
	Hop  sip.Hop
	Data []byte // kept until written; must not change
	// CallID and Branch come back in Handler.Failed.
	CallID, Branch string

	again, asked bool           // it was lost with a connection before; its connection remembers it
	another      bool           // it goes by a connection that it was not meant for
	instead      netip.AddrPort // it goes to the way of its hop instead of there; not valid: it does not
}

// ListenSpec is one listener. Transport and Addr identify it: two specs that differ only in the rest are the same
// listener with new files, which the next handshake uses.
type ListenSpec struct {
	Transport sip.Transport
	Addr      netip.AddrPort
	// Cert, Key and CA are PEM files, TLS only. Cert and Key are presented on accepted and dialled connections; CA
	// verifies every peer, and without it the authorities of the system do. They are read again when their time or size changes.
	Cert, Key, CA string
	// Names are the names that the certificate should carry (server and pool); a missing one is logged.
	Names []string
}

// Errors given to Handler.Failed. Errors of the operating system and of TLS come wrapped as they are.
var (
	ErrNoListener = errors.New("transport: no listener has the local address")
	ErrFamily     = errors.New("transport: local and remote address are of different families")
	ErrQueueFull  = errors.New("transport: write queue is full")
	ErrConnLimit  = errors.New("transport: too many connections")
	ErrClosed     = errors.New("transport: connection closed")
	ErrName       = errors.New("transport: certificate does not carry an accepted name")
)

// Transport owns the sockets of one server. All methods are safe for concurrent use.
type Transport struct {
	cfg   Config
	log   *slog.Logger
	start time.Time
	rate  atomic.Pointer[rateTable] // of nil: no limit
	vain  *rateTable                // of handshakes that fail
	gate  logGate                   // of lines that peers provoke
	turns *gate                     // of signatures for who calls by TLS
	fails *failures

	dialCtx  context.Context // ends at Close
	dialStop context.CancelFunc

	udp     atomic.Pointer[map[netip.AddrPort]*udpSocket] // replaced as a whole
	streams atomic.Pointer[map[listenKey]*listener]       // replaced as a whole
	conns   connTable
	absent  absent

	mu     sync.Mutex // guards the set of listeners
	closed bool
	opened map[listenKey]opened

	accepting sync.WaitGroup // listeners and UDP readers
	running   sync.WaitGroup // connections and drains
}

// listenKey identifies a listener as it was asked for.
type listenKey struct {
	transport sip.Transport
	addr      netip.AddrPort
}

// opened is what a listenKey stands for: one of both is set.
type opened struct {
	udp    *udpSocket
	stream *listener
}

// New makes a Transport without listeners. Close must be called.
func New(cfg Config) *Transport {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	t := &Transport{cfg: cfg, log: cfg.Logger, start: time.Now(), opened: map[listenKey]opened{}}
	t.rate.Store(newRateTable(cfg.Limits.RatePerSource, cfg.Limits.RateBurst))
	t.vain = newRateTable(vainPerSecond, cfg.Limits.MaxConnsPerSource)
	t.turns = newGate()
	t.fails = newFailures(cfg.Handler)
	t.dialCtx, t.dialStop = context.WithCancel(context.Background())
	t.conns.init()
	t.udp.Store(&map[netip.AddrPort]*udpSocket{})
	t.streams.Store(&map[listenKey]*listener{})
	return t
}

// SetRate changes Limits.RatePerSource, and RateBurst to its default. Sources begin with a fresh burst.
func (t *Transport) SetRate(perSecond float64) {
	now, before := Limits{RatePerSource: perSecond}.withDefaults(), 0.0
	if r := t.rate.Load(); r != nil {
		before = r.perSecond
	}
	if perSecond != before {
		t.rate.Store(newRateTable(now.RatePerSource, now.RateBurst))
	}
}

// now is the monotonic time since New.
func (t *Transport) now() time.Duration { return time.Since(t.start) }

// Listen opens all the listeners or none.
func (t *Transport) Listen(specs []ListenSpec) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var added []listenKey
	for _, s := range specs {
		isNew, err := t.open(s)
		if err != nil {
			for _, k := range added {
				t.closeListener(k)
			}
			t.publish()
			return err
		}
		if isNew {
			added = append(added, keyOf(s))
		}
	}
	t.publish()
	return nil
}

// Reconcile makes the listeners those of specs: what is gone is closed, what is new is opened, the rest is not
// touched, and neither are established connections. A listener that cannot be opened does not keep
// the others from it; the errors are joined.
func (t *Transport) Reconcile(specs []ListenSpec) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	want := make(map[listenKey]bool, len(specs))
	for _, s := range specs {
		want[keyOf(s)] = true
	}
	for k := range t.opened {
		if !want[k] {
			t.closeListener(k)
		}
	}
	var errs []error
	for _, s := range specs {
		if _, err := t.open(s); err != nil {
			errs = append(errs, err)
		}
	}
	t.publish()
	return errors.Join(errs...)
}

func keyOf(s ListenSpec) listenKey { return listenKey{s.Transport, s.Addr} }

// open opens one listener, or gives the open one the files of s.
func (t *Transport) open(s ListenSpec) (isNew bool, err error) {
	if t.closed {
		return false, ErrClosed
	}
	k := keyOf(s)
	if o, ok := t.opened[k]; ok {
		if o.stream != nil && s.Transport == sip.TLS {
			return false, o.stream.certs.use(s)
		}
		return false, nil
	}
	var o opened
	switch s.Transport {
	case sip.UDP:
		o.udp, err = t.listenUDP(s.Addr)
	case sip.TCP, sip.TLS:
		o.stream, err = t.listenStream(s)
	default:
		err = errors.New("unknown transport")
	}
	if err != nil {
		return false, fmt.Errorf("listen on %s %s: %w", s.Transport, s.Addr, err)
	}
	t.opened[k] = o
	return true, nil
}

func (t *Transport) closeListener(k listenKey) {
	o := t.opened[k]
	delete(t.opened, k)
	if o.udp != nil {
		o.udp.close()
	}
	if o.stream != nil {
		o.stream.close()
	}
}

// publish renews the maps that senders read without a lock.
func (t *Transport) publish() {
	udp := make(map[netip.AddrPort]*udpSocket, len(t.opened))
	streams := make(map[listenKey]*listener, len(t.opened))
	for _, o := range t.opened {
		if o.udp != nil {
			udp[o.udp.local] = o.udp
		}
		if o.stream != nil {
			streams[listenKey{o.stream.transport, o.stream.local}] = o.stream
		}
	}
	t.udp.Store(&udp)
	t.streams.Store(&streams)
}

// Close closes the listeners, gives connections until ctx ends to write what is queued, closes them, and returns
// when every goroutine has ended. The Handler is not called after that. The error is that of ctx
// when something had to be cut off.
func (t *Transport) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	for k := range t.opened {
		t.closeListener(k)
	}
	t.publish()
	t.mu.Unlock()
	t.accepting.Wait()
	t.dialStop()
	err := t.conns.closeAll(ctx)
	t.running.Wait()
	t.fails.close()
	return err
}
