package cli

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// What TestRouteIsWhatIsSent draws: documents in which every setting that has a say in numbers, callers and targets is sometimes there, and calls that
// are written in every way that a number can be.

// peers are the gateways of the documents, at these addresses of the test's network. The last one is of another pool.
var peers = []struct {
	name, kind string
	host       int
}{{"uc", "uc", 2}, {"pbx", "pbx", 3}, {"gwa", "gateway", 4}, {"gwb", "gateway", 5}, {"itsp", "sbc", 6}, {"pbx2", "pbx", 7}, {"far", "gateway", 8}}

// drawn draws for one document and its calls.
type drawn struct {
	*rand.Rand
	net string
	b   strings.Builder
}

func (r *drawn) one(list ...string) string { return list[r.IntN(len(list))] }

// in is true once in n.
func (r *drawn) in(n int) bool { return r.IntN(n) == 0 }

// few are at most so many of a list, in any order.
func (r *drawn) few(most int, list ...string) string {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	return "[" + strings.Join(list[:r.IntN(min(most, len(list))+1)], ", ") + "]"
}

func (r *drawn) line(format string, args ...any) { fmt.Fprintf(&r.b, format+"\n", args...) }

func (r *drawn) usages() string { return r.few(3, "a", "b", "c") }

// document draws until one has no mistake.
func (r *drawn) document(t *testing.T) (string, *topology.Snapshot) {
	t.Helper()
	var problems topology.Problems
	for range 1000 {
		r.b.Reset()
		r.places()
		r.numbers()
		r.routes()
		snap, all := topology.Compile("drawn.yaml", []byte(r.b.String()))
		if snap != nil {
			return r.b.String(), snap
		}
		problems = all
	}
	t.Fatalf("no document is without mistakes, the last one has %v", problems)
	return "", nil
}

func (r *drawn) places() {
	r.line("sites:\n  hq: {locationPolicy: %s, location: here, enableLocationBasedRouting: %v, voiceRoutingPolicy: lobby}", r.one("world", "america"), r.in(2))
	r.line("  south: {parent: hq, enableLocationBasedRouting: %v}", r.in(2))
	r.line("pools:\n  pool.test: {servers: {med1.test: {addresses: [%s1], mediaPorts: 41000-41999}}}", r.net)
	r.line("  far.test: {servers: {med2.test: {addresses: [%s11], mediaPorts: 41000-41999}}}", r.net)
	r.line("locations: {here: {address: {country: DE, A3: Berlin}, elins: ['+4930000911']}}")
	r.line("locationPolicies:\n  world: {emergencyNumbers: [{number: 110, masks: ['9110'], usage: sos}, {number: 112, usage: sos}]}")
	r.line("  america: {emergencyNumbers: [{number: 911, usage: sos}]}\nemergency:\n  - {number: 911, masks: [112, '9911'], usage: sos}")
	r.line("gateways:")
	for i, p := range peers {
		pool := "pool.test"
		if i == len(peers)-1 {
			pool = "far.test"
		}
		r.line("  %s: {kind: %s, host: %s%d, site: %s, root: {transport: UDP, pool: %s, enabled: %v}}", p.name, p.kind, r.net, p.host, r.one("hq", "south"), pool, !r.in(12))
	}
	r.line("trunkSettings:\n  global: {options: false}")
	for _, p := range peers {
		r.line("  trunk:%s: {%s}", p.name, strings.Join(r.settings(p.kind), ", "))
	}
}

// rules are of every kind: what adds, removes, makes nothing or a name of a number, and what only few numbers match.
var rules = []string{
	`{pattern: '^\+(\d+)$', translation: '00$1'}`, `{pattern: '^\+1(\d{10})$', translation: '$1'}`, `{pattern: '^0(\d+)$', translation: '+49$1'}`,
	`{pattern: '^9(\d+)$', translation: '$1'}`, `{pattern: '^(\d{3})$', translation: '+14255550$1'}`, `{pattern: '^\+49(\d+)$', translation: '0$1'}`,
	`{pattern: '^(\+\d+);ext=(\d+)$', translation: '$1-$2'}`, `{pattern: '^anonymous$', translation: '+14255550000'}`, `{pattern: '^\+14255550', translation: '*5'}`,
	`{pattern: '^\*(\d+)#?$', translation: '+4989$1'}`, `{pattern: '^$', translation: '+14255550999'}`, `{pattern: '^.*$', translation: ''}`,
	`{pattern: '^([a-z]+)$', translation: '+1$1'}`,
}

func (r *drawn) settings(kind string) []string {
	s := []string{"options: false", "failuresDown: 1000", "noResponseTimeout: 500ms", "usages: " + r.usages()}
	maybe := func(n int, values ...string) bool {
		if !r.in(n) {
			return false
		}
		s = append(s, r.one(values...))
		return true
	}
	maybe(2, "maxAttempts: "+strconv.Itoa(1+r.IntN(4)))
	for _, k := range []string{"calledRules", "callingRules", "inboundCalledRules", "inboundCallingRules"} {
		maybe(3, k+": "+r.few(2, rules...))
	}
	maybe(3, "removePlusFromUri: true")
	maybe(3, "displayName: true")
	maybe(3, "userPhone: false")
	maybe(4, "phoneContext: de.example.com")
	maybe(5, "fromDomain: from.example.com")
	maybe(5, "enablePIDFLOSupport: true")
	if maybe(3, "forwardCallHistory: true") {
		maybe(2, "callHistoryForm: diversion", "callHistoryForm: both")
	}
	if !maybe(6, "callerForm: pai-only, forwardPAI: true, identityHeaders: both") {
		maybe(2, "forwardPAI: true")
		maybe(8, "callerForm: anonymous")
		maybe(4, "identityHeaders: rpid", "identityHeaders: both", "identityHeaders: none")
	}
	maybe(4, "failoverCodes: [486]", "failoverCodes: [404]", "failoverCodes: [6xx]")
	maybe(4, "finalCodes: [503]", "finalCodes: [403]", "finalCodes: [500]")
	maybe(4, "responseRules: [{code: 486, cause: 34, to: 503}]", "responseRules: [{code: 404, to: 486}]", "responseRules: [{cause: 17, to: 600}]")
	if kind == "gateway" || kind == "sbc" {
		maybe(6, "enableLocationRestriction: true")
	}
	maybe(4, "headerRules: {in: [{copy: X-Caller, to: P-Asserted-Identity}]}", "headerRules: {in: [{remove: Diversion}], out: [{remove: Privacy}]}",
		"headerRules: {in: [{replace: Privacy, value: id}], out: [{copy: X-Customer, to: Diversion}]}", "headerRules: {in: [{add: Privacy, value: id}]}",
		"headerRules: {out: [{add: Privacy, value: none}, {replace: P-Asserted-Identity, match: '55', value: '77'}]}")
	return s
}

func (r *drawn) numbers() {
	optimized, internal := r.in(3), ""
	if optimized {
		internal = ", internal: true"
	}
	r.line("dialPlan: us\ndialPlans:\n  us:\n    simpleName: us.example.com\n    optimizeDeviceDialing: %v\n    rules:", optimized)
	r.line(`      - {name: internal, pattern: '^(1\d{2})$', translation: '+14255550$1'%s}`, internal)
	r.line(`      - {name: long, pattern: '^1?(\d{10})$', translation: '+1$1'}`)
	r.line(`      - {name: world, pattern: '^011(\d+)$', translation: '+$1'}`)
	if r.in(3) {
		r.line(`      - {name: star, pattern: '^\*(\d+)#?$', translation: '+1425555$1'}`)
	}
	r.line("  de:\n    simpleName: de.example.com\n    rules:")
	r.line(`      - {name: national, pattern: '^0([1-9]\d+)$', translation: '+49$1'}`)
	r.line(`      - {name: local, pattern: '^([1-9]\d+)$', translation: '+4989$1'}`)
	r.line(`users:
  alice: {uri: "sip:alice@example.com", lineURI: "tel:+14255550101", gateway: uc, privateLine: "tel:+14255550151", site: hq}
  bob: {uri: "sip:Bob.B@example.com", lineURI: "tel:+14255550102;ext=902", gateway: uc, voicePolicy: lobby}
  carol: {uri: "sip:carol@example.com", gateway: uc, voicePolicy: lobby}
  dave: {uri: "sip:dave@example.com", lineURI: "tel:+498912345", dialPlan: de, gateway: uc, site: south, locationPolicy: world}
  eve: {uri: "sip:eve@example.com", lineURI: "tel:+14255550200;ext=1", gateway: uc}
  eric: {uri: "sip:eric@example.com", lineURI: "tel:+14255550200;ext=2", gateway: uc}`)
}

func (r *drawn) routes() {
	r.line("usages: [a, b, c, sos]\nvoicePolicy: staff\nvoicePolicies:")
	for _, n := range []string{"staff", "lobby"} {
		r.line("  %s: {usages: %s, preventPSTNTollBypass: %v, callForwardingSimulRingUsageType: %s}", n, r.usages(), r.in(2),
			r.one("VoicePolicyUsage", "InternalOnly", "CustomUsage, customCallForwardingSimulRingUsages: [c]"))
	}
	out := []string{"pbx", "gwa", "gwb", "itsp", "pbx2", "far"}
	r.line("routes:\n" + `  - {name: sos, pattern: '^\+?(911|112|110)$', usages: [sos], trunks: [gwb, pbx], selection: ordered}`)
	for i, pattern := range []string{`^\+1`, `^\+1425`, `^\+49`, `^\+`, `^\+1900`, `^\+4989`} {
		if r.in(4) {
			continue
		}
		r.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
		r.line("  - {name: r%d, pattern: '%s', usages: [%s], trunks: [%s], selection: ordered%s}", i, pattern, r.one("a", "b", "c", "a, b", "b, c"),
			strings.Join(out[:1+r.IntN(3)], ", "), r.one("", "", "", ", suppressCallerID: true", `, suppressCallerID: true, alternateCallerID: "+14255550000"`))
	}
	r.line(`  - {name: all, pattern: '^\+999', usages: [a, b, c], trunks: [gwa, itsp], selection: ordered}`) // no usage is without a route
	if r.in(2) {
		r.line("inboundRules:\n" + `  - {name: moved, called: '^\+1425555030', kinds: [sbc], to: ` +
			r.one("{user: alice}", "{code: 410}", `{number: "+14255550102", usages: [a]}`, "{trunk: pbx}", `{number: "+4989777", usages: [a, b]}`) + "}")
	}
	if r.in(2) {
		r.line("unassignedNumbers:\n" + `  - {name: gone, numberRangeStart: "+14255550700", numberRangeEnd: "+14255550799", to: ` +
			r.one("{user: bob}", "{code: 404}", `{number: "+14255550101"}`, `{number: "+4989777", usages: [b]}`) + "}")
	}
}

// invite is one call as it arrives.
type invite struct {
	trunk, uri, from string
	headers          []string
}

func (c *invite) String() string {
	return c.trunk + " calls " + c.uri + " from " + c.from + " " + strings.Join(c.headers, " | ")
}

func (r *drawn) invite() *invite {
	c := &invite{trunk: peers[r.IntN(len(peers)-1)].name, uri: r.uri()}
	c.from = r.one("<"+r.uri()+">", "<"+r.uri()+">", "<sip:"+r.one("alice", "carol", "dave", "eric")+"@example.com>", `"Alice A" <sip:alice@example.com>`,
		`"Anonymous" <sip:anonymous@anonymous.invalid>`, `"J\"ö" <sip:+12065550123@`+r.net+`9;user=phone>`)
	for _, h := range []struct {
		in   int
		line string
	}{
		{6, "X-Caller: <" + r.uri() + ">"}, {6, "X-Customer: <sip:c@d>"}, {3, "P-Asserted-Identity: <" + r.uri() + ">"}, {8, "P-Asserted-Identity: <tel:+12065550199>"},
		{8, "Privacy: " + r.one("id", "none", "user;id", "history", "id;critical")},
		{8, "Remote-Party-ID: <sip:+12065550177@" + r.net + "9>;party=calling;privacy=" + r.one("full", "off")},
		{5, "Diversion: <" + r.uri() + ">;reason=" + r.one("user-busy", "no-answer", "x") + ";counter=" + r.one("1", "2")},
		{5, "History-Info: <" + r.uri() + ">;index=1, <sip:x@y;cause=302>;index=1.1"}, {8, "Referred-By: <" + r.uri() + ">"},
	} {
		if r.in(h.in) {
			c.headers = append(c.headers, h.line)
		}
	}
	return c
}

func (r *drawn) uri() string {
	n := r.number()
	switch r.IntN(10) {
	case 0:
		user, _, _ := strings.Cut(n, ":")
		return "tel:" + user
	case 1:
		return "sips:" + n + "@" + r.net + "1"
	case 2:
		return "sip:" + n + "@" + r.net + "1;user=phone"
	case 3:
		return "sip:" + n + "@example.com"
	case 4:
		return "SIP:" + n + "@" + r.net + "1:5060;transport=udp"
	case 5:
		return "sip:" + n + "@" + r.net + "1;ext=902;phone-context=us.example.com"
	case 6:
		return r.one("sip:"+r.net+"1", "sip:@"+r.net+"1", "sip:carol@example.com;transport=tcp", "sip:CAROL@EXAMPLE.com", "sip:bob.b@example.com", "sip:%42ob.B@example.com")
	}
	return "sip:" + n + "@" + r.net + "1"
}

func (r *drawn) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

func (r *drawn) number() string {
	return r.one("+14255550101", "+14255550102", "+14255550102;ext=902", "101", "102", "902", "1", "alice", "bob", "Bob.B", "ALICE", "carol", "dave", "%61lice",
		"%2B14255550101", "911", "112", "9911", "+911", "9-1-1", "911;ext=5", "110", "9110", "+14255550151", "911;phone-context=us.example.com", "+14255550200",
		"+14255550200;ext=1", "+14255550200;ext=2", "+14255550200;ext=3", "4255550101", "14255550101", "0114989777", "08912345", "8912345",
		"08912345;phone-context=de.example.com", "8912345;phone-context=DE.example.com", "08912345;phone-context=%64e.example.com", "+1(425)555-01.01",
		"+1-425-555-0102;isub=12;ext=902", "+1-425-555-0102;EXT=9-0-2", "4255550101;npdi;rn=+12065550000", "+14255550101;tgrp=tg1;trunk-context=example.com",
		"*21", "*21#", "#31#4255550101", "*2%31%23", "00498912345", "0", "+", "+0123456", "1+425", "+1+425", "++1425", "+1425555010%31", "%34%32%355550101", "%",
		"+49"+r.digits(r.IntN(14)), "+1"+r.digits(10), "+"+r.digits(40), r.digits(70), r.digits(300), "+999"+r.digits(3), "+1900"+r.digits(7),
		"+1425555030"+r.digits(1), "+142555507"+r.digits(2), "J%C3%BCrgen", "a%20b", "anonymous", "Anonymous", "restricted", "alice;par=1", "bob;ext=902", "a.b-c",
		"4255550101:secret", "0171-5550", "(425)5550101", "425.555.0101")
}
