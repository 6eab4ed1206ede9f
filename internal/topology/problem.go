package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake of the document: where it is, what is wrong and a value that works.
type Problem struct {
	File      string // as given to Compile
	Line, Col int    // 1-based; 0 when the whole document is meant
	Object    string // `trunk "itsp"`; "" when the whole document is meant
	Key       string // path of the key: gateways.itsp.host
	Value     string // offending text, as written
	Why       string // what is wrong, without a full stop
	Fix       string // what to write instead, a sentence without its full stop, or a question
	Warning   bool   // the snapshot is made in spite of it

	origin // while the list is made
}

// String is the line that is shown to a person: file:line:col: object: why. Fix.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Object != "" {
		b.WriteString(p.Object)
		b.WriteString(": ")
	}
	b.WriteString(p.Why)
	b.WriteByte('.')
	if p.Fix != "" {
		b.WriteByte(' ')
		b.WriteString(p.Fix)
		if !strings.HasSuffix(p.Fix, "?") {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// Problems is everything that Compile found, by position.
type Problems []Problem

// Failed tells whether one of them is more than a warning.
func (ps Problems) Failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}

// Error is one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the errors of a list, and its warnings: a file that is not a document at all must not answer with a million lines. Each has a bound of
// its own, so that no error is lost behind warnings, and the document taken for good.
const maxProblems = 1000

// errorf notes a mistake at n; the message names what n belongs to. Chain fixf to it.
func (c *compiler) errorf(n *node, format string, args ...any) *Problem {
	if c.errors++; c.errors > maxProblems {
		return &Problem{} // which nobody sees; to say of a million what is wrong takes long
	}
	p := c.problem(n, format, args...)
	c.problems = append(c.problems, p)
	return p
}

// problem makes a mistake at n without noting it.
func (c *compiler) problem(n *node, format string, args ...any) *Problem {
	p := &Problem{File: c.file, Why: fmt.Sprintf(format, args...)}
	if n != nil {
		p.at = n
		p.Line, p.Col = n.line, n.col
		p.Object, p.Key = n.object(), n.path()
		if n.kind == scalar {
			p.Value = n.text
		}
	}
	return p
}

// warnf is errorf for what does not prevent a snapshot.
func (c *compiler) warnf(n *node, format string, args ...any) *Problem {
	p := c.problem(n, format, args...)
	p.Warning = true
	if c.warnings < maxProblems && c.alike.admit(format, p) {
		c.warnings++
		c.problems = append(c.problems, p)
	}
	return p
}

// fixf says what would work.
func (p *Problem) fixf(format string, args ...any) { p.Fix = fmt.Sprintf(format, args...) }

// result is the list by position, without what only follows. Settings that are checked once with each of several profiles may give the same problem again.
func (c *compiler) result() Problems {
	ps := make(Problems, 0, len(c.problems))
	seen := make(map[Problem]bool, len(c.problems))
	causes := c.causes()
	c.alike.close()
	c.closeAbsent()
	for _, p := range c.withoutOpus {
		c.snap.WithoutOpus = append(c.snap.WithoutOpus, *p)
	}
	for _, p := range c.problems {
		if !p.Warning && p.follows(causes) {
			continue
		}
		one := *p
		one.origin = origin{}
		if !seen[one] {
			seen[one] = true
			ps = append(ps, one)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	if more := c.errors - maxProblems; more > 0 {
		ps = append(ps, Problem{File: c.file, Why: fmt.Sprintf("%d more mistakes are not listed", more), Fix: "Correct those that are, and check again"})
	}
	return ps
}

// failed tells whether an error was noted so far.
func (c *compiler) failed() bool { return c.errors > 0 }
