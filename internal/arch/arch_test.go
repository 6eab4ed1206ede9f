// Package arch holds the rules of docs/architecture.md as tests.
package arch

import (
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

const (
	root   = "../.."
	module = "github.com/directsip/directsip/internal/"
)

// row is one row of the import table.
type row struct {
	ring string
	may  map[string]bool
}

// table reads the import table of docs/architecture.md.
func table(t *testing.T) map[string]row {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "| package | ring | may import |")
	if !ok {
		t.Fatal("docs/architecture.md has no import table")
	}
	rows := make(map[string]row)
	for _, line := range strings.Split(text, "\n")[2:] {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			break
		}
		r := row{ring: strings.TrimSpace(cells[2]), may: make(map[string]bool)}
		for _, name := range strings.Fields(cells[3]) {
			r.may[name] = true
		}
		rows[strings.TrimSpace(cells[1])] = r
	}
	if len(rows) < 10 {
		t.Fatalf("the import table has %d rows only", len(rows))
	}
	return rows
}

// sources parses the files of a package, without its tests.
func sources(t *testing.T, pkg string) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	dir := filepath.Join(root, "internal", pkg)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			f, err := parser.ParseFile(fset, filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	return fset, files
}

func packages(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, e.Name())
		}
	}
	return list
}

// TestImportTable holds every package to its row.
func TestImportTable(t *testing.T) {
	rows := table(t)
	for _, pkg := range packages(t) {
		r, ok := rows[pkg]
		if !ok {
			t.Errorf("internal/%s has no row in the import table of docs/architecture.md: add one that says its ring and what it may import", pkg)
			continue
		}
		_, files := sources(t, pkg)
		for _, f := range files {
			for _, imp := range f.Imports {
				path, _ := strconv.Unquote(imp.Path.Value)
				name, ours := strings.CutPrefix(path, module)
				if name, _, _ = strings.Cut(name, "/"); ours && name != pkg && !r.may[name] {
					t.Errorf("internal/%s imports %s, which its row in docs/architecture.md does not allow: rings never point upwards, and a package knows only what it must", pkg, name)
				}
			}
		}
	}
	for pkg := range rows {
		if _, err := os.Stat(filepath.Join(root, "internal", pkg)); err != nil {
			t.Errorf("the import table has a row for %s, which does not exist", pkg)
		}
	}
}

// impure is what ring 0 may not import: clocks, locks, sockets, files, logs.
var impure = map[string]string{
	"net": "sockets belong to ring 1 (net/netip is fine)", "net/http": "sockets belong to ring 1", "os": "files belong to ring 1",
	"sync": "a machine has one owner", "sync/atomic": "a machine has one owner", "log": "the core returns events", "log/slog": "the core returns events",
	"context": "nothing in ring 0 waits", "crypto/rand": "randomness is given at construction", "syscall": "no system calls in ring 0",
}

// clocks are the functions of package time that read or arm a clock.
var clocks = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "NewTimer": true, "NewTicker": true, "Tick": true}

// TestRingZeroIsPure holds ring 0 to its rules: they are what makes it simulatable.
func TestRingZeroIsPure(t *testing.T) {
	for pkg, r := range table(t) {
		if r.ring != "0" {
			continue
		}
		fset, files := sources(t, pkg)
		for _, f := range files {
			for _, imp := range f.Imports {
				path, _ := strconv.Unquote(imp.Path.Value)
				if why, bad := impure[path]; bad && !allowedImpure[pkg+" "+path] {
					t.Errorf("%s imports %s: %s", fset.Position(imp.Pos()), path, why)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine: a machine has one owner", fset.Position(n.Pos()))
				case *ast.ChanType:
					t.Errorf("%s has a channel: effects are appended to Out", fset.Position(n.Pos()))
				case *ast.FuncDecl:
					if n.Recv == nil && n.Name.Name == "init" {
						t.Errorf("%s has an init: nothing happens at import", fset.Position(n.Pos()))
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && clocks[n.Sel.Name] {
						t.Errorf("%s uses time.%s: time is an argument", fset.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// allowedImpure are the exceptions, each with its reason.
var allowedImpure = map[string]bool{
	"topology os": true, // certificate files are looked at while a document is checked
}

// TestNothingIsSkippedByItself: tests skip by lack.Of, which lets nothing be left out where CI is set.
func TestNothingIsSkippedByItself(t *testing.T) {
	for _, pkg := range packages(t) {
		if pkg == "lack" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, "internal", pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow") {
					t.Errorf("%s skips by itself: call lack.Of", fset.Position(n.Pos()))
				}
				return true
			})
		}
	}
}

// TestKeysOfJSON: what scripts read has keys of one style.
func TestKeysOfJSON(t *testing.T) {
	tag := regexp.MustCompile("json:\"([^,\"]*_[^,\"]*)")
	for _, pkg := range packages(t) {
		files, err := filepath.Glob(filepath.Join(root, "internal", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, m := range tag.FindAllSubmatch(b, -1) {
				t.Errorf("%s: the key %s is not in camelCase", name, m[1])
			}
		}
	}
}
