package bench

import (
	"slices"
	"time"
)

// probeRate is how many calls a second are timed beside the load. SIPp's own clock has a grain of a kernel tick, too coarse for this.
const probeRate = 40

// probe times calls for a while: milliseconds that INVITE and 180, and INVITE and 200, were under way, without the callee's own time.
func probe(target string, window time.Duration) (map[string][]float64, error) {
	p, err := newPair(loopback.hosts, target)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var list []*talk
	tick := time.NewTicker(time.Second / probeRate)
	defer tick.Stop()
	for end := time.Now().Add(window); time.Now().Before(end); <-tick.C {
		list = append(list, p.call())
		if n := len(list) - probeRate; n >= 0 { // a second old
			p.end(list[n])
		}
	}
	time.Sleep(500 * time.Millisecond)
	for _, t := range list[max(0, len(list)-probeRate):] {
		p.end(t)
	}
	time.Sleep(100 * time.Millisecond)
	got := make(map[string][]float64)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range list {
		if t.answer.IsZero() || t.ringing.IsZero() {
			continue
		}
		there := t.invited.Sub(t.invite)
		got["ring"] = append(got["ring"], float64((there+t.ringing.Sub(t.rang)).Nanoseconds())/1e6)
		got["answer"] = append(got["answer"], float64((there+t.answer.Sub(t.answered)).Nanoseconds())/1e6)
	}
	for _, v := range got {
		slices.Sort(v)
	}
	return got, nil
}

// end hangs up if the call was answered.
func (p *pair) end(t *talk) {
	select {
	case <-t.up:
		p.hangUp(t)
	default:
	}
}
