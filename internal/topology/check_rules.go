package topology

import (
	"regexp"
	"strings"
)

// matcher is a pattern with its automaton.
type matcher struct {
	name      string // for messages
	re        *regexp.Regexp
	automaton automaton
	small     bool // the automaton exists
}

func newMatcher(name string, re *regexp.Regexp) matcher {
	m := matcher{name: name, re: re}
	m.automaton, m.small = newAutomaton(re.String())
	return m
}

// whatCovers names the earlier matchers that together leave nothing to m. Nothing is claimed that is not proved.
func whatCovers(m matcher, earlier []matcher) (names []string, ok bool) {
	for _, e := range earlier {
		if e.re.String() == m.re.String() { // whatever their size
			return []string{e.name}, true
		}
	}
	if !m.small {
		return nil, false
	}
	var small []matcher
	var automata []automaton
	for _, e := range earlier {
		if e.small {
			small, automata = append(small, e), append(automata, e.automaton)
		}
	}
	by, ok := covered(m.automaton, automata, func(i int, s string) bool { return small[i].re.MatchString(s) })
	if !ok {
		return nil, false
	}
	for _, i := range by {
		names = append(names, small[i].name)
	}
	return names, true
}

// checkShadowed finds rules of a first-match list that can never match: their pattern contradicts itself, or the rules
// above take everything.
func (c *compiler) checkShadowed(rules []compiled) {
	var earlier []matcher
	for _, r := range rules {
		m := newMatcher(r.label(), r.rule.Re)
		names, ok := whatCovers(m, earlier)
		switch {
		case ok && len(names) == 0:
			c.errorf(r.at(), "the pattern %s matches no number at all", r.rule.Pattern).fixf("Correct it or remove the rule")
		case ok:
			c.errorf(r.at(), "%s can never match: everything that it would match is taken by %s above", r.label(), strings.Join(names, " and ")).
				fixf("Move it up or remove it")
		}
		earlier = append(earlier, m)
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
