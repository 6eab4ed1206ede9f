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

// TestUserByTheTrunkThatIsUp: the trunks toward a user keep their order, but for what is degraded or down.
func TestUserByTheTrunkThatIsUp(t *testing.T) {
	s := compile(t, world)
	u := userNamed(s, "alice")
	for _, name := range []string{"gw1", "pbx", "itsp"} { // as further trunks of the platform would be
		u.Trunks = append(u.Trunks, s.TrunkByName(name))
	}
	st := with(s, health.Down, "uc", "gw1")
	st.states[s.TrunkByName("pbx").Index] = health.Degraded
	d := Decide(s, ask(s, "gw2", "+14255550101", ""), st)
	if got, want := brief(&d), "user alice via itsp:14255550101 pbx:+14255550101 uc:+14255550101 gw1:14255550101"; got != want {
		t.Errorf("%s, want %s%s", got, want, explain(&d))
	}
}

// TestCarry: a number beside From and To arrives and leaves by the calling rules of its trunks (TRK-20, TRK-21, RTE-06).
func TestCarry(t *testing.T) {
	s := compile(t, world)
	for _, row := range []struct{ in, out, number, want string }{
		{"pbx", "gw2", "201", "+1425555201"},
		{"pbx", "gw1", "201", "1425555201"}, // removePlusFromUri
		{"pbx", "itsp", "201", "1425555201"},
		{"gw2", "uc", "4255551234", "+14255551234"},
		{"gw2", "gw1", "alice", "alice"},
		{"gw2", "gw1", strings.Repeat("1", maxUser+1), ""},
	} {
		if got := Carry(s.TrunkByName(row.in), s.TrunkByName(row.out), row.number); got != row.want {
			t.Errorf("%s from %s to %s: %q, want %q", row.number, row.in, row.out, got, row.want)
		}
	}
}
