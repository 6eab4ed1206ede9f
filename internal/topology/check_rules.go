package topology

import "strings"

// checkShadowed finds rules of a first-match list that can never match: their pattern contradicts itself, or the rules
// above take everything.
func (c *compiler) checkShadowed(rules []compiled) {
	var earlier matchers
	for _, r := range rules {
		m := newMatcher(r.label(), r.rule.Re)
		names, ok := earlier.cover(m, nil)
		switch {
		case ok && len(names) == 0:
			c.errorf(r.at(), "the pattern %s matches no number at all", r.rule.Pattern).fixf("Correct it or remove the rule")
		case ok:
			c.errorf(r.at(), "%s can never match: everything that it would match is taken by %s above", r.label(), strings.Join(names, " and ")).
				fixf("Move it up or remove it")
		}
		earlier.add(m)
	}
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
