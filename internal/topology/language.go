package topology

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// This file answers one question about patterns exactly: is there a string that one of them matches and none of some
// others does? The strings are those of printable ASCII, which is all that can be dialled. Patterns become the
// automata that regexp/syntax compiles; the search walks the states that all of them are in together, shortest
// string first. It is bounded; beyond the bound the answer is "perhaps", and nothing is reported.

// maxStates bounds one search.
const maxStates = 4000

// automaton is a compiled pattern. It matches anywhere in the string, as a pattern without ^ does.
type automaton struct {
	prog *syntax.Prog
}

// newAutomaton compiles a pattern that regexp has accepted; false when it is too large to look at.
func newAutomaton(pattern string) (automaton, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return automaton{}, false
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || len(prog.Inst) > 400 {
		return automaton{}, false
	}
	return automaton{prog: prog}, true
}

// position is what an automaton is in after some characters: the instructions that wait for the next one. Matched
// is for good.
type position struct {
	pcs     []uint32
	matched bool
}

const endOfText = rune(-1)

// next moves by one character, or to the end of the text.
func (a automaton) next(p position, before, char rune) position {
	if p.matched {
		return p
	}
	flags := syntax.EmptyOpContext(before, char)
	seen := make([]bool, len(a.prog.Inst))
	var out position
	var follow func(pc uint32)
	follow = func(pc uint32) {
		if seen[pc] || out.matched {
			return
		}
		seen[pc] = true
		switch i := &a.prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(i.Out)
			follow(i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			follow(i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^flags == 0 {
				follow(i.Out)
			}
		case syntax.InstMatch:
			out.matched = true
		case syntax.InstFail:
		default:
			if char != endOfText && i.MatchRune(char) {
				out.pcs = append(out.pcs, i.Out)
			}
		}
	}
	for _, pc := range p.pcs {
		follow(pc)
	}
	follow(uint32(a.prog.Start))
	if out.matched {
		return position{matched: true}
	}
	slices.Sort(out.pcs)
	out.pcs = slices.Compact(out.pcs)
	return out
}

// alphabet picks one character for each set of characters that the automata do not tell apart.
func alphabet(automata []automaton) []rune {
	var list []rune
	seen := map[string]bool{}
	var sign []byte
	for char := rune(' '); char < 0x7f; char++ {
		sign = append(sign[:0], '0')
		if syntax.IsWordChar(char) {
			sign[0] = '1'
		}
		for _, a := range automata {
			for i := range a.prog.Inst {
				switch in := &a.prog.Inst[i]; in.Op {
				case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
					bit := byte('0')
					if in.MatchRune(char) {
						bit = '1'
					}
					sign = append(sign, bit)
				}
			}
		}
		if !seen[string(sign)] {
			seen[string(sign)] = true
			list = append(list, char)
		}
	}
	return list
}

// state is one node of the search.
type state struct {
	of     position   // of the pattern
	others []position // of those that must not match
	before rune
	parent int
	depth  int
}

func (s *state) key() string {
	var b strings.Builder
	word := byte('n')
	switch {
	case s.before == endOfText:
		word = 'b'
	case syntax.IsWordChar(s.before):
		word = 'w'
	}
	b.WriteByte(word)
	write := func(p position) {
		b.WriteByte('|')
		if p.matched {
			b.WriteByte('!')
		}
		for _, pc := range p.pcs {
			b.WriteByte(byte(pc))
			b.WriteByte(byte(pc >> 8))
		}
	}
	write(s.of)
	for _, p := range s.others {
		write(p)
	}
	return b.String()
}

// verdict of a search.
type verdict int

const (
	perhaps verdict = iota
	none
	found
)

// witness finds a shortest string that a matches and none of the others does.
func witness(a automaton, others []automaton) (string, verdict) {
	chars := alphabet(append([]automaton{a}, others...))
	queue := []state{{others: make([]position, len(others)), before: endOfText, parent: -1}}
	seen := map[string]bool{queue[0].key(): true}
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		if end := s.step(a, others, endOfText, at); end.of.matched && !anyMatched(end.others) {
			return spell(queue, at), found
		}
		if s.depth == MaxNumber {
			continue
		}
		for _, char := range chars {
			next := s.step(a, others, char, at)
			if anyMatched(next.others) {
				continue
			}
			if k := next.key(); !seen[k] {
				if len(queue) == maxStates {
					return "", perhaps
				}
				seen[k] = true
				queue = append(queue, next)
			}
		}
	}
	return "", none
}

func (s *state) step(a automaton, others []automaton, char rune, at int) state {
	next := state{of: a.next(s.of, s.before, char), before: char, parent: at, depth: s.depth + 1}
	next.others = make([]position, len(others))
	for i := range others {
		next.others[i] = others[i].next(s.others[i], s.before, char)
	}
	return next
}

func anyMatched(list []position) bool {
	return slices.ContainsFunc(list, func(p position) bool { return p.matched })
}

// spell reads the string of a state back to the beginning.
func spell(queue []state, at int) string {
	var s []rune
	for ; queue[at].parent >= 0; at = queue[at].parent {
		s = append(s, queue[at].before)
	}
	slices.Reverse(s)
	return string(s)
}

// covered tells which of the earlier patterns together match all that pattern does; nil and false when some string is
// left, or when the search gave up. An empty list and true: the pattern matches nothing at all. match finds the first
// earlier pattern that matches a string and is none of some, -1 when none does.
//
// Only those earlier patterns that match some string in question join the search, which keeps it small.
func covered(pattern automaton, earlier func(i int) automaton, match func(s string, but []int) int) (by []int, ok bool) {
	var joined []automaton
	for {
		s, v := witness(pattern, joined)
		switch v {
		case none:
			slices.Sort(by)
			return by, true
		case perhaps:
			return nil, false
		}
		i := match(s, by)
		if i < 0 || len(by) == 16 {
			return nil, false
		}
		by, joined = append(by, i), append(joined, earlier(i))
	}
}
