package cli

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/server"
)

// TOP-20: which trunks a filter lets through.
func TestTOP20TrunksFilter(t *testing.T) {
	trunks := []server.TrunkView{
		{Name: "pbx", Gateway: "pbx", Kind: "pbx", State: "up", Routable: true},
		{Name: "ITSP-a", Gateway: "itsp", Kind: "sbc", State: "down", Routable: true},
		{Name: "itsp-b", Gateway: "itsp", Kind: "sbc", State: "half-open"},
	}
	for _, row := range []struct {
		f    trunkFilter
		want string
	}{
		{trunkFilter{}, "pbx ITSP-a itsp-b"},
		{trunkFilter{names: []string{"itsp-*"}}, "ITSP-a itsp-b"},
		{trunkFilter{names: []string{"PBX", "itsp-?"}}, "pbx ITSP-a itsp-b"},
		{trunkFilter{names: []string{"itsp"}}, ""},
		{trunkFilter{gateway: "ITSP", state: "down"}, "ITSP-a"},
		{trunkFilter{kind: "pbx"}, "pbx"},
		{trunkFilter{routable: true}, "pbx ITSP-a"},
	} {
		var got []string
		if err := row.f.check(); err != nil {
			t.Errorf("%+v: %v", row.f, err)
		}
		for i := range trunks {
			if row.f.fits(&trunks[i]) {
				got = append(got, trunks[i].Name)
			}
		}
		if s := strings.Join(got, " "); s != row.want {
			t.Errorf("%+v: %s, want %s", row.f, s, row.want)
		}
	}
	for _, f := range []trunkFilter{{names: []string{"[a"}}, {state: "well"}, {kind: "telephone"}} {
		if f.check() == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

// TestDownTrunks: of many trunks that are down the first are named.
func TestDownTrunks(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "down: a, b": {"a", "b"}, "down: a, b, c, d, e, f, g, h and 2 more": strings.Split("abcdefghij", "")} {
		if got := downTrunks(names); got != want {
			t.Errorf("%v: %s", names, got)
		}
	}
}
