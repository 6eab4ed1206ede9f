package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
)

// apply applies a document that must be good.
func (r *rig) applyGood(document string) {
	r.t.Helper()
	if _, _, err := r.Apply("test.yaml", []byte(expand(r.net, document))); err != nil {
		r.t.Fatal(err)
	}
}

// TestApplyWhileCallsRun takes peer and listener away from a running call, which does not notice.
func TestApplyWhileCallsRun(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw, other := r.agent(2), r.agent(3), r.agent(4)
	out, in := r.call(pbx, gw)
	r.applyGood(strings.ReplaceAll(strings.ReplaceAll(basic, "host: NET.3", "host: NET.4"), "port: 5070", "port: 5080"))
	if list := r.Listening(); !strings.Contains(list, "UDP "+r.net+"1:5070") || !strings.Contains(list, "UDP "+r.net+"1:5080") {
		t.Errorf("while the old call runs: %s", list)
	}
	out2, in2 := r.call(pbx, other)
	r.tester.Must(in.WaitPackets(r.tester.Context(), 20))
	r.hangup(in, out) // a BYE from a peer that the document has no more, to a listener that it has no more
	r.hangup(in2, out2)
	until(t, "the old listener is closed", func() bool { return !strings.Contains(r.Listening(), ":5070") })
	if len(r.engine.Older()) != 0 {
		t.Error("the old document is kept")
	}
	list := r.records(2)
	if list[0].Reason != "normal-clearing" || list[1].Reason != "normal-clearing" || list[0].EndedBy != "callee" {
		t.Errorf("records %+v", list)
	}
}

// TestPeerOfATrunkChanges: a trunk that is down is up again when the document has another peer for it, takes calls at once, and two trunks that
// change names change nothing else. The same peer stays what it was.
func TestPeerOfATrunkChanges(t *testing.T) {
	t.Parallel()
	doc := strings.Replace(basic, "\nusages:", "\n  silent: {host: NET.4, root: {transport: UDP, port: 5075}}\nusages:", 1)
	doc = strings.Replace(doc, "  global: {options: false}", "  global: {options: false}\n  trunk:silent: {optionsInterval: 1s, optionsTimeout: 500ms, optionsMisses: 1}", 1)
	doc = strings.Replace(doc, "trunks: [gw]", "trunks: [silent]", 1)
	r := start(t, doc)
	pbx, gw := r.agent(2), r.agent(3)
	until(t, "the trunk is down", func() bool { return r.trunk("silent").State == "down" })
	r.applyGood(doc + "# the same\n")
	if st := r.trunk("silent"); st.State != "down" {
		t.Errorf("the same peer is %s", st.State)
	}
	r.applyGood(strings.Replace(strings.Replace(doc, "gw: {kind: gateway, host: NET.3", "gw: {kind: gateway, host: NET.5", 1), "silent: {host: NET.4", "silent: {host: NET.3", 1))
	if st := r.trunk("silent"); st.State != "up" || st.Peer != r.net+"3:5060" {
		t.Errorf("the peer %s of which nothing is known is %s: %s", st.Peer, st.State, st.Why)
	}
	until(t, "the route has a trunk again", func() bool { return strings.Contains(r.log.String(), "route has a trunk again") })
	out, in := r.call(pbx, gw)
	r.hangup(in, out)
	r.applyGood(doc)
	until(t, "the silent peer is down again", func() bool { return r.trunk("silent").State == "down" })
	r.applyGood(strings.NewReplacer("  gw:", "  silent:", "  silent:", "  gw:", "trunk:silent", "trunk:gw").Replace(doc))
	if st := r.trunk("silent"); st.State != "up" || st.Peer != r.net+"3:5060" {
		t.Errorf("after the names have changed places, %s is %s", st.Peer, st.State)
	}
	until(t, "what has the other name is found to be down", func() bool { return r.trunk("gw").State == "down" })
}

// occupy has another program take port 5090 of the server's address.
func (r *rig) occupy() {
	r.t.Helper()
	busy, err := net.ListenPacket("udp", r.net+"1:5090")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = busy.Close() })
}

// TestBadDocumentChangesNothing tries documents that fail at different places.
func TestBadDocumentChangesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	r.occupy()
	web, err := net.Listen("tcp", r.net+"1:9091")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	pbx, gw := r.agent(2), r.agent(3)
	out, in := r.call(pbx, gw)
	before, version := r.Listening(), r.engine.Snapshot().Version
	for name, c := range map[string]struct{ doc, want string }{
		"syntax":           {basic + "\n  - : :", "test.yaml:"},
		"without us":       {strings.ReplaceAll(basic, "med1.test", "med7.test"), `no server "med1.test"`},
		"port in use":      {strings.ReplaceAll(strings.ReplaceAll(basic, "port: 5070", "port: 5090"), "port: 5060", "port: 5061"), `listener UDP ` + r.net + `1:5090 of trunk "gw"`},
		"metrics in use":   {strings.ReplaceAll(strings.ReplaceAll(basic, ":9090", ":9091"), "port: 5070", "port: 5061"), "metrics " + r.net + "1:9091"},
		"socket not there": {strings.ReplaceAll(basic, "mediaPorts", "controlSocket: /nonexistent/control.sock, mediaPorts"), "control socket /nonexistent/control.sock"},
	} {
		_, _, err := r.Apply("test.yaml", []byte(expand(r.net, c.doc)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if now := r.Listening(); now != before || r.engine.Snapshot().Version != version {
			t.Errorf("%s: half applied:\n%s\n%s", name, before, now)
		}
		if r.get("http://"+r.net+"1:9090/healthz") != "ok calls=1\n" {
			t.Errorf("%s: metrics do not answer any more", name)
		}
	}
	r.hangup(in, out)
}

// TestRefusalNamesItsReason has a document with a warning besides: that is not what it is refused for.
func TestRefusalNamesItsReason(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	r.occupy()
	warned := strings.ReplaceAll(basic, "trunks: [gw]}", `trunks: [gw]}, {name: idle, pattern: '^\+9', trunks: [gw]}`)
	for _, c := range []struct{ query, doc, want string }{
		{"", strings.ReplaceAll(warned, "port: 5070", "port: 5090"), "the document is not applied, the old one stays: server \"med1.test\": listener UDP " + r.net + "1:5090"},
		{"", strings.ReplaceAll(warned, "med1.test", "med7.test"), "the document is not applied, the old one stays: the document has no server \"med1.test\""},
		{"dry-run=true&", strings.ReplaceAll(warned, "med1.test", "med7.test"), "the document has no server \"med1.test\""},
	} {
		resp, err := overSocket(SocketPath(r.cfg.DataDir)).Post("http://directsip/apply?"+c.query+"name=test.yaml", "", strings.NewReader(expand(r.net, c.doc)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var f Fault
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(f.Error, c.want) || len(f.Problems) > 0 {
			t.Errorf("%q and %q, want %q", f.Error, f.Problems, c.want)
		}
	}
}

// post is the answer of the control socket to a command.
func (r *rig) post(path, body string) (status int, text string) {
	r.t.Helper()
	resp, err := overSocket(r.socketPath(r.current.Load())).Post("http://directsip"+path, "", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestApplyOfAnotherFile: the file that the server was started with has the say again when it is started anew, so whoever applies another document is told, each time.
func TestApplyOfAnotherFile(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	file, other := expand(r.net, basic), expand(r.net, basic)+"# another\n"
	for i, c := range []struct{ doc, want string }{
		{file, ""}, {other, "has another document, which a restart brings back"}, {other, "has another document, which a restart brings back"}, {file, ""},
	} {
		status, text := r.post("/apply?name=other.yaml", c.doc)
		var res struct{ Warnings []string }
		if err := json.Unmarshal([]byte(text), &res); err != nil || status != http.StatusOK {
			t.Fatalf("document %d: %d %s", i, status, text)
		}
		if all := strings.Join(res.Warnings, "\n"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) || c.want != "" && !strings.HasPrefix(all, r.cfg.Document) {
			t.Errorf("document %d: %q", i, res.Warnings)
		}
	}
	if err := os.Remove(r.cfg.Document); err != nil {
		t.Fatal(err)
	}
	if _, text := r.post("/apply?name=other.yaml", file); !strings.Contains(text, "cannot be read") {
		t.Errorf("without the file: %s", text)
	}
	if log := r.log.String(); !strings.Contains(log, "which a restart brings back") {
		t.Errorf("the log does not tell\n%s", log)
	}
}

// overSocket asks who listens on a socket.
func overSocket(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}, Timeout: timeout}
}

// TestOPS05ApplyAtOnce has several people apply what each has made of the same document, at once: one has it, and the others are told which document runs by now, and undo nothing.
func TestOPS05ApplyAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	was := r.engine.Snapshot().Version
	apply := func(query, doc string) (status int, answer string) {
		resp, err := overSocket(SocketPath(r.cfg.DataDir)).Post("http://directsip/apply/"+query, "", strings.NewReader(expand(r.net, doc)))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(body)
	}
	mine := func(i int) string {
		return strings.Replace(basic, "{options: false", fmt.Sprintf("{maxCalls: %d, options: false", i+1), 1)
	}
	const people = 8
	var (
		all     sync.WaitGroup
		status  [people]int
		answers [people]string
	)
	for i := range people {
		all.Go(func() { status[i], answers[i] = apply(was, mine(i)) })
	}
	all.Wait()
	runs, won := r.engine.Snapshot().Version, -1
	for i := range people {
		switch {
		case status[i] == http.StatusOK && won < 0 && strings.Contains(answers[i], `"before":"`+was+`"`) && strings.Contains(answers[i], `"document":"`+runs+`"`):
			won = i
		case status[i] != http.StatusPreconditionFailed || !strings.Contains(answers[i], "it was made of "+was+", and the server runs "+runs) || !strings.Contains(answers[i], "--expect "+runs):
			t.Errorf("%d: %d %s", i, status[i], answers[i])
		}
	}
	if n := strings.Count(r.log.String(), "document applied"); won < 0 || n != 1 {
		t.Fatalf("%d applied: %v", n, status)
	}
	other := (won + 1) % people
	if status, body := apply(was+"?dry-run=true", mine(other)); status != http.StatusPreconditionFailed || !strings.Contains(body, runs) {
		t.Errorf("dry run of an overtaken document: %d %s", status, body)
	}
	if status, body := apply(was, mine(won)); status != http.StatusOK || !strings.Contains(body, `"changed":false`) {
		t.Errorf("the winner, who has heard no answer and applies it again: %d %s", status, body)
	}
	if status, body := apply(runs, mine(other)); status != http.StatusOK || r.engine.Snapshot().Version == runs {
		t.Errorf("a document made of the one that runs: %d %s", status, body)
	}
}

// OPS-05: what a document would change is told, and nothing of it is done; a bad one is refused as it would be by Apply.
func TestOPS05DryRun(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	ask := func(doc string) (status int, answer string, changes []topology.Change) {
		t.Helper()
		resp, err := overSocket(SocketPath(r.cfg.DataDir)).Post("http://directsip/apply?dry-run=true&name=test.yaml", "", strings.NewReader(expand(r.net, doc)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var res struct{ Changes []topology.Change }
		json.Unmarshal(body, &res)
		return resp.StatusCode, string(body), res.Changes
	}
	before, version := r.Listening(), r.engine.Snapshot().Version
	if status, body, changes := ask(basic); status != http.StatusOK || len(changes) != 0 || !strings.Contains(body, version) {
		t.Errorf("the same document: %d %s", status, body)
	}
	next := strings.ReplaceAll(basic, "port: 5070", "port: 5080")
	for range 2 {
		status, body, changes := ask(next)
		if status != http.StatusOK || len(changes) != 1 || changes[0].Kind != topology.Changed || changes[0].Old != "5070" || changes[0].New != "5080" {
			t.Errorf("another port: %d %s", status, body)
		}
		if now := r.Listening(); now != before || r.engine.Snapshot().Version != version {
			t.Errorf("applied:\n%s\n%s", before, now)
		}
	}
	if status, body, _ := ask(strings.ReplaceAll(basic, "addresses: [NET.1]", "addresses: [203.0.113.9]")); status != http.StatusUnprocessableEntity || !strings.Contains(body, "this host does not have the address 203.0.113.9, so nobody can listen there") {
		t.Errorf("an address of another host: %d %s", status, body)
	}
	if status, body, _ := ask(strings.ReplaceAll(basic, "med1.test", "med7.test")); status != http.StatusUnprocessableEntity || !strings.Contains(body, "med1.test") {
		t.Errorf("without this server: %d %s", status, body)
	}
	secure := r.withTLS(basic)
	if status, body, _ := ask(secure); status != http.StatusOK {
		t.Errorf("with TLS: %d %s", status, body)
	}
	broken := strings.ReplaceAll(secure, "one.test.pem", "none.test.pem")
	why := `server \"med1.test\": our certificate cannot be used: certificate ` + filepath.Join(r.dir, "none.test.pem")
	if status, body, _ := ask(broken); status != http.StatusUnprocessableEntity || !strings.Contains(body, why) || !strings.Contains(body, "test.yaml:") {
		t.Errorf("without its certificate: %d %s", status, body)
	}
	if _, problems, err := r.Apply("test.yaml", []byte(expand(r.net, broken))); err == nil || !problems.Failed() {
		t.Errorf("without its certificate: %v, problems %v", err, problems)
	}
	r.applyGood(next)
	if _, body, changes := ask(basic); len(changes) != 1 || changes[0].New != "5070" {
		t.Errorf("back: %s", body)
	}
}

// get is the body of a page, and the status when it is not 200.
func (r *rig) get(url string) string {
	r.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: timeout}
	resp, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
	return string(body)
}

// TestApplyMovesMetricsAndControlSocket opens the new places and closes the old ones.
func TestApplyMovesMetricsAndControlSocket(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	sock := r.dir + "/other.sock"
	r.applyGood(strings.ReplaceAll(strings.ReplaceAll(basic, ":9090", ":9092"), "mediaPorts", "controlSocket: "+sock+", mediaPorts"))
	if got := r.get("http://" + r.net + "1:9092/healthz"); got != "ok calls=0\n" {
		t.Errorf("new place: %s", got)
	}
	until(t, "the old metrics are closed", func() bool { return strings.Contains(r.get("http://"+r.net+"1:9090/healthz"), "refused") })
	if fi, err := os.Stat(sock); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("new socket: %v %v", fi, err)
	}
	until(t, "the old socket is gone", func() bool { _, err := os.Stat(SocketPath(r.cfg.DataDir)); return os.IsNotExist(err) })
	r.applyGood(strings.ReplaceAll(basic, `, metrics: "NET.1:9090"`, ""))
	until(t, "metrics are closed", func() bool { return strings.Contains(r.get("http://"+r.net+"1:9092/healthz"), "refused") })
}

// TestTierWaitsForTheNextStart: the relay stays as it is, and whoever applies the document is told so, each time.
func TestTierWaitsForTheNextStart(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	other := strings.ReplaceAll(basic, "mediaPorts", "mediaTier: sockets, mediaPorts")
	for i, doc := range []string{other, other + "# again\n", basic} {
		_, problems, err := r.Apply("test.yaml", []byte(expand(r.net, doc)))
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Contains(fmt.Sprint(problems), `: warning: server "med1.test": mediaTier sockets is taken when the server starts; until then kernel holds`)
		if want := i < 2; told != want {
			t.Errorf("document %d: told %v, want %v: %v", i, told, want, problems)
		}
	}
	if n := strings.Count(r.log.String(), "until then kernel holds"); n != 2 {
		t.Errorf("%d lines of the log say so, want 2:\n%s", n, r.log)
	}
}

// TestMediaAddressThatIsNotHere is told at the start and by whoever applies the document, but keeps nothing from it: the address may come later.
func TestMediaAddressThatIsNotHere(t *testing.T) {
	t.Parallel()
	const elsewhere = `warning: server "med1.test": this host does not have the media address 192.0.2.77`
	doc := strings.ReplaceAll(basic, "mediaPorts", "media: [192.0.2.77], mediaPorts")
	r := start(t, doc)
	if !strings.Contains(r.log.String(), "this host does not have the media address 192.0.2.77") {
		t.Errorf("the start says\n%s", r.log)
	}
	_, problems, err := r.Apply("test.yaml", []byte(expand(r.net, basic)))
	if err != nil || strings.Contains(fmt.Sprint(problems), "192.0.2.77") {
		t.Errorf("an address that is here: %v, %v", problems, err)
	}
	if _, problems, err = r.Apply("test.yaml", []byte(expand(r.net, doc))); err != nil || !strings.Contains(fmt.Sprint(problems), elsewhere) {
		t.Errorf("one that is not: %v, %v", problems, err)
	}
}

// TestApplyAgain is a storm of documents and signals while calls are made.
func TestApplyAgain(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx, gw := r.agent(2), r.agent(3)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				r.ReloadLogged() // back to the file
				if _, _, err := r.Apply("test.yaml", fmt.Appendf(nil, "%s# %d\n", expand(r.net, basic), i)); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 5 {
		out, in := r.call(pbx, gw)
		r.hangup(in, out)
	}
	close(stop)
	<-done
	if strings.Contains(r.log.String(), "not applied") || len(r.records(5)) != 5 {
		t.Errorf("log\n%s", r.log)
	}
	if n := strings.Count(r.log.String(), "document applied"); n > 300 {
		t.Errorf("%d lines of log", n)
	}
}

// TestWatchFile applies what is written to the file, and reports a mistake once.
func TestWatchFile(t *testing.T) {
	t.Parallel()
	net := siptest.Net(t)
	cfg, log := config(t, net, basic)
	cfg.Watch = 10 * time.Millisecond
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		err := os.WriteFile(cfg.Document+".new", []byte(expand(net, text)), 0o600)
		if err = errors.Join(err, os.Rename(cfg.Document+".new", cfg.Document)); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.ReplaceAll(basic, "name: out", "name: early")) // changed before anybody watches
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.WatchFile(ctx) }()
	route := func() string { return s.engine.Snapshot().Routes[0].Name }
	until(t, "the early change", func() bool { return route() == "early" })
	write("rubbish: [")
	until(t, "the mistake is reported", func() bool { return strings.Contains(log.String(), "document not applied") })
	write(strings.ReplaceAll(basic, "name: out", "name: late, priority: 3"))
	until(t, "the late change", func() bool { return route() == "late" })
	if n := strings.Count(log.String(), "document not applied"); n != 1 {
		t.Errorf("the mistake is reported %d times", n)
	}
	if err := os.Remove(cfg.Document); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Apply("x", []byte(expand(net, basic))); err != errEnding {
		t.Errorf("after the end: %v", err)
	}
}

// TestTransportOfATrunkChanges changes the transport of a listener, on the port that it has.
func TestTransportOfATrunkChanges(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	pbx := r.agent(2)
	r.applyGood(strings.ReplaceAll(basic, "root: {transport: UDP, port: 5070}", "root: {transport: TCP, port: 5070, gatewayPort: 5066}"))
	if list := r.Listening(); strings.Contains(list, "UDP "+r.net+"1:5070") || !strings.Contains(list, "TCP "+r.net+"1:5070") {
		t.Errorf("%s", list)
	}
	gw := r.tester.Agent(siptest.Config{Name: "gw", Network: "tcp", Listen: r.net + "3:5066"})
	out, in := r.call(pbx, gw)
	r.hangup(in, out)
}

// TestMessagesOfASourceAreLimited by the document that holds.
func TestMessagesOfASourceAreLimited(t *testing.T) {
	t.Parallel()
	r := start(t, strings.ReplaceAll(basic, "mediaPorts", "maxMessagesPerSource: 5, mediaPorts"))
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(r.net + "2:5060"))}
	from, err := d.Dial("udp", r.net+"1:5060")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	seen := func() (in, dropped uint64) {
		for _, l := range r.transport.Stats().Listeners {
			in, dropped = in+l.In.Messages, dropped+l.Drops.Rate
		}
		return in, dropped
	}
	flood := func() {
		for range 100 {
			if _, err := from.Write([]byte("OPTIONS sip:x SIP/2.0\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin := time.Now()
	flood()
	until(t, "the flood is seen", func() bool { in, dropped := seen(); return in+dropped == 100 })
	if in, _ := seen(); in < 10 || in > 10+5*uint64(time.Since(begin)/time.Second+1) {
		t.Errorf("%d of 100 messages are heard", in)
	}
	r.applyGood(strings.ReplaceAll(basic, "mediaPorts", "maxMessagesPerSource: 0, mediaPorts"))
	before, _ := seen()
	flood()
	until(t, "nothing is cut", func() bool { in, _ := seen(); return in == before+100 })
}

// TestOPS07ViewSocket shows all and takes no commands, for a group; it comes and goes with the document.
func TestOPS07ViewSocket(t *testing.T) {
	t.Parallel()
	r := start(t, basic)
	sock := r.dir + "/view.sock"
	client := overSocket(sock)
	do := func(method, path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://directsip"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
	with := func(keys string) string { return strings.ReplaceAll(basic, "mediaPorts", keys+", mediaPorts") }
	r.applyGood(with("viewSocket: " + sock))
	for _, path := range []string{"/status", "/calls", "/history", "/trunks", "/network"} {
		if got := do("GET", path); !strings.HasPrefix(got, "200 ") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/apply", "/drain"} {
		if got := do("POST", path); !strings.HasPrefix(got, "403 ") || !strings.Contains(got, "use the control socket") {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := do("GET", "/status"); strings.Contains(got, `"draining":true`) {
		t.Error("drains by the view socket")
	}
	group, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if os.Getuid() == 0 { // may give it to any
		group, err = user.LookupGroup("daemon")
	}
	if err != nil {
		t.Fatal(err)
	}
	r.applyGood(with("viewSocket: " + sock + ", viewGroup: " + group.Name))
	fi, err := os.Stat(sock)
	if err != nil || fi.Mode().Perm() != 0o660 || strconv.Itoa(int(fi.Sys().(*syscall.Stat_t).Gid)) != group.Gid {
		t.Errorf("socket of a group: %v %v", fi, err)
	}
	r.applyGood(with("viewSocket: " + sock))
	if fi, err = os.Stat(sock); err != nil || int(fi.Sys().(*syscall.Stat_t).Gid) != os.Getgid() {
		t.Errorf("the group keeps the socket: %v %v", fi, err)
	}
	r.applyGood(with("viewSocket: " + sock + ", viewGroup: " + group.Name))
	for keys, want := range map[string]string{
		"viewGroup: " + group.Name:                             "there is no socket that the group could open",
		"viewSocket: " + SocketPath(r.cfg.DataDir):             "the control socket is there",
		"viewSocket: " + sock + ", viewGroup: nobody-has-this": "name a group of this host",
		"viewSocket: /nonexistent/view.sock":                   "view socket /nonexistent/view.sock",
	} {
		if _, _, err := r.Apply("test.yaml", []byte(expand(r.net, with(keys)))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", keys, err)
		}
	}
	busy, err := net.Listen("tcp", r.net+"1:9091")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, _, err := r.Apply("test.yaml", []byte(expand(r.net, strings.ReplaceAll(with("viewSocket: "+sock), ":9090", ":9091")))); err == nil {
		t.Error("metrics at a port in use")
	}
	if fi, err = os.Stat(sock); err != nil || strconv.Itoa(int(fi.Sys().(*syscall.Stat_t).Gid)) != group.Gid {
		t.Errorf("after a document that was refused the socket is of another group: %v %v", fi, err)
	}
	if got := do("GET", "/status"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("after documents that were refused: %s", got)
	}
	r.applyGood(basic)
	until(t, "the socket is gone", func() bool { _, err := os.Stat(sock); return os.IsNotExist(err) })
}
