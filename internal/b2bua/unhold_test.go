package b2bua

import (
	"testing"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// RFC 3264 §6.1, §8.4: what a side wants cannot be told from an answer to hold, nor from what it offers when it is asked for an offer; from what it asks for it can.
func TestRFC3264_8WishUnderHold(t *testing.T) {
	const unset, sendrecv, sendonly, recvonly, inactive = sdp.DirectionUnset, sdp.SendRecv, sdp.SendOnly, sdp.RecvOnly, sdp.Inactive
	for _, c := range []struct {
		name                    string
		before, dir, said, with sdp.Direction // what it wanted, and said; what it says, where the other side says this
		asks                    bool
		want                    sdp.Direction
	}{
		{"it holds", sendrecv, sendrecv, sendonly, sendrecv, true, sendonly},
		{"it holds and sends nothing", sendrecv, sendrecv, inactive, sendrecv, true, inactive},
		{"it says so in an answer", unset, unset, sendonly, sendrecv, false, sendonly},
		{"it resumes", sendonly, sendonly, sendrecv, recvonly, true, sendrecv},
		{"it is held", sendrecv, sendrecv, recvonly, sendonly, false, sendrecv},
		{"it is held with inactive", sendrecv, sendrecv, inactive, inactive, false, sendrecv},
		{"it answers inactive to sendonly", sendrecv, sendrecv, inactive, sendonly, false, sendrecv},
		{"nothing is known but that it is held", unset, unset, inactive, inactive, false, unset},
		{"it holds, and is held", sendonly, sendonly, inactive, sendonly, false, sendonly},
		{"it is held, and holds", sendrecv, recvonly, inactive, sendonly, true, inactive},
		{"it is held with inactive, and holds", sendrecv, inactive, sendonly, inactive, true, sendonly},
		{"it is held, and says again what stands", sendrecv, inactive, inactive, inactive, true, sendrecv},
		{"it resumes while it is held", inactive, inactive, recvonly, sendonly, true, sendrecv},
		{"it takes what it may hear, in an answer", inactive, inactive, recvonly, sendonly, false, sendrecv},
		{"it sends music again", inactive, inactive, sendonly, recvonly, false, sendonly},
		{"it only listens", sendrecv, sendrecv, recvonly, sendrecv, true, recvonly},
	} {
		e := end{wants: c.before, dir: c.dir}
		if e.wish(c.said, &end{live: true, dir: c.with}, c.asks); e.wants != c.want {
			t.Errorf("%s: it wants %q, not %q", c.name, e.wants, c.want)
		}
	}
}

// RFC 6337 §5.3: who asks for an offer that the other side does not want to make is offered what both have: an m-line that one of them has refused stays so.
func TestOffersNothingThatWasRefused(t *testing.T) {
	c := conversing(topology.TrunkSettings{}, topology.TrunkSettings{})
	c.plan.lines = make([]line, 3)
	for i, live := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		c.plan.lines[i].peer[0].live, c.plan.lines[i].peer[1].live = live[0], live[1]
	}
	s, less := c.plan.giveUp(head + "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\nm=audio 4004 RTP/AVP 0\r\n")
	if !less || s.Media[0].Rejected() || !s.Media[1].Rejected() || !s.Media[2].Rejected() {
		t.Fatalf("offered is\n%s", s.Body())
	}
	if _, less := c.plan.giveUp(s.Body()); less {
		t.Error("changed once more")
	}
}
