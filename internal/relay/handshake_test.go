package relay

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"golang.org/x/sys/unix"

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
	config := r.dtlsConfig(&media.DTLS{Suites: []media.Suite{1}}, func(certificate []byte) bool { return fits(certificate, []media.Fingerprint{r.Fingerprint()}) })
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

// outbox is a carrier that keeps what a port sends: nothing is lost on the way, as between sockets it may be.
type outbox struct {
	carrier
	sent chan []byte
}

func (o *outbox) send(_ *port, b []byte, _ *sockaddr) unix.Errno {
	select {
	case o.sent <- bytes.Clone(b):
	default: // nobody reads what comes so late
	}
	return 0
}

// FuzzHandshake gives a handshake that is under way, as either end of it, whatever a peer may send next, in datagrams with two octets of length each. What
// reads them has goroutines of its own, so a panic there would end everything. An execution may take ten seconds: then the process is taken for hung.
func FuzzHandshake(f *testing.F) {
	r, err := newRelay(Config{Workers: 1, Best: media.TierSockets})
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
	src := sockaddrOf(netip.MustParseAddrPort("127.0.0.1:4000"))
	f.Fuzz(func(t *testing.T, active bool, b []byte) {
		out := &outbox{sent: make(chan []byte, 8)}
		st := newStream(&session{id: 1}, 0, out)
		mu, p := &st.session.mu, &st.side[0].rtp
		p.socket, p.gate.announced = socket{}, src
		p.dtls = &association{want: &media.DTLS{Peer: []media.Fingerprint{r.Fingerprint()}, Active: active, Suites: []media.Suite{1}}, crypt: &crypt{keys: &media.Crypt{}}}
		give := func(record []byte) {
			mu.Lock()
			defer mu.Unlock()
			r.record(p, record, &src, r.now(), &batch{})
		}
		answer := func() []byte {
			select {
			case sent := <-out.sent:
				return sent
			case <-time.After(9 * time.Second): // who fuzzes beside other work may have to wait
				t.Fatal("no answer")
				return nil
			}
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
		if run == nil {
			t.Fatal("the handshake has ended by itself")
		}
		enough := time.After(20 * time.Millisecond) // who asks for another cookie again and again is made to wait
		put := func(record []byte) bool {
			select {
			case run.in <- record:
				return true
			case <-run.ctx.Done():
			case <-enough:
			}
			return false
		}
		for goes := true; goes && len(b) >= 2; {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			goes = put(b[2 : 2+min(n, recordLimit)])
			b = b[2+n:]
		}
		for i := 0; i <= recordQueue && put(nil); i++ { // behind as many as may wait, all the others have been dealt with
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
