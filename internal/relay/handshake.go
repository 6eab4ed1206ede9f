package relay

import (
	stdcontext "context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"github.com/directsip/directsip/internal/media"
)

const (
	handshakeTime  = 30 * time.Second // for one
	handshakeTries = 4                // of ours while the peer is silent
	// flightTime is when a flight is repeated for the first time, which is doubled each time. Nothing is heard before the end, and a peer that hears of us by
	// its first check of ICE, or answers just now, is often deaf to the first one (RFC 6347 §4.2.4.1 has less than a second for whom time matters).
	flightTime = 200 * time.Millisecond
	// lingerTime is how long repetitions of the peer's last flight are answered while nothing shows that it has heard ours: twice the lifetime of a
	// segment (RFC 6347 §4.2.4).
	lingerTime = 4 * time.Minute
	// restartGap is how soon a ClientHello may take the place of another that has not come to an end.
	restartGap = 500 * time.Millisecond
	// maxHandshakes that are under way in a relay. What comes beyond is dropped, and the peer asks again.
	maxHandshakes = 4096
	recordQueue   = 16 // records that wait for one
	// maxRecords are the octets that one is given in all, several times what certificates and repetitions come to: what cannot be put together yet is kept.
	maxRecords = 128 << 10
	// answerTime is how long a certificate that nobody has announced is kept: the answer that does may be on its way (RFC 5763 §6.2). The peer repeats itself meanwhile, and
	// a refusal would be for ever.
	answerTime = 2 * time.Second
)

var errNotOurs = errors.New("the certificate is not the one that the SDP announces")

// handshake is one handshake of DTLS with the goroutine that it needs, and the packet connection that it sees. The worker gives it its records, and
// what it sends leaves from the port by the stream's carrier. Between two handshakes a port has no goroutine.
type handshake struct {
	relay  *Relay
	port   *port
	want   *media.DTLS
	random [32]byte // of the ClientHello that began it
	since  int64
	in     chan []byte
	told   chan struct{} // of another description of the peer
	ctx    stdcontext.Context
	cancel stdcontext.CancelFunc

	mu   sync.Mutex
	past chan struct{} // closed when reading is to end

	// Guarded by the session.
	peer  sockaddr    // where the last record came from; size 0: none has
	took  int         // octets
	meant *media.DTLS // what the peer's certificate fits; nil: it has not been seen, or fits nothing yet
	odd   bool        // it fits nothing yet
	done  bool        // the keys are in place
	mute  bool        // nothing is sent any more: above all no close_notify, which some peers take for the end of the call
}

// shake begins a handshake on a port in place of what was there; hello is what the peer has sent for it. The session is locked.
func (r *Relay) shake(p *port, hello []byte, from sockaddr) {
	p.dtls.end()
	if r.count.handshakes.Add(1) > maxHandshakes {
		r.count.handshakes.Add(-1)
		return
	}
	h := &handshake{relay: r, port: p, want: p.dtls.want, since: r.now(), in: make(chan []byte, recordQueue), told: make(chan struct{}, 1), past: make(chan struct{}), peer: from}
	h.ctx, h.cancel = stdcontext.WithCancel(stdcontext.Background())
	p.dtls.run = h
	if hello != nil {
		h.random, _ = clientHello(hello)
		h.give(hello)
	}
	r.shaking.Add(1)
	go h.run()
}

// give hands on a record; what there is no room for is repeated by the peer. The session is locked.
func (h *handshake) give(b []byte) {
	if h.took += len(b); h.took > maxRecords {
		return
	}
	select {
	case h.in <- append([]byte(nil), b...):
	default:
	}
}

func (h *handshake) run() {
	defer h.relay.shaking.Done()
	defer h.cancel()
	var err error
	for range handshakeTries {
		var conn *dtls.Conn
		if conn, err = h.try(); err == nil {
			h.relay.count.handshakes.Add(-1)
			h.linger(conn)
			return
		}
		if h.ctx.Err() != nil || !h.want.Active || errors.Is(err, errNotOurs) {
			break
		}
	}
	h.relay.count.handshakes.Add(-1)
	if h.over(err) {
		h.relay.config.Logger.Warn("DTLS handshake failed", "id", h.port.stream.session.call, "stream", h.port.stream.index, "side", h.port.side, "error", err)
		h.relay.count.unshaken.Add(1) // when all is said: who has seen it counted may look for the line
	}
}

// try makes one handshake and puts its keys in place.
func (h *handshake) try() (*dtls.Conn, error) {
	config := h.relay.dtlsConfig(h.want, h.isPeers)
	open := dtls.Server
	if h.want.Active {
		open = dtls.Client
	}
	conn, err := open(h, h.LocalAddr(), config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := stdcontext.WithTimeout(h.ctx, handshakeTime)
	defer cancel()
	if err = conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	keys, err := exported(conn, h.announced())
	if err == nil && !h.keyed(keys) {
		err = stdcontext.Canceled
	}
	if err != nil {
		h.silence()
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// linger answers repetitions of the peer's last flight, and ends without a word. Who began the handshake has heard the last one itself.
func (h *handshake) linger(conn *dtls.Conn) {
	if !h.want.Active {
		<-h.ctx.Done()
	}
	h.silence()
	h.cancel()
	_ = conn.Close()
	h.over(nil)
}

// shown ends a handshake that lingers: what has come from the peer had its keys, so it has heard our last flight. The session is locked.
func (a *association) shown() {
	if a != nil && a.run != nil && a.run.done {
		a.run.cancel()
	}
}

// tire ends one that has lingered for long enough. The session is locked.
func (a *association) tire(now int64) {
	if a != nil && a.run != nil && a.run.done && now-a.run.since >= int64(lingerTime) {
		a.run.cancel()
	}
}

func (h *handshake) silence() {
	h.port.stream.session.mu.Lock()
	defer h.port.stream.session.mu.Unlock()
	h.mute = true
}

// over takes the handshake out of its port; err is why it has brought no keys. False: it is not wanted any more.
func (h *handshake) over(err error) bool {
	h.port.stream.session.mu.Lock()
	defer h.port.stream.session.mu.Unlock()
	if a := h.port.dtls; a == nil || a.run != h {
		return false
	}
	switch {
	case errors.Is(err, stdcontext.DeadlineExceeded) && h.peer.size != 0:
		h.port.dtls.past = unfinished
	case errors.Is(err, stdcontext.DeadlineExceeded):
		h.port.dtls.past = h.port.dtls.trouble()
	case err != nil:
		h.port.dtls.past = "it failed: " + err.Error()
	}
	h.port.dtls.run = nil
	return true
}

// isPeers tells whether a certificate is the one that the SDP announces. The SDP of who begins may come behind it.
func (h *handshake) isPeers(certificate []byte) bool {
	patience := time.NewTimer(answerTime)
	defer patience.Stop()
	for !h.fits(certificate) {
		if h.want.Active {
			return false
		}
		select {
		case <-h.told:
		case <-patience.C:
			return false
		case <-h.ctx.Done():
			return false
		}
	}
	return true
}

func (h *handshake) fits(certificate []byte) bool {
	h.port.stream.session.mu.Lock()
	defer h.port.stream.session.mu.Unlock()
	a := h.port.dtls
	if a == nil || a.run != h {
		return false
	}
	if h.odd = !fits(certificate, a.want.Peer); !h.odd {
		h.meant = a.want
	}
	return !h.odd
}

// announced is what the peer's certificate has fitted.
func (h *handshake) announced() *media.DTLS {
	h.port.stream.session.mu.Lock()
	defer h.port.stream.session.mu.Unlock()
	if h.meant == nil {
		return h.want
	}
	return h.meant
}

func (r *Relay) dtlsConfig(want *media.DTLS, isPeers func(certificate []byte) bool) *dtls.Config {
	c := &dtls.Config{
		Certificates: []tls.Certificate{r.identity.certificate}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert,
		ExtendedMasterSecret: dtls.RequestExtendedMasterSecret, LoggerFactory: silent, FlightInterval: flightTime,
		VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if len(chain) == 0 || !isPeers(chain[0]) {
				return errNotOurs
			}
			return nil
		},
	}
	for _, s := range want.Suites {
		c.SRTPProtectionProfiles = append(c.SRTPProtectionProfiles, dtls.SRTPProtectionProfile(profiles[s]))
	}
	return c
}

// silent: what pion would say of a handshake, its error says.
var silent = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}

// exported are the keys of RFC 5764 §4.2. That the certificate fits is asked once more: everything hangs on it.
func exported(conn *dtls.Conn, want *media.DTLS) (*media.Crypt, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, errors.New("no SRTP profile was agreed on")
	}
	c := &media.Crypt{}
	for s := range profiles {
		if s > 0 && uint16(profiles[s]) == uint16(profile) {
			c.Suite = media.Suite(s)
		}
	}
	key, err := profiles[c.Suite].KeyLen()
	if err != nil {
		return nil, err
	}
	state, ok := conn.ConnectionState()
	if !ok || len(state.PeerCertificates) == 0 || !fits(state.PeerCertificates[0], want.Peer) {
		return nil, errNotOurs
	}
	salt := c.Suite.KeySize() - key
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(key+salt))
	if err != nil {
		return nil, err
	}
	client, server := string(m[:key])+string(m[2*key:2*key+salt]), string(m[key:2*key])+string(m[2*key+salt:])
	if !want.Active {
		client, server = server, client
	}
	c.Send, c.Recv = client, []media.MasterKey{{Key: server}}
	return c, nil
}
