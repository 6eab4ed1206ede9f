package store

import (
	"bytes"
	"testing"
)

func TestPackedRecordUnpacks(t *testing.T) {
	p := newPacker()
	for n := range 50 {
		r := sample(n)
		r.Ladder = r.Ladder[:n%14]
		want := r.AppendJSON(nil)
		stored := p.appendRecord(nil, r)
		got, err := unpackJSON(stored)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("record %d: %v\n got %s\nwant %s", n, err, got, want)
		}
		if n == 13 && len(stored)*2 > len(want) {
			t.Errorf("%d bytes pack to %d", len(want), len(stored))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	stored := newPacker().appendRecord(nil, sample(1))
	f.Add(stored)
	f.Add(stored[:40])
	f.Add([]byte{1, 8, 1, 'x', 3, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := unpackJSON(b)
		if err == nil && len(b) > 0 && b[0] == formPacked && len(text) > maxRecord {
			t.Fatal("too long")
		}
	})
}

func FuzzPack(f *testing.F) {
	f.Add([]byte(`"status":200,"status":200,"status":200`))
	f.Add(bytes.Repeat([]byte{0}, 300))
	p := newPacker()
	f.Fuzz(func(t *testing.T, b []byte) {
		p.text = append(p.text[:len(dictionary1)], b...)
		got, err := unpack(p.pack(nil))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v: %q became %q", err, b, got)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	p, r := newPacker(), sample(1)
	buf := p.appendRecord(nil, r)
	n := len(p.text) - len(dictionary1)
	b.SetBytes(int64(n))
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		buf = p.pack(buf[:0])
	}
	b.ReportMetric(float64(len(buf))/float64(n), "ratio")
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
