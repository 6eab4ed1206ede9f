package relay

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// rtpPacket is a packet of 20 ms of G.711.
func rtpPacket(payloadType uint8, sequence uint16, timestamp, ssrc uint32) []byte {
	b := make([]byte, 172)
	b[0], b[1] = 0x80, payloadType
	binary.BigEndian.PutUint16(b[2:], sequence)
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// receiverReport is an empty RTCP receiver report (RFC 3550 §6.4.2).
func receiverReport(ssrc uint32) []byte {
	b := []byte{0x80, 201, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[4:], ssrc)
	return b
}

func TestClassify(t *testing.T) {
	short := rtpPacket(0, 1, 1, 1)[:12]
	csrc := append([]byte{0x82}, rtpPacket(0, 1, 1, 1)[1:20]...)
	feedback := []byte{0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}
	marker := func(pt uint8) []byte { return rtpPacket(0x80|pt, 1, 1, 1) }
	for _, c := range []struct {
		name       string
		packet     []byte
		port, muxd bool
		want       kind
	}{
		{"RTP", rtpPacket(8, 1, 1, 1), false, false, rtp},
		{"RTP with marker", marker(8), false, true, rtp},
		{"RTP of the header alone", short, false, false, rtp},
		{"RTP cut in the header", short[:11], false, false, notMedia},
		{"RTP with two CSRC", csrc, false, false, rtp},
		{"RTP cut in the CSRC", csrc[:19], false, false, notMedia},
		{"empty", nil, false, false, notMedia},
		{"version 1", []byte{0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false, false, notMedia},
		{"STUN binding request, RFC 7983", append([]byte{0, 1, 0, 0}, make([]byte, 16)...), false, false, notMedia},
		{"DTLS client hello, RFC 7983", append([]byte{22, 254, 253}, make([]byte, 30)...), false, false, notMedia},
		{"RTP on the RTCP port", rtpPacket(8, 1, 1, 1), true, false, notMedia},
		{"RTCP on its port", receiverReport(1), true, false, rtcp},
		{"RTCP on its port, shared ports agreed", receiverReport(1), true, true, rtcp},
		{"RTCP longer than the datagram", []byte{0x80, 200, 0, 6, 0, 0, 0, 1}, true, false, notMedia},
		{"RTCP on the RTP port, RFC 3551 §6", receiverReport(1), false, false, rtcp},
		{"RTCP on the shared port, RFC 5761 §4", receiverReport(1), false, true, rtcp},
		{"feedback on the shared port, RFC 5761 §4", feedback, false, true, rtcp},
		{"payload type 77 where ports are not shared", marker(77), false, false, rtp},
		{"dynamic payload type 96 with marker", marker(96), false, true, rtp},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := classify(c.packet, c.port, c.muxd); got != c.want {
				t.Errorf("kind %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(rtpPacket(8, 1, 160, 7), false, false)
	f.Add(receiverReport(7), true, false)
	f.Add([]byte{0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, false, true)
	f.Add([]byte{0x8f, 0}, false, false)
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, false, true)
	f.Fuzz(func(t *testing.T, b []byte, onRTCPPort, mux bool) {
		k := classify(b, onRTCPPort, mux)
		if k != notMedia && b[0]>>6 != 2 {
			t.Fatalf("version %d passed as %d", b[0]>>6, k)
		}
		if onRTCPPort && k == rtp {
			t.Fatal("RTP on the RTCP port")
		}
		st := newStream(&session{}, 0, &sockets{})
		for i := range st.side {
			st.side[i].trust.latch, st.side[i].mux, st.side[i].recv, st.side[i].send, st.side[i].fixed = media.LatchPeer, mux, true, true, true
			st.side[i].rtp.gate.announced = sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4000"))
			st.side[i].rtcp.gate.announced = sockaddrOf(netip.MustParseAddrPort("192.0.2.1:4001"))
			st.side[i].rtp.socket, st.side[i].rtcp.socket = socket{fd: 1, generation: 1}, socket{fd: 2, generation: 1}
		}
		var n notices
		from := &st.side[0]
		in := &from.rtp
		if onRTCPPort {
			in = &from.rtcp
		}
		src := in.gate.announced
		if v, got, out, to := in.receive(b, &src, 1, &n); (v == passed) != (k != notMedia) || got != k || (v == passed) != (out != nil && to.size > 0) {
			t.Fatalf("verdict %d of kind %d, classified %d", v, got, k)
		}
	})
}

func TestSockaddr(t *testing.T) {
	for _, a := range []string{"192.0.2.7:5004", "[2001:db8::7]:5004"} {
		want := netip.MustParseAddrPort(a)
		s := sockaddrOf(want)
		if got := s.addrPort(); got != want || s.port() != 5004 {
			t.Errorf("%s became %s", want, got)
		}
	}
	mapped := sockaddrOf(netip.MustParseAddrPort("[::ffff:192.0.2.7]:5004"))
	if mapped != sockaddrOf(netip.MustParseAddrPort("192.0.2.7:5004")) {
		t.Error("an IPv4-mapped address is the IPv4 address")
	}
	for _, a := range []netip.AddrPort{{}, netip.MustParseAddrPort("0.0.0.0:5004"), netip.MustParseAddrPort("192.0.2.7:0")} {
		if s := sockaddrOf(a); s.size != 0 {
			t.Errorf("%v: nothing can be sent there (RFC 2543 hold)", a)
		}
	}
	used := sockaddrOf(netip.MustParseAddrPort("[2001:db8::7]:5004"))
	again := sockaddrOf(netip.MustParseAddrPort("192.0.2.7:5004"))
	copy(used.raw[:16], again.raw[:16]) // what the kernel leaves when IPv4 follows IPv6 in one buffer
	used.size = again.size
	used.tidy()
	if used != again {
		t.Error("octets of an earlier address change the comparison")
	}
}
