package b2bua

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// FuzzHeaders: what a peer says of transfers, replacements, session timers and places is read within bounds, and alike twice.
func FuzzHeaders(f *testing.F) {
	for _, seed := range [][2]string{
		{"Refer-To: <sip:+12065550123@a;method=INVITE?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>\nReferred-By: <sip:b@c>\nRefer-Sub: false", ""},
		{"Replaces: x@y;to-tag=1;from-tag=2;early-only", ""},
		{"Session-Expires: 1800;refresher=uac\nMin-SE: 90\nRAck: 1 2 INVITE\nRSeq: 1\nRetry-After: 5 (busy);duration=3", ""},
		{"Content-Type: multipart/mixed;boundary=b", "--b\r\nContent-Type: application/pidf+xml\r\nContent-ID: <l@x>\r\n\r\n<presence/>\r\n--b--\r\n"},
		{"Content-Type: application/pidf+xml\nContent-ID: <<>", "<presence>"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, headers, body string) {
		text := "INVITE sip:+14255550100@192.0.2.11 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKx\r\nFrom: <sip:a@198.51.100.1>;tag=1\r\n" +
			"To: <sip:b@192.0.2.11>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:198.51.100.1>\r\n" +
			strings.ReplaceAll(strings.Trim(headers, "\r\n"), "\n", "\r\n") + "\r\n\r\n" + body
		m, err := sip.Parse([]byte(text), nil)
		if err != nil || m.Validate() != nil {
			return
		}
		r, why := readReferral(m)
		if again, _ := readReferral(m); again != r {
			t.Fatalf("two readings: %+v %+v", r, again)
		}
		if why == nil {
			if r.uri == "" || len(r.to) > maxReferTo || strings.ContainsAny(r.uri, "\r\n") {
				t.Fatalf("taken: %+v", r)
			}
			if _, err := sip.ParseURI(r.uri); err != nil {
				t.Fatalf("the target %q of %q cannot be read: %v", r.uri, r.to, err)
			}
			r.dialog()
		}
		if d, ok := ParseReplaces(m.Get(sip.IDReplaces)); ok && (d.CallID == "" || d.Local == "" || d.Remote == "") {
			t.Fatalf("Replaces of no dialog: %+v", d)
		}
		if d, _ := sessionExpires(m); d < 0 || d > 24*time.Hour {
			t.Fatalf("a session of %s", d)
		}
		pidf, id := location(m)
		if len(pidf) > len(m.Body) || len(id) > len(text) {
			t.Fatalf("a location of nowhere: %q %q", pidf, id)
		}
	})
}
