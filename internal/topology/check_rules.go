package topology

import (
	"fmt"
	"strings"
)

// checkShadowed finds rules of a first-match list that can never match: their pattern contradicts itself, or the rules
// above take everything.
func (c *compiler) checkShadowed(rules []compiled) {
	for _, s := range c.shadowedOf(rules) {
		r := &rules[s.rule]
		var names []string
		for _, i := range s.by {
			names = append(names, rules[i].label())
		}
		if len(names) == 0 {
			c.errorf(r.at(), "the pattern %s matches no number at all", r.rule.Pattern).fixf("Correct it or remove the rule")
		} else {
			c.errorf(r.at(), "%s can never match: everything that it would match is taken by %s above", r.label(), strings.Join(names, " and ")).
				fixf("Move it up or remove it")
		}
	}
}

// shadow is a rule that can never match, and the rules that take everything; none: it matches nothing at all.
type shadow struct {
	rule int
	by   []int
}

// shadowedOf looks at lists with the same patterns once: that of a company may be in the settings of a thousand trunks.
func (c *compiler) shadowedOf(rules []compiled) []shadow {
	var key strings.Builder
	for i := range rules {
		pattern := rules[i].rule.Re.String()
		fmt.Fprintf(&key, "%d:%s", len(pattern), pattern)
	}
	list, known := c.shadowed[key.String()]
	if known {
		return list
	}
	var earlier matchers
	for i := range rules {
		m := newMatcher(rules[i].rule.Re)
		if by, ok := earlier.cover(m, nil); ok {
			list = append(list, shadow{i, by})
		}
		earlier.add(m)
	}
	if c.shadowed == nil {
		c.shadowed = map[string][]shadow{}
	}
	c.shadowed[key.String()] = list
	return list
}

// at is where a message about the rule points: its pattern, or the name of the list that brought it in.
func (r compiled) at() *node {
	if r.item.kind == scalar {
		return r.item
	}
	return r.doc.pattern
}

func (r compiled) label() string {
	if r.rule.Name != "" {
		return quoted("rule", r.rule.Name)
	}
	return quoted("rule", r.rule.Pattern)
}
