package relay

import (
	"maps"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// sweeper looks for silence, and closes what was warm long enough. One goroutine for all sessions instead of a timer each.
type sweeper struct {
	quit, done chan struct{}
	interval   time.Duration
	looked     int64 // when it last did, ns since the relay started
	resumed    int64 // when it last came much later than it should
}

func (sw *sweeper) start(r *Relay, interval time.Duration) {
	sw.quit, sw.done, sw.interval = make(chan struct{}), make(chan struct{}), interval
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

// look notes that the sweeper does. Where it was kept from that, so was the whole process, by SIGSTOP or a machine that was frozen: what came meanwhile still waits in the
// sockets, or is lost there, and says nothing of the peers. Silence counts anew.
func (sw *sweeper) look(now int64) {
	if now-sw.looked > 3*int64(sw.interval) {
		sw.resumed = now
	}
	sw.looked = now
}

// tidy closes what was warm long enough, and gives back what a crowd of calls has left behind.
func (r *Relay) tidy(now int64) {
	r.sockets.warm.sweep(now)
	r.lookAtRules()
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
	r.sweeper.look(now)
	for _, ses := range list {
		ses.mu.Lock()
		ses.silent(now, r.sweeper.resumed, found)
		ses.sample(now, r.sweeper.interval)
		ses.report(r, at, now)
		ses.mu.Unlock()
		r.count.dead.Add(uint64(len(found.list)))
		found.deliver(r.config.Events, at)
	}
}

// silent notices each side that should be sending and has not for its timeout on any stream, once per silence: who has turned the camera off still talks. Nothing counts
// that was before since. The session is locked.
func (s *session) silent(now, since int64, found *notices) {
	if s.closed {
		return
	}
	fax := s.faxed()
	for i := range media.SideIndex(2) {
		var awaited *stream
		last := max(since, fax)
		for _, st := range s.streams {
			if st.opaque {
				continue // T.38 has no keep-alive: a receiving fax machine is silent for minutes
			}
			sd := &st.side[i]
			sd.rtp.consent(now, since)
			sd.rtcp.consent(now, since)
			sd.rtp.dtls.tire(now)
			sd.rtcp.dtls.tire(now)
			st.tally(sd)
			last = max(last, sd.heard)
			if !st.awaits(i) {
				continue
			}
			last = max(last, sd.armed)
			if awaited == nil {
				awaited = st
			}
		}
		if timeout := int64(s.timeout[i]); awaited != nil && timeout > 0 && now-last >= timeout && s.missed[i] != last+1 {
			s.missed[i] = last + 1
			found.add(media.EventDead, awaited, i)
		}
	}
}

// sample notes the jitter of who has sent since the last time. The session is locked, and what the kernel has counted is known.
func (s *session) sample(now int64, since time.Duration) {
	for _, st := range s.streams {
		for i := range st.side {
			if !st.opaque {
				st.side[i].count.sample(now, since)
			}
		}
	}
}

// awaits tells whether a side should be sending: it says so, the other side wants to hear it, and it is known where it sends from.
func (st *stream) awaits(i media.SideIndex) bool {
	sd := &st.side[i]
	return !st.opaque && sd.recv && !sd.nowhere && st.side[1-i].send && sd.rtp.socket.open() && (sd.rtp.gate.announced.size > 0 || sd.rtp.ice != nil)
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
			st.side[i].armed = now
		}
	}
}
