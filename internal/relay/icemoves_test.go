package relay

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

// fullPeer is a full agent as far as one call needs it. What it sends comes from at, and it hears nothing elsewhere: when that changes, a NAT in front of it has given it
// another port.
type fullPeer struct {
	*phone
	at       *net.UDPConn
	our      netip.AddrPort // the port of the relay
	controls bool
	nominees map[netip.AddrPort]bool // its own addresses that were nominated
}

// turn sends a check and RTP, and reads what comes within 10 ms: checks are answered. It tells whether want came.
func (f *fullPeer) turn(rtp, want []byte) (came bool) {
	f.t.Helper()
	role := attribute{stun.AttrICEControlled, make([]byte, 8)}
	more := []stun.Setter{user, role, priority(110)}
	if f.controls {
		role.t, more = stun.AttrICEControlling, append(more, nominates)
		more[1] = role
	}
	f.send(f.at, f.our, checkOf(f.t, append(more, secret, stun.Fingerprint)...).Raw)
	f.send(f.at, f.our, rtp)
	buf := make([]byte, 2048)
	for until := time.Now().Add(10 * time.Millisecond); ; {
		_ = f.at.SetReadDeadline(until)
		n, err := f.at.Read(buf)
		if err != nil {
			return came
		}
		came = came || bytes.Equal(buf[:n], want)
		m := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
		if !stun.IsMessage(buf[:n]) || m.Decode() != nil || m.Type != stun.BindingRequest {
			continue
		}
		if m.Contains(stun.AttrUseCandidate) {
			f.nominees[address(f.at)] = true
		}
		mapped := &stun.XORMappedAddress{IP: f.our.Addr().AsSlice(), Port: int(f.our.Port())}
		f.send(f.at, f.our, stun.MustBuild(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, mapped, stun.NewShortTermIntegrity(theirPwd), stun.Fingerprint).Raw)
	}
}

// TestICEFullPeerMoves: a NAT gives the peer another port in the middle of a call, so its checks come from there (RFC 8445 §7.3.1.3): media follows, whoever controls.
func TestICEFullPeerMoves(t *testing.T) {
	for _, controls := range []bool{true, false} {
		t.Run(map[bool]string{true: "the peer controls", false: "we control"}[controls], func(t *testing.T) {
			r := newRig(t, Config{Workers: 1, SweepInterval: 20 * time.Millisecond})
			a, b := newPhone(t, ip4), newPhone(t, ip4)
			s := call(1, a, b)
			ice := lite()
			ice.Full, ice.Controls = true, !controls
			ice.Candidates = []media.Candidate{{Component: 1, Priority: sdpHost, Address: address(a.rtp)}}
			s.Streams[0].Side[0].ICE, s.Streams[0].Side[0].Mux = ice, true
			r.open(s)
			f := &fullPeer{phone: a, at: a.rtp, our: s.Streams[0].Side[0].Local, controls: controls, nominees: map[netip.AddrPort]bool{}}
			lb, x, y := s.Streams[0].Side[1].Local, rtpPacket(8, 1, 160, 7), rtpPacket(8, 1, 160, 8)
			hears := func() bool { b.send(b.rtp, lb, y); return f.turn(x, y) }
			settled := func() bool {
				ses := r.find(1)
				ses.mu.Lock()
				defer ses.mu.Unlock()
				return ses.streams[0].side[0].rtp.ice.agent.settled
			}
			eventually(t, "audio", func() bool { return hears() && settled() })
			f.at = a.rtcp
			eventually(t, "audio at the new port", hears)
			if !controls && !f.nominees[address(a.rtcp)] {
				t.Error("the new port was not nominated")
			}
		})
	}
}

// sdpHost is the priority of a host candidate.
const sdpHost = 126<<24 | 65535<<8 | 255

// TestICEFullPeerMovesOften: however often a peer moves there is room for where it is now, and for where media goes.
func TestICEFullPeerMovesOften(t *testing.T) {
	at := func(n uint16) sockaddr { return sockaddrOf(netip.AddrPortFrom(ip4, n)) }
	c := &component{want: lite(), selected: at(1)}
	a := &agent{port: &port{ice: c}, settled: true}
	for n := range uint16(3 * maxPairs) {
		k := a.pair(at(n+1), 1)
		if k == nil || k.remote != at(n+1) {
			t.Fatalf("move %d: %+v", n, k)
		}
		k.state = succeeded
	}
	if len(a.pairs) != maxPairs || !slices.ContainsFunc(a.pairs, func(k pair) bool { return k.remote == c.selected }) {
		t.Errorf("%d pairs", len(a.pairs))
	}
	for i := range a.pairs {
		a.pairs[i].state = running
	}
	if a.pair(at(1000), 1) != nil {
		t.Error("a check that is under way was forgotten")
	}
}
