package topology

import (
	"fmt"
	"strings"
	"testing"
)

// TestManyRangesAndRoutes: numbers of ranges are compared with routes to PBXs as far as there is time for it, and not for minutes.
func TestManyRangesAndRoutes(t *testing.T) {
	const n = 400
	var gateways, routes, ranges strings.Builder
	for i := range n {
		fmt.Fprintf(&gateways, "  pbx%d: {kind: pbx, host: 10.0.%d.%d, root: {transport: TCP}}\n", i, i/250, i%250+1)
		fmt.Fprintf(&routes, "  - {name: r%d, pattern: '^\\+1%d555\\d{4}$', usages: [local], trunks: [pbx%d]}\n", i, 200+i, i)
		fmt.Fprintf(&ranges, "  - {name: u%d, numberRangeStart: \"+1%d7770000\", numberRangeEnd: \"+1%d7779999\", to: {code: 404}}\n", i, 200+i, 200+i)
	}
	s, problems := Compile("many.yaml", []byte("pools:\n  med:\n    servers:\n      m1.example.com: {addresses: [192.0.2.1]}\ngateways:\n"+gateways.String()+
		"usages: [local]\nvoicePolicy: staff\nvoicePolicies: {staff: {usages: [local]}}\nroutes:\n"+routes.String()+"unassignedNumbers:\n"+ranges.String()))
	if s == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
}

func TestNumbersOf(t *testing.T) {
	for _, row := range []struct{ ranges, routes, want int }{
		{0, 0, 10_000}, {1, 1, 10_000}, {10, 20, 10_000}, {10, 21, 9523}, {400, 400, 12}, {1000, 2000, 1}, {1000, 2001, 0},
	} {
		if got := numbersOf(row.ranges, row.routes); got != row.want || got*row.ranges*row.routes > mostMatches {
			t.Errorf("%d ranges and %d routes: %d, want %d", row.ranges, row.routes, got, row.want)
		}
	}
}
