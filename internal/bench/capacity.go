package bench

import (
	"math"
	"time"
)

// capacity steps the rate up until a call fails or the core is full, and then asks for half as much again.
func (b *Bench) capacity() (*Table, error) {
	t := &Table{Name: "capacity", Title: "most calls/s without a failed one on one core, and what half as much again does", Ratio: "max", Peer: kamailio,
		Columns: []Column{
			{Key: "max", Head: "max calls/s", Format: "%.0f", Spread: true}, {Key: "cpu", Head: "CPU us/call there", Format: "%.0f"},
			{Key: "busy", Head: "core used %", Format: "%.0f"}, {Key: "load", Head: "load's core %", Format: "%.0f"},
			{Key: "over", Head: "asked at 1.5 x max", Format: "%.0f"}, {Key: "ok", Head: "succeed there, % of max", Format: "%.0f"},
			{Key: "refused", Head: "503 there, % of asked", Format: "%.1f"}, {Key: "lost", Head: "neither, % of asked", Format: "%.1f"},
			{Key: "retrans", Head: "retransmissions per call", Format: "%.2f"},
		}}
	t.Note("A rate is given up when it fails in two windows of %v.", min(b.Window, 10*time.Second))
	t.Note("Where the load's core is above 95 %%, the generator and not the system set the limit.")
	for range b.Rounds {
		for _, s := range b.systems() {
			if !s.installed(t) {
				continue
			}
			v, err := b.limit(s)
			if err != nil {
				return nil, err
			}
			t.Add(s.name, v)
		}
	}
	return t, nil
}

// clean tells whether a rate was carried: everything begun, nothing failed.
func (m measured) clean(rate float64) bool {
	return m.failed() == 0 && m.created >= 0.97*rate*m.duration.Seconds()
}

func (b *Bench) limit(s system) (map[string]float64, error) {
	window := min(b.Window, 10*time.Second)
	low, high := 0.0, math.Inf(1)
	var best measured
	again := false
	for rate := b.Rate; high/max(low, 1) > 1.12; {
		m, err := b.drive(s, basic(rate, window))
		if err != nil {
			return nil, err
		}
		v := m.costs()
		b.logf("  %s: %.0f calls/s, %.0f failed (%.0f by 503), %.0f begun, core %.0f %%, load %.0f %%, %.0f %% waited for", s.name, rate, m.failed(),
			m.total.refused, m.created/m.duration.Seconds(), m.busy(), v["load"], v["waited"])
		if m.clean(rate) {
			low, best, again = rate, m, false
		} else if !again { // neighbours can spoil one window, hardly two
			again = true
			continue
		} else {
			again = false
			high = rate
		}
		if rate = low * 1.5; !math.IsInf(high, 1) {
			rate = math.Sqrt(max(low, high/4) * high)
		}
		if rate < 50 {
			break
		}
	}
	if low == 0 {
		return map[string]float64{"max": 0}, nil
	}
	if b.Long {
		if m, err := b.drive(s, basic(low, time.Minute)); err != nil {
			return nil, err
		} else if best = m; !m.clean(low) {
			b.logf("  %s: %.0f calls/s did not last a minute", s.name, low)
		}
	}
	v := best.costs()
	out := map[string]float64{"max": low, "cpu": v["cpu"], "busy": best.busy(), "load": v["load"], "over": 1.5 * low}
	m, err := b.drive(s, basic(1.5*low, window))
	if err != nil {
		return nil, err
	}
	out["ok"] = 100 * m.ok / m.duration.Seconds() / low
	out["refused"] = 100 * m.total.refused / m.asked
	out["lost"] = 100 * (m.failed() - m.total.refused) / m.asked
	out["retrans"] = m.total.sent / m.asked
	return out, nil
}
