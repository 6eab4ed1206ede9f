package ua_test

import (
	"strings"
	"testing"
)

// TestBYP01RedirectedTo: a target that only a redirection names is bypassed as the caller's description came, although nobody who was to be called
// before could be.
func TestBYP01RedirectedTo(t *testing.T) {
	const direct = "enableBypass: true, rtcpActiveCalls: false, rtcpCallsOnHold: false"
	r := rigOf(t, strings.NewReplacer("trunkSettings:\n", "  near: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:\n  \"trunk:near\": {"+direct+
		"}\n  \"trunk:pstn\": {redirect: follow, redirectHosts: [198.51.100.3]}\n", `"trunk:uc": {`, `"trunk:uc": {`+direct+", ", "routes:\n",
		"routes:\n  - {name: near, pattern: '^\\+1425555019', usages: [all], trunks: [near]}\n").Replace(document))
	secret := keyed(bodies[0], strong+uc80)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", secret))
	inv, offer := r.told("INVITE")
	if offer.Media[0].Secure() {
		t.Fatalf("offered\n%s", inv)
	}
	r.out.Reset()
	r.in(r.pstn, []byte(strings.Replace(string(response("302 Moved Temporarily", inv, "to", "")), "<sip:198.51.100.2:5060>", "<sip:+14255550190@198.51.100.3>", 1)))
	inv, offer = r.told("INVITE")
	_, media, _ := strings.Cut(secret, "\r\ns=")
	if _, got, _ := strings.Cut(offer.Body(), "\r\ns="); got != media {
		t.Errorf("offered\n%s\nwant the media of\n%s", inv, secret)
	}
}
