package siptest

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uri = "sip:+14255550100@gw.contoso.com"

func pair(t *testing.T) (tt *Tester, pbx, gw *Agent) {
	tt = T(t)
	return tt, tt.Agent(Config{Name: "pbx", T1: 50 * time.Millisecond}), tt.Agent(Config{Name: "gw", T1: 50 * time.Millisecond, Audio: Tone(1000)})
}

func TestCallWithAudioBothWays(t *testing.T) {
	for _, c := range []struct{ name, network, listen string }{
		{"UDP", "udp", "127.0.0.1:0"},
		{"TCP", "tcp", "127.0.0.1:0"},
		{"TLS", "tls", "127.0.0.1:0"},
		{"UDP over IPv6", "udp", "[::1]:0"},
		{"TCP over IPv6", "tcp", "[::1]:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tt := T(t)
			cfg := Config{Name: "pbx", Network: c.network, Listen: c.listen, Audio: Tone(440)}
			if c.network == "tls" {
				ca := NewAuthority(t, t.TempDir(), "authority")
				cfg.TLS = ca.Config(ca.Issue("both", time.Hour, "127.0.0.1", "::1"))
			}
			pbx := tt.Agent(cfg)
			cfg.Name, cfg.Audio, cfg.Codecs = "gw", Tone(1000), []string{"PCMA", "PCMU"}
			gw := tt.Agent(cfg)
			gw.Answer(Ring(20*time.Millisecond), OK("X-Test: yes"))
			call := tt.Dial(pbx, gw.Addr(), uri, WithFrom(`"Bob" <sip:+12065550123@pbx.contoso.com>`), WithHeader("P-Asserted-Identity: <tel:+12065550123>"))
			tt.Wait(call, Ringing, Answered, Acked)
			in := tt.Incoming(gw, 1)
			if got := in.Invite().From(); got.Display != "Bob" || got.URI != "sip:+12065550123@pbx.contoso.com" || in.Invite().Get(sip.IDPAssertedIdentity) == "" {
				t.Errorf("From %v", got)
			}
			if call.Response().GetName("x-test") != "yes" || call.Status() != 200 || call.ID() != in.ID() {
				t.Errorf("response %v", call.Response())
			}
			tt.Must(call.WaitTone(tt.Context(), 1000))
			tt.Must(in.WaitTone(tt.Context(), 440))
			call.Hangup()
			tt.Wait(call, HungUp, Ended)
			tt.Wait(in, HungUp, Ended)
			for _, m := range []MediaStats{call.Media(), in.Media()} {
				if m.Received < 5 || m.Lost != 0 || m.Duplicates != 0 || m.Foreign != 0 || m.Malformed != 0 || m.SSRCs != 1 || m.First.IsZero() {
					t.Errorf("%+v", m)
				}
			}
			for _, want := range []string{"INVITE " + uri + " [PCMU", "180 Ringing (INVITE)", "200 OK (INVITE) [PCM", "ACK sip:gw@", "BYE sip:gw@", "200 OK (BYE)"} {
				if !strings.Contains(call.Ladder(), want) {
					t.Errorf("%q is not in\n%s", want, call.Ladder())
				}
			}
		})
	}
}

func TestRejectWithHeader(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Reject(503, "Retry-After: 5")
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Failed, Ended)
	if call.Status() != 503 || call.Response().Get(sip.IDRetryAfter) != "5" {
		t.Errorf("got %v", call.Response())
	}
	if err := call.Wait(tt.Context(), Answered); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("waiting for an answer that cannot come: %v", err)
	}
}

func TestRedirectCarriesContacts(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.AnswerUser("+14255550100", Redirect("sip:a@192.0.2.1", "sip:b@192.0.2.2"))
	gw.Silent()
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Failed)
	n := 0
	for range call.Response().Values(sip.IDContact) {
		n++
	}
	if call.Status() != 302 || n != 2 {
		t.Errorf("%v", call.Response())
	}
}

func TestSilentPeerTimesOut(t *testing.T) {
	const t1 = 20 * time.Millisecond
	tt := T(t)
	pbx, gw, other := tt.Agent(Config{Name: "pbx", T1: t1}), tt.Agent(Config{Name: "gw"}), tt.Agent(Config{Name: "other"})
	gw.Silent()
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Failed, Ended)
	gw.Answer(OK())
	tt.Wait(tt.Dial(other, gw.Addr(), uri), Answered) // the socket keeps the order: what was sent before is heard now
	if call.Status() != 408 || call.Response() != nil {
		t.Errorf("%d %v", call.Status(), call.Response())
	}
	var sent []time.Time
	for _, e := range call.Entries() {
		if e.Out && e.Msg.Method == "INVITE" {
			sent = append(sent, e.At)
		}
	}
	heard := 0
	for _, e := range tt.Incoming(gw, 1).Entries() {
		if e.Msg.Method == "INVITE" {
			heard++
		}
	}
	// RFC 3261 §17.1.1.2: at 0, 1, 3, 7, 15, 31, 63 T1, never sooner; a busy machine is late and may leave out the last.
	if len(sent) < 6 || len(sent) > 7 || heard != len(sent) {
		t.Errorf("%d INVITE sent, %d heard", len(sent), heard)
	}
	for i := 1; i < len(sent); i++ {
		if gap := sent[i].Sub(sent[i-1]); gap < t1<<(i-1) {
			t.Errorf("INVITE %d came %v after the one before", i+1, gap)
		}
	}
}

func TestCancel(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(RingForever())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Ringing)
	call.Cancel()
	tt.Wait(call, Cancelled, Failed, Ended)
	tt.Wait(tt.Incoming(gw, 1), Cancelled, Failed, Ended)
	if call.Status() != 487 {
		t.Error(call.Status())
	}
}

func TestCancelWaitsForTheFirstResponse(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(Custom(func(c *Call) bool { return true }), Wait(30*time.Millisecond), RingForever())
	call := tt.Dial(pbx, gw.Addr(), uri)
	call.Cancel() // gw would note a violation if it went out now
	tt.Wait(call, Failed)
	if call.Status() != 487 {
		t.Error(call.Status())
	}
}

func TestAnswerAfterCancelIsEndedByBye(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(OKAfterCancel())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Ringing)
	call.Cancel()
	tt.Wait(call, Answered, Acked, HungUp, Ended)
	tt.Wait(tt.Incoming(gw, 1), Cancelled, Answered, Acked, HungUp, Ended)
}

func TestForkedRinging(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(Fork(180, "one"), Fork(183, "two"), Fork(180, "three"), AnswerAs("two"), OK())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Acked)
	if _, err := call.WaitN(tt.Context(), Ringing, 3); err != nil {
		t.Error(err)
	}
	if tag := call.Response().ToTag(); tag != "two" {
		t.Errorf("answered by %q", tag)
	}
	call.Hangup()
	tt.Wait(call, Ended)
}

func TestTwoAnswersAreBothAcknowledged(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(OKTwice())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Answered, Forked)
	in := tt.Incoming(gw, 1)
	if _, err := in.WaitN(tt.Context(), Acked, 2); err != nil {
		t.Fatal(err)
	}
	tt.Wait(in, Request) // the BYE of the second
	call.Hangup()
	tt.Wait(call, Ended)
	tt.Wait(in, HungUp)
}

func TestEarlyMedia(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(EarlyMediaFor(time.Hour))
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, EarlyMedia)
	tt.Must(call.WaitTone(tt.Context(), 1000))
	call.Cancel()
	tt.Wait(call, Failed)
}

func TestReliableProvisional(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(Reliable(183, true), Reliable(180, false), OK())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, EarlyMedia, Answered, Acked)
	if n := strings.Count(call.Ladder(), "200 OK (PRACK)"); n != 2 {
		t.Errorf("%d PRACK", n)
	}
}

func TestOfferlessCall(t *testing.T) {
	tt, pbx, gw := pair(t)
	call := tt.Dial(pbx, gw.Addr(), uri, NoSDP())
	tt.Wait(call, Acked)
	in := tt.Incoming(gw, 1)
	tt.Wait(in, Acked)
	tt.Must(call.WaitTone(tt.Context(), 1000))
	tt.Must(in.WaitTone(tt.Context(), 440))
}

func TestHoldAndResume(t *testing.T) {
	tt, pbx, gw := pair(t)
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Acked)
	in := tt.Incoming(gw, 1)
	tt.Wait(in, Acked)
	resp, err := call.Reinvite(tt.Context(), SendOnly)
	tt.Must(err)
	if body, _ := resp.SDP(); !strings.Contains(body, "a=recvonly") {
		t.Errorf("answer to hold:\n%s", body)
	}
	tt.Wait(in, Held)
	sent := in.Media().Sent
	tt.Must(in.WaitPackets(tt.Context(), in.Media().Received+5))
	if more := in.Media().Sent - sent; more > 1 {
		t.Errorf("%d packets sent on hold", more)
	}
	_, err = call.Update(tt.Context(), SendRecv)
	tt.Must(err)
	tt.Wait(in, Resumed)
	tt.Must(call.WaitPackets(tt.Context(), call.Media().Received+5))
	if _, err := in.Reinvite(tt.Context(), "", NoSDP()); err != nil {
		t.Error(err)
	}
	if _, err := call.WaitN(tt.Context(), Acked, 3); err != nil {
		t.Error(err)
	}
}

func TestRequestsWithinACall(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Respond("INFO", 415)
	gw.Respond("INVITE", 488)
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Acked)
	resp, err := call.Do(tt.Context(), "INFO", WithBody("application/dtmf-relay", "Signal=1\r\n"))
	if err != nil || resp.Status != 415 {
		t.Errorf("INFO: %v, %v", resp, err)
	}
	resp, err = call.Do(tt.Context(), "OPTIONS")
	if err != nil || resp.Status != 200 || !resp.HasToken(sip.IDAllow, "UPDATE") {
		t.Errorf("OPTIONS: %v, %v", resp, err)
	}
	resp, err = call.Reinvite(tt.Context(), SendOnly)
	if err != nil || resp.Status != 488 {
		t.Errorf("re-INVITE: %v, %v", resp, err)
	}
	call.Hangup()
	tt.Wait(call, Ended)
	if _, err := call.Do(tt.Context(), "INFO"); err == nil {
		t.Error("a request after the end")
	}
}

func TestHangupByTheCallee(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(OK(), HangupAfter(10*time.Millisecond))
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, HungUp, Ended)
	tt.Wait(tt.Incoming(gw, 1), HungUp, Ended)
}

func TestVanishedPeer(t *testing.T) {
	tt := T(t)
	pbx, gw := tt.Agent(Config{Name: "pbx", T1: 5 * time.Millisecond}), tt.Agent(Config{Name: "gw"})
	gw.Answer(OK(), Until(Acked), Vanish())
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Acked)
	in := tt.Incoming(gw, 1)
	tt.Wait(in, Acked)
	in.VanishNow()
	call.Hangup()
	tt.Wait(call, HungUp, Ended) // by the timeout of BYE
	if in.Wait(tt.Context(), Acked) != nil || strings.Contains(in.Ladder(), "BYE") {
		t.Error(in.Ladder())
	}
}

func TestDigits(t *testing.T) {
	tt, pbx, gw := pair(t)
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Acked)
	in := tt.Incoming(gw, 1)
	call.SendDigits("14#D11")
	tt.Must(in.WaitMedia(tt.Context(), "digits", func(s MediaStats) bool { return s.Digits == "14#D11" }))
}

func TestEventsInOrder(t *testing.T) {
	tt, pbx, gw := pair(t)
	gw.Answer(Trying100(), Ring(time.Millisecond), OK(), HangupAfter(0))
	call := tt.Dial(pbx, gw.Addr(), uri)
	var got []string
	for e := range call.Events(tt.Context()) {
		got = append(got, e.Kind.String())
	}
	if s := strings.Join(got, " "); s != "Invited Trying Ringing Answered Acked HungUp Ended" {
		t.Error(s)
	}
}

func TestBusyBeyondMaxCalls(t *testing.T) {
	tt := T(t)
	pbx, gw := tt.Agent(Config{Name: "pbx"}), tt.Agent(Config{Name: "gw", MaxCalls: 1})
	gw.Answer(RingForever())
	tt.Wait(tt.Dial(pbx, gw.Addr(), uri), Ringing)
	call := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(call, Failed)
	if call.Status() != 486 {
		t.Error(call.Status())
	}
}

func TestPeerMistakesAreSeen(t *testing.T) {
	for _, c := range []struct {
		name, want string
		opt        Option
	}{
		{"no Max-Forwards", "no Max-Forwards", WithoutHeader(sip.IDMaxForwards)},
		{"no Contact", "no Contact", WithoutHeader(sip.IDContact)},
		{"no From tag", "From without tag", Edit(func(m *sip.Message) { m.Set(sip.IDFrom, "<sip:x@y>") })},
		{"not SDP", "SDP line 1", WithSDP("hello")},
	} {
		t.Run(c.name, func(t *testing.T) {
			tt, pbx, gw := pair(t)
			tt.Allow("")
			gw.Reject(404)
			tt.Wait(tt.Dial(pbx, gw.Addr(), uri, c.opt), Ended)
			if got := strings.Join(gw.Violations(), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("wrong answers", func(t *testing.T) {
		tt, pbx, gw := pair(t)
		tt.Allow("")
		gw.Answer(OKEdited(func(m *sip.Message) {
			m.Del(sip.IDContact)
			m.Set(sip.IDCallID, "other")
		}))
		tt.Wait(tt.Dial(pbx, gw.Addr(), uri), Answered)
		got := strings.Join(pbx.Violations(), "\n")
		for _, want := range []string{"no Contact", "Call-ID differs"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %q", want, got)
			}
		}
	})
	t.Run("BYE again with an old CSeq", func(t *testing.T) {
		tt, pbx, gw := pair(t)
		tt.Allow("CSeq 1 after")
		call := tt.Dial(pbx, gw.Addr(), uri)
		tt.Wait(call, Acked)
		_, err := call.Do(tt.Context(), "INFO", Edit(func(m *sip.Message) { m.Set(sip.IDCSeq, "1 INFO") }))
		tt.Must(err)
		if v := gw.Violations(); len(v) != 1 {
			t.Errorf("%q", v)
		}
	})
}

func TestWrongCSeqAnswerIsNotTaken(t *testing.T) {
	tt, pbx, gw := pair(t)
	tt.Allow("CSeq differs")
	gw.Answer(OKWrongCSeq(10 * time.Millisecond))
	tt.Wait(tt.Dial(pbx, gw.Addr(), uri), Acked)
}

func TestCloseWithLiveCalls(t *testing.T) {
	tt, pbx, gw := pair(t)
	for range 5 {
		tt.Wait(tt.Dial(pbx, gw.Addr(), uri), Acked)
	}
	tt.Must(gw.Close())
	tt.Must(gw.Close())
	if _, err := gw.Dial(tt.Context(), pbx.Addr(), uri); err == nil {
		t.Error("a closed agent dials")
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{Network: "sctp"}, {Network: "tls"}, {Listen: "nowhere"}} {
		if a, err := NewAgent(cfg); err == nil {
			a.Close()
			t.Errorf("%+v is taken", cfg)
		}
	}
}
