package store

import "time"

// runWatch logs once a second what was lost: Put itself never logs.
func (s *Store) runWatch() {
	defer s.wg.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var dropped, begins, slimmed uint64
	var write, sync bool
	report := func() {
		s.tellStuck(&s.writing, &write, "call records cannot be written; they wait in memory", "call records can be written again")
		s.tellStuck(&s.syncing, &sync, "call records cannot be synced; a power cut may lose some", "call records can be synced again")
		if n := s.dropped.Load(); n != dropped {
			s.log.Error("call records lost: the disk is stuck", "lost", n-dropped, "total", n)
			dropped = n
		}
		if n := s.droppedBegins.Load(); n != begins {
			s.log.Warn("begun calls not noted: the disk is stuck", "calls", n-begins, "total", n)
			begins = n
		}
		if n := s.slimmed.Load(); n != slimmed {
			s.log.Warn("call records without ladder: the disk is behind", "records", n-slimmed, "total", n)
			slimmed = n
		}
	}
	for {
		select {
		case <-tick.C:
			report()
		case <-s.stopAux:
			report()
			return
		}
	}
}
