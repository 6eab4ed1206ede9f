package store

import (
	"errors"
	"os"
	"slices"
)

const (
	journalDir = "journal"
	callSuffix = ".calls"
	callsSize  = 4 << 20 // of call segments
)

// journal notes which calls run, in call segments, which live until their calls have ended. It is owned by the writer.
type journal struct {
	dir   string
	next  int
	calls *callLog
	old   []*callLog       // former segments, oldest first; only the first may be removed
	open  map[string]place // begun calls
	byNo  map[int]*callLog
}

// place is where the frame of a begun call lies.
type place struct {
	no   int // of the segment
	size int
	at   int64
}

// callLog is a call segment.
type callLog struct {
	*logFile
	begun, live int // calls that were begun here, and those that have not ended
}

func newJournal(dir string, next int) (*journal, error) {
	j := &journal{dir: dir, next: next, open: map[string]place{}, byNo: map[int]*callLog{}}
	return j, j.newCalls()
}

func (j *journal) newCalls() error {
	f, err := createNext(j.dir, &j.next, callSuffix)
	if err != nil {
		return err
	}
	if j.calls != nil {
		j.old = append(j.old, j.calls)
	}
	j.calls = &callLog{logFile: f}
	j.byNo[f.no] = j.calls
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
func (j *journal) clean() (l *callLog, frames []byte, list []survivor, err error) {
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
	if errors.Is(err, os.ErrNotExist) { // somebody has removed it
		j.forget(l)
		return l, nil, nil, nil
	}
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

// forget takes the calls of a segment for ended.
func (j *journal) forget(l *callLog) {
	for id, p := range j.open {
		if p.no == l.no {
			j.end(id)
		}
	}
}

// drop forgets an old call segment after its survivors were written to the current one, from base on.
func (j *journal) drop(l *callLog, list []survivor, base int64) {
	for _, v := range list {
		v.at += base
		j.begin(v.id, v.place)
	}
	j.old = j.old[1:]
	delete(j.byNo, l.no)
}
