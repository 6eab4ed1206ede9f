package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// transferDocs are the settings of both trunks by which a REFER is sent on to the other side, is made by us, or is refused.
var transferDocs = []struct{ how, set string }{{"refer", ""}, {"3pcc", ", enable3pccRefer: true"}, {"off", ""}}

// move is how a call of the matrix is transferred once it is up.
type move struct {
	how string // "refer", "3pcc", "off", or "join": attended, to who is in another call
	by  string // "caller" or "callee"
}

// moves are those that a document is for.
func moves(doc string) (list []move) {
	for _, by := range []string{"caller", "callee"} {
		list = append(list, move{doc, by})
		if doc == "refer" {
			list = append(list, move{"join", by})
		}
	}
	return list
}

// transferCell is a combination of the set-up matrix with a transfer.
type transferCell struct {
	cell
	move
	consult *Scenario
}

func (c *transferCell) String() string {
	return fmt.Sprintf("%s, transfer %s by the %s", c.cell.String(), c.how, c.by)
}

// place makes the call of a cell, and for an attended transfer that of the consultation before it.
func (c *transferCell) place(w *World, start time.Duration) {
	s := c.scenarioOf(start)
	callee := &s.Callees["gwa"][0]
	verb := Refer
	if c.how == "join" {
		verb = ReferJoin
		c.consult = w.Call(consultation(c.by, start-3*second))
		s.joins = c.consult
	}
	s.Caller.Then, callee.Then = []Action{{55 * second, Bye}}, []Action{{60 * second, Bye}}
	if c.by == "caller" {
		s.Caller.Then = append([]Action{{3 * second, verb}}, s.Caller.Then...)
	} else {
		callee.Then = append([]Action{{3 * second, verb}}, callee.Then...)
	}
	s.Caller.Refers, callee.Refers = 200, 200 // their Allow has REFER, whatever the trunk makes of it
	s.Caller.ReferTo, callee.ReferTo = "+34255550199", "+34255550199"
	for i := range callee.Fork {
		callee.Fork[i].Manner = callee.Manner
	}
	target := Callee{Progress: callee.Progress, After: second, Final: 200, Manner: callee.Manner}
	target.Rel.Required = false
	target.Then = []Action{{50 * second, Bye}}
	s.Callees["sbc"], s.Callees["sbc2"] = []Callee{target}, []Callee{target}
	s.Name = c.String()
	c.scenario = w.Call(s)
}

// consultation is the call that the referrer has with who is to take its place.
func consultation(by string, start time.Duration) Scenario {
	m := Manner{Rel: Rel{Known: true}, Then: []Action{{90 * second, Bye}}}
	there := Callee{Progress: ringing, After: ms100(5), Final: 200, Manner: m}
	s := plain(Caller{Manner: m}, at(there, "gwa"))
	s.Name, s.Start = "consultation", start
	if by == "caller" {
		s.Number = "+34255550199"
		s.Callees = map[string][]Callee{"sbc": {there}, "sbc2": {there}}
	}
	return s
}

// check says what is wrong with the record of a cell on a perfect network.
func (c *transferCell) check(records map[string]*cdr.Record) string {
	r := records[c.scenario.key]
	if r.Status != c.want() {
		return fmt.Sprintf("status %d (%s, %s), want %d", r.Status, r.Reason, r.Detail, c.want())
	}
	if r.Status != 200 {
		return ""
	}
	how, reason := map[string]string{"refer": "refer", "3pcc": "invite", "join": "join"}[c.how], "normal-clearing"
	if c.how == "refer" || c.how == "join" {
		reason = "transferred"
	}
	switch n := len(r.Transfers); {
	case r.Reason != reason:
		return fmt.Sprintf("%s, %s, want %s", r.Reason, r.Detail, reason)
	case c.how == "off" && n > 0 || c.how != "off" && n != 1:
		return fmt.Sprintf("%d transfers", n)
	case c.how != "off" && (r.Transfers[0].How != how || r.Transfers[0].Status != 200):
		return fmt.Sprintf("transfer %+v", r.Transfers[0])
	case c.how == "3pcc" && c.scenario.heard == 0, c.how == "off" && c.scenario.heard == 0:
		return "the two who are left do not hear each other"
	case c.how == "join" && records[c.consult.key].Reason != "normal-clearing":
		return "the joined call: " + records[c.consult.key].Reason
	}
	return ""
}

// TestTransferMatrix transfers a call of each combination of the set-up matrix over a network that loses, doubles and reorders: the REFER of
// either side is sent on to the other one, made by us or refused, and in a part of the combinations it joins two calls. On the perfect network,
// where the outcome is checked too, each combination of the set-up runs with one of the transfers in turn.
func TestTransferMatrix(t *testing.T) {
	t.Parallel()
	calls := 0
	for _, ours := range []string{"supported", "off", "required"} {
		for _, own := range []string{"as-received", "always"} {
			for k, doc := range transferDocs {
				set := ", reliableProvisional: " + ours + doc.set
				text := strings.NewReplacer(callers, callers+set, targets, targets+set+", outboundOffer: "+own+", enableSessionTimer: true, sessionExpires: 90s").Replace(Document)
				if doc.how == "off" {
					text = strings.ReplaceAll(text, "acceptRefer: true", "acceptRefer: false")
				}
				snap, err := Compile(text)
				if err != nil {
					t.Fatal(err)
				}
				var all, some []*transferCell
				for i, c := range cells(ours) {
					if c.ownOffer != (own == "always") {
						continue
					}
					list := moves(doc.how)
					for j, m := range list {
						if m.how != "join" || (i+i/3+j)%4 == 0 {
							all = append(all, &transferCell{cell: *c, move: m})
						}
					}
					if (i+i/4+i/12)%len(transferDocs) == k {
						some = append(some, &transferCell{cell: *c, move: list[(i/3+i/7)%len(list)]})
					}
				}
				calls += len(some) + len(all)
				transferCells(t, New(1, snap), some)
				for at := 0; at < len(all); at += perWorld {
					w := NewSharded(uint64(at+1), snap, 1+at/perWorld%3)
					w.Net.Default = worst
					transferCells(t, w, all[at:min(at+perWorld, len(all))])
				}
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d calls", calls)
}

func transferCells(t *testing.T, w *World, list []*transferCell) {
	t.Helper()
	w.Strict = w.Net.Default.Loss == 0
	for i, c := range list {
		c.place(w, 3*second+time.Duration(i)*200*time.Millisecond)
	}
	w.Run(40 * time.Minute)
	for _, f := range w.Failures() {
		t.Errorf("strict %v, seed %d: %s", w.Strict, w.Seed, f)
	}
	records := make(map[string]*cdr.Record)
	for _, r := range w.Nodes[0].Records {
		records[r.Calling.Received] = r
	}
	bad := 0
	for _, c := range list {
		what := ""
		if records[c.scenario.key] == nil {
			what = "no record"
		} else if w.Strict {
			what = c.check(records)
		}
		if what != "" && bad < 3 {
			bad++
			t.Errorf("%s: %s\n%s", c, what, w.Trace.Of(c.scenario.key))
		}
	}
}
