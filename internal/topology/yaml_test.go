package topology

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// TestTreeEqualsLibrary: the tree that the reader builds is that of the YAML library's own parser.
func TestTreeEqualsLibrary(t *testing.T) {
	docs := [][]byte{Example(), []byte(`
a:
- b
-   - c
    - d: 'it''s'
      e: "tab\tand ü"
-
  f: {g: [1, 0x10, 0112, +49], h: , i: [{j: k}, ]}
l: |
  two
  lines
m: >-
  folded
  text

n: plain text
  over two lines
o: ~
p:
q: {}
"r s": []
t: -1
site:berlin: x:y
u: a#b # comment
v: [a b, c]
`)}
	for _, name := range files(t, "testdata/good/*.yaml") {
		docs = append(docs, readFile(t, name))
	}
	for i, src := range docs {
		c := &compiler{file: "x"}
		root := c.read(src)
		if root == nil {
			t.Fatalf("document %d is refused:\n%s", i, c.result().Error())
		}
		want, ok := libraryTree(src)
		if !ok {
			t.Fatalf("document %d: the library refuses it", i)
		}
		if got := render(root); got != want {
			t.Errorf("document %d:\n got %s\nwant %s", i, got, want)
		}
	}
}

// render writes a tree in one line.
func render(n *node) string {
	switch n.kind {
	case scalar:
		return fmt.Sprintf("%q", n.text)
	case sequence:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = render(item)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case mapping:
		parts := make([]string, len(n.entries))
		for i, e := range n.entries {
			parts[i] = fmt.Sprintf("%q:", e.key.text) + render(e.value)
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return "~"
}

// libraryTree renders what the library's parser makes of a document, false when it fails or has what the reader refuses.
func libraryTree(src []byte) (tree string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	file, err := parser.ParseBytes(src, 0)
	if err != nil || len(file.Docs) != 1 {
		return "", false
	}
	ok = true
	tree = libraryNode(file.Docs[0].Body, &ok)
	return tree, ok
}

func libraryNode(n ast.Node, ok *bool) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "~"
	case *ast.StringNode:
		return fmt.Sprintf("%q", n.Value)
	case *ast.LiteralNode:
		return fmt.Sprintf("%q", n.Value.Value)
	case *ast.SequenceNode:
		parts := make([]string, len(n.Values))
		for i, v := range n.Values {
			if m, is := v.(*ast.MappingNode); is && m.Values[0].Key.GetToken().Position.Column <= n.Start.Position.Column {
				*ok = false // a key in the column of the dashes ends the list (YAML 1.2 §8.2.1), but not for the library after an empty item
			}
			parts[i] = libraryNode(v, ok)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *ast.MappingNode:
		parts := make([]string, len(n.Values))
		for i, v := range n.Values {
			parts[i] = fmt.Sprintf("%q:", v.Key.GetToken().Value) + libraryNode(v.Value, ok)
		}
		return "{" + strings.Join(parts, " ") + "}"
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return fmt.Sprintf("%q", n.GetToken().Value)
	}
	*ok = false
	return ""
}

// FuzzCompile: whatever the document is, Compile ends, does not panic, explains a refusal, and gives the same answer twice.
func FuzzCompile(f *testing.F) {
	f.Add(Example())
	for _, seed := range []string{
		"", "a: [b", "pools: {a.example.com: {servers: {b.example.com: {addresses: [::1]}}}}", "- - - -\n  -", "? a\n: b",
		"trunkSettings:\n  site:x: {calledRules: [{pattern: '^(a|b)*$', translation: $1}]}", "a: &x\nb: *x\n<<: *x", "\xff", "a:\n\t- b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		snap, problems := Compile("x", src)
		if (snap == nil) != problems.Failed() {
			t.Fatalf("snapshot %v, problems:\n%s", snap != nil, problems.Error())
		}
		for _, p := range problems {
			if p.Why == "" || p.Line < 0 || p.Col < 0 {
				t.Fatalf("a problem without text or place: %+v", p)
			}
		}
		if _, again := Compile("x", src); again.Error() != problems.Error() {
			t.Fatalf("two answers:\n%s\n%s", problems.Error(), again.Error())
		}
	})
}

// FuzzTree: what both the reader and the library's parser accept they read alike.
func FuzzTree(f *testing.F) {
	f.Add(Example())
	f.Add([]byte("a:\n- b\n- c: [d, {e: f}]\n  g: |\n    h\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c := &compiler{file: "x"}
		root := c.read(src)
		if root == nil || c.failed() {
			return
		}
		if want, ok := libraryTree(src); ok && render(root) != want {
			t.Fatalf("\n got %s\nwant %s", render(root), want)
		}
	})
}

// TestHostileDocuments: the work is bounded by the size of the document.
func TestHostileDocuments(t *testing.T) {
	const size = 1 << 18
	for _, unit := range []string{"[", "{", "- ", "? ", "a: ", "{a: ", "[[],", "'", "\"", "|\n", "&a ", "*a ", "!a ", ": ", "a:\n ", "-\n ", "\t", "#\n", "a: b\n", "- a\n", "x"} {
		snap, problems := Compile("x", []byte(strings.Repeat(unit, size/len(unit))))
		if snap != nil || !problems.Failed() || len(problems) > maxProblems+1 {
			t.Errorf("%q repeated: snapshot %v, %d problems", unit, snap != nil, len(problems))
		}
	}
}

func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		src  []byte
		want string
	}{
		{make([]byte, maxDocument+1), "x: the document has 16777217 bytes, more than the limit of 16 MiB."},
		{[]byte("a: 1\nb: \x00"), "x:2:4: the character \"\\x00\" does not belong into a text file. Remove it, or write it as an escape in double quotes."},
		{[]byte("a: \xff"), "x:1:4: the document is not valid UTF-8. Save it as UTF-8."},
	} {
		if _, problems := Compile("x", c.src); problems.Error() != c.want {
			t.Errorf("got %s\nwant %s", problems.Error(), c.want)
		}
	}
}

// manyUsers is a document of n users.
func manyUsers(n int) []byte {
	var b strings.Builder
	b.Write(Example()[:strings.Index(string(Example()), "users:")])
	b.WriteString("users:\n")
	for i := range n {
		fmt.Fprintf(&b, "  user%d:\n    uri: sip:user%d@example.com\n    lineURI: tel:+49301%07d\n    voicePolicy: staff\n", i, i, i)
	}
	return []byte(b.String())
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{2, 1000, 100000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			src := manyUsers(n)
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if s, problems := Compile("x", src); s == nil {
					b.Fatal(problems.Error())
				}
			}
		})
	}
}

// TestCutDocument: a document that ends too early is never taken for one that has nothing of what stands before the end.
func TestCutDocument(t *testing.T) {
	src := Example()
	begun := bytes.Index(src, []byte("\ngateways:"))
	for n := begun; n < len(src); n++ {
		if snap, problems := Compile("cut.yaml", src[:n]); !problems.Failed() && len(snap.Servers) != 1 {
			t.Errorf("up to %q: %d servers, %v", src[n-30:n], len(snap.Servers), problems)
		}
	}
	_, problems := Compile("cut.yaml", []byte("gateways:\n  pbx: {kind: pbx, host:"))
	if len(problems) != 1 || problems[0].Line != 2 || problems[0].Col != 8 || !strings.Contains(problems[0].String(), "this { is never closed") {
		t.Errorf("%v", problems)
	}
}

// A no-break space is a mistake where a blank belongs, and text within text.
func TestBlanksThatAreNone(t *testing.T) {
	for src, at := range map[string]int{
		"a:\u00a0b": 3, "a: \u00a0b": 4, "\u00a0a: b": 1, "x:\n -\u00a0b": 3, "  - a: \u200bb": 8,
		"a: Bureau\u00a0: Paris": 0, "a: 'x: \u00a0y'": 0, "a: Paris \u00a0Nord": 0, "a: b # \u00a0c": 0, "# a:\u00a0b": 0,
	} {
		n := blankNot([]byte(src))
		if n == nil && at != 0 || n != nil && n.col != at {
			t.Errorf("%q: %+v, want column %d", src, n, at)
		}
	}
}

// TestTakenAsBefore: a server has to start with a document that it has run with, whatever strange is in it that keeps nothing from being read.
func TestTakenAsBefore(t *testing.T) {
	const doc = `
pools: {p.test: {servers: {m.test: {addresses: [192.0.2.10]}}}}
gateways: {pbx: {kind: pbx, host: 192.0.2.20, root: {transport: UDP}}, itsp: {kind: sbc, host: 192.0.2.30, root: {transport: UDP}}}
usages: [all]
routes:
  - name: >-
      all of
      NAME
    pattern: '^\+'
    usages: [all]
    trunks: [itsp]
trunkSettings:
  trunk:pbx: {usages: [all], calledRules: [{pattern: '^0', translation: 'TRANSLATION'}]}
`
	for _, c := range []struct{ name, translation, want string }{
		{"this", "+49", ""},
		{"\u00a0this", "+49", `x:8:7: warning: the character "\u00a0" looks like a blank and is none. Write a blank there, as of the space bar.`},
		{"this", `\\+49`, `x:13:73: warning: trunk settings "trunk:pbx": the translation \\+49 has a backslash, which becomes part of the number, and no number has one. Write + alone: only patterns need the backslash.`},
		{"this", `\é`, `x:13:73: warning: trunk settings "trunk:pbx": the translation \é has a backslash, which becomes part of the number, and no number has one. Write é alone: only patterns need the backslash.`},
	} {
		snap, problems := Compile("x", []byte(strings.NewReplacer("NAME", c.name, "TRANSLATION", c.translation).Replace(doc)))
		if snap == nil || problems.Error() != c.want {
			t.Errorf("%q, %s: taken %v\n got %s\nwant %s", c.name, c.translation, snap != nil, problems.Error(), c.want)
		}
	}
}
