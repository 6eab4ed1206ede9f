package topology

import (
	"regexp"
	"slices"
)

// InboundRule sends calls that arrive on trunks elsewhere, before anybody looks whose number was called (NEW-10). All that it
// names must fit; what it does not name fits always.
type InboundRule struct {
	Name    string
	Called  *regexp.Regexp // of the called number after normalization; nil: any
	Calling *regexp.Regexp // of the calling number after normalization; nil: any
	Trunks  []*Trunk
	Sites   []*Site // of the trunk
	Kinds   []GatewayKind
	To      Destination
}

// Matches tells whether a call fits.
func (r *InboundRule) Matches(in *Trunk, called, calling string) bool {
	return (len(r.Trunks) == 0 || slices.Contains(r.Trunks, in)) &&
		(len(r.Sites) == 0 || in.Site != nil && slices.Contains(r.Sites, in.Site)) &&
		(len(r.Kinds) == 0 || slices.Contains(r.Kinds, in.Gateway.Kind)) &&
		fits(r.Called, called) && fits(r.Calling, calling)
}

func fits(re *regexp.Regexp, number string) bool {
	return re == nil || len(number) <= MaxNumber && re.MatchString(number)
}

type inboundDoc struct {
	item, name, called, calling, trunks, sites, to *node
	out                                            InboundRule
}

var inboundFields = []field[inboundDoc]{
	{"name", setRef(func(d *inboundDoc) **node { return &d.name })},
	{"called", setRef(func(d *inboundDoc) **node { return &d.called })},
	{"calling", setRef(func(d *inboundDoc) **node { return &d.calling })},
	{"trunks", setNode(func(d *inboundDoc) **node { return &d.trunks })},
	{"sites", setNode(func(d *inboundDoc) **node { return &d.sites })},
	{"kinds", func(c *compiler, n *node, d *inboundDoc) {
		_, at := c.texts(n)
		for _, item := range at {
			var s string
			c.oneOf(item, &s, GatewayKinds()...)
			d.out.Kinds = append(d.out.Kinds, GatewayKind(s))
		}
	}},
	{"to", setNode(func(d *inboundDoc) **node { return &d.to })},
}

func (c *compiler) inboundRules(n *node) {
	for _, item := range c.list(n) {
		d := &inboundDoc{item: item}
		decode(c, item, inboundFields, d)
		if item.kind != mapping {
			continue
		}
		if d.name == nil {
			c.errorf(item, "the inbound rule has no name").fixf("Add name: it is what explanations and call records say")
		} else if c.checkName(d.name) {
			d.out.Name = d.name.text
		}
		if d.called == nil && d.calling == nil && d.trunks == nil && d.sites == nil && item.get("kinds") == nil {
			c.errorf(item, "the inbound rule would take every call").fixf("Add called, calling, trunks, sites or kinds")
		}
		c.inboundDocs = append(c.inboundDocs, d)
	}
}

func (c *compiler) resolveInbound() {
	for _, d := range c.inboundDocs {
		r := &d.out
		if d.called != nil {
			r.Called = c.pattern(d.called)
		}
		if d.calling != nil {
			r.Calling = c.pattern(d.calling)
		}
		if d.trunks != nil {
			_, at := c.texts(d.trunks)
			for _, item := range at {
				if t, ok := c.trunkNames.get(c, item); ok {
					r.Trunks = append(r.Trunks, t.out)
				}
			}
		}
		if d.sites != nil {
			_, at := c.texts(d.sites)
			for _, item := range at {
				if s := c.site(item); s != nil {
					r.Sites = append(r.Sites, s)
				}
			}
		}
		r.To = c.destination(d.item, d.to)
		c.snap.InboundRules = append(c.snap.InboundRules, *r)
	}
}
