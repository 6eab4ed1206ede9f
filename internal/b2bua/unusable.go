package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
)

// unusable tells why what a request within the dialog says of the session cannot be, whatever the other side would say to it.
func (l *Leg) unusable(m *sip.Message) *diag.Reason {
	if m.Method != "INVITE" && m.Method != "UPDATE" {
		return nil
	}
	if insists(m) != "" {
		return diag.UnsupportedMedia
	}
	if offer, ok := m.SDP(); ok && l.up && l.oa.Stable() && l.sdp.outgrows(offer) {
		return diag.MediaLineMissing
	}
	return nil
}

// insists is the type of a body or part that a peer wants to be understood (RFC 3204 §6, RFC 5621 §8), and that goes no further than here; "" when there is none.
// What its sender says nothing of is left out in silence: much equipment adds parts of its own.
func insists(m *sip.Message) string { return m.Insists("application/sdp", pidfType) }

// outgrows tells whether what stands has m-lines that an offer of the peer leaves out: they keep their places as long as the dialog lives (RFC 3264 §8). What follows
// could not be told from what was there before.
func (d *description) outgrows(offer string) bool {
	return mediaLines(offer) < mediaLines(d.body)
}

// mediaLines counts them.
func mediaLines(body string) int { return strings.Count(body, "\nm=") }
