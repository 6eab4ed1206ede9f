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

// RFC 3264 §8: an offer must not leave out an m-line, but telephones do leave out one that stands refused, as they may keep its place with port 0.
func TestOfferLeavesOutWhatStandsRefused(t *testing.T) {
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
	}{
		{"INVITE", []string{audio}},
		{"UPDATE", []string{audio}},
		{"INVITE", []string{audio, off}},
		{"INVITE", []string{audio}},
		{"UPDATE", []string{audio, off, video}},
		{"UPDATE", []string{audio, off}},
	} {
		do := out.Reinvite
		if step.method == "UPDATE" {
			do = out.Update
		}
		m, err := do(r.tester.Context(), siptest.SendRecv, siptest.WithSDP(description(r.net, string(rune('2'+i)), step.media...)))
		if err != nil || m.Status != 200 {
			t.Fatalf("step %d: %v, %v; want 200", i+1, m, err)
		}
	}
	r.hangup(out, in)
	r.records(1)
}

// RFC 5621 §8, RFC 3261 §8.2.3: a part that its sender wants to be understood, and that would be dropped, refuses the request with 415; the same part without
// that does not.
func TestPartThatMustBeUnderstood(t *testing.T) {
	t.Parallel()
	r := start(t, strings.ReplaceAll(basic, "port: 5070", "port: 5070, gatewayPort: 5060"))
	pbx, gw := r.agent(2), r.agent(3)
	with := func(handling, version string) siptest.Option {
		return siptest.WithBody("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\n"+description(r.net, version, "audio 30000 RTP/AVP 0")+
			"\r\n--b\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling="+handling+"\r\n\r\n\x01\x02\r\n--b--\r\n")
	}
	refused := func(m *sip.Message) {
		t.Helper()
		if m == nil || m.Status != 415 || m.Get(sip.IDAccept) != "application/sdp" || !strings.Contains(m.Get(sip.IDReason), `"unsupported-media"`) {
			t.Errorf("%v", m)
		}
	}
	out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.NoSDP(), with("required", "1"))
	r.tester.Wait(out, siptest.Ended)
	refused(out.Response())
	if text := out.Response().Get(sip.IDWarning); !strings.Contains(text, "application/isup with handling=required") {
		t.Errorf("Warning: %s", text)
	}
	out = r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.NoSDP(), with("optional", "1"))
	r.tester.Wait(out, siptest.Answered)
	in := r.tester.Incoming(gw, 1)
	r.tester.Wait(in, siptest.Acked)
	for i, row := range []struct {
		method, handling string
		want             int
	}{{"INVITE", "required", 415}, {"UPDATE", "required", 415}, {"INVITE", "optional", 200}, {"UPDATE", "optional", 200}} {
		do := out.Reinvite
		if row.method == "UPDATE" {
			do = out.Update
		}
		m, err := do(r.tester.Context(), siptest.SendRecv, siptest.NoSDP(), with(row.handling, string(rune('2'+i))))
		if err != nil || m.Status != row.want {
			t.Fatalf("%s with %s: %v, %v", row.method, row.handling, m, err)
		}
		if row.want == 415 {
			refused(m)
		}
	}
	r.hangup(out, in)
	r.records(2)
}

// RFC 6157 §3.1: who wants its media in IPv6 alone is told that this server has none, in the response and in the record.
func TestMediaOfAFamilyThatWeHaveNot(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx := r.agent(2)
	six := strings.ReplaceAll(description(r.net, "1", "audio 30000 RTP/AVP 0"), "IN IP4 "+r.net+"2", "IN IP6 2001:db8::2")
	out := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550101@"+r.net+"1", siptest.WithSDP(six))
	r.tester.Wait(out, siptest.Ended)
	m := out.Response()
	if m == nil || m.Status != 488 || !strings.Contains(m.Get(sip.IDReason), `"media-family"`) || !strings.HasPrefix(m.Get(sip.IDWarning), "301 ") {
		t.Errorf("%v", m)
	}
	if rec := r.records(1)[0]; rec.Reason != "media-family" {
		t.Errorf("the record says %s", rec.Reason)
	}
	until(t, "a line of the log", func() bool { return strings.Contains(r.log.String(), "reason=media-family") })
}
