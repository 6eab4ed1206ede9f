package siptest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// holdPort is the port that holds a network: that of discard, above the privileged ones.
const holdPort = 10009

// TakeNet takes a free network of loopback, 127.second.n.0/24, and returns what its addresses begin with, "127.83.0.". The first that it
// tries is n = first. A socket at the network's address 254 holds it until the Closer is closed, or the process ends: whoever takes a network,
// in any process of the host, has it alone.
func TakeNet(second, first int) (string, io.Closer, error) {
	var err error
	for i := range 256 {
		prefix := fmt.Sprintf("127.%d.%d.", second, (first+i)%256)
		var hold net.PacketConn
		if hold, err = net.ListenPacket("udp4", fmt.Sprintf("%s254:%d", prefix, holdPort)); err == nil {
			return prefix, hold, nil
		}
	}
	return "", nil, fmt.Errorf("no network of 127.%d.0.0/16 is free: %w", second, err)
}

// Net takes a network for a test, until its end.
func Net(tb TB) string {
	tb.Helper()
	prefix, hold, err := TakeNet(100+rand.IntN(100), rand.IntN(256))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { hold.Close() })
	return prefix
}
