package store

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/directsip/directsip/internal/cdr"
)

// maxMemory is how many blocks wait in memory for being written; the content of others is built again from records.
const maxMemory = 16

// index knows where records lie.
type index struct {
	dir      string // of segments
	mu       sync.Mutex
	segs     []*segment // by number
	marks    marks
	memory   int           // blocks that are in memory only
	wake     chan struct{} // capacity 1: there are blocks to write
	doomed   []*segment    // purged; their files go when no question can see them any more
	unmarked bool          // marks could not be written
	late     []int         // numbers of segments that are still to be read, ascending; see late.go
}

// segment is a file of records and the blocks of its index, in order.
type segment struct {
	no     int
	dir    string
	blocks []*block
	tail   *builder // of the segment that is being written
	stored int64    // size of the index file
	hidden int      // rows that are purged
}

// block does not change; one that was written takes the place of the one before it.
type block struct {
	header
	seg   *segment
	first int      // number of its first row in the segment
	at    int64    // offset of its frame in the index file; -1: it is not written
	mem   *content // nil: read it, or build it
}

func (s *segment) recordPath() string { return filepath.Join(s.dir, fileName(s.no, recordSuffix)) }
func (s *segment) indexPath() string  { return filepath.Join(s.dir, fileName(s.no, indexSuffix)) }

// rows is the number of rows, purged ones included.
func (s *segment) rows() int {
	n := 0
	if k := len(s.blocks); k > 0 {
		n = s.blocks[k-1].first + s.blocks[k-1].rows
	}
	if s.tail != nil {
		n += s.tail.header.rows
	}
	return n
}

// push appends a block.
func (s *segment) push(b *block) {
	b.seg, b.first = s, 0
	if k := len(s.blocks); k > 0 {
		b.first = s.blocks[k-1].first + s.blocks[k-1].rows
	}
	s.blocks = append(s.blocks, b)
}

// loadSegment has a segment whose index may end before its records do; from there on they are scanned.
func loadSegment(dir string, no int, check bool, pace *pacer) (*segment, *scanned, error) {
	s := &segment{no: no, dir: dir}
	blocks, stored, broken := loadIndex(s.indexPath(), check) // what cannot be read of it is made of the records
	s.stored = stored
	covered := int64(0)
	for _, b := range blocks {
		s.push(b)
		covered = b.to
	}
	info, err := os.Stat(s.recordPath())
	if errors.Is(err, os.ErrNotExist) {
		return s, &scanned{missing: true}, nil // the index still tells of the calls
	}
	if err != nil || info.Size() <= covered {
		return s, &scanned{broken: broken}, err
	}
	more, err := scan(s.recordPath(), covered, info.Size(), pace)
	if err != nil {
		return s, &scanned{broken: broken}, err
	}
	more.broken = broken
	return s, more, nil
}

// open loads the index of a directory that is ours. What cannot be read of it is logged, and keeps nobody from calling; only a form of records that this
// version does not know is an error.
func (x *index) open(found *Recovered, log *slog.Logger) error {
	x.segs, x.late, x.memory, x.unmarked = nil, nil, 0, false
	var err error
	if x.marks, err = readMarks(x.dir); err != nil {
		log.Error("what was purged is not known; old call records are found until the next purge", "err", err)
		x.marks, x.unmarked = marks{}, true
	}
	list, err := numbered(x.dir, recordSuffix, indexSuffix)
	if err != nil {
		return err
	}
	for i, no := range list {
		last := i >= len(list)-2
		if !last && x.behind(no) {
			x.late = append(x.late, no)
			continue
		}
		s, more, err := loadSegment(x.dir, no, last, nil)
		if errors.As(err, new(*fs.PathError)) {
			log.Error(unreadable, "err", err)
		} else if err != nil {
			return err
		}
		found.Records += more.records
		if more.tell(s, log); more.skipped > 0 {
			found.TornBytes += more.skipped
			found.TornFiles++
		}
		for _, b := range more.blocks {
			x.push(s, b)
		}
		if s.hidden, err = x.countHidden(s, x.marks); err != nil {
			log.Error(unpurged, "segment", s.recordPath(), "err", err)
		}
		x.segs = append(x.segs, s)
	}
	return nil
}

const (
	unreadable = "a file of call records cannot be read; it stays where it is, and its calls are found as far as its index goes"
	unpurged   = "a file of call records cannot be looked through for what is purged"
)

// tell logs what is wrong with a segment.
func (more *scanned) tell(s *segment, log *slog.Logger) {
	if more.broken != nil {
		log.Error("an index of call records cannot be read; it is made of the records", "err", more.broken)
	}
	if more.missing {
		log.Error("a segment of call records is missing; only its index is left", "segment", s.recordPath(), "records", s.rows())
	}
	if more.skipped > 0 {
		log.Warn("a segment of call records has unreadable bytes; they stay where they are", "segment", s.recordPath(),
			"bytes", more.skipped, "unfinished_write", more.cut)
	}
}

// lastNo is the number of the newest segment.
func (x *index) lastNo() int {
	if len(x.segs) == 0 {
		return 0
	}
	return x.segs[len(x.segs)-1].no
}

// push makes a block of what a builder has and asks for its being written.
func (x *index) push(s *segment, b *builder) {
	blk := &block{header: b.header, at: -1}
	if x.memory < maxMemory {
		blk.mem = &b.content
		x.memory++
	}
	s.push(blk)
	x.signal()
}

func (x *index) signal() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// add takes the records that were just written.
func (x *index) add(l *recordLog) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.active(l.file.no)
	l.written(func(rec *cdr.Record, at int64, length int) {
		if s.tail.full() {
			x.push(s, s.tail)
			s.tail = newBuilder(at, &s.tail.header)
		}
		s.tail.add(rec, at, length)
	})
}

// active is the segment that is being written.
func (x *index) active(no int) *segment {
	if x.lastNo() != no {
		x.segs = append(x.segs, &segment{no: no, dir: x.dir, tail: newBuilder(0, &header{})})
	}
	return x.segs[len(x.segs)-1]
}

// seal tells that nothing more is written to the segment.
func (x *index) seal(no int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.active(no)
	if s.tail != nil && s.tail.header.rows > 0 {
		x.push(s, s.tail)
	}
	s.tail = nil
}

// unwritten has the blocks that are not on disk, oldest first.
func (x *index) unwritten() (list []*block) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.segs {
		for _, b := range slices.Backward(s.blocks) {
			if b.at >= 0 {
				break // those before it are there too
			}
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b *block) int { return cmp.Or(a.seg.no-b.seg.no, int(a.from-b.from)) })
	return list
}

// replace puts a block that was written into the place of the one in memory.
func (x *index) replace(old, b *block, stored int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.Index(old.seg.blocks, old); i >= 0 {
		old.seg.blocks[i] = b
	}
	old.seg.stored = stored
	if old.mem != nil {
		x.memory--
	}
}

// view has every block as it is now, oldest first.
func (x *index) view() *view {
	x.mu.Lock()
	defer x.mu.Unlock()
	v := &view{marks: x.marks}
	for _, s := range x.segs {
		v.blocks = append(v.blocks, s.blocks...)
		if s.tail != nil && s.tail.header.rows > 0 {
			c := s.tail.content // what is appended later is not seen through this copy
			v.blocks = append(v.blocks, &block{header: s.tail.header, seg: s, first: s.rows() - s.tail.header.rows, at: -1, mem: &c})
		}
	}
	return v
}
