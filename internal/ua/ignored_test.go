package ua_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sdp"
)

// TestRFC5057_4_2: a peer that does not answer an INFO, a MESSAGE or a REFER that is relayed to it, or whose proxy says 408, may be in its call all the same. It is asked by a re-INVITE
// with what stands, and only who says nothing to that, or does not know it, is gone.
func TestRFC5057_4_2(t *testing.T) {
	const set = "options: false, relayMethods: [INFO, MESSAGE], acceptRefer: true, enable3pccRefer: false, enableReferSupport: true"
	for _, method := range []string{"INFO", "MESSAGE", "REFER"} {
		for _, answer := range []string{"408 Request Timeout", ""} {
			for _, then := range []struct {
				status, body string
				over         bool
			}{{"200 OK", bodies[1], false}, {"488 Not Acceptable Here", "", false}, {"481 Call/Transaction Does Not Exist", "", true}, {"", "", true}} {
				if method == "REFER" && answer != "" { // its target is called without the peer then
					continue
				}
				r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {`+set+"}\n  \"trunk:uc\": {usages: [all], "+set+"}\n# ", 1))
				caller, callee := r.acknowledged()
				callee.says("UPDATE", "", "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO, MESSAGE, REFER")
				caller.says(method, "", "Refer-To: <sip:+14255550123@192.0.2.10>")
				first := r.first(method)
				if first == nil {
					t.Fatalf("%s does not go on:\n%s", method, r.lines())
				}
				caller.says(method, "", "Refer-To: <sip:+14255550123@192.0.2.10>") // one more of its kind asks nothing more
				if answer == "" {
					r.pass(33 * time.Second)
				} else {
					callee.answers(answer, first, "")
				}
				r.told("SIP/2.0 408")
				if r.first("BYE") != nil {
					t.Errorf("%s, %q: the call is over\n%s", method, answer, r.lines())
					continue
				}
				ask := r.unholds(callee, sdp.SendRecv)
				if then.status != "" {
					callee.answers(then.status, ask, then.body)
				} else {
					r.pass(33 * time.Second)
				}
				if over := r.first("BYE") != nil; over != then.over {
					t.Errorf("%s, %q, then %q: over %v\n%s", method, answer, then.status, over, r.lines())
				}
				if then.over {
					continue
				}
				if r.pass(time.Minute); r.first("INVITE") != nil || r.core.Live() != 1 {
					t.Errorf("%s, %q, then %q: afterwards\n%s", method, answer, then.status, r.lines())
				}
			}
		}
	}
}

// corrected is a call whose callee has accepted an UPDATE too late while it rang, and the re-INVITE that tells it of that. INFO goes on. lines are of its 200.
func corrected(t *testing.T, lines ...string) (r *rig, caller, callee *end, correction []byte) {
	t.Helper()
	const set = "options: false, relayMethods: [INFO]"
	r = rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {`+set+"}\n  \"trunk:uc\": {usages: [all], "+set+"}\n# ", 1))
	caller, callee, inv := r.ringing(speech, speech)
	caller.says("UPDATE", described(0, 1, speech+"a=sendonly\r\n"))
	update := r.first("UPDATE")
	r.pass(11 * time.Second)
	callee.answers("200 OK", update, described(1, 1, speech+"a=recvonly\r\n"))
	r.out.Reset()
	r.in(r.pstn, with(response("200 OK", inv, "to", ""), append(lines, "Allow: INFO")...))
	caller.ack(1)
	r.pass(time.Second)
	if correction = r.first("INVITE"); correction == nil {
		t.Fatalf("it is not told:\n%s", r.lines())
	}
	return r, caller, callee, correction
}

// TestDoubtKeepsWhatIsToBeTold: a peer that has to be told what stands, and was busy, is told in the end, also when it leaves an INFO unanswered before.
func TestDoubtKeepsWhatIsToBeTold(t *testing.T) {
	r, caller, callee, correction := corrected(t)
	callee.answers("491 Request Pending", correction, "")
	r.out.Reset()
	caller.says("INFO", "")
	info := r.first("INFO")
	if info == nil {
		t.Fatalf("INFO does not go on:\n%s", r.lines())
	}
	callee.answers("408 Request Timeout", info, "")
	if again := r.first("INVITE"); again != nil {
		callee.answers("491 Request Pending", again, "")
	}
	if r.pass(10 * time.Second); r.first("INVITE") == nil {
		t.Errorf("it is never told:\n%s", r.lines())
	}
}

// TestCorrectionIsOvertakenByINFO: a re-INVITE that was lost and that a later INFO has overtaken is refused for its number (RFC 3261 §12.2.2), and what it was to tell is told
// at once: the peer may be on hold.
func TestCorrectionIsOvertakenByINFO(t *testing.T) {
	for _, overtaken := range []bool{true, false} {
		r, caller, callee, correction := corrected(t)
		if overtaken {
			r.out.Reset()
			caller.says("INFO", "")
			callee.answers("200 OK", r.first("INFO"), "")
		}
		callee.answers("500 Server Internal Error", correction, "")
		if r.pass(time.Second); (r.first("INVITE") != nil) != overtaken {
			t.Errorf("overtaken %v: within a second\n%s", overtaken, r.lines())
		}
	}
}

// TestCorrectionIsRefused: a peer that refuses to be told what stands, whatever its reason, is told again, since it has something else: here it holds who does not hold it. One that refuses
// each time is found in the record, which is where somebody looks who was not heard.
func TestCorrectionIsRefused(t *testing.T) {
	for _, status := range []string{"603 Decline", "488 Not Acceptable Here", "404 Not Found"} {
		r, caller, callee, correction := corrected(t)
		for range 3 {
			callee.answers(status, correction, "")
			r.pass(5 * time.Second)
			if correction = r.first("INVITE"); correction == nil || header(correction, "Call-ID") != callee.callID {
				t.Fatalf("%s: it is not told again:\n%s", status, r.lines())
			}
		}
		callee.answers(status, correction, "")
		if r.pass(time.Minute); r.first("INVITE") != nil {
			t.Errorf("%s: it is told without end:\n%s", status, r.lines())
		}
		caller.says("BYE", "")
		if rec := r.out.Records; len(rec) != 1 || !strings.Contains(strings.Join(rec[0].Decision, "\n"), "the callee refuses to be told") {
			t.Errorf("%s: the record\n%+v", status, rec)
		}
	}
}

// RFC 4028 §7.3: a peer that wants a longer session timer in what it is told is told again with that, and takes it.
func TestCorrectionWithALongerTimer(t *testing.T) {
	r, _, callee, correction := corrected(t, "Session-Expires: 1800;refresher=uas", "Require: timer")
	if !bytes.Contains(correction, []byte("Session-Expires: ")) {
		t.Fatalf("no timer:\n%s", correction)
	}
	r.out.Reset()
	r.in(callee.src, with(response("422 Session Interval Too Small", correction, "to", ""), "Min-SE: 7200"))
	r.pass(100 * time.Millisecond)
	again := r.first("INVITE")
	if again == nil {
		t.Fatalf("it is not told again:\n%s", r.lines())
	}
	if header(again, "Min-SE") != "7200" {
		t.Errorf("told\n%s", again)
	}
}
