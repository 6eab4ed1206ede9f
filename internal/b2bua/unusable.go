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
	if offer, ok := m.SDP(); ok && l.up && l.oa.Stable() && l.sdp.outgrows(offer) {
		return diag.MediaLineMissing
	}
	return nil
}

// outgrows tells whether what stands has m-lines that an offer of the peer leaves out: they keep their places as long as the dialog lives (RFC 3264 §8). What follows
// could not be told from what was there before.
func (d *description) outgrows(offer string) bool {
	return mediaLines(offer) < mediaLines(d.body)
}

// mediaLines counts them.
func mediaLines(body string) int { return strings.Count(body, "\nm=") }
