package topology

import (
	"slices"
	"strings"
)

// exceptions reads the starting digits of numbers that a route leaves out (RTE-14). Lync makes a look-ahead of them, which RE2 has not.
func (c *compiler) exceptions(n *node, d *routeDoc) {
	_, at := c.texts(n)
	for _, item := range at {
		if !dialed.MatchString(item.text) {
			c.errorf(item, "%q is not the beginning of a number", item.text).fixf("Write starting digits like +1900")
			continue
		}
		d.out.Except = append(d.out.Except, item.text)
	}
}

// excepts tells whether the route leaves a number out.
func (r *Route) excepts(number string) bool {
	return slices.ContainsFunc(r.Except, func(begin string) bool { return strings.HasPrefix(number, begin) })
}
