package topology

import (
	"slices"
	"strings"
)

// Change is one difference between two documents: what a key had and has.
type Change struct {
	Object string     `json:"object"` // `trunk "itsp"`
	Path   string     `json:"path"`   // routes[local].pattern: items of a list by their name
	Old    string     `json:"old,omitempty"`
	New    string     `json:"new,omitempty"`
	Kind   ChangeKind `json:"kind"`
}

// String is the change in a line, without its object: "+ port: 5061".
func (c *Change) String() string {
	switch c.Kind {
	case Added:
		return "+ " + c.Path + ": " + c.New
	case Removed:
		return "- " + c.Path + ": " + c.Old
	case Moved:
		return c.Path + " in another order: " + c.Old + " → " + c.New
	}
	return c.Path + ": " + c.Old + " → " + c.New
}

// ChangeKind is what has become of a key.
type ChangeKind string

// The kinds of changes. Moved are the items of a list that are the same in another order, which is the order in which they are tried.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
	Moved   ChangeKind = "moved"
)

// secret stands for a password in a change.
const secret = "(secret)"

// Diff is what stands differently in two documents, in the order of the old one, then what only the new one has. How they are written, comments and
// the order of keys do not count; the order of lists does. Neither shows a password. The documents are read as YAML, not checked.
func Diff(before, after []byte) ([]Change, Problems) {
	var roots [2]*node
	for i, src := range [][]byte{before, after} {
		c := &compiler{snap: &Snapshot{}}
		if roots[i] = c.read(src); c.failed() {
			return nil, c.result()
		}
	}
	d := differ{list: []Change{}} // JSON has a list of none, not null
	d.compare("", roots[0], roots[1])
	return d.list, nil
}

type differ struct{ list []Change }

func (d *differ) add(k ChangeKind, path string, was, is *node) {
	of := is
	if is == nil {
		of = was
	}
	d.list = append(d.list, Change{Object: of.object(), Path: path, Old: plainText(was), New: plainText(is), Kind: k})
}

// compare adds what differs below a place. A null is as good as no key at all.
func (d *differ) compare(path string, was, is *node) {
	switch {
	case empty(was) && empty(is):
	case empty(was):
		d.added(path, is)
	case empty(is):
		d.add(Removed, path, was, nil)
	case was.kind == mapping && is.kind == mapping:
		d.mappings(path, was, is)
	case was.kind == sequence && is.kind == sequence:
		d.lists(path, was, is)
	case was.kind != is.kind || was.text != is.text:
		d.add(Changed, path, was, is)
	}
}

// added tells each object of a new section by itself.
func (d *differ) added(path string, is *node) {
	if path == "" && is.kind == mapping {
		d.mappings(path, &node{kind: mapping}, is)
		return
	}
	d.add(Added, path, nil, is)
}

func (d *differ) mappings(path string, was, is *node) {
	now := make(map[string]*node, len(is.entries))
	for _, e := range is.entries {
		now[e.key.text] = e.value
	}
	for _, e := range was.entries {
		d.compare(under(path, e.key.text), e.value, now[e.key.text])
		delete(now, e.key.text)
	}
	for _, e := range is.entries {
		if v := now[e.key.text]; v != nil {
			d.compare(under(path, e.key.text), nil, v)
		}
	}
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lists compares items by their names; what has none is the same item as long as nothing in it changes. A list of values changes as a whole.
func (d *differ) lists(path string, was, is *node) {
	old, fresh := itemNames(was), itemNames(is)
	if old == nil || fresh == nil {
		if flow(was) != flow(is) {
			d.add(Changed, path, was, is)
		}
		return
	}
	before, now := places(old), places(fresh)
	item := func(at map[string]int, list *node, name string) *node {
		if i, ok := at[name]; ok {
			return list.items[i]
		}
		return nil
	}
	for i, name := range old {
		d.compare(path+"["+name+"]", was.items[i], item(now, is, name))
	}
	for i, name := range fresh {
		if _, ok := before[name]; !ok {
			d.compare(path+"["+name+"]", nil, is.items[i])
		}
	}
	both := func(list []string, other map[string]int) []string {
		return slices.DeleteFunc(slices.Clone(list), func(name string) bool { _, ok := other[name]; return !ok })
	}
	if a, b := both(old, now), both(fresh, before); !slices.Equal(a, b) {
		d.list = append(d.list, Change{Object: is.object(), Path: path, Old: strings.Join(a, ", "), New: strings.Join(b, ", "), Kind: Moved})
	}
}

// itemNames are those of the items of a list: name, number, trunk or dialed number of each, else all that stands in it; nil for a list that is not one of objects.
func itemNames(n *node) []string {
	list, seen := make([]string, len(n.items)), make(map[string]bool, len(n.items))
	for i, item := range n.items {
		if item.kind != mapping {
			return nil
		}
		for _, key := range [...]string{"name", "number", "trunk", "dialed"} {
			if v := item.get(key); v != nil && v.kind == scalar && list[i] == "" {
				list[i] = v.text
			}
		}
		if list[i] == "" || seen[list[i]] {
			list[i] = flow(item)
		}
		seen[list[i]] = true
	}
	return list
}

// places tells where each name stands.
func places(list []string) map[string]int {
	at := make(map[string]int, len(list))
	for i, name := range list {
		at[name] = i
	}
	return at
}

func empty(n *node) bool { return n == nil || n.kind == null }

// plainText is a value for a person, on one line.
func plainText(n *node) string {
	switch {
	case n == nil:
		return ""
	case n.name == "password":
		return secret
	}
	return flow(n)
}

// flow writes a value as flow style has it, a password as secret.
func flow(n *node) string {
	switch n.kind {
	case scalar:
		return n.text
	case sequence:
		items := make([]string, len(n.items))
		for i, item := range n.items {
			items[i] = flow(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case mapping:
		items := make([]string, len(n.entries))
		for i, e := range n.entries {
			items[i] = e.key.text + ": " + plainText(e.value)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return "null"
}
