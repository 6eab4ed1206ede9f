package netlink

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDumpThatFails: why there is nothing to be told comes with the word that nothing follows, as where no protocol has such sockets.
func TestDumpThatFails(t *testing.T) {
	s, err := Open(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const byFamily, nobodys = 20, 253 // SOCK_DIAG_BY_FAMILY, and a protocol for experiments (RFC 3692 §2.1)
	request := make([]byte, 56)       // struct inet_diag_req_v2
	request[0], request[1] = unix.AF_INET, nobodys
	n := 0
	if err := s.Dump(Request(byFamily, request), func([]byte) { n++ }); !errors.Is(err, unix.ENOENT) || n != 0 {
		t.Errorf("%d answers, %v", n, err)
	}
	request[1] = unix.IPPROTO_UDP
	if err := s.Dump(Request(byFamily, request), func([]byte) {}); err != nil {
		t.Error(err)
	}
}
