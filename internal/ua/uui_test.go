package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestRFC7433_4_2: what the referrer tells the target by a header in Refer-To, as contact centers do, stands in the INVITE that the transfer makes; no other header does, and
// one line stays one line.
func TestRFC7433_4_2(t *testing.T) {
	doc := strings.Replace(document, `"trunk:uc": {`, "\"trunk:pstn\": {enable3pccRefer: true}\n  \"trunk:uc\": {acceptRefer: true, ", 1)
	r := rigOf(t, doc)
	caller, _ := r.acknowledged()
	caller.says("REFER", "", "Refer-To: <sip:+14255550123@example.com?User-to-User=56a390f3d2b7%3Bencoding%3Dhex%0D%0AX-Evil%3A1&Route=%3Csip%3Aevil%3E&X-Mine=1>")
	inv := r.first("INVITE")
	if !bytes.Contains(inv, []byte("\r\nUser-to-User: 56a390f3d2b7;encoding=hex")) || bytes.Contains(inv, []byte("\nX-")) || bytes.Contains(inv, []byte("evil")) {
		t.Errorf("%s", inv)
	}
}
