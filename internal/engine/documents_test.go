package engine

import (
	"testing"
)

// TestDocumentServesAnother that has the same listeners and peers, or fewer, whatever else they say.
func TestDocumentServesAnother(t *testing.T) {
	const text = `
pools: {pool.test: {servers: {med1.test: {addresses: [192.0.2.1], interfaces: {inside: {addresses: [198.51.100.1]}}}}}}
gateways:
  pbx: {kind: pbx, host: 192.0.2.2, addresses: [192.0.2.22], root: {transport: UDP}}
  gw: {kind: gateway, host: 192.0.2.3, root: {transport: UDP, port: 5070}}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [gw]}]
trunkSettings:
  trunk:pbx: {usages: [all]}
`
	doc := func(text string) document {
		s := compile(t, text)
		return document{snap: s, server: s.ServerByName("med1.test")}
	}
	old := doc(text)
	for what, c := range map[string]struct {
		from, to string
		want     bool
	}{
		"the same":                     {"", "", true},
		"another route":                {`'^\+1'`, `'^\+2'`, true},
		"another trunk":                {"gateways:\n", "gateways:\n  more: {host: 192.0.2.4, root: {transport: UDP}}\n", true},
		"limits":                       {"trunk:pbx: {", "trunk:pbx: {maxCalls: 2, ", true},
		"no trunk":                     {"  pbx: {", "  other: {", false},
		"another host":                 {"192.0.2.3", "192.0.2.4", false},
		"another port of ours":         {"port: 5070", "port: 5071", false},
		"another port of the peer":     {"port: 5070", "port: 5070, gatewayPort: 5071", false},
		"another transport":            {"UDP, port", "TCP, port", false},
		"fewer addresses":              {", addresses: [192.0.2.22]", "", false},
		"another address of ours":      {"[192.0.2.1]", "[192.0.2.11]", false},
		"another interface":            {"kind: gateway,", "kind: gateway, interface: inside,", false},
		"another name in certificates": {"kind: gateway,", "kind: gateway, names: [x.test],", false},
	} {
		next := text
		if c.from != "" {
			if next = replace(text, c.from, c.to); next == text {
				t.Fatalf("%s: nothing is changed", what)
			}
			if c.from == "  pbx: {" {
				next = replace(next, "trunk:pbx", "trunk:other")
			}
		}
		if got := doc(next).serves(old); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
