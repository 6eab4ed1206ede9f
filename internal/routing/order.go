package routing

import (
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// tier orders health inside a route: a half-open trunk keeps its place, because its trial calls are what brings it
// back.
func tier(s health.State) int {
	switch s {
	case health.Degraded:
		return 1
	case health.Down:
		return 2
	}
	return 0
}

// orderRoute orders the candidates of one route, which are those from first on: healthy, degraded, down; and the best
// of these groups by the selection of the route.
func (x *run) orderRoute(first int, r *topology.Route) {
	group := x.cands[first:]
	for i := 1; i < len(group); i++ { // insertion sort: stable, and the lists are short
		for j := i; j > 0 && tier(group[j].state) < tier(group[j-1].state); j-- {
			group[j], group[j-1] = group[j-1], group[j]
		}
	}
	best := 0
	for best < len(group) && tier(group[best].state) == tier(group[0].state) {
		best++
	}
	if r == nil || best < 2 {
		return
	}
	switch r.Selection {
	case topology.Ordered:
	case topology.Weighted:
		x.weigh(group[:best], r)
	default:
		rotate(group[:best], x.turn(r, best))
	}
}

// rotate moves the element at n to the front and keeps the circle.
func rotate(g []candidate, n int) {
	if n <= 0 || n >= len(g) {
		return
	}
	reverse(g[:n])
	reverse(g[n:])
	reverse(g)
}

func reverse(g []candidate) {
	for i, j := 0, len(g)-1; i < j; i, j = i+1, j-1 {
		g[i], g[j] = g[j], g[i]
	}
}

// weigh puts candidates in front in proportion to their weights: over as many turns as the weights sum up to, each
// is first exactly as often as its weight says, and the turns of one trunk do not come in a row. The rest is chosen by
// the same number among what is left. Weight 0 comes last.
func (x *run) weigh(g []candidate, r *topology.Route) {
	total := 0
	for i := range g {
		total += max(g[i].weight, 0)
	}
	if total == 0 {
		return
	}
	turn := x.turn(r, total) * stride(total) % total
	for ; len(g) > 1 && total > 0; g = g[1:] {
		turn %= total
		pick, sum := 0, 0
		for i := range g {
			sum += max(g[i].weight, 0)
			if turn < sum {
				pick = i
				break
			}
		}
		total -= max(g[pick].weight, 0)
		c := g[pick]
		copy(g[1:pick+1], g[:pick])
		g[0] = c
	}
}

func (x *run) turn(r *topology.Route, n int) int {
	if x.st == nil {
		return 0
	}
	t := x.st.Turn(r, n) % n
	if t < 0 {
		t += n
	}
	return t
}

// stride is a number without common divisor with n, near the golden section of n: its multiples spread.
func stride(n int) int {
	for s := max(n*5/8, 1); ; s++ {
		a, b := s, n
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}
