package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// asks is a callee who challenges every request with that status.
func asks(status int, c Callee) Callee {
	c.Ask = status
	return c
}

// challengeStories are calls whose peers ask for the password (NEW-02, RFC 3261 §22).
func challengeStories() []story {
	up := Caller{Manner: hangUp}
	stale, refused, slow := asks(401, answers), asks(407, answers), asks(407, answers)
	stale.Stale, refused.Locked = 1, true
	slow.No100, slow.Progress = true, []Progress{{second, 180, false}}
	busy := asks(401, Callee{Progress: ringing, After: second, Final: 486})
	return append(authenticateStories(), []story{
		one1("challenge", "NEW-02: the trunk asks for the password of every request", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{2 * second, Info}, Action{3 * second, Update}, Action{5 * second, Bye})}, at(asks(407, answers), "gwa")),
		one1("challenge-stale", "NEW-02: the first nonce is stale, so a second answer is given", "normal-clearing", 200, up, at(stale, "gwa")),
		one1("challenge-refused", "NEW-02: the password is not taken; the next trunk asks too, and is answered", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refused}, "gwb": {asks(401, answers)}}),
		to("+4989123456", one1("challenge-missing", "NEW-02: the trunk has no credentials for who asks, and the caller is not asked in its place",
			"credentials-missing", 502, up, at(asks(407, answers), "ucb"))),
		one1("challenge-busy", "NEW-02: behind the challenge the called party is busy", "busy", 486, up, at(busy, "gwa")),
		one1("challenge-cancel", "NEW-02: the caller gives up before the INVITE with credentials has any response: the CANCEL waits for one", "caller-cancelled", 487,
			Caller{GiveUp: ms100(1)}, at(slow, "gwa")),
		to("+24255550100", one1("challenge-tcp", "NEW-02: by TCP", "normal-clearing", 200, up, at(asks(401, answers), "gwc"))),
		one1("challenge-offerless", "NEW-02: an INVITE without offer: the ACK with the answer has the credentials too", "normal-clearing", 200,
			Caller{Offerless: true, Manner: hangUp}, at(asks(407, answers), "gwa")),
		one1("challenge-caller", "NEW-02: the caller asks for the password of what the call wants of it", "normal-clearing", 200,
			Caller{Manner: Manner{Ask: 401}}, at(Callee{Progress: ringing, After: second, Final: 200,
				Manner: then(Action{second, Hold}, Action{3 * second, Info}, Action{5 * second, Bye})}, "gwa")),
	}...)
}

// TestNEW02_NextCallIsNotChallenged: the nonce of one call serves the next one, with a count that no other request had.
func TestNEW02_NextCallIsNotChallenged(t *testing.T) {
	w := world(t)
	for i := range 3 {
		c := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwb": {asks(407, answers)}})
		c.Number, c.Start = "+64255550100", time.Duration(i)*10*second
		w.Call(c)
	}
	w.Run(20 * time.Minute)
	done(t, w)
	invites, counts := 0, map[string]bool{}
	for _, l := range w.Nodes[0].watch.legs {
		for _, r := range l.order {
			v := r.msg.Get(sip.IDProxyAuthorization)
			if !r.sent || r.method == "ACK" {
				continue
			}
			if r.method == "INVITE" {
				invites++
			}
			if _, nc, ok := strings.Cut(v, "nc="); ok {
				nonce, _, _ := strings.Cut(v[strings.Index(v, "nonce="):], ",")
				if counts[nonce+nc] {
					t.Errorf("%s repeats %s of %s", r.method, nc, nonce)
				}
				counts[nonce+nc] = true
			}
		}
	}
	if invites != 4 || len(counts) != 6 {
		t.Errorf("%d INVITEs, want 4; %d requests with credentials, want 6", invites, len(counts))
	}
}

// TestNEW02_TooLargeWithCredentials: what the credentials make too large for UDP goes on by TCP (RFC 3261 §18.1.1).
func TestNEW02_TooLargeWithCredentials(t *testing.T) {
	w := world(t, targets, targets+", udpMaxRequest: 1000")
	w.Call(plain(Caller{Manner: hangUp}, at(asks(401, answers), "gwa")))
	w.Run(20 * time.Minute)
	done(t, w)
	if text := w.Trace.String(); strings.Count(text, "by TCP") == 0 || w.Nodes[0].Records[0].Reason != "normal-clearing" {
		t.Errorf("%s\n%s", w.Nodes[0].Records[0].Reason, text)
	}
}
