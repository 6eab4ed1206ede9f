package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Builder says in digits what a rule does, for those who would rather not write expressions (TRK-25).
type Builder struct {
	Starts  string // starting digits, may begin with +
	Length  int    // of the number, with the +; 0: any
	AtLeast bool   // Length is the least
	Remove  int    // how many characters from the beginning go
	Add     string // in front of what is left
}

var builderDigits = regexp.MustCompile(`^\+?[0-9*#]{0,20}$`)

// Rule is the rule; the error says what cannot be.
func (b Builder) Rule() (*Rule, error) {
	switch {
	case !builderDigits.MatchString(b.Starts):
		return nil, fmt.Errorf("%q are no starting digits; write them like +49 or 0", b.Starts)
	case !builderDigits.MatchString(b.Add):
		return nil, fmt.Errorf("%q are no digits to add; write them like +49", b.Add)
	case b.Length < 0 || b.Length > MaxNumber:
		return nil, fmt.Errorf("the length is %d, and a number has 1 to %d characters", b.Length, MaxNumber)
	case b.Length > 0 && b.Length < len(b.Starts):
		return nil, fmt.Errorf("the length is %d, less than the %d starting digits", b.Length, len(b.Starts))
	case b.Remove < 0 || b.Remove > MaxNumber || b.Length > 0 && b.Remove > b.Length:
		return nil, fmt.Errorf("%d digits cannot be removed from a number of %d", b.Remove, b.Length)
	}
	gone := min(b.Remove, len(b.Starts))
	unknown := b.Remove - gone // removed digits whose value does not matter
	kept := b.Starts[gone:]
	pattern := "^" + regexp.QuoteMeta(b.Starts[:gone]) + digits(unknown, true) + "(" + regexp.QuoteMeta(kept) + b.rest(len(b.Starts)+unknown) + ")$"
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return &Rule{Pattern: pattern, Translation: b.Add + "$1", Re: re, Expand: b.Add + "${1}"}, nil
}

// rest is what may follow so many characters.
func (b Builder) rest(n int) string {
	switch left := max(b.Length-n, 0); {
	case b.Length > 0 && !b.AtLeast:
		return digits(left, true)
	default:
		return digits(left, false)
	}
}

// digits is an expression of n digits, exactly or at least.
func digits(n int, exactly bool) string {
	switch {
	case exactly && n == 0:
		return ""
	case exactly && n == 1:
		return `\d`
	case exactly:
		return `\d{` + strconv.Itoa(n) + "}"
	case n == 0:
		return `\d*`
	case n == 1:
		return `\d+`
	}
	return `\d{` + strconv.Itoa(n) + ",}"
}

// YAML is the rule as it stands in a list of the document.
func (r *Rule) YAML() string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	name := ""
	if r.Name != "" {
		name = "name: " + quote(r.Name) + ", "
	}
	return "- {" + name + "pattern: " + quote(r.Pattern) + ", translation: " + quote(r.Translation) + "}"
}
