package relay

import "time"

// Two legs of ours may have each other's ports for their peers: somebody whose call came back to himself through us has put the two ends together. Then what is
// on its way goes round for ever, as fast as the processor can, and seems to be a peer that speaks. RTP has no count of hops; but what goes round is seen again
// and again, or where it is coded anew, faster than anybody speaks. One that is dropped ends it, and the silence behind it the call.
const (
	mostIrregular = 1000 // packets a second of a side
	leastBetween  = int64(time.Second / mostIrregular)
)

// regular tells whether a packet is none of those that may go round: RTP that passes as it is and goes on from what came before.
func (st *stream) regular(from *side, b []byte, k kind) bool {
	if k != rtp || st.convert[from.rtp.side] != nil && st.convert[from.rtp.side].path != nil {
		return false
	}
	h, c := peek(b), &from.count
	return c.running && h.ssrc == c.ssrc && int16(h.sequence-c.highest) > 0
}

// beyond takes a packet that is not regular, and tells whether there were too many: more than mostIrregular in a second, and then at that pace.
func (c *counter) beyond(now int64) bool {
	if c.until = max(c.until, now); c.until-now >= int64(time.Second) {
		c.round = true
		return true
	}
	c.until += leastBetween
	return false
}

// goesRound says once of a side that media goes round, or is sent as if it did.
func (w *worker) goesRound(p *port) {
	c := &p.stream.side[p.side].count
	if !c.round || c.told {
		return
	}
	c.told = true
	w.relay.config.Logger.Warn("what comes from a side of a call repeats itself without end, as where media goes in a ring through this server or is sent several times; what is too much is dropped",
		"id", p.stream.session.call, "stream", p.stream.index, "side", p.side, "source", c.source.addrPort())
}
