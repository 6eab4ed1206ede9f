package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/sip"
)

// Facts is what was seen, without judgement. Every text in it that comes from the peer is bounded.
type Facts struct {
	Trunk     string       `json:"trunk"`
	Gateway   string       `json:"gateway"`
	Host      string       `json:"host"`
	Server    string       `json:"server"`
	Transport string       `json:"transport"`
	DNS       []DNS        `json:"dns,omitempty"`
	DNSError  string       `json:"dnsError,omitempty"`
	Found     int          `json:"found,omitempty"` // addresses in DNS, of which at most four are tried
	Ours      *Certificate `json:"ours,omitempty"`  // our own certificate, of a TLS trunk
	OursError string       `json:"oursError,omitempty"`
	Trusted   *Authorities `json:"trusted,omitempty"` // whom the server trusts, where ca of it names a file
	Media     *Media       `json:"media,omitempty"`   // ours, where it was to be looked at
	Hops      []Hop        `json:"hops"`
}

// DNS is a record set that the look-up used.
type DNS struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Records []string `json:"records"` // in the order of preference
	Error   string   `json:"error,omitempty"`
}

// Hop is one address of the gateway.
type Hop struct {
	Address   netip.AddrPort `json:"address"`
	Local     netip.AddrPort `json:"local"`               // where from
	PortHeld  bool           `json:"portHeld,omitempty"`  // UDP: another process, most likely the server, has the trunk's port
	Elsewhere bool           `json:"elsewhere,omitempty"` // the server's address is not one of this host
	Connect   time.Duration  `json:"connect,omitempty"`   // TCP connection
	Failed    Stage          `json:"failed,omitempty"`    // "" when there was an answer
	Error     string         `json:"error,omitempty"`
	TLS       *Handshake     `json:"tls,omitempty"`
	Answer    *Answer        `json:"answer,omitempty"`
	CountsFor string         `json:"countsFor,omitempty"` // trunk of a call from where the answer came from; "" none: it would be a stranger

	names []string // of the peer's certificate
}

// Stage is where an address failed.
type Stage string

// The stages.
const (
	Refused     Stage = "refused"     // nothing listens on the port
	Unreachable Stage = "unreachable" // no connection, no way
	TLSFailed   Stage = "tls"         // no handshake
	Closed      Stage = "closed"      // the connection ended before the answer
	Silent      Stage = "silent"      // no answer
)

// Handshake is what both sides said in a TLS handshake.
type Handshake struct {
	Took    time.Duration `json:"took"`
	Version string        `json:"version"`
	Cipher  string        `json:"cipher"`
	Name    string        `json:"name"`  // that the peer's certificate must carry
	Chain   []Certificate `json:"chain"` // of the peer, its own certificate first
	// Empty: it is good.
	NameError  string `json:"nameError,omitempty"`
	TrustError string `json:"trustError,omitempty"`
	stale      string // the authority whose certificate has expired, or is not valid yet, where that is what TrustError says
	// ClientAsked: the peer asked for our certificate. ClientIssuers are the authorities that it named (none: any), and ClientFits tells
	// whether ours is from one of them.
	ClientAsked   bool     `json:"clientAsked"`
	ClientIssuers []string `json:"clientIssuers,omitempty"`
	ClientFits    bool     `json:"clientFits"`
}

// Certificate is what counts of one.
type Certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	Names    []string  `json:"names"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Client   bool      `json:"client"` // may be used as a client
	SHA256   string    `json:"sha256"`
	lacks    []string  // of our names
	loose    string    // why the chain of ours leads to nobody; "": it leads to somebody
	selfMade bool
}

// Authorities are the certificates of a file that peers are verified against.
type Authorities struct {
	File  string    `json:"file"`
	Until time.Time `json:"until"` // the last of them
}

// Answer is the response to OPTIONS.
type Answer struct {
	Status     int            `json:"status"`
	Phrase     string         `json:"phrase"`
	From       netip.AddrPort `json:"from"`
	RoundTrip  time.Duration  `json:"roundTrip"`
	Sent       int            `json:"sent"`             // times that OPTIONS was sent
	SeenAs     string         `json:"seenAs,omitempty"` // our address as the peer sees it (RFC 3261 §18.2.1, RFC 3581)
	Allow      []string       `json:"allow,omitempty"`  // nil: the header is absent
	Supported  []string       `json:"supported,omitempty"`
	Accept     []string       `json:"accept,omitempty"`
	Describes  *Description   `json:"describes,omitempty"` // nil: there is none in it
	Server     string         `json:"server,omitempty"`
	UserAgent  string         `json:"userAgent,omitempty"`
	Contact    string         `json:"contact,omitempty"`
	RetryAfter string         `json:"retryAfter,omitempty"`
	Warning    string         `json:"warning,omitempty"`
	Skew       time.Duration  `json:"skew,omitempty"` // of the peer's Date against our clock
}

// Description is what counts of SDP in an answer: what the peer is able to, in no call (RFC 3264 §9).
type Description struct {
	Codecs    []string     `json:"codecs"`    // of audio
	Addresses []netip.Addr `json:"addresses"` // of its m-lines, each once
	Plain     bool         `json:"plain"`     // it has audio in RTP
	Secure    bool         `json:"secure"`    // it has audio in SRTP, or keys for it
	Error     string       `json:"error,omitempty"`
}

// name is what the peer calls itself.
func (a *Answer) name() string {
	if a.Server != "" {
		return a.Server
	}
	return a.UserAgent
}

const (
	maxText = 200 // bytes of a text that is shown
	maxList = 32  // items of a list
)

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

func clipAll(list []string) []string {
	out := []string{}
	for _, s := range list[:min(len(list), maxList)] {
		out = append(out, clip(s))
	}
	return out
}

// read takes what counts of a response.
func (a *Answer) read(m *sip.Message, now time.Time) {
	a.Status, a.Phrase = m.Status, clip(m.Reason)
	a.Allow, a.Supported = tokens(m, sip.IDAllow), tokens(m, sip.IDSupported)
	a.Accept = tokens(m, sip.IDAccept)
	if kind, _ := m.ContentType(); kind == "application/sdp" && m.Body != "" {
		a.Describes = describe(m.Body)
	}
	a.Server, a.UserAgent = clip(m.Get(sip.IDServer)), clip(m.Get(sip.IDUserAgent))
	a.Contact, a.RetryAfter, a.Warning = clip(m.Get(sip.IDContact)), clip(m.Get(sip.IDRetryAfter)), clip(m.Get(sip.IDWarning))
	if via, ok := m.TopVia(); ok {
		a.SeenAs = clip(via.Received())
	}
	if date, err := time.Parse(time.RFC1123, m.Get(sip.IDDate)); err == nil { // RFC 3261 §20.17
		a.Skew = date.Sub(now).Truncate(time.Second)
	}
}

// describe takes what counts of a description.
func describe(body string) *Description {
	d := &Description{}
	s, err := sdp.Parse(body)
	if err != nil {
		d.Error = clip(err.Error())
		return d
	}
	for i := range s.Media {
		m := &s.Media[i]
		if m.Conn.IsValid() && len(d.Addresses) < maxList && !slices.Contains(d.Addresses, m.Conn.Unmap()) {
			d.Addresses = append(d.Addresses, m.Conn.Unmap())
		}
		if !m.IsRTP() || !strings.EqualFold(m.Kind, "audio") {
			continue
		}
		d.Secure = d.Secure || m.Secure() || m.Crypto || m.Fingerprint
		d.Plain = d.Plain || !m.Secure()
		for _, c := range m.Codecs {
			if name := clip(c.Name); name != "" && len(d.Codecs) < maxList && !slices.Contains(d.Codecs, name) {
				d.Codecs = append(d.Codecs, name)
			}
		}
	}
	return d
}

func tokens(m *sip.Message, id sip.ID) []string {
	if !m.Has(id) {
		return nil
	}
	list := []string{}
	for v := range m.Values(id) {
		if len(list) < maxList {
			list = append(list, clip(v))
		}
	}
	return list
}
