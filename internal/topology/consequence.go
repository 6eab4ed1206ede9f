package topology

import (
	"slices"
	"strings"
)

// One mistake is told once. What is said of an object as a whole, that it lacks something or contradicts itself, follows from a mistake inside of it; and
// a name that nothing has may be one that a broken section was to give. Such errors are left out beside their cause, and are told
// when that is mended and they still hold.

// origin is what an error may follow from.
type origin struct {
	at     *node
	of     *node  // what it speaks of; nil: its node, or the value of its key
	misses string // of what a name is missing, a key of givers; "" nothing is
	apart  bool   // what is wrong inside of its object has nothing to do with it
	// unnamed: it is in the key that was to be an object's name.
	unnamed bool
	meant   string // keys that an unknown one may stand for, with blanks between them
}

// givers are the sections in which an object of a kind gets its name.
var givers = map[string][]string{
	"site": {"sites"}, "pool": {"pools"}, "server": {"pools"}, "gateway": {"gateways"}, "trunk": {"gateways", "trunks"}, "dial plan": {"dialPlans"},
	"voice policy": {"voicePolicies"}, "usage": {"usages"}, "route": {"routes"}, "list of translation rules": {"translationRules"}, "user": {"users"},
	"location": {"locations"}, "location policy": {"locationPolicies"}, "announcement": {"announcements"}, "network region": {"network"},
	"network site": {"network"}, "bandwidth policy profile": {"network"}, "link": {"network"},
}

// missing says what the problem misses a name of, a key of givers.
func (p *Problem) missing(what string) *Problem {
	p.misses = what
	return p
}

// speaksOf says what object the problem speaks of, where its place is another one.
func (p *Problem) speaksOf(n *node) *Problem {
	p.of = n
	return p
}

// alone says that a mistake inside of the problem's object is another one.
func (p *Problem) alone() *Problem {
	p.apart = true
	return p
}

// cause is an error that others may follow from: one that does not speak of another object and misses no name, which may itself follow from something.
type cause struct {
	*Problem
	whole   *node // see node.whole
	section string
	level   int // see node.place
}

// causes are those of the errors so far.
func (c *compiler) causes() (list []cause) {
	for _, p := range c.problems {
		if !p.Warning && p.at != nil && p.misses == "" && p.of == nil {
			section, level := p.at.place()
			list = append(list, cause{p, p.at.whole(), section, level})
		}
	}
	return list
}

// follows tells whether an error follows from one of the causes: from one inside of what it speaks of, or from one that costs objects their names.
func (p *Problem) follows(causes []cause) bool {
	of := p.of
	if of == nil {
		of = p.at.whole()
	}
	return slices.ContainsFunc(causes, func(o cause) bool {
		switch {
		case o.Problem == p:
			return false
		case of != nil && !p.apart && o.at != p.at && (o.at.within(of) || p.of != nil && o.whole.within(of)):
			return true
		}
		for _, section := range givers[p.misses] {
			if o.section == section && o.costsNames(p.misses) || o.level == 0 && slices.Contains(strings.Fields(o.meant), section) { // usage: for usages:
				return true
			}
		}
		return false
	})
}

// costsNames tells whether an error is one of a whole section, of an item of a list of objects, or of a name. Trunks have theirs from gateways, too.
func (o *cause) costsNames(of string) bool {
	switch {
	case o.unnamed, o.level <= 0, o.at.name == "name", o.level == 1 && o.at.parent.kind == sequence:
		return true
	}
	return of == "trunk" && (o.level == 1 || o.at.name == "root")
}

// place is the section that a node is in, and how far below it: an object of the section is 1. The network has sections of its own.
func (n *node) place() (section string, level int) {
	up := n.chain()
	if len(up) == 0 {
		return "", 0
	}
	if section, level = up[0].name, len(up)-1; section == "network" {
		level--
	}
	return section, level
}

// whole is the value of a key, any other node itself.
func (n *node) whole() *node {
	if n == nil || n.parent == nil {
		return n
	}
	for _, e := range n.parent.entries {
		if e.key == n {
			return e.value
		}
	}
	return n
}

// within tells whether a node is another one or inside of it.
func (n *node) within(o *node) bool {
	for ; n != nil; n = n.parent {
		if n == o {
			return true
		}
	}
	return false
}
