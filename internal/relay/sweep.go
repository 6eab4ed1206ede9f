package relay

import (
	"maps"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// sweeper looks for silence, and closes what was warm long enough. One goroutine for all sessions instead of a timer each.
type sweeper struct {
	quit, done chan struct{}
}

func (sw *sweeper) start(r *Relay, interval time.Duration) {
	sw.quit, sw.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sw.done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		var list []*session
		var found notices
		for {
			select {
			case <-sw.quit:
				return
			case <-ticker.C:
			}
			for i := range r.shards {
				list = r.shards[i].list(list[:0])
				r.sweep(list, &found)
				clear(list)
			}
			r.tidy(r.now())
		}
	}()
}

func (sw *sweeper) stop() {
	close(sw.quit)
	<-sw.done
}

// tidy closes what was warm long enough, and gives back what a crowd of calls has left behind.
func (r *Relay) tidy(now int64) {
	r.sockets.warm.sweep(now)
	if r.steered != nil {
		r.steered.tidy()
	}
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		sh.sessions = shrunk(sh.sessions, &sh.peak)
		sh.mu.Unlock()
	}
}

// shrunk moves what is left of a map that was eight times fuller, or more, to one of its size: Go's maps only grow. peak is
// the most that was in it.
func shrunk[K comparable, V any](m map[K]V, peak *int) map[K]V {
	if *peak < 16 || len(m) > *peak/8 {
		return m
	}
	*peak = len(m)
	small := make(map[K]V, len(m))
	maps.Copy(small, m)
	return small
}

func (r *Relay) sweep(list []*session, found *notices) {
	at := time.Now()
	now := int64(at.Sub(r.start))
	for _, ses := range list {
		ses.mu.Lock()
		ses.silent(now, found)
		ses.report(r, at, now)
		ses.mu.Unlock()
		r.count.dead.Add(uint64(len(found.list)))
		found.deliver(r.config.Events, at)
	}
}

// silent notices each side that should be sending and has not for its timeout, once per silence. The session is locked.
func (s *session) silent(now int64, found *notices) {
	if s.closed {
		return
	}
	fax := s.faxed()
	for _, st := range s.streams {
		if st.opaque {
			continue // T.38 has no keep-alive: a receiving fax machine is silent for minutes
		}
		for i := range st.side {
			sd := &st.side[i]
			sd.rtp.consent(now)
			sd.rtcp.consent(now)
			st.tally(sd)
			timeout := int64(s.timeout[i])
			if timeout <= 0 || sd.dead || !sd.recv || !sd.rtp.socket.open() || sd.rtp.gate.announced.size == 0 && sd.rtp.ice == nil {
				continue
			}
			if now-max(sd.heard, sd.armed, fax) >= timeout {
				sd.dead = true
				found.add(media.EventDead, st, media.SideIndex(i))
			}
		}
	}
}

// faxed is when T.38 was heard last, from either side: while a fax goes beside audio, nobody speaks. The session is locked.
func (s *session) faxed() (last int64) {
	for _, st := range s.streams {
		if st.opaque {
			last = max(last, st.side[0].heard, st.side[1].heard)
		}
	}
	return last
}

// setTimeout arms a side whose timeout is new from now on. The session is locked.
func (s *session) setTimeout(want [2]time.Duration, now int64) {
	for i := range want {
		if want[i] == s.timeout[i] {
			continue
		}
		s.timeout[i] = want[i]
		for _, st := range s.streams {
			st.side[i].armed, st.side[i].dead = now, false
		}
	}
}
