package ua_test

import (
	"strings"
	"testing"
)

// TestReferToNumberAtOwnHost: a PBX writes its own host behind the number that it transfers to. One that routing knows to be elsewhere is called there; an extension, a
// number of its own, or what has a token, at the PBX. A UC platform knows its own transfers again and is called itself (DR-16).
func TestReferToNumberAtOwnHost(t *testing.T) {
	const routes = "routes:\n  - {name: inside, pattern: '^\\+14255557', usages: [all], trunks: [uc]}\n"
	for _, row := range []struct{ kind, to, want string }{
		{"pbx", "<sip:+14255550123@198.51.100.1;user=phone>", "INVITE sip:+14255550123@198.51.100.2"},
		{"pbx", "<sip:14255550123@198.51.100.1:5060;transport=udp>", "INVITE sip:+14255550123@198.51.100.2"},
		{"pbx", "<sip:+14255550123@192.0.2.10>", "INVITE sip:+14255550123@198.51.100.2"},
		{"pbx", "<sip:+14255550123@elsewhere.example>", "INVITE sip:+14255550123@198.51.100.2"},
		{"pbx", "<sip:201@198.51.100.1>", "INVITE sip:201@198.51.100.1"},
		{"pbx", "<sip:+14255557001@198.51.100.1>", "INVITE sip:+14255557001@198.51.100.1"},
		{"pbx", "<sip:+14255550123@198.51.100.1;x-t=1>", "INVITE sip:+14255550123@198.51.100.1;x-t=1"},
		{"uc", "<sip:+14255550123@198.51.100.1;user=phone>", "INVITE sip:+14255550123@198.51.100.1"},
	} {
		doc := strings.NewReplacer("kind: uc", "kind: "+row.kind, `"trunk:uc": {`, "\"trunk:pstn\": {enable3pccRefer: true}\n  \"trunk:uc\": {acceptRefer: true, ", "routes:\n", routes).Replace(document)
		r := rigOf(t, doc)
		caller, _ := r.acknowledged()
		r.out.Reset()
		caller.says("REFER", "", "Refer-To: "+row.to, "Referred-By: <sip:+14255550199@198.51.100.1;x-token=1>")
		out := r.first("INVITE")
		if out == nil || !strings.HasPrefix(string(out), row.want) {
			t.Errorf("%s to %s: want %s, sent\n%s\n%s", row.kind, row.to, row.want, r.lines(), out)
			continue
		}
		if home := strings.Contains(row.want, "198.51.100.1"); strings.Contains(string(out), "x-token=1") != home {
			t.Errorf("%s to %s: the referrer's token: %s", row.kind, row.to, out)
		}
	}
}
