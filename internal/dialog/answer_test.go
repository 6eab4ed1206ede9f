package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestRFC3261_13_3_1_4_Answer(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(a *Answer)
		acked int // milliseconds, 0 never
		want  string
	}{
		{"doubles up to T2, gives up after 64*T1", func(a *Answer) { a.Start(epoch, 0, 0) }, 0,
			"500:1 1500:1 3500:1 7500:1 11500:1 15500:1 19500:1 23500:1 27500:1 31500:1 32000:2"},
		{"until the ACK", func(a *Answer) { a.Start(epoch, 0, 0) }, 3000, "500:1 1500:1"},
		{"RFC 3262 §3: doubles without limit", func(a *Answer) { a.StartProvisional(epoch, 0) }, 0,
			"500:1 1500:1 3500:1 7500:1 15500:1 31500:1 32000:2"},
		{"own T1 and T2", func(a *Answer) { a.Start(epoch, time.Second, time.Second) }, 4500, "1000:1 2000:1 3000:1 4000:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var a Answer
			row.start(&a)
			var got []string
			for range 100 {
				d, why := a.Deadline()
				if d.IsZero() {
					break
				}
				if why == "" || !a.Waiting() {
					t.Fatalf("deadline %v, why %q, waiting %v", d, why, a.Waiting())
				}
				if row.acked > 0 && d.Sub(epoch) >= time.Duration(row.acked)*time.Millisecond {
					a.Acked()
					continue
				}
				same(t, "too early", a.Advance(d.Add(-1)), Wait)
				got = append(got, fmt.Sprintf("%d:%d", d.Sub(epoch).Milliseconds(), a.Advance(d)))
			}
			same(t, "repetitions", strings.Join(got, " "), row.want)
			same(t, "waiting", a.Waiting(), false)
			same(t, "after the end", a.Advance(epoch.Add(time.Hour)), Wait)
		})
	}
}

func TestRFC3261_14_1_GlareDelay(t *testing.T) {
	for r := range uint64(1000) {
		own, other := GlareDelay(true, r), GlareDelay(false, r)
		if own < 2100*time.Millisecond || own > 4*time.Second || own%(10*time.Millisecond) != 0 {
			t.Fatalf("owner: %v", own)
		}
		if other < 0 || other > 2*time.Second || other%(10*time.Millisecond) != 0 {
			t.Fatalf("other: %v", other)
		}
		if s := RetryAfter(r); s < 0 || s > 10 {
			t.Fatalf("Retry-After %d", s)
		}
	}
	same(t, "owner's longest", GlareDelay(true, 190), 4*time.Second)
	same(t, "other's longest", GlareDelay(false, 200), 2*time.Second)
	same(t, "longest Retry-After", RetryAfter(10), 10)
}

func TestVerdictStatus(t *testing.T) {
	for v, want := range map[Verdict]int{OK: 0, Stray: 481, Late: 500, Glare: 491, TooSoon: 500, Refused: 488} {
		same(t, v.String(), v.Status(), want)
	}
}
