package topology

import "regexp"

// accessPrefixes are those of Lync's pages; its command takes no * and # (RTE-05).
var accessPrefixes = regexp.MustCompile(`^[0-9*#]{1,4}$`)

func (c *compiler) accessPrefix(n *node, d *planDoc) {
	s, ok := c.text(n)
	if !ok {
		return
	}
	if !accessPrefixes.MatchString(s) {
		c.errorf(n, "%q is not what one dials for an outside line", s).fixf("Write one to four of 0-9, * and #, like 9")
		return
	}
	d.prefix, d.out.ExternalAccessPrefix = n, s
}

// checkOrder finds rules of a plan that can never match. With optimized dialling internal rules and others do not stand in each
// other's way everywhere.
func (c *compiler) checkOrder(d *planDoc) {
	if !d.out.OptimizeDeviceDialing {
		c.checkShadowed(d.rules)
		return
	}
	var internal, others []compiled
	for _, r := range d.rules {
		if r.doc.internal {
			internal = append(internal, r)
		} else {
			others = append(others, r)
		}
	}
	c.checkShadowed(internal)
	c.checkShadowed(others)
}

// checkDeviceDialing: a prefix and internal rules do nothing without optimized dialling, as in Lync.
func (c *compiler) checkDeviceDialing() {
	for _, d := range c.planDocs {
		if d.out.OptimizeDeviceDialing {
			continue
		}
		ignored := []*node{d.prefix}
		for _, r := range d.rules {
			if r.doc.internal {
				ignored = append(ignored, r.item.get("internal"))
			}
		}
		for _, n := range ignored {
			if n != nil {
				c.warnf(n, "%s is ignored without optimizeDeviceDialing", n.label()).fixf("Set optimizeDeviceDialing: true or remove it")
			}
		}
	}
}
