package topology

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestManyTransits: of thousands of trunks whose callers may use thousands of routes not every pair is told, but every mistake is found.
func TestManyTransits(t *testing.T) {
	var b strings.Builder
	b.WriteString("pools: {pool.example.com: {servers: {med1.example.com: {addresses: [192.0.2.1]}}}}\ntrunkSettings: {global: {usages: [all]}}\nusages: [all]\ngateways:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  gw%d: {kind: gateway, host: 198.51.100.%d, root: {transport: UDP}}\n", i, i+1)
	}
	b.WriteString("routes:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  - {name: route %d, pattern: '^\\+1%d', usages: [all], trunks: [gw%d, gw%d]}\n", i, 1000+i, i, (i+1)%100)
	}
	snap, problems := Compile("many.yaml", []byte(b.String()))
	if snap == nil || len(problems) != maxAlike || !strings.Contains(problems[maxAlike-1].Why, "(and so for at least 980 more, which are not listed)") {
		t.Errorf("got %d problems:\n%v", len(problems), problems)
	}
	b.WriteString("  - {name: back, pattern: '^\\+2', usages: [all], trunks: [gw99]}\n")
	if snap, problems = Compile("many.yaml", []byte(b.String())); snap != nil || !strings.Contains(problems.Error(), `whose route "back" leads back out of the same trunk`) {
		t.Errorf("a loop is not told:\n%v", problems)
	}
}

// TestSharedRules: a list that many settings name is looked through once, and a mistake in it is told of each that names it.
func TestSharedRules(t *testing.T) {
	c := &compiler{}
	list := func() (rules []compiled) {
		item := &node{kind: scalar, text: "company"}
		for _, pattern := range []string{`^1\d+$`, `^12\d+$`, `^2$`, `^3$^4$`} {
			rules = append(rules, compiled{rule: Rule{Name: pattern, Pattern: pattern, Re: regexp.MustCompile(pattern)}, item: item})
		}
		return rules
	}
	for range 3 {
		c.checkShadowed(list())
	}
	if len(c.shadowed) != 1 || len(c.problems) != 6 {
		t.Fatalf("%d lists, problems %v", len(c.shadowed), c.problems)
	}
	for i, want := range []string{`rule "^12\\d+$" can never match: everything that it would match is taken by rule "^1\\d+$" above`, `the pattern ^3$^4$ matches no number at all`} {
		for k := i; k < 6; k += 2 {
			if got := c.problems[k].Why; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
	other := list()[1:]
	if c.checkShadowed(other); len(c.shadowed) != 2 || len(c.problems) != 7 {
		t.Errorf("%d lists, %d problems", len(c.shadowed), len(c.problems))
	}
}
