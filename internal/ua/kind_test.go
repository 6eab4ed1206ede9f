package ua_test

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// TestRecordOfVideoFirst: the record says which m-line was video, whose figures are rated by no codec of speech and held to no bound of audio, and the verdict is of the audio behind it.
func TestRecordOfVideoFirst(t *testing.T) {
	const video, speech = "m=video 4000 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", "m=audio 4002 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
	r := newRig(t)
	caller, _ := r.endsOf(described(0, 1, video+speech), described(1, 1, video+speech))
	caller.ack(1)
	counted := func(payloadType uint8, n, lost uint64) (c media.Counters) {
		c.Packets, c.Lost, c.First, c.Last = n, lost, r.now, r.now.Add(time.Minute)
		c.Sources, c.PayloadType, c.Jitter = 1, payloadType, 40*time.Millisecond
		return c
	}
	st := media.Stats{Streams: make([]media.StreamStats, 2)}
	for k := range 2 {
		st.Streams[0].From[k] = counted(97, 3000, 300)
	}
	st.Streams[1].From[0] = counted(8, 3000, 0)
	st.Streams[1].From[0].Jitter = 0
	rec, ok := r.core.Measured(r.now.Add(time.Minute), r.core.Running()[0], &st)
	if !ok || len(rec.Media) != 4 {
		t.Fatalf("%v %+v", ok, rec.Media)
	}
	for i, want := range []string{"video", "video", "", ""} {
		if got := rec.Media[i].Kind; got != want {
			t.Errorf("stream %d is of kind %q, want %q", rec.Media[i].Stream, got, want)
		}
	}
	if q := rec.Media[0].Quality; q == nil || q.Codec != "" || q.Arrived.MOS != 0 || q.Arrived.Poor != "" || q.Arrived.Loss == 0 {
		t.Errorf("of the video: %+v", q)
	}
	if q := rec.Media[2].Quality; q == nil || q.Codec != "PCMA" || q.Arrived.MOS < 400 {
		t.Errorf("of the audio: %+v", q)
	}
	if rec.Poor() {
		t.Error("poor by its video")
	}
	if len(rec.Audio) != 1 || rec.Audio[0].From != "callee" {
		t.Errorf("verdicts: %+v", rec.Audio)
	}
}
