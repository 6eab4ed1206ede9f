package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// cell is one combination of what the caller, the target and our two trunks know of the set-up of calls.
type cell struct {
	offerless   bool
	ownOffer    bool // outboundOffer: always
	callerRel   string
	targetRel   string
	early       string
	callerTimer string
	targetTimer string
	ours        string // reliableProvisional of both trunks
	scenario    *Scenario
}

func (c *cell) String() string {
	return fmt.Sprintf("offerless %v, own offer %v, 100rel %s/%s/%s, early media %s, timer %s/%s", c.offerless, c.ownOffer, c.callerRel, c.ours, c.targetRel,
		c.early, c.callerTimer, c.targetTimer)
}

// levels of an extension at a party.
var levels = []string{"none", "supported", "required"}

func relOf(level string) Rel { return Rel{Known: level != "none", Required: level == "required"} }

func timerOf(who string) Timer {
	if who == "none" {
		return Timer{}
	}
	return Timer{Known: true, Interval: 90 * time.Second, Refresher: who}
}

// place makes the call of a cell.
func (c *cell) place(w *World, start time.Duration) { c.scenario = w.Call(c.scenarioOf(start)) }

// scenarioOf is the call of a cell.
func (c *cell) scenarioOf(start time.Duration) Scenario {
	caller := Caller{Offerless: c.offerless, Manner: Manner{Rel: relOf(c.callerRel), Timer: timerOf(c.callerTimer), Then: []Action{{60 * second, Bye}}}}
	callee := Callee{After: 2 * second, Final: 200, Manner: Manner{Rel: relOf(c.targetRel), Timer: timerOf(c.targetTimer)}}
	switch c.early {
	case "180":
		callee.Progress = ringing
	case "183":
		callee.Progress = media183
	case "forked":
		callee.Progress = media183
		other := Callee{Progress: []Progress{{ms100(3), 180, false}, {ms100(6), 183, true}}, Manner: callee.Manner}
		callee.Fork = []Callee{other}
	}
	s := plain(caller, at(callee, "gwa"))
	s.Name, s.Start = c.String(), start
	s.Callees["*"] = []Callee{{Final: 503}}
	return s
}

// want is the status that the caller must see.
func (c *cell) want() int {
	switch {
	case c.callerRel == "required" && c.ours == "off":
		return 420
	case c.callerRel == "none" && c.ours == "required":
		return 421
	case c.targetRel == "required" && c.ours == "off" || c.targetRel == "none" && c.ours == "required":
		return 503 // after the next trunks
	}
	return 200
}

// cells are all combinations for one setting of ours.
func cells(ours string) (list []*cell) {
	timers := []string{"none", "uac", "uas"}
	for _, offer := range []struct{ less, own bool }{{false, false}, {true, false}, {true, true}} {
		for _, a := range levels {
			for _, b := range levels {
				for _, early := range []string{"none", "180", "183", "forked"} {
					for _, x := range timers {
						for _, y := range timers {
							list = append(list, &cell{offerless: offer.less, ownOffer: offer.own, callerRel: a, targetRel: b, early: early,
								callerTimer: x, targetTimer: y, ours: ours})
						}
					}
				}
			}
		}
	}
	return list
}

// perWorld is how many calls of the matrix run at once.
const perWorld = 108

// TestSetupMatrix places a call for every combination of reliable provisional responses, delayed offers, early media and session
// timers on both legs, over a perfect network and over one that loses, doubles and reorders. The watch knows RFC 3262, RFC 3264, RFC
// 3311, RFC 4028 and RFC 6337, and nothing of our code.
func TestSetupMatrix(t *testing.T) {
	t.Parallel()
	for _, ours := range []string{"supported", "off", "required"} {
		for _, own := range []string{"as-received", "always"} {
			set := ", reliableProvisional: " + ours
			doc := strings.NewReplacer(callers, callers+set, targets, targets+set+", outboundOffer: "+own+", enableSessionTimer: true, sessionExpires: 90s").Replace(Document)
			snap, err := Compile(doc)
			if err != nil {
				t.Fatal(err)
			}
			var list []*cell
			for _, c := range cells(ours) {
				if c.ownOffer == (own == "always") {
					list = append(list, c)
				}
			}
			for k := 0; k < len(list); k += perWorld {
				part := list[k:min(k+perWorld, len(list))]
				for _, lossy := range []bool{false, true} {
					w := New(uint64(k+1), snap)
					w.Strict = !lossy
					if lossy {
						w.Net.Default = worst
					}
					runCells(t, w, part)
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}

func runCells(t *testing.T, w *World, list []*cell) {
	t.Helper()
	for i, c := range list {
		c.place(w, time.Duration(i)*200*time.Millisecond)
	}
	w.Run(20 * time.Minute)
	for _, f := range w.Failures() {
		t.Errorf("strict %v: %s", w.Strict, f)
	}
	records := make(map[string]*cdr.Record)
	for _, r := range w.Nodes[0].Records {
		records[r.Calling.Received] = r
	}
	for _, c := range list {
		r := records[c.scenario.key]
		switch {
		case r == nil:
			t.Errorf("%s: no record", c)
		case !w.Strict:
			continue
		case r.Status != c.want():
			t.Errorf("%s: status %d (%s, %s), want %d", c, r.Status, r.Reason, r.Detail, c.want())
		case r.Status == 200 && (r.Reason != "normal-clearing" || c.scenario.heard == 0):
			t.Errorf("%s: %s, the two heard each other %d times", c, r.Reason, c.scenario.heard)
		default:
			continue
		}
		t.Logf("%s\n%s", c, w.Trace.Of(c.scenario.key))
	}
}
