package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// SIG-15, P32: who asks for a transfer is told to its target and in a REFER that is sent on by trust, as it is written there, and never when it is hidden.
func TestReferrerIsToldByTrust(t *testing.T) {
	const said = `"Alice" <sip:+14255550199@10.9.8.7;x-token=1>`
	const written = `"Alice" <sip:+14255550199@192.0.2.10;user=phone>`
	for _, c := range []struct {
		name, uc, pstn string
		lines          []string // of the INVITE
		asked          []string // of the REFER
		want           string
	}{
		{"nobody is trusted", "", "", nil, nil, ""},
		{"the referrer is not", "", ", forwardCallHistory: true", nil, nil, ""},
		{"the target is not", ", forwardCallHistory: true", "", nil, nil, ""},
		{"both are", ", forwardCallHistory: true", ", forwardCallHistory: true", nil, nil, written},
		{"a hidden caller", ", forwardCallHistory: true", ", forwardCallHistory: true", []string{"Privacy: id"}, nil, ""},
		{"a referrer who hides", ", forwardCallHistory: true", ", forwardCallHistory: true", nil, []string{"Privacy: user"}, ""},
	} {
		for _, passed := range []bool{false, true} {
			doc := strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {enable3pccRefer: `+map[bool]string{false: "true", true: "false"}[passed]+c.pstn+"}\n  "+
				`"trunk:uc": {acceptRefer: true`+c.uc+`, `, 1)
			r := rigOf(t, doc)
			r.in(r.uc, with(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), c.lines...))
			r.in(r.pstn, with(response("200 OK", r.first("INVITE"), "to", bodies[1]), "Allow: REFER, NOTIFY"))
			ok := r.last()
			caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
			caller.ack(1)
			caller.says("REFER", "", append(c.asked, "Refer-To: <sip:+14255550123@example.com>", "Referred-By: "+said)...)
			out := r.first(map[bool]string{false: "INVITE", true: "REFER"}[passed])
			if out == nil {
				t.Fatalf("%s, passed %v: sent\n%s", c.name, passed, r.lines())
			}
			m, err := sip.Parse(out, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Get(sip.IDReferredBy); got != c.want {
				t.Errorf("%s, passed %v: Referred-By is %q, want %q", c.name, passed, got, c.want)
			}
		}
	}
}

// with is a message with further headers.
func with(m []byte, lines ...string) []byte {
	for _, l := range lines {
		m = bytes.Replace(m, []byte("\r\nContent-Length"), []byte("\r\n"+l+"\r\nContent-Length"), 1)
	}
	return m
}
