package topology

import (
	"fmt"
	"slices"
	"strconv"
)

// UnassignedRange are numbers that belong to us and to nobody here (RTE-28). Both ends belong to it and have the same length.
type UnassignedRange struct {
	Name        string
	First, Last string // E.164
	To          Destination
}

// Has tells whether a number without extension is in the range.
func (r *UnassignedRange) Has(number string) bool {
	return len(number) == len(r.First) && number >= r.First && number <= r.Last
}

// UnassignedByNumber finds the first range that a number is in, nil when there is none.
func (s *Snapshot) UnassignedByNumber(number string) *UnassignedRange {
	for i := range s.Unassigned {
		if r := &s.Unassigned[i]; r.Has(number) {
			return r
		}
	}
	return nil
}

type unassignedDoc struct {
	item, name, first, last, to *node
	out                         UnassignedRange
}

var unassignedFields = []field[unassignedDoc]{
	{"name", setRef(func(d *unassignedDoc) **node { return &d.name })},
	{"numberRangeStart", setRef(func(d *unassignedDoc) **node { return &d.first })},
	{"numberRangeEnd", setRef(func(d *unassignedDoc) **node { return &d.last })},
	{"to", setNode(func(d *unassignedDoc) **node { return &d.to })},
}

func (c *compiler) unassigned(n *node) {
	for _, item := range c.list(n) {
		d := &unassignedDoc{item: item}
		decode(c, item, unassignedFields, d)
		if item.kind != mapping {
			continue
		}
		if d.name == nil {
			c.errorf(item, "the range has no name").fixf("Add name: it is what explanations and call records say")
		} else if c.checkName(d.name) {
			d.out.Name = d.name.text
		}
		if d.first == nil {
			c.errorf(item, "the range has no start").fixf("Add numberRangeStart: +14255550100")
			continue
		}
		c.unassignedDocs = append(c.unassignedDocs, d)
	}
}

// resolveUnassigned checks the ranges. They are searched from the top, so a range within an earlier one is dead.
func (c *compiler) resolveUnassigned() {
	for _, d := range c.unassignedDocs {
		r := &d.out
		last := d.last
		if last == nil {
			last = d.first
		}
		r.First, r.Last = d.first.text, last.text
		r.To = c.destination(d.item, d.to)
		sound := true
		for _, end := range []*node{d.first, last} {
			if !e164.MatchString(end.text) {
				c.errorf(end, "%q is not the end of a range of numbers", end.text).fixf("Write it like +14255550100")
				sound = false
				break
			}
		}
		switch {
		case !sound:
			continue
		case len(r.First) != len(r.Last) || r.First > r.Last:
			c.errorf(last, "the range from %s to %s has no number in it", r.First, r.Last).fixf("Write two numbers of the same length, the smaller one first")
			continue
		}
		for i := range c.snap.Unassigned {
			if e := &c.snap.Unassigned[i]; e.Has(r.First) && e.Has(r.Last) {
				c.errorf(d.first, "the range can never match: all of it is in the range %q above", e.Name).fixf("Move it up or remove it")
				break
			}
		}
		c.snap.Unassigned = append(c.snap.Unassigned, *r)
	}
}

// checkUnassigned: a range must not lead into a range that leads back.
func (c *compiler) checkUnassigned() {
	users := map[string]bool{}
	for _, u := range c.snap.Users {
		users[u.Number], users[u.Private] = true, true
	}
	for i, d := range c.unassignedDocs {
		seen := map[*UnassignedRange]bool{}
		for r := &c.snap.Unassigned[i]; r != nil && r.To.Number != "" && !users[r.To.Number]; r = c.snap.UnassignedByNumber(r.To.Number) {
			if seen[r] {
				c.errorf(d.to, "a call to the range runs in a circle: %s is unassigned too", r.To.Number).fixf("Send it to a number outside of the ranges")
				break
			}
			seen[r] = true
		}
		c.checkPBXNumbers(d, &c.snap.Unassigned[i], users)
	}
}

const (
	mostNumbers = 10_000    // of a range that are looked at, evenly over it
	mostMatches = 2_000_000 // of numbers with routes, of all ranges: half a second
)

// numbersOf is how many numbers of each of so many ranges are looked at, with each of so many routes; 0: there is no time for any.
func numbersOf(ranges, routes int) int { return min(mostNumbers, mostMatches/max(1, ranges*routes)) }

// checkPBXNumbers: telephones of a PBX are known by routes alone, which are asked behind the ranges: who puts all numbers of the company into one takes theirs, too.
func (c *compiler) checkPBXNumbers(d *unassignedDoc, r *UnassignedRange, users map[string]bool) {
	first, err := strconv.ParseUint(r.First[1:], 10, 64)
	last, err2 := strconv.ParseUint(r.Last[1:], 10, 64)
	if err != nil || err2 != nil {
		return
	}
	most := numbersOf(len(c.snap.Unassigned), len(c.snap.Routes))
	if most == 0 {
		return
	}
	step := (last-first)/uint64(most) + 1
	for i := range c.snap.Routes {
		route := c.snap.Routes[i]
		at := slices.IndexFunc(route.Trunks, func(t RouteTrunk) bool { return t.Trunk.Gateway.Kind == KindPBX })
		if at < 0 || slices.ContainsFunc(route.Trunks, func(t RouteTrunk) bool { return t.Trunk.Gateway.Kind != KindPBX || t.Trunk == r.To.Trunk }) {
			continue // a route that leads outside as well has the numbers of others
		}
		for n := first; n <= last; n += step {
			number := fmt.Sprintf("+%0*d", len(r.First)-1, n)
			if !users[number] && route.Matches(number) && c.unclaimed(number, r) {
				c.warnf(d.first, "the range has numbers of route %q to trunk %q, such as %s: they belong to no user, so calls to them go where the range says, and never to the PBX",
					route.Name, route.Trunks[at].Trunk.Name, number).fixf("Leave them out: make two ranges, before and behind them")
				break
			}
		}
	}
}

// unclaimed tells whether a number that is no user's comes as far as a range: it is in none before, and no inbound rule may take it.
func (c *compiler) unclaimed(number string, r *UnassignedRange) bool {
	return c.snap.UnassignedByNumber(number) == r &&
		!slices.ContainsFunc(c.snap.InboundRules, func(rule InboundRule) bool { return fits(rule.Called, number) })
}
