package sim

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// pidf is a location as a caller sends it.
const pidf = `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:somebody"><tuple id="t"><status/></tuple></presence>`

// located gives an INVITE a location, beside its offer if it has one (RFC 6442 §4.1).
func located(m *sip.Message) {
	m.Add(sip.IDGeolocation, "<cid:here@caller>")
	offer := m.Body
	if offer == "" {
		m.AddName("Content-ID", "<here@caller>")
		m.SetBody("application/pidf+xml", pidf)
		return
	}
	m.Del(sip.IDContentType)
	m.SetBody("multipart/mixed; boundary=\"half\"", "--half\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@caller>\r\n\r\n"+pidf+
		"\r\n--half\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n"+offer+"\r\n--half--\r\n")
}

// offerOf is the description in a body of one part or several.
func offerOf(body string) string {
	if !strings.HasPrefix(body, "--") {
		return body
	}
	boundary, _, _ := strings.Cut(body, "\r\n")
	_, rest, found := strings.Cut(body, "\r\n\r\nv=0")
	if !found {
		return ""
	}
	offer, _, _ := strings.Cut("v=0"+rest, "\r\n"+boundary)
	return offer
}

// placeOut checks who is told where a caller is: the trunks of emergency calls that want it, and nobody else (EMG-03).
func (x *watch) placeOut(l *legWatch, m *sip.Message) {
	host, ok := l.peer.(*Host)
	if !ok || m.Method != "INVITE" {
		return
	}
	tells := strings.Contains(m.Body, "<presence") || m.Has(sip.IDGeolocation)
	u, _ := sip.ParseURI(m.URI)
	should := m.ToTag() == "" && u.User == "112" && host.trunk().Settings.PIDFLO
	switch {
	case tells && !should:
		x.fail(l, "a location leaves:\n%s", m)
	case should && (!strings.Contains(m.Body, "</presence>") || !m.Has(sip.IDGeolocation) || !strings.Contains(m.Body, "Content-ID: "+strings.Replace(m.Get(sip.IDGeolocation), "cid:", "", 1))):
		x.fail(l, "an emergency call without its location:\n%s", m)
	}
}
