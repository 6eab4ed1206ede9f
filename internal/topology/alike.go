package topology

import "fmt"

// maxAlike bounds the warnings that say the same of several objects: among a thousand of them nobody sees the one that says something else.
const maxAlike = 20

// alike has the warnings by what they say, which is their format.
type alike struct {
	kinds map[string]*saying
	noted int  // all of them
	cut   bool // somebody stopped looking, as there were too many
}

// saying is warnings that say the same.
type saying struct {
	listed []*Problem
	more   map[subject]bool // that are not listed
}

// subject is what tells one warning of a kind from another. Settings that are checked once with each of several profiles give some twice.
type subject struct {
	line, col int
	why       string
}

func (p *Problem) subject() subject { return subject{p.Line, p.Col, p.Why} }

// admit tells whether a warning is listed; where not, it is counted.
func (a *alike) admit(format string, p *Problem) bool {
	if a.kinds == nil {
		a.kinds = map[string]*saying{}
	}
	k := a.kinds[format]
	if k == nil {
		k = &saying{}
		a.kinds[format] = k
	}
	a.noted++
	for _, l := range k.listed {
		if l.subject() == p.subject() {
			return false
		}
	}
	if len(k.listed) < maxAlike {
		k.listed = append(k.listed, p)
		return true
	}
	if k.more == nil {
		k.more = map[subject]bool{}
	}
	k.more[p.subject()] = true
	return false
}

// close has the last warning that is listed of each kind tell of those that are not.
func (a *alike) close() {
	least := ""
	if a.cut {
		least = "at least "
	}
	for _, k := range a.kinds {
		if n := len(k.more); n > 0 {
			k.listed[maxAlike-1].Why += fmt.Sprintf(" (and so for %s%d more, which are not listed)", least, n)
			k.more = nil
		}
	}
}
