package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/siptest"
)

// hostOf opens sockets in a network namespace.
func hostOf(t *testing.T, ns string) func(at netip.AddrPort) *net.UDPConn {
	t.Helper()
	there, err := os.Open("/run/netns/" + ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { there.Close() })
	return func(at netip.AddrPort) (c *net.UDPConn) {
		enter(there, func() {
			c, err = siptest.Bind(func() (*net.UDPConn, error) { return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at)) })
		})
		if err != nil {
			panic(fmt.Sprintf("%s: %v", at, err))
		}
		return c
	}
}

// enter does something in a network namespace.
func enter(there *os.File, do func()) {
	runtime.LockOSThread() // whose namespace it is; the thread must not end: programs that it has started would, too
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		panic(err)
	}
	defer here.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err)
	}
	do()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err)
	}
}

// ear is a socket of a walk: what arrives comes to the walk, in order.
type ear struct {
	conn *net.UDPConn
	at   netip.AddrPort
}

// mediaPort is the sockets of a stream.
type mediaPort struct{ rtp, rtcp *ear }

// arrival is a datagram.
type arrival struct {
	at   *ear
	from netip.AddrPort
	data []byte
}

// open binds a port; 0: any.
func (w *walk) open(at netip.AddrPort) *ear {
	c := w.net.open(at)
	_ = c.SetReadBuffer(1 << 20)
	p := &ear{c, netip.AddrPortFrom(at.Addr(), uint16(c.LocalAddr().(*net.UDPAddr).Port))}
	w.ports = append(w.ports, p)
	go func() {
		for buf := make([]byte, 65536); ; {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			select {
			case w.inbox <- arrival{p, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), bytes.Clone(buf[:n])}:
			case <-w.over:
				return
			}
		}
	}()
	return p
}

// media opens the sockets of a stream: RTP on an even port and RTCP on the next, or RTCP anywhere.
func (w *walk) media(ip netip.Addr, apart bool) *mediaPort {
	w.next += 2
	m := &mediaPort{rtp: w.open(netip.AddrPortFrom(ip, w.next))}
	at := m.rtp.at.Port() + 1
	if apart {
		w.next += 2
		at = w.next
	}
	m.rtcp = w.open(netip.AddrPortFrom(ip, at))
	return m
}

// talker is what a telephone sends on a stream.
type talker struct {
	ssrc, stamp uint32
	seq         uint16
}

// newTalker begins where numbers soon begin anew.
func newTalker(r *rand.Rand) *talker {
	return &talker{r.Uint32(), -uint32(r.IntN(4000)), -uint16(r.IntN(40))}
}

// locks are the SRTP contexts of a telephone, by direction and key: a key that stays keeps its counters.
type locks map[string]*srtp.Context

var suiteOf = map[string]srtp.ProtectionProfile{"AES_CM_128_HMAC_SHA1_80": srtp.ProtectionProfileAes128CmHmacSha1_80,
	"AES_CM_128_HMAC_SHA1_32": srtp.ProtectionProfileAes128CmHmacSha1_32, "AEAD_AES_128_GCM": srtp.ProtectionProfileAeadAes128Gcm}

func (l locks) of(use, line string) *srtp.Context {
	id := use + line
	if c := l[id]; c != nil {
		return c
	}
	f := strings.Fields(line)
	key, _, _ := strings.Cut(strings.TrimPrefix(f[2], "inline:"), "|")
	raw := unbase64(key)
	options := []srtp.ContextOption{}
	if use == "open" {
		options = append(options, srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64))
	}
	c, err := srtp.CreateContext(raw[:16], raw[16:], suiteOf[f[1]], options...)
	if err != nil {
		panic(err)
	}
	l[id] = c
	return c
}

// awaited is a packet that has to arrive.
type awaited struct {
	what string
	at   *ear
	from netip.AddrPort
	pt   string // of RTP; "t38", "RTCP"
	load []byte
}

// marker begins what a walk sends: then a number of the walk's and one of the packet's.
const marker = "WALK"

func (w *walk) load(size int) ([]byte, string) {
	w.packet++
	tag := fmt.Sprintf("%s%06d-%06d", marker, w.number, w.packet)
	b := make([]byte, max(size, len(tag)))
	for i := range b {
		b[i] = byte(w.noise.Uint32())
	}
	copy(b, tag)
	w.loads[tag] = b
	return b, tag
}

// rtp is the next packet of a talker.
func (t *talker) rtp(pt string, load []byte) []byte {
	n, _ := strconv.Atoi(pt)
	b := make([]byte, 12, 12+len(load))
	b[0], b[1] = 0x80, byte(n)
	binary.BigEndian.PutUint16(b[2:], t.seq)
	binary.BigEndian.PutUint32(b[4:], t.stamp)
	binary.BigEndian.PutUint32(b[8:], t.ssrc)
	t.seq++
	t.stamp += 160
	return append(b, load...)
}

// rtcp is a sender report, and an application's packet with a tag (RFC 3550 §6.4.1, §6.7).
func (t *talker) rtcp(tag string) []byte {
	b := make([]byte, 28, 64)
	b[0], b[1], b[3] = 0x80, 200, 6
	binary.BigEndian.PutUint32(b[4:], t.ssrc)
	binary.BigEndian.PutUint32(b[16:], t.stamp)
	app := append(binary.BigEndian.AppendUint32([]byte{0x80, 204, 0, 0}, t.ssrc), "test"+tag...)
	for len(app)%4 != 0 {
		app = append(app, 0)
	}
	app[3] = byte(len(app)/4 - 1)
	return append(b, app...)
}

// link is a live stream of a telephone as it sees it.
type link struct {
	mine, theirs *mline
	s            *stream
}

func (l *link) sends() bool {
	return l.mine.send && l.theirs.recv
}

func (l *link) hears() bool { return l.mine.recv && l.theirs.send }

// links are the live streams by kind, in order.
func (p *walker) links(kind string) (list []link) {
	for i := range p.view {
		if l := p.view[i]; l.mine.live() && l.theirs.live() && l.mine.kind == kind {
			list = append(list, l)
		}
	}
	return list
}

var kinds = []string{"audio", "video", "image"}

// agrees tells where the views of two telephones differ; "": nowhere.
func (p *walker) agrees(q *walker) string {
	w := p.w
	for _, kind := range kinds {
		a, b := p.links(kind), q.links(kind)
		if len(a) != len(b) {
			return fmt.Sprintf("%s has %d streams of %s, %s %d", p.name, len(a), kind, q.name, len(b))
		}
		for i := range a {
			for _, d := range [2]struct {
				from, to *link
				p, q     *walker
			}{{&a[i], &b[i], p, q}, {&b[i], &a[i], q, p}} {
				music := w.music && !d.from.mine.recv && d.to.hears() // and who holds by inactive is shown as one that sends
				if d.from.sends() != d.to.hears() && !music {
					return fmt.Sprintf("%s of %s: sends %v, and %s hears %v", kind, d.p.name, d.from.sends(), d.q.name, d.to.hears())
				}
				if d.from.sends() && kind != "image" {
					if f, ok := d.from.speaks(); !ok {
						return fmt.Sprintf("%s of %s: no codec to send", kind, d.p.name)
					} else if w.converts && kind == "audio" { // what it becomes is seen when it comes
					} else if got := d.to.mine.byType(f.pt); !strings.EqualFold(got, f.name) {
						return fmt.Sprintf("%s of %s: sends %s as %s, which is %q to %s", kind, d.p.name, f.name, f.pt, got, d.q.name)
					}
				}
			}
		}
	}
	return ""
}

// speaks is what a telephone sends: the first that the other side takes, of what it has said.
func (l *link) speaks() (format, bool) {
	for _, f := range l.theirs.formats {
		if _, ok := l.mine.byName(f.name); ok && !auxiliary(f.name) {
			return f, true
		}
	}
	return format{}, false
}

func auxiliary(name string) bool {
	return strings.HasPrefix(name, "telephone-event") || strings.HasPrefix(name, "CN/")
}

// flow is one direction of a live stream.
type flow struct {
	p, q     *walker // who may send, and to whom
	from, to *link   // as each of them sees it
}

// flows are those of the call, once the two telephones agree.
func (w *walk) flows() (list []flow) {
	for _, kind := range kinds {
		a, b := w.a.links(kind), w.b.links(kind)
		for i := range a {
			list = append(list, flow{w.a, w.b, &a[i], &b[i]}, flow{w.b, w.a, &b[i], &a[i]})
		}
	}
	return list
}

// probe sends on all streams and compares what arrives.
func (w *walk) probe() {
	w.probes = true
	defer func() { w.probes = false }()
	list := w.flows()
	w.greeted++
	if n := len(w.a.links("image")); n != w.faxes { // with T.38 there are no ports of RTCP, and they open anew behind it
		clear(w.warm)
		w.faxes = n
	}
	w.greet(list)
	for range 2 { // what goes by the kernel the second time
		w.awaited = map[string]*awaited{}
		for i := range list {
			w.send(&list[i])
		}
		w.await("packets", func() bool { return len(w.awaited) == 0 && w.speech.came() }, func() string {
			s := w.speech.missing()
			for _, a := range w.awaited {
				s += fmt.Sprintf("\n  %s, from %s to %s", a.what, a.from, a.at.at)
			}
			return s
		})
	}
}

// greet sends to ports of the server that were not heard at yet until something has come from each: what comes to a steered port within the first
// milliseconds may be taken for one of the call that had it before.
func (w *walk) greet(list []flow) {
	cold := func() (n int) {
		for i := range list {
			n += len(w.coldPorts(&list[i]))
		}
		return n
	}
	var again func()
	turn := w.greeted
	again = func() {
		if cold() == 0 || w.ended || turn != w.greeted {
			return
		}
		for i := range list {
			for _, port := range w.coldPorts(&list[i]) {
				y := &list[i]
				if port == y.from.theirs.rtcp && y.from.mine.kind != "image" {
					w.early[y.rtcp(w)] = port
				} else {
					w.early[y.media(w, y.first(), 160)] = port
				}
			}
		}
		w.later(30*time.Millisecond, again)
	}
	w.awaited = map[string]*awaited{}
	again()
	w.await("the first packets", func() bool { return cold() == 0 }, func() string {
		s := ""
		for i := range list {
			for _, port := range w.coldPorts(&list[i]) {
				s += fmt.Sprintf("\n  of %s by %s", list[i].p.name, port)
			}
		}
		return s
	})
}

// coldPorts are the ports of the server at which nothing was heard yet of what may come on a way.
func (w *walk) coldPorts(y *flow) (list []netip.AddrPort) {
	if at := y.from.theirs.rtp; y.from.sends() && !w.warm[at] {
		list = append(list, at)
	}
	if at := y.from.theirs.rtcp; y.reports() && !w.warm[at] {
		list = append(list, at)
	}
	return list
}

// reports tells whether RTCP goes that way: also on hold, but not to who holds by 0.0.0.0 (RFC 3264 §8.4).
func (y *flow) reports() bool {
	return !y.converted() && y.from.mine.kind != "image" && !y.to.mine.rtp.Addr().IsUnspecified()
}

// first is what is spoken.
func (y *flow) first() format {
	f, _ := y.from.speaks()
	return f
}

// send sends on one way what may go there, and some of what may not.
func (w *walk) send(y *flow) {
	from := y.from
	if y.converted() {
		w.speak(y)
		return
	}
	switch {
	case from.sends():
		types := []format{y.first(), y.first(), y.first(), y.first()}
		if from.mine.kind == "image" {
			types = types[:1]
		}
		for _, more := range from.theirs.formats { // others that both have; keys that are pressed have other tests
			if _, both := from.mine.byName(more.name); both && more != types[0] && !strings.HasPrefix(more.name, "telephone-event") && w.rnd.IntN(3) == 0 {
				types = append(types, more)
			}
		}
		for _, f := range types {
			w.expect(y, y.media(w, f, 160), f.pt, y.to.s.port.rtp, y.to.theirs.rtp)
		}
	case from.mine.kind != "image":
		w.rude[y.media(w, from.theirs.formats[0], 160)] = w.changes // after the next change it may be too late to tell
	}
	if from.mine.kind != "image" && from.mine.key == "" {
		load, tag := w.load(160)
		next := *from.s.talk
		w.rude[tag] = -1
		w.put(y.p, w.stranger, from.theirs.rtp, next.rtp(from.theirs.formats[0].pt, load))
	}
	if y.reports() {
		w.expect(y, y.rtcp(w), "RTCP", y.to.s.port.rtcp, y.to.theirs.rtcp)
	}
}

// expect notes what has to arrive.
func (w *walk) expect(y *flow, tag, pt string, at *ear, source netip.AddrPort) {
	w.awaited[tag] = &awaited{fmt.Sprintf("%s of %s (%s)", y.from.mine.kind, y.p.name, pt), at, source, pt, w.loads[tag]}
}

// media sends RTP of a format, or UDPTL.
func (y *flow) media(w *walk, f format, size int) string {
	load, tag := w.load(size)
	b := load
	if y.from.mine.kind != "image" {
		b = y.seal(y.from.s.talk.rtp(f.pt, load), false)
	}
	w.put(y.p, y.from.s.port.rtp, y.from.theirs.rtp, b)
	return tag
}

// rtcp sends a report.
func (y *flow) rtcp(w *walk) string {
	_, tag := w.load(0)
	w.put(y.p, y.from.s.port.rtcp, y.from.theirs.rtcp, y.seal(y.from.s.talk.rtcp(tag), true))
	return tag
}

func (y *flow) seal(b []byte, rtcp bool) []byte {
	if y.from.mine.key == "" {
		return b
	}
	c := y.p.locks.of("seal", y.from.mine.key)
	var out []byte
	var err error
	if rtcp {
		out, err = c.EncryptRTCP(nil, b, nil)
	} else {
		out, err = c.EncryptRTP(nil, b, nil)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func (w *walk) put(p *walker, c *ear, to netip.AddrPort, b []byte) {
	if _, err := c.conn.WriteToUDPAddrPort(b, to); err != nil {
		w.fault("%s cannot send to %s: %v", p.name, to, err)
	}
}

// heard takes a packet of media.
func (w *walk) heard(a arrival) {
	p := w.a
	if !p.owns(a.at) {
		p = w.b
	}
	b := a.data
	key := ""
	for _, l := range p.view {
		if s := l.s.port; s != nil && (s.rtp == a.at || s.rtcp == a.at) {
			key = l.theirs.key
		}
	}
	if key != "" && len(b) > 1 {
		c := p.locks.of("open", key)
		var err error
		if b[1] >= 200 && b[1] <= 207 {
			b, err = c.DecryptRTCP(nil, b, nil)
		} else {
			b, err = c.DecryptRTP(nil, b, nil)
		}
		if err != nil && !w.probes { // it was on its way while keys change
			return
		}
		if err != nil {
			w.fault("%s at %s: %d octets from %s cannot be opened: %v", p.name, a.at.at, len(a.data), a.from, err)
			return
		}
	}
	if w.converts && w.understood(p, &a, b) {
		return
	}
	i := bytes.Index(b, []byte(marker))
	if i < 0 && !w.probes { // … or before its keys are known
		return
	}
	if i < 0 || len(b) < i+len(marker)+13 {
		if len(b) > 1 && b[1] >= 200 && b[1] <= 207 || w.music && p.mayHearMusic(&a) { // a report of ours
			return
		}
		w.fault("%s at %s: %d octets from %s that nobody has sent: %x", p.name, a.at.at, len(b), a.from, b[:min(len(b), 24)])
		return
	}
	tag := string(b[i : i+len(marker)+13])
	if n, rude := w.rude[tag]; rude {
		if n < 0 {
			w.fault("%s hears a stranger at %s", p.name, a.at.at)
		} else if n == w.changes {
			w.fault("%s hears at %s what the other side may not send", p.name, a.at.at)
		}
		return
	}
	if port, ok := w.early[tag]; ok {
		w.warm[port] = true
		return
	}
	want := w.awaited[tag]
	if want == nil {
		w.fault("%s at %s: packet %s is late, comes twice or is another walk's", p.name, a.at.at, tag)
		return
	}
	delete(w.awaited, tag)
	switch {
	case want.at != a.at:
		w.fault("%s came to %s of %s, not to %s", want.what, a.at.at, p.name, want.at.at)
	case want.from != a.from:
		w.fault("%s came to %s from %s, not %s", want.what, p.name, a.from, want.from)
	case want.pt == "RTCP":
	case want.pt == "t38" && !bytes.Equal(b, want.load), want.pt != "t38" && !bytes.Equal(b[12:], want.load):
		w.fault("%s came to %s with other content", want.what, p.name)
	case want.pt != "t38" && strconv.Itoa(int(b[1]&0x7f)) != want.pt:
		w.fault("%s came to %s as %d", want.what, p.name, b[1]&0x7f)
	}
}

// mayHearMusic tells whether a packet comes to a stream on which the telephone listens, from where it has been told.
func (p *walker) mayHearMusic(a *arrival) bool {
	return slices.ContainsFunc(p.view, func(l link) bool { return l.s.port != nil && l.s.port.rtp == a.at && l.theirs.rtp == a.from })
}

// owns tells whether a socket is one of this telephone.
func (p *walker) owns(at *ear) bool {
	return slices.ContainsFunc(p.media, func(m *mediaPort) bool { return m.rtp == at || m.rtcp == at })
}
