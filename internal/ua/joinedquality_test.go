package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/media"
)

// TestWhoLeftIsRated: the record of a call whose attended transfer has taken a side to another call (RFC 5589 §7) rates what was heard of both, whoever has joined them.
func TestWhoLeftIsRated(t *testing.T) {
	const opus = "m=audio 7078 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
	settings := strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, acceptRefer: true, enable3pccRefer: true}`+"\n  "+`"trunk:uc": {acceptRefer: true, enable3pccRefer: true, `, 1)
	for side, host := range []string{"198.51.100.1", "198.51.100.2"} { // of who joins
		r := rigOf(t, settings)
		var calls [2][2]*end
		var first media.SessionID
		for i := range calls {
			calls[i][0], calls[i][1] = r.endsOf(described(0, 0, opus), described(1, 1, opus))
			calls[i][0].ack(1)
			if i == 0 {
				first = r.core.Running()[0]
			}
		}
		calls[0][side].joins(calls[1][side], host)
		for _, e := range []*end{calls[0][1-side], calls[1][1-side]} {
			e.answers("200 OK", r.first("INVITE"), described(1-side, 2, opus))
		}
		r.core.Returned(r.now, r.out.Returns[0], &r.out)
		st := media.Stats{ID: first, Streams: make([]media.StreamStats, 1)}
		for i := range st.Streams[0].From {
			n := &st.Streams[0].From[i]
			n.Packets, n.Sources, n.PayloadType, n.First, n.Last = 3000, 1, 96, r.now, r.now.Add(time.Minute)
		}
		closes := false
		for _, op := range r.out.Media {
			closes = closes || op.Verb == b2bua.MediaClose && op.Session.ID == first
		}
		if !closes {
			t.Fatalf("the call that was left goes on:\n%s", r.lines())
		}
		r.core.MediaClosed(r.now, st, &r.out)
		if len(r.out.Records) != 1 || len(r.out.Records[0].Media) != 2 {
			t.Fatalf("records: %+v", r.out.Records)
		}
		for _, m := range r.out.Records[0].Media {
			if q := m.Quality; q == nil || q.Codec != "opus" || q.Arrived.MOS == 0 {
				t.Errorf("joined by side %d: from %s %+v", side, m.From, q)
			}
		}
	}
}
