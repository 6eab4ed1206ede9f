package bench

import (
	"fmt"
	"time"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// kinds compares other ways a call can go with the basic one.
func (b *Bench) kinds() (*Table, error) {
	t := &Table{Name: "kinds", Title: sprintf("calls that go another way, at %g calls/s; OPTIONS at 100/s", b.Rate/2), Columns: []Column{
		{Key: "basic", Head: "basic us", Format: "%.0f"}, {Key: "cancel", Head: "CANCEL us", Format: "%.0f"}, {Key: "cancelx", Head: "x basic", Format: "%.2f"},
		{Key: "hunt", Head: "503, next trunk us", Format: "%.0f"}, {Key: "huntx", Head: "x basic", Format: "%.2f"},
		{Key: "options", Head: "OPTIONS us", Format: "%.0f"}, {Key: "failed", Head: "failed", Format: "%.0f"},
	}}
	base := basic(b.Rate/2, b.Window/2)
	cancel, hunt, options := base, base, base
	cancel.caller, cancel.callee = "cancel", "ringing"
	hunt.busy, hunt.number = true, "+24255550100"
	options.caller, options.callee, options.rate, options.window = "options", "", 100, max(b.Window/2, 5*time.Second)
	for range b.Rounds {
		for _, s := range b.systems() {
			if !s.installed(t) {
				continue
			}
			v := map[string]float64{}
			for _, k := range []struct {
				key  string
				plan plan
			}{{"basic", base}, {"cancel", cancel}, {"hunt", hunt}, {"options", options}} {
				b.logf("  %s, %s", s.name, k.key)
				m, err := b.drive(s, k.plan)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, k.key, err)
				}
				v[k.key] = m.perCall()
				if v["failed"] += m.failed(); m.failed() > 0 {
					t.Note("%s: %.0f of %.0f calls of kind %s failed.", s.name, m.failed(), m.asked, k.key)
				}
			}
			v["cancelx"], v["huntx"] = v["cancel"]/v["basic"], v["hunt"]/v["basic"]
			t.Add(s.name, v)
		}
	}
	return t, nil
}
