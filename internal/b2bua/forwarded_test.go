package b2bua

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// TestForwardedBy: RTE-23, who forwards, in the headers that platforms use for it.
func TestForwardedBy(t *testing.T) {
	for _, c := range []struct{ name, headers, want string }{
		{"none", "", ""},
		{"one entry is the target", "History-Info: <sip:+14255551234@gw.example.com>;index=1\r\n", ""},
		{"marked entry", "History-Info: <sip:alice@example.com>;index=1;ms-retarget-reason=forwarding\r\n", "sip:alice@example.com"},
		{"entry before the target", "History-Info: <sip:alice@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:+1425@gw>;index=1.1;mp=1\r\n",
			"sip:alice@example.com"},
		{"entries on two lines", "History-Info: <sip:a@x>;index=1\r\nHistory-Info: <sip:b@x>;index=1.1\r\nHistory-Info: <sip:c@x>;index=1.1.1\r\n", "sip:b@x"},
		{"topmost diversion", "Diversion: <tel:+14255550101>;reason=unconditional, <sip:z@x>;reason=no-answer\r\n", "tel:+14255550101"},
		{"referred by", "Referred-By: <sip:alice@example.com>;cid=\"x@y\"\r\n", "sip:alice@example.com"},
		{"history before diversion", "Diversion: <sip:z@x>\r\nHistory-Info: <sip:a@x>;index=1, <sip:c@x>;index=1.1\r\n", "sip:a@x"},
		{"nonsense", "History-Info: <<<;;, \"\r\nDiversion: ,,\r\n", ""},
	} {
		m, err := sip.Parse([]byte("INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"+c.headers+"Content-Length: 0\r\n\r\n"), nil)
		if m == nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := forwardedBy(m); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
