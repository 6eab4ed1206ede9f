package cdr

import (
	"strings"
	"testing"
	"time"
)

// TestAudio has the cause of each kind of silence, and of bad audio, with the evidence in the sentence.
func TestAudio(t *testing.T) {
	answered := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	flows := func(m Media) Media {
		m.Packets, m.First, m.Last, m.Announced = 3000, answered, answered.Add(time.Minute), "192.0.2.20:4000"
		return m
	}
	for _, c := range []struct {
		cause, says string
		m           Media
	}{
		{"heard", "3000 packets, 0.0 % lost", flows(Media{})},
		{"loss", "5.7 %", flows(Media{Lost: 180})},
		{"srtp-key", "12 packets of SRTP", Media{Unauthentic: 12, Gated: 3, Announced: "192.0.2.20:4000"}},
		{"elsewhere", "from 203.0.113.9:5000, which may not send by rtpLatching of its trunk; its SDP says 10.0.0.5:4000",
			Media{Gated: 3, GatedFrom: "203.0.113.9:5000", Announced: "10.0.0.5:4000"}},
		{"held", "hold", Media{Held: true, Dropped: 50, Announced: "192.0.2.20:4000"}},
		{"unusable", "50 packets", Media{Dropped: 50, Announced: "192.0.2.20:4000"}},
		{"no-address", "never said", Media{}},
		{"rtcp-only", "7 packets of RTCP", Media{RTCP: 7, Announced: "192.0.2.20:4000"}},
		{"private", "10.0.0.5:4000, a private address, and its signalling comes from 198.51.100.1:5060", Media{Announced: "10.0.0.5:4000"}},
		{"nothing", "192.0.2.20:4000: look at firewalls", Media{Announced: "192.0.2.20:4000"}},
	} {
		m := c.m
		m.From = "caller"
		r := &Record{Answered: answered, End: answered.Add(time.Minute), In: Leg{Remote: "198.51.100.1:5060"}, Out: &Leg{Remote: "198.51.100.2:5060"}, Media: []Media{m}}
		if got := r.Audio(); len(got) != 1 || got[0].Cause != c.cause || !strings.Contains(got[0].Text, c.says) {
			t.Errorf("%s: %+v", c.cause, got)
		}
	}
	late, early := flows(Media{From: "callee"}), flows(Media{From: "callee"})
	late.First, early.Last = answered.Add(20*time.Second), answered.Add(20*time.Second)
	r := &Record{Answered: answered, End: answered.Add(time.Minute), Out: &Leg{}, Media: []Media{late, early, {Stream: 1, From: "caller"}}}
	if got := r.Audio(); len(got) != 2 || got[0].Cause != "late" || got[1].Cause != "stopped" || !strings.Contains(got[1].Text, "40s before the end") {
		t.Errorf("%+v", got)
	}
	r.End = answered.Add(time.Second)
	if got := r.Audio(); got != nil {
		t.Errorf("a call of a second: %+v", got)
	}
}
