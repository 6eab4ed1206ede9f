package b2bua

import (
	"encoding/xml"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/routing"
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

// TestTRK13Location: which INVITEs carry a location beside their offer, and whose it is (EMG-03, DR-27, RFC 6442).
func TestTRK13Location(t *testing.T) {
	const (
		offer = "v=0\r\n"
		inner = "--x\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <own@pbx>\r\n"
		own   = inner + "\r\n<presence>own</presence>\r\n--x--\r\n"
		coded = inner + "Content-Transfer-Encoding: base64\r\n\r\nPHByZXNlbmNlLz4=\r\n--x--\r\n"
	)
	civic := &topology.Location{Civic: []topology.CivicElement{{Name: "country", Value: "US"}}}
	for _, c := range []struct {
		name              string
		kind              routing.Kind
		support           bool
		at                *topology.Location
		geolocation, body string // of the caller
		wantHeader        string // beginning of Geolocation
		wantBody          string // of the location; "": the offer alone
	}{
		{"of the document", routing.Emergency, true, civic, "", "", "<cid:", "<ca:country>US</ca:country>"},
		{"the trunk wants none", routing.Emergency, false, civic, "<cid:own@pbx>", own, "", ""},
		{"another call", routing.ToRoute, true, civic, "<cid:own@pbx>", own, "", ""},
		{"of the caller's side", routing.Emergency, true, civic, "<cid:own@pbx>", own, "<cid:own@pbx>", "<presence>own</presence>"},
		{"of the caller's side, by reference", routing.Emergency, true, civic, "<https://lis.example.com/7>", "", "<https://lis.example.com/7>", ""},
		{"nobody knows it", routing.Emergency, true, nil, "", "", "", ""},
		{"without an address", routing.Emergency, true, &topology.Location{}, "", "", "", ""},
		{"what the caller's side names is not to be read", routing.Emergency, true, civic, "<cid:own@pbx>", coded, "<cid:", "<ca:country>US</ca:country>"},
	} {
		set := topology.DefaultSettings()
		set.PIDFLO = c.support
		trunk := &topology.Trunk{Settings: set}
		call := &Call{rec: &cdr.Record{}, env: &Env{Server: &topology.Server{Name: "med1"}, Rand: rand.New(rand.NewPCG(1, 1))}, decision: routing.Decision{Kind: c.kind, Location: c.at}}
		call.a.trunk, call.a.inv = trunk, sip.NewRequest("INVITE", "sip:911@example.com")
		if c.geolocation != "" {
			call.a.inv.Add(sip.IDGeolocation, c.geolocation)
		}
		if c.body != "" {
			call.a.inv.SetBody("multipart/mixed;boundary=x", c.body)
		}
		at := &attempt{target: &routing.Target{Trunk: trunk}}
		at.leg.trunk = trunk
		m := sip.NewRequest("INVITE", "sip:911@192.0.2.1")
		m.Add(sip.IDFrom, "<sip:201@192.0.2.2>;tag=1")
		call.setOffer(m, at, offer)
		header := m.Get(sip.IDGeolocation)
		if !strings.HasPrefix(header, c.wantHeader) || (header == "") != (c.wantHeader == "") {
			t.Errorf("%s: Geolocation %q, want %q", c.name, header, c.wantHeader)
		}
		if c.wantBody == "" {
			if typ, _ := m.ContentType(); m.Body != offer || typ != "application/sdp" {
				t.Errorf("%s: %s %q, want the offer alone", c.name, typ, m.Body)
			}
			continue
		}
		parts, err := m.Parts()
		if err != nil || len(parts) != 2 || strings.TrimRight(parts[0].Body, "\r\n") != strings.TrimRight(offer, "\r\n") || parts[1].ContentType != pidfType ||
			!strings.Contains(parts[1].Body, c.wantBody) {
			t.Fatalf("%s: %v in\n%s", c.name, err, m.Body)
		}
		if _, id := location(m); header != "<cid:"+id+">" {
			t.Errorf("%s: Geolocation %q names none of the bodies, which has %q", c.name, header, id)
		}
	}
}
