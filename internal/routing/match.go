package routing

import (
	"regexp"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// mayMatch rules out without running it most expressions that cannot match: when the pattern is anchored and every
// match begins with fixed characters ("^\+49(\d+)$"), the number must begin with them. That is some nanoseconds
// instead of some hundred, and most routes and rules are of this kind.
func mayMatch(pattern string, re *regexp.Regexp, number string) bool {
	if re == nil {
		return false
	}
	if len(pattern) > 0 && pattern[0] == '^' {
		if prefix, _ := re.LiteralPrefix(); prefix != "" && !strings.HasPrefix(number, prefix) {
			return false
		}
	}
	return true
}

// routeMatches matches the pattern of a route against a normalized number, whole first and then without extension.
func routeMatches(r *topology.Route, number string) bool {
	if !mayMatch(r.Pattern, r.Re, number) {
		return false
	}
	if r.Matches(number) {
		return true
	}
	base, ext := splitExt(number)
	return ext != "" && r.Matches(base)
}
