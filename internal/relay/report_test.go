package relay

import (
	"encoding/binary"
	"testing"
	"time"

	pionrtcp "github.com/pion/rtcp"

	"github.com/directsip/directsip/internal/media"
)

// TestRFC3550ReportsOfOurOwn: who hears what we play gets RTCP of that source, with what we have received of its own; and its answer tells the round trip.
func TestRFC3550ReportsOfOurOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{SweepInterval: 20 * time.Millisecond})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	s := playing(1, a, b, clip(4), 0)
	s.Streams[0].Side[0].XR = true
	r.open(s)
	toA := s.Streams[0].Side[0].Local
	began := time.Now()
	for i := range uint16(10) {
		if i != 5 && i != 6 {
			a.send(a.rtp, toA, rtpPacket(8, 65530+i, uint32(i)*160, 0xa))
		}
	}
	a.send(a.rtcp, rtcpPort(toA), senderReport(0xa, 0x0102030405060708))
	first, _, _ := a.hear(a.rtp)
	got, from := a.readFrom(a.rtcp)
	if from != rtcpPort(toA) {
		t.Errorf("a report comes from %v", from)
	}
	packets, err := pionrtcp.Unmarshal(got)
	if err != nil || len(packets) != 3 {
		t.Fatalf("%v: %+v", err, packets)
	}
	sr, names := packets[0].(*pionrtcp.SenderReport), packets[1].(*pionrtcp.SourceDescription)
	if sr.SSRC != first.ssrc || sr.PacketCount == 0 || sr.OctetCount != 160*sr.PacketCount || len(sr.Reports) != 1 {
		t.Fatalf("%+v", sr)
	}
	played := time.Duration(sr.RTPTime-first.timestamp) * time.Second / 8000
	if at := time.Unix(int64(sr.NTPTime>>32)-2208988800, 0); time.Since(at) > time.Minute || played <= 0 || played > time.Since(began)+media.PacketTime {
		t.Errorf("its time is %v, %v after the first packet", at, played)
	}
	if b := sr.Reports[0]; b.SSRC != 0xa || b.TotalLost != 2 || b.FractionLost != 2*256/10 || b.LastSequenceNumber != 65539 || b.LastSenderReport != 0x03040506 || b.Delay == 0 {
		t.Errorf("%+v", b)
	}
	if c := names.Chunks[0]; c.Source != first.ssrc || len(c.Items) != 1 || c.Items[0].Type != pionrtcp.SDESCNAME || len(c.Items[0].Text) != 24 {
		t.Errorf("%+v", names)
	}
	xr := packets[2].(*pionrtcp.ExtendedReport)
	if v, ok := xr.Reports[0].(*pionrtcp.VoIPMetricsReportBlock); !ok || xr.SenderSSRC != first.ssrc || v.SSRC != 0xa || v.LossRate != 51 || v.BurstDensity != 255 ||
		v.BurstDuration != 40 || v.GapDensity != 0 || v.MOSCQ < 10 || v.MOSCQ > 30 || v.RFactor > 60 || v.Gmin != 16 || v.SignalLevel == 127 {
		t.Errorf("%+v", xr.Reports[0])
	}
	rr := pionrtcp.ReceiverReport{SSRC: 0xa, Reports: []pionrtcp.ReceptionReport{{SSRC: first.ssrc, LastSequenceNumber: uint32(first.sequence) + 5, TotalLost: 1,
		LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 1}}}
	answer, err := rr.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a.arrives(a.rtcp, rtcpPort(toA), answer, b.rtcp) // it passes, as the other side sends RTCP of its own
	w := r.from(1, 0, 0).Witness
	if w == nil || w.Trip.Count == 0 || w.Trip.Most > time.Since(began) || w.Told().Lost != 1 || w.Told().Expected != 6 {
		t.Errorf("%+v", w)
	}
	if n := r.Totals().Reports; n == 0 {
		t.Error("no report is counted")
	}
}

// senderReport is an SR without a block.
func senderReport(ssrc uint32, ntp uint64) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0x80, 200, 0, 6}, ssrc)
	return append(binary.BigEndian.AppendUint64(p, ntp), make([]byte, 12)...)
}
