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
