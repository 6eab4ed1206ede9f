package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

const midcallDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: ["10.99.0.1"]}
gateways:
  a: {kind: pbx, host: 10.99.0.11, root: {transport: UDP}}
  b: {kind: pbx, host: 10.99.0.12, root: {transport: UDP}}
  c: {kind: pbx, host: 10.99.0.13, root: {transport: UDP}}
usages: [to b, to c]
routes:
  - {name: b, pattern: '^\+14255550102$', usages: [to b], trunks: [b]}
  - {name: c, pattern: '^\+14255550103$', usages: [to c], trunks: [c]}
trunkSettings:
  global: {options: false}
  trunk:a: {usages: [to b, to c], options: false, acceptRefer: true}
  trunk:b: {usages: [to c], options: false%s}
`

// SIG-12, NEW-03, SIG-09, TRK-06: baresip holds its call, takes it back and transfers it blindly, and who stays hears another baresip. The REFER ends
// here, or goes on to who stays. (Debian's baresip knows neither PRACK nor session timers nor Replaces.)
func TestNEW_03Baresip(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"invite", "refer"} {
		t.Run(how, func(t *testing.T) {
			n := newNetwork(t)
			setting, records := ", enable3pccRefer: true", 1
			if how == "refer" {
				setting, records = "", 2 // who stays makes a call of its own
			}
			s := n.serveAt(1, "med1.test", fmt.Sprintf(midcallDocument, setting))
			s.want = records
			long := speech(n.lab, "long", strings.Repeat(sea+" ", 5)) // who has said all hangs up, and must not before the transfer
			short := speech(n.lab, "short", "Seven silver ships sail slowly south.")
			stays := n.phone(phoneConfig{host: 12, number: "+14255550102", wav: long})
			target := n.phone(phoneConfig{host: 13, number: "+14255550103", wav: short})
			by := n.phone(phoneConfig{host: 11, number: "+14255550101", wav: long, dial: "sip:+14255550102@10.99.0.1"})
			by.wait("Call established")
			stays.wait("Call established")
			by.command("hold", "")
			s.waitAnswers(2)
			by.command("resume", "")
			s.waitAnswers(3)
			by.command("transfer", "sip:+14255550103@10.99.0.1")
			for _, p := range []*phone{target, stays} { // when the short text is over
				p.wait("session closed", "terminated (duration")
			}
			if r := best([][]int16{readWAV(t, long)}, target.heard()); r < 0.9 {
				t.Errorf("the target hears who stays: the envelopes correlate only by %.3f", r)
			}
			if how == "refer" { // baresip records nothing of a call that was on hold
				if r := best(stays.recordings(), readWAV(t, short)); r < 0.9 {
					t.Errorf("who stays hears the target: the envelopes correlate only by %.3f", r)
				}
			}
			for _, r := range s.records(records) {
				if strings.HasSuffix(r.Called.Normalized, "03") { // the call that the REFER has asked for
					checkRecord(t, r, "normal-clearing", 200, "callee")
					continue
				}
				if len(r.Transfers) != 1 || r.Transfers[0].How != how || r.Transfers[0].Status != 200 || r.Transfers[0].By != "caller" {
					t.Errorf("transfers %+v", r.Transfers)
				}
				offers := map[bool]int{} // by direction
				for _, m := range r.Ladder {
					if strings.HasPrefix(m.Line, "INVITE") && (m.Leg == "b1") == m.Out {
						offers[m.Out]++
					}
				}
				if offers[false] < 3 || offers[true] < 3 { // call, hold, and back
					t.Errorf("the ladder %+v", r.Ladder)
				}
			}
		})
	}
}

// waitAnswers waits until so many INVITEs of the caller of the only call are answered, all of them.
func (s *server) waitAnswers(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d answers", n), func() bool {
		answers, r := 0, new(cdr.Record)
		for _, live := range s.live() {
			if s.get("/call/"+live.ID, r) != nil {
				return false
			}
		}
		for _, m := range r.Ladder {
			if m.Leg == "a" && m.Out && strings.HasPrefix(m.Line, "200 OK (INVITE)") {
				answers++
			}
		}
		return answers == n
	})
}

// recordings is all that the phone has heard, one for each time that its audio was begun.
func (p *phone) recordings() (list [][]int16) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "heard", "*-dec.wav"))
	if err != nil || len(files) == 0 {
		p.t.Fatalf("%s has no recordings: %v", p.name, err)
	}
	for _, f := range files {
		list = append(list, readWAV(p.t, f))
	}
	return list
}

// best is how well a sound, but for its edges, fits to any stretch of others.
func best(others [][]int16, sound []int16) (r float64) {
	s := envelope(sound)
	s = s[len(s)/10 : len(s)*9/10]
	for _, pcm := range others {
		for h := envelope(pcm); len(h) >= len(s); h = h[1:] {
			r = max(r, correlation(h[:len(s)], s))
		}
	}
	return r
}
