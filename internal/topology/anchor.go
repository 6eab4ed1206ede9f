package topology

import "regexp/syntax"

// repeatsAnchor tells whether an anchor is repeated: in ^+49 the plus sign does, and stands for no character.
func repeatsAnchor(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && anchorRepeated(re)
}

func anchorRepeated(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		switch re.Sub[0].Op {
		case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
			return true
		}
	}
	for _, sub := range re.Sub {
		if anchorRepeated(sub) {
			return true
		}
	}
	return false
}
