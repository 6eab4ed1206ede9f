package b2bua

import "github.com/directsip/directsip/internal/sdp"

// mirror takes from the directions of an answer what the offer does not allow. There are gateways that answer an offer of hold with
// sendrecv; a UC client that is told so drops the call (SIG-12, RFC 3264 §6.1).
func mirror(offer, answer *sdp.Session) (changed bool) {
	for i := range answer.Media {
		o, a := offer.Media[i].Direction, &answer.Media[i]
		if !a.Direction.Answers(o) {
			a.Direction, changed = sdp.DirectionOf(a.Direction.Send() && o.Recv(), a.Direction.Recv() && o.Send()), true
		}
	}
	return changed
}

// fitTo checks an answer against what we offered in text (RFC 3264 §6), and mirrors its directions.
func fitTo(text string, answer *sdp.Session) error {
	offer, err := sdp.Parse(text)
	if err == nil {
		err = sdp.AnswerFits(offer, answer)
	}
	if err == nil {
		mirror(offer, answer)
	}
	return err
}
