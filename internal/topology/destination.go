package topology

import "regexp"

// Destination is where a rule sends a call instead of where its number says. Exactly one of User, Number, Trunk, Announcement
// and Status is set; with an Announcement there may be a Status.
type Destination struct {
	User   *User
	Number string   // E.164, decided as if it had been dialled
	Usages []string // of Number; nil: those that the call has anyway
	Trunk  *Trunk   // straight there, with the number that it has
	URI    string   // of the Request-URI on Trunk; "" the number
	Status int      // refused with this status, 400 to 699
	Cause  int      // Q.850 cause of Status; 0: that of the reason
	// Announcement is heard before the call is refused, with Status 0 by that of the reason, or before it goes to the announcement's Target.
	Announcement *Announcement
}

// destinations are those of all rules.
func (s *Snapshot) destinations() (list []*Destination) {
	for i := range s.InboundRules {
		list = append(list, &s.InboundRules[i].To)
	}
	for i := range s.Unassigned {
		list = append(list, &s.Unassigned[i].To)
	}
	for _, to := range list {
		if a := to.Announcement; a != nil && a.Target != nil {
			list = append(list, a.Target)
		}
	}
	return list
}

type destinationDoc struct {
	user, number, usages, trunk, uri, announcement, code, cause *node
	out                                                         Destination
}

var destinationFields = []field[destinationDoc]{
	{"user", setRef(func(d *destinationDoc) **node { return &d.user })},
	{"number", setRef(func(d *destinationDoc) **node { return &d.number })},
	{"usages", setNode(func(d *destinationDoc) **node { return &d.usages })},
	{"trunk", setRef(func(d *destinationDoc) **node { return &d.trunk })},
	{"uri", setRef(func(d *destinationDoc) **node { return &d.uri })},
	{"announcement", setRef(func(d *destinationDoc) **node { return &d.announcement })},
	{"code", func(c *compiler, n *node, d *destinationDoc) {
		d.code = n
		d.out.Status, _ = c.count(n, 400, 699)
	}},
	{"cause", func(c *compiler, n *node, d *destinationDoc) {
		d.cause = n
		d.out.Cause, _ = c.count(n, 1, 127)
	}},
}

// e164 is a number as routing sees it.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// destination resolves the key to of a rule.
func (c *compiler) destination(item, n *node) (to Destination) {
	if n == nil {
		c.errorf(item, "the rule does not say where to").fixf("Add to: {user: NAME}, {number: +14255550100}, {trunk: NAME}, {announcement: NAME} or {code: 404}")
		return to
	}
	var d destinationDoc
	decode(c, n, destinationFields, &d)
	if n.kind != mapping {
		return to
	}
	given := 0
	refused := d.code
	if d.announcement != nil {
		refused = d.announcement
	}
	for _, one := range []*node{d.user, d.number, d.trunk, refused} {
		if one != nil {
			given++
		}
	}
	if given != 1 {
		c.errorf(n, "a call goes to one of user, number, trunk, announcement and code, and here are %d of them", given).fixf("Keep one")
		return to
	}
	for _, with := range []struct {
		key, needs *node
		name       string
	}{{d.usages, d.number, "number"}, {d.uri, d.trunk, "trunk"}, {d.cause, refused, "code"}} {
		if with.key != nil && with.needs == nil {
			c.errorf(with.key, "%s has no meaning without %s", with.key.label(), with.name).fixf("Remove it")
		}
	}
	c.resolveDestination(&d)
	return d.out
}

func (c *compiler) resolveDestination(d *destinationDoc) {
	to := &d.out
	if d.user != nil {
		if u, ok := c.userNames.get(c, d.user); ok {
			to.User = u.out
		}
	}
	if d.number != nil {
		to.Usages = c.usageList(d.usages)
		if to.Number = d.number.text; !e164.MatchString(to.Number) {
			c.errorf(d.number, "%q is not a number that can be called", to.Number).fixf("Write it like +14255550100")
		}
	}
	if d.trunk != nil {
		if t, ok := c.trunkNames.get(c, d.trunk); ok {
			to.Trunk = t.out
			if gw := t.out.Gateway; gw != nil && !gw.Routable {
				c.errorf(d.trunk, "the rule leads to the gateway %q, which is not routable", gw.Name).fixf("Set gateways.%s.routable to true", gw.Name)
			}
		}
	}
	if d.announcement != nil {
		to.Announcement, _ = c.announcementNames.get(c, d.announcement)
	}
	if d.uri != nil {
		if to.URI = d.uri.text; !sipURI.MatchString(to.URI) {
			c.errorf(d.uri, "%q is not a SIP URI to call", to.URI).fixf("Write it like sip:attendant@example.com, without port and parameters")
		}
	}
}
