package store

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	defaultLimit = 100
	maxLimit     = 10_000
)

// Reader answers questions about stored calls. It is safe for concurrent use.
type Reader struct {
	dir   string // of segments
	index *index // of a store in this process; nil: look at the directory for each question
	seen  seen
}

// OpenReadOnly opens the records of a directory whether or not a server writes to it. What a killed server wrote is
// there at once; calls that it could not end appear after it was started again.
func OpenReadOnly(dir string) (*Reader, error) {
	if err := refuseOld(dir); err != nil {
		return nil, storeError(err)
	}
	r := &Reader{dir: filepath.Join(dir, recordsDir)}
	if _, err := os.ReadDir(r.dir); err != nil {
		return nil, storeError(err)
	}
	return r, nil
}

// Last is when the last of the calls ended; the zero time where there is none.
func (r *Reader) Last() (at time.Time, err error) {
	v, err := r.view()
	if err != nil {
		return at, storeError(err)
	}
	defer v.close()
	for _, b := range v.blocks {
		if end := time.UnixMicro(b.maxEnd).UTC(); b.rows > 0 && !v.marks.hideAll(b) && end.After(at) {
			at = end
		}
	}
	return at, nil
}

// question is a filter made ready.
type question struct {
	Filter
	since, until  int64  // Unix microseconds; start in [since, until)
	head          []byte // beginning of a number; nil: any
	low, high     uint64 // keys of numbers; both 0: any
	look          bool   // the keys say too little: the numbers of the record must be looked at
	before        *hit   // only calls that are listed behind it
	trunk, reason []byte
}

func (f *Filter) question() *question {
	q := &question{Filter: *f, since: math.MinInt64, until: math.MaxInt64, trunk: []byte(f.Trunk), reason: []byte(f.Reason)}
	if !f.Since.IsZero() {
		q.since = f.Since.UnixMicro()
	}
	if !f.Until.IsZero() {
		q.until = f.Until.UnixMicro()
	}
	if q.head = f.head(); q.head == nil && f.Number != "" {
		var exact bool
		q.low, q.high, exact = numberRange(f.Number)
		q.look = !exact
	}
	return q
}

// skip tells that no row of a block is asked for.
func (q *question) skip(v *view, b *block) bool {
	return b.rows == 0 || b.maxStart < q.since || b.minStart >= q.until || q.before != nil && b.minStart > q.before.start || v.marks.hideAll(b)
}

// all tells that every row of a block is.
func (q *question) all(v *view, b *block) bool {
	return q.Number == "" && q.Trunk == "" && q.Reason == "" && !q.Failed && !q.Poor && !q.Audio && q.before == nil && b.minStart >= q.since &&
		b.maxStart < q.until && v.marks.hideNone(b)
}

// wants tells whether a row is asked for, as far as it says so itself.
func (q *question) wants(c *content, r row) bool {
	start := r.start()
	if start < q.since || start >= q.until || q.Failed && !r.failed() || q.Poor && !r.poor() || q.Audio && r.heard() {
		return false
	}
	if len(q.reason) > 0 && !bytes.Equal(c.text(r, rowReason), q.reason) {
		return false
	}
	if q.before != nil && (start > q.before.start || start == q.before.start && string(c.text(r, rowID)) >= q.before.id) {
		return false
	}
	return q.head == nil || begins(c.text(r, rowCalled), q.head) || begins(c.text(r, rowCalling), q.head)
}

func begins(text, head []byte) bool {
	return len(text) >= len(head) && bytes.EqualFold(text[:len(head)], head)
}

// rows calls each for every row of a block that is asked for.
func (q *question) rows(v *view, b *block, each func(c *content, r row)) error {
	one := func(c *content, i int) bool {
		r := c.row(i)
		if !q.wants(c, r) || v.hidden(b, i, r) {
			return true
		}
		elsewhere := len(q.trunk) > 0 && !bytes.EqualFold(c.text(r, rowIn), q.trunk) && !bytes.EqualFold(c.text(r, rowOut), q.trunk)
		if elsewhere && !r.tried() && b.version > 1 {
			return true
		}
		if q.look || elsewhere || q.Audio {
			rec, err := v.outline(b, r)
			if err != nil || q.look && !hasNumber(rec, q.Number) || elsewhere && !q.hasTrunk(rec) || q.Audio && len(rec.Audio) == 0 {
				return true // a damaged record cannot be what is looked for
			}
		}
		each(c, r)
		return true
	}
	if q.high != 0 {
		return v.keyed(b, q.low, q.high, one)
	}
	c, err := v.content(b)
	if err != nil {
		return err
	}
	for i := range c.len() {
		one(c, i)
	}
	return nil
}

// Count is the number of calls that the filter selects, without Limit and Before.
func (r *Reader) Count(ctx context.Context, f Filter) (int64, error) {
	v, err := r.view()
	if err != nil {
		return 0, storeError(err)
	}
	defer v.close()
	q, n := f.question(), int64(0)
	for _, b := range v.blocks {
		switch {
		case ctx.Err() != nil:
			return 0, storeError(ctx.Err())
		case q.skip(v, b):
		case q.all(v, b):
			n += int64(b.rows)
		default:
			if err := q.rows(v, b, func(*content, row) { n++ }); err != nil {
				return 0, storeError(err)
			}
		}
	}
	return n, nil
}

// List has the calls that the filter selects, latest start first.
func (r *Reader) List(ctx context.Context, f Filter) ([]Summary, error) {
	f.Limit = f.Most()
	v, err := r.view()
	if err != nil {
		return nil, storeError(err)
	}
	defer v.close()
	q := f.question()
	if f.Before != "" {
		at, err := v.find(ctx, keyID, f.Before, true)
		if err != nil {
			return nil, storeError(err)
		}
		if len(at) == 0 {
			return nil, notFound(f.Before)
		}
		q.before = &at[0]
	}
	hits, err := q.latest(ctx, v)
	if err != nil {
		return nil, storeError(err)
	}
	var list []Summary
	for i := range hits {
		list = append(list, v.summary(&hits[i]))
	}
	return list, nil
}

// latest has the hits of a question in order. It goes through the blocks from that with the latest start and stops
// when no other one can have a later start than those that it has.
func (q *question) latest(ctx context.Context, v *view) ([]hit, error) {
	blocks := slices.DeleteFunc(slices.Clone(v.blocks), func(b *block) bool { return q.skip(v, b) })
	slices.SortStableFunc(blocks, func(a, b *block) int { return cmp.Compare(b.maxStart, a.maxStart) })
	var best []hit
	for _, b := range blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		earliest := int64(math.MinInt64)
		if len(best) == q.Limit {
			earliest = best[len(best)-1].start
		}
		if b.maxStart < earliest {
			break
		}
		had := len(best)
		err := q.rows(v, b, func(c *content, r row) {
			if start := r.start(); start >= earliest {
				best = append(best, hit{b: b, row: r, start: start, id: string(c.text(r, rowID))})
			}
		})
		if err != nil {
			return nil, err
		}
		if len(best) > had {
			slices.SortFunc(best, func(a, b hit) int { return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(b.id, a.id)) })
			best = best[:min(len(best), q.Limit)]
		}
	}
	return best, nil
}

// summary has of a damaged record what the index knows.
func (v *view) summary(h *hit) Summary {
	rec, err := v.outline(h.b, h.row)
	if err == nil {
		return summary(rec)
	}
	s := Summary{ID: h.id, Start: time.UnixMicro(h.start).UTC(), End: time.UnixMicro(h.row.end()).UTC(), Poor: h.row.poor()}
	if c, err := v.content(h.b); err == nil {
		text := func(field int) string { return string(c.text(h.row, field)) }
		s.Called, s.Calling, s.TrunkIn, s.TrunkOut, s.Reason = text(rowCalled), text(rowCalling), text(rowIn), text(rowOut), text(rowReason)
	}
	return s
}

func summary(r *cdr.Record) Summary {
	s := Summary{ID: r.ID, Server: r.Server, Start: r.Start, Answered: r.Answered, End: r.End, Called: number(r.Called),
		Calling: number(r.Calling), User: r.User, TrunkIn: r.In.Trunk, CallIDIn: r.In.CallID, Reason: r.Reason, Status: r.Status,
		Cause: r.Cause, EndedBy: r.EndedBy, Emergency: r.Emergency, Attempts: len(r.Attempts), Tried: tried(r), FailedOn: failedOn(r), Poor: r.Poor()}
	for _, a := range r.Audio {
		s.Audio = append(s.Audio, a.From+": "+a.Cause)
	}
	if w := r.Worst(); w != nil {
		s.MOS, s.Wideband = w.MOS, w.Wideband
	}
	if r.Out != nil {
		s.TrunkOut, s.CallIDOut = r.Out.Trunk, r.Out.CallID
	}
	return s
}

func (s *Store) reader(ctx context.Context) (*Reader, error) {
	if err := s.settle(ctx); err != nil || s.isOpen.Load() {
		return &Reader{index: &s.index}, err
	}
	return OpenReadOnly(s.cfg.Dir) // what cannot be written may well be read
}

// Get is Reader.Get, of everything that was put before and that the disk takes.
func (s *Store) Get(ctx context.Context, what string) (*cdr.Record, error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	return r.Get(ctx, what)
}

// List is Reader.List, of everything that was put before and that the disk takes.
func (s *Store) List(ctx context.Context, f Filter) ([]Summary, error) {
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	return r.List(ctx, f)
}

// Count is Reader.Count, of everything that was put before and that the disk takes.
func (s *Store) Count(ctx context.Context, f Filter) (int64, error) {
	r, err := s.reader(ctx)
	if err != nil {
		return 0, err
	}
	return r.Count(ctx, f)
}
