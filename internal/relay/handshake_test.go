package relay

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/directsip/directsip/internal/media"
)

// tape is a socket that keeps what is sent.
type tape struct {
	*net.UDPConn
	sent [][]byte
}

func (s *tape) WriteTo(b []byte, to net.Addr) (int, error) {
	s.sent = append(s.sent, bytes.Clone(b))
	return s.UDPConn.WriteTo(b, to)
}

// taped is what a client and a server say in a handshake, each flight in one datagram.
func taped(t testing.TB, r *Relay) (client, server [][]byte) {
	t.Helper()
	config := r.dtlsConfig(&media.DTLS{Peer: []media.Fingerprint{r.Fingerprint()}, Suites: []media.Suite{1}})
	a, b := &tape{UDPConn: loopback(t)}, &tape{UDPConn: loopback(t)}
	other, err := dtls.Server(b, a.LocalAddr(), config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- other.Handshake() }()
	conn, err := dtls.Client(a, b.LocalAddr(), config)
	if err == nil {
		err = conn.Handshake()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	client, server = a.sent[:3:3], b.sent[:3:3]
	_, _ = conn.Close(), other.Close()
	return client, server
}

func loopback(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip4, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// cookieOf is that of a HelloVerifyRequest, as the server that is used makes it.
func cookieOf(b []byte) []byte {
	const at = 13 + 12 + 2 + 1
	if len(b) < at+20 {
		return nil
	}
	return b[at : at+20]
}

// FuzzHandshake gives a handshake that is under way, as either end of it, whatever a peer may send next, in datagrams with two octets of length each. What
// reads them has goroutines of its own, so a panic there would end everything.
func FuzzHandshake(f *testing.F) {
	r, err := newRelay(Config{Workers: 1, Best: media.TierSockets})
	if err != nil {
		f.Fatal(err)
	}
	out, err := bindUDP(netip.AddrPortFrom(ip4, 0))
	if err != nil {
		f.Fatal(err)
	}
	client, server := taped(f, r)
	var all []byte
	for i, b := range server {
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(b))), b...)
		f.Add(true, all)
		c := client[i]
		f.Add(false, append(binary.BigEndian.AppendUint16(nil, uint16(len(c))), c...))
	}
	f.Fuzz(func(t *testing.T, active bool, b []byte) {
		c := loopback(t)
		src := sockaddrOf(address(c))
		st := newStream(&session{id: 1}, 0, r.sockets)
		mu, p := &st.session.mu, &st.side[0].rtp
		p.socket, p.gate.announced = out, src
		p.dtls = &association{want: &media.DTLS{Peer: []media.Fingerprint{r.Fingerprint()}, Active: active, Suites: []media.Suite{1}}, crypt: &crypt{keys: &media.Crypt{}}}
		give := func(record []byte) {
			mu.Lock()
			defer mu.Unlock()
			r.record(p, record, &src, r.now(), &batch{})
		}
		buf := make([]byte, recordLimit)
		answer := func() []byte {
			_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // who fuzzes beside other work may have to wait
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			return buf[:n]
		}
		if active {
			mu.Lock()
			r.shake(p, nil, src)
			mu.Unlock()
			answer()
		} else {
			give(client[0])
			give(bytes.Replace(client[1], cookieOf(server[0]), cookieOf(answer()), 1))
			answer()
		}
		mu.Lock()
		run := p.dtls.run
		mu.Unlock()
		for len(b) >= 2 && run != nil {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			give(b[2 : 2+n])
			b = b[2+n:]
		}
		for end := time.Now().Add(5 * time.Millisecond); run != nil && len(run.in) > 0 && run.ctx.Err() == nil && time.Now().Before(end); {
			time.Sleep(10 * time.Microsecond)
		}
		mu.Lock()
		keyed := p.dtls.crypt.recv != nil
		p.dtls.end()
		mu.Unlock()
		r.shaking.Wait()
		if keyed {
			t.Fatal("keys of a handshake that nobody has made")
		}
	})
}
