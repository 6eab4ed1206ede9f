package siptest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v3"
)

// Kinds of ICE that an agent may have (RFC 8445).
const (
	ICEFull = "full" // it checks, nominates by a second check, and sends nothing before; later it goes on checking consent (RFC 7675)
	ICELite = "lite" // it answers checks, and sends to where they nominate
)

// checkEvery is Ta of RFC 8445 §14.2; consent is asked for much more often than RFC 7675 says, so that tests need not wait.
const (
	checkEvery   = 50 * time.Millisecond
	consentEvery = 10 // of those
)

// credentials are what a description says of ICE.
type credentials struct {
	ufrag, pwd string
	lite       bool
	candidates [2]netip.AddrPort // of RTP and RTCP: the first of each
}

func (c *credentials) known() bool { return c.ufrag != "" }

// read takes an attribute.
func (c *credentials) read(name, value string) {
	switch name {
	case "ice-ufrag":
		c.ufrag = value
	case "ice-pwd":
		c.pwd = value
	case "ice-lite":
		c.lite = true
	case "candidate":
		f := strings.Fields(value)
		if len(f) < 8 {
			return
		}
		component, _ := strconv.Atoi(f[1])
		port, _ := strconv.ParseUint(f[5], 10, 16)
		ip, err := netip.ParseAddr(f[4])
		if err == nil && (component == 1 || component == 2) && !c.candidates[component-1].IsValid() {
			c.candidates[component-1] = netip.AddrPortFrom(ip, uint16(port))
		}
	}
}

func (c *credentials) write(b *strings.Builder) {
	fmt.Fprintf(b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", c.ufrag, c.pwd)
	for i, at := range c.candidates {
		fmt.Fprintf(b, "a=candidate:1 %d UDP %d %s %d typ host\r\n", i+1, 2130706431-i, at.Addr(), at.Port())
	}
}

// newCredentials are those of a media; it is full or lite.
func newCredentials(kind string, m *media) credentials {
	b := make([]byte, 20)
	_, _ = rand.Read(b)
	text := hex.EncodeToString(b)
	c := credentials{ufrag: text[:8], pwd: text[8:], lite: kind == ICELite}
	c.candidates = [2]netip.AddrPort{m.addr, netip.AddrPortFrom(m.addr.Addr(), m.addr.Port()+1)}
	return c
}

// RestartICE has the next description of ours ask to begin anew (RFC 8445 §9).
func (c *Call) RestartICE() {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	c.local.ice = credentials{}
}

// Checks is how often the peer has answered checks with success, and why one was refused last.
func (c *Call) Checks() (succeeded int, refused error) {
	m := c.mediaOf()
	if m == nil {
		return 0, errors.New("no media")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ice.succeeded, m.ice.refused
}

// connectivity is the ICE of a call's media, which is locked.
type connectivity struct {
	ours, theirs credentials
	nominated    [2]netip.AddrPort // where media goes
	valid        [2]bool           // a check has succeeded: the next one nominates
	turns        int
	succeeded    int
	refused      error
}

// connect makes the media use both descriptions. Other credentials begin anew.
func (m *media) connect(ours, theirs credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ice.ours == ours && m.ice.theirs == theirs {
		return
	}
	if begun := m.ice.ours.known(); !begun && !ours.lite {
		m.a.wg.Add(1)
		go m.checks()
	}
	m.ice = connectivity{ours: ours, theirs: theirs}
}

// checks sends them until the call ends.
func (m *media) checks() {
	defer m.a.wg.Done()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.check()
		case <-m.ctx.Done():
			return
		}
	}
}

func (m *media) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := &m.ice
	i.turns++
	for k, c := range [...]*net.UDPConn{m.rtp, m.rtcp} {
		to := i.theirs.candidates[k]
		if !to.IsValid() || i.nominated[k].IsValid() && i.turns%consentEvery != 0 {
			continue
		}
		setters := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(i.theirs.ufrag + ":" + i.ours.ufrag),
			stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)}, stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{110, 255, 255, byte(255 - k)}}}
		if i.valid[k] {
			setters = append(setters, stun.RawAttribute{Type: stun.AttrUseCandidate})
		}
		if r, err := stun.Build(append(setters, stun.NewShortTermIntegrity(i.theirs.pwd), stun.Fingerprint)...); err == nil {
			_, _ = c.WriteToUDPAddrPort(r.Raw, to)
		}
	}
}

// bind takes a message of STUN; false: it is none. The media is locked.
func (m *media) bind(c *net.UDPConn, component int, b []byte, from netip.AddrPort) bool {
	if !m.ice.ours.known() || !stun.IsMessage(b) {
		return false
	}
	r, i := &stun.Message{Raw: append([]byte(nil), b...)}, &m.ice
	if r.Decode() != nil || stun.Fingerprint.Check(r) != nil {
		m.stats.Malformed++
		return true
	}
	switch r.Type {
	case stun.BindingSuccess:
		if stun.NewShortTermIntegrity(i.theirs.pwd).Check(r) != nil {
			return true
		}
		i.succeeded++
		if i.valid[component] { // to a check that nominates, or to the one before it: the next one is on its way
			i.nominated[component] = i.theirs.candidates[component]
		}
		i.valid[component] = true
	case stun.BindingError:
		var code stun.ErrorCodeAttribute
		_ = code.GetFrom(r)
		i.refused = fmt.Errorf("a check is answered with %d", code.Code)
	case stun.BindingRequest:
		key := stun.NewShortTermIntegrity(i.ours.pwd)
		if key.Check(r) != nil {
			return true
		}
		if r.Contains(stun.AttrUseCandidate) {
			i.nominated[component] = from
		}
		i.succeeded++
		answer, err := stun.Build(stun.NewTransactionIDSetter(r.TransactionID), stun.BindingSuccess,
			&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}, key, stun.Fingerprint)
		if err == nil {
			_, _ = c.WriteToUDPAddrPort(answer.Raw, from)
		}
	}
	return true
}

// destination is where media of a component goes; not valid: nowhere yet. The media is locked.
func (m *media) destination(component int, sdp netip.AddrPort) netip.AddrPort {
	if m.ice.ours.known() && !(m.ice.ours.lite && m.ice.theirs.lite) {
		return m.ice.nominated[component]
	}
	return sdp
}
