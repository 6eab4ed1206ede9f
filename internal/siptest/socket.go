package siptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// peer is where a message came from or goes to.
type peer struct {
	addr netip.AddrPort
	conn *conn  // the connection that it came on; nil with UDP or to let one be found
	name string // that the certificate of a connection to be opened must have; "": Config.ServerName
}

// conn is a TCP or TLS connection, or the wish for one.
type conn struct {
	a    *Agent
	addr netip.AddrPort // of the peer
	name string         // of the peer; "" when that does not matter
	out  chan []byte
	done chan struct{}
	net  net.Conn // nil until dialled; guarded by the agent
	shut bool
}

func (a *Agent) listen() error {
	switch a.cfg.Network {
	case "udp":
		addr, err := net.ResolveUDPAddr("udp", a.cfg.Listen)
		if err != nil {
			return err
		}
		if a.udp, err = Bind(func() (*net.UDPConn, error) { return net.ListenUDP("udp", addr) }); err != nil {
			return err
		}
		a.addr = unmap(a.udp.LocalAddr().(*net.UDPAddr).AddrPort())
		a.wg.Add(1)
		go a.readUDP()
		return nil
	case "tcp", "tls":
		if a.cfg.Network == "tls" && a.cfg.TLS == nil {
			return errors.New("network tls needs Config.TLS")
		}
		var err error
		if a.lis, err = Bind(func() (net.Listener, error) { return net.Listen("tcp", a.cfg.Listen) }); err != nil {
			return err
		}
		a.addr = unmap(a.lis.Addr().(*net.TCPAddr).AddrPort())
		a.wg.Add(1)
		go a.accept()
		return nil
	}
	return fmt.Errorf("network %q is not udp, tcp or tls", a.cfg.Network)
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }

func (a *Agent) readUDP() {
	defer a.wg.Done()
	buf := make([]byte, 65536)
	for {
		n, from, err := a.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if a.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // ICMP errors of other peers
		}
		if n > 4 {
			a.receive(buf[:n], peer{addr: unmap(from)})
		}
	}
}

func (a *Agent) accept() {
	defer a.wg.Done()
	for {
		nc, err := a.lis.Accept()
		if err != nil {
			return
		}
		if a.cfg.Network == "tls" {
			nc = tls.Server(nc, a.cfg.TLS)
		}
		c := &conn{a: a, addr: unmap(nc.RemoteAddr().(*net.TCPAddr).AddrPort()), net: nc}
		a.mu.Lock()
		a.run(c)
		a.mu.Unlock()
	}
}

// run starts a connection; the agent is locked.
func (a *Agent) run(c *conn) {
	c.out, c.done = make(chan []byte, 256), make(chan struct{})
	if a.closed {
		c.close()
		return
	}
	a.conns[c] = true
	a.wg.Add(1)
	go c.write()
}

// close ends the connection; the agent is locked.
func (c *conn) close() {
	if c.shut {
		return
	}
	c.shut = true
	close(c.done)
	if c.net != nil {
		c.net.Close()
	}
	delete(c.a.conns, c)
}

func (c *conn) end(why error) {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	if why != nil && !c.shut && !c.a.closed {
		c.a.stray = append(c.a.stray, Entry{At: time.Now(), Peer: c.addr.String(), Text: "connection ended: " + why.Error()})
	}
	c.close()
}

// write dials when needed and sends what is queued.
func (c *conn) write() {
	defer c.a.wg.Done()
	if err := c.dial(); err != nil {
		c.end(err)
		return
	}
	c.a.wg.Add(1)
	go c.read()
	for {
		select {
		case b := <-c.out:
			_ = c.net.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.net.Write(b); err != nil {
				c.end(err)
				return
			}
		case <-c.done:
			return
		}
	}
}

func (c *conn) dial() error {
	if c.net != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.a.ctx, 5*time.Second)
	defer cancel()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.a.addr.Addr(), 0))}
	nc, err := d.DialContext(ctx, "tcp", c.addr.String())
	if err != nil {
		return err
	}
	if c.a.cfg.Network == "tls" {
		cfg := c.a.cfg.TLS.Clone()
		cfg.ServerName = cmp.Or(c.name, c.a.cfg.ServerName, c.addr.Addr().String())
		t := tls.Client(nc, cfg)
		if err := t.HandshakeContext(ctx); err != nil {
			nc.Close()
			return err
		}
		nc = t
	}
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	if c.shut {
		nc.Close()
		return net.ErrClosed
	}
	c.net = nc
	return nil
}

func (c *conn) read() {
	defer c.a.wg.Done()
	var f sip.Framer
	buf := make([]byte, 0, 4096)
	chunk := make([]byte, 4096)
	for {
		n, err := c.net.Read(chunk)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				err = nil
			}
			c.end(err)
			return
		}
		buf = append(buf, chunk[:n]...)
		for {
			start, size, err := f.Next(buf, nil)
			if err != nil {
				c.a.fault(nil, fmt.Sprintf("%s: the stream is not SIP: %v", c.addr, err))
				c.end(err)
				return
			}
			if size == 0 {
				break
			}
			c.a.receive(buf[start:start+size], peer{addr: c.addr, conn: c})
			buf = append(buf[:0], buf[start+size:]...)
		}
	}
}

// send puts a message on the wire; the agent is locked. Errors show in the ladder of strays.
func (a *Agent) send(to peer, b []byte) {
	if a.closed {
		return
	}
	if a.udp != nil {
		if _, err := a.udp.WriteToUDPAddrPort(b, to.addr); err != nil {
			a.stray = append(a.stray, Entry{At: time.Now(), Out: true, Peer: to.addr.String(), Text: err.Error()})
		}
		return
	}
	c := to.conn
	if c == nil || c.shut {
		c = a.connTo(to)
	}
	select {
	case c.out <- b:
	default:
		a.stray = append(a.stray, Entry{At: time.Now(), Out: true, Peer: to.addr.String(), Text: "connection takes nothing more"})
	}
}

// connTo finds a connection that was dialled to addr, or dials. One that the peer opened has another port, and
// is not taken: a peer must be reachable at its Contact.
func (a *Agent) connTo(to peer) *conn {
	for c := range a.conns {
		if c.addr == to.addr && c.name == to.name && !c.shut {
			return c
		}
	}
	c := &conn{a: a, addr: to.addr, name: to.name}
	a.run(c)
	return c
}

func (a *Agent) fault(c *Call, what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.violation(c, what)
}

// violation notes a mistake of the peer; the agent is locked.
func (a *Agent) violation(c *Call, what string) {
	list := &a.faults
	if c != nil {
		list = &c.faults
	}
	if len(*list) < 100 {
		*list = append(*list, a.cfg.Name+": "+what)
	}
}
