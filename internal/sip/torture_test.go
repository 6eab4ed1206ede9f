package sip

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tortureCase is one entry of sip-torture/index.json.
type tortureCase struct {
	Name     string
	File     string
	WireFile string `json:"wire_file"`
	Kind     string
	Bytes    int
	Expect   string
	Codes    []int `json:"reject_codes"`
	Prefer   any
	TCP      string
	NotSent  []string `json:"must_not_appear_downstream"`
	Parsed   map[string]json.RawMessage
}

// roleCodes are final codes that depend on what the receiver is and serves: Validate lets them pass.
var roleCodes = []int{401, 403, 404, 405, 406, 415, 416, 420, 481, 483, 488}

func tortureDir(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		d := filepath.Join(dir, "shared", "testdata", "sip-torture")
		if _, err := os.Stat(filepath.Join(d, "index.json")); err == nil {
			return d
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the torture messages are missing: shared/testdata/sip-torture must stand beside the repository")
		}
	}
}

func tortureCases(t testing.TB) (dir string, cases []tortureCase) {
	dir = tortureDir(t)
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Messages []tortureCase }
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Messages) < 61 {
		t.Fatalf("index.json lists %d messages, want the 49 of RFC 4475 and the 12 of RFC 5118", len(index.Messages))
	}
	return dir, index.Messages
}

func readFile(t testing.TB, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTorture(t *testing.T) {
	dir, cases := tortureCases(t)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			data := readFile(t, filepath.Join(dir, c.File))
			if len(data) != c.Bytes {
				t.Fatalf("%s has %d octets, the index says %d", c.File, len(data), c.Bytes)
			}
			if c.WireFile == "" {
				checkTorture(t, c, data)
				return
			}
			checkTorture(t, c, readFile(t, filepath.Join(dir, c.WireFile)))
			checkLenient(t, data)
		})
	}
}

// verdict is 0 when the message is taken, a status when it is answered, -1 when it is dropped.
func verdict(data []byte) (*Message, int) {
	m, err := Parse(data, nil)
	switch {
	case err != nil && m == nil:
		return nil, -1
	case err != nil:
		return m, 400
	}
	f := m.Validate()
	switch {
	case f == nil:
		return m, 0
	case !m.IsRequest():
		return m, -1
	}
	return m, f.Status
}

func checkTorture(t *testing.T, c tortureCase, data []byte) {
	m, got := verdict(data)
	role := len(c.Codes) > 0
	for _, code := range c.Codes {
		role = role && slices.Contains(roleCodes, code)
	}
	listed := slices.Contains(c.Codes, got)
	var ok bool
	switch c.Expect {
	case "accept":
		ok = got == 0
	case "reject":
		ok = listed || got == 0 && (role || c.Codes[0] == 406) // sdp01: 406 or 400, by the core
	case "discard":
		ok = got == -1
	case "either":
		ok = got == 0 || listed
	}
	if p, isCode := c.Prefer.(float64); isCode && got != int(p) || c.Prefer == "accept" && got != 0 {
		ok = false
	}
	if !ok {
		t.Errorf("verdict %d, want %s %v", got, c.Expect, c.Codes)
	}
	if m == nil {
		return
	}
	if got == 0 {
		for _, s := range c.NotSent {
			u, _ := ParseURI(m.URI)
			if strings.Contains(u.String(), s) {
				t.Errorf("URI %q holds %q", u.String(), s)
			}
		}
		checkRoundTrip(t, m)
	}
	checkParsed(t, c, m)
	checkStream(t, c, data, m)
}

// checkLenient takes the bytes of the RFC 5118 archive, with bare LF and, in two, no empty line.
func checkLenient(t *testing.T, data []byte) {
	m, err := Parse(data, nil)
	if e, ok := err.(*SyntaxError); err != nil && (!ok || e.Header != "Content-Length") {
		t.Fatalf("archive form: %v", err)
	}
	if m == nil || !m.answerable() {
		t.Fatal("archive form: not even enough for an answer")
	}
}

func checkStream(t *testing.T, c tortureCase, data []byte, m *Message) {
	start, n, err := Frame(data, nil)
	switch c.TCP {
	case "close", "reject":
		if err == nil {
			t.Error("stream: no error, the connection would go on without framing")
		}
	case "wait-then-close":
		if n != 0 || err != nil {
			t.Errorf("stream: n %d, error %v; want more to be awaited", n, err)
		}
	default:
		if c.Name == "baddn" { // ends without an empty line
			data = append(slices.Clone(data), '\r', '\n')
			start, n, err = Frame(data, nil)
		}
		if err != nil || n == 0 {
			t.Fatalf("stream: n %d, error %v", n, err)
		}
		f, err := Parse(data[start:start+n], nil)
		if err != nil || f.Body != m.Body || len(f.Headers) != len(m.Headers) {
			t.Errorf("stream: the framed message differs: %v", err)
		}
	}
}

// withoutLength leaves out Content-Length, which Append writes itself.
func withoutLength(hs []Header) []Header {
	return slices.DeleteFunc(slices.Clone(hs), func(h Header) bool { return h.ID == IDContentLength })
}

func checkRoundTrip(t *testing.T, m *Message) {
	t.Helper()
	out := m.Append(nil)
	again, err := Parse(out, nil)
	if err != nil {
		t.Fatalf("written message: %v\n%q", err, out)
	}
	if again.StartLine() != m.StartLine() || again.Body != m.Body {
		t.Errorf("start line or body changed\n%q", out)
	}
	if !slices.Equal(withoutLength(again.Headers), withoutLength(m.Headers)) {
		t.Errorf("headers changed\n%q", out)
	}
	lengths := 0
	for _, h := range again.Headers {
		if h.ID == IDContentLength {
			lengths++
		}
	}
	if again.Headers[len(again.Headers)-1].ID != IDContentLength || lengths != 1 {
		t.Error("Content-Length does not stand once and last")
	}
}

func checkParsed(t *testing.T, c tortureCase, m *Message) {
	ruri, _ := ParseURI(m.URI)
	contact, _ := m.Contact()
	contactURI, _ := ParseURI(contact.URI)
	for key, raw := range c.Parsed {
		var got any
		switch key {
		case "method":
			got = m.Method
		case "max_forwards":
			got, _ = m.MaxForwards()
		case "cseq":
			got, _, _ = m.CSeq()
		case "from_tag":
			got = m.FromTag()
		case "to_tag":
			got = m.ToTag()
		case "from_display":
			got = m.From().Display
		case "via_count":
			got = count(m, IDVia)
		case "contact_count":
			got = count(m, IDContact)
		case "content_length":
			got = len(m.Body)
		case "body_parts":
			parts, err := m.Parts()
			if err != nil {
				t.Error(err)
			}
			got = len(parts)
		case "ruri_user_decoded":
			got = Unescape(ruri.User)
		case "ruri_host":
			got = ruri.Host
		case "ruri_port":
			if got = ruri.Port; ruri.Port == 0 {
				got = nil
			}
		case "contact_params":
			got = paramNames(contact.Params)
		case "contact_uri_params":
			got = paramNames(contactURI.Params)
		case "contact_param":
			decoded := map[string]string{}
			for k, v := range contactURI.Params.All() {
				decoded[Unescape(k)] = Unescape(v)
			}
			got = decoded
		default:
			t.Errorf("the test knows no fact %q", key)
		}
		want := new(any)
		if err := json.Unmarshal(raw, want); err != nil {
			t.Fatal(err)
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(*want)
		if string(g) != string(w) {
			t.Errorf("%s is %s, want %s", key, g, w)
		}
	}
}

func count(m *Message, id ID) (n int) {
	for range m.Values(id) {
		n++
	}
	return n
}

func paramNames(p Params) []string {
	names := []string{}
	for k := range p.All() {
		names = append(names, k)
	}
	return names
}
