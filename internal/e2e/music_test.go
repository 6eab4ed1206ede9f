package e2e

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// SIG-12: the holder sends nothing, by inactive: the held party hears music of ours from a file, and the holder again once it has taken the
// call back. A holder that plays itself, by sendonly, is heard.
func TestSIG12MusicOnHold(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "musicOnHold: generate", "musicOnHoldSource: music") + `
announcements:
  music: {file: ` + l.file("music.wav", wav(16000, 560, 2*time.Second)) + `}
`)
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(440), Codecs: []string{"PCMA", "PCMU"}})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(1000), Codecs: []string{"PCMA"}})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Wait(call, siptest.Acked)
	in := agents.Incoming(gw, 1)
	agents.Must(in.WaitTone(agents.Context(), 440))
	reinvite := func(c *siptest.Call, d siptest.Direction) {
		t.Helper()
		if m, err := c.Reinvite(agents.Context(), d); err != nil || m.Status != 200 {
			t.Fatalf("%s: %v %v", d, m, err)
		}
	}

	reinvite(call, siptest.Inactive)
	agents.Must(in.WaitTone(agents.Context(), 560))
	if n := in.Media().SSRCs; n != 2 {
		t.Errorf("the held party heard %d sources, want the holder and us", n)
	}
	reinvite(call, siptest.SendRecv)
	agents.Must(in.WaitTone(agents.Context(), 440))
	agents.Must(call.WaitTone(agents.Context(), 1000))

	// The other side holds, and plays by itself; then it falls silent. Its music comes first, ours is only for silence.
	reinvite(in, siptest.SendOnly)
	reinvite(in, siptest.Inactive)
	agents.Must(call.WaitTone(agents.Context(), 560))
	reinvite(in, siptest.SendOnly)
	agents.Must(call.WaitTone(agents.Context(), 1000))
	reinvite(in, siptest.SendRecv)
	r := s.hungUp(agents, call, in)
	if len(r.Played) < 2 || r.Played[0].To != "callee" || r.Played[0].What != "announcement music" || r.Played[0].Codec != "PCMA" || r.Played[1].To != "caller" {
		t.Errorf("the record says %+v", r.Played)
	}
	if m := in.Media(); m.Malformed != 0 || m.Foreign != 0 {
		t.Errorf("the held party heard %+v", m)
	}
}

// SIG-12: who is held hears music of ours under its keys, too.
func TestSIG12MusicOverSRTP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "musicOnHold: generate", "musicOnHoldSource: music") + `  "trunk:gw1": {usages: [all], options: false, srtpMode: required}
announcements:
  music: {file: ` + l.file("music.wav", wav(16000, 560, 2*time.Second)) + `}
`)
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(440), Codecs: []string{"PCMA", "PCMU"}})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", SRTP: "AES_CM_128_HMAC_SHA1_80", Codecs: []string{"PCMA"}})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Wait(call, siptest.Acked)
	in := agents.Incoming(gw, 1)
	agents.Must(in.WaitTone(agents.Context(), 440))
	if m, err := call.Reinvite(agents.Context(), siptest.Inactive); err != nil || m.Status != 200 {
		t.Fatalf("%v %v", m, err)
	}
	agents.Must(in.WaitTone(agents.Context(), 560))
	if m, err := call.Reinvite(agents.Context(), siptest.SendRecv); err != nil || m.Status != 200 {
		t.Fatalf("%v %v", m, err)
	}
	agents.Must(in.WaitTone(agents.Context(), 440))
	if r := s.hungUp(agents, call, in); len(r.Played) != 1 || r.Played[0].To != "callee" || r.Played[0].Why != "" {
		t.Errorf("the record says %+v", r.Played)
	}
}

// NEW-14, P20: the target rings and sends nothing. The caller hears 425 Hz, the ringing tone of E.180, before the answer, and the target after it; a target
// that sends early media by itself is heard instead.
func TestNEW14Ringback(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "ringback: generate", "toneCountry: de"))
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(1000)})
	gw.Answer(siptest.RingForever())
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Wait(call, siptest.EarlyMedia)
	agents.Must(call.WaitTone(agents.Context(), 425))
	call.Cancel()
	agents.Wait(call, siptest.Failed)
	s.want = 1
	played(t, s.record(), "caller", "ringback de", "PCMU")

	gw.Answer(siptest.Ring(time.Second), siptest.OK())
	call = agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Must(call.WaitTone(agents.Context(), 425))
	agents.Wait(call, siptest.Acked)
	agents.Must(call.WaitTone(agents.Context(), 1000))
	call.Hangup()
	agents.Wait(call, siptest.Ended)
	s.want = 2
	r := s.records(2)[1]
	checkRecord(t, r, "normal-clearing", 200, "caller")
	played(t, r, "caller", "ringback de", "PCMU")

	gw.Answer(siptest.Ring(time.Second), siptest.EarlyMediaFor(time.Hour))
	call = agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	agents.Must(call.WaitTone(agents.Context(), 425))
	agents.Must(call.WaitTone(agents.Context(), 1000))
	call.Cancel()
	agents.Wait(call, siptest.Failed)
	s.want = 3
	played(t, s.records(3)[2], "caller", "ringback de", "PCMU")
}
