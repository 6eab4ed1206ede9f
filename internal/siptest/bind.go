package siptest

import (
	"errors"
	"syscall"
	"time"
)

// bindTime is how long Bind waits for an address.
const bindTime = 5 * time.Second

// Bind opens a socket at an address that may have just been given up: a program that is being started somewhere else in this process has a copy of each of its
// sockets until it is running (fork, then execve), so an address is taken for a moment after its socket was closed.
func Bind[T any](open func() (T, error)) (T, error) {
	for end := time.Now().Add(bindTime); ; time.Sleep(time.Millisecond) {
		c, err := open()
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			return c, err
		}
	}
}
