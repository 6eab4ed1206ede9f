package topology

import (
	"regexp"
	"slices"
	"strings"
)

// EmergencyByNumber finds an emergency number of anybody, with or without +, itself or by one of its masks (EMG-01); nil when it
// is none. Whose it is, EmergencyOf knows.
func (s *Snapshot) EmergencyByNumber(number string) *EmergencyNumber {
	if e := findEmergency(s.Emergency, number); e != nil {
		return e
	}
	for _, p := range s.LocationPolicies {
		if e := findEmergency(p.Numbers, number); e != nil {
			return e
		}
	}
	return nil
}

func findEmergency(list []EmergencyNumber, number string) *EmergencyNumber {
	number = strings.TrimPrefix(number, "+")
	if number == "" {
		return nil
	}
	for i := range list {
		e := &list[i]
		if strings.TrimPrefix(e.Number, "+") == number {
			return e
		}
		for _, m := range e.Masks {
			if strings.TrimPrefix(m, "+") == number {
				return e
			}
		}
	}
	return nil
}

type emergencyDoc struct {
	number, usage   *node
	masks, services []*node
}

var emergencyFields = []field[emergencyDoc]{
	{"number", setRef(func(d *emergencyDoc) **node { return &d.number })},
	{"masks", func(c *compiler, n *node, d *emergencyDoc) { _, d.masks = c.texts(n) }},
	{"services", func(c *compiler, n *node, d *emergencyDoc) { _, d.services = c.texts(n) }},
	{"usage", setRef(func(d *emergencyDoc) **node { return &d.usage })},
}

// emergencyList reads emergency numbers, of the document or of a location policy.
func (c *compiler) emergencyList(n *node) (list []*emergencyDoc) {
	for _, item := range c.list(n) {
		d := &emergencyDoc{}
		decode(c, item, emergencyFields, d)
		if item.kind != mapping {
			continue
		}
		if d.number == nil {
			c.errorf(item, "the emergency number has no number").fixf("Add number: 112")
		}
		if d.usage == nil {
			c.errorf(item, "the emergency number has no usage").fixf("Add usage: the one whose routes carry emergency calls")
		}
		list = append(list, d)
	}
	return list
}

// dialed is what an emergency number, a mask or the beginning of a number consists of.
var dialed = regexp.MustCompile(`^\+?[0-9*#]{1,20}$`)

func (c *compiler) resolveEmergency() {
	c.snap.Emergency = c.emergencyNumbers(c.emergencyDocs)
	for _, d := range c.locationPolicyDocs {
		d.out.Numbers = c.emergencyNumbers(d.numbers)
		c.snap.LocationPolicies = append(c.snap.LocationPolicies, d.out)
	}
}

// emergencyNumbers resolves one list; within it a number is there once.
func (c *compiler) emergencyNumbers(docs []*emergencyDoc) (list []EmergencyNumber) {
	seen := map[string]*node{}
	take := func(n *node) bool {
		if !dialed.MatchString(n.text) {
			c.errorf(n, "%q cannot be dialled", n.text).fixf("Write digits, * and #, like 112")
			return false
		}
		if other := seen[n.text]; other != nil {
			c.errorf(n, "the emergency number %s is there already in line %d", n.text, other.line).fixf("Remove one of them")
			return false
		}
		seen[n.text] = n
		return true
	}
	takeService := func(n *node) bool {
		service := strings.ToLower(n.text)
		if !emergencyService.MatchString(service) {
			c.errorf(n, "%q is no emergency service of RFC 5031", n.text).fixf("Write it like sos or sos.police, without urn:service:")
			return false
		}
		if other := seen[service]; other != nil {
			c.errorf(n, "the emergency service %s is there already in line %d", n.text, other.line).fixf("Remove one of them")
			return false
		}
		seen[service] = n
		return true
	}
	for _, d := range docs {
		var e EmergencyNumber
		if d.number != nil && take(d.number) {
			e.Number = d.number.text
		}
		for _, m := range d.masks {
			if take(m) {
				e.Masks = append(e.Masks, m.text)
			}
		}
		for _, n := range d.services {
			if takeService(n) {
				e.Services = append(e.Services, strings.ToLower(n.text))
			}
		}
		if d.usage != nil {
			e.Usage, _ = c.usageNames.get(c, d.usage)
		}
		list = append(list, e)
	}
	return list
}

// checkEmergency: an emergency number reaches a trunk.
func (c *compiler) checkEmergency() {
	in := c.emergencyCallers()
	c.checkEmergencyList(c.snap.Emergency, c.emergencyDocs, in[nil])
	for _, d := range c.locationPolicyDocs {
		if !d.had {
			c.warnf(d.key, "no site and no user has the location policy, so its numbers are like any others").fixf("Name it by locationPolicy of a site or user, or remove it")
		}
		c.checkEmergencyList(d.out.Numbers, d.numbers, in[d.out])
	}
}

// emergencyCallers are trunks on which calls arrive that emergency numbers are for, one of each pool, by whose numbers hold for them; nil: those of the document.
func (c *compiler) emergencyCallers() map[*LocationPolicy][]*Trunk {
	in := map[*LocationPolicy][]*Trunk{}
	add := func(p *LocationPolicy, t *Trunk) {
		if !t.Disabled && !slices.ContainsFunc(in[p], func(o *Trunk) bool { return o.Pool == t.Pool }) {
			in[p] = append(in[p], t)
		}
	}
	for _, t := range c.snap.Trunks {
		if k := t.Gateway.Kind; k == KindUC || k == KindPBX {
			add(ofSite(t.Site, sitePolicy), t)
		}
	}
	for _, u := range c.snap.Users {
		for _, t := range u.Trunks {
			add(u.LocationPolicy, t)
		}
	}
	return in
}

// checkEmergencyList looks at the numbers of one list, for who calls on one of some trunks: a call leaves by trunks of the pool that it came to.
func (c *compiler) checkEmergencyList(list []EmergencyNumber, docs []*emergencyDoc, in []*Trunk) {
	for i, e := range list {
		bare := strings.TrimPrefix(e.Number, "+")
		var routes []*Route
		for _, r := range c.snap.Routes {
			if len(r.Trunks) > 0 && slices.Contains(r.Usages, e.Usage) && (r.Matches(bare) || r.Matches("+"+bare)) {
				routes = append(routes, r)
			}
		}
		if len(routes) == 0 {
			c.errorf(docs[i].usage, "no route of the usage %q with a trunk matches %s or +%s", e.Usage, bare, bare).
				fixf(`Add a route with this usage and pattern: ^\+?%s$`, regexp.QuoteMeta(bare))
			continue
		}
		for _, t := range in {
			out := slices.ContainsFunc(routes, func(r *Route) bool {
				return slices.ContainsFunc(r.Trunks, func(o RouteTrunk) bool {
					return o.Trunk.Pool == t.Pool && !o.Trunk.Disabled && o.Trunk.Gateway.Routable
				})
			})
			if !out {
				c.warnf(docs[i].usage, "nobody is reached by a call to %s that comes to pool %q, as on trunk %q: the routes of usage %q for it have no trunk of that pool in service", e.Number, t.Pool.Name, t.Name, e.Usage).
					fixf("Add a trunk of pool %q to such a route", t.Pool.Name)
			}
		}
	}
}

// HasEmergency tells whether there are emergency numbers, for all or for some.
func (s *Snapshot) HasEmergency() bool {
	return len(s.Emergency) > 0 || slices.ContainsFunc(s.LocationPolicies, func(p *LocationPolicy) bool { return len(p.Numbers) > 0 })
}
