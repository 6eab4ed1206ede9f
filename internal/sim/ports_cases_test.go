package sim

import (
	"strings"
	"testing"
)

// portStories are the ladders of calls to which somebody adds an m-line when no port is to be had any more.
func portStories() []story {
	shut := func(s story) story {
		s.set = func(w *World) { w.Fault.Shut = 1 } // after the ports of the call
		return s
	}
	film := Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Video: true}}
	return []story{
		shut(one1("ports-video", "MED-09: video that is added and gets no ports is refused by its m-line alone on both sides, before it is offered (RFC 3264 §6)", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * second, AddVideo}, Action{5 * second, Bye})}, at(film, "gwa"))),
		shut(one1("ports-video-asked", "… as is video in the offer of who was asked for one", "normal-clearing", 200,
			Caller{Manner: Manner{Video: true, Then: []Action{{2 * second, Offerless}, {5 * second, Bye}}}}, at(film, "gwa"))),
		shut(one1("ports-t38", "MED-12: T.38 in an m-line behind that of speech, which it ends, gets no ports: 488, and the call goes on in G.711 as it was", "normal-clearing", 200,
			Caller{Manner: Manner{Fax: true, Then: []Action{{6 * second, Bye}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Fax: true, Then: []Action{{2 * second, FaxBehind}}}}, "gwa"))),
	}
}

// TestNoPortsForMore: the explanation of a call says why an m-line that was added to it is refused.
func TestNoPortsForMore(t *testing.T) {
	t.Parallel()
	for _, s := range portStories() {
		r := s.run(t, noFault).Nodes[0].Records[0]
		if text := strings.Join(r.Decision, "\n"); strings.Count(text, "adds an m-line, and the relay could not open one for it: it is refused") != 1 {
			t.Errorf("%s is explained by\n%s", s.file, text)
		}
	}
}

// TestNoMorePortsMix is TestTenThousandCalls where no call gets ports for more m-lines than it has begun with.
func TestNoMorePortsMix(t *testing.T) {
	t.Parallel()
	refused := 0
	calls := mixes(t, Document, 10, func(w *World) {
		for _, r := range w.Nodes[0].Records {
			if strings.Contains(strings.Join(r.Decision, "\n"), "no ports: ") {
				refused++
			}
		}
	}, func(w *World) { w.Full, w.Faxes = true, w.Seed%2 == 0 })
	if refused < calls/100 {
		t.Errorf("in %d calls m-lines were refused", refused)
	}
}
