package b2bua

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// TestPresenceIsXML: what the document says becomes text and never markup (RFC 4119, RFC 5139).
func TestPresenceIsXML(t *testing.T) {
	l := &topology.Location{Civic: []topology.CivicElement{{Name: "country", Value: "DE"}, {Name: "RD", Value: `Straße <am> "Tor" & ]]>`}}}
	doc := presence(l, `sip:"><x>@example.com`, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	values := map[string]string{}
	d, name := xml.NewDecoder(strings.NewReader(doc)), ""
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			name = x.Name.Local
			if name == "presence" && x.Attr[len(x.Attr)-1].Value != `sip:"><x>@example.com` {
				t.Errorf("entity %q", x.Attr[len(x.Attr)-1].Value)
			}
		case xml.CharData:
			values[name] += strings.TrimSpace(string(x))
		}
	}
	for name, want := range map[string]string{"country": "DE", "RD": `Straße <am> "Tor" & ]]>`, "timestamp": "2026-01-02T03:04:05Z", "method": "Manual"} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
}

// TestLocationIsFound in bodies of one part and of several, and not where it cannot be read.
func TestLocationIsFound(t *testing.T) {
	for _, c := range []struct{ name, headers, body, pidf, id string }{
		{"none", "Content-Type: application/sdp\r\n", "v=0\r\n", "", ""},
		{"alone", "Content-Type: Application/PIDF+xml\r\nContent-ID: <a@b>\r\n", "<presence/>", "<presence/>", "a@b"},
		{"beside an offer", "Content-Type: multipart/mixed;boundary=x\r\n",
			"--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <c@d>\r\n\r\n<presence/>\r\n--x--\r\n", "<presence/>", "c@d"},
		{"in base64", "Content-Type: multipart/mixed;boundary=x\r\n",
			"--x\r\nContent-Type: application/pidf+xml\r\nContent-Transfer-Encoding: base64\r\n\r\nPHByZXNlbmNlLz4=\r\n--x--\r\n", "", ""},
		{"cut off", "Content-Type: multipart/mixed;boundary=x\r\n", "--x\r\nContent-Type: application/pidf+xml", "", ""},
	} {
		m := sip.NewRequest("INVITE", "sip:112@example.com")
		for line := range strings.SplitSeq(strings.TrimSuffix(c.headers, "\r\n"), "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			m.AddName(name, value)
		}
		m.Body = c.body
		if pidf, id := location(m); pidf != c.pidf || id != c.id {
			t.Errorf("%s: %q %q, want %q %q", c.name, pidf, id, c.pidf, c.id)
		}
	}
}
