package sim

// exchange is what the engine does between shards. A node has one, so everything comes back to it, after what is under way.
func (n *Node) exchange() {
	o, w := &n.out, n.w
	for _, p := range o.Passages {
		w.after(0, func() { n.step(func() { n.core.Seat(w.now, p, &n.out) }) })
	}
	for _, f := range o.Forwards {
		w.after(0, func() { n.step(func() { n.core.Forwarded(w.now, f, &n.out) }) })
	}
	for _, p := range o.Returns {
		w.after(0, func() { n.step(func() { n.core.Returned(w.now, p, &n.out) }) })
	}
	for _, id := range o.Left {
		w.after(0, func() { n.step(func() { n.core.Left(id) }) })
	}
}
