package server

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// TestRecordSaysWhatWasOffered: of a call that fails by its description the record tells what that offers, of the caller's as of what a target was sent, and of a 403 to
// a password that it was one: nobody has to capture packets for that.
func TestRecordSaysWhatWasOffered(t *testing.T) {
	t.Setenv("DIRECTSIP_TEST_SECRET", "right")
	doc := strings.Replace(basic, "port: 5070}", "port: 5070, credentials: {user: us, passwordEnv: DIRECTSIP_TEST_SECRET}}", 1)
	doc = strings.Replace(doc, "usages: [all]}\n", "usages: [all], srtpMode: required}\n  trunk:gw: {options: false, codecs: [G722, PCMA]}\n", 1)
	r := start(t, doc)
	for i, c := range []struct {
		name, srtp, want string
		answer           siptest.Step
		registrar        *siptest.Registrar
	}{
		{name: "a caller without SRTP", want: "the caller offers audio RTP/AVP PCMU"},
		{name: "a target without our codecs", srtp: "AES_CM_128_HMAC_SHA1_80", answer: siptest.Reject(488), want: "488 Not Acceptable Here, to an offer of audio RTP/AVP G722 PCMA"},
		{name: "a target that wants another password", srtp: "AES_CM_128_HMAC_SHA1_80", registrar: &siptest.Registrar{User: "us", Password: "other", Calls: true},
			want: "403 Forbidden, to an INVITE with the user and password of the trunk"},
	} {
		pbx := r.tester.Agent(siptest.Config{Name: "pbx", Listen: r.net + "2:5060", SRTP: c.srtp})
		gw := r.tester.Agent(siptest.Config{Name: "gw", Listen: r.net + "3:5060", Registrar: c.registrar})
		if c.answer.String() != "" {
			gw.Answer(c.answer)
		}
		call := r.tester.Dial(pbx, r.net+"1:5060", "sip:+14255550100@"+r.net+"1")
		r.tester.Wait(call, siptest.Failed)
		r.records(i + 1)
		rec, err := r.Call(t.Context(), call.ID())
		if err != nil {
			t.Fatal(err)
		}
		got := rec.Detail
		if len(rec.Attempts) > 0 {
			got = rec.Attempts[0].Detail
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q\n%+v", c.name, got, c.want, rec)
		}
		for _, a := range []*siptest.Agent{pbx, gw} {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
