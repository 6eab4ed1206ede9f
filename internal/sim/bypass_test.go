package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// bypassing is the document with bypass on every trunk and mode sites: uca, gwa and gwc are in one region, gwb at a constrained site of it.
func bypassing(changes ...string) []string {
	const on = liveness + ", enableBypass: true"
	return append(changes, "\nusages: [all, sos]\n", `
network:
  bypass: {mode: sites}
  profiles:
    branch: {audio: {total: 100000}}
  regions: {emea: {}}
  sites:
    hq: {subnets: [192.0.2.0/24, 198.51.100.0/24]}
    branch: {bandwidthPolicy: branch, subnets: [198.51.100.12]}
usages: [all, sos]
`, callers, callers+on, targets, targets+on, gwb, gwb+on, played, "", gwc, gwc+on)
}

// mediaAt notes at a time how many ports the node has open, and where the caller's media goes.
func mediaAt(w *World, at time.Duration, ports *int, toCaller *bool) {
	w.after(at, func() {
		*ports = w.Nodes[0].ports.InUse()
		for _, b := range w.order[0].ends {
			if b.state == up {
				*toCaller = b.speaker.remote.media[0].addr == w.Host("uca").Addr
			}
		}
	})
}

// BYP-01, BYP-02: each target of the hunt is bypassed or not by its own place. Ports are open while one may need them, and go back when one that is
// bypassed answers.
func TestBYP01EachTargetForItself(t *testing.T) {
	refuses := []Callee{{After: ms100(2), Final: 503}}
	takes := []Callee{{Progress: media183, After: second, Final: 200}}
	late, rings := []Callee{{No100: true, After: 4500 * time.Millisecond, Final: 200}}, []Callee{{Progress: ringing, After: 9 * second, Final: 200}}
	for _, x := range []struct {
		name, number string
		callees      map[string][]Callee
		bypassed     bool
		why          []string
		at           time.Duration // it is up
	}{
		{"first one that is bypassed, then one that is not", "+14255550100", map[string][]Callee{"gwa": refuses, "gwb": takes}, false, []string{
			`media         "gwa"                   bypassed: caller and target have the same bypass id: the caller at 198.51.100.1 is in network region "emea", the target at 198.51.100.11 is in network region "emea"`,
			`media         "gwb"                   not bypassed: the caller at 198.51.100.1 is in network region "emea", the target at 198.51.100.12 is at network site "branch"`}, 0},
		{"first one that is not, then one that is bypassed", "+64255550100", map[string][]Callee{"gwb": refuses, "gwa": takes}, true, nil, 0},
		{"one that is bypassed, and answers while one is tried that is not", "+14255550100", map[string][]Callee{"gwa": late, "gwb": rings}, true, nil, 6 * second},
		{"one that is not, and answers while one is tried that is bypassed", "+64255550100", map[string][]Callee{"gwb": late, "gwa": rings}, false, nil, 6 * second},
		{"one that is bypassed", "+24255550100", map[string][]Callee{"gwc": takes}, true, nil, 0},
	} {
		for _, secret := range []bool{false, true} {
			changes := bypassing()
			if secret { // keys of the peers where it is bypassed, our own where it is not
				for _, trunk := range []string{callers, targets, gwb, gwc} {
					changes[slices.Index(changes, trunk)+1] += ", srtpMode: required"
				}
			}
			w := world(t, changes...)
			w.Bypass = true
			sc := plain(Caller{Manner: then(Action{4 * second, Hold}, Action{5 * second, Resume}, Action{7 * second, Bye})}, x.callees)
			sc.Number = x.number
			w.Call(sc)
			ports, direct := -1, false
			mediaAt(w, max(x.at, 3*second), &ports, &direct)
			w.Run(20 * time.Minute)
			w.failures = drop(w.failures, "sends to port", "is not open")
			t.Run(x.name, func(t *testing.T) { done(t, w) })
			r := w.Nodes[0].Records[0]
			if r.Status != 200 || r.Bypassed != x.bypassed || direct != x.bypassed || (ports == 0) != x.bypassed || (len(r.Media) == 0) != x.bypassed {
				t.Errorf("%s: status %d, bypassed %v, peers meet %v, %d ports, %d media", x.name, r.Status, r.Bypassed, direct, ports, len(r.Media))
			}
			for _, line := range x.why {
				if !slices.Contains(r.Decision, line) {
					t.Errorf("%s: the decision has no line\n%s\nbut\n%s", x.name, line, strings.Join(r.Decision, "\n"))
				}
			}
		}
	}
}

// BYP-01, TRK-05: a target named by a redirection is called only if the call, whose media has no ports here, can be bypassed with it.
func TestBYP01RedirectedElsewhere(t *testing.T) {
	w := world(t, bypassing("trunks: [gwc, gwa], selection: ordered", "trunks: [gwc], selection: ordered")...)
	w.Bypass = true
	sc := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwc": {elsewhere("<sip:NUMBER@198.51.100.12>")}})
	sc.Number = "+24255550100"
	w.Call(sc)
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; len(r.Attempts) != 1 || r.Status == 200 {
		t.Errorf("%d attempts, status %d", len(r.Attempts), r.Status)
	}
}

// TestBYP02Mix is TestTenThousandCalls where some calls are bypassed and some are not, with targets of both kinds in one hunt, and the link to the
// constrained site is scarce.
func TestBYP02Mix(t *testing.T) {
	t.Parallel()
	document := strings.Replace(strings.NewReplacer(bypassing()...).Replace(Document), "total: 100000", "total: 800", 1)
	snap, err := Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	calls := *callsFlag / 10
	if testing.Short() {
		calls = 300
	}
	bypassed, anchored, refused := 0, 0, 0
	for seed, placed := *seedFlag, 0; placed < calls; seed, placed = seed+1, placed+callsPerSeed {
		w := NewSharded(seed, snap, 1+int(seed%4))
		w.Document, w.Bypass = document, true
		w.Net.Default = worst
		mixed(w)
		report(t, w, testing.Verbose())
		for _, n := range w.Nodes {
			used, live, r := use(n)
			refused += int(r)
			if used != 0 || live != 0 {
				t.Errorf("seed %d: %s keeps %d kbit/s of %d calls", seed, n.name(), used, live)
			}
			for _, r := range n.Records {
				switch {
				case r.Answered.IsZero():
				case r.Bypassed:
					bypassed++
				default:
					anchored++
				}
			}
		}
	}
	if bypassed < calls/20 || anchored < calls/20 || refused < calls/500 && *seedFlag == 1 { // of other seeds the link may have room for all
		t.Errorf("of %d calls %d were bypassed and %d not, and the link refused %d", calls, bypassed, anchored, refused)
	}
}
