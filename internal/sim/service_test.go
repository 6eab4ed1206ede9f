package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
)

// DR-09: who refuses with 503 and Retry-After gets no call for that time and the next ones go on at once; then it is asked again.
func TestDR_09RetryAfterIsKept(t *testing.T) {
	w := world(t)
	busy := Callee{After: second, Final: 503, RetryAfter: "30"}
	first := []Callee{busy, busy, answers} // of gwa, in each call
	for i, number := range []string{"+14255550100", "+14255550101", "+14255550102"} {
		s := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwa": {first[i]}, "gwb": {answers}})
		s.Name, s.Number, s.Start = "call"+number, number, time.Duration(i)*20*second
		w.Call(s)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	for _, r := range w.Nodes[0].Records {
		want := map[string]string{"+14255550100": "peer-congestion", "+14255550101": diag.TrunkPaused.ID, "+14255550102": ""}[r.Called.Received]
		if first := r.Attempts[0]; r.Reason != "normal-clearing" || first.Trunk != "gwa" || first.Reason != want {
			t.Errorf("%s: %s, first attempt %s: %q, want %q", r.Called.Received, r.Reason, first.Trunk, first.Reason, want)
		}
	}
}

// DR-11: a trunk that is out of service gets no call and no OPTIONS, and what comes from it is refused with 503; the call that runs goes on.
func TestDR_11TrunkOutOfService(t *testing.T) {
	w := world(t)
	drained, err := Compile(strings.Replace(Document, "host: 198.51.100.11, root: {transport: UDP,", "host: 198.51.100.11, root: {transport: UDP, enabled: false,", 1))
	if err != nil {
		t.Fatal(err)
	}
	n, gwa := w.Nodes[0], w.Host("gwa")
	both := map[string][]Callee{"gwa": {answers, answers}, "gwb": {answers}}
	first := plain(Caller{Manner: then(Action{60 * second, Bye})}, both)
	late := plain(Caller{Manner: hangUp}, both)
	late.Name, late.Start = "late", 30*second
	w.Call(first)
	w.Call(late)
	w.after(10*second, func() {
		w.snap = drained
		for _, n := range w.Nodes {
			n.Configure(drained)
		}
	})
	w.RunUntil(50 * second)
	p := gwa.party(&Scenario{Name: "probe"}, gwa.token(), Manner{})
	p.to = sip.Hop{Transport: sip.UDP, Local: gwa.listen(), Remote: n.netAddr(5060)}
	p.target, p.local, p.remote = "sip:192.0.2.11", "<sip:198.51.100.11>", "<sip:192.0.2.11>"
	got := 0
	p.send(p.message("OPTIONS", 1), func(m *sip.Message) {
		if m != nil {
			got = m.Status
		}
		p.end()
	})
	w.Run(20 * time.Minute)
	done(t, w)
	if got != 503 {
		t.Errorf("OPTIONS of the trunk's peer is answered with %d", got)
	}
	if r := n.Records[0]; r.Out.Trunk != "gwb" || len(r.Attempts) != 1 {
		t.Errorf("the call after that went to %s in attempt %d", r.Out.Trunk, len(r.Attempts))
	}
	if r := n.Records[1]; r.Out.Trunk != "gwa" || r.Reason != "normal-clearing" || r.End.Sub(r.Answered) < 55*second {
		t.Errorf("the call that ran ended after %v with %s", r.End.Sub(r.Answered), r.Reason)
	}
}
