package store

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"time"
)

// Segments whose index is missing or ends early, as in a copy without it, are read record by record: a million of them took 70 s on a
// busy machine. No call waits for that. Open reads the last two, in which the records are of calls that a killed server
// had not noted as ended, and leaves the others to the indexer; until it has read them questions do not find their calls.

// behind tells whether the index of a segment ends before its records do.
func (x *index) behind(no int) bool {
	s := &segment{no: no, dir: x.dir}
	info, err := os.Stat(s.recordPath())
	if err != nil {
		return false // loadSegment says what is wrong
	}
	blocks, _, _ := loadIndex(s.indexPath(), false)
	covered := int64(0)
	if n := len(blocks); n > 0 {
		covered = blocks[n-1].to
	}
	return covered < info.Size()
}

// Unread is how many files of records are still being read since Open: no question finds the calls in them.
func (s *Store) Unread() int {
	if !s.isOpen.Load() {
		return 0
	}
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return len(s.index.late)
}

// readLate reads the latest segment that was left, and tells whether there are more.
func (w *indexWriter) readLate() (more bool) {
	x := &w.s.index
	x.mu.Lock()
	n := len(x.late)
	if n == 0 {
		x.mu.Unlock()
		return false
	}
	no := x.late[n-1]
	x.mu.Unlock()
	w.pace.at = time.Now()
	seg, found, err := loadSegment(x.dir, no, true, w.pace)
	if errors.Is(err, errStopped) {
		return false // the next Open goes on
	}
	if err != nil {
		w.s.log.Error(unreadable, "err", err)
	}
	found.tell(seg, w.s.log)
	if err := x.insert(seg, found); err != nil {
		w.s.log.Error(unpurged, "segment", seg.recordPath(), "err", err)
	}
	x.mu.Lock()
	x.late = slices.DeleteFunc(x.late, func(l int) bool { return l == no })
	n = len(x.late)
	x.mu.Unlock()
	w.s.waiters.progress()
	if n == 0 {
		w.s.log.Info("all call records are found again")
	}
	return n > 0
}

// insert puts a segment that was read in its place among the others.
func (x *index) insert(s *segment, found *scanned) error {
	x.mu.Lock()
	for _, b := range found.blocks {
		x.push(s, b)
	}
	marks := x.marks
	x.mu.Unlock()
	hidden, err := x.countHidden(s, marks)
	x.mu.Lock()
	defer x.mu.Unlock()
	s.hidden = hidden
	at, _ := slices.BinarySearchFunc(x.segs, s.no, func(o *segment, no int) int { return cmp.Compare(o.no, no) })
	x.segs = slices.Insert(x.segs, at, s)
	return err
}
