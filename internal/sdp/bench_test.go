package sdp

import (
	"net/netip"
	"testing"
)

// g711Offer is what a gateway sends for an ordinary call.
const g711Offer = "v=0\r\n" +
	"o=gw 1000 1 IN IP4 192.0.2.10\r\n" +
	"s=SIP Call\r\n" +
	"c=IN IP4 192.0.2.10\r\n" +
	"t=0 0\r\n" +
	"m=audio 16384 RTP/AVP 0 8 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\n" +
	"a=rtpmap:8 PCMA/8000\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-15\r\n" +
	"a=ptime:20\r\n" +
	"a=sendrecv\r\n"

func ourRewrite() *Rewrite {
	return &Rewrite{
		Address:   netip.MustParseAddr("198.51.100.7"),
		SessionID: 4711,
		Version:   1,
		Media:     []MediaAddr{{Port: 40000, RTCPPort: 40001}},
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(g711Offer)))
	for b.Loop() {
		if _, err := Parse(g711Offer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	s, err := Parse(g711Offer)
	if err != nil {
		b.Fatal(err)
	}
	r := ourRewrite()
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Rewrite(dst[:0], r)
	}
}

func BenchmarkRewriteCodecs(b *testing.B) {
	s, err := Parse(g711Offer)
	if err != nil {
		b.Fatal(err)
	}
	r := ourRewrite()
	r.Codecs = []string{"PCMA"}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Rewrite(dst[:0], r)
	}
}

func BenchmarkParseAndRewrite(b *testing.B) {
	r := ourRewrite()
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(g711Offer)
		if err != nil {
			b.Fatal(err)
		}
		dst = s.Rewrite(dst[:0], r)
	}
}

func TestAllocations(t *testing.T) {
	s, err := Parse(g711Offer)
	if err != nil {
		t.Fatal(err)
	}
	r := ourRewrite()
	r.Codecs = []string{"PCMA"}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { s.Rewrite(dst, r) }); n != 0 {
		t.Errorf("Rewrite into a buffer that is large enough: %v allocations, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { s, err = Parse(g711Offer) }); n > 3 || err != nil {
		t.Errorf("Parse: %v allocations, want at most 3 (error %v)", n, err)
	}
}
