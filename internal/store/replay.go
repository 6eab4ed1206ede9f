package store

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// recovery collects what the journal of a stopped server says.
type recovery struct {
	open  map[string]*cdr.Record
	alive time.Time // the latest moment that the journal knows of
	paths []string
}

// replay moves the journal into SQLite, makes records of calls that never ended, and removes the journal. It
// may be interrupted at any point and repeated: rows are unique by start and id.
func (s *Store) replay(dir string) error {
	r := recovery{open: map[string]*cdr.Record{}}
	calls, err := segments(dir, callSuffix)
	if err != nil {
		return err
	}
	for _, path := range calls {
		if err := s.replayCalls(&r, path); err != nil {
			return err
		}
	}
	records, err := segments(dir, recordSuffix)
	if err != nil {
		return err
	}
	for _, path := range records {
		if err := s.replayRecords(&r, path); err != nil {
			return err
		}
	}
	if err := s.replayLost(&r); err != nil {
		return err
	}
	s.recovered.Records += int(s.inserted.Swap(0)) - s.recovered.Lost
	s.recovered.Duplicates += int(s.duplicates.Swap(0))
	if len(r.paths) == 0 {
		return nil
	}
	if err := s.db.sync(); err != nil {
		return err
	}
	for _, path := range r.paths {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if rec := s.recovered; rec.Records+rec.Lost+int(rec.TornBytes) > 0 {
		s.log.Info("call journal replayed", "records", rec.Records, "lost_calls", rec.Lost, "torn_bytes", rec.TornBytes)
	}
	return syncDir(dir)
}

// read loads a segment; torn bytes are counted, and kept aside unless they are just an unfinished write.
func (s *Store) read(r *recovery, path string, each func(frameKind, []byte)) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	skipped, cut := frames(b, each)
	r.paths = append(r.paths, path)
	if skipped == 0 {
		return nil
	}
	s.recovered.TornBytes += int64(skipped)
	s.recovered.TornFiles++
	s.log.Warn("call journal segment has unreadable bytes", "segment", path, "bytes", skipped, "unfinished_write", cut)
	if cut {
		return nil
	}
	return os.WriteFile(path+".torn", b, 0o600)
}

func (s *Store) replayCalls(r *recovery, path string) error {
	return s.read(r, path, func(kind frameKind, payload []byte) {
		switch kind {
		case frameBegin:
			if rec, err := cdr.DecodeBinary(payload); err == nil {
				r.open[rec.ID] = rec
				r.seen(rec.Start)
				r.seen(rec.Answered)
			}
		case frameEnd:
			delete(r.open, string(payload))
		case frameAlive:
			if len(payload) == 8 {
				r.seen(time.Unix(0, int64(binary.LittleEndian.Uint64(payload))).UTC())
			}
		}
	})
}

func (s *Store) replayRecords(r *recovery, path string) error {
	var rows []row
	bad := 0
	err := s.read(r, path, func(kind frameKind, payload []byte) {
		if kind != frameRecord {
			return
		}
		rec, err := cdr.DecodeBinary(payload)
		if err != nil {
			bad++
			return
		}
		delete(r.open, rec.ID)
		r.seen(rec.End)
		rows = append(rows, row{rec: rec, stored: payload})
	})
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%s: %d records are not of this version's form", path, bad)
	}
	for batch := range slices.Chunk(rows, insertBatch) {
		if err := s.insertRows(batch, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) seen(t time.Time) {
	if t.After(r.alive) {
		r.alive = t
	}
}

// replayLost makes the records of calls that the dead server could not finish.
func (s *Store) replayLost(r *recovery) error {
	ids := make([]string, 0, len(r.open))
	for id := range r.open {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return r.open[a].Start.Compare(r.open[b].Start) })
	var rows []row
	for _, id := range ids {
		known, err := s.db.hasID(id)
		if err != nil {
			return err
		}
		if known {
			continue // its record was written, the note of its end was not
		}
		rec := r.open[id]
		rec.End = rec.Start
		if r.alive.After(rec.Start) {
			rec.End = r.alive
		}
		rec.Reason = ReasonServerLost
		rec.EndedBy = "directsip"
		rec.Detail = "the server stopped without ending the call; the end is the last moment at which it is known to have lived"
		if !rec.Answered.IsZero() {
			rec.Status = 200
		}
		rows = append(rows, row{rec: rec, stored: rec.AppendBinary(nil)})
	}
	for batch := range slices.Chunk(rows, insertBatch) {
		if err := s.insertRows(batch, nil); err != nil {
			return err
		}
	}
	s.recovered.Lost = len(rows)
	return nil
}

// recoveredNext is a segment number above all that were ever used, kept ones included.
func (s *Store) recoveredNext(dir string) int {
	next := 1
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			next = max(next, segmentNo(e.Name())+1)
		}
	}
	return next
}
