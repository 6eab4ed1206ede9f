package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// rtpOf is a packet of 20 ms.
func rtpOf(seq uint16, ssrc uint32, payloadType byte, timestamp uint32, payload []byte) []byte {
	p := packet(seq, ssrc, "")[:12]
	p[1] = payloadType
	p[4], p[5], p[6], p[7] = byte(timestamp>>24), byte(timestamp>>16), byte(timestamp>>8), byte(timestamp)
	return append(p, payload...)
}

// sayEvents sends each key as a telephone-event of 100 ms with its end three times, and speech between.
func sayEvents(conn *net.UDPConn, to *net.UDPAddr, keys string) {
	seq, at := uint16(1), uint32(160)
	send := func(payloadType byte, timestamp uint32, payload []byte) {
		conn.WriteToUDP(rtpOf(seq, 0xa, payloadType, timestamp, payload), to)
		seq++
	}
	silence := codec.MuLaw.Encode(nil, make([]int16, 160))
	for _, key := range []byte(keys) {
		code, _ := codec.EventOf(key)
		for n := range 7 {
			send(101, at, codec.Event{Code: code, End: n >= 4, Volume: 10, Duration: uint16(160 * min(n+1, 5))}.Append(nil))
		}
		for at += 800; at%4000 != 0; at += 160 {
			send(0, at, silence)
		}
		at += 160
	}
}

// sayTones sends each key as tones of 100 ms in PCMU.
func sayTones(conn *net.UDPConn, to *net.UDPAddr, keys string) {
	seq := uint16(1)
	for _, key := range []byte(keys) {
		tone, _ := codec.NewTone(key, -8, 8000)
		for n := range 10 {
			pcm := make([]int16, 160)
			if n < 5 {
				tone.Fill(pcm)
			}
			conn.WriteToUDP(rtpOf(seq, 0xb, 0, 160*uint32(seq), codec.MuLaw.Encode(nil, pcm)), to)
			seq++
		}
	}
}

// tonesHeard are the keys in the PCMU that comes until there are so many.
func tonesHeard(t *testing.T, conn *net.UDPConn, many int) (keys string) {
	t.Helper()
	d, last := codec.NewDetector(8000), byte(0)
	for len(keys) < many {
		p := hear(conn, timeout)
		if p == nil || p[1]&0x7f != 0 {
			t.Fatalf("%q, and then %x", keys, p)
		}
		pcm := make([]int16, 160)
		for n := codec.MuLaw.Decode(pcm, p[12:]); n >= 80; n, pcm = n-80, pcm[80:] {
			if key := d.Take(pcm[:80]); key != last {
				if last = key; key != 0 {
					keys += string(rune(key))
				}
			}
		}
	}
	return keys
}

// eventsHeard are the keys in the events that come until so many have ended, one for each timestamp.
func eventsHeard(t *testing.T, conn *net.UDPConn, many int) (keys string) {
	t.Helper()
	ends := map[string]int{}
	for len(ends) < many || ends[string(keys[len(keys)-1])] < 3 {
		p := hear(conn, timeout)
		if p == nil {
			t.Fatalf("%q, and then nothing", keys)
		}
		if p[1]&0x7f != 101 {
			continue
		}
		e, _ := codec.ParseEvent(p[12:])
		key, _ := e.Digit()
		if p[1]&0x80 != 0 {
			keys += string(rune(key))
		}
		if e.End {
			ends[string(rune(key))]++
		}
	}
	return keys
}

// dtmfCall is a call from a peer with telephone-event to one whose trunk has another form of keys.
func dtmfCall(t *testing.T, form string) (*server, *talk) {
	l := newLab(t)
	s := l.serve(strings.Replace(l.document("UDP"), "trunkSettings:\n", "trunkSettings:\n  trunk:gw1: {usages: [all], options: false, dtmf: "+form+"}\n", 1))
	c := &talk{a: l.udp(2, 0), b: l.udp(3, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb}
	events := "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	offer := strings.Replace(audio(l.ip(2), c.aRTP.LocalAddr().(*net.UDPAddr).Port), "RTP/AVP 0", "RTP/AVP 0 101", 1) + events
	c.setUp(l, "+14255550100", "dtmf", offer, audio(l.ip(3), c.bRTP.LocalAddr().(*net.UDPAddr).Port))
	if strings.Contains(c.inv, "telephone-event") || !strings.Contains(c.answer, "telephone-event/8000") {
		t.Fatalf("the caller is answered\n%s\nthe callee is offered\n%s", c.answer, c.inv)
	}
	return s, c
}

// info is an INFO with a key of who was called by inv.
func (s *socket) info(inv string, cseq int, body string) string {
	m := build("", fmt.Sprintf("INFO %s SIP/2.0", uri(header(inv, "Contact"))), fmt.Sprintf("Via: SIP/2.0/UDP %s:%d;branch=z9hG4bKinfo%d", s.ip, s.port, cseq),
		"From: "+header(inv, "To")+";tag=hand", "To: "+header(inv, "From"), "Call-ID: "+header(inv, "Call-ID"), fmt.Sprintf("CSeq: %d INFO", cseq), "Max-Forwards: 70",
		"Content-Type: application/dtmf-relay")
	return strings.Replace(m, "Content-Length: 0\r\n\r\n", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 1)
}

// MED-06: keys of a caller that has telephone-event reach a callee that has tones only, and its tones reach the caller as events: each once.
func TestMED06Inband(t *testing.T) {
	s, c := dtmfCall(t, "inband")
	sayEvents(c.aRTP, c.toA, "1590#")
	if keys := tonesHeard(t, c.bRTP, 5); keys != "1590#" {
		t.Errorf("the callee hears %q", keys)
	}
	sayTones(c.bRTP, c.toB, "74*D")
	if keys := eventsHeard(t, c.aRTP, 4); keys != "74*D" {
		t.Errorf("the caller is told %q", keys)
	}
	c.hangUp()
	s.record()
}

// MED-06: keys of a caller that has tones reach a callee that has them in INFO, and the other way round: each once.
func TestMED06InfoAndInband(t *testing.T) {
	l := newLab(t)
	s := l.serve(strings.Replace(l.document("UDP"), "trunkSettings:\n",
		"trunkSettings:\n  trunk:gw1: {usages: [all], options: false, dtmf: info}\n  trunk:pbx: {usages: [all], options: false, dtmf: inband}\n", 1))
	c := &talk{a: l.udp(2, 0), b: l.udp(3, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3)), aSSRC: 0xa, bSSRC: 0xb}
	offer := strings.Replace(audio(l.ip(2), port(c.aRTP)), "RTP/AVP 0", "RTP/AVP 18 0", 1)
	c.setUp(l, "+14255550100", "dtmf", offer, audio(l.ip(3), port(c.bRTP)))
	sayTones(c.aRTP, c.toA, "74*D")
	got := ""
	for range 4 {
		m := c.b.expect("INFO ")
		c.b.send(c.b.reply(m, 200, ""))
		_, signal, _ := strings.Cut(m, "Signal=")
		got += signal[:1]
	}
	if got != "74*D" {
		t.Errorf("the callee is told %q", got)
	}
	for hear(c.bRTP, 300*time.Millisecond) != nil { // what the caller said
	}
	for i, key := range []string{"1", "5", "9", "#"} {
		c.b.send(c.b.info(c.inv, 100+i, "Signal="+key+"\r\nDuration=120\r\n"))
		c.b.final("INFO")
	}
	if keys := tonesHeard(t, c.aRTP, 4); keys != "159#" {
		t.Errorf("the caller hears %q", keys)
	}
	c.hangUp()
	s.record()
}

// MED-06: the same with a callee that has keys in INFO.
func TestMED06Info(t *testing.T) {
	s, c := dtmfCall(t, "info")
	sayEvents(c.aRTP, c.toA, "1590#")
	keys := ""
	for range 5 {
		info := c.b.expect("INFO ")
		_, rest, _ := strings.Cut(info, "Signal=")
		keys += rest[:1]
		if !strings.Contains(info, "application/dtmf-relay") || !strings.Contains(info, "Duration=160") {
			t.Error(info)
		}
		c.b.send(c.b.reply(info, 200, ""))
	}
	if keys != "1590#" {
		t.Errorf("the callee is told %q", keys)
	}
	for n, key := range "74*" {
		c.b.send(c.b.info(c.inv, 10+n, fmt.Sprintf("Signal=%c\r\nDuration=100\r\n", key)))
		if got := c.b.final("INFO"); status(got) != 200 {
			t.Fatal(got)
		}
	}
	if keys := eventsHeard(t, c.aRTP, 3); keys != "74*" {
		t.Errorf("the caller is told %q", keys)
	}
	// No tone is heard as well: what comes through is what was said.
	pcm := make([]int16, 160)
	c.aRTP.WriteToUDP(rtpOf(900, 0xa, 0, 900*160, codec.MuLaw.Encode(nil, pcm)), c.toA)
	for p := hear(c.bRTP, time.Second); p != nil; p = hear(c.bRTP, time.Second) {
		for _, octet := range p[12:] {
			if octet != 0xff && octet != 0x7f {
				t.Fatalf("the callee hears %x", p)
			}
		}
	}
	c.hangUp()
	s.record()
}
