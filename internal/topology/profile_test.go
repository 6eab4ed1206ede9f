package topology

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// TestProfilesAreSound: every embedded file decodes, says where each value is from, and has what makes a profile worth naming.
func TestProfilesAreSound(t *testing.T) {
	if len(Profiles()) < 10 {
		t.Fatalf("only %v", ProfileNames())
	}
	for _, name := range ProfileNames() {
		p, problems := readProfile(name)
		if len(problems) > 0 {
			t.Errorf("%s", problems.Error())
		}
		if p.Title == "" || len(p.Settings) == 0 || strings.HasPrefix(name, "generic-") && len(p.Servers) > 0 {
			t.Errorf("%s: title %q, settings %v, servers %v", name, p.Title, p.Settings, p.Servers)
		}
		if !slices.IsSortedFunc(p.Settings, func(a, b ProfileSetting) int { return place(a.Key) - place(b.Key) }) {
			t.Errorf("%s: the keys are not in the order of the documentation", name)
		}
		for _, s := range p.Settings {
			if len(s.Source) < 20 {
				t.Errorf("%s: %s has no source", name, s.Key)
			}
			// Lists of rules and usages are names of the document, which a profile cannot know.
			if slices.Contains(append(keys(numberFields), "profile", "refuseUnknownSource"), s.Key) {
				t.Errorf("%s sets %s", name, s.Key)
			}
		}
		for _, other := range Profiles() {
			for _, mine := range p.Servers {
				if found := ProfileOf(mine + "17.1"); found == nil || found.Name != name {
					t.Errorf("%q of %s is taken for %v, see %s", mine, name, found, other.Name)
				}
			}
		}
	}
}

func place(key string) int { return slices.Index(keys(settingsFields), key) }

const profileDoc = `
sites: {hq: {}, far: {}}
pools: {med.test: {site: hq, servers: {med1.test: {addresses: [192.0.2.10]}}}}
`

// TestProfilePrecedence: defaults, then the profile, then the keys of the object; the profile of a trunk's own object before the gateway's,
// and that before one of a wider scope (NEW-11).
func TestProfilePrecedence(t *testing.T) {
	snap, problems := Compile("x", []byte(profileDoc+`
gateways:
  plain: {host: 192.0.2.20, root: {transport: TCP}}
  ours: {host: 192.0.2.21, profile: generic-itsp, root: {transport: TCP}}
  mine: {host: 192.0.2.22, profile: generic-itsp, root: {transport: TCP}}
  far: {host: 192.0.2.23, profile: CUCM, site: far, root: {transport: TCP}}
  own: {host: 192.0.2.24, profile: cucm, root: {transport: TCP}}
trunkSettings:
  global: {profile: asterisk, rtcpActiveCalls: true, maxCalls: 7}
  site:far: {maxCalls: 8, calledRules: [{pattern: '^1', translation: '2'}]}
  trunk:mine: {maxCalls: 9, noProgressTimeout: 20s}
  trunk:OWN: {profile: generic-itsp, noProgressTimeout: 12s}
`))
	if snap == nil || len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	type row struct {
		scope, profile string
		calls, udp     int
		progress       time.Duration
		active, hold   bool
		rules          int
	}
	for name, want := range map[string]row{
		"plain": {"global", "asterisk", 7, 0, 10 * time.Second, true, true, 0},
		"ours":  {"global", "generic-itsp", 7, 1300, 30 * time.Second, true, false, 0},
		"mine":  {"trunk:mine", "generic-itsp", 9, 1300, 20 * time.Second, false, false, 0},
		"far":   {"site:far", "cucm", 8, 1300, 10 * time.Second, false, false, 1},
		"own":   {"trunk:OWN", "generic-itsp", 0, 1300, 12 * time.Second, false, false, 0},
	} {
		s := snap.TrunkByName(name).Settings
		got := row{s.Scope, s.Profile, s.MaxCalls, s.UDPMaxRequest, s.NoProgressTimeout, s.RTCPActiveCalls, s.RTCPCallsOnHold, len(s.CalledRules)}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if snap.Defaults.Profile != "asterisk" || ProfileByName(snap.TrunkByName("far").Settings.Profile).Kind != KindPBX {
		t.Errorf("%+v", snap.Defaults)
	}
}

// TestProfileOfAGatewayWithoutSettings: there need be no object of trunk settings.
func TestProfileOfAGatewayWithoutSettings(t *testing.T) {
	snap, problems := Compile("x", []byte(profileDoc+"gateways: {a: {host: 192.0.2.20, profile: cucm, root: {transport: TCP}}, b: {host: 192.0.2.21, root: {transport: TCP}}}\n"))
	if snap == nil || len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	a, b := snap.TrunkByName("a").Settings, snap.TrunkByName("b").Settings
	if a.Profile != "cucm" || a.RTCPActiveCalls || b.Profile != "" || !b.RTCPActiveCalls {
		t.Errorf("a %+v\nb %+v", a, b)
	}
}

// TestProfileProblemsAreToldOnce, although the object is checked with each profile of the gateways that have it.
func TestProfileProblemsAreToldOnce(t *testing.T) {
	_, problems := Compile("x", []byte(profileDoc+`
gateways:
  a: {host: 192.0.2.20, profile: cucm, root: {transport: TCP}}
  b: {host: 192.0.2.21, profile: mitel-3300, root: {transport: TCP}}
trunkSettings: {global: {optionsTimeout: 9s, optionsInterval: 5s}}
`))
	if len(problems) != 1 {
		t.Error(problems.Error())
	}
}

func TestProfileOf(t *testing.T) {
	for header, want := range map[string]string{
		"Microsoft.PSTNHub.SIPProxy v.2020.5.27.2 i.ASEA.5": "teams-direct-routing",
		"RTCC/5.0.0.0 MediationServer":                      "skype-for-business",
		"cisco-cucm12.5":                                    "cucm",
		"Cisco-SIPGateway/IOS-17.6.5":                       "cisco-cube",
		"Asterisk PBX 20.1.0":                               "asterisk",
		"kamailio (5.7.4 (x86_64/linux))":                   "kamailio",
		"Kama":                                              "",
		"":                                                  "",
	} {
		got := ""
		if p := ProfileOf(header); p != nil {
			got = p.Name
		}
		if got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
	if p := ProfileByName("../model"); p != nil {
		t.Error(p)
	}
	if p := ProfileByName("teams-direct-routing"); !slices.Equal(p.Transports, []sip.Transport{sip.TLS}) {
		t.Error(p.Transports)
	}
}

// FuzzProfile: a profile is read or explained, and what is read of it can be applied.
func FuzzProfile(f *testing.F) {
	for _, name := range ProfileNames() {
		src, err := profileFiles.ReadFile(profileDir + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, problems := decodeProfile("x", src)
		for _, problem := range problems {
			if problem.Why == "" {
				t.Fatalf("a problem without text: %+v", problem)
			}
		}
		if problems.Failed() {
			return
		}
		c := &compiler{file: "x"}
		d := &settingsDoc{body: &node{}, out: DefaultSettings()}
		p.apply(c, d)
		if d.out.Profile != "x" {
			t.Fatalf("applied: %+v", d.out)
		}
	})
}
