package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/directsip/directsip/internal/cdr"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	time.Local = time.FixedZone("", 2*60*60) // golden times must not depend on the host
	goleak.VerifyTestMain(m)
}

// golden compares a text with testdata/name.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test ./internal/cli -update` writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; `go test ./internal/cli -update` and look at the change\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// command runs the program.
func command(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = Main(args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

func TestGoldenCommands(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"check-demo", 0, []string{"check", "demo.yaml"}},
		{"check-demo-json", 0, []string{"check", "--json", "demo.yaml"}},
		{"check-bad", 1, []string{"check", "testdata/bad.yaml"}},
		{"check-bad-json", 1, []string{"check", "--json", "testdata/bad.yaml"}},
		{"check-failing", 1, []string{"check", "testdata/failing.yaml"}},
		{"test-failing", 1, []string{"test", "testdata/failing.yaml"}},
		{"route", 0, []string{"route", "--from", "alice", "--to", "02065550123", "testdata/failing.yaml"}},
		{"route-scopes", 0, []string{"route", "--dial-plan", "us", "--voice-policy", "STAFF", "--to", "02065550123", "testdata/failing.yaml"}},
		{"route-scopes-unknown", 1, []string{"route", "--dial-plan", "uk", "--to", "02065550123", "testdata/failing.yaml"}},
		{"route-scopes-trunk", 2, []string{"route", "--trunk", "pbx", "--voice-policy", "staff", "--to", "02065550123", "testdata/failing.yaml"}},
		{"route-uri", 0, []string{"route", "--trunk", "pbx", "--from", "sip:200@pbx.test", "--to", "sip:02065550123@med1.test", "testdata/failing.yaml"}},
		{"route-tel", 0, []string{"route", "--trunk", "pbx", "--from", "sip:%2B14255550199;phone-context=x@pbx.test", "--to", "tel:0(206)555-0123", "testdata/failing.yaml"}},
		{"route-json", 0, []string{"route", "--from", "101", "--to", "02065550123", "--json", "testdata/failing.yaml"}},
		{"route-bypass", 0, []string{"route", "--trunk", "pbx", "--from", "200", "--to", "+12065550123", "testdata/network.yaml"}},
		{"route-headers", 0, []string{"route", "--trunk", "pbx", "--from", "+14255550101", "--to", "+12065550123", "--headers", "--header",
			"P-Asserted-Identity: <sip:+14255550199@x>", "--header", "Privacy: id", "testdata/headers.yaml"}},
		{"route-headers-json", 0, []string{"route", "--trunk", "pbx", "--from", "anonymous", "--to", "+12065550123", "--headers", "--json", "testdata/headers.yaml"}},
		{"test-headers", 1, []string{"test", "testdata/headers.yaml"}},
		{"rule", 0, []string{"rule", "--starts", "0", "--length", "10", "--remove", "1", "--add", "+49", "--name", "national", "0301234567", "112"}},
		{"rule-json", 0, []string{"rule", "--starts", "+1", "--length", "12", "--remove", "1", "--json", "+14255550100"}},
		{"route-refused", 1, []string{"route", "--trunk", "pbx", "--to", "7", "testdata/failing.yaml"}},
		{"profile-list", 0, []string{"profile", "list"}},
		{"profile-show", 0, []string{"profile", "show", "teams-direct-routing"}},
		{"profile-show-json", 0, []string{"profile", "show", "CUCM", "--json"}},
		{"diff", 1, []string{"diff", "testdata/failing.yaml", "testdata/changed.yaml"}},
		{"diff-json", 1, []string{"diff", "testdata/failing.yaml", "testdata/changed.yaml", "--json"}},
		{"diff-same", 0, []string{"diff", "testdata/failing.yaml", "testdata/failing.yaml"}},
		{"diff-one", 2, []string{"diff", "testdata/failing.yaml"}},
		{"route-bad-json", 1, []string{"route", "--to", "7", "--json", "testdata/bad.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := command(t, c.args...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if strings.HasSuffix(c.name, "-json") {
				for _, text := range []string{out, errs} {
					if text != "" && !json.Valid([]byte(text)) {
						t.Errorf("not JSON: %s", text)
					}
				}
			}
			if out != "" && errs != "" {
				errs = "-- standard error --\n" + errs
			}
			golden(t, c.name, out+errs)
		})
	}
}

// record reads a call record of testdata.
func record(t *testing.T, name string) *cdr.Record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r cdr.Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestGoldenWhy(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 7, 0, time.UTC)
	for _, name := range []string{"failed-over", "refused", "running", "many"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{out: &out}
			if err := a.print(nil, func(w io.Writer) { writeWhy(w, record(t, name), now) }); err != nil {
				t.Fatal(err)
			}
			golden(t, "why-"+name, out.String())
		})
	}
}

// TestLadderIsStraight: directsip's line stands in the same column in every row, whatever the names and numbers.
func TestLadderIsStraight(t *testing.T) {
	for _, name := range []string{"failed-over", "refused", "many"} {
		var b bytes.Buffer
		WriteLadder(&b, record(t, name))
		rows := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
		for i, row := range rows[1:] {
			if bar := slices.Index([]rune(row), '|'); bar != len("   123.456s  ")+arrowWidth+1 {
				t.Fatalf("%s, row %d: the line is at %d\n%s", name, i, bar, b.String())
			}
		}
	}
}

func TestSentences(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	base := cdr.Record{Start: at, In: cdr.Leg{Trunk: "pbx"}, Called: cdr.Number{Received: "123"}, Calling: cdr.Number{Received: "201"}}
	const head = `201 called 123 over trunk "pbx"; `
	for want, change := range map[string]func(*cdr.Record){
		"it has been set up for 5s.":  func(*cdr.Record) {},
		"it has been ringing for 4s.": func(r *cdr.Record) { r.Ringing = at.Add(time.Second) },
		"it was answered over trunk \"gw\" after 2s and has lasted 3s so far.": func(r *cdr.Record) {
			r.Answered, r.Out = at.Add(2*time.Second), &cdr.Leg{Trunk: "gw"}
		},
		"the caller gave up after 3s: The caller gave up before the call was answered.": func(r *cdr.Record) {
			r.End, r.EndedBy, r.Reason, r.Status = at.Add(3*time.Second), "caller", "caller-cancelled", 487
		},
		"the called side refused it with 486 after 3s: The called party is busy.": func(r *cdr.Record) {
			r.End, r.EndedBy, r.Reason, r.Status = at.Add(3*time.Second), "callee", "busy", 486
		},
		"it was answered after 1s and lasted 2s. The called side hung up.": func(r *cdr.Record) {
			r.Answered, r.End, r.EndedBy, r.Reason = at.Add(time.Second), at.Add(3*time.Second), "callee", "normal-clearing"
		},
		"it was answered after 1s and lasted 32s. Directsip ended it on account of the caller: The caller never acknowledged the answer (no ACK for the 200), so the call was ended.": func(r *cdr.Record) {
			r.Answered, r.End, r.EndedBy, r.Reason = at.Add(time.Second), at.Add(33*time.Second), "caller", "ack-missing"
		},
		"it was answered after 1s and lasted 2s. The called side ended it: The call ended here because it was transferred or replaced by another call.": func(r *cdr.Record) {
			r.Answered, r.End, r.EndedBy, r.Reason = at.Add(time.Second), at.Add(3*time.Second), "callee", "transferred"
		},
		"directsip refused it with 504 after 32s on account of the caller: The caller demands reliable provisional responses and never acknowledged one (no PRACK), so its call was refused.": func(r *cdr.Record) {
			r.End, r.EndedBy, r.Reason, r.Status = at.Add(32*time.Second), "caller", "prack-missing", 504
		},
		"it was answered after 1s and lasted 2h0m0s. Directsip ended it: unheard-of. Detail: why.": func(r *cdr.Record) {
			r.Answered, r.End, r.EndedBy, r.Reason, r.Detail = at.Add(time.Second), at.Add(2*time.Hour+time.Second), "directsip", "unheard-of", "why."
		},
	} {
		r := base
		change(&r)
		if got := sentence(&r, at.Add(5*time.Second)); got != head+want {
			t.Errorf("got  %s\nwant %s", got, head+want)
		}
	}
}
