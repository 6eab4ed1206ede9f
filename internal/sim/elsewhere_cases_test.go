package sim

import (
	"strings"
	"testing"
	"time"
)

// elsewhereStories are the ladders of calls whose next target, gwb, is met by another address of ours.
func elsewhereStories() []story {
	call := func(file, title string, fault Fault, callees map[string][]Callee) story {
		s := one1(file, title, "normal-clearing", 200, Caller{Manner: hangUp}, callees)
		s.changes = []string{idle, "", "{addresses: [192.0.2.11],", "{addresses: [192.0.2.11], interfaces: {line: {addresses: [192.0.2.13]}},",
			"gwb: {kind: gateway,", "gwb: {kind: gateway, interface: line,"}
		s.set = func(w *World) {
			if w.Fault == noFault {
				w.Fault = fault
			}
		}
		return s
	}
	busy, takes := []Callee{{After: ms100(3), Final: 503}}, []Callee{{Progress: ringing, After: second, Final: 200}}
	late := []Callee{{No100: true, After: 4100 * time.Millisecond, Final: 200}}
	taken, shut := noFault, noFault
	taken.Media, shut.Shut = 1, 1
	return []story{
		call("elsewhere", "MED-09: the next target is met by another address of ours, and the port is opened there before it is offered (RFC 3264 §5.1)", noFault,
			map[string][]Callee{"gwa": busy, "gwb": takes}),
		call("elsewhere-taken", "… and another one, where something else has that one there", taken, map[string][]Callee{"gwa": busy, "gwb": takes}),
		call("elsewhere-none", "… and where there is none the target is passed by, and the next one called", shut, map[string][]Callee{"gwa": busy, "gwb": takes, "gwc": takes}),
		call("elsewhere-back", "… and opened where it was when the first one answers after all", noFault, map[string][]Callee{"gwa": late, "gwb": takes}),
		call("elsewhere-late", "… which is hung up where the port that it was offered is gone: the other one rings on", taken, map[string][]Callee{"gwa": late, "gwb": takes}),
	}
}

// TestPassedBy: the explanation of a call says why a target was not called.
func TestPassedBy(t *testing.T) {
	t.Parallel()
	for _, s := range elsewhereStories() {
		want := 0
		if s.file == "elsewhere-none" {
			want = 1
		}
		r := s.run(t, noFault).Nodes[0].Records[0]
		if text := strings.Join(r.Decision, "\n"); strings.Count(text, "no ports: the relay could not open one at the address of ours that it is called from") != want {
			t.Errorf("%s is explained by\n%s", s.file, text)
		}
	}
}
