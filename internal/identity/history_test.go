package identity

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

const (
	diversionTwice = "Diversion: <sip:+12065550002@x>;reason=no-answer;privacy=full;counter=1, \"First\" <tel:+12065550001>;reason=user-busy;counter=1;limit=5"
	historyTwice   = "History-Info: <sip:+12065550001@x;user=phone>;index=1, <sip:+12065550002@x;cause=486?Privacy=history>;index=1.1;mp=1," +
		"<sip:+14255550100@x;cause=408>;index=1.1.1;mp=1.1"
	wantInfo = "History-Info: <sip:+12065550001@192.0.2.11;user=phone>;index=1, <sip:+12065550002@192.0.2.11;user=phone;cause=486?Privacy=history>;index=1.1;mp=1, " +
		"<" + target + ";cause=408>;index=1.1.1;mp=1.1"
	wantLatest = "Diversion: <sip:+12065550002@192.0.2.11;user=phone>;reason=no-answer;counter=1;privacy=full"
	wantFirst  = "Diversion: <sip:+12065550001@192.0.2.11;user=phone>;reason=user-busy;counter=1;privacy=off"
)

// TRK-15, SIG-13, NEW-05, RFC 7544: each form of the source becomes each form of the target.
func TestTRK15NEW05HistoryForms(t *testing.T) {
	named := strings.Replace(wantFirst, ": <", `: "First" <`, 1)
	for _, c := range []struct {
		name, in, out, header string
		want                  []string
	}{
		{"off on both", "", "", historyTwice, nil},
		{"only the source is trusted", "forwardCallHistory: true", "", historyTwice, nil},
		{"only the target is trusted", "", "forwardCallHistory: true", historyTwice, nil},
		{"history-info to history-info", "forwardCallHistory: true", "forwardCallHistory: true", historyTwice, []string{wantInfo}},
		{"history-info to diversion", "forwardCallHistory: true", "forwardCallHistory: true, callHistoryForm: diversion", historyTwice, []string{wantLatest, wantFirst}},
		{"diversion to history-info", "forwardCallHistory: true", "forwardCallHistory: true, callHistoryForm: history-info", diversionTwice, []string{wantInfo}},
		{"diversion to diversion", "forwardCallHistory: true", "forwardCallHistory: true, callHistoryForm: diversion", diversionTwice, []string{wantLatest, named}},
		{"to both", "forwardCallHistory: true", "forwardCallHistory: true, callHistoryForm: both", historyTwice, []string{wantInfo, wantLatest, wantFirst}},
		{"removePlusFromUri", "forwardCallHistory: true", "forwardCallHistory: true, callHistoryForm: diversion, removePlusFromUri: true", "Diversion: <sip:+12065550001@x>",
			[]string{"Diversion: <sip:12065550001@192.0.2.11;user=phone>;reason=unknown;counter=1;privacy=off"}},
		{"Referred-By", "forwardCallHistory: true", "forwardCallHistory: true", "b: <sip:+12065550009@x>;cid=\"1@x\"", []string{"Referred-By: <sip:+12065550009@192.0.2.11;user=phone>"}},
		{"Referred-By that is not trusted", "", "forwardCallHistory: true", "b: <sip:+12065550009@x>", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newRig(t, "uc", c.in, "sbc", c.out).send(invite(t, c.header), false, "")
			compare(t, got[1:], c.want)
		})
	}
}

// RFC 7544 §6.1: which entries of History-Info are redirections.
func TestRFC7544HistoryEntries(t *testing.T) {
	for header, want := range map[string]string{
		"<sip:1@x>;index=1, <sip:2@x>;index=1.1":                                                                 "",
		"<sip:1@x>;index=1;ms-retarget-reason=forwarding, <sip:2@x>;index=1.1":                                   "1 unconditional",
		"<sip:1@x?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22>;index=1, <sip:2@x>;index=1.1":                    "1 user-busy",
		"<sip:1@x>;index=1, <sip:2@x;cause=302>;index=1.1, <sip:2@y>;index=1.1.1, <sip:3@x;cause=408>;index=1.2": "1 unconditional, 2 no-answer",
		"<sip:1@x>;index=1, garbage, <sip:2@x;cause=480>;index=1.1":                                              "1 deflection",
		"<sip:1@x;cause=302>;index=1":                                                                            "",
		"<sip:1@x>;index=1, <sip:2@x;cause=999>;index=1.1":                                                       "1 unknown",
	} {
		var got []string
		for _, d := range historyInfo(invite(t, "History-Info: "+header)) {
			got = append(got, d.Number+" "+d.Reason.String())
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, want %q", header, s, want)
		}
	}
}

// RFC 5806: a counter is kept, and in History-Info stands for parties that nobody knows.
func TestRFC5806Counter(t *testing.T) {
	m := invite(t, "Diversion: <sip:+12065550001@x>;reason=unconditional;counter=3")
	newRig(t, "uc", "forwardCallHistory: true", "sbc", "forwardCallHistory: true, callHistoryForm: both").sends(t, m, fromBob,
		"History-Info: <sip:+12065550001@192.0.2.11;user=phone>;index=1, <sip:unknown@unknown.invalid;cause=302>;index=1.1;mp=1, "+
			"<sip:unknown@unknown.invalid;cause=302>;index=1.1.1;mp=1.1, <"+target+";cause=302>;index=1.1.1.1;mp=1.1.1",
		"Diversion: <sip:+12065550001@192.0.2.11;user=phone>;reason=unconditional;counter=3;privacy=off")
}

// NEW-18: what goes on although it was passed on too often, as emergency calls do, carries no history, which would grow with every turn.
func TestEndlessHistoryEnds(t *testing.T) {
	r := newRig(t, "uc", "forwardCallHistory: true", "sbc", "forwardCallHistory: true, callHistoryForm: both")
	for counter, lines := range map[string]int{"10": 3, "11": 1} { // From, History-Info, Diversion
		if got := r.send(invite(t, "Diversion: <sip:+12065550001@x>;counter="+counter), false, ""); len(got) != lines {
			t.Errorf("passed on %s times: %d lines, want %d: %q", counter, len(got), lines, got)
		}
	}
}

// RFC 7044 §10.1: Privacy: history is meant for all entries.
func TestRFC7044_10_1Privacy(t *testing.T) {
	m := invite(t, "Diversion: <sip:+12065550001@x>;reason=unconditional", "Privacy: history")
	newRig(t, "uc", "forwardCallHistory: true", "sbc", "forwardCallHistory: true, callHistoryForm: diversion").sends(t, m, fromBob, "Privacy: history",
		"Diversion: <sip:+12065550001@192.0.2.11;user=phone>;reason=unconditional;counter=1;privacy=full")
}

// Calls that go round by forwarding are bounded: by entries, and by counters.
func TestRedirections(t *testing.T) {
	many := strings.Repeat("<sip:1@x>;reason=unconditional, ", 40)
	for header, want := range map[string]int{
		"Subject: x": 0, "Diversion: <sip:1@x>": 1, "Diversion: <sip:1@x>;counter=99": 99, "Diversion: <sip:1@x>;counter=4, <sip:2@x>;counter=2": 6,
		"Diversion: " + many: maxValues, "Diversion: <sip:1@x>;counter=x": 1, "Diversion: <sip:1@x>;counter=99999999999999999999": 1,
		historyTwice: 2, "Diversion: <sip:": 0,
	} {
		if got := Redirections(invite(t, header)); got != want {
			t.Errorf("%.60s: %d, want %d", header, got, want)
		}
	}
	if n := Redirections(&sip.Message{}); n != 0 {
		t.Error(n)
	}
}
