package topology

import "strings"

// privateLines resolves second numbers (RTE-32). They are for calls to the user only, so the user needs a line to call with; and
// nobody else has the number.
func (c *compiler) privateLines() {
	taken := map[string]string{}
	for _, d := range c.userDocs {
		if d.out.Number != "" {
			taken[d.out.Number] = d.out.Name
		}
	}
	for _, d := range c.userDocs {
		if d.private == nil {
			continue
		}
		number, isTel := strings.CutPrefix(d.private.text, "tel:")
		if !isTel || !e164.MatchString(number) {
			c.errorf(d.private, "%q is not a private line", d.private.text).fixf("Write it like tel:+14255550190")
			continue
		}
		if d.lineURI == nil {
			c.errorf(d.private, "the private line is the only number of the user, and calls of the user would show it").speaksOf(d.private.parent).fixf("Add lineURI")
			continue
		}
		if other := taken[number]; other != "" {
			c.errorf(d.private, "the private line %s is a number of the user %q", number, other).fixf("Give every user a number of its own")
			continue
		}
		taken[number] = d.out.Name
		d.out.Private = number
	}
}
