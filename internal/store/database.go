package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	databaseName = "calls.db"
	lockName     = "lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// database is SQLite: one connection that writes, some that read.
type database struct {
	path  string
	write *sql.DB
	read  *sql.DB
	wal   *os.File // to sync it
	next  int64    // number of the next row
	ins   *inserter
}

// lockDir makes the directory ours for writing until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return f, nil
}

func source(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func openDatabase(dir string) (*database, error) {
	path := filepath.Join(dir, databaseName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would make it 0644
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	d := &database{path: path}
	d.write, err = sql.Open("sqlite", source(path, "rw", "busy_timeout(10000)", "page_size(8192)", "journal_mode(WAL)", "synchronous(NORMAL)",
		"wal_autocheckpoint(2000)", "journal_size_limit(67108864)", "cache_size(-32000)", "temp_store(MEMORY)"))
	if err != nil {
		return nil, err
	}
	d.write.SetMaxOpenConns(1)
	d.read, err = sql.Open("sqlite", source(path, "ro", "busy_timeout(5000)", "query_only(1)", "temp_store(MEMORY)"))
	if err != nil {
		d.write.Close()
		return nil, err
	}
	d.read.SetMaxOpenConns(4)
	if err := d.prepare(); err != nil {
		d.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func (d *database) prepare() error {
	if err := migrate(d.write); err != nil {
		return err
	}
	if err := d.write.QueryRow(`SELECT coalesce(max(rec), 0) + 1 FROM call`).Scan(&d.next); err != nil {
		return err
	}
	d.ins = newInserter(d.write)
	var err error
	d.wal, err = os.OpenFile(d.path+"-wal", os.O_RDWR|os.O_CREATE, 0o600)
	return err
}

// sync makes what was committed durable: in WAL mode with synchronous=NORMAL only a checkpoint does.
func (d *database) sync() error { return d.wal.Sync() }

func (d *database) close() error {
	var errs []error
	if d.ins != nil {
		errs = append(errs, d.ins.close())
	}
	if d.wal != nil {
		errs = append(errs, d.wal.Close())
	}
	errs = append(errs, d.read.Close(), d.write.Close())
	return errors.Join(errs...)
}

// migrate runs the embedded scripts with a number above the database's user_version, each in a transaction.
func migrate(db *sql.DB) error {
	var have int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&have); err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if have > len(names) {
		return fmt.Errorf("written by a newer version (schema %d, this one knows %d)", have, len(names))
	}
	for _, name := range names {
		no, err := migrationNo(name)
		if err != nil {
			return err
		}
		if no <= have {
			continue
		}
		if err := runMigration(db, name, no); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

func migrationNo(name string) (int, error) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
	return strconv.Atoi(digits)
}

func runMigration(db *sql.DB, name string, no int) error {
	script, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(string(script)); err != nil {
		return err
	}
	if _, err := tx.Exec(`PRAGMA user_version = ` + strconv.Itoa(no)); err != nil {
		return err
	}
	return tx.Commit()
}
