package sdp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// body draws a description as a peer may write it, with places (addresses and host names) all over, and returns
// them: none may get to the other leg.
func body(t *rapid.T) (text string, places []string) {
	place := func() string {
		n := func(max int) int { return rapid.IntRange(1, max).Draw(t, "n") }
		var p string
		switch rapid.IntRange(0, 3).Draw(t, "place") {
		case 0, 1:
			p = fmt.Sprintf("10.%d.%d.%d", n(255), n(255), n(255))
		case 2:
			p = fmt.Sprintf("2001:db8:%x::%x", n(65535), n(65535))
		default:
			p = fmt.Sprintf("gw%d.corp.example", n(99))
		}
		places = append(places, p)
		return p
	}
	family := func(p string) string {
		if strings.Contains(p, ":") {
			return "IN IP6 " + p
		}
		return "IN IP4 " + p
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format, args...)
		b.WriteString(rapid.SampledFrom([]string{"\r\n", "\r\n", "\n", "\r\r\n"}).Draw(t, "end"))
	}
	some := func(name string) bool { return rapid.Bool().Draw(t, name) }
	attributes := func() {
		for range rapid.IntRange(0, 6).Draw(t, "attributes") {
			p := place()
			line("%s", rapid.SampledFrom([]string{
				"a=candidate:1 1 UDP 1 " + p + " 8998 typ srflx raddr " + p + " rport 1", "a=rtcp:5001 " + family(p),
				"a=ssrc:99 cname:joe@" + p, "a=X-gateway:" + p, "a=X-gateway: <" + p + ">;x", "a=x-nat:udp:" + p + ":5060", "a=tool:" + p,
				"a=remote-candidates:1 " + p + " 5000", "a=source-filter: incl " + family(p), "a=path:msrp://" + p + ":7654/x;tcp",
				"a=alt:1 1 : x y " + p + " 5000", "a=sendrecv", "a=inactive", "a=recvonly", "a=ptime:20", "a=rtcp-mux", "a=mid:1",
				"a=ice-ufrag:x", "a=group:BUNDLE 1", "a=x-flag", "x=" + p, "i=" + p, "k=uri:" + p, "b=AS:64.5", "a=" + p,
			}).Draw(t, "attribute"))
		}
	}
	line("v=0")
	if some("o") {
		line("o=%s %d 1 %s", rapid.SampledFrom([]string{"-", "joe", "Front Desk"}).Draw(t, "user"), rapid.Int().Draw(t, "id"), family(place()))
	}
	if some("s") {
		line("s=call from %s", place())
	}
	if some("e") {
		line("e=joe@%s", place())
	}
	line("c=%s", family(place()))
	attributes()
	for range rapid.IntRange(0, 4).Draw(t, "media") {
		line("m=%s %d %s 0 8 96 101", rapid.SampledFrom([]string{"audio", "video"}).Draw(t, "kind"), rapid.SampledFrom([]int{0, 9, 5000, 65535}).Draw(t, "port"),
			rapid.SampledFrom([]string{"RTP/AVP", "RTP/SAVP", "RTP/AVPF"}).Draw(t, "proto"))
		if some("c") {
			line("c=%s", family(place()))
		}
		line("a=rtpmap:96 opus/48000/2")
		line("a=rtpmap:101 telephone-event/8000")
		attributes()
	}
	return b.String(), places
}

func drawRewrite(t *rapid.T) *Rewrite {
	r := ourRewrite()
	r.Media = nil
	for i := range rapid.IntRange(0, 5).Draw(t, "entries") {
		m := MediaAddr{Port: uint16(40000 + 2*i), Drop: rapid.Bool().Draw(t, "drop"), Direction: Direction(rapid.IntRange(0, 4).Draw(t, "direction"))}
		if rapid.Bool().Draw(t, "rtcp") {
			m.RTCPPort = m.Port + 1
		}
		if rapid.Bool().Draw(t, "own address") {
			m.Addr = netip.MustParseAddr("fd00:9::7")
		}
		r.Media = append(r.Media, m)
	}
	if rapid.Bool().Draw(t, "filter") {
		r.Codecs = []string{"PCMA", "PCMU"}
	}
	r.Mux, r.KeepKeys = rapid.Bool().Draw(t, "mux"), rapid.Bool().Draw(t, "keys")
	return r
}

// TestRewriteProperties: nothing of the sender's network leaks, m-lines keep number, kind and order, rejected ones stay
// rejected, ports are ours, rewriting twice is rewriting once, and a strict reader takes the result.
func TestRewriteProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, places := body(t)
		in, err := Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		r := drawRewrite(t)
		out := string(in.Rewrite(nil, r))
		for _, p := range places {
			if strings.Contains(out, p) {
				t.Fatalf("%s leaks\n%s\nfrom\n%s", p, out, text)
			}
		}
		pionAccepts(t, out)
		if why := rewritten(in, r, out); why != "" {
			t.Fatalf("%s\n%s\nfrom\n%s", why, out, text)
		}
	})
}

// rewritten checks what holds for every output; it returns what does not.
func rewritten(in *Session, r *Rewrite, out string) string {
	got, err := Parse(out)
	if err != nil {
		return err.Error()
	}
	if len(got.Media) != len(in.Media) {
		return fmt.Sprintf("%d m-lines for %d", len(got.Media), len(in.Media))
	}
	for i := range in.Media {
		a, b := &in.Media[i], &got.Media[i]
		live := !a.Rejected() && i < len(r.Media) && !r.Media[i].Drop && r.Media[i].Port != 0
		switch {
		case a.Kind != b.Kind:
			return "kind changed"
		case b.Rejected() == live:
			return "live and rejected mixed up"
		case !live:
			continue
		case b.Port != r.Media[i].Port:
			return "port not ours"
		case b.Conn != r.Address && b.Conn != r.Media[i].Addr:
			return "address not ours"
		case r.Media[i].Direction == DirectionUnset && a.Direction != b.Direction:
			return "direction changed"
		case b.RTCP.Port() != 0 && b.RTCP.Port() != r.Media[i].RTCPPort:
			return "rtcp port not ours"
		case len(a.Codecs) > 0 && len(b.Codecs) == 0:
			return "no codec left"
		case b.Crypto && !r.KeepKeys || b.RTCPMux && !r.Mux:
			return "keys or mux kept unasked"
		}
	}
	if again := string(got.Rewrite(nil, r)); again != out {
		return "rewritten again it is\n" + again + "\nbut was"
	}
	return ""
}
