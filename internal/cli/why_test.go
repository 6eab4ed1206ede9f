package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// TestMediaLinesFitTheTerminal: on 120 columns, with addresses and figures as long as they are in a long call; what was kept out has its columns in both directions.
func TestMediaLinesFitTheTerminal(t *testing.T) {
	list := []cdr.Media{{From: "caller", Source: "198.51.100.200:50123", Packets: 179823, Lost: 1234, Jitter: 12345 * time.Microsecond, RTCP: 719, Tier: "kernel"},
		{From: "callee", Source: "203.0.113.255:40123", Packets: 179990, RTCP: 718, Tier: "steered"}}
	var b strings.Builder
	writeMedia(&b, list)
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 121 {
			t.Errorf("%d columns: %s", len([]rune(line))-1, line)
		}
	}
	list[1].Gated = 17
	b.Reset()
	if writeMedia(&b, list); strings.Count(b.String(), " gated ") != 2 || !strings.Contains(b.String(), "17 gated") || !strings.Contains(b.String(), "0 dropped") {
		t.Error(b.String())
	}
}

// TestMediaLine: what was done with packets on their way stands beside the tier.
func TestMediaLine(t *testing.T) {
	for _, c := range []struct {
		media cdr.Media
		want  string
	}{
		{cdr.Media{Tier: "kernel"}, "0 RTCP  kernel"},
		{cdr.Media{Tier: "sockets", TierWhy: "SRTP", SRTP: "AEAD_AES_256_GCM", Quality: &cdr.Quality{Anew: true}, Evidence: &cdr.Evidence{ICE: true}},
			"0 RTCP  AEAD_AES_256_GCM  sockets (SRTP), coded anew, ICE"},
		{cdr.Media{Tier: "steered", Unauthentic: 1, Evidence: &cdr.Evidence{}}, "0 RTCP  no SRTP in the end, 1 unauthentic before  steered"},
		{cdr.Media{Tier: "steered", TierWhy: "conversion", Unauthentic: 3, Quality: &cdr.Quality{}, Evidence: &cdr.Evidence{KeysFailed: true}}, "0 RTCP  no keys, 3 unauthentic  steered (conversion)"},
		{cdr.Media{}, "0 RTCP"},
		{cdr.Media{Tier: "kernel", Dropped: 20, Evidence: &cdr.Evidence{STUN: 20}}, "0 RTCP  20 STUN  kernel"},
		{cdr.Media{Tier: "kernel", Gated: 1, Dropped: 23, Evidence: &cdr.Evidence{STUN: 20}}, "0 RTCP  1 gated  3 dropped  20 STUN  kernel"},
	} {
		var b strings.Builder
		writeMedia(&b, []cdr.Media{c.media})
		if got := strings.TrimSpace(b.String()); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s\nhas no %q", got, c.want)
		}
	}
}

// TestMediaOfRefusedCalls: of a call that nobody took there is something to say if something came.
func TestMediaOfRefusedCalls(t *testing.T) {
	at := time.Unix(1700000000, 0)
	for _, c := range []struct {
		answered time.Time
		packets  uint64
		want     bool
	}{{time.Time{}, 0, false}, {time.Time{}, 1, true}, {at, 0, true}} {
		var b strings.Builder
		writeWhy(&b, &cdr.Record{Start: at, Answered: c.answered, End: at, Media: []cdr.Media{{From: "caller"}, {From: "callee", Packets: c.packets}}}, at)
		if got := strings.Contains(b.String(), "\nmedia\n"); got != c.want {
			t.Errorf("answered %v, %d packets: media are shown: %v", !c.answered.IsZero(), c.packets, got)
		}
	}
}

// TestWhyTellsOfTheReasonOfABye: a gateway that hangs up because its line is out of order is no party that hangs up.
func TestWhyTellsOfTheReasonOfABye(t *testing.T) {
	at := time.Unix(1700000000, 0)
	var b strings.Builder
	writeWhy(&b, &cdr.Record{Start: at, Answered: at, End: at, Reason: "normal-clearing", EndedBy: "callee", Detail: "BYE with Reason: Q.850;cause=27"}, at)
	if want := "The called side hung up. Detail: BYE with Reason: Q.850;cause=27.\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%s\nhas no %q", b.String(), want)
	}
}

// TestWhyOfAnUnansweredCall: who lets it ring has refused nothing.
func TestWhyOfAnUnansweredCall(t *testing.T) {
	at := time.Unix(1700000000, 0)
	for reason, want := range map[string]string{"no-answer": "; the called side did not take it, and it ended with 480 after 3m0s: ", "no-user-response": "; the called side refused it with 480 after 3m0s: "} {
		var b strings.Builder
		writeWhy(&b, &cdr.Record{Start: at, End: at.Add(3 * time.Minute), Status: 480, Reason: reason, EndedBy: "callee"}, at)
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s\nhas no %q", b.String(), want)
		}
	}
}

// TestRunningCallHasNoEnd: the zero time is no end.
func TestRunningCallHasNoEnd(t *testing.T) {
	b, err := json.Marshal(cdr.Record{ID: "x"})
	if err != nil || strings.Contains(string(b), `"end"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestLadderCountsWhatIsLeftOut: a line without a leg stands between the two halves of a long ladder.
func TestLadderCountsWhatIsLeftOut(t *testing.T) {
	var b strings.Builder
	WriteLadder(&b, &cdr.Record{Ladder: []cdr.Message{{Leg: "a", Line: "INVITE x"}, {Line: "12 more messages"}, {Leg: "a", Line: "BYE"}}})
	rows := strings.Split(b.String(), "\n")
	if got := strings.TrimSpace(rows[2]); got != ":  12 more messages" || strings.Index(rows[2], ":") != strings.Index(rows[1], "|") {
		t.Errorf("%s", b.String())
	}
}

// TestWhyInJSONHasItsWords: a script gets the record as it is, with the sentence of the text and what to look at.
func TestWhyInJSONHasItsWords(t *testing.T) {
	for name, looks := range map[string]bool{"refused": true, "failed-over": false} {
		r := record(t, name)
		b, err := json.Marshal(explain(r, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			cdr.Record
			Sentence, Look string
		}
		if err := json.Unmarshal(b, &got); err != nil || got.ID != r.ID || len(got.Ladder) != len(r.Ladder) || got.Sentence != sentence(r, time.Now()) || (got.Look != "") != looks {
			t.Errorf("%s: %v, %s", name, err, b)
		}
		var text strings.Builder
		WriteWhy(&text, r)
		if !strings.Contains(text.String(), got.Sentence) || !strings.Contains(text.String(), got.Look) {
			t.Errorf("%s says otherwise:\n%s", name, text.String())
		}
	}
}

// TestAttemptWithoutAnswerHasNoStatus: 504 beside a gateway that has said nothing would be looked for in the gateway.
func TestAttemptWithoutAnswerHasNoStatus(t *testing.T) {
	r := &cdr.Record{Attempts: []cdr.Attempt{
		{Trunk: "gw", Remote: "192.0.2.1:5060", Status: 504, Class: "peer-fault", Reason: "no-response", Took: time.Second},
		{Trunk: "gw", Remote: "192.0.2.1:5060", Status: 504, Class: "peer-fault", Took: time.Second},
	}}
	var b strings.Builder
	writeAttempts(&b, r, time.Now())
	rows := strings.Split(b.String(), "\n")
	if strings.Contains(rows[0], "504") || !strings.Contains(rows[0], "no-response") || !strings.Contains(rows[1], "504") {
		t.Error(b.String())
	}
}

// TestWhyOfACallThatEveryTargetFailed says of each trunk what happened there, and what is to be done about it.
func TestWhyOfACallThatEveryTargetFailed(t *testing.T) {
	at := time.Unix(1700000000, 0)
	r := &cdr.Record{Start: at, End: at, Status: 503, Reason: "all-trunks-failed", EndedBy: "directsip", Detail: "407 Proxy Authentication Required", Attempts: []cdr.Attempt{
		{Trunk: "full", Status: 503, Class: "congestion", Reason: "trunk-limit"},
		{Trunk: "a", Remote: "192.0.2.1:5060", Took: 4 * time.Second, Status: 408, Class: "peer-fault", Reason: "no-response"},
		{Trunk: "b", Remote: "192.0.2.1:5060", Took: 4 * time.Second, Status: 408, Class: "peer-fault", Reason: "no-response"},
		{Trunk: "c", Remote: "192.0.2.1:5060", Took: time.Second, Status: 503, Cause: 34, Class: "congestion", Reason: "peer-congestion"},
		{Trunk: "d", Remote: "192.0.2.1:5060", Took: time.Second, Status: 500, Class: "peer-fault", Detail: "500 Server Error"},
		{Trunk: "e", Remote: "192.0.2.1:5060", Took: time.Second, Status: 407, Class: "peer-fault", Reason: "credentials-missing", Detail: "407 Proxy Authentication Required"}}}
	want := `: Every target was tried and none took the call. "full": the trunk has as many calls as it may (maxCalls of the trunk); "a", "b": the peer did not answer the INVITE at all; ` +
		`"c": the peer has no free channel or is overloaded: 503 (Q.850 34); "d": 500 Server Error; ` +
		`"e": the peer asked for a user name and password, and the trunk has none for it: 407 Proxy Authentication Required.`
	if got := explain(r, at); !strings.HasSuffix(got.Sentence, want) {
		t.Errorf("%s\nhas no %s", got.Sentence, want)
	} else {
		for _, look := range []string{`"a", "b": Check the peer, the way to it`, `"c": Add channels or trunks`, `"d": See the peer's status`, `"e": Give the trunk credentials`} {
			if !strings.Contains(got.Look, look) {
				t.Errorf("%s\nhas no %s", got.Look, look)
			}
		}
	}
	r.Detail, r.Attempts = "something else", nil
	for range 9 {
		r.Attempts = append(r.Attempts, cdr.Attempt{Trunk: "itsp-" + string(rune('1'+len(r.Attempts))), Remote: "192.0.2.1:5060", Status: 503, Class: "peer-fault"})
	}
	if got := explain(r, at).Sentence; !strings.HasSuffix(got, ` "itsp-1", "itsp-2", "itsp-3" and 6 more: 503. Detail: something else.`) {
		t.Error(got)
	}
}

// TestForbiddenNamesTheReport: of a 403 the next step is to see which numbers are meant.
func TestForbiddenNamesTheReport(t *testing.T) {
	r := cdr.Record{Reason: "peer-fault", EndedBy: "directsip", Status: 403, Start: time.Now(), End: time.Now(), Attempts: []cdr.Attempt{{Trunk: "itsp", Class: "peer-fault", Status: 403}}}
	r.Calling.Received, r.Called.Received = "+1", "+2"
	if look := lookAt(&r); !strings.Contains(look, "directsip report --by called --trunk itsp") {
		t.Errorf("%s", look)
	}
	if said := sentence(&r, time.Now()); !strings.HasPrefix(said, "+1 called +2") || strings.Contains(said, "--by called") {
		t.Errorf("the call is told so: %s", said)
	}
	r.Attempts[0].Status = 500
	if look := lookAt(&r); strings.Contains(look, "--by called") {
		t.Errorf("of a 500: %s", look)
	}
}

// TestUnratedSaysWhy: a call too short to be rated is told from one in a codec that the E-model does not know.
func TestUnratedSaysWhy(t *testing.T) {
	for packets, want := range map[uint64]string{10: "too short for a MOS, lost", cdr.LeastRated: "MOS unknown, lost"} {
		r := cdr.Record{Start: time.Now(), End: time.Now(), Media: []cdr.Media{{From: "caller", Packets: packets, Quality: &cdr.Quality{}}}}
		var b strings.Builder
		if WriteWhy(&b, &r); !strings.Contains(b.String(), want) {
			t.Errorf("of %d packets:\n%s", packets, b.String())
		}
	}
}
