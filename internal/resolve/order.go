package resolve

import (
	"cmp"
	"slices"
)

// orderSRV puts records in the order to try them: by priority, and within one priority at random so that each comes
// first as often as its weight says (RFC 2782).
func (r *Resolver) orderSRV(list []srv) {
	r.randMu.Lock()
	defer r.randMu.Unlock()
	// Where all have weight 0 the draw takes the first, and without this always the same, as the cache does not turn its answers.
	r.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b srv) int {
		// Those of weight 0 come first in the draw, which gives them their very small chance.
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(min(a.weight, 1), min(b.weight, 1)))
	})
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].priority == list[0].priority {
			n++
		}
		r.draw(list[:n])
		list = list[n:]
	}
}

// draw orders records of one priority.
func (r *Resolver) draw(list []srv) {
	sum := 0
	for _, s := range list {
		sum += int(s.weight)
	}
	for ; len(list) > 1; list = list[1:] {
		pick := r.rand.IntN(sum + 1)
		i, running := 0, int(list[0].weight)
		for running < pick {
			i++
			running += int(list[i].weight)
		}
		chosen := list[i]
		copy(list[1:i+1], list[:i]) // the rest keeps its order
		list[0] = chosen
		sum -= int(chosen.weight)
	}
}
