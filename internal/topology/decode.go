package topology

import (
	"fmt"
	"strings"
)

// field is one key that an object of the document may have.
type field[T any] struct {
	key string
	set func(c *compiler, n *node, to *T)
}

// decode reads a mapping strictly: a key that no field has is a mistake. An empty mapping may be written as nothing.
func decode[T any](c *compiler, n *node, fields []field[T], to *T) {
	switch n.kind {
	case null:
		return
	case mapping:
	default:
		c.errorf(n, "keys with values are expected here, not %s", kindName(n)).fixf("Write key: value")
		return
	}
	for _, e := range n.entries {
		set := lookup(fields, e.key.text)
		if set == nil {
			c.unknownKey(e.key, keys(fields))
			continue
		}
		set(c, e.value, to)
	}
}

func lookup[T any](fields []field[T], key string) func(*compiler, *node, *T) {
	for i := range fields {
		if fields[i].key == key {
			return fields[i].set
		}
	}
	return nil
}

func keys[T any](fields []field[T]) []string {
	list := make([]string, len(fields))
	for i := range fields {
		list[i] = fields[i].key
	}
	return list
}

func kindName(n *node) string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	case scalar:
		return "a single value"
	}
	return "nothing"
}

// unknownKey refuses a key: one that is planned by its name, one of Lync by its name here, any other with the nearest known.
func (c *compiler) unknownKey(key *node, known []string) {
	if notYet(key) {
		c.errorf(key, "%s is not implemented in this version", key.text).fixf("Remove it")
		return
	}
	p := c.errorf(key, "there is no key %q", key.text)
	if ours := lyncName(key); ours != "" {
		p.meant = ours
		p.fixf("It is called %s here", ours)
		return
	}
	if near := nearest(key.text, known); near != "" {
		p.meant = near
		p.fixf("Did you mean %s?", near)
		return
	}
	if akin := akin(key.text, known); len(akin) > 0 {
		p.meant = strings.Join(akin, " ")
		p.fixf("Did you mean %s?", strings.Join(akin, " or "))
		return
	}
	p.fixf("The keys are %s", strings.Join(known, ", "))
}

// names is the objects of one kind by name. Names that differ only in case are the same, as in Lync.
type names[T any] struct {
	what  string // "gateway"
	list  []string
	where map[string]*node
	of    map[string]T
}

func newNames[T any](what string) names[T] {
	return names[T]{what: what, where: map[string]*node{}, of: map[string]T{}}
}

// add takes a name; a second one of the same kind is a mistake and is left out.
func (ns *names[T]) add(c *compiler, key *node, v T) bool {
	folded := strings.ToLower(key.text)
	if first, dup := ns.where[folded]; dup {
		c.errorf(key, "the name %q is taken by the %s in line %d; names that differ only in case are the same",
			key.text, ns.what, first.line).alone().fixf("Choose another name")
		return false
	}
	ns.where[folded] = key
	ns.of[folded] = v
	ns.list = append(ns.list, key.text)
	return true
}

// get resolves a reference; a name that nothing has is a mistake.
func (ns *names[T]) get(c *compiler, ref *node) (v T, ok bool) {
	v, ok = ns.of[strings.ToLower(ref.text)]
	if ok {
		return v, true
	}
	if !c.absent(ns.what, ref) {
		return v, false
	}
	p := c.errorf(ref, "there is no %s %q", ns.what, ref.text).missing(ns.what)
	c.wanted[wanting{ns.what, strings.ToLower(ref.text)}].last = p
	switch near := nearest(ref.text, ns.list); {
	case near != "":
		p.fixf("Did you mean %q?", near)
	case len(ns.list) == 0:
		p.fixf("The document has none; add it or remove this key")
	case len(ns.list) <= 8:
		p.fixf("The document has %s", strings.Join(ns.list, ", "))
	}
	return v, false
}

// wanting is a name that nothing has, and what it was to be of.
type wanting struct{ what, name string }

// wanted counts the places that want such a name.
type wanted struct {
	places int
	last   *Problem // the last that is listed
}

// absent notes that a name is missing at ref, and tells whether to say so: where a pool of a thousand users is misspelled, that is one mistake.
func (c *compiler) absent(what string, ref *node) bool {
	if c.wanted == nil {
		c.wanted = map[wanting]*wanted{}
	}
	key := wanting{what, strings.ToLower(ref.text)}
	if c.wanted[key] == nil {
		c.wanted[key] = &wanted{}
	}
	c.wanted[key].places++
	return c.wanted[key].places <= maxAlike
}

// closeAbsent has the last place that is listed of each name tell of those that are not.
func (c *compiler) closeAbsent() {
	for _, w := range c.wanted {
		if more := w.places - maxAlike; more > 0 {
			w.last.Why += fmt.Sprintf(" (and so for %d more, which are not listed)", more)
			w.places = maxAlike
		}
	}
}

// checkName refuses what cannot be a name: it is shown in messages and becomes a metric label.
func (c *compiler) checkName(n *node) bool {
	var p *Problem
	switch name := n.text; {
	case n.kind != scalar || name == "":
		p = c.errorf(n, "the name is empty")
		p.fixf("Give it a name")
	case len(name) > 128:
		p = c.errorf(n, "the name is longer than 128 bytes")
		p.fixf("Choose a shorter one")
	case strings.ContainsAny(name, "\"\\") || strings.TrimSpace(name) != name || strings.IndexFunc(name, isControl) >= 0:
		p = c.errorf(n, "the name %q has quotes, backslashes, control characters or blanks around it", name)
		p.fixf("Use letters, digits, blanks and . _ -")
	default:
		return true
	}
	p.unnamed = true
	return false
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
