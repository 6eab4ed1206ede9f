package ua_test

import (
	"bytes"
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

// placed is the document with bypass by network sites, where both peers are at one.
var placed = strings.NewReplacer("global: {", "global: {enableBypass: true, ", `"trunk:uc": {`, `"trunk:uc": {enableBypass: true, `).Replace(document) +
	"network:\n  regions: {here: {bypassId: here}}\n  sites: {hq: {subnets: [198.51.100.0/24]}}\n"

// inPlaceOf is an INVITE with Replaces (RFC 3891) whose sender knows the dialog by those tags.
func inPlaceOf(callID, ours, theirs, body string) []byte {
	return bytes.Replace(request("INVITE", "1", "i2", "other", "guest", "", body), []byte("Supported: "),
		[]byte("Replaces: "+callID+";to-tag="+ours+";from-tag="+theirs+"\r\nSupported: "), 1)
}

// TestBYP02WhoComesByReplaces: a client that takes a place in a bypassed call is where it says, as one that calls is.
func TestBYP02WhoComesByReplaces(t *testing.T) {
	for _, c := range []struct {
		said string
		want bool
	}{{"", false}, {"a=x-bypassid:here\r\n", true}, {"a=x-bypassid:elsewhere\r\n", false}} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200")
		tag := tagOf(header(ok, "To"))
		r.in(r.uc, request("ACK", "1", "a1", "call", "from", tag, ""))
		r.out.Reset()
		away := strings.ReplaceAll(bodies[0], "198.51.100.1", "203.0.113.9") // at home, for example
		r.in(r.uc, inPlaceOf("call", tag, "from", away+c.said))
		joined := false
		for _, s := range r.out.Sends {
			joined = joined || strings.HasPrefix(string(s.Data), "INVITE ") && strings.Contains(string(s.Data), "c=IN IP4 203.0.113.9\r\n")
		}
		if joined != c.want {
			t.Errorf("%q: joined %v\n%s", c.said, joined, r.out.Sends[0].Data)
		}
	}
}

// TestBYP06Noted: the record has a flag where a client says that it is at a place that the document does not have, and the decision says what it said.
func TestBYP06Noted(t *testing.T) {
	for id, want := range map[string]string{"here": "", "elsewhere": `"elsewhere"`, strings.Repeat("x", 4000): `"` + strings.Repeat("x", 80) + `"`} {
		r := rigOf(t, placed)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+"a=x-bypassid:"+id+"\r\n"))
		inv, offer := r.told("INVITE")
		if strings.Contains(offer.Body(), "x-bypassid") {
			t.Errorf("offered\n%s", inv)
		}
		r.in(r.pstn, response("486 Busy Here", inv, "to", ""))
		if len(r.out.Records) != 1 {
			t.Fatalf("%d records", len(r.out.Records))
		}
		rec := r.out.Records[0]
		_, said, noted := strings.Cut(strings.Join(rec.Decision, "\n"), "says the bypass id ")
		if rec.BypassWarning != (want != "") || noted != (want != "") || !strings.HasPrefix(said, want) {
			t.Errorf("%.20s: warning %v\n%s", id, rec.BypassWarning, strings.Join(rec.Decision, "\n"))
		}
	}
}
