package e2e

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// The round trip to each peer is its own: the callee takes 100 ms to answer an SR of the caller, and says that it has kept it for 40.
func TestMED08_RoundTripOfEachLeg(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP"))
	c := l.talk("trip", "+14255550100")
	aRTCP, bRTCP := l.above(c.aRTP), l.above(c.bRTP)
	c.calleeHears("speech")
	c.callerHears("speech")
	const slow, kept = 100 * time.Millisecond, 40 * time.Millisecond
	begin := time.Now()
	aRTCP.WriteToUDP(withTime(senderReport(0xa, 1), 7<<16), above(c.toA))
	if got := hear(bRTCP, timeout); got == nil {
		t.Fatal("the SR does not reach the callee")
	}
	passed := time.Now() // the server has seen it before
	<-time.After(slow)
	least := time.Since(passed) - kept
	bRTCP.WriteToUDP(answering(0xb, 0xa, 7, kept), above(c.toB))
	if got := hear(aRTCP, timeout); got == nil {
		t.Fatal("the answer does not reach the caller")
	}
	took := time.Since(begin)
	begin = time.Now()
	bRTCP.WriteToUDP(withTime(senderReport(0xb, 1), 9<<16), above(c.toB))
	hear(aRTCP, timeout)
	aRTCP.WriteToUDP(answering(0xa, 0xb, 9, 20*time.Microsecond), above(c.toA))
	hear(bRTCP, timeout)
	back := time.Since(begin)
	c.hangUp()
	for _, m := range s.record().Media {
		least, most := least, took-kept
		if m.From == "caller" {
			least, most = 0, back
		}
		if q := m.Quality; q == nil || q.RoundTrip < least-time.Millisecond || q.RoundTrip > most || q.RoundTrip == 0 || q.RoundTripMost != q.RoundTrip {
			t.Errorf("from %s: %+v, want a round trip of %v to %v", m.From, q, least, most)
		} else if q.Reported == nil || q.Reported.Loss != 0 || q.Reported.MOS != 0 { // of a packet nobody is rated
			t.Errorf("from %s: %+v is reported", m.From, q.Reported)
		}
	}
}

// above is the socket of RTCP that belongs to one of RTP; it shares nothing with it but the host, as some devices have it.
func (l *lab) above(rtp *net.UDPConn) *net.UDPConn {
	l.t.Helper()
	a := rtp.LocalAddr().(*net.UDPAddr)
	c, err := listenUDP(&net.UDPAddr{IP: a.IP, Port: a.Port + 1})
	if err != nil {
		l.t.Fatalf("the port above %v is taken: %v", a, err)
	}
	l.t.Cleanup(func() { c.Close() })
	return c
}

// withTime gives an SR an NTP timestamp.
func withTime(sr []byte, ntp uint64) []byte {
	binary.BigEndian.PutUint64(sr[8:], ntp)
	return sr
}

// answering is an RR whose block answers the SR with this middle of its timestamp.
func answering(ssrc, about, middle uint32, kept time.Duration) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0x81, 201, 0, 7}, ssrc)
	b = binary.BigEndian.AppendUint32(b, about)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, middle)
	return binary.BigEndian.AppendUint32(b, uint32(kept<<16/time.Second))
}
