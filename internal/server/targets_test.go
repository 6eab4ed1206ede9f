package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
)

// verdicts are the targets of a rating that are not simply met.
func verdicts(r Rating) (list []string) {
	for _, t := range r.Targets {
		switch {
		case t.Name == "disk-free" || t.Name == "tracked": // are the machine's
		case t.Unknown != "":
			list = append(list, t.Name+"?")
		case !t.Met:
			list = append(list, fmt.Sprintf("%s %v", t.Name, t.Value))
			if t.Look == "" {
				list = append(list, "and nothing says where to look")
			}
		case t.Look != "":
			list = append(list, t.Name+" is met, and says where to look")
		}
	}
	return list
}

// TestOPS12Targets: each thing that goes wrong at a server misses its target and no other, and what is over is forgotten.
func TestOPS12Targets(t *testing.T) {
	r := start(t, strings.NewReplacer("port: 5070}", "port: 5070, enabled: true}", "usages: [all]}\n", "usages: [all], maxCalls: 10}\n").Replace(basic))
	is := func(what string, got Rating, want ...string) {
		t.Helper()
		if have := verdicts(got); !slices.Equal(have, want) || got.Met != (len(got.Missed()) == 0) {
			t.Errorf("%s: %q, want %q", what, have, want)
		}
	}
	now := r.tally()
	is("at the start", r.rate(now, r.trunkViews()), "calls-failed?", "trunk-fails?", "audio-poor?", "audio-unheard?")
	good, bad := &cdr.Record{Reason: diag.NormalClearing.ID}, &cdr.Record{Reason: diag.AllTrunksFailed.ID}
	poor := &cdr.Record{Reason: diag.Busy.ID, Media: []cdr.Media{{Quality: &cdr.Quality{Arrived: cdr.Heard{Poor: "loss"}}}}}
	for range 57 {
		r.targets.note(good)
	}
	for range 3 {
		r.targets.note(bad)
	}
	is("3 of 60 fail", r.rate(r.tally(), r.trunkViews()), "trunk-fails?", "audio-poor?", "audio-unheard?")
	r.targets.note(bad)
	is("4 of 61 fail", r.rate(r.tally(), r.trunkViews()), "calls-failed 6.6", "trunk-fails?", "audio-poor?", "audio-unheard?")
	for range 50 {
		r.targets.note(poor)
	}
	is("poor", r.rate(r.tally(), r.trunkViews()), "trunk-fails?", "audio-poor 100", "audio-unheard?")
	now = r.tally()
	r.targets.keep(now)
	later := now
	later.at = now.at.Add(failedWithin - time.Second)
	is("a quarter of an hour later it is not yet over", r.rate(later, r.trunkViews()), "trunk-fails?", "audio-poor 100", "audio-unheard?")
	later.at = now.at.Add(failedWithin)
	later.ended += 60
	later.failed += 60
	is("all fail of the quarter of an hour after that", r.rate(later, r.trunkViews()), "calls-failed 100", "trunk-fails?", "audio-poor 100", "audio-unheard?")
	later = now
	later.at = now.at.Add(poorWithin)
	later.overload, later.faults, later.lost, later.unwritten = now.overload+7, now.faults+1, now.lost+2, now.unwritten+3
	is("an hour later", r.rate(later, r.trunkViews()), "calls-failed?", "trunk-fails?", "audio-poor?", "audio-unheard?", "overload 7", "faults 1", "records-lost 2", "disk-errors 3")
	r.applyGood(strings.Replace(basic, "mediaPorts", "qualityConsumer: 'http://127.0.0.1:9/', mediaPorts", 1))
	later.refused = now.refused + 4
	r.consumed.oldest.Store(later.at.Add(-2 * time.Hour).UnixNano())
	is("a consumer is away, and no trunk has a limit", r.rate(later, r.trunkViews()), "trunk-full?", "calls-failed?", "trunk-fails?", "audio-poor?", "audio-unheard?", "overload 7", "faults 1", "records-lost 2", "disk-errors 3", "quality-wait 7200", "quality-lost 4")
	r.applyGood(basic)
	r.Drain(true)
	is("draining", r.rate(later, r.trunkViews()), "draining 1", "trunk-full?", "calls-failed?", "trunk-fails?", "audio-poor?", "audio-unheard?", "overload 7", "faults 1", "records-lost 2", "disk-errors 3")
	resp, err := overSocket(SocketPath(r.cfg.DataDir)).Get("http://directsip/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var got Rating
	if err := json.Unmarshal(body, &got); err != nil || got.Met || got.Missed()[0] != "draining" || got.Server != "med1.test" {
		t.Errorf("%s, %v", body, err)
	}
}

// TestCallsThatCountForTargets: what is refused as the document says, or by a server that drains, or is to come again with a longer session timer, is no failure; and of calls in a codec that has no MOS those count that are not poor, too.
func TestCallsThatCountForTargets(t *testing.T) {
	var x targets
	for _, why := range []*diag.Reason{diag.Draining, diag.InboundRefused, diag.TrunkDisabled, diag.SessionIntervalTooSmall, diag.ServerShutdown} {
		x.note(&cdr.Record{Reason: why.ID})
	}
	if n := x.failed.Load(); n != 1 {
		t.Errorf("%d of them have failed", n)
	}
	for _, poor := range []string{"", "", "", "loss"} {
		x.note(&cdr.Record{Reason: diag.NormalClearing.ID, Media: []cdr.Media{{Packets: cdr.LeastRated, Quality: &cdr.Quality{Codec: "AMR", Arrived: cdr.Heard{Poor: poor}}}}})
	}
	if rated, poor := x.rated.Load(), x.poor.Load(); rated != 4 || poor != 1 {
		t.Errorf("%d of %d are poor", poor, rated)
	}
}

// TestOPS12TrunksDown names the trunks that are down, and none that is out of service.
func TestOPS12TrunksDown(t *testing.T) {
	t.Parallel()
	r := start(t, strings.NewReplacer("trunk:pbx: {options: false,", "trunk:gw: {optionsInterval: 1s, optionsIntervalDown: 1s, optionsTimeout: 500ms, optionsMisses: 1}\n  trunk:pbx: {options: false,",
		"port: 5060}}", "port: 5060, enabled: false}}").Replace(basic))
	until(t, "the gateway is down", func() bool { return len(r.Rate().Missed()) > 0 })
	rating := r.Rate()
	i := slices.IndexFunc(rating.Targets, func(t Target) bool { return !t.Met })
	if got := rating.Targets[i]; got.Name != "trunks-down" || got.Value != 1 || got.Detail != "gw" || !strings.HasSuffix(got.Look, "directsip doctor gw") {
		t.Errorf("%+v", got)
	}
}

// TestOPS12TrunkThatIsNotHeard: calls in which nothing is heard of a side end as they should, and nothing of that side is measured that could be poor.
func TestOPS12TrunkThatIsNotHeard(t *testing.T) {
	var x targets
	now := time.Date(2026, 1, 31, 12, 3, 0, 0, time.UTC)
	q, reg := newQualityMetrics(), prometheus.NewRegistry()
	reg.MustRegister(q.collectors()...)
	r := cdr.Record{Reason: diag.NormalClearing.ID, Start: now, Answered: now, End: now.Add(time.Minute), In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "itsp"},
		Media: []cdr.Media{{From: "caller", Packets: 3000}, {From: "callee", Evidence: &cdr.Evidence{}}}}
	end := func(talk time.Duration, cause string) {
		r := r
		r.End = r.Start.Add(talk)
		if r.Audio = []cdr.Audio{{From: "callee", Cause: cause}}; cause == "" {
			r.Audio = nil
		}
		if !strings.HasPrefix(cause, "nothing") {
			r.Media = []cdr.Media{r.Media[0], {From: "callee", Packets: 3000}}
		}
		x.try(&r, now)
		q.ended(&r, slog.New(slog.DiscardHandler))
	}
	is := func(want string) {
		t.Helper()
		worst, percent, beyond := x.silent(now)
		if got := fmt.Sprintf("%s %.0f %v", worst, percent, beyond); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for range fewTried - 1 {
		end(time.Minute, "nothing+private")
	}
	end(time.Second, "nothing") // too short
	is(" 0 []")
	end(time.Minute, "nothing")
	is("itsp 100 [itsp]")
	for range 60 {
		end(time.Minute, "")
	}
	for range 20 {
		end(time.Minute, "late+loss") // was heard
	}
	is("itsp 20 []")
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{"listened_total itsp": 100, "unheard_total itsp": 20, "listened_total pbx": 100, "unheard_total pbx": 0} {
		if n, ok := got["directsip_audio_"+name]; !ok || n != want {
			t.Errorf("%s %v, want %v", name, n, want)
		}
	}
}

// TestOPS12TrunkThatIsNotReached: a trunk whose peer has closed its port is heard by nobody and hears nobody, and that is no fault of the trunks that call it.
func TestOPS12TrunkThatIsNotReached(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 3, 0, 0, time.UTC)
	for _, c := range []struct {
		caller, callee string // causes
		want           string
	}{
		{"unreachable", "port-closed", "gw 100 [gw]"},
		{"port-closed", "unreachable", "pbx 100 [pbx]"},
		{"no-keys-there", "dtls-unfinished", "gw 100 [gw]"},
		{"send-error", "nothing", "gw 100 [gw]"},
		{"to-private", "nothing+private", "gw 100 [gw]"},
		{"deaf", "", "gw 100 [gw]"},
		{"lost-beyond", "", "gw 0 []"}, // heard in part
		{"nothing", "nothing", "gw 100 [gw pbx]"},
	} {
		var x targets
		r := cdr.Record{Start: now, Answered: now, End: now.Add(time.Minute), In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "gw"},
			Media: []cdr.Media{{From: "caller", Packets: 3000}, {From: "callee", Packets: 3000}}}
		for side, cause := range map[string]string{"caller": c.caller, "callee": c.callee} {
			if cause != "" {
				r.Audio = append(r.Audio, cdr.Audio{From: side, Cause: cause})
			}
		}
		for range fewTried {
			x.try(&r, now)
		}
		worst, percent, beyond := x.silent(now)
		if got := fmt.Sprintf("%s %.0f %v", worst, percent, beyond); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.caller, c.callee, got, c.want)
		}
	}
}

// TestOPS12TrunkThatFails: a trunk that answers OPTIONS and no call is up, and its calls are saved by the next trunk; it is told all the same, and forgotten an hour after.
func TestOPS12TrunkThatFails(t *testing.T) {
	var x targets
	now := time.Date(2026, 1, 31, 12, 3, 0, 0, time.UTC)
	saved := &cdr.Record{Reason: diag.NormalClearing.ID, Attempts: []cdr.Attempt{{Trunk: "itsp", Class: "peer-fault"}, {Trunk: "gw", Class: "answered"}}}
	full := &cdr.Record{Reason: diag.NormalClearing.ID, Attempts: []cdr.Attempt{{Trunk: "isdn", Class: "congestion"}, {Trunk: "itsp", Class: "answered"}}}
	is := func(at time.Time, want string) {
		t.Helper()
		worst, percent, beyond := x.refusing(at)
		if got := fmt.Sprintf("%s %.0f %v", worst, percent, beyond); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
	for range fewTried - 1 {
		x.try(saved, now)
	}
	is(now, " 0 []")
	x.try(saved, now.Add(9*time.Minute))
	is(now.Add(9*time.Minute), "itsp 100 [itsp]")
	for range 80 {
		x.try(full, now.Add(10*time.Minute))
	}
	is(now.Add(10*time.Minute), "itsp 20 []") // 20 of 100
	if tried, failed := x.tried("itsp", now.Add(10*time.Minute)); tried != 100 || failed != 20 {
		t.Errorf("%d tried, %d failed", tried, failed)
	}
	if tried, failed := x.tried("isdn", now.Add(10*time.Minute)); tried != 80 || failed != 0 {
		t.Errorf("a trunk without a free channel: %d tried, %d failed", tried, failed)
	}
	x.try(saved, now.Add(100*time.Hour))
	for range fewTried {
		x.try(saved, now.Add(11*time.Minute)) // the clock is set back
	}
	if tried, _ := x.tried("itsp", now.Add(90*time.Minute)); tried != 0 {
		t.Errorf("%d calls of a clock that was set back are kept", tried)
	}
	x = targets{}
	for range fewTried - 1 {
		x.try(saved, now)
	}
	x.try(saved, now.Add(9*time.Minute))
	for range 80 {
		x.try(full, now.Add(10*time.Minute))
	}
	is(now.Add(61*time.Minute), "itsp 1 []") // one of 81
	is(now.Add(75*time.Minute), " 0 []")
	if len(x.trunks) != 0 {
		t.Errorf("%d trunks are kept that nothing is known of", len(x.trunks))
	}
}

// TestOPS12Disk: what cannot be asked is not called missed.
func TestOPS12Disk(t *testing.T) {
	for dir, known := range map[string]bool{t.TempDir(): true, "/nowhere/at/all": false} {
		s := &Server{cfg: Config{DataDir: dir}}
		s.rateDisk(func(x Target) {
			if x.Name != "disk-free" || (x.Unknown == "") != known || known != (x.Value > 0) || x.Limit != leastDisk {
				t.Errorf("%s: %+v", dir, x)
			}
		})
	}
}

// TestTalliesAreForgotten: those of more than an hour are not kept.
func TestTalliesAreForgotten(t *testing.T) {
	var x targets
	at := time.Now()
	for i := range 500 {
		x.keep(tally{at: at.Add(time.Duration(i) * time.Minute), ended: uint64(i)})
	}
	now := tally{at: at.Add(499 * time.Minute)}
	if n := len(x.past); n > 62 || x.before(now, poorWithin).ended != 439 || x.before(now, failedWithin).ended != 484 {
		t.Errorf("%d are kept, those asked for have %d and %d", n, x.before(now, poorWithin).ended, x.before(now, failedWithin).ended)
	}
}

// TestTargetsAreThoseOfTheAlerts: what wakes somebody and what `directsip health` says are one thing, and operation.md has every target with its bound.
func TestTargetsAreThoseOfTheAlerts(t *testing.T) {
	file, err := os.ReadFile("../../deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := string(file)
	for _, want := range []string{
		fmt.Sprintf("directsip_trunk_calls_limit > %v", mostFull/100.0),
		fmt.Sprintf("[15m])) >= %d) > %v", fewCalls, mostFailed/100.0),
		fmt.Sprintf(`directsip_audio_loss_ratio_count{direction="from"}[1h])) > %v`, mostPoor/100.0),
		`class=~"peer-fault|incompatible"}[1h]))`,
		fmt.Sprintf("directsip_attempts_total[1h])) >= %d) > %v", fewTried, mostRefused/100.0),
		fmt.Sprintf("directsip_audio_listened_total[1h])) >= %d) > %v", fewTried, mostRefused/100.0),
		fmt.Sprintf("directsip_media_ports_free < %d", leastPorts),
		fmt.Sprintf("directsip_host_tracked / directsip_host_tracked_limit > %v", mostTracked/100.0),
		fmt.Sprintf("directsip_records_waiting > %d", mostWaiting),
		fmt.Sprintf("/ 86400 < %d", leastDays),
		fmt.Sprintf("directsip_quality_records_lag_seconds > %d", mostLag),
		`directsip_quality_records_total{event="dropped"}[1h]) > 0`,
	} {
		if !strings.Contains(alerts, want) {
			t.Errorf("the alerts lack %q", want)
		}
	}
	page, err := os.ReadFile("../../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, bound := range map[string]string{"draining": "0", "trunks-down": "0", "not-registered": "0", "trunk-full": fmt.Sprint(mostFull, " %"), "calls": fmt.Sprint(mostFull, " %"),
		"calls-failed": fmt.Sprint(mostFailed, " %"), "audio-poor": fmt.Sprint(mostPoor, " %"), "overload": "0", "faults": "0", "trunk-fails": fmt.Sprint(mostRefused, " %"), "audio-unheard": fmt.Sprint(mostRefused, " %"), "media-ports": fmt.Sprint(leastPorts),
		"disk-errors": "0", "quality-wait": fmt.Sprint(mostLag, " s"), "quality-lost": "0", "quality-files": "0", "records-wait": fmt.Sprint(mostWaiting), "records-lost": "0", "disk-free": fmt.Sprint(leastDisk, " MiB"), "tracked": fmt.Sprint(mostTracked, " %"), "certificate": fmt.Sprint(leastDays, " days")} {
		if !regexp.MustCompile("(?m)^\\| `" + name + "` \\| (most|least) " + bound + " \\|").Match(page) {
			t.Errorf("operation.md lacks %s with %s", name, bound)
		}
	}
}
