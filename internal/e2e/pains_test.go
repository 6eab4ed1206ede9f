package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// P11: a re-INVITE to T.38 passes, and so do the UDPTL packets of both fax machines, unchanged.
func TestP11_T38Passes(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	c := l.talk("fax", "+14255550100")
	t38 := func(ip string, conn *net.UDPConn) string {
		before, _, _ := strings.Cut(audio(ip, conn.LocalAddr().(*net.UDPAddr).Port), "RTP/AVP")
		return strings.Replace(before, "m=audio", "m=image", 1) + "udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
	}
	c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), header(c.answer, "To"), "fax", 2, "t38", t38(l.ip(2), c.aRTP)))
	inv := c.b.expect("INVITE ")
	c.b.send(c.b.reply(inv, 200, t38(l.ip(3), c.bRTP)))
	c.b.expect("ACK ")
	answer := c.a.final("INVITE")
	for _, m := range []string{inv, answer} {
		if !strings.Contains(m, " udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n") {
			t.Errorf("the description of T.38 is lost:\n%s", m)
		}
	}
	c.a.send(c.a.request("ACK", uri(header(answer, "Contact")), header(answer, "To"), "fax", 2, "ackt38", ""))
	for _, way := range []struct {
		from, at *net.UDPConn
		to       *net.UDPAddr
	}{{c.aRTP, c.bRTP, c.toA}, {c.bRTP, c.aRTP, c.toB}} {
		p := []byte{0, 0, 1, 6, 0, 0}
		way.from.WriteToUDP(p, way.to)
		if got := hear(way.at, timeout); !bytes.Equal(got, p) {
			t.Errorf("%v came as %v", p, got)
		}
	}
	c.a.send(c.a.request("BYE", uri(header(answer, "Contact")), header(answer, "To"), "fax", 3, "byefax", ""))
	c.a.final("BYE")
	c.b.send(c.b.reply(c.b.expect("BYE "), 200, ""))
	checkRecord(t, s.record(), "normal-clearing", 200, "caller")
}

// P11: a fax has ports of its own at both ends, and passes both ways between them, whatever the m-lines are and however few the answer has; refused it changes nothing, and
// afterwards there is audio again where it was. The record tells what was T.38.
func TestP11_FaxWithinACall(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct{ fax, answer, audio string }{
		"in the place of audio":       {"m=image %d udptl t38\r\n", "m=image %d udptl t38\r\n", "m=audio %d RTP/AVP 0\r\n"},
		"behind audio":                {"m=audio 0 RTP/AVP 0\r\nm=image %d udptl t38\r\n", "m=audio 0 RTP/AVP 0\r\nm=image %d udptl t38\r\n", "m=audio %d RTP/AVP 0\r\nm=image 0 udptl t38\r\n"},
		"behind audio, answers alone": {"m=audio 0 RTP/AVP 0\r\nm=image %d udptl t38\r\n", "m=image %d udptl t38\r\n", "m=audio %d RTP/AVP 0\r\nm=image 0 udptl t38\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.document("UDP"))
			c := l.talk("fax", "+14255550100")
			c.calleeHears("hello")
			c.callerHears("hello")
			said := func(ip, media string, conn *net.UDPConn) string {
				head, _, _ := strings.Cut(audio(ip, 0), "m=audio")
				return head + fmt.Sprintf(media, conn.LocalAddr().(*net.UDPAddr).Port)
			}
			port := func(msg, kind string) *net.UDPAddr {
				_, m, _ := strings.Cut(msg, "\r\nm="+kind+" ")
				n, _ := strconv.Atoi(strings.Fields(m + " 0")[0])
				return &net.UDPAddr{IP: net.ParseIP(l.ip(1)), Port: n}
			}
			seq := 1
			change := func(code int, offer, answer string) (inv, final string) {
				seq++
				c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), header(c.answer, "To"), "fax", seq, fmt.Sprint("re", seq), offer))
				inv = c.b.expect("INVITE ")
				c.calleeHears("still here")
				c.callerHears("still here")
				c.b.send(c.b.reply(inv, code, answer))
				c.b.expect("ACK ")
				final = c.a.final("INVITE")
				branch := fmt.Sprint("re", seq)
				if code < 300 {
					branch = "ack" + branch
				}
				c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), header(c.answer, "To"), "fax", seq, branch, ""))
				return inv, final
			}
			aFax, bFax := l.rtp(l.ip(2)), l.rtp(l.ip(3))
			change(488, said(l.ip(2), v.fax, aFax), "")
			c.calleeHears("go on")
			c.callerHears("go on")
			inv, final := change(200, said(l.ip(2), v.fax, aFax), said(l.ip(3), v.answer, bFax))
			toA, toB := port(final, "image"), port(inv, "image")
			for n := range byte(60) {
				x := []byte{0, n, 1, 6, 0, 0}
				aFax.WriteToUDP(x, toA)
				if got := hear(bFax, timeout); !bytes.Equal(got, x) {
					t.Fatalf("the callee's fax has %v, want %v", got, x)
				}
				bFax.WriteToUDP(x, toB)
				if got := hear(aFax, timeout); !bytes.Equal(got, x) {
					t.Fatalf("the caller's fax has %v, want %v", got, x)
				}
			}
			back := v.audio
			if !strings.Contains(v.answer, "audio") { // as it answers, so it is offered nothing else, and answers that
				back = "m=audio %d RTP/AVP 0\r\n"
			}
			seq++
			c.a.send(c.a.request("INVITE", uri(header(c.answer, "Contact")), header(c.answer, "To"), "fax", seq, "back", said(l.ip(2), v.audio, c.aRTP)))
			inv = c.b.expect("INVITE ")
			c.b.send(c.b.reply(inv, 200, said(l.ip(3), back, c.bRTP)))
			c.b.expect("ACK ")
			final = c.a.final("INVITE")
			c.a.send(c.a.request("ACK", uri(header(c.answer, "Contact")), header(c.answer, "To"), "fax", seq, "ackback", ""))
			c.toA, c.toB = port(final, "audio"), port(inv, "audio")
			c.calleeHears("again")
			c.callerHears("again")
			c.hangUpAt(seq + 1)
			r := s.record()
			checkRecord(t, r, "normal-clearing", 200, "caller")
			var t38 uint64
			for i := range r.Media {
				t38 += r.Media[i].Evidence.T38
			}
			if why := s.cli(0, "why", r.ID); t38 != 120 || strings.Count(why, "60 of T.38") != 2 || len(r.Trouble(r.End)) > 0 {
				t.Errorf("the record counts %d packets of T.38, and directsip why says\n%s", t38, why)
			}
		})
	}
}

// P13: of a server with several addresses, SIP and media each have their own: the description names the media address, and packets leave from it.
func TestP13_TwoNetworkCards(t *testing.T) {
	l := newLab(t)
	s := l.serve(replaceOnce(t, l.document("UDP"), "addresses: [", "media: ["+l.ip(7)+"], addresses: ["))
	c := l.talk("two-cards", "+14255550100")
	for _, a := range []*net.UDPAddr{c.toA, c.toB} {
		if a.IP.String() != l.ip(7) {
			t.Errorf("the description says %v", a)
		}
	}
	for _, way := range []struct {
		send func(string) []byte
		at   *net.UDPConn
	}{{c.fromA, c.bRTP}, {c.fromB, c.aRTP}} {
		p, b := way.send("hello"), make([]byte, 2048)
		way.at.SetReadDeadline(time.Now().Add(timeout))
		n, from, err := way.at.ReadFromUDP(b)
		if err != nil || !bytes.Equal(b[:n], p) || from.IP.String() != l.ip(7) {
			t.Errorf("%d bytes from %v: %v", n, from, err)
		}
	}
	c.hangUp()
	s.record()
}

// P14: peers behind NAT, whose descriptions have private addresses, hear each other by default; with rtpLatching off only what the description
// says counts.
func TestP14_PrivateAddressInSDP(t *testing.T) {
	t.Parallel()
	for setting, heard := range map[string]bool{"rtpLatching: peer": true, "rtpLatching: off": false} {
		t.Run(setting, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.document("UDP", setting))
			c := l.talkFrom("nat", "+14255550100", "10.0.0.50", "10.0.0.60")
			c.fromA("first") // its place is known once it has sent
			if heard {
				c.callerHears("good")
				c.calleeHears("good")
			} else {
				c.fromB("good")
				until(t, "both packets stopped at the gate", func() bool { return s.metric("directsip_media_packets_total", `"gated"`) == 2 })
			}
			c.hangUp()
			var gated uint64
			for _, m := range s.record().Media {
				gated += m.Gated
			}
			if (gated == 0) != heard {
				t.Errorf("%d packets did not pass", gated)
			}
		})
	}
}

// P18: a TLS handshake that fails has its reason in words: in the call record where we call, in the log where we are called.
func TestP18_WhyTheHandshakeFails(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(cfg *tls.Config)
		cert   string
		says   string
	}{
		"a name that is not the trunk's": {nil, "wrong", "sbc.elsewhere.test"},
		"an expired certificate":         {nil, "expired", "expired"},
		"an unknown authority":           {nil, "foreign", "unknown authority"},
		"our certificate is not taken":   {func(cfg *tls.Config) { cfg.ClientCAs = nil }, "good", "certificate"},
		"only old versions":              {func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "good", "version"},
	} {
		t.Run(what, func(t *testing.T) {
			l := newLab(t)
			p, other := l.pki("ca"), l.pki("other-ca")
			p.Issue("server", soon, "med1.test", "pool.test")
			p.Issue("good", soon, "localhost")
			p.Issue("wrong", soon, "sbc.elsewhere.test")
			p.Issue("expired", -time.Hour, "localhost")
			other.Issue("foreign", soon, "localhost")
			cfg := p.config(c.cert, "")
			cfg.ClientCAs = p.Pool
			if c.change != nil {
				c.change(cfg)
			}
			if cfg.ClientCAs == nil {
				cfg.ClientCAs = other.Pool
			}
			port, _ := l.tlsGateway(cfg)
			doc := replaceOnce(t, l.tlsDocument(p), "host: sbc.itsp.test, root: {transport: TLS, port: 5061, gatewayPort: 5061}",
				fmt.Sprintf("host: localhost, root: {transport: TLS, port: 5061, gatewayPort: %d}", port))
			doc = replaceOnce(t, doc, "trunkSettings:", "trunkSettings:\n  trunk:itsp: {options: false}")
			s := l.serve(replaceOnce(t, doc, "trunks: [gw1, gw2]", "trunks: [itsp]"))
			caller := l.udp(2, 0)
			caller.send(caller.invite(l, "+14255550100", "tls", audio(l.ip(2), 6000)))
			refused := caller.final("INVITE")
			caller.send(caller.ack(refused))
			r := s.record()
			if status(refused) != 503 || r.Reason != "transport-failed" || !strings.Contains(r.Detail, c.says) {
				t.Errorf("refused with %d, record %s: %s", status(refused), r.Reason, r.Detail)
			}
		})
	}
}

// P18: … and where we are called.
func TestP18_WhyTheirHandshakeFails(t *testing.T) {
	t.Parallel()
	for file, says := range map[string]string{"wrong": "sbc.elsewhere.test", "foreign": "unknown authority", "": "certificate"} {
		t.Run(file, func(t *testing.T) {
			l := newLab(t)
			p, other := l.pki("ca"), l.pki("other-ca")
			p.Issue("server", soon, "med1.test", "pool.test")
			p.Issue("wrong", soon, "sbc.elsewhere.test")
			other.Issue("foreign", soon, "sbc.itsp.test")
			s := l.serve(l.tlsDocument(p))
			cfg := p.config(file, "med1.test")
			if list := cfg.Certificates; file != "" { // shown even to a server that does not name its authority
				cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &list[0], nil }
			}
			if c, err := l.dialTLS(5, cfg); err == nil {
				c.tcp.Read(make([]byte, 1))
			}
			s.waitLog("TLS connection refused", l.ip(5), says)
		})
	}
}

// P19: a TCP trunk needs no SRTP, and gets RTP also where the caller's side insists on SRTP: that ends here. Only with srtpMode pass on both
// trunks does it pass as it is.
func TestP19_TCPTrunkWithoutSRTP(t *testing.T) {
	t.Parallel()
	const key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:1\r\n"
	for _, c := range []struct{ mode, offered, want string }{
		{"accept", "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", "RTP/AVP 0"},
		{"accept", "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n" + key, "RTP/AVP 0"},
		{"accept", "RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n" + key, "RTP/AVP 0"},
		{"pass", "RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n" + key, "RTP/SAVP 0"},
	} {
		t.Run(c.mode+" "+c.offered, func(t *testing.T) {
			inv := offer(t, c.mode, c.offered)
			if !strings.Contains(inv, c.want+"\r\n") || strings.Contains(inv, "a=crypto") != strings.Contains(c.want, "SAVP") {
				t.Errorf("of %q becomes\n%s", c.offered, inv)
			}
		})
	}
}

// P30: the lifetime and index of a key (RFC 4568 §6.1) neither offend nor, where keys pass, get lost.
func TestP30_KeyLifetime(t *testing.T) {
	t.Parallel()
	for _, params := range []string{"", "|2^31", "|2^48|1:1", "|1:4", "|2147483648"} {
		key := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" + params + "\r\n"
		for mode, kept := range map[string]bool{"pass": true, "accept": false} {
			t.Run(mode+" "+params, func(t *testing.T) {
				if inv := offer(t, mode, "RTP/SAVP 0\r\n"+key); strings.Contains(inv, key) != kept || strings.Contains(inv, "a=crypto") != kept {
					t.Errorf("of %q becomes\n%s", key, inv)
				}
			})
		}
	}
}

// offer is the INVITE that a gateway by TCP sees of an offer with that end of its audio line, and what follows it, with that srtpMode.
func offer(t *testing.T, mode, line string) string {
	t.Helper()
	l := newLab(t)
	s := l.serve(l.document("TCP", "srtpMode: "+mode))
	lis, err := net.Listen("tcp", l.ip(3)+":5060")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	caller := l.dial(2)
	before, _, _ := strings.Cut(audio(l.ip(2), 6000), "RTP/AVP")
	caller.send(caller.invite(l, "+14255550100", "keys", before+line))
	c, err := lis.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gw := &socket{t: t, tcp: c, in: bufio.NewReader(c), ip: l.ip(3), port: 5060}
	inv := gw.expect("INVITE ")
	gw.send(gw.reply(inv, 486, ""))
	caller.send(caller.ack(caller.final("INVITE")))
	s.record()
	return inv
}

// P31: one command shows a call by whatever of it is at hand: our id, its beginning, the Call-ID of either leg, the number; with trunk, decision,
// attempts, both legs' messages in one ladder, also behind TLS, and media.
func TestP31_OneViewOfACall(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("TCP"))
	callee := l.sipp(peer{scenario: "uas-call", n: 3, tcp: true})
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, tcp: true}).wait()
	callee.wait()
	r := s.record()
	for _, handle := range []string{r.ID, r.ID[:8], r.In.CallID, r.Out.CallID} {
		if out := s.cli(0, "why", handle); !containsAll(out, []string{r.ID, "outward", "gw1", "attempts", "pbx", l.ip(3) + ":5060", "INVITE", "media"}) {
			t.Errorf("directsip why %s says\n%s", handle, out)
		}
	}
	if out := s.cli(0, "calls", "--trunk", "gw1", "--number", "5550100"); !strings.Contains(out, r.ID) {
		t.Errorf("directsip calls says\n%s", out)
	}
}
