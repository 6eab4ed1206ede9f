package relay

import (
	"cmp"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/fastpath"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/quality"
	"github.com/directsip/directsip/internal/ways"
)

// kernel is the best tier: what user space has decided about a direction of a stream, the kernel carries out until something changes.
//
// It follows one packet. One that has passed, by the gate and all, shows what is to become of those like it, so it is what a flow is made of,
// and nothing else is. Whatever may change that (signalling, another source, a player) takes the flow back first, and the next packet that passes
// makes it anew. What the kernel has counted is fetched before anybody looks at the counters of a direction.
type kernel struct {
	table *fastpath.Table // nil: it cannot be had
	why   string          // then
	tos   uint8

	packets, bytes atomic.Uint64 // relayed there, as far as it was looked

	rules   atomic.Pointer[ways.Policy] // of this host's routing; nil: there is none that matters
	tracker ways.Tracker
}

// offloaded is one direction of a stream as far as the kernel has it. The session is locked.
type offloaded struct {
	handle  fastpath.Handle // 0: it has not
	due     bool            // it is to have it when the worker's turn is over
	carried bool            // packets since it was installed
	to      sockaddr        // where its packets go
	kept    kept
	size    int    // octets of payload of the last packet that passed; 0: its header has what the kernel leaves alone
	strays  uint8  // how often in a row it was taken back and had carried nothing
	why     string // the kernel does not have it
	retry   int64  // it is not tried before then, ns since the relay started
}

const (
	// kernelEvery is how many packets the kernel takes until one comes to be looked into: one in five seconds of 20 ms.
	kernelEvery = 250
	// mostStrays is after how many flows in vain there is a pause. In a burst some are, as each packet that waits in the socket takes one back.
	mostStrays = 10
	pause      = int64(time.Second)
)

// openKernel notes why when the tier cannot be had.
func (r *Relay) openKernel() {
	k := &r.kernel
	k.tos = uint8(max(0, r.config.DSCP) << 2)
	if best := r.config.Best; best != 0 && best < media.TierKernel {
		k.why = notWanted
		return
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		k.why = err.Error()
		return
	}
	table, err := fastpath.Open(fastpath.Config{Epoch: t.Nano() - int64(time.Since(r.start)), Class: k.tos, Changed: r.reroute, Laws: [2][256]byte{
		*codec.NewCrossing(codec.ALaw, codec.MuLaw, 0), *codec.NewCrossing(codec.MuLaw, codec.ALaw, 0)}})
	if err != nil {
		k.why = err.Error()
		return
	}
	k.table = table
}

// notWanted is why a tier is not there that Config.Best leaves out.
const notWanted = "as mediaTier says"

// Best is the best tier that a stream can have here, and why it is not a better one: which right that would take, for example.
func (r *Relay) Best() (t media.Tier, why string) {
	switch {
	case r.kernel.table != nil && r.steered == nil:
		return media.TierKernel, "what it cannot relay is not steered: " + r.unsteered
	case r.kernel.table != nil && r.kernel.table.Plain() != "":
		return media.TierKernel, "SRTP and what is converted are not relayed there: " + r.kernel.table.Plain()
	case r.kernel.table != nil:
		return media.TierKernel, ""
	case r.steered != nil:
		return media.TierSteered, r.kernel.why
	case r.unsteered == r.kernel.why:
		return media.TierSockets, r.kernel.why
	}
	return media.TierSockets, r.kernel.why + "; not steered: " + r.unsteered
}

// tellTier says in one line what is missing when the tier is not the one that is wanted.
func (r *Relay) tellTier() {
	want := cmp.Or(r.config.Best, media.TierKernel)
	if t, why := r.Best(); t < want || t == media.TierKernel && why != "" {
		r.config.Logger.Info("media cannot travel in the best tier", "wanted", want, "tier", t, "reason", why)
	}
}

// reroute looks where every flow goes now, after routes or devices have changed. It takes back what cannot stay.
func (r *Relay) reroute() {
	var list []*session
	for i := range r.shards {
		list = r.shards[i].list(list[:0])
		for _, ses := range list {
			ses.mu.Lock()
			for _, st := range ses.streams {
				for j := range st.side {
					st.reroute(&st.side[j])
				}
			}
			ses.mu.Unlock()
		}
		clear(list)
	}
}

func (st *stream) reroute(sd *side) {
	if k := &sd.kernel; k.handle == 0 {
		k.why, k.retry, k.strays = "", 0, 0 // what it was not taken for may be over
	} else if why := st.kernel.table.Reroute(sd.kernel.handle); why != "" {
		st.recall(sd)
		sd.kernel.why = why
	}
}

// recall takes the flows of a session back, and forgets why some were not taken.
func (s *session) recall() {
	for _, st := range s.streams {
		for i := range st.side {
			st.recall(&st.side[i])
			st.forget(&st.side[i])
			st.side[i].kernel = offloaded{}
		}
	}
}

// recall takes back what comes from one side.
func (st *stream) recall(sd *side) {
	if sd.kernel.handle == 0 {
		return
	}
	c := st.kernel.table.Recall(sd.kernel.handle)
	sd.kernel.handle = 0
	st.kernel.settle(sd, &c)
	k := &sd.kernel.kept
	if k.open != nil {
		k.open.took(k.ssrc, c.Sequence-1, c.Seen)
	}
	if k.seal != nil {
		k.seal.took(k.ssrc, c.Sequence-1, c.Seen)
	}
}

// review takes back what ICE has put an end to: packets of a source that may not send any more, or that go where they are not wanted any more.
func (st *stream) review() {
	for i := range st.side {
		from, other := &st.side[i], &st.side[1-i]
		if from.kernel.handle == 0 {
			continue
		}
		c := from.rtp.gate.ice
		if c != nil && c.known(&from.count.source) == nil || from.kernel.to != *other.rtp.gate.destination(other.trust.latch) {
			st.recall(from)
		}
	}
}

// tally brings the counters of a side up to date.
func (st *stream) tally(sd *side) {
	if sd.kernel.handle != 0 {
		c := st.kernel.table.Collect(sd.kernel.handle)
		st.kernel.settle(sd, &c)
	}
}

// settle adds what the kernel has counted.
func (k *kernel) settle(sd *side, c *fastpath.Count) {
	if c.Packets == 0 {
		return
	}
	k.packets.Add(uint64(c.Packets))
	k.bytes.Add(uint64(c.Bytes))
	sd.kernel.carried = true
	sd.heard = max(sd.heard, c.Last)
	sd.rtp.gate.ice.heard(&sd.count.source, c.Last)
	sd.count.advance(c)
}

// strayed takes a flow back of which a packet has come to the socket.
func (st *stream) strayed(sd *side, now int64) {
	k := &sd.kernel
	if k.handle == 0 {
		return
	}
	st.recall(sd)
	if k.carried {
		k.strays = 0
	} else if k.strays++; k.strays == mostStrays {
		k.strays, k.retry, k.why = 0, now+pause, "irregular packets"
	}
}

// follow notes that a packet of the port's side has passed, of n octets of RTP, after which the kernel may go on: when the worker's turn is over, and the packet is gone, for
// the kernel must not overtake it.
func (w *worker) follow(p *port, b []byte, n int, now int64) {
	st := p.stream
	k, c := &st.side[p.side].kernel, &st.side[p.side].count
	if k.due || k.handle != 0 || st.kernel == nil || st.kernel.table == nil || now < k.retry || !c.regular() || st.userSpace() != "" {
		return
	}
	k.due, k.size = true, fastpath.Payload(b, n)
	w.followers = append(w.followers, p)
}

// offload hands to the kernel what follows upon the packets of this turn.
func (w *worker) offload(now int64) {
	for _, p := range w.followers {
		mu := &p.stream.session.mu
		mu.Lock()
		if k := &p.stream.side[p.side].kernel; k.due {
			k.due = false
			p.stream.offload(p.side, now)
		}
		mu.Unlock()
	}
	clear(w.followers)
	w.followers = w.followers[:0]
}

// offload hands to the kernel what comes from a side.
func (st *stream) offload(side media.SideIndex, now int64) {
	from, other := &st.side[side], &st.side[1-side]
	k, c := &from.kernel, &from.count
	if !from.agreed.Has(c.payloadType) && from.agreed != (media.PayloadTypes{}) {
		k.why = "a payload type that was not agreed on"
		return
	}
	change, why := st.changes(side, now)
	if why != "" {
		k.why = why
		return
	}
	to := other.rtp.gate.destination(other.trust.latch)
	f := fastpath.Flow{Local: plain(from.local), Source: c.source.addrPort(), From: plain(other.local),
		To: to.addrPort(), TOS: st.kernel.tos,
		SSRC: c.ssrc, PayloadType: c.payloadType, As: change.as, Law: change.law, Secret: change.secret, Rate: c.clock, Buffer: uint32(quality.Late(c.clock)), Every: kernelEvery}
	state := fastpath.State{Sequence: c.highest + 1, Transit: uint32(c.transit), Timestamp: c.timestamp, Jitter: c.jitter,
		Moved: c.moved, Fastest: c.late.Fastest, NextFastest: c.late.Next, Window: uint16(c.late.Left)}
	row, fastest := c.late.Row()
	state.Row, state.RunFastest = uint16(row), fastest
	if open := k.kept.open; change.secret != nil && open != nil {
		state.Seen = find(open.sources[0], c.ssrc).taken
	}
	if why = st.kernel.translated(&f); why != "" {
		k.why, k.retry = why, now+pause
		return
	}
	handle, why := st.kernel.table.Install(&f, &state, now)
	if handle == 0 {
		if k.why = why; why != fastpath.Asking {
			k.retry = now + pause
		}
		return
	}
	k.handle, k.to, k.carried, k.why = handle, *to, false, ""
}

// tier is how the packets of a stream travel, and why not better.
func (r *Relay) tier(st *stream) (t media.Tier, why string) {
	for i := range st.side {
		if st.side[i].kernel.handle != 0 {
			return media.TierKernel, ""
		}
	}
	t = st.carrier.tier()
	why = cmp.Or(st.userSpace(), r.kernel.why, st.side[0].kernel.why, st.side[1].kernel.why, "nothing flows")
	if t == media.TierSockets && r.steered == nil && r.unsteered != r.kernel.why {
		why += "; not steered: " + r.unsteered
	}
	return t, why
}

// regular tells whether the kernel can go on from here: the source has sent two packets, and its numbers do not jump.
func (c *counter) regular() bool {
	return c.running && !c.jumped && c.clock != 0 && c.late.Started() && !c.digits.Has(c.payloadType)
}

// advance counts what the kernel has taken, as sequence does it packet by packet.
func (c *counter) advance(k *fastpath.Count) {
	c.packets += uint64(k.Packets)
	c.bytes += uint64(k.Bytes)
	c.last, c.seen = k.Last, k.Last
	c.received += k.Packets
	if c.payloadType == comfortNoise || c.payloadType == oldComfortNoise {
		c.noise += uint64(k.Packets)
	}
	rest := k.Packets
	for _, g := range k.Gaps() {
		c.rise(uint32(g.Run))
		c.losses.Run(uint64(g.Run))
		c.rise(uint32(g.Step))
		c.losses.Next(int(g.Step))
		rest -= uint32(g.Run) + 1
	}
	c.rise(rest)
	c.losses.Run(uint64(rest))
	c.transit, c.timestamp, c.jitter, c.moved = int64(k.Transit), k.Timestamp, k.Jitter, k.Moved
	c.late.Resume(quality.Window{Fastest: k.Fastest, Next: k.NextFastest, Left: uint8(k.Window)}, uint64(k.Late), uint8(k.Row), k.RunFastest)
	c.untilLook -= uint8(min(k.Packets, uint32(c.untilLook)))
}

// rise counts the highest number up.
func (c *counter) rise(n uint32) {
	c.cycles += (uint32(c.highest) + n) >> 16 << 16
	c.highest += uint16(n)
}

// plain is an address in the form of its family.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (k *kernel) close() {
	k.tracker.Close()
	if k.table != nil {
		k.table.Close()
	}
}
