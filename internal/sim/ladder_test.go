package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// run places the calls of a story on a perfect network.
func (s *story) run(t testing.TB, fault Fault) *World {
	if s.snap == nil {
		var err error
		if s.snap, err = Compile(strings.NewReplacer(s.changes...).Replace(Document)); err != nil {
			t.Fatal(err)
		}
	}
	w := NewSharded(7, s.snap, max(s.shards, 1))
	w.Strict = fault == noFault
	w.Fault = fault
	if s.set != nil {
		s.set(w)
	}
	for _, c := range s.calls {
		w.Call(c)
	}
	w.Run(time.Hour)
	return w
}

var noFault = Fault{Drop: -1, Double: -1, Media: -1, Shut: -1, Name: -1, Send: -1, Panic: -1}

// TestLadders compares each story with its ladder in testdata; -update writes them.
func TestLadders(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		t.Run(s.file, func(t *testing.T) {
			w := s.run(t, noFault)
			for _, f := range w.Failures() {
				t.Error(f)
			}
			n := w.Nodes[0]
			if len(n.Records) != len(s.calls) && s.status != 422 { // after a 422 the caller calls again
				t.Fatalf("%d records", len(n.Records))
			}
			r := n.Records[0]
			if r.Reason != s.reason || r.Status != s.status {
				t.Errorf("record: %s %d (%s), want %s %d", r.Reason, r.Status, r.Detail, s.reason, s.status)
			}
			text := "# " + s.title + "\n\n" + w.Trace.String() + "\n" + sheet(r)
			for _, more := range n.Records[1:len(s.calls)] {
				text += "\n" + sheet(more)
			}
			file := filepath.Join("testdata", s.file+".ladder")
			if *update {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != text {
				t.Errorf("the ladder has changed; it is now\n%s\n%s", text, firstDifference(string(want), text))
			}
		})
	}
}

// sheet is what the record says.
func sheet(r *cdr.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "record: %s, status %d, ended by %s\n", r.Reason, r.Status, r.EndedBy)
	for i := range r.Attempts {
		a := &r.Attempts[i]
		fmt.Fprintf(&b, "attempt %d: %s %s %s after %.3f s: %d %s\n", i+1, a.Trunk, a.Remote, a.Called, a.Took.Seconds(), a.Status, strings.TrimSpace(a.Class+" "+a.Reason))
	}
	for i := range r.Transfers {
		x := &r.Transfers[i]
		fmt.Fprintf(&b, "transfer %d: %s's place to %s by %s after %.3f s: %d %s\n", i+1, x.By, x.To, x.How, x.Took.Seconds(), x.Status, x.Reason)
	}
	for i := range r.Media {
		if m := &r.Media[i]; m.Stream == 0 && m.Trunk != "" {
			fmt.Fprintf(&b, "in the end the %s's place is of: %s %s\n", m.From, m.Trunk, m.Remote)
		}
	}
	for i := range r.Played {
		p := &r.Played[i]
		fmt.Fprintf(&b, "played to the %s: %s %s after %.3f s for %.3f s %s\n", p.To, p.What, p.Codec, p.At.Sub(r.Start).Seconds(), p.Took.Seconds(), p.Why)
	}
	return b.String()
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d was\n%s\nand is\n%s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines were, %d are", len(a), len(b))
}
