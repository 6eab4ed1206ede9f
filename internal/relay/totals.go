package relay

import "sync/atomic"

// Totals of a relay since it started, for metrics.
type Totals struct {
	Sessions, Streams, Sockets int64 // now

	Packets, Bytes uint64 // RTP relayed
	RTCP           uint64 // RTCP relayed
	Gated, Dropped uint64
	Unauthentic    uint64 // SRTP that the keys do not fit, or a replay
	SendErrors     uint64
	Played         uint64 // RTP of our own: announcements, tones, music
	Reports        uint64 // RTCP of our own
	Lost           uint64 // of streams that are closed
	Batches        uint64 // readings of the ready list that found work
	Dead, Opened   uint64 // silences reported; sessions opened
	Connected      int64  // second sockets of ports whose peers have settled, now; not among Sockets
	Warm           int64  // sockets of closed sessions that are still bound, now; not among Sockets
	Reused         uint64 // sockets that were taken over warm
	Late           uint64 // packets that came to a warm socket or to a steered port that was just given up, dropped
	Overflown      uint64 // packets that the queue of the steered ports had no room for
	Checks         uint64 // of ICE that were answered
	Handshakes     int64  // of DTLS, now
	Unshaken       uint64 // handshakes of DTLS that failed
	InKernel       int64  // directions of streams that the kernel relays, now
}

// gauges are what the relay counts outside its workers.
type gauges struct {
	sessions, streams, sockets, connected atomic.Int64
	dead, opened, lost                    atomic.Uint64
	reports                               atomic.Uint64
	handshakes                            atomic.Int64
	unshaken                              atomic.Uint64
}

// batch is what one batch of a worker counted, added to the totals at its end.
type batch struct {
	packets, bytes, rtcp, gated, dropped, unauthentic, sendErrors, played, checks uint64
}

type workerTotals struct {
	packets, bytes, rtcp, gated, dropped, unauthentic, sendErrors, played, checks, batches atomic.Uint64
}

func (t *workerTotals) add(b *batch) {
	t.batches.Add(1)
	t.packets.Add(b.packets)
	t.bytes.Add(b.bytes)
	t.rtcp.Add(b.rtcp)
	t.gated.Add(b.gated)
	t.dropped.Add(b.dropped)
	t.unauthentic.Add(b.unauthentic)
	t.sendErrors.Add(b.sendErrors)
	t.played.Add(b.played)
	t.checks.Add(b.checks)
	*b = batch{}
}

// Totals sums up the relay.
func (r *Relay) Totals() Totals {
	t := Totals{
		Sessions: r.count.sessions.Load(), Streams: r.count.streams.Load(), Sockets: r.count.sockets.Load(), Connected: r.count.connected.Load(),
		Dead: r.count.dead.Load(), Opened: r.count.opened.Load(), Lost: r.count.lost.Load(),
		Reports:    r.count.reports.Load(),
		Handshakes: r.count.handshakes.Load(), Unshaken: r.count.unshaken.Load(),
	}
	resting, reused, late := r.sockets.warm.totals()
	t.Warm, t.Reused, t.Late = int64(resting), reused, late
	if r.steered != nil {
		t.Late += r.steered.late.Load()
		t.Overflown = r.overflown()
	}
	t.Packets, t.Bytes = r.kernel.packets.Load(), r.kernel.bytes.Load()
	if r.kernel.table != nil {
		t.InKernel = int64(r.kernel.table.Len())
	}
	for _, w := range r.workers {
		t.Packets += w.totals.packets.Load()
		t.Bytes += w.totals.bytes.Load()
		t.RTCP += w.totals.rtcp.Load()
		t.Gated += w.totals.gated.Load()
		t.Dropped += w.totals.dropped.Load()
		t.Unauthentic += w.totals.unauthentic.Load()
		t.SendErrors += w.totals.sendErrors.Load()
		t.Played += w.totals.played.Load()
		t.Checks += w.totals.checks.Load()
		t.Batches += w.totals.batches.Load()
	}
	return t
}

// overflown asks the sockets that ports are steered into; once the relay is shut down there are none.
func (r *Relay) overflown() (n uint64) {
	r.running.RLock()
	defer r.running.RUnlock()
	for i := 0; i < len(r.workers) && !r.closed; i++ {
		for _, in := range r.workers[i].inlets {
			n += in.dropped()
		}
	}
	return n
}
