package topology

import (
	"slices"
	"strings"
	"time"
)

// Location is a place that emergency services are sent to: its address, and numbers that stand for it.
type Location struct {
	Name  string
	Civic []CivicElement // of the address, in the order of RFC 5139 §4
	// ELINs are the emergency location identification numbers, E.164: one is shown instead of the caller's number (EMG-04).
	ELINs []string
	// CallBack is how long after an emergency call a call to its ELIN reaches the caller; default an hour.
	CallBack time.Duration
}

// CivicElement is one element of a civic address: A3 Seattle.
type CivicElement struct{ Name, Value string }

// LocationPolicy is the emergency numbers of some callers (EMG-01, EMG-07).
type LocationPolicy struct{ Numbers []EmergencyNumber }

// civicNames are the elements of a civic address in the order of the schema (RFC 4119 §2.2.1, RFC 5139 §4).
var civicNames = []string{"country", "A1", "A2", "A3", "A4", "A5", "A6", "PRM", "PRD", "RD", "STS", "POD", "POM", "RDSEC", "RDBR", "RDSUBBR", "HNO", "HNS",
	"LMK", "LOC", "FLR", "NAM", "PC", "BLD", "UNIT", "ROOM", "SEAT", "PLC", "PCN", "POBOX", "ADDCODE"}

// maxCivic bounds one element of an address; the whole goes into an INVITE.
const maxCivic = 128

// defaultCallBack is how long emergency services may call back.
const defaultCallBack = time.Hour

type locationDoc struct {
	address, elins *node
	out            *Location
}

var locationFields = []field[locationDoc]{
	{"address", setNode(func(d *locationDoc) **node { return &d.address })},
	{"elins", setNode(func(d *locationDoc) **node { return &d.elins })},
	{"callBackTime", func(c *compiler, n *node, d *locationDoc) {
		if v, ok := c.duration(n, time.Minute, 7*24*time.Hour, false); ok {
			d.out.CallBack = v
		}
	}},
}

type locationPolicyDoc struct {
	key     *node
	had     bool // by a site or user
	numbers []*emergencyDoc
	out     *LocationPolicy
}

var locationPolicyFields = []field[locationPolicyDoc]{
	{"emergencyNumbers", func(c *compiler, n *node, d *locationPolicyDoc) { d.numbers = c.emergencyList(n) }},
}

func (c *compiler) locations(n *node) {
	c.each(n, "location", func(key, value *node) {
		d := &locationDoc{out: &Location{Name: key.text, CallBack: defaultCallBack}}
		decode(c, value, locationFields, d)
		if d.address == nil && d.elins == nil {
			c.errorf(key, "the location has neither address nor elins and says nothing").fixf("Add address: {country: US, A3: Seattle, RD: Main Street, HNO: 12}")
		}
		c.civic(d)
		c.elins(d)
		c.locationNames.add(c, key, d)
	})
}

// civic reads an address. RFC 5139 leaves every element out but the country.
func (c *compiler) civic(d *locationDoc) {
	if d.address == nil {
		return
	}
	if d.address.kind != mapping {
		c.errorf(d.address, "an address is elements of RFC 5139 with their values, not %s", kindName(d.address)).fixf("Write it like {country: US, A3: Seattle, RD: Main Street, HNO: 12}")
		return
	}
	for _, e := range d.address.entries {
		if !slices.Contains(civicNames, e.key.text) {
			c.errorf(e.key, "%q is not an element of a civic address", e.key.text).fixf("The elements are %s", strings.Join(civicNames, ", "))
			continue
		}
		switch v, ok := c.text(e.value); {
		case !ok:
		case len(v) > maxCivic:
			c.errorf(e.value, "%s has %d bytes, more than %d", e.key.text, len(v), maxCivic).fixf("Shorten it")
		case e.key.text == "country" && (len(v) != 2 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
			c.errorf(e.value, "%q is not a country of ISO 3166-1", v).fixf("Write its two letters, like US")
		default:
			d.out.Civic = append(d.out.Civic, CivicElement{e.key.text, v})
		}
	}
	if d.address.get("country") == nil {
		c.errorf(d.address, "the address has no country").fixf("Add country: US")
	}
	slices.SortFunc(d.out.Civic, func(a, b CivicElement) int {
		return slices.Index(civicNames, a.Name) - slices.Index(civicNames, b.Name)
	})
}

// elins reads numbers that belong to one location and to nobody else.
func (c *compiler) elins(d *locationDoc) {
	if d.elins == nil {
		return
	}
	_, at := c.texts(d.elins)
	for _, item := range at {
		if !e164.MatchString(item.text) {
			c.errorf(item, "%q is not a number that emergency services can call back", item.text).fixf("Write it like +14255550911")
			continue
		}
		if other := c.elinNames[item.text]; other != "" {
			c.errorf(item, "%s stands for the location %q as well", item.text, other).fixf("Give every location numbers of its own")
			continue
		}
		c.elinNames[item.text] = d.out.Name
		d.out.ELINs = append(d.out.ELINs, item.text)
	}
}

func (c *compiler) locationPolicies(n *node) {
	c.each(n, "location policy", func(key, value *node) {
		d := &locationPolicyDoc{key: key, out: &LocationPolicy{}}
		decode(c, value, locationPolicyFields, d)
		if len(d.numbers) == 0 && value.get("emergencyNumbers") == nil {
			c.errorf(key, "the location policy has no emergency numbers").fixf("Add emergencyNumbers: [{number: 112, usage: NAME}]")
		}
		c.locationPolicyDocs = append(c.locationPolicyDocs, d)
		c.locationPolicyNames.add(c, key, d)
	})
}

// checkELINs: a number that stands for a location is nobody's line.
func (c *compiler) checkELINs() {
	for _, d := range c.userDocs {
		if at := c.elinNames[d.out.Number]; at != "" {
			c.errorf(d.lineURI, "%s stands for the location %q", d.out.Number, at).fixf("Give the user another number, or the location")
		}
		if at := c.elinNames[d.out.Private]; at != "" {
			c.errorf(d.private, "%s stands for the location %q", d.out.Private, at).fixf("Give the user another number, or the location")
		}
	}
}

// location and locationPolicy resolve an optional reference.

func (c *compiler) location(ref *node) *Location {
	if ref == nil {
		return nil
	}
	if d, ok := c.locationNames.get(c, ref); ok {
		return d.out
	}
	return nil
}

func (c *compiler) locationPolicy(ref *node) *LocationPolicy {
	if ref == nil {
		return nil
	}
	if d, ok := c.locationPolicyNames.get(c, ref); ok {
		d.had = true
		return d.out
	}
	return nil
}

// ELIN tells whether a number stands for a location.
func (s *Snapshot) ELIN(number string) bool { return s.elins[number] }

// indexELINs notes the numbers of all locations that somebody may be at.
func (s *Snapshot) indexELINs() {
	add := func(l *Location) {
		if l == nil {
			return
		}
		for _, n := range l.ELINs {
			if s.elins == nil {
				s.elins = make(map[string]bool)
			}
			s.elins[n] = true
		}
	}
	for _, site := range s.Sites {
		add(site.Location)
	}
	for _, u := range s.Users {
		add(u.Location)
	}
}

// siteLocation and sitePolicy are what a site has itself; ofSite goes on to its central site.

func siteLocation(s *Site) *Location { return s.Location }

func sitePolicy(s *Site) *LocationPolicy { return s.LocationPolicy }

// EmergencyOf finds the emergency number that a caller dialled: by the location policy of the user, else of the site where a
// user or trunk is, else of the document. Either may be nil.
func (s *Snapshot) EmergencyOf(u *User, in *Trunk, number string) *EmergencyNumber {
	return findEmergency(s.emergencyNumbers(u, in), number)
}

// emergencyNumbers are those of a caller.
func (s *Snapshot) emergencyNumbers(u *User, in *Trunk) []EmergencyNumber {
	var p *LocationPolicy
	if u != nil {
		p = u.LocationPolicy
	} else if in != nil {
		p = ofSite(in.Site, sitePolicy)
	}
	if p == nil {
		return s.Emergency
	}
	return p.Numbers
}

// LocationOf is where a caller is: the location of the user, else of the site of the user or trunk; nil when that is not known.
func LocationOf(u *User, in *Trunk) *Location {
	switch {
	case u != nil:
		return u.Location
	case in != nil:
		return ofSite(in.Site, siteLocation)
	}
	return nil
}
