package ua_test

import (
	"strings"
	"testing"
)

// RFC 3261 §12.1.1: who calls a sips URI over TLS, or comes from one, is given one in Contact, also in what we send later; nobody else is.
func TestRFC3261_12_1_1SIPSContact(t *testing.T) {
	const uri, to = "sip:+14255550100@contoso.sbc.example.com", "contoso.sbc.example.com"
	for name, row := range map[string]struct {
		change []string // of the INVITE
		want   string
	}{
		"Request-URI":                    {[]string{uri + " SIP", "sips:+14255550100@contoso.sbc.example.com SIP"}, "<sips:contoso.sbc.example.com:5061>"},
		"Record-Route":                   {[]string{"Max-Forwards", "Record-Route: <sips:sip.hub.test;lr>\r\nMax-Forwards"}, "<sips:contoso.sbc.example.com:5061>"},
		"Contact":                        {[]string{"Contact: <sip:", "Contact: <sips:"}, "<sips:contoso.sbc.example.com:5061>"},
		"Contact behind a Record-Route":  {[]string{"Contact: <sip:", "Contact: <sips:", "Max-Forwards", "Record-Route: <sip:sip.hub.test;lr>\r\nMax-Forwards"}, "<sip:contoso.sbc.example.com:5061;transport=tls>"},
		"nothing of the kind":            {nil, "<sip:contoso.sbc.example.com:5061;transport=tls>"},
		"a sips URI far from the caller": {[]string{"To: <sip:", "To: <sips:"}, "<sip:contoso.sbc.example.com:5061;transport=tls>"},
	} {
		r, src := newTenants(t)
		data := toTenant(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), uri, to)
		r.in(src, []byte(strings.NewReplacer(row.change...).Replace(string(data))))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		if got := header(ok, "Contact"); got != row.want {
			t.Errorf("%s: Contact of the 200 is %s", name, got)
		}
		r.in(src, toTenant(request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""), uri, to))
		callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(inv, "To") + ";tag=to", to: header(inv, "From")}
		callee.says("INVITE", "")
		if ours, _ := r.told("INVITE"); header(ours, "Contact") != row.want {
			t.Errorf("%s: Contact of our re-INVITE is %s", name, header(ours, "Contact"))
		}
	}
}
