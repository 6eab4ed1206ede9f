package server

import (
	"net"
	"sync"
)

// maxClients bounds the connections to the address of /metrics and /healthz, which anybody may open who reaches it. Further ones wait in the kernel.
const maxClients = 128

// crowd is a listener that has so many connections at most.
type crowd struct {
	net.Listener
	room   chan struct{} // a place for each connection
	closed chan struct{}
	once   sync.Once
}

func newCrowd(l net.Listener, most int) *crowd {
	return &crowd{Listener: l, room: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept is net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	select {
	case c.room <- struct{}{}:
	case <-c.closed:
		return nil, net.ErrClosed
	}
	nc, err := c.Listener.Accept()
	if err != nil {
		<-c.room
		return nil, err
	}
	return &client{Conn: nc, leave: sync.OnceFunc(func() { <-c.room })}, nil
}

// Close is net.Listener.
func (c *crowd) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// client is a connection that has a place.
type client struct {
	net.Conn
	leave func()
}

// Close is net.Conn.
func (c *client) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
