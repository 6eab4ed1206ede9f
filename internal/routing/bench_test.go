package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/topology"
)

// bigWorld has so many routes, over ten usages.
func bigWorld(b testing.TB, routes int) *topology.Snapshot {
	var doc strings.Builder
	head, tail, _ := strings.Cut(world, "usages: [local,")
	doc.WriteString(head + "usages: [u0, u1, u2, u3, u4, u5, u6, u7, u8, u9, local," + tail)
	text := doc.String()
	text = strings.Replace(text, "staff: {usages: [local, world]}", "staff: {usages: [u0, u1, local, world]}", 1)
	var list strings.Builder
	for i := range routes - 7 {
		fmt.Fprintf(&list, "  - {name: r%d, pattern: '^\\+7%03d\\d+$', usages: [u%d], trunks: [gw1, itsp]}\n", i, i, i%10)
	}
	return compile(b, strings.Replace(text, "emergency:\n  - {number", list.String()+"emergency:\n  - {number", 1))
}

func BenchmarkDecide(b *testing.B) {
	for _, routes := range []int{10, 100, 1000} {
		s := bigWorld(b, routes)
		st := &fake{}
		for _, c := range []struct{ name, from, called string }{
			{"user", "itsp", "+14255550101"},
			{"route", "user alice", "+14255551234"},
			{"last-route", "user alice", "+4930123456"},
			{"refused", "gw1", "12345"},
		} {
			q := ask(s, c.from, c.called, "+4930123456")
			b.Run(fmt.Sprintf("%s/%d", c.name, routes), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					d := Decide(s, q, st)
					if len(d.Steps) == 0 {
						b.Fatal("nothing decided")
					}
				}
			})
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	s := bigWorld(b, 10)
	d := Decide(s, ask(s, "user alice", "+14255551234", ""), nil)
	b.ReportAllocs()
	for b.Loop() {
		d.Explain()
	}
}
