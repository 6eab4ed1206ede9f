package server

import (
	"cmp"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/ways"
)

// What is known of a way to this host is asked anew after a while, and no more than so many questions are asked in that time.
const (
	wayAge   = 10 * time.Second
	mostWays = 32
	countAge = time.Second // of what the table of connections had no room for
)

// onHost is what the host keeps back, of which the relay sees nothing: records of calls name it where a side was not heard.
type onHost struct {
	mu      sync.Mutex
	since   time.Time
	ways    map[[2]netip.Addr]ways.Reverse // from whom, to which address of ours; the zero value: nothing is dropped
	dropped uint64                         // by the kernel that had no room to keep track of more, by its count
	counted bool
	looked  time.Time
	full    time.Time // when that was seen to grow for the last time
}

// explained is how to make the record of an ended call with what the host knows of sides of which nothing came; nil: there is none. The record itself stays, as others may read it.
func (o *onHost) explained(r *cdr.Record) func() *cdr.Record {
	if len(r.Audio) == 0 || !slices.ContainsFunc(r.Media, func(m cdr.Media) bool { return m.Absent() }) {
		return nil
	}
	return func() *cdr.Record {
		with := *r
		with.Media = slices.Clone(r.Media)
		for i := range with.Media {
			if e := with.Media[i].Evidence; e != nil {
				own := *e
				with.Media[i].Evidence = &own
			}
		}
		o.explain(&with)
		return &with
	}
}

// explain adds to a record what the host knows of sides of which nothing came, and judges the call anew by that.
func (o *onHost) explain(r *cdr.Record) {
	if len(r.Audio) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now, found := time.Now(), false
	for i := range r.Media {
		m := &r.Media[i]
		if !m.Absent() {
			continue
		}
		if age := now.Sub(o.looked); age < 0 || age >= countAge {
			o.count(host, now)
		}
		if !o.full.Before(r.Start) {
			m.Evidence.Full, found = true, true
		}
		ours, err := netip.ParseAddrPort(cmp.Or(m.Evidence.Here, m.Evidence.Ours))
		if from := r.Sender(m); from.IsValid() && err == nil {
			if w := o.way(from, ours.Addr().Unmap(), now); w.Arrives != "" {
				m.Evidence.Arrives, m.Evidence.Leaves, found = w.Arrives, w.Leaves, true
			}
		}
	}
	if found {
		r.Audio = r.Trouble(now)
	}
}

// way is what is dropped of what comes from an address to one of ours.
func (o *onHost) way(from, to netip.Addr, now time.Time) ways.Reverse {
	if age := now.Sub(o.since); age < 0 || age >= wayAge || o.ways == nil {
		o.since, o.ways = now, make(map[[2]netip.Addr]ways.Reverse)
	}
	key := [2]netip.Addr{from, to}
	w, known := o.ways[key]
	if !known && len(o.ways) < mostWays {
		if found, dropped := ways.Reversed(from, to); dropped {
			w = found
		}
		o.ways[key] = w
	}
	return w
}

// sample looks whether the host's table of connections has been full.
func (o *onHost) sample() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(host, time.Now())
}

func (o *onHost) count(host fs.FS, now time.Time) {
	n, ok := untracked(host)
	if ok && o.counted && n > o.dropped {
		o.full = now
	}
	o.dropped, o.counted, o.looked = n, ok, now
}

// untracked is how many packets the kernel has dropped as it had no room to keep track of their connections: a line for each processor, in hexadecimal numbers, below their names.
func untracked(host fs.FS) (n uint64, ok bool) {
	text, err := fs.ReadFile(host, "proc/thread-self/net/stat/nf_conntrack")
	if err != nil {
		return 0, false
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	column := slices.Index(strings.Fields(lines[0]), "drop")
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		if column < 0 || column >= len(f) {
			return 0, false
		}
		x, err := strconv.ParseUint(f[column], 16, 64)
		if err != nil {
			return 0, false
		}
		n += x
	}
	return n, column >= 0
}
