package network

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// BenchmarkBypass is the judgement about a call and one target, with its sentence.
func BenchmarkBypass(b *testing.B) {
	s := compile(b)
	caller, callee := Party{Trunk: s.TrunkByName("uc"), Media: at("10.1.0.5")}, Party{Trunk: s.TrunkByName("pstn")}
	b.ReportAllocs()
	for b.Loop() {
		Bypass(s.Network, &caller, &callee, Plain)
	}
}

// BenchmarkSiteOf finds one of 10,000 subnets.
func BenchmarkSiteOf(b *testing.B) {
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf("172.%d.%d.%d/28", 16+i>>12, i>>4&255, i<<4&255))
	}
	n := network(b, strings.Replace(wide, "[10.1.0.0/16]", "[10.1.0.0/16, "+strings.Join(list, ", ")+"]", 1))
	for b.Loop() {
		n.SiteOf(at("172.17.1.1"))
	}
}

// BenchmarkReserve takes and gives room for a call on a way of three links that 1,000 calls are on.
func BenchmarkReserve(b *testing.B) {
	n := network(b, strings.ReplaceAll(wide, "total: 1000", "total: 1000000"))
	var a Account
	legs := Legs{{Way(n, at("10.1.0.10"), at("10.2.0.5"), nil), [2]int{97}}, {Way(n, at("10.1.0.10"), at("10.3.0.5"), nil), [2]int{97}}}
	for id := range media.SessionID(1000) {
		a.Reserve(n, id, &legs, true)
	}
	b.ReportAllocs()
	for b.Loop() {
		if a.Reserve(n, 5000, &legs, false) != nil {
			b.Fatal("no room")
		}
		a.Reserve(n, 5000, &Legs{}, true)
	}
}
