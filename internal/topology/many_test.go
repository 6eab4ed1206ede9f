package topology

import (
	"fmt"
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
