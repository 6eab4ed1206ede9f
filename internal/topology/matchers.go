package topology

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// matcher is a pattern with its automaton.
type matcher struct {
	re        *regexp.Regexp
	automaton automaton
	small     bool // the automaton exists
}

func newMatcher(re *regexp.Regexp) matcher {
	m := matcher{re: re}
	m.automaton, m.small = newAutomaton(re.String())
	return m
}

// empty tells whether it is certain that the pattern matches nothing.
func (m matcher) empty() bool {
	if !m.small {
		return false
	}
	_, v := witness(m.automaton, nil)
	return v == none
}

// matchers are patterns in their order. Which of thousands match a string is found by how strings begin that each can match.
type matchers struct {
	list      []matcher
	byPattern map[string][]int
	byBegin   map[string][]int // of the small ones
	longest   int              // beginning
}

func newMatchers(list ...matcher) *matchers {
	var s matchers
	for _, m := range list {
		s.add(m)
	}
	return &s
}

func (s *matchers) add(m matcher) {
	if s.byPattern == nil {
		s.byPattern, s.byBegin = map[string][]int{}, map[string][]int{}
	}
	i := len(s.list)
	s.list = append(s.list, m)
	s.byPattern[m.re.String()] = append(s.byPattern[m.re.String()], i)
	if !m.small {
		return
	}
	for _, begin := range beginnings(m.re.String()) {
		s.byBegin[begin] = append(s.byBegin[begin], i)
		s.longest = max(s.longest, len(begin))
	}
}

// cover has the matchers that together leave nothing to m, out of those that count; nil: all do. Nothing is claimed that is not proved.
func (s *matchers) cover(m matcher, counts func(i int) bool) (by []int, ok bool) {
	for _, i := range s.byPattern[m.re.String()] {
		if counts == nil || counts(i) { // whatever its size
			return []int{i}, true
		}
	}
	if !m.small {
		return nil, false
	}
	return covered(m.automaton, func(i int) automaton { return s.list[i].automaton }, func(text string, but []int) int {
		return s.first(text, func(i int) bool { return (counts == nil || counts(i)) && !slices.Contains(but, i) })
	})
}

// first is the first small matcher of a string that counts, -1 when there is none.
func (s *matchers) first(text string, counts func(i int) bool) int {
	first := -1
	for n := range min(len(text), s.longest) + 1 {
		for _, i := range s.byBegin[text[:n]] {
			if first >= 0 && i >= first {
				break
			}
			if counts(i) && s.list[i].re.MatchString(text) {
				first = i
				break
			}
		}
	}
	return first
}

// mostBeginnings is how many beginnings of a pattern are told apart.
const mostBeginnings = 32

// beginnings are texts of which every string that a pattern matches begins with one; "" when nothing more is known.
func beginnings(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return []string{""}
	}
	re = re.Simplify()
	if !anchored(re) {
		return []string{""}
	}
	list, _ := begin(re)
	slices.Sort(list)
	return slices.Compact(list)
}

// anchored tells whether an expression matches at the beginning of a string only.
func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpConcat:
		return len(re.Sub) > 0 && anchored(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !anchored(sub) })
	}
	return false
}

// begin has texts of which every match of an expression begins with one; whole: they are the matches.
func begin(re *syntax.Regexp) (list []string, whole bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return []string{""}, true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}, true
		}
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if list = append(list, string(r)); len(list) > mostBeginnings {
					return []string{""}, false
				}
			}
		}
		return list, true
	case syntax.OpCapture:
		return begin(re.Sub[0])
	case syntax.OpQuest:
		list, whole = begin(re.Sub[0])
		return append(list, ""), whole
	case syntax.OpPlus:
		list, _ = begin(re.Sub[0])
		return list, false
	case syntax.OpAlternate:
		whole = true
		for _, sub := range re.Sub {
			more, all := begin(sub)
			list, whole = append(list, more...), whole && all
		}
		if len(list) <= mostBeginnings {
			return list, whole
		}
	case syntax.OpConcat:
		list = []string{""}
		for _, sub := range re.Sub {
			more, all := begin(sub)
			if len(list)*len(more) > mostBeginnings {
				return list, false
			}
			var longer []string
			for _, a := range list {
				for _, b := range more {
					longer = append(longer, a+b)
				}
			}
			if list = longer; !all {
				return list, false
			}
		}
		return list, true
	}
	return []string{""}, false
}
