package store

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	callRows    = 32 // rows of one INSERT: a statement has a fixed price of some microseconds
	keyRows     = 128
	callColumns = 19
	bucketBits  = 13
	keyLen      = 24

	flagEmergency = 1
	flagFailed    = 2
)

// row is a record on its way into SQLite.
type row struct {
	rec    *cdr.Record
	stored []byte // rec.AppendBinary
	no     int64
}

type keyRow struct {
	bucket int64
	key    string
	no     int64
}

// inserter has the statements and buffers of the writing connection.
type inserter struct {
	db                           *sql.DB
	call, calls, record, records *sql.Stmt
	key, keys                    *sql.Stmt
	args                         []any
	rows                         []row
	batch                        []keyRow
}

func newInserter(db *sql.DB) (*inserter, error) {
	in := &inserter{db: db}
	for _, p := range []struct {
		stmt      **sql.Stmt
		head      string
		cols, len int
	}{
		{&in.call, `INSERT OR IGNORE INTO call VALUES `, callColumns, 1},
		{&in.calls, `INSERT OR IGNORE INTO call VALUES `, callColumns, callRows},
		{&in.record, `INSERT INTO record VALUES `, 2, 1},
		{&in.records, `INSERT INTO record VALUES `, 2, callRows},
		{&in.key, `INSERT OR IGNORE INTO key VALUES `, 3, 1},
		{&in.keys, `INSERT OR IGNORE INTO key VALUES `, 3, keyRows},
	} {
		one := "(" + strings.TrimSuffix(strings.Repeat("?,", p.cols), ",") + ")"
		stmt, err := db.Prepare(p.head + strings.TrimSuffix(strings.Repeat(one+",", p.len), ","))
		if err != nil {
			in.close()
			return nil, err
		}
		*p.stmt = stmt
	}
	return in, nil
}

func (in *inserter) close() {
	for _, s := range []*sql.Stmt{in.call, in.calls, in.record, in.records, in.key, in.keys} {
		if s != nil {
			s.Close()
		}
	}
}

// insert stores rows in one transaction, numbered from next on. Rows whose (start, id) is there already are
// left out. It returns the number of new rows.
func (in *inserter) insert(rows []row, next int64) (int, error) {
	tx, err := in.db.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	for i := range rows {
		rows[i].no = next + int64(i)
	}
	fresh, err := in.insertCalls(tx, rows, next)
	if err != nil {
		return 0, err
	}
	if err := in.insertRecords(tx, fresh); err != nil {
		return 0, err
	}
	if err := in.insertKeys(tx, fresh); err != nil {
		return 0, err
	}
	return len(fresh), tx.Commit()
}

// insertCalls returns the rows that were new.
func (in *inserter) insertCalls(tx *sql.Tx, rows []row, next int64) ([]row, error) {
	one, many := tx.Stmt(in.call), tx.Stmt(in.calls)
	fresh := int64(0)
	for i := 0; i < len(rows); {
		stmt, n := one, 1
		if len(rows)-i >= callRows {
			stmt, n = many, callRows
		}
		in.args = in.args[:0]
		for _, r := range rows[i : i+n] {
			in.args = appendCall(in.args, r)
		}
		res, err := stmt.Exec(in.args...)
		if err != nil {
			return nil, err
		}
		added, err := res.RowsAffected()
		if err != nil {
			return nil, err
		}
		fresh += added
		i += n
	}
	if fresh == int64(len(rows)) {
		return rows, nil
	}
	return in.present(tx, rows, next)
}

// present keeps the rows that got in.
func (in *inserter) present(tx *sql.Tx, rows []row, next int64) ([]row, error) {
	got, err := tx.Query(`SELECT rec FROM call WHERE rec >= ? ORDER BY rec`, next)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	fresh := in.rows[:0]
	for got.Next() {
		var no int64
		if err := got.Scan(&no); err != nil {
			return nil, err
		}
		fresh = append(fresh, rows[no-next])
	}
	in.rows = fresh
	return fresh, got.Err()
}

func (in *inserter) insertRecords(tx *sql.Tx, rows []row) error {
	one, many := tx.Stmt(in.record), tx.Stmt(in.records)
	for i := 0; i < len(rows); {
		stmt, n := one, 1
		if len(rows)-i >= callRows {
			stmt, n = many, callRows
		}
		in.args = in.args[:0]
		for _, r := range rows[i : i+n] {
			in.args = append(in.args, r.no, r.stored)
		}
		if _, err := stmt.Exec(in.args...); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// insertKeys sorts first: neighbours share a page.
func (in *inserter) insertKeys(tx *sql.Tx, rows []row) error {
	in.batch = in.batch[:0]
	for _, r := range rows {
		in.batch = appendKeys(in.batch, r)
	}
	slices.SortFunc(in.batch, func(a, b keyRow) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), strings.Compare(a.key, b.key), cmp.Compare(a.no, b.no))
	})
	one, many := tx.Stmt(in.key), tx.Stmt(in.keys)
	for i := 0; i < len(in.batch); {
		stmt, n := one, 1
		if len(in.batch)-i >= keyRows {
			stmt, n = many, keyRows
		}
		in.args = in.args[:0]
		for _, k := range in.batch[i : i+n] {
			in.args = append(in.args, k.bucket, k.key, k.no)
		}
		if _, err := stmt.Exec(in.args...); err != nil {
			return err
		}
		i += n
	}
	return nil
}

func appendCall(args []any, r row) []any {
	rec := r.rec
	var answered, flags int64
	if !rec.Answered.IsZero() {
		answered = rec.Answered.UnixNano()
	}
	if rec.Emergency {
		flags |= flagEmergency
	}
	if failed(rec) {
		flags |= flagFailed
	}
	var out cdr.Leg
	if rec.Out != nil {
		out = *rec.Out
	}
	return append(args, r.no, rec.ID, rec.Server, rec.Start.UnixNano(), answered, rec.End.UnixNano(),
		number(rec.Called), number(rec.Calling), rec.User, rec.In.Trunk, out.Trunk, rec.In.CallID, out.CallID,
		rec.Reason, int64(rec.Status), int64(rec.Cause), rec.EndedBy, flags, int64(len(rec.Attempts)))
}

// failed is what Filter.Failed selects.
func failed(r *cdr.Record) bool {
	if r.Answered.IsZero() {
		return r.Status != 487
	}
	return r.EndedBy == "directsip"
}

func number(n cdr.Number) string {
	if n.Normalized != "" {
		return n.Normalized
	}
	return n.Received
}

// appendKeys adds what r is found by, each once.
func appendKeys(keys []keyRow, r row) []keyRow {
	from := len(keys)
	add := func(kind, v string) {
		if v == "" {
			return
		}
		k := searchKey(kind, v)
		for _, have := range keys[from:] {
			if have.key == k {
				return
			}
		}
		keys = append(keys, keyRow{r.no >> bucketBits, k, r.no})
	}
	rec := r.rec
	add("i", rec.ID)
	add("c", rec.In.CallID)
	if rec.Out != nil {
		add("c", rec.Out.CallID)
	}
	for _, n := range [...]*cdr.Number{&rec.Called, &rec.Calling} {
		add("n", backwards(n.Normalized))
		if !strings.HasSuffix(n.Normalized, n.Received) {
			add("n", backwards(n.Received))
		}
		if !strings.HasSuffix(n.Normalized, n.Sent) && !strings.HasSuffix(n.Received, n.Sent) {
			add("n", backwards(n.Sent))
		}
	}
	return keys
}

// backwards makes the end of a number a beginning, which an index finds.
func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func searchKey(kind, v string) string {
	if len(v) > keyLen {
		v = v[:keyLen]
	}
	return kind + v
}
