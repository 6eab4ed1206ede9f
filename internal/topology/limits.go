package topology

// Limit bounds calls at once and new calls in a second; 0 is no limit (NEW-09).
type Limit struct{ MaxCalls, MaxCPS int }

// Any tells whether something is bounded.
func (l Limit) Any() bool { return l.MaxCalls > 0 || l.MaxCPS > 0 }

// limitFields are the keys of a limit.
func limitFields[T any](at func(*T) *Limit) []field[T] {
	return []field[T]{
		{"maxCalls", setCount(0, 1000000, func(d *T) *int { return &at(d).MaxCalls })},
		{"maxCPS", setCount(0, 1000000, func(d *T) *int { return &at(d).MaxCPS })},
	}
}

// Share is what one server of the pool may take. The servers of a pool do not know each other's calls, so each has an equal part and
// the pool never has more than its limit.
func (p *Pool) Share() Limit {
	n := max(1, len(p.Servers))
	return Limit{p.Limit.MaxCalls / n, p.Limit.MaxCPS / n}
}

// checkPoolLimit: every server needs a part of the limit; 0 would be none.
func (c *compiler) checkPoolLimit(d *poolDoc) {
	n := len(d.out.Servers)
	for _, l := range []struct {
		key string
		v   int
	}{{"maxCalls", d.out.Limit.MaxCalls}, {"maxCPS", d.out.Limit.MaxCPS}} {
		if l.v > 0 && l.v < n {
			c.errorf(d.key, "%s of the pool is %d, and its %d servers share it", l.key, l.v, n).fixf("Set it to %d at least", n)
		}
	}
}
