package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// sample is a record of usual size: 14 ladder lines, 2 directions of media, 12 lines of decision.
func sample(n int) *cdr.Record {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
	at := func(ms int) time.Time {
		return start.Add(time.Duration(ms)*time.Millisecond + time.Duration(n%1000)*time.Microsecond)
	}
	h := uint64(n+1) * 0x9E3779B97F4A7C15
	r := &cdr.Record{
		ID: fmt.Sprintf("%016x", h), Server: "med1.contoso.com", Pool: "med.contoso.com", Version: "2026-03-01T08:00:00Z/41",
		Start: start, Ringing: at(310), Answered: at(4200), End: at(184200),
		In: cdr.Leg{Trunk: "gw1", Gateway: "gw1.contoso.com", CallID: fmt.Sprintf("%016x@10.0.0.7", h*3), FromTag: "a73kszlfl",
			ToTag: "314159", Remote: "10.0.0.7:5060", Transport: "UDP", Codec: "PCMU", UserAgent: "Cisco-SIPGateway/IOS-15.4"},
		Out: &cdr.Leg{Trunk: "uc", Gateway: "uc.contoso.com", CallID: fmt.Sprintf("%016x-1", h*5), FromTag: "x12",
			ToTag: "y34", Remote: "10.0.1.20:5061", Transport: "TLS", Codec: "PCMU", UserAgent: "UCPlatform/7.0"},
		Called:  cdr.Number{Received: fmt.Sprintf("425555%04d", n%10000), Normalized: fmt.Sprintf("+1425555%04d", n%10000), Sent: fmt.Sprintf("+1425555%04d", n%10000)},
		Calling: cdr.Number{Received: fmt.Sprintf("206%07d", h%10000000), Normalized: fmt.Sprintf("+1206%07d", h%10000000)},
		User:    "alice@contoso.com", Usage: "Local", Route: "to-uc",
		Attempts: []cdr.Attempt{{Trunk: "uc", Remote: "10.0.1.20:5061", Called: "+14255550100", Calling: "+12065550123", At: at(2), Took: 4200 * time.Millisecond, Status: 200, Class: "answered"}},
		Reason:   "normal", Status: 200, Cause: 16, EndedBy: "caller",
	}
	for i, from := range []string{"caller", "callee"} {
		r.Media = append(r.Media, cdr.Media{From: from, Source: fmt.Sprintf("10.0.%d.7:16384", i), Packets: 9000, Bytes: 1548000,
			RTCP: 36, Lost: 2, Jitter: 1250 * time.Microsecond, First: at(4205), Last: at(184190)})
	}
	for i := range 12 {
		r.Decision = append(r.Decision, fmt.Sprintf("step %d: dial plan site-redmond rule us-local ^(\\d{10})$ matched 4255550100 and gave +14255550100", i))
	}
	for i := range 14 {
		r.Ladder = append(r.Ladder, cdr.Message{At: at(i * 300), Leg: "b1", Out: i%2 == 0, Line: "INVITE sip:+14255550100@uc.contoso.com;user=phone", SDP: i%4 == 0})
	}
	return r
}

// samples gives records that share their lists, so that a benchmark measures the store and not the making of them.
func samples() func(n int) *cdr.Record {
	var some []*cdr.Record
	for n := range 256 {
		some = append(some, sample(n))
	}
	return func(n int) *cdr.Record {
		const word = 8 // of an id, the number of which is mixed as in sample
		r := *some[n%len(some)]
		out := *r.Out
		var b [word]byte
		binary.BigEndian.PutUint64(b[:], uint64(n+1)*0x9E3779B97F4A7C15)
		r.ID = hex.EncodeToString(b[:])
		r.In.CallID, out.CallID, r.Out = r.ID[4:]+"@10.0.0.7", r.ID[2:]+"-1", &out
		r.Start = r.Start.Add(time.Duration(n) * time.Millisecond)
		return &r
	}
}

func opened(r *cdr.Record) Opened {
	return Opened{Server: r.Server, Pool: r.Pool, Version: r.Version, Start: r.Start, In: r.In, Called: r.Called, Calling: r.Calling}
}

func openTemp(tb testing.TB, change func(*Config)) *Store {
	tb.Helper()
	cfg := Config{Dir: tb.TempDir(), Retention: -1}
	if change != nil {
		change(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// announce is what the engine does for a call that is answered: Begin at the INVITE and at the answer, Put at the end.
func announce(s *Store, r *cdr.Record) {
	o := opened(r)
	s.Begin(r.ID, o)
	o.Answered, o.Out = r.Answered, r.Out
	s.Begin(r.ID, o)
	s.Put(r)
}

// BenchmarkCall reports the whole CPU price of an answered call, with the index and its share of a purge.
func BenchmarkCall(b *testing.B) {
	s := openTemp(b, nil)
	next := samples()
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime(b)
	for i := range b.N {
		announce(s, next(i))
		if i%8000 == 7999 {
			_ = s.Flush(context.Background())
		}
	}
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	s.cfg.MaxRows = 1
	s.purge(nil)
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/call")
	if st := s.Stats(); st.Written != uint64(b.N) || st.Dropped+st.Slimmed > 0 || st.Purged != uint64(b.N-1) {
		b.Fatalf("%+v", st)
	}
}

// BenchmarkCallPaced is BenchmarkCall at 1000 calls a second, where batches are small. What it costs without a store,
// for waking up, is BenchmarkNothingPaced.
func BenchmarkCallPaced(b *testing.B) {
	s := openTemp(b, nil)
	paced(b, func(r *cdr.Record) { announce(s, r) })
	if st := s.Stats(); st.Put != uint64(b.N) || st.Dropped+st.Slimmed > 0 {
		b.Fatalf("%+v", st)
	}
}

func BenchmarkNothingPaced(b *testing.B) { paced(b, func(*cdr.Record) {}) }

func paced(b *testing.B, put func(*cdr.Record)) {
	next := samples()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := make(chan time.Duration, 1)
	stop := make(chan struct{})
	go watchLate(stop, late)
	b.ResetTimer()
	cpu := cpuTime(b)
	for i := range b.N {
		if i%10 == 0 {
			<-tick.C
		}
		put(next(i))
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/call")
	close(stop)
	b.ReportMetric(float64((<-late).Microseconds())/1000, "ms-late")
}

// watchLate measures by how much a timer of 2 ms is late at worst: with -cpu 1 how long the store keeps the
// processor from everybody else.
func watchLate(stop chan struct{}, late chan time.Duration) {
	const every = 2 * time.Millisecond
	worst := time.Duration(0)
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		at := time.Now()
		timer.Reset(every)
		select {
		case <-stop:
			late <- worst
			return
		case <-timer.C:
			worst = max(worst, time.Since(at)-every)
		}
	}
}

// BenchmarkEncode is the part of BenchmarkCall that is encoding.
func BenchmarkEncode(b *testing.B) {
	r := sample(1)
	buf := r.AppendBinary(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		buf = r.AppendBinary(buf[:0])
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkBegin is what the caller of Begin pays.
func BenchmarkBegin(b *testing.B) {
	r := sample(1)
	o := opened(r)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendBegin(buf[:0], r.ID, &o)
	}
}

// BenchmarkIndex is the part of BenchmarkCall that is the index: a row, its keys, and its share of a block.
func BenchmarkIndex(b *testing.B) {
	next := samples()
	var recs []*cdr.Record
	for i := range blockRows {
		recs = append(recs, next(i))
	}
	var e blockEncoder
	size := 0
	like := &header{}
	b.ReportAllocs()
	for b.Loop() {
		bl := newBuilder(0, like)
		for i, r := range recs {
			bl.add(r, int64(i)*1000, 1000)
		}
		size = len(e.encode(&bl.header, &bl.content, nil))
		like = &bl.header
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blockRows, "ns/call")
	b.ReportMetric(float64(size)/blockRows, "bytes/call")
}
