package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestMetricsInACrowd: who opens connections to the address of the metrics has no more than there is room for, and who waits comes in when one is closed. A server that
// stops waits for none of them.
func TestMetricsInACrowd(t *testing.T) {
	r := start(t, basic)
	before := descriptors(t)
	var list []net.Conn
	open := func() {
		t.Helper()
		c, err := net.Dial("tcp", r.net+"1:9090")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		list = append(list, c)
	}
	answered := func(c net.Conn) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	for range maxClients {
		open()
		answered(list[len(list)-1])
	}
	for range 50 {
		open()
	}
	if n := descriptors(t) - before - len(list); n > maxClients+5 {
		t.Errorf("%d of %d connections are open at the server", n, len(list))
	}
	list[0].Close()
	answered(list[maxClients])
}
