package bench

import "time"

// signalling is scenario S1: INVITE, 100, 180, 200, ACK, BYE, 200 over UDP with a small SDP.
func (b *Bench) signalling() (*Table, error) {
	t := &Table{Name: "signalling", Title: sprintf("basic calls over UDP at %g calls/s, window %v", b.Rate, b.Window), Ratio: "cpu", Peer: kamailio,
		Columns: []Column{
			{Key: "cpu", Head: "CPU us/call", Format: "%.0f", Spread: true},
			{Key: "user", Head: "user us", Format: "%.0f"}, {Key: "kernel", Head: "kernel us", Format: "%.0f"},
			{Key: "failed", Head: "failed calls", Format: "%.0f"}, {Key: "retrans", Head: "retransmissions", Format: "%.0f"},
			{Key: "ring50", Head: "added INVITE-180 p50 ms", Format: "%+.2f"}, {Key: "ring99", Head: "p99 ms", Format: "%+.2f"},
			{Key: "answer50", Head: "added INVITE-200 p50 ms", Format: "%+.2f"}, {Key: "answer99", Head: "p99 ms", Format: "%+.2f"},
			{Key: "probes", Head: "calls timed", Format: "%.0f"},
			{Key: "waited", Head: "waited for the core %", Format: "%.1f"}, {Key: "load", Head: "load on its core %", Format: "%.0f"},
		}}
	t.Note("Delays, and calls refused, mean something only while the system waits for its core little: repeat when it is above 20 %%.")
	p := basic(b.Rate, b.Window)
	p.probe = true
	if b.Long {
		p.warm = 35 * time.Second
	} else {
		t.Note("Windows shorter than 32 s leave out what the expiry of old transactions costs; -long takes it in.")
	}
	for range b.Rounds {
		base, err := b.drive(system{name: direct}, p)
		if err != nil {
			return nil, err
		}
		for _, s := range append(b.systems(), b.chosen(system{name: sipFloor, start: startSIPLoop})...) {
			if !s.installed(t) {
				continue
			}
			b.logf("  %s", s.name)
			m, err := b.drive(s, p)
			if err != nil {
				return nil, err
			}
			v := m.costs()
			v["probes"] = float64(len(m.rtt["ring"]))
			for _, d := range []string{"ring", "answer"} {
				v[d+"50"] = percentile(m.rtt[d], 0.5) - percentile(base.rtt[d], 0.5)
				v[d+"99"] = percentile(m.rtt[d], 0.99) - percentile(base.rtt[d], 0.99)
			}
			t.Add(s.name, v)
		}
	}
	return t, nil
}

// costs are the columns that every signalling table has.
func (m measured) costs() map[string]float64 {
	return map[string]float64{"cpu": m.perCall(), "user": m.perCall() * m.cpu.userShare(), "kernel": m.perCall() * (1 - m.cpu.userShare()),
		"failed": m.failed(), "retrans": m.total.sent, "waited": 100 * float64(m.cpu.waited) / float64(m.duration),
		"load": 100 * float64(m.load.cpu) / float64(m.duration)}
}
