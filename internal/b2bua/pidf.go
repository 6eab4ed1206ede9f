package b2bua

import (
	"encoding/xml"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// pidfType is a presence document with a location (RFC 4119).
const pidfType = "application/pidf+xml"

// keepCallback lets the number that an emergency call shows reach its caller (EMG-04).
func (c *Call) keepCallback(now time.Time) {
	d := &c.decision
	if d.ELIN == "" {
		return
	}
	if cbs, ok := c.env.State.(routing.Callbacks); ok {
		cbs.Keep(now, d.ELIN, d.Callback(c.a.trunk), d.Location.CallBack)
	}
}

// setOffer gives an INVITE its body. An emergency call carries the caller's location beside the offer on trunks that want it
// (EMG-03, RFC 6442 §4.1): what the caller's side says itself, else what the document says. No other call carries any.
func (c *Call) setOffer(m *sip.Message, t *attempt, offer string) {
	if offer != "" {
		offer = c.utter(&t.leg, offer, false)
	}
	if c.decision.Kind != routing.Emergency || !t.target.Trunk.Settings.PIDFLO || c.decision.User != nil {
		if offer != "" {
			m.SetBody("application/sdp", offer)
		}
		return
	}
	pidf, id := location(c.a.inv)
	switch {
	case pidf != "", byReference(c.a.inv):
		carry(m, c.a.inv, sip.IDGeolocation)
		carryName(m, c.a.inv, "Geolocation-Routing")
	case c.decision.Location != nil && len(c.decision.Location.Civic) > 0:
		id = Token(c.env.Rand, 16) + "@" + c.env.Server.Name
		pidf = presence(c.decision.Location, m.From().URI, c.rec.Start)
		m.Add(sip.IDGeolocation, "<cid:"+id+">")
		m.AddName("Geolocation-Routing", "yes")
	}
	switch {
	case pidf == "" && offer != "":
		m.SetBody("application/sdp", offer)
	case pidf != "":
		boundary := Token(c.env.Rand, 24)
		m.SetBody("multipart/mixed;boundary="+boundary, multipart(boundary, offer, pidf, id))
	}
}

// location finds the location in an INVITE, with the id that Geolocation names it by.
func location(m *sip.Message) (pidf, id string) {
	if m == nil {
		return "", ""
	}
	if t, _ := m.ContentType(); t == pidfType {
		return m.Body, strings.Trim(m.GetName("Content-ID"), "<>")
	}
	parts, _ := m.Parts()
	for i := range parts {
		p := &parts[i]
		if p.ContentType != pidfType {
			continue
		}
		for k := range p.Headers {
			switch h := &p.Headers[k]; {
			case strings.EqualFold(h.Name, "Content-ID"):
				id = strings.Trim(h.Value, "<>")
			case strings.EqualFold(h.Name, "Content-Transfer-Encoding") && !plainEncoding(h.Value):
				return "", ""
			}
		}
		return p.Body, id
	}
	return "", ""
}

// byReference tells whether an INVITE says by URI where its location can be had. A body that it names (cid:) and that cannot be read is none.
func byReference(m *sip.Message) bool {
	if m == nil {
		return false
	}
	for v := range m.Values(sip.IDGeolocation) {
		uri := strings.TrimLeft(v, "< ")
		if len(uri) >= 4 && !strings.EqualFold(uri[:4], "cid:") {
			return true
		}
	}
	return false
}

// plainEncoding tells an encoding that leaves the body as it is (RFC 2045 §6.2).
func plainEncoding(e string) bool {
	return strings.EqualFold(e, "binary") || strings.EqualFold(e, "8bit") || strings.EqualFold(e, "7bit")
}

// multipart joins an offer, if there is one, and a location (RFC 5621 §3).
func multipart(boundary, offer, pidf, id string) string {
	var b strings.Builder
	if offer != "" {
		b.WriteString("--" + boundary + "\r\nContent-Type: application/sdp\r\n\r\n" + offer + "\r\n")
	}
	b.WriteString("--" + boundary + "\r\nContent-Type: " + pidfType + "\r\n")
	if id != "" {
		b.WriteString("Content-ID: <" + id + ">\r\n")
	}
	b.WriteString("\r\n" + pidf + "\r\n--" + boundary + "--\r\n")
	return b.String()
}

// presence writes a location as the document says it: a civic address (RFC 5139) that a person has typed (method Manual), of the
// caller who is named by from.
func presence(l *topology.Location, from string, now time.Time) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\r\n" +
		`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"` +
		` xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="`)
	xml.EscapeText(&b, []byte(from))
	b.WriteString(`"><tuple id="caller"><status><gp:geopriv><gp:location-info><ca:civicAddress>`)
	for _, e := range l.Civic {
		b.WriteString("<ca:" + e.Name + ">")
		xml.EscapeText(&b, []byte(e.Value))
		b.WriteString("</ca:" + e.Name + ">")
	}
	b.WriteString(`</ca:civicAddress></gp:location-info><gp:usage-rules/><gp:method>Manual</gp:method></gp:geopriv></status><timestamp>` +
		now.UTC().Format(time.RFC3339) + "</timestamp></tuple></presence>\r\n")
	return b.String()
}

// carryName copies the first header of a name.
func carryName(to, from *sip.Message, name string) {
	if v := from.GetName(name); v != "" {
		to.AddName(name, v)
	}
}
