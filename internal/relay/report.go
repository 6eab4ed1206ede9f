package relay

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/directsip/directsip/internal/codec"
	"github.com/directsip/directsip/internal/quality"
)

// made is a source of ours toward a side, what is played or coded anew, as RTCP has to tell of it. Where packets pass as they are RTCP passes too, and we say nothing.
type made struct {
	ssrc            uint32
	first           uint16 // sequence of its first packet
	packets, octets uint32
	timestamp       uint32 // of the newest packet
	clock           uint32
	at              int64 // when that was sent, ns since the relay started
	due             int64 // the next report

	// What the peer had sent by the report before.
	expected, received int64
}

// The interval of reports is drawn anew each time, from half to one and a half times of five seconds, which the minimum of RFC 3550 §6.2 is, divided as §6.3.1 has it;
// the first comes after half of that. The sweep that sends them adds up to a second.
const (
	reportEvery = 5 * time.Second
	shorter     = 1.21828
)

func interval(of time.Duration) int64 { return int64(float64(of) * (0.5 + rand.Float64()) / shorter) }

// sends notes a packet of RTP of ours that leaves toward the side, before it is sealed.
func (sd *side) sends(b []byte, clock uint32, now int64) {
	h := peek(b)
	m := sd.made
	if m == nil {
		m = new(made)
		sd.made = m
	}
	if m.packets == 0 || m.ssrc != h.ssrc {
		*m = made{ssrc: h.ssrc, first: h.sequence, due: now + interval(reportEvery/2)}
	}
	m.packets++
	m.octets += uint32(len(b) - rtpHeader)
	m.timestamp, m.at, m.clock = h.timestamp, now, clockRate(h.payloadType, clock)
}

// source is it as the peer's reports may name it.
func (m *made) source(now int64) quality.Source {
	if m == nil || now-m.at >= int64(speaking) {
		return quality.Source{}
	}
	return quality.Source{SSRC: m.ssrc, First: m.first, On: true}
}

// report sends RTCP to each side that hears something of ours. The session is locked.
func (s *session) report(r *Relay, at time.Time, now int64) {
	if s.closed {
		return
	}
	for _, st := range s.streams {
		for i := range st.side {
			sd, other := &st.side[i], &st.side[1-i]
			if m := sd.made; m != nil && now >= m.due && m.source(now).On && !st.opaque && !st.sealed {
				m.due = now + interval(reportEvery)
				st.reportTo(r, sd, other, at, now)
			}
		}
	}
}

// reportTo sends one compound. Its name is drawn for the session and says nothing of this host (RFC 7022 §4.2).
func (st *stream) reportTo(r *Relay, sd, other *side, at time.Time, now int64) {
	out := sd.portFor(rtcp)
	to := out.gate.destination(sd.trust.latch)
	if to.size == 0 || sd.nowhere || !out.socket.open() {
		return
	}
	m := sd.made
	if st.session.name == "" {
		st.session.name = fmt.Sprintf("%016x%08x", rand.Uint64(), rand.Uint32())
	}
	sent := quality.Sent{NTP: quality.NTP(at), Timestamp: m.timestamp + uint32((now-m.at)*int64(m.clock)/1e9), Packets: m.packets, Octets: m.octets}
	var room [256]byte
	b := quality.AppendReport(room[:0], m.ssrc, &sent, m.block(&sd.count, sd.witness, now), st.session.name)
	if c := &sd.count; sd.xr && c.running && now-c.seen < int64(speaking) {
		var trip quality.Trip
		if sd.witness != nil {
			trip = sd.witness.Trip
		}
		pattern := c.losses.Sum()
		static, _ := codec.StaticType(c.payloadType)
		v := pattern.Voice(c.ssrc, c.late.Count, &c.levels, trip.Mean(), quality.CodecNamed(static.Name))
		b = quality.AppendVoice(b, m.ssrc, &v)
	}
	if protected := out.guard(); protected != nil {
		var ok bool
		if b, ok = protected.seal(b, rtcp); !ok {
			return
		}
	}
	if st.carrier.send(out, b, to) == 0 {
		other.attend()
		other.witness.Mark(m.ssrc, &sent, now)
		r.count.reports.Add(1)
	}
}

// block is what we have received of the side (RFC 3550 §6.4.1); nil when it does not send.
func (m *made) block(c *counter, w *quality.Witness, now int64) *quality.Block {
	if !c.running || now-c.seen >= int64(speaking) {
		return nil
	}
	expected, received := int64(c.cycles)+int64(c.highest)-c.base+1, int64(c.received)
	b := &quality.Block{Source: c.ssrc, Lost: int32(max(-1<<23, min(expected-received, 1<<23-1))), Highest: c.cycles + uint32(c.highest), Jitter: c.jitter >> 4}
	if since, got := expected-m.expected, received-m.received; since > got && since > 0 {
		b.Fraction = uint8(min((since-got)<<8/since, 255))
	}
	m.expected, m.received = expected, received
	if w != nil {
		b.LSR, b.DLSR = w.LastSR(c.ssrc, now)
	}
	return b
}
