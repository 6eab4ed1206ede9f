package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const candidates = 10

// hit is a call that was found.
type hit struct {
	b     *block
	row   row
	start int64
	id    string
}

// find looks through every block, newest first, for at most candidates+1 calls.
func (v *view) find(ctx context.Context, kind keyKind, what string, exact bool) ([]hit, error) {
	low, high := kind.keyRange(what, exact)
	same := func(text string) bool { return text == what || !exact && strings.HasPrefix(text, what) }
	var out []hit
	for _, b := range slices.Backward(v.blocks) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if v.marks.hideAll(b) {
			continue
		}
		err := v.keyed(b, low, high, func(c *content, i int) bool {
			r := c.row(i)
			if v.hidden(b, i, r) {
				return true
			}
			id := string(c.text(r, rowID))
			match := kind == keyID && same(id)
			if kind == keyCallID {
				// A damaged record cannot be what is looked for.
				rec, err := v.outline(b, r)
				match = err == nil && (same(rec.In.CallID) || same(rec.In.Session) || rec.Out != nil && (same(rec.Out.CallID) || same(rec.Out.Session)))
			}
			if match {
				out = append(out, hit{b: b, row: r, start: r.start(), id: id})
			}
			return len(out) <= candidates
		})
		if err != nil || len(out) > candidates {
			return out, err
		}
	}
	return out, nil
}

// Get finds a call by record id, Call-ID or Session-ID (RFC 7989) of either leg, or the unique beginning of one of them. Errors:
// ErrNotFound, *AmbiguousError.
func (r *Reader) Get(ctx context.Context, what string) (*cdr.Record, error) {
	if what == "" {
		return nil, ErrNotFound
	}
	v, err := r.view()
	if err != nil {
		return nil, storeError(err)
	}
	defer v.close()
	for _, kind := range []keyKind{keyID, keyCallID} {
		for _, exact := range []bool{true, false} {
			found, err := v.find(ctx, kind, what, exact)
			switch {
			case err != nil:
				return nil, storeError(err)
			case len(found) == 1:
				rec, err := v.record(found[0].b, found[0].row)
				return rec, storeError(err)
			case len(found) > 1:
				return nil, ambiguous(what, found)
			}
		}
	}
	return nil, notFound(what)
}

func ambiguous(what string, found []hit) error {
	e := &AmbiguousError{Prefix: what}
	for i, f := range found {
		if i == candidates {
			e.More = true
			break
		}
		e.Candidates = append(e.Candidates, f.id)
	}
	return e
}

// has tells whether a record with the id and the start is stored, purged or not.
func (s *Store) has(id string, start time.Time) (bool, error) {
	us := start.UnixMicro()
	v := s.index.view()
	defer v.close()
	return v.any(id, func(b *block) bool { return us >= b.minStart && us <= b.maxStart }, func(r row) bool { return r.start() == us })
}

// hasEnded tells whether a call that began then has its record. A clock may have been set back since by a day.
func (v *view) hasEnded(id string, start time.Time) (bool, error) {
	us := start.Add(-24 * time.Hour).UnixMicro()
	return v.any(id, func(b *block) bool { return b.maxEnd >= us }, func(row) bool { return true })
}

// any tells whether a row with the id is stored in one of the blocks.
func (v *view) any(id string, in func(*block) bool, match func(row) bool) (found bool, err error) {
	key, _ := keyID.keyRange(id, true)
	for _, b := range slices.Backward(v.blocks) {
		if !in(b) {
			continue
		}
		err = v.keyed(b, key, key, func(c *content, i int) bool {
			r := c.row(i)
			found = string(c.text(r, rowID)) == id && match(r)
			return !found
		})
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// storeError says whose error it is.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %w", err)
}

func notFound(what string) error { return fmt.Errorf("%q: %w", what, ErrNotFound) }
