package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	journalDir   = "journal"
	recordSuffix = ".records"
	callSuffix   = ".calls"
	segmentSize  = 8 << 20 // of record segments
	callsSize    = 4 << 20 // of call segments
)

// journal is owned by the writer. Records go to record segments, which live until SQLite has them; begun and
// ended calls go to call segments, which live until their calls have ended. Both kinds are numbered by one
// counter.
type journal struct {
	dir     string
	next    int
	records *logFile
	calls   *logFile
	old     []*logFile       // former call segments, oldest first; only the first may be removed
	open    map[string]place // begun calls
	byNo    map[int]*logFile
}

// place is where the frame of a begun call lies.
type place struct {
	no   int // of the segment
	size int
	at   int64
}

// logFile is a segment.
type logFile struct {
	no          int
	path        string
	f           *os.File
	size        int64
	begun, live int // calls that were begun here, and those that have not ended
}

func newJournal(dir string, next int) (*journal, error) {
	j := &journal{dir: dir, next: next, open: map[string]place{}, byNo: map[int]*logFile{}}
	var err error
	if j.records, err = j.create(recordSuffix); err != nil {
		return nil, err
	}
	if err = j.newCalls(); err != nil {
		j.records.f.Close()
		return nil, err
	}
	return j, nil
}

func (j *journal) create(suffix string) (*logFile, error) {
	path := filepath.Join(j.dir, fmt.Sprintf("%09d%s", j.next, suffix))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	l := &logFile{no: j.next, path: path, f: f}
	j.next++
	return l, nil
}

func (j *journal) newCalls() error {
	l, err := j.create(callSuffix)
	if err != nil {
		return err
	}
	if j.calls != nil {
		j.old = append(j.old, j.calls)
	}
	j.calls, j.byNo[l.no] = l, l
	return nil
}

// write appends b as a whole or not at all.
func (l *logFile) write(b []byte) error {
	n, err := l.f.WriteAt(b, l.size)
	if err != nil {
		if n > 0 {
			// What a short write left would be read as torn; cut it so that a retry follows a whole frame.
			_ = l.f.Truncate(l.size)
		}
		return err
	}
	l.size += int64(n)
	return nil
}

// begin and end keep count of what each call segment is needed for. p is where the frame lies in the current one.
func (j *journal) begin(id string, p place) {
	j.end(id)
	p.no = j.calls.no
	j.open[id] = p
	j.calls.begun++
	j.calls.live++
}

func (j *journal) end(id string) bool {
	p, ok := j.open[id]
	if ok {
		delete(j.open, id)
		j.byNo[p.no].live--
	}
	return ok
}

// survivor is an open call with its frame, on the way to the current segment.
type survivor struct {
	id string
	place
}

// clean tells which old call segment to give up and returns its frames that are still needed, with their places
// in the returned bytes. Only the oldest is ever given up: an end is never forgotten before its begin.
func (j *journal) clean() (l *logFile, frames []byte, list []survivor, err error) {
	if len(j.old) == 0 {
		return nil, nil, nil, nil
	}
	l = j.old[0]
	if l.live > l.begun/8 && len(j.old) < 64 {
		return nil, nil, nil, nil
	}
	if l.live == 0 {
		return l, nil, nil, nil
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	for id, p := range j.open {
		if p.no != l.no {
			continue
		}
		at := len(frames)
		frames = slices.Grow(frames, p.size)[:at+p.size]
		if _, err := f.ReadAt(frames[at:], p.at); err != nil {
			return nil, nil, nil, err
		}
		list = append(list, survivor{id, place{at: int64(at), size: p.size}})
	}
	return l, frames, list, nil
}

// drop forgets an old call segment after its survivors were written to the current one, from base on.
func (j *journal) drop(l *logFile, list []survivor, base int64) {
	for _, v := range list {
		v.at += base
		j.begin(v.id, v.place)
	}
	j.old = j.old[1:]
	delete(j.byNo, l.no)
}

// segments lists the files with the suffix, oldest first.
func segments(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// segmentNo is the number in a segment's name, 0 when there is none.
func segmentNo(path string) int {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	n, _ := strconv.Atoi(name)
	return n
}

// syncDir makes created and removed names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
