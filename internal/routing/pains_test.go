package routing

import (
	"testing"

	"github.com/directsip/directsip/internal/health"
)

// P23: one place normalizes what is called, whatever a telephone, a PBX or a gateway writes: separators, extensions, the context of a dial plan,
// access codes and leading zeros. A trunk says how the number leaves.
func TestP23_OneNumber(t *testing.T) {
	s := compile(t, world)
	for _, c := range []struct{ from, called, number, leaves string }{
		{"user alice", "+14255550199", "+14255550199", "gw1:14255550199 gw2:+14255550199 itsp:14255550199 gw3:+14255550199"},
		{"user alice", "+1-425-555-0199", "+14255550199", "gw1:14255550199 gw2:+14255550199 itsp:14255550199 gw3:+14255550199"},
		{"user alice", "(425)555.0199", "+14255550199", "gw1:14255550199 gw2:+14255550199 itsp:14255550199 gw3:+14255550199"},
		{"user alice", "5550199;phone-context=us.example.com", "+14255550199", "gw1:14255550199 gw2:+14255550199 itsp:14255550199 gw3:+14255550199"},
		{"user alice", "01142555501;phone-context=us.example.com", "+42555501", "itsp:01142555501 gw2:+42555501 gw3:+42555501"},
		{"user alice", "089123;phone-context=de.example.com", "+4989123", "itsp:0114989123 gw2:+4989123 gw3:+4989123"},
		{"pbx", "94255550199", "+14255550199", "gw1:14255550199 gw2:+14255550199 itsp:14255550199"},
		{"user dave", "08912345", "+498912345", "user dave via uc:+498912345"},
		{"itsp", "+14255550102;ext=902", "+14255550102;ext=902", "user bob via uc:+14255550102;ext=902"},
		{"itsp", "+14255550102", "+14255550102", "user bob via uc:+14255550102"},
	} {
		d := Decide(s, ask(s, c.from, c.called, "+14255550100"), with(s, health.Up))
		if d.Number != c.number || brief(&d) != c.leaves {
			t.Errorf("%s dials %s: %s to %s\nwant %s to %s%s", c.from, c.called, d.Number, brief(&d), c.number, c.leaves, explain(&d))
		}
	}
}

// P21: a gateway that no route of the call names is never a target, even if all that they name are down.
func TestP21_NoOtherGateway(t *testing.T) {
	s := compile(t, world)
	for _, up := range []bool{true, false} {
		state := with(s, health.Up)
		if !up {
			state = with(s, health.Down, "gw1", "gw2", "itsp")
		}
		d := Decide(s, ask(s, "user carol", "+14255550199", "+14255550100"), state) // of the usage local: seattle and america
		for _, target := range d.Targets {
			if n := target.Trunk.Name; n != "gw1" && n != "gw2" && n != "itsp" {
				t.Errorf("up %v: %s is a target%s", up, n, explain(&d))
			}
		}
		if len(d.Targets) != 3 {
			t.Errorf("up %v: %s%s", up, brief(&d), explain(&d))
		}
	}
}
