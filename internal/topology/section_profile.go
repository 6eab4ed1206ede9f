package topology

import (
	"reflect"
	"slices"
	"strings"
)

// profileField is the key of trunk settings that names a profile; the name is resolved when everything is read.
var profileField = []field[settingsDoc]{
	{"profile", setRef(func(d *settingsDoc) **node { return &d.profileRef })},
}

// profile finds what a reference names, nil when absent or unknown.
func (c *compiler) profile(ref *node) *Profile {
	if ref == nil {
		return nil
	}
	p := ProfileByName(ref.text)
	if p == nil {
		problem := c.errorf(ref, "there is no profile %q", ref.text)
		if near := NearestProfile(ref.text); near != "" {
			problem.fixf("Did you mean %s?", near)
		} else {
			problem.fixf("The profiles are %s", strings.Join(ProfileNames(), ", "))
		}
	}
	return p
}

// resolveProfiles puts profiles under the keys of settings: that of the object, and for trunks whose gateway has one and whose object is
// of a wider scope or has none, that of the gateway.
func (c *compiler) resolveProfiles() {
	plain := map[*settingsDoc]TrunkSettings{}
	for _, d := range c.settingsDocs {
		plain[d] = *d.out
		if d.profile = c.profile(d.profileRef); d.profile != nil {
			d.profile.apply(c, d)
		}
	}
	type variant struct {
		of      *settingsDoc
		profile string
	}
	made := map[variant]*settingsDoc{}
	for _, g := range c.gatewayDocs {
		p := c.profile(g.profile)
		if p == nil {
			continue
		}
		for _, t := range c.snap.Trunks {
			if t.Gateway != g.out {
				continue
			}
			d := c.settingsDoc(t)
			if d != nil && d.profile != nil && t.ownSettings() {
				continue
			}
			if d == nil { // the trunk has the defaults
				d = &settingsDoc{key: g.profile, body: &node{}, out: DefaultSettings()}
				plain[d] = *d.out
			}
			v := variant{d, p.Name}
			if d.key == g.profile {
				v.of = nil
			}
			if made[v] == nil {
				out := plain[d]
				with := &settingsDoc{key: d.key, body: d.body, profile: p, out: &out}
				p.apply(c, with)
				c.settingsDocs = append(c.settingsDocs, with)
				made[v] = with
			}
			t.Settings = made[v].out
		}
	}
}

// checkProfiles warns where the document contradicts what a peer needs.
func (c *compiler) checkProfiles() {
	for _, d := range c.settingsDocs {
		if d.profile == nil {
			continue
		}
		for _, s := range d.profile.Settings {
			at := d.body.get(s.Key)
			if s.Must == "" || at == nil || d.has(c, s) {
				continue
			}
			c.warnf(at, "%s contradicts profile %s: %s", s.Key, d.profile.Name, s.Must).fixf("Write %s: %s, or remove the key", s.Key, s.Value)
		}
	}
	for _, d := range c.trunkDocs {
		p := ProfileByName(d.out.Settings.Profile)
		if p == nil || len(p.Transports) == 0 || slices.Contains(p.Transports, d.out.Transport) {
			continue
		}
		words := make([]string, len(p.Transports))
		for i, t := range p.Transports {
			words[i] = t.String()
		}
		c.warnf(d.at(d.transport), "the trunk speaks %s, which peers of profile %s do not", d.out.Transport, p.Name).
			fixf("Set transport to %s", strings.Join(words, " or "))
	}
}

// has tells whether settings have the value of a profile's key: setting it changes nothing.
func (d *settingsDoc) has(c *compiler, s ProfileSetting) bool {
	again := *d.out
	lookup(settingsFields, s.Key)(c, s.value, &settingsDoc{key: d.key, body: d.body, out: &again})
	return reflect.DeepEqual(again, *d.out)
}
