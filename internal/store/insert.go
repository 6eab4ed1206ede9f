package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	callRows    = 16 // rows of one INSERT: a statement has a fixed price of some microseconds
	keyRows     = 64
	callColumns = 10

	flagEmergency = 1
	flagFailed    = 2
)

// row is a record on its way into SQLite.
type row struct {
	rec    *cdr.Record
	stored []byte // rec.AppendBinary
	no     int64
}

// The statements of an inserter.
const (
	stmtBegin = iota
	stmtCommit
	stmtRollback
	stmtPresent
	stmtCall
	stmtCalls
	stmtRecord
	stmtRecords
	stmtKey
	stmtKeys
	stmtCount
)

// inserter has the statements and buffers of the writing connection. It talks to the driver: what database/sql
// does for each statement and argument would double the price of an insertion.
type inserter struct {
	db    *sql.DB     // of one connection
	conn  driver.Conn // to which stmts belong
	stmts [stmtCount]driver.Stmt
	args  []driver.NamedValue
	rows  []row
	batch []keyRow
	pace  *pacer
}

func newInserter(db *sql.DB) *inserter {
	in := &inserter{db: db, args: make([]driver.NamedValue, 0, max(callRows*callColumns, keyRows*3))}
	for i := range in.args[:cap(in.args)] {
		in.args[:cap(in.args)][i].Ordinal = i + 1
	}
	return in
}

// raw calls do with the driver's connection and its statements.
func (in *inserter) raw(do func() error) error {
	conn, err := in.db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		if c != in.conn {
			if err := in.prepare(c.(driver.Conn)); err != nil {
				return err
			}
		}
		return do()
	})
}

func (in *inserter) prepare(conn driver.Conn) error {
	in.conn = nil
	values := func(cols, n int) string {
		one := "(" + strings.TrimSuffix(strings.Repeat("?,", cols), ",") + ")"
		return strings.TrimSuffix(strings.Repeat(one+",", n), ",")
	}
	const call, record, key = `INSERT OR IGNORE INTO call VALUES `, `INSERT INTO record VALUES `, `INSERT OR IGNORE INTO key VALUES `
	for i, text := range [stmtCount]string{
		stmtBegin:    `BEGIN IMMEDIATE`,
		stmtCommit:   `COMMIT`,
		stmtRollback: `ROLLBACK`,
		stmtPresent:  `SELECT rec FROM call WHERE rec >= ? ORDER BY rec`,
		stmtCall:     call + values(callColumns, 1),
		stmtCalls:    call + values(callColumns, callRows),
		stmtRecord:   record + values(2, 1),
		stmtRecords:  record + values(2, callRows),
		stmtKey:      key + values(3, 1),
		stmtKeys:     key + values(3, keyRows),
	} {
		stmt, err := conn.Prepare(text)
		if err != nil {
			return err
		}
		in.stmts[i] = stmt
	}
	in.conn = conn
	return nil
}

func (in *inserter) close() error {
	if in.conn == nil {
		return nil
	}
	return in.raw(func() error {
		for _, stmt := range in.stmts {
			stmt.Close()
		}
		in.conn = nil
		return nil
	})
}

// arg adds an argument of the next statement.
func (in *inserter) arg(values ...any) {
	for _, v := range values {
		n := len(in.args)
		in.args = in.args[:n+1]
		in.args[n].Value = v
	}
}

// exec executes a statement with the arguments collected.
func (in *inserter) exec(stmt int) (driver.Result, error) {
	res, err := in.stmts[stmt].(driver.StmtExecContext).ExecContext(context.Background(), in.args)
	in.args = in.args[:0]
	return res, err
}

// each gives many rows to the statement many and the rest to the statement one, resting in between.
func each[T any](in *inserter, list []T, one, many, n int, args func(*T), done func(driver.Result) error) error {
	for len(list) > 0 {
		stmt, k := one, 1
		if len(list) >= n {
			stmt, k = many, n
		}
		for i := range list[:k] {
			args(&list[i])
		}
		res, err := in.exec(stmt)
		if err != nil {
			return err
		}
		if done != nil {
			if err := done(res); err != nil {
				return err
			}
		}
		list = list[k:]
		in.pace.pause()
	}
	return nil
}

// insert stores rows in one transaction, numbered from next on. Rows whose (start, id) is there already are
// left out. It returns the number of new rows.
func (in *inserter) insert(rows []row, next int64, pace *pacer) (fresh int, err error) {
	in.pace = pace
	err = in.raw(func() error {
		if _, err := in.exec(stmtBegin); err != nil {
			return err
		}
		if fresh, err = in.insertAll(rows, next); err == nil {
			in.pace.rest() // the commit is one piece of work
			_, err = in.exec(stmtCommit)
			in.pace.rest()
		}
		if err != nil {
			in.args = in.args[:0]
			if _, e := in.exec(stmtRollback); e != nil {
				err = fmt.Errorf("%w (%w)", err, e)
			}
		}
		return err
	})
	return fresh, err
}

func (in *inserter) insertAll(rows []row, next int64) (int, error) {
	for i := range rows {
		rows[i].no = next + int64(i)
	}
	fresh, err := in.insertCalls(rows, next)
	if err != nil {
		return 0, err
	}
	err = each(in, fresh, stmtRecord, stmtRecords, callRows, func(r *row) { in.arg(r.no, r.stored) }, nil)
	if err != nil {
		return 0, err
	}
	return len(fresh), in.insertKeys(fresh)
}

// insertCalls returns the rows that were new.
func (in *inserter) insertCalls(rows []row, next int64) ([]row, error) {
	fresh := int64(0)
	err := each(in, rows, stmtCall, stmtCalls, callRows, in.argCall, func(res driver.Result) error {
		n, err := res.RowsAffected()
		fresh += n
		return err
	})
	if err != nil || fresh == int64(len(rows)) {
		return rows, err
	}
	return in.present(rows, next)
}

// present keeps the rows that got in.
func (in *inserter) present(rows []row, next int64) ([]row, error) {
	in.arg(next)
	got, err := in.stmts[stmtPresent].(driver.StmtQueryContext).QueryContext(context.Background(), in.args)
	in.args = in.args[:0]
	if err != nil {
		return nil, err
	}
	defer got.Close()
	in.rows = in.rows[:0]
	var no [1]driver.Value
	for {
		if err := got.Next(no[:]); errors.Is(err, io.EOF) {
			return in.rows, nil
		} else if err != nil {
			return nil, err
		}
		in.rows = append(in.rows, rows[no[0].(int64)-next])
	}
}

// insertKeys sorts first: neighbours share a page.
func (in *inserter) insertKeys(rows []row) error {
	in.batch = in.batch[:0]
	for _, r := range rows {
		in.batch = appendKeys(in.batch, r)
	}
	in.pace.pause()
	slices.SortFunc(in.batch, func(a, b keyRow) int {
		switch {
		case a.bucket != b.bucket:
			return int(a.bucket - b.bucket)
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return int(a.no - b.no)
	})
	in.pace.pause()
	return each(in, in.batch, stmtKey, stmtKeys, keyRows, func(k *keyRow) { in.arg(k.bucket, k.key, k.no) }, nil)
}

func (in *inserter) argCall(r *row) {
	rec := r.rec
	var flags int64
	if rec.Emergency {
		flags |= flagEmergency
	}
	if failed(rec) {
		flags |= flagFailed
	}
	trunkOut := ""
	if rec.Out != nil {
		trunkOut = rec.Out.Trunk
	}
	in.arg(r.no, rec.ID, rec.Start.UnixMicro(), rec.End.UnixMicro(), number(rec.Called), number(rec.Calling), rec.In.Trunk,
		trunkOut, rec.Reason, flags)
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
