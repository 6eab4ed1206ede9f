package sim

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/sip"
)

// world is a perfect network with the document changed: pairs of old and new text.
func world(t *testing.T, changes ...string) *World {
	t.Helper()
	doc := strings.NewReplacer(changes...).Replace(Document)
	if len(changes) > 0 && doc == Document {
		t.Fatalf("nothing of %q is in the document", changes)
	}
	snap, err := Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	w := New(11, snap)
	w.Strict = true
	return w
}

// done checks that no rule was broken.
func done(t *testing.T, w *World) {
	t.Helper()
	for _, f := range w.Failures() {
		t.Error(f)
	}
	if t.Failed() {
		t.Logf("\n%s", w.Trace.String())
	}
}

// The settings of the caller's trunk, of those of targets, and of gwb in Document.
const (
	callers = "trunk:uca: {usages: [all]"
	targets = "global: {relayMethods: [INFO, MESSAGE], usages: [all], acceptRefer: true, redirect: follow, redirectHosts: [198.51.100.12], maxAttempts: 6"
	gwb     = "trunk:gwb: {failoverCodes: [486]"
	played  = ", musicOnHold: generate, musicOnHoldSource: closed, ringback: generate" // by gwb: nothing can be where media passes by
	gwc     = "trunk:gwc: {relayMethods: [INFO, MESSAGE]"
)

const liveness = ", rtcpActiveCalls: false, rtcpCallsOnHold: false"

// P01: calls that drop after 30 s because the peer sends no RTCP.
func TestP01_SilentPeersKeepTheirCallWhenLivenessIsOff(t *testing.T) {
	w := world(t, callers, callers+liveness, targets, targets+liveness)
	w.Call(plain(Caller{Manner: then(Action{second, Hold}, Action{2 * second, Mute}, Action{600 * second, Bye})},
		at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{3 * second, Vanish})}, "gwa")))
	w.RunUntil(9 * time.Minute)
	if n := w.Nodes[0].Live(); n != 1 {
		t.Errorf("%d live calls after 9 minutes", n)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Reason != "normal-clearing" {
		t.Errorf("ended by %s", r.Reason)
	}
}

// P03: the time without progress is the trunk's.
func TestP03_NoProgressTimeoutOff(t *testing.T) {
	w := world(t, targets, targets+", noProgressTimeout: 0s")
	w.Call(plain(Caller{Manner: hangUp}, at(Callee{After: 45 * second, Final: 200}, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; len(r.Attempts) != 1 || r.Status != 200 {
		t.Errorf("status %d after %d attempts", r.Status, len(r.Attempts))
	}
}

// With noProgressTimeout off a target that says 100 and no more is still bounded, by noAnswerTimeout.
func TestNoProgressTimeoutOffIsBounded(t *testing.T) {
	w := world(t, targets, targets+", noProgressTimeout: 0s, noAnswerTimeout: 60s")
	w.Call(plain(Caller{Manner: hangUp}, at(Callee{}, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Reason != "no-answer" || r.End.Sub(r.Start) > 61*second {
		t.Errorf("%s after %v", r.Reason, r.End.Sub(r.Start))
	}
}

// NEW-09, NEW-18: a full trunk is passed over, and takes emergency calls all the same.
func TestNEW09LimitOverflows(t *testing.T) {
	w := world(t, targets+"}", targets+"}\n  trunk:gwa: {maxCalls: 1}")
	long := Caller{Manner: then(Action{60 * second, Bye})}
	both := map[string][]Callee{"gwa": {answers}, "gwb": {answers}}
	for i, number := range []string{"+14255550100", "+14255550101", "112"} {
		s := plain(long, both)
		s.Name, s.Number, s.Start = "call"+number, number, time.Duration(i)*5*second
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	took := make(map[string]string)
	for _, r := range w.Nodes[0].Records {
		took[r.Called.Received] = r.Out.Trunk
	}
	for number, want := range map[string]string{"+14255550100": "gwa", "+14255550101": "gwb", "112": "gwa"} {
		if took[number] != want {
			t.Errorf("%s went to %s, want %s", number, took[number], want)
		}
	}
}

// NEW-09: a call that no trunk has room for is refused with a reason of its own.
func TestNEW09LimitRefuses(t *testing.T) {
	w := world(t, "trunks: [gwa, gwb, gwc]", "trunks: [gwa]", targets+"}", targets+"}\n  trunk:gwa: {maxCalls: 1}")
	for i := range 2 {
		s := plain(Caller{Manner: then(Action{60 * second, Bye})}, at(answers, "gwa"))
		s.Start = time.Duration(i) * 5 * second
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Reason != diag.TrunkLimit.ID || r.Status != 503 {
		t.Errorf("record %s %d", r.Reason, r.Status)
	}
}

// TRK-02: beyond the limit early dialogs share the last tag.
func TestTRK02EarlyDialogsAreLimited(t *testing.T) {
	w := world(t, callers, callers+", maxEarlyDialogs: 1")
	ring := Callee{Progress: ringing}
	w.Call(plain(Caller{Manner: hangUp}, at(Callee{Progress: ringing, After: 2 * second, Final: 200, Fork: []Callee{ring, ring, ring}}, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if n := len(w.order[0].caller.early); n != 1 {
		t.Errorf("the caller saw %d early dialogs", n)
	}
}

// TRK-05: with bypass on both trunks descriptions pass as they are and no port is taken.
func TestTRK05Bypass(t *testing.T) {
	w := world(t, callers, callers+liveness+", enableBypass: true", targets, targets+liveness+", enableBypass: true", gwb, gwb+liveness+", enableBypass: true", played, "", gwc, gwc+liveness+", enableBypass: true")
	w.Bypass = true
	w.Call(plain(Caller{Manner: then(Action{second, Hold}, Action{3 * second, Resume}, Action{5 * second, Bye})}, at(Callee{Progress: media183, After: second, Final: 200}, "gwa")))
	seen := false
	w.after(2*second, func() {
		b := w.order[0].ends[0]
		seen = b.speaker.remote.media[0].addr == w.Host("uca").Addr
		if n := w.Nodes[0].ports.InUse(); n > 0 {
			t.Errorf("%d ports in use", n)
		}
	})
	w.Run(20 * time.Minute)
	w.failures = drop(w.failures, "sends to port", "is not open")
	done(t, w)
	if !seen {
		t.Error("the callee did not see the caller's own address")
	}
}

// drop leaves out failures of rules that do not hold without a relay.
func drop(list []string, words ...string) (keep []string) {
next:
	for _, f := range list {
		for _, x := range words {
			if strings.Contains(f, x) {
				continue next
			}
		}
		keep = append(keep, f)
	}
	return keep
}

// SIG-16: a trunk whose peer no longer answers OPTIONS is tried last, and comes back.
func TestSIG16ProbesMoveCalls(t *testing.T) {
	w := world(t)
	w.Host("gwa").Dead = true
	n := w.Nodes[0]
	w.RunUntil(3 * time.Minute)
	if st := n.board.state["gwa"]; st != health.Down {
		t.Fatalf("gwa is %v after three minutes of silence", st)
	}
	s := plain(Caller{Manner: hangUp}, map[string][]Callee{"*": {answers}})
	w.Call(s)
	w.RunUntil(4 * time.Minute)
	w.Host("gwa").Dead = false
	w.RunUntil(15 * time.Minute)
	if st := n.board.state["gwa"]; st != health.Up && st != health.HalfOpen {
		t.Errorf("gwa is %v eleven minutes after it came back", st)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	if r := n.Records[0]; r.Out.Trunk != "gwb" || len(r.Attempts) != 1 {
		t.Errorf("the call went to %s in attempt %d", r.Out.Trunk, len(r.Attempts))
	}
}

// SIG-16, DR-04: OPTIONS of a peer is answered with our Contact, and with 503 while the server drains.
func TestSIG16AnswersOptions(t *testing.T) {
	w := world(t)
	h := w.Host("gwa")
	for i, want := range []int{200, 503} {
		w.Nodes[0].Drain(i == 1)
		p := h.party(&Scenario{Name: "probe"}, h.token(), Manner{})
		p.to = sip.Hop{Transport: sip.UDP, Local: h.listen(), Remote: w.Nodes[0].netAddr(5060)}
		p.target, p.local, p.remote = "sip:192.0.2.11", "<sip:198.51.100.11>", "<sip:192.0.2.11>"
		got, contact := 0, ""
		p.send(p.message("OPTIONS", 1), func(m *sip.Message) {
			if m != nil {
				got, contact = m.Status, m.Get(sip.IDContact)
			}
			p.end()
		})
		w.RunUntil(w.Since() + second)
		if got != want || want == 200 && contact != "<sip:192.0.2.11:5060>" {
			t.Errorf("answer %d with Contact %q, want %d", got, contact, want)
		}
	}
}

// A caller that was refused may try again under the same Call-ID with a higher CSeq (RFC 3261 section 8.1.3.5).
func TestRFC3261_8_1_3_5NewAttempt(t *testing.T) {
	w := world(t)
	sc := w.Call(plain(Caller{Manner: hangUp}, map[string][]Callee{"gwa": {{After: second, Final: 486}, answers}}))
	w.after(5*second, func() {
		p := sc.caller
		p.state, p.final, p.winner = trying, 0, ""
		w.parties++
		p.seq++
		p.target = p.uri
		m := p.message("INVITE", p.seq)
		m.SetBody("application/sdp", p.speaker.offer())
		p.invite = p.send(m, p.answeredCall)
	})
	w.RunUntil(6 * second)
	w.Run(20 * time.Minute)
	w.failures = drop(w.failures, "is tried after SIP/2.0 486") // it is another call
	done(t, w)
	if list := w.Nodes[0].Records; len(list) != 2 || list[0].Reason != "busy" || list[1].Reason != "normal-clearing" {
		t.Errorf("%d records", len(list))
	}
}

// A server that drains refuses new calls and keeps those that run.
func TestDrainKeepsRunningCalls(t *testing.T) {
	w := world(t)
	first := plain(Caller{Manner: then(Action{60 * second, Bye})}, at(answers, "gwa"))
	second := first
	second.Name, second.Start = "late", 20*time.Second
	w.Call(first)
	w.Call(second)
	w.after(10*time.Second, func() { w.Nodes[0].Drain(true) })
	w.Run(20 * time.Minute)
	done(t, w)
	reasons := []string{w.Nodes[0].Records[0].Reason, w.Nodes[0].Records[1].Reason}
	if reasons[0] != "draining" || reasons[1] != "normal-clearing" {
		t.Errorf("records %v", reasons)
	}
}

// At the end of a drain every call is hung up on both legs, whatever its state.
func TestTerminateEndsEveryCall(t *testing.T) {
	w := world(t)
	for i, c := range []Callee{answers, {Progress: ringing}, {}, {Silent: true}, {Progress: ringing, After: 9 * second, Final: 200}} {
		s := plain(Caller{Offerless: i == 4}, at(c, "gwa"))
		s.Name = "call" + string(rune('a'+i))
		w.Call(s)
	}
	n := w.Nodes[0]
	w.after(3*second, func() { n.Terminate(diag.ServerShutdown) })
	w.Run(20 * time.Minute)
	done(t, w)
	for _, r := range n.Records {
		if r.Reason != diag.ServerShutdown.ID || r.EndedBy != "directsip" {
			t.Errorf("record %s by %s", r.Reason, r.EndedBy)
		}
	}
}

// SIG-17: a UC platform is told in ms-diagnostics why its call was refused; other callers are not, and no other response has it.
func TestSIG17Diagnostics(t *testing.T) {
	for from, want := range map[string]string{
		"uca": `10503;source="med1.sim.example";reason="Every target was tried and none took the call.";component="MediationServer";SipResponseCode="500";SipResponseText="Server Internal Error"`,
		"gwa": "",
	} {
		w := world(t)
		c := plain(Caller{}, map[string][]Callee{"*": {{After: second, Final: 500}}})
		c.From = from
		w.Call(c)
		w.Run(10 * time.Minute)
		got := ""
		for _, l := range w.Nodes[0].watch.legs {
			for _, r := range l.order {
				if !r.sent && r.method == "INVITE" && r.final != nil {
					m, err := sip.Parse(r.final, nil)
					if err != nil {
						t.Fatal(err)
					}
					got += m.GetName("ms-diagnostics")
				}
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", from, got, want)
		}
	}
}

// RFC 3261 §12.1.1: what begins a dialog carries the caller's Record-Route, all of it and in order; nothing else does.
func TestRFC3261_12_1_1RecordRoute(t *testing.T) {
	for status, callee := range map[int]Callee{200: {Progress: ringing, After: second, Final: 200}, 486: {Progress: ringing, After: second, Final: 486}} {
		w := world(t)
		want := []string{"<sip:198.51.100.1;r2=on;lr>", "<sip:198.51.100.1;transport=tcp;r2=on;lr>", "<sip:proxy.invalid;lr>"}
		w.Call(plain(Caller{Headers: []string{"Record-Route: " + want[0] + ", " + want[1], "Record-Route: " + want[2]}, Manner: hangUp}, at(callee, "gwa")))
		w.Run(20 * time.Minute)
		seen := map[int]bool{}
		for i := range w.Trace.Lines {
			l := &w.Trace.Lines[i]
			m, err := sip.Parse(l.Data, nil)
			if err != nil || l.From != "med1" || m.IsRequest() || l.To != "uca" {
				continue
			}
			_, method, _ := m.CSeq()
			got, begins := slices.Collect(m.Values(sip.IDRecordRoute)), method == "INVITE" && m.Status > 100 && m.Status < 300
			if begins && !slices.Equal(got, want) || !begins && got != nil {
				t.Errorf("%s has %q", m.StartLine(), got)
			}
			seen[m.Status] = true
		}
		if !seen[180] || !seen[status] {
			t.Errorf("seen %v", seen)
		}
	}
}

// An address of a gateway that takes no INVITE stands behind the others for a minute, so that one call waits for it and not each; the record names it.
func TestSilentAddressIsPassedBy(t *testing.T) {
	w := world(t)
	w.Strict = false // the calls share the silent host's script
	for i, start := range []time.Duration{0, 10 * second, 90 * second} {
		s := plain(Caller{Manner: hangUp}, map[string][]Callee{"sbc": {{Silent: true}}, "sbc2": {answers}})
		s.Name, s.Number, s.Start = "call"+strconv.Itoa(i), "+3425555010"+strconv.Itoa(i), start
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	if len(w.Nodes[0].Records) != 3 {
		t.Fatalf("%d records", len(w.Nodes[0].Records))
	}
	for _, r := range w.Nodes[0].Records {
		a := r.Attempts[0]
		waited, noted := a.Took > 4*second, a.Detail == "198.51.100.21:5060 did not take it (no-response after 4s)"
		if want := r.Called.Received != "+34255550101"; waited != want || noted != want || a.Status != 200 || a.Remote != "198.51.100.22:5060" {
			t.Errorf("%s: %+v", r.Called.Received, a)
		}
	}
}

// The ladder of a long call has its beginning and its end, and says how much is left out between them.
func TestLadderOfALongCall(t *testing.T) {
	w := world(t)
	var manner []Action
	for i := range 60 {
		manner = append(manner, Action{time.Duration(i+1) * second, Info})
	}
	w.Call(plain(Caller{Manner: then(append(manner, Action{90 * second, Bye})...)}, at(answers, "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	r := w.Nodes[0].Records[0]
	sent := 0
	for i := range w.Trace.Lines {
		l := &w.Trace.Lines[i]
		if m, err := sip.Parse(l.Data, nil); err == nil && (l.From == "med1" || l.To == "med1") && m.Method != "OPTIONS" && !strings.HasSuffix(m.Get(sip.IDCSeq), "OPTIONS") {
			sent++
		}
	}
	left, at := 0, time.Time{}
	for i, m := range r.Ladder {
		if m.Leg == "" {
			left, _ = strconv.Atoi(strings.TrimSuffix(m.Line, " more messages"))
			if i != 60 {
				t.Errorf("line %d: %s", i, m.Line)
			}
		}
		if m.At.Before(at) {
			t.Errorf("line %d, %s, is earlier than the one before", i, m.Line)
		}
		at = m.At
	}
	lines := make([]string, len(r.Ladder))
	for i, m := range r.Ladder {
		lines[i] = m.Line
	}
	if len(lines) != 101 || !strings.HasPrefix(lines[0], "INVITE ") || !slices.Contains(lines[95:], "BYE") || !slices.Contains(lines[50:60], "200 OK (INFO)") || lines[61] == "" {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if kept := len(lines) - 1; left < 90 || kept+left > sent || kept+left < sent-2 { // the answer to the last BYE may come after the record
		t.Errorf("%d lines and %d left out of %d", kept, left, sent)
	}
}

// TRK-06: a REFER whose Refer-To leads to us is passed on with the listener that the other side may call, not with the referrer's.
func TestTRK06ReferToUs(t *testing.T) {
	for to, want := range map[string]string{
		"+14255550199@192.0.2.11:5060;user=phone":                "<sip:+14255550199@192.0.2.11:5068;transport=tcp;user=phone>",
		"+14255550199@MED1.sim.example;transport=udp":            "<sip:+14255550199@192.0.2.11:5068;transport=tcp>",
		"+14255550199@pool.sim.example;x?Subject=a%20b":          "<sip:+14255550199@192.0.2.11:5068;transport=tcp;x?Subject=a%20b>",
		"%2B14255550199@192.0.2.11":                              "<sip:%2B14255550199@192.0.2.11:5068;transport=tcp>",
		"+14255550199@192.0.2.12:5060":                           "<sip:+14255550199@192.0.2.12:5060>", // the other server of the pool
		"+14255550199@example.com:5060;transport=udp;user=phone": "<sip:+14255550199@example.com:5060;transport=udp;user=phone>",
	} {
		w := world(t)
		s := plain(Caller{Manner: Manner{ReferTo: to, Then: []Action{{2 * second, Refer}}}}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Refers: 200, Then: []Action{{5 * second, Bye}}}}, "gwc"))
		s.Number = "+24255550100"
		w.Call(s)
		w.Run(20 * time.Minute)
		var got string
		for i := range w.Trace.Lines {
			l := &w.Trace.Lines[i]
			if m, err := sip.Parse(l.Data, nil); err == nil && l.From == "med1" && l.To == "gwc" && m.Method == "REFER" {
				got = m.Get(sip.IDReferTo)
			}
		}
		if got != want {
			t.Errorf("%s was passed on as %s, want %s", to, got, want)
		}
	}
}

// TestLateRefusalStandsInItsAttempt: where a target that was left behind says that the number is busy, the record says who did.
func TestLateRefusalStandsInItsAttempt(t *testing.T) {
	list := stories()
	s := &list[slices.IndexFunc(list, func(s story) bool { return s.file == "connect-late-busy" })]
	r := s.run(t, noFault).Nodes[0].Records[0]
	if a := r.Attempts[0]; r.Reason != diag.Busy.ID || a.Reason != diag.NoResponse.ID || a.Detail != "late, after 5.02s, it said 486 Busy Here" {
		t.Errorf("%s, first attempt %s: %q", r.Reason, a.Reason, a.Detail)
	}
}

// TestLateRefusalEndsTheHunt: nobody else is called, not even at another address of the gateway being tried, when a target that was left behind says late that
// its telephone is busy.
func TestLateRefusalEndsTheHunt(t *testing.T) {
	snap, err := Compile(strings.Replace(Document, "trunks: [gwa, gwb, gwc]", "trunks: [gwa, sbc]", 2))
	if err != nil {
		t.Fatal(err)
	}
	w := New(1, snap)
	sc := w.Call(plain(Caller{Manner: hangUp}, map[string][]Callee{"gwa": {{No100: true, After: 5 * second, Final: 486}}, "sbc": {{Silent: true}}, "sbc2": {answers}}))
	w.Run(20 * time.Minute)
	report(t, w, true)
	if r := w.Nodes[0].Records[0]; sc.caller.final != 486 || r.Reason != diag.Busy.ID || len(r.Attempts) != 2 {
		t.Errorf("the caller is told %d, the record has %s and %d attempts", sc.caller.final, r.Reason, len(r.Attempts))
	}
}
