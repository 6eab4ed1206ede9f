package sip

import (
	"strings"
	"testing"
)

// crlf turns the line ends of a literal into those of the wire.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

var inviteText = crlf(`INVITE sip:+4930123456@sbc.example.com:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPj6d0d2f3b
Max-Forwards: 70
From: "Müller, Anna" <sip:+493055501@pbx.example.com;user=phone>;tag=8f2a61b0
To: <sip:+4930123456@sbc.example.com;user=phone>
Contact: <sip:+493055501@192.0.2.10:5060;transport=udp>
Call-ID: 1b0c2f6a-4e6d-4d5e-9a3b-7c2f6d1a@192.0.2.10
CSeq: 20713 INVITE
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER
Supported: replaces, 100rel, timer
Session-Expires: 1800;refresher=uac
Min-SE: 90
P-Asserted-Identity: <sip:+493055501@pbx.example.com;user=phone>
User-Agent: Example PBX 11.4
Content-Type: application/sdp
Content-Length: 255

v=0
o=- 3748 3748 IN IP4 192.0.2.10
s=call
c=IN IP4 192.0.2.10
t=0 0
m=audio 40000 RTP/AVP 8 0 18 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/8000
a=sendrecv
a=ptime:20
`)

var responseText = crlf(`SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK77ab;rport=5060;received=192.0.2.20
Record-Route: <sip:192.0.2.1;lr>
From: <sip:+493055501@192.0.2.20>;tag=a1
To: <sip:+4930123456@192.0.2.30>;tag=b2
Call-ID: 7f31c0de@192.0.2.20
CSeq: 1 INVITE
Contact: <sip:192.0.2.30:5060>
Content-Length: 0

`)

func BenchmarkParseInvite(b *testing.B)   { benchmarkParse(b, inviteText) }
func BenchmarkParseResponse(b *testing.B) { benchmarkParse(b, responseText) }

func benchmarkParse(b *testing.B, text string) {
	data := []byte(text)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func mustParse(tb testing.TB, text string) *Message {
	tb.Helper()
	m, err := Parse([]byte(text), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func BenchmarkValidateInvite(b *testing.B) {
	m := mustParse(b, inviteText)
	b.ReportAllocs()
	for b.Loop() {
		if f := m.Validate(); f != nil {
			b.Fatal(f)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := mustParse(b, inviteText)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(inviteText)))
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}

func BenchmarkFrame(b *testing.B) {
	data := []byte(inviteText)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, n, err := Frame(data, nil); n != len(data) || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkGetters reads what a transaction and a dialog look up in each message.
func BenchmarkGetters(b *testing.B) {
	m := mustParse(b, inviteText)
	b.ReportAllocs()
	for b.Loop() {
		v, ok1 := m.TopVia()
		_, _, ok2 := m.CSeq()
		if !ok1 || !ok2 || v.Branch() == "" || m.FromTag() == "" || m.ToTag() != "" || !m.HasToken(IDSupported, "timer") {
			b.Fatal("a value is missing")
		}
	}
}

func BenchmarkNewResponse(b *testing.B) {
	m := mustParse(b, inviteText)
	b.ReportAllocs()
	for b.Loop() {
		NewResponse(m, 180, "")
	}
}
