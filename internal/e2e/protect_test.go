package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// NEW-15: who is no gateway of the document gets no answer, and is counted.
func TestStrangerGetsNoAnswer(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw := l.busyGateway(3)
	stranger := l.udp(9, 5060)
	stranger.send(stranger.invite(l, "+14255550100", "stranger", audio(l.ip(9), 6000)))
	stranger.send(stranger.options(l, "probe"))
	stranger.send("no SIP at all")
	until(t, "three datagrams counted", func() bool {
		return s.metric("directsip_sip_dropped_total{", `reason="unknown-source"`, `transport="UDP"`) == 3
	})
	if r := stranger.next(100 * time.Millisecond); r != "" {
		t.Errorf("answered:\n%s", r)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(l.ip(9))}, Timeout: timeout}
	if conn, err := d.Dial("tcp", l.ip(1)+":5060"); err == nil { // it may be reset before we know that it is there
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(timeout))
		n, err := conn.Read(make([]byte, 1))
		if ne, ok := err.(net.Error); n > 0 || err == nil || ok && ne.Timeout() {
			t.Errorf("the connection stays open: %v", err)
		}
	}
	if d := gw.take(); len(d) > 0 {
		t.Errorf("the gateway got %q", d)
	}
}

// With refuseUnknownSource 403 a stranger is told, and nothing is kept.
func TestStrangerIsRefusedWith403(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", `refuseUnknownSource: "403"`))
	stranger := l.udp(9, 5060)
	for i := range 3 {
		stranger.send(stranger.invite(l, "+14255550100", fmt.Sprint("stranger", i), audio(l.ip(9), 6000)))
		r := stranger.final("INVITE")
		if status(r) != 403 {
			t.Errorf("answered:\n%s", r)
		}
		stranger.send(stranger.ack(r))
	}
	until(t, "three refusals counted", func() bool {
		return s.metric("directsip_sip_events_total{", `event="unknown-source"`) == 3
	})
}

// Garbage of every kind and size from a gateway's own address harms nobody.
func TestGarbageDatagrams(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	gw := l.busyGateway(3)
	bad := l.udp(2, 5060)
	rnd := rand.New(rand.NewPCG(1, 2))
	whole := bad.invite(l, "+14255550100", "garbage", audio(l.ip(2), 6000))
	whole = strings.Replace(whole, "INVITE ", "OPTIONS ", 2) // so that a changed one does not become a call
	for i := range 3000 {
		var b []byte
		switch i % 4 {
		case 0: // octets
			b = make([]byte, rnd.IntN(2000))
			for k := range b {
				b[k] = byte(rnd.Uint32())
			}
		case 1: // a message cut off
			b = []byte(whole[:rnd.IntN(len(whole))])
		case 2: // a message with octets changed
			b = []byte(whole)
			for range 1 + rnd.IntN(20) {
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			}
		case 3: // very long lines
			b = []byte("OPTIONS sip:x SIP/2.0\r\nVia: " + strings.Repeat("SIP/2.0/UDP h;branch=", rnd.IntN(2500)))
		}
		bad.send(string(b))
		if i%100 == 99 { // in step, so that socket buffers do not hide the half of it
			good := l.udp(2, 0)
			good.alive(l, fmt.Sprint("alive", i))
			good.udp.Close()
		}
	}
	if n := s.metric("directsip_sip_events_total{", `event="malformed"`) + s.metric("directsip_sip_dropped_total{", `reason="malformed"`); n < 1000 {
		t.Errorf("%v messages are counted as malformed", n)
	}
	for _, d := range gw.take() {
		t.Errorf("the gateway got %q", d)
	}
}

// flood sends five thousand messages a second until stopped, on a busy machine many at once, and counts them.
func flood(s *socket, msg func(i int) string) (stop func() int64) {
	quit, done := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for begin := time.Now(); ; {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			for due := 5 * time.Since(begin).Milliseconds(); n.Load() < due; {
				s.udp.WriteToUDP([]byte(msg(int(n.Add(1)))), s.peer)
			}
		}
	}()
	return func() int64 { close(quit); <-done; return n.Load() }
}

// NEW-15: a flood from a stranger and one from a gateway do not keep another peer from its calls; the stranger's is dropped whole,
// the gateway's above maxMessagesPerSource.
func TestFloodDoesNotHurtAnotherPeer(t *testing.T) {
	l := newLab(t)
	s := l.serve(replaceOnce(t, l.document("UDP"), "metrics:", "maxMessagesPerSource: 500, metrics:"))
	bad, stranger := l.udp(4, 5060), l.udp(9, 5060)
	one := flood(bad, func(i int) string { return bad.options(l, fmt.Sprint("flood", i)) })
	two := flood(stranger, func(i int) string { return stranger.invite(l, "+14255550100", fmt.Sprint("flood", i), "") })
	callee := l.sipp(peer{scenario: "uas-call", n: 3, calls: 30})
	caller := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, calls: 30, rate: 30})
	together(caller, callee)
	dropped := func(reason string) float64 { return s.metric("directsip_sip_dropped_total{", `reason="`+reason+`"`) }
	until(t, "the gateway's flood is cut, the stranger's dropped", func() bool { return dropped("rate") >= 1000 && dropped("unknown-source") >= 3000 })
	t.Logf("%d and %d messages of flood, %v dropped for their rate, %v for their source", one(), two(), dropped("rate"), dropped("unknown-source"))
	for _, r := range s.records(30) {
		if r.Status != 200 {
			t.Errorf("status %d", r.Status)
		}
	}
}

// limited is a document whose only outward trunk and whose PBX have limits.
func (l *lab) limited(gw1, pbx string) string {
	return l.document("UDP") + fmt.Sprintf(`
  trunk:gw1: {options: false%s}
  trunk:pbx: {options: false, usages: [all, help]%s}
emergency:
  - {number: "112", usage: help}
`, gw1, pbx)
}

func oneGateway(doc string) string {
	doc = strings.Replace(doc, "trunks: [gw1, gw2], selection: ordered", "trunks: [gw1]", 1)
	doc = strings.Replace(doc, "usages: [all]\nroutes:", "usages: [all, help]\nroutes:\n  - {name: help, pattern: '^\\+?112$', usages: [help], trunks: [gw1]}", 1)
	return doc
}

// NEW-09, NEW-18: a full trunk refuses with 503, but not an emergency call.
func TestFullTrunkRefusesButForEmergencies(t *testing.T) {
	l := newLab(t)
	s := l.serve(oneGateway(l.limited(", maxCalls: 1", "")))
	callee := l.sipp(peer{scenario: "uas-call", n: 3, calls: 3})
	first := l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, talk: 10000})
	s.waitAnswered(1)
	l.sipp(peer{scenario: "uac-refused", n: 2, port: 5071, status: "503", expect: "trunk-limit"}).wait()
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5072, number: "112"}).wait()
	if first.over() {
		t.Fatal("the first call did not last until the others were through")
	}
	first.wait()
	l.sipp(peer{scenario: "uac-call", n: 2, port: 5073}).wait() // the place is free again
	callee.wait()
	emergency := 0
	for _, r := range s.records(4) {
		if r.Emergency {
			emergency++
		}
	}
	if emergency != 1 {
		t.Errorf("%d records say emergency", emergency)
	}
}

// NEW-15: more new calls per second than maxCPS get 503 with Retry-After, an emergency call does not.
func TestCallsAboveTheRateAreRefused(t *testing.T) {
	l := newLab(t)
	s := l.serve(oneGateway(l.limited("", ", maxCPS: 1")))
	gw := l.busyGateway(3)
	a := l.udp(2, 5070)
	codes := map[int]int{}
	for i := range 5 { // all at once: a busy machine may take seconds to answer them one after the other
		a.send(a.invite(l, "+14255550100", fmt.Sprint("rate", i), audio(a.ip, 6000)))
	}
	for i := range 6 {
		if i == 5 {
			a.send(a.invite(l, "112", "rate5", audio(a.ip, 6000)))
		}
		r := a.final("INVITE")
		a.send(a.ack(r))
		codes[status(r)]++
		if status(r) == 503 && header(r, "Retry-After") == "" {
			t.Errorf("503 without Retry-After:\n%s", r)
		}
		if i == 5 && status(r) != 486 {
			t.Errorf("the emergency call got\n%s", r)
		}
	}
	if codes[503] < 3 || codes[486] < 2 || codes[486]+codes[503] != 6 {
		t.Errorf("answers: %v", codes)
	}
	if d := gw.take(); len(d) == 0 {
		t.Error("the gateway got nothing")
	}
	limited := 0
	for _, r := range s.records(6) {
		if r.Reason == "rate-limited" {
			limited++
		}
	}
	if limited != codes[503] {
		t.Errorf("%d of %d refusals are recorded as rate-limited", limited, codes[503])
	}
}
