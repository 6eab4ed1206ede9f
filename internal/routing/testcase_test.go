package routing

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

func TestStoredTestCases(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		c    topology.TestCase
		want string // the failures; "" passes
	}{
		{topology.TestCase{Dialed: "5551234", From: "alice", ExpectNumber: "+14255551234", ExpectUsage: "local", ExpectRoute: "seattle",
			ExpectTrunk: "gw1", ExpectCalled: "14255551234", ExpectCalling: "14255550101"}, ""},
		{topology.TestCase{Dialed: "101", From: "bob", ExpectUser: "alice"}, ""},
		{topology.TestCase{Dialed: "101", Trunk: "itsp", From: "+4930123", ExpectUser: "alice", ExpectCalling: "+4930123"}, ""},
		{topology.TestCase{Dialed: "5551234", Trunk: "uc", From: "alice", ExpectRoute: "seattle"}, ""},
		{topology.TestCase{Dialed: "5551234", Trunk: "uc", From: "+14255550101", ExpectRoute: "seattle"}, ""},
		{topology.TestCase{Dialed: "5551234", From: "+14255550101", ExpectRoute: "seattle"}, ""},
		{topology.TestCase{Dialed: "12345", From: "alice", ExpectRefusal: "not-normalized"}, ""},
		{topology.TestCase{Dialed: "5551234", From: "alice", ExpectRoute: "world", ExpectTrunk: "itsp"},
			`route: expected "world", got "seattle"; trunk: expected "itsp", got "gw1"`},
		{topology.TestCase{Dialed: "5551234", From: "alice", ExpectRefusal: "no-route"},
			`expected refusal "no-route", but the call goes to trunk "gw1"`},
		{topology.TestCase{Dialed: "12345", From: "alice", ExpectRefusal: "no-route"},
			`refusal: expected "no-route", got "not-normalized"`},
		{topology.TestCase{Dialed: "12345", From: "alice"},
			`refused (not-normalized): The called number is not E.164 and no rule of the dial plan matches it.`},
		{topology.TestCase{Dialed: "12345", From: "nobody"}, `from: expected "a user of the document or a number", got "nobody"`},
		{topology.TestCase{Dialed: "12345", Trunk: "none"}, `trunk: expected "a trunk of the document", got "none"`},
	} {
		r := RunTest(s, &row.c, asGiven)
		if got := strings.Join(r.Failures, "; "); got != row.want || r.OK() != (row.want == "") || r.Case != &row.c {
			t.Errorf("%+v:\n got %s\nwant %s%s", row.c, got, row.want, explain(&r.Decision))
		}
	}
}

// TestOPS02NobodyInParticular asks what a dial plan and a voice policy make of a number, whoever dials it: the named ones, else those of the document.
func TestOPS02NobodyInParticular(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct {
		c    topology.TestCase
		want string // the failures; "" passes
	}{
		{topology.TestCase{Dialed: "5551234", ExpectNumber: "+14255551234", ExpectUsage: "local", ExpectRoute: "seattle", ExpectTrunk: "gw1"}, ""},
		{topology.TestCase{Dialed: "08912345", DialPlan: "Germany", ExpectNumber: "+498912345", ExpectUser: "dave"}, ""},
		{topology.TestCase{Dialed: "08912345", ExpectRefusal: "not-normalized"}, ""},
		{topology.TestCase{Dialed: "08930123", DialPlan: "germany", ExpectNumber: "+498930123", ExpectTrunk: "munich-gw", ExpectUsage: "local"}, ""},
		{topology.TestCase{Dialed: "+4930123456", VoicePolicy: "staff", ExpectUsage: "world", ExpectRoute: "world"}, ""},
		{topology.TestCase{Dialed: "+4930123456", VoicePolicy: "LOBBY", ExpectRefusal: "no-route"}, ""},
		{topology.TestCase{Dialed: "+4930123456", VoicePolicy: "none", ExpectRefusal: "no-usage"}, ""},
		{topology.TestCase{Dialed: "+4930123456", From: "alice", VoicePolicy: "lobby", ExpectRefusal: "no-route"}, ""},
		{topology.TestCase{Dialed: "03012345", From: "alice", DialPlan: "germany", ExpectNumber: "+493012345", ExpectCalling: "14255550101"}, ""},
		{topology.TestCase{Dialed: "+4930123456", From: "dave", VoicePolicy: "staff", ExpectRoute: "world"}, ""},
		{topology.TestCase{Dialed: "911", VoicePolicy: "none", ExpectUsage: "emergency"}, ""},
		{topology.TestCase{Dialed: "5551234", From: "+3912345", VoicePolicy: "lobby", ExpectCalling: "3912345"}, ""},
		{topology.TestCase{Dialed: "5551234", DialPlan: "uk"}, `dialPlan: expected "a dial plan of the document", got "uk"`},
		{topology.TestCase{Dialed: "5551234", VoicePolicy: "boss"}, `voicePolicy: expected "a voice policy of the document", got "boss"`},
	} {
		r := RunTest(s, &row.c, asGiven)
		if got := strings.Join(r.Failures, "; "); got != row.want {
			t.Errorf("%+v:\n got %s\nwant %s%s", row.c, got, row.want, explain(&r.Decision))
		}
	}
	d := Decide(s, &Query{Trunk: s.TrunkByName("gw2"), Called: "+14255551234"}, nil)
	if brief(&d) != "refused no-usage" {
		t.Errorf("a gateway has the policy of the document: %s%s", brief(&d), explain(&d))
	}
}

// asGiven leaves a query as the test case has it.
func asGiven(*Query) {}

func TestExampleDocumentPassesItsTests(t *testing.T) {
	s := compile(t, string(topology.Example()))
	if len(s.Tests) == 0 {
		t.Fatal("the example has no test cases")
	}
	for i := range s.Tests {
		if r := RunTest(s, &s.Tests[i], asGiven); !r.OK() {
			t.Errorf("%s: %s%s", r.Case.Name, strings.Join(r.Failures, "; "), explain(&r.Decision))
		}
	}
}

// TestUserComesInByThePlatform: a call of a user arrives on the trunk of the UC platform, so that its pool, its rules and its being in service count in
// a test case and for the question where a call would go, as they do for the call.
func TestUserComesInByThePlatform(t *testing.T) {
	for _, row := range []struct{ document, dialed, refusal, trunk string }{
		{world, "+498930123456", "", "itsp"}, // munich-gw is of another pool
		{strings.Replace(world, "trunk:gw1:", "trunk:uc: {inboundCalledRules: [{pattern: '^\\*(\\d+)$', translation: '$1'}]}\n  trunk:gw1:", 1), "*5551234", "", "gw1"},
		{strings.Replace(world, "host: 192.0.2.20, root: {", "host: 192.0.2.20, root: {enabled: false, ", 1), "5551234", "trunk-disabled", ""},
	} {
		s := compile(t, row.document)
		c := topology.TestCase{Dialed: row.dialed, From: "alice", ExpectRefusal: row.refusal, ExpectTrunk: row.trunk}
		if r := RunTest(s, &c, asGiven); !r.OK() {
			t.Errorf("%s: %v%s", row.dialed, r.Failures, explain(&r.Decision))
		}
		c = topology.TestCase{Dialed: row.dialed, ForwardedBy: "sip:alice@example.com", ExpectRefusal: row.refusal, ExpectTrunk: row.trunk}
		if r := RunTest(s, &c, asGiven); !r.OK() {
			t.Errorf("forwarded to %s: %v%s", row.dialed, r.Failures, explain(&r.Decision))
		}
	}
}
