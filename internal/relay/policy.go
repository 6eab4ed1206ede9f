package relay

import (
	"fmt"
	"net/netip"

	"github.com/directsip/directsip/internal/media"
)

// check refuses what could never work, before anything is opened.
func check(s *media.Session) error {
	for i := range s.Streams {
		for j := range s.Streams[i].Side {
			sd := &s.Streams[i].Side[j]
			if !sd.Local.IsValid() {
				continue // a refused m-line keeps its index and has no ports
			}
			if sd.Local.Port() == 0 || sd.Local.Port() == 65535 {
				return fmt.Errorf("relay: session %d stream %d side %d: local port %d", s.ID, i, j, sd.Local.Port())
			}
			for _, remote := range []netip.AddrPort{sd.Remote, sd.RemoteRTCP} {
				if remote.IsValid() && remote.Addr().Unmap().Is4() != sd.Local.Addr().Unmap().Is4() {
					return fmt.Errorf("relay: session %d stream %d side %d: %v cannot be reached from %v", s.ID, i, j, remote, sd.Local)
				}
			}
		}
	}
	return checkPlay(s)
}

// set takes the wanted policy of a stream over. The session is locked.
func (st *stream) set(want *media.Stream, now int64) {
	spoken := st.opaque && !want.Opaque // from now on, again
	var before, flowed [2]bool
	for i := range before {
		before[i], flowed[i] = st.awaits(media.SideIndex(i)), st.flows(i)
	}
	st.opaque, st.clock, st.slow, st.sealed = want.Opaque, want.ClockRate, want.Slow, want.Sealed
	for i := range st.side {
		st.side[i].set(&want.Side[i], now)
	}
	for i := range before {
		st.side[i].count.paused = st.side[i].count.paused || !flowed[i] || !st.flows(i)
		if spoken || !before[i] && st.awaits(media.SideIndex(i)) {
			st.side[i].armed = now
		}
	}
	st.speaks(want)
}

// flows tells whether what comes from a side may go on, as far as there is no hold.
func (st *stream) flows(i int) bool { return st.side[i].recv && st.side[1-i].send }

func (sd *side) set(want *media.Side, now int64) {
	reopen := want.Relatch != sd.relatch
	remote, remoteRTCP := sockaddrOf(want.Remote), sockaddrOf(rtcpOf(want))
	if reopen || (want.Recv && !sd.recv) || remote != sd.rtp.gate.announced {
		sd.armed = now
	}
	if reopen {
		sd.first, sd.ssrcKnown = false, false
	}
	if remote != sd.rtp.gate.announced { // what came back was sent elsewhere
		sd.count.refused, sd.count.firstRefused, sd.count.lastRefused = 0, 0, 0
	}
	if want.Confirmed != sd.confirmed {
		sd.rtp.gate.movable, sd.rtp.gate.confirmed = true, now
	}
	sd.local, sd.relatch, sd.confirmed = want.Local, want.Relatch, want.Confirmed
	sd.mux, sd.nowhere, sd.fixed, sd.xr = want.Mux, want.Nowhere, want.FixedSSRC, want.XR
	sd.trust = trust{want.Latch, hostOf(want.Signalling)}
	sd.send, sd.recv, sd.agreed, sd.count.digits = want.Send, want.Recv, want.Agreed, want.Digits
	sd.protect(want.Crypt)
	sd.rtp.gate.announce(remote, reopen, &sd.trust)
	sd.rtcp.gate.announce(remoteRTCP, reopen, &sd.trust)
}

// rtcpOf is where the peer wants RTCP: as it says (RFC 3605), else the port above (RFC 3550 §11).
func rtcpOf(sd *media.Side) netip.AddrPort {
	if sd.RemoteRTCP.IsValid() {
		return sd.RemoteRTCP
	}
	if !sd.Remote.IsValid() || sd.Remote.Port() == 0 || sd.Remote.Port() == 65535 {
		return netip.AddrPort{}
	}
	return rtcpAbove(sd.Remote)
}

// snapshot reads the counters. The session is locked.
func (s *session) snapshot(r *Relay) media.Stats {
	stats := media.Stats{ID: s.id, Streams: make([]media.StreamStats, len(s.streams))}
	if s.player != nil {
		stats.Played = s.player.played
	}
	for i, st := range s.streams {
		if st.side[0].rtp.socket.open() || st.side[1].rtp.socket.open() {
			stats.Streams[i].Tier, stats.Streams[i].Why = r.tier(st)
		}
		for j := range st.side {
			sd := &st.side[j]
			if s.closed { // the last one: nothing may be counted behind it
				st.recall(sd)
			} else {
				st.tally(sd)
			}
			c := &stats.Streams[i].From[j]
			*c = sd.count.snapshot(r.start)
			sd.agreement(c)
			c.Anew = st.convert[j] != nil && st.convert[j].path != nil
			if sd.witness != nil {
				w := *sd.witness
				c.Witness = &w
			}
			stats.Streams[i].Keyed[j] = sd.suite()
		}
	}
	return stats
}
