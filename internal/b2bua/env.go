package b2bua

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/network"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// Ports are the media ports of a server (media.Ports).
type Ports interface {
	Take(now time.Time) (rtp uint16, ok bool)
	TakeUrgent(now time.Time) (rtp uint16, ok bool)
	Release(now time.Time, rtp uint16) bool
	Refuse(rtp uint16)
}

// Env is what all calls of one shard share. Its owner is the shard; it does not change while calls run.
type Env struct {
	Server *topology.Server
	Rand   *rand.Rand    // of a cryptographically strong source: tags, nonces and the keys of SRTP are drawn from it
	Ports  Ports         // of all shards of the server
	State  routing.State // trunk health and round-robin turns
	Limits Limits
	Timers *txn.Timers // nil: the defaults of RFC 3261
	// CallID draws a Call-ID whose messages reach this shard.
	CallID    func() string
	UserAgent string
	Opus      bool // the relay can convert to it
	// Nonces of challenges that earlier calls have met.
	Nonces Nonces
	// Binding is what a trunk's registration says of its calls; nil: no trunk registers.
	Binding func(*topology.Trunk) Binding
	// Silent are the addresses that took no request lately; nil: what this shard finds out.
	Silent Lately
	// NoTCP are those of UDP peers that were without TCP when a request was too large for UDP (RFC 3261 §18.1.1), or that take none although they have asked for
	// it (transport=tcp); nil: what this shard finds out.
	NoTCP Lately
	// Draining: no new calls.
	Draining bool
	// Fingerprint of the certificate that the relay has in handshakes of DTLS; zero: it has none, and nothing is said of DTLS.
	Fingerprint media.Fingerprint

	familiar familiar
	selves   []self
	page     routing.Page // for the explanations of decisions
	allows   map[*topology.TrunkSettings]string
}

// Binding is what a registration says of the calls on its trunk.
type Binding struct {
	At     netip.AddrPort // the address that has it; invalid when there is none
	Routes []string       // the way that calls take (Service-Route, RFC 3608)
}

// Limits counts live calls per trunk and server as sets of call ids, so that no counter can drift.
type Limits interface {
	// Acquire takes a place for the call on the trunk, or says why there is none. Emergency calls always get one (NEW-18).
	Acquire(now time.Time, t *topology.Trunk, id media.SessionID, emergency bool) *diag.Reason
	Release(t *topology.Trunk, id media.SessionID)
	// AcquireUser takes a place among the calls that a user with a limit makes, or says why there is none.
	AcquireUser(now time.Time, u *topology.User, id media.SessionID, emergency bool) *diag.Reason
	ReleaseUser(u *topology.User, id media.SessionID)
	// Reserve gives the call what its legs need on the links of the network, instead of what it had, or says which link has no room. Calls that
	// go through all the same (force) are counted.
	Reserve(n *topology.Network, id media.SessionID, legs *network.Legs, force bool) *network.Refusal
	// Refuse counts a call that is too wide for a link.
	Refuse(l *topology.Link, kind topology.MediaKind)
}

const tokenAlphabet = "abcdefghijklmnopqrstuvwxyz012345"

// Token draws n characters of 5 random bits each. RFC 3261 §19.3 asks for 32 bits in a tag; 13 characters have 65.
func Token(r *rand.Rand, n int) string {
	var b [32]byte
	return string(appendToken(b[:0], r, min(n, len(b))))
}

func appendToken(b []byte, r *rand.Rand, n int) []byte {
	for n > 0 {
		v := r.Uint64()
		var drawn [12]byte
		for k := range drawn {
			drawn[k] = tokenAlphabet[v&31]
			v >>= 5
		}
		b = append(b, drawn[:min(n, len(drawn))]...)
		n -= len(drawn)
	}
	return b
}

func (e *Env) tag() string { return Token(e.Rand, 13) }

// Local is our listener toward a peer address on a trunk: the address of that family on the interface of its gateway, and the trunk's port.
func (e *Env) Local(t *topology.Trunk, remote netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(e.Server.Toward(t).Local(remote), t.Port)
}

// Toward is the way to an address of a trunk's gateway.
func (e *Env) Toward(t *topology.Trunk, a Addr) sip.Hop {
	local := e.Local(t, a.Remote.Addr())
	hop := sip.Hop{Transport: t.Transport, Local: local, Remote: a.Remote, Name: a.Name, As: e.As(t, local)}
	if hop.Transport == sip.TLS && hop.Name == "" {
		hop.Name = t.Gateway.Host
	}
	return hop
}

// LookUp asks for the addresses of a trunk's gateway; who asks adds whom the answer is for.
func (e *Env) LookUp(t *topology.Trunk) Resolve {
	q := Resolve{Host: t.Gateway.Host, Port: t.GatewayPort, Transport: t.Transport}
	q.IPv4, q.IPv6 = e.Server.Toward(t).Families()
	return q
}

// As is what the gateway of a trunk knows a listener of ours as, when that is not what would stand in messages anyway: its contactHost, or the
// public address where there is a NAT between.
func (e *Env) As(t *topology.Trunk, local netip.AddrPort) string {
	if t.ContactHost != "" || t.Transport == sip.TLS {
		return t.ContactHost
	}
	a := e.Server.Toward(t).Known(local.Addr())
	switch {
	case a == local.Addr():
		return ""
	case a.Is6():
		return "[" + a.String() + "]"
	}
	return a.String()
}

// mediaAddr is our media address toward a peer of a trunk.
func (e *Env) mediaAddr(t *topology.Trunk, peer netip.Addr) netip.Addr {
	return e.Server.Toward(t).LocalMedia(peer)
}

// shownMedia is what descriptions for a trunk have in place of a media address of ours.
func (e *Env) shownMedia(t *topology.Trunk, local netip.Addr) netip.Addr {
	return e.Server.Toward(t).KnownMedia(local)
}

// self is how we name ourselves over one listener, written once for all calls.
type self struct {
	transport sip.Transport
	local     netip.AddrPort
	as        string
	secure    bool
	via       string // up to the branch
	contact   string
	host      string // as it stands in the identities that we write: without a port
}

// maxSelves bounds them: a server has few listeners.
const maxSelves = 64

// self finds or writes our names for the listener of a hop.
func (e *Env) self(hop sip.Hop) *self {
	for i := range e.selves {
		if s := &e.selves[i]; s.transport == hop.Transport && s.local == hop.Local && s.as == hop.As && s.secure == hop.Secure {
			return s
		}
	}
	host := string(e.appendHost(nil, hop))
	s := self{transport: hop.Transport, local: hop.Local, as: hop.As, secure: hop.Secure, via: "SIP/2.0/" + hop.Transport.String() + " " + host + ";branch=" + sip.MagicCookie}
	switch {
	case hop.Secure: // says TLS itself (RFC 3261 §26.2.2)
		s.contact = "<sips:" + host + ">"
	case hop.Transport == sip.TCP:
		s.contact = "<sip:" + host + ";transport=tcp>"
	case hop.Transport == sip.TLS:
		s.contact = "<sip:" + host + ";transport=tls>"
	default:
		s.contact = "<sip:" + host + ">"
	}
	s.host = e.bareHost(hop)
	if len(e.selves) >= maxSelves {
		e.selves = e.selves[:0]
	}
	e.selves = append(e.selves, s)
	return &e.selves[len(e.selves)-1]
}

// ContactOf is our URI on the listener of a hop, with a user part.
func (e *Env) ContactOf(hop sip.Hop, user string) string {
	c := e.self(hop).contact
	scheme, host, _ := strings.Cut(c[1:len(c)-1], ":")
	return scheme + ":" + sip.EscapeUser(user) + "@" + host
}

// Via is a Via with a new branch.
func (e *Env) Via(hop sip.Hop) string { return e.via(hop) }

// Tag is a new tag.
func (e *Env) Tag() string { return e.tag() }

// via is the value of our Via, with a new branch, for a request that leaves by hop.
func (e *Env) via(hop sip.Hop) string {
	var b [128]byte
	v := append(b[:0], e.self(hop).via...)
	v = appendToken(v, e.Rand, 16)
	if hop.Transport == sip.UDP {
		v = append(v, ";rport"...)
	}
	return string(v)
}

// appendHost writes our listener as host:port: the trunk's contactHost; without, the server's name over TLS, where names are checked, and the
// address elsewhere.
func (e *Env) appendHost(b []byte, hop sip.Hop) []byte {
	if name := e.name(hop); name != "" {
		b = append(b, name...)
		b = append(b, ':')
		return strconv.AppendUint(b, uint64(hop.Local.Port()), 10)
	}
	return hop.Local.AppendTo(b)
}

// name is what we are called on a hop, "" where we have no name but the address.
func (e *Env) name(hop sip.Hop) string {
	if hop.As == "" && hop.Transport == sip.TLS {
		return e.Server.Name
	}
	return hop.As
}

// bareHost is our listener's host as a URI has it.
func (e *Env) bareHost(hop sip.Hop) string {
	a := hop.Local.Addr()
	switch name := e.name(hop); {
	case name != "":
		return name
	case a.Is6():
		return "[" + a.String() + "]"
	}
	return a.String()
}

// isUs tells whether a host is this server to the peer of a hop: by the name or address that it has for us, or by those that the document has.
func (e *Env) isUs(hop sip.Hop, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap() == hop.Local.Addr().Unmap() || e.Server.Is(a.Unmap())
	}
	return strings.EqualFold(host, e.name(hop)) || strings.EqualFold(host, e.Server.Name) || strings.EqualFold(host, e.Server.Pool.Name)
}

// Contact is the value of our Contact toward the peer of a hop.
func (e *Env) Contact(hop sip.Hop) string { return e.self(hop).contact }

// whereWeAre is the detail of a call whose peer does not come to our Contact: the host of that, perhaps a name that it cannot resolve.
func (e *Env) whereWeAre(hop sip.Hop) string {
	return "our Contact is at " + string(e.appendHost(nil, hop)) + " over " + hop.Transport.String()
}

// Options is an OPTIONS that asks a trunk's peer whether it is there (SIG-16): no user part in the Request-URI.
func (e *Env) Options(t *topology.Trunk, hop sip.Hop, callID string) *sip.Message {
	uri := string(appendHostPort([]byte("sip:"), t.Gateway.Host, t.Gateway.Addr, t.GatewayPort, t.Transport))
	switch t.Transport {
	case sip.TCP:
		uri += ";transport=tcp"
	case sip.TLS:
		uri += ";transport=tls"
	}
	hop.As = e.As(t, hop.Local)
	us := string(e.appendHost([]byte("sip:"), hop))
	m := sip.NewRequest("OPTIONS", uri)
	m.Add(sip.IDVia, e.via(hop))
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDFrom, "<"+us+">;tag="+e.tag())
	m.Add(sip.IDTo, "<"+uri+">")
	m.Add(sip.IDCallID, callID)
	m.Add(sip.IDCSeq, "1 OPTIONS")
	m.Add(sip.IDContact, e.Contact(hop))
	m.Add(sip.IDAllow, e.Allow(t.Settings))
	m.Add(sip.IDAccept, "application/sdp")
	if t.Settings.OptionsUserAgent {
		m.Add(sip.IDUserAgent, e.UserAgent)
	}
	topology.ApplyHeaderRules(t.Settings.HeaderRules.Out, m, nil)
	return m
}
