package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestClientsInACrowd: who opens connections to the address of the metrics or to the control socket has no more than there is room for, and who waits comes in when one is
// closed. A server that stops waits for none of them.
func TestClientsInACrowd(t *testing.T) {
	r := start(t, basic)
	for _, c := range []struct {
		network, at, path string
		room              int
	}{{"tcp", r.net + "1:9090", "/healthz", maxClients}, {"unix", SocketPath(r.cfg.DataDir), "/status", maxViewers}} {
		t.Run(c.network, func(t *testing.T) {
			before := descriptors(t)
			var list []net.Conn
			open := func() {
				t.Helper()
				conn, err := net.Dial(c.network, c.at)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", c.path)
				list = append(list, conn)
			}
			answered := func(conn net.Conn) {
				t.Helper()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			for range c.room {
				open()
				answered(list[len(list)-1])
			}
			for range 50 {
				open()
			}
			if n := descriptors(t) - before - len(list); n > c.room+5 {
				t.Errorf("%d of %d connections are open at the server", n, len(list))
			}
			list[0].Close()
			answered(list[c.room])
		})
	}
}
