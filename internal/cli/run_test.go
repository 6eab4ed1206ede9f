package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

const timeout = 30 * time.Second

// shortDir is a directory whose path leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ds")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDemo is the whole program in one process: it must succeed and leave nothing. TestMain looks for goroutines.
func TestDemo(t *testing.T) {
	dir := shortDir(t)
	t.Setenv("TMPDIR", dir)
	before := descriptors(t)
	status, out, errs := command(t, "demo")
	if status != 0 || strings.Count(out, "\n  ok  ") != 3 || !strings.Contains(out, `answered over trunk "gateway"`) {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	status, out, errs = command(t, "demo", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || status != 0 || len(list) != 3 {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v %v", left, err)
	}
	if after := descriptors(t); after > before+1 { // the poller of the runtime
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

// serving is a serve command under way.
type serving struct {
	t      *testing.T
	net    string // 127.x.y.
	data   string
	path   string
	doc    string
	status chan int
	lines  *bufio.Reader
	log    *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const served = `
pools: {pool.test: {servers: {med1.test: {addresses: [NET.1], metrics: "NET.1:9090"}}}}
gateways:
  pbx: {kind: pbx, host: NET.2, root: {transport: UDP, port: 5060}}
  gw: {kind: gateway, host: NET.3, root: {transport: UDP, port: 5070}}
usages: [all]
routes: [{name: out, pattern: '^\+1', usages: [all], trunks: [gw]}]
trunkSettings:
  global: {options: false}
  trunk:pbx: {options: false, usages: [all]}
network:
  profiles: {thin: {audio: {total: 1000, perSession: 100}}}
  regions: {emea: {}}
  sites:
    hq: {subnets: [NET.1, NET.2]}
    branch: {subnets: [NET.3], bandwidthPolicy: thin}
`

// expand puts the network of the server where a text says NET.
func (s *serving) expand(text string) string { return strings.ReplaceAll(text, "NET.", s.net) }

func serve(t *testing.T) *serving {
	t.Helper()
	dir := shortDir(t)
	s := &serving{t: t, net: siptest.Net(t), data: filepath.Join(dir, "data"), path: filepath.Join(dir, "directsip.yaml"), status: make(chan int, 1), log: &logBuffer{}}
	s.doc = s.expand(served)
	if err := os.WriteFile(s.path, []byte(s.doc), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	s.lines = bufio.NewReader(r)
	go func() {
		s.status <- Main([]string{"serve", s.path, "--data", s.data, "--watch", "-1s"}, strings.NewReader(""), w, s.log)
		w.Close()
	}()
	return s
}

// run runs a command against the server.
func (s *serving) run(status int, args ...string) string {
	s.t.Helper()
	got, out, errs := command(s.t, append(args, "--data", s.data)...)
	if got != status {
		s.t.Errorf("%v: status %d\n%s%s", args, got, out, errs)
	}
	return out + errs
}

func (s *serving) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.After(timeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain: %s\n%s", what, s.log)
		}
	}
}

// strange sends something from an address of no gateway, and from that of the PBX to the port of the gateway, until the status tells of both.
func (s *serving) strange() {
	s.t.Helper()
	s.strangeFrom("9", "5060", " ago\n")
	s.strangeFrom("2", "5070", ` ago: that is gateway "pbx", which by its trunks comes to UDP NET.1:5060 and not there`+"\n")
}

func (s *serving) strangeFrom(host, port, says string) {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(s.net + host)}}
	c, err := d.Dial("udp", s.net+"1:"+port)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("OPTIONS sip:x SIP/2.0\r\n\r\n"))
	want := regexp.MustCompile(regexp.QuoteMeta(s.expand("strangers UDP NET.1:"+port+" refused 1 that no trunk is for, the last from ")+c.LocalAddr().String()+" ") + `[^ ]+` + regexp.QuoteMeta(s.expand(says)))
	s.until("the status names the stranger", func() bool { return want.MatchString(s.run(0, "status")) })
}

// replace applies the document, which has changed, in the place of the one that runs, and of no other one.
func (s *serving) replace() {
	s.t.Helper()
	var st struct{ Document string }
	if err := json.Unmarshal([]byte(s.run(0, "status", "--json")), &st); err != nil {
		s.t.Fatal(err)
	}
	if out := s.run(0, "apply", "--dry-run", s.path); !strings.Contains(out, " is good and not applied; "+st.Document+" runs, and with --expect "+st.Document+" only that is replaced\n") {
		s.t.Errorf("a dry run says\n%s", out)
	}
	if out := s.run(1, "apply", "--expect", "0123456789ab", s.path); !strings.Contains(out, "directsip: the document is not applied, the old one stays: ") || !strings.Contains(out, "made of 0123456789ab, and the server runs "+st.Document+";") {
		s.t.Errorf("a document that was made of another one: %s", out)
	}
	for _, none := range []string{"", st.Document[:8], "../drain"} {
		if out := s.run(2, "apply", "--expect", none, s.path); !strings.Contains(out, " is no version of a document: ") {
			s.t.Errorf("what is no version: %s", out)
		}
	}
	if out := s.run(0, "apply", "--expect", st.Document, s.path); !strings.Contains(out, " applied in the place of "+st.Document+"; running calls keep theirs\n") {
		s.t.Errorf("a changed document: %s", out)
	}
}

// TestServe is the life of a server: it says where it listens, answers every command, takes signals and ends with 0.
func TestServe(t *testing.T) {
	s := serve(t)
	line, err := s.lines.ReadString('\n')
	if want := s.expand("med1.test of pool pool.test listens on UDP NET.1:5060, UDP NET.1:5070, TCP NET.1:5060, TCP NET.1:5070; "+
		"metrics http://NET.1:9090/metrics; control socket ") + s.data + "/control.sock\n"; err != nil || line != want {
		t.Fatalf("%v\n%s%s\n%s", err, line, want, s.log)
	}
	for _, c := range []struct {
		args   string
		status int
		want   []string
	}{
		{"status", 0, []string{"server    med1.test (takes calls)", "pool      pool.test", "calls     0", "media     "}},
		{"status --json", 0, []string{`"server": "med1.test"`, `"draining": false`, `"uptime": `, `"mediaTier": `}},
		{"trunks", 0, []string{"TRUNK", "pbx    pbx      NET.2:5060", "up"}},
		{"trunks --json", 0, []string{`"name": "gw"`, `"state": "up"`, `"peer": "NET.3:5060"`}},
		{"calls", 0, []string{"no calls"}},
		{"calls --json", 0, []string{"[]\n"}},
		{"calls --live --json", 0, []string{"[]\n"}},
		{"trunks p* --state up", 0, []string{"TRUNK", "pbx    pbx   127."}},
		{"trunks --gateway gw --state down", 0, []string{"no trunks"}},
		{"trunks --gateway nobody --json", 1, []string{`{"error":"the running server has no trunk to that gateway: it has no gateway \"nobody\"; it has gw, pbx"}`}},
		{"trunks z* --json", 0, []string{"[]\n"}},
		{"trunks pbc", 1, []string{`directsip: the running server has no trunk "pbc"; it has pbx, gw`}},
		{"trunks PBX", 0, []string{"pbx    pbx"}},
		{"calls --trunk PBX", 0, []string{"no calls"}},
		{"calls --trunk pbc", 1, []string{`directsip: no call has had that trunk, and the running server has no trunk "pbc"; it has pbx, gw`}},
		{"calls --trunk pbc --json", 1, []string{`{"error":"no call has had that trunk`}},
		{"calls --trunk pbc --csv", 1, []string{"no call has had that trunk"}},
		{"report --trunk pbc", 1, []string{"no call has had that trunk"}},
		{"report --trunk gw", 0, []string{"0 calls from "}},
		{"network", 0, []string{"LINK", `site "branch"  audio  thin     0       1000   1000   100       0      0`}},
		{"network --json", 0, []string{`"name": "site \"branch\""`, `"share": 1000`, `"refused": 0`}},
		{"network --csv", 0, []string{"link,kind,profile,kbps,share,total,per_session,calls,refused\r\n" + `"site ""branch""",audio,thin,0,1000,1000,100,0,0`}},
		{"trunks --state well", 2, []string{`no trunk has the state "well": write up, degraded`}},
		{"why nonsense", 1, []string{`directsip: "nonsense": no such call: that is neither the id of a record nor the Call-ID`}},
		{"why nonsense --json", 1, []string{`{"error":"`}},
		{"drain", 0, []string{"med1.test takes no new calls; 0 running"}},
		{"drain --off --json", 0, []string{`"draining": false`}},
		{"apply " + s.path, 0, []string{"is the one that the server has; nothing has changed\n"}},
		{"apply --json " + s.path, 0, []string{`"changed": false`}},
		{"why ..", 1, []string{"directsip: \"..\": no such call; `directsip calls` lists them\n"}},
		{"apply -", 1, []string{"the document is refused, the old one stays:\nstdin: the document is empty"}},
		{"apply --dry-run -", 1, []string{"\nstdin: the document is empty"}},
		{"apply testdata/bad.yaml", 1, []string{"the document is refused, the old one stays:\ntestdata/bad.yaml:4:"}},
		{"apply --json testdata/bad.yaml", 1, []string{`{"error":"the document is refused, the old one stays","problems":[{"file":"testdata/bad.yaml","line":4,`}},
	} {
		out := s.run(c.status, strings.Fields(c.args)...)
		for _, w := range c.want {
			if w = s.expand(w); !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", c.args, w, out)
			}
		}
	}
	if err := os.WriteFile(s.path, []byte(s.doc+"# another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.replace()
	s.strange()
	if out := s.run(0, "status", "--json"); !strings.Contains(out, `"strangers": [`) {
		t.Errorf("status: %s", out)
	}
	applied := func() int { return strings.Count(s.log.String(), "document applied") }
	n := applied()
	if err := os.WriteFile(s.path, []byte(s.doc+"# changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("SIGHUP applies the file", func() bool { return applied() > n })
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case status := <-s.status:
		if status != 0 {
			t.Errorf("status %d\n%s", status, s.log)
		}
	case <-time.After(timeout):
		t.Fatalf("it does not end\n%s", s.log)
	}
	if out := s.run(0, "calls"); !strings.Contains(out, "no calls") { // from the records
		t.Errorf("without a server: %s", out)
	}
	if out := s.run(1, "trunks"); !strings.Contains(out, "no server is running") {
		t.Errorf("without a server: %s", out)
	}
}
