package ua_test

import (
	"strings"
	"testing"
)

// What the caller has asked a target for before the answer (RFC 3311) has its result after the next target has been called: that is none of the next one's.
func TestOfferToATargetThatIsLeft(t *testing.T) {
	for _, status := range []string{"481 Call/Transaction Does Not Exist", "200 OK", ""} {
		r := rigOf(t, strings.NewReplacer(`"trunk:uc": {`, `"trunk:third": {srtpMode: required}`+"\n  "+`"trunk:uc": {`,
			"trunkSettings:", "  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:", "trunks: [pstn]", "trunks: [pstn, third], selection: ordered").Replace(document))
		caller, callee, inv := r.ringing(speech, speech)
		caller.says("UPDATE", described(0, 1, strings.Replace(speech, "49170", "49270", 1)))
		update, _ := r.told("UPDATE")
		r.out.Reset()
		r.in(r.pstn, response("503 Service Unavailable", inv, "to", ""))
		r.told("INVITE")
		before := *r.side(1)
		switch status {
		case "":
			r.pass(11e9)
			r.relays()
		case "200 OK":
			callee.answers(status, update, described(1, 1, speech))
		default:
			callee.answers(status, update, "")
		}
		if now := *r.side(1); before.Crypt == nil || now.Crypt == nil || now.Remote != before.Remote {
			t.Errorf("%s: the relay has %+v, had %+v", status, now, before)
		}
	}
}
