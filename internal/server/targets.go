package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
)

// The targets of a server: what it is rated by. They are those of deploy/alerts.yml, as far as these are of one server and of now.
const (
	mostFull     = 90 // percent of maxCalls, of a trunk and of the server
	mostFailed   = 5  // percent of calls that fail for what is nobody's wish, …
	failedWithin = 15 * time.Minute
	mostPoor     = 5 // … and of calls whose audio is poor
	poorWithin   = time.Hour
	fewCalls     = 50   // fewer of them say nothing
	mostRefused  = 20   // percent of the calls tried on a trunk that it fails, or in which its peer is not heard, in an hour, …
	fewTried     = 20   // … of so many at least
	leastPorts   = 20   // free pairs of media ports
	mostWaiting  = 100  // call records that are not written
	mostTracked  = 80   // % of the host's table of connections
	leastDisk    = 1000 // MiB free where the records are
	leastDays    = 30   // until our certificate expires
	mostLag      = 3600 // seconds that a quality record waits for its consumer
	sampling     = time.Minute
)

// Target is one thing that a server is rated by.
type Target struct {
	Name    string  `json:"target"`
	Met     bool    `json:"met"`
	Value   float64 `json:"value"`
	Bound   string  `json:"bound"` // "most" or "least"
	Limit   float64 `json:"limit"`
	Unit    string  `json:"unit"`              // of value and limit
	Unknown string  `json:"unknown,omitempty"` // why there is no value; the target is met then
	Detail  string  `json:"detail,omitempty"`  // what is meant: names of trunks
	Look    string  `json:"look,omitempty"`    // what tells more, where it is missed
}

// Rating is the answer of /health.
type Rating struct {
	Server  string   `json:"server"`
	Met     bool     `json:"met"` // every target
	Targets []Target `json:"targets"`
}

// Missed are the names of the targets that are not met.
func (r Rating) Missed() (names []string) {
	for i := range r.Targets {
		if !r.Targets[i].Met {
			names = append(names, r.Targets[i].Name)
		}
	}
	return names
}

// tally is what has happened since the server was started.
type tally struct {
	at                         time.Time
	ended, failed, rated, poor uint64
	overload, faults           uint64
	lost, unwritten            uint64 // call records; writes that failed
	refused                    uint64 // quality records that were dropped
}

// targets keeps a tally a minute, for an hour.
type targets struct {
	ended, failed, rated, poor atomic.Uint64

	mu      sync.Mutex
	past    []tally // oldest first
	trunks  recents // with the calls that were tried on them, and those that failed
	unheard recents // with the calls in which their peer was to be heard, and those in which it was not
}

// recents is what trunks have done within an hour, by their names.
type recents map[string]*recent

// recent is what a trunk has done with its calls within an hour, in pieces of five minutes.
type recent struct {
	piece int64 // the last one that was counted in, by Unix time
	n     [12]struct{ tried, bad uint32 }
}

// to forgets what is too old.
func (r *recent) to(now time.Time) {
	piece := now.Unix() / (int64(poorWithin/time.Second) / int64(len(r.n)))
	if r.piece > piece+1 { // the clock was ahead, and has been set back
		*r = recent{}
	}
	for r.piece = max(r.piece, piece-int64(len(r.n))); r.piece < piece; {
		r.piece++
		r.n[r.piece%int64(len(r.n))] = struct{ tried, bad uint32 }{}
	}
}

func (r *recent) sum() (tried, bad uint64) {
	for _, x := range r.n {
		tried, bad = tried+uint64(x.tried), bad+uint64(x.bad)
	}
	return tried, bad
}

// note counts a call that has ended.
func (t *targets) note(r *cdr.Record) {
	t.ended.Add(1)
	if !diag.Wished(r.Reason) {
		t.failed.Add(1)
	}
	if r.Poor() {
		t.poor.Add(1)
		t.rated.Add(1)
	} else if r.Telling() {
		t.rated.Add(1)
	}
}

// try counts the attempts of a call that has ended, and the sides of it that were not heard. A trunk without a free channel does what it should.
func (t *targets) try(r *cdr.Record, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range r.Attempts {
		a := &r.Attempts[i]
		t.trunks.count(a.Trunk, a.Class == "peer-fault" || a.Class == "incompatible", now)
	}
	for _, side := range [...]string{"caller", "callee"} {
		if asked, not := r.Unheard(side); asked {
			trunk, _ := r.Party(side)
			t.unheard.count(trunk, not, now)
		}
	}
}

func (l *recents) count(trunk string, bad bool, now time.Time) {
	if *l == nil {
		*l = make(recents)
	}
	x := (*l)[trunk]
	if x == nil {
		x = &recent{}
		(*l)[trunk] = x
	}
	x.to(now)
	n := &x.n[x.piece%int64(len(x.n))]
	n.tried++
	if bad {
		n.bad++
	}
}

// worst is the trunk with the largest share of bad calls, in percent, and those that have too many; "": none had calls enough.
func (l recents) worst(now time.Time) (worst string, percent float64, beyond []string) {
	for name, x := range l {
		x.to(now)
		tried, bad := x.sum()
		if tried == 0 { // perhaps there is no such trunk any more
			delete(l, name)
		}
		if tried < fewTried {
			continue
		}
		if p := share(bad, tried); worst == "" || p > percent || p == percent && name < worst {
			worst, percent = name, p
		}
		if share(bad, tried) > mostRefused {
			beyond = append(beyond, name)
		}
	}
	slices.Sort(beyond)
	return worst, percent, beyond
}

// refusing is the trunk that fails most of the calls that were tried on it.
func (t *targets) refusing(now time.Time) (worst string, percent float64, beyond []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trunks.worst(now)
}

// silent is the trunk whose peer is not heard in most of its calls.
func (t *targets) silent(now time.Time) (worst string, percent float64, beyond []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unheard.worst(now)
}

// tried is how many calls were tried on a trunk within an hour, and how many of them it has failed.
func (t *targets) tried(trunk string, now time.Time) (tried, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.trunks[trunk]
	if x == nil {
		return 0, 0
	}
	x.to(now)
	n, bad := x.sum()
	return int(n), int(bad)
}

// keep keeps a tally, and forgets those that nobody asks for any more.
func (t *targets) keep(x tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.past) > 1 && !t.past[1].at.After(x.at.Add(-poorWithin)) {
		t.past = t.past[1:]
	}
	t.past = append(t.past, x)
}

// before is the latest tally that is so old; that of the start where there is none.
func (t *targets) before(x tally, age time.Duration) (old tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.past {
		if p.at.After(x.at.Add(-age)) {
			break
		}
		old = p
	}
	return old
}

func (s *Server) tally() tally {
	c, st, t := s.engine.Counters(), s.store.Stats(), &s.targets
	return tally{at: time.Now(), ended: t.ended.Load(), failed: t.failed.Load(), rated: t.rated.Load(), poor: t.poor.Load(), overload: c.Shed + c.Dropped, faults: c.Panics,
		lost: st.Dropped, unwritten: st.WriteErrors, refused: s.consumed.dropped.Load()}
}

// tend keeps a tally each minute until ctx ends, and looks after the sockets.
func (s *Server) tend(ctx context.Context) {
	t := time.NewTicker(sampling)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.targets.keep(s.tally())
			s.onHost.sample()
			s.restore()
			s.tellLost()
			s.tellKept()
		}
	}
}

// Rate rates the server.
func (s *Server) Rate() Rating { return s.rate(s.tally(), s.trunkViews()) }

func (s *Server) rate(now tally, trunks []TrunkView) Rating {
	me := s.current.Load()
	r := Rating{Server: me.Name, Met: true}
	add := func(t Target) {
		t.Value = math.Round(t.Value*10) / 10
		t.Met = t.Unknown != "" || (t.Bound == "most") == (t.Value <= t.Limit) || t.Value == t.Limit
		if t.Met {
			t.Look = ""
		}
		r.Met = r.Met && t.Met
		r.Targets = append(r.Targets, t)
	}
	draining := 0.0
	if s.engine.Draining() {
		draining = 1
	}
	add(Target{Name: "draining", Value: draining, Bound: "most", Unit: "1: no new calls are taken", Look: "directsip drain --off, if it is forgotten"})
	rateTrunks(trunks, add)
	if n := s.callsMost(); n > 0 {
		add(Target{Name: "calls", Value: share(uint64(s.engine.Live()), uint64(n)), Bound: "most", Limit: mostFull, Unit: "% of maxCalls", Look: "directsip calls --live"})
	}
	some := func(t Target, part, of uint64) {
		if t.Value = share(part, of); of < fewCalls {
			t.Value, t.Unknown = 0, fmt.Sprintf("%d of the %d calls that it takes", of, fewCalls)
		}
		add(t)
	}
	d := s.targets.before(now, failedWithin)
	some(Target{Name: "calls-failed", Bound: "most", Limit: mostFailed, Unit: "% in 15 minutes", Look: "directsip report --since 15m, also with --by called, and directsip calls --failed"}, now.failed-d.failed, now.ended-d.ended)
	worst, percent, beyond := s.targets.refusing(now.at)
	t := Target{Name: "trunk-fails", Value: percent, Bound: "most", Limit: mostRefused, Unit: "% of calls tried in an hour", Detail: several(beyond),
		Look: "directsip report --by out --since 1h, directsip calls --trunk " + worst}
	if worst == "" {
		t.Unknown = fmt.Sprintf("no trunk had the %d calls that it takes", fewTried)
	}
	add(t)
	h := s.targets.before(now, poorWithin)
	some(Target{Name: "audio-poor", Bound: "most", Limit: mostPoor, Unit: "% in an hour", Look: "directsip calls --poor --since 1h"}, now.poor-h.poor, now.rated-h.rated)
	worst, percent, beyond = s.targets.silent(now.at)
	t = Target{Name: "audio-unheard", Value: percent, Bound: "most", Limit: mostRefused, Unit: "% of calls in an hour", Detail: several(beyond),
		Look: "directsip calls --audio --since 1h --trunk " + worst + ", and directsip why of one"}
	if worst == "" {
		t.Unknown = fmt.Sprintf("no trunk had the %d calls that it takes", fewTried)
	}
	add(t)
	add(Target{Name: "overload", Value: float64(now.overload - d.overload), Bound: "most", Unit: "refused in 15 minutes", Look: "the CPU of this host; what was refused is in no record, directsip_sip_events_total counts it"})
	add(Target{Name: "faults", Value: float64(now.faults - d.faults), Bound: "most", Unit: "calls in 15 minutes", Look: "the log has the recording, please report it"})
	add(Target{Name: "media-ports", Value: float64(s.engine.FreePorts()), Bound: "least", Limit: leastPorts, Unit: "free pairs", Look: "widen mediaPorts, or set maxCalls"})
	st := s.store.Stats()
	add(Target{Name: "records-wait", Value: float64(st.Put - min(st.Put, st.Acknowledged)), Bound: "most", Limit: mostWaiting, Unit: "call records", Look: "directsip status"})
	add(Target{Name: "records-lost", Value: float64(now.lost - d.lost), Bound: "most", Unit: "call records in 15 minutes", Look: "directsip status, and the log"})
	t = Target{Name: "disk-errors", Value: float64(now.unwritten - d.unwritten), Bound: "most", Unit: "failed writes in 15 minutes", Look: "directsip status, and the log"}
	if _, err := s.store.Waiting(); err != nil {
		t.Detail = err.Error()
	}
	add(t)
	s.rateDisk(add)
	rateTracked(host, add)
	if me.QualityConsumer != "" {
		add(Target{Name: "quality-wait", Value: s.consumed.lag(now.at).Seconds(), Bound: "most", Limit: mostLag, Unit: "seconds", Look: "the log says why the consumer does not take them"})
		add(Target{Name: "quality-lost", Value: float64(now.refused - h.refused), Bound: "most", Unit: "quality records in an hour", Look: "the log says why the consumer refuses them"})
		t := Target{Name: "quality-files", Bound: "most", Unit: "1: a file of the consumer cannot be read", Look: "directsip check, and make the file readable for the server; it is read by itself then"}
		if err := s.consumed.unread.Load(); err != nil {
			t.Value, t.Detail = 1, (*err).Error()
		}
		add(t)
	}
	if ends := s.certificateEnds(); !ends.IsZero() {
		add(Target{Name: "certificate", Value: math.Floor(time.Until(ends).Hours() / 24), Bound: "least", Limit: leastDays, Unit: "days",
			Detail: "until " + ends.UTC().Format(time.DateOnly), Look: "renew it: its files are read anew when they change"})
	}
	return r
}

// rateTrunks rates the trunks of the pool; none that are out of service.
func rateTrunks(trunks []TrunkView, add func(Target)) {
	var down, out, full []string
	most, limited := 0.0, false
	for i := range trunks {
		v := &trunks[i]
		if v.State == "disabled" {
			continue
		}
		if v.State == health.Down.String() || v.State == health.HalfOpen.String() {
			down = append(down, v.Name)
		}
		if g := v.Registration; g != nil && g.State != Elsewhere && g.State != "registered" {
			out = append(out, v.Name)
		}
		if v.MaxCalls > 0 {
			limited = true
			x := share(uint64(v.Calls), uint64(v.MaxCalls))
			if most = max(most, x); x > mostFull {
				full = append(full, v.Name)
			}
		}
	}
	add(Target{Name: "trunks-down", Value: float64(len(down)), Bound: "most", Unit: "trunks", Detail: several(down), Look: "directsip trunks, directsip doctor " + first(down)})
	add(Target{Name: "not-registered", Value: float64(len(out)), Bound: "most", Unit: "trunks", Detail: several(out), Look: "directsip trunks " + first(out)})
	t := Target{Name: "trunk-full", Value: most, Bound: "most", Limit: mostFull, Unit: "% of maxCalls", Detail: several(full), Look: "directsip calls --live --trunk " + first(full)}
	if !limited {
		t.Unknown = "no trunk has maxCalls: nothing bounds or tells of a burst of calls, as of somebody who runs up a bill"
	}
	add(t)
}

func (s *Server) rateDisk(add func(Target)) {
	t := Target{Name: "disk-free", Bound: "least", Limit: leastDisk, Unit: "MiB", Detail: s.cfg.DataDir, Look: "make room, or keep records for less long (--keep)"}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.cfg.DataDir, &fs); err != nil {
		t.Unknown = err.Error()
	}
	t.Value = math.Floor(float64(fs.Bavail) * float64(fs.Bsize) / (1 << 20))
	add(t)
}

// callsMost is how many calls the server may have; 0: as many as come.
func (s *Server) callsMost() int {
	me := s.current.Load()
	n := me.Pool.Share().MaxCalls
	if m := me.MaxCalls; m > 0 && (n == 0 || m < n) {
		n = m
	}
	return n
}

// certificateEnds is when the first of our certificates expires; zero: there is none.
func (s *Server) certificateEnds() (ends time.Time) {
	for _, l := range s.transport.Stats().Listeners {
		if e := l.CertificateEnds; !e.IsZero() && (ends.IsZero() || e.Before(ends)) {
			ends = e
		}
	}
	return ends
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// several names some of many.
func several(names []string) string {
	const most = 8
	if n := len(names); n > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(names, ", ")
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) { answer(w, s.Rate()) }
