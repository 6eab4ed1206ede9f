package sim

import (
	"testing"
	"time"
)

func TestFirst(t *testing.T) {
	snap, err := Compile(Document)
	if err != nil {
		t.Fatal(err)
	}
	w := New(1, snap)
	w.Call(Scenario{Name: "plain", From: "uca", Number: "+14255550100", Caller: Caller{Manner: Manner{Then: []Action{{5 * time.Second, Hold}, {8 * time.Second, Resume}, {10 * time.Second, Bye}}}},
		Callees: map[string][]Callee{"gwa": {{Progress: []Progress{{200 * time.Millisecond, 180, false}}, After: 2 * time.Second, Final: 200}}}})
	w.Run(10 * time.Minute)
	t.Log("\n" + w.Trace.String())
	for _, f := range w.Failures() {
		t.Error(f)
	}
	for _, r := range w.Nodes[0].Records {
		t.Logf("%+v", r)
	}
}
