package topology

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the messages that Compile gives into testdata/bad")

const wantPrefix = "# want: "

func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	return list
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestBadDocuments: the lines "# want:" at the top of a file are exactly what Compile says about it.
func TestBadDocuments(t *testing.T) {
	for _, name := range files(t, "testdata/bad/*.yaml") {
		src := string(readFile(t, name))
		if *update {
			src = withWants(src)
			if err := os.WriteFile(name, []byte(src), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for line := range strings.Lines(src) {
			if !strings.HasPrefix(line, wantPrefix) {
				break
			}
			want = append(want, strings.TrimSuffix(strings.TrimPrefix(line, wantPrefix), "\n"))
		}
		if len(want) == 0 {
			t.Errorf("%s: no line %q at the top", name, wantPrefix)
		}
		snap, problems := CompileWith("directsip.yaml", []byte(src), os.ReadFile)
		if got := problems.Error(); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n got:\n%s\n want:\n%s", name, got, strings.Join(want, "\n"))
		}
		if (snap == nil) != problems.Failed() {
			t.Errorf("%s: snapshot %v with problems:\n%s", name, snap != nil, problems.Error())
		}
	}
}

// withWants replaces the comment at the top; it has one line for each problem, so that their lines are right.
func withWants(src string) string {
	for strings.HasPrefix(src, wantPrefix) {
		_, src, _ = strings.Cut(src, "\n")
	}
	_, problems := CompileWith("directsip.yaml", []byte(src), os.ReadFile)
	_, problems = CompileWith("directsip.yaml", []byte(strings.Repeat("#\n", len(problems))+src), os.ReadFile)
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(wantPrefix + p.String() + "\n")
	}
	return b.String() + src
}

func TestGoodDocuments(t *testing.T) {
	for _, name := range files(t, "testdata/good/*.yaml") {
		snap, problems := CompileWith(name, readFile(t, name), os.ReadFile)
		if snap == nil || len(problems) > 0 {
			t.Errorf("%s has problems:\n%s", name, problems.Error())
		}
	}
}

// TestEveryMessageHasABadDocument: each format string given to errorf, warnf or fail in the source is seen in a bad
// document. Those about size and encoding cannot be text files; TestUnreadable has them.
func TestEveryMessageHasABadDocument(t *testing.T) {
	var messages []string
	for _, name := range files(t, "testdata/bad/*.yaml") {
		_, problems := CompileWith("x", readFile(t, name), os.ReadFile)
		for _, p := range problems {
			messages = append(messages, p.Why)
		}
	}
	elsewhere := map[string]bool{
		"the document has %d bytes, more than the limit of 16 MiB": true,
		"the document is not valid UTF-8":                          true,
		"the character %q does not belong into a text file":        true,
		"the document is not YAML that can be read":                true,
		"%s": true, // fail passes its own text on
	}
	formats := formatsOfSource(t)
	if len(formats) < 100 {
		t.Fatalf("only %d messages found in the source", len(formats))
	}
	verb := regexp.MustCompile(`%[a-z]`)
	for format, at := range formats {
		if elsewhere[format] {
			continue
		}
		re := regexp.MustCompile(`(?s)^` + verb.ReplaceAllString(regexp.QuoteMeta(format), `.*`) + `$`)
		seen := false
		for _, m := range messages {
			seen = seen || re.MatchString(m)
		}
		if !seen {
			t.Errorf("%s: no document in testdata/bad has the message %q", at, format)
		}
	}
}

// formatsOfSource finds the messages and where they are.
func formatsOfSource(t *testing.T) map[string]string {
	t.Helper()
	formats := map[string]string{}
	fset := token.NewFileSet()
	for _, name := range files(t, "*.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "errorf" && sel.Sel.Name != "warnf" && sel.Sel.Name != "fail" {
				return true
			}
			lit, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				if sel.Sel.Name == "errorf" && name != "problem.go" {
					t.Errorf("%s: the message is not written out", fset.Position(call.Pos()))
				}
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			formats[s] = fset.Position(call.Pos()).String()
			return true
		})
	}
	return formats
}
