package cdr

import (
	"encoding/json"
	"testing"
	"time"
)

func full() *Record {
	at := time.Date(2026, 3, 1, 9, 0, 0, 120_000_000, time.UTC)
	leg := Leg{Trunk: "gw1", Gateway: "gw1.contoso.com", CallID: "a@b", FromTag: "f", ToTag: "t", Remote: "[::1]:5060", Transport: "UDP", Codec: "PCMU", UserAgent: "UA/1"}
	return &Record{
		ID: "0f", Server: "med1", Pool: "med", Version: "41", Start: at, Ringing: at.Add(time.Second), Answered: at.Add(2 * time.Second), End: at.Add(time.Hour),
		In: leg, Out: &leg, Called: Number{"100", "+14255550100", "0100"}, Calling: Number{Received: "anonymous"}, User: "alice", CallingUser: "bob",
		Usage: "Local", Route: "r", Emergency: true,
		Attempts: []Attempt{{Trunk: "uc", At: at}, {Trunk: "uc2", Remote: "10.0.0.1:5060", Called: "1", Calling: "2", At: at, Took: time.Second, Status: 503, Cause: 34, Class: "peer-fault", Reason: "x"}},
		Reason:   "normal", Status: 200, Cause: 16, EndedBy: "caller", Detail: "quoted \"<&>\" \u2028 \x00 \x1f \x7f \\ \b\f\n\r\t é 😀 \xff\xfe",
		Media:    []Media{{From: "caller"}, {Stream: 1, From: "callee", Source: "s", Packets: 1, Bytes: 2, RTCP: 3, Lost: 4, Jitter: 5, Gated: 6, Dropped: 7, First: at, Last: at.Add(time.Nanosecond)}},
		Decision: []string{"a", ""},
		Ladder:   []Message{{At: at, Leg: "a", Line: "INVITE sip:x"}, {At: at.Add(999), Leg: "b1", Out: true, Line: "200 OK (INVITE)", SDP: true}},
	}
}

func sameJSON(t *testing.T, r *Record) {
	t.Helper()
	want, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.AppendJSON([]byte("x")); string(got) != "x"+string(want) {
		t.Errorf("AppendJSON\n got %s\nwant x%s", got, want)
	}
}

func TestAppendJSONEqualsEncodingJSON(t *testing.T) {
	sameJSON(t, full())
	sameJSON(t, &Record{})
	sameJSON(t, &Record{Out: &Leg{}, Attempts: []Attempt{}, Media: []Media{{}}})
	for _, ns := range []int{0, 1, 10, 100_000_000, 999_999_999, 123_000_000} {
		at := time.Date(2026, 12, 31, 23, 59, 59, ns, time.UTC)
		sameJSON(t, &Record{Start: at, End: at.Local(), Answered: at.In(time.FixedZone("x", -7*3600))})
		sameJSON(t, &Record{Start: at, End: at.Add(time.Second), Ringing: at.Add(-time.Hour), Answered: at})
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("<a&b>\u2029\xc3", int64(1), int64(12345), uint64(7))
	f.Add("", int64(-62135596800), int64(0), uint64(0))
	f.Fuzz(func(t *testing.T, s string, sec, n int64, u uint64) {
		at := time.Unix(sec%200_000_000_000, n%1_000_000_000).UTC()
		if y := at.Year(); y < 0 || y > 9999 {
			return
		}
		r := full()
		r.ID, r.Start, r.End, r.Detail, r.Status = s, at, at.Add(time.Duration(n)), s+"é", int(n)
		if y := r.End.Year(); y < 0 || y > 9999 {
			return
		}
		r.Out.CallID, r.Decision[0], r.Media[0].Packets, r.Media[0].Gated = s, s, u, u
		sameJSON(t, r)
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	r := full()
	buf := r.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.AppendJSON(buf[:0])
	}
}
