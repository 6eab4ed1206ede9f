package ua_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/routing"
)

// RFC 3261 §15: who is called hangs up after its 2xx, and that is lost or comes late. The BYE is answered, the caller hears that it is over, and the 2xx sets up no
// call with nobody.
func TestByeThatOvertakesTheAnswer(t *testing.T) {
	for _, said := range []string{"", "100 Trying", "180 Ringing"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		if said != "" {
			r.in(r.pstn, response(said, inv, "to", ""))
		}
		bye := fromCallee(inv, "BYE")
		wrong := bytes.Replace(bye, []byte(tagOf(header(inv, "From"))+"\r\nCall-ID"), []byte("guessed\r\nCall-ID"), 1)
		r.out.Reset()
		r.in(r.pstn, wrong)
		r.sent("SIP/2.0 481")
		r.out.Reset()
		r.in(r.pstn, bytes.Replace(bye, []byte("z9hG4bK"), []byte("z9hG4bK2"), 1))
		lines := r.lines()
		want := []string{"SIP/2.0 200 OK", "SIP/2.0 480 Temporarily Unavailable"}
		if said != "" {
			want = append(want, "CANCEL")
		}
		for _, w := range want {
			if !strings.Contains(lines, w) {
				t.Errorf("after %q: %s, want %s", said, lines, w)
			}
		}
		rec := r.out.Records
		if len(rec) != 1 || rec[0].Reason != diag.AnswerLost.ID || rec[0].EndedBy != "callee" || rec[0].Status != 480 || !rec[0].Answered.IsZero() ||
			rec[0].Attempts[0].Class != routing.UserVerdict.String() {
			t.Fatalf("after %q: records %+v", said, rec)
		}
		r.out.Reset()
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		r.sent("ACK", "BYE")
	}
}
