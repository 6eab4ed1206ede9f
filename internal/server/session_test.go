package server

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// description is that of a peer at NET.2 with these m-lines.
func description(network, version string, media ...string) string {
	return expand(network, "v=0\r\no=- 7 "+version+" IN IP4 NET.2\r\ns=-\r\nc=IN IP4 NET.2\r\nt=0 0\r\nm="+strings.Join(media, "\r\nm=")+"\r\n")
}

// RFC 3264 §8: an offer that leaves out an m-line cannot be, and is refused before the other side hears of it; one that keeps its place with port 0 can.
func TestOfferKeepsItsMediaLines(t *testing.T) {
	t.Parallel()
	r := start(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"))
	pbx, gw := r.agent(2), r.agent(3)
	audio, video, off := "audio 30000 RTP/AVP 0", "video 30002 RTP/AVP 31", "video 0 RTP/AVP 31"
	out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.WithSDP(description(r.net, "1", audio, video)))
	r.tester.Wait(out, siptest.Answered)
	in := r.tester.Incoming(gw, 1)
	r.tester.Wait(in, siptest.Acked)
	for i, step := range []struct {
		method string
		media  []string
		want   int
	}{
		{"INVITE", []string{audio}, 488},
		{"UPDATE", []string{audio}, 488},
		{"INVITE", []string{audio, off}, 200},
		{"INVITE", []string{audio}, 488},
		{"UPDATE", []string{audio, off, video}, 200},
		{"UPDATE", []string{audio, off}, 488},
	} {
		do := out.Reinvite
		if step.method == "UPDATE" {
			do = out.Update
		}
		m, err := do(r.tester.Context(), siptest.SendRecv, siptest.WithSDP(description(r.net, string(rune('2'+i)), step.media...)))
		if err != nil || m.Status != step.want {
			t.Fatalf("step %d: %v, %v; want %d", i+1, m, err, step.want)
		}
		if reason := m.Get(sip.IDReason); step.want == 488 && !strings.Contains(reason, `"media-line-missing"`) {
			t.Errorf("step %d: Reason %s", i+1, reason)
		}
	}
	r.hangup(out, in)
	r.records(1)
}
