package e2e

import (
	"net"
	"strings"
	"testing"
	"time"
)

// P14: what was in the way of audio is said by why, of each direction by itself: a source that may not send, RTCP alone, nothing at all, and
// SRTP with another key than its SDP says.
func TestP14_WhySaysWhatWasInTheWay(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP", "rtpLatching: off"))
	c := l.talk("oneway", "+14255550100")
	stranger := l.rtp(l.ip(9))
	l.frames(func(seq uint16) { // the callee's packets are passed on, the caller's come from elsewhere
		stranger.WriteToUDP(packet(seq, 0xa, "elsewhere"), c.toA)
		c.callerHears("here")
	})
	c.hangUp()
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	why := s.cli(0, "why", r.ID)
	for _, want := range []string{"audio\n  Nothing of the caller on trunk \"pbx\" was heard: ", "packets came from " + stranger.LocalAddr().String() + ", which may not send by rtpLatching",
		"  The callee on trunk \"gw1\" was heard"} {
		if !strings.Contains(why, want) {
			t.Errorf("why does not say %q:\n%s", want, why)
		}
	}
}

// SRTP of a party that seals with another key than its SDP says.
func TestWhySaysThatKeysDoNotFit(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.secured("required", "accept"))
	c := &talk{a: l.udp(2, 0), b: l.udp(3, 5060), aRTP: l.rtp(l.ip(2)), bRTP: l.rtp(l.ip(3))}
	offer := strings.Replace(audio(l.ip(2), c.aRTP.LocalAddr().(*net.UDPAddr).Port), "RTP/AVP", "RTP/SAVP", 1) +
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
	c.setUp(l, "+14255550100", "keys", offer, audio(l.ip(3), c.bRTP.LocalAddr().(*net.UDPAddr).Port))
	l.frames(func(uint16) { c.fromA("sealed with something else") })
	c.hangUp()
	r := s.record()
	checkRecord(t, r, "normal-clearing", 200, "caller")
	if why := s.cli(0, "why", r.ID); !strings.Contains(why, "Nothing of the caller on trunk \"pbx\" was heard: ") || !strings.Contains(why, "packets of SRTP came that its key does not open") {
		t.Errorf("why says\n%s", why)
	}
}

// frames does something every 20 ms, for a little longer than a call must last to be judged.
func (l *lab) frames(do func(seq uint16)) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for seq := uint16(1); seq <= 105; seq++ {
		<-tick.C
		do(seq)
	}
}
