package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// DR-24: with media bypass the service checks our one candidate per component, nominates, and sends nothing before. Calls go both ways, early media and digits
// before the answer reach the caller, hold and its end change no credentials, and an ICE restart is followed.
func TestDR24MediaBypass(t *testing.T) {
	l := newTeamsLabOf(t, teamsDocument, true)
	l.paired()
	l.svc.Proxy(0).Answer(siptest.Ring(0), siptest.EarlyMediaFor(0), siptest.Custom(func(in *siptest.Call) bool {
		return in.WaitMedia(l.Context(), "digits before the answer", func(m siptest.MediaStats) bool { return m.Digits == "42#" }) == nil
	}), siptest.OK())
	out := l.fromPSTN()
	in := l.Incoming(l.svc.Proxy(0), 1)
	l.Wait(out, siptest.EarlyMedia)
	l.Must(out.WaitTone(l.Context(), 700))
	if out.Status() >= 200 {
		t.Error("it is answered before the digits were sent")
	}
	out.SendDigits("42#") // which it is answered for
	l.Wait(out, siptest.Acked)
	l.talk(in, out, out)

	call := l.fromTeams("sbc.example.com")
	at := l.Incoming(l.pstn, 1)
	l.Wait(call, siptest.Acked)
	hear := func() {
		t.Helper()
		l.Must(call.WaitTone(l.Context(), 440))
		l.Must(at.WaitTone(l.Context(), 700))
	}
	hear()
	for _, d := range []siptest.Direction{siptest.SendOnly, siptest.SendRecv} {
		if r, err := call.Reinvite(l.Context(), d); err != nil || r.Status != 200 {
			t.Fatal(r, err)
		}
	}
	hear()
	before, _ := call.Checks()
	call.RestartICE()
	if r, err := call.Reinvite(l.Context(), siptest.SendRecv); err != nil || r.Status != 200 {
		t.Fatal(r, err)
	}
	hear()
	l.Must(call.WaitMedia(l.Context(), "checks after the restart", func(siptest.MediaStats) bool { n, _ := call.Checks(); return n > 3 }))
	if n, refused := call.Checks(); before < 4 || n < 4 || refused != nil {
		t.Errorf("%d checks before the restart, %d after it: %v", before, n, refused)
	}
	l.talk(call, at, call)
	for _, r := range l.s.records(2) {
		checkRecord(t, r, "normal-clearing", 200, "caller")
	}
}

// DR-24: of a stranger's RTP nothing reaches the caller, and it is sent nothing, although it comes from the very host that the SDP names.
func TestDR24Stranger(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + "  trunk:pbx: {usages: [all], options: false}\n  trunk:gw1: {usages: [all], options: false, ice: lite}\n")
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(400)})
	gw := agents.Agent(siptest.Config{Name: "gw", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(700), ICE: siptest.ICEFull})
	out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	in := agents.Incoming(gw, 1)
	agents.Wait(in, siptest.Acked)
	agents.Must(out.WaitTone(agents.Context(), 700))
	agents.Must(in.WaitTone(agents.Context(), 400))
	stranger := l.rtp(l.ip(3))
	to := net.UDPAddrFromAddrPort(in.Media().Source) // our port toward the gateway
	l.frames(func(seq uint16) { _, _ = stranger.WriteToUDP(packet(seq, 0xbad, "noise of a stranger"), to) })
	_ = stranger.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, _, err := stranger.ReadFromUDP(make([]byte, 2048)); err == nil {
		t.Errorf("the stranger got %d octets", n)
	}
	if m := out.Media(); m.SSRCs != 1 {
		t.Errorf("the caller hears %d sources", m.SSRCs)
	}
	out.Hangup()
	agents.Wait(in, siptest.Ended)
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	for _, m := range r.Media {
		if m.From == "callee" && (m.Gated < 100 || m.GatedFrom != stranger.LocalAddr().String()) {
			t.Errorf("%+v", m)
		}
	}
}

// A peer that is lite and does not check: we check, nominate, and ask for consent; audio goes both ways, also in a call from it, and after hold.
func TestFullICETowardLitePeer(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + "  trunk:pbx: {usages: [all], options: false}\n  trunk:gw1: {usages: [all], options: false, ice: full}\n")
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(400)})
	gw := agents.Agent(siptest.Config{Name: "gw", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(700), ICE: siptest.ICELite})
	out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
	in := agents.Incoming(gw, 1)
	agents.Wait(in, siptest.Acked)
	hear := func(pbx, gw *siptest.Call) {
		t.Helper()
		agents.Must(pbx.WaitTone(agents.Context(), 700))
		agents.Must(gw.WaitTone(agents.Context(), 400))
	}
	hear(out, in)
	for _, d := range []siptest.Direction{siptest.SendOnly, siptest.SendRecv} {
		if r, err := in.Reinvite(agents.Context(), d); err != nil || r.Status != 200 {
			t.Fatal(r, err)
		}
	}
	hear(out, in)
	agents.Must(in.WaitMedia(agents.Context(), "a check of consent", func(siptest.MediaStats) bool { n, _ := in.Checks(); return n >= 5 }))
	out.Hangup()
	agents.Wait(in, siptest.Ended)
	back := agents.Dial(gw, l.ip(1)+":5060", "sip:+493012345@"+l.ip(1))
	there := agents.Incoming(pbx, 1)
	agents.Wait(there, siptest.Acked)
	hear(there, back)
	back.Hangup()
	agents.Wait(there, siptest.Ended)
	for _, r := range s.records(2) {
		checkRecord(t, r, "normal-clearing", 200, "caller")
	}
}
