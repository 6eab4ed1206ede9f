package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/engine"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
)

// Status is the answer of /status.
type Status struct {
	Server   string        `json:"server"`
	Pool     string        `json:"pool"`
	Version  string        `json:"version"`
	Document string        `json:"document"`
	Uptime   time.Duration `json:"uptime"`
	Calls    int           `json:"calls"`
	Draining bool          `json:"draining"`
	Stopping bool          `json:"stopping,omitempty"` // it drains and ends then
	// MediaTier is the best tier that media can travel in, and MediaTierWhy why it is not a better one.
	MediaTier    string `json:"mediaTier"`
	MediaTierWhy string `json:"mediaTierWhy,omitempty"`
	// Trunks are those of the server's pool; TrunksDown the names of those that no call leaves by, unless nothing else is left.
	Trunks     int      `json:"trunks"`
	TrunksDown []string `json:"trunksDown,omitempty"`
	// RecordsWait says which call records no question finds yet, and why: the disk does not take them, or they are read anew; "": all are found.
	RecordsWait string `json:"recordsWait,omitempty"`
	// Closed says what could not be opened at the start, and keeps nobody from calling: the control socket, the view socket, metrics; at which addresses nothing arrives, as the host
	// has lost them; and of which names no server says anything any more.
	Closed []string `json:"closed,omitempty"`
	// Missed are the targets that the server is rated by and does not meet: see /health.
	Missed []string `json:"missed,omitempty"`
	// Strangers are the listeners that have dropped or refused what no trunk of theirs is for.
	Strangers []StrangerView `json:"strangers,omitempty"`
}

// StrangerView is who came in vain, at one listener: often a peer that has another address, too, or comes to another port.
type StrangerView struct {
	Listener string    `json:"listener"`
	Refused  uint64    `json:"refused"` // what was dropped or refused: datagrams, connections and requests
	Last     string    `json:"last"`    // address and port
	LastAt   time.Time `json:"lastAt"`
	// Gateway is whose address the last one has all the same, and Meets the listeners that its trunks are met at, of which this is none.
	Gateway string   `json:"gateway,omitempty"`
	Meets   []string `json:"meets,omitempty"`
}

// astray says of who came last whether a gateway has that address, which only comes to the wrong listener.
func (s *Server) astray(v *StrangerView) {
	from, err := netip.ParseAddrPort(v.Last)
	if err != nil {
		return
	}
	gateway, at := s.engine.Met(from.Addr())
	var meets []string
	for _, l := range at {
		meets = append(meets, l.Transport.String()+" "+l.AddrPort.String())
	}
	if len(meets) > 0 && !slices.Contains(meets, v.Listener) { // by TLS its certificate was refused
		v.Gateway, v.Meets = gateway, meets
	}
}

func (s *Server) strangers() (list []StrangerView) {
	add := func(v StrangerView) {
		for i := range list {
			if x := &list[i]; x.Listener == v.Listener {
				x.Refused += v.Refused
				if v.LastAt.After(x.LastAt) {
					x.Last, x.LastAt = v.Last, v.LastAt
				}
				return
			}
		}
		list = append(list, v)
	}
	for _, l := range s.transport.Stats().Listeners {
		if l.LastUnknown.IsValid() {
			add(StrangerView{Listener: l.Transport.String() + " " + l.Addr.String(), Refused: l.Drops.UnknownSource, Last: l.LastUnknown.String(), LastAt: l.LastUnknownAt})
		}
	}
	for _, x := range s.engine.Strangers() {
		add(StrangerView{Listener: x.Transport.String() + " " + x.Listener.String(), Refused: x.Requests, Last: x.Last.String(), LastAt: x.LastAt})
	}
	for i := range list {
		s.astray(&list[i])
	}
	slices.SortFunc(list, func(a, b StrangerView) int { return strings.Compare(a.Listener, b.Listener) })
	return list
}

// TrunkView is one trunk in the answer of /trunks.
type TrunkView struct {
	Name      string        `json:"name"`
	Gateway   string        `json:"gateway"`
	Kind      string        `json:"kind"`
	Peer      string        `json:"peer"`
	Transport string        `json:"transport"`
	Port      uint16        `json:"port"`
	Routable  bool          `json:"routable"`
	State     string        `json:"state"`
	Since     time.Time     `json:"since,omitzero"`
	Why       string        `json:"why,omitempty"`
	LastProbe time.Time     `json:"lastProbe,omitzero"`
	Code      int           `json:"code,omitempty"`
	RTT       time.Duration `json:"rtt,omitempty"`
	Calls     int           `json:"calls"`
	MaxCalls  int           `json:"maxCalls,omitempty"`
	Settings  string        `json:"settings"`
	// Tried are the calls of the last hour that were tried on the trunk, and Failed those of them that it has failed, also where the next trunk has taken them.
	Tried  int `json:"tried,omitempty"`
	Failed int `json:"failed,omitempty"`
	// Registration is absent when the trunk does not register.
	Registration *RegistrationView `json:"registration,omitempty"`
}

// Fault is the body of every answer that is not 2xx. Details are the problems in parts.
type Fault struct {
	Error    string        `json:"error"`
	Problems []string      `json:"problems,omitempty"`
	Details  []ProblemView `json:"details,omitempty"`
}

// ProblemView is a mistake of a document.
type ProblemView struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Object  string `json:"object,omitempty"`
	Key     string `json:"key,omitempty"`
	Value   string `json:"value,omitempty"`
	Why     string `json:"why"`
	Fix     string `json:"fix,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// ProblemViews are mistakes for machines.
func ProblemViews(list topology.Problems) []ProblemView {
	out := make([]ProblemView, len(list))
	for i, p := range list {
		out[i] = ProblemView{p.File, p.Line, p.Col, p.Object, p.Key, p.Value, p.Why, p.Fix, p.Warning}
	}
	return out
}

// maxDocument bounds what apply takes over the socket.
const maxDocument = 16 << 20

// controlHandler serves the control socket. Whoever may open the file may command the server; nobody else can reach it.
func (s *Server) controlHandler() http.Handler {
	mux := s.views()
	mux.HandleFunc("POST /apply", s.postApply)
	mux.HandleFunc("POST /apply/{expect}", s.postApply) // not a parameter, which an older server would overlook, and with it what is expected
	mux.HandleFunc("POST /drain", s.postDrain)
	return mux
}

// viewHandler serves the view socket: it shows all that the control socket shows, and takes no commands.
func (s *Server) viewHandler() http.Handler {
	mux := s.views()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, _ *http.Request) {
		fault(w, http.StatusForbidden, errors.New("this socket shows and takes no commands; use the control socket"), nil)
	})
	return mux
}

func (s *Server) views() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.getStatus)
	mux.HandleFunc("GET /health", s.getHealth)
	mux.HandleFunc("GET /calls", s.getCalls)
	mux.HandleFunc("GET /history", s.getHistory)
	mux.HandleFunc("GET /call/{id}", s.getCall)
	mux.HandleFunc("GET /trunks", s.getTrunks)
	mux.HandleFunc("GET /network", s.getNetwork)
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func fault(w http.ResponseWriter, status int, err error, problems topology.Problems) {
	f := Fault{Error: err.Error(), Details: ProblemViews(problems)}
	for _, p := range problems {
		f.Problems = append(f.Problems, p.String())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(f)
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) {
	me := s.current.Load()
	tier, why := s.relay.Best()
	trunks := s.trunkViews()
	rating := s.rate(s.tally(), trunks)
	var down []string
	for i := range trunks {
		if trunks[i].State == health.Down.String() {
			down = append(down, trunks[i].Name)
		}
	}
	answer(w, Status{Trunks: len(trunks), TrunksDown: down,
		Server: me.Name, Pool: me.Pool.Name, Version: Version, Document: s.engine.Snapshot().Version,
		Uptime: time.Since(s.started).Round(time.Second), Calls: s.engine.Live(), Draining: s.engine.Draining(), Stopping: s.ends(),
		MediaTier: tier.String(), MediaTierWhy: why, RecordsWait: s.recordsWait(), Closed: s.closed(), Missed: rating.Missed(), Strangers: s.strangers()})
}

func (s *Server) recordsWait() string {
	var wait []string
	switch n, err := s.store.Waiting(); {
	case err != nil && n == 0:
		wait = append(wait, fmt.Sprintf("none can be written: %v", err))
	case err != nil:
		wait = append(wait, fmt.Sprintf("%d cannot be written and wait in memory: %v", n, err))
	}
	if n := s.store.Unread(); n > 0 {
		wait = append(wait, fmt.Sprintf("%d files are still being read, the latest first, since they had no index", n))
	}
	return strings.Join(wait, "; ")
}

// getCalls answers with the running calls, oldest first; a limit leaves the latest.
func (s *Server) getCalls(w http.ResponseWriter, r *http.Request) {
	f, err := ParseFilter(r.URL.Query().Get)
	if err != nil {
		fault(w, http.StatusBadRequest, err, nil)
		return
	}
	var fit []*cdr.Record
	list := s.engine.Calls() // of others, too: nothing in it is changed
	for i := range list {
		if f.Matches(&list[i]) {
			fit = append(fit, &list[i])
		}
	}
	if f.Limit > 0 {
		fit = fit[max(0, len(fit)-f.Limit):]
	}
	a := array{w: w}
	for _, c := range fit {
		own := *c
		own.Running = time.Since(c.Start)
		if a.add(&own) != nil {
			return
		}
	}
	a.end()
}

// historyPiece is how many calls are read at a time: what a client has not taken yet waits in memory.
const historyPiece = 1000

func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) {
	f, err := ParseFilter(r.URL.Query().Get)
	if err != nil {
		fault(w, http.StatusBadRequest, err, nil)
		return
	}
	a := array{w: w}
	for left := f.Most(); left > 0; left -= f.Limit {
		f.Limit = min(left, historyPiece)
		list, err := s.piece(r.Context(), f)
		switch {
		case err != nil && !a.begun:
			fault(w, http.StatusInternalServerError, err, nil)
			return
		case errors.Is(err, store.ErrNotFound): // purged meanwhile, with all before it
		case err != nil:
			panic(http.ErrAbortHandler) // an answer that ends well would look whole
		}
		for i := range list {
			if a.add(&list[i]) != nil {
				return
			}
		}
		if len(list) < f.Limit {
			break
		}
		f.Before = list[len(list)-1].ID
	}
	a.end()
}

// piece is store.List, for one client at a time: reading takes the processor from calls.
func (s *Server) piece(ctx context.Context, f store.Filter) ([]store.Summary, error) {
	s.listing.Lock()
	defer s.listing.Unlock()
	return s.store.List(ctx, f)
}

// array writes a JSON array as its elements come.
type array struct {
	w     http.ResponseWriter
	begun bool
}

func (a *array) add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = a.w.Write(append([]byte{a.next()}, b...))
	return err
}

// next is what stands in front of the next element.
func (a *array) next() byte {
	if a.begun {
		return ','
	}
	a.begun = true
	a.w.Header().Set("Content-Type", "application/json")
	return '['
}

func (a *array) end() {
	if !a.begun {
		a.w.Write([]byte{a.next()}) // a client that is gone needs no answer
	}
	a.w.Write([]byte("]\n"))
}

// ParseFilter reads a filter from named values.
func ParseFilter(get func(string) string) (f store.Filter, err error) {
	f.Number, f.Trunk, f.Reason, f.Before = get("number"), get("trunk"), get("reason"), get("before")
	f.Failed, f.Poor, f.Audio = get("failed") == "true", get("poor") == "true", get("audio") == "true"
	if v := get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil {
			return f, errors.New("limit " + strconv.Quote(v) + " is not a number")
		}
	}
	for name, at := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if v := get(name); v != "" {
			if *at, err = time.Parse(time.RFC3339, v); err != nil {
				return f, errors.New(name + " " + strconv.Quote(v) + " is not a time like 2026-01-31T12:00:00Z")
			}
		}
	}
	return f, nil
}

// getCall answers with the record of a call, ended or running.
func (s *Server) getCall(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	rec, err := s.findCall(r.Context(), id)
	if err != nil {
		status := http.StatusInternalServerError
		var many *store.AmbiguousError
		if errors.Is(err, store.ErrNotFound) {
			status = http.StatusNotFound
		} else if errors.As(err, &many) {
			status = http.StatusConflict
		}
		fault(w, status, err, nil)
		return
	}
	answer(w, rec)
}

// findCall looks among the running calls first: by record id, by Call-ID of either leg, or by the beginning of one that no other
// call has.
func (s *Server) findCall(ctx context.Context, id string) (*cdr.Record, error) {
	begins, exact := s.engine.Named(id)
	if len(begins) == 1 {
		s.onHost.explain(&begins[0])
		begins[0].Running = time.Since(begins[0].Start)
	}
	if exact {
		return &begins[0], nil
	}
	rec, err := s.store.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound) && len(begins) == 1:
		return &begins[0], nil
	case errors.Is(err, store.ErrNotFound) && len(begins) > 1, err == nil && len(begins) > 0 && rec.ID != id:
		many := &store.AmbiguousError{Prefix: id}
		for _, c := range begins[:min(len(begins), 10)] {
			many.Candidates = append(many.Candidates, c.ID)
		}
		many.More = len(begins) > 10
		if rec != nil {
			many.Candidates = append(many.Candidates, rec.ID)
		}
		return nil, many
	case errors.Is(err, store.ErrNotFound) && s.recordsWait() != "":
		return nil, fmt.Errorf("%w: it may be one of the call records of which %s", err, s.recordsWait())
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: that is neither the id of a record nor the Call-ID of a leg, nor the beginning of one%s; `directsip calls` lists them", err, s.neighbours())
	}
	return rec, err
}

// neighbours says, where there are other servers in the pool, that a call may have been theirs: each has the records of its own.
func (s *Server) neighbours() string {
	snap := s.engine.Snapshot()
	me := snap.ServerByName(s.cfg.Server)
	if me == nil {
		return ""
	}
	var others []string
	for _, x := range me.Pool.Servers {
		if x != me {
			others = append(others, x.Name)
		}
	}
	if n := len(others); n > 3 {
		others = append(others[:3], fmt.Sprintf("%d more", n-3))
	}
	if len(others) == 0 {
		return ""
	}
	return " on this server; the calls of " + strings.Join(others, ", ") + " are in the records there"
}

func (s *Server) getTrunks(w http.ResponseWriter, _ *http.Request) { answer(w, s.trunkViews()) }

func (s *Server) trunkViews() []TrunkView {
	list, now := []TrunkView{}, time.Now()
	me := s.current.Load()
	gone := lost(me)
	for _, t := range s.engine.Trunks() {
		v := TrunkView{Name: t.Trunk.Name, Gateway: t.Trunk.Gateway.Name, Kind: string(t.Trunk.Gateway.Kind), Peer: t.Trunk.Gateway.Host,
			Transport: t.Trunk.Transport.String(), Port: t.Trunk.Port, Routable: t.Trunk.Gateway.Routable, State: t.Health.State.String(),
			Since: t.Health.Since, Why: t.Health.Why, LastProbe: t.Health.LastProbe, Code: t.Health.Code, RTT: t.Health.RTT,
			Calls: t.Calls, MaxCalls: t.Trunk.Settings.MaxCalls, Settings: t.Trunk.Settings.Scope}
		switch {
		case t.Trunk.Disabled:
			v.State, v.Since, v.Why = "disabled", time.Time{}, "enabled: false"
		case !t.Paused.IsZero():
			v.State, v.Why = "paused", "503 with Retry-After: no calls until "+t.Paused.Format(time.TimeOnly)
		}
		if p := t.Trunk.GatewayPort; p != 0 {
			v.Peer = net.JoinHostPort(strings.Trim(v.Peer, "[]"), strconv.Itoa(int(p)))
		}
		v.Registration = registrationView(&t)
		v.Tried, v.Failed = s.targets.tried(v.Name, now)
		if v.Why == health.Untried {
			v.Why = untried(&t, v.Tried > v.Failed)
		}
		if t.Health.State != health.Up && !t.Trunk.Disabled {
			v.Why = fromLost(v.Why, me.Toward(t.Trunk).Addresses, gone)
		}
		list = append(list, v)
	}
	return list
}

// untried says of a trunk whose state has never changed what that is worth.
func untried(t *engine.TrunkStatus, carries bool) string {
	switch {
	case !t.Health.LastProbe.IsZero():
		return "since the start"
	case !t.Trunk.Watched().Settings.Options:
		return "taken for up until calls fail: options is false"
	case carries:
		return "calls do not fail on it; it has not answered OPTIONS yet since the start"
	}
	return "taken for up: it has not answered OPTIONS yet since the start"
}

func (s *Server) postApply(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "directsip.yaml"
	}
	src, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if err != nil {
		fault(w, http.StatusRequestEntityTooLarge, fmt.Errorf("the document cannot be read: %w; it may have 16 MiB", err), nil)
		return
	}
	var (
		done     step
		changes  []topology.Change
		problems topology.Problems
	)
	dry, expect := r.URL.Query().Get("dry-run") == "true", r.PathValue("expect")
	if dry {
		done, changes, problems, err = s.compare(name, src, expect)
	} else {
		done, problems, err = s.take(name, src, expect)
	}
	if err != nil {
		if !problems.Failed() { // what is wrong is not among the warnings
			problems = nil
			if !dry {
				err = fmt.Errorf("the document is not applied, the old one stays: %w", err)
			}
		}
		status := http.StatusUnprocessableEntity
		if errors.Is(err, errOvertaken) {
			status = http.StatusPreconditionFailed
		}
		fault(w, status, err, problems)
		return
	}
	if !dry {
		problems = append(problems, s.otherFile(src)...)
	}
	warnings := []string{}
	for _, p := range problems {
		warnings = append(warnings, p.String())
	}
	result := map[string]any{"document": done.to.Version, "before": done.from.Version, "warnings": warnings}
	if dry {
		result["changes"] = changes
	} else {
		result["changed"] = done.to != done.from
	}
	answer(w, result)
}

func (s *Server) postDrain(w http.ResponseWriter, r *http.Request) {
	if err := s.Drain(r.URL.Query().Get("off") != "true"); err != nil {
		fault(w, http.StatusConflict, err, nil)
		return
	}
	s.getStatus(w, r)
}

// Call is the record of one call, ended or running, by any of its ids.
func (s *Server) Call(ctx context.Context, id string) (*cdr.Record, error) {
	return s.findCall(ctx, id)
}
