package b2bua

import (
	"math/rand/v2"
	"strings"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Preview shows what would be sent for a call, without placing it.
type Preview struct {
	call Call
	req  *sip.Message
}

// NewPreview is a call by a query: it arrives on the query's trunk with an INVITE whose further lines are headers, "Privacy: id". With any of them
// the query takes the caller from the INVITE, as far as the trunk is trusted. A call without a trunk comes from nowhere and nothing of it is believed.
func NewPreview(snap *topology.Snapshot, q *routing.Query, headers []string) *Preview {
	in := q.Trunk
	p := &Preview{req: arriving(in, q, headers)}
	c := &p.call
	c.snap, c.a.trunk, c.a.inv, c.rec = snap, in, p.req, &cdr.Record{Start: q.Now}
	c.env = &Env{Server: q.Server, Rand: rand.New(rand.NewPCG(1, 1)), UserAgent: "directsip"}
	if in != nil {
		topology.ApplyHeaderRules(in.Settings.HeaderRules.In, p.req, p.req)
		c.hearSession(&c.a, p.req)
		if len(headers) > 0 {
			p.read(q)
		}
	}
	return p
}

// Trunk is the trunk that the call comes in on; nil: it comes from nowhere.
func (p *Preview) Trunk() *topology.Trunk { return p.call.a.trunk }

// arriving is the INVITE that the peer of a trunk sends. A line for From takes the place of the query's caller.
func arriving(in *topology.Trunk, q *routing.Query, headers []string) *sip.Message {
	peer := "invalid"
	if in != nil {
		peer = string(appendHostPort(nil, in.Gateway.Host, in.Gateway.Addr, 0, in.Transport))
	}
	uri := func(uri, user string) string {
		if uri == "" {
			uri = "sip:" + sip.EscapeUser(user) + "@" + peer
		}
		return uri
	}
	m := sip.NewRequest("INVITE", uri(q.CalledURI, q.Called))
	m.Add(sip.IDCSeq, "1 INVITE")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		m.AddName(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if !m.Has(sip.IDFrom) {
		from := "<" + uri(q.CallingURI, q.Calling) + ">"
		switch {
		case q.Calling == routing.Anonymous && q.CallingURI == "":
			from = `"Anonymous" <` + identity.Anonymous + ">"
		case q.Calling != "" && q.User != nil:
			from = "<" + uri("", q.Calling) + ">"
		case q.Calling == "" && q.CallingURI == "":
			from = "<sip:" + peer + ">"
		}
		m.Add(sip.IDFrom, from+";tag=1")
	}
	return m
}

// read tells the query who calls.
func (p *Preview) read(q *routing.Query) {
	read := p.call.query(p.req)
	q.Calling, q.CallingURI, q.Display = read.Calling, read.CallingURI, read.Display
	if read.User != nil {
		q.User = read.User
	}
	if q.ForwardedBy == "" {
		q.ForwardedBy = read.ForwardedBy
	}
}

// Invites is the INVITE for each target of a decision, without its body. Tags, branches and Call-IDs stand for those that are drawn; the addresses
// of a gateway that is given by name are not looked up.
func (p *Preview) Invites(d *routing.Decision) []*sip.Message {
	p.call.decision = *d
	list := make([]*sip.Message, len(d.Targets))
	for i := range d.Targets {
		list[i] = p.invite(&d.Targets[i])
	}
	return list
}

func (p *Preview) invite(target *routing.Target) *sip.Message {
	c, trunk := &p.call, target.Trunk
	if c.env.Server == nil && len(trunk.Pool.Servers) > 0 {
		c.env.Server = trunk.Pool.Servers[0]
	}
	t := &attempt{target: target}
	l := &t.leg
	l.side, l.trunk, l.first, l.tag, l.callID = 1, trunk, 1, c.env.tag(), Token(c.env.Rand, 20)
	remote, _ := trunk.Remote()
	l.hop = c.env.Toward(trunk, Addr{Remote: remote})
	return c.buildInvite(t, "")
}

// MostExplained is how many failed test cases say how they were decided.
const MostExplained = 20

// RunTests executes the test cases of the document as routing does, and compares the headers of the first target's INVITE. Decisions are kept of the first that
// failed: one names every route that does not match, and of thousands of routes and of tests these are gigabytes. each, unless it is nil, has all before.
func RunTests(snap *topology.Snapshot, each func(*routing.TestResult) error) ([]routing.TestResult, error) {
	list := make([]routing.TestResult, 0, len(snap.Tests))
	explained := 0
	for i := range snap.Tests {
		r := runTest(snap, &snap.Tests[i])
		if each != nil {
			if err := each(&r); err != nil {
				return nil, err
			}
		}
		if r.OK() || explained == MostExplained {
			r.Decision = routing.Decision{}
		} else {
			explained++
		}
		list = append(list, r)
	}
	return list, nil
}

func runTest(snap *topology.Snapshot, c *topology.TestCase) routing.TestResult {
	var p *Preview
	r := routing.RunTest(snap, c, func(q *routing.Query) {
		p = NewPreview(snap, q, c.Headers)
	})
	if p == nil || len(c.ExpectHeaders) == 0 {
		return r
	}
	if len(r.Decision.Targets) == 0 {
		r.Failures = append(r.Failures, "headers: no INVITE is sent")
		return r
	}
	p.call.decision = r.Decision
	m := p.invite(&r.Decision.Targets[0])
	for i := range c.ExpectHeaders {
		compareHeader(&r, &c.ExpectHeaders[i], m)
	}
	return r
}

// compareHeader checks one expectation: some line of the header matches, or with no pattern there is none.
func compareHeader(r *routing.TestResult, want *topology.HeaderPattern, m *sip.Message) {
	got := "no such header"
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, want.Name) {
			continue
		}
		if want.Re != nil && want.Re.MatchString(h.Value) {
			return
		}
		got = h.Value
	}
	switch {
	case want.Re == nil && got == "no such header":
	case want.Re == nil:
		r.Failures = append(r.Failures, "header "+want.Name+": expected none, got "+got)
	default:
		r.Failures = append(r.Failures, "header "+want.Name+": expected "+want.Re.String()+", got "+got)
	}
}
