package relay

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/stun/v3"

	"github.com/directsip/directsip/internal/media"
)

// Of FuzzDatagram: how the side of the port is, each a bit or two of its own.
const (
	fuzzRTP = iota // else its protection
	fuzzCM
	fuzzGCM
	fuzzDTLS
	fuzzLite      = 1 << 2
	fuzzFull      = 1 << 3
	fuzzSealed    = fuzzLite | fuzzFull // the peers have keys, and no ICE
	fuzzChecked   = 1 << 4              // the source has shown our password
	fuzzConverted = 1 << 5              // speech is coded anew for the other side
	fuzzMuxed     = 1 << 6
	fuzzOnRTCP    = 1 << 7 // it comes to the port of RTCP
)

// compound is a sender report, a source description and an extended report with two blocks (RFC 3550 §6.1, RFC 3611).
func compound() []byte {
	b := append([]byte{0x81, 200, 0, 12}, make([]byte, 48)...)
	b = append(b, 0x81, 202, 0, 3, 0, 0, 0, 7, 1, 2, 'a', 'b', 0, 0, 0, 0)
	b = append(b, 0x80, 207, 0, 13, 0, 0, 0, 7, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 7, 0, 0, 8)
	return append(b, make([]byte, 32)...)
}

// FuzzDatagram gives a port of a running stream whatever comes, as its worker does with what anybody sends. Where the side has SRTP it comes once as it is, and
// once as the peer would protect it, so that what is behind that is reached.
func FuzzDatagram(f *testing.F) {
	event := append(rtpPacket(101, 2, 160, 7)[:12], 5, 0x8a, 0, 160)
	padded := rtpPacket(8, 3, 320, 7)
	padded[0], padded[171] = 0xb1, 4 // padding, an extension and a CSRC
	for _, b := range [][]byte{rtpPacket(8, 1, 160, 7), padded, event, receiverReport(7), compound(), good(f).Raw, good(f, nominates).Raw, hello('x'), {21, 254, 253, 0, 0}, {2}} {
		for _, how := range []uint8{fuzzRTP, fuzzCM, fuzzGCM | fuzzMuxed, fuzzDTLS | fuzzLite | fuzzChecked, fuzzCM | fuzzFull, fuzzConverted, fuzzOnRTCP, fuzzGCM | fuzzOnRTCP, fuzzSealed} {
			f.Add(b, how)
		}
	}
	r, err := newRelay(Config{Workers: 1, Best: media.TierSockets})
	if err != nil {
		f.Fatal(err)
	}
	r.count.handshakes.Store(maxHandshakes) // none begins
	out, err := bindUDP(netip.AddrPortFrom(ip4, 0))
	if err != nil {
		f.Fatal(err)
	}
	w, src := r.workers[0], sockaddrOf(netip.AddrPortFrom(ip4, 9)) // discard
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		side := media.Side{Local: netip.AddrPortFrom(ip4, 4000), Remote: src.addrPort(), RemoteRTCP: src.addrPort(), Latch: media.LatchPeer, Mux: how&fuzzMuxed != 0, Send: true, Recv: true}
		want := media.Stream{Side: [2]media.Side{side, side}, Sealed: how&fuzzSealed == fuzzSealed}
		sd := &want.Side[0]
		keys := &media.Crypt{Suite: [...]media.Suite{fuzzCM: media.AESCM128HMACSHA132, fuzzGCM: media.AEADAES128GCM, fuzzDTLS: 0}[how&3]}
		keys.Send = strings.Repeat("k", keys.Suite.KeySize())
		keys.Recv = []media.MasterKey{{Key: keys.Send}}
		switch how & 3 {
		case fuzzCM, fuzzGCM:
			sd.Crypt = keys
		case fuzzDTLS:
			sd.DTLS = &media.DTLS{Peer: []media.Fingerprint{r.Fingerprint()}, Suites: []media.Suite{1}}
		}
		if how&fuzzConverted != 0 {
			sd.Speech = speech(media.Format{PayloadType: 8, Codec: media.PCMA, Clock: 8000}, media.Format{PayloadType: 101, Codec: media.TelephoneEvent, Clock: 8000})
			want.Side[1].Speech = speech(media.Format{PayloadType: 9, Codec: media.G722, Clock: 8000})
		}
		if !want.Sealed && how&fuzzSealed != 0 {
			sd.ICE = &media.ICE{Ufrag: "ours", Pwd: ourPwd, Full: how&fuzzFull != 0}
		}
		st := newStream(&session{id: 1, worker: w}, 0, r.sockets)
		st.session.streams = []*stream{st}
		st.set(&want, 1)
		for i := range st.side {
			st.side[i].rtp.socket, st.side[i].rtcp.socket = out, out
			st.side[i].establish(r, &want.Side[i], false)
			st.side[i].associate(r, &want.Side[i], false)
		}
		p := &st.side[0].rtp
		if how&fuzzOnRTCP != 0 && how&fuzzMuxed == 0 {
			p = &st.side[0].rtcp
		}
		if c := p.ice; c != nil {
			c.want.PeerUfrag, c.want.PeerPwd = "them", theirPwd
			if how&fuzzChecked != 0 {
				c.sources = append(c.sources, checkedSource{address: src, ufrag: "them", valid: true})
			}
			if a := c.agent; a != nil { // that has asked, so that an answer is read
				a.listed, a.peerKey = true, stun.NewShortTermIntegrity(theirPwd)
				k := pair{remote: src, state: running}
				if len(b) >= 20 {
					copy(k.id[:], b[8:])
				}
				a.pairs = append(a.pairs, k)
			}
		}
		for now := range int64(3) {
			w.from = src
			copy(w.buffer[:], b)
			w.pass(p, len(b), now+1)
		}
		n := &st.side[0].count
		if (how&3 != fuzzRTP || p.ice != nil && how&fuzzChecked == 0 && len(p.ice.sources) == 0) && n.packets+n.rtcp != 0 {
			t.Fatalf("%d packets and %d of RTCP have passed unasked", n.packets, n.rtcp)
		}
		if sealing := context(keys.Suite, keys.Send); sealing != nil && len(b) >= rtcpHeader {
			sealed, err := sealing.EncryptRTCP(nil, b, nil)
			if classify(b, p.isRTCP, side.Mux) != rtcp {
				sealed, err = sealing.EncryptRTP(nil, b, nil)
			}
			if err == nil {
				w.pass(p, copy(w.buffer[:], sealed), 4)
			}
		}
		if c := p.ice; c != nil && (len(c.sources) > 2 || c.agent != nil && len(c.agent.pairs) > 2) {
			t.Fatalf("%d sources", len(c.sources))
		}
		w.notices.list, w.followers, w.batch = w.notices.list[:0], w.followers[:0], batch{}
	})
}
