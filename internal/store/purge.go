package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const marksName = "purged"

// marks tell which rows are purged. They are kept in a file, so that every reader obeys them; the records themselves
// leave the disk with their segment.
type marks struct {
	cutoff int64    // rows that ended before it (Unix microseconds),
	upto   position // and lie before this, are purged: a clock that is wrong for a while hides no later record
	floor  position // and all rows that lie before this
	// Rows that ended after future (Unix microseconds) were written by a clock that was ahead. They are as old as what lies behind them, and so
	// purged where they lie before this.
	future int64
	past   position
}

// position is before a row of a segment.
type position struct{ segment, row int }

// after tells whether a row of a block lies before the position.
func (p position) after(b *block, row int) bool {
	return b.seg.no < p.segment || b.seg.no == p.segment && b.first+row < p.row
}

// hide tells whether the row i of a block is purged.
func (m marks) hide(b *block, i int, end int64) bool {
	return end < m.cutoff && m.upto.after(b, i) || m.floor.after(b, i) || end > m.future && m.past.after(b, i)
}

// hideAll and hideNone tell that of a block without looking at its rows.
func (m marks) hideAll(b *block) bool {
	last := b.rows - 1
	return m.floor.after(b, last) || b.maxEnd < m.cutoff && m.upto.after(b, last) || b.minEnd > m.future && m.past.after(b, last)
}

func (m marks) hideNone(b *block) bool { return !m.hide(b, 0, b.minEnd) && !m.hide(b, 0, b.maxEnd) }

// readMarks has nothing purged when there are none.
func readMarks(dir string) (m marks, err error) {
	path := filepath.Join(dir, marksName)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	n, err := fmt.Sscan(string(b), &m.cutoff, &m.upto.segment, &m.upto.row, &m.floor.segment, &m.floor.row, &m.future, &m.past.segment, &m.past.row)
	if err != nil && n != 5 { // as it was before clocks that are ahead were thought of
		return m, fmt.Errorf("%s: %q is not what was purged last (eight numbers); remove the file: the next purge writes it", path, b)
	}
	return m, nil
}

func (m marks) write(dir string) error {
	return ReplaceFile(filepath.Join(dir, marksName), fmt.Appendln(nil, m.cutoff, m.upto.segment, m.upto.row, m.floor.segment, m.floor.row, m.future, m.past.segment, m.past.row))
}

// ReplaceFile puts a file in the place of another one: after a crash there is the one or the other, whole.
func ReplaceFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// purge hides what is older than Retention or beyond MaxRows and removes the segments that had nothing else at the purge before.
func (s *Store) purge(stop <-chan struct{}) {
	now := time.Now()
	trusted, set := s.trust.ask(now.Round(0), now.Sub(s.opened))
	if set > 0 {
		s.log.Warn("the clock was set ahead; call records are purged again when it has stayed so for a day, or was set back", "by", set.Round(time.Second))
	}
	if !trusted {
		return
	}
	if err := s.purgeNow(now, newPacer(stop)); err != nil {
		s.log.Error("purging call records", "err", err)
	}
}

const (
	setBy     = time.Hour // what a clock is corrected by is less
	provenFor = 24 * time.Hour
	restedFor = 7 * provenFor // a server that has taken calls has rarely had none for longer
)

// trust is what tells whether the clock may say how old records are. One that has been set ahead may be wrong, and what is purged then does not come back.
type trust struct {
	wall  time.Time
	up    time.Duration
	until time.Duration // it is not trusted
}

// begin is for a clock of which only the end of the last record is known, and by how much it is ahead of that. One that was wrong when the machine was started is not told by any step.
func (t *trust) begin(wall, last time.Time) (ahead time.Duration) {
	if ahead = wall.Sub(last); ahead <= restedFor {
		return 0
	}
	t.wall, t.until = wall, provenFor
	return ahead
}

// ask tells whether the clock, which shows wall when the store has been open for up, is trusted, and by how much it was set ahead since it was asked last.
func (t *trust) ask(wall time.Time, up time.Duration) (ok bool, set time.Duration) {
	if !t.wall.IsZero() {
		set = wall.Sub(t.wall) - (up - t.up)
	}
	t.wall, t.up = wall, up
	switch {
	case set > setBy:
		t.until = up + provenFor
		return false, set
	case set < -setBy:
		t.until = 0
	}
	return up >= t.until, 0
}

func (s *Store) purgeNow(now time.Time, pace *pacer) error {
	x := &s.index
	x.mu.Lock()
	segs, m := append([]*segment(nil), x.segs...), x.marks
	if n := len(segs); n > 0 {
		m.upto = position{segs[n-1].no, segs[n-1].rows()}
	}
	if s.cfg.Retention > 0 {
		m.cutoff = now.Add(-s.cfg.Retention).UnixMicro()
		m.believe(segs, now)
	}
	if s.cfg.MaxRows > 0 {
		m.limit(segs, s.cfg.MaxRows)
	}
	x.mu.Unlock()
	hidden, fresh := make([]int, len(segs)), 0
	var failure error
	for i, seg := range segs {
		var err error
		if hidden[i], err = x.countHidden(seg, m); err != nil {
			failure, hidden[i] = err, seg.hidden // and the others are purged all the same
		}
		fresh += hidden[i] - seg.hidden
		pace.pause()
	}
	if fresh != 0 || x.unmarked {
		err := m.write(x.dir) // not on a full disk: what is removed all the same makes room for it
		failure, x.unmarked = errors.Join(failure, err), err != nil
		s.sync.named(x.dir)
		x.mu.Lock()
		x.marks = m
		for i, seg := range segs {
			seg.hidden = hidden[i]
		}
		x.mu.Unlock()
		s.purged.Add(uint64(max(0, fresh))) // fewer when the clock was set back
	}
	return errors.Join(failure, x.removeHidden(pace))
}

// believe finds the last block of which everything is purged by its time. What lies before it and ended in the future is no younger.
func (m *marks) believe(segs []*segment, now time.Time) {
	m.future = now.Add(setBy).UnixMicro()
	for _, seg := range slices.Backward(segs) {
		for _, b := range slices.Backward(seg.blocks) {
			if b.rows > 0 && b.maxEnd < m.cutoff {
				m.past = position{seg.no, b.first + b.rows}
				return
			}
		}
	}
}

// limit moves the floor so that no more than n rows are left.
func (m *marks) limit(segs []*segment, n int64) {
	for i := len(segs) - 1; i >= 0; i-- {
		rows := int64(segs[i].rows())
		if rows >= n {
			m.floor = position{segs[i].no, int(rows - n)}
			return
		}
		n -= rows
	}
}

// countHidden is the number of rows of a segment that the marks hide. Only blocks that the marks cut are read.
func (x *index) countHidden(seg *segment, m marks) (int, error) {
	one := &index{dir: x.dir, marks: m}
	x.mu.Lock()
	one.segs = []*segment{{no: seg.no, dir: seg.dir, blocks: append([]*block(nil), seg.blocks...)}}
	if seg.tail != nil {
		tail := *seg.tail
		one.segs[0].tail = &tail
	}
	x.mu.Unlock()
	v := one.view()
	defer v.close()
	n := 0
	for _, b := range v.blocks {
		switch {
		case m.hideAll(b):
			n += b.rows
		case !m.hideNone(b):
			c, err := v.content(b)
			if err != nil {
				return 0, err
			}
			for i := range c.len() {
				if v.hidden(b, i, c.row(i)) {
					n++
				}
			}
		}
	}
	return n, nil
}

// removeHidden removes the files of the segments that the purge before took out of the index: a question that began
// before that has ended by now. Then it takes out those of which every row is purged, but never the one that is written.
func (x *index) removeHidden(pace *pacer) error {
	for len(x.doomed) > 0 {
		seg := x.doomed[0]
		if err := removeAll(seg.indexPath(), seg.recordPath()); err != nil {
			return err
		}
		x.doomed = x.doomed[1:]
		pace.rest()
	}
	for seg := x.takeHidden(); seg != nil; seg = x.takeHidden() {
		x.doomed = append(x.doomed, seg)
	}
	return nil
}

// takeHidden takes the oldest segment that is not needed any more out of the index. The index is written by the same
// goroutine, so none of its blocks is on the way to the disk.
func (x *index) takeHidden() *segment {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, seg := range x.segs {
		if !x.unneeded(i) {
			continue
		}
		for _, b := range seg.blocks {
			if b.mem != nil {
				x.memory--
			}
		}
		x.segs = append(x.segs[:i:i], x.segs[i+1:]...)
		return seg
	}
	return nil
}

// unneeded tells that every row of a segment is purged. One without a row, which holds damage only, goes with the next.
func (x *index) unneeded(i int) bool {
	seg := x.segs[i]
	if n := seg.rows(); n > 0 || seg.tail != nil {
		return seg.tail == nil && seg.hidden == n
	}
	return i+1 < len(x.segs) && x.unneeded(i+1)
}
