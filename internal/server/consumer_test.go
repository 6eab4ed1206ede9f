package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/store"
)

// collector takes quality records.
type collector struct {
	mu     sync.Mutex
	answer func(body string) int // nil: 200
	posts  []string              // bodies
	taken  []QualityRecord
	tokens []string
	at     string // its address
}

// collect starts one at an address, over TLS with a configuration.
func collect(t *testing.T, at string, cfg *tls.Config) *collector {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{at: l.Addr().String()}
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	s := &http.Server{Handler: c, ReadTimeout: timeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts, c.tokens = append(c.posts, string(body)), append(c.tokens, r.Header.Get("Authorization"))
	status := http.StatusOK
	if c.answer != nil {
		status = c.answer(string(body))
	}
	var p qualityPost
	if status == http.StatusOK && json.Unmarshal(body, &p) == nil && r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json" {
		c.taken = append(c.taken, p.Records...)
	}
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
}

// seen is what has come so far.
func (c *collector) seen() (taken []QualityRecord, posts int, tokens []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken), len(c.posts), slices.Clone(c.tokens)
}

func (c *collector) answers(f func(body string) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

func always(status int) func(string) int { return func(string) int { return status } }

// TestOPS17QualityRecords: a call that was answered is told to the consumer, over TLS with both certificates and the token; one that was not is not.
func TestOPS17QualityRecords(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	ca := r.authority("one.test")
	ca.Issue("collector", time.Hour, "127.0.0.1")
	cfg := ca.Config(filepath.Join(r.dir, "collector"))
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	c := collect(t, "127.0.0.1:0", cfg)
	token := filepath.Join(r.dir, "token")
	if err := os.WriteFile(token, []byte("very-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pbx, gw := r.agent(2), r.agent(3)
	r.hangup(r.call(pbx, gw)) // before there is a consumer
	r.records(1)
	ours := filepath.Join(r.dir, "one.test")
	doc := strings.Replace(basic, "mediaPorts", fmt.Sprintf("qualityConsumer: 'https://%s/records', qualityConsumerTokenFile: %s, cert: %s.pem, key: %s.key, ca: %s, mediaPorts", c.at, token,
		ours, ours, ca.File), 1)
	r.applyGood(doc)
	gw.Reject(486)
	r.tester.Wait(r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550102@"+r.net+"1"), siptest.Failed)
	gw.Answer(siptest.OK())
	out, in := r.call(pbx, gw)
	r.tester.Must(out.WaitPackets(r.tester.Context(), 20))
	r.hangup(in, out)
	until(t, "the record", func() bool { taken, _, _ := c.seen(); return len(taken) > 0 })
	rec, err := r.Call(t.Context(), out.ID())
	if err != nil {
		t.Fatal(err)
	}
	taken, _, tokens := c.seen()
	if len(taken) != 1 {
		t.Fatalf("%d records are taken: %+v", len(taken), taken)
	}
	got := taken[0]
	if got.ID != rec.ID || got.Server != "med1.test" || got.In.Trunk != "pbx" || got.Out == nil || got.Out.Trunk != "gw" || got.Called != "+14255550101" || got.Reason != "normal-clearing" ||
		!got.Answered.Equal(rec.Answered) || len(got.Media) != 2 || got.Media[1].Packets < 15 || got.Media[1].Quality == nil {
		t.Errorf("taken is %+v\nof %+v", got, rec)
	}
	if tokens[0] != "Bearer very-secret" {
		t.Errorf("tokens %q", tokens)
	}
	until(t, "it is counted", func() bool { return r.consumed.posted.Load() == 1 })
	if r.consumed.failed.Load() != 0 || r.consumed.dropped.Load() != 0 {
		t.Errorf("%d failed, %d dropped", r.consumed.failed.Load(), r.consumed.dropped.Load())
	}
	if strings.Contains(r.log.String(), "very-secret") {
		t.Error("the token is in the log")
	}
	r.applyGood(basic)
	if _, err := os.Stat(filepath.Join(r.cfg.DataDir, consumerPlace)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the place stays where nobody wants records: %v", err)
	}
}

// TestOPS17ConsumerAway: while the consumer is away, hangs or fails calls go on and the server stops in time; the next run posts what is left, and nothing is lost or comes first.
func TestOPS17ConsumerAway(t *testing.T) {
	t.Parallel()
	network := siptest.Net(t)
	cfg, log := config(t, network, strings.Replace(basic, "mediaPorts", `qualityConsumer: "http://NET.4:9191/q?key=hidden", mediaPorts`, 1))
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tester := siptest.T(t)
	r := &rig{Server: s, t: t, net: network, dir: filepath.Dir(cfg.Document), log: log, tester: tester}
	pbx, gw := r.agent(2), r.agent(3)
	var want []string
	call := func() {
		t.Helper()
		out, in := r.call(pbx, gw)
		r.hangup(in, out)
		want = append(want, out.ID())
	}
	call() // nobody listens
	until(t, "a post fails", func() bool { return s.consumed.failed.Load() > 0 })
	call()
	if n := s.consumed.oldest.Load(); n == 0 {
		t.Error("nothing is said to wait")
	}
	hang := make(chan struct{})
	c := collect(t, network+"4:9191", nil)
	release := sync.OnceFunc(func() { close(hang) })
	defer release()
	reached := make(chan struct{}, 100)
	c.answers(func(string) int { reached <- struct{}{}; <-hang; return http.StatusServiceUnavailable })
	select {
	case <-reached:
	case <-time.After(timeout):
		t.Fatal("the consumer is not tried again")
	}
	call()
	r.records(3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	begin := time.Now()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("the server took %v to stop", d)
	}
	release()
	c.answers(nil)
	if s, err = Start(cfg); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	r.Server = s
	call()
	until(t, "all records", func() bool { taken, _, _ := c.seen(); return len(taken) >= len(want) })
	var got []string
	taken, _, _ := c.seen()
	for _, q := range taken {
		got = append(got, q.In.CallID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("taken are %q, want %q", got, want)
	}
	until(t, "nothing waits", func() bool { return s.consumed.oldest.Load() == 0 })
	if text := log.String(); strings.Contains(text, "hidden") || !strings.Contains(text, "quality records wait") || !strings.Contains(text, network+"4:9191") {
		t.Errorf("the log says\n%s", text)
	}
}

// follows makes a consumer of a store of its own, with so many records.
func follows(t *testing.T, url string, n int, with ...func(*consumer)) (*consumer, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	c := &consumer{url: url, store: s, place: filepath.Join(dir, consumerPlace), keep: time.Hour, log: slog.New(slog.DiscardHandler), counts: &consumerCounts{}, pause: time.Millisecond, idle: time.Millisecond}
	for _, f := range with {
		f(c)
	}
	c.begin()
	t.Cleanup(c.close)
	at := time.Now()
	for i := range n {
		s.Put(&cdr.Record{ID: fmt.Sprintf("q%03d", i), Start: at, Answered: at, End: at})
	}
	return c, s
}

// TestOPS17Refused: of many records the one that the consumer will never take is dropped, with its id, and so is one that is too old; all others come, in their order and once.
func TestOPS17Refused(t *testing.T) {
	t.Parallel()
	away := collect(t, "127.0.0.1:0", nil)
	away.answers(func(body string) int {
		if strings.Contains(body, `"q117"`) {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	})
	c, s := follows(t, "http://"+away.at+"/", 250)
	old := time.Now().Add(-2 * time.Hour)
	s.Put(&cdr.Record{ID: "old", Start: old, Answered: old, End: old})
	until(t, "all others", func() bool { taken, _, _ := away.seen(); return len(taken) >= 249 && c.counts.dropped.Load() >= 2 })
	taken, _, _ := away.seen()
	for i, q := range taken {
		want := i
		if i >= 117 {
			want++
		}
		if q.ID != fmt.Sprintf("q%03d", want) {
			t.Fatalf("record %d is %s", i, q.ID)
		}
	}
	if p, d := c.counts.posted.Load(), c.counts.dropped.Load(); len(taken) != 249 || p != 249 || d != 2 {
		t.Errorf("%d taken, %d posted, %d dropped", len(taken), p, d)
	}
}

// TestOPS17RefusesAll: a consumer that takes nothing at all does not mean the records, and costs few of them. They wait, which is told, and the log does not name one after the other.
func TestOPS17RefusesAll(t *testing.T) {
	t.Parallel()
	away := collect(t, "127.0.0.1:0", nil)
	away.answers(always(http.StatusUnsupportedMediaType))
	log := &logBuffer{}
	c, _ := follows(t, "http://"+away.at+"/", 250, func(c *consumer) { c.log = slog.New(slog.NewTextHandler(log, nil)) })
	until(t, "they wait", func() bool { return c.counts.oldest.Load() != 0 })
	_, before, _ := away.seen()
	until(t, "they are posted again", func() bool { _, posts, _ := away.seen(); return posts > before+2 })
	if n := c.counts.dropped.Load(); n != consumerRefusals {
		t.Errorf("%d are dropped", n)
	}
	away.answers(nil)
	until(t, "the others", func() bool { return c.counts.posted.Load() >= 250-consumerRefusals })
	if ids := taken(away); len(ids) != 250-consumerRefusals || ids[0] != fmt.Sprintf("q%03d", consumerRefusals) || c.counts.dropped.Load() != consumerRefusals {
		t.Errorf("%d are taken, the first is %s, %d are dropped", len(ids), ids[0], c.counts.dropped.Load())
	}
	until(t, "none waits", func() bool { return c.counts.oldest.Load() == 0 })
	until(t, "it is told", func() bool { return strings.Contains(log.String(), "quality records are taken again") })
	away.answers(func(body string) int { // each other one
		if strings.Contains(body, `1"`) || strings.Contains(body, `3"`) || strings.Contains(body, `5"`) || strings.Contains(body, `7"`) || strings.Contains(body, `9"`) {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	at := time.Now()
	for i := range 100 {
		c.store.Put(&cdr.Record{ID: fmt.Sprintf("r%03d", i), Start: at, Answered: at, End: at})
	}
	until(t, "each other one", func() bool { return c.counts.dropped.Load() >= consumerRefusals+50 })
	if n := strings.Count(log.String(), "quality record refused"); n > lines {
		t.Errorf("the log has %d lines", n)
	}
}

// taken are the ids of what a consumer has taken, each once.
func taken(c *collector) (ids []string) {
	list, _, _ := c.seen()
	for i := range list {
		ids = append(ids, list[i].ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestOPS17RefusesMany: records that a consumer refuses hold no others, however many they are, when it takes those that come behind them.
func TestOPS17RefusesMany(t *testing.T) {
	t.Parallel()
	const good, bad = 5, 230
	away := collect(t, "127.0.0.1:0", nil)
	away.answers(func(body string) int {
		var p qualityPost
		json.Unmarshal([]byte(body), &p)
		for i := range p.Records {
			if id := p.Records[i].ID; id >= fmt.Sprintf("q%03d", good) && id < fmt.Sprintf("q%03d", good+bad) {
				return http.StatusUnprocessableEntity
			}
		}
		return http.StatusOK
	})
	c, _ := follows(t, "http://"+away.at+"/", 250)
	until(t, "all others", func() bool { return len(taken(away)) == 250-bad && c.counts.oldest.Load() == 0 })
	if n := c.counts.dropped.Load(); n != bad {
		t.Errorf("%d are dropped", n)
	}
}

// TestOPS17NothingWaits: what was dropped, has grown too old or was purged waits no more, and a consumer that was not asked has taken nothing.
func TestOPS17NothingWaits(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*collector, *consumer){
		"refused": func(away *collector, _ *consumer) { away.answers(always(http.StatusUnprocessableEntity)) },
		"purged": func(_ *collector, c *consumer) {
			list, err := filepath.Glob(filepath.Join(filepath.Dir(c.place), "*", "*"))
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, file := range list {
				os.Remove(file)
			}
		},
		"too old": func(*collector, *consumer) {},
	} {
		away := collect(t, "127.0.0.1:0", nil)
		away.answers(always(http.StatusServiceUnavailable))
		log := &logBuffer{}
		c, s := follows(t, "http://"+away.at+"/", 0, func(c *consumer) { c.log = slog.New(slog.NewTextHandler(log, nil)) })
		at := time.Now()
		if what == "too old" {
			at = at.Add(time.Second - c.keep)
		}
		s.Put(&cdr.Record{ID: "waits", Start: at, Answered: at, End: at})
		until(t, what+": it waits", func() bool { return c.counts.oldest.Load() != 0 })
		end(away, c)
		until(t, what+": it waits no more", func() bool { return c.counts.oldest.Load() == 0 })
		if n := c.counts.dropped.Load(); n != 1 && what != "purged" {
			t.Errorf("%s: %d are dropped", what, n)
		}
		if text := log.String(); strings.Contains(text, "taken again") {
			t.Errorf("%s: the log says\n%s", what, text)
		}
	}
}

// TestOPS17TooLarge: a consumer that takes few at once gets few at once, without a post of many before each.
func TestOPS17TooLarge(t *testing.T) {
	t.Parallel()
	away := collect(t, "127.0.0.1:0", nil)
	away.answers(always(http.StatusServiceUnavailable))
	c, s := follows(t, "http://"+away.at+"/", 600)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	away.answers(func(body string) int {
		if strings.Count(body, `"id"`) > 30 {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusOK
	})
	_, before, _ := away.seen()
	until(t, "all", func() bool { return c.counts.posted.Load() == 600 })
	taken, posts, _ := away.seen()
	for i, q := range taken {
		if q.ID != fmt.Sprintf("q%03d", i) {
			t.Fatalf("record %d is %s", i, q.ID)
		}
	}
	if posts -= before; posts > 60 || len(taken) != 600 || c.counts.dropped.Load() != 0 {
		t.Errorf("%d posts for %d records, %d dropped", posts, len(taken), c.counts.dropped.Load())
	}
}

// TestOPS17TokenLater: telephones do not wait for the file of a token. A server starts without it, says so, and posts what has ended since as soon as it is there.
func TestOPS17TokenLater(t *testing.T) {
	t.Parallel()
	c := collect(t, "127.0.0.1:0", nil)
	token := filepath.Join(t.TempDir(), "token")
	r := start(t, strings.Replace(basic, "mediaPorts", fmt.Sprintf("qualityConsumer: 'http://%s/', qualityConsumerTokenFile: %s, mediaPorts", c.at, token), 1))
	r.hangup(r.call(r.agent(2), r.agent(3)))
	r.records(1)
	if got := r.Rate(); !slices.Contains(got.Missed(), "quality-files") {
		t.Errorf("missed are %q", got.Missed())
	}
	if text := r.log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, token) {
		t.Errorf("the log says\n%s", text)
	}
	if err := os.WriteFile(token+".new", []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(token+".new", token); err != nil {
		t.Fatal(err)
	}
	until(t, "the record", func() bool { taken, _, _ := c.seen(); return len(taken) == 1 })
	if _, posts, tokens := c.seen(); posts != 1 || tokens[0] != "Bearer secret" {
		t.Errorf("%d posts, tokens %q", posts, tokens)
	}
	if got := r.Rate(); slices.Contains(got.Missed(), "quality-files") {
		t.Error("the file is still said to be unread")
	}
}

// TestOPS17FilesChange: authorities and token are read anew when their files change, without a document, and what they said holds while they cannot be read.
func TestOPS17FilesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := siptest.NewAuthority(t, dir, "first"), siptest.NewAuthority(t, dir, "second")
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name+".new"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	authorities := func(a *siptest.Authority) string {
		text, err := os.ReadFile(a.File)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	second.Issue("collector", time.Hour, "127.0.0.1")
	away := collect(t, "127.0.0.1:0", second.Config(filepath.Join(dir, "collector")))
	put("ca", authorities(first))
	put("token", "one")
	c, s := follows(t, "https://"+away.at+"/", 1, func(c *consumer) {
		c.files = consumerFiles{token: filepath.Join(dir, "token"), ca: filepath.Join(dir, "ca")}
	})
	until(t, "nobody believes the collector", func() bool { return c.counts.failed.Load() > 0 })
	put("ca", authorities(second))
	until(t, "the record", func() bool { return c.counts.posted.Load() == 1 })
	put("token", "")
	until(t, "it is told", func() bool { return c.counts.unread.Load() != nil })
	at := time.Now()
	s.Put(&cdr.Record{ID: "second", Start: at, Answered: at, End: at})
	until(t, "the second record", func() bool { return c.counts.posted.Load() == 2 })
	put("token", "two")
	until(t, "all is well", func() bool { return c.counts.unread.Load() == nil })
	s.Put(&cdr.Record{ID: "third", Start: at, Answered: at, End: at})
	until(t, "the third record", func() bool { return c.counts.posted.Load() == 3 })
	if _, _, tokens := away.seen(); !slices.Equal(tokens, []string{"Bearer one", "Bearer one", "Bearer two"}) {
		t.Errorf("tokens %q", tokens)
	}
}

// TestOPS17Patience: what may be taken later is posted again and again, and a redirection is not followed: the token is for one host.
func TestOPS17Patience(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusTemporaryRedirect, http.StatusTooManyRequests, http.StatusInternalServerError} {
		away := collect(t, "127.0.0.1:0", nil)
		away.answers(always(status))
		c, _ := follows(t, "http://"+away.at+"/", 3)
		until(t, fmt.Sprint("several posts with ", status), func() bool { _, posts, _ := away.seen(); return posts > 2 })
		away.answers(nil)
		until(t, "all records", func() bool { taken, _, _ := away.seen(); return len(taken) >= 3 })
		until(t, "they are counted", func() bool { return c.counts.posted.Load() == 3 })
		if taken, _, _ := away.seen(); len(taken) != 3 || c.counts.dropped.Load() != 0 {
			t.Errorf("%d: %d records are taken, %d dropped", status, len(taken), c.counts.dropped.Load())
		}
	}
}

// TestOPS17Token: a file that has none is refused with the document, which stays as it was; another token is taken with a document that has not changed.
func TestOPS17Token(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	c := collect(t, "127.0.0.1:0", nil)
	token := filepath.Join(r.dir, "token")
	doc := expand(r.net, strings.Replace(basic, "mediaPorts", fmt.Sprintf("qualityConsumer: 'http://%s/', qualityConsumerTokenFile: %s, mediaPorts", c.at, token), 1))
	version := r.engine.Snapshot().Version
	for text, want := range map[string]string{"": "no such file", "two words\n": "no token of one line without blanks"} {
		if text != "" {
			if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for what, err := range map[string]error{"apply": func() error { _, _, err := r.Apply("d.yaml", []byte(doc)); return err }(),
			"dry run": func() error { _, _, _, err := r.compare("d.yaml", []byte(doc), ""); return err }()} {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `server "med1.test": qualityConsumerTokenFile `+token) || strings.Contains(err.Error(), "two") {
				t.Errorf("%s with %q: %v", what, text, err)
			}
		}
		if r.engine.Snapshot().Version != version {
			t.Error("the document is taken all the same")
		}
		os.Remove(token)
	}
	pbx, gw := r.agent(2), r.agent(3)
	for i, secret := range []string{"one", "two"} {
		if err := os.WriteFile(token, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Apply("d.yaml", []byte(doc)); err != nil {
			t.Fatal(err)
		}
		r.hangup(r.call(pbx, gw))
		until(t, "the record", func() bool { taken, _, _ := c.seen(); return len(taken) == i+1 })
		if _, _, tokens := c.seen(); tokens[len(tokens)-1] != "Bearer "+secret {
			t.Errorf("tokens %q", tokens)
		}
	}
}

// TestOPS17BeginsLater: a consumer that begins while the call records cannot be read posts when they can.
func TestOPS17BeginsLater(t *testing.T) {
	t.Parallel()
	away := collect(t, "127.0.0.1:0", nil)
	var records string
	_, s := follows(t, "http://"+away.at+"/", 0, func(c *consumer) {
		records = filepath.Join(filepath.Dir(c.place), "records")
		if err := os.Rename(records, records+".away"); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.Rename(records+".away", records); err != nil {
		t.Fatal(err)
	}
	until(t, "records of now on", func() bool {
		at := time.Now()
		s.Put(&cdr.Record{ID: strconv.FormatInt(at.UnixNano(), 36), Start: at, Answered: at, End: at})
		taken, _, _ := away.seen()
		return len(taken) > 0
	})
}
