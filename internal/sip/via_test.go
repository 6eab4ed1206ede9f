package sip

import (
	"net/netip"
	"strings"
	"testing"
)

func TestRFC3261_20_42_Via(t *testing.T) {
	for in, want := range map[string]Via{
		"SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7":                 {"UDP", "erlang.bell-telephone.com", 5060, "branch=z9hG4bK87asdks7"},
		"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7": {"UDP", "first.example.com", 4000, "ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7"},
		"sip/2.0/TLS [2001:db8::9:1] : 6050 ; rport":                                        {"TLS", "2001:db8::9:1", 6050, "rport"},
		"SIP/2.0/UNKNOWN\th": {"UNKNOWN", "h", 0, ""},
	} {
		v, err := ParseVia(in)
		if err != nil || v != want {
			t.Errorf("%s: %+v, %v", in, v, err)
			continue
		}
		if again, err := ParseVia(v.String()); err != nil || again != v {
			t.Errorf("%s is written %s", in, v)
		}
	}
	for in, want := range map[string]error{
		"":                             errVia,
		"SIP/2.0":                      errVia,
		"SIP/2.0/UDP":                  errVia,
		"SIP/2.0/ h":                   errVia,
		"SIP/2.0/UDP;branch=1":         errVia,
		"SIP/7.0/UDP h":                errVia,
		"HTTP/2.0/TCP h":               errVia,
		"SIP/2.0/UDP ;branch=1":        errHost,
		"SIP/2.0/UDP h x":              errHost,
		"SIP/2.0/UDP h:99999":          errPort,
		"SIP/2.0/UDP 192.0.2.15;;":     errParam,
		"SIP/2.0/UDP h;x=\"y":          errParam,
		"SIP/2.0/UDP [::1":             errHost,
		"SIP/2.0/UDP <h>;branch=z9hG4": errHost,
	} {
		if v, err := ParseVia(in); err != want {
			t.Errorf("%s: %+v, %v; want %v", in, v, err, want)
		}
	}
}

func TestRFC5118_4_5_Received(t *testing.T) {
	for in, want := range map[string]string{"received=2001:db8::9": "2001:db8::9", "received=[2001:db8::9]": "2001:db8::9", "Received = 192.0.2.1": "192.0.2.1", "branch=x": "", "received=[]": "[]"} {
		if got := (Via{Params: Params(in)}).Received(); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// TestRFC3261_18_2_FixTopVia holds also the answers' ways of RFC 3581 §4.
func TestRFC3261_18_2_FixTopVia(t *testing.T) {
	for _, c := range []struct{ name, via, src, want, answer string }{
		{"same address", "SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK1", "192.0.2.1:9999", "SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK1", "192.0.2.1:5080"},
		{"no port", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "192.0.2.1:9999", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "192.0.2.1:5060"},
		{"name", "SIP/2.0/UDP bobspc.biloxi.com;branch=z9hG4bK1", "192.0.2.4:5060", "SIP/2.0/UDP bobspc.biloxi.com;branch=z9hG4bK1;received=192.0.2.4", "192.0.2.4:5060"},
		{"other address", "SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bK1", "192.0.2.1:9988", "SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:9988"},
		{"other address without port", "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1", "192.0.2.1:9988", "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:9988"},
		{"rport", "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bK1", "192.0.2.1:9988", "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:9988"},
		{"rport, same address", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1; RPort ", "192.0.2.1:9988", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=9988;received=192.0.2.1", "192.0.2.1:9988"},
		{"forged", "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=1;branch=z9hG4bK1", "192.0.2.1:9988", "SIP/2.0/UDP 192.0.2.1;rport=9988;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:9988"},
		{"forged, no rport", "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;maddr=203.0.113.9", "192.0.2.1:9988", "SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.9", "192.0.2.1:5060"},
		{"IPv6 without brackets", "SIP/2.0/UDP [2001:db8::9:1];rport", "[2001:db8::9:255]:6000", "SIP/2.0/UDP [2001:db8::9:1];rport=6000;received=2001:db8::9:255", "[2001:db8::9:255]:6000"},
		{"IPv6 same, other spelling", "SIP/2.0/UDP [2001:DB8:0::1]", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:DB8:0::1]", "[2001:db8::1]:5060"},
		{"mapped source", "SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:5070", "SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:5060"},
		{"list", "SIP/2.0/TCP a.example;x=\"a;b,c\" ; y, SIP/2.0/UDP b.example;rport", "192.0.2.1:9", "SIP/2.0/TCP a.example;x=\"a;b,c\";y;received=192.0.2.1, SIP/2.0/UDP b.example;rport", "192.0.2.1:5060"},
		{"as written", "SIP / 2.0 /UDP  a.example : 5070 ;branch=z9hG4bK1;rport", "192.0.2.1:9988", "SIP / 2.0 /UDP  a.example : 5070;branch=z9hG4bK1;rport=9988;received=192.0.2.1", "192.0.2.1:9988"},
		{"unreadable", "SIP/9.0/UDP 10.0.0.1", "192.0.2.1:9", "SIP/9.0/UDP 10.0.0.1", "192.0.2.1:9"},
	} {
		m := &Message{Method: "OPTIONS"}
		m.Add(IDVia, c.via)
		m.Add(IDVia, "SIP/2.0/UDP second.example;rport")
		src := netip.MustParseAddrPort(c.src)
		if got := m.ResponseAddr(src).String(); got != c.answer {
			t.Errorf("%s: before: answer to %s, want %s", c.name, got, c.answer)
		}
		m.FixTopVia(src)
		if got := m.Headers[0].Value; got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		if m.Headers[1].Value != "SIP/2.0/UDP second.example;rport" {
			t.Errorf("%s: the second Via was changed", c.name)
		}
		if got := m.ResponseAddr(src).String(); got != c.answer {
			t.Errorf("%s: answer to %s, want %s", c.name, got, c.answer)
		}
		m.FixTopVia(src)
		if got := m.Headers[0].Value; got != c.want {
			t.Errorf("%s: a second time: %s", c.name, got)
		}
	}
	none := &Message{}
	none.FixTopVia(netip.MustParseAddrPort("192.0.2.1:1"))
	if len(none.Headers) != 0 {
		t.Error("a Via was made from nothing")
	}
}

func TestViaParameters(t *testing.T) {
	m := mustParse(t, responseText)
	v, ok := m.TopVia()
	port, present := v.RPort()
	if !ok || !strings.HasPrefix(v.Branch(), MagicCookie) || port != 5060 || !present || v.Received() != "192.0.2.20" {
		t.Errorf("%+v %v", v, ok)
	}
	if p, ok := (Via{Params: "rport"}).RPort(); p != 0 || !ok {
		t.Error("rport without value", p, ok)
	}
	if p, ok := (Via{Params: "x"}).RPort(); p != 0 || ok {
		t.Error("no rport", p, ok)
	}
}

// RFC 3261 §18.2.2: rport has no meaning on a stream.
func TestRFC3261_18_2_2ReturnAddr(t *testing.T) {
	src := netip.MustParseAddrPort("192.0.2.7:40123")
	for via, want := range map[string]string{
		"SIP/2.0/TCP h.example:5070;branch=z9hG4bKa;rport": "192.0.2.7:5070",
		"SIP/2.0/TCP h.example;branch=z9hG4bKa":            "192.0.2.7:5060",
		"SIP/2.0/TLS h.example;branch=z9hG4bKa":            "192.0.2.7:5061",
	} {
		m := NewRequest("OPTIONS", "sip:h")
		m.Add(IDVia, via)
		tr := TCP
		if strings.Contains(via, "TLS") {
			tr = TLS
		}
		if got := m.ReturnAddr(src, tr); got.String() != want {
			t.Errorf("%s: %v, want %s", via, got, want)
		}
	}
}
