package server

import (
	"testing"
	"testing/fstest"
)

// TestOPS12Tracked: a host that keeps track of connections says so before it has no room for more.
func TestOPS12Tracked(t *testing.T) {
	for _, c := range []struct {
		count, most string
		value       float64 // -1: no target
	}{
		{"", "", -1}, {"12\n", "", -1}, {"12\n", "0\n", -1}, {"", "262144\n", 0}, {"190000\n", "262144\n", 72}, {"262144\n", "262144\n", 100}, {"?", "x", -1},
	} {
		files := fstest.MapFS{}
		for name, text := range map[string]string{"count": c.count, "max": c.most} {
			if text != "" {
				files["proc/sys/net/netfilter/nf_conntrack_"+name] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		got := -1.0
		rateTracked(files, func(x Target) {
			if got = x.Value; x.Name != "tracked" || x.Bound != "most" || x.Limit != mostTracked {
				t.Errorf("%+v", x)
			}
		})
		if got != c.value {
			t.Errorf("%q of %q: %v, want %v", c.count, c.most, got, c.value)
		}
	}
}
