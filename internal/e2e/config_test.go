package e2e

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (s *server) status() (st struct {
	Document string
	Calls    int
	Draining bool
}) {
	s.t.Helper()
	if err := s.get("/status", &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// toGW2 is the document with outward calls by the second gateway.
func toGW2(doc string) string {
	return strings.Replace(doc, "trunks: [gw1, gw2]", "trunks: [gw2, gw1]", 1)
}

// TOP-26: by command, by signal or by a changed file a new document applies to new calls, while a running call keeps its own.
func TestNewDocumentAppliesToNewCallsOnly(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *server, doc string){
		"apply": func(s *server, doc string) {
			path := s.lab.file("new.yaml", doc)
			if out := s.cli(0, "apply", path); !strings.Contains(out, "applied") {
				s.t.Errorf("apply says %q", out)
			}
		},
		"SIGHUP": func(s *server, doc string) {
			writeFile(s.t, s.doc, doc)
			s.cmd.Process.Signal(syscall.SIGHUP)
		},
		"file": func(s *server, doc string) { writeFile(s.t, s.doc, doc) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			watch := "-1s"
			if name == "file" {
				watch = "50ms"
			}
			doc := l.document("UDP")
			s := l.serve(doc, "--watch", watch)
			gw1 := l.sipp(peer{scenario: "uas-held", n: 3})
			gw2 := l.sipp(peer{scenario: "uas-call", n: 4})
			old := s.status().Document
			first := l.sipp(peer{scenario: "uac-hold-later", n: 2, port: 5070, talk: 10000})
			s.waitAnswered(1)
			change(s, toGW2(doc))
			s.waitLog("document applied")
			until(t, "the new document", func() bool { return s.status().Document != old })
			l.sipp(peer{scenario: "uac-call", n: 2, port: 5071}).wait()
			if first.over() {
				t.Fatal("the first call did not last until the second was through")
			}
			together(first, gw1, gw2) // the first call is still held and taken back, over its own trunk
			list := s.records(2)
			a, b := list[0], list[1]
			if a.Version != old || b.Version == old || a.Out.Trunk != "gw1" || b.Out.Trunk != "gw2" || a.Reason != "normal-clearing" {
				t.Errorf("first: %s by %s %s, second: %s by %s; the old document is %s", a.Version, a.Out.Trunk, a.Reason, b.Version, b.Out.Trunk, old)
			}
		})
	}
}

// TOP-26: a bad document is refused whole, by command and by signal, and says why; the old one stays and carries calls.
func TestBadDocumentChangesNothing(t *testing.T) {
	l := newLab(t)
	doc := l.document("UDP")
	s := l.serve(doc, "--watch", "-1s")
	old := s.status().Document
	for _, bad := range []string{
		strings.Replace(toGW2(doc), "usages: [all], trunks: [pbx]", "usages: [none], trunks: [nowhere]", 1),
		toGW2(doc) + "\nnonsense: true\n",
		toGW2(doc) + "\n\t- {",
		strings.Replace(toGW2(doc), l.ip(1)+"]", "192.0.2.77]", 1), // cannot listen there
	} {
		path := l.file("bad.yaml", bad)
		if out := s.cli(1, "apply", path); len(out) < 20 {
			t.Errorf("the refusal says only %q", out)
		}
		writeFile(t, s.doc, bad)
		s.cmd.Process.Signal(syscall.SIGHUP)
		s.waitLog("document not applied")
		if got := s.status().Document; got != old {
			t.Errorf("document %s runs, want %s", got, old)
		}
	}
	gw1 := l.sipp(peer{scenario: "uas-call", n: 3})
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5070}).wait()
	gw1.wait()
	if r := s.record(); r.Version != old || r.Out.Trunk != "gw1" {
		t.Errorf("the call ran under %s over %s", r.Version, r.Out.Trunk)
	}
}

func (s *server) healthz() int {
	s.t.Helper()
	resp, err := http.Get("http://" + s.metrics + "/healthz")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// OPS-20: a draining server refuses new calls with 503, probes too, and keeps running calls; it can be taken back.
func TestDrainRefusesNewCallsAndKeepsOld(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw1 := l.sipp(peer{scenario: "uas-call", n: 3, calls: 2})
	first := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 10000})
	s.waitAnswered(1)
	s.cli(0, "drain")
	if code := s.healthz(); code != http.StatusServiceUnavailable {
		t.Errorf("healthz says %d", code)
	}
	l.sipp(peer{scenario: "uac-refused", n: 2, port: 5071, status: "503", expect: "draining"}).wait()
	l.sipp(peer{scenario: "uac-options", n: 2, port: 5072, status: "503"}).wait()
	if first.over() {
		t.Fatal("the first call did not last until the others were refused")
	}
	first.wait()
	s.cli(0, "drain", "--off")
	if code := s.healthz(); code != http.StatusOK {
		t.Errorf("healthz says %d after drain --off", code)
	}
	l.sipp(peer{scenario: "uac-options", n: 2, port: 5073, status: "200", expect: "Allow: .*INVITE"}).wait()
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5074}).wait()
	gw1.wait()
	reasons := map[string]int{}
	for _, r := range s.records(3) {
		reasons[r.Reason]++
	}
	if reasons["normal-clearing"] != 2 || reasons["draining"] != 1 {
		t.Errorf("records: %v", reasons)
	}
}

// OPS-20: SIGTERM waits for running calls and takes no new ones.
func TestSIGTERMWaitsForCalls(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"), "--drain", "30s")
	gw1 := l.sipp(peer{scenario: "uas-call", n: 3})
	first := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 10000})
	s.waitAnswered(1)
	s.cmd.Process.Signal(syscall.SIGTERM)
	until(t, "the server drains", func() bool { return s.status().Draining })
	l.sipp(peer{scenario: "uac-refused", n: 2, port: 5071, status: "503", expect: "draining"}).wait()
	together(first, gw1)
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	s.want = 2
}

// OPS-20: what still runs when the time for draining is over is ended on both sides, with a record.
func TestDrainLimitEndsCalls(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"), "--drain", "500ms")
	c := l.talk("drain", "+14255550100")
	s.waitAnswered(1)
	s.cmd.Process.Signal(syscall.SIGTERM)
	c.a.send(c.a.reply(c.a.expect("BYE "), 200, ""))
	c.b.send(c.b.reply(c.b.expect("BYE "), 200, ""))
	select {
	case <-s.exited:
	case <-time.After(timeout):
		t.Fatal("the server does not end")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	s.want = 1
	if out := s.cli(0, "calls", "--json"); !strings.Contains(out, `"server-shutdown"`) {
		t.Errorf("the record says %s", out)
	}
}

// OPS-08: after kill -9 in the middle of traffic every record that was there is there once, and every call that was up has one.
func TestKilledServerLosesNoRecord(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3, calls: 10000})
	short := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 20, calls: 10000, rate: 50})
	long := l.sipp(peer{scenario: "uac-call", n: 2, port: 5071, talk: 60000, calls: 10, rate: 50})
	var before []struct{ ID string }
	until(t, "60 records and 10 long calls", func() bool {
		old := 0
		for _, r := range s.live() {
			if time.Since(r.Start) > 500*time.Millisecond {
				old++
			}
		}
		return s.get("/history?limit=10000", &before) == nil && len(before) >= 60 && old >= 10
	})
	var up []string
	for _, r := range s.live() {
		if strings.HasSuffix(r.In.Remote, ":5071") && time.Since(r.Start) > 200*time.Millisecond { // what is younger may not be on disk yet
			up = append(up, r.ID)
		}
	}
	acknowledged := int(s.metric("directsip_records_total{", `event="acknowledged"`))
	s.kill()
	for _, p := range []*sipp{callee, short, long} {
		p.kill()
	}
	s.start()
	reasons := map[string]string{}
	var after []struct{ ID, Reason string }
	until(t, "all records", func() bool {
		if s.get("/history?limit=10000", &after) != nil {
			return false
		}
		clear(reasons)
		for _, r := range after {
			reasons[r.ID] = r.Reason
		}
		for _, id := range up {
			if reasons[id] != "server-lost" {
				return false
			}
		}
		return true
	})
	lost := 0
	for _, r := range reasons {
		if r == "server-lost" {
			lost++
		}
	}
	t.Logf("%d records, %d acknowledged before the kill, %d of calls that were lost", len(after), acknowledged, lost)
	if len(reasons) != len(after) {
		t.Errorf("%d records, but %d ids", len(after), len(reasons))
	}
	if len(after)-lost < acknowledged {
		t.Errorf("%d records are left of %d acknowledged ones", len(after)-lost, acknowledged)
	}
	for _, r := range before {
		if reasons[r.ID] == "" {
			t.Errorf("record %s is lost", r.ID)
		}
	}
	if len(up) < 10 {
		t.Errorf("%d calls were up", len(up))
	}
	s.want = len(after)
}
