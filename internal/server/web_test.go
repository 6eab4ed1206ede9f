package server

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
)

func TestMetricsAfterCalls(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	page := r.get("http://" + r.net + "1:9090/metrics")
	for _, want := range []string{
		"directsip_calls 1\n", "directsip_draining 0\n", `directsip_trunk_state{trunk="gw"} 3`, `directsip_trunk_calls{trunk="gw"} 1`,
		`directsip_sip_events_total{event="call"} 1`, `directsip_sip_messages_total{address="` + r.net + `1:5060",direction="in",transport="UDP"}`,
		`directsip_media{what="sessions"} 1`, `directsip_shard_queue{shard="0"}`, `directsip_media_ports_free `,
		`directsip_info{document="` + r.engine.Snapshot().Version + `",pool="pool.test",server="med1.test",version="` + Version + `"} 1`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	r.hangup(in, out)
	r.records(1)
	page = r.get("http://" + r.net + "1:9090/metrics")
	for _, want := range []string{`directsip_calls_total{reason="normal-clearing",trunk="pbx"} 1`, `directsip_attempts_total{class="answered",trunk="gw"} 1`,
		"directsip_call_talk_seconds_count 1", `directsip_records_total{event="put"} 1`,
		`directsip_media_packets_total{event="overflow"} 0`, `directsip_media_packets_total{event="late"} `} { // a peer's last packet may be
		if !strings.Contains(page, want) {
			t.Errorf("after the call the page does not have %s", want)
		}
	}
	r.Drain(true)
	if got := r.get("http://" + r.net + "1:9090/healthz"); got != "503 draining calls=0\n" {
		t.Errorf("healthz while draining: %q", got)
	}
	r.Drain(false)
	if got := r.get("http://" + r.net + "1:9090/healthz"); got != "ok calls=0\n" {
		t.Errorf("healthz: %q", got)
	}
}

func TestCallIsFoundByItsIDs(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	live, err := r.Call(t.Context(), out.ID())
	if err != nil || !live.End.IsZero() || live.Answered.IsZero() {
		t.Fatalf("running call: %+v, %v", live, err)
	}
	for _, id := range []string{live.ID, in.ID(), live.ID[:8], in.ID()[:10]} {
		if got, err := r.Call(t.Context(), id); err != nil || got.ID != live.ID {
			t.Errorf("running call by %s: %v", id, err)
		}
	}
	out2, in2 := r.call(pbx, gw)
	if _, err := r.Call(t.Context(), ""); err == nil || !strings.Contains(err.Error(), live.ID) {
		t.Errorf("two running calls: %v", err)
	}
	r.hangup(in, out)
	r.hangup(in2, out2)
	r.records(2)
	if got, err := r.Call(t.Context(), in.ID()); err != nil || got.ID != live.ID || got.End.IsZero() {
		t.Errorf("ended call: %+v, %v", got, err)
	}
	if _, err := r.Call(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) || !strings.Contains(err.Error(), "directsip calls") {
		t.Errorf("unknown call: %v", err)
	}
}

func TestFilterOfHistory(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"limit", "x", `limit "x" is not a number`}, {"since", "yesterday", `since "yesterday" is not a time`}, {"until", "1", `until "1" is not a time`}, {"limit", "7", ""},
	} {
		f, err := ParseFilter(func(k string) string {
			if k == c.key {
				return c.value
			}
			return ""
		})
		if got := ""; err != nil && !strings.HasPrefix(err.Error(), c.want) || err == nil && c.want != got {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
		if c.want == "" && f.Limit != 7 {
			t.Errorf("filter %+v", f)
		}
	}
}

// TestLogIsQuietInAFlood writes ten lines of a kind in a second, and how many there were.
func TestLogIsQuietInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &logBuffer{}
		log := slog.New(newQuiet(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))).With("server", "x")
		for range 1000 {
			log.Info("call ended")
			log.WithGroup("g").Debug("detail", "n", 1)
		}
		log.Warn("trunk state")
		count := func(message string) int { return strings.Count(out.String(), `"msg":"`+message+`"`) }
		if count("call ended") != lines || count("trunk state") != 1 || count("detail") != 1000 {
			t.Fatalf("%d, %d, %d lines", count("call ended"), count("trunk state"), count("detail"))
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		var last struct {
			Message string `json:"message"`
			Count   int    `json:"count"`
		}
		all := strings.Split(strings.TrimSpace(out.String()), "\n")
		if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Message != "call ended" || last.Count != 990 {
			t.Errorf("%+v %v", last, err)
		}
		log.Info("call ended")
		if count("call ended") != lines+1 {
			t.Error("nothing is written in the next second")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if count("lines left out") != 1 {
			t.Errorf("%d lines about left out ones", count("lines left out"))
		}
	})
}

// TestEveryMetricIsDocumented: docs/metrics.md has the metrics that there are, and no others.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(directsip_[a-z_]+)` \\| ([a-z` ]*)\\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1]+" "+strings.Join(strings.Fields(strings.ReplaceAll(m[2], "`", "")), " "))
	}
	doc := strings.Replace(basic, "port: 5070}", "port: 5070, registration: {user: pool, required: false}}", 1) + thin
	r := start(t, doc)
	doc = strings.Replace(doc, "mediaPorts", "qualityConsumer: 'http://127.0.0.1:9/', mediaPorts", 1)
	r.applyGood(r.withTLS(strings.ReplaceAll(doc, "options: false}", "options: false, maxCalls: 9}")))
	pbx, gw := r.agent(2), r.agent(3)
	r.hangup(r.call(pbx, gw))
	r.records(1)
	r.metrics.quality.ended(&cdr.Record{Answered: time.Unix(1, 0), End: time.Unix(9, 0), In: cdr.Leg{Trunk: "pbx"}, Out: &cdr.Leg{Trunk: "gw"}, Audio: []cdr.Audio{{From: "callee", Cause: "loss+jitter"}}, Media: []cdr.Media{
		{From: "callee", Packets: cdr.LeastRated, Evidence: &cdr.Evidence{Pauses: 5}, Quality: &cdr.Quality{Arrived: cdr.Heard{MOS: 200, Poor: "MOS"}, Reported: &cdr.Heard{}, RoundTrip: time.Second}}}}, slog.New(slog.DiscardHandler)) // that call was too short to be rated
	families, err := r.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "directsip_") {
			continue
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		have = append(have, f.GetName()+" "+strings.Join(labels, " "))
	}
	sorted := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			f := strings.Fields(s)
			slices.Sort(f[1:])
			out[i] = strings.Join(f, " ")
		}
		slices.Sort(out)
		return out
	}
	if d, h := sorted(documented), sorted(have); !slices.Equal(d, h) {
		t.Errorf("documented\n%s\nthere are\n%s", strings.Join(d, "\n"), strings.Join(h, "\n"))
	}
}

// TestAlertsNameMetrics: the alerts are about metrics that there are, and leave out reasons that there are.
func TestAlertsNameMetrics(t *testing.T) {
	alerts, err := os.ReadFile("../../deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`directsip_[a-z_]+`).FindAllString(string(alerts), -1)
	for _, name := range names {
		if !strings.Contains(string(page), "| `"+strings.TrimSuffix(name, "_count")+"` |") {
			t.Errorf("there is no metric %s", name)
		}
	}
	reasons := strings.Split(regexp.MustCompile(`reason!~"([a-z|-]+)"`).FindStringSubmatch(string(alerts))[1], "|")
	for _, id := range reasons {
		if diag.ByID(id) == nil {
			t.Errorf("there is no reason %s", id)
		}
	}
	if len(names) < 10 || len(reasons) < 5 {
		t.Errorf("%d metrics and %d reasons are not all that stand there", len(names), len(reasons))
	}
}

// exhausted is a listener of a process that has no descriptor left for once.
type exhausted struct {
	net.Listener
	failed bool
}

func (l *exhausted) Accept() (net.Conn, error) {
	if !l.failed {
		l.failed = true
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// TestWebErrorsGoToTheLog: every line is one of the log, whatever form that has.
func TestWebErrorsGoToTheLog(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(tempDir(t), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	w := &web{l: &exhausted{Listener: l}}
	w.start(http.NotFoundHandler(), slog.New(slog.NewJSONHandler(log, nil)))
	defer w.close()
	until(t, "a line", func() bool {
		return strings.Contains(log.String(), `"level":"WARN","msg":"http: Accept error: accept unix: too many open files`)
	})
}
