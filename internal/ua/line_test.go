package ua_test

import (
	"strings"
	"testing"
)

// RFC 3325 §9.1: who is vouched for by an address without number and a TEL URI beside it has that number, as caller and as who has answered: a telephone network
// knows no names.
func TestRFC3325_9_1_NumberOfTheTELURI(t *testing.T) {
	const vouched = `P-Asserted-Identity: "Rob" <sip:rob@example.com>, <tel:+12065550123>`
	const told = "\"Rob\" <sip:+12065550123@192.0.2.10;user=phone>\n<tel:+12065550123>"
	doc := strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, forwardPAI: true, acceptGatewayPAIForOutboundCalls: true}`+"\n  \"trunk:uc\": {forwardPAI: true, ", 1)
	r := rigOf(t, doc)
	r.in(r.uc, with([]byte(strings.Replace(string(request("INVITE", "1", "i1", "call", "from", "", bodies[0])), "sip:+14255550199@198.51.100.1;user=phone", "sip:rob@example.com", 1)), vouched))
	r.sent("INVITE")
	ours := r.last()
	if from, pai := header(ours, "From"), values(ours, "P-Asserted-Identity"); !strings.HasPrefix(from, `"Alice" <sip:+12065550123@192.0.2.10;user=phone>`) || pai != told {
		t.Errorf("From: %s\nP-Asserted-Identity: %s", from, pai)
	}
	r.out.Reset()
	r.in(r.pstn, with(response("200 OK", ours, "to", bodies[1]), vouched))
	r.sent("ACK", "SIP/2.0 200")
	if pai := values(r.last(), "P-Asserted-Identity"); pai != told {
		t.Errorf("answered by %s", pai)
	}
}
