package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/directsip/directsip/internal/server"
)

// client speaks to the control socket of a running server.
type client struct {
	path     string
	http     *http.Client
	patience time.Duration // after which a server that says nothing is asked whether it lives
}

// The directories that the unit gives the service.
const serviceData, serviceRun = "/var/lib/directsip", "/run/directsip"

func (a *app) client() *client {
	path := a.socket
	if path == "" {
		path = server.SocketPath(a.dataDir)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		if err != nil && path == server.SocketPath(serviceData) { // whose disk may not take it
			if spare, e := d.DialContext(ctx, "unix", server.SocketPath(serviceRun)); e == nil {
				return spare, nil
			}
		}
		return c, err
	}
	return &client{path, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, 5 * time.Second}
}

// errNotRunning says that nobody answers on the socket.
var errNotRunning = errors.New("no server is running")

func (c *client) get(ctx context.Context, path string, v any) error {
	return c.do(ctx, http.MethodGet, path, nil, v)
}

func (c *client) post(ctx context.Context, path string, body []byte, v any) error {
	return c.do(ctx, http.MethodPost, path, body, v)
}

func (c *client) do(ctx context.Context, method, path string, body []byte, v any) error {
	ctx, stop := c.watch(ctx)
	defer stop()
	err := c.ask(ctx, method, path, body, v)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errHangs) {
		return cause
	}
	return err
}

// errHangs says that somebody has the socket and does not answer.
var errHangs = errors.New("the server does not answer")

// watch ends what is asked when the server says nothing for long and does not even tell its status: what takes long is waited for, and a server that hangs is not. stop
// is to be called at the end.
func (c *client) watch(ctx context.Context) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-watched.Done():
				return
			case <-time.After(c.patience):
			}
			alive, end := context.WithTimeout(watched, 2*c.patience)
			err := c.ask(alive, http.MethodGet, "/status", nil, new(json.RawMessage))
			end()
			if err != nil && watched.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				cancel(fmt.Errorf("%w: it has taken the connection on %s and said nothing for %v; it hangs, or its process is stopped", errHangs, c.path, 3*c.patience))
			}
		}
	})
	return watched, func() { cancel(nil); done.Wait() }
}

func (c *client) ask(ctx context.Context, method, path string, body []byte, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://directsip"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nothing answers on %s; start one with `directsip serve`, or name its directory with --data", errNotRunning, c.path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("control socket %s: permission denied; run as the user that runs the server, or name its view socket with --socket", c.path)
	case errors.Is(err, syscall.EINVAL) && len(c.path) > server.MaxSocketPath:
		return fmt.Errorf("control socket %s: the path has %d bytes, and that of a socket may have %d; name another with --socket", c.path, len(c.path),
			server.MaxSocketPath)
	case err != nil:
		return fmt.Errorf("control socket %s: %w", c.path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return json.NewDecoder(resp.Body).Decode(v)
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var f server.Fault
	if json.Unmarshal(data, &f) != nil || f.Error == "" {
		if resp.StatusCode == http.StatusNotFound { // by the multiplexer: what the server knows and does not find it answers in JSON
			return fmt.Errorf("the running server is older than this command and does not know what it asks for (%s); `directsip drain --wait` it and restart it", path)
		}
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if len(f.Problems) > 0 {
		return &refusedError{f.Problems, f.Details}
	}
	return errors.New(f.Error)
}

// refusedError is a document that the server does not take. A server of an earlier version tells no details.
type refusedError struct {
	problems []string
	details  []server.ProblemView
}

const refusedText = "the document is refused, the old one stays"

func (r *refusedError) Error() string {
	return refusedText + ":\n" + strings.Join(r.problems, "\n")
}

func escape(s string) string { return url.QueryEscape(s) }
