package siptest

import (
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBind: an address can be had again although programs are started all the time.
func TestBind(t *testing.T) {
	at := &net.UDPAddr{IP: net.ParseIP(Net(t) + "1"), Port: 5060}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var started atomic.Int32
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := exec.Command("true").Run(); err != nil {
						t.Error(err)
						return
					}
					started.Add(1)
				}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for started.Load() < 100 && !t.Failed() {
		c, err := Bind(func() (*net.UDPConn, error) { return net.ListenUDP("udp", at) })
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}
