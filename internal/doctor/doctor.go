// Package doctor examines one trunk from outside: it looks the gateway up, connects as the server would, shows what both sides of a TLS
// handshake say, sends one OPTIONS, and judges what of the trunk's settings will not work with such a peer.
//
// It needs no running server and disturbs none: where a server holds the trunk's port, another one is used, and the report says so. It
// sends one OPTIONS to each address, over UDP with its repetitions.
package doctor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Config is what an examination needs.
type Config struct {
	Snapshot  *topology.Snapshot
	Server    *topology.Server // as whom
	Resolver  *resolve.Resolver
	Timeout   time.Duration // of each step: DNS, connection, handshake, answer; default 5 s
	UserAgent string
	Media     bool       // look at media, too: ours, and what the answer says of the peer's; the peer is asked nothing more
	Progress  func(Step) // told of each step when it is done; may be nil
}

// Step is one thing that was done.
type Step struct {
	Trunk  string        `json:"trunk"`
	What   string        `json:"what"` // media, resolve, connect, tls, options
	Took   time.Duration `json:"took"`
	Text   string        `json:"text"`
	Failed bool          `json:"failed"`
}

// Report is what was found out of one trunk, and what is to be thought of it.
type Report struct {
	Facts    Facts     `json:"facts"`
	Steps    []Step    `json:"steps"`
	Findings []Finding `json:"findings"`
}

// Worst is the severity of the worst finding.
func (r *Report) Worst() Severity {
	worst := OK
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// maxHops bounds the addresses that are tried: what a call would try, and no flood.
const maxHops = 4

const defaultTimeout = 5 * time.Second

// examination is one trunk at work.
type examination struct {
	Config
	trunk *topology.Trunk
	env   b2bua.Env
	ours  *ourCertificate
	Report
}

// Examine examines a trunk of the server's pool.
func Examine(ctx context.Context, cfg Config, trunk *topology.Trunk) *Report {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	x := &examination{Config: cfg, trunk: trunk}
	x.env = b2bua.Env{Server: cfg.Server, UserAgent: cfg.UserAgent, Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	f := &x.Facts
	f.Trunk, f.Server, f.Transport = trunk.Name, cfg.Server.Name, trunk.Transport.String()
	f.Gateway, f.Host = trunk.Gateway.Name, trunk.Gateway.Host
	if trunk.Transport == sip.TLS {
		x.ours = loadOurs(cfg.Server, trunk.Names(cfg.Server))
		x.ours.tell(f)
	}
	if cfg.Media {
		x.media()
	}
	for _, hop := range x.resolve(ctx) {
		if ctx.Err() != nil {
			break
		}
		f.Hops = append(f.Hops, Hop{Address: hop.AddrPort})
		x.try(ctx, &f.Hops[len(f.Hops)-1], hop)
	}
	if cfg.Media {
		x.unheard()
	}
	x.identify()
	x.Findings = Judge(trunk, cfg.Server, f, time.Now())
	return &x.Report
}

func (x *examination) step(what string, begin time.Time, failed bool, format string, args ...any) {
	s := Step{x.trunk.Name, what, time.Since(begin), fmt.Sprintf(format, args...), failed}
	x.Steps = append(x.Steps, s)
	if x.Progress != nil {
		x.Progress(s)
	}
}

// resolve looks the gateway up as a call would (RFC 3263).
func (x *examination) resolve(ctx context.Context) []resolve.Addr {
	begin, gw := time.Now(), x.trunk.Gateway
	if remote, ok := x.trunk.Remote(); ok {
		return []resolve.Addr{{AddrPort: remote, Transport: x.trunk.Transport, Name: gw.Host}}
	}
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	q := resolve.Query{Host: gw.Host, Port: x.trunk.GatewayPort, Transport: x.trunk.Transport}
	q.IPv4, q.IPv6 = x.Server.Toward(x.trunk).Families()
	res, trail, err := x.Resolver.Trace(ctx, q)
	for _, a := range trail {
		d := DNS{Name: a.Name, Type: a.Type, Records: clipAll(a.Records)}
		if a.Err != nil {
			d.Error = a.Err.Error()
		}
		x.Facts.DNS = append(x.Facts.DNS, d)
	}
	x.Facts.Found = len(res.Hops)
	if err != nil {
		x.Facts.DNSError = err.Error()
		x.step("resolve", begin, true, "%v", err)
		return nil
	}
	words := make([]string, len(res.Hops))
	for i, h := range res.Hops {
		words[i] = h.AddrPort.String()
	}
	x.step("resolve", begin, false, "%s is %s", gw.Host, strings.Join(words, ", "))
	return res.Hops[:min(len(res.Hops), maxHops)]
}

// identify tells for each address that answered which trunk a call from it would count for.
func (x *examination) identify() {
	resolved := func(g *topology.Gateway) (list []netip.Addr) {
		if g == x.trunk.Gateway {
			for _, h := range x.Facts.Hops {
				list = append(list, h.Address.Addr())
			}
		}
		return list
	}
	for i := range x.Facts.Hops {
		h := &x.Facts.Hops[i]
		if h.Answer == nil {
			continue
		}
		t, _ := x.Snapshot.InboundTrunk(x.Server, x.trunk.Transport, netip.AddrPortFrom(h.Local.Addr(), x.trunk.Port), h.Answer.From.Addr(), h.names, resolved)
		if t != nil {
			if t == x.trunk.Watched() { // a derived trunk is told by its name in the request
				t = x.trunk
			}
			h.CountsFor = t.Name
		}
	}
}
