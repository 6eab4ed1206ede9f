package routing

import (
	"cmp"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// TestClassOfEveryStatus is the table of the package comment, one row per status of RFC 3261 and its extensions.
func TestClassOfEveryStatus(t *testing.T) {
	for _, row := range []struct {
		class    Class
		hunt     bool
		statuses []int
	}{
		{Answered, false, []int{200, 202, 204}},
		{Redirect, true, []int{300, 301, 302, 305, 380}},
		{PeerFault, true, []int{400, 401, 402, 403, 405, 407, 408, 409, 411, 412, 413, 414, 417, 423, 425, 428, 429, 430, 436, 437,
			438, 439, 469, 470, 481, 489, 491, 499, 500, 502, 504, 555, 599}},
		{Congestion, true, []int{503}},
		{Incompatible, true, []int{406, 415, 416, 420, 421, 422, 424, 488, 493, 494, 501, 505, 513, 580, 606}},
		{NumberFault, false, []int{404, 410, 440, 482, 483, 484, 485, 604}},
		{UserVerdict, false, []int{433, 480, 486, 487, 600, 603, 607, 608, 699}},
	} {
		for _, status := range row.statuses {
			if got, _ := classify(status, 0); got != row.class || got.Hunt() != row.hunt {
				t.Errorf("%d: %v, hunt %v; want %v, %v", status, got, got.Hunt(), row.class, row.hunt)
			}
			if v := Judge(nil, status, 0); v.Hunt != row.hunt || v.Why == "" || v.Status != status {
				t.Errorf("%d: %+v", status, v)
			}
		}
	}
}

// TestRTE20IsDocumented: the table of docs/configuration.md is what happens, for every status and cause.
func TestRTE20IsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (yes|no) \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows", len(rows))
	}
	codes := func(text string) map[int]bool {
		set := map[int]bool{}
		for _, m := range regexp.MustCompile(`\b(\d{1,3})(?:-(\d{1,3}))?\b`).FindAllStringSubmatch(text, -1) {
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(cmp.Or(m[2], m[1]))
			for n := from; n <= to; n++ {
				set[n] = true
			}
		}
		return set
	}
	hunt, ofStatus, ofCause := map[string]bool{}, map[int]string{}, map[int]string{}
	for _, r := range rows {
		hunt[r[1]] = r[2] == "yes"
		for n := range codes(r[3]) {
			ofStatus[n] = r[1]
		}
		for n := range codes(r[4]) {
			ofCause[n] = r[1]
		}
	}
	for status := 400; status < 700; status++ {
		want := "peer-fault"
		if status >= 600 {
			want = "user-verdict"
		}
		want = cmp.Or(ofStatus[status], want)
		if v := Judge(nil, status, 0); v.Class.String() != want || v.Hunt != hunt[want] {
			t.Errorf("%d is %v, hunt %v; the page says %s", status, v.Class, v.Hunt, want)
		}
	}
	for cause := 1; cause < 128; cause++ {
		want := cmp.Or(ofCause[cause], "peer-fault")
		switch cause {
		case 16, 23, 30, 31, 127:
			want = "congestion" // of the status
		}
		if v := Judge(nil, 503, cause); v.Class.String() != want {
			t.Errorf("503 with cause %d is %v; the page says %s", cause, v.Class, want)
		}
	}
}

// TestCauseRefinesStatus: Q.850 causes as RFC 3398 section 8.2.6.1 lists them, on the status that says something else.
func TestCauseRefinesStatus(t *testing.T) {
	for _, row := range []struct {
		status, cause int
		want          Class
		why           string
	}{
		{503, 1, NumberFault, "a gateway that says 503 for an unallocated number"},
		{404, 1, NumberFault, "unallocated"},
		{404, 2, PeerFault, "no route to the transit network: from here, not from everywhere"},
		{404, 3, PeerFault, "no route to the destination: from here, not from everywhere"},
		{404, 0, NumberFault, "a PBX without a cause knows its own numbers"},
		{404, 31, NumberFault, "normal, unspecified says nothing"},
		{404, 127, NumberFault, "interworking says nothing"},
		{500, 5, NumberFault, "misdialled prefix"},
		{480, 16, UserVerdict, "normal clearing says nothing"},
		{503, 17, UserVerdict, "busy is busy whatever the code"},
		{486, 34, Congestion, "no circuit disguised as busy"},
		{486, 17, UserVerdict, "busy"},
		{486, 0, UserVerdict, "busy"},
		{408, 18, UserVerdict, "no user responding"},
		{480, 19, UserVerdict, "no answer"},
		{480, 20, UserVerdict, "subscriber absent"},
		{403, 21, UserVerdict, "rejected by the user"},
		{403, 0, PeerFault, "the carrier does not take it from us"},
		{403, 57, PeerFault, "bearer capability not authorized"},
		{410, 22, NumberFault, "number changed"},
		{500, 25, NumberFault, "exchange routing error: a circle"},
		{502, 27, PeerFault, "destination out of order: another way may work"},
		{503, 28, NumberFault, "incomplete number"},
		{501, 29, PeerFault, "facility rejected"},
		{480, 34, Congestion, "no circuit"},
		{404, 38, PeerFault, "network out of order"},
		{480, 41, PeerFault, "temporary failure"},
		{500, 42, Congestion, "switching congestion"},
		{480, 44, Congestion, "channel not available"},
		{500, 47, Congestion, "resource unavailable"},
		{403, 55, UserVerdict, "incoming calls barred"},
		{500, 58, Congestion, "bearer capability not available now"},
		{500, 65, Incompatible, "bearer capability not implemented"},
		{500, 79, Incompatible, "service not implemented"},
		{500, 87, UserVerdict, "not member of the group"},
		{503, 88, UserVerdict, "incompatible destination"},
		{404, 102, PeerFault, "timer expired in the network"},
		{404, 111, PeerFault, "protocol error"},
		{600, 34, UserVerdict, "6xx is final everywhere"},
		{603, 34, UserVerdict, "6xx is final everywhere"},
		{604, 34, NumberFault, "6xx is final everywhere"},
		{404, 200, NumberFault, "no cause of Q.850"},
		{200, 34, Answered, "answered is answered"},
		{302, 17, Redirect, "a redirection has no cause"},
	} {
		if got, _ := classify(row.status, row.cause); got != row.want {
			t.Errorf("%d with cause %d (%s): %v, want %v", row.status, row.cause, row.why, got, row.want)
		}
	}
}

// TestDecisiveCause: what the peer's cause says goes on to the caller where it decided, and only there.
func TestDecisiveCause(t *testing.T) {
	ruled := &topology.TrunkSettings{ResponseRules: []topology.ResponseRule{{Name: "full", Code: 503, Cause: 34, To: 486}}}
	for _, row := range []struct {
		set           *topology.TrunkSettings
		status, cause int
		want          int
	}{
		{nil, 400, 38, 38}, {nil, 503, 1, 1}, {nil, 599, 17, 17},
		{nil, 503, 0, 0}, {nil, 503, 31, 0}, {nil, 600, 17, 0}, {nil, 302, 17, 0}, {nil, 200, 16, 0},
		{ruled, 503, 34, 0}, {ruled, 503, 42, 42},
	} {
		if got := Judge(row.set, row.status, row.cause).Decisive(); got != row.want {
			t.Errorf("%d with cause %d: %d, want %d", row.status, row.cause, got, row.want)
		}
	}
}

// TestResponseRules covers TRK-22 and NEW-08.
func TestResponseRules(t *testing.T) {
	set := &topology.TrunkSettings{
		ResponseRules: []topology.ResponseRule{
			{Name: "no circuit", Code: 486, Cause: 34, To: 503},
			{Name: "gateway full", Code: 0, Cause: 17, To: 486},
			{Name: "line out of service", Code: 404, Cause: -1, To: 503},
			{Name: "never reached", Code: 404, Cause: 1, To: 410},
		},
		FailoverCodes: topology.Codes{480: true, 603: true, 403: true},
		FinalCodes:    topology.Codes{500: true, 603: true},
	}
	for _, row := range []struct {
		status, cause, wantStatus int
		class                     Class
		hunt                      bool
		rule                      string
	}{
		{486, 34, 503, Congestion, true, "no circuit"},
		{486, 0, 486, UserVerdict, false, ""},
		{503, 17, 486, UserVerdict, false, "gateway full"},
		{404, 1, 503, Congestion, true, "line out of service"}, // the rule overrules the cause too
		{480, 0, 480, UserVerdict, true, ""},
		{500, 0, 500, PeerFault, false, ""},
		{603, 0, 603, UserVerdict, false, ""}, // final is stronger
		{403, 0, 403, PeerFault, true, ""},
		{200, 0, 200, Answered, false, ""},
	} {
		v := Judge(set, row.status, row.cause)
		if v.Status != row.wantStatus || v.Class != row.class || v.Hunt != row.hunt || v.Rule != row.rule || v.Cause != row.cause {
			t.Errorf("%d/%d: %+v, want %+v", row.status, row.cause, v, row)
		}
	}
}

// TRK-22: a response that a rule replaces has the reason of the new code, whatever its cause was.
func TestTRK22ReasonOfRule(t *testing.T) {
	set := &topology.TrunkSettings{ResponseRules: []topology.ResponseRule{{Cause: 17, To: 404}, {Code: 404, Cause: -1, To: 486}, {Code: 486, Cause: 34, To: 503}}}
	for _, row := range []struct {
		status, cause int
		want          *diag.Reason
	}{
		{500, 17, diag.NotFound}, {404, 28, diag.Busy}, {486, 34, diag.PeerCongestion}, {486, 21, diag.Busy}, {302, 17, diag.Redirected}, {200, 17, nil},
	} {
		if v := Judge(set, row.status, row.cause); v.Reason() != row.want || v.Cause != row.cause {
			t.Errorf("%d/%d: %+v", row.status, row.cause, v)
		}
	}
}

func TestVerdictReason(t *testing.T) {
	for _, row := range []struct {
		status, cause int
		want          *diag.Reason
	}{
		{200, 0, nil}, {302, 0, diag.Redirected}, {500, 0, diag.PeerFault}, {503, 0, diag.PeerCongestion}, {488, 0, diag.Incompatible},
		{404, 0, diag.NotFound}, {484, 0, diag.NumberInvalid}, {500, 28, diag.NumberInvalid}, {410, 0, diag.NumberChanged},
		{500, 22, diag.NumberChanged}, {482, 0, diag.LoopDetected}, {483, 0, diag.TooManyHops}, {500, 25, diag.TooManyHops},
		{486, 0, diag.Busy}, {600, 0, diag.Busy}, {503, 17, diag.Busy}, {603, 0, diag.Declined}, {403, 21, diag.Declined},
		{480, 19, diag.NoAnswer}, {480, 0, diag.NoUserResponse}, {408, 18, diag.NoUserResponse}, {487, 0, diag.Declined}, {487, 18, diag.NoUserResponse},
		{487, 19, diag.NoAnswer}, {487, 17, diag.Busy},
		{433, 0, diag.CallerRefused},
	} {
		if got := Judge(nil, row.status, row.cause).Reason(); got != row.want {
			t.Errorf("%d/%d: %v, want %v", row.status, row.cause, got, row.want)
		}
	}
}

func TestEmergencyHuntsOn(t *testing.T) {
	for status, want := range map[int]bool{200: false, 404: true, 486: true, 487: true, 500: true, 603: true} {
		if Judge(nil, status, 0).HuntEmergency() != want {
			t.Errorf("%d: hunt %v", status, !want)
		}
	}
}

func TestClassSaysWhatItMeansForHealth(t *testing.T) {
	for class, want := range map[Class]health.Result{Answered: health.Good, Redirect: health.Good, PeerFault: health.Bad,
		Congestion: health.Congested, Incompatible: health.Neutral, NumberFault: health.Good, UserVerdict: health.Good} {
		if class.Result() != want {
			t.Errorf("%v: %v", class, class.Result())
		}
		if class.String() == "?" {
			t.Errorf("class %d has no name", class)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	set := topology.DefaultSettings()
	b.ReportAllocs()
	for b.Loop() {
		if !Judge(set, 503, 34).Hunt {
			b.Fatal("final")
		}
	}
}
