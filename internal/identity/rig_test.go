package identity

import (
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// rig is two trunks with the settings of a case.
type rig struct {
	in, out *topology.Trunk
	user    string // number of the user who calls; "": nobody of ours
}

// newRig compiles a document; kinds are those of the gateways, in and out their settings as flow mappings.
func newRig(t testing.TB, inKind, in, outKind, out string) rig {
	t.Helper()
	doc := `
pools: {pool.example: {servers: {med1.example: {addresses: [192.0.2.11]}}}}
gateways:
  in: {kind: ` + inKind + `, host: 198.51.100.1, root: {transport: UDP}}
  out: {kind: ` + outKind + `, host: 198.51.100.2, root: {transport: UDP}}
trunkSettings:
  trunk:in: {` + in + `}
  trunk:out: {` + out + `}
`
	snap, problems := topology.Compile("x.yaml", []byte(doc))
	if snap == nil {
		t.Fatal(problems.Error())
	}
	return rig{in: snap.TrunkByName("in"), out: snap.TrunkByName("out")}
}

// invite is a received INVITE with the given header lines, as bytes of the network.
func invite(t testing.TB, headers ...string) *sip.Message {
	t.Helper()
	if !slices.ContainsFunc(headers, func(h string) bool {
		name, _ := cut(h)
		return strings.EqualFold(name, "From") || strings.EqualFold(name, "f")
	}) {
		headers = append(headers, `From: "Bob" <sip:+12065550123@198.51.100.1;user=phone>;tag=1`)
	}
	text := "INVITE sip:+14255550100@192.0.2.11 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx\r\n" + strings.Join(headers, "\r\n") +
		"\r\nTo: <sip:+14255550100@192.0.2.11>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:198.51.100.1>\r\nContent-Length: 0\r\n\r\n"
	m, err := sip.Parse([]byte(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// target is the Request-URI of every case.
const target = "sip:+14255550100@198.51.100.2;user=phone"

// send is what leaves for a target whose caller is decided as in b2bua.
func (r rig) send(m *sip.Message, suppress bool, alternate string) []string {
	caller := ReadCaller(m, r.in)
	who := caller.Presented()
	o := Outgoing{In: r.in, Out: r.out, Host: "192.0.2.11", Invite: m, Carry: routing.Carry,
		Calling: routing.Carry(r.in, r.out, who.Number), Display: who.Display}
	if suppress {
		o.Suppress, o.Calling, o.Display = true, alternate, ""
		if alternate == "" {
			o.Calling = routing.Anonymous
		}
	}
	if r.user != "" {
		o.User, o.Calling = true, r.user
	}
	o.Read()
	to := sip.NewRequest("INVITE", target)
	to.Add(sip.IDFrom, o.From("t"))
	o.Write(to, target)
	var lines []string
	for i := range to.Headers {
		lines = append(lines, to.Headers[i].Name+": "+to.Headers[i].Value)
	}
	return lines
}

// sends compares what leaves, From first.
func (r rig) sends(t *testing.T, m *sip.Message, want ...string) {
	t.Helper()
	compare(t, r.send(m, false, ""), want)
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("sent\n%s\nwant\n%s", g, w)
	}
}

func cut(header string) (name, value string) {
	name, value, _ = strings.Cut(header, ": ")
	return name, value
}
