package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/cdr"
)

const (
	recordsDir   = "records"
	recordSuffix = ".records"
	indexSuffix  = ".index"

	// A segment holds some 70 000 calls of usual size: two months of 100 calls a second are 8000 segments, and what is
	// purged leaves the disk in steps of 64 MiB or a day, whichever is less.
	segmentSize = 64 << 20
	segmentAge  = 24 * time.Hour
)

// logFile is a file that is written at its end.
type logFile struct {
	no   int
	path string
	f    *os.File
	size int64
	born time.Time
}

func fileName(no int, suffix string) string { return fmt.Sprintf("%09d%s", no, suffix) }

// createLog makes a new file with the number, and its directory if somebody has removed that.
func createLog(dir string, no int, suffix string) (*logFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileName(no, suffix))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &logFile{no: no, path: path, f: f, born: time.Now()}, nil
}

// createNext makes a new file with the next number that is free: who brings back a copy of the directory while it is written to may have taken some.
func createNext(dir string, next *int, suffix string) (*logFile, error) {
	for {
		f, err := createLog(dir, *next, suffix)
		if err == nil || errors.Is(err, os.ErrExist) {
			*next++
		}
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
}

// write appends b as a whole or not at all.
func (l *logFile) write(b []byte) error {
	n, err := l.f.WriteAt(b, l.size)
	if err != nil {
		// What a short write left (n does not tell) would be read as torn until the next one; cut it.
		_ = l.f.Truncate(l.size)
		return err
	}
	l.size += int64(n)
	return nil
}

// removed tells whether the file has no name any more: what is written to it is lost when it is closed.
func (l *logFile) removed() bool {
	var st unix.Stat_t
	return unix.Fstat(int(l.f.Fd()), &st) == nil && st.Nlink == 0
}

// recordLog writes records to segments, in which they stay. It is owned by the writer.
type recordLog struct {
	dir  string
	next int
	file *logFile // nil: the next record begins a segment
	buf  []byte
	recs []*cdr.Record // whose frames are in buf
	ends []int
}

// add encodes a record for the next write.
func (l *recordLog) add(rec *cdr.Record) {
	b, at := beginFrame(l.buf, frameRecord)
	l.buf = endFrame(rec.AppendBinary(b), at)
	l.recs, l.ends = append(l.recs, rec), append(l.ends, len(l.buf))
}

// write appends what was added. It may be called again after an error.
func (l *recordLog) write() error {
	if l.file == nil {
		f, err := createNext(l.dir, &l.next, recordSuffix)
		if err != nil {
			return err
		}
		l.file = f
	}
	return l.file.write(l.buf)
}

// written calls each for every record of the last write and forgets them.
func (l *recordLog) written(each func(rec *cdr.Record, at int64, length int)) {
	base, from := l.file.size-int64(len(l.buf)), 0
	for i, end := range l.ends {
		each(l.recs[i], base+int64(from), end-from)
		from = end
	}
	l.forget()
}

// forget empties the buffers; one that a huge record made is not kept.
func (l *recordLog) forget() {
	const usual = 1 << 20
	clear(l.recs)
	l.buf, l.recs, l.ends = l.buf[:0], l.recs[:0], l.ends[:0]
	if cap(l.buf) > usual {
		l.buf = nil
	}
}

// numbered lists the files of a directory by the numbers in their names, ascending, each once.
func numbered(dir string, suffixes ...string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, e := range entries {
		name, suffix, _ := strings.Cut(e.Name(), ".")
		if no, err := strconv.Atoi(name); err == nil && slices.Contains(suffixes, "."+suffix) && !e.IsDir() {
			list = append(list, no)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// syncDir makes created and removed names durable. A directory that somebody has removed has none.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// removeAll removes files, of which some may be gone already.
func removeAll(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
