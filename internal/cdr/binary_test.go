package cdr

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func full() *Record {
	at := time.Date(2026, 3, 1, 9, 0, 0, 120_000_000, time.UTC)
	leg := Leg{Trunk: "gw1", Gateway: "gw1.contoso.com", CallID: "a@b", FromTag: "f", ToTag: "t", Remote: "[::1]:5060", Transport: "UDP", Codec: "PCMU", UserAgent: "UA/1"}
	return &Record{
		ID: "0f", Server: "med1", Pool: "med", Version: "41", Start: at, Ringing: at.Add(time.Second), Answered: at.Add(2 * time.Second), End: at.Add(time.Hour),
		In: leg, Out: &leg, Called: Number{"100", "+14255550100", "0100"}, Calling: Number{Received: "anonymous"}, User: "alice", CallingUser: "bob",
		Usage: "Local", Route: "r", Emergency: true,
		Played:    []Played{{At: at, To: "caller", What: "announcement closed", Codec: "PCMA", Took: time.Second}, {At: at, To: "callee", What: "music", Why: "no codec"}},
		Transfers: []Transfer{{At: at, By: "callee", To: "sip:bob@uc.example", How: "invite", Took: time.Second, Status: 486, Reason: "busy"}},
		Attempts: []Attempt{{Trunk: "uc", At: at}, {Trunk: "uc2", Remote: "10.0.0.1:5060", Called: "1", Calling: "2", At: at, Took: time.Second,
			Status: 503, Cause: 34, Class: "peer-fault", Reason: "x", Detail: "connection refused"}},
		Reason: "normal-clearing", Status: 200, Cause: 16, EndedBy: "caller", Detail: "quoted \"<&>\" \u2028 \x00 é 😀 \xff\xfe",
		Media: []Media{{From: "caller"}, {Stream: 1, Kind: "video", From: "callee", Source: "s", Packets: 1, Bytes: 2, RTCP: 3, Lost: 4, Jitter: 5 * time.Microsecond, Gated: 6, Dropped: 7, SRTP: "AEAD_AES_128_GCM", Unauthentic: 3, Tier: "sockets", TierWhy: "not RTP",
			Quality: &Quality{Codec: "opus", Arrived: Heard{R: 1, Wideband: true, MOS: 2, Loss: 3, Late: 4, Jitter: time.Millisecond, BurstLoss: 5, GapLoss: 6, BurstPackets: 7, Unmeasured: true, Poor: "MOS"},
				Reported: &Heard{MOS: 9}, RoundTrip: time.Second, RoundTripMost: 2 * time.Second, Signal: -2000, Noise: -6000, Sampled: 8, Silent: 9, Anew: true},
			Evidence: &Evidence{PayloadType: 1, Foreign: 2, ForeignType: 3, Measured: 4, Misfit: 5, Noise: 23, Pauses: 24, Waited: 25, T38: 26, Still: 27, Here: "h", Arrives: "eth0", Leaves: "eth1", Full: true, Sources: 6, OnHold: 7, Nowhere: 8, OtherSource: 9, STUN: 10, DTLS: 11, Misported: 12,
				Oversized: 13, SendErrors: 14, SendError: "a", Refused: 15, RefusedWhy: "b", FirstRefused: at, LastRefused: at, SaysSent: 16, Reports: 17, Expected: 18, Missed: 19,
				Deaf: 20, Ours: "c", Unusable: "d", KeysFailed: true, Unsealed: 21, Unfit: 22, Unshaken: true, UnshakenWhy: "e", ICE: true, Unchecked: true, Lapsed: true, Scattered: true, Doubtful: true, Since: Refusals{1, 2, 3, 4, 5, 6, 7, 8}, HeldFor: time.Second, Over: true}, First: at, Last: at.Add(time.Microsecond)}},
		Audio:    []Audio{{From: "caller", Cause: "held", Certain: true, Text: "t"}, {}},
		Decision: []string{"a", "", "rule one matched", "rule two matched", "rule two matched"},
		Ladder: []Message{{At: at, Leg: "a", Line: "INVITE sip:x"}, {At: at.Add(999000), Leg: "b1", Out: true, Line: "200 OK (INVITE)", SDP: true},
			{At: at, Leg: "b17", Line: "INVITE sip:x;user=phone"}, {}},
	}
}

func sameAfterBinary(t interface {
	Helper()
	Fatalf(string, ...any)
}, r *Record) {
	t.Helper()
	got, err := DecodeBinary(r.AppendBinary(nil))
	if err != nil {
		t.Fatalf("%v of %+v", err, r)
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(r)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Fatalf("%v %v\n got %s\nwant %s", errA, errB, a, b)
	}
}

// A record of a version that marked only what arrived keeps its scales: what is reported is in the codec of the other side where speech was coded anew.
func TestBinaryOneScale(t *testing.T) {
	for _, anew := range []bool{false, true} {
		w := binaryWriter{b: []byte{binaryVersion}}
		for i, from := range []string{"caller", "callee"} {
			w.begin(fMedia)
			w.word(fFrom, from)
			w.begin(fQuality)
			w.bool(fQWide, i == 0)
			w.heard(fQArrived, &Heard{R: 1, MOS: 2})
			w.heard(fQReported, &Heard{R: 1, MOS: 2})
			w.bool(fQAnew, anew)
			w.end()
			w.end()
		}
		r, err := DecodeBinary(w.b)
		if err != nil || len(r.Media) != 2 {
			t.Fatalf("%v %+v", err, r)
		}
		for i := range r.Media {
			if q := r.Media[i].Quality; q.Arrived.Wideband != (i == 0) || q.Reported.Wideband != ((i == 0) != anew) {
				t.Errorf("coded anew %v, direction %d: %+v, reported %+v", anew, i, q.Arrived, q.Reported)
			}
		}
	}
}

func TestBinaryKeepsTheRecord(t *testing.T) {
	r := full()
	got, err := DecodeBinary(r.AppendBinary([]byte("x"))[1:])
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("%v\n got %+v\nwant %+v", err, got, r)
	}
	sameAfterBinary(t, &Record{})
	sameAfterBinary(t, &Record{Out: &Leg{}, Attempts: []Attempt{{}}, Transfers: []Transfer{{}}, Played: []Played{{}}, Media: []Media{{}}, Decision: []string{"", ""}, Ladder: []Message{{}}})
	at := time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
	sameAfterBinary(t, &Record{Start: at, End: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)})
	sameAfterBinary(t, &Record{Ringing: at, End: time.Unix(0, 0).UTC()})
	local := &Record{Start: time.Unix(5, 1999).In(time.FixedZone("x", 3600))}
	if got, err := DecodeBinary(local.AppendBinary(nil)); err != nil || got.Start != time.Unix(5, 1000).UTC() {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBinaryRoundTripProperty(t *testing.T) {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62135596800_000_000, 253402300799_000_000).Draw(t, "us")).UTC()
	})
	micros := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "d")) * time.Microsecond
	})
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom(words[:]), rapid.StringN(0, 300, -1))
	gen := rapid.MakeCustom[Record](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time]():     moment.AsAny(),
		reflect.TypeFor[time.Duration](): micros.AsAny(),
		reflect.TypeFor[string]():        text.AsAny(),
	}})
	rapid.Check(t, func(t *rapid.T) {
		r := gen.Draw(t, "record")
		r.HeldBy, r.Running = "", 0 // of running calls
		sameAfterBinary(t, &r)
	})
}

func TestWordsAgree(t *testing.T) {
	for i, s := range words {
		if int(word(s)) != i {
			t.Errorf("word(%q) = %d, want %d", s, word(s), i)
		}
	}
}

// TestLaterVersionMayAddFields puts unknown fields of every kind into every part.
func TestLaterVersionMayAddFields(t *testing.T) {
	const no = 60 << 2
	extra := []byte{no, 200, 1, no | kindText, 2, 'h', 'i', no | kindWord, 99, no | kindGroup, 4, 1, no | kindGroup, 0, 0}
	r := full()
	plain := r.AppendBinary(nil)
	got, err := DecodeBinary(slices.Concat(plain[:1], extra, plain[1:], extra))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("%v\n got %+v", err, got)
	}
	for _, f := range []byte{fIn, fOut, fCalled, fAttempt, fTransfer, fPlayed, fMedia, fAudio, fDecision, fLadder} {
		b := slices.Concat([]byte{binaryVersion, f<<2 | kindGroup}, extra, []byte{0, fID<<2 | kindText, 1, 'z'})
		if got, err := DecodeBinary(b); err != nil || got.ID != "z" {
			t.Errorf("field %d: %+v, %v", f, got, err)
		}
	}
	if _, err := DecodeBinary([]byte{binaryVersion + 1}); err == nil {
		t.Error("an unknown version is read")
	}
}

func TestBinaryIsBounded(t *testing.T) {
	long := string(make([]byte, maxText/2))
	r := &Record{ID: "x", Detail: long, Decision: []string{long, long, "y"}, Ladder: make([]Message, maxList+5), Transfers: make([]Transfer, maxList+5)}
	got, err := DecodeBinary(r.AppendBinary(nil))
	if err != nil || got.ID != "x" || len(got.Ladder) != maxList || len(got.Transfers) != maxList || len(got.Decision) != 3 {
		t.Fatalf("%d lines, %d transfers, %v", len(got.Ladder), len(got.Transfers), err)
	}
	bomb := []byte{binaryVersion, fDecision<<2 | kindGroup, fMiddle<<2 | kindText, 0x80, 0x80, 0x04}
	bomb = append(append(bomb, make([]byte, 0x10000)...), 0)
	for range 1000 { // each doubles
		bomb = append(bomb, fDecision<<2|kindGroup, fHead<<2, 0x80, 0x80, 0x04, fMiddle<<2|kindText, 1, 'x', 0)
	}
	if _, err := DecodeBinary(bomb); err == nil {
		t.Error("a bomb is read")
	}
}

func FuzzDecodeBinary(f *testing.F) {
	b := full().AppendBinary(nil)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte{binaryVersion, fLadder<<2 | kindGroup, fHead << 2, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeBinary(b)
		if err != nil {
			return
		}
		again, err := DecodeBinary(r.AppendBinary(nil))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, again, r)
		}
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	r := full()
	buf := r.AppendBinary(nil)
	b.ReportAllocs()
	b.ReportMetric(float64(len(buf)), "bytes")
	for b.Loop() {
		buf = r.AppendBinary(buf[:0])
	}
}

// TestOutline: a list looks at all but decision and ladder, and pays for no more.
func TestOutline(t *testing.T) {
	b := full().AppendBinary(nil)
	whole, err := DecodeBinary(b)
	if err != nil || len(whole.Ladder) == 0 || len(whole.Decision) == 0 {
		t.Fatalf("%+v, %v", whole, err)
	}
	got, err := DecodeOutline(b)
	whole.Ladder, whole.Decision = nil, nil
	if err != nil || !reflect.DeepEqual(got, whole) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, whole)
	}
}

func BenchmarkDecodeOutline(b *testing.B) {
	buf := full().AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeOutline(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	buf := full().AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}
