package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
)

// wrong is a way in which a party's media fails: what it says, what it does every 20 ms, and what is to be said of what is heard of caller and callee; "": it is heard.
type wrong struct {
	name           string
	offer, answer  func(sdp string) string
	a, b           func(c *talk, n int) // nil: it sends as it should
	caller, callee string
}

// replaced changes a description.
func replaced(old, text string) func(string) string {
	return func(sdp string) string { return strings.Replace(sdp, old, text, 1) }
}

func silent(*talk, int) {}

// spurts is a caller that speaks for 100 ms in every 500 and sends nothing else, or comfort noise (RFC 3389).
func spurts(noise bool) func(*talk, int) {
	return func(c *talk, n int) {
		in := n % 25
		if in > 5 || in == 5 && !noise {
			return
		}
		c.aSeq++
		p := packet(c.aSeq, c.aSSRC, "speech")
		binary.BigEndian.PutUint32(p[4:], uint32(n)*160)
		if in == 5 {
			p = append(p[:12], 60)
			p[1] = 13
		}
		c.aRTP.WriteToUDP(p, c.toA)
	}
}

// frames are so many of 20 ms that packets are looked into five times.
const frames = 215

// clearKey is the key and the salt of a caller that protects its RTP and not its RTCP.
var clearKey = []byte("thirty octets of key and salt!")

var wrongs = []wrong{
	{name: "as it should be"},
	{name: "from elsewhere", a: func(c *talk, n int) { c.other.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA) }, caller: "elsewhere"},
	{name: "nothing", a: silent, caller: "nothing"},
	{name: "both ways nothing", a: silent, b: silent, caller: "nothing", callee: "nothing"},
	{name: "private address", a: silent, offer: replaced("c=IN IP4 127.", "c=IN IP4 10."), caller: "private", callee: "send-error"},
	{name: "RTCP alone", a: func(c *talk, n int) { c.rtcpFromA(n, receiverReport(0xa)) }, caller: "rtcp-only"},
	{name: "RTP filtered", a: func(c *talk, n int) { c.rtcpFromA(n, senderReport(0xa, uint32(n))) }, caller: "rtp-filtered"},
	{name: "port of RTCP", a: func(c *talk, n int) { c.aRTP.WriteToUDP(packet(uint16(n), 0xa, "speech"), above(c.toA)) }, caller: "rtcp-port"},
	{name: "payload type", a: func(c *talk, n int) {
		p := packet(uint16(n), 0xa, "speech")
		p[1] = 96
		c.aRTP.WriteToUDP(p, c.toA)
	}, caller: "payload-type"},
	{name: "codec", a: func(c *talk, n int) { c.aRTP.WriteToUDP(packet(uint16(n), 0xa, "speech")[:12+20], c.toA) }, caller: "codec"}, // G.729 as payload type 0
	{name: "digital silence", a: func(c *talk, n int) { c.aRTP.WriteToUDP(packet(uint16(n), 0xa, ""), c.toA) }, caller: "silence"},
	{name: "silence left out", a: spurts(false)},
	{name: "comfort noise", a: spurts(true)},
	{name: "closed port", a: func(c *talk, n int) { c.aRTP.Close() }, caller: "port-closed", callee: "unreachable"},
	{name: "receives only", offer: func(sdp string) string { return sdp + "a=recvonly\r\n" }, caller: "held"},
	{name: "receives only, in silence", offer: func(sdp string) string { return sdp + "a=recvonly\r\n" }, a: silent, caller: "held"},
	{name: "on hold", answer: func(sdp string) string { return sdp + "a=sendonly\r\n" }, caller: "on-hold"},
	{name: "address zero", answer: func(sdp string) string {
		_, rest, _ := strings.Cut(sdp, "\r\nt=")
		return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=" + rest
	}, caller: "zero-address"},
	{name: "no way there", answer: replaced("c=IN IP4 127.", "c=IN IP4 203."), b: silent, caller: "send-error", callee: "nothing"},
	{name: "another key", offer: func(sdp string) string {
		return strings.Replace(sdp, "RTP/AVP", "RTP/SAVP", 1) + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
	}, caller: "srtp-key"},
	{name: "RTCP in the clear", offer: func(sdp string) string {
		return strings.Replace(sdp, "RTP/AVP", "RTP/SAVP", 1) + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(clearKey) + "\r\n"
	}, a: func(c *talk, n int) {
		c.rtcpFromA(n, receiverReport(0xa))
		if c.srtp == nil {
			c.srtp, _ = srtp.CreateContext(clearKey[:16], clearKey[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
		}
		if sealed, err := c.srtp.EncryptRTP(nil, packet(uint16(n), 0xa, "speech"), nil); err == nil {
			c.aRTP.WriteToUDP(sealed, c.toA)
		}
	}},
	{name: "ICE", a: func(c *talk, n int) {
		c.aRTP.WriteToUDP(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...), c.toA)
	}, caller: "ice"},
	{name: "ICE, unchecked", offer: func(sdp string) string {
		port := strings.Fields(sdp[strings.Index(sdp, "m=audio "):])[1]
		return sdp + "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=candidate:1 1 udp 2130706431 " + strings.Fields(sdp[strings.Index(sdp, "c=IN IP4 "):])[2] + " " + port + " typ host\r\n"
	}, caller: "ice-unchecked", callee: "unchecked-there"},
	{name: "no handshake", offer: func(sdp string) string {
		return strings.Replace(sdp, "RTP/AVP", "UDP/TLS/RTP/SAVP", 1) + "a=setup:passive\r\na=fingerprint:SHA-256 " + strings.Repeat("AB:", 31) + "AB\r\n"
	}, caller: "dtls-unfinished", callee: "no-keys-there"},
	{name: "DTLS", a: func(c *talk, n int) { c.aRTP.WriteToUDP(append([]byte{22, 0xfe, 0xfd}, make([]byte, 60)...), c.toA) }, caller: "dtls"},
	{name: "too long", a: func(c *talk, n int) {
		c.aRTP.WriteToUDP(append(packet(uint16(n), 0xa, "speech"), make([]byte, 5000)...), c.toA)
	}, caller: "oversize"},
	{name: "lost behind us", b: func(c *talk, n int) { c.reports(n, uint32(n*98/100)) }, caller: "lost-beyond"},
	{name: "loss behind us", b: func(c *talk, n int) { c.reports(n, uint32(n/10)) }, caller: "loss-beyond"},
	{name: "no loss behind us", b: func(c *talk, n int) { c.reports(n, 0) }},
	{name: "loss", a: func(c *talk, n int) {
		if n%8 != 0 {
			c.aRTP.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA)
		}
	}, caller: "loss"},
	{name: "jitter", a: func(c *talk, n int) {
		for i := n - 9; n%10 == 0 && i <= n; i++ { // 200 ms of audio at once
			c.aRTP.WriteToUDP(packet(uint16(i), 0xa, "speech"), c.toA)
		}
	}, caller: "jitter"},
	{name: "two at once", a: func(c *talk, n int) {
		c.other.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA)
		c.aRTP.WriteToUDP(packet(uint16(n), 0xa, "speech"), above(c.toA))
	}, caller: "elsewhere+rtcp-port"},
	{name: "loss and jitter", a: func(c *talk, n int) {
		for i := n - 9; n%10 == 0 && i < n; i++ {
			c.aRTP.WriteToUDP(packet(uint16(i), 0xa, "speech"), c.toA)
		}
	}, caller: "loss+jitter"},
	{name: "a few packets of a stranger", a: func(c *talk, n int) {
		if n%70 == 1 {
			c.other.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA)
		}
	}, caller: "nothing+elsewhere"},
	{name: "opens its port late, in silence", a: func(c *talk, n int) {
		switch n {
		case 1:
			c.aRTP.Close()
		case 50: // a second later, so that a busy host has been refused too
			var err error
			if c.aRTP, err = listenUDP(c.aRTP.LocalAddr().(*net.UDPAddr)); err != nil {
				panic(err)
			}
		}
	}, caller: "port-closed"},
	{name: "numbers anew under its SSRC", a: func(c *talk, n int) {
		p := packet(uint16(n+n/100*2000), 0xa, "speech")
		binary.BigEndian.PutUint32(p[4:], uint32(n)*160)
		c.aRTP.WriteToUDP(p, c.toA)
	}},
	{name: "20 and 30 ms in turn", a: func(c *talk, n int) {
		if n%5 == 2 { // four in 100 ms
			return
		}
		c.aSeq++
		p := packet(c.aSeq, 0xa, "speech")
		at, size := c.aSeq/2*400, 160
		if c.aSeq%2 == 1 {
			at, size = at+160, 240
		}
		binary.BigEndian.PutUint32(p[4:], uint32(at))
		c.aRTP.WriteToUDP(append(p, bytes.Repeat([]byte{0x55}, size-160)...), c.toA)
	}},
	{name: "an octet too many", a: func(c *talk, n int) { c.aRTP.WriteToUDP(append(packet(uint16(n), 0xa, "speech"), 0x55), c.toA) }},
	{name: "every packet twice", a: func(c *talk, n int) {
		for range 2 {
			c.aRTP.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA)
		}
	}},
	{name: "another SSRC each second", a: func(c *talk, n int) { c.aRTP.WriteToUDP(packet(uint16(n), 0xa+uint32(n/50), "speech"), c.toA) }},
	{name: "reports on nothing", b: func(c *talk, n int) {
		c.fromB("speech")
		if n%5 == 0 {
			c.bRTP.WriteToUDP(receiverReport(0xb), above(c.toB))
		}
	}},
	{name: "says BYE and goes on", b: func(c *talk, n int) {
		c.reports(n, 0)
		if n%50 == 0 {
			c.bRTP.WriteToUDP([]byte{0x81, 203, 0, 1, 0, 0, 0, 0xb}, above(c.toB))
		}
	}},
	{name: "two sources at once", a: func(c *talk, n int) {
		for ssrc := range uint32(2) {
			c.aRTP.WriteToUDP(packet(uint16(n), 0xa+ssrc, "speech"), c.toA)
		}
	}, caller: "sources"},
	{name: "reports what another source has lost", b: func(c *talk, n int) { // and has no share for it
		c.fromB("speech")
		if n%5 == 0 {
			p := append([]byte{0x81, 201, 0, 7, 0, 0, 0, 0xb, 0, 0, 0, 0xa, 0, 0x75, 0x30}, make([]byte, 17)...)
			binary.BigEndian.PutUint32(p[16:], uint32(n))
			c.bRTP.WriteToUDP(p, above(c.toB))
		}
	}},
	{name: "comfort noise alone", a: func(c *talk, n int) {
		if n%10 == 1 {
			c.aSeq++
			p := append(packet(c.aSeq, 0xa, "")[:12], 60)
			p[1] = 13
			binary.BigEndian.PutUint32(p[4:], uint32(n)*160)
			c.aRTP.WriteToUDP(p, c.toA)
		}
	}, caller: "silence"},
	{name: "STUN of a stranger", a: func(c *talk, n int) {
		if n%20 == 1 {
			c.other.WriteToUDP(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...), c.toA)
		}
	}, caller: "nothing"},
	{name: "SRTP, and RTP of a stranger", offer: func(sdp string) string {
		return strings.Replace(sdp, "RTP/AVP", "RTP/SAVP", 1) + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
	}, a: func(c *talk, n int) { c.other.WriteToUDP(packet(uint16(n), 0xa, "speech"), c.toA) }, caller: "elsewhere"},
	{name: "private address, and RTCP", offer: replaced("c=IN IP4 127.", "c=IN IP4 10."), a: func(c *talk, n int) { c.rtcpFromA(n, receiverReport(0xa)) }, caller: "rtcp-only", callee: "send-error"},
}

// atOnce is how many calls run at the same time: all have to be set up before the first of them misses audio, also by a busy machine.
const atOnce = 12

// goWrong makes some of the calls, and returns how late it was with a packet at most.
func (l *lab) goWrong(s *server, a, b *socket, elsewhere *net.UDPConn, number int, wrongs []wrong) (late time.Duration) {
	talks := make([]*talk, len(wrongs))
	for i, w := range wrongs {
		c := &talk{a: a, b: b, aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb, other: elsewhere}
		offer, answer := audio(l.ip(2), port(c.aRTP)), audio(l.ip(3), port(c.bRTP))
		if w.offer != nil {
			offer = w.offer(offer)
		}
		if w.answer != nil {
			answer = w.answer(answer)
		}
		c.setUp(l, "+14255550100", fmt.Sprint("wrong", number+i), offer, answer)
		talks[i] = c
	}
	for n, begin := 1, time.Now(); n <= frames; n++ {
		due := time.Duration(n) * 20 * time.Millisecond
		<-time.After(due - time.Since(begin))
		late = max(late, time.Since(begin)-due)
		for i, w := range wrongs {
			c := talks[i]
			if w.a != nil {
				w.a(c, n)
			} else {
				c.fromA("speech")
			}
			if w.b != nil {
				w.b(c, n)
			} else {
				c.fromB("speech")
			}
		}
	}
	if number == 0 {
		why := s.cli(0, "why", "wrong1")
		if !strings.Contains(why, "has lasted") || !strings.Contains(why, `Nothing of the caller on trunk "pbx" was heard: `) || !strings.Contains(why, "packets came from "+elsewhere.LocalAddr().String()) {
			l.t.Errorf("while the call runs, why says\n%s", why)
		}
	}
	for i := range wrongs {
		talks[i].hangUp()
	}
	return late
}

// The laboratory of one-way audio: in each call a party's media fails in another way, over real sockets, all at the same time, and the verdict names that and nothing
// else. A call whose media is as it should be gets none. While they run, why says the same.
func TestMED08_OneWayAudioIsExplained(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "ice: lite", "srtpKeying: both"))
	a, b := l.udp(2, 0), l.udp(3, 5060)
	elsewhere := l.rtp(l.ip(9))
	late := time.Duration(0) // this machine, at most
	for begin := 0; begin < len(wrongs); begin += atOnce {
		late = max(late, l.goWrong(s, a, b, elsewhere, begin, wrongs[begin:min(begin+atOnce, len(wrongs))]))
	}
	busy := late > 10*time.Millisecond
	for i, r := range s.records(len(wrongs)) {
		w, got := wrongs[i], map[string]string{}
		for _, v := range r.Audio {
			want := w.caller
			if v.From == "callee" {
				want = w.callee
			}
			got[v.From] = v.Cause
			if busy && !strings.Contains(want, "jitter") { // then it is true
				got[v.From] = strings.Trim(strings.NewReplacer("jitter", "", "overload", "").Replace(v.Cause), "+")
			}
			if want := !strings.Contains(v.Text, "not certain"); v.Certain != want {
				t.Errorf("%s: certain is %v of: %s", w.name, v.Certain, v.Text)
			}
		}
		if got["caller"] != w.caller || got["callee"] != w.callee {
			t.Errorf("%s: caller %q, callee %q; want %q, %q\n%+v", w.name, got["caller"], got["callee"], w.caller, w.callee, r.Audio)
		}
		if w.caller == "" && w.callee == "" && r.Poor() && !busy {
			t.Errorf("%s is poor: %+v", w.name, r.Media[0].Quality)
		}
	}
	for _, c := range []struct { // the trunk that each lies with, whoever was not heard by it
		trunk, cause string
		want         float64
	}{{"pbx", "elsewhere", 4}, {"pbx", "rtcp-port", 2}, {"pbx", "codec", 1}, {"pbx", "srtp-key", 1}, {"pbx", "unreachable", 1}, {"pbx", "unchecked-there", 1}, {"pbx", "no-keys-there", 1},
		{"gw1", "on-hold", 1}, {"gw1", "lost-beyond", 1}} {
		if got := s.metric("directsip_audio_faults_total", `trunk="`+c.trunk+`"`, `cause="`+c.cause+`"`); got != c.want {
			t.Errorf("%v calls with cause %s are counted for %s, want %v", got, c.cause, c.trunk, c.want)
		}
	}
	if n := s.metric("directsip_audio_no_comfort_noise_total", `trunk="pbx"`); n != 1 { // MED-07
		t.Errorf("%v calls without comfort noise are counted", n)
	}
	if n := s.metric("directsip_audio_mos_count", `trunk="gw1"`, `direction="from"`, `scale="narrow"`); n < float64(len(wrongs))/2 {
		t.Errorf("%v scores of gw1", n)
	}
	i := slices.IndexFunc(wrongs, func(w wrong) bool { return w.name == "RTCP in the clear" })
	why := s.cli(0, "why", s.records(len(wrongs))[i].ID)
	if !strings.Contains(why, "packets of its RTCP came in the clear, where SRTCP was agreed on, and were dropped: ") || !strings.Contains(why, " RTCP in the clear ") || strings.Contains(why, "unauthentic") {
		t.Errorf("of RTCP in the clear it is said\n%s", why)
	}
	poor := s.cli(0, "calls", "--poor")
	for i, w := range wrongs {
		if busy {
			break
		}
		id := s.records(len(wrongs))[i].ID
		if want := w.caller == "loss" || w.caller == "jitter" || w.caller == "loss+jitter" || strings.HasPrefix(w.caller, "lo"); strings.Contains(poor, id) != want {
			t.Errorf("%s among the poor calls: %v", w.name, !want)
		}
	}
}

func port(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

func above(a *net.UDPAddr) *net.UDPAddr { return &net.UDPAddr{IP: a.IP, Port: a.Port + 1} }

// rtcpFromA sends RTCP of the caller ten times a second.
func (c *talk) rtcpFromA(n int, p []byte) {
	if n%5 == 0 {
		c.aRTP.WriteToUDP(p, above(c.toA))
	}
}

// reports sends audio of the callee, and what it says of the packets of the caller, of which so many were lost.
func (c *talk) reports(n int, lost uint32) {
	c.fromB("speech")
	if n%5 == 0 {
		p := append([]byte{0x81, 201, 0, 7, 0, 0, 0, 0xb, 0, 0, 0, 0xa}, make([]byte, 20)...)
		binary.BigEndian.PutUint32(p[12:], min(lost<<8/uint32(n), 255)<<24|lost&0xffffff)
		binary.BigEndian.PutUint32(p[16:], uint32(n))
		c.bRTP.WriteToUDP(p, above(c.toB))
	}
}

// receiverReport is one without a block (RFC 3550 §6.4.2).
func receiverReport(ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, ssrc)
}

// senderReport says that so many packets were sent (RFC 3550 §6.4.1).
func senderReport(ssrc, packets uint32) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0x80, 200, 0, 6}, ssrc)
	p = append(p, bytes.Repeat([]byte{1}, 12)...)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(p, packets), packets*160)
}
