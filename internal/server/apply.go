package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// errEnding refuses a document during shutdown.
var errEnding = errors.New("the server is shutting down and takes no document any more")

// learnTime bounds how long the names of new gateways are looked up before a document holds.
const learnTime = 2 * time.Second

// Apply takes a new document: all of it, or nothing of it. What it needs is opened first; then new calls take it; then what
// only the old one needed is closed, listeners as soon as no call runs that came by them.
func (s *Server) Apply(name string, src []byte) (*topology.Snapshot, topology.Problems, error) {
	done, problems, err := s.take(name, src, "")
	return done.to, problems, err
}

// step is the way from the document that ran to another one, which may be the same.
type step struct{ from, to *topology.Snapshot }

// errOvertaken refuses a document that was made of another one than that which runs.
var errOvertaken = errors.New("another document runs than the one that it was made of")

// overtaken refuses a document that would undo what somebody else has applied: who made it expects to change another one than that which runs. "" expects nothing.
func overtaken(snap, runs *topology.Snapshot, expect string) error {
	if expect == "" || expect == runs.Version || snap.Version == runs.Version {
		return nil
	}
	return fmt.Errorf("%w: it was made of %s, and the server runs %s; see with `directsip apply --dry-run` what it would undo, write that into it, and apply it with --expect %s",
		errOvertaken, expect, runs.Version, runs.Version)
}

// take is Apply that tells which document ran before. Where expect is not "", it has to be the version of that.
func (s *Server) take(name string, src []byte, expect string) (step, topology.Problems, error) {
	snap, me, problems, err := s.read(name, src)
	if err != nil {
		return step{}, problems, err
	}
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.ended {
		return step{}, problems, errEnding
	}
	old := s.engine.Snapshot()
	if err := overtaken(snap, old, expect); err != nil {
		return step{}, problems, err
	}
	if snap.Version == old.Version && snap.SameSecrets(old) { // certificates are read again by themselves
		wanted, err := s.openConsumer(me)
		if err != nil {
			return step{}, problems, err
		}
		if !s.consumer.same(wanted) { // another token
			s.turnConsumer(wanted)
		}
		s.log.Info("document has not changed", "document", snap.Version, "name", name)
		s.engine.RetryRegistrations()
		return step{old, old}, append(problems, s.remarks(name, me)...), nil
	}
	bad := s.unusable(name, snap, me)
	if bad.Failed() {
		return step{}, bad, bad
	}
	problems = append(problems, bad...)
	if err := s.change(snap, me); err != nil {
		return step{}, problems, err
	}
	problems = append(problems, s.remarks(name, me)...)
	for _, p := range problems {
		s.log.Warn("document", "problem", p.String())
	}
	s.log.Info("document applied", "document", snap.Version, "name", name, "before", old.Version, "changed", differences(old.Source, src))
	return step{old, snap}, problems, nil
}

// compare is what take would change. The document is checked as a whole, with the files that it names; nothing is opened.
func (s *Server) compare(name string, src []byte, expect string) (step, []topology.Change, topology.Problems, error) {
	snap, me, problems, err := s.read(name, src)
	if err != nil {
		return step{}, nil, problems, err
	}
	old := s.engine.Snapshot()
	if err := overtaken(snap, old, expect); err != nil {
		return step{}, nil, problems, err
	}
	open := s.transport.Listeners() // which stay as they are, whatever the host has lost since
	fresh := slices.DeleteFunc(specs(snap, me), func(l transport.ListenSpec) bool { return has(open, l) })
	bad := append(s.unusable(name, snap, me), missingListeners(name, fresh, me)...)
	if bad.Failed() {
		return step{}, nil, bad, bad
	}
	problems = append(problems, bad...)
	if _, err := s.openConsumer(me); err != nil {
		return step{}, nil, nil, err
	}
	changes, unread := topology.Diff(old.Source, src)
	if len(unread) > 0 { // both have been read before
		return step{}, nil, unread, unread
	}
	if len(changes) == 0 && !snap.SameSecrets(old) {
		problems = append(problems, topology.Problem{File: name, Warning: true, Why: "a password that the document has from elsewhere is not that of the running server", Fix: "Apply it"})
	}
	return step{old, snap}, changes, append(problems, s.remarks(name, me)...), nil
}

// remarks are what a document that is applied does not change, or cannot have here.
func (s *Server) remarks(name string, me *topology.Server) (list topology.Problems) {
	if me.MediaTier != s.mediaTier {
		list = append(list, s.laterTier(name, me))
	}
	return append(list, missingMedia(name, me)...)
}

// read checks a document, and that it has this server and its secrets.
func (s *Server) read(name string, src []byte) (*topology.Snapshot, *topology.Server, topology.Problems, error) {
	snap, problems := topology.CompileWith(name, src, ReadFile)
	if problems.Failed() {
		return nil, nil, problems, problems
	}
	me := snap.ServerByName(s.cfg.Server)
	if me == nil {
		_, err := pick(snap, s.cfg.Server)
		return nil, nil, problems, err
	}
	if locked := unlock(snap, me); len(locked) > 0 {
		return nil, nil, locked, locked
	}
	return snap, me, problems, nil
}

// laterTier says that the relay stays as it was opened.
func (s *Server) laterTier(name string, me *topology.Server) topology.Problem {
	p := me.Problem(name, "mediaTier")
	p.Value, p.Warning = me.MediaTier, true
	p.Why, p.Fix = fmt.Sprintf("mediaTier %s is taken when the server starts; until then %s holds", me.MediaTier, s.mediaTier), "Drain and restart the server"
	return p
}

// otherFile warns that the document that was applied is not the one in the file of the server, which holds again when the server is started.
func (s *Server) otherFile(src []byte) topology.Problems {
	kept, err := os.ReadFile(s.cfg.Document)
	if err == nil && bytes.Equal(kept, src) {
		return nil
	}
	p := topology.Problem{File: s.cfg.Document, Warning: true, Why: "this file, which the server reads when it starts, has another document, which a restart brings back", Fix: "Write there what was applied"}
	if err != nil {
		p.Why = fmt.Sprintf("this file, which the server reads when it starts, cannot be read: %v: without it no restart succeeds", err)
	}
	s.log.Warn("document", "problem", p.String())
	return topology.Problems{p}
}

// change goes from one document to the next. On error everything is as before.
func (s *Server) change(snap *topology.Snapshot, me *topology.Server) error {
	old, before := s.engine.Snapshot(), s.current.Load()
	wanted, err := s.openConsumer(me)
	if err != nil {
		return err
	}
	web, err := s.reopen(before, me)
	if err != nil {
		return err
	}
	// A port that goes from TCP to TLS can only be closed before it is opened.
	now := s.transport.Listeners()
	beside := union(specs(snap, me), now)
	if keep := slices.DeleteFunc(slices.Clone(now), func(l transport.ListenSpec) bool { return !has(beside, l) }); len(keep) < len(now) {
		s.transport.Reconcile(keep) // closes only: its errors are of certificates that stay as they are
	}
	err = s.listen(snap, me)
	if err != nil {
		web.undo()
		return errors.Join(err, s.transport.Reconcile(s.wanted(old, before)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	s.engine.Learn(ctx, snap)
	cancel()
	if err := s.engine.Apply(snap); err != nil { // the server is in the document: it cannot fail
		return err
	}
	s.current.Store(me)
	s.transport.SetRate(float64(me.MaxMessagesPerSource))
	web.commit(s)
	if !s.consumer.same(wanted) {
		s.turnConsumer(wanted)
	}
	s.retire()
	return nil
}

func has(list []transport.ListenSpec, l transport.ListenSpec) bool {
	return slices.ContainsFunc(list, func(x transport.ListenSpec) bool { return x.Transport == l.Transport && x.Addr == l.Addr })
}

// wanted is the listeners of a document and of the older ones under which calls run.
func (s *Server) wanted(snap *topology.Snapshot, me *topology.Server) []transport.ListenSpec {
	var older [][]transport.ListenSpec
	for _, o := range s.engine.Older() {
		if as := o.ServerByName(s.cfg.Server); as != nil {
			older = append(older, specs(o, as))
		}
	}
	return union(specs(snap, me), older...)
}

// retireEvery is how often it is asked whether calls still run under an older document.
const retireEvery = 2 * time.Second

// retire closes the listeners that no document with calls has any more, now and whenever the last call of an older one has ended. The
// caller holds s.apply.
func (s *Server) retire() {
	left := s.engine.Forget()
	trouble := ""
	if err := s.transport.Reconcile(s.wanted(s.engine.Snapshot(), s.current.Load())); err != nil {
		trouble = err.Error()
	}
	if trouble != "" && trouble != s.trouble { // and not every two seconds until the last call has ended
		s.log.Warn("listeners, while calls run under an older document", "err", trouble)
	}
	s.trouble = trouble
	if s.retiring != nil {
		s.retiring.Stop()
	}
	if left > 0 {
		s.retiring = time.AfterFunc(retireEvery, func() {
			s.apply.Lock()
			defer s.apply.Unlock()
			if !s.ended {
				s.retire()
			}
		})
	}
}

// Reload applies the file again.
func (s *Server) Reload() error {
	src, err := os.ReadFile(s.cfg.Document)
	if err != nil {
		return err
	}
	_, _, err = s.Apply(s.cfg.Document, src)
	return err
}

// ReloadLogged is Reload for a signal: the result goes to the log.
func (s *Server) ReloadLogged() {
	if err := s.Reload(); err != nil {
		s.log.Error("document not applied, the old one stays", "file", s.cfg.Document, "err", err)
	}
}

// WatchFile applies the document whenever its file has changed and was then left alone for one look, until ctx ends: a file
// that is being written is not half applied. A bad file is reported once and the old document stays.
func (s *Server) WatchFile(ctx context.Context) {
	every := s.cfg.Watch
	if every < 0 {
		return
	}
	if every == 0 {
		every = 2 * time.Second
	}
	look := time.NewTicker(every)
	defer look.Stop()
	applied, last := s.stamp, s.stamp
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		now := stampOf(s.cfg.Document)
		if now == last && now != applied && now != (fileStamp{}) {
			applied = now
			s.ReloadLogged()
		}
		last = now
	}
}

type fileStamp struct {
	mod  time.Time
	size int64
}

func stampOf(path string) fileStamp {
	fi, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{fi.ModTime(), fi.Size()}
}
