package topology

import (
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	null kind = iota
	scalar
	mapping
	sequence
)

// node is one value or key of the document with its place. Scalars stay text: 0425550100 and +49 are numbers to dial, not
// integers, and every key knows what it wants.
type node struct {
	kind      kind
	text      string // scalar
	line, col int
	parent    *node
	name      string // key of the parent mapping; "" in a sequence
	index     int    // place in the parent sequence
	entries   []entry
	items     []*node
}

// entry is one key of a mapping. Parent and name of the key node are those of its value.
type entry struct{ key, value *node }

// get finds the value of a key, nil when absent.
func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}

// chain is the way from the top of the document to n, without the document itself.
func (n *node) chain() []*node {
	var up []*node
	for ; n != nil && n.parent != nil; n = n.parent {
		up = append(up, n)
	}
	for i, j := 0, len(up)-1; i < j; i, j = i+1, j-1 {
		up[i], up[j] = up[j], up[i]
	}
	return up
}

// path is the place in dotted form: gateways.itsp.host, routes[2].pattern.
func (n *node) path() string {
	var b strings.Builder
	for _, s := range n.chain() {
		if s.parent.kind == sequence {
			fmt.Fprintf(&b, "[%d]", s.index)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}

// object names the thing that n belongs to, the way a person would: `trunk "itsp"`.
func (n *node) object() string {
	chain := n.chain()
	if len(chain) == 0 {
		return ""
	}
	section := chain[0].name
	if len(chain) == 1 {
		return section
	}
	of := chain[1]
	switch section {
	case "sites":
		return quoted("site", of.name)
	case "network":
		if what := networkObjects[of.name]; what != "" && len(chain) > 2 {
			return quoted(what, chain[2].name)
		}
	case "pools":
		if len(chain) > 3 && chain[2].name == "servers" {
			return quoted("server", chain[3].name)
		}
		return quoted("pool", of.name)
	case "gateways":
		if len(chain) > 2 && chain[2].name == "root" {
			if name := chain[2].get("name"); name != nil && name.text != "" {
				return quoted("trunk", name.text)
			}
			return quoted("trunk", of.name)
		}
		return quoted("gateway", of.name)
	case "trunks":
		return quoted("trunk", of.name)
	case "trunkSettings":
		return quoted("trunk settings", of.name)
	case "dialPlans":
		return quoted("dial plan", of.name)
	case "voicePolicies":
		return quoted("voice policy", of.name)
	case "translationRules":
		return quoted("translation rules", of.name)
	case "users":
		return quoted("user", of.name)
	case "routes":
		return listed("route", of, "name")
	case "locations":
		return quoted("location", of.name)
	case "locationPolicies":
		return quoted("location policy", of.name)
	case "inboundRules":
		return listed("inbound rule", of, "name")
	case "announcements":
		return quoted("announcement", of.name)
	case "unassignedNumbers":
		return listed("range of unassigned numbers", of, "name")
	case "emergency":
		return listed("emergency number", of, "number")
	case "tests":
		return listed("test", of, "name")
	}
	return section
}

// networkObjects are the objects of the network by the key that they stand under.
var networkObjects = map[string]string{"regions": "network region", "sites": "network site", "profiles": "bandwidth policy profile", "links": "link",
	"routes": "route between regions", "intersitePolicies": "intersite policy"}

func quoted(what, name string) string { return what + " " + strconv.Quote(name) }

// listed names an item of a list by one of its keys, else by its place counted from one.
func listed(what string, item *node, key string) string {
	if name := item.get(key); name != nil && name.kind == scalar {
		return quoted(what, name.text)
	}
	return fmt.Sprintf("%s %d", what, item.index+1)
}
