package server

import (
	"strings"
	"testing"
)

// TestOPS05LogSaysWhatChanged: who looks later finds in the log what a document has changed, from which one, and what brought it back.
func TestOPS05LogSaysWhatChanged(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	first := r.engine.Snapshot().Version
	r.applyGood(strings.ReplaceAll(basic, "port: 5070", "port: 5080"))
	second := r.engine.Snapshot().Version
	r.applyGood(basic)
	for _, want := range []string{
		"document=" + second + " name=test.yaml before=" + first + ` changed="gateways.gw.root.port: 5070 → 5080"`,
		"document=" + first + " name=test.yaml before=" + second + ` changed="gateways.gw.root.port: 5080 → 5070"`,
	} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has not %s", want)
		}
	}
}

// TestDifferencesFitALine: of many it has some, and of long values a beginning; of passwords none.
func TestDifferencesFitALine(t *testing.T) {
	usages := func(n int, first string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("k" + string(rune('a'+i)) + ": " + first + "\n")
		}
		return b.String()
	}
	got := differences([]byte("password: a\n"+usages(12, strings.Repeat("x", 100))), []byte("password: b\n"+usages(12, "y")))
	if !strings.HasSuffix(got, "; and 3 more") || strings.Count(got, " → ") != mostChanges || !strings.Contains(got, "ka: "+strings.Repeat("x", mostOfValue)+"… → y;") {
		t.Errorf("%s", got)
	}
	if strings.Contains(got, "password: a") {
		t.Errorf("a password: %s", got)
	}
	if got := differences([]byte("a: b\nc: d\n"), []byte("a: b\ne: f\n")); got != "- c: d; + e: f" {
		t.Errorf("%s", got)
	}
	if got := differences([]byte("routes: [{name: a}, {name: b}]\n"), []byte("routes: [{name: b}, {name: a}]\n")); got != "routes in another order: a, b → b, a" {
		t.Errorf("%s", got)
	}
	if got := differences([]byte("a: b\n"), []byte("a:   b # as it was\n")); got != "" {
		t.Errorf("%s", got)
	}
}
