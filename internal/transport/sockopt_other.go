//go:build !linux

package transport

import "syscall"

// socketOptions leaves sockets as they are.
func socketOptions(uint8, bool) func(network, address string, c syscall.RawConn) error { return nil }
