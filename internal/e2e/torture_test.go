package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// torture is one message of RFC 4475 or RFC 5118 with its treatment.
type torture struct {
	Name, RFC, Kind, File, Expect, What, TCP string
	SHA256                                   string
	WireFile                                 string   `json:"wire_file"`
	WireSHA256                               string   `json:"wire_sha256"`
	RejectCodes                              []int    `json:"reject_codes"`
	AlsoOK                                   []int    `json:"also_ok"`
	OutOfDialog                              []int    `json:"codes_if_out_of_dialog"`
	OrDiscard                                bool     `json:"or_discard"`
	NoCall                                   bool     `json:"must_not_create_call"`
	NotDownstream                            bool     `json:"must_not_reach_downstream"`
	NotAppear                                []string `json:"must_not_appear_downstream"`
	MustHave                                 []string `json:"answer_must_have"`
	Unsupported                              []string `json:"unsupported_contains"`
	Prefer                                   any

	data string
}

// tortureMessages reads shared/testdata/sip-torture beside the repository.
func tortureMessages(t *testing.T) []torture {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "testdata", "sip-torture")
		if _, err := os.Stat(filepath.Join(path, "index.json")); err == nil {
			return readTorture(t, path)
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("the torture messages are missing: no directory above this package has shared/testdata/sip-torture/index.json")
		}
		dir = up
	}
}

func readTorture(t *testing.T, dir string) []torture {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Messages []torture }
	if err := json.Unmarshal(src, &index); err != nil {
		t.Fatal(err)
	}
	for i := range index.Messages {
		m := &index.Messages[i]
		file, sum := m.File, m.SHA256
		if m.WireFile != "" {
			file, sum = m.WireFile, m.WireSHA256
		}
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
			t.Fatalf("%s is damaged", file)
		}
		m.data = string(b)
	}
	if len(index.Messages) < 60 {
		t.Fatalf("only %d torture messages", len(index.Messages))
	}
	return index.Messages
}

var sentByPort = regexp.MustCompile(`(?i)^(?:via|v)\s*:[^;]*:(\d+)\s*;`)

// port is that of the top Via: answers go to the address that a request came from and to this port (RFC 3261 §18.2.2).
func (m *torture) port() int {
	for _, line := range strings.Split(m.data, "\r\n")[1:] {
		if f := sentByPort.FindStringSubmatch(line); f != nil && !strings.HasSuffix(line[:strings.Index(line, ";")], "]") {
			n, _ := strconv.Atoi(f[1])
			return n
		}
		if l := strings.ToLower(line); strings.HasPrefix(l, "v") {
			break
		}
	}
	return 5060
}

// busyGateway refuses every call that reaches it with 486 and keeps what it got.
type busyGateway struct {
	s    *socket
	mu   sync.Mutex
	seen []string
}

func (l *lab) busyGateway(n int) *busyGateway {
	g := &busyGateway{s: l.udp(n, 5060)}
	go func() {
		for {
			msg, err := g.s.read(time.Hour)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if strings.HasPrefix(msg, "ACK ") {
				continue // it ends a refusal, and may come when the next message is under way
			}
			g.mu.Lock()
			g.seen = append(g.seen, msg)
			g.mu.Unlock()
			if strings.HasPrefix(msg, "INVITE ") {
				g.s.udp.WriteToUDP([]byte(g.s.reply(msg, 486, "")), g.s.peer)
			}
		}
	}()
	return g
}

// take is what came since the last take.
func (g *busyGateway) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.seen
	g.seen = nil
	return list
}

// tortureDocument routes whatever is called to gw1, so that a message that is accepted goes all the way.
func (l *lab) tortureDocument() string {
	return l.document("UDP") + `
dialPlan: everything
dialPlans:
  everything: {rules: [{name: whatever, pattern: '^.*$', translation: '+14255550100'}]}
`
}

// RFC 4475 and RFC 5118, message by message, through sockets: nothing but ports is chosen, the bytes go as they are archived.
func TestTortureMessagesOverUDP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.tortureDocument(), "--shards", "1")
	gw, peers := l.busyGateway(3), peersByPort{}
	for _, m := range tortureMessages(t) {
		t.Run(m.Name, func(t *testing.T) {
			peer := peers.of(l, m.port())
			peer.t = t
			peer.send(m.data)
			m.check(t, answerTo(t, l, peer, &m), gw.take())
		})
	}
	s.countCalls(t)
}

// peersByPort is one socket of NET.2 for each port.
type peersByPort map[int]*socket

func (p peersByPort) of(l *lab, port int) *socket {
	if p[port] == nil {
		p[port] = l.udp(2, port)
	}
	return p[port]
}

// countCalls takes the number of records as it is: what became a call is checked message by message.
func (s *server) countCalls(t *testing.T) {
	t.Helper()
	var list []struct{ ID string }
	until(t, "calls to end", func() bool { return len(s.live()) == 0 })
	if err := s.get("/history?limit=10000", &list); err != nil {
		t.Fatal(err)
	}
	s.want = len(list)
}

// sharedID finds the Call-ID, which several messages of RFC 5118 have in common: to a server that sees them in a row they would be
// attempts of one call.
var sharedID = regexp.MustCompile(`(?mi)^(Call-ID\s*:\s*)`)

var calledUser = regexp.MustCompile(`^(INVITE\s+<?sips?:)[^@]*@`)

// The INVITEs of RFC 4475 and RFC 5118 that may be accepted, to a number that is routed: they reach the gateway, as messages that
// are beyond reproach.
func TestTortureInvitesReachTheGatewayClean(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.tortureDocument(), "--shards", "1")
	gw, peers := l.busyGateway(3), peersByPort{}
	through := 0
	for _, m := range tortureMessages(t) {
		data := calledUser.ReplaceAllString(m.data, "${1}+14255550100@")
		if data == m.data || m.Expect != "accept" && m.Expect != "either" || len(m.OutOfDialog) > 0 && m.Name != "lwsruri" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			peer := peers.of(l, m.port())
			peer.t = t
			m.data = sharedID.ReplaceAllString(data, "${1}"+m.Name+"-")
			peer.send(m.data)
			answer, downstream := answerTo(t, l, peer, &m), gw.take()
			m.checkMore(t, answer, downstream)
			code := status(answer)
			t.Logf("%s: %d, %d messages downstream", m.Expect, code, len(downstream))
			if m.Expect == "accept" && code != 486 && !slices.Contains(m.AlsoOK, code) {
				t.Errorf("%d instead of the gateway's 486; %s\n%s", code, m.What, answer)
			}
			for _, d := range downstream {
				if p, err := sip.Parse([]byte(d), nil); err != nil {
					t.Errorf("what went on cannot be read: %v\n%s", err, d)
				} else if f := p.Validate(); f != nil {
					t.Errorf("what went on is wrong: %s\n%s", f.Why, d)
				}
			}
			if code == 486 {
				through++
			}
		})
	}
	if through < 5 { // esc01, longreq, baddate, inv2543, ipv4-mapped-ipv6; others may be refused
		t.Errorf("only %d messages reached the gateway", through)
	}
	s.countCalls(t)
}

// answerTo waits for the final answer to a message. What must have none is followed by an OPTIONS: its answer is the proof that
// the message was thrown away, as one shard answers in order.
func answerTo(t *testing.T, l *lab, peer *socket, m *torture) string {
	t.Helper()
	if m.Expect == "discard" || m.Kind == "response" || m.OrDiscard {
		peer.t = t
		probe := &socket{t: t, udp: peer.udp, ip: peer.ip, port: peer.port, peer: peer.peer}
		probe.send(probe.options(l, "alive-"+m.Name))
		answer := ""
		for {
			r := probe.expect("SIP/2.0 ")
			if header(r, "Call-ID") == "alive-"+m.Name {
				return answer
			}
			answer = r
		}
	}
	for {
		r := peer.next(5 * time.Second)
		if r != "" && m.callID() != "" && !strings.Contains(header(r, "Call-ID"), m.callID()) {
			continue // repeated for an earlier message
		}
		if r == "" || r[8] != '1' {
			if r != "" && strings.HasSuffix(header(r, "CSeq"), "INVITE") {
				peer.send(m.ack(r))
			}
			return r
		}
	}
}

var callIDOf = regexp.MustCompile(`(?mi)^(?:Call-ID|i)\s*:\s*(\S+)`)

func (m *torture) callID() string {
	if f := callIDOf.FindStringSubmatch(m.data); f != nil {
		return f[1]
	}
	return ""
}

// ack ends the server's INVITE transaction: what must be the same as in the INVITE (RFC 3261 §17.2.3) is taken from it or from the
// response.
func (m *torture) ack(r string) string {
	target := "sip:x@example.com"
	if f := strings.Fields(m.data); len(f) > 1 {
		target = f[1]
	}
	return build("", "ACK "+target+" SIP/2.0", "Via: "+header(r, "Via"), "From: "+header(r, "From"), "To: "+header(r, "To"),
		"Call-ID: "+header(r, "Call-ID"), "CSeq: "+strings.Fields(header(r, "CSeq"))[0]+" ACK", "Max-Forwards: 70")
}

func (m *torture) check(t *testing.T, answer string, downstream []string) {
	t.Helper()
	code := status(answer)
	t.Logf("%s %s: %d, %d messages downstream", m.RFC, m.Expect, code, len(downstream))
	switch {
	case m.Expect == "discard" || m.Kind == "response":
		if answer != "" {
			t.Errorf("answered:\n%s", answer)
		}
	case answer == "" && m.OrDiscard:
	case answer == "":
		t.Errorf("no answer; %s", m.What)
	case m.Expect == "reject":
		if !slices.Contains(m.RejectCodes, code) && !slices.Contains(m.AlsoOK, code) {
			t.Errorf("%d instead of %v %v; %s\n%s", code, m.RejectCodes, m.AlsoOK, m.What, answer)
		}
		if len(downstream) > 0 {
			t.Errorf("refused, and yet sent on: %q", downstream)
		}
	case len(m.OutOfDialog) > 0 && slices.Contains(m.OutOfDialog, code):
	case m.Expect == "accept" && code == 400 && !slices.Contains(m.RejectCodes, 400):
		t.Errorf("400 for a message that is well formed; %s\n%s", m.What, answer)
	case m.Expect == "either" && code == 400 && !slices.Contains(m.RejectCodes, 400):
		t.Errorf("400, and only %v or acceptance is right; %s\n%s", m.RejectCodes, m.What, answer)
	}
	m.checkMore(t, answer, downstream)
}

func (m *torture) checkMore(t *testing.T, answer string, downstream []string) {
	t.Helper()
	switch want := m.Prefer.(type) {
	case string:
		if status(answer) == 400 {
			t.Errorf("refused though it may be accepted:\n%s", answer)
		}
	case float64:
		if status(answer) != int(want) {
			t.Errorf("%d, %v would be better", status(answer), want)
		}
	}
	for _, h := range m.MustHave {
		if header(answer, h) == "" {
			t.Errorf("the answer has no %s:\n%s", h, answer)
		}
	}
	for _, u := range m.Unsupported {
		if !strings.Contains(strings.Join(headers(answer, "Unsupported"), ","), u) {
			t.Errorf("Unsupported does not name %s:\n%s", u, answer)
		}
	}
	if (m.NoCall || m.NotDownstream) && len(downstream) > 0 {
		t.Errorf("it was sent on: %q", downstream)
	}
	for _, text := range m.NotAppear {
		if d := strings.Join(downstream, "\n"); strings.Contains(d, text) {
			t.Errorf("%q was sent on:\n%s", text, d)
		}
	}
}

// RFC 4475 over a stream, where the end of a message is what Content-Length says: when it cannot be known the connection ends.
func TestTortureMessagesOverTCP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.tortureDocument())
	gw := l.busyGateway(3)
	tested := 0
	for _, m := range tortureMessages(t) {
		if m.TCP == "" {
			continue
		}
		tested++
		t.Run(m.Name, func(t *testing.T) {
			peer := l.dial(2)
			defer peer.tcp.Close()
			peer.t = t
			begin := time.Now()
			peer.send(m.data)
			var answers []string
			var end error
			for end == nil && (m.TCP != "reject" || len(answers) == 0) {
				var r string
				if r, end = peer.read(timeout); end == nil && r[8] != '1' {
					answers = append(answers, r)
				}
			}
			for _, r := range answers {
				if status(r) != 400 {
					t.Errorf("answered:\n%s", r)
				}
			}
			closed := errors.Is(end, io.EOF) || errors.Is(end, io.ErrUnexpectedEOF)
			var ne *net.OpError
			closed = closed || errors.As(end, &ne) && !ne.Timeout()
			switch m.TCP {
			case "close":
				if !closed || time.Since(begin) > 3*time.Second {
					t.Errorf("the connection is not closed at once: %v after %v", end, time.Since(begin))
				}
			case "wait-then-close":
				if !closed || time.Since(begin) < time.Second {
					t.Errorf("%v after %v, want it closed when the rest has not come", end, time.Since(begin))
				}
			case "reject":
				if len(answers) == 0 && !closed {
					t.Errorf("neither refused nor closed: %v", end)
				}
			default:
				t.Fatalf("unknown treatment %q", m.TCP)
			}
			if d := gw.take(); len(d) > 0 {
				t.Errorf("it was sent on: %q", d)
			}
		})
	}
	if tested < 4 {
		t.Errorf("only %d messages have a treatment of their own over TCP", tested)
	}
	after := l.dial(2)
	after.alive(l, "after")
	if n := len(s.live()); n != 0 {
		t.Errorf("%d calls run", n)
	}
}
