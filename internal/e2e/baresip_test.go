package e2e

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// phone is one baresip. It plays a WAV file, records what it hears, and hangs up when the file is over.
type phone struct {
	t      *testing.T
	name   string
	dir    string
	prefix []string // runs a program on its host
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	log    []string
	more   chan struct{}
}

// phoneConfig is what a phone is; host is the number of its host.
type phoneConfig struct {
	host    int
	v6      bool
	number  string
	wav     string
	dial    string   // SIP URI to call at once; "" waits for a call and answers it
	account string   // further parameters of its address, ";transport=tls"
	media   string   // further parameters of its account, ";mediaenc=srtp"
	codecs  string   // that it has, "pcmu" if none is named
	rate    int      // of the samples of wav and of what it records, 8000 if not set
	config  []string // further lines of its configuration
}

// phone starts baresip on a new host.
func (n *network) phone(c phoneConfig) *phone {
	n.t.Helper()
	path := need(n.t, "baresip", "baresip-core")
	addr := n.addr(c.host, c.v6)
	if c.v6 {
		addr = "[" + addr + "]"
	}
	p := &phone{t: n.t, name: fmt.Sprintf("baresip of host %d", c.host), dir: filepath.Join(n.dir, fmt.Sprint("phone", c.host)), exited: make(chan struct{}), more: make(chan struct{})}
	if err := os.MkdirAll(filepath.Join(p.dir, "heard"), 0o755); err != nil {
		n.t.Fatal(err)
	}
	modules, err := filepath.Glob("/usr/lib/*/baresip/modules")
	if len(modules) == 0 || err != nil {
		modules = []string{"/usr/lib/baresip/modules"}
	}
	lines := append([]string{"poll_method epoll", "sip_listen " + addr + ":5060", "audio_source aufile," + c.wav, "audio_player aubridge,ear",
		fmt.Sprint("ausrc_srate ", cmp.Or(c.rate, 8000)), fmt.Sprint("auplay_srate ", cmp.Or(c.rate, 8000)), "ausrc_channels 1", "auplay_channels 1", "audio_buffer 20-160", "jitter_buffer_delay 2-10",
		"module_path " + modules[0], "module g711.so", "module g722.so", "module opus.so", "module aufile.so", "module aubridge.so", "module sndfile.so", "module srtp.so",
		"snd_path " + filepath.Join(p.dir, "heard"), fmt.Sprintf("dns_server %s:53", n.addr(nameServer, false)), "module_tmp account.so", "module_app menu.so",
		"module_app ctrl_tcp.so", "ctrl_tcp_listen 127.0.0.1:4444"}, c.config...)
	writeFile(n.t, filepath.Join(p.dir, "config"), strings.Join(lines, "\n")+"\n")
	writeFile(n.t, filepath.Join(p.dir, "accounts"), fmt.Sprintf("<sip:%s@%s%s>;regint=0;answermode=auto;audio_codecs=%s%s\n", c.number, addr, c.account, cmp.Or(c.codecs, "pcmu"), c.media))
	writeFile(n.t, filepath.Join(p.dir, "contacts"), "")
	writeFile(n.t, filepath.Join(p.dir, "uuid"), fmt.Sprint("phone", c.host))
	p.prefix = n.host(c.host)
	args := append(p.prefix[:len(p.prefix):len(p.prefix)], path, "-f", p.dir, "-t", "120", map[bool]string{false: "-4", true: "-6"}[c.v6])
	if c.dial != "" {
		args = append(args, "-e", "/dial "+c.dial)
	}
	p.cmd = child(args...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	go p.collect(out)
	n.t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGKILL)
		<-p.exited
		if n.t.Failed() {
			p.mu.Lock()
			n.t.Logf("%s says:\n%s", p.name, strings.Join(p.log, "\n"))
			p.mu.Unlock()
		}
	})
	p.wait("baresip is ready")
	return p
}

// collect keeps what baresip says; its meters, which it writes over each other, are left out.
func (p *phone) collect(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if i := strings.LastIndex(line, "(bit/s)"); i >= 0 {
			line = line[i+len("(bit/s)"):]
		}
		p.mu.Lock()
		p.log = append(p.log, strings.TrimSpace(line))
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait()
	close(p.exited)
}

// wait waits until baresip has said one of the texts.
func (p *phone) wait(texts ...string) {
	p.t.Helper()
	deadline := time.After(2 * timeout) // many begin at once
	for i := 0; ; {
		ended := over(p.exited) // then the log is whole
		p.mu.Lock()
		more, log := p.more, p.log
		p.mu.Unlock()
		for ; i < len(log); i++ {
			if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(log[i], text) }) {
				return
			}
		}
		if ended {
			p.t.Fatalf("%s ended and did not say %q", p.name, texts)
		}
		select {
		case <-more:
		case <-p.exited:
		case <-deadline:
			p.t.Fatalf("%s does not say %q", p.name, texts)
		}
	}
}

// command has baresip do something, by its module ctrl_tcp: an object of JSON in a netstring.
func (p *phone) command(name, params string) {
	p.t.Helper()
	text := fmt.Sprintf(`{"command":%q,"params":%q}`, name, params)
	args := append(p.prefix[:len(p.prefix):len(p.prefix)], need(p.t, "bash", "bash"), "-c", `exec 3<>/dev/tcp/127.0.0.1/4444; printf %s "$0" >&3; read -r -d , -t 10 answer <&3; printf %s "$answer"`,
		fmt.Sprintf("%d:%s,", len(text), text))
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s does not take %s %s: %v\n%s", p.name, name, params, err, out)
	}
}

// heard is the sound that the phone has recorded.
func (p *phone) heard() []int16 {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "heard", "*-dec.wav"))
	if err != nil || len(files) != 1 {
		p.t.Fatalf("%s has %d recordings, want 1", p.name, len(files))
	}
	return readWAV(p.t, telephone(p.t, files[0]))
}

// telephone brings a recording to 8000 Hz; that of G.722 has 16000, that of Opus 48000.
func telephone(t *testing.T, path string) string {
	t.Helper()
	out := strings.TrimSuffix(path, ".wav") + ".8000"
	if b, err := exec.Command(need(t, "sox", "sox"), "--ignore-length", path, "-t", "wav", "-r", "8000", "-c", "1", "-b", "16", out).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, b)
	}
	return out
}

// speech has espeak-ng say a text and sox bring it to 8000 Hz, 16 bit.
func speech(l *lab, name, text string) string { return speechAt(l, name, text, 8000) }

func speechAt(l *lab, name, text string, rate int) string {
	l.t.Helper()
	raw, wav := filepath.Join(l.dir, fmt.Sprint(name, rate, ".raw.wav")), filepath.Join(l.dir, fmt.Sprint(name, rate, ".wav"))
	for _, args := range [][]string{
		{need(l.t, "espeak-ng", "espeak-ng"), "-w", raw, text},
		{need(l.t, "sox", "sox"), raw, "-r", fmt.Sprint(rate), "-c", "1", "-b", "16", wav, "pad", "0.5", "0.7"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			l.t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	return wav
}

// readWAV reads 8000 Hz, 16 bit, one channel. A file that was not closed has no length in its header: then it goes to the end.
func readWAV(t *testing.T, path string) []int16 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		if string(b[at:at+4]) == "data" {
			b = b[at+8:]
			if size > 0 && size < len(b) {
				b = b[:size]
			}
			pcm := make([]int16, len(b)/2)
			for i := range pcm {
				pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
			}
			return pcm
		}
		at += 8 + size + size&1
	}
	t.Fatalf("%s has no sound", path)
	return nil
}

// envelope is the loudness of each 20 ms.
func envelope(pcm []int16) []float64 {
	const frame = 160
	e := make([]float64, len(pcm)/frame)
	for i := range e {
		sum := 0.0
		for _, v := range pcm[i*frame : (i+1)*frame] {
			sum += float64(v) * float64(v)
		}
		e[i] = math.Sqrt(sum / frame)
	}
	return e
}

// correlation of two stretches of the same length.
func correlation(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma, mb = ma+a[i], mb+b[i]
	}
	ma, mb = ma/float64(len(a)), mb/float64(len(b))
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// comparison is how what was heard fits what was said.
type comparison struct {
	correlation float64 // of the envelopes, shifted as suits best
	shift       int     // frames of 20 ms by which it came later
	from, to    int     // frames of what was said that were heard
	said        int     // frames
	gap         int     // longest run of frames that were loud and came silent
}

func compare(heard, said []int16) comparison {
	h, s := envelope(heard), envelope(said)
	c := comparison{said: len(s)}
	for shift := -100; shift <= 100; shift++ { // heard[i+shift] is said[i]
		from, to := max(0, -shift), min(len(s), len(h)-shift)
		if to-from < 100 {
			continue
		}
		if r := correlation(s[from:to], h[from+shift:to+shift]); r > c.correlation {
			c.correlation, c.shift, c.from, c.to = r, shift, from, to
		}
	}
	loud := 0.0
	for _, v := range s {
		loud = max(loud, v)
	}
	run := 0
	for i := c.from; i < c.to; i++ {
		if s[i] > loud/10 && h[i+c.shift] < s[i]/10 {
			run++
			c.gap = max(c.gap, run)
		} else {
			run = 0
		}
	}
	return c
}

// faults says what is wrong with the sound: the envelopes must correlate, all but the edges must have come, and without a gap. One
// frame may be cut by the shift.
func (c comparison) faults() (list []string) {
	if c.correlation < 0.9 {
		list = append(list, fmt.Sprintf("the envelopes correlate only by %.3f", c.correlation))
	}
	if c.from > 25 || c.to < c.said-50 {
		list = append(list, fmt.Sprintf("frames %d to %d of %d were heard", c.from, c.to, c.said))
	}
	if c.gap > 1 {
		list = append(list, fmt.Sprintf("a gap of %d ms in the middle of speech", 20*c.gap))
	}
	return list
}

// same expects that a phone has heard what was said.
func same(t *testing.T, who string, heard, said []int16) {
	t.Helper()
	c := compare(heard, said)
	t.Logf("%s: frames %d to %d of %d, shifted by %d, correlation %.6f", who, c.from, c.to, c.said, c.shift, c.correlation)
	for _, f := range c.faults() {
		t.Errorf("%s: %s", who, f)
	}
	if slices.Equal(heard[:min(len(heard), len(said))], said[:min(len(heard), len(said))]) {
		t.Errorf("%s: the recording is the very file that was played, and has not been through a codec", who)
	}
}

// The measure of the tests below finds what it is there for.
func TestComparisonOfSpeechFindsFaults(t *testing.T) {
	l := newLab(t)
	fox := readWAV(t, speech(l, "fox", fox))
	sea := readWAV(t, speech(l, "sea", sea))
	late := append(make([]int16, 7*160), fox...)
	if c := compare(late, fox); len(c.faults()) > 0 || c.shift != 7 {
		t.Errorf("the same, 140 ms later: %+v %q", c, c.faults())
	}
	loudest, at := 0.0, 0
	for i, v := range envelope(fox) {
		if v > loudest {
			loudest, at = v, i
		}
	}
	gap := slices.Clone(fox)
	clear(gap[(at-2)*160 : (at+3)*160])
	for name, heard := range map[string][]int16{"another text": sea, "a gap of 100 ms": gap, "half of it": fox[:len(fox)/2],
		"silence": make([]int16, len(fox))} {
		if c := compare(heard, fox); len(c.faults()) == 0 {
			t.Errorf("%s passes for the whole: %+v", name, c)
		}
	}
}

// MED-01, TOP-05, TOP-11: speech goes through both servers of a pool, in both directions at once, within and between IPv4 and
// IPv6, without a gap.
func TestSpeechBetweenTelephones(t *testing.T) {
	t.Parallel()
	for name, v6 := range map[string][2]bool{"IPv4": {false, false}, "IPv6": {true, true}, "IPv4 to IPv6": {false, true}} {
		t.Run(name, func(t *testing.T) { speechThroughPool(t, newNetwork(t), v6[0], v6[1]) })
	}
}

const speechDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: ["%s", "%s"]}
      med2.test: {addresses: ["%s", "%s"]}
gateways:
  a: {kind: pbx, host: "%s", root: {transport: UDP}}
  b: {kind: gateway, host: "%s", root: {transport: UDP}}
  c: {kind: pbx, host: "%s", root: {transport: UDP}}
  d: {kind: gateway, host: "%s", root: {transport: UDP}}
usages: [all]
routes:
  - {name: b, pattern: '^\+14255550102$', usages: [all], trunks: [b]}
  - {name: d, pattern: '^\+14255550104$', usages: [all], trunks: [d]}
trunkSettings:
  global: {options: false}
  trunk:a: {usages: [all], options: false}
  trunk:c: {usages: [all], options: false}
`

func speechThroughPool(t *testing.T, n *network, fromV6, toV6 bool) {
	doc := fmt.Sprintf(speechDocument, n.addr(1, false), n.addr(1, true), n.addr(2, false), n.addr(2, true),
		n.addr(11, fromV6), n.addr(12, toV6), n.addr(13, fromV6), n.addr(14, toV6))
	one, two := n.serveAt(1, "med1.test", doc), n.serveAt(2, "med2.test", doc)
	fox := speech(n.lab, "fox", fox)
	sea := speech(n.lab, "sea", sea)
	uri := func(number string, host int) string {
		if fromV6 {
			return fmt.Sprintf("sip:%s@[%s]", number, n.addr(host, true))
		}
		return fmt.Sprintf("sip:%s@%s", number, n.addr(host, false))
	}
	b := n.phone(phoneConfig{host: 12, v6: toV6, number: "+14255550102", wav: sea})
	d := n.phone(phoneConfig{host: 14, v6: toV6, number: "+14255550104", wav: fox})
	a := n.phone(phoneConfig{host: 11, v6: fromV6, number: "+14255550101", wav: fox, dial: uri("+14255550102", 1)})
	c := n.phone(phoneConfig{host: 13, v6: fromV6, number: "+14255550103", wav: sea, dial: uri("+14255550104", 2)})
	for _, p := range []*phone{a, b, c, d} {
		p.wait("Call established")
	}
	records := []*cdr.Record{one.record(), two.record()} // they come when a file is over
	media := append(records[0].Media, records[1].Media...)
	for _, r := range records {
		for _, v := range r.Audio {
			if v.Cause != "jitter" && v.Cause != "overload" { // which is that of this machine
				t.Errorf("healthy, and %s is said: %s", v.Cause, v.Text)
			}
		}
	}
	for _, p := range []*phone{a, b, c, d} {
		p.wait("session closed", "terminated (duration")
	}
	saidFox, saidSea := readWAV(t, fox), readWAV(t, sea)
	same(t, "b hears a", b.heard(), saidFox)
	same(t, "a hears b", a.heard(), saidSea)
	same(t, "d hears c", d.heard(), saidSea)
	same(t, "c hears d", c.heard(), saidFox)
	if len(media) != 4 {
		t.Errorf("%d directions in both records", len(media))
	}
	for _, m := range media {
		if m.Packets < 200 || m.Lost > 0 || m.Dropped > 0 {
			t.Errorf("media in the record: %+v", m)
		}
		if q := m.Quality; q == nil || q.Codec != "PCMU" || q.Arrived.MOS == 0 || q.Sampled == 0 || q.Reported == nil || q.Reported.Loss != 0 {
			t.Errorf("the quality of speech: %+v", q)
		}
	}
}

// SIG-01, SIG-18, TOP-10, MED-04: speech between a telephone behind a TLS trunk and one behind a UDP trunk, called from either side. Both
// ends of TLS have certificates, and names are resolved by DNS. On the TLS trunk it is RTP, or SRTP with the keys of baresip and its libsrtp.
func TestSpeechThroughTLSTrunk(t *testing.T) {
	t.Parallel()
	for mode, encryption := range map[string]string{"accept": "", "required": ";mediaenc=srtp-mand", "optional": ";mediaenc=srtp"} {
		t.Run("from TLS, srtpMode "+mode, func(t *testing.T) { speechThroughTLS(t, newNetwork(t), true, mode, encryption) })
		t.Run("to TLS, srtpMode "+mode, func(t *testing.T) { speechThroughTLS(t, newNetwork(t), false, mode, encryption) })
	}
}

const speechTLSDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [10.99.0.1], cert: %[1]s/server.pem, key: %[1]s/server.key, ca: %[2]s}
gateways:
  itsp: {kind: sbc, host: sbc.itsp.test, root: {transport: TLS, port: 5061, gatewayPort: 5061}}
  pbx: {kind: pbx, host: 10.99.0.12, root: {transport: UDP}}
usages: [in, out]
routes:
  - {name: to the PBX, pattern: '^\+14255550102$', usages: [in], trunks: [pbx]}
  - {name: to the provider, pattern: '^\+14255550101$', usages: [out], trunks: [itsp]}
trunkSettings:
  trunk:itsp: {usages: [in], options: false, srtpMode: %[3]s}
  trunk:pbx: {usages: [out], options: false}
`

func speechThroughTLS(t *testing.T, n *network, fromTLS bool, mode, encryption string) {
	p := n.pki("ca")
	p.Issue("server", soon, "med1.test", "pool.test")
	p.Issue("phone", soon, "sbc.itsp.test")
	n.names("sbc.itsp.test=10.99.0.11", "med1.test=10.99.0.1", "pool.test=10.99.0.1")
	s := n.serveAt(1, "med1.test", fmt.Sprintf(speechTLSDocument, n.dir, p.File, mode))
	fox := speech(n.lab, "fox", fox)
	sea := speech(n.lab, "sea", sea)
	provider := phoneConfig{host: 11, number: "+14255550101", wav: fox, account: ";transport=tls", media: encryption,
		config: []string{"sip_certificate " + filepath.Join(n.dir, "phone.both"), "sip_cafile " + p.File}}
	pbx := phoneConfig{host: 12, number: "+14255550102", wav: sea}
	var a, b *phone
	if fromTLS {
		provider.dial = "sip:+14255550102@10.99.0.1:5061;transport=tls"
		b = n.phone(pbx)
		a = n.phone(provider)
	} else {
		pbx.dial = "sip:+14255550101@10.99.0.1"
		a = n.phone(provider)
		b = n.phone(pbx)
	}
	for _, p := range []*phone{a, b} {
		p.wait("Call established")
	}
	if encryption != "" {
		a.wait("SRTP is Enabled")
	}
	r := s.record()
	from, to := "TLS", "UDP"
	if !fromTLS {
		from, to = to, from
	}
	if r.In.Transport != from || r.Out == nil || r.Out.Transport != to || r.Reason != "normal-clearing" {
		t.Errorf("in %+v, out %+v, %s", r.In, r.Out, r.Reason)
	}
	for _, p := range []*phone{a, b} {
		p.wait("session closed", "terminated (duration")
	}
	same(t, "the PBX hears the provider", b.heard(), readWAV(t, fox))
	same(t, "the provider hears the PBX", a.heard(), readWAV(t, sea))
}
