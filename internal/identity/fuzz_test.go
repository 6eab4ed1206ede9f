package identity

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// FuzzHeaders: whatever a peer says of identities, privacy and diversions, what leaves is well formed, bounded, and the same when read again.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{
		`P-Asserted-Identity: "Bob" <sip:+12065550123@a>, <tel:+12065550123>`,
		`Remote-Party-ID: <sip:+12065550123@a>;party=calling;privacy=full;screen=yes`,
		`Privacy: id;critical`,
		`Diversion: <sip:+12065550124@a>;reason=user-busy;counter=2;privacy=off`,
		"History-Info: <sip:+12065550124@a?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:+12065550125@a;cause=486>;index=1.1",
		"P-Preferred-Identity: <sip:a@b>\nPrivacy: none\nDiversion: \"\\\"\" <sip:@>;counter=99999999999",
	} {
		f.Add(seed)
	}
	r := newRig(f, "pbx", "forwardPAI: true, forwardCallHistory: true", "sbc", "forwardPAI: true, identityHeaders: both, forwardCallHistory: true, callHistoryForm: both")
	f.Fuzz(func(t *testing.T, headers string) {
		text := "INVITE sip:+14255550100@192.0.2.11 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx\r\nFrom: <sip:+12065550123@198.51.100.1>;tag=1\r\n" +
			"To: <sip:+14255550100@192.0.2.11>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:198.51.100.1>\r\n" +
			strings.ReplaceAll(strings.Trim(headers, "\r\n"), "\n", "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
		m, err := sip.Parse([]byte(text), nil)
		if err != nil || m.Validate() != nil || m.Get(sip.IDFrom) != "<sip:+12065550123@198.51.100.1>;tag=1" {
			return
		}
		if n := Redirections(m); n < 0 {
			t.Fatalf("%d redirections", n)
		}
		lines := r.send(m, false, "")
		again := r.send(m, false, "")
		if strings.Join(lines, "\n") != strings.Join(again, "\n") {
			t.Fatalf("two answers:\n%s\n%s", lines, again)
		}
		for _, l := range lines {
			if strings.ContainsAny(l, "\r\n\x00") {
				t.Fatalf("a line with control characters: %q", l)
			}
		}
	})
}
