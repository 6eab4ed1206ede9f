package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/health"
)

// firsts counts which trunk comes first over n turns of the first route.
func firsts(t *testing.T, selection string, n int, down ...string) (map[string]int, []string) {
	s := compile(t, strings.Replace(world, "trunks: [gw1, gw2]}", selection, 1))
	count, inOrder := map[string]int{}, []string(nil)
	for turn := range n {
		st := with(s, health.Down, down...)
		st.turn = turn
		d := Decide(s, ask(s, "user carol", "+14255551234", ""), st)
		name := d.Targets[0].Trunk.Name
		count[name]++
		inOrder = append(inOrder, name)
	}
	return count, inOrder
}

func TestRoundRobinIsEvenAlsoWithATrunkDown(t *testing.T) {
	const three = "trunks: [gw1, gw2, gw3, itsp]}"
	if got, _ := firsts(t, three, 12); fmt.Sprint(got) != "map[gw1:3 gw2:3 gw3:3 itsp:3]" {
		t.Error(got)
	}
	if got, _ := firsts(t, three, 12, "gw2"); fmt.Sprint(got) != "map[gw1:4 gw3:4 itsp:4]" {
		t.Error(got)
	}
}

func TestOrderedIsOrdered(t *testing.T) {
	if got, _ := firsts(t, "trunks: [gw2, gw1], selection: ordered}", 5); fmt.Sprint(got) != "map[gw2:5]" {
		t.Error(got)
	}
}

func TestWeightedIsExactAndInterleaved(t *testing.T) {
	const weights = "trunks: [{trunk: gw1, weight: 5}, {trunk: gw2, weight: 3}, {trunk: gw3, weight: 2}], selection: weighted}"
	got, inOrder := firsts(t, weights, 100)
	if fmt.Sprint(got) != "map[gw1:50 gw2:30 gw3:20]" {
		t.Error(got)
	}
	for i := 2; i < len(inOrder); i++ {
		if inOrder[i] == inOrder[i-1] && inOrder[i] == inOrder[i-2] {
			t.Errorf("turns of one trunk in a row: %v", inOrder[i-2:i+1])
			break
		}
	}
	if got, _ := firsts(t, weights, 100, "gw1"); fmt.Sprint(got) != "map[gw2:60 gw3:40]" {
		t.Error(got)
	}
}

func TestStride(t *testing.T) {
	for n := 1; n < 2000; n++ {
		seen := make(map[int]bool, n)
		for turn := range n {
			seen[turn*stride(n)%n] = true
		}
		if len(seen) != n {
			t.Fatalf("stride %d of %d reaches %d numbers", stride(n), n, len(seen))
		}
	}
}
