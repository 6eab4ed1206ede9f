package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// TestClientsThatDoNotRead: who asks and takes nothing of the answer is cut off after a while, and others wait for its place no longer than that.
func TestClientsThatDoNotRead(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(tempDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	const patience = 100 * time.Millisecond
	ended := make(chan error, 1)
	srv := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: impatient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			fmt.Fprint(w, "short")
			return
		}
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				ended <- err
				return
			}
		}
	}), patience)}
	go srv.Serve(l)
	defer srv.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(timeout):
		t.Fatal("its answer is still being written")
	}
	c.SetReadDeadline(time.Now().Add(timeout))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("its connection is open: %v", err)
	}

	client := &http.Client{Timeout: timeout, Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}}
	defer client.CloseIdleConnections()
	pause := time.NewTimer(0)
	for range 3 { // one connection, also when it has been idle for longer
		<-pause.C
		resp, err := client.Get("http://x/short")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "short" {
			t.Errorf("%q, %v", b, err)
		}
		resp.Body.Close()
		pause.Reset(2 * patience)
	}
}

// TestLongHistory: a list that is read and sent piece by piece is whole, and in order.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	const calls = 2*historyPiece + 500
	begin := time.Now().Add(-time.Hour)
	for i := range calls {
		at := begin.Add(time.Duration(i/2) * time.Second) // two at a time
		r.store.Put(&cdr.Record{ID: fmt.Sprintf("call%05d", i), Start: at, End: at, Reason: "busy", In: cdr.Leg{Trunk: "pbx", CallID: fmt.Sprint(i)}})
	}
	r.records(100)
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true, Dial: func(string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(r.cfg.DataDir, "control.sock"))
	}}}
	for query, want := range map[string]int{"limit=10000": calls, "limit=1500": 1500, "limit=1000": 1000, "": 100, "trunk=gw": 0} {
		resp, err := client.Get("http://x/history?" + query)
		if err != nil {
			t.Fatal(err)
		}
		var list []store.Summary
		err = json.NewDecoder(resp.Body).Decode(&list)
		resp.Body.Close()
		if err != nil || len(list) != want {
			t.Fatalf("%s: %d calls, want %d: %v", query, len(list), want, err)
		}
		for i := range list {
			if id := fmt.Sprintf("call%05d", calls-1-i); list[i].ID != id {
				t.Fatalf("%s: %s is call %d, want %s", query, list[i].ID, i, id)
			}
		}
	}
}
