package ua_test

import (
	"strings"
	"testing"
	"time"
)

// TestRFC5057: a subscription in the dialog of a call, as for keys (RFC 4730), is over when its SUBSCRIBE or NOTIFY is refused or not answered, and the call is not. What
// is said to a MESSAGE is said of the call.
func TestRFC5057(t *testing.T) {
	for _, row := range []struct {
		method, answer string
		over           bool
	}{
		{"SUBSCRIBE", "481 Subscription Does Not Exist", false}, {"SUBSCRIBE", "408 Request Timeout", false}, {"SUBSCRIBE", "", false},
		{"NOTIFY", "481 Subscription Does Not Exist", false}, {"NOTIFY", "", false},
		{"MESSAGE", "481 Call/Transaction Does Not Exist", true},
	} {
		const set = "relayMethods: [MESSAGE, SUBSCRIBE, NOTIFY]"
		r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {`+set+"}\n  \"trunk:uc\": {"+set+", ", 1))
		caller, callee := r.acknowledged()
		caller.says(row.method, "", "Event: kpml", "Expires: 0", "Subscription-State: active")
		out := r.first(row.method)
		if row.answer == "" {
			r.pass(40 * time.Second)
		} else {
			callee.answers(row.answer, out, "")
		}
		if over := r.first("BYE") != nil; over != row.over {
			t.Errorf("%s answered %q: over %v\n%s", row.method, row.answer, over, r.lines())
		}
	}
}

// RFC 6665 §8.2.1: the 2xx to SUBSCRIBE says where the notifier is, which is here.
func TestRFC6665_8_2_1(t *testing.T) {
	const set = "relayMethods: [SUBSCRIBE, NOTIFY]"
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {`+set+"}\n  \"trunk:uc\": {"+set+", ", 1))
	caller, callee := r.acknowledged()
	caller.says("SUBSCRIBE", "", "Event: kpml", "Expires: 600")
	callee.answers("200 OK", r.first("SUBSCRIBE"), "", "Expires: 600", "Contact: <sip:198.51.100.2>")
	if got := string(r.last()); !strings.HasPrefix(got, "SIP/2.0 200") || !strings.Contains(got, "\r\nContact: <sip:192.0.2.10:5060>\r\n") || !strings.Contains(got, "Expires: 600") {
		t.Error(got)
	}
}
