package ua_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/sip"
)

const tenants = `
pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.10], cert: a.pem, key: a.key}}}}
gateways:
  hub: {kind: uc, host: sip.hub.test, profile: teams-direct-routing, root: {port: 5061, gatewayPort: 5061, contactHost: sbc.example.com}}
  pstn: {host: 198.51.100.2, root: {transport: UDP}}
trunks:
  contoso: {carrier: hub, contactHost: contoso.sbc.example.com}
  fabrikam: {carrier: hub, contactHost: fabrikam.sbc.example.com, enabled: false}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [pstn]}]
trunkSettings:
  global: {srtpMode: accept}
  trunk:contoso: {usages: [all], acceptReplaces: off, srtpMode: accept}
`

// newTenants is a rig with that document, and where the hub calls from.
func newTenants(t *testing.T) (*rig, sip.Source) {
	return rigOf(t, tenants), sip.Source{Transport: sip.TLS, Local: netip.MustParseAddrPort("192.0.2.10:5061"), Remote: netip.MustParseAddrPort("198.51.100.1:40000"),
		Flow: 1, Names: []string{"sip.hub.test"}}
}

// toTenant is a request of the hub with that Request-URI and host of To.
func toTenant(data []byte, uri, to string) []byte {
	data = bytes.ReplaceAll(data, []byte("sip:+14255550100@192.0.2.10:5060;user=phone SIP"), []byte(uri+" SIP"))
	data = bytes.ReplaceAll(data, []byte("To: <sip:+14255550100@192.0.2.10"), []byte("To: <sip:+14255550100@"+to))
	return bytes.ReplaceAll(data, []byte("SIP/2.0/UDP"), []byte("SIP/2.0/TLS"))
}

// DR-28, DR-02: the host of the Request-URI, or else of To, says which tenant a call is for, and the answer has the tenant's name in Contact.
// DR-04: so does the answer to OPTIONS. DR-11: a tenant may be out of service by itself.
func TestDR_28TenantOfARequest(t *testing.T) {
	r, src := newTenants(t)
	for i, c := range []struct {
		method, uri, to string
		want            []string // in the last message to the hub
	}{
		{"OPTIONS", "sip:sbc.example.com:5061;transport=tls", "sbc.example.com", []string{"SIP/2.0 200", "Contact: <sip:sbc.example.com:5061;transport=tls>", "Allow: "}},
		{"OPTIONS", "sip:Contoso.sbc.example.com", "elsewhere.test", []string{"SIP/2.0 200", "Contact: <sip:contoso.sbc.example.com:5061;transport=tls>"}},
		{"OPTIONS", "sip:192.0.2.10", "fabrikam.sbc.example.com", []string{"SIP/2.0 503", "trunk-disabled"}},
		{"INVITE", "sip:+14255550100@contoso.sbc.example.com;user=phone", "elsewhere.test",
			[]string{"SIP/2.0 180", "Contact: <sip:contoso.sbc.example.com:5061;transport=tls>"}},
		{"INVITE", "sip:+14255550100@192.0.2.10", "contoso.sbc.example.com", []string{"SIP/2.0 180", "Contact: <sip:contoso.sbc.example.com:5061;transport=tls>"}},
		{"INVITE", "sip:+14255550100@fabrikam.sbc.example.com", "contoso.sbc.example.com", []string{"SIP/2.0 503", "trunk-disabled"}},
		{"INVITE", "sip:+14255550100@nobody.sbc.example.com", "sbc.example.com", []string{"SIP/2.0 403", "no-usage"}},
		{"INVITE", "tel:+14255550100", "nobody.sbc.example.com", []string{"SIP/2.0 403", "no-usage"}},
	} {
		id := "c" + string(rune('a'+i))
		r.out.Reset()
		r.in(src, toTenant(request(c.method, "1", id, id, "from", "", bodies[0]), c.uri, c.to))
		for _, s := range r.out.Sends {
			if bytes.HasPrefix(s.Data, []byte("INVITE ")) {
				r.in(r.pstn, response("180 Ringing", s.Data, "to", ""))
			}
		}
		last := string(r.out.Sends[len(r.out.Sends)-1].Data)
		for _, want := range c.want {
			if !strings.Contains(last, want) {
				t.Errorf("%s %s, To %s: no %q in\n%s", c.method, c.uri, c.to, want, last)
			}
		}
	}
}

// DR-28: an INVITE with Replaces is the tenant's too when it comes by way of another shard.
func TestDR_28TenantReplaces(t *testing.T) {
	const uri, to = "sip:+14255550100@contoso.sbc.example.com;user=phone", "contoso.sbc.example.com"
	r, src := newTenants(t)
	r.in(src, toTenant(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), uri, to))
	r.sent("INVITE")
	inv := r.out.Sends[0].Data
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	r.sent("ACK", "SIP/2.0 200")
	tag := tagOf(header(r.out.Sends[1].Data, "To"))
	r.in(src, toTenant(request("ACK", "1", "a1", "call", "from", tag, ""), uri, to))
	replaces := func(id string) []byte {
		data := toTenant(request("INVITE", "1", id, id, "other", "", bodies[0]), uri, to)
		return bytes.Replace(data, []byte("Max-Forwards"), []byte("Replaces: call;to-tag="+tag+";from-tag=from\r\nMax-Forwards"), 1)
	}
	r.out.Reset()
	r.in(src, replaces("here"))
	m, err := sip.Parse(replaces("elsewhere"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.core.Forwarded(r.now, b2bua.Forward{Key: "call", Source: src, Msg: m}, &r.out)
	r.sent("SIP/2.0 403", "SIP/2.0 403")
	for _, s := range r.out.Sends {
		if !bytes.Contains(s.Data, []byte("replaces-refused")) {
			t.Errorf("%s", s.Data)
		}
	}
}

// DR-02: who takes a seat by INVITE with Replaces knows us by the tenant's name, too.
func TestDR_02ReplacesHasTheNameInContact(t *testing.T) {
	const uri, to = "sip:+14255550100@contoso.sbc.example.com;user=phone", "contoso.sbc.example.com"
	_, src := newTenants(t)
	r := rigOf(t, strings.Replace(tenants, "acceptReplaces: off, ", "", 1))
	r.in(src, toTenant(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), uri, to))
	inv := r.out.Sends[0].Data
	r.out.Reset()
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	r.sent("ACK", "SIP/2.0 200")
	tag := tagOf(header(r.out.Sends[1].Data, "To"))
	r.in(src, toTenant(request("ACK", "1", "a1", "call", "from", tag, ""), uri, to))
	r.out.Reset()
	data := toTenant(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), uri, to)
	r.in(src, bytes.Replace(data, []byte("Max-Forwards"), []byte("Replaces: call;to-tag="+tag+";from-tag=from\r\nMax-Forwards"), 1))
	again, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("200 OK", again, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200")
	if got := header(ok, "Contact"); got != "<sip:contoso.sbc.example.com:5061;transport=tls>" {
		t.Errorf("Contact is %s", got)
	}
}
