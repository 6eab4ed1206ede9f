package topology

import (
	"regexp"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
	"pgregory.net/rapid"
)

// headerRules compiles rules of one direction of a trunk.
func headerRules(t testing.TB, direction, rules string) []HeaderRule {
	t.Helper()
	s, problems := Compile("x", []byte(string(readFile(t, "testdata/good/small.yaml"))+"trunkSettings: {global: {headerRules: {"+direction+": "+rules+"}}}\n"))
	if s == nil {
		t.Fatalf("%s: %s", rules, problems.Error())
	}
	if direction == "in" {
		return s.Defaults.HeaderRules.In
	}
	return s.Defaults.HeaderRules.Out
}

// lines are the headers of a message behind CSeq.
func lines(m *sip.Message) string {
	var b strings.Builder
	for _, h := range m.Headers[1:] {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	return b.String()
}

func message(status int, method string, headers ...string) *sip.Message {
	m := &sip.Message{Method: method, Status: status}
	if status > 0 {
		m.Method = ""
	}
	m.Add(sip.IDCSeq, "1 "+method)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.AddName(name, value)
	}
	return m
}

func TestHeaderRules(t *testing.T) {
	had := []string{"X-A: one", "x-a: two", "X-B: <tel:+1425>", "b: <sip:bob@x>"}
	other := message(0, "INVITE", "x-customer: 7", "X-Customer: 8", "Subject: hello")
	for _, c := range []struct {
		direction, rules string
		status           int
		method           string
		want             string
	}{
		{"out", "[{add: X-C, value: 'new one'}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\nX-C: new one\n"},
		{"out", "[{remove: x-A}]", 0, "INVITE", "X-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, match: ^t}]", 0, "INVITE", "X-A: one\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: Referred-By}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\n"},
		{"out", "[{replace: X-A, value: same}]", 0, "INVITE", "X-A: same\nx-a: same\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", `[{replace: X-B, match: 'tel:\+(\d+)', value: 'sip:00$1@y'}]`, 0, "INVITE", "X-A: one\nx-a: two\nX-B: <sip:001425@y>\nb: <sip:bob@x>\n"},
		{"out", "[{replace: X-A, match: ^one$, value: ''}]", 0, "INVITE", "x-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{copy: X-Customer}, {copy: Subject, to: X-Subject}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\nX-Customer: 7\nX-Customer: 8\nX-Subject: hello\n"},
		{"out", "[{copy: X-Customer, match: 8}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\nX-Customer: 8\n"},
		{"in", "[{copy: X-A, to: X-D}, {remove: X-A}]", 0, "INVITE", "X-B: <tel:+1425>\nb: <sip:bob@x>\nX-D: one\nX-D: two\n"},
		{"out", "[{add: X-A, value: '1'}, {remove: X-A, match: ^1$}, {remove: X-B}, {remove: b}]", 0, "INVITE", "X-A: one\nx-a: two\n"},
		// Which messages.
		{"out", "[{remove: X-A, methods: [OPTIONS]}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, methods: [OPTIONS]}]", 0, "OPTIONS", "X-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A}]", 486, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, codes: [1xx, 486]}]", 486, "INVITE", "X-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, codes: [1xx, 486]}]", 487, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, codes: [2xx], methods: [INVITE]}]", 200, "OPTIONS", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
		{"out", "[{remove: X-A, codes: [486]}]", 0, "INVITE", "X-A: one\nx-a: two\nX-B: <tel:+1425>\nb: <sip:bob@x>\n"},
	} {
		m := message(c.status, c.method, had...)
		from := other
		if c.direction == "in" {
			from = m
		}
		ApplyHeaderRules(headerRules(t, c.direction, c.rules), m, from)
		if got := lines(m); got != c.want {
			t.Errorf("%s %d %s:\n%swant\n%s", c.rules, c.status, c.method, got, c.want)
		}
	}
}

// Nothing to copy from, or no rules at all: the message stays.
func TestHeaderRulesWithoutSource(t *testing.T) {
	m := message(0, "INVITE", "X-A: one")
	ApplyHeaderRules(headerRules(t, "out", "[{copy: X-A}]"), m, nil)
	ApplyHeaderRules(nil, m, m)
	if got := lines(m); got != "X-A: one\n" {
		t.Error(got)
	}
}

// TestHeaderRulesAreBounded: whatever values come, a message does not grow beyond what the rules may write, no line is broken, and the
// headers of the dialog stay.
func TestHeaderRulesAreBounded(t *testing.T) {
	rules := headerRules(t, "in", `[{copy: X-A, to: X-B}, {copy: X-B, to: X-A}, {copy: X-A, to: X-B}, {replace: X-A, match: '(.)', value: '$1$1$1$1'}, {replace: X-B, match: '^', value: 'a, '}]`)
	rapid.Check(t, func(t *rapid.T) {
		m := message(0, "INVITE")
		size := 0
		for range rapid.IntRange(0, 20).Draw(t, "lines") {
			v := rapid.StringN(0, 400, 2000).Draw(t, "value")
			size += len(v)
			m.AddName("X-A", v)
		}
		ApplyHeaderRules(rules, m, m)
		got := 0
		for _, h := range m.Headers {
			if strings.ContainsAny(h.Value, "\r\n") {
				t.Fatalf("%q", h.Value)
			}
			got += len(h.Value)
		}
		if limit := size + 60*(maxHeaderValue+4); got > limit {
			t.Fatalf("%d bytes of %d", got, size)
		}
		if seq, method, ok := m.CSeq(); !ok || seq != 1 || method != "INVITE" {
			t.Fatal("CSeq has changed")
		}
	})
}

// TestReplacedIsReplaceAll: below the limit a rule does what regexp.ReplaceAllString does, and above it nothing, however often it matches.
func TestReplacedIsReplaceAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := HeaderRule{Match: regexp.MustCompile(rapid.SampledFrom([]string{"a", "(a*)", "^", "$", "(.)(b|)", "a|$"}).Draw(t, "match")),
			Expand: rapid.SampledFrom([]string{"", "x", "${1}${0}", "${0}${0}${0}"}).Draw(t, "value")}
		value := strings.TrimSpace(rapid.StringOfN(rapid.RuneFrom([]rune("ab ")), 0, 3*maxHeaderValue, -1).Draw(t, "text"))
		want := strings.TrimSpace(r.Match.ReplaceAllString(value, r.Expand))
		if len(want) > max(maxHeaderValue, len(value)) {
			want = value
		}
		if got := r.replaced(value); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}
