package network

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

const doc = `
pools:
  mediation.example.com:
    servers:
      med1.example.com: {addresses: [10.1.0.10]}
      med2.example.com: {addresses: [10.1.0.11]}
gateways:
  uc: {kind: uc, host: 10.1.0.20, root: {transport: TCP, port: 5061}}
  pbx: {kind: pbx, host: 10.1.0.30, root: {transport: TCP}}
  pstn: {host: 10.1.0.40, root: {transport: UDP}}
  branch: {host: 10.2.0.40, root: {transport: UDP, port: 5062}}
  far: {host: 10.9.0.40, representativeMediaIP: 10.1.0.41, alternateBypassId: twin, root: {transport: UDP, port: 5063}}
  twin: {host: 172.16.0.1, alternateBypassId: TWIN, root: {transport: UDP, port: 5064}}
  named: {host: gw.example.com, root: {transport: UDP, port: 5065}}
  berlin: {host: 10.3.0.40, root: {transport: UDP, port: 5067}}
  stray: {host: 172.16.0.9, root: {transport: UDP, port: 5068}}
trunks:
  pstn-second: {gateway: pstn, transport: UDP, port: 5069}
trunkSettings:
  global: {enableBypass: true}
  trunk:uc: {enableBypass: true, concentratedTopology: false}
  trunk:pbx: {}
network:
  bypass: {mode: MODE}
  profiles: {thin: {audio: {total: 1000}}}
  regions:
    america: {bypassId: 1AF53EC7-C5C2-4A1B-A5D5-2E0}
    europe: {}
  sites:
    seattle: {region: america, subnets: [10.1.0.0/16]}
    reno: {region: america, subnets: [10.2.0.0/16, 10.1.2.0/24], bandwidthPolicy: thin}
    berlin: {region: europe, subnets: [10.3.0.0/16]}
  links:
    atlantic: {regions: [america, europe]}
`

func compile(t testing.TB, changes ...string) *topology.Snapshot {
	t.Helper()
	s, problems := topology.Compile("x", []byte(strings.NewReplacer(append(changes, "MODE", "sites")...).Replace(doc)))
	if s == nil {
		t.Fatal(problems.Error())
	}
	return s
}

func at(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

// BYP-01 to BYP-05: who is at one place, and the sentence that says why.
func TestBypass(t *testing.T) {
	always := []string{"mode: MODE", "mode: always", ", bandwidthPolicy: thin", "", "global: {enableBypass: true", "global: {rtcpActiveCalls: false, rtcpCallsOnHold: false, enableBypass: true",
		"trunk:uc: {", "trunk:uc: {rtcpActiveCalls: false, rtcpCallsOnHold: false, "}
	for _, x := range []struct {
		name                       string
		change                     []string
		from, media, said, to, hop string
		offer                      Security
		want                       Verdict
	}{
		{"one trunk has no enableBypass", nil, "pbx", "10.1.0.30", "", "pstn", "", Plain, no(`trunk "pbx" has no enableBypass`)},
		{"BYP-01 off", []string{"mode: MODE", "mode: off, unmapped: false", "global: {enableBypass: true", "global: {rtcpActiveCalls: false, rtcpCallsOnHold: false, enableBypass: true",
			"trunk:uc: {", "trunk:uc: {rtcpActiveCalls: false, rtcpCallsOnHold: false, "}, "uc", "10.1.0.5", "", "pstn", "", Plain, no("network.bypass.mode is off")},
		{"BYP-04 always", always, "uc", "172.30.0.1", "", "pstn", "", Plain, yes("both trunks have enableBypass")},
		{"BYP-02 unconstrained sites of one region", nil, "uc", "10.1.0.5", "", "pstn", "", Plain,
			yes(`caller and target have the same bypass id: the caller at 10.1.0.5 is in network region "america", the target at 10.1.0.40 is in network region "america"`)},
		{"BYP-02 constrained site", nil, "uc", "10.1.0.5", "", "branch", "", Plain,
			no(`the caller at 10.1.0.5 is in network region "america", the target at 10.2.0.40 is at network site "reno"`)},
		{"BYP-02 within a constrained site", nil, "uc", "10.2.7.7", "", "branch", "", Plain,
			yes(`caller and target have the same bypass id: the caller at 10.2.7.7 is at network site "reno", the target at 10.2.0.40 is at network site "reno"`)},
		{"BYP-02 the longest prefix counts", nil, "uc", "10.1.2.3", "", "branch", "", Plain,
			yes(`caller and target have the same bypass id: the caller at 10.1.2.3 is at network site "reno", the target at 10.2.0.40 is at network site "reno"`)},
		{"BYP-02 another region", nil, "uc", "10.3.0.5", "", "pstn", "", Plain,
			no(`the caller at 10.3.0.5 is in network region "europe", the target at 10.1.0.40 is in network region "america"`)},
		{"BYP-02 an id that the client says", nil, "uc", "172.30.0.1", "1af53ec7-c5c2-4a1b-a5d5-2e0", "pstn", "", Plain,
			yes(`caller and target have the same bypass id: the caller says that it is at network region "america", the target at 10.1.0.40 is in network region "america"`)},
		{"BYP-06 an id that nobody has", nil, "uc", "10.1.0.5", "stolen\r\n", "pstn", "", Plain,
			Verdict{Settled: true, Warning: true, Why: `the caller says the bypass id "stolen\r\n", which the document does not have`}},
		{"an id that a gateway says", nil, "berlin", "10.3.0.40", "1AF53EC7-C5C2-4A1B-A5D5-2E0", "pstn", "", Plain,
			no(`the caller at 10.3.0.40 is in network region "europe", the target at 10.1.0.40 is in network region "america"`)},
		{"TOP-15 representativeMediaIP", nil, "uc", "10.1.0.5", "", "far", "10.9.0.40", Plain,
			yes(`caller and target have the same bypass id: the caller at 10.1.0.5 is in network region "america", the target at 10.1.0.41 is in network region "america"`)},
		{"BYP-05 the same gateway by another trunk", nil, "stray", "172.16.0.9", "", "stray", "", Plain, yes(`it goes back to gateway "stray"`)},
		{"BYP-05 alternateBypassId", nil, "far", "172.16.0.2", "", "twin", "", Plain, yes(`gateways "far" and "twin" have the same alternateBypassId`)},
		{"not mapped", nil, "uc", "10.1.0.5", "", "stray", "", Plain, no(`the target at 172.16.0.9 is in no subnet of the network`)},
		{"BYP-03 unmapped with mapped", []string{"mode: MODE", "mode: sites, unmapped: true"}, "uc", "10.1.0.5", "", "stray", "", Plain,
			no(`the caller at 10.1.0.5 is in network region "america", the target at 172.16.0.9 is in no subnet`)},
		{"BYP-03 both unmapped", []string{"mode: MODE", "mode: sites, unmapped: true"}, "uc", "172.30.0.1", "", "stray", "", Plain,
			yes(`caller and target have the same bypass id: the caller at 172.30.0.1 is in no subnet, the target at 172.16.0.9 is in no subnet`)},
		{"TRK-04 a target that says where it is when it answers", nil, "pstn", "10.1.0.40", "", "uc", "10.1.0.20", Plain,
			no(`the target says where its media is when it answers (concentratedTopology: false)`)},
		{"a caller without an offer whose media may be anywhere", nil, "uc", "", "", "pstn", "", NotOffered, Verdict{Why: "the caller has said no address yet"}},
		{"a gateway whose name is not resolved yet", nil, "uc", "10.1.0.5", "", "named", "", Plain, Verdict{Why: "the target has said no address yet"}},
		{"a gateway whose name is resolved", nil, "uc", "10.1.0.5", "", "named", "10.1.9.9", Plain,
			yes(`caller and target have the same bypass id: the caller at 10.1.0.5 is in network region "america", the target at 10.1.9.9 is in network region "america"`)},
		{"SRTP for a trunk that has none", []string{"global: {", "global: {srtpMode: notSupported, "}, "uc", "10.1.0.5", "", "pstn", "", Secure,
			no(`SRTP is offered, and srtpMode is notSupported on trunk "pstn"`)},
		{"RTP for a trunk that has nothing else", []string{"trunk:uc: {", "trunk:uc: {srtpMode: required, "}, "uc", "10.1.0.5", "", "pstn", "", Plain,
			no(`RTP is offered, and srtpMode is required on trunk "uc"`)},
		{"no offer and no way to agree", []string{"trunk:uc: {", "trunk:uc: {srtpMode: required, ", "global: {", "global: {srtpMode: notSupported, "}, "uc", "", "", "pstn", "", NotOffered,
			no(`srtpMode is required on trunk "uc" and notSupported on trunk "pstn"`)},
		{"no offer and no way to agree, the other way round", []string{"trunk:uc: {", "trunk:uc: {srtpMode: notSupported, ", "global: {", "global: {srtpMode: required, "}, "uc", "", "", "pstn", "",
			NotOffered, no(`srtpMode is notSupported on trunk "uc" and required on trunk "pstn"`)},
		{"no offer, and both want SRTP", []string{"global: {", "global: {srtpMode: required, "}, "uc", "", "", "pstn", "", NotOffered, Verdict{Why: "the caller has said no address yet"}},
	} {
		s := compile(t, x.change...)
		caller := Party{Trunk: s.TrunkByName(x.from), Media: at(x.media), Signalling: at("10.1.0.20"), Said: x.said}
		callee := Party{Trunk: s.TrunkByName(x.to), Signalling: at(x.hop)}
		if got := Bypass(s.Network, &caller, &callee, x.offer); got != x.want {
			t.Errorf("%s:\n got %+v\nwant %+v", x.name, got, x.want)
		}
	}
	if s := compile(t); Wanted(s.TrunkByName("pbx"), s.TrunkByName("pbx")) || !Wanted(s.TrunkByName("pbx"), s.TrunkByName("pstn")) {
		t.Error("Wanted looks at something else than enableBypass")
	}
}

// TestNilNetwork: without the section the trunks alone decide, as always.
func TestNilNetwork(t *testing.T) {
	s := compile(t)
	a := Party{Trunk: s.TrunkByName("far")}
	b := Party{Trunk: s.TrunkByName("berlin")}
	if v := Bypass(nil, &a, &b, Plain); !v.Bypass {
		t.Error(v.Why)
	}
}
