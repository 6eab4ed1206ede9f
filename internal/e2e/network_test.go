package e2e

import (
	"net"
	"strings"
	"testing"
)

// places is base where gw1 is at a branch whose link carries one call of G.711, and everybody else is at one place with the server.
func (l *lab) places(t *testing.T, settings ...string) string {
	t.Helper()
	doc := replaceOnce(t, l.document("UDP", settings...), "usages: [all]\nroutes:", "usages: [all, near, sos]\nroutes:\n"+
		`  - {name: sos, pattern: '^911$', usages: [sos], trunks: [gw1]}`+"\n"+`  - {name: near, pattern: '^\+2', usages: [near], trunks: [gw2]}`)
	return doc + "  trunk:pbx: {" + strings.Join(append(settings, "usages: [all, near], options: false"), ", ") + "}\n" + l.expand(`emergency:
  - {number: 911, usage: sos}
network:
  profiles: {thin: {audio: {total: 100, perSession: 85}}}
  regions: {emea: {bypassId: 4d4a9a7d-0f1e}}
  sites:
    hq: {subnets: [NET.1, NET.2, NET.4]}
    branch: {subnets: [NET.3], bandwidthPolicy: thin}
`)
}

// to sets up a call to the peer at NET.n with an offer of L16 and G.711 of a client that says where it is.
func (l *lab) to(n int, callID, number string) *talk {
	l.t.Helper()
	c := &talk{a: l.udp(2, 0), b: l.udp(n, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(n)), aSSRC: 0xa, bSSRC: 0xb}
	offer := strings.Replace(audio(l.ip(2), c.aRTP.LocalAddr().(*net.UDPAddr).Port), "RTP/AVP 0\r\n", "RTP/AVP 96 0\r\na=rtpmap:96 L16/16000\r\na=x-bypassid:4D4A9A7D-0F1E\r\n", 1)
	c.setUp(l, number, callID, offer, audio(l.ip(n), c.bRTP.LocalAddr().(*net.UDPAddr).Port))
	return c
}

// BYP-01, BYP-02: of two calls under one document that one goes past the server whose peers are at one place, and the other one through it. CAC-02: the
// narrow link leaves L16 out of the offer.
func TestBYP02PastTheServer(t *testing.T) {
	l := newLab(t)
	s := l.serve(strings.ReplaceAll(l.places(t, "enableBypass: true"), "kind: pbx", "kind: uc"))
	past := l.to(4, "past", "+24255550100")
	if a, b := past.toA.String(), past.bRTP.LocalAddr().String(); a != b {
		t.Errorf("the caller sends to %s, and the callee is at %s", a, b)
	}
	if a, b := past.toB.String(), past.aRTP.LocalAddr().String(); a != b {
		t.Errorf("the callee sends to %s, and the caller is at %s", a, b)
	}
	if strings.Contains(strings.ToLower(past.inv+past.answer), "bypass") || !strings.Contains(past.inv, "L16") {
		t.Errorf("the callee is told\n%s", past.inv)
	}
	for range 50 {
		past.calleeHears("a")
		past.callerHears("b")
	}
	if n := s.metric("directsip_media_packets_total", `event="rtp"`); n != 0 {
		t.Errorf("%v packets passed the server", n)
	}
	past.hangUp()
	r := s.record()
	if !r.Bypassed || len(r.Media) != 0 || s.metric("directsip_calls_bypassed_total") != 1 {
		t.Errorf("bypassed %v, %d media", r.Bypassed, len(r.Media))
	}
	if why := s.cli(0, "why", r.ID); !strings.Contains(why, `bypassed: caller and target have the same bypass id: the caller says that it is at network region "emea", the target at `+l.ip(4)) {
		t.Errorf("why says\n%s", why)
	}

	through := l.to(3, "through", "+14255550100")
	if strings.Contains(strings.ToLower(through.inv), "bypass") || strings.Contains(through.inv, "L16") || !through.toA.IP.Equal(net.ParseIP(l.ip(1))) {
		t.Errorf("the callee is told\n%s\nand the caller\n%s", through.inv, through.answer)
	}
	for range 50 {
		through.calleeHears("a")
		through.callerHears("b")
	}
	through.hangUp()
	s.want++
	list := s.records(s.want)
	r = list[len(list)-1]
	if r.Bypassed || len(r.Media) != 2 || r.Media[0].Packets != 50 {
		t.Errorf("bypassed %v, media %+v", r.Bypassed, r.Media)
	}
	if why := s.cli(0, "why", r.ID); !strings.Contains(why, `not bypassed: the caller says that it is at network region "emea", the target at `+l.ip(3)+` is at network site "branch"`) ||
		!strings.Contains(why, `85 kbit/s over site "branch"`) {
		t.Errorf("why says\n%s", why)
	}
}

// CAC-04, CAC-05, NEW-18: a second call does not fit on the link and goes over the other trunk; an emergency call fits on it whatever it carries.
func TestCAC05FullLink(t *testing.T) {
	l := newLab(t)
	s := l.serve(replaceOnce(t, l.places(t), "total: 100, perSession: 85", "total: 300")) // until it is answered a call may become one of L16
	first := l.to(3, "first", "+14255550100")
	second := l.to(4, "second", "+14255550101")
	second.calleeHears("a")
	second.callerHears("b")
	third := &talk{a: l.udp(2, 0), b: first.b, aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb}
	third.setUp(l, "911", "third", audio(l.ip(2), third.aRTP.LocalAddr().(*net.UDPAddr).Port), audio(l.ip(3), third.bRTP.LocalAddr().(*net.UDPAddr).Port))
	third.calleeHears("a")
	if out := s.cli(0, "network", "--csv"); !strings.Contains(out, `"site ""branch""",audio,thin,170,300,300,,2,1`) {
		t.Errorf("the links are\n%s", out)
	}
	for _, c := range []*talk{third, second, first} {
		c.hangUp()
	}
	list := s.records(3)
	s.want = 3
	for _, r := range list {
		if r.In.CallID == "second" && (r.Attempts[0].Reason != "link-full" || r.Out.Trunk != "gw2") {
			t.Errorf("attempts of the second call: %+v", r.Attempts)
		}
	}
	until(t, "the link is empty", func() bool { return strings.Contains(s.cli(0, "network", "--csv"), `thin,0,300,300,,0,1`) })
}

// CAC-02: an offer of the server's own has no codec that is too wide for the link either.
func TestCAC02OwnOffer(t *testing.T) {
	l := newLab(t)
	s := l.serve(replaceOnce(t, l.places(t, "outboundOffer: always", "codecs: [PCMA, GSM]"), "perSession: 85", "perSession: 84"))
	a, b := l.udp(2, 0), l.udp(3, 5060)
	a.send(a.invite(l, "+14255550100", "offerless", ""))
	inv := b.expect("INVITE ")
	if !strings.Contains(inv, "GSM/8000") || strings.Contains(inv, "PCMA") {
		t.Errorf("the callee is offered\n%s", inv)
	}
	b.send(b.reply(inv, 486, ""))
	b.expect("ACK ")
	if m := a.final("INVITE"); status(m) != 486 {
		t.Error(m)
	} else {
		a.send(a.ack(m))
	}
	s.record()
}
