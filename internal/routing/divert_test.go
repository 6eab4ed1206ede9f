package routing

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/topology"
)

// diverting is world with inbound rules and ranges of unassigned numbers.
var diverting = world + `
inboundRules:
  - {name: night desk, called: '^\+14255550199$', trunks: [itsp], to: {number: "+4930123456", usages: [world]}}
  - {name: alice abroad, called: '^\+14255550101$', calling: '^\+33', to: {number: "+14255550102"}}
  - {name: fax, called: '^\+1425555017\d$', kinds: [sbc, gateway], to: {trunk: pbx}}
  - {name: attendant, called: '^\+14255550180$', sites: [munich], to: {code: 480}}
  - {name: attendant here, called: '^\+14255550180$', sites: [seattle], to: {trunk: uc, uri: "sip:aa@example.com"}}
  - {name: nuisance, calling: '^\+1900', kinds: [sbc], to: {code: 603}}
  - {name: three digits of ours, called: '^999$', calling: '^\+1206', to: {trunk: pbx}}
  - {name: main, called: '^\+14255550000$', to: {user: bob}}
unassignedNumbers:
  - {name: one of them, numberRangeStart: "+14255550150", to: {trunk: pbx}}
  - {name: reception, numberRangeStart: "+14255550100", numberRangeEnd: "+14255550159", to: {user: alice}}
  - {name: gone, numberRangeStart: "+12065550000", numberRangeEnd: "+12065550099", to: {code: 410, cause: 22}}
  - {name: busy, numberRangeStart: "+12065550100", numberRangeEnd: "+12065550199", to: {code: 404}}
  - {name: moved, numberRangeStart: "+12065550200", numberRangeEnd: "+12065550299", to: {number: "+14255550120"}}
  - {name: agency, numberRangeStart: "+12065550300", numberRangeEnd: "+12065550399", to: {number: "+4930123456"}}
`

// TestNEW10 are inbound rules, TestRTE28 unassigned numbers: every condition and every destination.
func TestNEW10(t *testing.T) {
	s := compile(t, diverting)
	for _, row := range []struct{ name, from, called, calling, want string }{
		{"to a number with usages of the rule", "itsp", "+14255550199", "", "gw2:+4930123456 gw3:+4930123456"},
		{"not on another trunk", "gw1", "+14255550199", "", "refused no-usage"},
		{"before the reverse lookup, by calling number", "gw1", "+14255550101", "+33123", "user bob via uc:+14255550102"},
		{"the number's owner else", "gw1", "+14255550101", "+49123", "user alice via uc:+14255550101"},
		{"to a trunk, by kind", "itsp", "+14255550175", "", "pbx:+14255550175"},
		{"kinds do not fit", "pbx", "+14255550175", "", "gw1:14255550175 gw2:+14255550175 itsp:14255550175"},
		{"to a URI, by site", "gw1", "4255550180", "", "uc:aa"},
		{"refused", "itsp", "+14255550101", "+19005551234", "refused inbound-refused"},
		{"to a user", "itsp", "+14255550000", "", "user bob via uc:+14255550102;ext=902"},
		{"users of ours are no inbound calls without a trunk", "user alice", "+14255550000", "", "gw1:14255550000 gw2:+14255550000 itsp:14255550000 gw3:+14255550000"},
		{"a rule with called may have it", "itsp", "999", "+12065551234", "pbx:999"},
		{"not before the dialling of our own", "pbx", "999", "+12065551234", "emergency gw3:911 gw1:911"},
		{"an emergency number is not for rules without called", "itsp", "911", "+19005551234", "emergency gw3:911 gw1:911"},
	} {
		d := Decide(s, ask(s, row.from, row.called, row.calling), nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
	if d := Decide(s, ask(s, "itsp", "+14255550101", "+19005551234"), nil); d.Reason.Status != 603 || d.Reason.Phrase != "Decline" || d.Reason.Cause != 21 {
		t.Errorf("refused with %+v", d.Reason)
	}
}

func TestRTE28(t *testing.T) {
	s := compile(t, diverting)
	for _, row := range []struct{ name, from, called, want string }{
		{"to a user", "itsp", "+14255550140", "user alice via uc:+14255550101"},
		{"also from users", "user carol", "+14255550140", "user alice via uc:+14255550101"},
		{"with an extension that nobody has", "itsp", "+14255550140;ext=7", "user alice via uc:+14255550101"},
		{"first match", "itsp", "+14255550150", "pbx:+14255550150"},
		{"somebody has the number", "itsp", "+14255550102", "user bob via uc:+14255550102"},
		{"refused", "itsp", "+12065550042", "refused unassigned-number"},
		{"into another range", "itsp", "+12065550242", "user alice via uc:+14255550101"},
		{"outside, by the caller's usages", "user alice", "+12065550342", "itsp:0114930123456 gw2:+4930123456 gw3:+4930123456"},
		{"outside, and the caller has none", "itsp", "+12065550342", "refused no-usage"},
	} {
		d := Decide(s, ask(s, row.from, row.called, ""), nil)
		if got := brief(&d); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s%s", row.name, got, row.want, explain(&d))
		}
	}
	if d := Decide(s, ask(s, "itsp", "+12065550042", ""), nil); d.Reason.Status != 410 || d.Reason.Cause != 22 {
		t.Errorf("refused with %+v", d.Reason)
	}
	d := Decide(s, ask(s, "itsp", "+12065550242", ""), nil)
	if text := explain(&d); !strings.Contains(text, `"moved"                 +12065550242 goes to number "+14255550120"`) {
		t.Error(text)
	}
}

// TestDiversionsAreBounded: a snapshot that Compile did not make may send a number to itself.
func TestDiversionsAreBounded(t *testing.T) {
	s := compile(t, diverting)
	s.Unassigned = []topology.UnassignedRange{{Name: "circle", First: "+14255550140", Last: "+14255550140", To: topology.Destination{Number: "+14255550140"}}}
	if d := Decide(s, ask(s, "itsp", "+14255550140", ""), nil); d.Reason == nil || d.Reason.ID != "loop-detected" {
		t.Error(explain(&d))
	}
}

// TestLentUsagesStay: what a rule lends to a call holds also when the number that it leads to leads on.
func TestLentUsagesStay(t *testing.T) {
	s := compile(t, strings.Replace(diverting, `number: "+4930123456", usages: [world]}}`, `number: "+14255550160", usages: [world]}}`, 1)+
		`  - {name: on, numberRangeStart: "+14255550160", to: {number: "+4930123456"}}
`)
	d := Decide(s, ask(s, "itsp", "+14255550199", ""), nil)
	if got, want := brief(&d), "gw2:+4930123456 gw3:+4930123456"; got != want {
		t.Errorf("%s, want %s%s", got, want, explain(&d))
	}
}

// TestRTE32 is the private line: calls to it are told apart, and it never shows in a call of the user.
func TestRTE32(t *testing.T) {
	s := compile(t, strings.Replace(world, `lineURI: "tel:+14255550101"`, `lineURI: "tel:+14255550101", privateLine: "tel:+14255550191"`, 1))
	d := Decide(s, ask(s, "itsp", "+14255550191", ""), nil)
	if brief(&d) != "user alice via uc:+14255550191" || !d.Private || !strings.Contains(explain(&d), "has the private line +14255550191") {
		t.Error(explain(&d))
	}
	if d := Decide(s, ask(s, "itsp", "+14255550101", ""), nil); d.Private || brief(&d) != "user alice via uc:+14255550101" {
		t.Error(explain(&d))
	}
	d = Decide(s, ask(s, "uc", "+14255551234", "+14255550191"), nil)
	if d.CallingUser == nil || d.CallingUser.Name != "alice" {
		t.Fatal(explain(&d))
	}
	for _, target := range d.Targets {
		if strings.Contains(target.Calling, "4255550191") {
			t.Errorf("the private line leaves: %+v", target)
		}
	}
}

// TestRTE05 is dialling with a prefix for outside lines: the same digits are an extension without it and a number with it.
func TestRTE05(t *testing.T) {
	doc := strings.Replace(world, "    simpleName: us.example.com\n    rules:\n", `    simpleName: us.example.com
    optimizeDeviceDialing: true
    rules:
      - {name: outside, pattern: '^9(\d{7})$', translation: '+1425$1'}
      - {name: service, pattern: '^9(\d{2})$', translation: '+1900555$1', internal: true}
      - {name: desk, pattern: '^(9\d{3})$', translation: '+1425666$1', internal: true}
      - {name: long extension, pattern: '^(8\d{6})$', translation: '+1206$1', internal: true}
`, 1)
	s := compile(t, doc)
	for dialled, want := range map[string]string{
		"8123456":  "+12068123456", // internal rules first, wherever they stand
		"98123456": "+14258123456",
		"5551234":  "+14255551234",
		"101":      "+14255550101",
		"901":      "901", // internal rules are not for it
	} {
		if d := Decide(s, ask(s, "user carol", dialled, ""), nil); d.Number != want {
			t.Errorf("%s: %s, want %s%s", dialled, d.Number, want, explain(&d))
		}
	}
}

// TestRTE29Targets: after an announcement a call goes where its target leads, as if that had been dialled; a refusal is heard after it. Calls for help hear none, and none
// leads to another one.
func TestRTE29Targets(t *testing.T) {
	s := compile(t, world+`
announcements:
  moved: {tone: busy, target: {number: "+14255550101"}}
  agency: {tone: busy, target: {number: "+4930123456", usages: [world]}}
  fax: {tone: busy, target: {trunk: pbx}}
  nowhere: {tone: busy, target: {number: "+999123"}}
inboundRules:
  - {name: help, called: '^911$', to: {announcement: moved}}
unassignedNumbers:
  - {name: moved, numberRangeStart: "+12065550000", to: {announcement: moved}}
  - {name: agency, numberRangeStart: "+12065550001", to: {announcement: agency}}
  - {name: fax, numberRangeStart: "+12065550002", to: {announcement: fax}}
  - {name: nowhere, numberRangeStart: "+12065550003", to: {announcement: nowhere}}
`)
	for _, row := range []struct{ called, hears, want string }{
		{"+12065550000", "moved", "user alice via uc:+14255550101"},
		{"+12065550001", "agency", "gw2:+4930123456 gw3:+4930123456"},
		{"+12065550002", "fax", "pbx:+12065550002"},
		{"911", "", "emergency gw3:911 gw1:911"},
	} {
		d := Decide(s, ask(s, "itsp", row.called, ""), nil)
		hears := ""
		if d.Announcement != nil {
			hears = d.Announcement.Name
		}
		if got := brief(&d); got != row.want || hears != row.hears || d.Reason != nil {
			t.Errorf("%s:\n got %s after %q\nwant %s after %q%s", row.called, got, hears, row.want, row.hears, explain(&d))
		}
		if text := explain(&d); strings.Contains(text, "is heard first, then "+row.called+" goes to") != (hears != "") {
			t.Errorf("%s: the explanation is%s", row.called, text)
		}
	}
	if d := Decide(s, ask(s, "itsp", "+12065550003", ""), nil); d.Kind != Announced || d.Announcement.Name != "nowhere" || d.Reason == nil || len(d.Targets) > 0 {
		t.Errorf("without a route for the target:%s", explain(&d))
	}
	s.Unassigned[0].To.Announcement.Target.Number = "+12065550000" // which Compile refuses
	if d := Decide(s, ask(s, "itsp", "+12065550000", ""), nil); d.Kind != Announced || d.Reason != diag.LoopDetected {
		t.Errorf("an announcement that leads to itself:%s", explain(&d))
	}
}
