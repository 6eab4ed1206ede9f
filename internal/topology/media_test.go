package topology

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// manyTrunks is a document of trunks with settings of their own, of which the one half has the codec a and the other b; all may call all.
func manyTrunks(n int, a, b string) string {
	var gateways, settings strings.Builder
	for i := range n {
		fmt.Fprintf(&gateways, "  g%d: {kind: pbx, host: 10.0.%d.%d, root: {transport: UDP}}\n", i, i/250, i%250+1)
		fmt.Fprintf(&settings, "  trunk:g%d: {usages: [all], codecs: [%s]}\n", i, []string{a, b}[i%2])
	}
	doc := "pools: {p.test: {servers: {m.test: {addresses: [10.2.0.10]}}}}\ngateways:\n" + gateways.String() + "trunkSettings:\n" + settings.String() + "usages: [all]\nroutes:\n"
	for i := range n {
		doc += fmt.Sprintf("  - {name: r%d, pattern: '^\\+%d', usages: [all], trunks: [g%[1]d]}\n", i, 1000+i)
	}
	return doc
}

// TestErrorBehindWarnings: warnings are bounded, and however many they are, a document with a mistake is not taken.
func TestErrorBehindWarnings(t *testing.T) {
	doc := manyTrunks(60, "G729", "PCMA") // 1800 pairs without a codec in common
	snap, problems := Compile("x", []byte(doc))
	if snap == nil || len(problems) != maxAlike || !strings.Contains(problems.Error(), "(and so for at least 980 more, which are not listed)") {
		t.Fatalf("taken %v, %d problems:\n%.8000s", snap != nil, len(problems), problems.Error())
	}
	snap, problems = Compile("x", []byte(doc+"unassignedNumbers: [{name: one, numberRangeStart: +14255550100, numberRangeEnd: +14255550199, to: {number: +14255550100}}]\n"))
	if snap != nil || !problems.Failed() || len(problems) != maxAlike+1 {
		t.Errorf("a document with a mistake was taken, with %d problems", len(problems))
	}
	snap, _ = Compile("x", []byte(manyTrunks(60, "opus", "PCMA")))
	if snap == nil || len(snap.WithoutOpus) != maxAlike || !strings.Contains(snap.WithoutOpus.Error(), "(and so for at least 980 more, ") {
		t.Error("warnings of Opus have no bound")
	}
}

// TestWarningsAlike: many warnings that say the same leave the others to be seen, and how many they are is said.
func TestWarningsAlike(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("pools: {p.test: {servers: {m.test: {addresses: [10.2.0.10]}}}}\ngateways: {uc: {kind: uc, host: 10.0.0.1, root: {transport: UDP}}}\nusers:\n")
	for i := range 1500 {
		fmt.Fprintf(&doc, "  u%d: {uri: 'sip:u%[1]d@example.com', lineURI: 'tel:+1425555%04[1]d', gateway: uc}\n", i)
	}
	doc.WriteString("unassignedNumbers: [{name: all, numberRangeStart: +14255550000, numberRangeEnd: +14255559999, to: {number: +14255550001}}]\n")
	snap, problems := Compile("x", []byte(doc.String()))
	kinds := map[bool]int{}
	for _, p := range problems {
		kinds[strings.HasPrefix(p.Why, "the user has no dial plan")]++
	}
	if snap == nil || kinds[true] != maxAlike || kinds[false] == 0 || !strings.Contains(problems.Error(), "begin with + (and so for 1480 more, which are not listed).") {
		t.Errorf("taken %v, %v:\n%.3000s", snap != nil, kinds, problems.Error())
	}
	others := 0
	_, problems = Compile("x", []byte(regexp.MustCompile("gateway: uc").ReplaceAllStringFunc(doc.String(), func(string) string { others++; return fmt.Sprint("gateway: pbx", others) })))
	if last := problems[len(problems)-1]; len(problems) != maxProblems+1 || last.Why != "500 more mistakes are not listed" {
		t.Errorf("%d problems; the last is %s", len(problems), last)
	}
}

// TestNameThatIsMissedOften: a pool that is misspelled where it is defined is one mistake, and not one for each user of it.
func TestNameThatIsMissedOften(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("pools: {p.test: {servers: {m.test: {addresses: [10.2.0.10]}}}}\ngateways: {uc: {kind: uc, host: 10.0.0.1, root: {transport: UDP}}}\nusers:\n")
	for i := range 1500 {
		fmt.Fprintf(&doc, "  u%d: {uri: 'sip:u%[1]d@example.com', gateway: uc, pool: q.test}\n", i)
	}
	_, problems := Compile("x", []byte(doc.String()))
	if len(problems) != maxAlike || problems[maxAlike-1].Why != `there is no pool "q.test" (and so for 1480 more, which are not listed)` {
		t.Errorf("%d problems:\n%.2000s", len(problems), problems.Error())
	}
	doc.WriteString("  u0: {uri: 'sip:x@example.com', gateway: uc, pool: r.test}\n") // there twice, and so not looked at
	_, problems = Compile("x", []byte(doc.String()+"sites: {here: {dialPlan: us}}\n"))
	if text := problems.Error(); len(problems) != maxAlike+2 || !strings.Contains(text, "there is no dial plan") || !strings.Contains(text, "is there twice") {
		t.Errorf("%d problems:\n%.2000s", len(problems), text)
	}
}

// BenchmarkManyTrunks compiles a document of 2000 trunks that call each other.
func BenchmarkManyTrunks(b *testing.B) {
	doc := []byte(manyTrunks(2000, "PCMU", "PCMA"))
	for b.Loop() {
		if snap, problems := Compile("x", doc); snap == nil {
			b.Fatal(problems)
		}
	}
}

// TestMediaBetweenTrunks: of two trunks nothing is said unless calls can lead from one to the other, and media of them cannot.
func TestMediaBetweenTrunks(t *testing.T) {
	const bypass = "enableBypass: true, rtcpActiveCalls: false, rtcpCallsOnHold: false"
	for name, c := range map[string]struct {
		pbx, pstn, rest string
		want            string // words of the only warning; "" none
		without         string // libopus0
	}{
		"nothing in common":            {"usages: [out], codecs: [G729]", "codecs: [PCMA]", "", `from trunk "pbx" (G729) to trunk "pstn" (PCMA) has no codec in common, and G729 cannot be converted`, ""},
		"target not convertible":       {"usages: [out], codecs: [PCMU]", "codecs: [G729, telephone-event]", "", "and G729 cannot be converted", ""},
		"no route joins them":          {"codecs: [G729]", "codecs: [PCMA]", "", "", ""},
		"only the other way":           {"codecs: [PCMU], transcoding: off", "usages: [in], codecs: [PCMA]", "", `from trunk "pstn" (PCMA) to trunk "pbx" (PCMU) has no codec in common, and transcoding is off`, ""},
		"off where it does not matter": {"usages: [out], codecs: [PCMU], transcoding: off", "codecs: [PCMA]", "", "", ""},
		"converted":                    {"usages: [out], codecs: [G722, telephone-event]", "codecs: [PCMA, telephone-event]", "", "", ""},
		"one in common":                {"usages: [out], codecs: [g729, PCMA], transcoding: off", "codecs: [G729], transcoding: off", "", "", ""},
		"whatever comes":               {"usages: [out]", "codecs: [G729]", "", "", ""},
		"by Opus":                      {"usages: [out], codecs: [opus]", "codecs: [PCMA]", "", "", "libopus0 is not on this host"},
		"required and none":            {"usages: [out], srtpMode: required, srtpKeying: dtls", "srtpMode: notSupported", "", "", ""},
		"a rule joins them":            {"codecs: [G729]", "codecs: [PCMA]", "inboundRules: [{name: x, called: '^\\+1', trunks: [pbx], to: {trunk: pstn}}]", "and G729 cannot be converted", ""},
		"an emergency number":          {"codecs: [G729]", "codecs: [PCMA]", "emergency: [{number: '112', usage: out}]", "and G729 cannot be converted", ""},
		"bypassed":                     {"usages: [out], " + bypass, bypass, "", "", ""},
		"keys differ":                  {"usages: [out], dtmf: inband, " + bypass, bypass, "", "dtmf is inband and auto, and nobody converts them", ""},
		"keys alike":                   {"usages: [out], dtmf: rfc4733, " + bypass, "dtmf: rfc4733, " + bypass, "", "", ""},
		"ICE on one side":              {"usages: [out], ice: lite, " + bypass, bypass, "", "ice is lite and off, and we answer none", ""},
		"SRTP on one side":             {"usages: [out], srtpMode: notSupported, dtmf: info, " + bypass, "srtpMode: required, srtpKeying: dtls, " + bypass, "", "srtpMode is notSupported and required, so SRTP has to end here", ""},
		"no bypass at all":             {"usages: [out], dtmf: info, " + bypass, bypass, "network: {bypass: {mode: off}}", "", ""},
		"never at one place": {"usages: [out], dtmf: info, " + bypass, bypass, "network: {bypass: {mode: sites}, regions: {r: {}}, sites: {a: {region: r, bandwidthPolicy: p, subnets: [10.1.0.0/16]}, " +
			"b: {region: r, subnets: [10.2.0.0/16]}}, profiles: {p: {audio: {total: 9000, perSession: 200}}}}", "", ""},
	} {
		doc := fmt.Sprintf("pools: {p.test: {servers: {m.test: {addresses: [10.2.0.10]}}}}\n"+
			"gateways:\n  pbx: {kind: pbx, host: 10.1.0.20, representativeMediaIP: 10.1.0.20, root: {transport: UDP, port: 5061}}\n"+
			"  pstn: {host: 10.2.0.30, representativeMediaIP: 10.2.0.30, root: {transport: UDP}}\n"+
			"usages: [out, in]\nroutes: [{name: o, pattern: '^\\+1', usages: [out], trunks: [pstn]}, {name: i, pattern: '^\\+2', usages: [in], trunks: [pbx]}]\n"+
			"trunkSettings: {'trunk:pbx': {%s}, 'trunk:pstn': {%s}}\n%s\n", c.pbx, c.pstn, c.rest)
		snap, problems := Compile("x", []byte(doc))
		if snap == nil {
			t.Errorf("%s: %v\n%s", name, problems, doc)
			continue
		}
		var got []string
		for _, p := range problems {
			if !strings.Contains(p.Why, "usage") { // of routes that nobody has in this case
				got = append(got, p.String())
			}
		}
		if text := strings.Join(got, "\n"); !strings.Contains(text, c.want) || (text == "") != (c.want == "") || len(got) > 1 {
			t.Errorf("%s:\n%s\nwant %q", name, text, c.want)
		}
		if text := snap.WithoutOpus.Error(); !strings.Contains(text, c.without) || (text == "") != (c.without == "") {
			t.Errorf("%s, without libopus0:\n%s", name, text)
		}
	}
}
