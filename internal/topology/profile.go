package topology

import (
	"embed"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Profile is what is known of one kind of peer: settings that differ from the defaults, each with its source (NEW-11, OPS-22, OPS-23).
type Profile struct {
	Name  string
	Title string      // the product, in words
	Kind  GatewayKind // what such a peer is; "" any
	// Servers are beginnings of the Server or User-Agent header that such a peer sends.
	Servers    []string
	Transports []sip.Transport // that it speaks; empty: any
	Settings   []ProfileSetting
}

// ProfileSetting is one key of trunk settings that a profile has.
type ProfileSetting struct {
	Key, Value string // as in the document
	Must       string // what goes wrong with another value; "" when that is a matter of taste
	Source     string // where the value is from, in words

	value *node
}

//go:embed profiles/*.yaml
var profileFiles embed.FS

const profileDir = "profiles/"

// ProfileNames is the names of all profiles, sorted.
func ProfileNames() (list []string) {
	files, _ := profileFiles.ReadDir(strings.TrimSuffix(profileDir, "/")) // cannot fail: the files are in the program
	for _, f := range files {
		list = append(list, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return list
}

// Profiles is all of them by name.
func Profiles() (list []*Profile) {
	for _, name := range ProfileNames() {
		list = append(list, ProfileByName(name))
	}
	return list
}

// ProfileByName reads a profile; nil when there is none of the name.
func ProfileByName(name string) *Profile {
	p, _ := readProfile(strings.ToLower(name))
	return p
}

// ProfileOf is the profile of a peer that calls itself so in its Server or User-Agent header (RFC 3261 §20.35, §20.41); nil when none fits.
func ProfileOf(header string) *Profile {
	for _, p := range Profiles() {
		for _, begin := range p.Servers {
			if len(header) >= len(begin) && strings.EqualFold(header[:len(begin)], begin) {
				return p
			}
		}
	}
	return nil
}

// NearestProfile is the profile that was probably meant, "" when none is like the name. A part of a name will do: teams, avaya, cube.
func NearestProfile(name string) string {
	known := ProfileNames()
	for _, k := range known {
		if len(name) > 2 && strings.Contains(k, strings.ToLower(name)) {
			return k
		}
	}
	return nearest(name, known)
}

var profileFields = []field[Profile]{
	{"title", setText(func(p *Profile) *string { return &p.Title })},
	{"kind", func(c *compiler, n *node, p *Profile) {
		kind := ""
		c.oneOf(n, &kind, GatewayKinds()...)
		p.Kind = GatewayKind(kind)
	}},
	{"servers", func(c *compiler, n *node, p *Profile) { p.Servers, _ = c.texts(n) }},
	{"transports", func(c *compiler, n *node, p *Profile) {
		for _, item := range c.list(n) {
			if t, ok := c.transport(item); ok {
				p.Transports = append(p.Transports, t)
			}
		}
	}},
	{"settings", func(c *compiler, n *node, p *Profile) {
		for _, e := range n.entries {
			s := ProfileSetting{Key: e.key.text}
			decode(c, e.value, profileSettingFields, &s)
			if s.value == nil || lookup(settingsFields, s.Key) == nil {
				c.unknownKey(e.key, keys(settingsFields))
				continue
			}
			s.Value = flow(s.value)
			p.Settings = append(p.Settings, s)
		}
	}},
}

var profileSettingFields = []field[ProfileSetting]{
	{"value", setNode(func(s *ProfileSetting) **node { return &s.value })},
	{"must", setText(func(s *ProfileSetting) *string { return &s.Must })},
	{"source", setText(func(s *ProfileSetting) *string { return &s.Source })},
}

// readProfile decodes one of the files; what is wrong with it is for the tests.
func readProfile(name string) (*Profile, Problems) {
	src, err := profileFiles.ReadFile(profileDir + name + ".yaml")
	if err != nil {
		return nil, nil
	}
	return decodeProfile(name, src)
}

func decodeProfile(name string, src []byte) (*Profile, Problems) {
	c := &compiler{file: name + ".yaml"}
	p := &Profile{Name: name}
	if root := c.read(src); root != nil {
		decode(c, root, profileFields, p)
	}
	return p, c.result()
}

// apply sets the keys of the profile that the object does not have itself.
func (p *Profile) apply(c *compiler, d *settingsDoc) {
	for _, s := range p.Settings {
		if d.body.get(s.Key) == nil {
			lookup(settingsFields, s.Key)(c, s.value, d)
		}
	}
	d.out.Profile = p.Name
}
