// Package store keeps call records: a journal file first, SQLite behind it.
//
// Put hands a record over and returns at once. A writer goroutine appends it to a journal (after that a
// kill -9 loses nothing), a second one moves journalled records into SQLite in batches and removes journal
// segments that are no longer needed. Open replays what a killed server left behind; calls that had begun
// and never ended get a record with the reason [ReasonServerLost].
//
// When the disk is slow or stuck nothing is dropped silently. The order of giving up is:
//
//  1. SQLite is slow: records wait in the journal; beyond [Config.MaxPending] only there, not in memory.
//  2. The journal cannot be written: records wait in memory, up to [Config.MaxQueued].
//  3. Above half of MaxQueued the ladder and the decision are left out of records (Stats.Slimmed).
//  4. Above MaxQueued records are dropped (Stats.Dropped). 3 and 4 are logged once a second.
//
// Only one process may have a directory open for writing; any number may read it with [OpenReadOnly].
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// Defaults of Config.
const (
	DefaultRetention = 60 * 24 * time.Hour // as Lync's Set-CsCdrConfiguration -KeepCallDetailForDays
	DefaultMaxQueued = 50_000
	DefaultPending   = 64 << 20
)

// ReasonServerLost is the diag id of a call whose server was killed.
const ReasonServerLost = "server-lost"

// Errors of Open and of queries.
var (
	ErrLocked   = errors.New("another process writes to this directory")
	ErrNotFound = errors.New("no such call")
	ErrClosed   = errors.New("store is closed")
)

// Config of a store. Zero values are defaults, but for Dir.
type Config struct {
	Dir       string        // created with mode 0700
	Retention time.Duration // records older than that are purged, by their end; default 60 days; negative: for ever
	MaxRows   int64         // the oldest records beyond this number are purged; 0: no limit
	MaxQueued int           // begun calls and records that may wait in memory for the journal; default 50 000
	// MaxPending bounds the bytes of journalled records that are kept in memory until SQLite has them;
	// beyond it they are read back from the journal. Default 64 MiB.
	MaxPending int
	Logger     *slog.Logger // default: discards
	// OnAcknowledged, when not nil, is called by the writer goroutine with the new value of Acknowledged.
	// It must not block nor call the store.
	OnAcknowledged func(uint64)

	recordsSize, callsSize int64 // of journal segments; 0: the constants
}

// Opened is what is known of a call when its INVITE arrives (or later: a second Begin replaces the first).
// It becomes a record only when the server dies before Put.
type Opened struct {
	Server   string
	Pool     string
	Version  string
	Start    time.Time
	Answered time.Time // zero: not yet
	In       cdr.Leg
	Out      *cdr.Leg
	Called   cdr.Number
	Calling  cdr.Number
}

// Stats counts since Open.
type Stats struct {
	Put           uint64 // records taken
	Acknowledged  uint64 // see Store.Acknowledged
	Inserted      uint64 // records in SQLite
	Duplicates    uint64 // records whose id was there already
	Slimmed       uint64 // records that lost ladder and decision because the journal was behind
	Dropped       uint64 // records lost because the journal was stuck
	DroppedBegins uint64 // begun calls that were not noted because the journal was stuck
	JournalErrors uint64 // failed writes and syncs of the journal (they are repeated)
	InsertErrors  uint64 // failed SQLite transactions (they are repeated)
	Purged        uint64
	Queued        int // waiting for the journal
	Pending       int // bytes journalled and not yet in SQLite
	OpenCalls     int // begun, not ended
	Recovered     Recovered
}

// Recovered tells what Open found in the journal.
type Recovered struct {
	Records    int   // journalled records that were not yet known to be in SQLite
	Lost       int   // begun calls without an end; each has a record now
	TornBytes  int64 // unreadable bytes at the end of segments, kept as *.torn
	TornFiles  int
	Duplicates int // of Records: in SQLite already
}

// Store is safe for concurrent use.
type Store struct {
	cfg  Config
	log  *slog.Logger
	lock *os.File
	db   *database

	queue   queue
	journal *journal
	pend    pending

	put, acked, inserted, duplicates  atomic.Uint64
	slimmed, dropped, droppedBegins   atomic.Uint64
	journalErrors, insertErrors       atomic.Uint64
	purged                            atomic.Uint64
	openCalls                         atomic.Int64
	recovered                         Recovered
	wg                                sync.WaitGroup
	stopWriter, stopInserter, stopAux chan struct{}
	abandon                           atomic.Bool // Close ran out of time: leave the rest to the next replay
	closeOnce                         sync.Once
	closeErr                          error
}

// Open opens or creates the store in cfg.Dir and replays its journal. The error names the file.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("store: Dir is empty")
	}
	cfg = cfg.withDefaults()
	s := &Store{
		cfg: cfg, log: cfg.Logger,
		stopWriter: make(chan struct{}), stopInserter: make(chan struct{}), stopAux: make(chan struct{}),
	}
	s.queue.wake = make(chan struct{}, 1)
	s.pend.wake = make(chan struct{}, 1)
	if err := s.open(); err != nil {
		s.release()
		return nil, fmt.Errorf("store: %w", err)
	}
	s.wg.Add(4)
	go s.runWriter()
	go s.runSync()
	go s.runInserter()
	go s.runWatch()
	return s, nil
}

func (s *Store) open() error {
	dir := filepath.Join(s.cfg.Dir, journalDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockDir(s.cfg.Dir); err != nil {
		return err
	}
	if s.db, err = openDatabase(s.cfg.Dir); err != nil {
		return err
	}
	if err = s.replay(dir); err != nil {
		return err
	}
	s.journal, err = newJournal(dir, s.recoveredNext(dir))
	return err
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.MaxQueued <= 0 {
		c.MaxQueued = DefaultMaxQueued
	}
	if c.MaxPending <= 0 {
		c.MaxPending = DefaultPending
	}
	if c.recordsSize == 0 {
		c.recordsSize = segmentSize
	}
	if c.callsSize == 0 {
		c.callsSize = callsSize
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Acknowledged counts the records that are safe from kill -9, in the order of Put: the first n records
// were journalled (or counted in Stats.Dropped).
func (s *Store) Acknowledged() uint64 { return s.acked.Load() }

// Stats counts since Open.
func (s *Store) Stats() Stats {
	s.pend.mu.Lock()
	bytes := s.pend.bytes
	s.pend.mu.Unlock()
	return Stats{
		Put: s.put.Load(), Acknowledged: s.acked.Load(), Inserted: s.inserted.Load(), Duplicates: s.duplicates.Load(),
		Slimmed: s.slimmed.Load(), Dropped: s.dropped.Load(), DroppedBegins: s.droppedBegins.Load(),
		JournalErrors: s.journalErrors.Load(), InsertErrors: s.insertErrors.Load(), Purged: s.purged.Load(),
		Queued: s.queue.len(), Pending: bytes, OpenCalls: int(s.openCalls.Load()), Recovered: s.recovered,
	}
}

// Close journals and inserts everything that was put and closes the files. When ctx ends first, what is
// journalled stays for the next Open and ctx's error is returned. Calls still open get their server-lost
// record at the next Open. Later calls return the first result.
func (s *Store) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Store) close(ctx context.Context) error {
	s.queue.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		close(s.stopWriter) // the writer stops the inserter when the queue is empty
		s.wg.Wait()
		s.release()
	}()
	select {
	case <-done:
		if n := s.dropped.Load(); n > 0 {
			return fmt.Errorf("store: %d records could not be written", n)
		}
		return nil
	case <-ctx.Done():
		s.abandon.Store(true)
		return fmt.Errorf("store: closing: %w", ctx.Err())
	}
}

// release closes files, in the reverse order of open.
func (s *Store) release() {
	if s.db != nil {
		if err := s.db.close(); err != nil {
			s.log.Error("closing the call record database", "err", err)
		}
	}
	if s.lock != nil {
		s.lock.Close()
	}
}
