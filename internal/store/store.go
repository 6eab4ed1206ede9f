// Package store keeps call records. A record is written once, to the end of a segment, and stays there; an index beside
// each segment tells by what its calls are found and where their records lie.
//
// Put hands a record over and returns at once. A writer goroutine appends it to the segment (after that a kill -9 loses
// nothing, and every question finds it); a second one writes the index, a block of 8192 calls at a time. Blocks that a
// server could not write, or that are damaged, are made of the records: the index never knows more than they do. Calls
// that have begun and not ended are noted in a journal of their own; Open gives those that a killed server left behind
// a record with the reason [ReasonServerLost].
//
// The files of a directory:
//
//	records/000000001.records  a segment: 64 MiB or a day of records, removed as a whole when all of them are purged
//	records/000000001.index    its index: blocks, see block.go
//	records/purged             which records are purged although they are still there
//	journal/000000001.calls    calls that run
//	lock                       held by the process that writes, as the directory is
//
// When the disk is slow or stuck nothing is dropped silently. The order of giving up is:
//
//  1. The index cannot be written: records are searched without it, which is slower.
//  2. Segments cannot be written, or the directory not even be opened: records wait in memory, up to [Config.MaxQueued]. Questions are answered without them.
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
)

// ReasonServerLost is the diag id of a call whose server was killed.
const ReasonServerLost = "server-lost"

// Errors of Open and of queries.
var (
	ErrLocked   = errors.New("another process writes to this directory")
	ErrNotFound = errors.New("no such call")
)

// Config of a store. Zero values are defaults, but for Dir.
type Config struct {
	Dir       string        // created with mode 0700
	Retention time.Duration // records older than that are purged, by their end; default 60 days; negative: for ever
	MaxRows   int64         // the oldest records beyond this number are purged; 0: no limit
	MaxQueued int           // begun calls and records that may wait in memory for the disk; default 50 000
	Logger    *slog.Logger  // default: discards
	// OnAcknowledged, when not nil, is called by the writer goroutine with the new value of Acknowledged.
	// It must not block nor call the store.
	OnAcknowledged func(uint64)

	recordsSize, callsSize int64                // of segments; 0: the constants
	fsync                  func(*os.File) error // nil: (*os.File).Sync
	stuckAfter             time.Duration        // 0: the constant
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
	Written       uint64 // records written to segments; questions find them
	Duplicates    uint64 // records whose id was there already
	Slimmed       uint64 // records that lost ladder and decision because the disk was behind
	Dropped       uint64 // records lost because the disk was stuck
	DroppedBegins uint64 // begun calls that were not noted because the disk was stuck
	WriteErrors   uint64 // failed writes and syncs of segments, and of the journal; writes are repeated
	IndexErrors   uint64 // failed writes of the index (they are repeated)
	Purged        uint64
	Queued        int // waiting for the disk
	OpenCalls     int // begun, not ended
	Recovered     Recovered
}

// Recovered tells what Open found that its predecessor did not finish.
type Recovered struct {
	Records   int   // that were not in the index
	Lost      int   // begun calls without an end; each has a record now
	TornBytes int64 // unreadable bytes in segments, most often an unfinished write at the end
	TornFiles int
}

// Store is safe for concurrent use.
type Store struct {
	cfg  Config
	log  *slog.Logger
	lock []*os.File

	queue   queue
	waiters waiters
	journal *journal  // the writer's
	records recordLog // the writer's
	index   index
	sync    syncer
	opened  time.Time
	trust   trust // the indexer's

	writing, syncing stall

	put, acked, written, duplicates  atomic.Uint64
	slimmed, dropped, droppedBegins  atomic.Uint64
	writeErrors, indexErrors         atomic.Uint64
	purged                           atomic.Uint64
	openCalls                        atomic.Int64
	recovered                        Recovered // when isOpen
	wg                               sync.WaitGroup
	stopWriter, stopIndexer, stopAux chan struct{}
	abandon                          atomic.Bool           // Close ran out of time: leave the rest to the next Open
	unsynced                         atomic.Bool           // the last sync failed
	refused                          atomic.Pointer[error] // of the write that is being repeated, or of the directory; nil: none is
	isOpen                           atomic.Bool           // what open has made may be used
	closeOnce                        sync.Once
	closeErr                         error
}

// Open opens or creates the store in cfg.Dir and recovers what a killed server left. The error names the file. What the operating system refuses for now is no error:
// Waiting tells of it, until it is granted.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("store: Dir is empty")
	}
	cfg = cfg.withDefaults()
	s := &Store{
		cfg: cfg, log: cfg.Logger, opened: time.Now(),
		stopWriter: make(chan struct{}), stopIndexer: make(chan struct{}), stopAux: make(chan struct{}),
	}
	s.queue.wake = make(chan struct{}, 1)
	s.index.wake = make(chan struct{}, 1)
	s.index.dir = filepath.Join(cfg.Dir, recordsDir)
	err := s.open()
	if err != nil {
		s.release()
		if !refusedForNow(err) {
			return nil, storeError(err)
		}
		s.refuse(err)
	}
	s.wg.Add(1)
	go s.runWatch()
	if err != nil {
		s.wg.Add(1)
		go s.openLater()
	} else {
		s.run()
	}
	return s, nil
}

// run begins what needs an open store.
func (s *Store) run() {
	s.isOpen.Store(true)
	s.wg.Add(3)
	go s.runWriter()
	go s.runSync()
	go s.runIndexer()
}

// open may be repeated where it fails.
func (s *Store) open() error {
	if err := refuseOld(s.cfg.Dir); err != nil {
		return err
	}
	s.recovered = Recovered{}
	records, calls := s.index.dir, filepath.Join(s.cfg.Dir, journalDir)
	for _, dir := range []string{records, calls} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var err error
	if s.lock, err = lockDir(s.cfg.Dir); err != nil {
		return err
	}
	// What may fail comes first: what a killed server left behind is recovered once.
	had, err := numbered(calls, callSuffix)
	if err != nil {
		return err
	}
	next, err := journalNext(calls)
	if err != nil {
		return err
	}
	if err = s.index.open(&s.recovered, s.log); err != nil {
		return err
	}
	if s.journal, err = newJournal(calls, next); err != nil {
		s.journal = nil
		return err
	}
	// Numbers that were purged do not come again: their records would be hidden.
	s.records = recordLog{dir: records, next: max(s.index.lastNo(), s.index.marks.upto.segment) + 1}
	s.replay(calls, had)
	s.sync.named(calls)
	s.doubt()
	if n := len(s.index.late); n > 0 {
		s.log.Warn("files of call records have no whole index; they are read while calls are served, the latest first, and their calls are found from then on", "files", n)
		s.index.signal()
	}
	return nil
}

// doubt purges nothing for a while where the clock is far ahead of the last record.
func (s *Store) doubt() {
	last, ok := s.index.lastEnd()
	if !ok || s.cfg.Retention < 0 {
		return
	}
	if ahead := s.trust.begin(s.opened.Round(0), last); ahead > 0 {
		s.log.Warn("the last call record is old, or the clock is wrong; call records are purged when the server has run for a day, or the clock was set back", "age", ahead.Round(time.Second))
	}
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.MaxQueued <= 0 {
		c.MaxQueued = DefaultMaxQueued
	}
	if c.recordsSize == 0 {
		c.recordsSize = segmentSize
	}
	if c.callsSize == 0 {
		c.callsSize = callsSize
	}
	if c.fsync == nil {
		c.fsync = (*os.File).Sync
	}
	if c.stuckAfter == 0 {
		c.stuckAfter = stuckAfter
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Acknowledged counts the records that are safe from kill -9, in the order of Put: the first n records
// were written (or counted in Stats.Dropped).
func (s *Store) Acknowledged() uint64 { return s.acked.Load() }

// Stats counts since Open.
func (s *Store) Stats() Stats {
	return Stats{
		Put: s.put.Load(), Acknowledged: s.acked.Load(), Written: s.written.Load(), Duplicates: s.duplicates.Load(),
		Slimmed: s.slimmed.Load(), Dropped: s.dropped.Load(), DroppedBegins: s.droppedBegins.Load(),
		WriteErrors: s.writeErrors.Load(), IndexErrors: s.indexErrors.Load(), Purged: s.purged.Load(),
		Queued: s.queue.len(), OpenCalls: int(s.openCalls.Load()), Recovered: s.found(),
	}
}

func (s *Store) found() Recovered {
	if s.isOpen.Load() {
		return s.recovered
	}
	return Recovered{}
}

// Close writes everything that was put, and the index, and closes the files. When ctx ends first, ctx's error is returned
// and the next Open finishes the rest. Calls still open get their server-lost record at the next Open. Later calls return
// the first result.
func (s *Store) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Store) close(ctx context.Context) error {
	s.queue.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		close(s.stopWriter) // the writer stops the indexer when the queue is empty
		s.wg.Wait()
		s.release()
	}()
	select {
	case <-done:
		if n := s.dropped.Load(); n > 0 {
			return fmt.Errorf("store: %d records could not be written", n)
		}
		if s.unsynced.Load() {
			return errors.New("store: the last records could not be synced; a power cut may lose them")
		}
		return nil
	case <-ctx.Done():
		n, refusal := s.Waiting()
		s.abandon.Store(true)
		if refusal != nil {
			return fmt.Errorf("store: closing: %w; %d records could not be written: %w", ctx.Err(), n, refusal)
		}
		return fmt.Errorf("store: closing: %w", ctx.Err())
	}
}

// release gives the lock up.
func (s *Store) release() {
	for _, f := range s.lock {
		f.Close()
	}
	s.lock = nil
}
