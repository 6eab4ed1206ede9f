package store

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/directsip/directsip/internal/cdr"
)

// pending is what lies between writer, syncer and inserter: journalled records that SQLite does not have yet,
// and files to sync, close and remove.
type pending struct {
	mu     sync.Mutex
	segs   []*recordSegment // oldest first; the last one is being written
	bytes  int              // journalled, not inserted
	held   int              // of these, in memory
	count  int              // records
	sizes  [2]int           // bytes and records of the last chunk, to guess the next
	wake   chan struct{}    // capacity 1: something to insert
	moved  chan struct{}    // closed and replaced when done grows; nil when nobody waits
	done   uint64           // records put that SQLite has, in order of Put
	dirty  []*os.File
	closes []*os.File
	remove []string
}

// recordSegment is a record segment and what of it is not in SQLite.
type recordSegment struct {
	file   *logFile
	size   int64 // written
	chunks []chunk
	sealed bool
	bad    bool // some of it could not be read back; the file is kept aside
}

// chunk is what one write put into a segment.
type chunk struct {
	at   int64 // offset in the segment
	size int
	seq  uint64 // records put up to its last one
	n    int
	recs []*cdr.Record // nil: read them from the file
	data []byte        // frames of recs
	ends []int         // end of each frame in data
}

// guess is the room for n records.
func (p *pending) guess(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sizes[1] == 0 {
		return n * 5000
	}
	return n*(p.sizes[0]/p.sizes[1]+64) + 4096
}

// add takes a chunk that was just written to the end of file l.
func (p *pending) add(s *Store, l *logFile, c chunk) {
	c.size, c.n = len(c.data), len(c.recs)
	c.at = l.size - int64(c.size)
	p.mu.Lock()
	p.sizes = [2]int{c.size, c.n}
	if len(p.segs) == 0 || p.segs[len(p.segs)-1].file != l {
		p.segs = append(p.segs, &recordSegment{file: l})
	}
	p.bytes += c.size
	p.count += c.n
	if p.held+c.size > s.cfg.MaxPending {
		c.recs, c.data, c.ends = nil, nil, nil
	} else {
		p.held += c.size
	}
	seg := p.segs[len(p.segs)-1]
	seg.chunks = append(seg.chunks, c)
	seg.size = l.size
	p.mu.Unlock()
	p.signal()
}

func (p *pending) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// seal tells that nothing more is written to l.
func (p *pending) seal(l *logFile) {
	p.mu.Lock()
	for _, seg := range p.segs {
		if seg.file == l {
			seg.sealed = true
			p.mu.Unlock()
			p.signal()
			return
		}
	}
	p.segs = append(p.segs, &recordSegment{file: l, sealed: true})
	p.mu.Unlock()
	p.signal()
}

// first has the chunks to insert next, up to about limit records, and their segment. It stays pending until
// inserted is called.
func (p *pending) first(limit int) (seg *recordSegment, chunks []chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, seg = range p.segs {
		n := 0
		for i, c := range seg.chunks {
			n += c.n
			if n >= limit {
				return seg, seg.chunks[:i+1]
			}
		}
		if len(seg.chunks) > 0 {
			return seg, seg.chunks
		}
	}
	return nil, nil
}

// inserted forgets the first n chunks of seg.
func (p *pending) inserted(seg *recordSegment, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range seg.chunks[:n] {
		p.bytes -= c.size
		p.count -= c.n
		if c.data != nil {
			p.held -= c.size
		}
		p.done = c.seq
	}
	seg.chunks = slices.Delete(seg.chunks, 0, n)
	p.notify()
}

// finished takes out the sealed segments of which SQLite has everything.
func (p *pending) finished() (out []*recordSegment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.segs) > 0 && p.segs[0].sealed && len(p.segs[0].chunks) == 0 {
		out = append(out, p.segs[0])
		p.segs = p.segs[1:]
	}
	return out
}

// waiting is the number of records that SQLite does not have.
func (p *pending) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// touch asks for a sync.
func (p *pending) touch(files ...*logFile) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range files {
		if !slices.Contains(p.dirty, l.f) {
			p.dirty = append(p.dirty, l.f)
		}
	}
}

// finish asks for a last sync and for closing f, and for removing path after everything dirty was synced.
func (p *pending) finish(f *os.File, remove string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f != nil {
		if !slices.Contains(p.dirty, f) {
			p.dirty = append(p.dirty, f)
		}
		p.closes = append(p.closes, f)
	}
	if remove != "" {
		p.remove = append(p.remove, remove)
	}
}

func (p *pending) takeDirty() (dirty, closes []*os.File, remove []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	dirty, closes, remove = p.dirty, p.closes, p.remove
	p.dirty, p.closes, p.remove = nil, nil, nil
	return dirty, closes, remove
}

// keep asks again for a removal that could not be done.
func (p *pending) keep(remove []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove = append(p.remove, remove...)
}

// hurry is nil when SQLite has the first seq records that were put. Else it makes the inserter hurry and
// returns a channel that is closed when there is progress.
func (p *pending) hurry(seq uint64, acked *atomic.Uint64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done >= seq || p.count == 0 && acked.Load() >= seq {
		return nil
	}
	if p.moved == nil {
		p.moved = make(chan struct{})
	}
	p.signal()
	return p.moved
}

// hurried tells that somebody waits.
func (p *pending) hurried() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved != nil
}

// progress lets those who wait look again.
func (p *pending) progress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notify()
}

func (p *pending) notify() {
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}
