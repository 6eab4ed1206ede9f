package topology

import (
	"strings"
	"testing"
)

// TestOneMistakeIsToldOnce: whatever value of a good document is of the wrong kind, every error is about it.
func TestOneMistakeIsToldOnce(t *testing.T) {
	const name = "testdata/good/full.yaml"
	root := newCompiler(name, nil).read(readFile(t, name))
	for _, n := range values(root) {
		c, was := newCompiler(name, nil), *n
		n.kind, n.text, n.entries = sequence, "", nil
		inner := &node{kind: sequence, line: n.line, col: n.col, parent: n}
		inner.items = []*node{{kind: scalar, text: "x", line: n.line, col: n.col, parent: inner}}
		n.items = []*node{inner}
		c.document(root)
		problems := c.result()
		if !problems.Failed() {
			t.Errorf("%s may be a list of lists", n.path())
		}
		for _, p := range problems {
			if !p.Warning && !strings.HasPrefix(p.Key, n.path()) {
				t.Errorf("%s is a list of lists, but %s", n.path(), p)
			}
		}
		*n = was
	}
}

// values are those of the whole document.
func values(n *node) (list []*node) {
	for _, e := range n.entries {
		list = append(append(list, e.value), values(e.value)...)
	}
	for _, item := range n.items {
		list = append(append(list, item), values(item)...)
	}
	return list
}

// TestSavedByAnyEditor: a byte order mark, which editors of Windows write, is no part of the first key; what is not UTF-8 is told with its place.
func TestSavedByAnyEditor(t *testing.T) {
	src := "pools: {p.test: {servers: {s.test: {addresses: [192.0.2.1]}}}}\n# caf\xe9"
	_, problems := Compile("x", []byte(src))
	if got, want := problems.Error(), "x:2:6: the document is not valid UTF-8. Save it as UTF-8."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, end := range []string{"\n", "\r\n"} {
		src := "\ufeff" + strings.ReplaceAll("pools:\n  p.test:\n    servers: {s.test: {addresses: [192.0.2.1]}}\ngatways: {}\n", "\n", end)
		_, problems := Compile("x", []byte(src))
		if got, want := problems.Error(), `x:4:1: gatways: there is no key "gatways". Did you mean gateways?`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestKindOfAGateway: a kind that does not exist is told once, not again for every user behind the gateway.
func TestKindOfAGateway(t *testing.T) {
	src := strings.Replace(string(readFile(t, "testdata/good/full.yaml")), "    kind: uc\n", "    kind: ucc\n", 1)
	_, problems := Compile("x", []byte(src))
	if len(problems) != 1 || !strings.Contains(problems[0].Why, "is not a kind of gateway") {
		t.Error(problems)
	}
}
