package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// RFC 6665 §4.1.2.4: a NOTIFY may overtake the 202 to the REFER that it is of. The referrer is told both, and not that its dialog is over.
func TestNotifyOvertakesThe202(t *testing.T) {
	for _, how := range []string{"", "Refer-Sub: false"} {
		r := rigOf(t, strings.NewReplacer("{usages: [all], options: false}", "{usages: [all], options: false, acceptRefer: true}",
			"global: {options: false}", "global: {options: false, enableReferSupport: true}").Replace(document))
		caller, callee := r.acknowledged()
		callee.says("UPDATE", "") // its Allow has REFER
		if how == "" {
			how = "Subject: none"
		}
		caller.says("REFER", "", "Refer-To: <sip:+14255550123@example.com>", how)
		r.sent("REFER")
		passed := r.last()
		callee.seq++
		m := callee.write("NOTIFY", callee.seq, "SIP/2.0 200 OK\r\n", "Event: refer", "Subscription-State: terminated;reason=noresource")
		r.out.Reset()
		r.in(callee.src, bytes.Replace(m, []byte("application/sdp"), []byte("message/sipfrag"), 1))
		if got := r.lines(); !strings.Contains(got, "uc: SIP/2.0 202 Accepted") {
			t.Errorf("%s: the referrer is to get a 202:\n%s", how, got)
		}
		callee.answers("202 Accepted", passed, "")
		r.sent()
	}
}
