package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/server"
)

// stuck is a log that takes no line with some words until it is released, so that whoever writes one hangs.
type stuck struct {
	slog.Handler
	words   string
	hangs   chan struct{} // closed when somebody does
	release chan struct{}
	once    *sync.Once
}

func (h stuck) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, h.words) {
		h.once.Do(func() { close(h.hangs) })
		<-h.release
	}
	return h.Handler.Handle(ctx, r)
}

// silent tells whether the service manager has heard nothing for so long, after what was under way.
func (m *manager) silent(within time.Duration) bool {
	m.t.Helper()
	b := make([]byte, 4096)
	for range 50 {
		m.conn.SetReadDeadline(time.Now().Add(within))
		if _, err := m.conn.Read(b); errors.Is(err, os.ErrDeadlineExceeded) {
			return true
		}
	}
	return false
}

// watched has the service manager want to hear from us within a time.
func (m *manager) watched(within time.Duration) {
	m.t.Setenv("WATCHDOG_USEC", strconv.FormatInt(within.Microseconds(), 10))
	m.t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
}

// TestWatchdog: the service manager hears of a server as long as all of its shards work, and of one no more of which a shard hangs, while everything else of it goes on. The log names the shard.
func TestWatchdog(t *testing.T) {
	const within = 400 * time.Millisecond
	m := manage(t)
	m.watched(within)
	s := &serving{t: t, net: "127.0.0.", path: shortDir(t) + "/directsip.yaml", log: &logBuffer{}}
	doc := "pools: {pool.test: {servers: {med1.test: {addresses: [127.0.0.1]}}}}\n" +
		"gateways: {gw: {host: 127.0.0.9, kind: gateway, root: {transport: UDP, port: 45071}}}\n" + // where nobody is
		"trunkSettings: {global: {optionsInterval: 1s, optionsTimeout: 500ms, optionsMisses: 1}}\n"
	if err := os.WriteFile(s.path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	h := stuck{slog.NewTextHandler(s.log, nil), "trunk state", make(chan struct{}), make(chan struct{}), new(sync.Once)}
	srv, err := server.Start(server.Config{Document: s.path, DataDir: shortDir(t), Shards: 2, Watch: -1, Logger: slog.New(h)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var alive sync.WaitGroup
	alive.Go(func() { keepAlive(ctx, srv, s.log) })
	release := sync.OnceFunc(func() { close(h.release) })
	defer func() {
		release()
		cancel()
		m.conn.Close() // or who still tells it something waits until it is read
		alive.Wait()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	m.hears("WATCHDOG=1")
	m.hears("WATCHDOG=1")
	<-h.hangs // the shard that watches the trunk, which is down
	if !m.silent(within) {
		t.Error("a shard hangs, and the service manager hears on that all is well")
	}
	s.until("the log names it", func() bool {
		text := s.log.String()
		return strings.Contains(text, `"signalling hangs: its calls can neither begin nor end" shards=[0] for=200ms`) || strings.Contains(text, `nor end" shards=[1] for=200ms`)
	})
	release()
	m.hears("WATCHDOG=1")
	m.hears("WATCHDOG=1")
}
