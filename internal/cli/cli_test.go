package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

func TestWrongCommandLines(t *testing.T) {
	none := t.TempDir()
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"cals", 2, "directsip: there is no command \"cals\"; did you mean call or calls?\nTry: directsip --help\n"},
		{"xyzzy", 2, "directsip: there is no command \"xyzzy\"\nTry: directsip --help\n"},
		{"route", 2, "directsip: route needs the called number: --to NUMBER\nTry: directsip route --help\n"},
		{"why", 2, "directsip: why takes the id of one call; `directsip calls` lists them\nTry: directsip why --help\n"},
		{"profile show", 2, "directsip: show takes the name of one profile; `directsip profile list` lists them\nTry: directsip profile show --help\n"},
		{"profile show teams", 1, "directsip: there is no profile \"teams\"; did you mean teams-direct-routing?\n"},
		{"doctor", 2, "directsip: doctor takes the name of a trunk, or --all\nTry: directsip doctor --help\n"},
		{"doctor --all a b", 2, "directsip: doctor --all takes one document, but 2 were given: a b\nTry: directsip doctor --help\n"},
		{"doctor a b c", 2, "directsip: doctor takes one trunk and one document, but also \"c\" was given\nTry: directsip doctor --help\n"},
		{"doctor pbx --timeout 1h", 2, "directsip: --timeout is 1h0m0s, outside 100ms to 1m\nTry: directsip doctor --help\n"},
		{"doctor itsp testdata/failing.yaml", 1, "directsip: the document has no trunk \"itsp\"; it has pbx, gw, uc\n"},
		{"doctor pbx --server med9 testdata/failing.yaml", 1, "directsip: the document has no server \"med9\"; it has med1.test\n"},
		{"init x", 2, "directsip: init takes no argument, but \"x\" was given\nTry: directsip init --help\n"},
		{"check a b", 2, "directsip: check takes one document, but 2 were given: a b\nTry: directsip check --help\n"},
		{"calls abc", 2, "directsip: calls takes no argument, but \"abc\" was given; `directsip why` explains one call, and `directsip call` places one\nTry: directsip calls --help\n"},
		{"call abc", 2, "directsip: call needs the trunk that the call comes from and the called number: --trunk TRUNK --to NUMBER; `directsip calls` lists calls\n" +
			"Try: directsip call --help\n"},
		{"call --trunk a --to 1 --digits 12x", 2, "directsip: --digits \"12x\": write at most 100 of 0123456789*#ABCD\nTry: directsip call --help\n"},
		{"call --trunk a --to 1 --wait 0s", 2, "directsip: --talk and --wait are durations like 10s, and no call is answered without waiting for it\nTry: directsip call --help\n"},
		{"report --since 2026-01-02T00:00:00Z --until 2026-01-01T00:00:00Z", 2,
			"directsip: --until 2026-01-01T00:00:00Z is before --since 2026-01-02T00:00:00Z\nTry: directsip report --help\n"},
		{"calls --csv --json", 2, "{\"error\":\"calls are written as --csv or as --json, not as both\"}\n"},
		{"calls --since tomorrow", 2, "directsip: \"tomorrow\" is neither a time like 12:00, yesterday 22:00, 2026-01-31 12:00 or 2026-01-31T12:00:00Z nor an age like 90m, 24h or 7d\n" +
			"Try: directsip calls --help\n"},
		{"serve --drain -1s x.yaml", 2, "directsip: --drain is a time like 30s, and --shards 1 to 1024, or 0 for one per processor\nTry: directsip serve --help\n"},
		{"serve --shards 5000 x.yaml", 2, "directsip: --drain is a time like 30s, and --shards 1 to 1024, or 0 for one per processor\nTry: directsip serve --help\n"},
		{"serve -", 2, "directsip: a server reads its document again when it changes and with SIGHUP, so it needs a file, not standard input\nTry: directsip serve --help\n"},
		{"calls --reason no_answer", 2, "directsip: there is no reason \"no_answer\"; docs/diagnostics.md has them all\nTry: directsip calls --help\n"},
		{"calls --limit 0", 2, "directsip: --limit is 0: write 1 to 10000; with --csv it may be more\nTry: directsip calls --help\n"},
		{"calls --limit 10001", 2, "directsip: --limit is 10001: write 1 to 10000; with --csv it may be more\nTry: directsip calls --help\n"},
		{"calls --since 2026-01-02T00:00:00Z --until 2026-01-01T00:00:00Z", 2,
			"directsip: --until 2026-01-01T00:00:00Z is before --since 2026-01-02T00:00:00Z\nTry: directsip calls --help\n"},
		{"calls --live --failed", 2, "directsip: --failed is for calls that have ended, and --live lists those that run; it goes with --number, --trunk, --since, --until and --limit\nTry: directsip calls --help\n"},
		{"calls --limit many", 2, "directsip: --limit is \"many\": write a whole number, like 10\nTry: directsip calls --help\n"},
		{"call --trunk tester --to 1 --talk 5", 2, "directsip: --talk is \"5\": write a number with its unit, like 500ms, 10s or 3m\nTry: directsip call --help\n"},
		{"serve --keep 3x", 2, "directsip: --keep is \"3x\": write days or hours, an hour at least, like 60d or 36h; 0 keeps them for ever\nTry: directsip serve --help\n"},
		{"--json calls --wrong", 2, "{\"error\":\"unknown flag: --wrong\"}\n"},
		{"serve NONE/x.yaml", 1, "directsip: there is no document NONE/x.yaml; name one, or make one: directsip init > NONE/x.yaml\n"},
		{"check NONE/x.yaml --json", 1, "{\"error\":\"there is no document NONE/x.yaml; name one, or make one: directsip init > NONE/x.yaml\"}\n"},
		{"route --to 1 --from bob testdata/failing.yaml", 1, "directsip: the document has no user \"bob\"; it has alice\n"},
		{"route --to 1 --trunk itsp testdata/failing.yaml", 1, "directsip: the document has no trunk \"itsp\"; it has pbx, gw, uc\n"},
		{"route --to 1 --from +49 --trunk pbx --header nonsense testdata/failing.yaml", 1,
			"directsip: \"nonsense\" is no header line; write it like --header 'Privacy: id'\n"},
		{"route --to 1 --header a:b testdata/failing.yaml", 1,
			"directsip: headers are read as the trunk says that they arrive on; add --trunk, or --from with a user\n"},
		{"route --to 1 --server med9 testdata/failing.yaml", 1, "directsip: the document has no server \"med9\"; it has med1.test\n"},
		{"route --to sip:a@b:x --trunk pbx testdata/failing.yaml", 1,
			"directsip: --to \"sip:a@b:x\" is no SIP or TEL URI; write it like sip:+14255550100@example.com\n"},
		{"status --data NONE", 1, "directsip: no server is running: nothing answers on NONE/control.sock; start one with `directsip serve`, or name its directory with --data\n"},
		{"status --socket /" + strings.Repeat("x", 120), 1, "directsip: control socket /" + strings.Repeat("x", 120) +
			": the path has 121 bytes, and that of a socket may have 107; name another with --socket\n"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "NONE", none))
		status, out, errs := command(t, args...)
		if want := strings.ReplaceAll(c.want, "NONE", none); status != c.status || errs != want || out != "" {
			t.Errorf("%s: status %d\n%s%s, want %d\n%s", c.args, status, out, errs, c.status, want)
		}
	}
}

// TestEmptyName: what a shell makes of a variable that is not set is no document to make.
func TestEmptyName(t *testing.T) {
	if status, _, errs := command(t, "check", ""); status != 1 || errs != "directsip: the name of the document is empty\n" {
		t.Errorf("status %d: %s", status, errs)
	}
}

func TestExampleIsGood(t *testing.T) {
	_, doc, _ := command(t, "init")
	path := filepath.Join(t.TempDir(), "directsip.yaml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := command(t, "check", path); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if status, out, errs := command(t, "completion", shell); status != 0 || len(out) < 1000 {
			t.Errorf("%s: status %d, %d octets\n%s", shell, status, len(out), errs)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"route|testdata/failing.yaml|--trunk|", "pbx\ngw\nuc\n:4\n"},
		{"profile|show|", "3cx\naastra-mx-one\n"},
		{"route|testdata/failing.yaml|--from|", "alice\n:4\n"},
		{"calls|--reason|", "normal-clearing\tOne of the parties hung up.\n"},
		{"doctor|gw|testdata/failing.yaml|--server|", "med1.test\n:4\n"},
		{"doctor|--all|testdata/failing.yaml|--server|", "med1.test\n:4\n"},
		{"serve|testdata/failing.yaml|--server|", "med1.test\n:4\n"},
		{"check|", "yaml\nyml\n:8\n"},
		{"calls|--since|", "1h\n24h\n"},
		{"report|--until|", "1h\n24h\n"},
	} {
		_, out, _ := command(t, append([]string{"__complete"}, strings.Split(c.args, "|")...)...)
		if !strings.HasPrefix(out, c.want) {
			t.Errorf("%s: %q, want %q", c.args, out, c.want)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.FixedZone("", 3600))
	for in, want := range map[string]string{"": "", "24h": "2026-03-09T11:00:00Z", "90m": "2026-03-10T09:30:00Z", "7d": "2026-03-03T11:00:00Z",
		"2026-01-31": "2026-01-30T23:00:00Z", "2026-01-31 12:30": "2026-01-31T11:30:00Z", "2026-01-31T12:00:00Z": "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00+02:00": "2026-01-31T10:00:00Z"} {
		if got, err := when(in, now); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"x", "-1h", "-3d", "d", "2026-13-01"} {
		if got, err := when(bad, now); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// TestNothingThatATerminalObeys is printed.
func TestNothingThatATerminalObeys(t *testing.T) {
	in := "a\x1b[2Jb\x07\x9b\u009b\u202ec\x7f\r\nd\té"
	if got := harmless(in); got != "a?[2Jb????c??\nd?é" {
		t.Errorf("%q", got)
	}
}

func TestErrorsAsJSON(t *testing.T) {
	status, _, errs := command(t, "test", "--json", "testdata/bad.yaml")
	var got errorJSON
	if err := json.Unmarshal([]byte(errs), &got); err != nil || status != 1 || len(got.Problems) < 3 || got.Problems[0].Line == 0 {
		t.Errorf("status %d, %v\n%s", status, err, errs)
	}
}

// TestCheckOpensCertificates: what serve would refuse is an error, what peers would is a warning.
func TestCheckOpensCertificates(t *testing.T) {
	dir := t.TempDir()
	siptest.NewAuthority(t, dir, "ca").Issue("med1", 10*24*time.Hour+time.Hour, "med1.test", "pool.test")
	doc := filepath.Join(dir, "directsip.yaml")
	write := func(key string) {
		text := "pools:\n  pool.test:\n    servers:\n      med1.test:\n        addresses: [127.0.0.3]\n        cert: " + dir + "/med1.pem\n        key: " + dir + "/" + key + "\n        ca: " + dir +
			"/ca.ca\ngateways: {gw: {host: gw.test, root: {transport: TLS}}}\n"
		if err := os.WriteFile(doc, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("med1.key")
	status, out, _ := command(t, "check", doc)
	if want := doc + `:6:15: warning: server "med1.test": our certificate expires in 10 days, on `; status != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("status %d\n%s", status, out)
	}
	write("none.key")
	if status, out, _ = command(t, "check", doc); status != 1 || !strings.Contains(out, doc+`:7:14: server "med1.test": our certificate cannot be used: open `) || !strings.Contains(out, "1 error, 0 warnings") {
		t.Errorf("status %d\n%s", status, out)
	}
	var res struct {
		OK       bool
		Problems []struct {
			Key, Value string
			Line       int
		}
	}
	status, out, _ = command(t, "check", doc, "--json")
	if err := json.Unmarshal([]byte(out), &res); err != nil || status != 1 || res.OK || len(res.Problems) != 1 || res.Problems[0].Key != "pools.pool.test.servers.med1.test.key" ||
		res.Problems[0].Line != 7 || res.Problems[0].Value != dir+"/none.key" {
		t.Errorf("status %d, %v\n%s", status, err, out)
	}
}

// TestPastedNumber: a number with blanks, as letters and web pages have it, is called as one would dial it.
func TestPastedNumber(t *testing.T) {
	_, want, _ := command(t, "route", "--trunk", "pbx", "--from", "+4930100", "--to", "+14255550100", "testdata/failing.yaml")
	for _, to := range []string{"+1 425 555 0100", "+1\u00a0(425) 555-0100"} {
		if _, out, errs := command(t, "route", "--trunk", "pbx", "--from", "+49 30 100", "--to", to, "testdata/failing.yaml"); out != want || want == "" {
			t.Errorf("%s: %s%s, want\n%s", to, out, errs, want)
		}
	}
	if got := pasted("alice b"); got != "alice b" {
		t.Error(got)
	}
}

// TestListeningIsOneLine: in a journal it stands among lines of the log, each of which is an object with --json.
func TestListeningIsOneLine(t *testing.T) {
	var out strings.Builder
	a := &app{out: &out, json: true}
	if err := a.sayListening("here"); err != nil || out.String() != "{\"listening\":\"here\"}\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}
