package sip

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// said is what the getters of a message give.
func said(m *Message) []any {
	via, okVia := m.TopVia()
	contact, okContact := m.Contact()
	seq, method, okSeq := m.CSeq()
	return []any{via, okVia, m.TopBranch(), m.From(), m.FromTag(), m.To(), m.ToTag(), contact, okContact, seq, method, okSeq}
}

// checkViews: what Validate has read once is what the headers say.
func checkViews(t *testing.T, m *Message) {
	t.Helper()
	plain := *m
	plain.views = nil
	if got, want := said(m), said(&plain); !reflect.DeepEqual(got, want) {
		t.Fatalf("read once %q\nread again %q", got, want)
	}
	for i := range m.Headers {
		v := m.Headers[i].Value
		if a, tag, ok := plainAddress(v); ok {
			if want, err := ParseAddress(v); err != nil || a != want || tag != want.Tag() {
				t.Fatalf("%q is plain: %q with tag %q, read %q, %v", v, a, tag, want, err)
			}
		}
	}
}

// TestPlainAddress: which addresses are read at once.
func TestPlainAddress(t *testing.T) {
	for in, want := range map[string]bool{
		"<sip:a@h>": true, "<sip:a@h>;tag=1": true, `"A, <B>" <sip:a@h>;tag=1`: true, `"A"<tel:+1>`: true,
		`"" <sip:a@h>`: false, `"A \"B\"" <sip:a@h>`: false, `"A\\" <sip:a@h>`: false, `"A" "B" <sip:a@h>`: false, `"A"  <sip:a@h>`: false, `"A`: false, `"`: false, `"A" `: false,
		"A <sip:a@h>": false, "sip:a@h;tag=1": false, "<sip:a@h>;tag=1;x": false, "<sip:a@h>;tag=": false, "< sip:a@h>": false, "<sip:+1 2@h>": false, "<>": false, "": false,
	} {
		m := &Message{}
		m.Add(IDFrom, in)
		if _, _, ok := plainAddress(in); ok != want {
			t.Errorf("%s: %v", in, ok)
		}
		checkViews(t, m)
	}
}

// TestValuesReadOnce: the values that are read once follow their headers, whoever changes them.
func TestValuesReadOnce(t *testing.T) {
	changes := map[string]func(*Message){
		"none":        func(*Message) {},
		"From":        func(m *Message) { m.Set(IDFrom, "<sip:other@192.0.2.9>;tag=other") },
		"To":          func(m *Message) { m.Set(IDTo, "<sip:other@192.0.2.9>;tag=else") },
		"To's tag":    func(m *Message) { m.SetToTag("ours") },
		"CSeq":        func(m *Message) { m.Set(IDCSeq, "77 INFO") },
		"Via before":  func(m *Message) { m.AddFirst(IDVia, "SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKnew") },
		"Via removed": func(m *Message) { m.Del(IDVia) },
		"Contact":     func(m *Message) { m.AddFirst(IDContact, "<sip:192.0.2.8>") },
		"no Contact":  func(m *Message) { m.Del(IDContact) },
		"received":    func(m *Message) { m.FixTopVia(netip.MustParseAddrPort("203.0.113.5:40000")) },
		"received, branch of another": func(m *Message) {
			m.Set(IDVia, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKanother;rport")
			m.FixTopVia(netip.MustParseAddrPort("203.0.113.5:40000"))
		},
		"in place": func(m *Message) {
			for i := range m.Headers {
				m.Headers[i].Value = strings.ReplaceAll(m.Headers[i].Value, "1", "2")
			}
		},
	}
	dir, cases := tortureCases(t)
	texts := []string{inviteText, responseText}
	for _, c := range cases {
		b, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	kept := 0
	for _, text := range texts {
		for name, change := range changes {
			m, _ := Parse([]byte(text), nil)
			if m == nil {
				continue
			}
			m.Validate()
			if m.views.viaText != "" {
				kept++
			}
			change(m)
			checkViews(t, m)
			if m.IsRequest() {
				r := NewResponse(m, 200, "")
				change(r)
				checkViews(t, r)
			}
			if t.Failed() {
				t.Fatalf("%s of\n%s", name, text)
			}
		}
	}
	if kept < 300 {
		t.Errorf("%d messages had a Via that was read once", kept)
	}
}

// TestManyHeaders: lines beyond those that are found in one go are read as well, folded or not, before and behind the last of them.
func TestManyHeaders(t *testing.T) {
	for n := 10; n < 60; n++ {
		var head strings.Builder
		for i := range n {
			head.WriteString("X-Line: " + strings.Repeat("v", i+1) + "\r\n")
			if i%3 == 2 {
				head.WriteString(" folded\r\n")
			}
		}
		first, rest, _ := strings.Cut(inviteText, "\n")
		m, err := Parse([]byte(first+"\n"+head.String()+rest), nil)
		if err != nil {
			t.Fatal(n, err)
		}
		for i := range n {
			want := strings.Repeat("v", i+1)
			if i%3 == 2 {
				want += " folded"
			}
			if h := m.Headers[i]; h.Name != "X-Line" || h.Value != want {
				t.Fatalf("%d lines, line %d: %q", n, i, h)
			}
		}
		if got, _ := Parse([]byte(inviteText), nil); m.Body != got.Body || len(m.Headers) != n+len(got.Headers) {
			t.Fatalf("%d lines: %d headers, body %q", n, len(m.Headers), m.Body)
		}
	}
}

// TestParamsReadAlike: what has no quotes is read by a shorter way, and comes to the same as by the other one.
func TestParamsReadAlike(t *testing.T) {
	const letters = "ab=; \tB;"
	found, refused := 0, 0
	var text [6]byte
	for n := range 1 << 18 { // each text of so many letters
		for i := range text {
			text[i] = letters[n>>(3*i)&7]
		}
		p, valid := Params(text[:]), true
		values := map[string]string{}
		for rest := string(p); rest != ""; {
			var name, value string
			var ok bool
			name, value, rest, ok = cutParam(rest)
			valid = valid && ok && name != ""
			if _, had := values[lower(name)]; !had {
				values[lower(name)] = value
			}
		}
		for _, name := range []string{"a", "b", "ab"} {
			want, has := values[name]
			if got, ok := p.Get(name); got != want || ok != has {
				t.Fatalf("%q: %s is %q, %v, want %q, %v", p, name, got, ok, want, has)
			} else if ok {
				found++
			}
		}
		if p.check() != valid {
			t.Fatalf("%q is taken: %v", p, !valid)
		} else if !valid {
			refused++
		}
	}
	if found < 1000 || refused < 1000 {
		t.Errorf("%d parameters found, %d texts refused", found, refused)
	}
}
