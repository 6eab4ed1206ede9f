package topology

// check looks at the document as a whole; every name in it is resolved.
func (c *compiler) check() {
}

func (c *compiler) checkShadowed(rules []compiled) {}
