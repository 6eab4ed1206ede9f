package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	defaultLimit = 100
	maxLimit     = 10_000
	candidates   = 10
	bucketStep   = 64 // buckets that one query looks through
)

// Reader answers questions about stored calls. It is safe for concurrent use.
type Reader struct {
	db *sql.DB
}

// OpenReadOnly opens the records of a directory whether or not a server writes to it. Records that a killed
// server left in its journal appear only after it was started again.
func OpenReadOnly(dir string) (*Reader, error) {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := sql.Open("sqlite", source(path, "ro", "busy_timeout(5000)", "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var version int
	if err = db.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM call LIMIT 1)`).Scan(&version); err != nil {
		db.Close()
		// Without the right to create the shared-memory file beside a database that nobody has open.
		db, err = sql.Open("sqlite", source(path, "ro", "query_only(1)")+"&immutable=1")
		if err == nil {
			err = db.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM call LIMIT 1)`).Scan(&version)
		}
		if err != nil {
			return nil, fmt.Errorf("store: %s: %w", path, err)
		}
	}
	db.SetMaxOpenConns(4)
	return &Reader{db: db}, nil
}

// Close ends the reader.
func (r *Reader) Close() error { return r.db.Close() }

// Get finds a call by record id, Call-ID of either leg, or the unique beginning of one of them. Errors:
// ErrNotFound, *AmbiguousError.
func (r *Reader) Get(ctx context.Context, what string) (*cdr.Record, error) {
	if what == "" {
		return nil, ErrNotFound
	}
	for _, kind := range []keyKind{keyID, keyCallID} {
		for _, exact := range []bool{true, false} {
			recs, err := r.find(ctx, kind, what, exact)
			if err != nil {
				return nil, fmt.Errorf("store: %w", err)
			}
			if len(recs) == 1 {
				return r.load(ctx, recs[0].no)
			}
			if len(recs) > 1 {
				return nil, ambiguous(what, recs)
			}
		}
	}
	return nil, fmt.Errorf("%q: %w", what, ErrNotFound)
}

type found struct {
	no int64
	id string
}

func ambiguous(what string, recs []found) error {
	e := &AmbiguousError{Prefix: what}
	for i, f := range recs {
		if i == candidates {
			e.More = true
			break
		}
		e.Candidates = append(e.Candidates, f.id)
	}
	return e
}

// find looks through every bucket, newest first, for at most candidates+1 calls.
func (r *Reader) find(ctx context.Context, kind keyKind, what string, exact bool) ([]found, error) {
	low, high := kind.keyRange(what, exact)
	stored := `''`
	if kind == keyCallID {
		stored = `(SELECT stored FROM record WHERE record.rec = call.rec)`
	}
	rows, err := r.db.QueryContext(ctx, `WITH RECURSIVE b(n) AS (
		SELECT (SELECT max(rec) >> 13 FROM call) UNION ALL SELECT n-1 FROM b WHERE n > (SELECT min(rec) >> 13 FROM call))
		SELECT call.rec, call.id, `+stored+` FROM b CROSS JOIN key ON key.bucket = b.n AND key.key BETWEEN ? AND ?
		CROSS JOIN call ON call.rec = key.rec`, low, high)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	same := func(v string) bool { return v == what || !exact && strings.HasPrefix(v, what) }
	var out []found
	for len(out) <= candidates && rows.Next() {
		var f found
		var b sql.RawBytes
		if err := rows.Scan(&f.no, &f.id, &b); err != nil {
			return nil, err
		}
		match := kind == keyID && same(f.id)
		if kind == keyCallID {
			// A damaged record cannot be what is looked for.
			rec, err := cdr.DecodeBinary(b)
			match = err == nil && (same(rec.In.CallID) || rec.Out != nil && same(rec.Out.CallID))
		}
		if match && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out, rows.Err()
}

func (r *Reader) load(ctx context.Context, no int64) (*cdr.Record, error) {
	var b []byte
	err := r.db.QueryRowContext(ctx, `SELECT stored FROM record WHERE rec = ?`, no).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return cdr.DecodeBinary(b)
}

// hasID tells whether a record with the id is stored.
func (d *database) hasID(id string) (bool, error) {
	recs, err := (&Reader{db: d.write}).find(context.Background(), keyID, id, true)
	return len(recs) > 0, err
}

// where builds the condition on call of a filter without its number.
func (f *Filter) where() (string, []any) {
	var conds []string
	var args []any
	add := func(cond string, v ...any) {
		conds = append(conds, cond)
		args = append(args, v...)
	}
	if !f.Since.IsZero() {
		add(`call.start >= ?`, f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		add(`call.start < ?`, f.Until.UnixMicro())
	}
	if f.Trunk != "" {
		add(`(call.trunk_in = ? OR call.trunk_out = ?)`, f.Trunk, f.Trunk)
	}
	if f.Reason != "" {
		add(`call.reason = ?`, f.Reason)
	}
	if f.Failed {
		add(`call.flags >= 2`)
	}
	if head, ok := f.numberHead(); ok {
		add(`(call.called LIKE ? ESCAPE '\' OR call.calling LIKE ? ESCAPE '\')`, likeText(head)+"%", likeText(head)+"%")
	}
	if len(conds) == 0 {
		return "1", nil
	}
	return strings.Join(conds, " AND "), args
}

// numberHead is the beginning that a number with a star at its end asks for.
func (f *Filter) numberHead() (string, bool) { return strings.CutSuffix(f.Number, "*") }

func likeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// listed selects what summaries reads of calls: from and where select them. The records are read only of those
// that are listed.
func listed(from, where string) string {
	return `SELECT c.id, c.start, (SELECT stored FROM record WHERE record.rec = c.rec) FROM (SELECT call.rec, call.id, call.start
		FROM ` + from + ` WHERE ` + where + ` ORDER BY call.start DESC, call.id DESC LIMIT ?) c ORDER BY c.start DESC, c.id DESC`
}

// List has the calls that the filter selects, latest start first.
func (r *Reader) List(ctx context.Context, f Filter) ([]Summary, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	f.Limit = min(f.Limit, maxLimit)
	where, args := f.where()
	if f.Before != "" {
		at, err := r.find(ctx, keyID, f.Before, true)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		if len(at) == 0 {
			return nil, fmt.Errorf("%q: %w", f.Before, ErrNotFound)
		}
		where += ` AND (call.start, call.id) < (SELECT c.start, c.id FROM call c WHERE c.rec = ?)`
		args = append(args, at[0].no)
	}
	var list []Summary
	var err error
	if _, head := f.numberHead(); f.Number == "" || head {
		list, err = r.summaries(ctx, nil, listed(`call`, where), append(args, f.Limit)...)
	} else {
		list, err = r.listNumber(ctx, &f, where, args)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return list, nil
}

// Count is the number of calls that the filter selects, without Limit and Before.
func (r *Reader) Count(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where()
	from := `call`
	if _, head := f.numberHead(); f.Number != "" && !head {
		low, high, exact := numberRange(f.Number)
		if !exact {
			f.Limit = math.MaxInt
			list, err := r.listNumber(ctx, &f, where, args)
			if err != nil {
				return 0, fmt.Errorf("store: %w", err)
			}
			return int64(len(list)), nil
		}
		from = numberJoin(`(SELECT max(rec) >> 13 FROM call)`, `(SELECT min(rec) >> 13 FROM call)`)
		args = append([]any{low, high}, args...)
	}
	var n int64
	err := r.db.QueryRowContext(ctx, `SELECT count(DISTINCT call.rec) FROM `+from+` WHERE `+where, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	return n, nil
}

func numberJoin(newest, oldest string) string {
	return `(WITH RECURSIVE b(n) AS (SELECT ` + newest + ` UNION ALL SELECT n-1 FROM b WHERE n > ` + oldest + `)
		SELECT DISTINCT key.rec AS no FROM b CROSS JOIN key ON key.bucket = b.n AND key.key BETWEEN ? AND ?) k
		CROSS JOIN call ON call.rec = k.no`
}

// listNumber goes through the buckets from the newest and stops when no older one can have a later start.
func (r *Reader) listNumber(ctx context.Context, f *Filter, where string, args []any) ([]Summary, error) {
	var oldest, newest int64
	if err := r.db.QueryRowContext(ctx, `SELECT coalesce(min(rec), 0) >> 13, coalesce(max(rec), 0) >> 13 FROM call`).Scan(&oldest, &newest); err != nil {
		return nil, err
	}
	low, high, exact := numberRange(f.Number)
	limit := f.Limit
	var keep func(*cdr.Record) bool
	if !exact {
		limit = -1 // all; keep chooses
		keep = func(rec *cdr.Record) bool { return hasNumber(rec, f.Number) }
	}
	var list []Summary
	for ; newest >= oldest; newest -= bucketStep {
		to := max(oldest, newest-bucketStep+1)
		all := append([]any{newest, to, low, high}, args...)
		got, err := r.summaries(ctx, keep, listed(numberJoin("?", "?"), where), append(all, limit)...)
		if err != nil {
			return nil, err
		}
		list = mergeLists(list, got, f.Limit)
		end, err := r.lastEnd(ctx, to)
		if err != nil {
			return nil, err
		}
		full := len(list) == f.Limit && list[len(list)-1].Start.After(end)
		if full || !f.Since.IsZero() && end.Before(f.Since) {
			break
		}
	}
	return list, nil
}

// lastEnd is about when the last call before the bucket ended; no call of an older bucket started later. A
// minute is allowed for records that arrive out of order.
func (r *Reader) lastEnd(ctx context.Context, bucket int64) (time.Time, error) {
	var us sql.NullInt64
	err := r.db.QueryRowContext(ctx, `SELECT max("end") FROM (SELECT "end" FROM call WHERE rec < ? ORDER BY rec DESC LIMIT 100)`,
		bucket<<bucketBits).Scan(&us)
	return time.UnixMicro(us.Int64).Add(time.Minute), err
}

// mergeLists merges two lists that are in order.
func mergeLists(a, b []Summary, limit int) []Summary {
	out := make([]Summary, 0, min(limit, len(a)+len(b)))
	for len(out) < limit && len(a)+len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && later(&a[0], &b[0]) {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

func later(a, b *Summary) bool {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c > 0
	}
	return a.ID > b.ID
}

// summaries has the calls of a query made by listed; keep, when not nil, chooses among them.
func (r *Reader) summaries(ctx context.Context, keep func(*cdr.Record) bool, query string, args ...any) ([]Summary, error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Summary
	for rows.Next() {
		var id string
		var start int64
		var b sql.RawBytes
		if err := rows.Scan(&id, &start, &b); err != nil {
			return nil, err
		}
		rec, err := cdr.DecodeBinary(b)
		if err != nil { // the list shows that there was a call
			rec = &cdr.Record{ID: id, Start: time.UnixMicro(start).UTC(), Detail: err.Error()}
		}
		if keep == nil || keep(rec) {
			list = append(list, summary(rec))
		}
	}
	return list, rows.Err()
}

func summary(r *cdr.Record) Summary {
	s := Summary{ID: r.ID, Server: r.Server, Start: r.Start, Answered: r.Answered, End: r.End, Called: number(r.Called),
		Calling: number(r.Calling), User: r.User, TrunkIn: r.In.Trunk, CallIDIn: r.In.CallID, Reason: r.Reason, Status: r.Status,
		Cause: r.Cause, EndedBy: r.EndedBy, Emergency: r.Emergency, Attempts: len(r.Attempts)}
	if r.Out != nil {
		s.TrunkOut, s.CallIDOut = r.Out.Trunk, r.Out.CallID
	}
	return s
}

// Flush waits until everything that was put is in SQLite.
func (s *Store) Flush(ctx context.Context) error {
	s.queue.mu.Lock()
	seq := s.queue.seq
	s.queue.mu.Unlock()
	for {
		moved := s.pend.hurry(seq, &s.acked)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("store: %w", ctx.Err())
		}
	}
}

// Get is Reader.Get, of everything that was put before.
func (s *Store) Get(ctx context.Context, what string) (*cdr.Record, error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	return (&Reader{db: s.db.read}).Get(ctx, what)
}

// List is Reader.List, of everything that was put before.
func (s *Store) List(ctx context.Context, f Filter) ([]Summary, error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	return (&Reader{db: s.db.read}).List(ctx, f)
}

// Count is Reader.Count, of everything that was put before.
func (s *Store) Count(ctx context.Context, f Filter) (int64, error) {
	if err := s.Flush(ctx); err != nil {
		return 0, err
	}
	return (&Reader{db: s.db.read}).Count(ctx, f)
}
