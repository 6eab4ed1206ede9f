package diag

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/diagnostics.md")

func TestEveryReasonIsComplete(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	ids := map[string]bool{}
	for _, r := range All {
		switch {
		case !kebab.MatchString(r.ID):
			t.Errorf("id %q is not kebab-case", r.ID)
		case ids[r.ID]:
			t.Errorf("id %q is there twice", r.ID)
		}
		ids[r.ID] = true
		if r.Status != 0 && (r.Status < 400 || r.Status > 699) {
			t.Errorf("%s: status %d is no refusal", r.ID, r.Status)
		}
		if r.Cause < 1 || r.Cause > 127 {
			t.Errorf("%s: %d is no Q.850 cause", r.ID, r.Cause)
		}
		if r.Phrase == "" {
			t.Errorf("%s: no phrase", r.ID)
		}
		for _, s := range []string{r.Text, r.Fix} {
			if len(s) < 20 || !strings.HasSuffix(s, ".") || strings.ContainsAny(s, "|\n") {
				t.Errorf("%s: %q is no sentence that a table can hold", r.ID, s)
			}
		}
		if ByID(r.ID) != r {
			t.Errorf("%s: ByID does not find it", r.ID)
		}
	}
	if ByID("no-such-reason") != nil {
		t.Error("ByID finds what does not exist")
	}
}

// TestOnePhrasePerStatus: RFC 3261 section 21 gives each status one phrase; we should not use two.
func TestOnePhrasePerStatus(t *testing.T) {
	phrases := map[int]string{}
	for _, r := range All {
		if r.Status == 0 {
			continue
		}
		if p, seen := phrases[r.Status]; seen && p != r.Phrase {
			t.Errorf("%s: %d is %q here and %q elsewhere", r.ID, r.Status, r.Phrase, p)
		}
		phrases[r.Status] = r.Phrase
	}
}

// TestAllIsAll proves that no declared reason is missing from All.
func TestAllIsAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "catalogue.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.AND {
			if lit, ok := u.X.(*ast.CompositeLit); ok {
				if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "Reason" {
					declared++
				}
			}
		}
		return true
	})
	if declared == 0 || declared != len(All) {
		t.Errorf("%d reasons are declared, %d are in All", declared, len(All))
	}
}

func TestNilReason(t *testing.T) {
	if s := (*Reason)(nil).String(); s != "" {
		t.Errorf("nil reason is %q", s)
	}
	if Busy.String() != "busy" {
		t.Errorf("got %q", Busy)
	}
}

func TestDocumentIsCurrent(t *testing.T) {
	const page = "../../docs/diagnostics.md"
	want := Markdown()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/diagnostics.md differs from the catalogue; run: go test ./internal/diag -update")
	}
}
