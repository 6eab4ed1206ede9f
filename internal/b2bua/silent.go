package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// speaking has the addresses of a trunk's gateway that fell silent behind the others. The list may be shared: it is not changed.
func (e *Env) speaking(now time.Time, t *topology.Trunk, list []Addr) []Addr {
	fell := func(a Addr) bool { return e.silent().Is(now, Way{e.Local(t, a.Remote.Addr()).Addr(), a.Remote}) }
	if len(list) < 2 || !slices.ContainsFunc(list, fell) {
		return list
	}
	first, last := make([]Addr, 0, len(list)), []Addr(nil)
	for _, a := range list {
		if fell(a) {
			last = append(last, a)
		} else {
			first = append(first, a)
		}
	}
	return append(first, last...)
}
