package b2bua

import (
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sdp"
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
	if offer, ok := m.SDP(); ok && l.up && l.oa.Stable() && l.sdp.outgrows(offer) && (l.short == 0 || sdp.MediaLines(offer) < l.short) {
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
	return sdp.MediaLines(offer) < sdp.MediaLines(d.body)
}

// complete is an answer of the peer with the m-lines that it leaves out (RFC 3264 §6 has them with port 0). From then on its offers may leave them out, too, and are
// answered as they ask.
func (l *Leg) complete(answer string) string {
	whole := sdp.Complete(l.sdp.body, answer)
	l.leavesOut(answer, whole)
	return whole
}

// completeOffer does the same for an offer of such a peer.
func (l *Leg) completeOffer(offer string) string {
	if l.short == 0 {
		return offer
	}
	whole := sdp.Complete(l.sdp.body, offer)
	l.leavesOut(offer, whole)
	return whole
}

func (l *Leg) leavesOut(said, whole string) {
	l.short = 0
	if len(said) != len(whole) {
		l.short = sdp.MediaLines(said)
	}
}
