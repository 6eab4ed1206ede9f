package topology

import (
	"regexp"

	"github.com/directsip/directsip/internal/sip"
)

// HeaderPattern is an expectation of a test case: some line of the header matches, or with a nil Re there is no such header.
type HeaderPattern struct {
	Name string
	Re   *regexp.Regexp
}

// testHeaders reads the header lines that a test's call arrives with.
func testHeaders(c *compiler, n *node, d *testDoc) {
	c.headerMap(n, func(key, value *node) {
		if v, ok := c.text(value); ok {
			d.out.Headers = append(d.out.Headers, key.text+": "+v)
		}
	})
}

// expectHeaders reads what the headers of the INVITE must be like.
func expectHeaders(c *compiler, n *node, d *testDoc) {
	c.headerMap(n, func(key, value *node) {
		p := HeaderPattern{Name: key.text}
		if value.kind != null && !(value.kind == scalar && value.text == "") {
			if _, ok := c.text(value); !ok {
				return
			}
			if p.Re = c.pattern(value); p.Re == nil {
				return
			}
		}
		d.out.ExpectHeaders = append(d.out.ExpectHeaders, p)
	})
}

// headerMap reads a mapping whose keys are names of headers.
func (c *compiler) headerMap(n *node, do func(key, value *node)) {
	if n.kind != mapping {
		c.errorf(n, "headers with their values are expected here, not %s", kindName(n)).fixf("Write {Privacy: id}")
		return
	}
	for _, e := range n.entries {
		var m sip.Message
		if m.AddName(e.key.text, ""); len(m.Headers) == 0 {
			c.errorf(e.key, "%q cannot be the name of a header", e.key.text).fixf("Write it like Privacy or X-Customer")
			continue
		}
		do(e.key, e.value)
	}
}
